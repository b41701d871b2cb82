"""The receipt ladder and its clocks, for one line.

Five rungs, five clocks: handed over, received, acknowledged, read back, passed on. ``received`` is
a peer station's cosignature on a log head that covers the statement, so it is not kept per
statement but found from the receipts on its log. The three human rungs are statements themselves.

Rules held here:

* A clock runs on the monotonic time of this process; a wall clock that jumps neither meets nor
  misses a deadline. Across a restart the node says how long we were away, as well as it knows.
* Each rung's clock starts where it can start: hand-over and receipt at release, acknowledgement at
  receipt (ours, for what we must acknowledge), read-back and pass-on at acknowledgement.
* A missed deadline is reported once for each (item, party, rung), for ever.

The ladder draws no conclusions: what a missed rung means is for the line.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tieline.core.charter import Charter
from tieline.core.checkpoint import Receipt
from tieline.core.errors import RemoteError
from tieline.core.record import STORY, Item, Record
from tieline.core.shelf import Cache
from tieline.core.statement import Statement, wanted_rungs
from tieline.core.tally import Facet, Mark, Tallies, Tally, spoilt
from tieline.core.terms import Kind, Now, Rung
from tieline.core.unsaid import Unsaid

__all__ = ["RUNG_OF_KIND", "Due", "Ladder", "Mark"]

# Which human rung a statement of a kind puts its author's party on.
RUNG_OF_KIND = {
    Kind.ACKNOWLEDGE: Rung.ACKNOWLEDGED,
    Kind.READ_BACK: Rung.READ_BACK,
    Kind.PASS_ON: Rung.PASSED_ON,
}


NOTHING: Final = Tally()
# A clock that runs: its end on the deadline clock, its number, the statement, who owes which rung,
# its end on the wall clock and its length, in ms.
Clock = tuple[int, int, bytes, str, Rung, int, int]
STEP_MS: Final = 1_000  # a wall clock that differs by less has not been set


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline that has passed: ``party`` owes ``rung`` of ``item``, since ``due_ms`` (wall)."""

    item: Item
    party: str
    rung: Rung
    due_ms: int


@dataclass(slots=True)
class Cover:
    """The receipts of one station for one log, ascending in size; the first ones may be settled."""

    settled: int = 0  # what the receipts in the archive cover
    last: Receipt | None = None
    sizes: list[int] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)


