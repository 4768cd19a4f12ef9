"""Configs that the docs show, whole or in part: each is loaded as a config is, and so is what its comments offer."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.doc_blocks import PAGES, ROOT, Block, blocks

import scanstage
from scanstage.assets.raw_scans.keypoint_files import read_keypoints
from scanstage.scenes.config.sections.run_config import RunConfig

BLOCKS = [block for page in PAGES for block in blocks(page) if block.language in ("yaml", "yml")]
BASE = {"variables": {"time": {"choice": ["day", "night"]}}}
"""What a part of a config is put into, where it doesn't say the same itself."""
OTHER_FILES = {
    "YOLO's data.yaml": {"path", "train", "val", "test", "nc", "names", "kpt_shape", "flip_idx"},
    "a photo's own facts": {"horizon", "height_m", "floor"},
    "a calibration": {"fx", "fy", "cx", "cy", "width", "height", "image_width", "image_height", "camera_matrix",
                      "distortion_model", "distortion_coefficients", "camera_name"},
    "a manifest": {"apiVersion", "kind", "metadata", "spec"},
}  # fmt: skip
POINTS = {"keypoints", "skeleton", "symmetries"}
_OFFER = re.compile(r"^(\s*)# (\w+: .*)$", re.MULTILINE)


def variants(text: str) -> Iterator[str]:
    """A config, and what it is with each of the lines that comments offer in the place of the one with the same key."""
    yield text
    for offer in _OFFER.finditer(text):
        indent, line = offer[1], offer[2]
        key = line.partition(":")[0]
        own = re.compile(rf"^{indent}{key}: .*$", re.MULTILINE)
        if own.search(text):
            yield own.sub(lambda _, at=indent, new=line: at + new, text, count=1)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_config_is_one(block: Block, tmp_path: Path) -> None:
    data = yaml.safe_load(block.text)
    assert isinstance(data, dict), "a block of YAML holds a mapping"
    if data.keys() <= POINTS:
        (tmp_path / "scan.keypoints.yaml").write_text(block.text, "utf-8")
        read_keypoints(tmp_path / "scan.keypoints.yaml")
        return
    if not data.keys() & RunConfig.model_fields.keys() and any(data.keys() <= keys for keys in OTHER_FILES.values()):
        return
    for text in variants(block.text):
        given = {**BASE, **yaml.safe_load(text)}
        calibration = given.get("camera", {}).get("intrinsics") if isinstance(given.get("camera"), dict) else None
        if isinstance(calibration, str):  # the one file that is read with the config
            (file := tmp_path / calibration).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "configs/cameras/machine_vision.yaml", file)
        scanstage.load_config(given, base=tmp_path)


@pytest.mark.parametrize("wrong", ["camera: {fov: 50}", "images: many", "colour: red", "stage: {kind: roof}"])
def test_a_wrong_config_is_found(wrong: str, tmp_path: Path) -> None:
    with pytest.raises((scanstage.InputError, AssertionError)):
        test_a_config_is_one(Block(Path("page.md"), 1, "yaml", "", wrong), tmp_path)


def test_offers_are_tried() -> None:
    text = "balance:\n  target: uniform\n  # target: {owl: 3}   # counts\n"
    assert [yaml.safe_load(t)["balance"]["target"] for t in variants(text)] == ["uniform", {"owl": 3}]
    assert sum(1 for b in BLOCKS for _ in variants(b.text)) >= len(BLOCKS) + 4


def test_every_example_is_named() -> None:
    page = (ROOT / "docs/guide/configs.md").read_text("utf-8")
    assert not [p.name for p in (ROOT / "configs").glob("*.yaml") if f"configs/{p.name}" not in page]
