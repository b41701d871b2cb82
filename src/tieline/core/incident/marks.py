"""What still stands of what a party said, and which of its acts is its newest.

A party takes back (CANCELS) or replaces (CORRECTS, SUPERSEDES) what it has said itself and had read
when it did so. Nobody does so to another's: such a reference is shown and moves nothing. A second
story moves nothing at all. A cancellation is final: who cancelled by mistake says it anew. A
correction that is cancelled no longer replaces anything, so what it corrected stands again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final

from tieline.core.incident.entry import Entry, OrderKey, Placed
from tieline.core.terms import RefRole

REPLACING: Final = frozenset({RefRole.CORRECTS, RefRole.SUPERSEDES})
AGAINST: Final = REPLACING | {RefRole.CANCELS}

Saw = Callable[[Placed, Placed], bool]
order: Final[Callable[[Entry], OrderKey]] = attrgetter("key")  # the place in display order


class Marks:
    """Which statements are cancelled or replaced, and by what.

    To note a reference and to ask costs the same, however often a statement was replaced.
    """

    def __init__(self) -> None:
        self._cancelled: dict[bytes, Entry] = {}  # by its first cancellation
        self._replaced: dict[bytes, list[Entry]] = {}  # by what is not cancelled, in order
        self._moved: set[tuple[bytes, bytes]] = set()

    def note(self, entry: Entry, role: RefRole, cited: Entry) -> bool:
        """Take in one reference, whose author had read what it cites. Whether it moves anything."""
        if role not in AGAINST or entry.party != cited.party or entry.story:
            return False
        if entry.through != cited.through:
            return False  # who speaks for another takes back what it said for that one, or its own
        self._moved.add((entry.digest, cited.digest))
        if role is RefRole.CANCELS:
            self._cancel(entry, cited)
        elif entry.digest not in self._cancelled:
            put(self._replaced.setdefault(cited.digest, []), entry)
        return True

    def _cancel(self, entry: Entry, cited: Entry) -> None:
        """For good; and what it replaced is no longer replaced by it."""
        before = self._cancelled.get(cited.digest)
        if before is None or entry.key < before.key:
            self._cancelled[cited.digest] = entry
        for target in cited.cites(*REPLACING) if before is None else ():
            drop(self._replaced.get(target, []), cited)

    def void(self, entry: Entry) -> tuple[bytes, ...]:
        """What an entry would take back or replace, and does not: another's, or not read."""
        targets = entry.cites(*AGAINST) if entry.refs else ()
        return tuple(one for one in targets if (entry.digest, one) not in self._moved)

    def cancelled_by(self, entry: Entry) -> Entry | None:
        """The first cancellation of an entry."""
        return self._cancelled.get(entry.digest)

    def replaced_by(self, entry: Entry) -> Entry | None:
        """The last correction of an entry that is not cancelled itself."""
        found = self._replaced.get(entry.digest)
        return found[-1] if found else None

    def counts(self, entry: Entry) -> bool:
        """Whether what an entry says still stands: no second story, not cancelled, not replaced."""
        digest = entry.digest
        return not (entry.story or digest in self._cancelled or self._replaced.get(digest))


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


def first(entries: Iterable[Entry]) -> Entry | None:
    """The first in display order."""
    return min(entries, key=order, default=None)


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """In display order."""
    return sorted(entries, key=order)


def put(some: list[Entry], entry: Entry) -> None:
    """Put an entry where it belongs in a list in display order, once. At the end it is cheapest."""
    if not some or some[-1].key < entry.key:
        some.append(entry)
        return
    at = bisect_left(some, entry.key, key=order)
    if some[at] is not entry:
        some.insert(at, entry)


def drop(some: list[Entry], entry: Entry) -> None:
    """Take an entry out of a list in display order, if it is there."""
    at = bisect_left(some, entry.key, key=order)
    if at < len(some) and some[at] is entry:
        del some[at]


class Shelf:
    """Entries by party, each in display order."""

    def __init__(self) -> None:
        self.count = 0
        self._by: dict[str, list[Entry]] = {}

    def put(self, entry: Entry) -> None:
        """One more; once."""
        some = self._by.setdefault(entry.party, [])
        before = len(some)
        put(some, entry)
        self.count += len(some) - before

    def drop(self, entry: Entry) -> None:
        """One less, if it is here."""
        some = self._by.get(entry.party, [])
        before = len(some)
        drop(some, entry)
        self.count += len(some) - before

    def of(self, party: str) -> list[Entry]:
        """All of a party."""
        return self._by.get(party, [])

    def newest(self, most: int | None) -> list[Entry]:
        """The newest so many of each party, in display order; all if ``None``."""
        if most is None:
            return ordered(one for some in self._by.values() for one in some)
        return ordered(one for some in self._by.values() for one in some[-most:])


def holds(some: list[Entry], entry: Entry) -> bool:
    """Whether an entry is in a list in display order."""
    at = bisect_left(some, entry.key, key=order)
    return at < len(some) and some[at] is entry
