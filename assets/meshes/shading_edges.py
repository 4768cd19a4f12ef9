"""Which edges look hard: where smooth shading would be a lie, vertices are split.

Blender interpolates normals across every edge whose vertices are shared. Across a sharp edge between large triangles
(a box from CAD) that paints a gradient over whole faces; across the same angle between tiny, noisy triangles (a dense
scan) it is what makes the surface look right. So an edge is hard if it is sharp *and* the gradient would be wide enough
to be seen *and* still there when the surroundings are averaged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scanstage.assets.meshes.surface_mesh import SurfaceMesh
from scanstage.assets.meshes.topology import Edges, face_normals_and_areas

Floats = npt.NDArray[np.float64]

SHARP_DEG = 50.0
SHARP_ALL_AROUND_DEG = 40.0
_FLAT_DEG = 8.0
_LEAST_NOISY_FACES = 1000  # below, it is a made thing (a die, a gem)
_ROUNDS = 6  # averages over about twenty faces
# Width of the gradient as a share of the bounding box's diagonal; at 300 pixels an object, 1 % is 3 pixels.
WIDE = 0.01


def shading_vertices(mesh: SurfaceMesh) -> npt.NDArray[np.int64]:
    """(F, 3) vertex of each corner after splitting along hard edges: numbers 0..V-1 without gaps.

    Corners around a position share a vertex if a chain of soft, manifold edges joins their faces there. Corners of
    different colour never share one where the triangles are large (printed or CAD colours); in a dense scan they do.
    """
    faces = mesh.faces
    edges = Edges.of(faces)
    normals, areas = face_normals_and_areas(mesh.positions, faces)
    first, second = edges.pairs()
    f, g = first // 3, second // 3
    cosine = np.einsum("ij,ij->i", normals[f], normals[g])
    start = faces.ravel()[first]
    end = np.roll(faces, -1, axis=1).ravel()[first]
    length = np.linalg.norm(mesh.positions[end] - mesh.positions[start], axis=1)
    width = 2 * np.maximum(areas[f], areas[g]) / np.maximum(length, 1e-300)
    diagonal = float(np.linalg.norm(np.ptp(mesh.positions, axis=0)))
    sharp = cosine < np.cos(np.radians(SHARP_DEG))
    hard = sharp & (width > WIDE * diagonal)
    if hard.any() and _is_noise(cosine, f, g, len(faces)):
        hard[:] = False
    elif hard.any():
        smooth = _smoothed(normals * areas[:, None], f[~sharp], g[~sharp])
        hard &= np.einsum("ij,ij->i", smooth[f], smooth[g]) < np.cos(np.radians(SHARP_ALL_AROUND_DEG))
    first, second = first[~hard], second[~hard]
    after_first, after_second = _next_corner(first), _next_corner(second)
    # Consistent neighbours run along an edge in opposite directions: start meets end. Where winding couldn't be made
    # consistent (a Möbius strip), start meets start.
    opposed = faces.ravel()[first] == faces.ravel()[after_second]
    rows = np.concatenate([first, after_first])
    columns = np.concatenate([np.where(opposed, after_second, second), np.where(opposed, second, after_second)])
    if mesh.corner_color is not None:
        same = _similar_colors(mesh, rows, columns, diagonal, areas)
        rows, columns = rows[same], columns[same]
    n = faces.size
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    return label.reshape(-1, 3).astype(np.int64)


def _is_noise(cosine: Floats, f: npt.NDArray[np.int64], g: npt.NDArray[np.int64], n: int) -> bool:
    """Whether hardly a face lies flat with any of its neighbours: a noisy scan, not a made thing."""
    if n < _LEAST_NOISY_FACES:
        return False
    flattest = np.full(n, -1.0)
    np.maximum.at(flattest, f, cosine)
    np.maximum.at(flattest, g, cosine)
    return bool(np.median(flattest) < np.cos(np.radians(_FLAT_DEG)))


def _smoothed(weighted: Floats, f: npt.NDArray[np.int64], g: npt.NDArray[np.int64]) -> Floats:
    """(F, 3) unit normals averaged over each face's surroundings, not across sharp edges.

    Along a real edge both sides keep their own direction; where noise makes sharp edges, the averages agree.
    """
    n = len(weighted)
    ones = np.ones(len(f))
    neighbours = coo_array((np.r_[ones, ones], (np.r_[f, g], np.r_[g, f])), shape=(n, n)).tocsr()
    for _ in range(_ROUNDS):
        weighted = weighted + neighbours @ weighted
    unit: Floats = weighted / np.maximum(np.linalg.norm(weighted, axis=1), 1e-300)[:, None]
    return unit


def _next_corner(side: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    following: npt.NDArray[np.int64] = side // 3 * 3 + (side + 1) % 3
    return following


def _similar_colors(
    mesh: SurfaceMesh,
    a: npt.NDArray[np.int64],
    b: npt.NDArray[np.int64],
    diagonal: float,
    areas: npt.NDArray[np.float64],
) -> npt.NDArray[np.bool_]:
    """Whether two corners at one position may share a vertex, and so a colour."""
    assert mesh.corner_color is not None
    color = mesh.corner_color.reshape(-1, 4).astype(np.int16)
    jump = np.abs(color[a] - color[b]).max(axis=1) > 24
    large = np.sqrt(np.maximum(areas[a // 3], areas[b // 3])) > WIDE * diagonal
    similar: npt.NDArray[np.bool_] = ~(jump & large)
    return similar
