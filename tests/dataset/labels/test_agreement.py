"""Whoever's ids are the label: what the engine shows and what the plan holds can't differ silently."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from scanstage.dataset.labels.agreement import Agreement, compare, disagreements, strays
from scanstage.dataset.labels.cut_out_agreement import cut_out_disagreements
from scanstage.dataset.labels.lens_agreement import compare_behind_lens, lens_disagreements
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.sight.visibility import Silhouette, Visibility

SHAPE = (60, 80)
Mask = npt.NDArray[np.bool_]


def block(x: int, y: int, w: int, h: int) -> Mask:
    mask = np.zeros(SHAPE, bool)
    mask[y : y + h, x : x + w] = True
    return mask


def silhouette(instance_id: int, amodal: Mask, modal: Mask) -> Silhouette:
    window = pixel_box(amodal)
    assert window is not None
    x, y, w, h = window
    part = np.s_[y : y + h, x : x + w]
    return Silhouette(instance_id, window, amodal[part], modal[part], 0, window)


LEAF, BOX = block(10, 10, 30, 30), block(30, 15, 30, 30)  # the leaf hides part of the box
CAST = np.where(LEAF, 1, np.where(BOX, 2, 0)).astype(np.uint16)
SEEN = Visibility(CAST, 1.0, (silhouette(1, LEAF, LEAF), silhouette(2, BOX, BOX & ~LEAF)), {1: {}, 2: {}})


def test_what_alpha_may_do_is_no_disagreement() -> None:
    """Holes in the leaf show the box or nothing; outlines lie a pixel beside."""
    holes = np.indices(SHAPE).sum(axis=0) % 3 == 0
    shown = np.where(LEAF & ~holes, 1, np.where(BOX, 2, 0)).astype(np.uint16)
    assert cut_out_disagreements(SEEN, shown, {1}) == []
    assert cut_out_disagreements(SEEN, np.roll(shown, 1, axis=0), {1}) == []
    gone = np.where(BOX, 2, 0).astype(np.uint16)
    assert cut_out_disagreements(SEEN, gone, {1}) == []


def test_what_alpha_can_not_do_is() -> None:
    moved = np.roll(CAST, 4, axis=0)
    assert {text.partition(":")[0] for text in cut_out_disagreements(SEEN, moved, {1})} == {"instance 1", "instance 2"}
    no_box = np.where(LEAF, 1, 0).astype(np.uint16)
    (text,) = cut_out_disagreements(SEEN, no_box, {1})
    assert text.startswith("instance 2")
    assert cut_out_disagreements(SEEN, no_box, {1, 2}) == [], "the box may be cut away as well"
    larger = np.where(block(6, 10, 34, 30), 1, CAST).astype(np.uint16)
    assert cut_out_disagreements(SEEN, larger, {1, 2}), "alpha never adds"


def test_an_object_that_nobody_planned_is_told() -> None:
    assert strays(CAST, [1, 2]) == []
    (text,) = strays(np.where(block(0, 0, 3, 1), 65535, CAST).astype(np.uint16), [1, 2, 3])
    assert text.startswith("instance 65535: 3 px")


def test_thresholds_are_where_they_are_said_to_be() -> None:
    def problems(iou: float, box_px: int | None, px: int, engine: str = "cycles", labelled: int = 1) -> bool:
        return bool(disagreements((Agreement(1, px, px, iou, box_px),), engine, {labelled}))

    assert problems(0.9799, 0, 100)
    assert not problems(0.98, 1, 100)
    assert problems(1.0, 2, 100)
    assert problems(0.5, 2, 99), "boxes of labels are checked however small they are"
    assert not problems(0.5, 1, 99)
    assert not problems(0.5, 9, 99, labelled=2), "of what has no label only from 100 px on"
    assert problems(0.5, 9, 100, labelled=2)
    assert not problems(0.9, 2, 100, "eevee")
    assert problems(0.8999, 2, 100, "eevee")
    assert problems(1.0, 3, 100, "eevee")
    assert disagreements((Agreement(1, 5, 0, 0.0, None),), "cycles", {1})
    assert not disagreements((Agreement(1, 0, 0, 1.0, None),), "cycles", {1})


def test_a_small_label_behind_the_lens_is_checked_roughly() -> None:
    small = block(20, 20, 6, 5).astype(np.uint16)
    half_beside = np.roll(small, 1, axis=1)
    gone, far = np.zeros_like(small), np.roll(small, 8, axis=1)
    for engine, wrong in ((half_beside, False), (gone, True), (far, True)):
        agreements = compare_behind_lens(small, engine, [1])
        assert bool(lens_disagreements(agreements, {1})) == wrong
        assert not lens_disagreements(agreements, {2})
    tiny = block(20, 20, 5, 3).astype(np.uint16)
    assert not lens_disagreements(compare_behind_lens(tiny, gone, [1]), {1})


def test_compare_counts_both_ways() -> None:
    (a,) = compare(block(0, 0, 10, 10).astype(np.uint16), block(3, 0, 10, 10).astype(np.uint16), [1])
    assert (a.cast_px, a.engine_px, a.box_px) == (100, 100, 3)
    assert a.iou == pytest.approx(70 / 130)
    (empty,) = compare(np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.uint16), [1])
    assert (empty.iou, empty.box_px) == (1.0, None)
