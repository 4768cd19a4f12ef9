"""Blender meshes from an asset's arrays, built with ``foreach_set`` and never altered: what is cast is rendered."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Not "uv" and "color": Cycles takes such names for its own attributes ("color" is a volume's) and finds nothing.
UV_NAME = "scan_uv"
COLOR_NAME = "scan_color"


def build_mesh(name: str, arrays: dict[str, Array]) -> Any:
    """A mesh datablock of an asset's arrays (``vertices``, ``faces``, ``face_material``, ``corner_uv``, …).

    Shading is smooth; hard edges are where the asset splits its vertices. ``validate()`` is left out on purpose: it
    would drop faces that the caster keeps.
    """
    vertices, faces = arrays["vertices"], arrays["faces"]
    count = len(faces)
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(count * 3)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, count * 3, 3, dtype=np.int32))
    if bpy.app.version < (4, 0, 0):  # later ones derive it
        mesh.polygons.foreach_set("loop_total", np.full(count, 3, np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(count, bool))
    mesh.polygons.foreach_set("material_index", arrays["face_material"].astype(np.int32))
    if "corner_uv" in arrays:
        layer = mesh.uv_layers.new(name=UV_NAME, do_init=False)
        layer.data.foreach_set("uv", np.ascontiguousarray(arrays["corner_uv"], np.float32).ravel())
    if "vertex_color" in arrays:
        layer = mesh.color_attributes.new(COLOR_NAME, "FLOAT_COLOR", "POINT")
        layer.data.foreach_set("color", linear_rgba(arrays["vertex_color"]).ravel())
    mesh.update(calc_edges=True)
    return mesh


def linear_rgba(srgb: Array) -> Array:
    """(V, 4) uint8 sRGB with linear alpha to (V, 4) float32 linear (IEC 61966-2-1)."""
    levels = np.arange(256, dtype=np.float64) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    out = linear.astype(np.float32)[srgb]
    out[:, 3] = srgb[:, 3] / np.float32(255)
    return out


def is_axis_aligned(arrays: dict[str, Array]) -> bool:
    """Whether most of the surface faces along a coordinate axis (boxes, also with bevelled edges, and planes)."""
    corners = arrays["vertices"][arrays["faces"]].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    total = area.sum()
    return bool(total > 0 and area[np.abs(normals).max(axis=1) > 0.999 * area].sum() > 0.8 * total)
