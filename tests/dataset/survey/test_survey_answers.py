"""Answers as CSV: out and in again, and from elsewhere."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from support.toy_survey import toy_survey

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.survey.survey_answers import RaterAnswer, answers_csv, read_answers
from scanstage.dataset.survey.survey_file import (
    GoldScreening,
    Survey,
    read_screening,
    read_survey,
    write_screening,
)

NAMES = ("=1+1", "'=1", "-x", '"quoted", and more', "zwei\nZeilen", "🦆", "<script>alert(1)</script>", "@x")


@pytest.fixture
def survey(tmp_path: Path) -> Survey:
    return toy_survey(tmp_path / "s")


def test_all_names_come_back_and_none_is_a_formula(survey: Survey, tmp_path: Path) -> None:
    item = survey.items[0].item_id
    answers = [RaterAnswer(name, item, 7, math.nan if k else 2.5, k, "test", 2) for k, name in enumerate(NAMES)]
    path = tmp_path / "a.csv"
    path.write_bytes(answers_csv(answers))
    assert not any(line.startswith(("=", "+", "-", "@")) for line in path.read_text("utf-8").splitlines())
    assert repr(read_answers(path, survey)) == repr(answers)


def test_columns_of_others_are_named(survey: Survey, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"\ufeffWorkerId,Input.item,Answer.score\nw1,{survey.items[0].item_id},8.0\n", "utf-8")
    names = {"rater": "WorkerId", "item": "Input.item", "score": "Answer.score"}
    found = read_answers(path, survey, names)
    assert [(a.rater, a.score, a.phase) for a in found] == [("w1", 8, "rating")]
    with pytest.raises(InputError, match="has no column rater, item, score"):
        read_answers(path, survey)


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_what_a_spreadsheet_writes_is_read(survey: Survey, tmp_path: Path, between: str) -> None:
    path = tmp_path / "a.csv"
    rows = [("rater", "item", "score", "seconds"), ("a", survey.items[0].item_id, "8", "2.5")]
    path.write_bytes("".join(between.join(row) + "\r\n" for row in rows).encode("utf-8-sig"))
    assert [(a.rater, a.score, a.seconds) for a in read_answers(path, survey)] == [("a", 8, 2.5)]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a,nothing,5", "has no item"),
        ("a,ITEM,11", "the scale goes from 1 to 10"),
        ("a,ITEM,5.5", "isn't a whole number"),
        ("a,ITEM,nan", "isn't a whole number"),
        (",ITEM,5", "a rater's name"),
        ("a,ITEM", "isn't a whole number"),
        ('a,ITEM,"5', "isn't CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(survey: Survey, tmp_path: Path, row: str, told: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"rater,item,score\n{row.replace('ITEM', survey.items[0].item_id)}\n", "utf-8")
    with pytest.raises(InputError, match=told) as e:
        read_answers(path, survey)
    assert "line 2" in str(e.value) or "CSV" in told


def test_a_row_that_comes_twice_is_refused(survey: Survey, tmp_path: Path) -> None:
    row = f"a,{survey.items[0].item_id},5,1\n"
    path = tmp_path / "a.csv"
    path.write_text(f"rater,item,score,order\n{row}{row}", "utf-8")
    with pytest.raises(InputError, match="twice"):
        read_answers(path, survey)


def test_a_picture_is_answered_once_and_a_gold_as_often_as_it_is_shown(survey: Survey, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    ours, gold = survey.pictures[0].item_id, survey.of_kind("real")[0].item_id
    path.write_text(f"rater,item,score\na,{gold},9\na,{ours},5\na,{gold},8\n", "utf-8")
    assert [a.order for a in read_answers(path, survey)] == [1, 2, 3]
    path.write_text(f"rater,item,score\na,{ours},5\na,{gold},8\na,{ours},6\n", "utf-8")
    with pytest.raises(InputError, match=f"a answers {ours} twice"):
        read_answers(path, survey)


def test_golds_that_a_person_threw_out_are_gone(survey: Survey, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    assert read_survey(folder) == survey
    out = survey.of_kind("real")[0].item_id
    write_screening(folder, GoldScreening(dropped=(out,)))
    assert out not in read_survey(folder).by_id
    assert out in read_survey(folder, whole=True).by_id
    assert read_screening(folder).dropped == (out,)


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"datasets": 1}', "{", '{"datasets": [], "items": [], "seed": 0}']
)
def test_a_survey_that_is_none_is_a_mistake(tmp_path: Path, content: str) -> None:
    (tmp_path / "survey.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"survey\.json"):
        read_survey(tmp_path)


def test_no_item_names_a_file_elsewhere(survey: Survey, tmp_path: Path) -> None:
    path = tmp_path / "s/survey.json"
    name = survey.items[0].file_name
    path.write_text(path.read_text("utf-8").replace(name, "../../secret.jpg"), "utf-8")
    with pytest.raises(InputError, match="no picture of a survey"):
        read_survey(tmp_path / "s")
