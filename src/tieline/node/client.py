"""Clients of the local API: a blocking one for the command line, an asynchronous one for drivers.

The blocking client imports neither asyncio nor anything of the core, so that a command starts fast.
Errors come back as ``ApiRefused`` with the station's own code and sentence; a station that does not
answer is ``ApiDown``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator

    from tieline.node.view import Json

    Events = list[dict[str, Json]]

MAX_LINE: Final = 96 * 1024 * 1024


class ApiRefused(Exception):
    """The station refused an act. ``code`` is stable, the text is for the officer.

    ``faults``: what is wrong with single fields of a form, each with its ``path`` (docs/api.md).
    """

    def __init__(self, code: str, message: str, faults: tuple[dict[str, Json], ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.faults = faults


class ApiDown(Exception):
    """No station answers on the socket."""


def down(path: Path, why: str) -> ApiDown:
    """The error for a station that is not there."""
    return ApiDown(f"no station answers at {path} ({why}); start it with 'tieline serve'")


class Client:
    """A blocking connection to one station."""

    def __init__(self, path: Path, timeout_s: float | None = 30.0) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        self._serial = 0
        try:
            with short_name(path) as name:
                self._socket.connect(name)
        except OSError as error:
            self._socket.close()
            raise down(path, error.strerror or str(error)) from error
        self._lines = self._socket.makefile("rb")

    def call(self, act: str, **args: Json) -> dict[str, Json]:
        """Perform one act. Raises ``ApiRefused`` or ``ApiDown``."""
        self._serial += 1
        self._send(act, args)
        while True:
            answer = self._receive()
            if answer.get("id") == self._serial:
                return result_of(answer)

    def watch(self, since: int = 0, *, unstored: bool = False) -> Iterator[dict[str, Json]]:
        """Every event after a journal number, for ever. Use a client of its own for it.

        ``unstored``: what is urgent and not stored yet, too, of which nothing has a number.
        """
        self._serial += 1
        self._socket.settimeout(None)
        self._send("watch", {"since": since, "batch": True, "unstored": unstored})
        while True:
            answer = self._receive()
            events = events_of(answer)
            if events is None:
                result_of(answer)
                return
            yield from events

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _send(self, act: str, args: dict[str, Json]) -> None:
        try:
            self._socket.sendall(request(self._serial, act, args))
        except OSError as error:
            raise down(self._path, error.strerror or str(error)) from error

    def _receive(self) -> dict[str, Json]:
        try:
            line = self._lines.readline()
        except OSError as error:
            raise down(self._path, error.strerror or str(error)) from error
        return answer_of(self._path, line)


class AsyncClient:
    """A connection for asyncio: many acts may be under way at once.

    ``made``: what is made of each object of an answer, if not a plain one.
    """

    def __init__(self, path: Path, made: type[dict[str, object]] | None = None) -> None:
        self._path = path
        self._made = made
        self._serial = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Json]]] = {}
        self._streams: dict[int, asyncio.Queue[Events | None]] = {}
        self._transport: asyncio.Transport | None = None  # while something can be asked

    async def connect(self) -> None:
        """Raises ``ApiDown``."""
        import asyncio

        from tieline.node.lines import Lines

        loop = asyncio.get_running_loop()
        try:
            with short_name(self._path) as name:
                self._transport, _ = await loop.create_unix_connection(
                    lambda: Lines(self._heard, self._ended, MAX_LINE), name
                )
        except OSError as error:
            raise down(self._path, error.strerror or str(error)) from error

    async def call(self, act: str, **args: Json) -> dict[str, Json]:
        """Perform one act. Raises ``ApiRefused`` or ``ApiDown``."""
        import asyncio

        self._serial += 1
        self._write(act, args)  # first: what cannot be asked waits for no answer
        future: asyncio.Future[dict[str, Json]] = asyncio.get_running_loop().create_future()
        self._waiting[self._serial] = future
        return result_of(await future)

    async def watch(
        self, since: int = 0, *, unstored: bool = False
    ) -> AsyncGenerator[dict[str, Json]]:
        """Every event after a journal number, until the station stops; as ``Client.watch``.

        Of one that nobody reads any more (``aclose``, or nothing holds it) nothing is kept. The
        station goes on telling it as long as the connection stands.
        """
        import asyncio

        self._serial += 1
        number = self._serial
        self._write("watch", {"since": since, "batch": True, "unstored": unstored})
        queue: asyncio.Queue[Events | None] = asyncio.Queue()
        self._streams[number] = queue
        try:
            while (events := await queue.get()) is not None:
                for event in events:
                    yield event
        finally:
            self._streams.pop(number, None)

    async def close(self) -> None:
        transport = self._transport
        self._ended()
        if transport is not None:
            transport.close()

    def _write(self, act: str, args: dict[str, Json]) -> None:
        if self._transport is None or self._transport.is_closing():
            raise down(self._path, "the connection is closed")
        self._transport.write(request(self._serial, act, args))

    def _heard(self, line: bytes) -> None:
        """An answer, or a part of a stream. One that is no answer ends the connection."""
        try:
            answer = answer_of(self._path, line, self._made)
        except ApiDown:
            transport = self._transport
            self._ended()
            if transport is not None:
                transport.close()
            return
        number = answer.get("id")
        if not isinstance(number, int):
            return
        if number in self._streams:
            self._streams[number].put_nowait(events_of(answer))
        elif (future := self._waiting.pop(number, None)) is not None and not future.done():
            future.set_result(answer)

    def _ended(self) -> None:
        """Tell all who wait that nothing more comes."""
        self._transport = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(down(self._path, "it stopped answering"))
        self._waiting.clear()
        for queue in self._streams.values():
            queue.put_nowait(None)
        self._streams.clear()


def request(number: int, act: str, args: dict[str, Json]) -> bytes:
    """One request as a line of JSON."""
    value = {"id": number, "act": act, "args": args}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def answer_of(
    path: Path, line: bytes, made: type[dict[str, object]] | None = None
) -> dict[str, Json]:
    """One answer of the station. Raises ``ApiDown`` when there is none, or it is not one."""
    if not line:
        raise down(path, "it stopped answering")
    try:
        value = json.loads(line, object_hook=made)
    except ValueError:  # cut short when it was killed, or not a station's words at all
        value = None
    if not isinstance(value, dict):
        raise down(path, "it stopped in the middle of an answer")
    return value


def events_of(answer: dict[str, Json]) -> Events | None:
    """The events in a line of a watch; None when it is another answer, which ends it."""
    found = answer.get("events", [answer.get("event")])
    events = (
        [event for event in found if isinstance(event, dict)] if isinstance(found, list) else []
    )
    return events or None


def result_of(answer: dict[str, Json]) -> dict[str, Json]:
    """The result in an answer. Raises ``ApiRefused``."""
    error = answer.get("error")
    if isinstance(error, dict):
        faults = error.get("faults")
        found = tuple(x for x in faults if isinstance(x, dict)) if isinstance(faults, list) else ()
        raise ApiRefused(str(error.get("code")), str(error.get("message")), found)
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name for a socket that fits the kernel's 108 bytes, however long its path is."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
