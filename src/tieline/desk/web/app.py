"""The desk as one ASGI application: routes, login, errors, and the doors each request goes through.

A screen's handler runs only for a logged-in officer, with a form that holds its session's token.
What it raises becomes a page: a refusal of the station with its reason, an act that the officer may
not do, a station that is down.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from tieline.core.errors import ShellError, TielineError
from tieline.desk.web import frame, live
from tieline.desk.web.guard import Guard
from tieline.desk.web.sessions import Session
from tieline.desk.web.visit import Desk, ForbiddenError, Visit
from tieline.desk.words import ENGLISH, LANGUAGES
from tieline.node.client import ApiDown, ApiRefused

MAX_FIELDS: Final = 600
MAX_FILES: Final = 8
# All that an officer may do with a password that was given to it.
RENEWING: Final = frozenset({"/account", "/password", "/logout", "/manner"})

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A place of a screen. A POST's form is whole and its token is right before it is called."""

    path: str
    handler: Handler
    method: str = "GET"


def build(
    desk: Desk, routes: Iterable[Route], names: Iterable[str], uploads: Iterable[str]
) -> ASGIApp:
    """The application. ``names`` are what ``Host`` may be."""
    doors = _Doors(desk)
    table = [
        StarletteRoute("/login", doors.login_page, methods=["GET"]),
        StarletteRoute("/login", doors.login, methods=["POST"]),
        StarletteRoute("/static/{name}", _static, methods=["GET"]),
        StarletteRoute("/favicon.ico", _icon, methods=["GET"]),
        StarletteRoute("/events", doors.events, methods=["GET"]),
        *(
            StarletteRoute(route.path, doors.within(route), methods=[route.method])
            for route in routes
        ),
    ]
    inner = Starlette(
        routes=table,
        exception_handlers={HTTPException: doors.missing, ClientDisconnect: _gone},  # type: ignore[dict-item]  # starlette wants the widest handler
    )
    return Guard(inner, names, uploads)


