"""What the training benchmark feeds to its detector, and what it makes of the detector's maps."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from ablations import Row, ablations
from detector_data import Annotated, CocoSet, augment, class_names, fit, load_training, targets
from screening import design, effects, screened
from training_scores import Budget, Made, Score, keep, kept, score_file

SIZE = (64, 32)


def coco(folder: Path, layout: str = "standard") -> CocoSet:
    """A set of one picture of 128 x 64 with a red box, a crowd, and a class that nobody has."""
    image = np.zeros((64, 128, 3), np.uint8)
    image[16:32, 40:80] = (0, 0, 255)
    annotations = [
        {"image_id": 7, "category_id": 3, "bbox": [40, 16, 40, 16], "iscrowd": 0},
        {"image_id": 7, "category_id": 3, "bbox": [0, 0, 128, 64], "iscrowd": 1},
    ]
    document = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "red"}, {"id": 9, "name": "none"}],
        "annotations": annotations,
    }
    json_file, images = {
        "standard": (folder / "annotations" / "instances.json", folder / "images"),
        "export": (folder / "annotations" / "instances_train.json", folder / "images" / "train"),
        "beside": (folder / "photos.json", folder / "photos"),
    }[layout]
    json_file.parent.mkdir(parents=True, exist_ok=True)
    images.mkdir(parents=True)
    json_file.write_text(json.dumps(document))
    cv2.imwrite(str(images / "a.png"), image)
    return CocoSet.find(folder)


@pytest.mark.parametrize("layout", ["standard", "export", "beside"])
def test_a_set_is_found_and_read(tmp_path: Path, layout: str):
    found = coco(tmp_path, layout)
    (picture,) = load_training(found, ["red"], SIZE)
    assert picture.image.shape == (51, 102, 3)  # 1.6 times the detector's image, no more
    assert picture.boxes == ((0, 32.0, 12.8, 32.0, 12.8),)


def test_only_common_classes_count(tmp_path: Path):
    one, two = coco(tmp_path / "one"), coco(tmp_path / "two")
    document = json.loads(two.annotations.read_text())
    document["categories"][1]["name"] = "other"
    two.annotations.write_text(json.dumps(document))
    assert class_names(one, two) == ["red"]


def test_boxes_follow_the_crop():
    """Wherever it is cropped and mirrored, the red is where the box says."""
    image = np.zeros((64, 128, 3), np.uint8)
    image[16:32, 40:80] = (0, 0, 255)
    picture = Annotated(image, ((0, 40, 16, 40, 16),))
    rng = random.Random(1)
    seen = 0
    for _ in range(200):
        result, boxes = augment(picture, SIZE, rng)
        for _, x0, y0, x1, y1 in boxes:
            red = result[..., 2] - result[..., 0]
            inside = red[int(y0) + 1 : int(y1) - 1, int(x0) + 1 : int(x1) - 1].mean()
            outside = (red.sum() - red[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1].sum()) / red.size
            assert inside > outside + 0.05
            seen += 1
    assert seen > 150


def test_targets_decode_to_the_boxes():
    heat, wanted, known = targets([[(1, 10.0, 6.0, 30.0, 16.0)]], 2, SIZE)
    assert heat[0, 0].max() == 0
    assert heat[0, 1].max() == 1
    row, column = np.unravel_index(heat[0, 1].argmax(), heat[0, 1].shape)
    assert (row, column) == (2, 5)
    assert known.sum() == 9
    for r, c in zip(*np.nonzero(known[0]), strict=True):
        dx, dy, log_w, log_h = wanted[0, :, r, c]
        assert (4 * (c + dx), 4 * (r + dy)) == pytest.approx((20, 11))
        assert (4 * np.exp(log_w), 4 * np.exp(log_h)) == pytest.approx((20, 10), rel=1e-5)


def test_a_photo_is_fitted_and_its_scale_told():
    image, scale = fit(np.full((64, 256, 3), 200, np.uint8), SIZE)
    assert scale == 0.25
    assert image.shape == (32, 64, 3)
    assert image[:16].mean() == pytest.approx(200 / 255, abs=0.01)
    assert image[20:].mean() == pytest.approx(110 / 255, abs=0.01)


def test_ablations_switch_off_what_is_on(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("assets: {source: samples}\ndistractors: {count: 3}\ncamera: {roll_deg: {uniform: [-5, 5]}}\n")
    rows = ablations(config, [])
    names = [r.name for r in rows]
    assert names[0] == "c"
    assert {"without clutter", "without roll"} <= set(names)
    assert "without lamps" not in names
    assert len({r.folder(config, 8) for r in rows}) == len(rows)
    assert [r.name for r in ablations(config, [], only=["roll"])] == ["c", "without roll"]


def test_the_detector_gives_back_what_its_maps_say():
    torch = pytest.importorskip("torch")
    from detector import detections

    heat, wanted, _ = (torch.from_numpy(a) for a in targets([[(1, 10.0, 6.0, 30.0, 16.0)]], 2, SIZE))
    logits = torch.logit(heat[0].clamp(0.01, 0.99))
    scores, classes, boxes = detections(logits, wanted[0], most=1)
    assert classes.tolist() == [1]
    assert scores.item() == pytest.approx(0.99)
    assert boxes[0].tolist() == pytest.approx([10, 6, 20, 10], rel=1e-4)


def test_scores_are_kept_apart_by_all_that_decides_them(tmp_path: Path):
    budget, shorter = Budget(600, (448, 256), 1), Budget(60, (448, 256), 1)
    a, b = (tmp_path / "sets" / n for n in ("a", "b"))
    files = [
        score_file(a, tmp_path / "real", budget, 0, 0),
        score_file(b, tmp_path / "real", budget, 0, 0),
        score_file(a, tmp_path / "other", budget, 0, 0),
        score_file(a, tmp_path / "real", shorter, 0, 0),
        score_file(a, tmp_path / "real", budget, 1, 0),
        score_file(a, tmp_path / "real", budget, 0, 80),
    ]
    assert len(set(files)) == len(files)
    assert kept(files[0]) is None
    (tmp_path / "sets").mkdir()
    score, made = Score(0.1, 0.3, {"can": (0.5, 0.6), "unseen": None}), Made(80, 1900, None)
    keep(files[0], score, made)
    assert kept(files[0]) == (score, made)
    assert kept(files[1]) is None


def test_a_set_is_made_again_for_a_seed_whose_score_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("torch")
    import training

    (tmp_path / "c.yaml").write_text("assets: {source: samples}\n")
    work, real = tmp_path / "work", coco(tmp_path / "photos")
    work.mkdir()
    row, done = ablations(tmp_path / "c.yaml", [])[0], []

    def generate(config: Path, row: object, images: int, out: Path) -> float:
        coco(out)
        return 12.0

    def trained(folder: Path, real: CocoSet, budget: Budget, seed: int, limit: int) -> Score:
        assert CocoSet.find(folder)
        done.append(seed)
        return Score(0.1, 0.2 + seed, {"red": (0.5, 0.6)})

    monkeypatch.setattr(training, "generate", generate)
    monkeypatch.setattr(training, "trained", trained)
    given = ["--real", str(tmp_path / "photos"), "--config", str(tmp_path / "c.yaml"), "--work", str(work)]
    for seeds in (["0"], ["0", "1"]):
        args = training.parse([*given, "--seeds", *seeds])
        result = training.measure(args, row, real, Budget(6, SIZE, 1))
        assert (result.made.pictures, result.made.labels, result.made.cpu_s) == (1, 1, 12.0)
        for made in work.iterdir():  # scores are brought from elsewhere, without their sets
            if made.suffix != ".json":
                shutil.rmtree(made) if made.is_dir() else made.unlink()
    assert done == [0, 1]
    assert [s.ap50 for s in result.scores] == [0.2, 1.2]


@pytest.mark.parametrize("switches", [3, 11, 12, 19, 23])
def test_a_design_tells_switches_apart(switches: int):
    off = design(switches)
    signs = np.where(off, 1, -1)
    assert not off[0].any()
    np.testing.assert_array_equal(signs.T @ signs, len(off) * np.eye(switches))


def test_effects_are_found_among_each_other_and_noise():
    rng = np.random.default_rng(0)
    worth = np.array([-7.0, 0.0, 3.0, -1.0, 0.5])
    off = design(len(worth))
    clean = 50 + off @ worth
    scores = [[((c + rng.normal(0, 1)) / 100, c / 200) for _ in range(2)] for c in clean]
    found = effects("abcde", off, scores)
    assert [e.name for e in found] == [*"abcde"]
    for effect, points in zip(found, worth, strict=True):
        assert effect.ap50_error == pytest.approx(0.41, abs=0.15)  # 2 / sqrt(24), by the noise that there is
        assert abs(effect.ap50 - points) < 3 * 0.41
        assert effect.ap == pytest.approx(points / 2)


def test_noise_is_told_where_there_are_as_many_switches_as_sets():
    worth = np.array([-9.0, *[0.0] * 9, 6.0])
    off = design(len(worth))
    errors = []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(0, 1.5, len(off))
        found = effects("abcdefghijk", off, [[(s / 100, 0.4)] for s in 50 + off @ worth + noise])
        errors.append([found[0].ap50_error, found[0].ap_error])
    told = np.mean(errors, axis=0)
    assert told[0] == pytest.approx(1.5 / np.sqrt(3), abs=0.2)  # the two that count aren't taken for noise
    assert told[1] == pytest.approx(0, abs=1e-6)


def test_screened_sets_lack_what_the_design_says():
    base = Row("all", ("seed=1",))
    matrix, rows = screened([base, *(Row(f"without {k}", ("seed=1", f"{k}=0")) for k in "abc")])
    assert rows[0] == base
    for off, row in zip(matrix, rows, strict=True):
        assert row.overrides == ("seed=1", *(f"{k}=0" for k, is_off in zip("abc", off, strict=True) if is_off))
