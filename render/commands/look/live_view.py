"""``scanstage view``: the report of a folder, served to this machine alone while a run writes to it.

Nothing can be changed through it. It listens on the loopback address, answers only whoever knows the token in its
address, and only under its own name: a page of somebody else's that was pointed here (DNS rebinding) gets nothing.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.report_page.live_report import LiveReport

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
TOKEN_BYTES = 18
_FILE = re.compile(r"(image|depth|normals|detail)/([0-9]{1,8})")

Answer = tuple[str, bytes]
"""Media type and content."""


class ViewServer(ThreadingHTTPServer):
    """A server of one dataset's report.

    Attributes:
        report: of the folder.
        token: that every address begins with.
    """

    daemon_threads = True

    def __init__(self, report: LiveReport, port: int = 0) -> None:
        """Listen on a port; 0 takes a free one. Raises OSError where it is taken."""
        self.report, self.token = report, secrets.token_urlsafe(TOKEN_BYTES)
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a browser that went away; a traceback of the rest goes to the log."""
        logger.debug("an answer could not be sent", exc_info=True)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def answer(self, path: str) -> Answer | None:
        """What is at a path below the token; None where nothing is. Raises InputError, OSError."""
        if path == "":
            self.report.state()
            return "text/html; charset=utf-8", self.report.page()
        if path == "state":
            return "text/plain; charset=utf-8", self.report.state().encode()
        if (match := _FILE.fullmatch(path)) is None:
            return None
        kind, index = match[1], int(match[2])
        if kind == "image":
            return self.report.image(index)
        if kind != "detail":
            return self.report.map(index, kind)
        detail = self.report.detail(index)
        return None if detail is None else ("application/json", json.dumps(detail, allow_nan=False).encode())


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer
    server_version, sys_version = "scanstage", ""

    def do_GET(self) -> None:
        self._give(with_body=True)

    def do_HEAD(self) -> None:
        self._give(with_body=False)

    def _give(self, with_body: bool) -> None:
        names = (f"{LOOPBACK}:{self.server.server_port}", f"localhost:{self.server.server_port}")
        token, slash, path = self.path.removeprefix("/").partition("?")[0].partition("/")
        known = hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        if self.headers.get("Host") not in names or not known or not slash:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            found = self.server.answer(path)
        except Exception as e:  # the folder is being made anew, is gone, or holds what nobody expected
            logger.debug("%s", e, exc_info=True)
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, explain=str(e))
            return
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        media_type, content = found
        self.send_response(HTTPStatus.OK)
        for name, value in (
            ("Content-Type", media_type),
            ("Content-Length", str(len(content))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        logger.debug(format, *args)  # addresses hold the token


def open_view(folder: DatasetFolder, named: str, port: int = 0, pictures: int = 1000) -> ViewServer:
    """A server for a folder, which is looked at once before it is returned.

    Raises InputError where the folder is no dataset or the port is taken, OSError.
    """
    report = LiveReport(DatasetFolder(open_dataset(folder.local_root).folder.root), named, pictures)
    report.state()
    try:
        return ViewServer(report, port)
    except OSError as e:
        raise InputError(
            f"{option('port')} {port}: {e.strerror or e}", f"name another one, or leave {option('port')} out"
        ) from e
