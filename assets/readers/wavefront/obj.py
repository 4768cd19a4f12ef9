"""Wavefront OBJ: polygons with separate position and UV indices, materials, vertex colours (``v x y z r g b``, or
ZBrush's polypaint).

Our own reader, because trimesh joins position and UV indices (a seam then looks like an open edge), hands textures
over as decoded images instead of bytes, knows none of the PBR keys of MTL, and takes relative (negative) indices for
absolute ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.meshes.topology import groups
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding, ScanNode
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS, MAX_NODES
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.parsing.beside_texture import beside_texture
from scanstage.assets.readers.parsing.plain_text import check_text, decode_text, parse_numbers
from scanstage.assets.readers.parsing.polygons import triangulate
from scanstage.assets.readers.parsing.polypaint import PAINT, polypaint
from scanstage.assets.readers.wavefront.mtl_library import MtlLibrary
from scanstage.assets.textures.udim import NO_TILE, across, corner_of, tile_of_faces
from scanstage.assets.textures.vertex_colors import ColoredFaces, declared_color_space, materials_in_color
from scanstage.assets.textures.wrapped_textures import with_wraps

_UNIT_COMMENT = re.compile(
    rb"^#.*\bunits?\b\W*(millimet|centimet|met|inch|mm|cm|m|in)(?:re|er|res|ers|es|s)?\b", re.I | re.M
)
_HEAD = 4096  # bytes in which comments are looked for that say what its numbers are
_UNIT_NAMES = {"millimet": "mm", "centimet": "cm", "met": "m", "inch": "in"}


@dataclass
class _Statements:
    """The lines of an OBJ, by kind."""

    positions: list[bytes] = field(default_factory=list)
    uvs: list[bytes] = field(default_factory=list)
    normals: list[bytes] = field(default_factory=list)  # which count for points alone
    faces: list[bytes] = field(default_factory=list)
    relative: list[tuple[int, int, int]] = field(default_factory=list)  # (face, positions above it, uvs above it)
    materials: list[tuple[int, str]] = field(default_factory=list)  # (first face, name)
    libraries: list[str] = field(default_factory=list)
    nodes: list[tuple[int, bytes]] = field(default_factory=list)  # (first face, line of an object or a group)
    paint: list[bytes] = field(default_factory=list)  # ZBrush's vertex colours, which stand in comments


def read_obj(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read an OBJ with its MTL files and textures. Raises InputError or ValueError for what isn't one."""
    data = read_bounded(path)
    check_text(data)
    statements = _sort_lines(data)
    positions, in_lines = _positions(statements.positions)
    uvs = _floats(statements.uvs, 2) if statements.uvs else None
    counts, corners, corner_uv_index = _faces(statements)
    if len(corners) and (corners.min() < 0 or corners.max() >= len(positions)):
        raise InputError(f"{path}: a face names a vertex that the file doesn't have (there are {len(positions)})")
    tri_corners, tri_polygon = triangulate(counts, corners, positions)
    folder = ScanFolder(path, choices)
    corner_uv = None
    if uvs is not None and corner_uv_index is not None:
        usable = (corner_uv_index >= 0) & (corner_uv_index < len(uvs))
        values = np.where(usable[:, None], uvs[np.where(usable, corner_uv_index, 0)], 0.0)
        corner_uv = values[tri_corners].astype(np.float32)
    materials, mtl, face_material, corner_uv = _materials(statements, folder, tri_polygon, len(counts), corner_uv)
    painted, about_paint = polypaint(statements.paint, len(positions)) if in_lines is None else (None, ())
    channels = painted if in_lines is None else list(in_lines.T)
    faces = corners[tri_corners]
    colors: npt.NDArray[np.uint8] | None = None
    about_colors: tuple[ScanFinding, ...] = ()
    if channels is not None:
        colored = ColoredFaces(faces, face_material, materials)
        space = declared_color_space(_comments(data))
        colors, materials, about_colors = materials_in_color(channels, colored, choices.vertex_colors, space)
    scan = RawScan(
        vertices=positions,
        faces=faces,
        face_material=face_material,
        materials=materials,
        images=mtl.textures.images,
        corner_uv=corner_uv,
        vertex_color=colors,
        unit=_declared_unit(data),
        usual_up="y",
        findings=(*folder.findings, *about_paint, *about_colors),
        silent_alpha=frozenset(mtl.textures.silent_alpha),
        lost_textures=tuple(mtl.textures.lost) if uvs is not None else (),
        uncolored=frozenset(mtl.textures.uncolored),
        normals=_point_normals(statements),
    )
    scan = with_wraps(scan, {k: mtl.wraps(m.name) for k, m in enumerate(materials)})
    if not choices.names_nodes or not statements.nodes:
        return scan
    nodes, of_polygon = _nodes(statements, len(counts))
    return replace(scan, nodes=nodes, face_node=of_polygon[tri_polygon])


