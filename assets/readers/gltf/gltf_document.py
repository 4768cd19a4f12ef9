"""glTF 2.0 containers: JSON, buffers, accessors and images, read with every offset checked.

Our own, because trimesh's reader decodes every texture while it loads (their bytes are lost, and an image bomb goes
off) and resolves external files through a resolver that follows ``..``.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_BLANK_VERTICES, MAX_JSON_VALUES
from scanstage.assets.raw_scans.scan_folder import ScanFolder

_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_JSON_CHUNK, _BIN_CHUNK = 0x4E4F534A, 0x004E4942
_MAX_ELEMENTS = 100_000_000
# What geometry can't be read without; other extensions only add to a file that is valid without them.
_COMPRESSED = {"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"}
_UNDERSTOOD = {
    "KHR_texture_transform", "KHR_materials_pbrSpecularGlossiness", "KHR_materials_unlit", "KHR_mesh_quantization",
    "EXT_texture_webp", "KHR_materials_transmission", "KHR_materials_ior", "KHR_materials_volume",
    "EXT_mesh_gpu_instancing", "KHR_node_visibility", "KHR_texture_basisu", "KHR_materials_clearcoat",
    "KHR_materials_sheen", "KHR_materials_anisotropy", "KHR_materials_emissive_strength", "KHR_materials_specular",
}  # fmt: skip


class CompressedError(InputError):
    """The geometry is compressed in a way that only Blender can read."""


class GltfDocument:
    """One parsed file: ``json`` and typed access to what its buffers hold.

    Args:
        data: the file.
        folder: that it lies in.
        compressed: don't raise CompressedError: its meshes are not going to be read.
    """

    def __init__(self, data: bytes, folder: ScanFolder, compressed: bool = False) -> None:
        self.folder = folder
        self.json, self.binary = parse_gltf(data)
        self._check_extensions(compressed)
        self._buffers: dict[int, bytes | memoryview] = {}
        self._images: dict[tuple[str, Any], bytes | None] = {}
        self._image_bytes = 0

    def _check_extensions(self, compressed: bool) -> None:
        required = set(self.json.get("extensionsRequired", []))
        if (found := required & _COMPRESSED) and not compressed:
            raise CompressedError(f"its meshes are compressed ({', '.join(sorted(found))})", _DECOMPRESS)
        for name in sorted(required - _UNDERSTOOD - found):
            self.folder.note("extension", f"requires {name}", "goes on without it")

    def items(self, key: str) -> list[dict[str, Any]]:
        """The list ``key`` of the document; empty where absent."""
        value = self.json.get(key, [])
        return value if isinstance(value, list) else []

    def item(self, key: str, index: Any) -> dict[str, Any]:
        """Entry ``index`` of the list ``key``. Raises InputError where there is none."""
        entries = self.items(key)
        if not isinstance(index, int) or not 0 <= index < len(entries) or not isinstance(entries[index], dict):
            raise InputError(f"names {key}[{index}], which it doesn't have")
        return entries[index]

    def _buffer(self, index: int) -> bytes | memoryview:
        if index not in self._buffers:
            uri = self.item("buffers", index).get("uri")
            if uri is None:
                if self.binary is None:
                    raise InputError(f"buffer {index} has no data")
                self._buffers[index] = self.binary
            else:
                data = self._uri(str(uri), "buffer")
                if data is None:
                    raise InputError(f"its buffer {str(uri)[:80]!r} is missing", "copy it into the scan's folder")
                self._buffers[index] = data
        return self._buffers[index]

    def _uri(self, uri: str, kind: str) -> bytes | None:
        if not uri.startswith("data:"):
            return self.folder.read(unquote(uri), kind)
        head, _, payload = uri.partition(",")
        try:
            return base64.b64decode(payload) if head.endswith(";base64") else unquote(payload).encode("latin-1")
        except (binascii.Error, ValueError) as e:
            raise InputError(f"a {kind} inside the file can't be decoded ({e})") from e

    def _view(self, index: Any) -> tuple[bytes | memoryview, int, int, int]:
        """(buffer, offset, length, stride) of a buffer view."""
        view = self.item("bufferViews", index)
        buffer = self._buffer(_count(view.get("buffer", 0)))
        offset, length = _count(view.get("byteOffset", 0)), _count(view.get("byteLength", 0))
        if offset + length > len(buffer):
            raise InputError("the file is cut off: a buffer view reaches beyond its buffer")
        return buffer, offset, length, _count(view.get("byteStride", 0))

    def declared(self, index: Any) -> tuple[int, int]:
        """How many elements an accessor has, by the JSON alone, and how many of them no byte of the file stands for."""
        entry = self.item("accessors", index)
        count = _count(entry.get("count", 0))
        return count, 0 if "bufferView" in entry else count

    def accessor(self, index: Any) -> npt.NDArray[np.generic]:
        """(count, width) values in their stored type. Raises InputError."""
        a = self.item("accessors", index)
        try:
            kind, width = np.dtype(_COMPONENTS[a["componentType"]]), _WIDTHS[a["type"]]
        except (KeyError, TypeError) as e:
            raise InputError(f"accessor {index} has no known type") from e
        count = _count(a.get("count", 0))
        if count * width > _MAX_ELEMENTS:
            raise InputError(f"accessor {index} declares {count:,} elements")
        if "bufferView" in a:
            values = self._strided(a["bufferView"], _count(a.get("byteOffset", 0)), count, width, kind)
        else:
            if count > MAX_BLANK_VERTICES:
                raise InputError(f"declares {count:,} values without any data (at most {MAX_BLANK_VERTICES:,})")
            values = np.zeros((count, width), kind)
        if sparse := a.get("sparse"):
            self._patch(values, sparse, width, kind)
        return values

    def _strided(self, view: Any, start: int, count: int, width: int, kind: np.dtype[Any]) -> npt.NDArray[np.generic]:
        buffer, offset, length, stride = self._view(view)
        row = width * kind.itemsize
        stride = stride or row
        if count and (stride < row or start + (count - 1) * stride + row > length):
            raise InputError("the file is cut off: an accessor reaches beyond its buffer view")
        if not count:
            return np.zeros((0, width), kind)
        return np.ndarray((count, width), kind, buffer, offset + start, (stride, kind.itemsize)).copy()

    def _patch(self, values: npt.NDArray[np.generic], sparse: Any, width: int, kind: np.dtype[Any]) -> None:
        try:
            count, where, what = _count(sparse["count"]), sparse["indices"], sparse["values"]
            if count > len(values):
                raise InputError("a sparse accessor replaces more elements than its base has")
            index_kind = np.dtype(_COMPONENTS[where["componentType"]])
            index = self._strided(where["bufferView"], _count(where.get("byteOffset", 0)), count, 1, index_kind)
            patch = self._strided(what["bufferView"], _count(what.get("byteOffset", 0)), count, width, kind)
        except (KeyError, TypeError) as e:
            raise InputError("a sparse accessor is incomplete") from e
        rows = np.asarray(index.ravel(), dtype=np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(values)):
            raise InputError("a sparse accessor names an element that its base doesn't have")
        values[rows] = patch

    def floats(self, index: Any) -> npt.NDArray[np.float64]:
        """The accessor as float64, normalised integers scaled to 0..1 or -1..1 (section 3.6.2.2)."""
        values = self.accessor(index)
        result = values.astype(np.float64)
        if self.item("accessors", index).get("normalized") and values.dtype.kind in "iu":
            result = np.maximum(result / float(np.iinfo(str(values.dtype)).max), -1.0)
        return result

    def image(self, index: Any, instead: str | None = None) -> bytes | None:
        """Encoded bytes of an image; None (with a finding) where its file is missing.

        With ``instead`` those of that file, which is named as the image's own is (a path, not a URI).
        """
        entry = self.item("images", index)
        view, uri = entry.get("bufferView"), str(entry.get("uri", ""))
        place = ("file", instead) if instead is not None else ("uri", uri) if view is None else ("view", view)
        if place not in self._images:
            if instead is not None:
                self._images[place] = self.folder.read(instead, "texture")
            elif view is not None:
                buffer, offset, length, _ = self._view(view)
                self._image_bytes += length
                if self._image_bytes > sum(map(len, self._buffers.values())):
                    raise InputError("its images overlap", "export it again")
                self._images[place] = bytes(buffer[offset : offset + length])
            else:
                self._images[place] = self._uri(uri, "texture") if uri else None
        return self._images[place]

    def image_name(self, index: Any) -> tuple[str, bool]:
        """The path of an image's file, and True; of one inside this file the name that it is given there, and False."""
        entry = self.item("images", index)
        uri = str(entry.get("uri", ""))
        outside = bool(uri) and "bufferView" not in entry and not uri.startswith("data:")
        return (unquote(uri), True) if outside else (str(entry.get("name", "")), False)


