"""The way in: name and password, then a code or a security key where one is set.

A code may be given with the password, so that one form is enough where no script runs. Who gives
none and has a second factor is asked for it on a page of its own, which only the right password
opens; what has been shown so far is kept here, by the cookie of the form, for a few minutes.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tieline.core.errors import ShellError, TielineError
from tieline.desk.web import ceremony
from tieline.desk.web.crowd import SHOWN
from tieline.desk.web.factors import Factors
from tieline.desk.web.known import LIFE_MS
from tieline.desk.web.officers import Officer
from tieline.desk.web.sessions import Session
from tieline.desk.web.touches import Bond, about
from tieline.desk.web.visit import Desk, local
from tieline.desk.words import ENGLISH, LANGUAGES

MAX_FIELDS: Final = 600
MAX_FILES: Final = 8
HALF_MS: Final = 5 * 60_000  # how long a password that was given waits for its second factor
MAX_HALF: Final = 1_000
SECOND: Final = "/login/second"


@dataclass(frozen=True, slots=True)
class _Half:
    """Who has given its password, when (UTC ms), and which: see ``Officers.stamp``."""

    officer: int
    at_ms: int
    stamp: bytes


class Logins:
    """The logins of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._key = secrets.token_bytes(32)  # of the tokens in login forms
        self._half: dict[str, _Half] = {}

    async def page(self, request: Request) -> Response:
        """The form to log in."""
        return self._form(request, "", 200)

    async def first(self, request: Request) -> Response:
        """Log in with what the form says, or go on to the second factor."""
        texts = await self._texts(request)
        if texts is None:
            return self._form(request, "desk.login.again", 403)
        desk, now_ms = self._desk, self._desk.frame.now_ms()
        name, code = texts.get("name", "")[:256], texts.get("code", "")[:16]
        password, known = texts.get("password", ""), known_of(desk, request) is not None
        try:
            if code:
                officer = await desk.officers.login(name, password, code, now_ms, known=known)
            else:
                officer = await desk.officers.begin(name, password, now_ms, known=known)
        except ShellError:
            return self._form(request, "desk.login.disk", 503)
        except TielineError:
            desk.vault.note(now_ms, desk.officers.typed(name), "login", "login.wait")
            return self._form(request, "desk.login.wait", 429)
        if officer is None:
            desk.vault.note(now_ms, desk.officers.typed(name), "login", "login.wrong")
            return self._form(request, "desk.login.wrong", 403)
        if not code and desk.officers.more_asked(officer):
            nonce = secrets.token_hex(16)  # a fresh one: whoever knew that before knows nothing
            self._begin(nonce, officer, now_ms)
            return self._second_form(request, officer, texts.get("to", "/"), nonce=nonce)
        return self._in(request, officer, texts.get("to", "/"), now_ms)

    async def second(self, request: Request) -> Response:
        """The second factor of who has given its password in this browser."""
        texts = await self._texts(request)
        now_ms = self._desk.frame.now_ms()
        officer = None if texts is None else self._waits(request, now_ms)
        if texts is None or officer is None:
            return self._form(request, "desk.login.again", 403)
        desk, to, answer = self._desk, texts.get("to", "/"), texts.get("touch", "")

        def touch(who: Officer) -> bool:
            where = ceremony.place(request.headers.get("host", ""))
            bond = self._bond(request, who, texts)
            return (
                where is not None and desk.touches.answer(bond, where, answer, now_ms) is not None
            )

        try:
            good = desk.officers.second(
                officer, texts.get("code", "")[:16], now_ms, touch if answer else None
            )
        except ShellError:
            return self._form(request, "desk.login.disk", 503)
        except TielineError:
            desk.vault.note(now_ms, officer.name, "login", "login.wait")
            return self._second_form(request, officer, to, "desk.login.wait", 429)
        if not good:
            desk.vault.note(now_ms, officer.name, "login", "login.wrong")
            return self._second_form(request, officer, to, "desk.login.second.wrong", 403)
        self._half.pop(self._nonce(request), None)
        return self._in(request, officer, to, now_ms)

    async def touch(self, request: Request) -> Response:
        """What the browser is to have a key sign, for who has given its password in it."""
        texts = await self._texts(request)
        now_ms = self._desk.frame.now_ms()
        officer = None if texts is None else self._waits(request, now_ms)
        where = ceremony.place(request.headers.get("host", ""))
        if texts is None or officer is None or where is None:
            return Response(status_code=204)
        options = self._desk.touches.ask(self._bond(request, officer, texts), where, now_ms)
        return Response(status_code=204) if options is None else JSONResponse(options)

    # ----------------------------------------------------------------------------- inside

    def _in(self, request: Request, officer: Officer, to: str, now_ms: int) -> Response:
        desk = self._desk
        old = session_of(desk, request)
        if old is not None:
            desk.sessions.end(old)
        desk.vault.note(now_ms, officer.name, "login", "done")
        response = RedirectResponse(local(to), 303)
        try:
            begun = desk.sessions.begin(officer, now_ms)
        except ShellError:
            return self._form(request, "desk.login.disk", 503)
        response.set_cookie(desk.cookie, begun, httponly=True, samesite="strict", path="/")
        response.delete_cookie(self._cookie, path="/login")
        with contextlib.suppress(ShellError):  # a full disk keeps nobody out for that
            response.set_cookie(
                known_cookie(desk), desk.known.mark(officer.id, now_ms),
                max_age=LIFE_MS // 1_000, httponly=True, samesite="strict", path="/",
            )  # fmt: skip
        return response

    def _begin(self, nonce: str, officer: Officer, now_ms: int) -> None:
        self._half = {
            name: one for name, one in self._half.items() if 0 <= now_ms - one.at_ms <= HALF_MS
        }
        while len(self._half) >= MAX_HALF:
            del self._half[next(iter(self._half))]
        self._half[nonce] = _Half(officer.id, now_ms, self._desk.officers.stamp(officer))

    def _waits(self, request: Request, now_ms: int) -> Officer | None:
        """Who has given its password in this browser, and may still come in by a second factor.

        Not with a password that was changed meanwhile, and not by the password alone because what
        was asked for besides was taken away meanwhile.
        """
        half = self._half.get(self._nonce(request))
        if half is None or not 0 <= now_ms - half.at_ms <= HALF_MS:
            return None
        people = self._desk.officers
        found = people.find(half.officer)
        if found is None or not found.active or people.stamp(found) != half.stamp:
            return None
        return found if people.more_asked(found) else None

    def _bond(self, request: Request, officer: Officer, texts: Mapping[str, str]) -> Bond:
        owner = hashlib.sha256(b"login\x00" + self._nonce(request).encode()).digest()
        return Bond(owner, officer.id, about(SECOND, texts.items()))

    async def _texts(self, request: Request) -> dict[str, str] | None:
        """The fields of a form of this browser's; None: it is of none."""
        form = await whole_form(request)
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        nonce = self._nonce(request)
        fits = bool(nonce) and same(texts.get("csrf", ""), self._token(nonce))
        return texts if fits else None

    def _form(self, request: Request, problem: str, status: int) -> Response:
        nonce = self._nonce(request) or secrets.token_hex(16)
        text = self._desk.frame.plain(
            _language(request), "login.html",
            problem=problem, to=local(request.query_params.get("to", "/")),
            token=self._token(nonce), any_officer=bool(self._desk.officers.all()),
            realm=self._desk.link.realm or "",
        )  # fmt: skip
        return self._planted(Response(text, status, media_type="text/html"), nonce)

    def _second_form(
        self, request: Request, officer: Officer, to: str, problem: str = "", status: int = 200,
        nonce: str = "",
    ) -> Response:  # fmt: skip
        nonce, hosts = nonce or self._nonce(request), self._desk.touches.keys.hosts(officer.id)
        where = ceremony.place(request.headers.get("host", ""))
        text = self._desk.frame.plain(
            officer.language, "login-second.html",
            problem=problem, to=local(to), token=self._token(nonce), officer=officer,
            code=bool(officer.enrol_ms) or Factors(self._desk.vault).has(officer.id), hosts=hosts,
            here=where is not None and where.host in hosts,
            port=self._desk.port, realm=self._desk.link.realm or "",
        )  # fmt: skip
        return self._planted(Response(text, status, media_type="text/html"), nonce)

    def _planted(self, response: Response, nonce: str) -> Response:
        response.set_cookie(self._cookie, nonce, httponly=True, samesite="strict", path="/login")
        return response

    def _nonce(self, request: Request) -> str:
        planted = request.cookies.get(self._cookie, "")
        return planted if len(planted) == 32 and planted.isalnum() else ""

    @property
    def _cookie(self) -> str:
        return f"{self._desk.cookie}_login"

    def _token(self, nonce: str) -> str:
        return hmac.digest(self._key, nonce.encode(), "sha256").hex()


