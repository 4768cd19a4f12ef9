"""The report of a dataset that was made of a fitted config says so; of any other it says nothing of fits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.fit_facts import made_up_fit

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.fitting.fit_record import FitRecord, read_fit
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.run_file import Command
from scanstage.dataset.report_page.build_report import build_report
from scanstage.dataset.report_page.fit_section import fit_of_run, named_fit
from scanstage.render.commands.look.write_report import write_report


def fitted(paged: Path, folder: Path, facts: Any) -> FinishedDataset:
    """The dataset, as made of a config in a folder with a fit's file."""
    (folder / "fit.json").write_text(json.dumps(facts), "utf-8")
    dataset = open_dataset(paged)
    return replace(dataset, run=replace(dataset.run, command=Command(str(folder / "config.yaml"), str(folder))))


def test_the_fit_beside_the_config_is_told(paged: Path, tmp_path: Path) -> None:
    dataset = fitted(paged, tmp_path, made_up_fit())
    report = build_report(dataset, "here")
    fit = report.facts["fit"]
    count, elevation, roll = fit["values"]
    assert (count["said"], count["now"]) == ("2 to 5", None)
    assert elevation["said"] == "normal 58.2 ± 15 in 0 to 88"
    assert elevation["now"] not in (None, elevation["said"]), "the dataset's config says something else"
    assert (roll["said"], roll["now"]) == (None, None)
    exposure, vignetting = fit["appearance"]["values"]
    assert (exposure["said"], exposure["now"]) == ("-0.5 to 0.1", "not said")
    assert vignetting["said"] is None
    assert fit["changed"] == 2
    by_class = {c["name"]: c for c in fit["classes"]}
    assert by_class["rod"] == {"name": "rod", "photos": 0.0, "here": 0.0}
    labels = {c["name"]: c["labels"] for c in report.facts["classes"]}
    assert by_class["ball"]["here"] == pytest.approx(labels["ball"] / sum(labels.values()))
    sentence = next(s for s in report.facts["glance"] if s["topic"] == "Fit")
    assert sentence["kind"] == "look"
    assert "AUC of 0.71, 0.98 before the fit" in sentence["text"]
    page = report.html.decode("utf-8")
    for text in ("What the config was fitted to", "240 photos with 967 labels (shelf)", "evened that out to 0.85",
                 "number of labels", "AUC 0.97 before the fit, 0.66 after", "noise in dark parts",
                 "Those of a middling photo are darker than 90% of the pictures&#39;.",
                 "2 photos can&#39;t be read", "a 70%, b 30%"):  # fmt: skip
        assert text in page, text


def test_pixels_that_told_nothing_are_told(paged: Path, tmp_path: Path) -> None:
    left = {"left": "Blender can't start here: no bpy."}
    page = build_report(fitted(paged, tmp_path, made_up_fit(appearance=left)), "here").html.decode("utf-8")
    assert "are left as the config had them. Blender can&#39;t start here: no bpy." in page
    none = build_report(fitted(paged, tmp_path, {k: v for k, v in made_up_fit().items() if k != "appearance"}), "here")
    assert "The camera, by pixels" not in none.html.decode("utf-8")


def test_the_fit_of_something_else_is_not(paged: Path, tmp_path: Path) -> None:
    other = made_up_fit()
    other["values"][0]["is"] = {"integer": [7, 9]}
    dataset = fitted(paged, tmp_path, other)
    assert fit_of_run(dataset.run) is None
    report = build_report(dataset, "here")
    assert report.facts["fit"] is None
    assert b'id="fit"' not in report.html
    named = build_report(dataset, "here", fit=named_fit(tmp_path))
    assert named.facts["fit"]["changed"] == 3, "whoever names it gets it, with what differs"


@pytest.mark.parametrize("content", ["nothing", "[]", "{}", json.dumps(made_up_fit(format=99))])
def test_a_broken_one_is_told_where_it_was_named(content: str, paged: Path, tmp_path: Path) -> None:
    dataset = fitted(paged, tmp_path, {})
    (tmp_path / "fit.json").write_text(content, "utf-8")
    assert fit_of_run(dataset.run) is None
    with pytest.raises(InputError, match="isn't what `scanstage fit` writes"):
        write_report(paged, "here", tmp_path / "page.html", fit=tmp_path)
    assert not (tmp_path / "page.html").exists()


def test_a_record_is_what_the_file_has(tmp_path: Path) -> None:
    facts = made_up_fit(appearance={"later": "versions may say more"})
    record = FitRecord.of(facts)
    record.write(tmp_path)
    again = read_fit(tmp_path / "fit.json")
    assert again == record
    assert again.to_json() == facts
    assert again.values[0].variable == "objects_count"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"values": [{"key": "a"}]}, "values.0.explained"),
        ({"values": [{"key": "a", "explained": "NaN", "determined": True}]}, "values.0.explained"),
        ({"tested": {}}, "tested.held_out"),
        ({"photos": None}, "photos"),
    ],
)
def test_what_is_no_record_is_told(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(ValueError, match=where):
        FitRecord.of(made_up_fit(**changes))
