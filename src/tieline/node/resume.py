"""Starting from where the last snapshot was made, and making the next one.

A start reads the charters and the other rare facts, the snapshot, and the journal after it. A
snapshot that is not there, not of this journal, of another format or damaged costs time and nothing
else: it is thrown away, and the journal is read from its first entry. While a long journal is read
snapshots are made on the way, so that it fits the memory and need not be read again.

The journal is the truth throughout. A snapshot is only written of what is durable already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from tieline.core import encode
from tieline.core.checkpoint import SignedNote
from tieline.core.crypto import sha256
from tieline.core.errors import LocalError, StoreFailed, StoreFull, TielineError
from tieline.core.journal import Fact, FactKind
from tieline.core.life import Run
from tieline.core.line import Line
from tieline.core.shelf import Settlement
from tieline.core.snapshot import FORMAT
from tieline.core.statement import statement_digest
from tieline.core.station import Station
from tieline.core.sync import Pace
from tieline.core.tally import LIMITS, SPOILT
from tieline.core.terms import Now
from tieline.ports import Store

if TYPE_CHECKING:
    from tieline.node.bookmark import Taken

# What came since the last snapshot is in memory as objects: a text with its acknowledgement is
# 8 kB, in three of these facts. With 100,000 statements a snapshot of little news takes 1 ms.
SNAPSHOT_FACTS: Final = 1_024
# A snapshot writes all clocks that run. Where they are many times what has come since the last (a
# member floods, and nobody acknowledges that), there is one only when a 32nd of their number has
# come, so that all snapshots together cost in proportion to what was said.
CLOCKS_SHARE: Final = 32
# What a snapshot holds, or what is history; facts of all other kinds are read one by one.
FOLDED: Final = frozenset(
    {
        FactKind.STATEMENT,
        FactKind.SECOND_STORY,
        FactKind.RECEIPT,
        FactKind.DRAFT,
        FactKind.SETTLED,
        FactKind.HANDED_OVER,
        FactKind.ATTEMPT,
        FactKind.ALARM,
        FactKind.STATE,
        FactKind.REFUSED,
        FactKind.HEED,
    }
)


class Bookmarks(Protocol):
    """Who reads the lines for incidents, and leaves bookmarks for a later life."""

    def wanted(self) -> bool:
        """Whether one is worth a snapshot before its time."""

    def bookmarks(self, lines: Iterable[Line], *, last: bool = False) -> list[Taken]:
        """Those that are due; ``last``: there is no later time for one."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A snapshot that was taken and is still to be written."""

    store: Store
    station: Station
    seq: int
    body: bytes
    taken: list[Settlement]
    marks: Sequence[Taken] = ()

    def write(self) -> bool:
        """Write it, on any thread; whether there was room. Raises ``StoreFailed``."""
        try:
            self.store.past.keep(
                self.seq, self.body, self.taken, [mark.kept for mark in self.marks]
            )
        except StoreFull:
            return False
        return True

    def settle(self) -> None:
        """It is written: the station need not hold it."""
        self.station.settle(self.taken)
        for mark in self.marks:
            mark.given()


