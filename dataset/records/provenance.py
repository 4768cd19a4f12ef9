"""What pictures are made of, and whose it is: noted when a run begins, since a library may change or go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Provenance:
    """A scan, an environment image, or photos.

    Attributes:
        kind: ``scan``, ``environment`` or ``photo``.
        name: of the asset, of one of Blender's own images, or of the folder or file that it was taken from.
        class_name: of a scan that is labelled.
        license, author, url: as far as they are known.
        number: of images, where ``name`` is a folder.
    """

    kind: Literal["scan", "environment", "photo"]
    name: str
    class_name: str | None = None
    license: str | None = None
    author: str | None = None
    url: str | None = None
    number: int = 1
