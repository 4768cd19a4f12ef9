"""Bounded triangle counts: edge collapses that keep silhouettes, UV seams and colours (meshoptimizer).

Garland and Heckbert, *Simplifying Surfaces with Color and Texture using Quadric Error Metrics*, 1998, is the method
behind ``meshopt_simplifyWithAttributes``. It keeps a subset of the vertices and moves none, so every kept corner has
the UV and colour that the scan gave it.
"""

from __future__ import annotations

import ctypes

import meshoptimizer
import numpy as np
import numpy.typing as npt

from assets.color_baking import bake_colors
from assets.raw_scan import Finding, RawScan
from assets.surface_mesh import SurfaceMesh
from assets.topology import degenerate

_UV_WEIGHT = 0.5
_COLOR_WEIGHT = 0.25
_TOLERANCE = 1.25  # a quarter more triangles is no reason to lose a texture
_UNBOUNDED_ERROR = 1e6  # relative to the extent: the count alone decides


def simplify(mesh: SurfaceMesh, max_triangles: int) -> SurfaceMesh:
    """Reduce a mesh to at most about ``max_triangles``; it is returned as it is where it has no more.

    UV seams, material borders and jumps of colour are kept closed: both sides of a seam collapse together. Where there
    are so many seams that the count can't be reached, the result has more than asked for.
    """
    if len(mesh.faces) <= max_triangles:
        return mesh
    corner_of_wedge, wedge_faces = wedges(mesh)
    positions, attributes, weights = _attributes(mesh, corner_of_wedge)
    kept = _collapse(wedge_faces, positions, attributes, weights, max_triangles)
    return _from_wedges(mesh, corner_of_wedge, wedge_faces, kept)


def bounded(mesh: SurfaceMesh, scan: RawScan, max_triangles: int) -> tuple[SurfaceMesh, RawScan, list[Finding]]:
    """:func:`simplify`, and what is left to do where that can't reach the count; the findings say what was lost.

    An atlas of very many charts (some scanners give each triangle its own) or a colour for each triangle is replaced by
    one colour for each vertex, which leaves no seams. Raises InputError for a broken texture.
    """
    findings: list[Finding] = []
    before = len(mesh.faces)
    reduced = simplify(mesh, max_triangles)
    if len(reduced.faces) > _TOLERANCE * max_triangles and (
        mesh.corner_uv is not None or mesh.corner_color is not None
    ):
        mesh, scan = bake_colors(mesh, scan)
        reduced = simplify(mesh, max_triangles)
        what = f"too many seams of texture or colour to simplify {before:,} triangles"
        findings.append(Finding("warning", "color", what, "takes one mean colour for each vertex instead"))
    return reduced, scan, findings


def wedges(mesh: SurfaceMesh) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Vertices as a graphics card has them: corners that share position, UV, colour and material are one.

    Returns ``(corner_of_wedge, faces)``: (W,) one corner (0..3F) of each, and (F, 3) indices into them.
    """
    key = mesh.faces.ravel().astype(np.int64)
    extra: list[npt.NDArray[np.int64]] = []
    if mesh.corner_uv is not None:
        extra.append(np.ascontiguousarray(mesh.corner_uv).reshape(-1, 2).view(np.int64).ravel())
    if mesh.corner_color is not None:
        extra.append(np.ascontiguousarray(mesh.corner_color).reshape(-1, 4).view(np.int32).ravel().astype(np.int64))
    if mesh.face_material.any():
        extra.append(np.repeat(mesh.face_material, 3))
    for values in extra:
        _, rank = np.unique(values, return_inverse=True)
        key = key * (int(rank.max()) + 1) + rank
        _, key = np.unique(key, return_inverse=True)
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    return first, index.reshape(-1, 3)


def _attributes(
    mesh: SurfaceMesh, corner_of_wedge: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Positions in a unit box, and what else an edge collapse should preserve, with its weight against position."""
    at = mesh.positions[mesh.faces.ravel()[corner_of_wedge]]
    positions = ((at - at.min(axis=0)) / np.ptp(at, axis=0).max()).astype(np.float32)
    columns: list[npt.NDArray[np.float32]] = []
    weights: list[float] = []
    if mesh.corner_uv is not None:
        columns.append(mesh.corner_uv.reshape(-1, 2)[corner_of_wedge])
        weights += [_UV_WEIGHT] * 2
    if mesh.corner_color is not None:
        rgb = mesh.corner_color.reshape(-1, 4)[corner_of_wedge, :3]
        columns.append(rgb.astype(np.float32) / np.float32(255.0))
        weights += [_COLOR_WEIGHT] * 3
    attributes = np.ascontiguousarray(np.concatenate(columns, axis=1)) if columns else np.zeros((0, 0), np.float32)
    return np.ascontiguousarray(positions), attributes, np.array(weights, dtype=np.float32)


def _collapse(
    faces: npt.NDArray[np.int64],
    positions: npt.NDArray[np.float32],
    attributes: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    max_triangles: int,
) -> npt.NDArray[np.int64]:
    """(T, 3) faces left of (F, 3), in the same vertices."""
    indices = np.ascontiguousarray(faces.ravel(), dtype=np.uint32)
    out = np.zeros_like(indices)
    if not len(weights):
        count = meshoptimizer.simplify(out, indices, positions, None, None, None, 3 * max_triangles, _UNBOUNDED_ERROR)
        return out[:count].reshape(-1, 3).astype(np.int64)
    # The binding declares no argument types for this function: plain Python numbers would be passed as C ints, and the
    # error not at all, so each is given with its C type.
    size = ctypes.c_size_t
    count = meshoptimizer.simplify_with_attributes(
        out,
        indices,
        positions,
        attributes,
        weights,
        index_count=size(len(indices)),
        vertex_count=size(len(positions)),
        vertex_positions_stride=size(positions.strides[0]),
        vertex_attributes_stride=size(attributes.strides[0]),
        attribute_count=size(len(weights)),
        target_index_count=size(3 * max_triangles),
        target_error=ctypes.c_float(_UNBOUNDED_ERROR),
        options=ctypes.c_uint(0),
    )
    return out[:count].reshape(-1, 3).astype(np.int64)


def _from_wedges(
    mesh: SurfaceMesh,
    corner_of_wedge: npt.NDArray[np.int64],
    wedge_faces: npt.NDArray[np.int64],
    kept: npt.NDArray[np.int64],
) -> SurfaceMesh:
    corners = corner_of_wedge[kept]  # (T, 3)
    material = mesh.face_material[corners[:, 0] // 3]  # a wedge has one material
    result = SurfaceMesh(
        mesh.positions,
        mesh.faces.ravel()[corners],
        material,
        None if mesh.corner_uv is None else mesh.corner_uv.reshape(-1, 2)[corners],
        None if mesh.corner_color is None else mesh.corner_color.reshape(-1, 4)[corners],
    )
    return result.keep_faces(~degenerate(result.positions, result.faces))
