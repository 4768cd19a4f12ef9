"""A dataset for pages: two cameras, maps, keypoints, ignored labels, distractors, a lens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.analytic_engine import AnalyticEngines
from support.toy_runs import generated

from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.report_page.build_report import Report, build_report, place_of_images
from scanstage.render.bookkeeping.run_options import GenerateOptions

CONFIG = """
name: pages
images: 14
seed: 2
variables: {time: {choice: [day, night]}}
assets: {library: %s, classes: {box: 1, ball: {switch: {by: time, cases: {night: 2}, default: 0.2}}}}
objects: {count: {integer: [2, 5]}, placement: {kind: drop, density: 0.5}}
labels: {per_class: {ball: {min_visible_fraction: 0.95, on_violation: ignore}}}
camera: {resolution: [160, 120], fov_deg: 50, distortion: {k1: -0.2}}
light: {hdri: {image: {choice: ["builtin:studio", "builtin:forest"]}, place: any}}
output: {depth: true}
"""


@pytest.fixture(scope="session")
def paged(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset's folder."""
    folder = tmp_path_factory.mktemp("paged")
    library = folder / "library"
    shutil.copytree(toy_library, library)
    meta = library / "box" / "toy" / "asset.json"
    points = {"low": [-0.05, -0.04, 0.0], "high": [0.05, 0.04, 0.06]}
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"keypoints": points, "skeleton": [["low", "high"]]}))
    path = folder / "pages.yaml"
    path.write_text(CONFIG % library)
    summary = generated(path, GenerateOptions(out=folder / "pages"), AnalyticEngines())
    assert not summary.failed
    return summary.folder.root


@pytest.fixture(scope="session")
def raw_records(paged: Path) -> list[dict[str, Any]]:
    """Its records as JSON has them."""
    return [json.loads(p.read_text()) for p in sorted((paged / "records").glob("*.json"))]


@pytest.fixture(scope="session")
def report(paged: Path) -> Report:
    """Its report, as a file in the dataset's own folder would be."""
    images = place_of_images(paged, paged / "__overview__" / "report.html")
    return build_report(open_dataset(paged), str(paged), images=images)
