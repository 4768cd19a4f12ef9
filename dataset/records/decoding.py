"""Pictures and maps from their files' bytes, which may be anything.

What a file would take is read from its header and compared with what its record says, before anything is decoded: a
picture of 16384 x 16384 fits into half a megabyte. Of soft masks, which come in layers, one layer is there at a time.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import numpy.typing as npt
import OpenEXR
from PIL import Image

from scanstage.scenes.plan import MOST_PIXELS

Array = npt.NDArray[Any]
Rgb = npt.NDArray[np.uint8]
Size = tuple[int, int]

MOST_LAYERS = 64
"""Of soft masks: a Cryptomatte has 16 objects a pixel at most, a lens mixes four pixels."""
_MOST_CHANNELS = 4
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END_BYTES, _MOST_DIRECTORY_BYTES = 22, 1000
_MEMBERS = {"instance_ids.npy": "u2", "coverage.npy": "u1"}
BROKEN = (ValueError, LookupError, ArithmeticError, cv2.error)
"""What becomes of a record, or a picture, that was changed by hand: it parses, but holds what can't be."""


class OtherSize(ValueError):
    """A file has not the size that its record says."""


@contextlib.contextmanager
def _opened(data: bytes, resolution_wh: Size | None) -> Iterator[Image.Image]:
    """A picture of which only the header has been read. Raises ValueError, OtherSize."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            width, height = image.size
            if resolution_wh is not None and image.size != resolution_wh:
                raise OtherSize(f"is {width} x {height}, its record says {resolution_wh[0]} x {resolution_wh[1]}")
            if width * height > MOST_PIXELS:
                raise ValueError(f"is {width} x {height}, at most {MOST_PIXELS} pixels are opened")
            yield image
    except OtherSize:
        raise
    except Exception as e:  # decoders raise anything on broken files
        raise ValueError(f"can't be decoded ({e})") from e


def picture_mode(data: bytes, resolution_wh: Size) -> str:
    """Pillow's mode (RGB, L …) of a JPEG or PNG, decoded to its last byte. Raises ValueError, OtherSize."""
    with _opened(data, resolution_wh) as image:
        image.load()
        return image.mode


def decode_picture(data: bytes, resolution_wh: Size | None = None) -> Array:
    """Decode a JPEG or PNG to its last byte: (H, W) or (H, W, C).

    Args:
        data: of the file.
        resolution_wh: that it must have; None is any.

    Raises ValueError on anything else, OtherSize where it has another size.
    """
    with _opened(data, resolution_wh) as image:
        image.load()
        return np.asarray(image)


def decode_rgb(data: bytes, resolution_wh: Size) -> Rgb:
    """(H, W, 3) uint8 RGB of a JPEG or PNG, as OpenCV reads it. Raises ValueError, OtherSize."""
    with _opened(data, resolution_wh):
        pass
    raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if raw is None:
        raise ValueError("can't be decoded")
    return np.asarray(cv2.cvtColor(raw, cv2.COLOR_BGR2RGB))


def decode_exr(data: bytes, resolution_wh: Size) -> list[Array]:
    """(H, W) channels, by name, of an OpenEXR file of scan lines. Raises ValueError, OtherSize."""
    try:
        with _path_of(data) as path:
            with OpenEXR.File(path, header_only=True) as file:
                _check_exr([part.header for part in file.parts], resolution_wh)
            with OpenEXR.File(path, separate_channels=True) as file:
                arrays = [channel.pixels for part in file.parts for channel in part.channels.values()]
    except OtherSize:
        raise
    except Exception as e:  # decoders raise anything on broken files
        raise ValueError(f"can't be decoded ({e})") from e
    if not arrays:  # a file that was cut short
        raise ValueError("can't be decoded (its pixels are not all there)")
    return arrays