class _Doors:
    """What stands between a request and a screen."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._key = secrets.token_bytes(32)  # of the tokens in login forms

    def session(self, request: Request) -> Session | None:
        """The session of a request, if it has one."""
        name = request.cookies.get(self._desk.cookie, "")
        return self._desk.sessions.find(name, self._desk.frame.now_ms()) if name else None

    def within(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        """A screen's handler behind the doors."""

        async def endpoint(request: Request) -> Response:
            session = self.session(request)
            if session is None:
                return self._login_first(request)
            if session.officer.renew and route.path not in RENEWING:
                return RedirectResponse("/account", 303)
            form = None
            if request.method == "POST":
                form = await _form(request)
                token = form.get("csrf") or request.headers.get("x-csrf", "")
                if not isinstance(token, str) or not _same(token, session.token):
                    return PlainTextResponse("The form is not of this session.\n", 403)
            visit = Visit(self._desk, request, session, form)
            try:
                return await route.handler(visit)
            except ForbiddenError as error:
                return await visit.render("refused.html", 403, code="desk.forbidden",
                                          text="", act=error.act)  # fmt: skip
            except ApiDown:
                return await visit.render("down.html", 503, sent=request.method == "POST")
            except (ApiRefused, TielineError) as error:
                return await visit.render("refused.html", 409, code=error.code,
                                          text=error.message, act="")  # fmt: skip
            finally:
                if form is not None:
                    await form.close()

        return endpoint

    # ------------------------------------------------------------------------------- login

    def _login_first(self, request: Request) -> Response:
        if request.method != "GET" or request.query_params.get("part"):
            return PlainTextResponse("Log in first.\n", 401)
        query = f"?{request.url.query}" if request.url.query else ""
        target = _local(request.url.path + query)
        return RedirectResponse(
            "/login" if target == "/" else f"/login?to={quote(target, safe='/')}", 303
        )

    async def login_page(self, request: Request) -> Response:
        """The form to log in."""
        return self._login_form(request, "", 200)

    def _login_form(self, request: Request, problem: str, status: int) -> Response:
        planted = request.cookies.get(self._login_cookie, "")
        nonce = planted if len(planted) == 32 and planted.isalnum() else secrets.token_hex(16)
        text = self._desk.frame.plain(
            _language(request), "login.html",
            problem=problem, to=_local(request.query_params.get("to", "/")),
            token=self._token(nonce), any_officer=bool(self._desk.officers.all()),
            realm=self._desk.link.realm or "",
        )  # fmt: skip
        response = Response(text, status, media_type="text/html")
        response.set_cookie(
            self._login_cookie, nonce, httponly=True, samesite="strict", path="/login"
        )
        return response

    async def login(self, request: Request) -> Response:
        """Log in with what the form says."""
        form = await _form(request)
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        nonce = request.cookies.get(self._login_cookie, "")
        if not nonce or not _same(texts.get("csrf", ""), self._token(nonce)):
            return self._login_form(request, "desk.login.again", 403)
        desk, now_ms = self._desk, self._desk.frame.now_ms()
        name = texts.get("name", "")[:256]
        try:
            officer = await desk.officers.login(
                name, texts.get("password", ""), texts.get("code", "")[:16], now_ms
            )
        except ShellError:
            return self._login_form(request, "desk.login.disk", 503)
        except TielineError:
            desk.vault.note(now_ms, desk.officers.typed(name), "login", "login.wait")
            return self._login_form(request, "desk.login.wait", 429)
        if officer is None:
            desk.vault.note(now_ms, desk.officers.typed(name), "login", "login.wrong")
            return self._login_form(request, "desk.login.wrong", 403)
        old = self.session(request)
        if old is not None:
            desk.sessions.end(old)
        desk.vault.note(now_ms, officer.name, "login", "done")
        response = RedirectResponse(_local(texts.get("to", "/")), 303)
        try:
            begun = desk.sessions.begin(officer, now_ms)
        except ShellError:
            return self._login_form(request, "desk.login.disk", 503)
        response.set_cookie(
            desk.cookie, begun,
            httponly=True, samesite="strict", path="/",
        )  # fmt: skip
        response.delete_cookie(self._login_cookie, path="/login")
        return response

    @property
    def _login_cookie(self) -> str:
        return f"{self._desk.cookie}_login"

    def _token(self, nonce: str) -> str:
        return hmac.digest(self._key, nonce.encode(), "sha256").hex()

    # ------------------------------------------------------------------------------- others

    async def events(self, request: Request) -> Response:
        """The stream of what changes."""
        if self.session(request) is None:
            return PlainTextResponse("Log in first.\n", 401)
        last = request.headers.get("last-event-id", "") or request.query_params.get("since", "")
        seen = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else None
        return StreamingResponse(
            live.stream(self._desk.link, seen, self._desk.stopping, self._desk.ringing),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    async def missing(self, request: Request, error: HTTPException) -> Response:
        """There is no such page."""
        session = self.session(request)
        if session is None or error.status_code != 404:
            return PlainTextResponse(f"{error.detail}\n", error.status_code)
        visit = Visit(self._desk, request, session, None)
        return await visit.render("missing.html", 404)


async def _form(request: Request) -> FormData:
    try:
        return await request.form(max_fields=MAX_FIELDS, max_files=MAX_FILES, max_part_size=1 << 20)
    except MultiPartException as error:
        raise HTTPException(400, "This is no form.") from error
    except OSError as error:  # a file that is brought waits on the disk
        text = (
            f"The file cannot be kept for a moment ({error.strerror}): make room. Nothing changed."
        )
        raise HTTPException(507, text) from error


async def _static(request: Request) -> Response:
    found = frame.statics().get(request.path_params["name"])
    if found is None:
        return PlainTextResponse("There is no such file.\n", 404)
    data, kind, version = found
    fresh = request.query_params.get("v") == version
    age = "private, max-age=31536000, immutable" if fresh else "no-cache"
    return Response(data, headers={"content-type": kind, "cache-control": age})


async def _icon(_: Request) -> Response:
    return RedirectResponse(frame.static_url("icon.svg"), 302)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


def _local(address: str) -> str:
    """An address of this desk; anything else becomes the first page."""
    fine = address.startswith("/") and not address.startswith(("//", "/\\", "/login"))
    return address if fine and address.isprintable() and address.isascii() else "/"


def _language(request: Request) -> str:
    """The first language of the browser that the desk speaks."""
    wanted = request.headers.get("accept-language", "")[:200]
    tags = [part.partition(";")[0].strip().partition("-")[0].lower() for part in wanted.split(",")]
    return next((tag for tag in tags if tag in LANGUAGES), ENGLISH)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
