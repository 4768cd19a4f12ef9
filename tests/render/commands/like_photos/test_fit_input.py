"""What users bring to a fit: read, or refused with a sentence that says what to do. Nothing is planned here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.planned_photos import made_up, write_photos
from support.toy_runs import command

from scanstage.assets.messages.errors import InputError
from scanstage.render.bookkeeping.progress import ignore_progress
from scanstage.render.commands.like_photos import fit_labels, fit_to_photos
from scanstage.render.commands.like_photos.read_photos import FitPhotos, open_photos, read_photos

CLASSES = ("apple", "can", "mug")
BASE = "assets: {library: %s, classes: [box, ball]}\ncamera: {resolution: [96, 72]}\n"
Change = Callable[[dict[str, Any]], Any]


def read(path: Path, folder: Path | None = None, holdout: float = 0.2, **names: str) -> FitPhotos:
    photos = open_photos(path, folder)
    return read_photos(path, photos, CLASSES, names, holdout, "2026-11-27", ignore_progress)


def changed(path: Path, change: Change) -> Path:
    """The COCO file, with something else in it."""
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Sixty, with apples and mugs."""
    return write_photos(tmp_path / "photos", made_up(60))


def test_photos_are_parted(photos: Path) -> None:
    found = read(photos)
    assert len(found.fitted.pictures) == 48
    assert len(found.held.pictures) == 12
    assert found.fitted.classes == CLASSES
    assert len(found.groups) == 48
    assert found.resolution_wh == (96, 72)
    assert found.negatives == 0
    assert found.notes == ()
    held = {p.index for p in found.held.pictures}
    assert not held & {p.index for p in found.fitted.pictures}


def test_photos_without_labels_are_counted_and_left_out(photos: Path) -> None:
    changed(photos, lambda d: d.update(annotations=[a for a in d["annotations"] if a["image_id"] % 4]))
    found = read(photos, holdout=0.0)
    assert len(found.fitted.pictures) == 45
    assert found.negatives == 0.25
    assert len(found.held.pictures) == 0


def test_one_class_is_enough(tmp_path: Path) -> None:
    found = read(write_photos(tmp_path / "photos", made_up(40, ("mug",))))
    assert found.fitted.labels == found.fitted.counts[:, CLASSES.index("mug")].sum() > 30


def test_few_photos_are_told(tmp_path: Path) -> None:
    found = read(write_photos(tmp_path / "photos", made_up(20)))
    assert "20 photos with labels are few" in " ".join(found.notes)
    assert "how well the fit does is not tested" in " ".join(found.notes)
    assert len(found.held.pictures) == 0