class Ladder:
    """Rungs and deadlines of everything on one line."""

    def __init__(self, record: Record) -> None:
        self.tallies = Tallies(record)
        # Every station that a party has or had on this line: what an earlier one did still counts.
        self.stations: dict[str, tuple[bytes, ...]] = {}
        # What a party's stations had not signed for when they should have, by party.
        self.unsigned: dict[str, set[bytes]] = {}
        self.unsaid = Unsaid()
        self.covers: dict[tuple[bytes, bytes], Cover] = {}
        self._shelf = record.shelf
        self._old: Cache[tuple[bytes, bytes, int], Receipt] = Cache()
        # The last of them that was fetched, by log and station, and for which place.
        self._lately: dict[tuple[bytes, bytes], tuple[int, Receipt | None]] = {}
        self._heap: list[Clock] = []
        self._serial = 0
        self._pruned = 0  # the serial of the last clock that was there at the last pruning
        self._covered: dict[tuple[bytes, bytes], int] = {}  # how far each had signed for then

    @property
    def marks(self) -> Facet[dict[str, dict[Rung, Mark]]]:
        """The human rungs that each party has reached, by statement."""
        return Facet(self.tallies, lambda tally: tally.marks)

    @property
    def handed(self) -> Facet[dict[bytes, int]]:
        """When a carrier first took a statement for a station, by statement."""
        return Facet(self.tallies, lambda tally: tally.handed)

    @property
    def overdue(self) -> Facet[set[tuple[str, Rung]]]:
        """Which missed deadlines have been reported, by statement."""
        return Facet(self.tallies, lambda tally: tally.overdue)

    # -------------------------------------------------------------------------- receipts

    def covered(self, log: bytes, station: bytes) -> int:
        """How many statements of a log a station has signed for."""
        cover = self.covers.get((log, station))
        return cover.last.size if cover and cover.last else 0

    def note_receipt(self, receipt: Receipt) -> int:
        """Keep a receipt; returns the size its maker had covered before, -1 when it is no news."""
        cover = self.covers.setdefault((receipt.log, receipt.cosigner), Cover())
        before = cover.last.size if cover.last else 0
        if receipt.size <= before:
            return -1
        cover.sizes.append(receipt.size)
        cover.receipts.append(receipt)
        cover.last = receipt
        return before

    def receipt_for(self, statement: Statement, station: bytes) -> Receipt | None:
        """The earliest receipt of a station that covers a statement."""
        return self.receipt_at(statement.log, statement.place.position, station)

    def receipt_at(self, log: bytes, position: int, station: bytes) -> Receipt | None:
        """The earliest receipt of a station that covers a place of a log."""
        cover = self.covers.get((log, station))
        if cover is None:
            return None
        if position < cover.settled:
            return self._old_receipt(log, station, position)
        index = bisect_right(cover.sizes, position)
        return cover.receipts[index] if index < len(cover.receipts) else None

    def _old_receipt(self, log: bytes, station: bytes, position: int) -> Receipt | None:
        key = (log, station, position)
        if key not in self._old:
            # The first that covers a place is the first for all after it that it covers too.
            first, last = self._lately.get((log, station), (0, None))
            if last is not None and first <= position < last.size:
                return last
            raw = self._shelf.archive.receipt(self._shelf.line, *key)
            if raw is None:
                return None
            try:
                found = Receipt.decode(raw)
            except RemoteError as error:
                self._shelf.spoilt = True
                raise spoilt() from error
            self._old.put(key, found)
            self._lately[log, station] = position, found
        return self._old[key]

    def receipts_at(self, log: bytes, size: int) -> Iterator[Receipt]:
        """The receipts for exactly this size of a log, of those that are not settled."""
        for key in sorted(self.covers):
            cover = self.covers[key]
            if key[0] != log:
                continue
            if cover.last is not None and cover.last.size == size:
                yield cover.last
                continue
            index = bisect_right(cover.sizes, size - 1)
            if index < len(cover.sizes) and cover.sizes[index] == size:
                yield cover.receipts[index]

    def latest_receipts(self) -> Iterator[Receipt]:
        """The newest receipt of every station for every log."""
        for key in sorted(self.covers):
            last = self.covers[key].last
            if last is not None:
                yield last

    def settle(self) -> None:
        """All that is known is in the archive: let go of it, and of clocks that mean no more."""
        self.tallies.settle()
        for cover in self.covers.values():
            cover.settled = cover.last.size if cover.last else 0
            cover.sizes.clear()
            cover.receipts.clear()

    # ----------------------------------------------------------------------------- rungs

    def rungs(self, item: Item, party: str) -> dict[Rung, Mark]:
        """Everything a party has reached on an item, low to high."""
        out: dict[Rung, Mark] = {}
        stations = self.stations.get(party, ())
        tally = self.tallies.get(item.statement.digest) or NOTHING
        handed = tally.handed
        taken = [handed[station] for station in stations if station in handed]
        if taken:
            out[Rung.HANDED_OVER] = Mark(min(taken), b"")
        # A receipt is for the branch whose head it signs; a second story is on none of ours.
        first = not item.second_story
        receipts = [self.receipt_for(item.statement, station) for station in stations if first]
        times = [receipt.time_s * 1000 for receipt in receipts if receipt is not None]
        if times:
            out[Rung.RECEIVED] = Mark(min(times), b"")
        out.update(tally.marks.get(party, {}))
        return out

    def received_ms(self, log: bytes, position: int, party: str) -> int | None:
        """When a party received a statement of a main branch, by the first of its receipts."""
        found = (self.receipt_at(log, position, one) for one in self.stations.get(party, ()))
        return min((one.time_s * 1000 for one in found if one is not None), default=None)

    def reached(self, item: Item, party: str, rung: Rung) -> bool:
        """Whether a party stands on a rung of an item, or on one that implies it."""
        statement = item.statement
        tally = self.tallies.get(statement.digest) or NOTHING
        # A receipt is for the branch whose head it signs; a second story is on none of ours.
        place = None if item.second_story else (statement.log, statement.place.position)
        return self._met(tally, place, party, rung)

    def _met(self, tally: Tally, place: tuple[bytes, int] | None, party: str, rung: Rung) -> bool:
        marks = tally.marks.get(party, {})
        if rung > Rung.RECEIVED:
            return rung in marks
        # An officer who has read it has it, even when the station's receipt is still under way.
        if Rung.ACKNOWLEDGED in marks or (place is not None and self._signed_for(place, party)):
            return True
        stations = self.stations.get(party, ()) if rung is Rung.HANDED_OVER else ()
        return any(station in tally.handed for station in stations)

    def _signed_for(self, place: tuple[bytes, int], party: str) -> bool:
        """Whether a station of a party has given a receipt that covers a place of a log."""
        log, position = place
        return any(self.covered(log, each) > position for each in self.stations.get(party, ()))

    def note_mark(self, target: bytes, party: str, rung: Rung, mark: Mark) -> bool:
        """Put a party on a human rung of an item. The first mark stands; True when it is news."""
        rungs = self.tallies.of(target).marks.setdefault(party, {})
        if rung in rungs:
            return False
        rungs[rung] = mark
        return True

    def note_handed(self, digest: bytes, station: bytes, at_ms: int) -> None:
        """A carrier took an item for a station; the first time stands."""
        self.tallies.of(digest).handed.setdefault(station, at_ms)

    # ---------------------------------------------------------------------------- clocks

    def addressed(self, statement: Statement, charter: Charter) -> tuple[str, ...]:
        """The parties that must act on a statement: those named, or all but its author.

        ``charter`` is the version under which it was written: who joins later owes it nothing. An
        observer owes nothing, by whatever it is named, and nobody owes an observer anything.
        """
        author = charter.party_of(statement.place.station)
        if author in charter.observers:
            return ()
        named = statement.content.to or charter.voices()
        return tuple(c for c in named if c != author and c not in charter.observers)

    def start(self, item: Item, party: str, rung: Rung, charter: Charter, now: Now) -> None:
        """Start one clock. ``now`` is the base event's time on both clocks."""
        if item.statement.content.kind is Kind.TEST:
            wait_ms = charter.tests.window_s * 1000
        else:
            wait_ms = charter.clock_ms(item.statement.content.precedence, rung)
        end_ms, due_ms = now.mono_ms + wait_ms, now.wall_ms + wait_ms
        # Thousands may run towards a station that is away: numbers that a turn's clocks have in
        # common are kept once. The last one that began is mostly at the heap's end.
        if self._heap:
            last = self._heap[-1]
            if last[0] == end_ms and last[5] == due_ms and last[6] == wait_ms:
                end_ms, due_ms, wait_ms = last[0], last[5], last[6]
        self._serial += 1
        entry = (end_ms, self._serial, item.statement.digest, party, rung, due_ms, wait_ms)
        heapq.heappush(self._heap, entry)

    def start_human(self, item: Item, party: str, charter: Charter, now: Now) -> None:
        """A party has received an item: its acknowledgement, if wanted, is due from now.

        A line test that the charter lets stations answer alone is answered by their receipt.
        """
        content = item.statement.content
        if content.kind is Kind.TEST and charter.tests.answered_by == "station":
            return
        if Rung.ACKNOWLEDGED in wanted_rungs(content.wants):
            self.start(item, party, Rung.ACKNOWLEDGED, charter, now)

    def start_after_acknowledgement(
        self, item: Item, party: str, charter: Charter, now: Now
    ) -> None:
        """A party has acknowledged an item: what else its author asked for is due from now."""
        for rung in wanted_rungs(item.statement.content.wants):
            if rung > Rung.ACKNOWLEDGED:
                self.start(item, party, rung, charter, now)

    def due(self, now: Now, charter: Charter, item_of: Callable[[bytes], Item | None]) -> list[Due]:
        """Take out every clock that has run down, and name those whose rung was not reached.

        Of a party that ``charter``, the one in force, names no more or as an observer, nothing is.
        """
        out: list[Due] = []
        voices = charter.voices()
        while self._heap and self._heap[0][0] <= now.mono_ms:
            _, _, digest, party, rung, due_ms, _ = heapq.heappop(self._heap)
            item = item_of(digest)
            if item is None or party not in voices or self.reached(item, party, rung):
                continue
            if self.note_overdue(digest, party, rung):
                out.append(Due(item, party, rung, due_ms))
        return out

    def note_overdue(self, digest: bytes, party: str, rung: Rung) -> bool:
        """Remember that a missed deadline has been reported. True the first time."""
        missed = self.tallies.of(digest).overdue
        if (party, rung) in missed:
            return False
        missed.add((party, rung))
        if rung is Rung.RECEIVED:
            self.unsigned.setdefault(party, set()).add(digest)
        return True

    def lacks_receipts(self, party: str, item_of: Callable[[bytes], Item | None]) -> bool:
        """Whether a party's stations have still not signed for something that is overdue."""
        unsigned = self.unsigned.get(party, set())
        for digest in sorted(unsigned):
            item = item_of(digest)
            if item is not None and not self.reached(item, party, Rung.RECEIVED):
                return True
            unsigned.discard(digest)
        return False

    def prune(self) -> None:
        """Drop the clocks of what has been reached, or was missed and reported.

        It reads no statement, and of tallies only what has changed since the last time or belongs
        to a new clock: what waits for its officers may be thousands, each a look into the archive.
        """
        moved = self._moved()
        kept = [entry for entry in self._heap if not self._is_over(entry, moved)]
        heapq.heapify(kept)
        self._heap = kept
        self._pruned = self._serial

    def _moved(self) -> set[str]:
        """Who has signed for more since the last pruning: else no clock of before is over by it."""
        before = self._covered
        self._covered = {key: each.last.size for key, each in self.covers.items() if each.last}
        news = {key[1] for key, size in self._covered.items() if before.get(key) != size}
        return {party for party, them in self.stations.items() if not news.isdisjoint(them)}

    def _is_over(self, entry: Clock, moved: set[str]) -> bool:
        _, serial, digest, party, rung, _, _ = entry
        fresh = serial > self._pruned or self.tallies.changed(digest)
        if not fresh and (rung > Rung.RECEIVED or party not in moved):
            return False
        ref = self.tallies.record.find(digest)
        if ref is None:
            return False
        tally = (self.tallies.get(digest) if fresh else None) or NOTHING
        if (party, rung) in tally.overdue:
            return True
        place = None if ref & STORY else self.tallies.record.place(ref)
        return self._met(tally, place, party, rung)

    def clocks(self) -> int:
        """How many clocks run."""
        return len(self._heap)

    def running(self, now: Now) -> list[tuple[bytes, str, int, int, int, int]]:
        """The clocks that run: statement, party, rung, wall time at their end, length (ms).

        Last, by how much the wall clock has been set forward since each began (ms): its end is that
        much later by the wall clock of ``now``. Less than a step is 0.
        """
        ago_ms, out = now.wall_ms - now.mono_ms, []
        for end_ms, _, digest, party, rung, due_ms, wait_ms in sorted(self._heap):
            moved_ms = end_ms + ago_ms - due_ms
            moved_ms = moved_ms if abs(moved_ms) >= STEP_MS else 0
            out.append((digest, party, int(rung), due_ms, wait_ms, moved_ms))
        return out

    def resume(self, clocks: list[tuple[bytes, str, int, int, int, int]], now: Now) -> None:
        """Let clocks go on that ran in an earlier life; ``clocks`` are as ``running`` gave them."""
        for digest, party, rung, due_ms, wait_ms, moved_ms in clocks:
            # A wall clock that went back counts as no time.
            base_ms = now.mono_ms - max(0, now.wall_ms - (due_ms + moved_ms - wait_ms))
            self._serial += 1
            entry = (base_ms + wait_ms, self._serial, digest, party, Rung(rung), due_ms, wait_ms)
            heapq.heappush(self._heap, entry)
        self._pruned = self._serial  # they were pruned when the snapshot was made

    def wakeup(self) -> int | None:
        """The monotonic time of the earliest clock, in ms."""
        return self._heap[0][0] if self._heap else None
