"""What each party says of an incident, aspect by aspect, with every version that it gave.

Accounts stand side by side and are never merged. A correction adds a version; every earlier one
stays, with what became of it. What a party infers (whose it was, what caused it) is kept apart from
what it observed. Who speaks for another gives an account of that other, not its own.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from tieline.core.agreement.meaning import ASPECTS, ATTRIBUTION, Act, Means
from tieline.core.incident.align import Alignment, Tolerances, Where, align, together
from tieline.core.incident.entry import Entry, OrderKey, Stated
from tieline.core.incident.marks import Marks, Saw, drop, holds, order, put

# Acts in which stating an aspect is giving an account. A notice or a question is none.
TELLS: Final = frozenset(
    {Act.NONE, Act.OPEN, Act.WORD, Act.ACCOUNT, Act.ANSWER, Act.CLOSE, Act.REOPEN}
)
_PLACE: Final = {aspect: place for place, aspect in enumerate(ASPECTS)}
Voice = tuple[str, str]  # the party that speaks, and for whom ("" for itself)
# Of those for whom others speak so many are compared, the first heard: names cost nothing.
MAX_THROUGH: Final = 4
_REMEMBERED: Final = 4_096  # pairs that were compared


class Standing(enum.StrEnum):
    """What became of a version of an account."""

    CURRENT = "current"
    EARLIER = "earlier"  # the party has since said something newer
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    BESIDE = "beside"  # by another station of the party, which had not read the current one


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version: what its entry states of the aspect. ``by``: what replaced or cancelled it.

    ``number``: the how manieth it is of all of its account, from 1.
    """

    number: int
    entry: Entry
    stated: tuple[Stated, ...]
    standing: Standing
    by: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one party says of one aspect: its versions, in display order.

    ``left``: how many of them are left out, between the first and the newest.
    """

    party: str
    through: str
    aspect: Means
    versions: tuple[Version, ...]
    left: int = 0

    @property
    def current(self) -> Version | None:
        """The version that stands, if any does."""
        return next((one for one in self.versions if one.standing is Standing.CURRENT), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """One aspect over all parties. ``pairs``: how each two of them stand to each other."""

    aspect: Means
    alignment: Alignment
    pairs: tuple[tuple[Voice, Voice, Alignment], ...] = ()


@dataclass(slots=True, eq=False)
class _Told:
    """What one voice said of one aspect, and what of that still counts; both in display order."""

    entries: list[Entry] = field(default_factory=list)
    standing: list[Entry] = field(default_factory=list)
    made: Account | None = None
    most: int | None = None  # versions in it


class Accounts:
    """The accounts of one incident. Statements are added in any order.

    One more costs the same, however many there are. Of each account are shown the first version,
    the newest, and the one that stands; of those for whom a party speaks, the first heard.
    """

    def __init__(self, marks: Marks, saw: Saw) -> None:
        self._marks = marks
        self._saw = saw
        self._aspects: dict[Means, dict[Voice, _Told]] = {}
        self._own: dict[Means, list[str]] = {}  # the parties that speak for themselves
        self._relayed: dict[Means, dict[str, list[tuple[OrderKey, str]]]] = {}  # by who speaks
        self._within = Tolerances()
        self._pairs: dict[tuple[Means, bytes, bytes], Alignment] = {}
        self._compared: dict[Means, Aligned] = {}

    def add(self, entry: Entry) -> None:
        """One statement that counts in the incident."""
        voice = (entry.party, entry.through)
        counts = self._marks.counts(entry)
        for aspect in _told(entry):
            voices = self._aspects.setdefault(aspect, {})
            told = voices.get(voice)
            if told is None:
                told = voices[voice] = _Told()
                if not entry.through:
                    insort(self._own.setdefault(aspect, []), entry.party)
            before = told.entries[0] if told.entries else None
            put(told.entries, entry)
            if counts:
                put(told.standing, entry)
            self._began(aspect, voice, before, told.entries[0])
            self._forget(aspect, told)

    def drop(self, entry: Entry) -> None:
        """It is not in the incident any more."""
        voice = (entry.party, entry.through)
        for aspect in _told(entry):
            told = self._aspects[aspect][voice]
            before = told.entries[0]
            drop(told.entries, entry)
            drop(told.standing, entry)
            self._began(aspect, voice, before, told.entries[0] if told.entries else None)
            self._forget(aspect, told)
            if not told.entries:
                del self._aspects[aspect][voice]
                if not entry.through:
                    self._own[aspect].remove(entry.party)

    def _began(
        self, aspect: Means, voice: Voice, before: Entry | None, after: Entry | None
    ) -> None:
        """Of those for whom a party speaks, keep the order in which they were first heard."""
        party, through = voice
        if not through or before is after:
            return
        some = self._relayed.setdefault(aspect, {}).setdefault(party, [])
        if before is not None:
            del some[bisect_left(some, (before.key, through))]
        if after is not None:
            insort(some, (after.key, through))

    def renew(self, entry: Entry) -> None:
        """An entry was cancelled or replaced, or stands again."""
        counts = self._marks.counts(entry)
        for aspect in _told(entry):
            told = self._aspects.get(aspect, {}).get((entry.party, entry.through))
            if told is not None and holds(told.entries, entry):
                (put if counts else drop)(told.standing, entry)
                self._forget(aspect, told)

    def _forget(self, aspect: Means, told: _Told) -> None:
        told.made = None
        self._compared.pop(aspect, None)

    def all(self, most: int | None = None, *, voices: int | None = None) -> tuple[Account, ...]:
        """Every account, by aspect and party, each with ``most`` versions or a few more.

        ``voices``: for how many others of each party accounts are given.
        """
        return tuple(
            one
            for aspect in sorted(self._aspects, key=_PLACE.__getitem__)
            for one in self._of(aspect, most, voices)
        )

    def left(self, voices: int) -> int:
        """How many accounts are left out, if of each party so many others are heard."""
        some = (names for by in self._relayed.values() for names in by.values())
        return sum(max(0, len(names) - voices) for names in some)

    def _of(self, aspect: Means, most: int | None, voices: int | None) -> list[Account]:
        relayed = self._relayed.get(aspect, {})
        found = [(party, "") for party in self._own.get(aspect, ())]
        found += [
            (party, through) for party, names in relayed.items() for _, through in names[:voices]
        ]
        return [self._account(aspect, voice, most) for voice in sorted(found)]

    def aligned(self, within: Tolerances) -> tuple[Aligned, ...]:
        """How the parties' current versions stand to each other, aspect by aspect."""
        if within != self._within:
            self._within = within
            self._pairs.clear()
            self._compared.clear()
        return tuple(
            self._compared.get(aspect) or self._aligned(aspect)
            for aspect in sorted(self._aspects, key=_PLACE.__getitem__)
            if self._aspects[aspect]
        )

    def _aligned(self, aspect: Means) -> Aligned:
        heard = sorted(
            (key, (party, through))
            for party, names in self._relayed.get(aspect, {}).items()
            for key, through in names[:MAX_THROUGH]
        )
        compared = [(party, "") for party in self._own.get(aspect, ())]
        compared += [voice for _, voice in heard[:MAX_THROUGH]]
        current = [(one, self._current(aspect, one)) for one in compared]
        pairs: list[tuple[Voice, Voice, Alignment]] = []
        for (one, mine), (other, theirs) in combinations(current, 2):
            found = Alignment.NOT_STATED
            if mine is not None and theirs is not None:
                found = self._pair(aspect, mine, theirs)
            pairs.append((one, other, found))
        made = self._compared[aspect] = Aligned(
            aspect=aspect, alignment=together([found for *_, found in pairs]), pairs=tuple(pairs)
        )
        return made

    def _current(self, aspect: Means, voice: Voice) -> Entry | None:
        standing = self._aspects[aspect][voice].standing
        return standing[-1] if standing else None

    def _pair(self, aspect: Means, one: Entry, other: Entry) -> Alignment:
        """Kept, since a distance along the ellipsoid is dear."""
        key = (aspect, one.digest, other.digest)
        found = self._pairs.get(key)
        if found is None:
            if len(self._pairs) >= _REMEMBERED:
                self._pairs.clear()
            mine, theirs = _where(aspect, one), _where(aspect, other)
            found = self._pairs[key] = align(aspect, mine, theirs, self._within)
        return found

    def _account(self, aspect: Means, voice: Voice, most: int | None) -> Account:
        told = self._aspects[aspect][voice]
        if told.made is not None and told.most == most:
            return told.made
        some, current = told.entries, told.standing[-1] if told.standing else None
        if most is not None and len(some) > most:
            some = [some[0], *some[len(some) - most + 1 :]]
            if current is not None:
                put(some, current)
        party, through = voice
        told.most = most
        told.made = Account(
            party=party,
            through=through,
            aspect=aspect,
            versions=tuple(
                self._version(aspect, one, current, bisect_left(told.entries, one.key, key=order))
                for one in some
            ),
            left=len(told.entries) - len(some),
        )
        return told.made

    def _version(self, aspect: Means, entry: Entry, current: Entry | None, place: int) -> Version:
        marks = self._marks
        standing, by = Standing.EARLIER, None
        if entry is current:
            standing = Standing.CURRENT
        elif (found := marks.cancelled_by(entry)) is not None:
            standing, by = Standing.CANCELLED, found.digest
        elif (found := marks.replaced_by(entry)) is not None:
            standing, by = Standing.REPLACED, found.digest
        elif current is not None and entry.log != current.log and not self._saw(current, entry):
            standing = Standing.BESIDE
        stated = _stated(aspect, entry)
        return Version(number=place + 1, entry=entry, stated=stated, standing=standing, by=by)


def _told(entry: Entry) -> list[Means]:
    """Of which aspects a statement is a version of its author's account."""
    said = entry.said
    if said is None or not said.stated or said.act not in TELLS:
        return []
    return list(dict.fromkeys(one.aspect for one in said.stated))


def _stated(aspect: Means, entry: Entry) -> tuple[Stated, ...]:
    stated = entry.said.stated if entry.said else ()
    if len(stated) == 1 and stated[0].aspect is aspect:
        return stated
    return tuple([one for one in stated if one.aspect is aspect])


def apart(accounts: Iterable[Account]) -> tuple[tuple[Account, ...], tuple[Account, ...]]:
    """Accounts of what was observed, and of what is inferred."""
    every = tuple(accounts)
    return (
        tuple(one for one in every if one.aspect not in ATTRIBUTION),
        tuple(one for one in every if one.aspect in ATTRIBUTION),
    )


def _where(aspect: Means, entry: Entry) -> Where:
    return Where("" if entry.said is None else entry.said.pack, _stated(aspect, entry))
