"""``scanstage survey make`` and ``report`` on the command line, with grey shapes in the place of Blender."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.cast_engine import CastEngines
from support.lens_plans import plan_of
from support.toy_survey import TRUTH

from scanstage.dataset.survey.golds.broken_pictures import BREAKINGS
from scanstage.dataset.survey.golds.photo_golds import like_ours
from scanstage.dataset.survey.survey_answers import RaterAnswer, answers_csv
from scanstage.dataset.survey.survey_file import read_survey
from scanstage.render.cli.app import entrypoint
from scanstage.render.commands.ask_people.broken_renders import shows_what_floats
from scanstage.render.commands.ask_people.make_survey import PAINTED, RENDERED
from scanstage.scenes.plan import FramePlan

CONFIG = """
images: 4
assets: {source: library, library: LIBRARY}
objects: {count: 4, placement: {kind: scatter}}
stage: {kind: none}
camera: {resolution: [96, 72], fill: 1.1}
render: {samples: 1, denoise: off}
labels: {min_pixels: 4}
workers: {count: 1}
survey: {gold: {real: 6, corrupt: 6}, pictures: 3, session: 10, ratings_per_picture: 2}
"""


@pytest.fixture(scope="module")
def place(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a small dataset, and photos."""
    folder = tmp_path_factory.mktemp("survey")
    (folder / "c.yaml").write_text(CONFIG.replace("LIBRARY", str(toy_library)), "utf-8")
    for version in ("v1", "v2"):
        command = ["generate", str(folder / "c.yaml"), "--out", str(folder / version)]
        assert entrypoint(command, CastEngines()) == 0
    (folder / "photos").mkdir()
    rng = np.random.default_rng(2)
    for number in range(8):
        small = rng.integers(0, 255, (12, 16, 3), np.uint8)
        photo = cv2.resize(small, (400, 300 if number else 60), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"photos/{number}.png"), photo)
    return folder


def make(place: Path, name: str, *more: str) -> int:
    out = str(place / name)
    datasets = [str(place / "v1"), str(place / "v2")]
    command = ["survey", "make", *datasets, "--real", str(place / "photos"), "--out", out, *more]
    return entrypoint(command, CastEngines())


@pytest.mark.slow
def test_golds_look_like_ours_from_outside(place: Path) -> None:
    assert make(place, "rendered") == 0
    survey = read_survey(place / "rendered")
    assert {i.how for i in survey.of_kind("corrupt")} <= {*RENDERED, *PAINTED}
    assert len(survey.of_kind("corrupt")) == len(survey.of_kind("real")) == 6
    kinds = set()
    for item in survey.items:
        with Image.open(io.BytesIO((place / "rendered/pictures" / item.file_name).read_bytes())) as image:
            tables = tuple(tuple(t) for t in image.quantization.values())  # type: ignore[attr-defined]
            kinds.add((image.size, image.format, tables, len(image.getexif())))
    assert len(kinds) == 1
    plans = [{i.plan for i in survey.pictures if i.dataset == v} for v in ("v1", "v2")]
    assert plans[0] == plans[1]
    assert len(plans[0]) == 3


@pytest.mark.slow
def test_answers_become_a_report_and_an_exit_code(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(place, "painted", "--no-render", "--set", "survey.pictures=4") == 0
    folder = place / "painted"
    assert make(place, "painted", "--no-render") == 2, "what is there isn't written over"
    assert entrypoint(["survey", "report", str(folder)]) == 2, "nobody has answered"
    survey = read_survey(folder)

    def answers(fall: int) -> str:
        rng = np.random.default_rng(1)
        rows = [
            RaterAnswer(
                f"=r{k}", i.item_id, TRUTH[i.kind] + int(rng.integers(0, 2)) - fall * (i.dataset == "v2"), 3.0, n
            )
            for k in range(6)
            for n, i in enumerate(survey.items)
        ]
        (place / f"{fall}.csv").write_bytes(answers_csv(rows))
        return str(place / f"{fall}.csv")

    report = ["survey", "report", str(folder), "--fail-on-regression", "1.5"]
    assert entrypoint([*report, "--answers", answers(4)]) == 1
    assert entrypoint([*report[:3], "--answers", answers(4)]) == 0, "it was only read"
    assert "What fell from v1 to v2" in (folder / "report.html").read_text("utf-8")
    assert entrypoint([*report, "--answers", answers(0), "--json", str(place / "r.json")]) == 0
    figures = json.loads((place / "r.json").read_text("utf-8"))
    assert figures["falls"][0]["verdict"] == "no fall"
    assert figures["falls"][0]["pairs"] == 4
    page = (folder / "report.html").read_text("utf-8")
    assert "<script" not in page
    rows = answers_csv([RaterAnswer("a", i.item_id, 5, 3.0) for i in survey.pictures[:3]])
    (place / "few.csv").write_bytes(rows)
    capsys.readouterr()
    assert entrypoint([*report, "--answers", str(place / "few.csv")]) == 3
    assert "not enough answers" in capsys.readouterr().out.lower()


@pytest.mark.parametrize("how", BREAKINGS)
def test_what_is_broken_is_broken_where_it_is_seen(how: str) -> None:
    rng = np.random.default_rng(0)
    pixels = np.full((60, 80, 3), 120, np.uint8)
    mask = np.zeros((60, 80), bool)
    mask[30:50, 20:50] = True
    pixels[mask] = rng.integers(0, 255, (600, 3))
    before = pixels.copy()
    found = BREAKINGS[how](pixels, [mask], np.full_like(pixels, 250), rng)
    assert (pixels == before).all(), "the picture itself stays"
    assert found.shape == pixels.shape
    changed = np.abs(found.astype(int) - before).max(axis=-1) > 30
    assert changed.mean() > 0.08
    if how in ("wrong light", "broken texture"):
        assert not changed[~mask].any()


def test_what_floats_is_not_looked_at_from_above() -> None:
    plan = plan_of(None, 50.0)

    def looking_down(deg: float) -> FramePlan:
        down = math.radians(deg)
        ahead = (0.0, math.cos(down), -math.sin(down))
        rows = tuple((1.0 if k == 0 else 0.0, 0.0, ahead[k], 0.0) for k in range(3))
        return replace(plan, camera=replace(plan.camera, camera_to_world=(*rows, (0.0, 0.0, 0.0, 1.0))))  # type: ignore[arg-type]

    assert [shows_what_floats(looking_down(deg)) for deg in (0, 30, 60, 90, -20)] == [True, True, False, False, True]


def test_a_photo_that_is_smaller_than_ours_is_left_out(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((100, 300, 3), np.uint8))
    rng = np.random.default_rng(0)
    assert like_ours(tmp_path / "a.png", (160, 120), rng) is None
    found = like_ours(tmp_path / "a.png", (80, 60), rng)
    assert found is not None
    assert found.shape == (60, 80, 3)
