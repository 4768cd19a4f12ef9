"""Convex parts for scans of which one hull would be mostly air, so that bowls hold things and handles are open.

Where all of its bodies are convex, these are the parts. Else CoACD (Wei et al., *Approximate Convex Decomposition for
3D Meshes with Collision-Aware Concavity and Tree Search*, ACM TOG 2022) cuts a simplified copy of the scan. It is
native code and scans are hostile, so it runs in a process of its own, for a bounded time; where nothing useful comes
back, the scan collides by its hull as if it were convex.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from scanstage.assets.machine.confined_process import TOO_LONG, ConfinedError, run_confined
from scanstage.assets.meshes.collision_hull import Floats, even_directions, lift_of_flat, thickened
from scanstage.assets.meshes.simplification import simplify
from scanstage.assets.meshes.surface_mesh import SurfaceMesh
from scanstage.assets.meshes.topology import bodies
from scanstage.assets.raw_scans.raw_scan import ScanFinding

MAX_PARTS, MAX_PARTS_OF_SOLID = 16, 8
"""Of scans that are mostly air, as mugs, and of those that fill half of their hull, as figures: planning pays for each
part of each object that falls."""
MAX_PART_VERTICES = 80
CONVEX_FROM = 0.88
"""Share of its hull that a scan must fill to collide as one: cans with rims, boxes and fruit do, mugs don't."""
TRIANGLES = 600
"""Of the copy that is cut. What CoACD takes grows with it; how well the parts fit hardly does."""
FITTED_TRIANGLES = 4000
"""Of the copy that the parts are then stretched to."""
LIMIT_S = 90
"""CPU seconds after which an attempt is given up, three times what the slowest scans have taken: the machine and its
load must not decide what a scan becomes."""
_THRESHOLD = 0.05
_SEED = 1
_SOLID_FROM = 0.5
_MOST_FILLED = 1.1  # more than its hull: parts of it overlap, or are inside out
_MAX_BODIES = 64  # that are looked at one by one
_MEMORY_BYTES = 4 << 30
_LEAST_SIZE = 0.01  # of the scan's extent: smaller parts are splinters
_REACH = 0.05  # of the scan's extent: what lies farther from all parts was left out on purpose

Part = npt.NDArray[np.float32]

# A process that knows nothing but numpy and CoACD: it reads arrays from its input and writes arrays to its output.
_WORKER = """
import io
import os
out = os.dup(1)
os.dup2(2, 1)
import coacd, numpy as np
coacd.set_log_level("off")
given = np.load(io.BytesIO(sys.stdin.buffer.read()))
parts = coacd.run_coacd(
    coacd.Mesh(given["positions"], given["faces"]), threshold=float(sys.argv[3]), max_convex_hull=int(sys.argv[4]),
    seed=int(sys.argv[5]), decimate=True, max_ch_vertex=int(sys.argv[6]), preprocess_mode=sys.argv[7],
    preprocess_resolution=30, resolution=300, mcts_nodes=6, mcts_iterations=20, mcts_max_depth=2,
)
buffer = io.BytesIO()
np.savez(buffer, *[np.asarray(p[0], np.float64) for p in parts])
with os.fdopen(out, "wb") as f:
    f.write(buffer.getvalue())
"""


def filled_share(surface: SurfaceMesh, hull: npt.NDArray[np.floating[Any]]) -> float:
    """Volume of a scan by that of its hull: 1 for a convex one, less for a bowl, anything for broken winding.

    Args:
        surface: closed, or nearly: what is missing of it counts as if filled by cones from the hull's centre.
        hull: (H, 3) vertices of its hull.
    """
    shape = ConvexHull(hull.astype(np.float64))
    corners = surface.positions[surface.faces] - hull.mean(axis=0)
    six_volumes = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return float(six_volumes.sum() / 6 / shape.volume)


