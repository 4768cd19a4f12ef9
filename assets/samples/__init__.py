"""Samples: things that the project sculpts itself, delivered as awkward as real scans, taken in like any other."""
