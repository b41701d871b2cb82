"""`python bench/growth.py`: how cost grows with the statements of a record and with the parties.

*Statements*: two stations of a line of three have the same record of N statements, made as
``start.py`` makes it. Taken: the first start and a later one, as processor time of the process to
its first answer; its memory; 200 statements more, said one at a time, as processor time at the
author (append, and taking the receipt) and at the reader (append, and giving the receipt); and the
time that a third station with an empty record takes until it holds all, which is sync.

*Parties*: one line of P stations, all in this process and over no carrier, each with a journal in
memory: what a statement costs its author (append, the push to everybody, and the receipts of all)
and one of its readers, who is connected to all as the author is, and what the reader does in the
3 s after ten statements, in which the receipts of all are told to all. Only the core and the
runtime run, so that the figure is theirs.

Everything is processor time: a busy machine stretches it by its caches, not by its queue. The JSON
(schema ``tieline-bench-growth/1``) only grows. Statuses: 0 measured, 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import floor
import start
import stations
import wire
from figures import Json, environment, record
from sides import stop_all
from tieline.core.charter import Release, SignedCharter, charter_message, make_charter
from tieline.core.crypto import pack_sign1
from tieline.core.events import Arrived, Connected, Event, Install, Reply, Speak, Tick, Transmit
from tieline.core.identity import (
    SEAL_KEY_BYTES,
    Card,
    CardStation,
    card_message,
    card_payload,
    certificate_message,
    certificate_payload,
    parse_card,
    parse_certificate,
    station_id,
)
from tieline.core.journal import FactKind
from tieline.core.statement import Body, Content
from tieline.core.terms import MAX_TIME_MS, Kind, Now, Role
from tieline.node.client import AsyncClient
from tieline.node.config import Home
from tieline.node.runtime import Runtime
from tieline.node.secrets import KeyFile, SeedKey, unlock
from tieline.ports import Fact
from tieline.store.memory import MemoryMachine, MemoryStore
from tieline.store.sqlite import SqliteStore

SCHEMA = "tieline-bench-growth/1"
MORE = 200
LIMIT_S = 1_800.0
GOSSIP_MS = 3_000
STEP_MS = 250


# ----------------------------------------------------------------------------- statements


def of_statements(folder: Path, count: int) -> Json:
    """All figures of one length of the record."""
    folder.mkdir(parents=True)
    homes = start.make_homes(folder, count, 0, 2)
    first = start.start(homes[0], LIMIT_S)
    start.start(homes[1], LIMIT_S)
    again = start.start(homes[0], LIMIT_S)
    figures: Json = {
        "statements": count,
        "first_start_s": first["cpu_seconds"],
        "start_s": again["cpu_seconds"],
        "rss_mb": again["rss_mb"],
        "store_mb": round(homes[0].store_file.stat().st_size / 1e6, 1),
    }
    figures |= asyncio.run(_both_run(homes))
    _empty(homes[1])
    figures |= asyncio.run(_synced(homes, count))
    shutil.rmtree(folder, ignore_errors=True)
    return figures


async def _both_run(homes: Sequence[Home]) -> Json:
    processes = [stations.start(home) for home in homes]
    try:
        a, watching = [await stations.connect(homes[0]) for _ in range(2)]
        seen = stations.Watch()
        begun = int(str((await a.call("status"))["journal"]))
        task = asyncio.create_task(_follow(seen, watching, begun))
        text = "x" * floor.TEXT_BYTES
        used = [0.0, 0.0]
        for at in range(MORE + 20):
            if at == 20:  # warm
                used = [wire.cpu_seconds(each.pid) for each in processes]
            item = str((await a.call("send", text=text, officer="bench"))["item"])
            await asyncio.wait_for(seen.until(seen.receipts, item), 60)
        author, reader = (
            round((wire.cpu_seconds(each.pid) - before) / MORE * 1e3, 2)
            for each, before in zip(processes, used, strict=True)
        )
        memory = max(wire.resident_bytes(each.pid) for each in processes)
        task.cancel()
        await a.close()
    finally:
        stop_all(processes)
    return {"author_ms": author, "reader_ms": reader, "rss_busy_mb": round(memory / 1e6, 1)}


async def _follow(seen: stations.Watch, client: AsyncClient, since: int) -> None:
    async for event in client.watch(since):
        now = time.perf_counter()
        if event.get("type") == "receipt":
            items = event["items"]
            for item in items if isinstance(items, list) else []:
                seen.receipts[str(item)] = now
        seen.news.set()


def _empty(home: Home) -> None:
    """Leave a station its keys and its charter, and nothing else."""
    keys = unlock(home.keys_file, KeyFile(home.path / "key"))
    store = SqliteStore.open(home.store_file, keys.db_key)
    charters = [fact for _, fact in store.facts() if fact.kind == FactKind.CHARTER][:1]
    store.close()
    for path in home.store_file.parent.glob(home.store_file.name + "*"):
        path.unlink()
    fresh = SqliteStore.create(home.store_file, keys.db_key)
    fresh.commit([fact_with(fact, os.urandom(8)) for fact in charters])
    fresh.close()


def fact_with(fact: Fact, incarnation: bytes) -> Fact:
    """The charter as a station that begins anew installs it: with a life of its own."""
    return Fact(kind=fact.kind, at_ms=fact.at_ms, line=fact.line, body=fact.body, meta=incarnation)


async def _synced(homes: Sequence[Home], count: int) -> Json:
    processes = [stations.start(homes[0])]
    try:
        await stations.ready(homes[0])
        begun = time.perf_counter()
        processes.append(stations.start(homes[1]))
        b = await stations.connect(homes[1])
        held = 0
        while held < count:
            if time.perf_counter() - begun > LIMIT_S:
                raise TimeoutError(f"{held} of {count} statements came in {LIMIT_S} s")
            await asyncio.sleep(0.1)
            held = 0
            for each in _list((await b.call("heads")).get("lines")):
                held += sum(int(str(record(log)["size"])) for log in _list(record(each)["heads"]))
        took = time.perf_counter() - begun
        cpu = wire.cpu_seconds(processes[1].pid)
        await b.close()
    finally:
        stop_all(processes)
    return {
        "sync_s": round(took, 1),
        "sync_cpu_ms_each": round(cpu / count * 1e3, 3),
    }


def _list(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# -------------------------------------------------------------------------------- parties


class Post:
    """One station in memory; a ``World`` and a ``Signer``."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.root, self.sign_key, self.cosign_key = (SeedKey(os.urandom(32)) for _ in range(3))
        self.station = station_id(self.root.public, "", "ops")
        self.out: deque[Transmit] = deque()
        self.used = 0.0

    def card(self) -> Card:
        """The party's card, with this one station."""
        payload = certificate_payload(
            root_key=self.root.public, party=self.code, realm="", station_name="ops",
            sign_key=self.sign_key.public, cosign_key=self.cosign_key.public,
            seal_key=os.urandom(SEAL_KEY_BYTES), tls_der=b"\x30\x20" + os.urandom(32),
            not_before_ms=0, not_after_ms=MAX_TIME_MS,
        )  # fmt: skip
        signed = pack_sign1(payload, self.root.sign(certificate_message(payload)))
        entry = CardStation(certificate=parse_certificate(signed, self.root.public), addresses=())
        payload = card_payload(
            party=self.code, party_name=self.code.title(), realm="", root_key=self.root.public,
            stations=[entry],
        )  # fmt: skip
        return parse_card(pack_sign1(payload, self.root.sign(card_message(payload))))

    def begin(self, now: Now, charter: SignedCharter) -> None:
        """Install the charter."""
        machine = MemoryMachine(self.code)
        self.runtime = Runtime(self.station, "", MemoryStore(), self, self, now, machine=machine)
        self.turn([Install(token=1, charter=charter, incarnation=self.station)], now)

    def turn(self, events: Sequence[Event], now: Now) -> None:
        """Take a turn, and what it leaves to do, and count the processor's time."""
        begun = time.process_time()
        self.runtime.turn(events, now)
        while self.runtime.owes:
            self.runtime.turn((), now)
        self.used += time.process_time() - begun

    def sign(self, message: bytes, _key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        return self.sign_key.sign(message)

    def cosign(self, message: bytes, _key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        return self.cosign_key.sign(message)

    def cosign_mldsa(self, message: bytes, _key: bytes = b"") -> bytes:
        """Not in a line without witnesses."""
        raise AssertionError(message)

    def transmit(self, effect: Transmit) -> str:
        """See ``World``."""
        self.out.append(effect)
        return "memory"

    def reply(self, effect: Reply) -> None:
        """See ``World``."""
        if isinstance(effect.result, Exception):
            raise effect.result

    def peers_changed(self) -> None:
        """See ``World``."""

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        """See ``World``."""


class Room:
    """All stations of a line; the first and the last are connected to everybody."""

    def __init__(self, parties: int) -> None:
        self.ms = 1_000
        self.posts = [Post(f"P{at:02}Q") for at in range(parties)]
        charter = make_charter(
            "growth", [post.card() for post in self.posts], nonce=os.urandom(16),
            release=Release(four_eyes=frozenset()),
        )  # fmt: skip
        signed = SignedCharter(charter=charter)
        for post in self.posts:
            message = charter_message(charter.body)
            signed = signed.add_signature(post.code, post.root.sign(message))
        self.by_station = {post.station: post for post in self.posts}
        self.line = charter.line
        for post in self.posts:
            post.begin(self.now(), signed)
        both = (self.posts[0], self.posts[-1])
        for post in self.posts:
            for other in self.posts:
                if other is not post and (post in both or other in both):
                    news = Connected(carrier="memory", peer=other.station, address="")
                    post.turn([news], self.now())
        self.settle()

    def now(self) -> Now:
        """The room's time."""
        return Now(start.START_MS + self.ms, self.ms, self.ms)

    def settle(self) -> None:
        """Carry until nothing is under way."""
        moved = True
        while moved:
            moved = False
            for post in self.posts:
                while post.out:
                    moved = True
                    sent = post.out.popleft()
                    came = Arrived(
                        carrier="memory", peer=post.station, envelope=sent.envelope, live=True
                    )
                    self.by_station[sent.peer].turn([came], self.now())

    def pass_time(self, ms: int) -> None:
        """Let time pass in small steps, everybody awake at each."""
        for _ in range(ms // STEP_MS):
            self.ms += STEP_MS
            for post in self.posts:
                post.turn([Tick()], self.now())
            self.settle()

    def used_ms(self, post: Post, what: Callable[[], None]) -> float:
        """Processor time of one station while something happens, in milliseconds."""
        before = post.used
        what()
        return (post.used - before) * 1e3


def of_parties(parties: int, said: int = 10) -> Json:
    """What a statement costs its author and a reader, and a round of gossip one station."""
    room = Room(parties)
    room.pass_time(GOSSIP_MS)
    author, reader = room.posts[0], room.posts[-1]
    content = Content(kind=Kind.MESSAGE, role=Role.WATCH_OFFICER,
                      body=Body(text="x" * floor.TEXT_BYTES, lang="en"))  # fmt: skip

    def say() -> None:
        for _ in range(said):
            speech = Speak(token=1, line=room.line, content=content, officer="bench")
            author.turn([speech], room.now())
            room.settle()

    before = reader.used
    mine = room.used_ms(author, say) / said
    theirs = (reader.used - before) * 1e3 / said
    gossip = room.used_ms(reader, lambda: room.pass_time(GOSSIP_MS))
    return {
        "parties": parties,
        "author_ms": round(mine, 2),
        "author_ms_each_peer": round(mine / (parties - 1), 3),
        "reader_ms": round(theirs, 2),
        "gossip_ms": round(gossip, 1),
    }


# ---------------------------------------------------------------------------------- whole


def table(result: Json) -> str:
    """Two tables in the form that the documentation has."""
    rows: list[str] = []
    for key in ("statements", "parties"):
        found = _list(result[key])
        if found:
            rows.append("| " + " | ".join(found[0]) + " |")
            rows.append("| " + " | ".join("---" for _ in found[0]) + " |")
            rows.extend("| " + " | ".join(f"{v}" for v in one.values()) + " |" for one in found)
            rows.append("")
    where = record(result["environment"])
    rows.append("taken on: " + ", ".join(f"{key} {value}" for key, value in where.items()))
    return "\n".join(rows)


def measure(folder: Path, counts: Sequence[int], parties: Sequence[int]) -> Json:
    """Everything, the small ones first."""
    load = os.getloadavg()[0]
    by_parties: list[Json] = [of_parties(count) for count in parties]
    by_count: list[Json] = [of_statements(folder / str(count), count) for count in counts]
    where = {**environment(folder), "load_before": round(load, 2),
             "load_after": round(os.getloadavg()[0], 2)}  # fmt: skip
    return {
        "schema": SCHEMA,
        "environment": where,
        "statements": [*by_count],
        "parties": [*by_parties],
    }


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench growth", description="measure how cost grows with statements and with parties"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--most", type=int, default=100_000, help="statements, in steps of ten")
    parser.add_argument("--dir", type=Path, help="measure on the disk that holds this folder")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    args = parser.parse_args(argv)
    counts = [10**power for power in range(3, 7) if 10**power <= args.most]
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-", dir=args.dir))
    try:
        result = measure(folder, counts, (2, 8, 32, 64))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2) if args.json else table(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
