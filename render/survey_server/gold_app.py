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
WEB = {"rate.css": "text/css; charset=utf-8", "gold.js": "text/javascript; charset=utf-8"}


def gold_app(folder: Path, survey: Survey, token: str, hosts: list[str]) -> Starlette:
    """The application.

    Args:
        folder: of the survey.
        survey: with all golds, those that were taken out as well.
        token: that every address begins with.
        hosts: names that it is asked by.
    """
    golds = {i.item_id: i for kind in KINDS for i in survey.of_kind(kind)}
    lock = threading.Lock()

    def known(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(handler)
        async def answer(request: Request) -> Response:
            if request.path_params["token"] != token:
                return PlainTextResponse("not found", 404, HEADERS)
            return await handler(request)

        return answer

    async def page(request: Request) -> Response:
        return Response(gold_page(list(golds)), 200, HEADERS, "text/html; charset=utf-8")

    async def web(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in WEB:
            return PlainTextResponse("not found", 404, HEADERS)
        return Response(web_file(name), 200, HEADERS, WEB[name])

    async def picture(request: Request) -> Response:
        item = golds.get(request.path_params["item"])
        if item is None:
            return PlainTextResponse("not found", 404, HEADERS)
        return FileResponse(folder / PICTURES / item.file_name, headers=HEADERS)

    async def state(request: Request) -> Response:
        found = read_screening(folder)
        told = [
            {
                "item": name,
                "kind": "a real photo" if item.kind == "real" else "corrupt",
                "how": item.how,
                "said": "keep" if name in found.kept else "drop" if name in found.dropped else "",
            }
            for name, item in golds.items()
        ]
        return JSONResponse(told, headers={**HEADERS, "Cache-Control": "no-store"})

    async def say(request: Request) -> Response:
        try:
            sent = await read_body(request)
        except RequestRefused as e:
            return PlainTextResponse(str(e), 400, HEADERS)
        item, said = str(sent.get("item")), sent.get("said")
        if item not in golds or said not in ("keep", "drop"):
            return PlainTextResponse("there is nothing like that", 400, HEADERS)
        with lock:
            before = read_screening(folder)
            kept, dropped = ({*names} - {item} for names in (before.kept, before.dropped))
            (kept if said == "keep" else dropped).add(item)
            write_screening(folder, GoldScreening(tuple(sorted(kept)), tuple(sorted(dropped))))
        return await state(request)

    at = "/{token:str}"
    return Starlette(
        routes=[
            Route(f"{at}/", known(page)),
            Route(f"{at}/web/{{name:str}}", known(web)),
            Route(f"{at}/picture/{{item:str}}", known(picture)),
            Route(f"{at}/state", known(state)),
            Route(f"{at}/say", known(say), methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
    )


def gold_page(golds: list[str]) -> str:
    """The page."""
    return web_file("gold.html").replace("COUNT", html.escape(str(len(golds))))
