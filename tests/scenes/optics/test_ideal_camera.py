"""Labels from the engine's own pass: whatever it shows, they stay consistent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.sight.visibility import Silhouette, Visibility, with_engine_ids

H, W = 30, 40
Mask = npt.NDArray[np.bool_]


def silhouette(instance_id: int, amodal: Mask, modal: Mask, outside: int = 0) -> Silhouette:
    box = pixel_box(amodal)
    window = box or (0, 0, 0, 0)
    x, y, w, h = window
    part = np.s_[y : y + h, x : x + w]
    return Silhouette(instance_id, window, amodal[part], modal[part], outside, box)


def disc(x: float, y: float, radius: float) -> Mask:
    v, u = np.indices((H, W)) + 0.5
    return np.asarray(np.hypot(u - x, v - y) < radius)


NEAR, FAR = disc(15, 15, 8), disc(24, 15, 7)
IDS = np.where(NEAR, 1, np.where(FAR, 2, 0)).astype(np.uint16)
SEEN = Visibility(
    IDS,
    1.0,
    (silhouette(1, NEAR, NEAR), silhouette(2, FAR, FAR & ~NEAR), silhouette(3, FAR & NEAR & ~NEAR, FAR & NEAR & ~NEAR)),
    {1: {}, 2: {1: int((FAR & NEAR).sum())}, 3: {}},
)


def moved() -> npt.NDArray[np.uint16]:
    """Everything lies 6 px lower than the cast has it."""
    return np.roll(IDS, 6, axis=0)


def swapped() -> npt.NDArray[np.uint16]:
    """What the cast has behind is in front, and the third, that it doesn't see at all, is there."""
    ids = np.where(FAR, 2, np.where(NEAR, 1, 0)).astype(np.uint16)
    ids[0:2, 38:40] = 3
    return ids


def whole(part: Mask, window: tuple[int, int, int, int]) -> Mask:
    full = np.zeros((H, W), bool)
    x, y, w, h = window
    full[y : y + h, x : x + w] = part
    return full


@pytest.mark.parametrize("ids", [IDS, moved(), swapped(), np.zeros_like(IDS), IDS + np.uint16(7)])
def test_labels_follow_the_engine_and_stay_consistent(ids: npt.NDArray[np.uint16]) -> None:
    seen = with_engine_ids(SEEN, ids)
    for before, s in zip(SEEN.silhouettes, seen.silhouettes, strict=True):
        modal, amodal = whole(s.modal, s.window_xywh), whole(s.amodal, s.window_xywh)
        np.testing.assert_array_equal(modal, ids == s.instance_id)
        np.testing.assert_array_equal(modal, seen.instance_ids == s.instance_id)
        np.testing.assert_array_equal(amodal, whole(before.amodal, before.window_xywh) | modal)
        if amodal.any():
            assert s.amodal_box_xywh == pixel_box(amodal)
        hidden = int((amodal & ~modal).sum())
        assert sum(seen.covered_by[s.instance_id].values()) == hidden
    assert set(np.unique(seen.instance_ids)) <= {0, 1, 2, 3}


def test_what_agrees_changes_nothing() -> None:
    seen = with_engine_ids(SEEN, IDS)
    assert seen.covered_by == SEEN.covered_by
    for before, after in zip(SEEN.silhouettes, seen.silhouettes, strict=True):
        assert before.window_xywh == after.window_xywh
        np.testing.assert_array_equal(before.amodal, after.amodal)
