"""One incident, folded part by part: each part is made when it is looked at, and kept.

``Book`` says what belongs to an incident; here stands what it comes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.value import Text, Unit
from tieline.core.incident.closure import Closure, closure, takes_part
from tieline.core.incident.entry import Entry, OrderKey
from tieline.core.incident.marks import Marks, Saw

_TURNS: Final = frozenset({Act.CLOSE, Act.REOPEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One statement of an incident, and what there is to say of it.

    ``brought_by``: the parties that attached it, if it does not belong here by itself. ``moves``:
    whether it counts here at all. ``cancelled_by``, ``replaced_by``: digests. ``void``: what it
    would cancel or replace, and cannot: another party's, or what its author had not read.
    """

    entry: Entry
    brought_by: tuple[str, ...] = ()
    moves: bool = True
    cancelled_by: bytes | None = None
    replaced_by: bytes | None = None
    void: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """An incident in a list. ``name``: what its opener calls it; ``last``: the newest statement."""

    id: bytes
    opener: Entry
    name: str
    closure: Closure
    count: int
    last: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An incident as a whole. ``rows`` are in display order."""

    head: Head
    rows: tuple[Row, ...]


class Look:
    """What is made of the statements of one incident. They are added in any order."""

    def __init__(self, opener: Entry, marks: Marks, saw: Saw) -> None:
        self._opener = opener
        self._marks = marks
        self._saw = saw
        self._rows: list[Row] = []
        self._sorted = True
        self._first: dict[str, Entry] = {}
        self._turns: list[Entry] = []
        self._acts: dict[Act, list[Entry]] = {}
        self._last = opener
        self._closure: Closure | None = None

    def add(self, entry: Entry, brought_by: tuple[str, ...] = ()) -> None:
        """One more statement; ``brought_by``: which parties attached it, if any did."""
        moves = not entry.story and (not brought_by or entry.party in brought_by)
        cancelled, replaced = self._marks.cancelled_by(entry), self._marks.replaced_by(entry)
        self._rows.append(
            Row(
                entry=entry,
                brought_by=brought_by,
                moves=moves,
                cancelled_by=None if cancelled is None else cancelled.digest,
                replaced_by=None if replaced is None else replaced.digest,
                void=self._marks.void(entry),
            )
        )
        self._sorted = False
        if entry.key > self._last.key:
            self._last = entry
        if moves:
            self._sort_in(entry)

    def _sort_in(self, entry: Entry) -> None:
        act = entry.act
        self._acts.setdefault(act, []).append(entry)
        if takes_part(entry):
            known = self._first.get(entry.party)
            if known is None or entry.key < known.key:
                self._first[entry.party] = entry
                self._closure = None
        if act in _TURNS:
            self._turns.append(entry)
            self._closure = None

    def head(self) -> Head:
        """What a list shows."""
        if self._closure is None:
            turns = (one for one in self._turns if self._first.get(one.party) is not one)
            self._closure = closure((*self._first.values(), *turns), self._marks, self._saw)
        return Head(
            id=self._opener.digest,
            opener=self._opener,
            name=_name(self._opener),
            closure=self._closure,
            count=len(self._rows),
            last=self._last,
        )

    def rows(self) -> tuple[Row, ...]:
        """All statements, in display order."""
        if not self._sorted:
            self._rows.sort(key=_row_key)
            self._sorted = True
        return tuple(self._rows)

    def view(self, now_ms: int) -> View:
        """The whole incident at a moment."""
        return View(head=self.head(), rows=self.rows())


def _name(opener: Entry) -> str:
    part = None if opener.said is None else opener.said.answers.get(Means.NAME)
    match part.answer if part else None:
        case Unit(name=name) | Text(text=name):
            return name
        case _:
            return ""


def _row_key(row: Row) -> OrderKey:
    return row.entry.key
