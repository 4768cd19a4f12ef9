"""``scanstage compare`` and ``drift`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.likeness_sets import photos
from support.toy_runs import CONFIG, command, run, toy_config

from scanstage.dataset.join.photo_labels import PhotoSet
from scanstage.dataset.likeness.photo_snapshot import make_snapshot


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos in a, alike ones in b, darker ones in c."""
    for name, seed, dark in (("a", 1, 1.0), ("b", 2, 1.0), ("c", 3, 0.6)):
        photos(tmp_path / name, 40, seed, dark=dark).rename(tmp_path / name / "instances.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


A, B, C = "a/instances.json", "b/instances.json", "c/instances.json"


def test_alike(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["compare", A, B, "--features", "plain"]) == 0
    told = capsys.readouterr().out
    for heading in ("Statistically similar?", "Indistinguishable?", "Different from each other?", "Fair?"):
        assert f"{heading} yes, " in told
    assert "features   plain-1, sha256 " in told
    assert "values are of 20 pictures against 20" in told


def test_darker(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["compare", A, C, "--features", "plain", "--json", "found.json"]) == 0
    told = capsys.readouterr().out
    assert "Statistically similar? no, more different than halves" in told
    assert "what gives the synthetic pictures away:" in told
    assert "the pictures that do most: 0" in told
    found = json.loads((sets / "found.json").read_text())
    assert found["verdict"] == "off"
    assert found["extractor"]["name"] == "plain-1"
    figures = {f["name"]: f for f in found["properties"]["similar"]["figures"]}
    assert figures["brightness"]["verdict"] == "off"


def test_json_alone_and_labels_only(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sets / "a" / "images").rename(sets / "elsewhere")
    assert command(["compare", A, B]) == 2
    assert "--photos" in capsys.readouterr().err
    assert command(["compare", A, B, "--labels-only", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["extractor"] is None
    assert [f["name"] for f in found["properties"]["varied"]["figures"]] == ["labels_spread"]
    assert command(["compare", A, B, "--labels-only"]) == 0
    assert "by labels alone, pictures weren't opened" in capsys.readouterr().out
    assert command(["compare", A, B, "--photos", "elsewhere", "--features", "plain"]) == 0


def test_a_dataset_of_ours_and_other_names(
    toy_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = toy_config(CONFIG.replace("images: 6", "images: 12"), toy_library, monkeypatch, tmp_path)
    run(config, out=tmp_path / "toys")
    photos(tmp_path / "real", 20, 1, names=("crate", "ball"))
    argv = ["compare", str(tmp_path / "real" / "photos_1.json"), str(tmp_path / "toys"), "--features", "plain"]
    assert command([*argv, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == ["ball"]
    assert any("Classes of photos_1 alone, whose labels are left out: crate" in n for n in found["notes"])
    assert any("usually have 64 x 48 pixels, those of toys 160 x 120" in n for n in found["notes"])
    assert command([*argv, "--map", "crate=box", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["box", "ball"]


def test_photos_that_are_missing_are_told(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sets / "b" / "images" / "007.png").unlink()
    (sets / "b" / "images" / "011.png").write_bytes(b"no picture")
    (sets / "b" / "images" / "013.png").write_bytes((sets / "b" / "images" / "012.png").read_bytes()[:200])
    assert command(["compare", A, B, "--features", "plain"]) == 0
    told = capsys.readouterr().out
    assert "3 pictures of instances can't be read and are left out" in told
    assert "synthetic  instances: 37 pictures" in told


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["compare", "nowhere", B], "there is no such file or folder"),
        (["compare", A, "a"], "run.json"),
        (["compare", A, "a/images/000.png"], "not a COCO file"),
        (["compare", A, B, "--map", "owl"], "isn't REAL_CLASS=CLASS"),
        (["compare", A, B, "--map", "owls=eagle"], "did you mean owl"),
        (["compare", A, B, "--map", "owl=a", "--map", "owl=b"], "owl is a already"),
        (["compare", A, B, "--map", "owl=a", "--map", "mouse=b"], "no class in common"),
        (["compare", A, B, "--features", "inception"], "no such extractor"),
        (["compare", A, B, "--features", "plain", "--json", "a"], "can't be written"),
        (["compare", "few.json", B], "has 9 pictures; of fewer than 10"),
        (["drift", "a", B], "holds no reference.json"),
        (["drift", "nowhere", B], "no such file"),
        (["drift", "s3://bucket/x", B], "has to be on this machine"),
        (["drift", "broken.json", B], "not a snapshot"),
        (["drift", A, B, "--map", "owls=eagle"], "did you mean owl"),
    ],
)
def test_mistakes_are_told(argv: list[str], told: str, sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads((sets / A).read_text())
    document["images"] = document["images"][:9]
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] < 9]
    (sets / "few.json").write_text(json.dumps(document))
    (sets / "images").mkdir()
    (sets / "images" / "000.png").write_bytes((sets / "a" / "images" / "000.png").read_bytes())
    (sets / "broken.json").write_text('{"kind": "scanstage reference"}')
    assert command(argv) == 2
    assert told in capsys.readouterr().err


def test_no_drift_and_drift(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit = sets / "fit"
    fit.mkdir()
    make_snapshot(PhotoSet.open(sets / A), {}, "2026-11-27").write(fit / "reference.json")
    assert command(["drift", "fit", B]) == 0
    told = capsys.readouterr().out
    assert "of 2026-11-27: 40 photos" in told
    assert "no drift: none of " in told
    assert command(["drift", "fit/reference.json", C, "--json", "drift.json"]) == 1
    told = capsys.readouterr().out
    assert "drift: " in told
    assert "stale: fit it again" in told
    found = json.loads((sets / "drift.json").read_text())
    assert found["stale"] is True
    assert "brightness" in found["moved"]
    assert command(["drift", A, C, "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["date"] is None


def test_cameras_are_told_before_any_test(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (sets / "c" / "images").iterdir():
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Acme", "Eye 3\x1b[31m"
        image = Image.open(path)
        image.load()
        image.save(path, exif=exif)
    assert command(["drift", A, C]) == 1
    told = capsys.readouterr().out
    assert "differs beforehand: Cameras differ: unknown (100%); now Acme Eye 3\\x1b[31m (100%)." in told
    assert told.index("differs beforehand") < told.index("drift: ")


def test_many_pictures_are_chosen_evenly(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scanstage.dataset.likeness import compared_pictures

    monkeypatch.setattr(compared_pictures, "MOST_PICTURES", 20)
    found = compared_pictures.open_pictures(sets / A)
    assert (len(found.table.pictures), found.total) == (20, 40)
    assert np.diff([p.index for p in found.table.pictures]).max() <= 3