def session_of(desk: Desk, request: Request) -> Session | None:
    """The session of a request, if it has one; the server is told whose.

    A browser that an officer has used before has a share of that officer's kind, and not the same.
    """
    name = request.cookies.get(desk.cookie, "")
    found = desk.sessions.find(name, desk.frame.now_ms()) if name else None
    shown = request.scope.get(SHOWN)
    if shown is not None:
        before = None if found is not None else known_of(desk, request)
        shown(found.officer.id if found is not None else -before if before is not None else None)
    return found


def known_cookie(desk: Desk) -> str:
    """The name of the cookie that says that an officer has used this browser."""
    return f"{desk.cookie}_known"


def known_of(desk: Desk, request: Request) -> int | None:
    """The officer who has used this browser lately, by its number; None: none has."""
    mark = request.cookies.get(known_cookie(desk), "")
    return desk.known.whose(mark, desk.frame.now_ms()) if mark else None


async def whole_form(request: Request) -> FormData:
    """The form of a request, bounded."""
    try:
        return await request.form(max_fields=MAX_FIELDS, max_files=MAX_FILES, max_part_size=1 << 20)
    except MultiPartException as error:
        raise HTTPException(400, "This is no form.") from error
    except OSError as error:  # a file that is brought waits on the disk
        text = (
            f"The file cannot be kept for a moment ({error.strerror}): make room. Nothing changed."
        )
        raise HTTPException(507, text) from error


def _language(request: Request) -> str:
    """The first language of the browser that the desk speaks."""
    wanted = request.headers.get("accept-language", "")[:200]
    tags = [part.partition(";")[0].strip().partition("-")[0].lower() for part in wanted.split(",")]
    return next((tag for tag in tags if tag in LANGUAGES), ENGLISH)


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
