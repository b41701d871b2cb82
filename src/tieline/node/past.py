"""A line's record as its book of incidents reads it again: what the book does not keep itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.incident.entry import Entry
from tieline.core.joints import entry_of
from tieline.core.line import Line, Reads
from tieline.core.record import STORY, Item
from tieline.core.terms import Kind
from tieline.node.passage import PIECE

# What a station says by itself is no part of an incident.
APART: Final = frozenset({Kind.OPEN, Kind.TEST})


class Past:
    """The statements of a line's record, each made anew when it is asked for.

    ``reads``: how a form is read. A pack that is brought, or a charter that comes, may change what
    is read of one: then there is a new book, with a past of its own.
    """

    def __init__(self, line: Line, reads: Reads) -> None:
        self._line = line
        self._reads = reads
        self._parties: dict[bytes, str] = {}
        self._addressed: dict[tuple[bytes, int, tuple[str, ...]], tuple[str, ...]] = {}

    def made(self, item: Item) -> Entry:
        """A statement as the incident layer sees it."""
        line, place = self._line, item.statement.place
        station = place.station
        party = self._parties.get(station)
        if party is None:
            party = self._parties[station] = line.party_of(station)
        key = (station, place.charter, item.statement.content.to)
        to = self._addressed.get(key)
        if to is None:
            to = self._addressed[key] = line.addressed(item)  # one for all that go to the same
        return entry_of(line, item, reads=self._reads, party=party, to=to)

    # ---------------------------------------------------------- see ``core.incident.loose.Past``

    def place(self, digest: bytes) -> tuple[bytes, int] | None:
        """The log and position of a statement; ``None``: it is not on a main branch."""
        record = self._line.record
        ref = record.find(digest)
        return None if ref is None or ref & STORY else record.place(ref)

    def digest(self, log: bytes, position: int) -> bytes | None:
        """The digest of a statement; ``None``: a charter has ended its log before it meanwhile."""
        held = self._line.record.logs.get(log)
        return None if held is None or position >= held.size else held.digest(position)

    def rank(self, log: bytes, position: int) -> tuple[int, int]:
        """The first two parts of its place in display order."""
        held = self._line.record.logs[log]
        return held.times[position], held.depths[position]

    def entry(self, log: bytes, position: int) -> Entry | None:
        """The statement itself, or ``None`` as ``digest``. Raises ``LocalError``."""
        held = self._line.record.logs.get(log)
        if held is None or position >= held.size:
            return None
        return self.made(held.items[position])

    def entries(self) -> Iterator[Entry]:
        """All statements in display order, made one by one. Raises ``LocalError``."""
        record = self._line.record
        refs = record.refs[:]
        for start in range(0, len(refs), PIECE):
            for item in record.run(refs[start : start + PIECE]):
                if item.statement.content.kind not in APART and self._line.heard(item):
                    yield self.made(item)
