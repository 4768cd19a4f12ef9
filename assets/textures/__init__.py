"""Pixels of surfaces: reading and coding textures, sRGB, and patterns that are generated."""
