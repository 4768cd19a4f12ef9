"""A project made from a folder of scans works as it stands."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
import yaml

from scanstage.assets.library.stored_assets import list_assets
from scanstage.render.cli.app import entrypoint
from scanstage.render.commands.project import CONFIG, LIBRARY, project_name
from scanstage.scenes.config.load import load_config


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes as folders, one as a file beside them."""
    monkeypatch.chdir(tmp_path)
    folder = Path("my scans")
    for name, mesh in {
        "traffic sign/stop.stl": trimesh.creation.cylinder(0.3, 0.02),
        "traffic sign/yield.stl": trimesh.creation.box((0.4, 0.02, 0.4)),
        "杯子/a.stl": trimesh.creation.cylinder(0.04, 0.1),
        "ball.ply": trimesh.creation.icosphere(radius=0.1),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        mesh.export(folder / name)
    return folder


def call(*args: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = entrypoint([str(a) for a in args])
    return code, *capsys.readouterr()


@pytest.mark.blender
def test_three_commands_lead_from_scans_to_a_dataset_for_yolo(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--scans", scans, "--unit", "m", "--license", "CC BY 4.0")
    code, out, _ = call("init", "signs", *given, capsys=capsys)
    assert code == 0
    found = list_assets(Path("signs", LIBRARY))
    assert sorted(a.meta.class_name for a in found) == ["ball", "traffic sign", "traffic sign", "杯子"]
    assert {a.meta.source["license"] for a in found} == {"CC BY 4.0"}
    assert "4 scans of 3 classes" in out
    commands = [line.partition("#")[0].split("scanstage ")[1] for line in out.splitlines() if "  scanstage " in line]
    assert [c.split()[0] for c in commands] == ["preview", "generate", "export"]
    small = [
        "--set",
        "camera.resolution=[160,120]",
        "--set",
        "objects.count=4",
        "--set",
        "balance=null",
        "--set",
        "render.preset=draft",
    ]
    for command in commands:
        words = shlex.split(command)
        more = [] if words[0] == "export" else ["--images", "5", *small]
        code, _, err = call(*words, *more, capsys=capsys)
        assert code == 0, err
    assert Path("preview.png").is_file()
    about = yaml.safe_load(Path("output/signs_yolo/data.yaml").read_text("utf-8"))
    assert set(about["names"].values()) == {"ball", "traffic sign", "杯子"}
    assert len(list(Path("output/signs_yolo/images/train").iterdir())) == 4


def test_photos_and_a_real_dataset_go_into_the_config(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, real = Path("my photos"), Path("real: one.json")
    photos.mkdir()
    cv2.imwrite(str(photos / "a.jpg"), np.full((60, 80, 3), 90, np.uint8))
    images = [{"id": 1, "file_name": "a.jpg", "width": 80, "height": 60}]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}
    categories = [{"id": 1, "name": "ball"}]
    real.write_text(json.dumps({"images": images, "annotations": [annotation], "categories": categories}))
    given = ("--scans", scans, "--unit", "m", "--photos", photos, "--real", real)
    code, out, err = call("init", "deep/signs", *given, capsys=capsys)
    assert code == 0, err
    join = next(line.partition("#")[0] for line in out.splitlines() if "scanstage join" in line)  # with the photos
    assert shlex.split(join)[:5] == ["scanstage", "join", "output/signs", "--real", str(real)]
    config = load_config(Path("deep/signs", CONFIG))
    assert str(config.background.images) == str(Path("..", "..", "my photos"))
    assert config.balance.target.fill.to == 300
    code, out, err = call("plan", "deep/signs/config.yaml", "--images", 1, capsys=capsys)
    assert code == 0, err
    assert json.loads(out)["background"]["image"] == str((Path.cwd() / photos / "a.jpg").resolve())


def test_what_is_there_is_left_and_what_is_missing_told(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("old").mkdir()
    Path("old", "mine").write_text("x")
    code, _, err = call("init", "old", "--scans", scans, capsys=capsys)
    assert (code, [p.name for p in Path("old").iterdir()]) == (2, ["mine"])
    assert "old: is there already, and not empty" in err
    code, _, err = call("init", "new", "--scans", "nowhere", "--photos", "no", "--real", "none.json", capsys=capsys)
    assert code == 2
    for told in ("nowhere: there is no such folder", "no: there is no such folder", "none.json: there is no such file"):
        assert told in err
    Path("empty").mkdir()
    code, _, err = call("init", "new", "--scans", "empty", capsys=capsys)
    assert (code, Path("new").exists()) == (2, False)
    assert "there are no scans in this folder" in err


def test_bad_scans_are_told_and_the_others_come_in(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scans / "broken.stl").write_bytes(b"nothing")
    code, out, err = call("init", "signs", "--scans", scans, "--unit", "m", capsys=capsys)
    assert code == 1
    assert "✗ my scans/broken.stl" in out
    assert "broken.stl" in err
    assert len(list_assets(Path("signs", LIBRARY))) == 4
    assert Path("signs", CONFIG).is_file()
    only = Path("bad")
    only.mkdir()
    for name in ("a.stl", "b.stl"):
        (only / name).write_bytes(b"nothing")
    code, _, _ = call("init", "none", "--scans", only, capsys=capsys)
    assert (code, Path("none").exists()) == (2, False)


@pytest.mark.parametrize(
    ("folder", "name"), [("parts", "parts"), ("my parts", "my-parts"), ("-x.", "x"), ("杯子", "dataset")]
)
def test_a_dataset_is_named_after_the_folder(folder: str, name: str) -> None:
    assert project_name(Path(folder)) == name
