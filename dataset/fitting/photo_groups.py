"""Photos that belong together: nearly the same picture, or nearly the same labels, as of one scene in several lights.

They are no independent evidence, and must not stand on both sides of a split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.near_duplicates import near_duplicates

SAME_BOX = 0.7
"""Overlap (intersection over union) of the middling box of two photos of one scene."""
MOST_COMPARED = 3000
"""Of more photos than these labels aren't compared."""


def photo_groups(table: DatasetTable, hashes: Mapping[int, int]) -> npt.NDArray[np.int64]:
    """(P,) number of the group of each photo.

    Args:
        table: of the photos.
        hashes: see :func:`picture_measures.picture_hash`, by the photos' index.
    """
    place = {picture.index: row for row, picture in enumerate(table.pictures)}
    pairs = [(place[a], place[b]) for a, others in near_duplicates(hashes).items() for b in others]
    if len(table.pictures) <= MOST_COMPARED:
        pairs += _same_labels(table)
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    size = len(table.pictures)
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def split_groups(groups: Sequence[int] | npt.NDArray[np.int64], share: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    """(P,) which photos are kept out: whole groups, about a share of the photos; none where one group is nearly all."""
    rng = np.random.default_rng(seed)
    names, sizes = np.unique(np.asarray(groups), return_counts=True)
    wanted, held = share * sizes.sum(), []
    for k in rng.permutation(len(names)):
        if sizes[k] <= wanted + 0.5:
            held.append(names[k])
            wanted -= sizes[k]
    if len(held) == len(names):
        held = []
    return np.isin(np.asarray(groups), held)


def _same_labels(table: DatasetTable) -> list[tuple[int, int]]:
    """Pairs of photos with the same classes in nearly the same places."""
    n = table.label_numbers
    boxes = np.stack([n["x_px"], n["y_px"], n["x_px"] + n["width_px"], n["y_px"] + n["height_px"]], axis=1)
    first = np.searchsorted(table.label_picture, np.arange(len(table.pictures) + 1))
    by_kind: dict[tuple[object, ...], list[int]] = {}
    for row, picture in enumerate(table.pictures):
        kind = (picture.resolution_wh, tuple(table.counts[row].tolist()))
        if first[row + 1] > first[row]:
            by_kind.setdefault(kind, []).append(row)
    pairs = []
    for rows in by_kind.values():
        sorted_boxes = []
        for row in rows:
            part = slice(first[row], first[row + 1])
            order = np.lexsort((boxes[part, 0], table.label_class[part]))
            sorted_boxes.append(boxes[part][order])
        for i in range(len(rows)):
            for j in range(i + 1, len(rows)):
                if np.median(_overlap(sorted_boxes[i], sorted_boxes[j])) >= SAME_BOX:
                    pairs.append((rows[i], rows[j]))
    return pairs


def _overlap(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(L,) intersection over union of boxes, one by one."""
    shared = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(axis=1)
    found: npt.NDArray[np.float64] = shared / (
        (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared
    )
    return found
