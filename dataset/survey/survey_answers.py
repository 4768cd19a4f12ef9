"""Answers of raters, and their CSV: what comes out of our server, and what may come in from elsewhere.

Columns: ``rater``, ``item`` and ``score`` are needed; ``seconds``, ``order``, ``phase`` and ``attempt`` may be missing.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from scanstage.assets.files.outside_files import read_input
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import bounded, did_you_mean, listed
from scanstage.dataset.survey.survey_file import Survey

Phase = Literal["training", "test", "rating"]
COLUMNS = ("rater", "item", "score", "seconds", "order", "phase", "attempt")
NEEDED = COLUMNS[:3]
MOST_BYTES = 1 << 28
MOST_NAME = 200


@dataclass(frozen=True)
class RaterAnswer:
    """What a rater said of a picture.

    Attributes:
        rater: pseudonym.
        item: id of the picture.
        score: on the survey's scale.
        seconds: that it was looked at; NaN where that isn't known.
        order: of the rater's answers, counted up.
        phase: in which it was given. Answers of training are never counted.
        attempt: of the test, from 1; 1 for ratings.
    """

    rater: str
    item: str
    score: int
    seconds: float = math.nan
    order: int = 0
    phase: Phase = "rating"
    attempt: int = 1


def answers_csv(answers: Iterable[RaterAnswer]) -> bytes:
    """All answers as CSV. A cell that a spreadsheet would run as a formula is marked as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for a in answers:
        seconds = "" if math.isnan(a.seconds) else f"{a.seconds:.3f}"
        writer.writerow([_plain(a.rater), a.item, a.score, seconds, a.order, a.phase, a.attempt])
    return text.getvalue().encode("utf-8")


def read_answers(path: Path, survey: Survey, columns: Mapping[str, str] | None = None) -> list[RaterAnswer]:
    """Answers of a CSV file.

    Args:
        path: of the file.
        survey: that they belong to.
        columns: what columns of COLUMNS are called in the file, where it isn't that.

    Raises InputError for what isn't one, naming all rows that can't be.
    """
    try:
        text = read_input(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 text (byte {e.start})", "export it as CSV in UTF-8") from None
    names = {column: column for column in COLUMNS} | dict(columns or {})
    try:
        between = max(",;\t", key=text.partition("\n")[0].count)  # spreadsheets of many countries write semicolons
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=between, strict=True)
        heads = [h for h in reader.fieldnames or [] if h is not None]
        if missing := [names[c] for c in NEEDED if names[c] not in heads]:
            raise InputError(
                f"{path}: has no column {listed(missing)}{did_you_mean(missing[0], heads)}",
                f"say what it is called there: {option('column')} {NEEDED[0]}=WorkerId",
            )
        rows = list(enumerate(reader, 2))
    except csv.Error as e:
        raise InputError(f"{path}: isn't CSV ({e})") from None
    found, problems = [], []
    counted: Counter[str] = Counter()
    for line, row in rows:
        cells = {c: (row.get(names[c]) or "").strip() for c in COLUMNS}
        counted[cells["rater"]] += 1
        try:
            found.append(_answer(cells, survey, counted[cells["rater"]]))
        except ValueError as e:
            problems.append(f"{path}, line {line}: {e}")
    if problems:
        raise InputError(bounded(problems))
    _refuse_twice(path, survey, found)
    return found


def _answer(cells: Mapping[str, str], survey: Survey, count: int) -> RaterAnswer:
    """Of a row. Raises ValueError."""
    rater, item = _unmarked(cells["rater"]), cells["item"]
    if not rater or len(rater) > MOST_NAME:
        raise ValueError(f"a rater's name has 1 to {MOST_NAME} characters")
    if item not in survey.by_id:
        raise ValueError(f"the survey has no item {item[:40]!r}")
    low, high = survey.settings.scale
    score = _whole("score", cells["score"])
    if not low <= score <= high:
        raise ValueError(f"score {score}: the scale goes from {low} to {high}")
    seconds = math.nan
    if cells["seconds"]:
        try:
            seconds = float(cells["seconds"])
        except ValueError:
            raise ValueError(f"seconds {cells['seconds'][:40]!r} isn't a number") from None
        if not 0 <= seconds < math.inf:
            raise ValueError(f"seconds {cells['seconds'][:40]}: expected 0 or more")
    phase = cells["phase"] or "rating"
    if phase not in get_args(Phase):
        raise ValueError(f"phase {phase[:40]!r}: one of {', '.join(get_args(Phase))}")
    order = _whole("order", cells["order"]) if cells["order"] else count
    attempt = _whole("attempt", cells["attempt"]) if cells["attempt"] else 1
    return RaterAnswer(rater, item, score, seconds, order, phase, attempt)  # type: ignore[arg-type]


def _whole(name: str, text: str) -> int:
    try:
        value = float(text)
        if value != int(value):
            raise ValueError
        return int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} {text[:40]!r} isn't a whole number") from None


def _refuse_twice(path: Path, survey: Survey, answers: Sequence[RaterAnswer]) -> None:
    """A rater may be asked about the same gold again, and answers one of our pictures once."""
    ours = Counter((a.rater, a.item) for a in answers if survey.by_id[a.item].kind == "picture")
    golds = Counter((a.rater, a.item, a.phase, a.attempt, a.order) for a in answers)
    twice = dict.fromkeys([*(key for key, n in ours.items() if n > 1), *(key[:2] for key, n in golds.items() if n > 1)])
    if twice:
        told = [f"{path}: {rater[:40]} answers {item} twice" for rater, item in twice]
        raise InputError(bounded(told), "take one of the two rows out")


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r'" else text


def _unmarked(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "\t", "\r", "'") else text
