"""All incidents of a line: which statements belong to which, and what each of them comes to.

A view is a function of the set of statements: whatever the order in which they are admitted, and
however often, the same comes out. State follows from who had read what (``Knowing``) and from
display order, never from arrival.

Membership. A statement whose act is to open and that cites nothing of an incident begins one; its
digest names it. Whatever cites a statement of an incident belongs to that incident as well, be it a
receipt, an answer or a joint statement, and to both if it cites two. A reference counts only if its
author had read what it cites: so a digest that was made up leads nowhere, and what a statement
belongs to is settled once what its author had read is here.

An attachment brings statements, and what cites them, into the incident that it cites first. What
somebody attaches of another party is shown there and moves nothing: only its author brings its
weight into an incident. What opened an incident cannot be attached to another: incidents are
linked, never merged.

Bounds. A statement belongs to at most ``MAX_PLACES`` incidents: of more it keeps those that it
reaches through what belongs to the fewest. An incident shows at most ``MAX_BROUGHT`` statements of
those that one party attached. Admitting costs a bounded amount of work, whatever is here already;
looking costs what is new in that incident, and, when something was cancelled or attached, what is
in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final

from tieline.core.agreement.meaning import Act
from tieline.core.incident.account import Account
from tieline.core.incident.align import Tolerances
from tieline.core.incident.entry import Entry, Knowing
from tieline.core.incident.knowing import Known
from tieline.core.incident.look import Head, Look, Row, View
from tieline.core.incident.marks import AGAINST, Marks, ordered
from tieline.core.terms import Kind, RefRole

MAX_PLACES: Final = 16
MAX_BROUGHT: Final = 512
USUAL: Final = Tolerances()
NO_DUES: Final[Mapping[tuple[bytes, str], int]] = {}
_TEXTS: Final = frozenset({Kind.JOINT, Kind.ASSENT})
_ABOUT_TEXTS: Final = frozenset({Act.DECLINE, Act.WITHDRAW, Act.COMPLY})


@dataclass(slots=True, eq=False)
class _Case:
    """One incident: what was admitted of it, and what was made of that."""

    opener: Entry
    own: list[Entry] = field(default_factory=list)
    attached: list[tuple[Entry, Entry]] = field(default_factory=list)  # by which, what
    look: Look | None = None
    used: int = 0  # how many of ``own`` the look has taken in
    version: int = 0  # of the book when attached statements were last looked for
    marked: int = 0  # of the marks at that time
    brought: dict[bytes, tuple[str, ...]] = field(default_factory=dict)  # and by which parties
    index: dict[bytes, list[Entry]] = field(default_factory=dict)
    indexed: int = 0

    def citing(self, digest: bytes) -> list[Entry]:
        """The statements of this incident that cite one."""
        for entry in self.own[self.indexed :]:
            for target in dict.fromkeys(entry.cites()):
                self.index.setdefault(target, []).append(entry)
        self.indexed = len(self.own)
        return self.index.get(digest, [])


class Book:
    """The incidents of one line, as a set of statements and ``knowing`` make them."""

    def __init__(self, knowing: Knowing) -> None:
        self._knowing = knowing
        self._version = 0
        self._clear()

    def _clear(self) -> None:
        self.marks = Marks()
        self._entries: dict[bytes, Entry] = {}
        self._places: dict[bytes, tuple[_Case, ...]] = {}
        self._cases: dict[bytes, _Case] = {}
        self._waiting: dict[bytes, list[Entry]] = {}  # by what they cite and what is not here
        self._loose: dict[bytes, list[Entry]] = {}  # what cites a statement of no incident
        self._texts: list[Entry] = []
        self._touched: dict[bytes, None] = {}
        self._stale = False

    # ------------------------------------------------------------------------------- admitting

    def admit(self, entry: Entry) -> None:
        """Take in one statement. A second time, it changes nothing."""
        digest = entry.digest
        if digest in self._entries:
            return
        self._entries[digest] = entry
        self._version += 1
        if self._waiting:
            self._arrived(entry)
        self._place(entry)

    def _arrived(self, entry: Entry) -> None:
        """Something that was cited came later than what cites it.

        The record gives causes before effects; then nobody had read it, and nothing changes. If
        somebody had, everything is placed anew when it is next asked for.
        """
        saw = self._knowing.saw
        for one in self._waiting.pop(entry.digest, ()):
            self._stale = self._stale or saw(one, entry)

    def _place(self, entry: Entry) -> None:
        places: tuple[_Case, ...] = ()
        cited: list[tuple[RefRole, Entry]] = []
        if entry.refs:
            cited = self._cited(entry)
            places = self._reached(cited)
        if not places and entry.act is Act.OPEN:
            places = (self._begin(entry),)
        for case in places:
            case.own.append(entry)
            self._touched[case.opener.digest] = None
        if places:
            self._places[entry.digest] = places
        for role, one in cited:
            if role in AGAINST and self.marks.note(entry, role, one):
                self._renew(self._places.get(one.digest, ()))
                for before in one.cites(*AGAINST):  # which stands again if a correction goes
                    self._renew(self._places.get(before, ()))
            if one.digest not in self._places:
                self._loose.setdefault(one.digest, []).append(entry)
        if entry.kind in _TEXTS or entry.act in _ABOUT_TEXTS:
            self._texts.append(entry)
        if entry.act is Act.ATTACH and not entry.story:
            self._attach(entry, [one for _, one in cited])

    def _begin(self, entry: Entry) -> _Case:
        case = self._cases[entry.digest] = _Case(entry)
        return case

    def _cited(self, entry: Entry) -> list[tuple[RefRole, Entry]]:
        """The references that count: to what is here and was read by who cites it."""
        out: list[tuple[RefRole, Entry]] = []
        saw = self._knowing.saw
        for role, target in entry.refs:
            one = self._entries.get(target)
            if one is None:
                self._waiting.setdefault(target, []).append(entry)
            elif one is not entry and saw(entry, one):
                out.append((role, one))
        return out

    def _reached(self, cited: list[tuple[RefRole, Entry]]) -> tuple[_Case, ...]:
        """The incidents of what is cited; of too many, those that few are reached with."""
        found: list[tuple[_Case, ...]] = []
        for _, one in cited:
            places = self._places.get(one.digest)
            if places is not None and places not in found:
                found.append(places)
        if len(found) <= 1:
            return found[0] if found else ()
        found.sort(key=len)  # sorted() is stable: of as many, those cited first
        return tuple(dict.fromkeys(case for some in found for case in some))[:MAX_PLACES]

    def _attach(self, entry: Entry, cited: list[Entry]) -> None:
        if not cited:
            return
        for case in self._places.get(cited[0].digest, ()):
            case.attached += [(entry, one) for one in cited[1:] if one.digest not in self._cases]
            self._renew((case,))

    def _renew(self, cases: Iterable[_Case]) -> None:
        """What was made of these must be made anew."""
        for case in cases:
            case.look = None
            self._touched[case.opener.digest] = None

    def _settle(self) -> None:
        """Place everything anew, causes before effects, if something came after its effects."""
        if not self._stale:
            return
        entries = ordered(self._entries.values())
        version = self._version
        self._clear()
        for entry in entries:
            self.admit(entry)
        self._version += version

    # --------------------------------------------------------------------------------- asking

    def entry(self, digest: bytes) -> Entry | None:
        """A statement that was admitted."""
        return self._entries.get(digest)

    def ids(self) -> tuple[bytes, ...]:
        """All incidents, by their openings in display order."""
        self._settle()
        return tuple(one.digest for one in ordered(case.opener for case in self._cases.values()))

    def of(self, digest: bytes) -> tuple[bytes, ...]:
        """The incidents that a statement belongs to by itself, without attachments."""
        self._settle()
        return tuple(case.opener.digest for case in self._places.get(digest, ()))

    def touched(self) -> tuple[bytes, ...]:
        """The incidents in which something is new since this was last asked.

        An incident with attached statements may have changed besides: its view is always as new as
        the book.
        """
        self._settle()
        out = tuple(self._touched)
        self._touched.clear()
        return out

    def head(self, id_: bytes) -> Head:
        """What a list shows of an incident. Raises ``KeyError`` if there is none of that name."""
        return self._look(id_).head()

    def rows(self, id_: bytes) -> tuple[Row, ...]:
        """The statements of an incident in display order, with their marks. Raises as ``head``."""
        return self._look(id_).rows()

    def members(self, id_: bytes) -> tuple[Entry, ...]:
        """The statements of an incident in display order. Raises as ``head``."""
        return tuple(row.entry for row in self._look(id_).rows())

    def view(
        self,
        id_: bytes,
        now_ms: int,
        *,
        within: Tolerances = USUAL,
        dues: Mapping[tuple[bytes, str], int] = NO_DUES,
    ) -> View:
        """The whole incident at a moment. Raises as ``head``.

        ``within``: what is taken for the same place, time and number. ``dues``: when an agreement
        says that an answer is due, by the digest of the question and the party that was asked.
        """
        return self._look(id_).view(now_ms, within, dues)

    def accounts(self, id_: bytes) -> tuple[Account, ...]:
        """What the parties say of an incident, with all versions. Raises as ``head``."""
        return self._look(id_).accounts().all()

    def known(self, id_: bytes, digest: bytes) -> Known:
        """What was known around a statement of an incident. Raises ``KeyError`` if it is not here.

        It changes with every statement of the incident, so it is made when it is asked for.
        """
        look = self._look(id_)
        return look.witness(self._knowing).known(self._entries[digest])

    def texts(self, id_: bytes | None = None) -> tuple[Entry, ...]:
        """Joint statements and what was said to them, in display order; of one incident, or all."""
        self._settle()
        every = ordered(self._texts)
        if id_ is None:
            return tuple(every)
        return tuple(one for one in every if id_ in self.of(one.digest))

    def _look(self, id_: bytes) -> Look:
        self._settle()
        case = self._cases[id_]
        if case.attached and case.version != self._version:
            brought = self._brought(case)
            if brought != case.brought or case.marked != self.marks.version:
                case.brought, case.look = brought, None
            case.version, case.marked = self._version, self.marks.version
        look = case.look
        if look is None:
            look = case.look = Look(case.opener, self.marks, self._knowing.saw, self._ends)
            case.used = 0
            for digest, parties in case.brought.items():
                look.add(self._entries[digest], parties)
        for entry in case.own[case.used :]:
            look.add(entry)
        case.used = len(case.own)
        return look

    def _ends(self, entry: Entry) -> tuple[tuple[bytes, str], ...]:
        """The incidents that a link joins: those of what it cites, with who opened them."""
        found = dict.fromkeys(
            case
            for target in entry.cites()
            if target in self._entries and self._knowing.saw(entry, self._entries[target])
            for case in self._places.get(target, ())
        )
        places = self._places.get(entry.digest, ())
        joined = (case.opener for case in found if case in places)
        return tuple((opener.digest, opener.party) for opener in ordered(joined))

    # ------------------------------------------------------------------------------ attachments

    def _brought(self, case: _Case) -> dict[bytes, tuple[str, ...]]:
        """What was attached to an incident, with what cites it, and by which parties."""
        roots: dict[str, list[Entry]] = {}
        for by, what in case.attached:
            if self.marks.counts(by):
                roots.setdefault(by.party, []).append(what)
        out: dict[bytes, tuple[str, ...]] = {}
        for party in sorted(roots):
            for entry in self._following(case, roots[party]):
                out[entry.digest] = (*out.get(entry.digest, ()), party)
        return out

    def _following(self, case: _Case, roots: list[Entry]) -> Iterator[Entry]:
        """Some statements and all that cite them, but what is in the incident: the first ones."""
        saw = self._knowing.saw
        heap = [(one.key, one) for one in roots]
        heapify(heap)
        seen: set[bytes] = set()
        count = 0
        while heap and count < MAX_BROUGHT:
            entry = heappop(heap)[1]
            if entry.digest in seen or case in self._places.get(entry.digest, ()):
                continue
            seen.add(entry.digest)
            count += 1
            yield entry
            for one in self._citing(entry):
                if one.digest not in self._cases and saw(one, entry):
                    heappush(heap, (one.key, one))

    def _citing(self, entry: Entry) -> Iterator[Entry]:
        yield from self._loose.get(entry.digest, ())
        for case in self._places.get(entry.digest, ()):
            yield from case.citing(entry.digest)
