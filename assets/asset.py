"""The neutral form of a scan: plain arrays, images and JSON that any Blender builds in milliseconds.

On disk an asset is one folder::

    <folder>/asset.json     metadata and material descriptions (:class:`AssetMeta`)
    <folder>/mesh.npz       the arrays of :class:`MeshArrays`, uncompressed
    <folder>/*.png, *.jpg   textures named by the materials, and ``thumbnail.jpg``

Frame of an asset: right-handed, Z up, metres, origin at the centre of the base (x, y at the middle of the bounding box,
z = 0 at its lowest vertex; a flat sheet lies in the middle of a plate of 0.6 % of its extent). The mesh stored here is
at once the mesh that is cast for labels and the one rendered.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assets.errors import InputError

FORMAT_VERSION = 1
META_FILE = "asset.json"
MESH_FILE = "mesh.npz"


@dataclass(frozen=True)
class Material:
    """A metallic-roughness PBR material (glTF 2.0 terms). Colours are linear RGB(A) in 0..1.

    ``*_texture`` are file names in the asset's folder; the base colour and emissive images are sRGB, the others are
    data. ``metallic_roughness_texture`` holds roughness in G and metallic in B, as in glTF. Factors multiply textures.
    ``vertex_colors``: multiply the base colour by the mesh's ``vertex_color``.
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
            with np.load(path, allow_pickle=False) as z:
                return cls(**{k: z[k] for k in z.files})
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as e:
            raise InputError(f"{path}: can't read the asset's mesh ({e})", "take the scan in again") from e


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

    def to_json(self) -> str:
        """Serialise to indented JSON text."""
        return json.dumps({"format": FORMAT_VERSION, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> AssetMeta:
        """Parse :meth:`to_json`'s text. Raises ValueError, KeyError or TypeError on anything else."""
        d = json.loads(text)
        if d.pop("format") != FORMAT_VERSION:
            raise ValueError("written by another version of scanstage")
        materials = tuple(
            Material(**{**m, "base_color": tuple(m["base_color"]), "emissive": tuple(m["emissive"])})
            for m in d.pop("materials")
        )
        keypoints = {name: _point(xyz) for name, xyz in d.pop("keypoints", {}).items()}
        skeleton = tuple((str(a), str(b)) for a, b in d.pop("skeleton", ()))
        d |= {"extents_m": tuple(d["extents_m"]), "materials": materials}
        return cls(**d, keypoints=keypoints, skeleton=skeleton)


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

    @classmethod
    def open(cls, folder: Path) -> Asset:
        """Read the metadata of the asset in ``folder``. Raises InputError where it is missing or broken."""
        path = folder / META_FILE
        try:
            return cls(AssetMeta.from_json(path.read_text("utf-8")), folder)
        except (OSError, ValueError, KeyError, TypeError) as e:
            mend = "remove the folder and take the scan in again"
            raise InputError(f"{path}: can't read the asset ({e})", mend) from e


def write_asset(folder: Path, meta: AssetMeta, mesh: MeshArrays, files: dict[str, bytes]) -> Asset:
    """Write a complete asset folder in place.

    Args:
        folder: an existing, empty folder (callers write to a temporary one and rename it).
        meta: metadata; its materials may only name keys of ``files`` as textures.
        mesh: the arrays.
        files: encoded images by file name (textures, ``thumbnail.jpg``).
    """
    for name, data in files.items():
        (folder / name).write_bytes(data)
    mesh.save(folder / MESH_FILE)
    (folder / META_FILE).write_text(meta.to_json(), "utf-8")
    return Asset(meta, folder)
