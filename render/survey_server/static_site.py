"""The raters' page as a folder for any static host, and a template for crowd platforms: without a server of ours.

Nothing in it tells golds from others, but for those of the training. So there is one try of the test, of a fixed
length, and whether it was passed is found out by the report. Each of a number of sets holds its own pictures, such that
all have as many raters when each set was worked through once.
"""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.survey.rater_flow import assign, gold_order, hidden_positions
from scanstage.dataset.survey.survey_file import PICTURES, Survey
from scanstage.render.survey_server.survey_app import web_file

TRAINED, TESTED = 8, 14
"""Pictures of the training and of the test."""
PAGE, CROWD = "index.html", "crowd"
LEAST_SPARE = 4
WITHOUT_SERVER = {
    "Your numbers, when you began,": "Until you save and send them, on your device alone: your numbers,",
    "by this same link": "in this same browser",
    ", and this link will no longer work": "",
}
"""Words of the page that aren't true without one."""


@dataclass(frozen=True)
class StaticSite:
    """What was written.

    Attributes:
        folder: of it.
        sets: how many there are: so many raters give every picture its answers.
    """

    folder: Path
    sets: int


def write_static_site(folder: Path, survey: Survey, out: Path) -> StaticSite:
    """Write the folder. Raises InputError where it is there already, OSError where it can't be written."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{option('static')} {out}: is there already", "choose another folder, or move it away")
    golds = gold_order(survey, "static")
    if len(golds) < TRAINED + TESTED + LEAST_SPARE:
        raise InputError(f"the survey has {len(golds)} golds, a static page needs {TRAINED + TESTED + LEAST_SPARE}")
    training, spare = golds[:TRAINED], golds[TRAINED:]
    sets = _sets(survey, spare)
    (out / PICTURES).mkdir(parents=True)
    for item in survey.items:
        shutil.copyfile(folder / PICTURES / item.file_name, out / PICTURES / item.file_name)
    low, high = survey.settings.scale
    accept = survey.settings.gold.accept
    plan = {
        "key": f"{survey.seed}-{golds[0]}",
        "scale": [low, high],
        "tested": TESTED,
        "files": {i.item_id: i.file_name for i in survey.items},
        "training": [
            {
                "item": gold,
                "kind": survey.by_id[gold].kind,
                "how": survey.by_id[gold].broken_by,
                "accept": _within(getattr(accept, survey.by_id[gold].kind), (low, high)),
            }
            for gold in training
        ],
        "sets": sets,
    }
    write_atomically(out / PAGE, _page(plan).encode("utf-8"))
    for name in ("rate.css", "rate.js", "static_link.js"):
        (out / "web").mkdir(exist_ok=True)
        write_atomically(out / "web" / name, web_file(name).encode("utf-8"))
    _write_crowd(out / CROWD, survey)
    return StaticSite(out, len(sets))


def _sets(survey: Survey, spare: Sequence[str]) -> list[list[str]]:
    """Golds of the test, then pictures with hidden golds among them, of each set."""
    hidden, each = survey.settings.hidden, survey.settings.asked
    count = max(1, math.ceil(len(survey.pictures) * survey.settings.ratings_per_picture / each))
    answered: Counter[str] = Counter()
    found = []
    for number in range(count):
        name = f"set {number + 1}"
        order = [gold for gold in gold_order(survey, name) if gold in spare]
        tested, later = order[:TESTED], order[TESTED:]
        taken: list[str] = []
        while len(taken) < each and (item := assign(survey, name, answered, taken)) is not None:
            taken.append(item)
        answered.update(taken)
        left, places = iter(taken), hidden_positions(survey, name)
        shown: list[str] = []
        for position in range(len(taken) + hidden):
            fresh = next(left, None) if position not in places else None
            shown.append(fresh if fresh is not None else later[len(shown) % len(later)])
        found.append([*tested, *shown])
    return found


def _within(accept: tuple[int, int], scale: tuple[int, int]) -> list[int]:
    return [max(accept[0], scale[0]), min(accept[1], scale[1])]


def _page(plan: dict[str, Any]) -> str:
    """The same page, with the plan in it and another link."""
    text = json.dumps(plan, separators=(",", ":")).replace("<", "\\u003c")
    page = web_file("rate.html").replace(
        '<script src="web/server_link.js"></script>',
        f'<script type="application/json" id="plan">{text}</script>\n<script src="web/static_link.js"></script>',
    )
    for with_server, without in WITHOUT_SERVER.items():
        page = page.replace(with_server, without)
    return page


def _write_crowd(folder: Path, survey: Survey) -> None:
    """A template of a task, and its rows: golds are among them, and look like the others."""
    folder.mkdir()
    low, high = survey.settings.scale
    scores = "".join(
        f'    <label><input type="radio" name="picked" value="{s}" required> {s}</label>\n'
        for s in range(low, high + 1)
    )
    task = web_file("crowd_task.html").replace("SCORES", scores).replace("LOW", str(low)).replace("HIGH", str(high))
    write_atomically(folder / "crowd_task.html", task.encode("utf-8"))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["item", "file"])
    writer.writerows([i.item_id, i.file_name] for i in survey.items)  # by their names, which tell nothing
    write_atomically(folder / "crowd_tasks.csv", text.getvalue().encode("utf-8"))
