"""Scans of formats that only Blender reads, to GLB, in a Blender process of its own."""
