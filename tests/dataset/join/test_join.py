"""Several datasets, and photos, as one: nothing is lost, renamed wrongly, taken twice or taken for what it isn't."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.labelled_source import OneDataset
from scanstage.dataset.export.formats import EXPORTERS
from scanstage.dataset.join.class_choice import ClassChoice
from scanstage.dataset.join.join_parts import join
from scanstage.dataset.join.joined_dataset import join_datasets
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.picture_facts import SplitFacts

TRIANGLE = [10.0, 10.0, 50.5, 12.0, 30.0, 40.25]
BOX = [10.0, 10.0, 40.5, 30.25]


@pytest.fixture(scope="session")
def other_dataset(make_dataset: Any) -> Path:
    """Two pictures of the same scans, of another seed."""
    found: Path = make_dataset("seed=7", "images=2", "name=others")
    return found


def photos(folder: Path, *, number: int = 2, **changes: Any) -> Path:
    """Photos with polygons, run lengths and a crowd, as an annotation file; its path."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(number):
        pixels = np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"photo {i}.jpg"), pixels)
        images.append({"id": 10 + i, "file_name": f"photo {i}.jpg", "width": 64, "height": 48, "license": 4})
        crowd = np.zeros((48, 64), np.uint8)
        crowd[5:9, 5:20] = 1
        code = coco_mask.encode(np.asfortranarray(crowd))
        rle = {"size": code["size"], "counts": code["counts"].decode()}
        annotations += [
            {"id": 1, "image_id": 10 + i, "category_id": 7, "bbox": BOX, "segmentation": [TRIANGLE], "area": 500.0},
            {"id": 2, "image_id": 10 + i, "category_id": 9, "bbox": [5, 5, 15, 4], "segmentation": rle, "iscrowd": 1},
        ]
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 7, "name": "Box"}, {"id": 9, "name": "ball"}],
        "licenses": [{"id": 4, "name": "CC BY 2.0", "url": "https://creativecommons.org/licenses/by/2.0/"}],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(document | changes))
    return path


def read(out: Path, part: str = "train") -> COCO:
    return COCO(out / "annotations" / f"instances_{part}.json")


def test_all_pictures_and_labels_are_there_with_their_own_files(
    toy_dataset: Path, other_dataset: Path, tmp_path: Path
) -> None:
    real = photos(tmp_path / "real")
    choice = ClassChoice.parse(["Box=box"], None)
    out, figures = join([toy_dataset, other_dataset], tmp_path / "all", real=[real], classes=choice)
    assert figures["pictures"] == 3 + 2 + 2
    coco = read(Path(str(out)))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["box", "ball"]
    records = [r for root in (toy_dataset, other_dataset) for r in open_dataset(root).records()]
    for index, record in enumerate(records):
        root = (toy_dataset if index < 3 else other_dataset) / "images" / record.image.file_name
        (image,) = coco.loadImgs(index)
        assert (tmp_path / "all/images/train" / image["file_name"]).read_bytes() == root.read_bytes()
        found = coco.loadAnns(coco.getAnnIds(index))
        names = [coco.cats[a["category_id"]]["name"] for a in found]
        assert names == [i.class_name for i in record.instances]
        assert [a["segmentation"]["counts"] for a in found] == [i.mask.counts for i in record.instances]
        assert image["source"]["kind"] == "synthetic"
        assert image["source"]["dataset"] == ("toys" if index < 3 else "others")
    for index in (5, 6):
        (image,) = coco.loadImgs(index)
        photo = f"photo {index - 5}.jpg"
        assert image["source"] == {
            "kind": "real", "dataset": "instances", "original": photo, "license": "CC BY 2.0",
        }  # fmt: skip
        assert (tmp_path / "all/images/train" / image["file_name"]).read_bytes() == (
            tmp_path / "real/images" / photo
        ).read_bytes()
        box, ball = coco.loadAnns(coco.getAnnIds(index))
        np.testing.assert_array_equal(
            coco.annToMask(box),
            coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([TRIANGLE], 48, 64))),
        )
        assert box["bbox"] == BOX
        assert "attributes" not in box
        assert ball["iscrowd"] == 1
        assert coco.annToMask(ball).sum() == 4 * 15
    lines = [json.loads(line) for line in (tmp_path / "all/provenance.jsonl").read_text().splitlines()]
    assert [line["source"]["kind"] for line in lines] == ["synthetic"] * 5 + ["real"] * 2


