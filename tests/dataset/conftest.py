"""A small finished dataset with everything that a record can hold, made with the analytic engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.analytic_engine import AnalyticEngines
from support.toy_runs import generated

from scanstage.render.bookkeeping.run_options import GenerateOptions

KEYPOINTS = {
    "box": {"low": [-0.05, -0.04, 0.0], "high": [0.05, 0.04, 0.06]},
    "ball": {"top": [0.0, 0.0, 0.08], "middle": [0.0, 0.0, 0.04]},
}
CONFIG = """
name: toys
images: 3
assets: {library: %s, classes: [box, ball]}
objects: {count: 3, placement: {kind: drop, density: 0.6}}
labels: {per_class: {ball: {min_visible_fraction: 0.95, on_violation: ignore}}}
camera: {resolution: [160, 120]}
output: {depth: true, instances: true, semantic: true}
"""


Make = Callable[..., Path]


@pytest.fixture(scope="session")
def keypoint_library(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy library with named points on two assets."""
    library = tmp_path_factory.mktemp("points") / "library"
    shutil.copytree(toy_library, library)
    for name, points in KEYPOINTS.items():
        path = library / name / "toy" / "asset.json"
        meta = json.loads(path.read_text())
        path.write_text(json.dumps(meta | {"keypoints": points, "skeleton": [list(points)]}, indent=1))
    return library


@pytest.fixture(scope="session")
def make_dataset(keypoint_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a dataset in a new folder; arguments are overrides of the config."""

    def make(*overrides: str, frames: tuple[int, int] | None = None) -> Path:
        folder = tmp_path_factory.mktemp("run")
        path = folder / "toys.yaml"
        path.write_text(CONFIG % keypoint_library)
        options = GenerateOptions(overrides=overrides, frames=frames, out=folder / "toys")
        summary = generated(path, options, AnalyticEngines())
        assert not summary.failed
        return summary.folder.root

    return make


@pytest.fixture(scope="session")
def toy_dataset(make_dataset: Make) -> Path:
    """Three pictures with maps, keypoints and an ignored instance. Not to be changed: copy it."""
    return make_dataset()
