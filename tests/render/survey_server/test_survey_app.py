"""The server of the raters' page, asked over HTTP: who may ask, what is kept, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.toy_survey import deserved, toy_survey

from scanstage.dataset.survey.survey_file import Survey
from scanstage.render.commands.ask_people.serve_survey import open_pages
from scanstage.render.survey_server import survey_app as served
from scanstage.render.survey_server.answer_store import AnswerStore
from scanstage.render.survey_server.rate_limits import RateLimit
from scanstage.render.survey_server.rater_session import RaterSessions

HOSTILE = ("<script>alert(1)</script>", "\"'`;--", "🦆" * 30, "a\x00b", "\ud800", "' OR 1=1; DROP TABLE raters;--")


class Served:
    def __init__(self, folder: Path, survey: Survey) -> None:
        self.store = AnswerStore(folder / "answers.sqlite")
        self.invites = self.store.invite(3)
        self.begin_anew(folder, survey)

    def begin_anew(self, folder: Path, survey: Survey) -> None:
        self.survey = survey
        self.client = TestClient(
            served.survey_app(RaterSessions(folder, survey, self.store), ["testserver"]), raise_server_exceptions=False
        )

    def post(self, action: str, who: int = 0, **body: Any) -> Any:
        reply = self.client.post(
            f"/{self.invites[who][1]}/{action}",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        return reply.json() if reply.status_code in (200, 409) else reply.status_code

    def work(self, who: int = 0, most: int = 100) -> Any:
        state = self.post("consent", who)
        for _ in range(most):
            if state["phase"] == "thanks":
                break
            score = deserved(self.survey.by_id[state["item"]])
            state = self.post("answer", who, number=state["number"], item=state["item"], score=score, seconds=2)
        return state


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(served, "RATER_BURST", 1000.0)
    found = Served(tmp_path / "s", toy_survey(tmp_path / "s"))
    yield found
    found.store.close()


def test_nothing_is_told_without_an_invite(server: Served) -> None:
    item = server.survey.items[0].item_id
    for path in ("/", "/nobody/", "/nobody/state", f"/nobody/picture/{item}", "/nobody/web/rate.js", "/../survey.json"):
        reply = server.client.get(path)
        assert reply.status_code == 404
        assert "Traceback" not in reply.text
    assert server.client.get(f"/{server.invites[0][1]}/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_only_pictures_of_the_survey_are_given(server: Served) -> None:
    token = server.invites[0][1]
    reply = server.client.get(f"/{token}/picture/{server.survey.items[0].item_id}")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "image/jpeg"
    for odd in ("..%2Fsurvey.json", "%2Fetc%2Fpasswd", "000", "survey.json"):
        assert server.client.get(f"/{token}/picture/{odd}").status_code == 404
    page = server.client.get(f"/{token}/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"


def test_what_raters_are_told_tells_no_gold_after_training(server: Served) -> None:
    state = server.post("consent")
    seen = set()
    while state["phase"] != "thanks":
        score = deserved(server.survey.by_id[state["item"]])
        keys = set(state)
        if state["phase"] == "rating":
            seen.add(frozenset(keys - {"feedback"}))
            assert state["item"] in server.survey.by_id
        state = server.post("answer", number=state["number"], item=state["item"], score=score, seconds=2)
        if "feedback" in state:
            assert server.store.answers(server.invites[0][0])[-1].phase == "training"
    assert len(seen) == 1
    assert not {"kind", "gold", "dataset", "test"} & next(iter(seen))


def test_an_answer_that_is_sent_twice_is_kept_once(server: Served) -> None:
    state = server.post("consent")
    sent = {"number": 0, "item": state["item"], "score": 5, "seconds": 1.5}
    first = server.post("answer", **sent)
    assert server.post("answer", **sent) == first
    assert server.post("answer", **(sent | {"score": 6}))["refused"] == "that was answered otherwise"
    assert len(server.store.answers()) == 1


@pytest.mark.parametrize(
    "change",
    [{"score": 0}, {"score": 11}, {"score": "5"}, {"score": 5.5}, {"score": True}, {"number": 3}, {"number": -1},
     {"number": None}, {"item": "000000000000"}, {"item": None}, {"item": ["a"]}],
)  # fmt: skip
def test_what_was_not_asked_is_refused(server: Served, change: dict[str, Any]) -> None:
    state = server.post("consent")
    found = server.post("answer", **({"number": 0, "item": state["item"], "score": 5} | change))
    assert "refused" in found
    assert server.store.answers() == []


def test_nobody_is_asked_who_has_not_agreed(server: Served) -> None:
    assert server.client.get(f"/{server.invites[0][1]}/state").json()["phase"] == "consent"
    assert "refused" in server.post("answer", number=0, item=server.survey.items[0].item_id, score=5)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_any_kind_are_texts(server: Served, text: str) -> None:
    assert server.post("consent", pseudonym=text)["phase"] == "training"
    assert server.post("remark", text=text)["phase"] == "training"
    remarks = server.store.remarks()
    assert len(remarks) == 1
    assert remarks[0][1] == text.encode("utf-8", "replace").decode("utf-8").strip()[:40]
    assert server.store.invited() == {"begun": 1, "new": 2}, "the tables are there"


def test_bodies_are_small_json_objects(server: Served) -> None:
    address = f"/{server.invites[0][1]}/consent"
    for content, kind in (
        (b"x=1", "application/x-www-form-urlencoded"),
        (b"[1]", "application/json"),
        (b"{", "application/json"),
        (b"[" * 9000, "application/json"),
        (b" " * 20_000, "application/json"),
    ):
        assert server.client.post(address, content=content, headers={"Content-Type": kind}).status_code == 409
    assert server.post("nothing")["refused"] == "there is nothing like that"


def test_deleted_is_deleted(server: Served) -> None:
    server.work()
    assert server.store.answers(server.invites[0][0])
    assert server.post("forget") == {"phase": "forgotten"}
    assert server.store.answers() == []
    assert server.post("consent") == 404
    assert server.store.invited() == {"new": 2}


def test_a_gold_may_be_thrown_out_in_the_middle_of_a_survey(server: Served, tmp_path: Path) -> None:
    state = server.post("consent")
    while len(server.store.answers()) < 18:  # training, test, and some of the ratings
        score = deserved(server.survey.by_id[state["item"]])
        state = server.post("answer", number=state["number"], item=state["item"], score=score, seconds=2)
    seen = [a.item for a in server.store.answers() if server.survey.by_id[a.item].kind != "picture"]
    server.begin_anew(tmp_path / "s", server.survey.without([seen[0], seen[-1]]))
    before = len(server.store.answers())
    assert server.work()["finished"] is True
    assert [a.order for a in server.store.answers()] == list(range(len(server.store.answers())))
    assert len(server.store.answers()) > before


def test_who_was_thanked_is_not_asked_again(server: Served) -> None:
    for number in (0, 1):  # the second of them gets what is left, which is less than a session
        assert server.work(number)["finished"] is True
    server.store.set_counting([server.invites[0][0]], False)  # so pictures want answers again
    assert server.client.get(f"/{server.invites[1][1]}/state").json()["phase"] == "thanks"
    assert server.work(2)["finished"] is True


def test_invites_that_are_no_longer_good_are_made_anew(tmp_path: Path) -> None:
    toy_survey(tmp_path / "s")
    with open_pages(tmp_path / "s", 3, "127.0.0.1", 0, None) as pages:
        first = pages.links
        AnswerStore(tmp_path / "s/answers.sqlite").forget(first[0][0])
    with open_pages(tmp_path / "s", 3, "127.0.0.1", 0, None) as pages:
        assert [name for name, _ in pages.links[:2]] == [name for name, _ in first[1:]]
        assert len(pages.links) == 3
    for path in (tmp_path / "s").glob("answers.sqlite*"):
        path.unlink()
    with open_pages(tmp_path / "s", 3, "127.0.0.1", 0, None) as pages:
        tokens = [link.rstrip("/").rpartition("/")[2] for _, link in pages.links]
        store = AnswerStore(tmp_path / "s/answers.sqlite")
        assert len({store.rater_of(token) for token in tokens} - {None}) == 3
        store.close()


def test_undo_takes_back_the_last_and_no_other(server: Served) -> None:
    state = server.post("consent")
    assert "refused" in server.post("undo", number=0)
    while state["phase"] == "training":
        score = deserved(server.survey.by_id[state["item"]])
        state = server.post("answer", number=state["number"], item=state["item"], score=score)
    assert "refused" in server.post("undo", number=state["number"] - 1), "of training something was told"
    first = state
    state = server.post("answer", number=first["number"], item=first["item"], score=5)
    back = server.post("undo", number=first["number"])
    assert (back["item"], back["number"]) == (first["item"], first["number"])
    assert "refused" in server.post("undo", number=first["number"])


def test_pictures_get_their_answers_and_bad_raters_give_none(server: Served) -> None:
    state = server.post("consent", 0)
    while state["phase"] != "thanks":  # the wrong way round
        score = 11 - deserved(server.survey.by_id[state["item"]])
        state = server.post("answer", 0, number=state["number"], item=state["item"], score=score, seconds=2)
    assert state["finished"] is False
    for number in (1, 2):
        assert server.work(number)["finished"] is True
    counts = Counter(a.item for a in server.store.answers() if a.phase == "rating")
    assert {counts[i.item_id] for i in server.survey.pictures} == {1}


def test_who_asks_too_often_has_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "RATER_BURST", 3.0)
    monkeypatch.setattr(served, "STRANGER_BURST", 3.0)
    server = Served(tmp_path / "s", toy_survey(tmp_path / "s"))
    codes = [server.client.get(f"/{server.invites[0][1]}/state").status_code for _ in range(5)]
    assert codes[:3] == [200] * 3
    assert 429 in codes
    assert server.client.get(f"/{server.invites[1][1]}/state").status_code == 200, "others don't wait"
    assert [server.client.get(f"/{k}/state").status_code for k in range(5)].count(429) == 2
    server.store.close()


def test_a_bucket_fills_up_again() -> None:
    now = [0.0]
    limit = RateLimit(2.0, 2.0, lambda: now[0])
    assert [limit.wait_s("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    now[0] = 0.5
    assert limit.wait_s("a") == 0.0
    assert limit.wait_s("b") == 0.0
