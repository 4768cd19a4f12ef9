from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trimesh
from support.analytic import BRICK_SIZE
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.projection import project
from support.toy_runs import command, digest, run, store_toy, toy_config

from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records import finished_dataset
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.render.commands.look.replay import Replay, replay, resized
from scanstage.render.locks.run_lock import run_lock
from scanstage.scenes.inputs import catalogue
from scanstage.scenes.plan import CameraPlan, LensPlan

CONFIG = """
images: 3
assets: {library: library, classes: [box, ball]}
objects: {count: {integer: [2, 4]}}
camera: {resolution: [160, 120], distortion: {k1: -0.2}, noise: {shot: 0.001}}
output: {depth: true}
"""


@pytest.fixture
def dataset(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(toy_library, tmp_path / "library")
    path = tmp_path / "toys.yaml"
    path.write_text(CONFIG)
    assert run(path).failed == []
    return tmp_path / "output" / "toys"


def again(dataset: Path, index: int, **options: object) -> Replay:
    return replay(dataset, index, None, engines=AnalyticEngines(), **options)  # type: ignore[arg-type]


def test_a_picture_is_made_again_to_the_byte(dataset: Path) -> None:
    before = digest(dataset, ".")
    for index in (2, 0):
        made = again(dataset, index)
        assert made.same_labels
        assert made.same_file
        assert made.difference == (0, 0.0)
        name = f"records/{index:06d}.json"
        assert (made.folder.root / name).read_bytes() == (dataset / name).read_bytes()
    assert digest(dataset, ".") == before, "the dataset is only read"


def test_samples_that_lie_about_are_found_again(
    tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_toy(tmp_path / "samples", "brick", trimesh.creation.box(BRICK_SIZE), (0.5, 0.5, 0.1))
    for user in (catalogue, finished_dataset):
        monkeypatch.setattr(user, "sample_assets", lambda: list_assets(tmp_path / "samples"))
    path = toy_config(CONFIG.replace("library: library", "library: %s"), toy_library, monkeypatch, tmp_path)
    path.write_text(path.read_text() + "distractors: {count: 2, source: samples}\n")
    assert run(path).failed == []
    made = again(tmp_path / "output" / "toys", 1)
    assert made.same_file
    assert '"brick/toy"' in (made.folder.root / "records/000001.json").read_text()


def test_another_look_keeps_the_plan(dataset: Path) -> None:
    made = again(dataset, 1, overrides=("output.format=png", "render.samples=7"))
    assert made.same_labels
    assert not made.same_file
    assert made.difference is not None
    assert made.difference[1] < 6, "only JPEG lies between them"
    assert made.after.plan == made.before.plan
    for text in ("camera.fov_deg=40", "images=4", "seed=3"):
        with pytest.raises(InputError, match="keeps its plan"):
            again(dataset, 1, overrides=(text,))
    with pytest.raises(InputError, match=r"render\.sampels: unknown key; did you mean samples"):
        again(dataset, 1, overrides=("render.sampels=7",))


def test_another_size_shows_the_same_view(dataset: Path) -> None:
    made = again(dataset, 1, size=(320, 240))
    assert made.difference is None
    assert made.after.image.resolution_wh == (320, 240)
    for small, large in zip(made.before.instances, made.after.instances, strict=True):
        assert large.area_px / small.area_px == pytest.approx(4, rel=0.15)
        assert [v / 2 for v in large.bbox_xywh] == pytest.approx(small.bbox_xywh, abs=1.5)
    with pytest.raises(InputError, match="proportions"):
        again(dataset, 1, size=(320, 320))


def test_a_resized_camera_projects_to_scaled_pixels() -> None:
    here = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    lens = LensPlan("brown_conrady", (-0.2, 0.05, 0.001, 0.002, 0.0, 0.0, 0.0, 0.0))
    camera = CameraPlan((160, 120), 150.0, 152.0, 77.0, 61.0, here, lens=lens)
    points = [[0.1, 0.2, 1.0], [-0.3, 0.1, 2.0]]
    assert project(resized(camera, (480, 360)), points)[:, :2] == pytest.approx(project(camera, points)[:, :2] * 3)


def test_what_is_missing_is_told(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["replay", str(dataset), "--image", "7"]) == 2
    assert "no such record; the dataset has 3 pictures" in capsys.readouterr().err
    assert command(["replay", str(dataset), "--image", "1", "--out", str(dataset)]) == 2
    assert "is the dataset itself" in capsys.readouterr().err
    (dataset / "records/000001.json").write_text("{")
    assert command(["replay", str(dataset), "--image", "1"]) == 2
    shown = Record.from_json((dataset / "records/000000.json").read_text()).plan.objects[0].asset_id
    shutil.rmtree(tmp_path / "library" / shown)
    assert command(["replay", str(dataset), "--image", "0"]) == 2
    assert f"the library has no {shown} any more" in capsys.readouterr().err


def test_the_command_says_what_differs(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["replay", str(dataset), "--image", "1"]) == 0
    assert "byte for byte" in capsys.readouterr().out

    class Brighter(AnalyticEngine):
        def render(self, plan, asset_folders, timeout_s):
            passes = super().render(plan, asset_folders, timeout_s)
            radiance = passes.radiance.copy()
            radiance[:40] *= 3
            return replace(passes, radiance=radiance)

    assert command(["replay", str(dataset), "--image", "1"], AnalyticEngines(Brighter)) == 1
    out = capsys.readouterr().out
    assert "labels: the same" in out
    assert "picture: differs by at most" in out
    assert command(["replay", str(dataset), "--image", "1", "--size", "big"]) == 2


def linked(name: str) -> Callable[[Path, Path], Path]:
    def prepare(dataset: Path, victim: Path) -> Path:
        out = victim.with_name("prepared")
        out.mkdir()
        (out / name).symlink_to(victim)
        return out

    return prepare


def a_persons(dataset: Path, victim: Path) -> Path:
    (victim / "images").mkdir()
    (victim / "images" / "000001.png").write_text("mine")
    return victim


def another_dataset(dataset: Path, victim: Path) -> Path:
    return Path(shutil.copytree(dataset, victim / "copy"))


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (linked("images"), "is a link"),
        (linked("records"), "is a link"),
        (linked("depth"), "is a link"),
        (lambda dataset, victim: dataset / "images", "which writes there itself"),
        (lambda dataset, victim: dataset / "depth" / "below", "which writes there itself"),
        (another_dataset, "is a dataset"),
        (a_persons, "written by no replay"),
    ],
)
def test_a_replay_changes_nothing_that_no_replay_wrote(
    dataset: Path, tmp_path: Path, prepare: Callable[[Path, Path], Path], told: str
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "000001.jpg").write_text("mine")
    out = prepare(dataset, victim)
    before = digest(tmp_path, ".")
    with pytest.raises(InputError, match=told):
        replay(dataset, 1, out, engines=AnalyticEngines())
    assert digest(tmp_path, ".") == before


def test_a_replay_waits_for_nobody_and_goes_between_nobody(dataset: Path, tmp_path: Path) -> None:
    with run_lock(DatasetFolder(tmp_path / "out")), pytest.raises(InputError, match="is writing to it"):
        replay(dataset, 1, tmp_path / "out", engines=AnalyticEngines())
    for _ in range(2):
        assert replay(dataset, 1, tmp_path / "out", engines=AnalyticEngines()).same_file
