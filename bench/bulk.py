"""`python bench/bulk.py`: what a station that was away does for each statement that it is given.

One process: a real station (its store on a disk, its queue, its agreements, a watcher that asks for
all) is given a log of N texts of 300 bytes in the pushes in which its author would send them. The
author is not there: its log is made before, and what the station answers goes nowhere. Nothing is
carried either, so the figures are those of the station alone.

Taken: processor time of the whole process for each statement, and in a run of its own the calls of
functions (those in C too), which no other load changes. ``--signatures``: ``own``: the station
verifies them; ``told``: it is told of each that it is good, as by a helper that is always ahead of
it (``node/ahead.py``); ``helper``: by its helper, whose own time is in no figure here.

The JSON (schema ``tieline-bench-bulk/1``) only grows. Statuses: 0 measured, 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvloop
from nacl.signing import SigningKey

import floor
import stations
from figures import Json, environment
from tieline.core import crypto, sync
from tieline.core.charter import SignedCharter, dearmor_charter
from tieline.core.events import Arrived, Install
from tieline.core.statement import Body, Content, Place, compose, seal, to_sign
from tieline.core.terms import Kind, Precedence, Role
from tieline.node import collector
from tieline.node.agreements import Agreements
from tieline.node.ahead import Ahead
from tieline.node.clock import MachineClock
from tieline.node.config import Home
from tieline.node.duewatch import PAUSE_S, DueWatch
from tieline.node.host import Host
from tieline.node.secrets import KeyFile, StationKeys, unlock
from tieline.ports import Endpoint
from tieline.store.memory import MemoryMachine
from tieline.store.sqlite import SqliteStore

SCHEMA = "tieline-bench-bulk/1"
LIMIT_S = 600.0
LOOK_S = 0.002
AHEAD = 2  # pushes that wait at the station while it takes one


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is of."""

    count: int
    signatures: str
    watcher: bool
    agreements: bool


class Nowhere:
    """A carrier that takes everything and brings it to nobody."""

    name = "tls"

    def set_peers(self, peers: Iterable[Endpoint]) -> None:
        """There is one peer."""

    def send(self, peer: bytes, envelope: bytes) -> bool:
        """It is gone."""
        return True

    def flush(self) -> None:
        """It has left."""


def said(keys: StationKeys, line: bytes, count: int) -> Iterator[bytes]:
    """The log of an author: its opening and so many texts."""
    station, incarnation = keys.certificate.station, os.urandom(8)
    previous, now_ms = None, time.time_ns() // 1_000_000 - count
    for position in range(count + 1):
        place = Place(
            line=line, station=station, incarnation=incarnation, position=position,
            previous=previous, seen=(), time_ms=now_ms + position, charter=1,
        )  # fmt: skip
        content = Content(kind=Kind.OPEN, body=Body(cause="founded"))
        if position:
            text = f"text number {position} ".ljust(floor.TEXT_BYTES, "x")
            content = Content(
                kind=Kind.MESSAGE, body=Body(text=text, lang="en"), role=Role.WATCH_OFFICER,
                precedence=Precedence.IMMEDIATE,
            )  # fmt: skip
        payload = compose(place, content)
        statement = seal("", payload, keys.sign(to_sign("", payload)))
        previous = statement.digest
        yield statement.raw


def pushes(line: bytes, raws: Sequence[bytes]) -> list[bytes]:
    """The envelopes in which they are sent (``lack.lacking``)."""
    out: list[bytes] = []
    batch: list[bytes] = []
    budget = sync.MAX_PUSH_BYTES
    for raw in raws:
        budget -= len(raw)
        if batch and (budget < 0 or len(batch) >= sync.MAX_PUSH_STATEMENTS):
            out.append(sync.pack(sync.Push(line, tuple(batch))))
            batch, budget = [], sync.MAX_PUSH_BYTES - len(raw)
        batch.append(raw)
    return [*out, sync.pack(sync.Push(line, tuple(batch)))]