def convex_parts(
    surface: SurfaceMesh, hull: npt.NDArray[np.float32], limit_s: int = LIMIT_S
) -> tuple[tuple[Part, ...], list[ScanFinding]]:
    """What a scan collides by, where one hull won't do.

    Args:
        surface: the scan in the asset's frame, metres.
        hull: (H, 3) vertices of its collision hull.
        limit_s: CPU seconds after which an attempt is given up.

    Returns:
        at most 16 convex parts, each (N, 3) float32 with N <= 80, in the asset's frame, within the hull and together
        as wide as it; none where the hull is enough or nothing better was found, which the findings then say.
    """
    share = filled_share(surface, hull)
    if CONVEX_FROM <= share <= _MOST_FILLED or lift_of_flat(surface.positions):
        return (), []
    extent = float(np.ptp(surface.positions, axis=0).max())
    bare = SurfaceMesh(surface.positions, surface.faces, np.zeros(len(surface.faces), np.int64), None, None)
    try:
        fine = simplify(bare, FITTED_TRIANGLES)
        most = MAX_PARTS if share < _SOLID_FROM else MAX_PARTS_OF_SOLID
        found = _joined(_convex_bodies(bare), most)
        if not found:
            coarse = simplify(fine, TRIANGLES)
            found = [p * extent for p in _cut(coarse.positions / extent, coarse.faces, most, limit_s)]
        parts = _fitted(found, fine.positions, hull.astype(np.float64), extent)
    except (_CutError, QhullError, ValueError) as e:
        what = f"it fills {max(share, 0):.0%} of its convex hull, but can't be cut into convex parts ({e})"
        return (), [ScanFinding("warning", "collision", what, "collides by its convex hull")]
    return (parts if len(parts) > 1 else ()), []


def _convex_bodies(surface: SurfaceMesh) -> list[Floats]:
    """Corners of a scan's bodies, where each fills its own hull: nothing needs to be cut.

    None where one of them doesn't, or there are very many. CoACD takes minutes for some rows of boxes.
    """
    count, of_face = bodies(surface.faces, len(surface.positions))
    if not 1 < count <= _MAX_BODIES:
        return []
    found: list[Floats] = []
    for k in range(count):
        body = surface.keep_faces(of_face == k)
        try:
            corners = body.positions[ConvexHull(body.positions).vertices]
            share = filled_share(body, corners)
        except QhullError:  # it lies in a plane
            return []
        if not CONVEX_FROM <= share <= _MOST_FILLED:
            return []
        found.append(corners)
    return found


def _joined(parts: list[Floats], most: int) -> list[Floats]:
    """So many convex parts at most: of more, those two whose common hull holds the least air are joined, over again."""
    parts = list(parts)
    volumes = [float(ConvexHull(p).volume) for p in parts] if len(parts) > most else []
    air: dict[tuple[int, int], tuple[float, float]] = {}  # of two parts, and the volume of their hull
    alive = list(range(len(parts)))
    while len(alive) > most:
        for one in [(i, j) for i in alive for j in alive if i < j and (i, j) not in air]:
            volume = float(ConvexHull(np.concatenate([parts[k] for k in one])).volume)
            air[one] = volume - volumes[one[0]] - volumes[one[1]], volume
        i, j = min(air, key=lambda one: (air[one], one))
        both = np.concatenate([parts[i], parts[j]])
        parts.append(both[ConvexHull(both).vertices])
        volumes.append(air[i, j][1])
        alive = [k for k in alive if k not in (i, j)] + [len(parts) - 1]
        air = {one: value for one, value in air.items() if not {i, j} & set(one)}
    return [parts[k] for k in alive]


class _CutError(Exception):
    """CoACD gave nothing."""


class _TooLongError(_CutError):
    """CoACD gave nothing in the time that it had."""


