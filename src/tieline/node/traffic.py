"""What is open between us and the others: what we have not acknowledged, and what they have not.

Beside it the newest line test of each station.

The answer is kept from one question to the next: only what the journal has gained since then is
looked at, and of what was found open only what a new statement cites, whether it still is: whether
a party has acknowledged depends on nothing else. After a charter, a second story or a proof, and
when the station has made the line anew, all of it is looked at. The first question looks back over
the newest ``FIRST`` statements of each line; the older ones are looked through beside all other
work, slowly. ``complete`` says whether that is done.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tieline.core.checkpoint import Receipt
from tieline.core.journal import Alarm, FactKind, Handed
from tieline.core.ladder import Ladder
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.statement import statement_digest, wanted_rungs
from tieline.core.terms import Kind, Rung
from tieline.node.gate import spawn
from tieline.node.moved import Moved, covered
from tieline.node.slices import Slices
from tieline.ports import Fact

FIRST: Final = 300  # statements of a line that are looked back over
FIRST_S: Final = 0.1  # for that
PIECE: Final = 16  # of the older ones, between two pauses
PAUSE_S: Final = 0.02
DAY_MS: Final = 86_400_000
MAX_RUNG: Final = 10_000
DONE_KEPT: Final = 12  # of what the others have acknowledged, the newest are shown on
# What can take statements out of a record, or take back what they did.
_UPSETS: Final = frozenset({FactKind.CHARTER, FactKind.SECOND_STORY, FactKind.PROOF})
_SHOWN: Final = frozenset({Kind.MESSAGE, Kind.JOINT, Kind.SUSPEND, Kind.RESUME, Kind.WATCH})


@dataclass(slots=True)
class Open:
    """What is open on one line, by digest, in the order in which it came here."""

    inbound: dict[bytes, None] = field(default_factory=dict)
    outbound: dict[bytes, None] = field(default_factory=dict)
    done: dict[bytes, None] = field(default_factory=dict)
    tests: dict[bytes, bytes] = field(default_factory=dict)  # the newest of each station
    fresh: set[bytes] = field(default_factory=set)  # to be looked at, whether it is open
    line: Line | None = None  # of which all was looked at; None: it is to be
    complete: bool = True
    looked: int = 0  # of so many statements that were there when this began, if not complete
    of: int = 0


class Traffic:
    """The open items of every line of a station."""

    def __init__(
        self,
        lines: Callable[[], Iterable[Line]],
        facts: Callable[[int], Iterable[tuple[int, Fact]]],
        last: Callable[[], int],
    ) -> None:
        self._lines, self._facts, self._last = lines, facts, last
        self._open: dict[bytes, Open] = {}
        self._seen = -1
        self.moved = Moved()
        self.rung: deque[int] = deque(maxlen=MAX_RUNG)  # when alarms rang (UTC ms), since ``since``
        self.since_ms = 0
        self._beside: list[asyncio.Task[None]] = []
        self._lock = asyncio.Lock()

    async def look(self, now_ms: int) -> dict[bytes, Open]:
        """What is open now, by line."""
        async with self._lock:
            return await self._look(now_ms, Slices())

    async def _look(self, now_ms: int, slices: Slices) -> dict[bytes, Open]:
        if self._seen < 0:
            seen = self._last()
            first: dict[bytes, Open] = {}
            rest: list[tuple[Line, array[int]]] = []
            for line in self._lines():
                refs = line.record.refs[:]
                first[line.id] = await self._first(line, refs, slices)
                if not first[line.id].complete:
                    rest.append((line, refs))
            # Only now: a look that is broken off has seen nothing.
            self._open, self._seen, self.since_ms = first, seen, now_ms
            for line, refs in rest:
                self._beside.append(spawn(self._rest, line, refs))
        while self._seen < self._last():
            for seq, fact in self._facts(self._seen):
                self._seen = seq
                self.moved.upto(seq)
                if fact.kind == FactKind.STATEMENT:
                    self._take(fact)
                elif fact.kind in _UPSETS and fact.line in self._open:
                    self._open[fact.line].line = None
                elif fact.kind == FactKind.ALARM:
                    self.rung.append(fact.at_ms)
                for one in _moved_by(fact):
                    self.moved.note(one)
                await slices.turn()
        for line in self._lines():
            found = self._open.setdefault(line.id, Open())
            if found.line is not line:
                found.line = line
                self.moved.everything()
                found.fresh.update(found.inbound, found.outbound)
            self._sift(line, found)
        while self.rung and self.rung[0] < now_ms - DAY_MS:
            self.rung.popleft()
        return self._open

    async def _first(self, line: Line, refs: array[int], slices: Slices) -> Open:
        """What is open of the newest statements; a task looks through the rest."""
        found = Open(of=len(refs))
        until = time.perf_counter() + FIRST_S
        while found.looked < min(FIRST, found.of):
            self._back(line, found, refs)
            await slices.turn()
            if time.perf_counter() > until:
                break  # who asked is not kept waiting for what a busy machine has no time for
        found.complete = found.looked == found.of
        return found

    async def _rest(self, line: Line, refs: array[int]) -> None:
        """Look through what stands before that, back to the beginning.

        What has come since the first look is taken as it comes, and not looked for here.
        """
        version, name = line.latest(), line.id
        while True:
            await asyncio.sleep(PAUSE_S)
            here = next((one for one in self._lines() if one.id == name), None)
            if here is None:
                return
            found = self._open[name]
            if here is not line or here.latest() != version:  # the record may be another now
                line, version, refs = here, here.latest(), here.record.refs[:]
                found.looked, found.of = 0, len(refs)
            self._back(line, found, refs)
            del refs[found.of - found.looked :]  # 8 bytes a statement: no longer than they serve
            if found.looked == found.of:
                found.complete = True
                return

    def _back(self, line: Line, found: Open, refs: array[int]) -> None:
        """Look through the piece before what was looked through.

        There is no pause in it: what is acknowledged meanwhile would be missed.
        """
        index, kept = found.of - found.looked, Open()
        stop = max(0, index - PIECE)
        for item in line.record.run(refs[stop:index]):
            self._sort(line, kept, item)
        found.looked += index - stop
        # What came earlier stands before what came later.
        if kept.inbound:
            found.inbound = kept.inbound | found.inbound
        if kept.outbound:
            found.outbound = kept.outbound | found.outbound
        if len(found.done) < DONE_KEPT:
            found.done = kept.done | found.done
        for station, newest in kept.tests.items():
            found.tests.setdefault(station, newest)

    def _take(self, fact: Fact) -> None:
        for line in self._lines():
            if line.id == fact.line:
                found = self._open.setdefault(line.id, Open())
                item = line.item(statement_digest(fact.body))
                self._sort(line, found, item)
                if item is not None:
                    for ref in item.statement.content.refs:
                        found.fresh.add(ref.target)
                        self.moved.note(ref.target)

    def _sort(self, line: Line, found: Open, item: Item | None) -> None:
        if item is None or item.second_story:
            return
        if item.statement.content.kind is Kind.TEST:
            found.tests[item.statement.place.station] = item.statement.digest
        if not item.statement.content.wants:
            return
        if item.statement.content.kind not in _SHOWN:
            return
        digest = item.statement.digest
        if line.party_of(item.statement.place.station) == line.party:
            (found.outbound if _owed(line, item) else found.done)[digest] = None
        elif line.party in line.addressed(item) and owes(line.ladder, item, line.party):
            found.inbound[digest] = None

    def _sift(self, line: Line, found: Open) -> None:
        """Take out what is open no more, of what may have changed."""
        # In the order in which it came: the newest of what is done are kept.
        fresh = [one for one in found.outbound if one in found.fresh] if found.fresh else []
        gone = [one for one in found.fresh if one in found.inbound]
        found.fresh.clear()
        for digest in gone:
            item = line.item(digest)
            if item is None or not owes(line.ladder, item, line.party):
                del found.inbound[digest]
        for digest in fresh:
            item = line.item(digest)
            if item is None or not _owed(line, item):
                del found.outbound[digest]
                found.done[digest] = None
        while len(found.done) > DONE_KEPT:
            del found.done[next(iter(found.done))]


def _moved_by(fact: Fact) -> tuple[bytes, ...]:
    """What an entry of the journal that is no statement says something about."""
    match fact.kind:
        case FactKind.ALARM:
            return (Alarm.decode(fact.body).item,)
        case FactKind.RECEIPT:
            receipt = Receipt.decode(fact.body)
            return (covered(receipt.log, receipt.cosigner),)
        case FactKind.HANDED_OVER:
            return Handed.decode(fact.body).items
        case _:
            return ()


def owes(ladder: Ladder, item: Item, party: str) -> bool:
    """Whether a party has still to acknowledge an item, or do what else was asked for."""
    wanted = wanted_rungs(item.statement.content.wants)
    return any(
        not ladder.reached(item, party, rung) for rung in wanted if rung >= Rung.ACKNOWLEDGED
    )


def _owed(line: Line, item: Item) -> bool:
    """Whether any party has still to do what we asked for."""
    return any(owes(line.ladder, item, party) for party in line.addressed(item))


def deadline_ms(line: Line, item: Item, party: str) -> int | None:
    """When a party's acknowledgement is due by the line's clocks (UTC ms); None: not yet running.

    The clock starts when the party's station has signed for the item; for ours, when it came.
    """
    rungs = line.ladder.rungs(item, party)
    if party == line.party:
        start: int | None = item.admitted_ms
    else:
        start = rungs[Rung.RECEIVED].at_ms if Rung.RECEIVED in rungs else None
    if start is None:
        return None
    charter = line.charter_of(item)
    return start + charter.clock_ms(item.statement.content.precedence, Rung.ACKNOWLEDGED)
