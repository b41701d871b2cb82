"""P1: the power fails at one station of a living line, at any moment.

Two stations run as processes under strace, and their officers talk. What each did to its files is
known call by call, with the time, and what it had promised to whom stands between those calls
(``promises``). A case takes a moment and one of the stations, builds what the disk of that one may
hold after it, by a policy of ``tests.crash.states``, and what the other had written until then, in
the places where the files were. Both are started on that, as ``tieline serve``, and the line goes
on.
"""

from __future__ import annotations

import bisect
import contextlib
import math
import os
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.crash import trace
from tests.crash.states import POLICIES, Disk
from tests.crash.trace import Account, Mark
from tests.faults import kills
from tests.faults.kills import CODES, Two
from tests.faults.liars import ACCUSING
from tests.faults.promises import FILE
from tests.faults.rows import Missed, need, scratch
from tests.node.pair import Seat

from tieline.core import statement
from tieline.core.errors import TielineError
from tieline.core.journal import Alarm, FactKind
from tieline.node.audit import audit_store
from tieline.store.disk import RESERVE_BYTES
from tieline.store.sqlite import SqliteStore

BROKEN = ""  # what is broken on purpose in the stations that are recorded; see ``stationproc``
ROUNDS: Final = 4  # of talk
SAID: Final = 6  # by each officer in a round
LOOKED: Final = 5  # further moments of a case, of which the store alone is looked into
STORE: Final = ("store.db", "store.db-wal")
# SQLite's index of its log is made anew, and room that is kept back holds nothing.
APART: Final = ("-shm", ".reserve", FILE)


Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Past:
    """What one station did while it was recorded, and what its files were before."""

    before: Files
    account: Account

    def lost(self, point: int, policy: str, chance: random.Random) -> tuple[Files, list[str]]:
        """What its disk may hold if the power fails after so many operations; its promises."""
        made = Disk(
            data={n: bytearray(self.before[path]) for path, n in self.account.before.items()},
            names=dict(self.account.before),
        )
        for op in self.account.ops[:point]:
            made.take(op)
        files = made.after_power_loss(policy, chance)
        kept = {path: data for path, data in files.items() if not path.endswith(APART)}
        return kept, made.promises

    def until(self, time: float) -> int:
        """How many operations it had begun by then."""
        return bisect.bisect_left(self.account.times, time)

    def next_word(self, point: int) -> float:
        """When it gave a carrier something again after so many operations."""
        rest = zip(self.account.ops[point:], self.account.times[point:], strict=True)
        return next((at for op, at in rest if op == Mark("sent")), math.inf)

    def points(self) -> tuple[Sequence[int], Sequence[int]]:
        """All moments since its first promise, and those just after one."""
        after = [n for n, op in enumerate(self.account.ops, 1) if isinstance(op, Mark)]
        return range(after[0], len(self.account.ops) + 1), after


@dataclass(frozen=True, slots=True)
class Left:
    """What a store holds: statements, the sizes of logs, numbers with their statements, alarms."""

    items: frozenset[str]
    sizes: Mapping[str, int]
    places: frozenset[tuple[str, int, str]]
    alarms: frozenset[str]
    problems: tuple[object, ...]


_here: list[tuple[Two, dict[str, Past]]] = []


@contextlib.contextmanager
def stage() -> Iterator[None]:
    """Two stations are recorded once for cases that follow each other."""
    with kills.pair(BROKEN) as two:
        _here.append((two, _recorded(two)))
        two.broken = ""
        try:
            yield
        finally:
            _here.clear()


def _recorded(two: Two) -> dict[str, Past]:
    before = {}
    accounts = {code: two.folder / f"{code}.strace" for code in CODES}
    for code in CODES:
        two.kill(code)
        before[code] = _files(two.seats[code].home.path)
    for code in CODES:
        two.start(code, account=accounts[code])
    kills.settled(two)
    for number in range(ROUNDS):
        stop = threading.Event()
        officers = [
            threading.Thread(target=two.talk, args=(code, f"{code} {number}", stop, SAID))
            for code in CODES
        ]
        for each in officers:
            each.start()
        for each in officers:
            each.join()
        if number % 2:
            kills.settled(two)
    for code in CODES:
        two.kill(code)
    two.tracers.close()
    pasts = {}
    for code in CODES:
        home = two.seats[code].home.path
        account = trace.read(accounts[code], home, before[code])
        need(all(a <= b for a, b in pairwise(account.times)), "the clock of this machine was set")
        pasts[code] = Past(before[code], account)
        _complete(pasts[code], home)
    return pasts


def _complete(past: Past, home: Path) -> None:
    """What the account leads to is what is there: nothing was done behind its back."""
    made, _ = past.lost(len(past.account.ops), "keep", random.Random(0))
    found = _files(home)
    differ = [path for path in made.keys() | found.keys() if made.get(path) != found.get(path)]
    need(not differ, f"strace has not seen all that became of {sorted(differ)}")


def _files(home: Path) -> Files:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not path.name.endswith(APART)
    }


