"""Noise is taken from the light of a picture, apart from the colours that it falls on."""
