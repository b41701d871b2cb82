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
those that one party attached. Admitting costs a bounded amount of work, whatever is here already.
Looking costs what is new in that incident, and, when something new cites what is attached there,
what is attached: not what is in it.

Memory. What belongs to no incident, and moves nothing by itself, is not kept when the record can
give it back (``Past``): it is noted as ``loose``, and made anew if somebody attaches it or asks for
it. What was made of an incident is kept for those that were looked at last, and for the few that
are too long to be made anew each time; of the others what a list shows. No answer depends on
either.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import Final, TypeAlias

from tieline.core.agreement.meaning import Act
from tieline.core.agreement.steps import EACH, Steps
from tieline.core.errors import TielineError
from tieline.core.incident.account import Account
from tieline.core.incident.align import Tolerances
from tieline.core.incident.case import Case, Listed
from tieline.core.incident.entry import Entry, Knowing, Placed
from tieline.core.incident.heard import NO_DUES, Dues
from tieline.core.incident.knowing import Known
from tieline.core.incident.look import Head, Look, Most, Row, View, name_of
from tieline.core.incident.loose import Loose, Past, Spot, is_plain
from tieline.core.incident.marks import AGAINST, Marks, ordered
from tieline.core.terms import Kind, RefRole

MAX_PLACES: Final = 16
MAX_BROUGHT: Final = 512
USUAL: Final = Tolerances()
MOST: Final = Most()
MAX_HAPPENED: Final = 32
MAX_LOOKS: Final = 64  # incidents of which is kept what was made of them (8 kB and more)
MAX_ANEW: Final = 256  # statements of an incident of which everything may be made anew
_TEXTS: Final = frozenset({Kind.JOINT, Kind.ASSENT})
_ABOUT_TEXTS: Final = frozenset({Act.DECLINE, Act.WITHDRAW, Act.COMPLY})
_SPECIAL: Final = _ABOUT_TEXTS | {Act.ATTACH}
_NOTHING: Final = ()


_Places = tuple[Case, ...]
_Cited: TypeAlias = tuple[RefRole, Placed, _Places]
_Reached: TypeAlias = tuple[tuple[object, ...], bytes]  # a key, or its beginning, and a digest


