"""The start page of an exercise at desks: where the desks are, what to try, and the switches.

A small HTTP server in the process of the exercise, on the loopback address only. Its address holds
a word of chance, printed at the terminal: whoever has not got it gets nothing. It shows what the
stations said (``board``), puts orders into the hand on the clock (``stage.Hand``), and lets an
officer of the exercise sit down at a desk in this browser (``deskproc``).

It does not know: how stations are run, nor what a desk's pages look like.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tieline.core.errors import LocalError, TielineError
from tieline.desk.words import ENGLISH, LANGUAGES, Words
from tieline.exercise.deskproc import HOST, WebDesk
from tieline.node.text import visible

FILES: Final = Path(__file__).parent / "page"
KINDS: Final = {"start.css": "text/css", "start.js": "text/javascript"}
MAX_FORM: Final = 64_000
MAX_FILE: Final = 32 << 20
LINES: Final = 60
GRACE_S: Final = 1
VERIFY_S: Final = 120.0
MOST_WANTED: Final = 20  # languages of one browser that are looked at
_LANGUAGE: Final = "tieline_start_language"

Form = Mapping[str, str]


class Play(Protocol):
    """What the page shows and moves."""

    @property
    def desks(self) -> Mapping[str, WebDesk]: ...

    def view(self, words: Words) -> dict[str, object]:
        """Everything that is shown, in the language of ``words``."""

    def order(self, what: str) -> None:
        """Press a switch. Raises ``LocalError``."""

    async def suggest(self, number: int) -> tuple[str, str]:
        """Put what the script would say into a form; the party, and the path of the form."""

    def checked(self, name: str, *, good: bool) -> None:
        """A file was checked."""


class StartPage:
    """The server. ``port`` must be free."""

    def __init__(self, play: Play, port: int) -> None:
        self._play = play
        self.port = port
        self._secret = secrets.token_urlsafe(18)
        self._csrf = secrets.token_urlsafe(18)
        self._names = frozenset((f"{HOST}:{port}", f"localhost:{port}"))
        self._checked: list[str] = []
        self._verdict = ("", False)  # the name of the file, and whether it is in order
        self._template = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FILES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        ).get_template("start.html")
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where a browser begins."""
        return f"http://{HOST}:{self.port}/?t={self._secret}"

    async def open(self) -> None:
        """Serve until ``close``."""
        routes = [
            Route("/", self._within(self._page)),
            Route("/language", self._within(self._language), methods=["POST"]),
            Route("/do", self._within(self._do), methods=["POST"]),
            Route("/sit", self._within(self._sit), methods=["POST"]),
            Route("/suggest", self._within(self._suggest), methods=["POST"]),
            Route("/check", self._within(self._check), methods=["POST"]),
            Route("/{name}", _static),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            host=HOST, port=self.port, http="h11", ws="none", lifespan="off", access_log=False,
            log_config=None, server_header=False, timeout_graceful_shutdown=GRACE_S,
        )  # fmt: skip
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Serve no more."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.gather(self._task, return_exceptions=True)
            for connection in [*self._server.server_state.connections]:
                connection.transport.abort()  # who was not done in time: uvicorn leaves it open
            await asyncio.sleep(0)  # in which the loop closes them

    # ------------------------------------------------------------------------------ the doors

    @property
    def _cookie(self) -> str:
        return f"tieline_start_{self.port}"

    def _within(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            response = await self._answer(request, handler)
            for name, value in self._headers().items():
                response.headers[name] = value
            return response

        return endpoint

    async def _answer(
        self, request: Request, handler: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if request.headers.get("host", "").lower() not in self._names:
            return PlainTextResponse("This is not a name of this page.\n", 403)
        given = request.query_params.get("t", "")
        if request.method == "GET" and _same(given, self._secret):
            response: Response = RedirectResponse("/", 303)
            response.set_cookie(
                self._cookie, self._secret, httponly=True, samesite="strict", path="/"
            )
            return response
        if not _same(request.cookies.get(self._cookie, ""), self._secret):
            return PlainTextResponse(
                "Open the address that ./dev demo printed; it holds a word that this one lacks.\n",
                403,
            )
        try:
            return await handler(request)
        except TielineError as error:
            return self._html(request, error.message, 409)

    def _headers(self) -> dict[str, str]:
        desks = " ".join(
            f"http://{name}:{desk.port}"
            for desk in self._play.desks.values()
            for name in (HOST, "localhost")
        )
        return {
            "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
            f" connect-src 'self'; img-src 'self' data:; form-action 'self' {desks};"
            " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
            " trusted-types start",
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cache-control": "no-store",
        }

    async def _form(self, request: Request, limit: int = MAX_FORM) -> FormData:
        length = request.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > limit:
            raise LocalError("exercise.start", "the form is too large")
        form = await request.form(max_files=1, max_fields=20)
        token = form.get("csrf")
        if not isinstance(token, str) or not _same(token, self._csrf):
            raise LocalError(
                "exercise.start", "this form is of another exercise; load the page anew"
            )
        return form

    # ------------------------------------------------------------------------------ the pages

    def _html(self, request: Request, problem: str = "", status: int = 200) -> Response:
        words = Words(wanted(request.cookies.get(_LANGUAGE, ""),
                             request.headers.get("accept-language", "")))  # fmt: skip
        text = self._template.render(
            **self._play.view(words), csrf=self._csrf, problem=problem, checked=self._checked,
            file=visible(self._verdict[0]), right=self._verdict[1],
            words=words, say=words.say, languages=[Words(each) for each in LANGUAGES],
        )  # fmt: skip
        return HTMLResponse(text, status)

    async def _page(self, request: Request) -> Response:
        return self._html(request)

    async def _language(self, request: Request) -> Response:
        """The language that somebody chose, for this browser."""
        language = _field(await self._form(request), "language")
        response = RedirectResponse("/", 303)
        if language in LANGUAGES:
            response.set_cookie(_LANGUAGE, language, httponly=True, samesite="strict", path="/")
        return response

    async def _do(self, request: Request) -> Response:
        self._play.order(_field(await self._form(request), "do"))
        return RedirectResponse("/", 303)

    async def _sit(self, request: Request) -> Response:
        """An officer sits down at a desk in this browser."""
        form = await self._form(request)
        desk = self._play.desks.get(_field(form, "party"))
        number, to = _field(form, "officer"), _field(form, "to") or "/"
        if desk is None or number not in ("0", "1") or not to.startswith("/"):
            raise LocalError("exercise.start", "there is no such desk")
        session = await desk.session(int(number))
        return self._lead(request, desk, session, to)

    def _lead(self, request: Request, desk: WebDesk, session: str, to: str) -> Response:
        host = request.headers["host"].rpartition(":")[0]
        response = RedirectResponse(f"http://{host}:{desk.port}{to}", 303)
        response.set_cookie(desk.cookie, session, httponly=True, samesite="strict", path="/")
        return response

    async def _suggest(self, request: Request) -> Response:
        """What the script would say now, put into the form for it."""
        number = _field(await self._form(request), "number")
        if not number.isascii() or not number.isdigit():
            raise LocalError("exercise.start", "there is no such suggestion")
        party, to = await self._play.suggest(int(number[:9]))
        desk = self._play.desks[party]
        return self._lead(request, desk, await desk.session(0), to)

    async def _check(self, request: Request) -> Response:
        """Check an evidence file in a process of its own."""
        form = await self._form(request, MAX_FILE)
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.size:
            raise LocalError("exercise.start", "choose the file that the desk wrote")
        with tempfile.TemporaryDirectory(prefix="tieline-check-") as folder:
            path = Path(folder) / "evidence.html"
            data = await upload.read()
            await asyncio.to_thread(path.write_bytes, data)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tieline", "verify", str(path),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            try:
                async with asyncio.timeout(VERIFY_S):
                    out, _ = await process.communicate()
            except TimeoutError:
                process.kill()
                await process.wait()
                raise LocalError("exercise.start", "the check took too long") from None
        text = out.decode("utf-8", errors="replace").replace(str(path), "the file")
        self._checked = text.splitlines()[:LINES]
        self._verdict = ((upload.filename or "")[:80], process.returncode == 0)
        self._play.checked(upload.filename or "", good=process.returncode == 0)
        return RedirectResponse("/#check", 303)


class _Server(uvicorn.Server):
    """A server that leaves the signals to the exercise."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None is taken."""
        yield


async def _static(request: Request) -> Response:
    name = str(request.path_params["name"])
    if name not in KINDS:
        return PlainTextResponse("There is no such page.\n", 404)
    return Response((FILES / name).read_bytes(), media_type=KINDS[name])


def wanted(chosen: str, accepted: str) -> str:
    """The language to speak: the one chosen here, else the first that the browser asks for.

    ``accepted``: the header Accept-Language; a quality that does not read counts as none.
    """
    if chosen in LANGUAGES:
        return chosen
    asked: list[tuple[float, str]] = []
    for part in accepted.split(",")[:MOST_WANTED]:
        tag, _, quality = part.partition(";")
        name, _, value = quality.strip().partition("=")
        try:
            weight = float(value) if name == "q" else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1:
            asked.append((-weight, tag.strip().lower().partition("-")[0]))
    found = (tag for _, tag in sorted(asked, key=lambda one: one[0]) if tag in LANGUAGES)
    return next(found, ENGLISH)


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
