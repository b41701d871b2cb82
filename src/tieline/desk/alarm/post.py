"""Telling a program or a web address of an alarm: JSON, in bounded time, without a shell.

A webhook is sent with the time and a MAC over both (HMAC-SHA-256 under the shared secret), so that
the other end knows from whom it is and that it is not an old one. A redirection is not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import ssl
import time
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import h11

from tieline.desk.alarm.player import end, environment
from tieline.node.view import Json

_ANSWER_BYTES: Final = 65_536
_CHUNK: Final = 8_192


class Post(Protocol):
    """Where an event goes."""

    async def send(self, event: dict[str, Json]) -> str:
        """Send it; why that failed, or an empty text."""


def encoded(event: dict[str, Json]) -> bytes:
    """An event as one line of JSON, plain ASCII."""
    return json.dumps(event, separators=(",", ":")).encode("ascii") + b"\n"


class Hook:
    """A command with arguments: it gets the event on its standard input."""

    def __init__(self, command: tuple[str, ...], limit_s: float) -> None:
        self._command, self._limit_s = command, limit_s

    async def send(self, event: dict[str, Json]) -> str:
        """See ``Post``. A command that does not end with 0 in time has failed."""
        name = Path(self._command[0]).name
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL, start_new_session=True, env=environment(),
            )  # fmt: skip
        except OSError as error:
            return f"{name} does not start ({error.strerror})"
        try:
            async with asyncio.timeout(self._limit_s):
                await process.communicate(encoded(event))
        except TimeoutError:
            return f"{name} does not come to an end within {self._limit_s:g} s"
        finally:
            await end(process)
        return f"{name} ended with {process.returncode}" if process.returncode else ""


class Webhook:
    """An address that takes a POST."""

    def __init__(self, url: str, secret: bytes, ca_file: str, limit_s: float) -> None:
        parts = urlsplit(url)
        self._host, self._secret, self._limit_s = parts.hostname or "", secret, limit_s
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._netloc = parts.netloc
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._tls = ssl.create_default_context(cafile=ca_file or None)

    async def send(self, event: dict[str, Json]) -> str:
        """See ``Post``. Whatever is not answered with 2xx in time has failed."""
        try:
            async with asyncio.timeout(self._limit_s):
                status = await self._send(encoded(event))
        except TimeoutError:
            return f"{self._host} has not answered within {self._limit_s:g} s"
        except OSError as error:
            return f"{self._host} is not reached ({error.strerror or error})"
        except (h11.RemoteProtocolError, ValueError):
            return f"{self._host} does not answer as HTTP has it"
        return "" if 200 <= status < 300 else f"{self._host} answered {status}"

    async def _send(self, body: bytes) -> int:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            connection = h11.Connection(h11.CLIENT)
            for event in self._request(body):
                writer.write(connection.send(event) or b"")
            await writer.drain()
            return await _status(connection, reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _request(self, body: bytes) -> tuple[h11.Event, ...]:
        sent = str(int(time.time()))
        mac = hmac.digest(self._secret, sent.encode() + b"." + body, "sha256").hex()
        headers = [
            ("Host", self._netloc),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Tieline-Time", sent),
            ("Tieline-Signature", f"sha256={mac}"),
            ("Connection", "close"),
        ]
        head = h11.Request(method="POST", target=self._target, headers=headers)
        return head, h11.Data(data=body), h11.EndOfMessage()


async def _status(connection: h11.Connection, reader: asyncio.StreamReader) -> int:
    taken = 0
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if event is h11.NEED_DATA:
            data = await reader.read(_CHUNK)
            taken += len(data)
            if taken > _ANSWER_BYTES:
                raise ValueError("the answer is too long")
            connection.receive_data(data)
        elif not isinstance(event, h11.InformationalResponse):
            raise ValueError("that is no answer")
