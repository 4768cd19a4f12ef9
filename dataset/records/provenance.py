"""What pictures are made of, and whose it is: noted when a run begins, since a library may change or go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

_FREE = ("cc0", "public domain", "pddl")
_CC = "https://creativecommons.org/licenses"


BY_US = "by scanstage"
"""What annotation files of our own pictures say of themselves."""


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


@dataclass(frozen=True)
class License:
    """What a source may be used under.

    Attributes:
        name: as people write it.
        hub: its name on the Hugging Face hub; ``other`` where that has none.
        url: of its text; empty where that isn't known.
    """

    name: str
    hub: str = "other"
    url: str = ""

    @property
    def is_free(self) -> bool:
        """Whether it asks for nothing, so that what is under it goes along with whatever the rest asks for."""
        return self.name.lower().startswith(_FREE)

    @property
    def forbids_commerce(self) -> bool:
        """Whether its name says that what is under it may not be used commercially, as Creative Commons' NC does."""
        words = re.split(r"[^a-z]+", self.name.lower())
        return "nc" in words or "noncommercial" in "".join(words)


_KNOWN = {
    known.hub: known
    for known in (
        License("CC0-1.0", "cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        License("CC BY 4.0", "cc-by-4.0", f"{_CC}/by/4.0/"),
        License("CC BY-SA 4.0", "cc-by-sa-4.0", f"{_CC}/by-sa/4.0/"),
        License("CC BY-NC 4.0", "cc-by-nc-4.0", f"{_CC}/by-nc/4.0/"),
        License("MIT", "mit", "https://opensource.org/license/mit"),
        License("Apache-2.0", "apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    )
}


def license_of(text: str) -> License:
    """The licence that a text names; one of that name alone where it isn't known here."""
    key = "-".join(text.lower().split())
    return _KNOWN.get("cc0-1.0" if key == "cc0" else key) or License(text)


def licenses_of(sources: Iterable[Provenance]) -> tuple[License, ...]:
    """All licences of sources, by name."""
    return tuple(sorted({license_of(s.license) for s in sources if s.license}, key=lambda found: found.name))


def license_number(licenses: Sequence[License], found: License | None) -> dict[str, int]:
    """COCO's ``license`` of a picture, among all of :func:`licenses_of`; nothing where it isn't one of them."""
    return {"license": licenses.index(found) + 1} if found in licenses else {}


def common_license(sources: Iterable[Provenance]) -> License | None:
    """The one licence that covers all sources; None where there are several, or one of the sources has none."""
    known = list(sources)
    if any(not s.license for s in known):
        return None
    found = licenses_of(known)
    asking = [license_ for license_ in found if not license_.is_free] or list(found[:1])
    return asking[0] if len(asking) == 1 else None
