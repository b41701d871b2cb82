"""What each party says of an incident, aspect by aspect, with every version that it gave.

Accounts stand side by side and are never merged. A correction adds a version; every earlier one
stays, with what became of it. What a party infers (whose it was, what caused it) is kept apart from
what it observed. Who speaks for another gives an account of that other, not its own.
"""

from __future__ import annotations

import enum
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from tieline.core.agreement.meaning import ASPECTS, ATTRIBUTION, Act, Means
from tieline.core.incident.align import Alignment, Tolerances, Where, align, together
from tieline.core.incident.entry import Entry, Stated
from tieline.core.incident.marks import Marks, Saw

# Acts in which stating an aspect is giving an account. A notice or a question is none.
TELLS: Final = frozenset(
    {Act.NONE, Act.OPEN, Act.WORD, Act.ACCOUNT, Act.ANSWER, Act.CLOSE, Act.REOPEN}
)
_PLACE: Final = {aspect: place for place, aspect in enumerate(ASPECTS)}
Voice = tuple[str, str]  # the party that speaks, and for whom ("" for itself)
# Of those for whom others speak so many are compared, the first heard: names cost nothing.
MAX_THROUGH: Final = 4


class Standing(enum.StrEnum):
    """What became of a version of an account."""

    CURRENT = "current"
    EARLIER = "earlier"  # the party has since said something newer
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    BESIDE = "beside"  # by another station of the party, which had not read the current one


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version: what its entry states of the aspect. ``by``: what replaced or cancelled it."""

    entry: Entry
    stated: tuple[Stated, ...]
    standing: Standing
    by: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one party says of one aspect: all versions, in display order."""

    party: str
    through: str
    aspect: Means
    versions: tuple[Version, ...]

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


class Accounts:
    """The accounts of one incident. Statements are added in any order."""

    def __init__(self, marks: Marks, saw: Saw) -> None:
        self._marks = marks
        self._saw = saw
        self._told: dict[tuple[Means, Voice], list[Entry]] = {}
        self._made: dict[tuple[Means, Voice], Account] = {}
        self._order: list[tuple[Means, Voice]] = []
        self._within = Tolerances()
        self._pairs: dict[tuple[Means, bytes, bytes], Alignment] = {}
        self._compared: dict[Means, Aligned] = {}

    def add(self, entry: Entry) -> None:
        """One statement that counts in the incident."""
        for key in _told(entry):
            some = self._told.get(key)
            if some is None:
                self._told[key] = [entry]
                insort(self._order, key, key=_order)
            else:
                some.append(entry)
            self._forget(key)

    def renew(self, entry: Entry) -> None:
        """An entry was cancelled or replaced, or stands again."""
        for key in _told(entry):
            self._forget(key)

    def _forget(self, key: tuple[Means, Voice]) -> None:
        self._made.pop(key, None)
        self._compared.pop(key[0], None)

    def all(self) -> tuple[Account, ...]:
        """Every account, by aspect and party."""
        return tuple(self._made.get(key) or self._account(key) for key in self._order)

    def aligned(self, within: Tolerances) -> tuple[Aligned, ...]:
        """How the parties' current versions stand to each other, aspect by aspect."""
        if within != self._within:
            self._within = within
            self._pairs.clear()
            self._compared.clear()
        by_aspect: dict[Means, list[Account]] = {}
        for account in self.all():
            by_aspect.setdefault(account.aspect, []).append(account)
        return tuple(
            self._compared.get(aspect) or self._aligned(aspect, some)
            for aspect, some in by_aspect.items()
        )

    def _aligned(self, aspect: Means, accounts: list[Account]) -> Aligned:
        relayed = sorted(
            (one for one in accounts if one.through), key=lambda one: one.versions[0].entry.key
        )
        compared = [one for one in accounts if not one.through] + relayed[:MAX_THROUGH]
        current = [(one, one.current) for one in compared]
        pairs: list[tuple[Voice, Voice, Alignment]] = []
        for (one, mine), (other, theirs) in combinations(current, 2):
            found = Alignment.NOT_STATED
            if mine is not None and theirs is not None:
                found = self._pair(aspect, mine, theirs)
            pairs.append(((one.party, one.through), (other.party, other.through), found))
        made = self._compared[aspect] = Aligned(
            aspect=aspect, alignment=together([found for *_, found in pairs]), pairs=tuple(pairs)
        )
        return made

    def _pair(self, aspect: Means, one: Version, other: Version) -> Alignment:
        """Kept, since a distance along the ellipsoid is dear."""
        key = (aspect, one.entry.digest, other.entry.digest)
        found = self._pairs.get(key)
        if found is None:
            found = self._pairs[key] = align(aspect, _where(one), _where(other), self._within)
        return found

    def _account(self, key: tuple[Means, Voice]) -> Account:
        aspect, (party, through) = key
        versions = _versions(aspect, self._told[key], self._marks, self._saw)
        made = Account(party=party, through=through, aspect=aspect, versions=versions)
        self._made[key] = made
        return made


def _told(entry: Entry) -> list[tuple[Means, Voice]]:
    """Of which accounts a statement is a version."""
    said = entry.said
    if said is None or not said.stated or said.act not in TELLS:
        return []
    voice = (entry.party, entry.through)
    return [(aspect, voice) for aspect in dict.fromkeys(one.aspect for one in said.stated)]


def _versions(aspect: Means, told: Iterable[Entry], marks: Marks, saw: Saw) -> tuple[Version, ...]:
    entries = sorted(told, key=lambda one: one.key)
    current = next((one for one in reversed(entries) if marks.counts(one)), None)
    out: list[Version] = []
    for entry in entries:
        standing, by = Standing.EARLIER, None
        if entry is current:
            standing = Standing.CURRENT
        elif (found := marks.cancelled_by(entry)) is not None:
            standing, by = Standing.CANCELLED, found.digest
        elif (found := marks.replaced_by(entry)) is not None:
            standing, by = Standing.REPLACED, found.digest
        elif current is not None and entry.log != current.log and not saw(current, entry):
            standing = Standing.BESIDE
        stated = entry.said.stated if entry.said else ()
        out.append(
            Version(
                entry=entry,
                stated=tuple(one for one in stated if one.aspect is aspect),
                standing=standing,
                by=by,
            )
        )
    return tuple(out)


def apart(accounts: Iterable[Account]) -> tuple[tuple[Account, ...], tuple[Account, ...]]:
    """Accounts of what was observed, and of what is inferred."""
    every = tuple(accounts)
    return (
        tuple(one for one in every if one.aspect not in ATTRIBUTION),
        tuple(one for one in every if one.aspect in ATTRIBUTION),
    )


def _where(version: Version) -> Where:
    said = version.entry.said
    return Where("" if said is None else said.pack, version.stated)


def _order(key: tuple[Means, Voice]) -> tuple[int, Voice]:
    return _PLACE[key[0]], key[1]