def power_fails(seed: int) -> None:
    """One moment at which both stations are started again, and some of which stores are read."""
    two, pasts = _here[0]
    chance = random.Random(f"power {seed}")
    for _ in range(LOOKED):
        _look(two.seats, pasts, chance)
    victim, promised, what = _fail(two, pasts, chance)
    other = CODES[victim == CODES[0]]
    try:
        for code in CODES:
            two.start(code)
            two.told[code] = {each.split()[1] for each in promised[code] if each[:4] == "item"}
        kills.goes_on(two, f"after {seed}")
    except (Missed, TielineError) as error:
        raise Missed(f"{what}: {error}") from error
    finally:
        for code in CODES:
            two.kill(code)
    ends = [_left(two.seats[code], _files(two.seats[code].home.path)) for code in CODES]
    need(ends[0].items == ends[1].items, f"{what}: they hold different things")
    accused = sorted((ends[0].alarms | ends[1].alarms) & ACCUSING)
    need(not accused, f"{what}: {victim} or {other} is accused: {accused}")
    numbers: dict[tuple[str, int], set[str]] = {}
    said = {_place(each) for code in CODES for each in promised[code] if len(each.split()) == 4}
    for log, number, item in ends[0].places | ends[1].places | said:
        numbers.setdefault((log, number), set()).add(item)
    twice = [number for number, items in numbers.items() if len(items) > 1]
    need(not twice, f"{what}: signed twice: {twice}")


def _place(promise: str) -> tuple[str, int, str]:
    _, item, log, number = promise.split()
    return log, int(number), item


def _moment(past: Past, chance: random.Random) -> int:
    """Any, or one just after a promise."""
    return chance.choice(past.points()[chance.random() < 0.5])


def _look(seats: Mapping[str, Seat], pasts: Mapping[str, Past], chance: random.Random) -> None:
    """The store that one state holds is whole and lacks nothing that was promised."""
    code = chance.choice(CODES)
    point, policy = _moment(pasts[code], chance), chance.choice(POLICIES)
    lost = pasts[code].lost(point, policy, chance)
    _judge(seats[code], *lost, f"{code}, {policy} after operation {point}")


def _fail(
    two: Two, pasts: Mapping[str, Past], chance: random.Random
) -> tuple[str, dict[str, list[str]], str]:
    """Lay out the homes as a loss of power has left one, and the other was just then.

    Gives who lost power, what each had promised, and what it was in words.
    """
    victim = chance.choice(CODES)
    past, other = pasts[victim], CODES[victim == CODES[0]]
    point, policy = _moment(past, chance), chance.choice(POLICIES)
    what = f"{victim}, {policy} after operation {point}"
    files, promised = past.lost(point, policy, chance)
    _judge(two.seats[victim], files, promised, what)
    # All that the other has by then of the one that lost power had left before the power did.
    later = pasts[other].until(past.next_word(point))
    theirs, told = pasts[other].lost(later, "keep", chance)
    _lay_out(two.seats[victim].home.path, files)
    _lay_out(two.seats[other].home.path, theirs)
    return victim, {victim: promised, other: told}, what


def _judge(seat: Seat, files: Mapping[str, bytes], promises: Sequence[str], what: str) -> None:
    try:
        left = _left(seat, files)
    except TielineError as error:
        raise Missed(f"{what}: the store does not open: {error.message}") from error
    need(not left.problems, f"{what}: {left.problems}")
    for promise in promises:
        kind, *rest = promise.split()
        if kind == "item":
            need(rest[0] in left.items, f"{what}: statement {rest[0][:12]} was given out, and lost")
        elif kind == "size":
            short = left.sizes.get(rest[0], 0) < int(rest[1])
            need(not short, f"{what}: a receipt for {rest[1]} left, and they are not all there")


def _left(seat: Seat, files: Mapping[str, bytes]) -> Left:
    """What the store among some files holds; a copy is opened, as a station would."""
    with scratch() as where:
        for name in STORE:
            if name in files:
                (Path(where) / name).write_bytes(files[name])
        with (Path(where) / f"{STORE[0]}.reserve").open("wb") as reserve:
            reserve.truncate(RESERVE_BYTES)  # its bytes do not matter here
        store = SqliteStore.open(Path(where) / STORE[0], seat.keys.db_key)
        try:
            facts = [fact for _, fact in store.facts()]
            own = seat.keys.certificate
            problems = audit_store(store, own.station, own.realm)["problems"]
        finally:
            store.close()
    said = [statement.parse("", each.body) for each in facts if each.kind == FactKind.STATEMENT]
    sizes: dict[str, int] = {}
    for each in facts:
        if each.log is not None:
            sizes[each.log.hex()] = sizes.get(each.log.hex(), 0) + 1
    assert isinstance(problems, list)
    return Left(
        items=frozenset(each.digest.hex() for each in said),
        sizes=sizes,
        places=frozenset((each.log.hex(), each.place.position, each.digest.hex()) for each in said),
        alarms=frozenset(
            Alarm.decode(each.body).code for each in facts if each.kind == FactKind.ALARM
        ),
        problems=tuple(problems),
    )


def _lay_out(home: Path, files: Mapping[str, bytes]) -> None:
    """Write what a disk holds into the place where it was: the home is on the same machine."""
    for path in list(home.rglob("*")):
        gone = not path.is_dir() and str(path.relative_to(home)) not in files
        if gone and not path.name.endswith(".reserve"):
            path.unlink()
    for name, data in files.items():
        path = home / name
        if path.exists() and path.read_bytes() == data:
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
