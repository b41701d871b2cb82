"""A browser as plain as can be: requests to a desk with every header in the test's hands."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from html import unescape
from http.client import HTTPConnection
from typing import Protocol
from urllib.parse import urlencode

PASSWORD = "correct horse battery"


class Place(Protocol):
    """A desk: a process of its own (``house.Seat``) or one in this process (``faults.floor``)."""

    @property
    def address(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def officers(self) -> dict[str, str]: ...


TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
AT = re.compile(r'<body [^>]*data-at="([^"]*)"')


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str
    cookies: tuple[str, ...] = ()
    body: bytes = b""

    @property
    def at(self) -> str:
        """Where this page says that it is asked for; empty: nowhere, or it is no page."""
        found = AT.search(self.text)
        return unescape(found[1]) if found is not None else ""


@dataclass
class Plain:
    """One visitor of a desk; ``cookies`` are what it sends."""

    seat: Place
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    @property
    def own(self) -> dict[str, str]:
        """What a page of the desk itself sends along."""
        return {"origin": self.seat.address, "sec-fetch-site": "same-origin"}

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        host: str | None = None,
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.seat.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("host", host or f"127.0.0.1:{self.seat.port}")
            if self.cookies:
                jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
                connection.putheader("cookie", jar)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None and not {"transfer-encoding", "content-length"} & {
                *(headers or {})
            }:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            got = connection.getresponse()
            cookies = tuple(got.headers.get_all("set-cookie") or ())
            named = {name.lower(): value for name, value in got.headers.items()}
            data = got.read()
            return Answer(got.status, named, data.decode("utf-8", "replace"), cookies, data)
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> Answer:
        head = {"content-type": "application/x-www-form-urlencoded"}
        return self.ask(
            "POST",
            path,
            urlencode(fields).encode(),
            head | (self.own if headers is None else headers),
        )

    def take(self, answer: Answer) -> None:
        """Keep the cookies of an answer, as a browser does."""
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)

    def login(self, name: str, password: str = PASSWORD, to: str = "/") -> Answer:
        page = self.get("/login")
        self.take(page)
        found = TOKEN.search(page.text)
        assert found is not None
        answer = self.post(
            "/login", {"csrf": found[1], "name": name, "password": password, "to": to}
        )
        self.take(answer)
        if answer.status == 303:
            page = self.get("/manner")
            found = TOKEN.search(page.text)
            assert found is not None
            self.token = found[1]
        return answer


def visitor(seat: Place, role: str = "watch-officer") -> Plain:
    """Somebody logged in."""
    plain = Plain(seat)
    assert plain.login(seat.officers[role]).status == 303
    return plain


def boundary(fields: dict[str, str], name: str, data: bytes) -> tuple[bytes, dict[str, str]]:
    """A form with one file, its name as a stranger may write it."""
    parts = [
        f'--B\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    quoted = name.replace('"', "%22").encode()
    head = b'--B\r\ncontent-disposition: form-data; name="file"; filename="' + quoted
    parts += [head + b'"\r\n\r\n' + data + b"\r\n--B--\r\n"]
    return b"".join(parts), {"content-type": "multipart/form-data; boundary=B"}


def raw(seat: Place, data: bytes) -> bytes:
    """Send bytes, and read what comes until the desk closes the connection."""
    with socket.create_connection(("127.0.0.1", seat.port), timeout=60) as stranger:
        stranger.sendall(data)
        out = b""
        while more := stranger.recv(65_536):
            out += more
        return out
