"""Every example config is a test: it plans, with what it says it has."""

from __future__ import annotations

from pathlib import Path

import pytest
import trimesh
from support.painted_photos import discs, write_photo
from support.toy_runs import store_toy

from scanstage.assets.library.stored_assets import list_assets
from scanstage.scenes.config.load import load_config
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs

pytestmark = pytest.mark.slow
CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_examples_plan(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    overrides = []
    if config.assets.source == "library":  # stand-ins for scans that are pulled
        for i, name in enumerate(config.assets.classes):
            store_toy(tmp_path / "library", name, trimesh.creation.box((0.1, 0.05 + 0.01 * i, 0.15)), (0.5, 0.5, 0.5))
        assert list_assets(tmp_path / "library")
        overrides = [f"assets.library={tmp_path / 'library'}"]
    if config.background.kind == "backplate":  # and for photos that a user is to put there
        write_photo(tmp_path / "photos" / "a.jpg", discs(size_wh=(640, 480)))
        overrides.append(f"background.images={tmp_path / 'photos'}")
    config = load_config(path, overrides)
    planner = Planner(config, open_inputs(config, path.parent), path.parent)
    for index in range(3):
        planned = planner.plan(index)
        assert planned.plan.camera.resolution_wh == (640, 480)
        assert planned.seen.instance_ids.any()


def test_there_are_configs_of_each_kind() -> None:
    kinds = {c.placement(s).kind for c in map(load_config, CONFIGS) for s in c.stage}
    stages = {s.kind for p in CONFIGS for s in load_config(p).stage}
    assert kinds == {"drop", "upright", "scatter"}
    assert {"table", "shelf", "room", "none"} <= stages
