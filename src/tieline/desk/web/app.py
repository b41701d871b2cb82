"""The desk as one ASGI application: routes, login, errors, and the doors each request goes through.

A screen's handler runs only for a logged-in officer, with a form that holds its session's token.
What it raises becomes a page: a refusal of the station with its reason, an act that the officer may
not do, a station that is down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from tieline.core.errors import TielineError
from tieline.desk.web import frame, live
from tieline.desk.web.crowd import FORM_S, GONE, Turns
from tieline.desk.web.guard import Guard
from tieline.desk.web.logins import Logins, known_of, same, session_of, whole_form
from tieline.desk.web.sessions import Session
from tieline.desk.web.visit import Desk, ForbiddenError, Visit, local
from tieline.node.client import ApiDown, ApiRefused

# All that an officer may do with a password that was given to it.
RENEWING: Final = frozenset({"/account", "/password", "/logout", "/manner"})
# All that an officer may do before it has set up a second factor in the place of a lost one.
ENROLLING: Final = frozenset({
    "/account", "/account/code", "/account/confirm", "/account/key", "/account/key/options",
    "/account/key/keep", "/logout", "/manner",
})  # fmt: skip

Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


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
    routes = tuple(routes)
    pages = frozenset(route.path for route in routes if route.method == "GET")
    doors, logins = _Doors(desk, pages), Logins(desk)
    table = [
        StarletteRoute("/login", doors.outside(logins.page), methods=["GET"]),
        StarletteRoute("/login", doors.paced(logins.first), methods=["POST"]),
        StarletteRoute("/login/second", doors.paced(logins.second), methods=["POST"]),
        StarletteRoute("/login/touch", doors.paced(logins.touch), methods=["POST"]),
        StarletteRoute("/static/{name}", doors.outside(_static), methods=["GET"]),
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

    def __init__(self, desk: Desk, pages: frozenset[str]) -> None:
        self._desk = desk
        self._pages = pages  # paths that can be asked for, and not only sent a form
        self._turns = Turns()
        self._known = Turns()  # of browsers that an officer has used

    def _row(self, request: Request) -> Turns:
        """In which row somebody waits who is not logged in."""
        return self._turns if known_of(self._desk, request) is None else self._known

    def session(self, request: Request) -> Session | None:
        """The session of a request, if it has one."""
        return session_of(self._desk, request)

    def within(self, route: Route) -> Endpoint:
        """A screen's handler behind the doors."""

        async def endpoint(request: Request) -> Response:
            session = self.session(request)
            if session is None:
                return self._login_first(request)
            officer = session.officer
            # Its day to set up a second factor is over.
            if 0 < officer.enrol_ms < self._desk.frame.now_ms():
                self._desk.sessions.end(session)
                return self._login_first(request)
            first = RENEWING if officer.renew else ENROLLING if officer.enrol_ms else None
            if first is not None and route.path not in first:
                return RedirectResponse("/account", 303)
            form = None
            if request.method == "POST":
                form = await whole_form(request)
                token = form.get("csrf") or request.headers.get("x-csrf", "")
                if not isinstance(token, str) or not same(token, session.token):
                    return PlainTextResponse("The form is not of this session.\n", 403)
            visit = Visit(self._desk, request, session, form, self._page_of(request, route.path))
            if form is None:
                visit.begin()
            try:
                if form is None and visit.part == "frame":  # the same around each screen
                    return await visit.render("base.html")
                return await route.handler(visit)
            except ForbiddenError as error:
                return await visit.render("refused.html", 403, code="desk.forbidden",
                                          text="", act=error.act)  # fmt: skip
            except ApiDown:
                visit.look_anew()
                return await visit.render("down.html", 503)
            except (ApiRefused, TielineError) as error:
                return await visit.render("refused.html", 409, code=error.code,
                                          text=error.message, act="")  # fmt: skip
            finally:
                if form is not None:
                    await form.close()

        return endpoint

    def _page_of(self, request: Request, route: str) -> str:
        """The path of the page on which a form is: its own, or the next one above it."""
        path = request.url.path
        while route and route not in self._pages:
            route, path = route.rpartition("/")[0], path.rpartition("/")[0]
        return path or "/"

    # ------------------------------------------------------------------------------- login

    def _login_first(self, request: Request) -> Response:
        if request.method != "GET" or request.query_params.get("part"):
            return PlainTextResponse("Log in first.\n", 401)
        query = f"?{request.url.query}" if request.url.query else ""
        target = local(request.url.path + query)
        return RedirectResponse(
            "/login" if target == "/" else f"/login?to={quote(target, safe='/')}", 303
        )

    # ------------------------------------------------------------------------------- others

    async def events(self, request: Request) -> Response:
        """The stream of what changes."""
        session = self.session(request)
        if session is None:
            return PlainTextResponse("Log in first.\n", 401)
        if self._desk.streams.full(session.officer.id):
            # Such a page asks every few seconds, as where a stream is blocked, and says so.
            return PlainTextResponse("Too many pages of this officer are open.\n", 429)
        last = request.headers.get("last-event-id", "") or request.query_params.get("since", "")
        seen = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else None
        return StreamingResponse(
            self._counted(session.officer.id, seen),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    async def _counted(self, officer: int, seen: int | None) -> AsyncIterator[bytes]:
        desk = self._desk
        with desk.streams.counted(officer):
            async for message in live.stream(desk.link, seen, desk.stopping, desk.ringing):
                yield message

    def outside(self, handler: Endpoint) -> Endpoint:
        """A page for those who are not logged in: one at a time, so that officers come between."""

        async def endpoint(request: Request) -> Response:
            if self.session(request) is not None:
                return await handler(request)
            made = await self._row(request).page(
                lambda: handler(request), request.scope.get(GONE, lambda: False)
            )
            return made or Response(status_code=400)  # nobody is there to read it

        return endpoint

    def paced(self, handler: Endpoint) -> Endpoint:
        """A form of those who are not logged in, which waits for more than its turn."""

        async def endpoint(request: Request) -> Response:
            self.session(request)  # the server is told whose browser this is
            if not await self._row(request).pace(request.scope.get(GONE, lambda: False), FORM_S):
                return Response(status_code=400)  # nobody is there to read it
            return await handler(request)

        return endpoint

    async def missing(self, request: Request, error: HTTPException) -> Response:
        """There is no such page."""
        session = self.session(request)
        if session is None or error.status_code != 404:
            return PlainTextResponse(f"{error.detail}\n", error.status_code)
        page = request.url.path if request.method == "GET" else ""
        visit = Visit(self._desk, request, session, None, page)
        return await visit.render("missing.html", 404)


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
