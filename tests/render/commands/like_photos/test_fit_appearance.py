"""A fit that looks at pixels, through the command: an engine of the tests renders, and the photos' camera is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from support.analytic_engine import AnalyticEngines
from support.planned_photos import write_photos
from support.toy_runs import command, run

from scanstage.assets.messages.errors import InputError
from scanstage.render.commands.like_photos import fit_appearance
from scanstage.render.commands.like_photos import fit_to_photos as module
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.fit_settings import FitSettings

pytestmark = pytest.mark.slow
COMMON = """
assets: {library: %s, classes: [box, ball]}
objects: {count: {integer: [2, 4]}, placement: {kind: scatter}}
labels: {min_pixels: 8}
"""
CAMERA = "camera: {resolution: [160, 120]%s}\n"
NOISE = ", noise: {shot: 0.004, chroma: 1}"  # which the config knows: what no density reaches drives a search anywhere
HIDDEN = f"{NOISE}, exposure_bias_ev: {{uniform: [-1.4, -0.9]}}, blur_px: 1.5"
FREE = """
fit:
  bank: 600
  appearance: 24
  free: {objects.count: [1, 6], camera.exposure_bias_ev: [-2.5, 2.5], camera.blur_px: [0, 2.5]}
"""


@pytest.fixture(scope="module")
def photos(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a camera that is dark, soft and noisy: pictures of a run, with their boxes, as if they were photos."""
    folder = tmp_path_factory.mktemp("taken")
    (folder / "hidden.yaml").write_text(f"images: 40\nseed: 12\n{COMMON % toy_library}{CAMERA % HIDDEN}", "utf-8")
    run(folder / "hidden.yaml", out=folder / "made")
    coco = json.loads((folder / "made" / "annotations" / "instances.json").read_text("utf-8"))
    names = {c["id"]: c["name"] for c in coco["categories"]}
    rows: list[list[tuple[str, Any]]] = [[] for _ in coco["images"]]
    place = {image["id"]: k for k, image in enumerate(coco["images"])}
    for label in coco["annotations"]:
        rows[place[label["image_id"]]].append((names[label["category_id"]], label["bbox"]))
    path = write_photos(folder / "photos", rows, wh=(160, 120), names=list(names.values()))
    for k, image in enumerate(coco["images"]):
        pixels = cv2.imread(str(folder / "made" / "images" / image["file_name"]))
        cv2.imwrite(str(folder / "photos" / "images" / f"{k:03d}.png"), pixels)
    return path


def fit(photos: Path, library: Path, folder: Path, *more: str, engines: AnalyticEngines | None = None) -> int:
    (folder / "base.yaml").write_text(f"seed: 3\n{COMMON % library}{CAMERA % NOISE}{FREE}", "utf-8")
    argv = ["fit", str(photos), "--base", str(folder / "base.yaml"), "--out", str(folder / "fit"), "--workers", "1"]
    return command([*argv, *more], engines)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIED", 40)
    monkeypatch.setenv("COLUMNS", "200")


def test_the_camera_is_found(
    photos: Path, toy_library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(photos, toy_library, tmp_path) == 0
    told = capsys.readouterr().out
    facts = json.loads((tmp_path / "fit" / "fit.json").read_text("utf-8"))
    assert [v["key"] for v in facts["values"]] == ["objects.count"]
    found = facts["appearance"]
    assert found["rendered"] == 24
    assert found["photos"] == facts["photos"]["fitted"]
    assert found["size"] == [160, 120]
    values = {v["key"]: v for v in found["values"]}
    exposure = values["camera.exposure_bias_ev"]
    assert exposure["determined"]
    assert exposure["mean"] == pytest.approx(-1.15, abs=0.2)
    assert values["camera.blur_px"]["mean"] == pytest.approx(1.5, abs=0.2)
    assert found["tested"]["before"]["auc"] > 0.8
    assert set(found["backgrounds"]) == {"brightness", "busyness"}
    assert "32 photos and 24 rendered pictures, at 160 x 120" in told
    assert "camera.exposure_bias_ev" in told
    text = (tmp_path / "fit" / "config.yaml").read_text("utf-8")
    assert "# What pixels tell of the camera:" in text
    assert "camera_exposure_bias_ev" in yaml.safe_load(text)["variables"] or "exposure_bias_ev" in text
    assert load_config(tmp_path / "fit" / "config.yaml").fit is None


def test_where_nothing_can_be_rendered_labels_are_enough(
    photos: Path, toy_library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise InputError("there is no Blender here", "install one")

    assert fit(photos, toy_library, tmp_path, engines=refuse) == 0  # type: ignore[arg-type]
    facts = json.loads((tmp_path / "fit" / "fit.json").read_text("utf-8"))
    assert facts["appearance"] == {"left": "Pictures can't be rendered here (there is no Blender here)."}
    assert "there is no Blender here" in capsys.readouterr().out
    assert "exposure_bias_ev" not in (tmp_path / "fit" / "config.yaml").read_text("utf-8")


def test_labels_alone_render_nothing(
    photos: Path, toy_library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = AnalyticEngines()
    assert fit(photos, toy_library, tmp_path, "--labels-only", engines=engines) == 0
    assert engines.opened == 0
    assert "appearance" not in json.loads((tmp_path / "fit" / "fit.json").read_text("utf-8"))
    assert "not looked at" in capsys.readouterr().out


def test_few_pictures_say_nothing() -> None:
    assert FitSettings(appearance=0).appearance == 0
    with pytest.raises(ValueError, match="0 for none, or 20 and more"):
        FitSettings(appearance=5)
    assert fit_appearance.FEWEST < 20
