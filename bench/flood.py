"""`python bench/flood.py`: a member with good keys says N small statements, one after the other.

One process: a real station (core, runtime, and its store on a disk) is on two lines. On one a
member sends it N valid statements of some twenty characters in full pushes, as fast as it takes
them, and answers nothing. On the other an honest station says a FLASH after each 500th part of the
flood, and is said one.

Taken for each tenth of the flood, for a statement: the station's own processor time, which must not
grow; what the process holds more than before the flood, beside what the file of the store has
grown by; and of each FLASH the processor time until the station has it, and the other one the
station's.
What the member does to sign is in no figure. The member's signatures are verified one by one, as
without a helper.

The JSON (schema ``tieline-bench-flood/1``) only grows. Statuses: 0 measured, 1 a FLASH did not
come, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from figures import Json, environment
from growth import Post
from tieline.core import sync
from tieline.core.charter import Release, SignedCharter, charter_message, make_charter
from tieline.core.events import Arrived, Connected, Install, Speak, Tick
from tieline.core.statement import Body, Content, Place, compose, seal, to_sign
from tieline.core.terms import Kind, Now, Precedence, Role
from tieline.node import collector
from tieline.node.runtime import Runtime
from tieline.store.memory import MemoryMachine
from tieline.store.sqlite import SqliteStore

SCHEMA = "tieline-bench-flood/1"
START_MS = 1_800_000_000_000
STEP_MS = 5
PARTS = 10
LOOKS = 500
FLASH = Content(
    kind=Kind.MESSAGE,
    body=Body(text="is anybody there", lang="en"),
    precedence=Precedence.FLASH,
    role=Role.WATCH_OFFICER,
)


class Hub(Post):
    """The station that is flooded, with a store on a disk."""

    def __init__(self, code: str, path: Path) -> None:
        super().__init__(code)
        self.path = path

    def begin(self, now: Now, charter: SignedCharter) -> None:
        """Install the first charter."""
        self.store = SqliteStore.create(self.path, os.urandom(32))
        machine = MemoryMachine(self.code)
        self.runtime = Runtime(self.station, "", self.store, self, self, now, machine=machine)
        self.install(charter, now)

    def install(self, charter: SignedCharter, now: Now) -> None:
        """Install a charter."""
        self.turn([Install(token=1, charter=charter, incarnation=os.urandom(8))], now)


class Fire:
    """Two lines: one on which a member floods, and one on which nobody does."""

    def __init__(self, folder: Path) -> None:
        self.ms = 1_000
        self.hub, self.rogue = Hub("ALPHA", folder / "store"), Post("BRAVO")
        self.friend = Post("CHARLIE")
        noisy, calm = _charter(self.hub, self.rogue), _charter(self.hub, self.friend)
        self.noisy, self.calm = noisy.charter.line, calm.charter.line
        self.hub.begin(self.now(), noisy)
        self.hub.install(calm, self.now())
        self.friend.begin(self.now(), calm)
        for post, other in (
            (self.hub, self.rogue), (self.hub, self.friend), (self.friend, self.hub),
        ):  # fmt: skip
            post.turn([Connected(carrier="memory", peer=other.station, address="")], self.now())
        self.pass_time(5_000)

    def now(self) -> Now:
        """The time here."""
        return Now(START_MS + self.ms, self.ms, self.ms)

    def carry(self) -> None:
        """Bring what the two honest ones say to each other; what the member is told is dropped."""
        while self.hub.out or self.friend.out:
            for post, other in ((self.hub, self.friend), (self.friend, self.hub)):
                while post.out:
                    sent = post.out.popleft()
                    if sent.peer == other.station:
                        self.arrive(other, post, sent.envelope)

    def arrive(self, post: Post, peer: Post, envelope: bytes) -> None:
        """An envelope comes."""
        came = Arrived(carrier="memory", peer=peer.station, envelope=envelope, live=True)
        post.turn([came], self.now())

    def pass_time(self, ms: int) -> None:
        """Let time pass."""
        for _ in range(ms // 250):
            self.ms += 250
            for post in (self.hub, self.friend):
                post.turn([Tick()], self.now())
            self.carry()

    def take(self, envelope: bytes) -> None:
        """The station takes one envelope of the flood."""
        self.ms += STEP_MS
        self.arrive(self.hub, self.rogue, envelope)
        if self.ms % 250 == 0:
            self.hub.turn([Tick()], self.now())
        self.carry()

    def flashes(self) -> float:
        """Each says the other a FLASH; the processor time of both stations, in milliseconds.

        Raises ``LookupError``: one has not come.
        """
        used = self.hub.used + self.friend.used
        for post, other in ((self.friend, self.hub), (self.hub, self.friend)):
            held = len(other.runtime.station.lines[self.calm].record.refs)
            speech = Speak(token=1, line=self.calm, content=FLASH, officer="bench")
            post.turn([speech], self.now())
            self.carry()
            if len(other.runtime.station.lines[self.calm].record.refs) != held + 1:
                raise LookupError(f"a FLASH for {other.code} has not come")
        return (self.hub.used + self.friend.used - used) * 1e3

    def held(self) -> int:
        """How many statements of the line that is flooded the station holds."""
        return len(self.hub.runtime.station.lines[self.noisy].record.refs)


def _charter(*posts: Post) -> SignedCharter:
    charter = make_charter(
        "flood", [post.card() for post in posts], nonce=os.urandom(16),
        release=Release(four_eyes=frozenset()),
    )  # fmt: skip
    signed = SignedCharter(charter=charter)
    for post in posts:
        signed = signed.add_signature(post.code, post.root.sign(charter_message(charter.body)))
    return signed


def flood(fire: Fire, count: int) -> Iterator[tuple[bytes, int]]:
    """The pushes of so many statements, each with how many it brings."""
    rogue, life = fire.rogue, os.urandom(8)
    previous: bytes | None = None
    batch: list[bytes] = []
    for position in range(count):
        place = Place(
            line=fire.noisy, station=rogue.station, incarnation=life, position=position,
            previous=previous, seen=(), time_ms=START_MS + position, charter=1,
        )  # fmt: skip
        content = Content(kind=Kind.OPEN, body=Body(cause="founded"))
        if position:
            body = Body(text=f"not much ({position})", lang="en")
            content = Content(kind=Kind.MESSAGE, body=body, role=Role.WATCH_OFFICER)
        payload = compose(place, content)
        made = seal("", payload, rogue.sign(to_sign("", payload)))
        previous = made.digest
        batch.append(made.raw)
        if len(batch) == sync.MAX_PUSH_STATEMENTS or position + 1 == count:
            yield sync.pack(sync.Push(fire.noisy, tuple(batch))), len(batch)
            batch = []


def memory_kib() -> int:
    """What the process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def run(folder: Path, count: int, looks: int = LOOKS) -> Json:
    """Play the flood, with so many looks at the other line."""
    fire = Fire(folder)
    flashes = [fire.flashes() for _ in range(20)]
    quiet_ms = statistics.median(flashes[5:])
    memory, own = memory_kib(), fire.held()
    rows: list[Json] = []
    beside: list[float] = []
    taken, used, next_look = 0, fire.hub.used, count // looks or 1
    began, spent = 0, 0.0
    for envelope, brings in flood(fire, count):
        fire.take(envelope)
        taken += brings
        while taken >= next_look:
            next_look += count // looks or 1
            before = fire.hub.used
            beside.append(fire.flashes())
            spent += fire.hub.used - before
        if taken - began >= count // PARTS or taken == count:
            rows.append({
                "statements": taken,
                "us": round((fire.hub.used - used - spent) / (taken - began) * 1e6, 1),
                "memory_mib": round((memory_kib() - memory) / 1024, 1),
                "store_mib": round(fire.hub.path.stat().st_size / 2**20, 1),
            })  # fmt: skip
            began, used, spent = taken, fire.hub.used, 0.0
    held = fire.held()
    fire.hub.store.close()
    return {
        "statements": count,
        "held": held,
        "own": own,
        "parts": [*rows],
        "flashes": len(beside),
        "flash_quiet_ms": round(quiet_ms, 2),
        "flash_ms": round(statistics.median(beside), 2),
        "flash_most_ms": round(max(beside), 2),
    }


def main(argv: Sequence[str]) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="bench flood", description="measure a flood of valid statements by a member"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, indented")
    parser.add_argument("--statements", type=int, default=100_000)
    parser.add_argument("--dir", type=Path, help="measure on the disk that holds this folder")
    args = parser.parse_args(argv)
    collector.calm()
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-", dir=args.dir))
    begun = time.process_time()
    try:
        out: Json = {"schema": SCHEMA, **run(folder, args.statements)}
        out |= {"cpu_s": round(time.process_time() - begun, 1), "environment": environment(folder)}
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(out, indent=2 if args.json else None))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
