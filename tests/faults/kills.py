"""P1: ``kill -9`` at any moment, or just after a receipt has left: nothing acknowledged is lost.

Two stations run as processes and their officers talk. One is killed; before its next start its
store is looked into: what its officer was told is kept, what its officer was shown, and what the
other has a receipt for must be in it. Then it starts again by itself, and the line goes on.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests import ports
from tests.crash.trace import WORDS
from tests.faults import nursery, promises
from tests.faults.firestation import ROOT, Ends, held, settle_in
from tests.faults.linecrowd import cost
from tests.faults.nursery import Child
from tests.faults.rows import Missed, need, scratch
from tests.node.pair import Seat

from tieline.core.errors import TielineError
from tieline.exercise.answer import Entry, Json
from tieline.node.client import ApiDown, ApiRefused, Client

BROKEN = ""  # what is broken on purpose in the stations that are started; see ``stationproc``
CODES: Final = ("ALPHA", "BRAVO")
ROUNDS: Final = 10  # kills of a case
SAID: Final = 8  # of each officer, at most, between two kills
WITHIN_S: Final = 0.15  # after the first words
STARTED_S: Final = 5.0  # of processor time, until a station listens again
WAIT_S: Final = 90.0
LOOK_S: Final = 0.05
WRITES: Final = ("writing",)
ASKED: Final[dict[str, dict[str, Json]]] = {"status": {}, "heads": {}, "log": {"limit": 100_000}}


@dataclass
class Two:
    """Two stations, and what their officers know. ``receipts``: by whom, of which log, its size."""

    seats: dict[str, Seat]
    folder: Path
    broken: str
    processes: dict[str, Child] = field(default_factory=dict)
    told: dict[str, set[str]] = field(default_factory=lambda: {code: set() for code in CODES})
    shown: dict[str, set[str]] = field(default_factory=lambda: {code: set() for code in CODES})
    receipts: dict[str, dict[str, int]] = field(default_factory=lambda: {c: {} for c in CODES})
    news: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)
    tracers: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self, code: str, *, account: Path | None = None) -> None:
        """Start a station, and wait until it listens.

        ``account``: where strace writes what it does to files, and its promises with that.
        """
        home, kept = self.seats[code].home.path, nursery.of(self.broken)
        spy = {promises.NAME: str(home / promises.FILE)} if account else {}
        out, said = os.pipe()
        with os.fdopen(out, "rb") as told, (self.folder / f"{code}.log").open("ab") as log:
            try:
                process = kept.begin(
                    ("serve", "--home", str(home)), folder=ROOT, out=said, err=log.fileno(),
                    environment=spy, held=account is not None,
                )  # fmt: skip
            finally:
                os.close(said)
            self.processes[code] = process
            if account is not None:
                self.tracers.enter_context(nursery.traced(process, account, ("-f", *WORDS, "-ttt")))
            first = told.readline()
        need(b"listens" in first, f"{code} does not start: {first!r}")
        # As if it had loaded by itself what its nursery has loaded, and more.
        spent_s = cost(process.pid).spent_s + kept.loaded_s
        need(spent_s <= STARTED_S, f"{code} took {spent_s:.1f} s of processor time to start")

    def kill(self, code: str) -> None:
        """End a station at once, wherever it is; one that has ended stays so."""
        self.processes[code].kill()

    def stop(self) -> None:
        """End both, and who watches them."""
        self.over.set()
        for code in self.processes:
            self.kill(code)
        self.tracers.close()

    def client(self, code: str) -> Client:
        return Client(self.seats[code].home.socket, WAIT_S)

    def watch(self, code: str) -> None:
        """Note what comes up at a desk, through all lives of its station."""
        while not self.over.is_set():
            with contextlib.suppress(ApiDown, ApiRefused, OSError):
                self._watched(code)
            self.over.wait(LOOK_S)

    def _watched(self, code: str) -> None:
        with contextlib.closing(self.client(code)) as client:
            for event in client.watch():
                self._note(code, event)

    def _note(self, code: str, event: dict[str, Json]) -> None:
        with self.news:
            if event.get("type") == "statement":
                self.shown[code].add(str(event["item"]))
            elif event.get("type") == "receipt":
                sizes, log = self.receipts[str(event["party"])], str(event["log"])
                sizes[log] = max(sizes.get(log, 0), int(str(event["size"])))
                self.news.notify_all()

    def talk(self, code: str, key: str, stop: threading.Event, most: int) -> None:
        """An officer says something, and something more, until the station is gone."""
        with contextlib.suppress(ApiDown, OSError), contextlib.closing(self.client(code)) as client:
            for number in range(most):
                if stop.is_set():
                    return
                word = f"{key} {number}"
                answer = client.call("send", text=word, key=word, officer="Watch")
                self.told[code].add(str(answer["item"]))


@contextlib.contextmanager
def pair(broken: str) -> Iterator[Two]:
    """Two stations that run and have met. ``broken``: see ``stationproc``."""
    with scratch() as where:
        places = [f"127.0.0.1:{port}" for port in ports.free(len(CODES))]
        ends = {code: Ends(listen=p, front=p) for code, p in zip(CODES, places, strict=True)}
        two = Two(settle_in(Path(where), ends), Path(where), broken)
        watchers = [threading.Thread(target=two.watch, args=(code,)) for code in CODES]
        try:
            for code in CODES:
                two.start(code)
            for each in watchers:
                each.start()
            settled(two)
            yield two
        finally:
            two.stop()
            for each in watchers:
                if each.ident is not None:
                    each.join()


def killed(seed: int) -> None:
    """Two stations, some kills, and what each has left."""
    chance = random.Random(f"kills {seed}")
    with pair(BROKEN) as two:
        for number in range(ROUNDS):
            _round(two, chance, f"{seed} {number}")
        goes_on(two, f"{seed}")


def _round(two: Two, chance: random.Random, key: str) -> None:
    victim, stop = chance.choice(CODES), threading.Event()
    officers = [
        threading.Thread(target=two.talk, args=(code, f"{key} {code}", stop, SAID))
        for code in CODES
    ]
    before = dict(two.receipts[victim])
    for each in officers:
        each.start()
    if chance.random() < 0.5:
        with two.news:  # just after a receipt has left
            two.news.wait_for(lambda: two.receipts[victim] != before, WAIT_S)
    else:
        stop.wait(chance.random() * WITHIN_S)
    two.kill(victim)
    stop.set()
    for each in officers:
        each.join()
    _look(two, victim)
    two.start(victim)


def _look(two: Two, code: str) -> None:
    """What was acknowledged is in the store that was left."""
    try:
        found = held(two.seats[code])
    except TielineError as error:
        raise Missed(f"the store of {code} does not open after a kill: {error.message}") from error
    with two.news:
        lost = len((two.told[code] | two.shown[code]) - found.items)
        short = [log for log, size in two.receipts[code].items() if found.sizes.get(log, 0) < size]
    need(not lost, f"{code} was killed and lacks {lost} that were told or shown")
    need(not short, f"{code} was killed and lacks what it gave a receipt for")


def goes_on(two: Two, key: str) -> None:
    """Both come to hold the same, and then take what their officers say."""
    # A log that nobody can vouch for is closed at a start, and the next word opens another.
    settled(two, (*WRITES, "closed"))
    for code in CODES:
        two.talk(code, f"{key} at last {code}", threading.Event(), 2)
    settled(two)


def settled(two: Two, standings: tuple[str, ...] = WRITES) -> None:
    """Both hold the same, all that was told included, and stand so with their logs."""
    until, why = time.monotonic() + WAIT_S, "?"
    while why:
        need(time.monotonic() < until, f"{WAIT_S:.0f} s after the last start: {why}")
        with contextlib.suppress(ApiDown, OSError):
            why = _unequal(two, standings)
        two.over.wait(LOOK_S if why else 0)


def _unequal(two: Two, standings: tuple[str, ...]) -> str:
    """What is not there yet, or nothing."""
    records: list[tuple[object, list[str]]] = []
    for code in CODES:
        with contextlib.closing(two.client(code)) as client:
            lines, heads, log = (
                Entry(client.call(act, **args), act) for act, args in ASKED.items()
            )
            lives = [each.entry("life").text("standing") for each in lines.entries("lines")]
            sizes = [each.raw.get("heads") for each in heads.entries("lines")]
            records.append((sizes, [each.text("item") for each in log.entries("items")]))
        if len(lives) != 1 or lives[0] not in standings:
            return f"{code} is {lives}"
    if records[0] != records[1]:
        return "the records differ"
    order = records[0][1]
    need(len(set(order)) == len(order), "something stands twice in the record")
    lost = len((two.told["ALPHA"] | two.told["BRAVO"]) - set(order))
    return f"{lost} that were told are not there" if lost else ""
