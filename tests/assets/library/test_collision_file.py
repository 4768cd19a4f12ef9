"""Collision parts on disk: read as they were written, absent in older libraries, refused where they are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.library.collision_file import COLLISION_FILE, collision_file, load_collision
from scanstage.assets.messages.errors import InputError

PARTS = [np.random.default_rng(i).normal(size=(4 + i, 3)).astype(np.float32) for i in range(3)]


def test_there_and_back(tmp_path: Path) -> None:
    assert load_collision(tmp_path) == ()
    (tmp_path / COLLISION_FILE).write_bytes(collision_file(PARTS))
    read = load_collision(tmp_path)
    assert len(read) == 3
    assert all(np.array_equal(a, b) for a, b in zip(read, PARTS, strict=True))


def arrays(tmp_path: Path, compressed: bool = False, **given: object) -> bytes:
    save = np.savez_compressed if compressed else np.savez
    good = {"vertices": np.concatenate(PARTS), "sizes": np.array([4, 5, 6], np.int32)}
    save(tmp_path / "made.npz", **(good | given))
    return (tmp_path / "made.npz").read_bytes()


@pytest.mark.parametrize(
    "given",
    [
        {"vertices": np.zeros((15, 3))},
        {"vertices": np.full((15, 3), np.nan, np.float32)},
        {"vertices": np.zeros((14, 3), np.float32)},
        {"vertices": np.array([{}], object)},
        {"sizes": np.array([15, 0, 0], np.int32)},
        {"sizes": np.array([2**31 - 1, 2**31 - 1, 17], np.int32)},
        {"sizes": np.zeros(0, np.int32)},
        {"compressed": True},
    ],
)
def test_broken_files_are_told(tmp_path: Path, given: dict) -> None:
    (tmp_path / COLLISION_FILE).write_bytes(arrays(tmp_path, **given))
    with pytest.raises(InputError, match=COLLISION_FILE):
        load_collision(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.95])
def test_cut_off_files_are_told(tmp_path: Path, share: float) -> None:
    data = collision_file(PARTS)
    (tmp_path / COLLISION_FILE).write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=COLLISION_FILE):
        load_collision(tmp_path)
