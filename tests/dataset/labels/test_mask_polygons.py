"""Polygons are filled by others, and have to give the mask back pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_mask

from scanstage.dataset.labels.instances import Rle
from scanstage.dataset.labels.mask_polygons import Polygon, one_polygon, outlines, polygons
from scanstage.dataset.labels.rle_mask import RunMask

Mask = npt.NDArray[np.bool_]


def runs(mask: Mask) -> RunMask:
    code = Rle.encode(mask)
    return RunMask.read(code.size_hw, code.counts)


def filled(found: list[Polygon], shape: tuple[int, ...]) -> Mask:
    """What pycocotools makes of them: all of them together."""
    height, width = shape
    flat = [p.ravel().astype(float).tolist() for p in found]
    return np.asarray(coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, height, width)))).astype(bool)


def blobs(seed: int, shape: tuple[int, int] = (60, 80)) -> Mask:
    """Pieces with holes, pieces in holes, pixels that touch at corners, parts at the border."""
    rng = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), rng.uniform(0.6, 4))
    return np.asarray(smooth > np.quantile(smooth, rng.uniform(0.2, 0.8)))


@pytest.mark.parametrize("seed", range(40))
def test_polygons_give_the_mask_back(seed: int) -> None:
    mask = blobs(seed)
    found = polygons(runs(mask))
    np.testing.assert_array_equal(filled(found, mask.shape), mask)
    count = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
    assert len(found) == count


@pytest.mark.parametrize("seed", range(40))
def test_one_polygon_gives_the_mask_back(seed: int) -> None:
    mask = blobs(seed)
    np.testing.assert_array_equal(filled([one_polygon(runs(mask))], mask.shape), mask)


def test_a_mask_of_noise_is_one_polygon_in_no_time() -> None:
    """Thousands of pieces and holes: what searched for the nearest corner of each would never end."""
    mask = np.random.default_rng(0).random((400, 400)) > 0.6
    whole = one_polygon(runs(mask))
    assert len(whole) > 50_000
    np.testing.assert_array_equal(filled([whole], mask.shape), mask)


def test_corners_are_those_of_pixels() -> None:
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:5] = True
    assert [p.tolist() for p in polygons(runs(mask))] == [[[2, 1], [2, 3], [5, 3], [5, 1]]]
    mask[:] = True
    (ring,) = polygons(runs(mask))
    assert ring.min(axis=0).tolist() == [0, 0]
    assert ring.max(axis=0).tolist() == [6, 4]


def test_what_lies_in_a_hole_is_another_piece() -> None:
    mask = np.zeros((20, 20), bool)
    mask[1:19, 1:19] = True
    mask[4:16, 4:16] = False
    mask[6:14, 6:14] = True
    mask[9:11, 9:11] = False
    rings = outlines(runs(mask))
    assert len(rings) == 4
    found = polygons(runs(mask))
    assert len(found) == 2
    np.testing.assert_array_equal(filled(found, mask.shape), mask)
    np.testing.assert_array_equal(filled(found[:1], mask.shape) ^ filled(found[1:], mask.shape), mask)


def test_no_pixels_no_polygon() -> None:
    empty = runs(np.zeros((5, 5), bool))
    assert polygons(empty) == []
    assert one_polygon(empty).shape == (0, 2)
