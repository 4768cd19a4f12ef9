"""Scans that only Blender reads, copied into a folder with nothing but what they may use."""
