"""PLY scans: vertex or face colours, UVs per vertex (BOP's ``texture_u``/``texture_v``) or per face (MeshLab)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.gaussian_splats import is_splat, splat_refusal
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.parsing.polygons import triangulate
from scanstage.assets.readers.ply_elements import Element, Lists, read_elements
from scanstage.assets.textures.vertex_colors import ColoredFaces, declared_color_space, materials_in_color

_UNIT = re.compile(r"\bunits?\b\W*(mm|cm|m|in|millimet\w*|centimet\w*|met\w*|inch\w*)\b", re.I)
_UV_NAMES = (("texture_u", "texture_v"), ("u", "v"), ("s", "t"), ("texcoord_x", "texcoord_y"))


def read_ply(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a PLY and the texture that its header names. Raises InputError."""
    elements, comments = read_elements(read_bounded(path))
    vertex = elements.get("vertex")
    if vertex is not None and is_splat([p.name for p in vertex.properties]):
        raise splat_refusal(path, vertex.count)
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
    folder = ScanFolder(path, choices)
    materials, images, lost = _materials(comments, folder, uv is not None)
    face_material = _texture_number(face, len(materials))[tri_polygon]
    colors: npt.NDArray[np.uint8] | None = None
    told: list[ScanFinding] = []
    space = declared_color_space("\n".join(comments))
    for element in (vertex, face):
        if colors is not None or (channels := _channels(element)) is None:
            continue
        of_corner = faces if element is vertex else np.repeat(tri_polygon[:, None], 3, axis=1)
        colored = ColoredFaces(of_corner, face_material, materials)
        colors, materials, found = materials_in_color(channels, colored, choices.vertex_colors, space)
        told += [finding for finding in found if finding not in told]
        if colors is not None and element is face:
            positions, colors = positions[faces].reshape(-1, 3), colors[of_corner.ravel()]
            faces = np.arange(len(positions)).reshape(-1, 3)
    return RawScan(
        vertices=positions,
        faces=faces,
        face_material=face_material,
        materials=materials,
        images=images,
        corner_uv=uv,
        vertex_color=colors,
        unit=_declared_unit(comments),
        usual_up="z",
        findings=(*folder.findings, *told),
        silent_alpha=frozenset(images),
        lost_textures=lost,
        normals=_normals(vertex) if not len(faces) else None,
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


def _materials(
    comments: list[str], folder: ScanFolder, has_uv: bool
) -> tuple[tuple[Material, ...], dict[str, bytes], tuple[str, ...]]:
    """One material for each ``comment TextureFile NAME``, or a plain one; images; names of those that aren't there."""
    images: dict[str, bytes] = {}
    lost: list[str] = []
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
            lost += [name] if data is None else []
            materials.append(Material(name=Path(name).stem))
            continue
        images[name] = data
        materials.append(Material(name=Path(name).stem, base_color=WHITE, base_color_texture=name))
    return tuple(materials) or (Material(),), images, tuple(lost)


def _normals(vertex: Element) -> npt.NDArray[np.float64] | None:
    columns = [vertex.scalar(axis) for axis in ("nx", "ny", "nz")]
    if any(column is None for column in columns):
        return None
    return np.column_stack([np.asarray(column, np.float64) for column in columns])


def _texture_number(face: Element, n_materials: int) -> npt.NDArray[np.int64]:
    number = face.scalar("texnumber")
    if number is None:
        return np.zeros(face.count, dtype=np.int64)
    return np.clip(number.astype(np.int64), 0, n_materials - 1)


def _channels(element: Element) -> list[npt.NDArray[np.generic]] | None:
    """Red, green and blue of an element. Alpha is dropped: scanners write 0 as often as 255."""
    for prefix in ("", "diffuse_"):
        found = [element.scalar(prefix + c, *([c[0]] if not prefix else [])) for c in ("red", "green", "blue")]
        if channels := [c for c in found if c is not None]:
            return channels if len(channels) == 3 else None
    return None


def _declared_unit(comments: list[str]) -> str | None:
    for comment in comments:
        if match := _UNIT.search(comment):
            word = match.group(1).lower()
            for name, unit in (("mm", "mm"), ("milli", "mm"), ("cm", "cm"), ("centi", "cm"), ("in", "in"), ("m", "m")):
                if word.startswith(name):
                    return unit
    return None
