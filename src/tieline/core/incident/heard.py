"""What is said to a question, a hold, a link, a planned statement: kept as it grows.

An entry is said to a *top* that it cites; when it cites none, to those to which what it cites is
said (a correction of an answer answers what that answered). It counts only what its author had
read, so where an entry belongs follows from the set of entries, and each new one is placed by
itself, whatever is there already.

Bounds. Of what one party says to one top in one act, the first ``MAX_HEARD`` are weighed and the
last of each log; what lies between is counted. The last of each log are all that the newest word of
a party can be among, so no state depends on what is left out. Of the tops of each party a view
shows so many as it is asked for, those that are open first: one party's flood hides no other's.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.incident.entry import Entry, OrderKey, instant_ms
from tieline.core.incident.marks import Marks, Saw, drop, first, holds, order, ordered, put

MAX_THREADS: Final = 16  # how many questions, holds or links one entry can be part of
MAX_HEARD: Final = 64
LAST: Final = 16  # of what others say in a party's name, and of the digests of answers
EVER: Final = 1 << 62
Dues = Mapping[tuple[bytes, str], int]
NO_DUES: Final[Dues] = {}
Span = tuple[int, int]  # from and until (exclusive), ms
T = TypeVar("T")


class Tag(enum.Enum):
    """What an entry is to a top. Of each party those of one tag are weighed together."""

    SAYS = enum.auto()
    BREACH = enum.auto()  # it says that another does not do what a hold says
    NOTHING = enum.auto()  # it is of an act that counts, and says nothing by it


@dataclass(slots=True, eq=False)
class Heard:
    """What counts of what was said to one top, by act and voice, and there by log."""

    top: Entry
    said: dict[tuple[Act, Tag, str], dict[str, dict[bytes, list[Entry]]]] = field(
        default_factory=dict
    )  # by for whom ("" for itself), and then by party and log
    relayed: dict[tuple[Act, str], list[Entry]] = field(default_factory=dict)  # by for whom
    through: list[Entry] = field(default_factory=list)  # all that is said for another
    taken: dict[bytes, list[Entry]] = field(default_factory=dict)  # agreed to by the top's author
    lifted: dict[str, list[tuple[int, OrderKey, Entry]]] = field(default_factory=dict)

    def put(self, entry: Entry, tag: Tag) -> None:
        """It counts."""
        if self._takes(entry):
            for target in dict.fromkeys(entry.cites()):
                put(self.taken.setdefault(target, []), entry)
        if entry.act is Act.LIFT and not entry.through:
            some, lift = self.lifted.setdefault(entry.party, []), _lift(entry)
            at = bisect_left(some, lift[:2], key=_earlier)
            if some[at : at + 1] != [lift]:
                some.insert(at, lift)
        voices = self.said.setdefault((entry.act, tag, entry.through), {})
        put(voices.setdefault(entry.party, {}).setdefault(entry.log, []), entry)
        if entry.through:
            put(self.relayed.setdefault((entry.act, entry.through), []), entry)
            put(self.through, entry)

    def drop(self, entry: Entry, tag: Tag) -> None:
        """It does not, or no longer."""
        if self._takes(entry):
            for target in entry.cites():
                drop(self.taken.get(target, []), entry)
        if entry.act is Act.LIFT and not entry.through:
            some, lift = self.lifted.get(entry.party, []), _lift(entry)
            at = bisect_left(some, lift[:2], key=_earlier)
            del some[at : at + (some[at : at + 1] == [lift])]
        logs = self.said.get((entry.act, tag, entry.through), {}).get(entry.party, {})
        drop(logs.get(entry.log, []), entry)
        if entry.through:
            drop(self.relayed.get((entry.act, entry.through), []), entry)
            drop(self.through, entry)

    def _takes(self, entry: Entry) -> bool:
        """Whether it may agree to what another party wants instead."""
        if entry.act is not Act.HOLD_ANSWER or entry.party != self.top.party or entry.through:
            return False
        return entry.said is not None and entry.said.sense(Means.STANCE) is Sense.AGREED

    def lifts(self) -> list[Entry]:
        """Of each party that speaks for itself the lift that takes effect first."""
        return ordered(some[0][2] for some in self.lifted.values() if some)

    def taking(self, entry: Entry) -> list[Entry]:
        """The first statement, if any, by which the author of the top agreed to another one."""
        some = self.taken.get(entry.digest, [])
        at = bisect_left(some, entry.key, key=order)
        return some[at : at + 1]

    def _logs(self, act: Act, party: str, through: str, tag: Tag) -> list[list[Entry]]:
        found = self.said.get((act, tag, through), {}).get(party, {})
        return [one for one in found.values() if one]

    def has(self, entry: Entry) -> bool:
        """Whether it is heard here."""
        logs = self.said.get((entry.act, Tag.SAYS, entry.through), {}).get(entry.party, {})
        return holds(logs.get(entry.log, []), entry)

    def brief(self, act: Act, party: str, through: str = "", tag: Tag = Tag.SAYS) -> list[Entry]:
        """The first of an act by one voice, and the last of each log; in display order."""
        logs = self._logs(act, party, through, tag)
        if not logs:
            return []
        early = sorted((one for some in logs for one in some[:MAX_HEARD]), key=order)[:MAX_HEARD]
        for some in logs:
            put(early, some[-1])
        return early

    def of_all(self, act: Act, tag: Tag = Tag.SAYS) -> list[Entry]:
        """So much of an act by each party that speaks for itself; in display order."""
        parties = self.said.get((act, tag, ""), {})
        return ordered(one for party in parties for one in self.brief(act, party, "", tag))

    def last(self, act: Act, party: str) -> tuple[bytes, ...]:
        """The last of an act by one party that speaks for itself; in display order."""
        logs = self._logs(act, party, "", Tag.SAYS)
        found = [one for some in logs for one in some[-LAST:]]
        return tuple(one.digest for one in ordered(found)[-LAST:])

    def said_for(self, act: Act, party: str) -> tuple[tuple[bytes, ...], int]:
        """The last of an act that others said in a party's name, and how many there are."""
        found = self.relayed.get((act, party), [])
        return tuple(one.digest for one in found[-LAST:]), len(found)

    def count(self, act: Act, party: str) -> int:
        """How often a party said so for itself."""
        return sum(len(some) for some in self._logs(act, party, "", Tag.SAYS))

    def withdrawal(self, top: Entry, marks: Marks) -> Entry | None:
        """By what its author took a top back, or said it anew."""
        found = (
            first(some[0] for some in self._logs(Act.WITHDRAW, top.party, top.through, Tag.SAYS)),
            marks.cancelled_by(top),
            marks.replaced_by(top),
        )
        return first(one for one in found if one is not None)