@pytest.mark.parametrize("format_", [name for name in EXPORTERS if name not in ("bop", "kitti")])
def test_every_format_but_those_of_cameras_can_hold_photos(toy_dataset: Path, tmp_path: Path, format_: str) -> None:
    classes = ClassChoice.parse(["Box=box"], None)
    real = [photos(tmp_path / "real")]
    out, figures = join([toy_dataset], tmp_path / "all", format_, real=real, classes=classes)
    assert figures["pictures"] == 5
    told = json.loads((Path(str(out)) / "splits.json").read_text())
    assert sum(sum(found.values()) for found in told["labels"].values()) == 2 + sum(
        not i.ignore for r in open_dataset(toy_dataset).records() for i in r.instances
    )


def test_nothing_says_that_photos_are_synthetic(toy_dataset: Path, tmp_path: Path) -> None:
    real = [photos(tmp_path / "real")]
    join([toy_dataset], tmp_path / "voc", "voc", real=real)
    for index, kind in ((2, "synthetic"), (3, "real")):
        text = (tmp_path / f"voc/VOCdevkit/VOC2012/Annotations/{index:06d}.xml").read_text()
        assert f"<image>{kind}</image>" in text
    assert "5 pictures: photos, and synthetic ones" in (tmp_path / "voc/README.md").read_text()
    join([toy_dataset], tmp_path / "coco", real=real)
    coco = json.loads((tmp_path / "coco/annotations/instances_train.json").read_text())
    assert "photos, and synthetic images" in coco["info"]["description"]


