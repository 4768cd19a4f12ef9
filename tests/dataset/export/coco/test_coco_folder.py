"""COCO as a folder of parts: pictures beside annotations, masks as run lengths or polygons, read by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices import picture_transfer
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.render.cli.app import entrypoint


def exported(dataset: Path, out: Path, **options: str) -> Path:
    export_dataset(open_dataset(dataset), "coco", out, ExportOptions.parse(options))
    return out


def read(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.mark.parametrize("masks", ["rle", "polygons"])
def test_parts_have_all_pictures_and_their_labels(toy_dataset: Path, tmp_path: Path, masks: str) -> None:
    out = exported(toy_dataset, tmp_path / "out", split="train=0.67,val=0.33", masks=masks)
    records = {r.index: r for r in open_dataset(toy_dataset).records()}
    seen = []
    for part in ("train", "val"):
        coco = read(out / "annotations" / f"instances_{part}.json")
        on_disk = {p.name for p in (out / "images" / part).iterdir()}
        assert {i["file_name"] for i in coco.dataset["images"]} == on_disk
        for image_id in coco.getImgIds():
            seen.append(image_id)
            record = records[image_id]
            assert (out / "images" / part / record.image.file_name).read_bytes() == (
                toy_dataset / "images" / record.image.file_name
            ).read_bytes()
            found = coco.loadAnns(coco.getAnnIds(image_id))
            for annotation, instance in zip(found, record.instances, strict=True):
                assert annotation["bbox"] == list(instance.bbox_xywh)
                assert isinstance(annotation["segmentation"], dict if masks == "rle" or instance.ignore else list)
                np.testing.assert_array_equal(coco.annToMask(annotation), instance.mask.decode())
    assert sorted(seen) == [0, 1, 2]


@pytest.mark.parametrize("images", ["hardlink", "link", "copy"])
def test_pictures_get_there_as_asked(toy_dataset: Path, tmp_path: Path, images: str) -> None:
    out = exported(toy_dataset, tmp_path / "out", images=images)
    source = toy_dataset / "images"
    for path in (out / "images" / "train").iterdir():
        assert path.read_bytes() == (source / path.name).read_bytes()
        assert path.is_symlink() == (images == "link")
        assert path.samefile(source / path.name) == (images != "copy")
    exported(toy_dataset, tmp_path / "out", images="copy")  # an untouched export is replaced, links in it too


def test_where_there_are_no_hard_links_pictures_are_copied(
    toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(picture_transfer.os, "link", refuse)
    out = exported(toy_dataset, tmp_path / "out")
    assert {p.stat().st_nlink for p in (out / "images" / "train").iterdir()} == {1}


def test_a_picture_that_is_a_link_is_not_taken(make_dataset, tmp_path: Path) -> None:
    root = make_dataset()
    picture = next((root / "images").iterdir())
    picture.rename(tmp_path / "secret")
    picture.symlink_to(tmp_path / "secret")
    out, _ = export_dataset(open_dataset(root), "coco", tmp_path / "out", ExportOptions.parse({"images": "copy"}))
    assert picture.name not in {p.name for p in Path(str(out)).rglob("*")}


def test_options_that_a_format_lacks_are_told(toy_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--format", "bop", "--split", "train=1", "--masks", "polygons"]
    assert entrypoint(["export", str(toy_dataset), *given]) == 2
    told = capsys.readouterr().err
    assert "--split: bop has no such choice; coco, yolo" in told
    assert "--masks: bop has no such choice; coco, fiftyone have" in told
    assert entrypoint(["export", str(toy_dataset), "--masks", "png", "--images", "move", "--split", "a"]) == 2
    told = capsys.readouterr().err
    assert "--masks png: there are rle, polygons" in told
    assert "--images move: there are hardlink, link, copy" in told
    assert "'a' isn't NAME=SHARE" in told


def test_in_place_stays_as_it_was(make_dataset) -> None:
    root = make_dataset()
    before = (root / "annotations" / "instances.json").read_bytes()
    (root / "annotations" / "instances.json").unlink()
    assert entrypoint(["export", str(root)]) == 0
    assert (root / "annotations" / "instances.json").read_bytes() == before


def test_parts_go_beside_the_dataset(make_dataset) -> None:
    root = make_dataset()
    assert entrypoint(["export", str(root), "--split", "train=0.5,val=0.5"]) == 0
    assert (root.parent / f"{root.name}_coco" / "annotations" / "instances_val.json").is_file()


def test_masks_that_no_person_wrote_are_told(make_dataset, tmp_path: Path) -> None:
    root = make_dataset()
    record = root / "records" / "000000.json"
    text = record.read_text()
    assert '"mask":{"size_hw":[120,160]' in text
    record.write_text(text.replace('"mask":{"size_hw":[120,160]', '"mask":{"size_hw":[12,16]'))
    with pytest.raises(InputError, match="is broken"):
        exported(root, tmp_path / "out", masks="polygons")
    assert not (tmp_path / "out").exists()


def test_amodal_masks_where_asked(toy_dataset: Path, tmp_path: Path) -> None:
    for format_, name in (("coco", "annotations/instances_train.json"), ("fiftyone", "train/labels.json")):
        out = tmp_path / format_
        export_dataset(open_dataset(toy_dataset), format_, out, ExportOptions(amodal=True))
        found = json.loads((out / name).read_text())["annotations"]
        wanted = [i.mask_amodal.to_coco() for r in open_dataset(toy_dataset).records() for i in r.instances]
        assert [a["attributes"]["segmentation_amodal"] for a in found] == wanted
        assert any(a["segmentation"] != a["attributes"]["segmentation_amodal"] for a in found)
    export_dataset(open_dataset(toy_dataset), "coco", tmp_path / "plain")
    assert "segmentation_amodal" not in (tmp_path / "plain/annotations/instances_train.json").read_text()
    with pytest.raises(InputError, match="yolo has no such choice"):
        export_dataset(open_dataset(toy_dataset), "yolo", tmp_path / "no", ExportOptions(amodal=True))