class Away:
    """The station that was away."""

    def __init__(self, home: Home, charter: SignedCharter, plan: Plan) -> None:
        loop = asyncio.get_running_loop()
        self.plan = plan
        keys = unlock(home.keys_file, KeyFile(home.path / "key"))
        self.store = SqliteStore.open(home.store_file, keys.db_key)
        self.failed: list[Exception] = []
        agreements = Agreements(home.path) if plan.agreements else Agreements()
        self.host = host = Host(
            own=keys.certificate.station, realm="", store=self.store, signer=keys, sealer=keys,
            clock=MachineClock(), machine=MemoryMachine("bench"), fatal=self.failed.append,
            on_stop=lambda: None, agreements=agreements,
        )  # fmt: skip
        host.carriers.append(Nowhere())
        if plan.signatures == "helper":
            host.ahead = Ahead(loop)
        host.due = DueWatch(
            lambda: list(host.station.lines.values()), host.agreements, host.clock.now,
            host.submit, lambda: host.incidents, pause_s=PAUSE_S,
        )  # fmt: skip
        self.charter = charter
        self.told = self.spared = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, peer: bytes) -> None:
        """Install the charter and be connected."""
        host = self.host
        await host.perform(
            lambda token: Install(token=token, charter=self.charter, incarnation=os.urandom(8))
        )
        await host.agreements.ready(host.station.lines.values())
        host.connected(peer, "tls", "there")
        host.start()
        self.tasks = host.watch()
        if self.plan.watcher:
            self.tasks.append(asyncio.create_task(self._follow()))
        await asyncio.sleep(0.5)

    async def _follow(self) -> None:
        async for piece in self.host.feed.follow(0):
            self.told += len(piece)

    async def take(self, peer: bytes, envelopes: Sequence[bytes]) -> None:
        """Take all of them, until nothing is left to do."""
        host, line = self.host, self.host.station.lines[self.charter.charter.line]
        held = len(line.record.refs)
        goals: list[int] = []
        for envelope in envelopes:
            if self.plan.signatures == "told":
                came = Arrived(carrier="tls", peer=peer, envelope=envelope, live=True, known=_yes)
                host.submit(came)
            else:
                host.heard(peer, "tls", envelope)
            push = sync.unpack(envelope)
            held += len(push.statements) if isinstance(push, sync.Push) else 0
            goals.append(held)
            if len(goals) > AHEAD:
                await _until(lambda goal=goals[-1 - AHEAD]: len(line.record.refs) >= goal)  # type: ignore[misc]
        await _until(lambda: len(line.record.refs) >= held and not host.feed.busy and self._level())
        if self.plan.agreements:
            await _until(lambda: host.due is None or host.due.idle)

    def _level(self) -> bool:
        return not self.plan.watcher or self.told >= self.store.last()

    def end(self) -> None:
        """Stop, without the snapshot of a stop."""
        for task in self.tasks:
            task.cancel()
        self.host.feed.close()
        if self.host.ahead is not None:
            self.spared = self.host.ahead.spared
            self.host.ahead.close()
        self.store.close()


def _yes(_digest: bytes, _key: bytes) -> bool:
    """What a helper says that is always ahead."""
    return True


async def _until(done: Callable[[], bool]) -> None:
    """Wait till something is so; nothing here says when it may be."""
    async with asyncio.timeout(LIMIT_S):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


class Calls:
    """Counts the calls of functions, those in C too."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _frame: FrameType, event: str, _arg: object) -> None:
        if event in {"call", "c_call"}:
            self.count += 1


def run(folder: Path, plan: Plan, *, count_calls: bool = False, profile: str = "") -> Json:
    """One run."""
    folder.mkdir(parents=True)
    homes = stations.make_homes(folder, (7411, 7412))
    text = (homes[0].charters / "bench.charter").read_text(encoding="ascii")
    charter = dearmor_charter(text)
    author = unlock(homes[0].keys_file, KeyFile(homes[0].path / "key"))
    raws = list(said(author, charter.charter.line, plan.count))
    envelopes = pushes(charter.charter.line, raws)
    peer = author.certificate.station
    collector.calm()

    async def story() -> Json:
        away = Away(homes[1], charter, plan)
        await away.begin(peer)
        return await _measured(away, peer, envelopes, count_calls=count_calls, profile=profile)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story())


async def _measured(
    away: Away, peer: bytes, envelopes: Sequence[bytes], *, count_calls: bool, profile: str
) -> Json:
    plan = away.plan
    calls, profiler = Calls(), cProfile.Profile()
    begun = time.process_time()
    if profile:
        profiler.enable()
    elif count_calls:
        sys.setprofile(calls)
    await away.take(peer, envelopes)
    sys.setprofile(None)
    took = time.process_time() - begun
    away.end()
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats(profile).print_stats(70)
    out: Json = {"us": round(took / plan.count * 1e6, 1)}
    if count_calls:
        out = {"calls": round(calls.count / plan.count, 1)}
    if plan.signatures == "helper":
        out["spared"] = round(away.spared / plan.count, 3)
    return out


def verify_us(times: int = 2_000) -> float:
    """What one signature takes in this process, in microseconds."""
    key = SigningKey.generate()
    message = bytes(500)
    signature = key.sign(message).signature
    public = bytes(key.verify_key)
    begun = time.process_time()
    for _ in range(times):
        crypto.verify(public, message, signature)
    return round((time.process_time() - begun) / times * 1e6, 1)


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench bulk", description="measure what a station does for what it is given at once"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--statements", type=int, default=6_000)
    parser.add_argument("--signatures", choices=("own", "told", "helper"), default="told")
    parser.add_argument("--no-watcher", action="store_true")
    parser.add_argument("--no-agreements", action="store_true")
    parser.add_argument("--no-calls", action="store_true", help="count no calls")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", default="", help="print a profile, sorted by this")
    parser.add_argument("--dir", type=Path, help="measure on the disk that holds this folder")
    args = parser.parse_args(argv)
    plan = Plan(args.statements, args.signatures, not args.no_watcher, not args.no_agreements)
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-", dir=args.dir))
    try:
        if args.profile:
            run(folder / "profile", plan, profile=args.profile)
            return 0
        rounds = [run(folder / str(at), plan) for at in range(args.rounds)]
        out: Json = {"schema": SCHEMA, "verify_us": verify_us(), "rounds": [*rounds]}
        if not args.no_calls:
            out |= run(folder / "calls", plan, count_calls=True)
        out["environment"] = environment(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(out, indent=2 if args.json else None))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
