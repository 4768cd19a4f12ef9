"""Who is right where cast and engine differ: as configured, and never silently."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import generated

from scanstage.dataset.records.record import Record
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.finish.finish_picture import label_source
from scanstage.render.finish.lens_resample import through_lens
from scanstage.scenes.config.sections.label_settings import LabelsConfig

SHIFT = 7


class DisplacedEngine(AnalyticEngine):
    """An engine that shows everything a few pixels lower than planned."""

    def render(self, plan, asset_folders, timeout_s):
        passes = super().render(plan, asset_folders, timeout_s)
        ids = np.roll(passes.instance_ids, SHIFT, axis=0)
        ids[:SHIFT] = 0
        return dataclasses.replace(passes, instance_ids=ids)


def run(tmp_path: Path, library: Path, source: str, kind: type[AnalyticEngine], distortion: str = "null"):
    config = tmp_path / "toys.yaml"
    config.write_text(
        f"images: 2\nassets: {{library: {library}, classes: [box, ball]}}\nlabels: {{source: {source}}}\n"
        f"camera: {{resolution: [160, 120], distortion: {distortion}}}\n"
        "output: {instances: true, depth: true}\n"
    )
    return generated(config, GenerateOptions(out=tmp_path / "out"), AnalyticEngines(kind))


@pytest.mark.parametrize("source", ["auto", "cast"])
def test_a_difference_fails_the_picture(tmp_path: Path, toy_library: Path, source: str) -> None:
    summary = run(tmp_path, toy_library, source, DisplacedEngine)
    assert summary.done == 0
    assert all("instance" in reason for _, reason in summary.failed)


def test_the_engine_may_be_the_label(tmp_path: Path, toy_library: Path) -> None:
    summary = run(tmp_path, toy_library, "engine", DisplacedEngine)
    assert summary.failed == []
    record = Record.from_json(summary.folder.record(0).read_text())
    assert record.label_source == "engine"
    assert min(a.iou for a in record.agreement if a.cast_px > 100) < 0.95  # and the record says how far apart they are
    for instance in record.instances:
        mask, amodal = instance.mask.decode(), instance.mask_amodal.decode()
        assert (amodal | ~mask).all()
        x, y, w, h = instance.bbox_xywh
        ax, ay, aw, ah = instance.bbox_amodal_xywh
        assert ax <= x
        assert ay <= y
        assert ax + aw >= x + w
        assert ay + ah >= y + h
        assert 0 < instance.visible_fraction <= 1


def test_auto_trusts_the_engine_with_clear_scans_alone() -> None:
    expected = {"auto": ("cast", "engine"), "cast": ("cast", "cast"), "engine": ("engine", "engine")}
    for source, (opaque, cut_out) in expected.items():
        labels = LabelsConfig.model_validate({"source": source})
        assert label_source(labels, see_through=False) == opaque
        assert label_source(labels, see_through=True) == cut_out


class StrayEngine(AnalyticEngine):
    """An engine that still shows an object of another picture, in a corner where the plan has none."""

    def render(self, plan, asset_folders, timeout_s):
        passes = super().render(plan, asset_folders, timeout_s)
        ids = passes.instance_ids.copy()
        ids[:2, :2] = 999
        return dataclasses.replace(passes, instance_ids=ids)


@pytest.mark.parametrize("source", ["auto", "cast", "engine"])
def test_what_nobody_planned_fails_the_picture(tmp_path: Path, toy_library: Path, source: str) -> None:
    summary = run(tmp_path, toy_library, source, StrayEngine)
    assert summary.done == 0
    assert all("instance 999: 4 px" in reason for _, reason in summary.failed)


def test_a_clear_scan_does_not_hide_a_picture_that_is_wrong(
    tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanstage.render.executors.local.picture_pipeline.PicturePipeline._is_clear", lambda *_: True)
    summary = run(tmp_path, toy_library, "auto", DisplacedEngine)
    assert summary.done == 0
    assert all("can't be there" in reason for _, reason in summary.failed)


@pytest.mark.parametrize("shift", [0, SHIFT])
def test_a_lens_that_puts_the_picture_beside_its_labels_fails_it(
    tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    """Cast and engine agree before the lens; what goes wrong behind it is found there."""

    def through_a_wrong_lens(*args):
        seen = through_lens(*args)
        return dataclasses.replace(seen, instance_ids=np.roll(seen.instance_ids, shift, axis=0))

    monkeypatch.setattr("scanstage.render.finish.finish_picture.through_lens", through_a_wrong_lens)
    summary = run(tmp_path, toy_library, "auto", AnalyticEngine, "{k1: -0.1}")
    if shift:
        assert summary.done == 0
        assert all("behind the lens" in reason for _, reason in summary.failed)
    else:
        assert summary.failed == []
