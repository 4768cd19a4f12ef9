"""Labels, and which pictures are kept, don't depend on the engine: the plan and its cast decide both."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import generated

from scanstage.dataset.records.record import Record
from scanstage.render.bookkeeping.run_options import GenerateOptions

IMAGES = 4


class CoverageEngine(AnalyticEngine):
    """An engine whose pass tells what covers most of a pixel: some pixels of every outline are another's."""

    def render(self, plan, asset_folders, timeout_s):
        passes = super().render(plan, asset_folders, timeout_s)
        ids = passes.instance_ids.copy()
        edge = ids[:, 1:-1] != ids[:, 2:]
        ids[:, 1:-1][edge & (np.arange(len(ids))[:, None] % 8 == 0)] = 0
        return dataclasses.replace(passes, instance_ids=ids)


def records(tmp_path: Path, library: Path, engine: str, engines: AnalyticEngines) -> list[Record]:
    config = tmp_path / "toys.yaml"
    config.write_text(
        f"images: {IMAGES}\nassets: {{library: {library}, classes: [box, ball]}}\nobjects: {{count: 4}}\n"
        f"camera: {{resolution: [320, 240]}}\nrender: {{engine: {engine}}}\n"
        "labels: {min_visible_fraction: 0.3, min_pixels: 60}\n"
    )
    summary = generated(config, GenerateOptions(out=tmp_path / engine), engines)
    assert summary.failed == []
    return [Record.from_json(summary.folder.record(i).read_text()) for i in range(IMAGES)]


def test_eevee_gets_the_labels_of_cycles(tmp_path: Path, toy_library: Path) -> None:
    by_cycles = records(tmp_path, toy_library, "cycles", AnalyticEngines())
    by_eevee = records(tmp_path, toy_library, "eevee", AnalyticEngines(CoverageEngine))
    assert sum(len(r.instances) for r in by_cycles) > IMAGES
    for cycles, eevee in zip(by_cycles, by_eevee, strict=True):
        assert eevee.plan == cycles.plan
        assert eevee.instances == cycles.instances
        assert eevee.unlabelled == cycles.unlabelled
        assert eevee.agreement != cycles.agreement  # the engines did see different edges
