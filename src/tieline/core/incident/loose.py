"""Statements of no incident, as briefly as can be: that they were admitted, and what cites them.

Nearly all of a long record is texts and receipts that belong to no incident. Nothing follows from
one until somebody attaches it, or asks for it; so of each there is no more here than four bytes,
and twelve for each time that it is cited. The statement itself is found again in the record, which
is the ``Past``.

Two statements may stand under one number of a log. Here is only what stands on its main branch; who
keeps a second story keeps it in full.

What is here is all that a later life cannot get without reading the whole record, so it can be
given away and taken back (``fresh`` and ``resume``). A statement that its reader kept, or needs
again for whatever else, is marked for that (``again``): a later life reads those, and no others.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, repeat
from operator import and_, gt
from typing import Final, NamedTuple, Protocol

from tieline.core.crypto import sha256
from tieline.core.errors import LocalError
from tieline.core.incident.entry import Entry, Placed
from tieline.core.terms import Kind, RefRole

_AGAINST: Final = frozenset({RefRole.CORRECTS, RefRole.SUPERSEDES, RefRole.CANCELS})
_PLAIN: Final = frozenset({Kind.MESSAGE, Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON})
_POSITION_BITS: Final = 40
_POSITION: Final = (1 << _POSITION_BITS) - 1
# In ``_Row.marks``: admitted, and cited by nothing; above it, by which citation; and the bit of
# what is to be read again by a later life.
_HERE: Final = 1
_AGAIN: Final = 1 << 31
_CITED: Final = _AGAIN - 1
_SUM: Final = 32  # bytes of a hash
CHUNK: Final = 16_384  # bytes of an array that are given away together
_SHIFT: Final = 12  # so many bits of a position are within a chunk of marks
BY: Final = "by"
BEFORE: Final = "before"


class Past(Protocol):
    """A record, in which every statement of a main branch that was admitted is found again.

    Raises ``TielineError`` where it cannot be read.
    """

    def place(self, digest: bytes) -> tuple[bytes, int] | None:
        """The log and position of a statement; ``None``: it is not on a main branch."""

    def digest(self, log: bytes, position: int) -> bytes | None:
        """The digest of a statement; ``None``: a charter has ended its log before it meanwhile."""

    def rank(self, log: bytes, position: int) -> tuple[int, int]:
        """The first two parts of its place in display order."""

    def entry(self, log: bytes, position: int) -> Entry | None:
        """The statement itself; ``None`` if a charter has ended its log before it meanwhile."""

    def entries(self) -> Iterator[Entry]:
        """All statements in display order, those that were not admitted too, made one by one."""


class Spot(NamedTuple):
    """Where a statement stands, which is all that is needed to say who had read it."""

    digest: bytes
    log: bytes
    position: int


class _Row:
    """The statements of one log."""

    __slots__ = ("awaited", "changed", "giving", "log", "marks", "number", "resumed")

    def __init__(self, log: bytes, number: int) -> None:
        self.log = log
        self.number = number
        self.marks: array[int] = array("I")  # by position: 0 not admitted, ``_HERE`` or above
        self.changed: set[int] = set()  # chunks of marks that were not given away as they are
        self.giving: set[int] = set()  # and those of which that is not known yet
        self.resumed = 0  # what stands before it an earlier life had read
        self.awaited: set[int] = set()  # positions of it that are to be admitted again

    def make(self, position: int) -> None:
        """Make room for a position that is about to be marked.

        What it leaves out before it (nothing is noted of tests, nor of an observer) is zero from
        now on, and changed with it: else the chunks would not make the array again.
        """
        marks = self.marks
        if position >= len(marks):
            self.changed.update(range(len(marks) >> _SHIFT, position >> _SHIFT))
            marks.frombytes(bytes(marks.itemsize * (position + 1 - len(marks))))
        self.changed.add(position >> _SHIFT)

    def marked(self) -> list[int]:
        """The positions that a later life is to read again."""
        return [at for at, mark in enumerate(self.marks) if mark >= _AGAIN]


class Noted(NamedTuple):
    """What an earlier life gave away: for one ``Loose``, which goes on with it."""

    rows: Sequence[_Row]
    by: array[int]
    before: array[int]
    sums: dict[str, bytearray]

    def again(self) -> Iterator[tuple[bytes, list[int]]]:
        """By log the positions of what is to be read again."""
        for row in self.rows:
            yield row.log, sorted(row.awaited)


class Fresh(NamedTuple):
    """What changed since it was last given away: chunks by name and number.

    ``whole``: it is everything. ``logs``: those that the names count. ``citations``: how many.
    ``sums``: of each array the hashes of all its chunks, those that did not change too.
    """

    whole: bool
    logs: tuple[bytes, ...]
    citations: int
    chunks: list[tuple[str, int, bytes]]
    sums: tuple[tuple[str, bytes], ...]


class Loose:
    """What was admitted of no incident, by log and position, and what cites each of it."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._rows: dict[bytes, _Row] = {}
        self._numbered: list[_Row] = []
        # Citations: by which statement, and the number of the one before of what is cited.
        self._by: array[int] = array("Q")
        self._before: array[int] = array("I")
        self._given: int | None = None  # citations that were given away; ``None``: nothing was
        self._sums: dict[str, bytearray] = {}  # by array: the hashes of its chunks

    def put(self, log: bytes, position: int) -> None:
        """One more, that is not here."""
        row = self._row(log)
        row.make(position)
        row.awaited.discard(position)
        if not row.marks[position] & _CITED:
            row.marks[position] |= _HERE

    def has(self, log: bytes, position: int) -> bool:
        """Whether one was admitted."""
        row = self._rows.get(log)
        return (
            row is not None
            and position < len(row.marks)
            and row.marks[position] & _CITED > 0
            and position not in row.awaited
        )

    def find(self, digest: bytes) -> Spot | None:
        """Where a statement stands that was admitted."""
        found = self.past.place(digest)
        return Spot(digest, *found) if found is not None and self.has(*found) else None

    def cite(self, cited: Placed, by: Placed) -> None:
        """A statement of a main branch cites one that is here."""
        citing, row = self._row(by.log), self._rows[cited.log]
        if by.position < citing.resumed:
            return  # it was here when that was given away
        marks, position = row.marks, cited.position
        mark = marks[position]
        self._before.append((mark & _CITED) - _HERE)
        self._by.append(citing.number << _POSITION_BITS | by.position)
        marks[position] = mark & _AGAIN | len(self._by) + _HERE
        row.changed.add(position >> _SHIFT)

    def citing(self, spot: Placed) -> Iterator[tuple[bytes, int]]:
        """Log and position of all that cites one that is here, the last one first."""
        number = (self._rows[spot.log].marks[spot.position] & _CITED) - _HERE
        while number:
            ref = self._by[number - 1]
            yield self._numbered[ref >> _POSITION_BITS].log, ref & _POSITION
            number = self._before[number - 1]

    # ------------------------------------------------------------------------ from life to life

    def again(self, log: bytes, position: int) -> None:
        """A statement of a main branch, be it here or not, is to be read again by a later life."""
        row = self._row(log)
        if position >= len(row.marks) or not row.marks[position] & _AGAIN:
            row.make(position)
            row.marks[position] |= _AGAIN

    def inherit(self, other: Loose) -> None:
        """Have marked for a later life what another had."""
        for row in other._numbered:
            for position in row.marked():
                self.again(row.log, position)

    def fresh(self) -> Fresh:
        """What changed since the last ``given``."""
        out: list[tuple[str, int, bytes]] = []
        for row in self._numbered:
            row.giving |= row.changed
            row.changed = set()
            _cut(out, str(row.number), row.marks, sorted(row.giving))
        given, citations = self._given or 0, len(self._by)
        for name, numbers in ((BY, self._by), (BEFORE, self._before)):
            size = CHUNK // numbers.itemsize
            _cut(out, name, numbers, range(given // size, -(-citations // size)))
        for name, number, data in out:
            sums = self._sums.setdefault(name, bytearray())
            sums[number * _SUM : (number + 1) * _SUM] = sha256(data)
        told = tuple((name, bytes(sums)) for name, sums in self._sums.items())
        logs = tuple(row.log for row in self._numbered)
        return Fresh(self._given is None, logs, citations, out, told)

    def given(self, fresh: Fresh) -> None:
        """What the last ``fresh`` gave is where a later life finds it."""
        self._given = fresh.citations
        for row in self._numbered[: len(fresh.logs)]:
            row.giving = set()

    def resume(self, noted: Noted) -> None:
        """Take over what an earlier life had given away, before anything is admitted.

        What it marked for that is to be admitted again.
        """
        self._rows = {row.log: row for row in noted.rows}
        self._numbered, self._by, self._before = list(noted.rows), noted.by, noted.before
        self._given, self._sums = len(noted.by), noted.sums

    def _row(self, log: bytes) -> _Row:
        row = self._rows.get(log)
        if row is None:
            row = self._rows[log] = _Row(log, len(self._numbered))
            self._numbered.append(row)
        return row


def read_noted(
    logs: Sequence[tuple[bytes, int]],
    citations: int,
    arrays: Mapping[str, bytes | bytearray],
    sums: Iterable[tuple[str, bytes]],
) -> Noted:
    """What ``Loose.fresh`` has given away, in whole arrays by name.

    ``logs``: those that the names count, and how much of each had been read; ``citations``: how
    many there are; ``sums``: as the last ``fresh`` gave them, so that chunks of two times, and any
    that was lost, are noticed. Raises ``LocalError`` (``bookmark.damaged``) when it is not right.
    """
    known = {name: bytearray(each) for name, each in sums}
    if {name: _sums_of(data) for name, data in arrays.items()} != known:
        raise _damaged()
    rows = [_Row(log, number) for number, (log, _) in enumerate(logs)]
    by, before = array("Q", arrays.get(BY, b"")), array("I", arrays.get(BEFORE, b""))
    if (
        not arrays.keys() <= {BY, BEFORE, *(str(row.number) for row in rows)}
        or not len(by) == len(before) == citations
        or any(map(gt, before, count()))
        or max(by, default=0) >> _POSITION_BITS > max(0, len(rows) - 1)
    ):
        raise _damaged()
    for row, (_, size) in zip(rows, logs, strict=True):
        row.marks.frombytes(arrays.get(str(row.number), b""))
        row.resumed, row.awaited = size, set(row.marked())
        cited = max(map(and_, row.marks, repeat(_CITED)), default=0)
        if len(row.marks) > size or cited > citations + _HERE:
            raise _damaged()
    return Noted(rows, by, before, known)


def _sums_of(data: bytes | bytearray) -> bytes:
    return b"".join(sha256(bytes(data[at : at + CHUNK])) for at in range(0, len(data), CHUNK))


def _cut(
    out: list[tuple[str, int, bytes]], name: str, data: array[int], numbers: Iterable[int]
) -> None:
    """Some chunks of an array."""
    with memoryview(data) as view, view.cast("B") as raw:
        out.extend((name, at, bytes(raw[at * CHUNK : (at + 1) * CHUNK])) for at in numbers)


def _damaged() -> LocalError:
    return LocalError(
        "bookmark.damaged",
        "how far the record was read for incidents is not used: it cannot be right; the record is"
        " read from its first statement",
    )


def is_plain(kind: Kind, roles: Iterable[RefRole]) -> bool:
    """Whether a statement that no form speaks in moves nothing by itself, whatever it cites."""
    return kind in _PLAIN and _AGAINST.isdisjoint(roles)
