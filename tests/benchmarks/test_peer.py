"""Parts of the benchmarks that others' figures rest on: the plain COCO file, and which pictures count as steady."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gpu import WARM_UP, Moment, counted
from peer_coco import append_picture
from pycocotools.coco import COCO


def test_the_plain_coco_file_grows_and_is_valid(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path, shown = tmp_path / "coco.json", []
    for i in range(3):
        ids = np.repeat(np.repeat(rng.integers(0, 3, (4, 5)), 6, axis=0), 7, axis=1).astype(np.uint16)
        append_picture(path, f"{i}.jpg", ids, {1: "mug", 2: "can" if i else "mug"})
        shown.append(ids)
    coco = COCO(path)
    assert sorted(coco.getImgIds()) == [0, 1, 2]
    assert {c["name"] for c in coco.dataset["categories"]} == {"mug", "can"}
    assert len({a["id"] for a in coco.dataset["annotations"]}) == len(coco.dataset["annotations"])
    for image, ids in enumerate(shown):
        numbers = [n for n in (1, 2) if (ids == n).any()]
        for number, annotation in zip(numbers, coco.loadAnns(coco.getAnnIds([image])), strict=True):
            assert np.array_equal(coco.annToMask(annotation), ids == number)
            assert annotation["area"] == (ids == number).sum()
            x, y, width, height = annotation["bbox"]
            rows, columns = np.nonzero(ids == number)
            assert (x, y, x + width, y + height) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert json.loads(path.read_text())["annotations"][0]["iscrowd"] == 0


def test_only_pictures_between_warm_up_and_drain_count() -> None:
    # Worker 1 starts at once, worker 2 after 10 s; then each needs 2 s a picture.
    moments = sorted(
        [Moment(2.0 * i, 1, i) for i in range(1, 20)] + [Moment(10 + 2.0 * i, 2, i) for i in range(1, 15)],
        key=lambda m: m.when,
    )
    found = counted(moments, 2)
    assert found[0].when == 10 + 2 * WARM_UP
    assert found[-1].when == moments[-2].when
    assert (found[-1].when - found[0].when) / (len(found) - 1) == pytest.approx(1.0, rel=0.15)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="pictures"):
        counted([Moment(float(i), i % 2, 0.0) for i in range(2 * WARM_UP)], 2)
