"""Draws each part of a picture: camera, lens, light, stage, objects, their materials and places."""
