"""Which moment of an animated scan is meant: ``12``, ``0.5s``, ``walk:12``, ``walk:0.5s``."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import shown

FRAMES_A_SECOND = 24
"""glTF counts in seconds; this is what Blender makes of them."""
_LONGEST_SLUG = 40


@dataclass(frozen=True)
class ScanPose:
    """A moment of a clip.

    Attributes:
        text: as a person gave it.
        clip: name of the animation; None is the only one.
        time_s: seconds from the clip's zero.
    """

    text: str
    clip: str | None
    time_s: float

    @classmethod
    def parse(cls, text: str) -> ScanPose:
        """Raises InputError for what is no moment."""
        clip, colon, moment = text.strip().rpartition(":")
        moment = moment.strip().lower()
        number = moment.removesuffix("s")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 <= value < 1e6 or (colon and not clip):
            raise InputError(
                f"{option('pose')} {shown(text)}: expected a frame or seconds, from 0 on",
                f"12 is a frame ({FRAMES_A_SECOND} a second), 0.5s half a second, walk:12 a frame of the clip 'walk'",
            )
        time_s = value if moment.endswith("s") else value / FRAMES_A_SECOND
        return cls(text.strip(), clip or None, time_s)

    @property
    def slug(self) -> str:
        """For names of folders."""
        words = re.sub(r"[^a-z0-9.]+", "-", self.text.lower()).replace(".", "_").strip("-_")
        told = self.text.isascii() and len(words) <= _LONGEST_SLUG  # else another pose may have the same words
        return f"pose-{words}" if told else f"pose-{words[-_LONGEST_SLUG:]}-{_digest(self.text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
