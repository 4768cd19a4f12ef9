"""``replay --open`` and pictures in quarantine, with the analytic engine."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import command, digest, run

from scanstage.assets.messages.errors import InputError
from scanstage.render.commands.look.comparison_sheet import RenderedVariant, _marked, variants
from scanstage.render.commands.look.replay import open_recorded
from scanstage.render.engine.engine_protocol import EngineError
from scanstage.scenes.config.sections.run_config import RunConfig

CONFIG = """
images: 3
assets: {library: library, classes: [box, ball]}
objects: {count: {integer: [2, 4]}}
camera: {resolution: [160, 120]}
"""


@pytest.fixture
def dataset(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset whose picture 1 failed."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(toy_library, tmp_path / "library")
    path = tmp_path / "toys.yaml"
    path.write_text(CONFIG)
    engines = AnalyticEngines(troubles={1: [EngineError("told to fail", "RenderFailed")]})
    assert [i for i, _ in run(path, engines).failed] == [1]
    return tmp_path / "output" / "toys"


def open_sheet(dataset: Path, image: int, engines: AnalyticEngines | None = None) -> Path:
    assert command(["replay", str(dataset), "--image", str(image), "--open"], engines) == 0
    return dataset.parent / "toys-replay" / f"{image:06d}"


def test_every_variant_becomes_a_file_and_a_cell(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(dataset, ".")
    place = open_sheet(dataset, 0)
    files = {p.name for p in place.iterdir()}
    named = {f"{name}.jpg" for name in ("recorded", "replayed", "more_samples", "larger", "eevee")}
    assert files == named | {"sheet.png", "scene.blend"}
    assert (place / "replayed.jpg").read_bytes() == (place / "recorded.jpg").read_bytes()
    assert cv2.imread(str(place / "larger.jpg")).shape == (240, 320, 3)
    sheet = cv2.imread(str(place / "sheet.png"))
    assert sheet.shape[1] > 3 * 640
    assert sheet.shape[0] > 3 * 480
    assert str(place / "sheet.png") in capsys.readouterr().out
    assert digest(dataset, ".") == before, "the dataset is only read"


def test_a_variant_that_cannot_be_rendered_leaves_a_note(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class WithoutGraphics(AnalyticEngine):
        def __init__(self, engines, settings) -> None:
            if settings.engine == "eevee":
                raise InputError("no graphics context here")
            super().__init__(engines, settings)

    place = open_sheet(dataset, 2, AnalyticEngines(WithoutGraphics))
    assert not (place / "eevee.jpg").exists()
    assert (place / "larger.jpg").exists()
    assert "no graphics context here" in capsys.readouterr().out


def test_a_picture_in_quarantine_can_be_looked_at_and_made(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = dataset / "quarantine/000001/plan.json"
    case = open_recorded(dataset, 1)
    assert case.record is None
    assert case.reason == "told to fail"
    assert case.plan.to_json() == plan.read_text()
    place = open_sheet(dataset, 1)
    assert not (place / "recorded.jpg").exists()
    assert (place / "replayed.jpg").exists()
    assert command(["replay", str(dataset), "--image", "1"]) == 0
    out = capsys.readouterr().out
    assert "it had failed: told to fail; now it could be made" in out
    assert not (dataset / "records/000001.json").exists()
    (dataset / "quarantine/000001/reason.json").write_text("{}")
    assert command(["replay", str(dataset), "--image", "1"]) == 2
    assert "quarantine" in capsys.readouterr().err


def test_a_render_that_contradicts_its_labels_is_shown(dataset: Path) -> None:
    class Shifted(AnalyticEngine):
        def render(self, plan, asset_folders, timeout_s):
            passes = super().render(plan, asset_folders, timeout_s)
            return replace(passes, instance_ids=np.roll(passes.instance_ids, 20, axis=1))

    engines = AnalyticEngines(Shifted)
    assert command(["replay", str(dataset), "--image", "0"], engines) == 1, "a plain replay refuses it"
    place = open_sheet(dataset, 0, engines)
    sheet = cv2.imread(str(place / "sheet.png"))[..., ::-1].astype(int)
    magenta = (sheet[..., 0] > 200) & (sheet[..., 1] < 60) & (sheet[..., 2] > 180)
    assert magenta.sum() > 1000


def test_only_what_differs_is_marked() -> None:
    pixels = np.full((40, 60, 3), 90, np.uint8)
    differs = np.zeros((40, 60), np.bool_)
    assert (_marked(RenderedVariant(pixels, (), differs)).std(axis=-1) == 0).all()
    differs[20, 30] = True
    colored = _marked(RenderedVariant(pixels, (), differs)).std(axis=-1) > 0
    assert colored[20, 30]
    assert colored.sum() == 9


def test_variants_follow_the_run() -> None:
    config = RunConfig.model_validate({"render": {"engine": "eevee", "samples": 8, "noise_threshold": 0.04}})
    by_name = {v.name: v.overrides for v in variants(config)}
    assert by_name["cycles"] == ("render.engine=cycles",)
    assert set(by_name["more_samples"]) == {"render.samples=128", "render.noise_threshold=0.01"}
    assert json.dumps(sorted(by_name))


def test_sizes_of_its_own(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["replay", str(dataset), "--image", "0", "--open", "--size", "320x240"]) == 2
    assert command(["replay", str(dataset), "--image", "0", "--open", "--out", str(dataset)]) == 2
    assert "is the dataset itself" in capsys.readouterr().err
