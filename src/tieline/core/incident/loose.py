"""Statements of no incident, as briefly as can be: that they were admitted, and what cites them.

Nearly all of a long record is texts and receipts that belong to no incident. Nothing follows from
one until somebody attaches it, or asks for it; so of each there is no more here than four bytes,
and twelve for each time that it is cited. The statement itself is found again in the record, which
is the ``Past``.

Two statements may stand under one number of a log. Here is only what stands on its main branch; who
keeps a second story keeps it in full.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from tieline.core.incident.entry import Entry, Placed
from tieline.core.terms import Kind, RefRole

_AGAINST: Final = frozenset({RefRole.CORRECTS, RefRole.SUPERSEDES, RefRole.CANCELS})
_PLAIN: Final = frozenset({Kind.MESSAGE, Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON})
_POSITION_BITS: Final = 40
_POSITION: Final = (1 << _POSITION_BITS) - 1
_HERE: Final = 1  # in ``_Row.marks``: admitted, and cited by nothing; above it, by which citation


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

    __slots__ = ("log", "marks", "number")

    def __init__(self, log: bytes, number: int) -> None:
        self.log = log
        self.number = number
        self.marks: array[int] = array("I")  # by position: 0 not admitted, ``_HERE`` or above


class Loose:
    """What was admitted of no incident, by log and position, and what cites each of it."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._rows: dict[bytes, _Row] = {}
        self._numbered: list[_Row] = []
        # Citations: by which statement, and the number of the one before of what is cited.
        self._by: array[int] = array("Q")
        self._before: array[int] = array("I")

    def put(self, log: bytes, position: int) -> None:
        """One more, that is not here."""
        marks = self._row(log).marks
        if position >= len(marks):
            marks.frombytes(bytes(marks.itemsize * (position + 1 - len(marks))))
        marks[position] = _HERE

    def has(self, log: bytes, position: int) -> bool:
        """Whether one was admitted."""
        row = self._rows.get(log)
        return row is not None and position < len(row.marks) and row.marks[position] > 0

    def find(self, digest: bytes) -> Spot | None:
        """Where a statement stands that was admitted."""
        found = self.past.place(digest)
        return Spot(digest, *found) if found is not None and self.has(*found) else None

    def cite(self, cited: Placed, by: Placed) -> None:
        """A statement of a main branch cites one that is here."""
        marks, position = self._rows[cited.log].marks, cited.position
        self._before.append(marks[position] - _HERE)
        self._by.append(self._row(by.log).number << _POSITION_BITS | by.position)
        marks[position] = len(self._by) + _HERE

    def citing(self, spot: Placed) -> Iterator[tuple[bytes, int]]:
        """Log and position of all that cites one that is here, the last one first."""
        number = self._rows[spot.log].marks[spot.position] - _HERE
        while number:
            ref = self._by[number - 1]
            yield self._numbered[ref >> _POSITION_BITS].log, ref & _POSITION
            number = self._before[number - 1]

    def _row(self, log: bytes) -> _Row:
        row = self._rows.get(log)
        if row is None:
            row = self._rows[log] = _Row(log, len(self._numbered))
            self._numbered.append(row)
        return row


def is_plain(kind: Kind, roles: Iterable[RefRole]) -> bool:
    """Whether a statement that no form speaks in moves nothing by itself, whatever it cites."""
    return kind in _PLAIN and _AGAINST.isdisjoint(roles)
