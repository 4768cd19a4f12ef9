"""``scanstage survey gold``: a person looks at every gold once, and takes out those that aren't obvious."""

from __future__ import annotations

import functools
import html
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from scanstage.dataset.survey.survey_file import (
    PICTURES,
    GoldScreening,
    ItemKind,
    Survey,
    read_screening,
    write_screening,
)
from scanstage.render.survey_server.rater_session import RequestRefused
from scanstage.render.survey_server.survey_app import HEADERS, read_body, web_file

KINDS: tuple[ItemKind, ...] = ("corrupt", "real")
_Handler = Callable[[Request], Awaitable[Response]]
WEB = {"rate.css": "text/css; charset=utf-8", "gold.js": "text/javascript; charset=utf-8"}


def gold_app(folder: Path, survey: Survey, token: str, hosts: list[str]) -> Starlette:
    """The application.

    Args:
        folder: of the survey.
        survey: with all golds, those that were taken out as well.
        token: that every address begins with.
        hosts: names that it is asked by.
    """
    pages = _GoldPages(folder, survey, token)
    at = "/{token:str}"
    return Starlette(
        routes=[
            Route(f"{at}/", pages.known(pages.page)),
            Route(f"{at}/web/{{name:str}}", pages.known(pages.web)),
            Route(f"{at}/picture/{{item:str}}", pages.known(pages.picture)),
            Route(f"{at}/state", pages.known(pages.state)),
            Route(f"{at}/say", pages.known(pages.say), methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
    )


class _GoldPages:
    """What is answered; arguments as of :func:`gold_app`."""

    def __init__(self, folder: Path, survey: Survey, token: str) -> None:
        self._folder, self._token = folder, token
        self._golds = {i.item_id: i for kind in KINDS for i in survey.of_kind(kind)}
        self._lock = threading.Lock()

    def known(self, handler: _Handler) -> _Handler:
        """Only for those who know the token."""

        @functools.wraps(handler)
        async def answer(request: Request) -> Response:
            if request.path_params["token"] != self._token:
                return PlainTextResponse("not found", 404, HEADERS)
            return await handler(request)

        return answer

    async def page(self, request: Request) -> Response:
        """All golds."""
        return Response(gold_page(list(self._golds)), 200, HEADERS, "text/html; charset=utf-8")

    async def web(self, request: Request) -> Response:
        """What the page is made of."""
        name = request.path_params["name"]
        if name not in WEB:
            return PlainTextResponse("not found", 404, HEADERS)
        return Response(web_file(name), 200, HEADERS, WEB[name])

    async def picture(self, request: Request) -> Response:
        """One gold's."""
        item = self._golds.get(request.path_params["item"])
        if item is None:
            return PlainTextResponse("not found", 404, HEADERS)
        return FileResponse(self._folder / PICTURES / item.file_name, headers=HEADERS)

    async def state(self, request: Request) -> Response:
        """What was said of each gold so far."""
        found = read_screening(self._folder)
        told = [
            {
                "item": name,
                "kind": "a real photo" if item.kind == "real" else "corrupt",
                "how": item.how,
                "said": "keep" if name in found.kept else "drop" if name in found.dropped else "",
            }
            for name, item in self._golds.items()
        ]
        return JSONResponse(told, headers={**HEADERS, "Cache-Control": "no-store"})

    async def say(self, request: Request) -> Response:
        """Keep a gold, or drop it."""
        try:
            sent = await read_body(request)
        except RequestRefused as e:
            return PlainTextResponse(str(e), 400, HEADERS)
        item, said = str(sent.get("item")), sent.get("said")
        if item not in self._golds or said not in ("keep", "drop"):
            return PlainTextResponse("there is nothing like that", 400, HEADERS)
        with self._lock:
            before = read_screening(self._folder)
            kept, dropped = ({*names} - {item} for names in (before.kept, before.dropped))
            (kept if said == "keep" else dropped).add(item)
            write_screening(self._folder, GoldScreening(tuple(sorted(kept)), tuple(sorted(dropped))))
        return await self.state(request)


def gold_page(golds: list[str]) -> str:
    """The page."""
    return web_file("gold.html").replace("COUNT", html.escape(str(len(golds))))
