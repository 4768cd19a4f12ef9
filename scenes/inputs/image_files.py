"""Image files and folders that a config names: found, listed and checked before any picture is planned."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.files.outside_files import open_outside, read_outside
from scanstage.assets.files.user_folders import expanded
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import bounded, shown
from scanstage.scenes.inputs.image_headers import check_hdri, check_photo
from scanstage.scenes.plan import FramePlan

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
HDRI_SUFFIXES = (".exr", ".hdr")
MAX_PHOTO_BYTES = 1_000_000_000
MAX_HDRI_BYTES = 4_000_000_000
"""Blender reads them, once for itself and once for Cycles."""
MAX_FILES = 100_000
_REDUCTIONS = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))
_HINT = "replace or remove these files"


def located(path: Path, base: Path) -> Path:
    """A configured path made absolute: ``~`` is the home folder, relative paths start from ``base``.

    Raises InputError where that leads nowhere: links that lead in a circle, a NUL.
    """
    try:
        return (base / expanded(path)).resolve()
    except UnicodeEncodeError:  # the locale's fault, of which the command line tells
        raise
    except (OSError, RuntimeError, ValueError) as e:
        raise InputError(f"{shown(str(path))}: no path of a file ({e})", "give the whole path") from None


@lru_cache(maxsize=256)
def list_images(path: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """The image ``path``, or all images right below the folder ``path``, sorted by name and checked.

    Raises InputError where there is none, or one can't be read.
    """
    try:
        mode = path.stat().st_mode
        found = tuple(sorted(_images_in(path, suffixes))) if stat.S_ISDIR(mode) else (path,)
    except FileNotFoundError:
        hint = "paths in a config are relative to the config's own folder"
        raise InputError(f"{path}: no such file or folder", hint) from None
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})") from None
    if not found:
        raise InputError(f"{path}: no image in this folder ({', '.join(suffixes)})")
    if found[0].suffix.lower() not in suffixes:
        raise InputError(f"{path}: expected one of {', '.join(suffixes)}")
    if problems := [text for p in found if (text := _problem(p)) is not None]:
        raise InputError(bounded(problems), _HINT)
    return found


def hdri_width(path: Path) -> int:
    """Width of an environment image in pixels. Raises InputError where it can't be read."""
    try:
        with open_outside(path, MAX_HDRI_BYTES) as file:
            return check_hdri(file, os.fstat(file.fileno()).st_size)[0]
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})", _HINT) from None
    except ValueError as e:
        raise InputError(f"{path}: {e}", _HINT) from None


def check_images(plan: FramePlan) -> None:
    """Check the images that a plan names, as they are now: what a run found at its start may have been replaced since,
    and a plan out of a record may name anything.

    Raises InputError where one is none of those that a config can name, or can't be read.
    """
    problems = [text for path in dict.fromkeys(_images_of(plan)) if (text := _problem(path)) is not None]
    if problems:
        raise InputError(problems, _HINT)


def read_photo(path: Path, least_px: int | None = None, hint: str = _HINT) -> npt.NDArray[np.uint8]:
    """The pixels of a photo or texture, (H, W, 3) uint8 BGR, checked and decoded from the same bytes.

    Args:
        path: of the file.
        least_px: it may be reduced as long as its longer side keeps so many, where its decoder does that cheaply.
        hint: what to do about a file that can't be read.

    Raises InputError where it can't be.
    """
    try:
        data = read_outside(path, MAX_PHOTO_BYTES)
        size = check_photo(io.BytesIO(data))
        larger = 1.0 if least_px is None else max(size) / least_px
        mode = next((flag for factor, flag in _REDUCTIONS if larger >= factor), cv2.IMREAD_COLOR)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})", hint) from None
    except (ValueError, cv2.error) as e:
        raise InputError(f"{path}: {e}", hint) from None
    if pixels is None:
        raise InputError(f"{path}: can't be read as an image", hint)
    return np.asarray(pixels, np.uint8)


def _images_in(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Whatever is named like an image; what is no file then is told as a mistake, but for folders."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if Path(entry.name).suffix.lower() in suffixes and not entry.is_dir():
                count += 1
                if count > MAX_FILES:
                    raise OSError(errno.EFBIG, f"the folder has more than {MAX_FILES:,} images")
                yield Path(entry.path)


def _images_of(plan: FramePlan) -> Iterator[Path]:
    if plan.world.hdri is not None and not plan.world.hdri.startswith("builtin:"):
        yield Path(plan.world.hdri)
    if plan.background.image is not None:
        yield Path(plan.background.image)
    for material in (*(s.material for s in plan.surfaces), *(o.surface for o in plan.objects)):
        if material is not None and material.image is not None:
            yield Path(material.image)
        if material is not None and material.texture is not None and not material.texture.startswith("builtin:"):
            yield Path(material.texture)


def _problem(path: Path) -> str | None:
    """What is wrong with an image as it is now; looked into once, as long as it stays the same file."""
    try:
        s = path.stat()
    except (OSError, ValueError) as e:
        return f"{path}: can't be read ({getattr(e, 'strerror', None) or e})"
    return _looked_into(path, (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns))


@lru_cache(maxsize=16_384)
def _looked_into(path: Path, state: tuple[int, ...]) -> str | None:
    is_hdri = path.suffix.lower() in HDRI_SUFFIXES
    try:
        with open_outside(path, MAX_HDRI_BYTES if is_hdri else MAX_PHOTO_BYTES) as file:
            if is_hdri:
                check_hdri(file, os.fstat(file.fileno()).st_size)
            else:
                check_photo(file)
    except OSError as e:
        return f"{path}: can't be read ({e.strerror or e})"
    except ValueError as e:
        return f"{path}: {e}"
    return None
