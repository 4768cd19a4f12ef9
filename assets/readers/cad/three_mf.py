"""3MF, of 3D printing: meshes with their unit, colours and textures, through lib3mf of the 3MF Consortium.

It is native code and scans are hostile, so it runs in a process of its own, once the sizes in the archive are known.
"""

from __future__ import annotations

import importlib.util
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.machine.confined_process import ConfinedError, run_confined
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import MAX_FACES, MAX_FILE_BYTES, MAX_NAMED_FILES, check_memory
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.cad.step_files import EXTRA
from scanstage.assets.textures.srgb import linear_from_srgb

_UNITS = ("um", "mm", "cm", "in", "ft", "m")  # lib3mf's ModelUnit
_MEMORY_BYTES = 8 << 30
_LIMIT_S = 600
_TIMES_ITS_TEXT = 4  # memory that a model takes, by the size of its XML
_PROGRAM = """
import ctypes, io, os
out = os.dup(1)
os.dup2(2, 1)
import lib3mf, numpy as np
MOST = int(sys.argv[4])
wrapper = lib3mf.get_wrapper()
model = wrapper.CreateModel()
reader = model.QueryReader("3mf")
reader.SetStrictModeActive(False)
reader.ReadFromFile(sys.argv[3])
kinds, groups, textures, told = {}, {}, [], set()

def each(iterator):
    while iterator.MoveNext():
        yield iterator

for kind, name in (("base", "BaseMaterialGroup"), ("color", "ColorGroup"), ("texture", "Texture2DGroup")):
    items = getattr(model, f"Get{name}s")()
    for item in each(items):
        group = getattr(items, f"GetCurrent{name}")()
        kinds[group.GetResourceID()] = (kind, group)

def corner(resource, number):
    key = (resource, number)
    if key not in groups:
        kind, group = kinds.get(resource, (None, None))
        rgba, uv, texture = (255, 255, 255, 255), (0.0, 0.0), -1
        if kind == "base":
            c = group.GetDisplayColor(number); rgba = (c.Red, c.Green, c.Blue, c.Alpha)
        elif kind == "color":
            c = group.GetColor(number); rgba = (c.Red, c.Green, c.Blue, c.Alpha)
        elif kind == "texture":
            at = group.GetTex2Coord(number); uv = (at.U, at.V)
            picture = group.GetTexture2D()
            name = picture.GetResourceID()
            if name not in [t[0] for t in textures]:
                textures.append((name, bytes(picture.GetAttachment().WriteToBuffer())))
            texture = [t[0] for t in textures].index(name)
        elif resource:
            told.add("properties of another kind")
        groups[key] = (rgba, uv, texture)
    return groups[key]

def numbers(structs, field, kind, width):
    if not structs:
        return np.zeros((0, width), kind)
    return np.array([getattr(s, field)[:] for s in structs], kind)

def matrix(transform):
    rows = np.array([list(row) for row in transform.Fields], np.float64)  # row vectors, the last one moves
    full = np.eye(4); full[:3, :3] = rows[:3].T; full[:3, 3] = rows[3]
    return full

parts, total, placed = [], 0, 0

def place(thing, to_world, depth):
    global total, placed
    placed += 1
    if depth > 32 or placed > 100_000:
        raise SystemExit("its components are nested without end")
    if thing.IsComponentsObject():
        for k in range(thing.GetComponentCount()):
            component = thing.GetComponent(k)
            place(component.GetObjectResource(), to_world @ matrix(component.GetTransform()), depth + 1)
        return
    if not thing.IsMeshObject():
        told.add("objects without a mesh")
        return
    total += thing.GetTriangleCount()
    if total > MOST:
        raise SystemExit(f"it has more than {MOST:,} triangles")
    if thing.BeamLattice().GetBeamCount():
        told.add("beams of a lattice")
    points = numbers(thing.GetVertices(), "Coordinates", np.float64, 3) @ to_world[:3, :3].T + to_world[:3, 3]
    faces = numbers(thing.GetTriangleIndices(), "Indices", np.int64, 3)
    if np.linalg.det(to_world[:3, :3]) < 0:
        faces = faces[:, ::-1]
    given = thing.GetAllTriangleProperties()
    whole = thing.GetObjectLevelProperty()
    default = (whole[0], whole[1]) if isinstance(whole, tuple) and whole[-1] else (0, 0)
    rows = [[corner(p.ResourceID, i) if p.ResourceID else corner(*default) for i in p.PropertyIDs] for p in given]
    if not rows:
        rows = [[corner(*default)] * 3] * len(faces)
    order = [2, 1, 0] if np.linalg.det(to_world[:3, :3]) < 0 else [0, 1, 2]
    rgba = np.array([[c[0] for c in row] for row in rows], np.uint8).reshape(-1, 3, 4)[:, order]
    uv = np.array([[c[1] for c in row] for row in rows], np.float32).reshape(-1, 3, 2)[:, order]
    texture = np.array([row[0][2] for row in rows], np.int64)
    parts.append((points, faces, rgba, uv, texture))

items = model.GetBuildItems()
for item in each(items):
    current = items.GetCurrent()
    to_world = matrix(current.GetObjectTransform()) if current.HasObjectTransform() else np.eye(4)
    place(current.GetObjectResource(), to_world, 0)
if not parts:
    raise SystemExit("it builds nothing")
starts = np.cumsum([0, *(len(p[0]) for p in parts)])
buffer = io.BytesIO()
np.savez(
    buffer, unit=np.int64(int(model.GetUnit())), points=np.concatenate([p[0] for p in parts]),
    faces=np.concatenate([p[1] + s for p, s in zip(parts, starts)]), rgba=np.concatenate([p[2] for p in parts]),
    uv=np.concatenate([p[3] for p in parts]), texture=np.concatenate([p[4] for p in parts]),
    told=np.frombuffer("\\n".join(sorted(told)).encode(), np.uint8),
    **{f"image{k}": np.frombuffer(t[1], np.uint8) for k, t in enumerate(textures)},
)
with os.fdopen(out, "wb") as f:
    f.write(buffer.getvalue())
"""


