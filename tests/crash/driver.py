"""Two stations, ALPHA and BRAVO, with the real runtime, core, signatures and store in a file each.

``prepare`` makes their folders. Run as a program (``python driver.py FOLDER SABOTAGE``) it plays a
stretch of traffic between them, and says in ``FOLDER/marks``, at the very moment at which it
happens, what each station has promised to somebody: that is what must survive any loss of power
from then on. The envelopes pass in memory; only the stores touch the disk.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from tieline.core import statement, sync
from tieline.core.events import Arrived, Connected, Done, Event, Install, Reply, Speak, Transmit
from tieline.core.statement import Body, Content
from tieline.core.sync import Push, Receipts
from tieline.core.terms import Kind, Now, Precedence, Role
from tieline.node.runtime import Runtime
from tieline.ports import Fact
from tieline.sim.cast import Cast, Member
from tieline.sim.plan import draw
from tieline.store import sqlite
from tieline.store.memory import MemoryMachine
from tieline.store.sqlite import SqliteStore

NAMES: Final = ("alpha", "bravo")
KEYS: Final = {"alpha": b"\xa1" * 32, "bravo": b"\xb2" * 32}
START_MS: Final = 1_668_523_200_000
CHECKPOINT_PAGES: Final = 40  # soon, so that a short run goes through some
LOG_BYTES: Final = 256 << 10  # of zeros, at first, that would be in each of some thousand states
ROUNDS: Final = 14


@cache
def cast() -> Cast:
    plan = replace(draw(1, 1.0), parties=2, twins=0, forker=False, four_eyes=False, observer=False)
    return Cast.of(replace(plan, test_interval_s=0))


def member(name: str) -> Member:
    return cast().members[NAMES.index(name)]


class Station:
    """One station; a world with one road, which is a queue in memory."""

    def __init__(
        self,
        folder: Path,
        name: str,
        mark: Callable[[str], None],
        make: Callable[..., Runtime] = Runtime,
    ) -> None:
        self.name = name
        self.own = member(name).station
        self.store = SqliteStore.open(store_of(folder, name), KEYS[name])
        self.outbox: deque[tuple[bytes, bytes]] = deque()
        self.clock = 0
        self._mark = mark
        self.runtime = make(
            self.own,
            cast().realm,
            self.store,
            member(name).keys,
            self,
            self._now(),
            machine=MemoryMachine(name),
        )

    def _now(self) -> Now:
        self.clock += 5
        return Now(START_MS + self.clock, self.clock, self.clock)

    def take(self, *events: Event) -> None:
        self.runtime.turn(events, self._now())

    def transmit(self, effect: Transmit) -> str:
        self._promise(effect.envelope)
        self.outbox.append((effect.peer, effect.envelope))
        return "memory"

    def _promise(self, envelope: bytes) -> None:
        match sync.unpack(envelope):
            case Receipts(_, receipts):
                for receipt in receipts:
                    if receipt.cosigner == self.own:
                        self._mark(f"size {self.name} {receipt.log.hex()} {receipt.size}")
            case Push(_, raws):
                for raw in raws:
                    digest = statement.parse(cast().realm, raw).digest
                    self._mark(f"item {self.name} {digest.hex()}")
            case _:
                pass

    def reply(self, effect: Reply) -> None:
        if isinstance(effect.result, Done) and effect.result.item:
            self._mark(f"item {self.name} {effect.result.item.hex()}")

    def peers_changed(self) -> None:
        """There is one road, whatever the charter says."""

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        self._mark(f"seq {self.name} {first + len(facts) - 1}")


class Hasty(Runtime):
    """A saboteur: it performs first and commits after."""

    def turn(self, events: Iterable[Event], now: Now) -> None:
        queue = [*self._after, *events]
        self._after.clear()
        plan = self.decide(queue, now)
        self.perform(plan)
        self.commit(plan)
        self.publish(plan)


def store_of(folder: Path, name: str) -> Path:
    return folder / name / "store.db"


def prepare(folder: Path) -> None:
    """Make both stations with their line founded; nothing of this is recorded."""
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        SqliteStore.create(store_of(folder, name), KEYS[name]).close()
        station = Station(folder, name, lambda _: None)
        incarnation = name.encode().ljust(8, b".")
        station.take(Install(token=1, charter=cast().charter, incarnation=incarnation))
        station.store.close()


def speak(token: int, precedence: Precedence) -> Speak:
    text = f"statement {token}: " + "our aircraft will stay north of the line; " * (token % 4 * 12)
    body = Body(text=text, lang="en")
    content = Content(kind=Kind.MESSAGE, body=body, precedence=precedence, role=Role.WATCH_OFFICER)
    return Speak(token=token, line=cast().line, content=content, officer="A. Okafor")


def carry(stations: Sequence[Station]) -> None:
    """Bring every envelope over until none is left; all that waits arrives in one turn."""
    while any(station.outbox or station.runtime.owes for station in stations):
        for station, other in ((stations[0], stations[1]), (stations[1], stations[0])):
            waiting = [envelope for _, envelope in station.outbox]
            station.outbox.clear()
            if waiting or other.runtime.owes:
                other.take(
                    *(Arrived(carrier="memory", peer=station.own, envelope=e) for e in waiting)
                )


def short_logs() -> None:
    """Have stores go through checkpoints soon, and lay out a log of that measure."""
    sqlite.CHECKPOINT_PAGES = CHECKPOINT_PAGES  # type: ignore[misc]
    sqlite._LOG_BYTES = LOG_BYTES  # type: ignore[misc]


def play(folder: Path, sabotage: str, mark: Callable[[str], None]) -> None:
    """The recorded stretch."""
    short_logs()
    make = Hasty if sabotage == "hasty" else Runtime
    stations = [Station(folder, name, mark, make) for name in NAMES]
    if sabotage in ("off", "normal"):
        for station in stations:
            station.store._connection.pragma("synchronous", sabotage)
    alpha, bravo = stations
    alpha.take(Connected(carrier="memory", peer=bravo.own, address="memory"))
    bravo.take(Connected(carrier="memory", peer=alpha.own, address="memory"))
    carry(stations)
    token = 0
    for turn in range(ROUNDS):
        for station in stations[: 1 + turn % 2]:
            burst = range(token, token + (1, 1, 3)[turn % 3])
            token = burst.stop
            station.take(*(speak(n, Precedence(n % 2)) for n in burst))
        carry(stations)
    for station in stations:
        station.store.close()


def main(folder: Path, sabotage: str) -> None:
    fd = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    play(folder, sabotage, lambda text: mark(fd, folder, text))
    os.close(fd)


def mark(fd: int, folder: Path, text: str) -> None:
    """Say a promise, with the log's index as it stands: its writes are not seen by strace."""
    name = text.split()[1]
    try:
        index = store_of(folder, name).with_name("store.db-shm").read_bytes()
    except FileNotFoundError:
        index = b""
    os.write(fd, f"{text} {index[:96].hex()}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
