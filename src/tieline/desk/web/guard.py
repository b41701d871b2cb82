"""What every request passes before the desk sees it: pure ASGI, nothing allocated first.

* ``Host`` is one of the desk's own names: a page elsewhere cannot reach it by rebinding a name.
* Only GET, HEAD and POST; a POST must say that it comes from a page of the desk (``Origin`` or
  ``Sec-Fetch-Site``), and its form holds the session's token besides (``app``).
* A body is bounded in size and in time; it is refused by its stated length before a byte is read.
* Every answer carries the content policy: no script, style, picture, frame or connection but the
  desk's own files, nothing inline, no text becomes script (Trusted Types), and no page of others
  may frame it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 1 << 20  # bytes of a form
MAX_LOGIN: Final = 1 << 15  # bytes of a form of whoever is not logged in
MAX_UPLOAD: Final = 64 << 20  # bytes of a form on a path that takes files
BODY_S: Final = 20.0
LOGIN_S: Final = 8.0  # less than a stranger's connection has, so that it hears why
READ_S: Final = 1.0  # at least, from when the desk begins to read: until then it made others wait
MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 16_384
MAX_PATH: Final = 4_096

_RULES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types desk",
)
POLICY: Final = "; ".join(_RULES)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")


class TooLargeError(HTTPException):
    """A body is larger than it may be, or came too slowly: answered like any refusal."""


class Guard:
    """The application within these rules. ``names`` are what ``Host`` may be, ports included."""

    def __init__(self, app: ASGIApp, names: Iterable[str], uploads: Iterable[str] = ()) -> None:
        self._app = app
        self._names = frozenset(name.lower().encode("ascii") for name in names)
        self._origins = frozenset(
            scheme + name for name in self._names for scheme in (b"http://", b"https://")
        )
        self._uploads = frozenset(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there is nothing else here; the server closes it
        refused = self._refused(scope)
        answer = _Answer(send)
        if refused is not None:
            await answer.refuse(*refused)
            return
        limit, patience_s = MAX_UPLOAD if scope["path"] in self._uploads else MAX_BODY, BODY_S
        if scope["path"].startswith("/login"):
            limit, patience_s = MAX_LOGIN, LOGIN_S
        if _length(scope) > limit:
            await answer.refuse(413, "The form is too large.")
            return
        try:
            await self._app(scope, _bounded(receive, limit, patience_s), answer)
        except TooLargeError as error:
            if answer.begun:
                raise
            await answer.refuse(error.status_code, error.detail)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value.lower() for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._names:
            return 403, "This is not a name of this desk."
        size = sum(len(name) + len(value) for name, value in headers)
        many = len(headers) > MAX_HEADERS or size > MAX_HEADER_BYTES
        if many or len(scope["raw_path"]) + len(scope["query_string"]) > MAX_PATH:
            return 431, "The request is too large."
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "The desk takes no such request."
        if scope["method"] != "POST":
            return None
        origins = [value for name, value in headers if name == b"origin"]
        sites = [value for name, value in headers if name == b"sec-fetch-site"]
        own = all(value in self._origins for value in origins)
        if not (origins or sites) or not own or any(value != b"same-origin" for value in sites):
            return 403, "This request does not come from a page of this desk."
        return None


class _Answer:
    """Puts the headers on an answer, whoever makes it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = [(k, v) for k, v in message.get("headers", []) if k not in _OURS]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(_NO_STORE)
            message = {**message, "headers": [*headers, *HEADERS]}
        await self._send(message)

    async def refuse(self, status: int, text: str) -> None:
        body = text.encode() + b"\n"
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


_OURS: Final = frozenset(name for name, _ in HEADERS)


def _length(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    try:
        return max((int(value) for value in values), default=0)
    except ValueError:
        return MAX_UPLOAD + 1


def _bounded(receive: Receive, limit: int, patience_s: float) -> Receive:
    """Receive with a bound on the bytes and on the time until the last of them.

    A stranger's form that did not come with its head is read when its turn comes, and not before.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    got = 0
    begun = whole = False

    async def bounded() -> Message:
        nonlocal begun, deadline, got, whole
        if whole:
            return await receive()  # only to hear that the browser has gone
        if not begun:
            begun, deadline = True, max(deadline, loop.time() + READ_S)
        try:
            async with asyncio.timeout(max(0.0, deadline - loop.time())):
                message = await receive()
        except TimeoutError:
            raise TooLargeError(408, "The form came too slowly.") from None
        if message["type"] == "http.request":
            got += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if got > limit:
                raise TooLargeError(413, "The form is too large.")
        return message

    return bounded