def lift_ms(entry: Entry) -> int:
    """From when on its author no longer holds."""
    from_ms = instant_ms(entry, Means.FROM)
    return entry.time_ms if from_ms is None else from_ms


def _lift(entry: Entry) -> tuple[int, OrderKey, Entry]:
    return lift_ms(entry), entry.key, entry


def _earlier(lift: tuple[int, OrderKey, Entry]) -> tuple[int, OrderKey]:
    return lift[:2]


def _says(_: Entry) -> Tag:
    return Tag.SAYS


class Threads:
    """Which entries are said to which tops. All are added in any order, and can be taken out."""

    def __init__(self, marks: Marks, saw: Saw, tag: Callable[[Entry], Tag] = _says) -> None:
        self._marks = marks
        self._saw = saw
        self._tag = tag
        self.tops: dict[bytes, tuple[Entry, Heard]] = {}
        self.changed: dict[bytes, None] = {}  # the tops to be folded again
        self.moved: dict[bytes, Entry] = {}  # what may be said to others, or count otherwise, now
        self._others: dict[bytes, Entry] = {}
        self._at: dict[bytes, tuple[bytes, ...]] = {}
        self._citing: dict[bytes, list[Entry]] = {}

    def top(self, entry: Entry) -> None:
        """Something that others answer."""
        self.tops[entry.digest] = (entry, Heard(entry))
        self.changed[entry.digest] = None
        self._place_all(self._citing.get(entry.digest, ()))

    def add(self, entry: Entry) -> None:
        """Something that may answer."""
        self._others[entry.digest] = self.moved[entry.digest] = entry
        for target in dict.fromkeys(entry.cites()):
            put(self._citing.setdefault(target, []), entry)
        self._place_all([entry])

    def drop(self, entry: Entry) -> None:
        """It is not here any more."""
        digest = entry.digest
        if self.tops.pop(digest, None) is not None:
            self.changed.pop(digest, None)
        elif digest in self._others:
            self._put(entry, ())
            del self._others[digest]
            self.moved.pop(digest, None)
            for target in dict.fromkeys(entry.cites()):
                drop(self._citing.get(target, []), entry)
        self._place_all(self._citing.get(digest, ()))

    def renew(self, entry: Entry) -> None:
        """It was cancelled or replaced, or stands again."""
        if entry.digest in self.tops:
            self.changed[entry.digest] = None
        if entry.digest in self._others:
            self.moved[entry.digest] = entry
        for top in self._at.get(entry.digest, ()):
            self._weigh(entry, top)

    def at(self, entry: Entry) -> tuple[bytes, ...]:
        """To which tops an entry is said."""
        return self._at.get(entry.digest, ())

    def _place_all(self, entries: Iterable[Entry]) -> None:
        """Place some entries, and what cites those that moved."""
        todo = list(entries)
        while todo:
            entry = todo.pop()
            found = self._placed(entry)
            if found != self._at.get(entry.digest, ()):
                self._put(entry, found)
                todo += self._citing.get(entry.digest, ())

    def _placed(self, entry: Entry) -> tuple[bytes, ...]:
        saw, tops, at = self._saw, self.tops, self._at
        direct: dict[bytes, None] = {}
        through: dict[bytes, None] = {}
        for target in entry.cites():
            top = tops.get(target)
            if top is not None and saw(entry, top[0]):
                direct[target] = None
            elif at.get(target) and saw(entry, self._others[target]):
                through.update(dict.fromkeys(at[target]))
        return tuple(direct or through)[:MAX_THREADS]

    def _put(self, entry: Entry, found: tuple[bytes, ...]) -> None:
        self.moved[entry.digest] = entry
        for top in self._at.pop(entry.digest, ()):
            if top not in found and top in self.tops:
                self.tops[top][1].drop(entry, self._tag(entry))
                self.changed[top] = None
        if found:
            self._at[entry.digest] = found
        for top in found:
            self._weigh(entry, top)

    def _weigh(self, entry: Entry, top: bytes) -> None:
        heard = self.tops[top][1]
        if self._marks.counts(entry):
            heard.put(entry, self._tag(entry))
        else:
            heard.drop(entry, self._tag(entry))
        self.changed[top] = None


