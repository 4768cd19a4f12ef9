"""Unit primitives in asset form, for stages (planes, boxes) and distractors.

Each fits the unit cube that stands on the ground: x and y in [-0.5, 0.5], z in [0, 1]. Hard edges are split, so that
smooth shading shows flat faces flat; curved surfaces are dense enough to look round at 400 pixels.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import MAX_HULL_VERTICES, META_FILE, Asset, AssetMeta, Material, MeshArrays, write_asset
from scanstage.assets.files.user_folders import cached
from scanstage.assets.meshes.parametric import Indices, Points, grid_patch, revolve, ring

# Raise it when a shape changes: caches of other versions are then left alone, not mixed.
PRIMITIVE_VERSION = 1
_COLUMNS = 96

Part = tuple[Points, Indices]


def _surface(points: Points, wrap: bool = True, closed: bool = False) -> Part:
    patch = grid_patch(points, wrap, closed)
    return patch.vertices, patch.faces


def _arc(radius: float, height: float, start: float, end: float, count: int, centre: float = 0.0) -> Points:
    """Profile of an arc around (``centre``, ``height``), angles in radians from the horizontal."""
    angle = np.linspace(start, end, count)
    # Exact zeros, so that the poles collapse to one vertex.
    profile = np.stack([centre + radius * np.cos(angle), height + radius * np.sin(angle)], 1)
    profile[np.abs(profile) < 1e-12] = 0.0
    return profile


def _disc(height: float, up: bool) -> Part:
    cosine, sine = ring(_COLUMNS)
    rim = np.stack([0.5 * cosine, 0.5 * sine, np.full(_COLUMNS, height)], 1)
    vertices = np.concatenate([[[0.0, 0.0, height]], rim])
    i = np.arange(_COLUMNS)
    following = (i + 1) % _COLUMNS
    faces = np.stack([np.zeros_like(i), 1 + i, 1 + following], 1)
    return vertices, faces if up else faces[:, ::-1]


def _facets(corners: Sequence[Sequence[float]], polygons: Sequence[Sequence[int]]) -> list[Part]:
    """Flat polygons, counter-clockwise seen from outside, that share no vertices."""
    points = np.asarray(corners, np.float64)
    fans = [np.array([[0, k, k + 1] for k in range(1, len(p) - 1)], np.int64) for p in polygons]
    return [(points[list(p)], fan) for p, fan in zip(polygons, fans, strict=True)]


def _plane() -> list[Part]:
    return _facets([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], [(0, 1, 2, 3)])


_CUBE = [(x, y, z) for z in (0.0, 1.0) for y in (-0.5, 0.5) for x in (-0.5, 0.5)]
_CUBE_QUADS = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (3, 2, 6, 7), (2, 0, 4, 6), (1, 3, 7, 5)]


def _box() -> list[Part]:
    return _facets(_CUBE, _CUBE_QUADS)


def _wedge() -> list[Part]:
    return _facets(_CUBE, [(0, 2, 3, 1), (1, 3, 6, 4), (2, 0, 4, 6), (0, 1, 4), (3, 2, 6)])


def _pyramid() -> list[Part]:
    corners = [(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0), (0, 0, 1)]
    return _facets(corners, [(3, 2, 1, 0), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)])


def _polyhedron(directions: Points) -> list[Part]:
    """A convex polyhedron of triangles, standing on its lowest vertices, as large as the unit cube allows."""
    from scipy.spatial import ConvexHull  # slow to import, and not needed for what is in the cache

    hull = ConvexHull(directions)
    points = directions - (directions.min(0) + directions.max(0)) / 2
    points = points / np.ptp(points, axis=0).max()
    points[:, 2] -= points[:, 2].min()
    inside = points.mean(0)
    polygons = []
    for a, b, c in hull.simplices:
        outward = np.dot(np.cross(points[b] - points[a], points[c] - points[a]), points[a] - inside) > 0
        polygons.append((a, b, c) if outward else (a, c, b))
    return _facets(points.tolist(), polygons)


def _tetrahedron() -> list[Part]:
    a = 2 * np.pi / 3 * np.arange(3)
    base = np.stack([np.cos(a), np.sin(a), np.zeros(3)], 1)
    return _polyhedron(np.concatenate([base, [[0.0, 0.0, 2**0.5]]]))


def _icosahedron() -> list[Part]:
    # Standing on a face: vertices of a regular icosahedron in four layers around its three-fold axis.
    golden = (1 + 5**0.5) / 2
    flat = [(0, s, t * golden) for s in (-1.0, 1.0) for t in (-1.0, 1.0)]
    points = np.array([np.roll(p, k) for p in flat for k in range(3)])
    up = np.array([1.0, 1.0, 1.0]) / 3**0.5
    side = np.cross(up, [1.0, -1.0, 0.0])
    side /= np.linalg.norm(side)
    return _polyhedron(np.round(points @ np.stack([side, np.cross(up, side), up], 1), 9))


def _sphere() -> list[Part]:
    return [_surface(revolve(_arc(0.5, 0.5, -np.pi / 2, np.pi / 2, 49), _COLUMNS))]


def _capsule() -> list[Part]:
    bottom = _arc(0.25, 0.25, -np.pi / 2, 0, 25)
    return [_surface(revolve(np.concatenate([bottom, _arc(0.25, 0.75, 0, np.pi / 2, 25)]), 64))]


def _cylinder() -> list[Part]:
    return [_surface(revolve(np.array([[0.5, 0.0], [0.5, 1.0]]), _COLUMNS)), _disc(0.0, False), _disc(1.0, True)]


def _cone() -> list[Part]:
    # Rows between base and tip keep the interpolated normals from collapsing at the tip.
    t = np.concatenate([np.linspace(0, 0.96, 13), [0.99, 1.0]])
    return [_surface(revolve(np.stack([0.5 * (1 - t), t], 1), _COLUMNS)), _disc(0.0, False)]


def _torus() -> list[Part]:
    profile = _arc(0.15, 0.15, 0, 2 * np.pi * 47 / 48, 48, centre=0.35)
    return [_surface(revolve(profile, _COLUMNS), closed=True)]


def _rounded_box() -> list[Part]:
    """A cube whose edges are rounded by 0.08: one smooth surface, so no edge needs splitting."""
    radius, n = 0.08, 10
    arc = 0.5 - radius + radius * np.tan(np.linspace(0, np.pi / 4, n))
    side = np.concatenate([-arc[::-1], arc])
    s, t = np.meshgrid(side, side)
    parts: list[Part] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            cube = np.empty((*s.shape, 3))
            cube[..., axis], cube[..., (axis + 1) % 3], cube[..., (axis + 2) % 3] = 0.5 * sign, s * sign, t
            core = np.clip(cube, -0.5 + radius, 0.5 - radius)
            away = cube - core
            rounded = core + radius * away / np.linalg.norm(away, axis=-1, keepdims=True) + [0.0, 0.0, 0.5]
            parts.append(_surface(rounded, wrap=False))
    vertices, faces = _joined(parts)
    _, first, index = np.unique(np.round(vertices, 9), axis=0, return_index=True, return_inverse=True)
    return [(vertices[first], index.reshape(-1)[faces])]


_SHAPES: dict[str, Callable[[], list[Part]]] = {
    "plane": _plane,
    "box": _box,
    "rounded_box": _rounded_box,
    "wedge": _wedge,
    "pyramid": _pyramid,
    "tetrahedron": _tetrahedron,
    "icosahedron": _icosahedron,
    "sphere": _sphere,
    "capsule": _capsule,
    "cylinder": _cylinder,
    "cone": _cone,
    "torus": _torus,
}

PRIMITIVES: tuple[str, ...] = tuple(_SHAPES)


def _joined(parts: list[Part]) -> Part:
    starts = np.cumsum([0, *(len(v) for v, _ in parts[:-1])])
    faces = np.concatenate([f + start for (_, f), start in zip(parts, starts, strict=True)])
    return np.concatenate([v for v, _ in parts]), faces


def _hull(vertices: Points) -> npt.NDArray[np.float32]:
    """At most 200 vertices of the convex hull; those farthest along evenly spread directions where it has more."""
    from scipy.spatial import ConvexHull, QhullError  # slow to import, and not needed for what is in the cache

    try:
        corners = vertices[ConvexHull(vertices).vertices]
    except QhullError:  # a plane: give the collision hull the thickness that solvers need, below the surface
        corners = np.concatenate([vertices, vertices - [0.0, 0.0, 0.01]])
    if len(corners) > MAX_HULL_VERTICES:
        k = np.arange(MAX_HULL_VERTICES - 2) + 0.5
        z, angle = 1 - 2 * k / len(k), np.pi * (1 + 5**0.5) * k
        around = np.stack([np.cos(angle) * np.sqrt(1 - z**2), np.sin(angle) * np.sqrt(1 - z**2), z], 1)
        directions = np.concatenate([around, [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]])
        corners = corners[np.unique(np.argmax(directions @ corners.T, axis=1))]
    return corners.astype(np.float32)


def primitive_arrays(parts: list[Part]) -> MeshArrays:
    """The arrays of a primitive made of parts, with its hull."""
    vertices, faces = _joined(parts)
    return MeshArrays(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        face_material=np.zeros(len(faces), np.uint16),
        hull=_hull(vertices),
    )


def build_primitive(name: str) -> MeshArrays:
    """The arrays of primitive ``name`` (without the ``primitive/`` prefix). Raises KeyError for an unknown one."""
    return primitive_arrays(_SHAPES[name]())


def store_primitive(folder: Path, name: str, mesh: MeshArrays) -> Asset:
    """Write the asset ``primitive/<name>`` of ``mesh`` into ``folder``, complete or not at all.

    Raises OSError where it can't be written.
    """
    width, depth, height = (float(x) for x in np.ptp(mesh.vertices, axis=0))
    meta = AssetMeta(
        asset_id=f"primitive/{name}",
        class_name="primitive",
        extents_m=(width, depth, height),
        triangles=len(mesh.faces),
        materials=(Material(name="primitive"),),
        source={"file": "built-in", "license": "CC0-1.0"},
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        write_asset(staging, meta, mesh, {})
        staging.chmod(0o755)
        staging.rename(folder)
    except OSError:
        # Another process was first: its folder is complete, because it was renamed too.
        if not (folder / META_FILE).is_file():
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Asset.open(folder)


def primitive_assets() -> dict[str, Asset]:
    """All primitives by id (``primitive/<name>``), written into the cache on first use.

    Raises OSError where the cache can't be written, InputError where it was damaged.
    """
    out: dict[str, Asset] = {}
    for name in PRIMITIVES:
        folder = cached(f"primitives-v{PRIMITIVE_VERSION}/primitive/{name}")
        present = os.path.isfile(folder / META_FILE)  # noqa: PTH113  (twelve stats at every start)
        out[f"primitive/{name}"] = (
            Asset.open(folder) if present else store_primitive(folder, name, build_primitive(name))
        )
    return out
