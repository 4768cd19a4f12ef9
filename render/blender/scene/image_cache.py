"""Image datablocks by path and use, loaded once and forgotten when long unused."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import bpy


class MissingFile(Exception):
    """A file that a plan names can't be read; the message says which."""


MAX_BYTES = 4_000_000_000
"""As the coordinator has it, which looks at headers too, just before it asks for a picture."""


class ImageCache:
    """Images by (path, data or colour, alpha). Blender reads the pixels itself, when it renders."""

    def __init__(self) -> None:
        self._images: dict[tuple[str, bool, str], Any] = {}

    def get(self, path: str, data: bool = False, alpha: str = "NONE", check: bool = False) -> Any:
        """The image datablock for ``path``.

        Args:
            path: the file.
            data: numbers rather than sRGB (or, for float formats, linear) colours.
            alpha: Blender's alpha mode: ``NONE`` ignores it, ``CHANNEL_PACKED`` keeps colour and alpha apart.
            check: decode it once to see that it can be read.

        Raises:
            MissingFile: no such file, or with ``check`` one that isn't an image.
        """
        path = str(Path(path).absolute())  # Blender would take it as relative to a .blend file
        key = (path, data, alpha)
        if key not in self._images:
            _check_file(path)
            try:
                image = bpy.data.images.load(path, check_existing=False)
            except RuntimeError as e:
                raise MissingFile(f"{path}: Blender can't read this image ({e})") from e
            if check:
                readable = 0 not in tuple(image.size)
                image.buffers_free()  # Cycles reads the file itself; a second copy in Blender only costs memory
                if not readable:
                    bpy.data.images.remove(image)
                    raise MissingFile(f"{path}: Blender can't read this image")
            if data:
                image.colorspace_settings.name = "Non-Color"
            if not path.lower().endswith((".exr", ".hdr")):
                image.alpha_mode = alpha
            self._images[key] = image
        return self._images[key]

    def release(self, image: Any) -> None:
        """Forget an image and free its datablock, unless some node still shows it."""
        if image.users:
            return
        for key, held in list(self._images.items()):
            if held == image:
                del self._images[key]
        bpy.data.images.remove(image)


def _check_file(path: str) -> None:
    """Blender waits for pipes, and reads devices for ever. Raises MissingFile for what is no file of bounded size."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as e:
        raise MissingFile(f"{path}: no such image file") from e
    if not stat.S_ISREG(found.st_mode):
        raise MissingFile(f"{path}: is no file")
    if found.st_size > MAX_BYTES:
        raise MissingFile(f"{path}: {found.st_size:,} bytes are too many for an image")