# -------------------------------------------------------------------------------------- and views


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """What a top comes to at a moment, and how long that holds: ``span``, and with these dues."""

    values: tuple[T, ...]
    span: Span = (-EVER, EVER)
    dues: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Folded(Generic[T]):
    """A top as folded. ``rank``: those with a low one are shown first. ``of``: who is asked."""

    top: Entry
    rank: tuple[int, int]
    settle: Callable[[int, tuple[int | None, ...]], Settled[T]]
    of: tuple[str, ...] = ()


class Lane(Generic[T]):
    """The questions of an incident, or its holds, links, public statements."""

    def __init__(self, threads: Threads, fold: Callable[[Entry, Heard], Folded[T] | None]) -> None:
        self._threads = threads
        self._fold = fold
        self._folded: dict[bytes, Folded[T]] = {}
        self._settled: dict[bytes, Settled[T]] = {}
        self._ranks: dict[str, list[tuple[tuple[int, int], bytes]]] = {}
        self._shown: tuple[int | None, list[Folded[T]], int] | None = None
        self._values: tuple[tuple[T, ...], Span] | None = None  # of what is shown, without dues

    def shown(self, now_ms: int, dues: Dues, most: int | None) -> tuple[tuple[T, ...], int]:
        """What they come to at a moment, in display order, and how many are left out.

        ``most``: how many of each party, all if ``None``. ``dues``: as in ``Book.view``.
        """
        self._fold_changed()
        if self._shown is None or self._shown[0] != most:
            self._shown = (most, *self._chosen(most))
            self._values = None
        _, chosen, left = self._shown
        values, span = self._values or ((), (0, 0))
        if dues or not span[0] <= now_ms < span[1]:
            found = [self._at(each, now_ms, dues) for each in chosen]
            values = tuple(one for each in found for one in each.values)
            span = (
                max((each.span[0] for each in found), default=-EVER),
                min((each.span[1] for each in found), default=EVER),
            )
            self._values = None if dues else (values, span)
        return values, left

    def _fold_changed(self) -> None:
        changed = self._threads.changed
        if not changed:
            return
        for digest in changed:
            top, heard = self._threads.tops[digest]
            self._set(digest, self._fold(top, heard))
        changed.clear()

    def forget(self, digest: bytes) -> None:
        """A top is not here any more."""
        self._set(digest, None)

    def _set(self, digest: bytes, new: Folded[T] | None) -> None:
        old = self._folded.pop(digest, None)
        self._settled.pop(digest, None)
        self._shown = None
        if old is not None:
            ranks = self._ranks[old.top.party]
            del ranks[bisect_left(ranks, (old.rank, digest))]
        if new is not None:
            self._folded[digest] = new
            insort(self._ranks.setdefault(new.top.party, []), (new.rank, digest))

    def _chosen(self, most: int | None) -> tuple[list[Folded[T]], int]:
        found = [self._folded[one] for some in self._ranks.values() for _, one in some[:most]]
        found.sort(key=lambda one: one.top.key)
        return found, len(self._folded) - len(found)

    def _at(self, one: Folded[T], now_ms: int, dues: Dues) -> Settled[T]:
        digest = one.top.digest
        due = tuple(dues.get((digest, party)) for party in one.of) if dues else ()
        known = self._settled.get(digest)
        if known is None or known.dues != due or not known.span[0] <= now_ms < known.span[1]:
            known = self._settled[digest] = one.settle(now_ms, due)
        return known