class Book:
    """The incidents of one line, as a set of statements and ``knowing`` make them.

    ``past``: where statements that belong to no incident are found again; without it all are kept.
    ``looks``: of how many incidents is kept what was made of them, beside those with more than
    ``MAX_ANEW`` statements.
    """

    def __init__(
        self, knowing: Knowing, past: Past | None = None, *, looks: int = MAX_LOOKS
    ) -> None:
        self._knowing = knowing
        self._past = past
        self._most = looks
        self._looked: OrderedDict[Case, None] = OrderedDict()  # the last ones
        self.marks = Marks()
        self._count = 0  # of what was admitted
        self._slim = None if past is None else Loose(past)
        self._known: dict[bytes, tuple[Entry, _Places]] = {}
        self._cases: dict[bytes, Case] = {}
        self._listed: Listed | None = None  # of these very incidents
        self._waiting: dict[bytes, list[Placed]] = {}  # by what they cite and what is not here
        # What cites a statement of no incident, where ``_slim`` does not say it.
        self._loose: dict[bytes, list[Entry]] = {}
        self._texts: list[Entry] = []
        self._touched: dict[Case, None] = {}
        self._bringing: dict[bytes, dict[Case, None]] = {}  # by what is attached, or attaches
        self._stale = self._settling = False

    # ------------------------------------------------------------------------------- admitting

    def admit(self, entry: Entry) -> None:
        """Take in one statement. A second time, it changes nothing."""
        digest = entry.digest
        if self._has(entry, story=entry.story):
            return
        self._count += 1
        if self._waiting:
            self._arrived(entry)
        cited = self._cited(entry, entry.refs) if entry.refs else _NOTHING
        places = self._reached(cited)
        said = entry.said
        act = Act.NONE if said is None else said.act
        if not places and act is Act.OPEN:
            self._cases[digest] = case = Case(entry)
            self._listed = None
            places = (case,)
        if not self._is_slim(entry, places):
            self._hold(entry, places)
        for case in places:
            case.own.append(entry)
            self._touch(case)
        if act in _SPECIAL or entry.kind in _TEXTS:
            self._set_apart(entry, act, cited)
        for role, one, there in cited:
            if role in AGAINST:
                self._against(entry, role, one)
            if not there:
                self._note(entry, one, story=entry.story)
            if self._bringing:
                self._again(one.digest)

    def skim(self, spot: Placed, refs: Sequence[tuple[RefRole, bytes]]) -> bool:
        """Take in a plain statement (``is_plain``) by where it stands, if it is of no incident.

        False: it may be of one, or there is no past to find it in; it is to be admitted. This is as
        much as ``admit`` does with it, and cheaper by the making of its ``Entry``.
        """
        slim = self._slim
        if slim is None:
            return False
        if self._has(spot, story=False):
            return True
        if any(self._at(target) for _, target in refs):
            return False
        self._count += 1
        if self._waiting:
            self._arrived(spot)
        slim.put(spot.log, spot.position)
        for _, one, _ in self._cited(spot, refs) if refs else ():
            self._note(spot, one, story=False)
            if self._bringing:
                self._again(one.digest)
        return True

    def _has(self, one: Placed, *, story: bool) -> bool:
        """Whether a statement was admitted."""
        slim = self._slim
        loose = slim is not None and not story and slim.has(one.log, one.position)
        return loose or one.digest in self._known

    def _is_slim(self, entry: Entry, places: _Places) -> bool:
        """Whether an entry need not be kept; of no incident, it is noted in any case."""
        slim = self._slim
        if slim is None or places or entry.story:
            return False
        slim.put(entry.log, entry.position)
        return entry.said is None and is_plain(entry.kind, (role for role, _ in entry.refs))

    def _note(self, by: Placed, cited: Placed, *, story: bool) -> None:
        """Note that something cites a statement of no incident."""
        slim = self._slim
        story = story or (isinstance(cited, Entry) and cited.story)
        if slim is not None and not story:
            slim.cite(cited, by)
            return
        entry = self._keep(by.digest)
        if entry is not None:
            self._loose.setdefault(cited.digest, []).append(entry)

    def _arrived(self, came: Placed) -> None:
        """Something that was cited came later than what cites it.

        The record gives causes before effects; then nobody had read it, and nothing changes. If
        somebody had, everything is placed anew when it is next asked for.
        """
        for one in self._waiting.pop(came.digest, ()):
            self._stale = self._stale or self._counts(one, came)

    def _cited(self, by: Placed, refs: Sequence[tuple[RefRole, bytes]]) -> list[_Cited]:
        """The references that count, to what is here and was read; with the places of each."""
        out: list[_Cited] = []
        for role, target in refs:
            found = self._find(target)
            if found is None:
                story = isinstance(by, Entry) and by.story  # it is kept in any case
                one = by if story else Spot(by.digest, by.log, by.position)
                self._waiting.setdefault(target, []).append(one)
                if not story:
                    self.again(by)
            elif self._counts(by, found[0]):
                out.append((role, *found))
        return out

    def _counts(self, by: Placed, one: Placed) -> bool:
        """Whether a reference of ``by`` to ``one`` counts: its author had read it.

        Of a second story the record tells what the first one had read; what stands after it in
        display order it had not. So nobody has everything placed anew by forks that cite ahead.
        """
        saw = self._knowing.saw(by, one)
        return saw and (not (isinstance(by, Entry) and by.story) or self._is_before(one, by))

    def _is_before(self, one: Placed, other: Entry) -> bool:
        """Whether a statement stands before another in display order."""
        if not isinstance(one, Entry) and self._slim is not None:
            rank = self._slim.past.rank(one.log, one.position)
            if rank != other.key[:2]:
                return rank < other.key[:2]
            one = self._slim.past.entry(one.log, one.position) or one
        return isinstance(one, Entry) and one.key < other.key

    def _find(self, digest: bytes) -> tuple[Placed, _Places] | None:
        """Where a statement that was admitted stands, and of which incidents it is."""
        found = self._known.get(digest)
        if found is not None or self._slim is None:
            return found
        spot = self._slim.find(digest)
        return None if spot is None else (spot, ())

    def _keep(self, digest: bytes) -> Entry | None:
        """A statement that was admitted, which is kept from now on."""
        found = self._known.get(digest)
        if found is not None:
            return found[0]
        entry = self.entry(digest)
        if entry is not None:
            self._hold(entry, ())
        return entry

    def _hold(self, entry: Entry, places: _Places) -> None:
        """Keep an entry from now on; who resumes this book has to be given it again."""
        self._known[entry.digest] = (entry, places)
        if not entry.story:
            self.again(entry)

    def again(self, one: Placed) -> None:
        """Who resumes this book has to be given this statement of a main branch again."""
        if self._slim is not None:
            self._slim.again(one.log, one.position)

    @property
    def loose(self) -> Loose | None:
        """What a later life needs besides what is marked in it, and what it resumes with."""
        return self._slim

    def _reached(self, cited: Sequence[_Cited]) -> _Places:
        """The incidents of what is cited; of too many, those that few are reached with."""
        if len(cited) == 1:
            return cited[0][2]
        found: list[_Places] = []
        for _, _, places in cited:
            if places and places not in found:
                found.append(places)
        if len(found) <= 1:
            return found[0] if found else ()
        found.sort(key=len)  # the sort is stable: of as many, those cited first
        return tuple(dict.fromkeys(case for some in found for case in some))[:MAX_PLACES]

    def _set_apart(self, entry: Entry, act: Act, cited: Sequence[_Cited]) -> None:
        """Joint statements and what is said to them, in an incident or in none; attachments."""
        if act is not Act.ATTACH:
            self._texts.append(entry)
            for case in self._at(entry.digest):
                case.texts.append(entry)
        elif not entry.story:
            self._attach(entry, cited)

    def _at(self, digest: bytes) -> _Places:
        found = self._known.get(digest)
        return () if found is None else found[1]

    def _attach(self, entry: Entry, cited: Sequence[_Cited]) -> None:
        into = cited[0][2] if cited else ()
        found = [one for _, one, _ in cited[1:]] if into else []
        targets = [one for one in found if one.digest not in self._cases]
        for case in into:
            case.attached += [(entry, one) for one in targets]
            case.moved = True
            for one in (entry, *targets):
                self._bringing.setdefault(one.digest, {})[case] = None

    def _again(self, digest: bytes) -> None:
        """What is attached somewhere is cited by more, or what attaches it is taken back."""
        for case in self._bringing.get(digest, ()):
            case.moved = True
            self._touch(case)

    def _against(self, entry: Entry, role: RefRole, cited: Placed) -> None:
        """An entry takes back or replaces another, if it may."""
        one = self.entry(cited.digest)
        if one is not None and self.marks.note(entry, role, one):
            self._remark(one)

    def _remark(self, entry: Entry) -> None:
        """Something was taken back or replaced; what that itself replaced may stand again."""
        for digest in (entry.digest, *entry.cites(*AGAINST)):
            self._again(digest)
            for case in (*self._at(digest), *self._bringing.get(digest, ())):
                self._touch(case)
                if case.look is not None and digest in self._known:
                    case.look.renew(self._known[digest][0])

    def _touch(self, case: Case) -> None:
        """Something is new in an incident."""
        self._touched[case] = None
        case.head = None

    def _settle(self) -> None:
        """Place everything anew, causes before effects, if something came after its effects."""
        if not self._stale or self._settling:
            return
        anew = Book(self._knowing, self._past, looks=self._most)
        for entry in self.entries():
            anew.admit(entry)
        self._become(anew)

    def settle_steps(self) -> Steps[None]:
        """Place everything anew in steps, if something came after its effects.

        Whoever admits calls it, so that nobody who asks does all of it at once. The views show the
        places of before until it is done; what is admitted meanwhile is placed with the rest.
        """
        while self._stale:
            self._settling, count = True, self._count
            try:
                anew = Book(self._knowing, self._past, looks=self._most)
                for number, entry in enumerate(self.entries()):
                    anew.admit(entry)
                    if number % EACH == 0:
                        yield
            finally:
                self._settling = False
            if self._count == count:
                self._become(anew)

    def _become(self, anew: Book) -> None:
        """Be as another that was made of the same."""
        if self._slim is not None and anew._slim is not None:
            anew._slim.inherit(self._slim)
        anew._stale = False
        self.__dict__.update(anew.__dict__)

    # --------------------------------------------------------------------------------- asking

    def entry(self, digest: bytes) -> Entry | None:
        """A statement that was admitted. Raises as ``Past`` does."""
        found = self._known.get(digest)
        if found is not None or self._slim is None:
            return None if found is None else found[0]
        spot = self._slim.find(digest)
        return None if spot is None else self._slim.past.entry(spot.log, spot.position)

    def entries(self) -> Iterator[Entry]:
        """Every statement that was admitted, of whatever incident or none, in display order.

        Those that are not kept are made one by one, so that whoever reads them may do other things
        in between; what is admitted meanwhile may come or not. Raises as ``Past`` does.
        """
        if self._slim is None:
            yield from ordered(entry for entry, _ in self._known.values())
            return
        for entry in self._slim.past.entries():
            found = self._known.get(entry.digest)
            if found is not None:
                yield found[0]
            elif self._has(entry, story=entry.story):
                yield entry

    def ids(self) -> tuple[bytes, ...]:
        """All incidents, by their openings in display order."""
        return self._list().ids

    def names(self) -> Mapping[str, int]:
        """What the openers of all incidents call them, without case, and how often."""
        return self._list().names

    def _list(self) -> Listed:
        self._settle()
        if self._listed is None:
            openers = ordered(case.opener for case in self._cases.values())
            names = Counter(name_of(opener).casefold() for opener in openers)
            self._listed = Listed(tuple(one.digest for one in openers), names)
        return self._listed

    def of(self, digest: bytes) -> tuple[bytes, ...]:
        """The incidents that a statement belongs to by itself, without attachments."""
        self._settle()
        return tuple(case.opener.digest for case in self._at(digest))

    def touched(self) -> tuple[bytes, ...]:
        """The incidents in which something is new since this was last asked."""
        self._settle()
        out = tuple(case.opener.digest for case in self._touched)
        self._touched.clear()
        return out

    def head(self, id_: bytes) -> Head:
        """What a list shows of an incident. Raises ``KeyError`` if there is none of that name."""
        self._settle()
        case = self._cases[id_]
        if case.head is None or case.unread:
            head = self._look(id_).head()
            case.head = replace(head, unread=tuple(case.unread)) if case.unread else head
        return case.head

    def rows(self, id_: bytes) -> tuple[Row, ...]:
        """The statements of an incident in display order, with their marks. Raises as ``head``."""
        return self._look(id_).rows()

    def members(self, id_: bytes, most: int | None = None) -> tuple[Entry, ...]:
        """The statements of an incident in display order. Raises as ``head``.

        ``most``: of each party the newest so many; all if ``None``.
        """
        return tuple(self._look(id_).entries(most))

    def view(
        self,
        id_: bytes,
        now_ms: int,
        *,
        within: Tolerances = USUAL,
        dues: Dues = NO_DUES,
        most: Most = MOST,
    ) -> View:
        """An incident at a moment. Raises as ``head``.

        ``within``: what is taken for the same place, time and number. ``dues``: when an agreement
        says that an answer is due, by the digest of the question and the party that was asked.
        ``most``: how much of it is shown; ``WHOLE`` for all.
        """
        return self._look(id_).view(now_ms, within, dues, most)

    def page(self, id_: bytes, start: int, count: int) -> tuple[Row, ...]:
        """So many statements from a place in display order, from 0. Raises as ``head``."""
        return self._look(id_).page(start, count)

    def holds(self, id_: bytes, digest: bytes) -> bool:
        """Whether a statement is in an incident, by itself or attached. Raises as ``head``."""
        self._look(id_)
        case = self._cases[id_]
        return case in self._at(digest) or digest in case.brought

    def happened(self, id_: bytes) -> list[Entry]:
        """What says where or when it was, and counts, in display order. Raises as ``head``.

        Of each party the newest ``MAX_HAPPENED``.
        """
        return self._look(id_).happened(MAX_HAPPENED)

    def accounts(self, id_: bytes) -> tuple[Account, ...]:
        """What the parties say of an incident, with all versions. Raises as ``head``."""
        return self._look(id_).accounts().all()

    def known(self, id_: bytes, digest: bytes) -> Known:
        """What was known around a statement of an incident. Raises ``KeyError`` if it is not here.

        It changes with every statement of the incident, so it is made when it is asked for.
        """
        look, entry = self._look(id_), self.entry(digest)
        if entry is None:
            raise KeyError(digest)
        return look.witness(self._knowing).known(entry)

    def texts(self, id_: bytes | None = None) -> tuple[Entry, ...]:
        """Joint statements and what was said to them, in display order; of one incident, or all."""
        self._settle()
        some = self._texts if id_ is None else self._cases[id_].texts if id_ in self._cases else ()
        return tuple(ordered(some))

    def _look(self, id_: bytes) -> Look:
        self._settle()
        case = self._cases[id_]
        look = case.look
        if look is None:
            look = case.look = Look(case.opener, self.marks, self._knowing.saw, self._ends)
        self._looked[case] = None
        self._looked.move_to_end(case)
        if len(self._looked) > self._most:
            oldest, _ = self._looked.popitem(last=False)
            if len(oldest.own) <= MAX_ANEW:
                oldest.rest()
        if case.used < len(case.own):
            look.take(case.own[case.used :] if case.used else case.own)
            case.used = len(case.own)
        if case.moved:
            self._bring(case, look)
        return look

    def _bring(self, case: Case, look: Look) -> None:
        """Look again for what is attached, and tell the look what is not as before."""
        case.unread = []
        found = self._brought(case)
        case.moved = bool(case.unread)  # the past failed: the next who looks does this again
        before, case.brought = case.brought, found
        for digest in before.keys() - case.brought.keys():
            look.bring(self._known[digest][0], ())
        for digest, parties in case.brought.items():
            self._bringing.setdefault(digest, {})[case] = None
            if before.get(digest) != parties:
                look.bring(self._known[digest][0], parties)

    def _ends(self, entry: Entry) -> tuple[tuple[bytes, str], ...]:
        """The incidents that a link joins: those of what it cites, with who opened them."""
        places = self._at(entry.digest)
        cited = (self._known[target] for target in entry.cites() if target in self._known)
        found = dict.fromkeys(
            case
            for one, there in cited
            if there and self._knowing.saw(entry, one)
            for case in there
            if case in places
        )
        openers = ordered(case.opener for case in found)
        return tuple((opener.digest, opener.party) for opener in openers)

    # ------------------------------------------------------------------------------ attachments

    def _brought(self, case: Case) -> dict[bytes, tuple[str, ...]]:
        """What was attached to an incident, with what cites it, and by which parties."""
        roots: dict[str, list[Placed]] = {}
        for by, what in case.attached:
            if self.marks.counts(by):
                roots.setdefault(by.party, []).append(what)
        out: dict[bytes, tuple[str, ...]] = {}
        for party in sorted(roots):
            for entry in self._following(case, roots[party]):
                out[entry.digest] = (*out.get(entry.digest, ()), party)
        return out

    def _following(self, case: Case, roots: list[Placed]) -> Iterator[Entry]:
        """Some statements and all that cite them, but what is in the incident: the first ones.

        What the past cannot give is left out, with what cites it, and noted in the case.
        """
        saw = self._knowing.saw
        heap: list[_Reached] = [(self._key(one), one.digest) for one in roots]
        heapify(heap)
        seen: set[bytes] = set()
        count = 0
        while heap and count < MAX_BROUGHT:
            key, digest = heappop(heap)
            if digest in seen or case in self._at(digest):
                continue
            try:
                entry = self._keep(digest)
            except TielineError:
                case.unread += [digest] if digest not in case.unread else []
                continue
            if entry is None:
                continue
            if key != entry.key:  # it came by the first parts of its key, and has more before it
                heappush(heap, (entry.key, digest))
                continue
            seen.add(digest)
            count += 1
            yield entry
            for key, one in self._citing(entry):
                if one.digest not in self._cases and saw(one, entry):
                    heappush(heap, (key, one.digest))

    def _key(self, one: Placed) -> tuple[object, ...]:
        """Its place in display order, or the beginning of that."""
        if isinstance(one, Entry) or self._slim is None:
            return self._known[one.digest][0].key
        return self._slim.past.rank(one.log, one.position)

    def _citing(self, entry: Entry) -> Iterator[tuple[tuple[object, ...], Placed]]:
        """What cites a statement, with its key; of what is not kept, with the beginning of it."""
        for one in self._loose.get(entry.digest, ()):
            yield one.key, one
        for case in self._at(entry.digest):
            for one in case.citing(entry.digest):
                yield one.key, one
        slim = self._slim
        if slim is not None and not entry.story and not self._at(entry.digest):
            for log, position in slim.citing(entry):
                digest = slim.past.digest(log, position)
                if digest is not None:
                    yield slim.past.rank(log, position), Spot(digest, log, position)
