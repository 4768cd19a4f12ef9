"""The font of labels: one that has the letters of most names, where Pillow's own has those of English alone."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@functools.cache
def label_font(size: int) -> Font:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic and more; ``size`` in pixels."""
    found = importlib.util.find_spec("matplotlib")
    for folder in found.submodule_search_locations or () if found else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size=size)
