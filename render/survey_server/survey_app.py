"""The server of the raters' page: Starlette. Every address begins with the token of an invite; nothing is told without.

It listens on this machine alone, unless it is told otherwise, and then answers only under its own names: a page of
somebody else's that was pointed here (DNS rebinding) gets nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from scanstage.render.survey_server.answer_store import Invited
from scanstage.render.survey_server.rate_limits import RateLimit
from scanstage.render.survey_server.rater_session import RaterSessions, RequestRefused

MOST_BODY = 16_384
RATER_A_SECOND, RATER_BURST = 8.0, 60.0
STRANGER_A_SECOND, STRANGER_BURST = 0.5, 20.0
"""Requests without a valid token, of an address."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
WEB = {
    "rate.css": "text/css; charset=utf-8",
    "server_link.js": "text/javascript; charset=utf-8",
    "rate.js": "text/javascript; charset=utf-8",
}
GONE = "This invite isn't valid, or its answers were deleted. Whoever sent it to you can send another one."
Handler = Callable[[Request, Invited], Awaitable[Response]]


def survey_app(sessions: RaterSessions, hosts: list[str]) -> Starlette:
    """The application.

    Args:
        sessions: of the survey.
        hosts: names that it is asked by; ``*`` is any.
    """
    raters, strangers = RateLimit(RATER_A_SECOND, RATER_BURST), RateLimit(STRANGER_A_SECOND, STRANGER_BURST)

    def invited(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(handler)
        async def answer(request: Request) -> Response:
            who = await run_in_threadpool(sessions.store.rater_of, request.path_params["token"])
            address = request.client.host if request.client else ""
            wait = raters.wait_s(who.rater) if who is not None else strangers.wait_s(address)
            if wait > 0:
                return PlainTextResponse("too many requests", 429, {**HEADERS, "Retry-After": str(int(wait) + 1)})
            if who is None:
                return PlainTextResponse(GONE, 404, {**HEADERS, "Cache-Control": "no-store"})
            return await handler(request, who)

        return answer

    async def page(request: Request, who: Invited) -> Response:
        return Response(
            web_file("rate.html"), 200, {**HEADERS, "Cache-Control": "no-store"}, "text/html; charset=utf-8"
        )

    async def web(request: Request, who: Invited) -> Response:
        name = request.path_params["name"]
        if name not in WEB:
            return PlainTextResponse("there is no such file", 404, HEADERS)
        return Response(web_file(name), 200, {**HEADERS, "Cache-Control": "no-cache"}, WEB[name])

    async def picture(request: Request, who: Invited) -> Response:
        path = sessions.picture(request.path_params["item"])
        if path is None or not path.is_file():
            return PlainTextResponse("there is no such picture", 404, HEADERS)
        return FileResponse(path, headers={**HEADERS, "Cache-Control": "private, max-age=86400"})

    async def state(request: Request, who: Invited) -> Response:
        return _told(await run_in_threadpool(sessions.state, who))

    async def post(request: Request, who: Invited) -> Response:
        try:
            sent = await read_body(request)
            return _told(await run_in_threadpool(_done, sessions, who, request.path_params["action"], sent))
        except RequestRefused as e:
            # The page asks for what is asked now, and goes on from there.
            return _told({"refused": str(e)}, 409)
        except ClientDisconnect:
            return Response(status_code=400)

    token = "/{token:str}"
    return Starlette(
        routes=[
            Route(f"{token}/", invited(page)),
            Route(f"{token}/web/{{name:str}}", invited(web)),
            Route(f"{token}/picture/{{item:str}}", invited(picture)),
            Route(f"{token}/state", invited(state)),
            Route(f"{token}/{{action:str}}", invited(post), methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
    )


def _done(sessions: RaterSessions, who: Invited, action: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Raises RequestRefused."""
    match action:
        case "answer":
            return sessions.answer(who, sent)
        case "undo":
            return sessions.undo(who, sent.get("number"))
        case "consent":
            return sessions.consent(who, sent.get("pseudonym"))
        case "remark":
            return sessions.remark(who, sent.get("text"))
        case "forget":
            sessions.store.forget(who.rater)
            return {"phase": "forgotten"}
    raise RequestRefused("there is nothing like that")


async def read_body(request: Request) -> dict[str, Any]:
    """Raises RequestRefused for what is no small JSON object, or comes from another site's page."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise RequestRefused("expected JSON")  # which no form of another site can send
    parts = b""
    async for part in request.stream():
        parts += part
        if len(parts) > MOST_BODY:
            raise RequestRefused("that is too long")
    try:
        sent = json.loads(parts)
    except (ValueError, RecursionError):
        raise RequestRefused("expected JSON") from None
    if not isinstance(sent, dict):
        raise RequestRefused("expected a JSON object")
    return sent


def _told(value: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(value, status, {**HEADERS, "Cache-Control": "no-store"})


@functools.cache
def web_file(name: str) -> str:
    """A file of the page."""
    return (files("scanstage.render.survey_server") / "web" / name).read_text("utf-8")
