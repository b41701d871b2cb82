"""P9: an error in every route and every act, while secrets and words are in the request.

Each handler of the table of routes, and each act of a station, is made to fail by an exception that
has all of the request in its message, or one that was caused by such an exception; beside it a
callback of the loop fails that was given the words. What is answered, what is written to standard
error, and what lies on the disk afterwards is searched.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import socket
from collections.abc import Iterator, Mapping
from typing import Final
from unittest import mock

from starlette.requests import Request
from starlette.responses import Response
from tests.core.world import chaff
from tests.faults import webfuzz
from tests.faults.canaries import forms, shown
from tests.faults.floor import PASSWORD, filled, here
from tests.faults.rows import need
from tests.web import scenes
from tests.web.plain import Plain

from tieline.desk.web import screens
from tieline.desk.web.app import Route
from tieline.desk.web.logins import Logins
from tieline.desk.web.visit import Visit
from tieline.node import traces
from tieline.node.acts import NodeActs
from tieline.node.client import short_name
from tieline.node.view import Json

WAYS: Final = 2  # with the words in the error itself, and in what caused it
# Of a login, which the table has not: the inner function that fails, and where it is asked.
DOORS: Final = (
    ("_form", "/login"), ("_texts", "/login"), ("_texts", "/login/second"),
    ("_texts", "/login/touch"),
)  # fmt: skip
PLACES: Final = len(screens.ROUTES) + len(DOORS) + 1  # the last is all acts of a station
SAID: Final = "without its words"
TOLD: Final = "Traceback"  # once for each exception, however it is told
TURNS: Final = 500
WAIT_S: Final = 60.0
_SECRET: Final = ("password", "own_password", "other_password", "second_password", "old", "new")


def _callback(words: str) -> None:
    raise LookupError(words)


def fail(words: str, way: int) -> None:
    """Fail, with words in the message of the error or of its cause, and once more in the loop."""
    asyncio.get_running_loop().call_soon(_callback, words)
    if way == 0:
        raise ValueError(words)
    try:
        int(words)
    except ValueError as error:
        raise RuntimeError from error


def forced(seed: int) -> None:
    """One route, one door of a login, or every act: it fails, and nothing of it is told."""
    number, way = seed % PLACES, (seed // PLACES + seed % PLACES) % WAYS
    word = f"canary-{chaff(f'forced {seed}', 9).hex()}"
    floor = here()
    with _heard() as heard:
        if number < len(screens.ROUTES):
            answers, cookie = _route(screens.ROUTES[number], word, way)
        elif number < len(screens.ROUTES) + len(DOORS):
            answers, cookie = _door(*DOORS[number - len(screens.ROUTES)], word, way), ""
        else:
            answers, cookie = _acts(word, way), ""
        _wait(heard, (way + 2) * (len(webfuzz.known_acts()) if number == PLACES - 1 else 1))
    log = heard.getvalue()
    keys = floor.bravo.seat.keys
    hidden = [word, PASSWORD, keys.db_key, keys.desk_key, *([cookie] if cookie else ())]
    files = {str(path): path.read_bytes() for path in floor.place.rglob("*") if path.is_file()}
    for where, data in {"an answer": answers, "the log": log.encode(), **files}.items():
        for each in hidden:
            found = [how for how, mark in forms(each) if mark in data]
            need(not found, f"{shown(each)!r} stands in {where} as {found}")
    need(SAID in log, f"a failure is not told: {log[-300:]!r}")


def _wait(heard: io.StringIO, many: int) -> None:
    """Let both loops turn until what has failed is told, which comes after its answer."""

    async def turn() -> None:
        await asyncio.sleep(0)

    floor = here()
    for _ in range(TURNS):
        if heard.getvalue().count(TOLD) >= many:
            return
        floor.within(turn())
        floor.call("pulse")


@contextlib.contextmanager
def _heard() -> Iterator[io.StringIO]:
    """What a process without handlers of its own writes, which is what the product is."""
    heard, root = io.StringIO(), logging.getLogger()
    last = logging.lastResort
    assert last is not None
    kept, handlers, before = root.level, root.handlers, last.formatter
    root.handlers = []
    last.setFormatter(None)
    try:
        traces.install()
        with contextlib.redirect_stderr(heard):
            yield heard
    finally:
        root.handlers = handlers
        root.setLevel(kept)
        last.setFormatter(before)


def _route(route: Route, word: str, way: int) -> tuple[bytes, str]:
    """Ask a route that fails; the answer, and the name of the session."""
    floor = here()
    who = floor.fresh(*scenes.ALL)

    async def failing(visit: Visit) -> Response:
        fail(f"{visit.request.url} {visit.every_field()} {visit.request.headers}", way)
        raise AssertionError

    real = route.handler
    object.__setattr__(route, "handler", failing)
    try:
        path = filled(route.path, (word,))
        if route.method == "POST":
            form = dict.fromkeys((*webfuzz.of_route(route.path, "POST"), *_SECRET), word)
            answer = who.post(path, form | {"csrf": who.token})
        else:
            answer = who.get(f"{path}?q={word}")
    finally:
        object.__setattr__(route, "handler", real)
    need(answer.status == 500, f"{route.method} {route.path} was answered {answer.status}")
    return answer.text.encode() + str(answer.headers).encode(), who.cookies[floor.desk.cookie]


def _door(name: str, path: str, word: str, way: int) -> bytes:
    """Fail in the midst of a login, where a password is."""
    floor = here()
    stranger = Plain(floor)
    stranger.take(stranger.get("/login"))
    real = Logins._texts

    async def texts(self: Logins, request: Request) -> None:
        fail(f"{await real(self, request)} {request.headers}", way)

    def form(_self: Logins, request: Request, *_: object, **__: object) -> None:
        fail(f"{request.url} {request.headers}", way)

    with mock.patch.object(Logins, name, texts if name == "_texts" else form):
        if name == "_form":
            answer = stranger.get(f"{path}?to={word}")
        else:
            given = {"csrf": stranger.token, "name": word, "password": PASSWORD, "code": word}
            answer = stranger.post(path, given)
    need(answer.status == 500, f"{path} was answered {answer.status}")
    return answer.text.encode()


def _acts(word: str, way: int) -> bytes:
    """Every act of a station, asked at its socket; the answers."""
    floor = here()

    async def failing(_self: NodeActs, name: str, args: Mapping[str, Json]) -> Json:
        fail(f"{name} {args!r}", way)
        raise AssertionError

    told = b""
    with (
        mock.patch.object(NodeActs, "act", failing),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link,
        short_name(floor.socket) as at,
    ):
        link.settimeout(WAIT_S)
        link.connect(at)
        with link.makefile("rb") as lines:
            for number, act in enumerate(webfuzz.known_acts()):
                args = dict.fromkeys(webfuzz.arguments(), word)
                link.sendall(json.dumps({"id": number, "act": act, "args": args}).encode() + b"\n")
                answer = lines.readline()
                need(b"api.defect" in answer, f"{act} was answered {answer[:200]!r}")
                told += answer
    return told
