"""A small HTTP/1.1 server for strangers: everything that one may cost is bounded.

The parsing is h11's. A connection may take so long for a request, from its first byte to its last;
may be idle for so long between two; may send so many bytes; and its answer must be taken in time.
When there is no room for another connection, the source that has the most gives up its oldest one:
who comes from many places at once can only be slow to himself.

It does not know what is asked: ``Answerer`` does, which is synchronous and answers at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

import h11

from tieline.carriers.dial import parse_place
from tieline.carriers.gate import source_of
from tieline.core.errors import ShellError

_CHUNK: Final = 65_536
_HEAD_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a caller may cost: seconds, bytes and connections."""

    request_s: float = 15.0
    idle_s: float = 60.0
    answer_s: float = 15.0
    body_bytes: int = 131_072
    requests: int = 10_000
    connections: int = 256
    per_source: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back. ``headers`` are further ones, by their names in lower case."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())


Answerer = Callable[[str, str, bytes], Answer]
"""Method, path and body of a request; the answer."""


class HttpServer:
    """The listening sockets and the connections on them."""

    def __init__(
        self, listen: tuple[str, ...], answer: Answerer, bounds: Bounds | None = None
    ) -> None:
        self._listen = listen
        self._answer = answer
        self._bounds = bounds or Bounds()
        self._servers: list[asyncio.Server] = []
        self._inside: dict[asyncio.Task[None], Hashable] = {}  # in order of coming
        self._per_source: Counter[Hashable] = Counter()
        self.bound: list[str] = []

    async def start(self) -> None:
        """Listen. Raises ``ShellError`` (``witness.listen``)."""
        for address in self._listen:
            place = parse_place(address)
            try:
                server = await asyncio.start_server(
                    self._connection, place.host, place.port, limit=_CHUNK
                )
            except OSError as error:
                await self.stop()
                raise ShellError(
                    "witness.listen",
                    f"{address} cannot be listened on ({error.strerror}); name another address, or"
                    " stop what uses it",
                ) from error
            self._servers.append(server)
            for sock in server.sockets:
                host, port = sock.getsockname()[:2]
                self.bound.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    async def stop(self) -> None:
        """Close everything."""
        for server in self._servers:
            server.close()
        for task in list(self._inside):
            task.cancel()
        for task in list(self._inside):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @property
    def inside(self) -> int:
        """How many connections there are."""
        return len(self._inside)

    # ------------------------------------------------------------------------------ connections

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = writer.get_extra_info("peername")
        if task is None or not peer:
            writer.close()
            return
        source = source_of(str(peer[0]))
        self._make_room(source)
        self._inside[task] = source
        self._per_source[source] += 1
        try:
            await _Talk(reader, writer, self._answer, self._bounds).run()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # it went away, was too slow, or made room: nothing of it is left to do
        finally:
            del self._inside[task]
            self._per_source[source] -= 1
            if not self._per_source[source]:
                del self._per_source[source]
            writer.transport.abort()

    def _make_room(self, source: Hashable) -> None:
        """Show out the oldest connection of this source, or of the one that has the most."""
        if self._per_source[source] >= self._bounds.per_source:
            greedy = source
        elif len(self._inside) >= self._bounds.connections:
            greedy = self._per_source.most_common(1)[0][0]
        else:
            return
        for task, whence in self._inside.items():
            if whence == greedy and not task.cancelling():
                task.cancel()
                return


class _Talk:
    """One connection: requests in, answers out, one after the other."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Answerer,
        bounds: Bounds,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._bounds = bounds
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)

    async def run(self) -> None:
        for _ in range(self._bounds.requests):
            try:
                async with asyncio.timeout(self._bounds.request_s):
                    answer = await self._take()
            except h11.RemoteProtocolError as error:
                text = f"this is no HTTP/1.1 request: {error}\n"
                answer = Answer(status=error.error_status_hint or 400, body=text.encode())
                self._http.send_failed()
                await self._refuse(answer)
                return
            if answer is None or not await self._send(answer):
                return
            self._http.start_next_cycle()
            if not self._http.trailing_data[0]:
                async with asyncio.timeout(self._bounds.idle_s):
                    self._http.receive_data(await self._reader.read(_CHUNK))

    async def _take(self) -> Answer | None:
        """Read one request and answer it; None when the caller is done."""
        request = await self._event()
        if not isinstance(request, h11.Request):
            return None
        body = bytearray()
        while True:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
                await self._write(self._http.send(go_on))
            event = await self._event()
            if isinstance(event, h11.EndOfMessage):
                break
            if not isinstance(event, h11.Data):
                return None
            body += event.data
            if len(body) > self._bounds.body_bytes:
                text = f"a request has at most {self._bounds.body_bytes} bytes\n"
                return Answer(status=413, body=text.encode())
        path = request.target.decode("ascii", "replace").partition("?")[0]
        return self._answer(request.method.decode("ascii"), path, bytes(body))

    async def _event(self) -> object:
        while True:
            event: object = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._reader.read(_CHUNK))

    async def _send(self, answer: Answer) -> bool:
        """Send an answer. Says whether the connection may be used again."""
        headers = _headers(answer)
        if self._http.their_state is not h11.DONE:
            headers.append(("connection", "close"))  # what is left of the request is not read
        head = h11.Response(status_code=answer.status, headers=headers)
        data = self._http.send(head) or b""
        data += self._http.send(h11.Data(data=answer.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        await self._write(data)
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            return True
        self._writer.write_eof()
        return False

    async def _refuse(self, answer: Answer) -> None:
        """Answer what was no HTTP, by hand: h11 sends nothing more on such a connection."""
        lines = [f"HTTP/1.1 {answer.status} Bad Request", "connection: close"]
        lines += [f"{name}: {value}" for name, value in _headers(answer)]
        await self._write("\r\n".join([*lines, "", ""]).encode("ascii") + answer.body)

    async def _write(self, data: bytes | None) -> None:
        if data:
            async with asyncio.timeout(self._bounds.answer_s):
                self._writer.write(data)
                await self._writer.drain()


def _headers(answer: Answer) -> list[tuple[str, str]]:
    return [
        ("content-type", answer.kind),
        ("content-length", str(len(answer.body))),
        *answer.headers,
    ]
