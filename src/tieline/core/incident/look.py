"""One incident, folded part by part: each part is made when it is looked at, and kept.

``Book`` says what belongs to an incident; here stands what it comes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.value import Text, Unit
from tieline.core.incident.account import Account, Accounts, Aligned, apart
from tieline.core.incident.align import Tolerances
from tieline.core.incident.closure import Closure, closure, takes_part
from tieline.core.incident.entry import Entry, Knowing, OrderKey
from tieline.core.incident.hold import Hold, HoldThread, hold_threads, settle_hold
from tieline.core.incident.knowing import Witness
from tieline.core.incident.link import Ends, Link, links
from tieline.core.incident.marks import Marks, Saw, ordered
from tieline.core.incident.public import Public, publics
from tieline.core.incident.question import Dues, Question, Thread, asked_threads, settle
from tieline.core.incident.states import LinkState

_TURNS: Final = frozenset({Act.CLOSE, Act.REOPEN})
_TOPS: Final = frozenset({Act.ASK, Act.HOLD, Act.LINK, Act.PUBLIC})
_ASKING: Final = frozenset({Act.ASK, Act.ANSWER, Act.WITHDRAW})
_HOLDING: Final = frozenset({Act.HOLD, Act.HOLD_ANSWER, Act.LIFT, Act.COMPLY, Act.WITHDRAW})
_LINKING: Final = frozenset({Act.LINK, Act.LINK_ANSWER, Act.WITHDRAW})
_THREADED: Final = _ASKING | _HOLDING | _LINKING | {Act.PUBLIC}
_KEPT: Final = _THREADED | _TURNS


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
    """An incident as a whole. ``rows`` are in display order.

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

    @property
    def linked(self) -> tuple[bytes, ...]:
        """The incidents whose accounts are shown beside, since a link with them is accepted."""
        ends = (id_ for one in self.links if one.state is LinkState.ACCEPTED for id_ in one.ends)
        return tuple(dict.fromkeys(id_ for id_ in ends if id_ != self.head.id))


