"""Two Matrix homeservers (Synapse) as a line between two parties, with a user of a room at each.

What A's user says by the client API is made an event, signed by A's server and committed to its
database, and the answer comes after that. A's server carries it to B's over TLS (federation), which
commits it before it answers, verifies it and puts it into the room; B's user, who polls (``/sync``,
held open by the server), is shown it and says what was seen: one event of its own for all that came
in one poll, which goes the same way back and is as durable. A read receipt would be less: Synapse
holds those for another server in memory alone, and drops them where that is away for long.

Events are signed by the servers, not by the users. The few requests that this needs are written
here, so that what is measured is the server and not a client library.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import matrixhome
from figures import Json, JsonValue, record
from sides import Ports, Side, stop_all

NAME: Final = "Matrix Synapse (two homeservers)"
START_S = 180.0  # a new database takes some hundred steps
_API = "/_matrix/client/v3"
_TEXT, _SEEN = "m.room.message", "bench.seen"
_AT_ONCE = 1_000  # events in one answer, and texts that one answer of the reader names
_PAGE = 100  # events in one page of what lies before a gap
_HELD_MS = 30_000


class Http:
    """Requests to one server's client API, over connections that are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._all: list[asyncio.StreamWriter] = []
        self.token = ""

    async def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """One request; the answer's JSON. Raises ``RuntimeError`` when it is a refusal."""
        reader, writer = await self._connection()
        data = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {_API}{path} HTTP/1.1", f"Host: {matrixhome.HOST}:{self._port}",
                f"Content-Length: {len(data)}", "Content-Type: application/json"]  # fmt: skip
        if self.token:
            head.append(f"Authorization: Bearer {self.token}")
        writer.write("\r\n".join([*head, "", ""]).encode() + data)
        try:
            status, answer = await self._answer(reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise RuntimeError(f"Synapse hung up on {method} {path.partition('?')[0]}") from error
        self._idle.append((reader, writer))
        if status != 200:
            raise RuntimeError(f"Synapse refused {method} {path.partition('?')[0]}: {answer}")
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():  # the server hangs up on one that was idle for a minute
                return reader, writer
            writer.close()
            self._all.remove(writer)
        reader, writer = await asyncio.open_connection(matrixhome.HOST, self._port)
        self._all.append(writer)
        return reader, writer

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, Json]:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {key.lower(): value for key, _, value in (line.partition(":") for line in lines)}
        if "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
        else:
            body = await _chunks(reader)
        return int(first.split(" ")[1]), record(json.loads(body))

    def close(self) -> None:
        """Hang up."""
        for writer in self._all:
            writer.close()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A body of chunks, each with its length before it (RFC 9112, section 7.1)."""
    body = b""
    while size := int((await reader.readline()).partition(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


class MatrixSide(Side):
    """One party's user."""

    def __init__(self, http: Http) -> None:
        super().__init__()
        self._http = http
        self._room = ""
        self._since = ""
        self._filter = ""
        self._of_other: Json = {}  # what is asked for: the other user's texts and answers
        self._known: set[str] = set()
        self._owed: list[int] = []
        self._answers = asyncio.Event()
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []
        self._error: BaseException | None = None
        self.both: list[MatrixSide] = [self]
        self.user = ""

    async def register(self) -> None:
        """Make an account."""
        answer = await self._http.ask("POST", "/register", {
            "username": "desk", "password": "bench", "auth": {"type": "m.login.dummy"},
        })  # fmt: skip
        self._http.token, self.user = str(answer["access_token"]), str(answer["user_id"])
        self._of_other = {"types": [_TEXT, _SEEN], "not_senders": [self.user]}
        nothing: Json = {"types": []}
        wanted: Json = {
            "presence": nothing, "account_data": nothing,
            "room": {
                "ephemeral": nothing, "account_data": nothing, "state": nothing,
                "timeline": {"limit": _AT_ONCE, **self._of_other},
            },
        }  # fmt: skip
        self._filter = json.dumps(wanted)

    async def invite(self, other: str) -> str:
        """Make a room, and have the other one's user asked into it."""
        wanted: Json = {"preset": "private_chat", "invite": [other]}
        return str((await self._http.ask("POST", "/createRoom", wanted))["room_id"])

    async def join(self, room: str, host: str) -> None:
        """Go into a room that another server has."""
        way = urlencode({"server_name": host.partition(":")[2]})
        await self._http.ask("POST", f"/join/{quote(room)}?{way}", {})

    async def follow(self, room: str, guest: str) -> None:
        """Wait until the own server knows that the guest is in the room, then follow it."""
        self._room = room
        while True:
            members = await self._http.ask("GET", f"/rooms/{quote(room)}/joined_members")
            if guest in record(members["joined"]):
                break
            await asyncio.sleep(0.05)
        page = await self._http.ask("GET", f"/sync?{urlencode({'filter': self._filter})}")
        self._since = str(page["next_batch"])
        for work in (self._follow(), self._answer()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            for side in self.both:
                side.fail(error)

    def fail(self, error: BaseException) -> None:
        """Who waits is told that nothing will come."""
        self._error = error
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        self.tell()

    async def confirmation(self, number: int) -> None:
        """Wait until a text of ours is confirmed. Raises what has ended one side's following."""
        if self._error is not None:
            raise self._error
        await super().confirmation(number)

    async def until(self, done: Callable[[], bool], limit_s: float = 300.0) -> None:
        """Wait for news until something is so. Raises what has ended one side's following."""

        def so() -> bool:
            if self._error is not None:
                raise self._error
            return done()

        await super().until(so, limit_s)

    async def _follow(self) -> None:
        while True:
            asked = {"filter": self._filter, "since": self._since, "timeout": _HELD_MS}
            page = await self._http.ask("GET", f"/sync?{urlencode(asked)}")
            self._since = str(page["next_batch"])
            joined = record(record(page.get("rooms", {})).get("join", {})).get(self._room)
            if joined is None:
                continue
            timeline = record(record(joined)["timeline"])
            self._new(timeline["events"])
            if timeline.get("limited"):
                await self._before(str(timeline["prev_batch"]))

    async def _before(self, end: str) -> None:
        """What lies before a gap that a poll has told of, page by page until all is known.

        After an outage much of what a server had missed comes to its user this way alone: it is
        fetched as history, which no poll tells of.
        """
        asked = {"dir": "b", "from": end, "limit": str(_PAGE), "filter": json.dumps(self._of_other)}
        while True:
            page = await self._http.ask(
                "GET", f"/rooms/{quote(self._room)}/messages?{urlencode(asked)}"
            )
            if not self._new(page["chunk"]) or "end" not in page:
                return
            asked["from"] = str(page["end"])

    def _new(self, events: JsonValue) -> bool:
        """Take the events that are not known yet; whether there were any."""
        if not isinstance(events, list):
            raise TypeError(f"the benchmark expected events and found {events!r}")
        now = time.perf_counter()
        known = len(self._known)
        for event in map(record, events):
            name = str(event["event_id"])
            if name in self._known:
                continue
            self._known.add(name)
            match event:
                case {"type": "m.room.message", "content": {"body": str(text)}}:
                    number = int(text.partition(" ")[0])
                    self.shown.setdefault(number, now)
                    self._owed.append(number)
                    self._answers.set()
                case {"type": "bench.seen", "content": {"numbers": list(numbers)}}:
                    for each in numbers:
                        self.confirm(int(str(each)), now)
        self.tell()
        return len(self._known) > known

    async def _answer(self) -> None:
        while True:
            await self._answers.wait()
            numbers, self._owed = self._owed[:_AT_ONCE], self._owed[_AT_ONCE:]
            if not self._owed:
                self._answers.clear()
            await self._put(_SEEN, {"numbers": list(numbers)})

    async def _put(self, kind: str, content: Json) -> None:
        name = next(self._numbers)
        await self._http.ask("PUT", f"/rooms/{quote(self._room)}/send/{kind}/{name}", content)

    async def say(self, number: int, text: str) -> None:
        """Returns when the own server has the event in its database."""
        await self._put(_TEXT, {"msgtype": "m.text", "body": f"{number} {text}"})

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._http.close()


class Synapse:
    """Two servers and their users."""

    def __init__(self, folder: Path, ports: Ports, python: Path) -> None:
        self._folder, self._ports, self._python = folder, ports, python
        self._processes: list[subprocess.Popen[bytes]] = []

    async def begin(self) -> list[Side]:
        """Start the servers, make an account at each and a room of both, and give the two users."""
        matrixhome.write_certificates(self._folder)
        matrixhome.write_log_settings(self._folder)
        for at, name in enumerate(matrixhome.NAMES):
            config = matrixhome.settings(self._folder, at, self._ports)
            self._processes.append(matrixhome.start(self._python, self._folder, name, config))
        async with asyncio.timeout(START_S):
            for port in (*self._ports.own, *self._ports.carried):
                await self._listens(port)
            sides = [MatrixSide(Http(own)) for own in self._ports.own]
            for side in sides:
                await side.register()
            host, guest = sides[0].user, sides[1].user
            room = await sides[0].invite(guest)
            await sides[1].join(room, host)
            for side in sides:
                side.both = sides
                await side.follow(room, guest)
        return list(sides)

    async def _listens(self, port: int) -> None:
        while True:
            for name, process in zip(matrixhome.NAMES, self._processes, strict=True):
                if process.poll() is not None:
                    why = matrixhome.last_words(self._folder, name)
                    raise RuntimeError(f"Synapse ended before it was ready: {why}")
            try:
                _, writer = await asyncio.open_connection(matrixhome.HOST, port)
            except ConnectionError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return

    def pids(self) -> list[int]:
        """The processes that do the work."""
        return [process.pid for process in self._processes]

    def end(self) -> None:
        """Stop the servers."""
        stop_all(self._processes)


def setting(python: Path) -> tuple[str, bool]:
    """What stands beside the figures, and whether what is taken is synced."""
    level = matrixhome.synchronous(python)
    text = (
        f"SQLite WAL, synchronous={level} (SQLite's own default, Synapse sets none), not encrypted;"
        " signed by the servers, TLS"
    )
    return text, level in ("FULL", "EXTRA")
