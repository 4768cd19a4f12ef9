"""Builds a plan in Blender's scene: meshes, materials, stage, world, lamps, camera."""
