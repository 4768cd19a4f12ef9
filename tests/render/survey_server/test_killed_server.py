"""A server that is killed in the middle of ratings: what was acknowledged is there, and raters go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from support.toy_survey import deserved, toy_survey

from scanstage.dataset.survey.survey_file import Survey
from scanstage.render.commands.ask_people.serve_survey import open_pages
from scanstage.render.survey_server.answer_store import AnswerStore

KILLS, RATERS = 30, 4
SERVE = """
import sys
from pathlib import Path
from scanstage.render.commands.ask_people.serve_survey import open_pages
from scanstage.render.survey_server import survey_app
survey_app.RATER_BURST = survey_app.RATER_A_SECOND = 1e6
with open_pages(Path(sys.argv[1]), 1, "127.0.0.1", int(sys.argv[2]), None) as pages:
    pages.run()
"""


class KeenRater(threading.Thread):
    """Answers as fast as it is asked, and asks again when nobody answers."""

    def __init__(self, link: str, survey: Survey, ends: threading.Event) -> None:
        super().__init__(daemon=True)
        self.link, self.survey, self.ends = link, survey, ends
        self.acknowledged: dict[int, tuple[str, int]] = {}

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.link + path, data, {"Content-Type": "application/json"}), timeout=5) as reply:
                found: dict[str, Any] = json.loads(reply.read())
                return found
        except (URLError, OSError, HTTPException, ValueError):
            time.sleep(0.02)
            return None

    def run(self) -> None:
        state: dict[str, Any] | None = None
        while not self.ends.is_set():
            if state is None:
                state = self.ask("consent", {"pseudonym": "keen"})
                continue
            if state["phase"] == "thanks":
                return
            score = deserved(self.survey.by_id[state["item"]])
            number, item = state["number"], state["item"]
            told = self.ask("answer", {"number": number, "item": item, "score": score, "seconds": 2.0})
            if told is not None and "refused" not in told:
                self.acknowledged[number] = (item, score)
            state = told


@pytest.mark.slow
def test_nothing_is_lost_in_thirty_kills(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    survey = toy_survey(folder, plans=500, session=1000, ratings_per_picture=50)
    with open_pages(folder, RATERS, "127.0.0.1", 0, None) as pages:
        port, links = int(pages.url.rpartition(":")[2].rstrip("/")), [link for _, link in pages.links]
    ends, rng = threading.Event(), np.random.default_rng(5)
    raters = [KeenRater(link, survey, ends) for link in links]
    for rater in raters:
        rater.start()
    before = 0
    for _ in range(KILLS):
        server = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)])
        aim = sum(len(r.acknowledged) for r in raters) + int(rng.integers(3, 12))
        end = time.monotonic() + 60
        while sum(len(r.acknowledged) for r in raters) < aim and time.monotonic() < end:
            time.sleep(0.002)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        store = AnswerStore(folder / "answers.sqlite")
        kept = {(a.rater, a.order): (a.item, a.score) for a in store.answers()}
        store.close()
        assert len(kept) > before, "raters went on"
        before = len(kept)
        for (name, _), rater in zip(pages.links, raters, strict=True):
            for number, said in dict(rater.acknowledged).items():
                assert kept.get((name, number)) == said
    ends.set()
    for rater in raters:
        rater.join(10)
        assert not rater.is_alive()
    numbers = [sorted(n for name, n in kept if name == own) for own, _ in pages.links]
    assert all(own == list(range(len(own))) for own in numbers), "no gap, and nothing twice"
