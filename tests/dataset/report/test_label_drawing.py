"""Labels drawn into pictures: each kind in its own style, tags inside and apart."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scanstage.dataset.labels.instances import Instance, Rle
from scanstage.dataset.labels.poses import KeypointLabel
from scanstage.dataset.report.label_drawing import DroppedMark, class_colors, draw_labels
from scanstage.dataset.report.label_font import label_font
from scanstage.dataset.report.name_tags import NameTags

COLORS = class_colors(["ball"])
GREY = np.full((120, 160, 3), 100, np.uint8)


def label(**changes: object) -> Instance:
    mask = np.zeros((120, 160), bool)
    mask[30:80, 40:100] = True
    rle = Rle.encode(mask)
    box = (40, 30, 60, 50)
    return Instance(**{**_base(box, rle), **changes})  # type: ignore[arg-type]


def _base(box: tuple[int, int, int, int], rle: Rle) -> dict[str, object]:
    return {
        "instance_id": 1,
        "class_name": "ball",
        "asset_id": "ball/toy",
        "bbox_xywh": box,
        "bbox_amodal_xywh": box,
        "mask": rle,
        "mask_amodal": rle,
        "area_px": 3000,
        "visible_fraction": 1.0,
        "truncated_fraction": 0.0,
    }


def drawn(*labels: Instance, **others: object) -> np.ndarray:
    return draw_labels(GREY, labels, COLORS, **others)  # type: ignore[arg-type]


def changed(image: np.ndarray) -> np.ndarray:
    return (image != GREY).any(axis=-1)


def test_the_input_is_left_alone() -> None:
    before = GREY.copy()
    drawn(label())
    assert np.array_equal(GREY, before)


def test_ignored_ones_are_hatched_in_a_dashed_box() -> None:
    proper, ignored = drawn(label()), drawn(label(ignore=True))
    inside = (slice(45, 75), slice(45, 95))
    assert len(np.unique(proper[inside].reshape(-1, 3), axis=0)) == 1  # an even tint
    assert len(np.unique(ignored[inside].reshape(-1, 3), axis=0)) == 2  # stripes
    color = np.array(COLORS["ball"])
    right = (proper[40:70, 99] == color).all(axis=-1)
    dashed = (ignored[40:70, 99] == color).all(axis=-1)
    assert right.all()
    assert 0.3 < dashed.mean() < 0.8


def test_dropped_ones_are_marked_but_not_tinted() -> None:
    image = drawn(dropped=[DroppedMark((40, 60, 60, 40), "ball: min_pixels 3")])
    touched = changed(image)
    assert touched[60, 40:100].all()
    assert not touched[65:98, 45:95].any()
    assert (np.ptp(image.astype(int), axis=-1) == 0).all()  # greys alone


@pytest.mark.parametrize(("flag", "filled"), [(2, True), (1, False)])
def test_keypoints_are_dots_or_rings(flag: int, filled: bool) -> None:
    point = KeypointLabel("nose", (120.5, 90.5), flag, (0.0, 0.0, 1.0))  # beside the mask
    image = drawn(label(keypoints=(point,)))
    assert changed(image)[86:95, 116:125].any()
    assert changed(image)[90, 120] == filled


def test_points_outside_or_behind_are_not_drawn() -> None:
    points = (KeypointLabel("a", (120.5, 90.5), 0, (0, 0, 1.0)), KeypointLabel("b", None, 0, (0, 0, -1.0)))
    assert np.array_equal(drawn(label(keypoints=points)), drawn(label()))


def test_skeletons_join_points() -> None:
    ends = tuple(KeypointLabel(n, (x, 100.5), 2, (0, 0, 1.0)) for n, x in (("a", 20.5), ("b", 140.5)))
    bare = drawn(label(keypoints=ends))
    joined = drawn(label(keypoints=ends), skeletons={"ball/toy": [("a", "b"), ("a", "absent")]})
    assert not changed(bare)[100, 40:120].any()
    assert changed(joined)[100, 40:120].all()


def test_everything_scales() -> None:
    assert drawn(label(), scale=0.5).shape == (60, 80, 3)
    assert drawn(label(), scale=2.0).shape == (240, 320, 3)


def test_tags_stay_inside_and_apart() -> None:
    picture = Image.new("RGB", (160, 120))
    tags = NameTags(ImageDraw.Draw(picture), picture.size)
    for box in ((40, 30, 100, 80), (42, 31, 100, 80), (44, 32, 100, 80), (150, 2, 159, 9), (0, 110, 5, 119)):
        tags.put(box, "ball", (255, 255, 255), (0, 0, 0))
    taken = tags._taken
    for i, a in enumerate(taken):
        assert a[0] >= 0
        assert a[2] <= 160
        assert a[1] >= 0
        assert a[3] <= 120
        for b in taken[:i]:
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


@pytest.mark.parametrize("text", ["ü", "Ø", "ж", "λ"])
def test_names_are_written_in_the_letters_that_people_have(text: str) -> None:
    """A font without a letter draws the same box for all of them."""
    font = label_font(11)
    assert bytes(font.getmask(text)) != bytes(font.getmask("\U000f0000"))


def test_tags_do_not_hide_a_crowd() -> None:
    """Of many labels the small ones have no tag, and are drawn as ever otherwise."""
    small = np.zeros((120, 160), bool)
    small[60:70, 60:70] = True
    one = label(mask=Rle.encode(small), bbox_xywh=(60, 60, 10, 10))
    above = (slice(45, 59), slice(50, 90))
    assert (draw_labels(GREY, [one], COLORS)[above] != 100).any()
    assert (draw_labels(GREY, [one] * 26, COLORS)[above] == 100).all()
    assert (draw_labels(GREY, [one] * 26, COLORS)[60:70, 60:70] != 100).any()
