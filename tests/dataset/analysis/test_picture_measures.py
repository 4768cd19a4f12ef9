from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.tables import table

from scanstage.dataset.analysis.near_duplicates import near_duplicates
from scanstage.dataset.analysis.picture_findings import FINDINGS, picture_findings
from scanstage.dataset.analysis.picture_measures import MEASURED_EDGE_PX, Pixels, picture_hash, picture_measures, shrunk


def scene(seed: int, shape: tuple[int, int] = (240, 320)) -> Pixels:
    """Rectangles of any colours: sharp edges, and something in each part."""
    rng = np.random.default_rng(seed)
    picture = np.full((*shape, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(40):
        x, y, w, h = (rng.integers(0, shape[1]), rng.integers(0, shape[0]), *rng.integers(10, 90, 2))
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), rng.integers(0, 255, 3).tolist(), -1)
    return picture


def flat(rgb: tuple[int, int, int]) -> Pixels:
    return np.full((60, 80, 3), rgb, np.uint8)


def test_known_colours() -> None:
    red = picture_measures(flat((255, 0, 0)))
    assert red["brightness"] == pytest.approx(0.2126, abs=1e-3)
    assert (red["saturation"], red["warmth"], red["contrast"]) == pytest.approx((1, 1, 0), abs=1e-6)
    white, black = picture_measures(flat((255, 255, 255))), picture_measures(flat((3, 3, 3)))
    assert (white["clipped_bright"], white["clipped_dark"]) == (1, 0)
    assert (black["clipped_bright"], black["clipped_dark"]) == (0, 1)
    assert np.isnan(white["blur"]), "where nothing is there is no blur"


def test_blur_is_told_from_noise_and_exposure() -> None:
    sharp = scene(1)
    values = [picture_measures(cv2.GaussianBlur(sharp, (0, 0), s) if s else sharp)["blur"] for s in (0, 1, 2, 4)]
    assert values == sorted(values)
    assert values[-1] > values[0] + 0.3
    dark = picture_measures((sharp * 0.4).astype(np.uint8))
    assert dark["blur"] == pytest.approx(values[0], abs=0.05)
    assert dark["brightness"] == pytest.approx(0.4 * picture_measures(sharp)["brightness"], abs=0.01)


def test_sizes_compare() -> None:
    large = cv2.resize(scene(2), (1280, 960), interpolation=cv2.INTER_CUBIC)
    assert max(shrunk(large, MEASURED_EDGE_PX).shape) == MEASURED_EDGE_PX
    assert picture_measures(large)["brightness"] == pytest.approx(picture_measures(scene(2))["brightness"], abs=0.01)
    assert picture_measures(np.full((3, 2, 3), 9, np.uint8))["brightness"] > 0


def test_the_same_picture_again_is_found_among_others() -> None:
    pictures = {i: scene(i) for i in range(30)}
    done, jpeg = cv2.imencode(".jpg", pictures[4], [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert done
    pictures[77] = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
    noise = np.random.default_rng(0).normal(0, 6, pictures[4].shape)
    pictures[78] = np.clip(pictures[4] + noise, 0, 255).astype(np.uint8)
    found = near_duplicates({i: picture_hash(p) for i, p in pictures.items()})
    assert found == {4: [77, 78], 77: [4, 78], 78: [4, 77]}
    assert near_duplicates({}) == {}


def test_findings() -> None:
    box = (10.0, 10.0, 30.0, 30.0)
    made = table(
        [[("owl", box)], [("owl", (1, 1, 9, 9))], [], [("owl", box)], [("owl", box)], [("owl", box)], []],
        numbers=[
            {"brightness": 0.5, "blur": 0.4, "agreement": 0.999},
            {},
            {},
            {"brightness": 0.01, "blur": 0.9},
            {"clipped_bright": 0.5, "agreement": 0.9},
            {},
            {},
        ],
    )
    made.pictures[2].placed["owl"] = 1  # something lies there, and has no label; in the last there is nothing
    found = picture_findings(made, {5: [0], 3: [4], 0: [6]})
    assert found == {
        0: ["other_labels"],
        1: ["tiny_labels"],
        2: ["no_label"],
        3: ["near_duplicate", "too_dark", "blurred"],
        4: ["too_bright", "low_agreement"],
        5: ["near_duplicate"],
    }
    assert {name for names in found.values() for name in names} == set(FINDINGS)
