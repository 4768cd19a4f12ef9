"""``scanstage survey serve`` and ``gold``: the pages that people see, on this machine, until they are ended."""

from __future__ import annotations

import contextlib
import csv
import io
import secrets
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import read_input
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.survey.survey_file import ItemKind, Survey, read_screening, read_survey
from scanstage.render.survey_server.answer_store import FILE, AnswerStore
from scanstage.render.survey_server.rater_session import RaterSessions

LOOPBACK = "127.0.0.1"
INVITES = "invites.csv"
TOKEN_BYTES = 18
ENDS_WITHIN_S = 5
BACKLOG = 512
FEWEST_GOLDS = 6


@dataclass
class SurveyPages:
    """A server that is ready to run.

    Attributes:
        app: the application.
        listener: the socket that it listens on.
        url: its address, with a slash at the end.
        links: pseudonym and address of raters' invites.
        unscreened: golds that no person has looked at.
    """

    app: Any
    listener: socket.socket
    url: str
    links: list[tuple[str, str]]
    unscreened: int = 0

    def run(self) -> None:
        """Serve until the process is interrupted."""
        uvicorn = _uvicorn()
        config = uvicorn.Config(
            self.app,
            log_level="warning",
            access_log=False,  # addresses of raters, and tokens, are nobody's business
            server_header=False,
            timeout_graceful_shutdown=ENDS_WITHIN_S,
            lifespan="off",
        )
        before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[self.listener])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def open_pages(folder: Path, invites: int, host: str, port: int, url: str | None) -> Iterator[SurveyPages]:
    """The raters' pages of a survey.

    Args:
        folder: of the survey.
        invites: raters that there are to be at least.
        host, port: to listen on; port 0 takes a free one.
        url: by which raters reach it, where that is another address.

    Raises InputError where it can't be served.
    """
    _uvicorn()
    from scanstage.render.survey_server.survey_app import survey_app

    survey = read_survey(folder)
    _refuse_few_golds(survey)
    screening = read_screening(folder)
    golds = [i.item_id for i in survey.items if i.kind != "picture"]
    store = AnswerStore(folder / FILE)
    sessions = RaterSessions(folder, survey, store)
    listener = _listen(host, port)
    try:
        base = (url or f"http://{_named(host)}:{listener.getsockname()[1]}").rstrip("/") + "/"
        links = _invite(folder, store, invites, base)
        hosts = ["*"] if host not in (LOOPBACK, "localhost", "::1") else _own_names(base)
        app = survey_app(sessions, hosts)
        yield SurveyPages(app, listener, base, links, len(set(golds) - {*screening.kept, *screening.dropped}))
    finally:
        listener.close()
        sessions.close()
        store.close()


@contextlib.contextmanager
def open_gold_page(folder: Path, port: int) -> Iterator[SurveyPages]:
    """The page on which a person looks at golds: for this machine alone. Raises InputError."""
    _uvicorn()
    from scanstage.render.survey_server.gold_app import gold_app

    survey, token = read_survey(folder, whole=True), secrets.token_urlsafe(TOKEN_BYTES)
    listener = _listen(LOOPBACK, port)
    try:
        base = f"http://{LOOPBACK}:{listener.getsockname()[1]}/"
        yield SurveyPages(gold_app(folder, survey, token, _own_names(base)), listener, f"{base}{token}/", [])
    finally:
        listener.close()


def _uvicorn() -> ModuleType:
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError:
        raise InputError(
            "the server of the page isn't installed",
            'pip install "scanstage[survey]", or write a folder for any static host: '
            f"`scanstage survey serve FOLDER {option('static')} site/`",
        ) from None
    return uvicorn


def _refuse_few_golds(survey: Survey) -> None:
    kinds: tuple[ItemKind, ...] = ("real", "corrupt")
    for kind in kinds:
        there = len(survey.of_kind(kind))
        if there < FEWEST_GOLDS:
            raise InputError(
                f"the survey has {there} {kind} golds, and needs {FEWEST_GOLDS} at least", "make it with more of them"
            )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)  # whoever comes before the server runs waits for it
        return listener
    except OSError as e:
        raise InputError(
            f"{option('host')} {host} {option('port')} {port}: can't be listened on ({e.strerror or e})",
            "choose another port, or 0 for a free one",
        ) from e


def _named(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _own_names(base: str) -> list[str]:
    """Names that a server on the loopback address is asked by: its own, and that of a tunnel or proxy before it."""
    named = base.partition("://")[2].partition("/")[0].rpartition(":")[0] or base.partition("://")[2].partition("/")[0]
    return list(dict.fromkeys([LOOPBACK, "localhost", named]))


def _invite(folder: Path, store: AnswerStore, wanted: int, base: str) -> list[tuple[str, str]]:
    """Links of raters, new ones where there are fewer than wanted. Tokens are in the file alone, for its owner."""
    path = folder / INVITES
    tokens: list[tuple[str, str]] = []
    if path.exists():
        for row in csv.DictReader(io.StringIO(read_input(path, 1 << 26).decode("utf-8", "replace"))):
            link = (row.get("link") or "").rstrip("/")
            token = link.rpartition("/")[2]
            if (who := store.rater_of(token)) is not None:  # not one whose answers were deleted
                tokens.append((who.rater, token))
    if wanted > len(tokens):
        tokens += store.invite(wanted - len(tokens))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rater", "link"])
    links = [(rater, f"{base}{token}/") for rater, token in tokens]
    writer.writerows(links)
    write_atomically(path, text.getvalue().encode("utf-8"))
    path.chmod(0o600)
    return links
