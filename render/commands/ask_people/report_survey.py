"""``scanstage survey report``: answers gathered from everywhere, and what they come to, as figures and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import did_you_mean
from scanstage.dataset.report_page.survey_page import render_survey_page
from scanstage.dataset.survey.survey_answers import COLUMNS, RaterAnswer, answers_csv, read_answers
from scanstage.dataset.survey.survey_file import PICTURES, Survey, read_survey
from scanstage.dataset.survey.survey_results import SurveyResults, survey_results
from scanstage.render.survey_server.answer_store import FILE, AnswerStore

PAGE = "report.html"


@dataclass(frozen=True)
class AnswerSources:
    """Where answers are taken from, beside the server's own.

    Attributes:
        files: CSV files.
        columns: what columns are called in them, where it isn't what we call them.
    """

    files: Sequence[Path] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SurveyReport:
    """What was written.

    Attributes:
        results: what the survey came to.
        page: the page.
        remarks: rater, pseudonym and what was said at the end.
    """

    results: SurveyResults
    page: Path
    remarks: list[tuple[str, str, str]]

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return self.results.to_json()


def report_survey(
    folder: Path,
    threshold: float = 0.0,
    sources: AnswerSources = AnswerSources(),
    out: Path | None = None,
    answers_out: Path | None = None,
) -> SurveyReport:
    """Say what a survey came to.

    Args:
        folder: of the survey.
        threshold: fall between versions that is tolerated, in points.
        sources: of answers.
        out: the page; None is ``report.html`` in the folder.
        answers_out: file for all answers as CSV.

    Raises InputError, OSError.
    """
    survey = read_survey(folder)
    answers, remarks = gather_answers(folder, survey, sources)
    if answers_out is not None:
        write_atomically(answers_out, answers_csv(answers))
    if not answers:
        raise InputError(
            f"{folder}: there is no answer yet",
            f"`scanstage survey serve` asks people; or name their answers: {option('answers')} FILE.csv",
        )
    results = survey_results(survey, answers, threshold)
    page = out or folder / PAGE
    told = results.to_json() | {"threshold": threshold, "remarks": [[p or r, text] for r, p, text in remarks]}
    write_atomically(page, render_survey_page(results, told, folder / PICTURES))
    return SurveyReport(results, page, remarks)


def gather_answers(
    folder: Path, survey: Survey, sources: AnswerSources
) -> tuple[list[RaterAnswer], list[tuple[str, str, str]]]:
    """All answers, the server's and those of files, and remarks. Raises InputError."""
    found: list[RaterAnswer] = []
    remarks: list[tuple[str, str, str]] = []
    if (folder / FILE).exists():
        store = AnswerStore(folder / FILE)
        try:
            found, remarks = store.answers(), store.remarks()
        finally:
            store.close()
    found = [a for a in found if a.item in survey.by_id]  # golds may have been taken out meanwhile
    known = {a.rater for a in found}
    for path in sources.files:
        more = read_answers(path, survey, sources.columns)
        if twice := sorted(known & {a.rater for a in more}):
            raise InputError(
                f"{path}: {twice[0]} has answers elsewhere already",
                "name each file once, and raters by different names",
            )
        known |= {a.rater for a in more}
        found += more
    return found, remarks


def parse_columns(given: Sequence[str]) -> dict[str, str]:
    """Of texts ``rater=WorkerId``. Raises InputError."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, other = (part.strip() for part in text.partition("="))
        if not (equals and other) or name not in COLUMNS:
            raise InputError(
                f"{option('column')} {text}: isn't COLUMN=NAME{did_you_mean(name, COLUMNS)}",
                f"columns are {', '.join(COLUMNS)}; for example {option('column')} rater=WorkerId",
            )
        found[name] = other
    return found
