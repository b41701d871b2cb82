"""The local API: officers' acts as lines of JSON over a Unix socket.

A client writes one JSON object a line: ``{"id": n, "act": name, "args": {...}}``. It gets one back:
``{"id": n, "ok": true, "result": {...}}`` or ``{"id": n, "ok": false, "error": {...}}``. The act
``watch`` with ``since`` turns into a stream of ``{"id": n, "event": {...}}`` that replays the
journal and then goes on live; each event carries its journal number, so a watcher that comes back
with the last one it saw misses nothing.

Who may connect is who may read the socket: the file is 0600 in a 0700 folder, and the kernel's word
on the caller's user id is checked besides. Lines and clients are bounded; a client that does not
read is held back by its own socket and costs no memory here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from tieline.core.errors import LocalError, ShellError, TielineError
from tieline.node.client import MAX_LINE, short_name
from tieline.node.view import Json

MAX_CLIENTS: Final = 64
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PEERCRED: Final = struct.Struct("3i")


class Acts(Protocol):
    """What the API serves."""

    async def act(self, name: str, args: Mapping[str, Json]) -> Json: ...

    def subscribe(self, since: int) -> AsyncIterator[list[Json]]: ...


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
        if task is None or len(self._clients) >= MAX_CLIENTS or not _same_user(writer):
            writer.close()
            return
        self._clients.add(task)
        running: set[asyncio.Task[None]] = set()
        try:
            while line := await _read_line(reader, writer):
                job = asyncio.create_task(self._serve(line, writer))
                running.add(job)
                job.add_done_callback(running.discard)
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
            request = parse_request(line)
            number = request["id"]
            args = request["args"]
            if not isinstance(args, dict):
                raise LocalError("api.request", "a request's args are an object")
            if request["act"] == "watch":
                await self._watch(number, args, writer)
                return
            result = await self._acts.act(str(request["act"]), args)
            answer: dict[str, Json] = {"id": number, "ok": True, "result": result}
        except TielineError as error:
            answer = {
                "id": number,
                "ok": False,
                "error": {"code": error.code, "message": error.message},
            }
        await _write(writer, answer)

    async def _watch(
        self, number: Json, args: Mapping[str, Json], writer: asyncio.StreamWriter
    ) -> None:
        since = args.get("since", 0)
        if not isinstance(since, int) or isinstance(since, bool) or since < 0:
            raise LocalError("act.argument", "act 'watch': argument 'since' is a journal number")
        stream = self._acts.subscribe(since)
        try:
            async for events in stream:
                await _write(writer, *({"id": number, "event": event} for event in events))
        except ConnectionError:
            pass  # the watcher went away
        finally:
            closer = getattr(stream, "aclose", None)
            if closer is not None:
                await closer()


def parse_request(line: bytes) -> dict[str, Json]:
    """Read one request line. Raises ``LocalError`` (``api.request``)."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("act"), str):
        raise LocalError("api.request", "a request is one line of JSON with an id and an act")
    return {"id": value.get("id"), "act": value["act"], "args": value.get("args") or {}}


async def _read_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        error: Json = {"code": "api.too_long", "message": "the request line is too long"}
        await _write(writer, {"id": None, "ok": False, "error": error})
        return b""


async def _write(writer: asyncio.StreamWriter, *values: Json) -> None:
    """Write values as lines, all in one piece: each piece costs a system call."""
    lines = [_encode(value) + "\n" for value in values]
    writer.write("".join(lines).encode())
    await writer.drain()


def _same_user(writer: asyncio.StreamWriter) -> bool:
    sock = writer.get_extra_info("socket")
    if sock is None:
        return False
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    _, uid, _ = _PEERCRED.unpack(data)
    return uid in (0, os.getuid())
