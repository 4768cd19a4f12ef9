"""Geometry of triangles: topology, simplification, shading edges, hulls, baked colours."""
