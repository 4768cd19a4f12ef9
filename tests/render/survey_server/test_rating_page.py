"""The page of raters as a browser shows it, from invite to thanks."""

from __future__ import annotations

import csv
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from support.browser import Opened, chromium, opened
from support.toy_survey import deserved, toy_survey

from scanstage.dataset.survey import rater_screening
from scanstage.dataset.survey.survey_file import Survey
from scanstage.render.commands.ask_people.report_survey import AnswerSources, report_survey
from scanstage.render.commands.ask_people.serve_survey import SurveyPages, open_gold_page, open_pages
from scanstage.render.survey_server.static_site import write_static_site

pytestmark = pytest.mark.browser
HOSTILE = "<script>alert(1)</script>\"'&=1+1 🦆"
PLACES = [(1280, 900), (390, 844)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(autouse=True)
def _fast_fingers_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test answers faster than anybody looks."""
    monkeypatch.setattr(rater_screening, "TOO_FAST_S", 0.0)


@contextmanager
def running(pages: SurveyPages) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(pages.app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: server.run(sockets=[pages.listener]), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


def asked(page: Opened) -> str:
    """Which section is shown; and that nothing on the page is wrong for a screen reader, and nothing sticks out."""
    page.wait("document.querySelector('main').getAttribute('aria-busy') !== 'true'")
    shown = page.call("[...document.querySelectorAll('main > section')].filter(s => !s.hidden).map(s => s.id)")
    assert len(shown) == 1
    assert page.call("document.documentElement.scrollWidth <= innerWidth")
    return str(shown[0])


def axe(page: Opened) -> None:
    found = Axe().run(page.page)
    assert found.violations_count == 0, found.generate_report()


def answer(page: Opened, survey: Survey) -> None:
    """By the keyboard, what the picture deserves."""
    page.wait("!document.getElementById('rate').hidden && !document.getElementById('picture').matches('.loading')")
    item = page.page.get_attribute("#picture", "src").rpartition("/")[2].partition(".")[0]
    page.page.keyboard.press(str(deserved(survey.by_id[item])))


def work_through(page: Opened, survey: Survey, most: int = 80) -> list[str]:
    """From where the page is to the thanks, by the keyboard alone; the sections that were seen."""
    seen = []
    for _ in range(most):
        section = asked(page)
        if not seen or seen[-1] != section:
            seen.append(section)
        if section == "thanks":
            return seen
        if section in ("intro", "between"):
            axe(page)
            page.page.keyboard.press("Tab")
            page.page.keyboard.press("Enter")
        elif page.call("!document.getElementById('feedback').hidden"):
            page.page.keyboard.press("Enter")
        else:
            before = page.call("document.getElementById('count').textContent")
            answer(page, survey)
            page.wait(
                f"document.getElementById('rate').hidden || !document.getElementById('feedback').hidden || "
                f"document.getElementById('count').textContent !== {json.dumps(before)}"
            )
    raise AssertionError(f"never ended: {seen}")


@pytest.mark.parametrize(("width", "height"), PLACES)
def test_from_invite_to_thanks_by_keyboard(browser: Browser, tmp_path: Path, width: int, height: int) -> None:
    survey = toy_survey(tmp_path / "s")
    with open_pages(tmp_path / "s", 2, "127.0.0.1", 0, None) as pages, running(pages):
        with opened(browser, pages.links[0][1], width, height) as page:
            assert asked(page) == "consent"
            axe(page)
            page.page.keyboard.press("Tab")
            page.page.keyboard.type(HOSTILE)
            page.page.keyboard.press("Tab")
            page.page.keyboard.press("Enter")
            page.wait("!document.getElementById('intro').hidden")
            assert work_through(page, survey) == ["intro", "rate", "between", "rate", "thanks"]
            axe(page)
            page.page.fill("#remark", HOSTILE)
            page.page.click("#remark-form button")
            page.wait("document.getElementById('remark-told').textContent !== ''")
            assert page.complaints == []
        with opened(browser, pages.links[0][1], width, height) as page:
            assert asked(page) == "thanks", "a session that ended isn't begun again"
    report = report_survey(tmp_path / "s")
    assert [r.standing for r in report.results.screened.raters] == ["counts"]
    text = report.page.read_text("utf-8")
    assert "<script>" not in text
    assert "🦆" in text
    with opened_file(browser, report.page, width, height) as found:
        assert found.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        axe(found)


@contextmanager
def opened_file(browser: Browser, path: Path, width: int, height: int) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.goto(path.as_uri())
    yield Opened(page)
    context.close()


def test_undo_pause_reload_and_deletion(browser: Browser, tmp_path: Path) -> None:
    survey = toy_survey(tmp_path / "s")
    with (
        open_pages(tmp_path / "s", 1, "127.0.0.1", 0, None) as pages,
        running(pages),
        opened(browser, pages.links[0][1]) as page,
    ):
        page.page.click("#consent-form button")
        while asked(page) != "between":
            if asked(page) == "intro":
                page.page.click("#intro-go")
            elif page.call("!document.getElementById('feedback').hidden"):
                assert page.call("document.getElementById('undo').disabled"), "what was told can't be taken back"
                page.page.click("#feedback-go")
            else:
                answer(page, survey)
                page.wait("!document.getElementById('feedback').hidden")
        page.page.click("#between-go")
        answer(page, survey)
        page.wait("document.getElementById('count').textContent.startsWith('2 ')")
        second = page.page.get_attribute("#picture", "src")
        page.page.keyboard.press("u")
        page.wait("document.getElementById('count').textContent.startsWith('1 ')")
        assert page.page.get_attribute("#picture", "src") != second
        answer(page, survey)
        page.wait("document.getElementById('count').textContent.startsWith('2 ')")
        assert page.page.get_attribute("#picture", "src") == second
        words = page.page.inner_text("#rate").lower()
        assert not any(word in words for word in ("gold", "photo", "broken", "corrupt", "v1", "v2", "test"))
        page.page.keyboard.press("p")
        assert asked(page) == "paused"
        axe(page)
        page.page.reload()
        page.page.wait_for_selector("html[data-ready]")
        assert asked(page) == "rate"
        assert page.page.get_attribute("#picture", "src") == second
        page.page.click("#pause")
        page.page.click("#paused .forget")
        axe(page)
        page.page.click("#forget-yes")
        page.wait("!document.getElementById('forgotten').hidden")
        assert b"rater-001" not in b"".join(p.read_bytes() for p in (tmp_path / "s").glob("answers.sqlite*"))
        assert page.page.request.get(pages.links[0][1]).status == 404


def test_pictures_are_shown_at_their_own_size(browser: Browser, tmp_path: Path) -> None:
    survey = toy_survey(tmp_path / "s")
    with (
        open_pages(tmp_path / "s", 1, "127.0.0.1", 0, None) as pages,
        running(pages),
        opened(browser, pages.links[0][1]) as page,
    ):
        page.page.click("#consent-form button")
        page.page.click("#intro-go")
        page.wait("!document.getElementById('picture').classList.contains('loading')")
        box = page.page.locator("#picture").bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (128, 96)
        page.page.wait_for_timeout(200)
        loaded = {r.rpartition("/")[2] for r in page.requests if "/picture/" in r}
        assert len(loaded) == 2, "the next one is loaded already"
        assert loaded <= set(survey.by_id)


def test_a_static_folder_does_without_a_server(browser: Browser, tmp_path: Path) -> None:
    survey = toy_survey(tmp_path / "s")
    site = write_static_site(tmp_path / "s", survey, tmp_path / "site")
    text = (tmp_path / "site/index.html").read_text("utf-8")
    assert text.count('"kind"') == 8, "golds of the training alone are told"
    handler = functools.partial(QuietFiles, directory=str(tmp_path / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = []
    for number in range(1, site.sets + 1):
        with opened(browser, f"http://127.0.0.1:{server.server_port}/index.html#set={number}", 390, 844) as page:
            page.page.fill("#pseudonym", HOSTILE[:40])
            page.page.click("#consent-form button")
            work_through(page, survey)
            with page.page.expect_download() as download:
                page.page.click("#csv")
            files.append(tmp_path / f"{number}.csv")
            download.value.save_as(files[-1])
            assert page.complaints == []
    server.shutdown()
    with files[0].open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["rater"].startswith(HOSTILE[:20])
    results = report_survey(tmp_path / "s", sources=AnswerSources(files)).results
    assert [r.standing for r in results.screened.raters] == ["counts"] * site.sets
    assert results.wanting == 0


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_person_throws_golds_out(browser: Browser, tmp_path: Path) -> None:
    survey = toy_survey(tmp_path / "s")
    with open_gold_page(tmp_path / "s", 0) as pages, running(pages), opened(browser, pages.url) as page:
        assert "1 of 40: corrupt" in page.page.inner_text("#what")
        axe(page)
        page.page.keyboard.press("x")
        page.wait("document.getElementById('what').textContent.startsWith('2 of')")
        page.page.keyboard.press("k")
        page.wait("document.getElementById('sum').textContent.startsWith('1 kept, 1 thrown out')")
    screening = json.loads((tmp_path / "s/golds.json").read_text("utf-8"))
    assert (len(screening["kept"]), len(screening["dropped"])) == (1, 1)
    assert survey.by_id[screening["dropped"][0]].kind == "corrupt"