def _sort_lines(data: bytes) -> _Statements:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\\\n" in data or b"\\\r\n" in data:
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    s = _Statements()
    points_alone = re.search(rb"^[ \t]*f[ \t]", data, re.M) is None  # other files' normals take memory for nothing
    for line in data.replace(b"\r", b"\n").split(b"\n") if b"\r" in data else data.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            line = line.lstrip()
        head = line[:2]
        if head in (b"v ", b"v\t"):
            s.positions.append(line[2:])
        elif head in (b"f ", b"f\t"):
            if b"-" in line:
                s.relative.append((len(s.faces), len(s.positions), len(s.uvs)))
            s.faces.append(line[2:])
        elif head == b"vt":
            s.uvs.append(line[2:])
        elif head == b"vn" and points_alone:
            s.normals.append(line[2:])
        elif head in (b"us", b"mt"):
            _directive(line, s)
        elif head in (b"o ", b"g ", b"o\t", b"g\t", b"g", b"o"):
            s.nodes.append((len(s.faces), line))
        elif head == PAINT[:2] and line.startswith(PAINT):
            s.paint.append(line[len(PAINT) :])
    if data.count(b"#") > data.count(b"\n#") + data.startswith(b"#"):  # comments behind values
        s.positions, s.uvs, s.faces = ([li.partition(b"#")[0] for li in kind] for kind in (s.positions, s.uvs, s.faces))
    return s


def _directive(line: bytes, s: _Statements) -> None:
    key, _, rest = decode_text(line).replace("\t", " ").partition(" ")
    if key == "usemtl":
        s.materials.append((len(s.faces), rest.strip()))
    elif key == "mtllib":
        s.libraries.append(rest.strip())


def _floats(lines: list[bytes], columns: int) -> npt.NDArray[np.float64]:
    """(len(lines), columns) leading numbers of each line."""
    width = len(lines[0].split()) if lines else columns
    if width >= columns and all(len(line.split()) == width for line in lines):
        return parse_numbers(lines, np.float64).reshape(len(lines), width)[:, :columns]
    rows = [line.split()[:columns] for line in lines]
    if any(len(row) < columns for row in rows):
        raise InputError(f"a line of coordinates holds fewer than {columns} numbers")
    return parse_numbers([b" ".join(row) for row in rows], np.float64).reshape(len(lines), columns)


