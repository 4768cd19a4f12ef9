"""Names in the bytes of a scan that only Blender reads: what may be an image's, and other names in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from scanstage.assets.messages.errors import InputError
from scanstage.assets.readers.blender_copies.usd_names import MAX_NAME, usd_names

USD_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")
IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp", ".webp", ".exr", ".hdr", ".dds", ".psd", ".gif"),
    *(".jp2", ".avif"),
)
_IMAGE_END = re.compile(rb"\.(?:%s)" % b"|".join(s[1:].encode() for s in IMAGE_SUFFIXES), re.IGNORECASE)
_BEFORE_NAME = re.compile(rb'[\x00-\x1f"*?<>|]')
PACKAGE = b"PK\x03\x04"
_FIXED = (b"PXR-USDC", PACKAGE)
_MAX_HITS = 1_000_000


def layer_names(data: bytes, place: PurePosixPath) -> Iterator[str]:
    """Texts of a layer of USD, or of an FBX, that may be names of files. Raises InputError for broken ones."""
    return usd_names(data) if place.suffix.lower() in USD_SUFFIXES else _image_names(data)


def is_fixed(data: bytes) -> bool:
    """Whether names in it can't be changed: binary and packed USD."""
    return data.startswith(_FIXED)


def with_names(data: bytes, renamed: Mapping[str, str]) -> bytes:
    """A text layer of USD, or an FBX, with other names of files."""
    text = data.startswith((b"#usda", b"#sdf"))
    for old, new in renamed.items():
        before, after = (name.encode("utf-8", "surrogateescape") for name in (old, new))
        if text:
            for mark in (b"@@@", b"@"):
                data = data.replace(mark + before + mark, mark + after + mark)
        elif before.startswith(b"/") and len(after) + 2 <= len(before):  # FBX counts characters: "././/skin.png"
            space = len(before) - len(after)
            data = data.replace(before, b"./" * (space // 2) + b"/" * (space % 2) + after)
    return data


def _image_names(data: bytes) -> Iterator[str]:
    """Texts of an FBX that end like an image's name: of each the longest piece without characters that names lack."""
    for number, hit in enumerate(_IMAGE_END.finditer(data)):
        if number >= _MAX_HITS:
            raise InputError(f"names more than {_MAX_HITS:,} images")
        start = max(0, hit.start() - MAX_NAME)
        yield _BEFORE_NAME.split(data[start : hit.end()])[-1].decode("utf-8", "surrogateescape")