_DECOMPRESS = "export it without mesh compression (Blender: File > Export > glTF, Compression off)"


def parse_gltf(data: bytes) -> tuple[dict[str, Any], memoryview | None]:
    """The JSON of a glTF or GLB, and the binary chunk of the latter. Raises InputError for anything else."""
    text, binary = _split(data)
    if sum(text.count(sign) for sign in (b",", b"[", b"{")) > MAX_JSON_VALUES:
        raise InputError(f"its JSON holds more than {MAX_JSON_VALUES:,} values", "export it with binary buffers")
    try:
        document = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as e:
        raise InputError(f"is not glTF: its JSON can't be read ({e})") from e
    if not isinstance(document, dict) or not str(document.get("asset", {}).get("version", "")).startswith("2"):
        raise InputError("is not glTF 2.0", "convert it with Blender: import it there and export it as GLB")
    return document, binary


def _split(data: bytes) -> tuple[bytes, memoryview | None]:
    """JSON text and binary chunk of a GLB, or the text of a .gltf."""
    if data[:4] != b"glTF":
        return data, None
    if len(data) < 20:
        raise InputError("the file is cut off")
    _, version, total = struct.unpack_from("<III", data)
    if version != 2 or total > len(data):
        raise InputError("the file is cut off, or is not GLB version 2")
    whole = memoryview(data)
    at, text, binary = 12, None, None
    while at + 8 <= total:
        length, kind = struct.unpack_from("<II", data, at)
        if at + 8 + length > total:
            raise InputError("the file is cut off: a chunk reaches beyond its end")
        chunk = whole[at + 8 : at + 8 + length]
        if kind == _JSON_CHUNK and text is None:
            text = bytes(chunk)
        elif kind == _BIN_CHUNK and binary is None:
            binary = chunk
        at += 8 + length
    if text is None:
        raise InputError("is a GLB without a JSON chunk")
    return text, binary


def extension_of(item: dict[str, Any], name: str) -> dict[str, Any]:
    """What an extension says of a part of the document; empty where it says nothing."""
    value = item.get("extensions", {}).get(name, {})
    return value if isinstance(value, dict) else {}


def numbers(value: Any, count: int) -> npt.NDArray[np.float64]:
    """(count,) of a list of the document. Raises InputError where it has another length."""
    if not isinstance(value, list) or len(value) != count:
        raise InputError(f"holds something else where a list of {count} numbers belongs")
    return np.array(value, dtype=np.float64).reshape(count)


def _count(value: Any) -> int:
    """A non-negative integer of the document. Raises InputError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"holds {str(value)[:40]!r} where a count or offset belongs")
    return value
