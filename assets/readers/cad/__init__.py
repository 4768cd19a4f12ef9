"""Formats of makers, who print or mill what they draw: 3MF and STEP, through libraries that are extras."""
