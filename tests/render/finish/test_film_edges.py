from __future__ import annotations

import numpy as np
import pytest

from scanstage.render.engine.passes import Passes
from scanstage.render.finish.film_edges import with_clean_edges

HEIGHT, WIDTH, EDGE = 24, 32, 16
COLOR, BEHIND, SHADOW = np.array([0.6, 0.3, 0.1], np.float32), np.float32(0.35), np.float32(0.4)


def covered_right_of_the_middle() -> np.ndarray:
    covered = np.zeros((HEIGHT, WIDTH), np.float32)
    covered[:, EDGE:] = 1
    covered[:, EDGE] = 0.5
    return covered


def rendered(shadow: float = 0.0) -> Passes:
    """As an engine of three samples and a denoiser gives it: radiance smoothed, alpha of whole thirds."""
    covered = covered_right_of_the_middle()
    alpha = covered + (1 - covered) * np.float32(shadow)
    thirds = np.random.default_rng(1).binomial(3, 0.5, HEIGHT) / 3
    alpha[:, EDGE] = thirds + (1 - thirds) * shadow
    radiance = covered[..., None] * COLOR
    radiance[:, EDGE - 1] = 0.1 * COLOR  # what the denoiser spreads
    return Passes(radiance.astype(np.float32), alpha, (covered > 0.4).astype(np.uint16))


def composed(passes: Passes) -> np.ndarray:
    return passes.radiance + (1 - passes.alpha[..., None]) * BEHIND


@pytest.mark.parametrize("shadow", [0.0, 0.4])
def test_no_seam_is_darker_or_lighter_than_object_and_photo(shadow: float) -> None:
    covered = covered_right_of_the_middle()[..., None]
    true = covered * COLOR + (1 - covered) * (1 - np.float32(shadow)) * BEHIND
    assert np.abs(composed(rendered(shadow)) - true).max() > 0.05, "as it comes from the engine it has one"
    assert np.abs(composed(with_clean_edges(rendered(shadow), covered[..., 0])) - true).max() < 0.03


def test_a_photo_behind_objects_of_its_own_colour_hides_them() -> None:
    grey = rendered()
    grey = Passes(covered_right_of_the_middle()[..., None] * np.full(3, BEHIND), grey.alpha, grey.instance_ids)
    seen = composed(with_clean_edges(grey, covered_right_of_the_middle()))
    assert np.abs(seen - BEHIND).max() < 1e-3


def test_inside_and_outside_nothing_changes() -> None:
    before = rendered(0.4)
    after = with_clean_edges(before, covered_right_of_the_middle())
    for columns in (slice(0, EDGE - 1), slice(EDGE + 1, None)):
        assert np.array_equal(after.radiance[:, columns], before.radiance[:, columns])
        assert np.array_equal(after.alpha[:, columns], before.alpha[:, columns])
