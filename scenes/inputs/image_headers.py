"""What photos and environment images say of themselves before a pixel is decoded: bounds on what decoding may take.

A few bytes can claim any number of pixels. OpenCV, Blender and Cycles believe them and allocate; so what they are given
has been looked at here. All functions raise ValueError, worded to follow the file's name.
"""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import dataclass, field
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 160_000_000
"""More than a medium-format camera's 151 million or a panorama's 16,384 x 8,192."""
MAX_SIDE = 65_535
_PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
_RGBA = 4

_EXR_MAGIC = b"\x76\x2f\x31\x01"
_EXR_DEEP, _EXR_PARTS = 0x800, 0x1000
_EXR_PARTS_AT_MOST, _EXR_ATTRIBUTES, _EXR_NAME, _EXR_CHANNELS_BYTES = 64, 1000, 256, 100_000
_EXR_OFFSET = 8  # bytes that a file has for each chunk of pixels

_RADIANCE_HEADER = 65_536
_RADIANCE_SIZE = re.compile(rb"[-+][XY] {1,8}(\d{1,7}) {1,8}[-+][XY] {1,8}(\d{1,7})\s{0,8}\n")


def check_photo(file: BinaryIO) -> tuple[int, int]:
    """Check a JPEG, PNG, WebP, TIFF or BMP file, and what its format can tell of its wholeness.

    Returns width and height in pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large images, which are bounded here, and of broken tags
        try:
            with Image.open(file, formats=_PHOTO_FORMATS) as image:
                _check_size(image.width, image.height)
                image.verify()
                return image.size
        except Image.DecompressionBombError:
            raise ValueError(f"more than {MAX_PIXELS:,} pixels") from None
        except UnidentifiedImageError:
            raise ValueError("can't be read as an image (it is none of a known kind, or broken)") from None
        except Exception as e:  # Pillow's decoders raise whatever they like on broken files
            raise ValueError(f"can't be read as an image ({e})") from None


def check_hdri(file: BinaryIO, size: int) -> tuple[int, int]:
    """Check an OpenEXR or a Radiance file of ``size`` bytes, whatever its name ends with.

    Returns width and height in pixels.
    """
    start = file.read(8)
    if start.startswith(_EXR_MAGIC):
        return _check_exr(file, start, size)
    if start.startswith(b"#?"):
        return _check_radiance(start + file.read(_RADIANCE_HEADER))
    raise ValueError("not an OpenEXR or Radiance HDR image")


def _check_size(width: int, height: int) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise ValueError(f"{width} x {height} px, expected at most {MAX_PIXELS:,} pixels and {MAX_SIDE:,} a side")


def _check_radiance(start: bytes) -> tuple[int, int]:
    end = start.find(b"\n\n")
    found = _RADIANCE_SIZE.match(start, end + 2) if end >= 0 else None
    if found is None:
        raise ValueError("not a Radiance HDR image: its header doesn't say how large it is")
    size = int(found[2]), int(found[1])  # rows come first
    _check_size(*size)
    return size


@dataclass
class _ExrPart:
    """What the header of one part claims."""

    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    channels: int = 0
    tile: tuple[int, int] | None = None

    def values(self) -> int:
        """Numbers in all channels together, of which there are four in Blender's memory at least."""
        width, height = self.sizes["dataWindow"]
        return width * height * max(self.channels, _RGBA)

    def chunks(self) -> int:
        """Chunks that the file has to have, at least."""
        width, height = self.sizes["dataWindow"]
        across, down = self.tile or (width, 256)
        return -(-width // across) * -(-height // down)


def _check_exr(file: BinaryIO, start: bytes, size: int) -> tuple[int, int]:
    (version,) = struct.unpack("<I", start[4:])
    if version & _EXR_DEEP:
        raise ValueError("a deep OpenEXR image has no pixels to look up")
    parts: list[_ExrPart] = []
    while (part := _exr_part(file)) is not None:
        parts.append(part)
        if len(parts) > _EXR_PARTS_AT_MOST:
            raise ValueError(f"an OpenEXR image of more than {_EXR_PARTS_AT_MOST} parts")
        if not version & _EXR_PARTS:
            break
    if not parts:
        raise ValueError("an OpenEXR image without a header")
    values = sum(part.values() for part in parts)
    if values > _RGBA * MAX_PIXELS:
        raise ValueError(f"{values:,} numbers in all channels, expected at most {_RGBA * MAX_PIXELS:,}")
    if (chunks := sum(part.chunks() for part in parts)) * _EXR_OFFSET > size:
        raise ValueError(f"cut short: {size:,} bytes can't hold the {chunks:,} pieces that its header tells of")
    return parts[0].sizes["dataWindow"]


def _exr_part(file: BinaryIO) -> _ExrPart | None:
    """The header of the next part; None after the last."""
    part = _ExrPart()
    for count in range(_EXR_ATTRIBUTES):
        name = _exr_name(file)
        if not name:
            if not count:
                return None
            if "dataWindow" not in part.sizes or "displayWindow" not in part.sizes or not part.channels:
                raise ValueError("an OpenEXR image that doesn't say how large it is")
            return part
        kind = _exr_name(file)
        (length,) = struct.unpack("<i", _exactly(file, 4))
        if length < 0:
            raise ValueError(f"an OpenEXR image whose {name} has {length} bytes")
        if name in ("dataWindow", "displayWindow") and kind == "box2i" and length == 16:
            left, top, right, bottom = struct.unpack("<4i", _exactly(file, 16))
            part.sizes[name] = (right - left + 1, bottom - top + 1)
            _check_size(*part.sizes[name])
        elif name == "channels" and kind == "chlist" and length <= _EXR_CHANNELS_BYTES:
            part.channels = _exr_channels(_exactly(file, length))
        elif name == "tiles" and kind == "tiledesc" and length == 9:
            across, down, _ = struct.unpack("<IIB", _exactly(file, 9))
            _check_size(across, down)
            part.tile = (across, down)
        elif name in ("dataWindow", "displayWindow", "channels", "tiles"):
            raise ValueError(f"an OpenEXR image whose {name} is no {name}")
        else:
            file.seek(length, 1)
    raise ValueError(f"an OpenEXR image with more than {_EXR_ATTRIBUTES} attributes")


def _exr_channels(data: bytes) -> int:
    """How many channels a list has: names that end with a zero, each with 16 bytes after it; an empty one ends it."""
    at = count = 0
    while (end := data.find(b"\0", at)) > at:
        count, at = count + 1, end + 17
    return count


def _exr_name(file: BinaryIO) -> str:
    name = bytearray()
    while (byte := _exactly(file, 1)) != b"\0":
        name += byte
        if len(name) >= _EXR_NAME:
            raise ValueError("not an OpenEXR image: a name in its header has no end")
    return name.decode("latin-1")


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise ValueError("cut short: its header ends before it says how large the image is")
    return data