class Look:
    """What is made of the statements of one incident. They are added in any order.

    ``ends``: the incidents that a link joins, each with the party that opened it.
    """

    def __init__(self, opener: Entry, marks: Marks, saw: Saw, ends: Ends) -> None:
        self._opener = opener
        self._marks = marks
        self._saw = saw
        self._ends = ends
        self._entries: list[Entry] = []
        self._sorted = True
        self._brought: dict[bytes, tuple[str, ...]] = {}
        self._rows: dict[bytes, Row] = {}  # those that were asked for
        self._last = opener
        self._first: dict[str, Entry] = {}
        self._turns: list[Entry] = []
        self._acts: dict[Act, list[Entry]] = {}  # all but second stories
        self._tops: dict[Act, list[Entry]] = {}  # those of them that move something here
        self._told: list[Entry] = []  # what the accounts have yet to take in
        self._accounts = Accounts(marks, saw)
        self._closure: Closure | None = None
        self._asked: tuple[Thread, ...] | None = None
        self._held: tuple[HoldThread, ...] | None = None
        self._links: tuple[Link, ...] | None = None
        self._publics: tuple[Public, ...] | None = None
        self._witness: Witness | None = None

    def add(self, entry: Entry, brought_by: tuple[str, ...]) -> None:
        """One statement that these parties attached."""
        self._brought[entry.digest] = brought_by
        if entry.party in brought_by:
            self.take([entry])
            return
        self._entries.append(entry)
        self._sorted = False
        self._witness = None
        self._last = max(self._last, entry, key=_key)
        if not entry.story and entry.act in _THREADED:
            self._acts.setdefault(entry.act, []).append(entry)
            self._forget(entry.act)

    def take(self, entries: list[Entry]) -> None:
        """Statements that belong here by themselves."""
        self._entries += entries
        self._sorted = False
        self._witness = None
        self._last = max((self._last, *entries), key=_key)
        first, told, opening = self._first, self._told, self._closure is None
        for entry in entries:
            if entry.story:
                continue
            said = entry.said
            act = Act.NONE if said is None else said.act
            if act in _KEPT:
                self._keep(entry, act)
            if said is not None and said.stated:
                told.append(entry)
            known = first.get(entry.party)
            if (known is None or entry.key < known.key) and takes_part(entry):
                first[entry.party] = entry
                opening = True
        if opening:
            self._closure = None

    def _keep(self, entry: Entry, act: Act) -> None:
        if act in _TURNS:
            self._turns.append(entry)
            self._closure = None
            return
        self._acts.setdefault(act, []).append(entry)
        self._forget(act)
        if act in _TOPS:
            self._tops.setdefault(act, []).append(entry)

    def renew(self, entry: Entry) -> None:
        """An entry was cancelled or replaced, or stands again: what it says is looked at anew."""
        self._rows.pop(entry.digest, None)
        self._accounts.renew(entry)
        self._forget(entry.act)
        if entry.act in _TURNS:
            self._closure = None

    def _forget(self, act: Act) -> None:
        """What must be made anew because of one more act."""
        if act in _ASKING:
            self._asked = None
        if act in _HOLDING:
            self._held = None
        if act in _LINKING:
            self._links = None
        if act is Act.PUBLIC:
            self._publics = None

    def _of(self, acts: frozenset[Act]) -> list[Entry]:
        return ordered(entry for act in sorted(acts) for entry in self._acts.get(act, ()))

    def _top(self, act: Act) -> list[Entry]:
        return ordered(self._tops.get(act, ()))

    # ----------------------------------------------------------------------------------- parts

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
            count=len(self._entries),
            last=self._last,
        )

    def rows(self) -> tuple[Row, ...]:
        """All statements, in display order."""
        if not self._sorted:
            self._entries.sort(key=_key)
            self._sorted = True
        known = self._rows
        return tuple(known.get(one.digest) or self._row(one) for one in self._entries)

    def _row(self, entry: Entry) -> Row:
        brought_by = self._brought.get(entry.digest, ())
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
        self._told.clear()
        return self._accounts

    def questions(self, now_ms: int, dues: Dues) -> tuple[Question, ...]:
        """The questions, each to one party."""
        if self._asked is None:
            others = self._of(_ASKING - {Act.ASK})
            self._asked = asked_threads(self._top(Act.ASK), others, self._marks, self._saw)
        return tuple(settle(one, now_ms, self._saw, dues) for one in self._asked)

    def holds(self, now_ms: int) -> tuple[Hold, ...]:
        """The holds and ceases."""
        if self._held is None:
            others = self._of(_HOLDING - {Act.HOLD})
            self._held = hold_threads(self._top(Act.HOLD), others, self._marks, self._saw)
        return tuple(settle_hold(one, now_ms, self._saw) for one in self._held)

    def links(self) -> tuple[Link, ...]:
        """The links with other incidents."""
        if self._links is None:
            others = self._of(_LINKING - {Act.LINK})
            self._links = links(self._top(Act.LINK), others, self._ends, self._marks, self._saw)
        return self._links

    def publics(self) -> tuple[Public, ...]:
        """The statements to the public."""
        if self._publics is None:
            self._publics = publics(self._top(Act.PUBLIC), self._marks, self._saw)
        return self._publics

    def witness(self, knowing: Knowing) -> Witness:
        """Who had read what in this incident."""
        if self._witness is None:
            self._witness = Witness(self._entries, knowing)
        return self._witness

    def view(self, now_ms: int, within: Tolerances, dues: Dues) -> View:
        """The whole incident at a moment."""
        accounts = self.accounts()
        observed, inferred = apart(accounts.all())
        return View(
            head=self.head(),
            rows=self.rows(),
            accounts=observed,
            attribution=inferred,
            alignments=accounts.aligned(within),
            questions=self.questions(now_ms, dues),
            holds=self.holds(now_ms),
            links=self.links(),
            publics=self.publics(),
        )


def _name(opener: Entry) -> str:
    part = None if opener.said is None else opener.said.answers.get(Means.NAME)
    match part.answer if part else None:
        case Unit(name=name) | Text(text=name):
            return name
        case _:
            return ""


def _key(entry: Entry) -> OrderKey:
    return entry.key