def _check_exr(headers: list[dict[str, Any]], resolution_wh: Size) -> None:
    if len(headers) != 1 or len(headers[0]["channels"]) > _MOST_CHANNELS:
        raise ValueError("it has more parts or channels than a map")
    if headers[0]["type"] != OpenEXR.scanlineimage:
        raise ValueError("it doesn't hold plain scan lines")
    low, high = headers[0]["dataWindow"]
    width, height = (int(b) - int(a) + 1 for a, b in zip(low, high, strict=True))
    if (width, height) != resolution_wh:
        raise OtherSize(f"is {width} x {height}, its record says {resolution_wh[0]} x {resolution_wh[1]}")


@contextlib.contextmanager
def _path_of(data: bytes) -> Iterator[str]:
    """A path to some bytes, for a library that reads nothing else: in memory where the system can."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        with os.fdopen(os.memfd_create("map"), "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.TemporaryDirectory(prefix="scanstage-map-") as folder:
        path = Path(folder) / "map.exr"
        path.write_bytes(data)
        yield str(path)


def soft_mask_layers(data: bytes, resolution_wh: Size) -> Iterator[tuple[npt.NDArray[np.uint16], Rgb]]:
    """(H, W) instance ids and coverage of each layer of soft masks (:func:`map_files.soft_masks_npz`).

    Raises ValueError, OtherSize.
    """
    try:
        _check_directory(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive, contextlib.ExitStack() as stack:
            if sorted(archive.namelist()) != sorted(_MEMBERS):
                raise OtherSize("holds no instance_ids and coverage of the same shape")
            if any(info.compress_type not in _COMPRESSIONS for info in archive.infolist()):
                raise ValueError("it is compressed in a way that NumPy doesn't write")
            files = [stack.enter_context(archive.open(name)) for name in _MEMBERS]
            shapes = [_shape(file, kind) for file, kind in zip(files, _MEMBERS.values(), strict=True)]
            layers = _layers(shapes, resolution_wh)
            for _ in range(layers):
                ids, coverage = (
                    _layer(file, kind, resolution_wh) for file, kind in zip(files, _MEMBERS.values(), strict=True)
                )
                yield ids, coverage
            if any(file.read(1) for file in files):
                raise ValueError("it holds more than its header says")
    except OtherSize:
        raise
    except Exception as e:  # zipfile and zlib raise anything on broken files
        raise ValueError(f"can't be decoded ({e})") from e


def _check_directory(data: bytes) -> None:
    """Refuse an archive with a directory larger than two files need: each entry becomes an object when it is read."""
    end = data[-_END_BYTES:]
    directory_bytes = int.from_bytes(end[12:16], "little")
    if end[:4] != b"PK\5\6" or data[-_END_BYTES - 20 : -_END_BYTES][:4] == b"PK\6\7":
        raise ValueError("it isn't an archive as NumPy writes it")
    if directory_bytes > _MOST_DIRECTORY_BYTES:
        raise ValueError(f"its directory has {directory_bytes} bytes, more than two files need")


def _shape(file: IO[bytes], kind: str) -> tuple[int, ...]:
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"is of version {version} of NumPy's format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype != np.dtype(f"<{kind}") or by_columns:
        raise ValueError(f"holds {dtype}, not {np.dtype(kind)}, or goes by columns")
    return tuple(shape)


def _layers(shapes: list[tuple[int, ...]], resolution_wh: Size) -> int:
    width, height = resolution_wh
    if shapes[0] != shapes[1] or len(shapes[0]) != 3:
        raise OtherSize("holds no instance_ids and coverage of the same shape")
    if shapes[0][1:] != (height, width):
        raise OtherSize(f"has the shape {shapes[0]}, the picture is {height} rows of {width}")
    if not 1 <= shapes[0][0] <= MOST_LAYERS:
        raise OtherSize(f"has {shapes[0][0]} layers, 1 to {MOST_LAYERS} can be")
    return shapes[0][0]


def _layer(file: IO[bytes], kind: str, resolution_wh: Size) -> Array:
    width, height = resolution_wh
    dtype = np.dtype(f"<{kind}")
    data = file.read(math.prod(resolution_wh) * dtype.itemsize)
    if len(data) != math.prod(resolution_wh) * dtype.itemsize:
        raise ValueError("its pixels are not all there")
    return np.frombuffer(data, dtype).reshape(height, width)
