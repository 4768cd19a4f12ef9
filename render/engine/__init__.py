"""Blender from outside: workers are started, asked, watched and replaced; passes are read."""
