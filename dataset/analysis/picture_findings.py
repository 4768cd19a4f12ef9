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
    "other_labels": "nearly the same as another picture, but with other labels: one of both has the wrong file",
    "near_duplicate": "nearly the same as another picture",
    "too_dark": f"too dark: mean below {DARK}, or {DARK_SHARE:.0%} black",
    "too_bright": f"too bright: mean above {BRIGHT}, or {BRIGHT_SHARE:.0%} white",
    "blurred": f"blurred: blur above {BLURRED}",
    "no_label": "objects, but not one label",
    "tiny_labels": f"tiny labels only: none of {TINY_PX} px at its longer side",
    "low_agreement": f"cast and engine agree less than usual: a mask IoU below {AGREE}",
}
"""By name, what it says. But for the first all are hints: a picture may be meant to be like that."""
WEIGHTS = {"other_labels": 8, "too_dark": 4, "too_bright": 4, "no_label": 3, "low_agreement": 3, "blurred": 2}
"""How much a finding says about a picture; 1 where it isn't named."""


def picture_findings(table: DatasetTable, duplicates: Mapping[int, Sequence[int]]) -> dict[int, list[str]]:
    """Names of FINDINGS by the index of pictures that have any.

    Args:
        table: of the dataset, with measures of pixels where there are.
        duplicates: see :func:`near_duplicates.near_duplicates`.
    """
    longest = np.zeros(len(table.pictures))
    sides = np.maximum(table.label_numbers["width_px"], table.label_numbers["height_px"])
    np.maximum.at(longest, table.label_picture, sides)
    held = {p.index: tuple(counts) for p, counts in zip(table.pictures, table.counts.tolist(), strict=True)}
    found: dict[int, list[str]] = {}
    for place, picture in enumerate(table.pictures):
        n = picture.numbers
        contradicts = any(held[i] != held[picture.index] for i in duplicates.get(picture.index, ()))
        is_so = {
            "other_labels": contradicts,
            "near_duplicate": picture.index in duplicates and not contradicts,
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
