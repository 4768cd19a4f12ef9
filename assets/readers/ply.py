"""PLY scans: vertex or face colours, UVs per vertex (BOP's ``texture_u``/``texture_v``) or per face (MeshLab)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.ply_elements import Element, Lists, read_elements
from scanstage.assets.readers.polygons import triangulate

_UNIT = re.compile(r"\bunits?\b\W*(mm|cm|m|in|millimet\w*|centimet\w*|met\w*|inch\w*)\b", re.I)
_UV_NAMES = (("texture_u", "texture_v"), ("u", "v"), ("s", "t"), ("texcoord_x", "texcoord_y"))


def read_ply(path: Path) -> RawScan:
    """Read a PLY and the texture that its header names. Raises InputError."""
    elements, comments = read_elements(read_bounded(path))
    vertex = elements.get("vertex")
    if vertex is None or any(vertex.scalar(axis) is None for axis in "xyz"):
        raise InputError(f"{path}: has no vertices (x, y, z)")
    positions = np.column_stack([np.asarray(vertex.scalar(axis), dtype=np.float64) for axis in "xyz"])
    face = elements.get("face")
    polygons = face.lists("vertex_indices", "vertex_index") if face else None
    if polygons is None or face is None:
        polygons = _strips(elements.get("tristrips"))
        face = Element("face", len(polygons.counts))
    corners = polygons.flat.astype(np.int64)
    if len(corners) and (corners.min() < 0 or corners.max() >= len(positions)):
        raise InputError(f"{path}: a face names a vertex that the file doesn't have (there are {len(positions)})")
    tri_corners, tri_polygon = triangulate(polygons.counts, corners, positions)
    faces = corners[tri_corners]
    uv = _corner_uv(vertex, face, polygons, corners, tri_corners)
    folder = ScanFolder(path)
    materials, images = _materials(comments, folder, uv is not None)
    colors = None if images and uv is not None else _colors(vertex)
    if colors is None and not images and (of_face := _colors(face)) is not None:
        positions, colors = positions[faces].reshape(-1, 3), np.repeat(of_face[tri_polygon], 3, axis=0)
        faces = np.arange(len(positions)).reshape(-1, 3)
    if colors is not None:
        materials = tuple(Material(name=m.name, base_color=WHITE, vertex_colors=True) for m in materials)
    return RawScan(
        vertices=positions,
        faces=faces,
        face_material=_texture_number(face, len(materials))[tri_polygon],
        materials=materials,
        images=images,
        corner_uv=uv,
        vertex_color=colors,
        unit=_declared_unit(comments),
        usual_up="z",
        findings=tuple(folder.findings),
    )


def _strips(element: Element | None) -> Lists:
    """Triangles of ``tristrips`` (Stanford's archives): runs of indices parted by -1, every other triangle turned."""
    listed = element.lists("vertex_indices", "vertex_index") if element else None
    if listed is None:
        return Lists(np.zeros(0, np.int64), np.zeros(0, np.int64))
    index = listed.flat.astype(np.int64)
    strip = np.repeat(np.arange(len(listed.counts)), listed.counts)
    new_run = (index < 0) | (np.diff(strip, prepend=-1) != 0)
    run_start = np.maximum.accumulate(np.where(new_run, np.arange(len(index)) + (index < 0), 0))
    at = np.arange(max(0, len(index) - 2))
    whole = (index[at] >= 0) & (index[at + 1] >= 0) & (index[at + 2] >= 0) & (strip[at] == strip[at + 2])
    at = at[whole]
    turned = (at - run_start[at]) % 2 == 1
    triangles = np.stack([index[at], index[at + 1 + turned], index[at + 2 - turned]], axis=1)
    return Lists(np.full(len(triangles), 3, np.int64), triangles.ravel())


def _corner_uv(
    vertex: Element,
    face: Element,
    polygons: Lists,
    corners: npt.NDArray[np.int64],
    tri_corners: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32] | None:
    """(F, 3, 2) UVs, per face where the file has them, else per vertex."""
    listed = face.lists("texcoord", "texcoords")
    if listed is not None and (listed.counts == 2 * polygons.counts).all():
        return listed.flat.reshape(-1, 2)[tri_corners].astype(np.float32)
    for u_name, v_name in _UV_NAMES:
        u, v = vertex.scalar(u_name), vertex.scalar(v_name)
        if u is not None and v is not None:
            return np.stack([u, v], axis=1)[corners[tri_corners]].astype(np.float32)
    return None


def _materials(comments: list[str], folder: ScanFolder, has_uv: bool) -> tuple[tuple[Material, ...], dict[str, bytes]]:
    """One material for each ``comment TextureFile NAME``, or a plain one."""
    images: dict[str, bytes] = {}
    materials: list[Material] = []
    for comment in comments:
        key, _, name = comment.partition(" ")
        if key.lower() != "texturefile" or not name.strip():
            continue
        name = name.strip()
        data = folder.read(name, "texture")
        if not has_uv:
            folder.note("texture", f"names {name!r} but has no UV coordinates", "goes on without it")
        if data is None or not has_uv:
            materials.append(Material(name=Path(name).stem))
            continue
        images[name] = data
        materials.append(Material(name=Path(name).stem, base_color=WHITE, base_color_texture=name))
    return tuple(materials) or (Material(),), images


def _texture_number(face: Element, n_materials: int) -> npt.NDArray[np.int64]:
    number = face.scalar("texnumber")
    if number is None:
        return np.zeros(face.count, dtype=np.int64)
    return np.clip(number.astype(np.int64), 0, n_materials - 1)


def _colors(element: Element) -> npt.NDArray[np.uint8] | None:
    """(N, 4) uint8 sRGB of an element. Alpha is dropped: scanners write 0 as often as 255."""
    for prefix in ("", "diffuse_"):
        channels = [element.scalar(prefix + c, *([c[0]] if not prefix else [])) for c in ("red", "green", "blue")]
        if all(c is not None for c in channels):
            rgba = np.full((element.count, 4), 255, np.uint8)
            for k, channel in enumerate(channels):
                assert channel is not None
                rgba[:, k] = _to_byte(channel)
            return rgba
    return None


def _to_byte(channel: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    if channel.dtype == np.uint8:
        return channel.astype(np.uint8)
    values = np.nan_to_num(channel.astype(np.float64))
    if channel.dtype.kind == "f":
        values = values * (255.0 if values.max(initial=0.0) <= 1.0 else 1.0)
    elif channel.dtype.itemsize == 2:
        values = values / 257.0
    clipped: npt.NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return clipped


def _declared_unit(comments: list[str]) -> str | None:
    for comment in comments:
        if match := _UNIT.search(comment):
            word = match.group(1).lower()
            for name, unit in (("mm", "mm"), ("milli", "mm"), ("cm", "cm"), ("centi", "cm"), ("in", "in"), ("m", "m")):
                if word.startswith(name):
                    return unit
    return None
