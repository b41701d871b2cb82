"""What still stands of what a party said, and which of its acts is its newest.

A party takes back (CANCELS) or replaces (CORRECTS, SUPERSEDES) what it has said itself and had read
when it did so. Nobody does so to another's: such a reference is shown and moves nothing. A second
story moves nothing at all. A cancellation is final: who cancelled by mistake says it anew. A
correction that is cancelled no longer replaces anything, so what it corrected stands again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tieline.core.agreement.meaning import Act
from tieline.core.incident.entry import Entry
from tieline.core.terms import RefRole

REPLACING: Final = frozenset({RefRole.CORRECTS, RefRole.SUPERSEDES})
AGAINST: Final = REPLACING | {RefRole.CANCELS}
MAX_THREADS: Final = 16  # how many questions, holds or links one entry can be part of

Saw = Callable[[Entry, Entry], bool]


class Marks:
    """Which statements are cancelled or replaced, and by what."""

    def __init__(self) -> None:
        self.noted: list[Entry] = []  # of which something may have changed, as it was found
        self._against: dict[bytes, list[tuple[RefRole, Entry]]] = {}
        self._moved: set[tuple[bytes, bytes]] = set()

    def note(self, entry: Entry, role: RefRole, cited: Entry) -> bool:
        """Take in one reference, whose author had read what it cites. Whether it moves anything."""
        if role not in AGAINST or entry.party != cited.party or entry.story:
            return False
        if entry.through != cited.through:
            return False  # who speaks for another takes back what it said for that one, or its own
        self._against.setdefault(cited.digest, []).append((role, entry))
        self._moved.add((entry.digest, cited.digest))
        self.noted.append(cited)
        return True

    def void(self, entry: Entry) -> tuple[bytes, ...]:
        """What an entry would take back or replace, and does not: another's, or not read."""
        targets = entry.cites(*AGAINST) if entry.refs else ()
        return tuple(one for one in targets if (entry.digest, one) not in self._moved)

    def cancelled_by(self, entry: Entry) -> Entry | None:
        """The first cancellation of an entry."""
        found = self._against.get(entry.digest)
        if found is None:
            return None
        return first(one for role, one in found if role is RefRole.CANCELS)

    def replaced_by(self, entry: Entry) -> Entry | None:
        """The last correction of an entry that is not cancelled itself."""
        found = self._against.get(entry.digest)
        if found is None:
            return None
        standing = [
            one for role, one in found if role in REPLACING and self.cancelled_by(one) is None
        ]
        return max(standing, key=_key, default=None)

    def counts(self, entry: Entry) -> bool:
        """Whether what an entry says still stands: no second story, not cancelled, not replaced."""
        if entry.story:
            return False
        return entry.digest not in self._against or (
            self.cancelled_by(entry) is None and self.replaced_by(entry) is None
        )


class Front:
    """The newest of one party's acts, taken in display order.

    Of acts that crossed, because two stations of the party wrote them, the *safest* is given: the
    one that ``rank`` puts first.
    """

    def __init__(self, saw: Saw, rank: Callable[[Entry], int]) -> None:
        self._saw = saw
        self._rank = rank
        self._newest: list[Entry] = []

    def take(self, entry: Entry) -> Entry:
        """The act that counts after one more."""
        saw = self._saw
        self._newest = [one for one in self._newest if not saw(entry, one)]
        self._newest.append(entry)
        return min(self._newest, key=self._order)

    def _order(self, entry: Entry) -> tuple[int, tuple[object, ...]]:
        return self._rank(entry), entry.key


def threads(tops: Iterable[Entry], others: Sequence[Entry], saw: Saw) -> dict[bytes, list[Entry]]:
    """What is said to each of some entries, in display order.

    An entry is said to a top that it cites; when it cites none, to those to which what it cites is
    said (a correction of an answer answers what that answered). ``others`` are in display order.
    """
    out: dict[bytes, list[Entry]] = {top.digest: [] for top in tops}
    known: dict[bytes, Entry] = {top.digest: top for top in tops}
    said_to: dict[bytes, tuple[bytes, ...]] = {}
    for entry in others:
        cited = [one for one in map(known.get, entry.cites()) if one and saw(entry, one)]
        direct = [one.digest for one in cited if one.digest in out]
        if not direct:
            direct = [top for one in cited for top in said_to[one.digest]]
        if not direct or entry.digest in out:
            continue
        mine = tuple(dict.fromkeys(direct))[:MAX_THREADS]
        said_to[entry.digest] = mine
        known[entry.digest] = entry
        for top in mine:
            out[top].append(entry)
    return out


def withdrawal(top: Entry, said: Sequence[Entry], marks: Marks) -> Entry | None:
    """By what its author took back a question, a hold or a link, or said it anew."""
    found = [
        one
        for one in said
        if one.act is Act.WITHDRAW and (one.party, one.through) == (top.party, top.through)
    ]
    found += [one for one in (marks.cancelled_by(top), marks.replaced_by(top)) if one is not None]
    return first(found)


def first(entries: Iterable[Entry]) -> Entry | None:
    """The first in display order."""
    return min(entries, key=_key, default=None)


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """In display order."""
    return sorted(entries, key=_key)


def _key(entry: Entry) -> tuple[object, ...]:
    return entry.key
