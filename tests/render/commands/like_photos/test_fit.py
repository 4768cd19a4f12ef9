"""A whole fit, and the pictures that come of it: once, small, of toys."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.planned_photos import planned_photos
from support.toy_runs import command

import scanstage
from scanstage.dataset.likeness.photo_snapshot import FILE_NAME
from scanstage.render.commands.like_photos import fit_to_photos as module
from scanstage.render.commands.like_photos.fit_folder import check_replaceable
from scanstage.render.commands.like_photos.fit_to_photos import FitOptions, GivenConfig, fit_to_photos
from scanstage.scenes.config.load import check_config, load_config
from scanstage.scenes.planning.preflight import open_planner

pytestmark = pytest.mark.slow
BASE = """
# what the objects are, and where
seed: 3
assets: {library: scans, classes: [box, ball, rod]}
objects: {count: {integer: [2, 6]}, placement: {kind: scatter}}
camera: {resolution: [96, 72]}
labels: {min_pixels: 8}
render: {preset: draft}
fit:
  bank: 400
  appearance: 0
  free: {objects.count: [1, 10], camera.elevation_deg: [0, 88], camera.roll_deg: [-1, 1]}
"""
HIDDEN = {
    "seed": 9,
    "objects": {"count": {"integer": [3, 5]}, "placement": {"kind": "scatter"}},
    "camera": {"resolution": [96, 72], "elevation_deg": {"uniform": [40, 70]}},
    "labels": {"min_pixels": 8},
}


@dataclass(frozen=True)
class Fitted:
    """A folder with ``photos``, ``own/base.yaml``, what ``like`` wrote, and what it printed."""

    folder: Path
    code: int
    told: str

    @property
    def fit(self) -> Path:
        return self.folder / "out" / "toys-fit"

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.fit / "fit.json").read_text("utf-8"))
        return found


@pytest.fixture(scope="module")
def fitted(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    folder = tmp_path_factory.mktemp("fit")
    (folder / "own").mkdir()
    shutil.copytree(toy_library, folder / "own" / "scans")
    (folder / "own" / "base.yaml").write_text(BASE, "utf-8")
    hidden = {**HIDDEN, "assets": {"library": str(toy_library), "classes": {"box": 3, "ball": 1}}}
    planned_photos(folder / "photos", check_config(hidden, (), folder), folder, 60)
    argv = ["like", "photos/instances.json", "--base", "own/base.yaml", "--count", "3", "--out", "out/toys"]
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(folder)
        patch.setenv("COLUMNS", "200")
        patch.setattr(module, "TRIED", 40)
        code = command([*argv, "--workers", "1"])
    return Fitted(folder, code, said.getvalue())


def test_like_fits_and_makes_pictures(fitted: Fitted) -> None:
    assert fitted.code == 0
    assert len(list((fitted.folder / "out" / "toys" / "images").iterdir())) == 3
    assert scanstage.open_dataset(fitted.folder / "out" / "toys") is not None
    assert "90 % interval" in fitted.told
    assert "Only 400 pictures were planned" in fitted.told
    assert "objects.count" in fitted.told
    assert "a classifier tells photos that were kept out from pictures" in fitted.told
    assert "No photo shows rod" in fitted.told


def test_like_goes_on_by_the_command_that_it_names(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dataset that is there is told before anything is fitted."""
    monkeypatch.chdir(fitted.folder)
    argv = ["like", "photos/instances.json", "--base", "own/base.yaml", "--count", "3", "--out", "out/toys"]
    assert command(argv) == 2
    told = capsys.readouterr().err
    assert "--out out/toys: holds a dataset already" in told
    hint = told.partition("to go on with it: scanstage ")[2].partition("\n")[0]
    assert command(hint.split()) == 0
    assert len(list((fitted.folder / "out" / "toys" / "images").iterdir())) == 3


def test_it_finds_what_labels_tell(fitted: Fitted) -> None:
    values = {v["key"]: v for v in fitted.facts["values"]}
    count, roll = values["objects.count"], values["camera.roll_deg"]
    assert count["determined"]
    assert 3 <= count["mean"] <= 5
    assert count["mean_90"][0] <= count["mean"] <= count["mean_90"][1]
    assert not roll["determined"]
    assert roll["is"] is None
    assert fitted.facts["classes"]["unseen"] == ["rod"]
    assert fitted.facts["tested"]["before"]["auc"] > 0.5
    assert fitted.facts["photos"]["held_out"] > 0


def test_the_config_works_from_where_it_lies(fitted: Fitted) -> None:
    """Its scans are named from its own folder; nothing of the fit is left in it, and it plans the same every time."""
    path = fitted.fit / "config.yaml"
    text = path.read_text("utf-8")
    data = yaml.safe_load(text)
    assert data["assets"]["library"] == "../../own/scans"
    assert "fit" not in data
    assert data["render"] == {"preset": "draft"}
    assert data["variables"].keys() <= {"objects_count", "camera_elevation_deg"}
    assert text.startswith("# Fitted by scanstage on ")
    assert "camera.roll_deg: nothing: not determined, stays as it was" in text
    plans = [open_planner(load_config(path), path.parent).plan(0).plan for _ in range(2)]
    assert plans[0] == plans[1]


def test_it_is_the_same_every_time(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any number of workers; but for the date, and the base's place."""
    monkeypatch.chdir(fitted.folder)
    monkeypatch.setattr(module, "TRIED", 40)
    again = fitted.folder / "out" / "again"
    date = fitted.facts["date"]
    given = GivenConfig.read(Path("own/base.yaml"))
    fit_to_photos(Path("photos/instances.json"), given, again, FitOptions(workers=2, date=date))
    for name in ("config.yaml", "fit.json", FILE_NAME):
        assert (again / name).read_bytes() == (fitted.fit / name).read_bytes(), name


def test_what_a_person_changed_stays(
    fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The config is written over as long as it is as the fit wrote it; told before anything is planned."""
    shutil.copytree(fitted.fit, tmp_path / "fit")
    config = tmp_path / "fit" / "config.yaml"
    check_replaceable(tmp_path / "fit", None)
    config.write_text(config.read_text("utf-8") + "images: 7\n", "utf-8")
    monkeypatch.chdir(fitted.folder)
    monkeypatch.setattr(module, "open_planner", None)
    assert command(["fit", "photos/instances.json", "--base", "own/base.yaml", "--out", str(config.parent)]) == 2
    told = capsys.readouterr().err
    assert "was changed since `scanstage fit` wrote it" in told
    assert f"mv {config} {config.parent / 'mine.yaml'}" in told
    assert config.read_text("utf-8").endswith("images: 7\n")
    with pytest.raises(scanstage.InputError, match="is the config that is to be fitted"):
        check_replaceable(tmp_path / "fit", config)
    (tmp_path / "fit" / "fit.json").unlink()
    with pytest.raises(scanstage.InputError, match="no fit has written it"):
        check_replaceable(tmp_path / "fit", None)


def test_photos_are_known_again(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fitted.folder)
    assert command(["drift", str(fitted.fit), "photos/instances.json"]) == 0


def test_its_own_pictures_are_no_photos(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(fitted.folder)
    argv = ["fit", "out/toys/annotations/instances.json", "--base", "own/base.yaml", "--out", "out/drifts"]
    assert command(argv) == 2
    told = capsys.readouterr().err
    assert "pictures that scanstage made" in told
    assert "scanstage compare" in told
    assert not Path("out/drifts").exists()
