"""What the photos' own files say of their cameras: the field of view, and how hard they were compressed."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.backplates.photo_facts import photo_facts

MOST_KINDS = 8
"""So many different values are named with their shares; of more, the range that they lie in."""
SEEN_IN = 0.5
"""Share of the photos that have to say it."""
EXIF_KEYS = ("camera.fov_deg", "output.quality")


def from_files(key: str, paths: Iterable[Path]) -> Any:
    """What a config is to say of one of EXIF_KEYS: a constant, shares of values, or the range.

    ``camera.fov_deg`` follows from EXIF's focal length for 35 mm film, ``output.quality`` from JPEG's quantisation
    tables (of libjpeg's scale).

    Raises InputError for another key, and where too few photos say it.
    """
    if key not in EXIF_KEYS:
        raise InputError(f"fit.fixed: {key}: photos' files don't say it", f"they may say {' and '.join(EXIF_KEYS)}")
    found, total = [], 0
    for path in paths:
        total += 1
        with contextlib.suppress(InputError):
            facts = photo_facts(path)
            if key == "output.quality" and facts.jpeg_quality is not None:
                found.append(float(facts.jpeg_quality))
            elif key == "camera.fov_deg" and facts.focal_px is not None:
                found.append(round(math.degrees(2 * math.atan(facts.size_wh[0] / 2 / facts.focal_px)), 1))
    if len(found) < SEEN_IN * total or not found:
        what = "its focal length (EXIF)" if key == "camera.fov_deg" else "how it was compressed (JPEG)"
        raise InputError(
            f"fit.fixed: {key}: {len(found)} of {total} photos say {what}",
            f"name the value itself, as of a calibration or the camera's data sheet: `fixed: {{{key}: 60}}`",
        )
    return said(found, key == "output.quality")


def said(values: Sequence[float], is_whole: bool = False) -> Any:
    """Values as a config draws them."""
    cast = int if is_whole else float
    shares = Counter(values)
    if len(shares) == 1:
        return cast(values[0])
    if len(shares) <= MOST_KINDS:
        return {"choice": {cast(v): round(n / len(values), 3) for v, n in sorted(shares.items())}}
    low, high = cast(min(values)), cast(max(values))
    return {"integer" if is_whole else "uniform": [low, high]}
