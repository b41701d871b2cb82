"""The local API: officers' acts as lines of JSON over a Unix socket.

A client writes one JSON object a line: ``{"id": n, "act": name, "args": {...}}``. It gets one back:
``{"id": n, "ok": true, "result": {...}}`` or ``{"id": n, "ok": false, "error": {...}}``. The act
``watch`` with ``since`` turns into a stream of ``{"id": n, "event": {...}}`` that replays the
journal and then goes on live; each event carries its journal number, so a watcher that comes back
with the last one it saw misses nothing. One that asks with ``batch`` gets ``{"id": n, "events":
[...]}``, as many in a line as are at hand.

Who may connect is who may read the socket: the file is 0600 in a 0700 folder, and the kernel's word
on the caller's user id is checked besides. Lines and clients are bounded; a client that does not
read is held back by its own socket and costs bounded memory here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from tieline.core.errors import FaultsError, LocalError, ShellError, TielineError
from tieline.node.begun import begin
from tieline.node.client import MAX_LINE, short_name
from tieline.node.view import Json
from tieline.node.watchers import Sink, Stream, Told

MAX_CLIENTS: Final = 64
MAX_RUNNING: Final = 64  # acts of one client under way; its further lines wait in its socket
BATCH_BYTES: Final = 262_144  # a line of many events ends with the one that goes beyond
MAX_NUMBER: Final = 2**53  # what every JSON reader can hold
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PEERCRED: Final = struct.Struct("3i")


class Acts(Protocol):
    """What the API serves."""

    async def act(self, name: str, args: Mapping[str, Json]) -> Json: ...

    def subscribe(
        self, since: int, *, unstored: bool = False, sink: Sink | None = None
    ) -> Stream: ...


class ApiServer:
    """The listening socket of one station's API."""

    def __init__(self, path: Path, acts: Acts) -> None:
        self._path = path
        self._acts = acts
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises ``ShellError`` (``api.socket``) when the socket cannot be made."""
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with short_name(self._path) as name:
                old = os.umask(0o177)
                try:
                    listener.bind(name)
                finally:
                    os.umask(old)
            self._server = await asyncio.start_unix_server(
                self._client, sock=listener, limit=MAX_LINE
            )
        except OSError as error:
            raise ShellError(
                "api.socket",
                f"the station's socket {self._path} cannot be made ({error.strerror});"
                " check the folder's permissions",
            ) from error

    async def stop(self) -> None:
        """Close the socket and every client."""
        if self._server is not None:
            self._server.close()
        for task in list(self._clients):
            task.cancel()
        for task in list(self._clients):
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._path.unlink(missing_ok=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not _same_user(writer):
            writer.close()
            return
        if len(self._clients) >= MAX_CLIENTS:
            text = f"{MAX_CLIENTS} clients are connected already; close one and try again"
            with contextlib.suppress(ConnectionError):
                await _write(writer, _refusal(None, "api.full", text))
            writer.close()
            return
        self._clients.add(task)
        running: set[asyncio.Task[None]] = set()
        try:
            while line := await _read_line(reader, writer):
                job = begin(self._serve(line, writer))
                if job is None:
                    await asyncio.sleep(0)  # whoever asks for much at once lets others in between
                    continue
                running.add(job)
                job.add_done_callback(running.discard)
                if len(running) >= MAX_RUNNING:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the station stops: nothing of it is left to do
        finally:
            for job in list(running):
                job.cancel()
            self._clients.discard(task)
            writer.close()

    async def _serve(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        number: Json = None
        try:
            number, act, args = parse_request(line)
            if act == "watch":
                await self._watch(number, args, writer)
                return
            result = await self._acts.act(act, args)
            answer: Json = {"id": number, "ok": True, "result": result}
        except TielineError as error:
            answer = _refusal(number, error.code, error.message, _faults(error))
        except ConnectionError:
            return  # the client went away
        except Exception:
            # A defect, and the client is not left waiting for it; the loop reports its trace.
            text = "the station failed at this by a defect of its own; report it with its log"
            await _write(writer, _refusal(number, "api.defect", text))
            raise
        with contextlib.suppress(ConnectionError):  # an act is done, whoever hears of it
            await _write(writer, answer)

    async def _watch(
        self, number: int, args: Mapping[str, Json], writer: asyncio.StreamWriter
    ) -> None:
        since = args.get("since", 0)
        if not isinstance(since, int) or isinstance(since, bool) or since < 0:
            raise LocalError("act.argument", "act 'watch': argument 'since' is a journal number")
        batch = args.get("batch", False)
        if not isinstance(batch, bool):
            raise LocalError("act.argument", "act 'watch': argument 'batch' is true or false")
        unstored = args.get("unstored", False)
        if not isinstance(unstored, bool):
            raise LocalError("act.argument", "act 'watch': argument 'unstored' is true or false")
        lines, transport = _batches if batch else _events, writer.transport

        def sink(piece: Sequence[Told]) -> bool:
            if transport.is_closing() or transport.get_write_buffer_size():
                return False
            writer.write(b"".join(lines(number, piece)))
            return True

        stream = self._acts.subscribe(since, unstored=unstored, sink=sink)
        async with contextlib.aclosing(stream) as pieces:
            with contextlib.suppress(ConnectionError):  # the watcher went away
                async for piece in pieces:
                    # All in one go: each write costs a system call.
                    writer.write(b"".join(lines(number, piece)))
                    await writer.drain()


def _events(number: int, piece: Sequence[Told]) -> Iterator[bytes]:
    """A line for each event."""
    head = b'{"id":%d,"event":' % number
    for _, event in piece:
        yield head
        yield event
        yield b"}\n"


def _batches(number: int, piece: Sequence[Told]) -> Iterator[bytes]:
    """Many events a line, as long as the line does not become a long one."""
    head, size = b'{"id":%d,"events":[' % number, 0
    for _, event in piece:
        if size > BATCH_BYTES:
            yield b"]}\n"
            size = 0
        yield b"," if size else head
        yield event
        size += len(event)
    yield b"]}\n"


def parse_request(line: bytes) -> tuple[int, str, dict[str, Json]]:
    """The id, act and arguments of a request line. Raises ``LocalError`` (``api.request``)."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise LocalError("api.request", "a request is one line of JSON, and this is none") from None
    if not isinstance(value, dict):
        raise LocalError("api.request", "a request is a JSON object with an id, an act and args")
    number, act, args = value.get("id"), value.get("act"), value.get("args", {})
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < MAX_NUMBER:
        raise LocalError("api.request", "the id of a request is a whole number below 2^53")
    if not isinstance(act, str):
        raise LocalError("api.request", "the act of a request is a text")
    if not isinstance(args, dict):
        raise LocalError("api.request", "the args of a request are a JSON object")
    unknown = sorted(set(value) - {"id", "act", "args"})
    if unknown:
        raise LocalError("api.request", f"a request has no {unknown[0][:40]!a}; leave it out")
    return number, act, args


def _refusal(number: Json, code: str, message: str, faults: list[Json] | None = None) -> Json:
    error: dict[str, Json] = {"code": code, "message": message}
    return {"id": number, "ok": False, "error": error | ({"faults": faults} if faults else {})}


def _faults(error: TielineError) -> list[Json]:
    """What is wrong with single fields of what was sent along."""
    return [{**fault} for fault in error.faults] if isinstance(error, FaultsError) else []


async def _read_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        text = f"a request line has at most {MAX_LINE} bytes; send less at once"
        await _write(writer, _refusal(None, "api.too_long", text))
        return b""


async def _write(writer: asyncio.StreamWriter, *values: Json) -> None:
    """Write values as lines, all in one piece: each piece costs a system call."""
    lines = [_encode(value) + "\n" for value in values]
    # Half a character, in what a caller sent us, goes back as the JSON escape it came as.
    writer.write("".join(lines).encode("utf-8", "backslashreplace"))
    await writer.drain()


def _same_user(writer: asyncio.StreamWriter) -> bool:
    sock = writer.get_extra_info("socket")
    if sock is None:
        return False
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    _, uid, _ = _PEERCRED.unpack(data)
    return uid in (0, os.getuid())
