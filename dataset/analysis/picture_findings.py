"""What a person would want to look at: pictures with something odd about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable

TINY_PX = 16
"""Longer side of a box below which a detector has little to go by."""
DARK, DARK_SHARE = 0.06, 0.6
BRIGHT, BRIGHT_SHARE = 0.9, 0.35
BLURRED = 0.6
AGREE = 0.99
FINDINGS = {
    "near_duplicate": "nearly the same as another picture",
    "too_dark": f"too dark: mean below {DARK}, or {DARK_SHARE:.0%} black",
    "too_bright": f"too bright: mean above {BRIGHT}, or {BRIGHT_SHARE:.0%} white",
    "blurred": f"blurred: blur above {BLURRED}",
    "no_label": "objects, but not one label",
    "tiny_labels": f"tiny labels only: none of {TINY_PX} px at its longer side",
    "low_agreement": f"cast and engine agree less than usual: a mask IoU below {AGREE}",
}
"""By name, what it says. All of them are hints: a picture may be meant to be like that."""


def picture_findings(table: DatasetTable, duplicates: Mapping[int, Sequence[int]]) -> dict[int, list[str]]:
    """Names of FINDINGS by the index of pictures that have any.

    Args:
        table: of the dataset, with measures of pixels where there are.
        duplicates: see :func:`near_duplicates.near_duplicates`.
    """
    longest = np.zeros(len(table.pictures))
    sides = np.maximum(table.label_numbers["width_px"], table.label_numbers["height_px"])
    np.maximum.at(longest, table.label_picture, sides)
    found: dict[int, list[str]] = {}
    for place, picture in enumerate(table.pictures):
        n = picture.numbers
        is_so = {
            "near_duplicate": picture.index in duplicates,
            "too_dark": n.get("brightness", 1.0) < DARK or n.get("clipped_dark", 0.0) > DARK_SHARE,
            "too_bright": n.get("brightness", 0.0) > BRIGHT or n.get("clipped_bright", 0.0) > BRIGHT_SHARE,
            "blurred": n.get("blur", 0.0) > BLURRED,
            "no_label": longest[place] == 0 and picture.placed.total() > 0,
            "tiny_labels": 0 < longest[place] < TINY_PX,
            "low_agreement": n.get("agreement", 1.0) < AGREE,
        }
        if names := [name for name, so in is_so.items() if so]:
            found[picture.index] = names
    return found
