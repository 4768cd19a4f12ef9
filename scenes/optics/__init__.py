"""Geometry of a camera: poses, projection, lenses, which pixels a thing may touch."""
