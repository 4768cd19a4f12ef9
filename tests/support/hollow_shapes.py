"""Shapes that one hull would fill: cups, rings and hooks, closed and made here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import trimesh

from scanstage.assets.meshes.collision_hull import collision_hull
from scanstage.assets.meshes.surface_mesh import SurfaceMesh

Points = npt.NDArray[np.float64]


def cup(radius: float = 0.06, height: float = 0.08, wall: float = 0.006) -> trimesh.Trimesh:
    """Open at its top, standing on z = 0."""
    profile = [(0, 0), (radius, 0), (radius, height), (radius - wall, height), (radius - wall, wall), (0, wall)]
    return trimesh.creation.revolve(np.array(profile), sections=48)


def ring(radius: float = 0.04, thickness: float = 0.006) -> trimesh.Trimesh:
    """A torus about z that lies on z = 0."""
    mesh = trimesh.creation.torus(radius, thickness, major_sections=48, minor_sections=16)
    mesh.apply_translation([0, 0, thickness])
    return mesh


def bent_bar(path: Points, thickness: float, sides: int = 12) -> trimesh.Trimesh:
    """A round bar of radius ``thickness`` along a path (N, 3) in the plane of x and z."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    across = np.cross(along, up)
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    rings = path[:, None] + thickness * (np.cos(angles) * across[:, None] + np.sin(angles) * up)
    count = len(path)
    i, j = np.meshgrid(np.arange(count - 1), np.arange(sides), indexing="ij")
    a, b = i * sides + j, i * sides + (j + 1) % sides
    c, d = a + sides, b + sides
    ends = [[0, k + 1, k] for k in range(1, sides - 1)]
    ends += [[(count - 1) * sides, (count - 1) * sides + k, (count - 1) * sides + k + 1] for k in range(1, sides - 1)]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3), ends])
    mesh = trimesh.Trimesh(rings.reshape(-1, 3), faces, process=False)
    mesh.fix_normals()
    return mesh


def mug() -> trimesh.Trimesh:
    """A cup with a handle towards +x, big enough for a rod."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, 24)
    path = np.stack([0.038 + 0.04 * np.cos(angles), 0 * angles, 0.05 + 0.032 * np.sin(angles)], axis=1)
    return trimesh.util.concatenate([cup(0.04, 0.1, 0.004), bent_bar(path, 0.005)])


def sectors(mesh: trimesh.Trimesh, count: int = 12, inner: float = 0.0) -> tuple[Points, ...]:
    """Exact convex parts of a solid of revolution about z: its vertices farther from z than ``inner``, by azimuth.

    The mesh must have vertices at the borders of the sectors. Its last part is all that is nearer than ``inner``, with
    the lowest vertices of the rest: the bottom of a cup.
    """
    points = np.asarray(mesh.vertices, np.float64)
    distance = np.linalg.norm(points[:, :2], axis=1)
    azimuth = np.degrees(np.arctan2(points[:, 1], points[:, 0])) % 360
    parts = []
    for k in range(count):
        off = (azimuth - (k + 0.5) * 360 / count + 180) % 360 - 180
        parts.append(points[(np.abs(off) < 180 / count + 1e-6) & (distance > inner)])
    if inner:
        parts.append(points[(points[:, 2] < points[distance <= inner, 2].max() + 1e-9)])
    return tuple(parts)


def surface_of(mesh: trimesh.Trimesh) -> SurfaceMesh:
    """As intake has it."""
    faces = np.asarray(mesh.faces, np.int64)
    return SurfaceMesh(np.asarray(mesh.vertices, np.float64), faces, np.zeros(len(faces), np.int64), None, None)


def hull_of(mesh: trimesh.Trimesh) -> npt.NDArray[np.float32]:
    """Vertices of the collision hull."""
    return collision_hull(np.asarray(mesh.vertices, np.float64))
