"""Textures of glTF materials: their images, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import TextureTransform
from scanstage.assets.messages.errors import InputError
from scanstage.assets.readers.gltf.gltf_document import GltfDocument, extension_of, numbers
from scanstage.assets.textures.basis_textures import png_of_basis
from scanstage.assets.textures.udim import are_tiles, of_tile
from scanstage.assets.textures.wrapped_textures import REPEATED, Wrap, WrapModes

Floats = npt.NDArray[np.float64]
_FLIP = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, 1.0]])  # between V down, as in glTF, and V up
_WRAPS: dict[Any, Wrap] = {33071: "clamp", 33648: "mirror"}
_TRANSFORM, _BASIS, _WEBP = "KHR_texture_transform", "KHR_texture_basisu", "EXT_texture_webp"


class GltfTextures:
    """Textures by the references of materials; ``images`` grows along, by names that they return."""

    def __init__(self, document: GltfDocument) -> None:
        self._document = document
        self.images: dict[str, bytes] = {}

    def name(self, info: Any, tile: int | None = None) -> str | None:
        """Key in ``images`` of the image behind a texture reference; of a tile's, where its image is one of several.

        Raises InputError for one that can't be read.
        """
        source = self._source(info)
        if source is None:
            return None
        instead, key = None, f"image{source}"
        if tile is not None:
            own, outside = self._document.image_name(source)
            instead = of_tile(own, tile) if outside and of_tile(own, tile) != own else None
            key = key if instead is None else f"{key}.{tile}"
        if key not in self.images:
            data = self._document.image(source, instead)
            if data is None:
                return None
            self.images[key] = png_of_basis(data, key) if data.startswith(b"\xabKTX 20\xbb") else data
        return key

    def are_tiles(self, material: str, info: Any, tiles: Collection[int]) -> bool:
        """Whether the image behind a texture reference is one of several UDIM tiles, by its file's name.

        Args:
            material: for messages.
            info: the reference.
            tiles: in which faces lie.
        """
        source = self._source(info) if isinstance(info, dict) and "index" in info else None
        if source is None:
            return False
        own, outside = self._document.image_name(source)
        folder = self._document.folder

        def is_there(name: str) -> bool:
            try:
                return outside and folder.find(name, "texture", search=False) is not None
            except InputError:  # it leads out
                return False

        def lone(name: str) -> None:
            what = f"{name!r} is named as a UDIM tile, and faces of {material!r} lie in others, which aren't there"
            folder.note("udim", what, "repeats it")

        return are_tiles([own], tiles, is_there, lone)

    def wrap(self, info: Any) -> WrapModes:
        """What is beyond the edges of a texture, along U and V."""
        texture = self._document.item("textures", info.get("index")) if isinstance(info, dict) else {}
        if "sampler" not in texture:
            return REPEATED
        sampler = self._document.item("samplers", texture["sampler"])
        u, v = (_WRAPS.get(sampler.get(key), "repeat") for key in ("wrapS", "wrapT"))
        return u, v

    def bytes_of(self, info: Any, tile: int | None = None) -> bytes | None:
        """The image behind a texture reference, which is to become part of another one."""
        known = set(self.images)
        key = self.name(info, tile)
        if key is None:
            return None
        return self.images[key] if key in known else self.images.pop(key)

    def add(self, name: str, data: bytes) -> str:
        """An image that the document doesn't have, under a name of its own."""
        self.images[name] = data
        return name

    def _source(self, info: Any) -> int | None:
        if not isinstance(info, dict):
            return None
        texture = self._document.item("textures", info.get("index"))
        plain = texture.get("source")  # what the extensions mean for readers that don't know them
        source = extension_of(texture, _WEBP).get("source", plain)
        source = extension_of(texture, _BASIS).get("source") if source is None else source
        if source is None:
            kinds = ", ".join(list(texture.get("extensions", {}))[:5]) or "no source"
            self._document.folder.note(
                "missing texture", f"a texture of an unknown kind ({kinds})", "goes on without it"
            )
        return source


def uv_set_of(info: Any) -> int:
    """Which TEXCOORD a texture reference uses."""
    transform = extension_of(info, _TRANSFORM)
    return int(transform.get("texCoord", info.get("texCoord", 0)))


def moved_uv(info: Any, uv: Floats) -> Floats:
    """(V, 2) UVs, V down, where KHR_texture_transform of a reference puts them."""
    if not extension_of(info, _TRANSFORM):
        return uv
    matrix = _matrix(info)
    return np.asarray(uv @ matrix[:2, :2].T + matrix[:2, 2])


def transform_between(main: Any, other: Any, key: str) -> TextureTransform | None:
    """From the UVs of one texture to those of another of the same set; None where they are the same.

    Raises InputError where the first has none that tell places apart.
    """
    first, second = _matrix(main), _matrix(other)
    if np.array_equal(first, second):
        return None
    if abs(np.linalg.det(first)) < 1e-12:
        raise InputError("a texture's transform makes a line of it", "export it without texture transforms")
    matrix = _FLIP @ second @ np.linalg.inv(first) @ _FLIP
    return TextureTransform(key, tuple(float(v) for v in np.round(matrix[:2].ravel(), 12)))


def _matrix(info: Any) -> Floats:
    """(3, 3): scale, then rotation, then offset, by KHR_texture_transform."""
    transform = extension_of(info, _TRANSFORM)
    angle = float(transform.get("rotation", 0.0))
    c, s = math.cos(angle), math.sin(angle)
    (scale_u, scale_v), (u, v) = numbers(transform.get("scale", [1, 1]), 2), numbers(transform.get("offset", [0, 0]), 2)
    return np.array([[c * scale_u, s * scale_v, u], [-s * scale_u, c * scale_v, v], [0.0, 0.0, 1.0]])