@pytest.mark.parametrize(("format_", "reason"), [("kitti", "camera isn't known"), ("bop", "poses of one dataset")])
def test_formats_of_cameras_refuse(toy_dataset: Path, tmp_path: Path, format_: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        join([toy_dataset], tmp_path / "all", format_, real=[photos(tmp_path / "real")])
    assert not (tmp_path / "all").exists()


def test_yolo_has_photos_boxes_where_they_are(toy_dataset: Path, tmp_path: Path) -> None:
    choice = ClassChoice.parse(["Box=box"], "box")
    join([toy_dataset], tmp_path / "all", "yolo", real=[photos(tmp_path / "real")], classes=choice)
    (path,) = (tmp_path / "all/labels").glob("*/000004.txt")
    numbers = [float(v) for v in path.read_text().split()]
    assert numbers == pytest.approx([0, 30.25 / 64, 25.125 / 48, 40.5 / 64, 30.25 / 48], abs=1e-6)


def test_the_same_picture_twice_is_refused(toy_dataset: Path, other_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"000000\..*the same|there twice: 000000"):
        join([toy_dataset, other_dataset, toy_dataset], tmp_path / "all")
    first = photos(tmp_path / "a")
    shutil.copy(tmp_path / "a/images/photo 0.jpg", tmp_path / "a/images/photo 1.jpg")
    with pytest.raises(InputError, match=r"there twice: .*photo 1\.jpg"):
        join([toy_dataset], tmp_path / "all", real=[first])
    assert not (tmp_path / "all").exists()


def test_boxes_alone_go_into_formats_of_boxes(toy_dataset: Path, tmp_path: Path) -> None:
    label = {"id": 1, "image_id": 10, "category_id": 7, "bbox": BOX}
    real = [photos(tmp_path / "real", annotations=[label])]
    join([toy_dataset], tmp_path / "coco", real=real)
    coco = read(tmp_path / "coco")
    (found,) = coco.loadAnns(coco.getAnnIds(3))
    assert found["segmentation"] == []
    assert found["bbox"] == BOX
    join([toy_dataset], tmp_path / "yolo", "yolo", real=real)
    for format_ in ("yolo-seg", "masks", "huggingface"):
        with pytest.raises(InputError, match="1 labels of photos have a box alone"):
            join([toy_dataset], tmp_path / "no", format_, real=real)
    only = ClassChoice.parse([], "ball")
    join([toy_dataset], tmp_path / "seg", "yolo-seg", real=real, classes=only)  # the label without a mask isn't in it


def test_photos_are_dealt_out_whatever_is_held_out(toy_dataset: Path, tmp_path: Path) -> None:
    """Each has a background and a light of its own."""
    for what in ("background", "hdri"):
        options = ExportOptions.parse({"split": "train=0.5,val=0.5", "hold_out": what})
        real = [photos(tmp_path / what, number=4)]
        join([toy_dataset], tmp_path / f"all {what}", "coco", options, real=real)
        parts = json.loads((tmp_path / f"all {what}/splits.json").read_text())["pictures"]
        assert {*parts["train"], *parts["val"]} == set(range(7))
        assert all({3, 4, 5, 6} & set(found) for found in parts.values())


def test_classes_are_renamed_and_chosen(toy_dataset: Path, other_dataset: Path, tmp_path: Path) -> None:
    choice = ClassChoice.parse(["ball=round thing"], "round thing")
    join([toy_dataset, other_dataset], tmp_path / "all", classes=choice)
    coco = read(tmp_path / "all")
    (category,) = coco.loadCats(coco.getCatIds())
    assert category["name"] == "round thing"
    assert category["keypoints"] == ["top", "middle"]
    wanted = sum(
        i.class_name == "ball" for root in (toy_dataset, other_dataset) for r in open_dataset(root).records()
        for i in r.instances
    )  # fmt: skip
    assert len(coco.getAnnIds()) == wanted > 0


def test_classes_that_may_be_one_are_told(toy_dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        join([toy_dataset], tmp_path / "all", real=[photos(tmp_path / "real")])
    assert "box and Box are two classes" in caplog.text


@pytest.mark.parametrize(
    ("renamed", "only", "reason"),
    [
        (["bal=x"], None, "did you mean ball"),
        ([], "bal", "did you mean ball"),
        (["ball"], None, "isn't OLD=NEW"),
        (["ball=a", "ball=b"], None, "is a already"),
        ([], "ball,", "a name is empty"),
    ],
)
def test_wrong_classes_are_told(
    toy_dataset: Path, other_dataset: Path, tmp_path: Path, renamed: list[str], only: str | None, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        join([toy_dataset, other_dataset], tmp_path / "all", classes=ClassChoice.parse(renamed, only))


def test_other_keypoints_of_one_class_are_refused(toy_dataset: Path, tmp_path: Path) -> None:
    categories = [{"id": 7, "name": "box", "keypoints": ["a", "b"], "skeleton": [[1, 2]]}, {"id": 9, "name": "ball"}]
    with pytest.raises(InputError, match="box: one dataset has the keypoints low high, another a b"):
        join([toy_dataset], tmp_path / "all", real=[photos(tmp_path / "real", categories=categories)])


def test_keypoints_of_photos_are_kept(toy_dataset: Path, tmp_path: Path) -> None:
    categories = [{"id": 7, "name": "box", "keypoints": ["low", "high"]}, {"id": 9, "name": "ball"}]
    points = [12.5, 11.0, 2, 0, 0, 0]
    label = {"image_id": 10, "category_id": 7, "bbox": BOX, "segmentation": [TRIANGLE], "keypoints": points}
    real = [photos(tmp_path / "real", categories=categories, annotations=[label])]
    join([toy_dataset], tmp_path / "all", real=real)
    coco = read(tmp_path / "all")
    (found,) = coco.loadAnns(coco.getAnnIds(3))
    assert found["keypoints"] == points
    assert found["num_keypoints"] == 1


HALVES = {"size": [48, 64], "counts": [0.5, 3071.5]}
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no images": ({"images": 3}, "images: "),
    "image of no size": ({"images": [{"id": 10, "file_name": "photo 0.jpg", "width": 0, "height": 4}]}, "width"),
    "unseen letters": ({"images": [{"id": 10, "file_name": "a\0.jpg", "width": 1, "height": 4}]}, "no name has"),
    "endless": ({"images": [{"id": 10, "file_name": "a.jpg", "width": 60000000, "height": 60000000}]}, "pixels"),
    "class of lines": ({"categories": [{"id": 7, "name": "a\nb"}, {"id": 9, "name": "b"}]}, "text on one line"),
    "fractions of pixels": (
        {
            "annotations": [
                {
                    "image_id": 10,
                    "category_id": 7,
                    "bbox": BOX,
                    "segmentation": {"size": [48, 64], "counts": [0.5, 3071.5]},
                }
            ]
        },
        "a mask can't be read",
    ),
    "unknown image": (
        {"annotations": [{"image_id": 3, "category_id": 7, "bbox": BOX}]},
        r"annotations\.0: there is no image 3",
    ),
    "unknown class": ({"annotations": [{"image_id": 10, "category_id": 8, "bbox": BOX}]}, "there is no category 8"),
    "same ids": ({"categories": [{"id": 7, "name": "a"}, {"id": 7, "name": "b"}]}, "the same id"),
    "elsewhere": (
        {"images": [{"id": 10, "file_name": "../../secret.jpg", "width": 64, "height": 48}], "annotations": []},
        "is in none of|no name of a photo",
    ),
    "two corners": (
        {"annotations": [{"image_id": 10, "category_id": 7, "bbox": BOX, "segmentation": [[1, 2, 3, 4]]}]},
        "a mask can't be read",
    ),
    "other size": (
        {
            "annotations": [
                {"image_id": 10, "category_id": 7, "bbox": BOX, "segmentation": {"size": [9, 9], "counts": "00"}}
            ]
        },
        "a mask can't be read",
    ),
    "bad run lengths": (
        {
            "annotations": [
                {"image_id": 10, "category_id": 7, "bbox": BOX, "segmentation": {"size": [48, 64], "counts": [5, 9]}}
            ]
        },
        "a mask can't be read",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_annotations_are_told(toy_dataset: Path, tmp_path: Path, name: str) -> None:
    changes, reason = BROKEN[name]
    real = photos(tmp_path / "real", **changes)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with pytest.raises(InputError, match=reason):
        join([toy_dataset], tmp_path / "all", real=[real])
    assert not (tmp_path / "all").exists()


def test_what_is_missing_is_told_at_once(toy_dataset: Path, tmp_path: Path) -> None:
    real = photos(tmp_path / "real")
    with pytest.raises(InputError) as told:
        join([toy_dataset, tmp_path / "no"], tmp_path / "all", real=[real, tmp_path / "none.json"])
    assert len(told.value.problems) >= 2
    with pytest.raises(InputError, match="nothing to join it with"):
        join([toy_dataset], tmp_path / "all")
    with pytest.raises(InputError, match="1 folders for 2"):
        join([toy_dataset], tmp_path / "all", real=[real, real], photos=[tmp_path])
    (tmp_path / "real/images/photo 1.jpg").unlink()
    with pytest.raises(InputError, match=r"photo 1\.jpg"):
        join([toy_dataset], tmp_path / "all", real=[real])


def test_photos_elsewhere_are_named(toy_dataset: Path, tmp_path: Path) -> None:
    real = photos(tmp_path / "real")
    (tmp_path / "real/images").rename(tmp_path / "far")
    with pytest.raises(InputError, match="is in none of"):
        join([toy_dataset], tmp_path / "all", real=[real])
    join([toy_dataset], tmp_path / "all", real=[real], photos=[tmp_path / "far"])
    assert (tmp_path / "all/images/train/000004.jpg").is_file()


def test_no_licence_covers_a_part_whose_sources_nobody_noted(
    toy_dataset: Path, other_dataset: Path, tmp_path: Path
) -> None:
    roots = [Path(shutil.copytree(r, tmp_path / r.parent.name)) for r in (toy_dataset, other_dataset)]
    mit = [{"kind": "scan", "name": "a", "license": "MIT"}]
    for sources, expected in ((mit, {1}), ([], {1, None})):
        for root, noted in zip(roots, (mit, sources), strict=True):
            path = root / "run.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"sources": noted}))
        join(roots, out := tmp_path / f"of {len(sources)}")
        document = json.loads((out / "annotations/instances_train.json").read_text())
        assert [x["name"] for x in document["licenses"]] == ["MIT"]
        assert {i.get("license") for i in document["images"]} == expected


def _as_png(path: Path) -> None:
    cv2.imwrite(str(path.with_suffix(".png")), cv2.imread(str(path)))
    path.with_suffix(".png").rename(path)


def _turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(path) as image:
        image.save(path, exif=exif)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "larger": (lambda path: cv2.imwrite(str(path), np.zeros((96, 128, 3), np.uint8)), "is 128 x 96, its labels are of"),
    "text": (lambda path: path.write_text("no"), "no JPEG or PNG"),
    "empty": (lambda path: path.write_bytes(b""), "no JPEG or PNG"),
    "PNG": (_as_png, "is a PNG by another name"),
    "turned": (_turned, "EXIF data turn it"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_photos_that_are_not_what_their_labels_are_of(toy_dataset: Path, tmp_path: Path, name: str) -> None:
    spoil, reason = SPOILT[name]
    real = photos(tmp_path / "real")
    spoil(tmp_path / "real/images/photo 1.jpg")
    with pytest.raises(InputError, match=reason):
        join([toy_dataset], tmp_path / "all", real=[real])


def labelled(bbox: list[float], segmentation: Any = None) -> dict[str, Any]:
    return {"image_id": 10, "category_id": 7, "bbox": bbox, "segmentation": segmentation}


def test_boxes_end_where_their_picture_ends(
    toy_dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = [
        labelled([50, 40, 50, 50]),  # cut
        labelled([-5, -6, 20, 20]),  # at the other corner
        labelled([300, 300, 20, 20]),  # elsewhere
        labelled([0, 0, 0, 0], [TRIANGLE]),  # its mask's
        labelled([60, 40, 3, 3], [TRIANGLE]),  # not its mask's: that one's
        labelled([1, 1, 1e300, 1e300]),
        labelled([10.1, 10.1, 0.1, 0.1], [[10.1, 10.1, 10.2, 10.1, 10.2, 10.2]]),  # a mask without a pixel
    ]
    join([toy_dataset], tmp_path / "all", real=[photos(tmp_path / "real", annotations=labels)])
    coco = read(tmp_path / "all")
    boxes = [a["bbox"] for a in coco.loadAnns(coco.getAnnIds(3))]
    tight = coco_mask.toBbox(coco_mask.merge(coco_mask.frPyObjects([TRIANGLE], 48, 64))).tolist()
    assert boxes == [[50, 40, 14, 8], [0, 0, 15, 14], tight, tight, [1, 1, 63, 47]]
    assert "1 labels were left out: boxes that are nothing" in caplog.text
    assert "1 labels were left out: masks thinner than a pixel" in caplog.text
    join([toy_dataset], tmp_path / "yolo", "yolo", real=[photos(tmp_path / "more", annotations=labels)])
    (path,) = (tmp_path / "yolo/labels").glob("*/000003.txt")
    assert all(0 <= float(v) <= 1 for line in path.read_text().splitlines() for v in line.split()[1:])


def test_nothing_is_written_over_what_it_is_made_of(toy_dataset: Path, other_dataset: Path, tmp_path: Path) -> None:
    real = photos(tmp_path / "real")
    first, _ = join([toy_dataset], tmp_path / "all", real=[real])
    annotations = Path(str(first)) / "annotations/instances_train.json"
    for out in (tmp_path / "all", tmp_path / "all/images/train", tmp_path, other_dataset, other_dataset / "x"):
        with pytest.raises(InputError, match="is, or is in, or holds"):
            join([other_dataset], out, real=[annotations], photos=[tmp_path / "all/images/train"])


def test_photos_are_copied_unless_links_are_asked_for(toy_dataset: Path, tmp_path: Path) -> None:
    real = photos(tmp_path / "real")
    photo = tmp_path / "real/images/photo 0.jpg"
    join([toy_dataset], tmp_path / "copied", real=[real])
    assert photo.stat().st_nlink == 1
    join([toy_dataset], tmp_path / "linked", "coco", ExportOptions(images="hardlink"), real=[real])
    assert photo.stat().st_nlink == 2


def test_a_scan_of_two_classes_is_one_scan(make_dataset: Any, toy_dataset: Path, tmp_path: Path) -> None:
    """It came in twice, under two names that become one: held out, it is in no training picture of either."""
    other = Path(shutil.copytree(toy_dataset, tmp_path / "other"))
    for path in (other / "records").iterdir():
        path.write_text(path.read_text().replace("box/toy", "crate/toy"))
    facts = _facts([toy_dataset])
    assert {asset for found in facts for asset in found.assets} == {
        asset for found in _facts([other]) for asset in found.assets
    }


def _facts(roots: list[Path]) -> list[SplitFacts]:
    return list(join_datasets([OneDataset(open_dataset(r)) for r in roots], [], ClassChoice(), "all").facts())


def test_parts_of_one_name_are_told_apart(toy_dataset: Path, tmp_path: Path) -> None:
    sets = [photos(tmp_path / "a"), photos(tmp_path / "b")]
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"b/images/photo {i}.jpg"), np.full((48, 64, 3), 50 * i, np.uint8))
    join([toy_dataset], tmp_path / "all", real=sets)
    lines = [json.loads(line)["source"] for line in (tmp_path / "all/provenance.jsonl").read_text().splitlines()]
    assert [line["dataset"] for line in lines[3:]] == ["instances"] * 2 + ["instances (2)"] * 2


def test_the_card_asks_for_what_the_strictest_photo_asks(toy_dataset: Path, tmp_path: Path) -> None:
    licenses = [{"id": 4, "name": "CC BY-NC 4.0"}]
    join([toy_dataset], tmp_path / "all", real=[photos(tmp_path / "real", licenses=licenses)])
    assert "license: cc0-1.0" not in (tmp_path / "all/README.md").read_text()
    images = json.loads((tmp_path / "all/annotations/instances_train.json").read_text())
    ids = {x["id"]: x["name"] for x in images["licenses"]}
    assert [ids[i["license"]] for i in images["images"] if i["source"]["kind"] == "real"] == ["CC BY-NC 4.0"] * 2


def test_overlapping_masks_of_photos_are_panoptic(toy_dataset: Path, tmp_path: Path) -> None:
    large = [5.0, 5.0, 45.0, 5.0, 45.0, 35.0, 5.0, 35.0]
    half = [5.0, 5.0, 25.0, 5.0, 25.0, 35.0, 5.0, 35.0]
    small = [10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]
    labels = [labelled([10, 10, 10, 10], [small]), labelled([5, 5, 40, 30], [large]), labelled([5, 5, 20, 30], [half])]
    real = [photos(tmp_path / "real", annotations=labels)]
    join([toy_dataset], tmp_path / "all", "coco-panoptic", real=real)
    document = json.loads((tmp_path / "all/annotations/panoptic_train.json").read_text())
    found = next(a for a in document["annotations"] if a["image_id"] == 3)
    png = cv2.imread(str(tmp_path / "all/annotations/panoptic_train" / found["file_name"]))
    ids, areas = np.unique(png[..., 2], return_counts=True)
    for s in found["segments_info"]:
        rows, columns = np.nonzero(png[..., 2] == s["id"])
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        np.testing.assert_allclose(s["bbox"], box, atol=1)
    assert {s["id"]: s["area"] for s in found["segments_info"]} == dict(zip(ids[1:].tolist(), areas[1:], strict=True))


def test_ids_of_images_may_be_text_or_numbers(toy_dataset: Path, tmp_path: Path) -> None:
    label = labelled([1, 2, 3, 4], [TRIANGLE]) | {"image_id": "10"}
    join([toy_dataset], tmp_path / "all", real=[photos(tmp_path / "real", annotations=[label])])
    coco = read(tmp_path / "all")
    assert len(coco.getAnnIds(3)) == 1
