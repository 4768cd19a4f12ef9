"""Photos behind the objects: what is measured of them, so that objects fit in."""