def _positions(lines: list[bytes]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
    """Positions, and (N, 3) colours where lines have three more numbers; NaN where only others have them.

    x y z r g b; of seven numbers x y z w r g b where all w are 1, as in the specification, else x y z r g b a.
    """
    if not lines:
        return np.zeros((0, 3)), None
    widths = np.fromiter((len(line.split()) for line in lines), np.int64, len(lines))
    width = int(widths.max())
    if width not in (6, 7) or not np.isin(widths, (3, 4, width)).all():
        return _floats(lines, 3), None
    colored = widths == width
    with_color = lines if colored.all() else [line for line, there in zip(lines, colored, strict=True) if there]
    values = _floats(with_color, width)
    has_weight = width == 7 and bool((values[:, 3] == 1).all())
    colors = np.full((len(lines), 3), np.nan)
    colors[colored] = values[:, 4:7] if has_weight else values[:, 3:6]
    return (values[:, :3] if colored.all() else _floats(lines, 3)), colors


def _point_normals(s: _Statements) -> npt.NDArray[np.float64] | None:
    """(V, 3) normals of a file of points, which has one behind each of them."""
    return _floats(s.normals, 3) if not s.faces and 0 < len(s.normals) == len(s.positions) else None


def _comments(data: bytes) -> str:
    """Those at its head."""
    return "\n".join(decode_text(line) for line in data[:_HEAD].splitlines() if line.lstrip().startswith(b"#"))


def _faces(s: _Statements) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    """Corner counts of the polygons, and per corner the 0-based position and UV index (-1: none)."""
    counts = np.array([len(line.split()) for line in s.faces], dtype=np.int64)
    total = int(counts.sum())
    if not total:
        return counts, np.zeros(0, np.int64), None
    width, has_uv = _reference_layout(s.faces, counts, total)
    if width:
        flat = parse_numbers([b" ".join(s.faces).replace(b"/", b" ")], np.int64)
        if len(flat) == total * width:
            table = flat.reshape(total, width).astype(np.int64)
            position, uv = table[:, 0], table[:, 1] if has_uv else None
            return counts, *_absolute(position, uv, counts, s.relative)
    position, uv = _faces_one_by_one(s.faces)
    return counts, *_absolute(position, uv, counts, s.relative)


def _reference_layout(faces: list[bytes], counts: npt.NDArray[np.int64], total: int) -> tuple[int, bool]:
    """Numbers in each corner reference if all faces agree (else 0), and whether the second is a UV."""
    slashes = np.array([line.count(b"/") for line in faces], dtype=np.int64)
    double = sum(line.count(b"//") for line in faces)
    if not slashes.any():
        return 1, False
    if (slashes == counts).all() and double == 0 and not any(b"/ " in line or line.endswith(b"/") for line in faces):
        return 2, True
    if (slashes == 2 * counts).all() and double == total:
        return 2, False  # v//vn
    if (slashes == 2 * counts).all() and double == 0:
        return 3, True
    return 0, False


def _faces_one_by_one(faces: list[bytes]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Position and UV index (1-based, 0 for none) of each corner, where faces mix ``v``, ``v/vt`` and ``v//vn``."""
    position: list[int] = []
    uv: list[int] = []
    try:
        for line in faces:
            for token in line.split():
                fields = token.split(b"/")
                position.append(int(fields[0]))
                uv.append(int(fields[1]) if len(fields) > 1 and fields[1] else 0)
        return np.array(position, dtype=np.int64), np.array(uv, dtype=np.int64)
    except (ValueError, OverflowError) as e:
        raise InputError("a face holds something that is not an index") from e


def _absolute(
    position: npt.NDArray[np.int64],
    uv: npt.NDArray[np.int64] | None,
    counts: npt.NDArray[np.int64],
    relative: list[tuple[int, int, int]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    """0-based indices from 1-based ones; negative ones count back from the lines above the face."""
    if relative:
        face, *defined = np.array(relative, dtype=np.int64).T
        above = np.zeros((2, len(counts)), np.int64)
        above[:, face] = defined
        above = np.repeat(above, counts, axis=1)
        position = np.where(position < 0, above[0] + position + 1, position)
        if uv is not None:
            uv = np.where(uv < 0, above[1] + uv + 1, uv)
    return position - 1, None if uv is None else uv - 1


def _materials(
    s: _Statements,
    folder: ScanFolder,
    tri_polygon: npt.NDArray[np.int64],
    n_polygons: int,
    corner_uv: npt.NDArray[np.float32] | None,
) -> tuple[tuple[Material, ...], MtlLibrary, npt.NDArray[np.int64], npt.NDArray[np.float32] | None]:
    """Materials, the library with their images, the material of each triangle, and UVs, in those of UDIM tiles."""
    mtl = MtlLibrary(folder)
    for reference in dict.fromkeys(s.libraries):
        mtl.read(reference)
    names, of_polygon = _used_materials(s, n_polygons)
    face_material = of_polygon[tri_polygon]
    if not mtl.names and corner_uv is not None and (texture := beside_texture(folder)):
        materials = [Material(name=n or "material", base_color=WHITE, base_color_texture=texture[0]) for n in names]
        mtl.textures.images[texture[0]] = texture[1]
        mtl.textures.silent_alpha.add(texture[0])
        return tuple(materials) or (Material(),), mtl, face_material, corner_uv
    used: list[tuple[str, int | None]] = [(name, None) for name in names]
    if corner_uv is not None:
        used, face_material, corner_uv = _split_tiles(names, face_material, corner_uv, mtl)
    mtl.check(used)
    materials = [mtl.material(name, tile) for name, tile in used]
    return tuple(materials) or (Material(),), mtl, face_material, corner_uv


def _used_materials(s: _Statements, n_polygons: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the materials that faces use, in order of first use, and the number of each polygon's."""
    numbers: dict[str, int] = {}
    of_polygon = np.zeros(n_polygons, dtype=np.int64)
    changes = s.materials if s.materials and s.materials[0][0] == 0 else [(0, ""), *s.materials]
    for k, (first, name) in enumerate(changes):
        last = changes[k + 1][0] if k + 1 < len(changes) else n_polygons
        if last > first or n_polygons == 0:
            of_polygon[first:last] = numbers.setdefault(name, len(numbers))
    if len(numbers) > MAX_MATERIALS:
        raise InputError(f"its faces use {len(numbers):,} materials (at most {MAX_MATERIALS:,})", "join its materials")
    return list(numbers), of_polygon


def _nodes(s: _Statements, n_polygons: int) -> tuple[tuple[ScanNode, ...], npt.NDArray[np.int32]]:
    """Objects (``o``) with the groups (``g``) that come below them, and the number of each polygon's.

    A name that comes again is the same node. Of the names that a group has the first counts; ``default`` is the
    specification's word for none.
    """
    nodes = [ScanNode("")]
    known: dict[tuple[int, str], int] = {}
    of_polygon = np.zeros(n_polygons, np.int32)
    above = here = 0
    for k, (first, line) in enumerate(s.nodes):
        words = decode_text(line).partition("#")[0].split(None, 1)
        kind, name = words[0], words[1].strip() if len(words) > 1 else ""
        if kind == "g":
            name = "" if name.split()[:1] in ([], ["default"]) else name.split()[0]
        parent = above if kind == "g" else 0
        here = parent
        if name:
            here = known.setdefault((parent, name), len(nodes))
            if here == len(nodes):
                nodes.append(ScanNode(name, parent))
        above = above if kind == "g" else here
        last = s.nodes[k + 1][0] if k + 1 < len(s.nodes) else n_polygons
        of_polygon[first:last] = here
    if len(nodes) > MAX_NODES:
        raise InputError(f"has {len(nodes):,} objects and groups (at most {MAX_NODES:,})", "join them")
    return tuple(nodes), of_polygon


def _split_tiles(
    names: list[str], face_material: npt.NDArray[np.int64], corner_uv: npt.NDArray[np.float32], mtl: MtlLibrary
) -> tuple[list[tuple[str, int | None]], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """One material for each UDIM tile that faces lie in, and their UVs within it: (name, tile), faces' numbers, UVs."""
    used: list[tuple[str, int | None]] = []
    number, uv = np.zeros_like(face_material), corner_uv.copy()
    tiles = tile_of_faces(corner_uv)
    mine = groups(face_material)
    for k, name in enumerate(names):
        faces = mine.get(k, np.zeros(0, np.int64))
        found = np.unique(tiles[faces]).tolist()
        if not mtl.is_tiled(name, found):
            number[faces] = len(used)
            used.append((name, None))
            uv[faces] = mtl.moved_uv(name, uv[faces])
            continue
        for tile in found:
            inside = faces[tiles[faces] == tile]
            number[inside] = len(used)
            used.append((name, tile))
            uv[inside] -= np.array(corner_of(tile), np.float32)
        if len(used) > MAX_MATERIALS:
            raise InputError(f"its faces use more than {MAX_MATERIALS:,} UDIM tiles", "join its textures")
        mtl.textures.note("udim", f"the textures of {name!r} are {len(found):,} UDIM tiles", "makes a material of each")
        if reaching := across(uv[faces[tiles[faces] != NO_TILE]]):
            what = f"{reaching:,} triangles of {name!r} reach across the border of a UDIM tile"
            mtl.textures.note("udim", what, "takes the tile in which their middle is")
    return used, number, uv


def _declared_unit(data: bytes) -> str | None:
    match = _UNIT_COMMENT.search(data[:_HEAD])
    if not match:
        return None
    word = match.group(1).decode("ascii").lower()
    return _UNIT_NAMES.get(word, word)
