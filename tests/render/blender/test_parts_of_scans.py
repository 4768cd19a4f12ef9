"""Parts change no picture, and what Blender shows of the whole is what the cast's parts add up to."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.toy_car import write_car
from support.toy_runs import run
from support.unit_boxes import WHEEL

from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.raw_scans.reading_choices import PartChoice, ReadingChoices
from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.records.record import Record
from scanstage.render.engine.blender_session import BlenderEngines

pytestmark = [pytest.mark.blender, pytest.mark.skipif(not WHEEL, reason="no bpy wheel in this Python")]

CONFIG = """
name: cars
images: 1
seed: 4
assets: {library: library, classes: [car]}
objects: {count: 2, placement: {kind: upright, density: 0.6}}
stage: {kind: ground}
camera: {resolution: [160, 120], elevation_deg: 25}
labels: {parts: with_whole}
render: {samples: 4}
output: {format: png, instances: true, soft_masks: true}
"""


def rendered(folder: Path, parts: PartChoice | None, glass_alpha: float = 1.0) -> tuple[Path, Record]:
    folder.mkdir()
    options = IntakeOptions("car", reading=ReadingChoices(parts=parts))
    take_in(write_car(folder / "car.glb", glass_alpha), options, folder / "library")
    (folder / "cars.yaml").write_text(CONFIG)
    assert run(folder / "cars.yaml", BlenderEngines(), out=folder / "out").failed == []
    return folder / "out", Record.from_json((folder / "out" / "records" / "000000.json").read_bytes())


@pytest.mark.parametrize("glass_alpha", [1.0, 0.4], ids=["opaque", "blended"])
def test_a_scan_with_parts_looks_as_without(tmp_path: Path, glass_alpha: float) -> None:
    patterns = ["wheel=wheel_*", "window=cabin", "bodywork=body"]
    root, record = rendered(tmp_path / "parts", PartChoice.parse("node", patterns), glass_alpha)
    _, plain = rendered(tmp_path / "plain", None, glass_alpha)
    assert record.image.sha256 == plain.image.sha256
    assert record.agreement == plain.agreement
    assert min(a.iou for a in record.agreement) > 0.98
    wholes = tuple(i for i in record.instances if i.part_of is None)
    assert wholes == plain.instances
    for whole in wholes:
        own = [i.area_px for i in record.instances if i.part_of == whole.instance_id]
        assert sum(own) == whole.area_px, "every face is of a part"
    assert check_dataset(root).findings == ()
