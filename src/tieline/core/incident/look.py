"""One incident, folded part by part: each part is made when it is looked at, and kept.

``Book`` says what belongs to an incident; here stands what it comes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.value import Text, Unit
from tieline.core.incident.account import TELLS, Account, Accounts, Aligned, apart
from tieline.core.incident.align import Tolerances
from tieline.core.incident.closure import Closure, Turns, closure, takes_part
from tieline.core.incident.entry import Entry, Knowing
from tieline.core.incident.heard import Dues
from tieline.core.incident.hold import Hold
from tieline.core.incident.knowing import Witness
from tieline.core.incident.link import Ends, Link
from tieline.core.incident.marks import Marks, Saw, Shelf, drop, order, put
from tieline.core.incident.public import Public
from tieline.core.incident.question import Question
from tieline.core.incident.said import THREADED, Said
from tieline.core.incident.states import LinkState

_TURNS: Final = frozenset({Act.CLOSE, Act.REOPEN})
_WHERE: Final = frozenset({Means.WHERE, Means.WHEN})
# What is shown of itself and moves nothing.
REMARKS: Final = frozenset({Act.LESSON, Act.CONCERN, Act.STANDING})


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
    """An incident in a list. ``name``: what its opener calls it; ``last``: the newest statement.

    ``unread``: what is attached and cannot be read from the record; it counts for nothing here.
    """

    id: bytes
    opener: Entry
    name: str
    closure: Closure
    count: int
    last: Entry
    unread: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """How much of an incident a view shows; ``None``: all.

    ``rows``, ``threads``: of each party, the newest statements; questions, holds, links, public
    statements and remarks, those that are open first. ``versions``: of each account. ``voices``: of
    each party, for how many others it speaks. So one party's flood makes no view dear, and hides
    nothing that another said.
    """

    rows: int | None = 48
    threads: int | None = 32
    versions: int | None = 16
    voices: int | None = 8


WHOLE: Final = Most(rows=None, threads=None, versions=None, voices=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How many of each a view leaves out."""

    rows: int = 0
    accounts: int = 0
    questions: int = 0
    holds: int = 0
    links: int = 0
    publics: int = 0
    remarks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An incident. Everything is in display order; ``left`` says what is left out.

    ``accounts`` is what the parties observed and say of their own side, ``attribution`` what they
    infer; ``alignments`` compares both, aspect by aspect.
    """

    head: Head
    rows: tuple[Row, ...]
    accounts: tuple[Account, ...]
    attribution: tuple[Account, ...]
    alignments: tuple[Aligned, ...]
    questions: tuple[Question, ...]
    holds: tuple[Hold, ...]
    links: tuple[Link, ...]
    publics: tuple[Public, ...]
    remarks: tuple[Entry, ...] = ()
    left: Left = Left()

    @property
    def linked(self) -> tuple[bytes, ...]:
        """The incidents whose accounts are shown beside, since a link with them is accepted."""
        ends = (id_ for one in self.links if one.state is LinkState.ACCEPTED for id_ in one.ends)
        return tuple(dict.fromkeys(id_ for id_ in ends if id_ != self.head.id))


class Look:
    """What is made of the statements of one incident. They are added in any order.

    Each statement goes to the parts that it concerns, when they are looked at next; what a look
    costs does not grow with the incident, but for a part that is asked for as a whole.

    ``ends``: the incidents that a link joins, each with the party that opened it.
    """

    def __init__(self, opener: Entry, marks: Marks, saw: Saw, ends: Ends) -> None:
        self._opener = opener
        self._marks = marks
        self._saw = saw
        self._count = 0
        self._last = opener
        self._first: dict[str, Entry] = {}
        self._turns = Turns()
        self._closure: Closure | None = None
        self._head: Head | None = None
        self._brought: dict[bytes, tuple[Entry, tuple[str, ...]]] = {}
        self._rows: dict[bytes, Row] = {}  # those that were asked for
        self._fresh: list[Entry] = []  # what the shelves have yet to take in
        self._all: list[Entry] = []
        self._by_party = Shelf()
        self._remarks = Shelf()
        self._witness: Witness | None = None
        self._told: list[Entry] = []  # what the accounts have yet to take in
        self._accounts = Accounts(marks, saw)
        self._happened = Shelf()  # what says where or when it was, and counts
        self._heard: list[tuple[Entry, bool]] = []  # what the threads have yet to take in; moves?
        self._said = Said(marks, saw, ends)

    # ------------------------------------------------------------------------ what belongs here

    def take(self, entries: list[Entry]) -> None:
        """Statements that belong here by themselves."""
        self._count += len(entries)
        self._fresh += entries
        last, first_, opening = self._last, self._first, self._closure is None
        for entry in entries:
            if entry.key > last.key:
                last = entry
            if entry.story:
                continue
            said = entry.said
            if said is not None:
                act = said.act
                if act in THREADED:
                    self._heard.append((entry, True))
                elif act in _TURNS:
                    self._turn(entry)
                if said.stated or said.areas:
                    self._told.append(entry)
            known = first_.get(entry.party)
            if (known is None or entry.key < known.key) and takes_part(entry):
                first_[entry.party] = entry
                opening = True
        self._last = last
        if opening:
            self._closure = None

    def bring(self, entry: Entry, by: tuple[str, ...]) -> None:
        """One statement that these parties attached, or others than before; none: not any more."""
        had = self._brought.pop(entry.digest, None)
        moved, moves = had is not None and entry.party in had[1], entry.party in by
        self._rows.pop(entry.digest, None)
        if had is not None and (not by or moved is not moves):
            self._drop(entry, moved=moved)
            had = None
        if by:
            self._brought[entry.digest] = (entry, by)
        if not by or had is not None:
            return
        if moves:
            self.take([entry])
            return
        self._count += 1
        self._fresh.append(entry)
        self._last = max(self._last, entry, key=order)
        if not entry.story and entry.act in THREADED:
            self._heard.append((entry, False))

    def _drop(self, entry: Entry, *, moved: bool) -> None:
        """A statement that was attached and is not any more: it leaves all parts."""
        self._shelve()
        self._count -= 1
        drop(self._all, entry)
        self._by_party.drop(entry)
        self._remarks.drop(entry)
        if self._witness is not None:
            self._witness.drop(entry)
        self._threads().drop(entry)
        self._last = self._all[-1]
        if not moved:
            return
        self.accounts().drop(entry)
        self._happened.drop(entry)
        self._turns.drop(entry)
        self._closure = None
        if self._first.get(entry.party) is entry:
            del self._first[entry.party]
            rest = next((one for one in self._by_party.of(entry.party) if self._part(one)), None)
            if rest is not None:
                self._first[entry.party] = rest

    def _part(self, entry: Entry) -> bool:
        """Whether its author takes part by a statement that moves something here."""
        brought = self._brought.get(entry.digest)
        return takes_part(entry) and (brought is None or entry.party in brought[1])

    def renew(self, entry: Entry) -> None:
        """An entry was cancelled or replaced, or stands again: what it says is looked at anew."""
        self._rows.pop(entry.digest, None)
        act = entry.act
        if act in THREADED:
            self._threads().renew(entry)
        brought = self._brought.get(entry.digest)
        if entry.story or (brought is not None and entry.party not in brought[1]):
            return
        self.accounts().renew(entry)
        self._place(entry)
        if act in _TURNS:
            self._turn(entry)

    def _turn(self, entry: Entry) -> None:
        """A closing or reopening, and whether it counts."""
        if self._marks.counts(entry):
            self._turns.put(entry)
        else:
            self._turns.drop(entry)
        self._closure = None

    def _place(self, entry: Entry) -> None:
        """What says where or when it was, and whether it counts."""
        said = entry.said
        if said is None or said.act not in TELLS:
            return
        if said.areas or any(one.aspect in _WHERE for one in said.stated):
            if self._marks.counts(entry):
                self._happened.put(entry)
            else:
                self._happened.drop(entry)

    def _shelve(self) -> None:
        """Put what is new where it belongs in display order."""
        self._fresh.sort(key=order)
        for entry in self._fresh:
            put(self._all, entry)
            self._by_party.put(entry)
            if entry.act in REMARKS:
                self._remarks.put(entry)
            if self._witness is not None:
                self._witness.add(entry)
        self._fresh.clear()

    def _threads(self) -> Said:
        for entry, moves in self._heard:
            self._said.add(entry, moves=moves)
        self._heard.clear()
        return self._said

    # ----------------------------------------------------------------------------------- parts

    def head(self) -> Head:
        """What a list shows."""
        if self._closure is None:
            turns = (one for one in self._turns.brief() if self._first.get(one.party) is not one)
            self._closure = closure((*self._first.values(), *turns), self._marks, self._saw)
        known = self._head
        same = known is not None and known.closure is self._closure and known.last is self._last
        if known is None or not same or known.count != self._count:
            known = self._head = Head(
                id=self._opener.digest,
                opener=self._opener,
                name=name_of(self._opener),
                closure=self._closure,
                count=self._count,
                last=self._last,
            )
        return known

    def rows(self, most: int | None = None) -> tuple[Row, ...]:
        """All statements in display order, or of each party the newest so many."""
        known = self._rows
        return tuple([known.get(one.digest) or self._row(one) for one in self.entries(most)])

    def entries(self, most: int | None) -> list[Entry]:
        """The same without what there is to say of each; not to be changed."""
        self._shelve()
        return self._all if most is None else self._by_party.newest(most)

    def page(self, start: int, count: int) -> tuple[Row, ...]:
        """So many statements from a place in display order, counted from 0."""
        self._shelve()
        some = self._all[start : start + count]
        return tuple([self._rows.get(one.digest) or self._row(one) for one in some])

    def _row(self, entry: Entry) -> Row:
        _, brought_by = self._brought.get(entry.digest, (entry, ()))
        cancelled, replaced = self._marks.cancelled_by(entry), self._marks.replaced_by(entry)
        row = self._rows[entry.digest] = Row(
            entry=entry,
            brought_by=brought_by,
            moves=not entry.story and (not brought_by or entry.party in brought_by),
            cancelled_by=None if cancelled is None else cancelled.digest,
            replaced_by=None if replaced is None else replaced.digest,
            void=self._marks.void(entry),
        )
        return row

    def accounts(self) -> Accounts:
        """What the parties say."""
        for entry in self._told:
            self._accounts.add(entry)
            self._place(entry)
        self._told.clear()
        return self._accounts

    def happened(self, most: int) -> list[Entry]:
        """What says where or when it was, and counts: of each party the newest so many."""
        self.accounts()
        return self._happened.newest(most)

    def witness(self, knowing: Knowing) -> Witness:
        """Who had read what in this incident."""
        self._shelve()
        if self._witness is None:
            self._witness = Witness(self._all, knowing)
        return self._witness

    def view(self, now_ms: int, within: Tolerances, dues: Dues, most: Most) -> View:
        """The incident at a moment; of each part not more than ``most``."""
        accounts, said = self.accounts(), self._threads()
        observed, inferred = apart(accounts.all(most.versions, voices=most.voices))
        rows = self.rows(most.rows)
        questions, more_questions = said.questions(now_ms, dues, most.threads)
        holds, more_holds = said.holds(now_ms, most.threads)
        links, more_links = said.links(most.threads)
        publics, more_publics = said.publics(most.threads)
        remarks = self._remarks.newest(most.threads)
        return View(
            head=self.head(),
            rows=rows,
            accounts=observed,
            attribution=inferred,
            alignments=accounts.aligned(within),
            questions=questions,
            holds=holds,
            links=links,
            publics=publics,
            remarks=tuple(remarks),
            left=Left(
                rows=self._count - len(rows),
                accounts=0 if most.voices is None else accounts.left(most.voices),
                questions=more_questions,
                holds=more_holds,
                links=more_links,
                publics=more_publics,
                remarks=self._remarks.count - len(remarks),
            ),
        )


def name_of(opener: Entry) -> str:
    """What the opener of an incident calls it; empty when it has no name."""
    part = None if opener.said is None else opener.said.answers.get(Means.NAME)
    match part.answer if part else None:
        case Unit(name=name) | Text(text=name):
            return name
        case _:
            return ""