def test_scenes_that_repeat_are_told_and_stay_together(tmp_path: Path) -> None:
    rows = [row for row in made_up(30) for _ in range(3)]
    found = read(write_photos(tmp_path / "photos", rows))
    assert "The 90 photos are of 30 scenes only" in " ".join(found.notes)
    assert {p.index // 3 for p in found.fitted.pictures}.isdisjoint(p.index // 3 for p in found.held.pictures)


def test_several_sizes_are_told(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", made_up(60), sizes=((96, 72), (72, 96), (96, 72)))
    found = read(path)
    assert found.resolution_wh == (96, 72)
    assert "several shapes" in " ".join(found.notes)


def test_polygons_are_read_with_and_without_crowds(photos: Path) -> None:
    def polygons(document: dict[str, Any]) -> None:
        for label in document["annotations"]:
            x, y, w, h = label["bbox"]
            label["segmentation"] = [[x, y, x + w, y, x + w / 2, y + h]]
            label["iscrowd"] = 0
        document["annotations"][0] |= {"iscrowd": 1, "segmentation": []}

    found = read(changed(photos, polygons), holdout=0.0)
    numbers = found.fitted.label_numbers
    assert (numbers["area_px"] < 0.7 * numbers["width_px"] * numbers["height_px"]).all()


def test_polygons_alone_are_read(photos: Path) -> None:
    """Some tools write no boxes: they follow from the masks."""
    whole = read(photos, holdout=0.0).fitted.label_numbers

    def polygons_alone(document: dict[str, Any]) -> None:
        for label in document["annotations"]:
            x, y, w, h = label.pop("bbox")
            label["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]

    found = read(changed(photos, polygons_alone), holdout=0.0).fitted.label_numbers
    for name in ("x_px", "y_px", "width_px", "height_px"):
        assert np.abs(found[name] - whole[name]).max() <= 2, name


def test_a_file_of_lvis_is_read(photos: Path) -> None:
    """Photos by address, polygons, no crowds, and a thousand classes that no photo here shows."""

    def lvis(document: dict[str, Any]) -> None:
        for image in document["images"]:
            image["coco_url"] = f"http://images.cocodataset.org/train2017/{image.pop('file_name')}"
            image |= {"neg_category_ids": [7], "not_exhaustive_category_ids": []}
        for label in document["annotations"]:
            x, y, w, h = label["bbox"]
            label["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
            label["area"] = w * h
        document["categories"] = [c | {"synset": f"{c['name']}.n.01", "frequency": "f"} for c in document["categories"]]
        document["categories"] += [{"id": k, "name": f"trousers_(legs)_{k}"} for k in range(10, 1200)]

    found = read(changed(photos, lvis))
    assert len(found.fitted.pictures) == 48
    assert found.notes == ()


def test_photos_that_cannot_be_read_are_told(photos: Path) -> None:
    for name in ("003.png", "007.png"):
        (photos.parent / "images" / name).write_bytes(b"nothing")
    found = read(photos)
    assert any(note.startswith("2 photos can't be read") for note in found.notes)
    assert len(found.fitted.pictures) + len(found.held.pictures) == 58


def test_names_are_mapped(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", made_up(40, ("coffee cup", "apple")))
    found = read(path, **{"coffee cup": "mug"})
    assert found.fitted.counts.sum(axis=0)[[0, 2]].min() > 5
    assert "coffee cup" in " ".join(read(path).notes)


def test_boxes_that_are_nothing_are_told(photos: Path) -> None:
    changed(photos, lambda d: d["annotations"][0].update(bbox=[10, 10, 0, 5]))
    assert "1 labels are left out: boxes that are nothing" in " ".join(read(photos).notes)


def strip_boxes(document: dict[str, Any]) -> None:
    document["annotations"] = []


def without_bbox(document: dict[str, Any]) -> None:
    for label in document["annotations"]:
        label.pop("bbox")


def foreign(document: dict[str, Any]) -> None:
    for category in document["categories"]:
        category["name"] = f"product {category['id']}"


def ours(document: dict[str, Any]) -> None:
    document["info"] = {"description": "toys, made by scanstage"}


@pytest.mark.parametrize(
    ("change", "told", "hint"),
    [
        (strip_boxes, "0 photos have labels of the config's classes", "label some more"),
        (without_bbox, "bbox", "annotations with bbox"),
        (foreign, "none of its classes", "fit: {map:"),
    ],
)
def test_what_cannot_be_fitted_to_is_told(change: Change, told: str, hint: str, photos: Path) -> None:
    with pytest.raises(InputError) as e:
        read(changed(photos, change))
    assert told in str(e.value)
    assert hint in str(e.value)


def test_pictures_of_scanstage_are_no_photos(photos: Path) -> None:
    (photos.parent / "run.json").write_text("{}")
    with pytest.raises(InputError, match="pictures that scanstage made"):
        read(photos)


@pytest.mark.parametrize(
    ("names", "told"),
    [({"mugg": "mug"}, "did you mean mug"), ({"mug": "mugs"}, "did you mean mug"), ({"mug": "tea"}, "no such class")],
)
def test_maps_of_what_there_is_not_are_told(names: dict[str, str], told: str, photos: Path) -> None:
    with pytest.raises(InputError, match=r"fit\.map: ") as e:
        read(photos, **names)
    assert told in str(e.value)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nowhere.json", "--base", "base.yaml"], "nowhere.json"),
        (["photos/instances.json", "--base", "nowhere.yaml"], "nowhere.yaml"),
        (["photos/instances.json", "--base", "base.yaml", "--images", "empty"], "--photos"),
        (["photos", "--base", "base.yaml"], "photos"),
        (["few/instances.json", "--base", "base.yaml"], "few/instances.json: has 5 photos: fewer than 10"),
        (["photos/instances.json", "--base", "base.yaml", "--out", "base.yaml"], "--out base.yaml: can't be written"),
        (["photos/instances.json", "--base", "base.yaml", "--out", "base.yaml/fit"], "can't be written into"),
        (["photos/instances.json", "--base", "base.yaml", "--set", "fit.free={camera.elevation: [1, 9]}"], "elevation"),
        (["photos/instances.json", "--base", "base.yaml", "--set", "fit.free={objects.scale: [1, 2]}"], "each object"),
        (
            ["photos/instances.json", "--base", "base.yaml", "--set", "fit.fixed={camera.focal_mm: exif}"],
            "don't say it",
        ),
        (["photos/instances.json", "--base", "base.yaml", "--set", "fit.fixed={camera.fokal: 3}"], "fokal"),
        (["photos/instances.json", "--base", "base.yaml", "--set", "fit.map={bax: box}"], "did you mean box"),
        (["photos/instances.json", "--base", "base.yaml", "--set", "fit.bank=10"], "fit.bank"),
    ],
)
def test_mistakes_are_told(
    argv: list[str],
    told: str,
    tmp_path: Path,
    toy_library: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fit_labels, "fit_values", None)  # none gets as far
    folder = tmp_path
    write_photos(folder / "photos", made_up(60, ("box", "ball")))
    write_photos(folder / "few", made_up(5))
    (folder / "base.yaml").write_text(BASE % toy_library, "utf-8")
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    assert command(["fit", *argv]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("argv", "told", "hint"),
    [
        (["scans"], "scans: is a folder", "name the COCO file itself"),
        (["base.yaml"], "not a COCO file", "expected images with file_name"),
        (["few/instances.json"], "fewer than 10", "label some more"),
        (["photos/instances.json", "--images", "scans"], "is in none of: scans", "--photos"),
    ],
)
def test_wrong_photos_are_told_before_scans_are_opened(
    argv: list[str],
    told: str,
    hint: str,
    tmp_path: Path,
    toy_library: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fit_to_photos, "open_planner", None)
    write_photos(tmp_path / "photos", made_up(60, ("box", "ball")))
    write_photos(tmp_path / "few", made_up(5))
    (tmp_path / "scans").mkdir()
    (tmp_path / "base.yaml").write_text(BASE % toy_library, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert command(["fit", *argv, "--base", "base.yaml"]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert hint in said
    assert not (tmp_path / "fit").exists()


def test_photos_of_another_size_than_said_are_told(photos: Path) -> None:
    """As where photos were shrunk and their labels weren't: boxes would lie anywhere."""
    changed(photos, lambda d: [image.update(width=192, height=144) for image in d["images"]])
    with pytest.raises(InputError) as e:
        read(photos)
    assert "60 of 60 pictures can't be read" in str(e.value)
    assert "in the sizes that their file says" in str(e.value)
    assert "labels_only" not in str(e.value), "a fit has no such option"


def test_like_needs_a_folder_of_its_own(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["like", str(photos), "--base", "base.yaml", "--count", "3", "--out", "."]
    assert command(argv) == 2
    assert "--out .: names no folder of its own" in capsys.readouterr().err
