from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from support.toy_runs import CONFIG, run, toy_config


@pytest.mark.parametrize("stage", ["table", "bin"])
def test_a_stage_is_seen_before_a_flat_colour(
    stage: str, toy_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in for Blender paints all surfaces grey: black is what was taken away afterwards."""
    config = toy_config(CONFIG, toy_library, monkeypatch, tmp_path)
    root = run(config, overrides=(f"stage.kind={stage}", "background.kind=color", "images=1")).folder.root
    record = json.loads((Path(str(root)) / "records" / "000000.json").read_text())
    picture = cv2.imread(str(Path(str(root)) / "images" / "000000.jpg"))
    objects = [
        coco_mask.decode({"size": i["mask"]["size_hw"], "counts": i["mask"]["counts"].encode()})
        for i in record["instances"]
    ]
    beside = ~np.any(objects, axis=0)
    assert np.median(picture[beside]) > 10
