"""The neutral form of a scan: plain arrays, images and JSON that any Blender builds in milliseconds.

On disk an asset is one folder::

    <folder>/asset.json     metadata and material descriptions (:class:`AssetMeta`)
    <folder>/mesh.npz       the arrays of :class:`MeshArrays`, uncompressed
    <folder>/*.png, *.jpg   textures named by the materials, and ``thumbnail.jpg``
    <folder>/collision.npz  convex parts that it collides by, where one hull won't do (:mod:`collision_file`)

Frame of an asset: right-handed, Z up, metres, origin at the centre of the base (x, y at the middle of the bounding box,
z = 0 at its lowest vertex; a flat sheet lies in the middle of a plate of 0.6 % of its extent). The mesh stored here is
at once the mesh that is cast for labels and the one rendered.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from scanstage.assets.files.outside_files import open_outside, read_outside
from scanstage.assets.messages.errors import InputError
from scanstage.assets.symmetry import Symmetries

FORMAT_VERSION = 1
META_FILE = "asset.json"
SYMMETRIES, PARTS = "symmetries", "parts"
"""Keys of the metadata that are left out where there are none."""
EDITED = "edited"
"""The key of what a person has said since the scan came in, which changes no picture: unit_origin, licence …"""
MESH_FILE = "mesh.npz"
MAX_META_BYTES = 16 << 20
MAX_MESH_BYTES = 2 << 30
MAX_HULL_VERTICES = 200
WHITE = (1.0, 1.0, 1.0, 1.0)
"""A base colour that leaves textures and vertex colours as they are."""


@dataclass(frozen=True)
class TextureTransform:
    """Where a texture lies that doesn't lie as the mesh's UV says: at (a u + b v + c, d u + e v + f), V up.

    Attributes:
        key: of the material: ``normal_texture`` …
        matrix: (a, b, c, d, e, f).
    """

    key: str
    matrix: tuple[float, ...]


@dataclass(frozen=True)
class Material:
    """A metallic-roughness PBR material (glTF 2.0 terms). Colours are linear RGB(A) in 0..1.

    ``*_texture`` are file names in the asset's folder; the base colour and emissive images are sRGB, the others are
    data. ``metallic_roughness_texture`` holds roughness in G and metallic in B, as in glTF. Factors multiply textures.
    ``vertex_colors``: multiply the base colour by the mesh's ``vertex_color``.

    What lets light through (glTF's KHR_materials_transmission, _ior and _volume): ``transmission`` is the share of the
    light that enters the surface and leaves on its other side, times R of its texture. With ``thickness_m`` 0 the
    surface is a thin wall, through which light goes straight on; else it bounds a solid body, which refracts by ``ior``
    and lets ``attenuation_color`` of the light through on every ``attenuation_m`` (None: all of it). The base colour
    tints once what passes a body, both of its walls; with ``single_wall``, where the surface has no far side, at each.
    Lengths are in metres, in a :class:`raw_scan.RawScan` in the file's unit.

    What lies on it: a clear ``coat`` (KHR_materials_clearcoat, factor times R, roughness times G), ``sheen`` of fabric
    (_sheen, colour times RGB, roughness times A), a ``specular`` reflection that is weaker or tinted (_specular, factor
    times A, colour times RGB). ``anisotropy`` (_anisotropy): brushed, along the texture's U turned by its angle,
    counter-clockwise; R and G of its texture turn it further, B is a factor. ``emissive`` shines with
    ``emissive_strength``. An ``unlit`` surface reflects nothing and shines with its base colour.
    """

    name: str = "material"
    base_color: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 1.0)
    base_color_texture: str | None = None
    metallic: float = 0.0
    roughness: float = 0.6
    metallic_roughness_texture: str | None = None
    normal_texture: str | None = None
    emissive: tuple[float, float, float] = (0.0, 0.0, 0.0)
    emissive_texture: str | None = None
    alpha_mode: str = "OPAQUE"  # OPAQUE | MASK | BLEND
    alpha_cutoff: float = 0.5
    vertex_colors: bool = False
    transmission: float = 0.0
    transmission_texture: str | None = None
    ior: float = 1.5
    thickness_m: float = 0.0
    single_wall: bool = False
    attenuation_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    attenuation_m: float | None = None
    normal_scale: float = 1.0
    emissive_strength: float = 1.0
    unlit: bool = False
    coat: float = 0.0
    coat_texture: str | None = None
    coat_roughness: float = 0.0
    coat_roughness_texture: str | None = None
    coat_normal_texture: str | None = None
    sheen_color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sheen_color_texture: str | None = None
    sheen_roughness: float = 0.0
    sheen_roughness_texture: str | None = None
    specular: float = 1.0
    specular_texture: str | None = None
    specular_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    specular_color_texture: str | None = None
    anisotropy: float = 0.0
    anisotropy_rad: float = 0.0
    anisotropy_texture: str | None = None
    texture_transforms: tuple[TextureTransform, ...] = ()


_UNIT_RANGE = (
    "base_color", "metallic", "roughness", "emissive", "alpha_cutoff", "transmission", "attenuation_color",
    "coat", "coat_roughness", "sheen_color", "sheen_roughness", "specular", "specular_color", "anisotropy",
)  # fmt: skip
COLOR_TEXTURE_KEYS = ("base_color_texture", "emissive_texture", "sheen_color_texture", "specular_color_texture")
"""Those that are pictures in sRGB; the others are data."""
ALPHA_TEXTURE_KEYS = ("sheen_roughness_texture", "specular_texture")
"""Those whose data lie in their alpha channel."""
TEXTURE_KEYS = (
    *COLOR_TEXTURE_KEYS, *ALPHA_TEXTURE_KEYS, "metallic_roughness_texture", "normal_texture", "transmission_texture",
    "coat_texture", "coat_roughness_texture", "coat_normal_texture", "anisotropy_texture",
)  # fmt: skip
_COLORS = ("base_color", "emissive", "attenuation_color", "sheen_color", "specular_color")
_SHORTEST, _LONGEST = 1e-6, 1e6
"""Lengths within a material, metres or any other unit of a scan."""
_BRIGHTEST = 1e4
_STEEPEST = 100.0  # of normal maps


def within_range(material: Material) -> Material:
    """The material with all its numbers in range (0..1 for most); what is not a number becomes the default."""
    plain = Material()
    found = {key: _limited(getattr(material, key), getattr(plain, key)) for key in _UNIT_RANGE}
    return replace(
        material,
        **found,
        ior=_limited(material.ior, plain.ior, 1.0, 3.0),
        thickness_m=_limited(material.thickness_m, 0.0, 0.0, _LONGEST),
        attenuation_m=_attenuation(material.attenuation_m),
        normal_scale=_limited(material.normal_scale, 1.0, -_STEEPEST, _STEEPEST),
        emissive_strength=_limited(material.emissive_strength, 1.0, 0.0, _BRIGHTEST),
        anisotropy_rad=_limited(material.anisotropy_rad, 0.0, -_LONGEST, _LONGEST),
        texture_transforms=tuple(t for t in material.texture_transforms if all(abs(v) < _LONGEST for v in t.matrix)),
    )


def _limited(value: Any, default: Any, low: float = 0.0, high: float = 1.0) -> Any:
    if isinstance(value, tuple):
        return tuple(_limited(v, d, low, high) for v, d in zip(value, default, strict=True))
    return min(max(float(value), low), high) if value == value else default


def _attenuation(distance: Any) -> float | None:
    """None where it is no distance; some exporters write 0 where nothing is absorbed."""
    if distance is None or not float(distance) > 0:
        return None
    return min(max(float(distance), _SHORTEST), _LONGEST)


@dataclass(frozen=True)
class MeshArrays:
    """Triangles in the asset's frame.

    Attributes:
        vertices: (V, 3) float32, metres. Positions are unique except where a hard edge splits the shading.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        face_material: (F,) uint16, index into the asset's materials.
        hull: (H, 3) float32, H <= 200, vertices of the collision hull (convex).
        corner_uv: (F * 3, 2) float32 or None; one UV a face corner, V up (as in OBJ and Blender).
        vertex_color: (V, 4) uint8 sRGB with linear alpha, or None.
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    face_material: npt.NDArray[np.uint16]
    hull: npt.NDArray[np.float32]
    corner_uv: npt.NDArray[np.float32] | None = None
    vertex_color: npt.NDArray[np.uint8] | None = None

    def save(self, path: Path) -> None:
        """Write all arrays to an uncompressed ``.npz``."""
        arrays = {k: v for k, v in vars(self).items() if v is not None}
        with path.open("wb") as f:
            np.savez(f, **arrays)

    @classmethod
    def load(cls, path: Path) -> MeshArrays:
        """Read what :meth:`save` wrote. Raises InputError where the file is missing or broken."""
        try:
            with open_outside(path, MAX_MESH_BYTES) as f:
                return cls(**_arrays(f))
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as e:
            raise InputError(f"{path}: can't read the asset's mesh ({e})", "take the scan in again") from e


_SHAPES: dict[str, tuple[int | None, type[np.generic]]] = {
    "vertices": (3, np.float32),
    "faces": (3, np.int32),
    "face_material": (None, np.uint16),
    "hull": (3, np.float32),
    "corner_uv": (2, np.float32),
    "vertex_color": (4, np.uint8),
}


def _arrays(file: BinaryIO) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a mesh file, each no larger than its part of the file. Raises ValueError for any other."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():  # what is compressed may be a thousand times as large in memory
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > MAX_MESH_BYTES:
                raise ValueError(f"{member.filename[:80]!r} is compressed")
        if len(archive.infolist()) > len(_SHAPES):
            raise ValueError("it holds more than a mesh has")
    file.seek(0)
    with np.load(file, allow_pickle=False) as z:
        arrays: dict[str, npt.NDArray[Any]] = {k: z[k] for k in z.files}
    for name, array in arrays.items():
        width, kind = _SHAPES[name]
        if array.dtype != kind or array.ndim != (1 if width is None else 2) or (width and array.shape[1] != width):
            raise ValueError(f"{name} are {array.dtype} of shape {array.shape}")
    faces, vertices = arrays["faces"], arrays["vertices"]
    if not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError("a face names a vertex that it doesn't have")
    return arrays


@dataclass(frozen=True)
class AssetPart:
    """A part of an asset that is labelled by itself: the faces of some of its materials.

    Attributes:
        name: as the scan's file has it; unique in the asset.
        class_name: its label.
        materials: their numbers, which no other part has.
    """

    name: str
    class_name: str
    materials: tuple[int, ...]


@dataclass(frozen=True)
class AssetMeta:
    """What is known of an asset without loading its arrays.

    Attributes:
        asset_id: unique in its library, ``class_name/stem-xxxxxxxx``; also its folder below the library.
        class_name: the label.
        extents_m: (3,) size of the bounding box.
        triangles: number of faces.
        materials: see :class:`Material`.
        source: ``file``, ``sha256`` and where given ``license``, ``author``, ``url``.
        intake: how it was taken in: unit, up, scale, what was repaired.
        keypoints: named points by name, metres, asset frame.
        skeleton: pairs of names of keypoints that belong together, for drawing.
        symmetries: turns that leave it as it was.
        parts: of it that are labelled by themselves; faces may belong to none.
    """

    asset_id: str
    class_name: str
    extents_m: tuple[float, float, float]
    triangles: int
    materials: tuple[Material, ...]
    source: dict[str, str] = field(default_factory=dict)
    intake: dict[str, Any] = field(default_factory=dict)
    keypoints: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    skeleton: tuple[tuple[str, str], ...] = ()
    symmetries: Symmetries = field(default_factory=Symmetries)
    parts: tuple[AssetPart, ...] = ()

    def to_json(self) -> str:
        """Serialise to indented JSON text. Raises ValueError for numbers that are not finite."""
        described = {"format": FORMAT_VERSION, **asdict(self)}
        for key in (SYMMETRIES, PARTS):
            if not getattr(self, key):
                del described[key]
        return json.dumps(described, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> AssetMeta:
        """Parse :meth:`to_json`'s text. Raises ValueError, KeyError or TypeError on anything else."""
        d = json.loads(text)
        if d.pop("format") != FORMAT_VERSION:
            raise ValueError("written by another version of scanstage")
        materials = tuple(_material(m) for m in d.pop("materials"))
        keypoints = {name: _point(xyz) for name, xyz in d.pop("keypoints", {}).items()}
        skeleton = tuple((str(a), str(b)) for a, b in d.pop("skeleton", ()))
        symmetries = Symmetries.from_json(d.pop(SYMMETRIES)) if SYMMETRIES in d else Symmetries()
        parts = _parts(d.pop(PARTS, ()), len(materials))
        edited = d.pop(EDITED, {})
        d["source"] = d["source"] | edited.get("source", {})
        if edited.get("unit_given"):
            d["intake"] = {k: v for k, v in d["intake"].items() if k != "unit_alternatives"} | {"unit_origin": "given"}
        d |= {"extents_m": tuple(d["extents_m"]), "materials": materials}
        return cls(**d, keypoints=keypoints, skeleton=skeleton, symmetries=symmetries, parts=parts)


def _as_rendered(data: bytes) -> bytes:
    """The file without what pictures don't depend on: JSON keeps the order and every digit of what it holds."""
    if SYMMETRIES.encode() not in data and EDITED.encode() not in data:
        return data
    try:
        described = json.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(described, dict) or not {SYMMETRIES, EDITED} & described.keys():
        return data
    for key in (SYMMETRIES, EDITED):
        described.pop(key, None)
    return json.dumps(described, indent=1).encode("utf-8")


def _material(m: dict[str, Any]) -> Material:
    """A material as JSON has it; its textures lie in the asset's folder, and nowhere else."""
    given: dict[str, Any] = {key: tuple(m[key]) for key in _COLORS if key in m}
    given["texture_transforms"] = tuple(map(_transform, m.get("texture_transforms", ())))
    material = Material(**{**m, **given})
    for name in (getattr(material, key) for key in TEXTURE_KEYS):
        if name is not None and (not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\:\0")):
            raise ValueError(f"{str(name)[:80]!r} is not the name of a texture in the asset's folder")
    return within_range(material)


def _transform(given: dict[str, Any]) -> TextureTransform:
    if given["key"] not in TEXTURE_KEYS or len(given["matrix"]) != 6:
        raise ValueError("a texture's transform is none")
    return TextureTransform(given["key"], tuple(float(v) for v in given["matrix"]))


def _parts(given: Any, materials: int) -> tuple[AssetPart, ...]:
    parts = tuple(AssetPart(str(p["name"]), str(p["class_name"]), tuple(map(int, p["materials"]))) for p in given)
    named = [k for part in parts for k in part.materials]
    if len(set(named)) < len(named) or any(not 0 <= k < materials for k in named):
        raise ValueError("a part names a material that is another's, or that there isn't")
    if len({part.name for part in parts}) < len(parts):
        raise ValueError("two parts have the same name")
    return parts


def _point(xyz: Any) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in xyz)
    return x, y, z


@dataclass(frozen=True)
class Asset:
    """A catalogued asset: metadata now, arrays on demand (:meth:`mesh`)."""

    meta: AssetMeta
    folder: Path

    def mesh(self) -> MeshArrays:
        """Load the arrays. Raises InputError where the file is missing or broken."""
        return MeshArrays.load(self.folder / MESH_FILE)

    def digest(self) -> str:
        """SHA-256 of the metadata's file, without what no picture depends on. Raises OSError.

        So symmetries may be found, and licences and a guessed unit be confirmed, after pictures were made.
        """
        data = read_outside(self.folder / META_FILE, MAX_META_BYTES)
        return hashlib.sha256(_as_rendered(data)).hexdigest()

    @classmethod
    def open(cls, folder: Path) -> Asset:
        """Read the metadata of the asset in ``folder``. Raises InputError where it is missing or broken."""
        path = folder / META_FILE
        try:
            return cls(AssetMeta.from_json(read_outside(path, MAX_META_BYTES).decode("utf-8")), folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            hint = "remove the folder and take the scan in again"
            raise InputError(f"{path}: can't read the asset ({e})", hint) from e


def write_asset(folder: Path, meta: AssetMeta, mesh: MeshArrays, files: dict[str, bytes]) -> Asset:
    """Write a complete asset folder in place.

    Args:
        folder: an existing, empty folder (callers write to a temporary one and rename it).
        meta: metadata; its materials may only name keys of ``files`` as textures.
        mesh: the arrays.
        files: by file name: encoded images (textures, ``thumbnail.jpg``), ``collision.npz``.
    """
    for name, data in files.items():
        (folder / name).write_bytes(data)
    mesh.save(folder / MESH_FILE)
    (folder / META_FILE).write_text(meta.to_json(), "utf-8")
    return Asset(meta, folder)