class Resumer:
    """Makes the station of a store, and snapshots of it each time ``every`` facts have come.

    ``then`` gives a reading of the clocks as it would be by the wall clock of a journal entry: a
    snapshot's moments are as those of its last entry, whatever the clock has been set to since.
    """

    def __init__(
        self,
        store: Store,
        every: int = SNAPSHOT_FACTS,
        then: Callable[[int, Now], Now] = lambda _, now: now,
    ) -> None:
        self._store = store
        self._every = every
        self._then = then
        self._kept = 0  # the journal entry of the last snapshot, or of the last try
        self._seq = 0  # the last entry that was noted
        self._rare: dict[int, bytes] = {}  # by number; of a note the hash of its text
        self._second: dict[bytes, int] = {}
        self.bookmarks: Bookmarks | None = None

    def load(self, own: bytes, realm: str, now: Now, pace: Pace | None, run: Run) -> Station:
        """The station that the journal gives. Raises as ``Station.load`` does."""
        try:
            station = self._resumed(own, realm, now, pace, run)
            return self._loaded(station or self._blank(own, realm, pace, run), now)
        except LocalError as error:
            if error.code != SPOILT:
                raise
            self.drop()  # what was folded does not read: the journal has all of it
        return self._loaded(self._blank(own, realm, pace, run), now)

    def _loaded(self, station: Station, now: Now) -> Station:
        """Read what the journal has beyond what the station holds."""
        for seq, fact in self._store.facts(self._kept):
            station.replay(fact, self._then(seq, now))
            self.note(seq, fact)
            self.snapshot_if_due(station, now)
        station.awake(now)
        return station

    def _blank(self, own: bytes, realm: str, pace: Pace | None, run: Run) -> Station:
        self._kept, self._seq, self._rare, self._second = 0, 0, {}, {}
        return Station(own, realm, pace, run, self._store.past)

    def _resumed(
        self, own: bytes, realm: str, now: Now, pace: Pace | None, run: Run
    ) -> Station | None:
        past = self._store.past
        try:
            kept = past.kept()
            if kept is None:
                raise LocalError("snapshot.damaged", "there is no snapshot of this journal")
            station = self._blank(own, realm, pace, run)
            form, rare, second, hashes = cast(
                "tuple[int, tuple[int, ...], tuple[tuple[bytes, int], ...],"
                " tuple[tuple[bytes, bytes], ...]]",
                encode.loads(kept.body, LIMITS),
            )
            if form != FORMAT:
                raise LocalError("snapshot.damaged", "the snapshot has another format")
            if dict(hashes) != {line: sha256(state) for line, state in kept.states.items()}:
                raise LocalError("snapshot.damaged", "the snapshot's parts are not of one time")
            facts = [fact for fact in map(past.fact, rare) if fact is not None]
            charters = [fact for fact in facts if fact.kind == FactKind.CHARTER]
            for fact in charters:
                station.replay(fact, now)
            for line, state in sorted(kept.states.items()):
                station.resume(line, state, past.chunks(line), self._then(kept.seq, now))
            if len(facts) != len(rare) or kept.states.keys() != station.lines.keys():
                raise LocalError("snapshot.damaged", "the snapshot is not of these lines")
            for seq, fact in zip(rare, facts, strict=True):
                if fact.kind != FactKind.CHARTER:
                    station.replay(fact, self._then(seq, now))
                self.note(seq, fact)
            for line, state in kept.states.items():
                station.resume_moments(line, state, self._then(kept.seq, now))
        except StoreFailed:
            raise
        except (TielineError, IndexError, KeyError, TypeError, ValueError):
            self.drop()
            return None
        self._kept = self._seq = kept.seq
        self._second = dict(second)
        return station

    def drop(self) -> None:
        """Have the next start read the whole journal: what was folded of it is not right.

        Raises ``StoreFailed``.
        """
        with contextlib.suppress(StoreFull):  # it is refused again at the next start
            self._store.past.drop()

    def note(self, seq: int, fact: Fact) -> None:
        """A fact is durable and in the station's state."""
        self._seq = seq
        if fact.kind not in FOLDED:
            note = fact.kind == FactKind.NOTE
            self._rare[seq] = sha256(SignedNote.parse(fact.body).body) if note else b""
        elif fact.kind == FactKind.SECOND_STORY:
            self._second[statement_digest(fact.body)] = seq

    def _forget_notes(self, station: Station) -> None:
        """Of the notes in the journal only those that the station still holds are read again."""
        held = {b""}
        for line in station.lines.values():
            for book in line.notes.values():
                noted = (*book.heads.values(), *book.against)
                held.update(sha256(each.note.body) for each in noted)
        self._rare = {seq: text for seq, text in self._rare.items() if text in held}

    def second_story(self, digest: bytes) -> int:
        """The journal number of a second story, 0 when there is none."""
        return self._second.get(digest, 0)

    def snapshot_if_due(self, station: Station, now: Now, *, wanted: bool = False) -> None:
        """Make a snapshot when it is time for one. Raises ``StoreFailed``."""
        _write(self.shot_if_due(station, now, wanted=wanted))

    def shot_if_due(self, station: Station, now: Now, *, wanted: bool = False) -> Shot | None:
        """Take a snapshot when enough has come since the last one; the caller writes it.

        ``wanted``: what came last is about to be looked at, and would have to be read again: there
        is time until twice as much has come.
        """
        waits = self._seq - self._kept
        due = waits >= self._every * (2 if wanted else 1)
        due = due and waits * CLOCKS_SHARE >= station.clocks()
        due = due or (self.bookmarks is not None and self.bookmarks.wanted())
        return self._shot(station, now) if due else None

    def snapshot(self, station: Station, now: Now) -> None:
        """Make a snapshot of a station whose state is exactly what is durable.

        Without room there is none for now. Raises ``StoreFailed``.
        """
        _write(self._shot(station, now, last=True))

    def _shot(self, station: Station, now: Now, *, last: bool = False) -> Shot | None:
        marks: Sequence[Taken] = ()
        if self.bookmarks is not None:
            marks = self.bookmarks.bookmarks(station.lines.values(), last=last)
        if self._seq == self._kept and not marks:
            return None
        self._kept = self._seq
        taken = station.settlements(self._then(self._seq, now))
        self._forget_notes(station)
        hashes = tuple((each.line, sha256(each.state)) for each in taken)
        body = encode.dumps((FORMAT, tuple(self._rare), tuple(self._second.items()), hashes))
        return Shot(self._store, station, self._seq, body, taken, marks)


def _write(shot: Shot | None) -> None:
    """Write a snapshot here and now, if there is one and there is room."""
    if shot is not None and shot.write():
        shot.settle()