def read_three_mf(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a 3MF: what it builds, in its own unit, Z up. Raises InputError."""
    data = read_bounded(path)
    _check_archive(data, path)
    if importlib.util.find_spec("lib3mf") is None:
        raise InputError(f"{path}: what reads 3MF isn't installed", f"{EXTRA}, or export it as GLB, OBJ or STL")
    try:
        with tempfile.TemporaryDirectory(prefix="scanstage-") as place:
            (copy := Path(place, "scan.3mf")).write_bytes(data)
            arguments = [str(copy), str(MAX_FACES)]
            found = run_confined(_PROGRAM, arguments, memory_bytes=_MEMORY_BYTES, limit_s=_LIMIT_S)
        with np.load(io.BytesIO(found), allow_pickle=False) as z:
            arrays: dict[str, Any] = {name: z[name] for name in z.files}
    except (ConfinedError, OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise InputError(f"{path}: lib3mf can't read it ({e})", "export it as GLB, OBJ or STL") from e
    folder = ScanFolder(path, choices)
    for what in bytes(arrays["told"]).decode().splitlines():
        folder.note("material" if "properties" in what else "points or lines", f"holds {what}", "goes on without them")
    return _scan(arrays, folder)


def _check_archive(data: bytes, path: Path) -> None:
    """Refuse what would be far larger unpacked than memory allows. Raises InputError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as e:
        raise InputError(f"{path}: is no 3MF file, or a broken one ({e})") from e
    size = sum(member.file_size for member in members)
    if len(members) > MAX_NAMED_FILES or size > MAX_FILE_BYTES:
        raise InputError(f"{path}: holds {len(members):,} files of {size:,} bytes", "export it anew, or as GLB")
    check_memory(_TIMES_ITS_TEXT * size, f"{size:,} bytes of XML")


def _scan(arrays: dict[str, Any], folder: ScanFolder) -> RawScan:
    """Colours of whole triangles become materials where there are few, else colours of vertices of their own."""
    points, faces = arrays["points"], arrays["faces"]
    texture: npt.NDArray[np.int64] = arrays["texture"]
    rgba: npt.NDArray[np.uint8] = arrays["rgba"]
    images = {name: bytes(arrays[name]) for name in arrays if name.startswith("image")}
    codes = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    even = (codes == codes[:, :1]).all()
    distinct = np.unique(codes)
    if even and len(distinct) <= _MOST_COLORS:
        keys, numbers = np.unique(
            np.stack([texture, codes[:, 0].astype(np.int64)], axis=1), axis=0, return_inverse=True
        )
        materials = tuple(_material(int(t), np.array([code], np.uint32).view(np.uint8)) for t, code in keys)
        colors = None
    else:
        corners, where = np.unique(
            np.stack([faces.ravel(), codes.ravel().astype(np.int64)], axis=1), axis=0, return_inverse=True
        )
        points, faces = points[corners[:, 0]], where.reshape(-1, 3)
        colors = corners[:, 1].astype(np.uint32).view(np.uint8).reshape(-1, 4)
        kinds, numbers = np.unique(texture, return_inverse=True)
        materials = tuple(_material(int(t), None) for t in kinds)
    return RawScan(
        points,
        faces,
        numbers.reshape(-1).astype(np.int64),
        materials,
        images,
        arrays["uv"] if images else None,
        colors,
        unit=_UNITS[int(arrays["unit"])],
        unit_given=True,
        up="z",
        findings=folder.findings,
    )


_MOST_COLORS = 64


def _material(texture: int, rgba: npt.NDArray[np.uint8] | None) -> Material:
    """``rgba``: of all of it, sRGB; None: its vertices have colours."""
    image = None if texture < 0 else f"image{texture}"
    if rgba is None:
        return Material("colors", WHITE, image, vertex_colors=True)
    red, green, blue = (float(c) for c in linear_from_srgb(rgba[:3]))
    if image is None and tuple(rgba) == (255, 255, 255, 255):
        return Material()
    alpha = float(rgba[3]) / 255
    return Material("color", (red, green, blue, alpha), image, alpha_mode="BLEND" if alpha < 1 else "OPAQUE")
