"""Image files and folders that a config names: found, listed and checked before any picture is planned."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

from PIL import Image

from assets.errors import InputError
from assets.user_folders import expanded

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
HDRI_SUFFIXES = (".exr", ".hdr")
MAX_PIXELS = 16384 * 16384
_HDRI_MAGIC = (b"\x76\x2f\x31\x01", b"#?")


def located(path: Path, base: Path) -> Path:
    """A configured path made absolute: ``~`` is the home folder, relative paths start from ``base``."""
    return (base / expanded(path)).resolve()


@lru_cache(maxsize=256)
def list_images(path: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """The image ``path``, or all images right below the folder ``path``, sorted by name and checked.

    Raises InputError where there is none, or one can't be read.
    """
    if path.is_dir():
        found = tuple(sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes and p.is_file()))
        if not found:
            raise InputError(f"{path}: no image in this folder ({', '.join(suffixes)})")
    elif path.is_file():
        found = (path,)
        if path.suffix.lower() not in suffixes:
            raise InputError(f"{path}: expected one of {', '.join(suffixes)}")
    else:
        raise InputError(f"{path}: no such file or folder", "paths in a config are relative to the config's own folder")
    problems = [text for p in found if (text := _problem(p)) is not None]
    if problems:
        raise InputError(problems, "replace or remove these files")
    return found


def _problem(path: Path) -> str | None:
    try:
        if path.suffix.lower() in HDRI_SUFFIXES:
            with path.open("rb") as f:
                if not f.read(4).startswith(_HDRI_MAGIC):
                    return f"{path}: not an OpenEXR or Radiance HDR image"
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    return f"{path}: {image.width} x {image.height} px is too large"
                image.verify()
    except Exception as e:  # Pillow's decoders raise whatever they like on broken files.
        return f"{path}: can't be read as an image ({e})"
    return None
