"""`python bench/desk.py`: how quickly a desk answers beside a station with a long record.

A home is filled as ``bench/start.py`` does it (so many statements, and among them forms that open
incidents), its station is started, and a desk beside it. Then, by plain requests on one connection:

* ``screens``: the first byte of every screen in three states (``screens.py``): ``quiet``, while
  nothing changes, ``busy``, each time after a message, ``stirred``, after one in an incident;
* ``quiet`` and ``busy``: of those the watch, its parts and one statement, as earlier runs gave;
* ``event``: from the call that sends a message until a browser's stream has named it and the part
  of the watch that shows it has been fetched;
* ``flash`` (``--flash N``): a FLASH from the request at A's desk to the row and the tone in a real
  browser at B's, both stations with that record (``flashes.py``);
* ``streams``: so many browsers listen meanwhile; each must be told of every message by its digest
  (``streams_events`` in all, ``streams_missed`` of them), and come to the last number.

Milliseconds of the wall; ``loop_ns``: one round of an empty loop in the same run, which grows as
they do on a machine that does other work. The floor is a static file from the same desk.

The JSON (schema ``tieline-bench-desk/1``) only grows. Statuses: 0 measured, 1 the reach was missed
(only with ``--strict``), 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from urllib.parse import urlencode

import flashes
import folds
import screens
import start
import stations
from figures import Json, environment, number, record, spread
from tieline.desk.web import run
from tieline.desk.web.officers import ROLES, Officers
from tieline.node.client import Client
from tieline.node.config import Home

SCHEMA = "tieline-bench-desk/1"
REACH_MS = 50.0
FLASH_MS = 250.0
CONNECTED = ("up", "unstaffed")  # states in which the peer answers, with officers or without
PASSWORD = "a password of the bench"  # noqa: S105 - of an account that lives for one run
TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
PAGES = ("/", "/?part=inbound", "/?part=lines", "/manner", "ITEM")
START_S = 1_800.0


class Visitor:
    """An officer's browser, as plain as can be."""

    def __init__(self, port: int) -> None:
        self.cookies: dict[str, str] = {}
        self.status = 0  # of the last answer
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        found = TOKEN.search(self.get("/login")[0])
        form = {"csrf": found[1] if found else "", "name": screens.OFFICER, "password": PASSWORD}
        head = {
            "content-type": "application/x-www-form-urlencoded",
            "origin": f"http://127.0.0.1:{port}",
            "cookie": self.cookie,
        }
        self.connection.request("POST", "/login", urlencode(form), head)
        self._read()

    @property
    def cookie(self) -> str:
        """What it sends along."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def get(self, path: str) -> tuple[str, float]:
        """A page, and the seconds until its first byte."""
        begun = time.perf_counter()
        try:
            self.connection.request("GET", path, headers={"cookie": self.cookie})
            return self._read(begun)
        except (RemoteDisconnected, BrokenPipeError):  # it rested for longer than a desk waits
            self.connection.close()
            return self.get(path)

    def _read(self, begun: float = 0.0) -> tuple[str, float]:
        answer = self.connection.getresponse()
        taken = time.perf_counter() - begun
        self.status = answer.status
        for each in answer.headers.get_all("set-cookie") or ():
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.read().decode(), taken


class Stream:
    """One browser's stream of events: the numbers of the messages, as they come."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self.last = 0
        self.named: set[str] = set()
        self.came = asyncio.Event()
        self.begun = asyncio.Event()

    async def listen(self) -> None:
        """Until it is cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET /events HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\n"
        head += f"cookie: {self._cookie}\r\n\r\n"
        writer.write(head.encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    self.last = int(line[4:])
                elif line.startswith(b"data: "):  # the message is whole only with what it names
                    topics = json.loads(line[6:])["on"]
                    self.named.update(x[5:] for x in topics if x.startswith("item:"))
                    self.begun.set()
                    self.came.set()
        finally:
            writer.close()


@contextlib.contextmanager
def desk_of(home: Home) -> Iterator[int]:
    """A desk beside a running station; its port."""
    vault = run.vault_of(home.path)
    if all(one.name != screens.OFFICER for one in Officers(vault).all()):
        Officers(vault).add(screens.OFFICER, ROLES, PASSWORD, time.time_ns() // 1_000_000)
    screens.furnish(vault)
    vault.close()
    command = [sys.executable, "-m", "tieline", "desk", "--home", str(home.path), "--port", "0"]
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, encoding="utf-8")
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        yield int(json.loads(line)["address"].rstrip("/").rpartition(":")[2])
    finally:
        process.terminate()
        process.wait(30)


def few(found: Json) -> Json:
    """Of the screens in one state those that this bench has given since its first run."""
    return {page: found["/item/{digest}" if page == "ITEM" else page] for page in PAGES}


async def events(visitor: Visitor, client: Client, port: int, count: int, listeners: int) -> Json:
    """Messages to so many browsers, and one that fetches what shows them."""
    streams = [Stream(port, visitor.cookie) for _ in range(listeners)]
    tasks = [asyncio.create_task(stream.listen()) for stream in streams]
    for stream in streams:
        await stream.begun.wait()
    taken: list[float] = []
    said: set[str] = set()
    for turn in range(count):
        text = f"event {turn} {time.time_ns()}"
        streams[0].came.clear()
        begun = time.perf_counter()
        done = await asyncio.to_thread(client.call, "send", text=text, officer="Bench")
        said.add(str(done["item"]))
        shown = ""
        while text not in shown:
            await streams[0].came.wait()
            streams[0].came.clear()
            shown, _ = await asyncio.to_thread(visitor.get, "/?part=outbound")
        taken.append(time.perf_counter() - begun)
    last = int(number(client.call("status")["journal"]))
    deadline = time.monotonic() + 30
    for stream in streams:
        while (stream.last < last or said - stream.named) and time.monotonic() < deadline:
            stream.came.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.came.wait(), 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    behind = sum(stream.last < last for stream in streams)
    missed = sum(len(said - stream.named) for stream in streams)
    return {
        "event": spread(taken), "streams": listeners, "streams_behind": behind,
        "streams_events": len(said) * listeners, "streams_missed": missed,
    }  # fmt: skip


def measure(home: Home, args: argparse.Namespace) -> Json:
    """Everything, beside a running station."""
    client = Client(home.socket, timeout_s=START_S)
    with desk_of(home) as port:
        visitor = Visitor(port)
        visitor.get("/")
        floor = [visitor.get("/static/desk.js")[1] for _ in range(args.count)]
        status = client.call("status")
        lines = status["lines"]
        line = lines[0] if isinstance(lines, list) else {}
        every = screens.timed(visitor, client, args.count)
        found: Json = {
            "statements": line["statements"] if isinstance(line, dict) else 0,
            "floor": spread(floor),
            "quiet": few(record(every["quiet"])),
            "busy": few(record(every["busy"])),
            "screens": every,
            **asyncio.run(events(visitor, client, port, args.count, args.streams)),
            "loop_ns": folds.loop_ns(),
        }
    client.close()
    return found


def whole(homes: Sequence[Home], args: argparse.Namespace) -> Json:
    """Everything, and the FLASH if it is asked for."""
    found = measure(homes[0], args)
    if args.flash:
        found["flash"] = flash(homes, args.flash)
    return {**found, "load": round(os.getloadavg()[0], 1)}


def flash(homes: Sequence[Home], count: int) -> Json:
    """A FLASH from one of two running stations to a browser at the other, so many times."""
    with flashes.chromium() as browser:
        if browser is None:
            print(flashes.MISSING, file=sys.stderr)
            return {"missing": flashes.MISSING}
        at_a, at_b = (Client(home.socket, timeout_s=START_S) for home in homes)
        status = at_a.call("status")["lines"]
        line = record(status[0]) if isinstance(status, list) else {}
        other = at_b.call("status")["party"]

        def up() -> bool:
            lines = at_a.call("status")["lines"]
            peers = record(lines[0])["peers"] if isinstance(lines, list) else []
            some = [record(one) for one in peers] if isinstance(peers, list) else []
            return any(one["party"] == other and one["state"] in CONNECTED for one in some)

        flashes.until(up)
        with desk_of(homes[0]) as port_a, desk_of(homes[1]) as port_b:
            visitor, name = Visitor(port_a), str(line["line"])
            with browser.page(alone=True) as page:
                flashes.login(page, f"http://127.0.0.1:{port_b}", screens.OFFICER, PASSWORD)
                flashes.timed(visitor, page, at_b, name, 3)  # the first ones read templates
                found = flashes.timed(visitor, page, at_b, name, count)
        at_a.close()
        at_b.close()
        return {**found, "statements": line["statements"], "load": round(os.getloadavg()[0], 1)}


def met(found: Json) -> bool:
    """Whether each first byte and FLASH came in time at p95, and no stream was left behind."""
    taken = record(found["flash"]) if found.get("flash") else {}
    if any(
        number(record(taken[each])["p95"]) >= FLASH_MS
        for each in ("row", "tone")
        if taken.get(each)
    ):
        return False
    every = record(found["screens"])
    taken = [record(one) for state in screens.STATES for one in record(every[state]).values()]
    return all(number(each["p95"]) < REACH_MS for each in taken) and not (
        found["streams_behind"] or found["streams_missed"]
    )


def table(found: Json) -> str:
    """The result as a person reads it."""
    rows = [f"{'':48}{'p50':>10}{'p95':>10}{'p99':>10}   ms"]

    def row(name: str, each: object) -> None:
        taken = record(each)
        rows.append(
            f"{name:48}" + "".join(f"{number(taken[key]):>10.1f}" for key in ("p50", "p95", "p99"))
        )

    row("a static file", found["floor"])
    every = record(found["screens"])
    for state in screens.STATES:
        for page, each in record(every[state]).items():
            row(f"{state} {page}", each)
    rows += [f"not measured: {page} ({why})" for page, why in record(every["unmeasured"]).items()]
    row("event to part", found["event"])
    taken = record(found["flash"]) if found.get("flash") else {}
    for each in ("row", "tone"):
        if taken.get(each):
            row(f"FLASH to {each}", taken[each])
    rows.append(
        f"streams {found['streams']}, of which behind: {found['streams_behind']}; events that they"
        f" were to hear of: {found['streams_events']}, missed: {found['streams_missed']}"
    )
    rows.append(
        f"statements {found['statements']}, load {found['load']}, loop {found['loop_ns']} ns"
    )
    return "\n".join(rows)


def main(argv: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench desk", description="how quickly a desk answers")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--statements", type=int, default=100_000, metavar="N")
    parser.add_argument("--forms", type=int, default=1_000, metavar="N", help="half open incidents")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="requests of each kind")
    parser.add_argument("--streams", type=int, default=50, metavar="N", help="browsers that listen")
    parser.add_argument("--flash", type=int, default=0, metavar="N", help="FLASH to a browser")
    parser.add_argument("--home", type=Path, metavar="DIR", help="of a station that runs: use it")
    parser.add_argument("--peer", type=Path, metavar="DIR", help="of the other, for --flash")
    parser.add_argument("--strict", action="store_true", help="end 1 when the reach is missed")
    args = parser.parse_args(argv)
    if min(args.statements, args.count, args.streams) < 1:
        parser.error("numbers are at least 1")
    if args.flash and (args.home is None) != (args.peer is None):
        parser.error("--flash takes two stations that run, or none")
    with tempfile.TemporaryDirectory(prefix="tieline-bench-") as folder:
        where = environment(Path(folder))
        if args.home is not None:
            homes = [Home.open(each) for each in (args.home, args.peer) if each is not None]
            found = whole(homes, args)
        else:
            homes = start.make_homes(
                Path(folder), args.statements, args.forms, 2 if args.flash else 1
            )
            stations.START_S = START_S
            processes = [stations.start(home) for home in homes]
            try:
                for home in homes:
                    asyncio.run(stations.ready(home))
                found = whole(homes, args)
            finally:
                for process in processes:
                    process.terminate()
                    process.wait(60)
    taken = {"schema": SCHEMA, "environment": where, **found, "reach_ms": REACH_MS,
             "reach_met": met(found)}  # fmt: skip
    print(json.dumps(taken, indent=2) if args.json else table(taken))
    return 1 if args.strict and not taken["reach_met"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
