"""What belongs together stands on one side."""

from __future__ import annotations

import numpy as np
import pytest
from support.tables import table

from scanstage.dataset.fitting.photo_groups import photo_groups, split_groups

A, B = (10.0, 10.0, 20.0, 20.0), (60.0, 40.0, 15.0, 15.0)
NEAR_A = (11.0, 10.0, 20.0, 21.0)


def test_the_same_labels_are_one_scene() -> None:
    photos = table([[("owl", A), ("mouse", B)], [("mouse", B), ("owl", NEAR_A)], [("owl", B), ("mouse", A)], []])
    groups = photo_groups(photos, {})
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3


def test_photos_without_labels_are_not_one_scene() -> None:
    assert len(set(photo_groups(table([[], [], []]), {}).tolist())) == 3


def test_nearly_the_same_picture_is_one_scene_and_so_is_what_hangs_together() -> None:
    photos = table([[("owl", A)], [("owl", B)], [("mouse", A)], [("mouse", B)]])
    groups = photo_groups(photos, {0: 0b1111 << 40, 1: 0b1111 << 40, 2: 0x0F0F0F0F0F0F0F0F, 3: 2**63 - 1})
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_no_scene_is_on_both_sides(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(30), rng.integers(1, 6, 30))
    held = split_groups(groups, share, seed)
    assert not set(groups[held]) & set(groups[~held])
    assert held.mean() == pytest.approx(share, abs=0.05)
    assert np.array_equal(held, split_groups(groups, share, seed))


def test_one_scene_alone_is_not_split() -> None:
    assert not split_groups([0] * 20, 0.2).any()