def _cut(positions: Floats, faces: npt.NDArray[np.int64], most: int, limit_s: int) -> list[Floats]:
    """Vertices of the parts that CoACD cuts a mesh of unit size into. Raises _CutError.

    First as it is: closing its holes takes CoACD ten times as long, and thickens thin walls. What took too long already
    isn't tried again.
    """
    try:
        return _run_coacd(positions, faces, most, "off", limit_s)
    except _TooLongError:
        raise
    except _CutError:
        return _run_coacd(positions, faces, most, "on", limit_s)


def _run_coacd(positions: Floats, faces: npt.NDArray[np.int64], most: int, remesh: str, limit_s: int) -> list[Floats]:
    if importlib.util.find_spec("coacd") is None:
        raise _CutError("the package coacd, which would do it, isn't installed")
    given = io.BytesIO()
    np.savez(given, positions=np.ascontiguousarray(positions), faces=np.ascontiguousarray(faces, np.int32))
    arguments = [*map(str, (_THRESHOLD, most, _SEED, MAX_PART_VERTICES)), remesh]
    try:
        cut = run_confined(_WORKER, arguments, given.getvalue(), memory_bytes=_MEMORY_BYTES, limit_s=limit_s)
    except ConfinedError as e:
        raise (_TooLongError if str(e) == TOO_LONG else _CutError)(str(e)) from e
    try:
        with np.load(io.BytesIO(cut), allow_pickle=False) as z:
            parts = [np.asarray(z[name], np.float64) for name in z.files]
    except (OSError, EOFError, zipfile.BadZipFile) as e:
        raise _CutError("its parts can't be read") from e
    if len(parts) == 0:
        raise _CutError("it has no volume")
    return parts


def _fitted(parts: list[Floats], surface: Floats, hull: Floats, extent: float) -> tuple[Part, ...]:
    """Parts cut to the hull and stretched to the surface that CoACD's simplified copy lay within.

    Together they reach all corners of the hull: they stand and lie as it does.
    """
    planes = ConvexHull(hull).equations
    within = [_moved_inside(p, planes) for p in parts if len(p) >= 4 and np.isfinite(p).all()]
    within = [thickened(p) for p in within if np.ptp(p, axis=0).max() > _LEAST_SIZE * extent][:MAX_PARTS]
    if not within:
        raise _CutError("it has no volume")
    corners = np.concatenate([hull, surface])
    outside = []
    for points in within:
        part = ConvexHull(points, qhull_options="QJ").equations
        outside.append((corners @ part[:, :3].T + part[:, 3]).max(axis=1))
    nearest, distance = np.argmin(outside, axis=0), np.min(outside, axis=0)
    wanted = (distance > 0) & (distance < _REACH * extent)
    wanted[: len(hull)] = True
    stretched = [np.concatenate([points, corners[wanted & (nearest == k)]]) for k, points in enumerate(within)]
    return tuple(_reduced(points).astype(np.float32) for points in stretched)


def _moved_inside(points: Floats, planes: Floats) -> Floats:
    """Points, those beyond a convex hull moved onto it. Planes: (F, 4) outward normals and offsets."""
    points = points.copy()
    for _ in range(8):
        beyond = points @ planes[:, :3].T + planes[:, 3]
        worst = beyond.argmax(axis=1)
        depth = np.maximum(beyond[np.arange(len(points)), worst], 0.0)
        if depth.max() <= 0:
            break
        points -= depth[:, None] * planes[worst, :3]
    return points


def _reduced(points: Floats) -> Floats:
    """At most 80 corners of the points' hull: the extremes, and those farthest along evenly spread directions."""
    corners: Floats = points[ConvexHull(points, qhull_options="QJ").vertices]
    if len(corners) <= MAX_PART_VERTICES:
        return corners
    extremes = [*corners.argmin(axis=0), *corners.argmax(axis=0)]
    directions = even_directions(MAX_PART_VERTICES - len(extremes))
    supports = (corners @ directions.T).argmax(axis=0)
    return corners[np.array(list(dict.fromkeys([*extremes, *supports])), np.int64)]
