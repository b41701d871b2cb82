"""The display order of one station, as it was last looked at.

The order is looked at after every turn of every station, so a look must cost little when little has
changed. The record's own references are compared with those of the last look, and only from the
first that differs on are the statements themselves looked at. The whole order is looked at in at
least one of ``EACH`` looks, or in one of half as many as it is long where that is more (so that
what a look costs does not grow with the record), at the first look at another record (the station
has started anew), and at the end.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from tieline.core.record import Item, Record
from tieline.sim.violation import Violation

EACH = 16


@dataclass(slots=True)
class Shown:
    """``where`` is the place of each digest shown; ``union`` names the set of them."""

    where: dict[bytes, int] = field(default_factory=dict)
    union: int = 0  # exclusive or of the digests
    _items: list[Item] = field(default_factory=list)
    _digests: list[bytes] = field(default_factory=list)
    # After each digest: the hash of the order up to it.
    _chain: list[bytes] = field(default_factory=list)
    _refs: array[int] = field(default_factory=lambda: array("Q"))
    _record: Record | None = None
    _partial: int = 0  # looks at a part of the order, since the last one at the whole

    def unmoved(self, record: Record) -> bool:
        """Whether nothing needs a look: the references are those of the last one."""
        if (
            self._partial + 1 >= self._each()
            or record is not self._record
            or record.refs != self._refs
        ):
            return False
        self._partial += 1
        return True

    def look(self, record: Record, *, whole: bool = False) -> list[Item]:
        """Take the order that is shown now; returns what has come up since the last look.

        Raises ``Violation`` when what was shown is not shown any more, or in another order.
        """
        start = 0
        self._partial += 1
        if whole or record is not self._record or self._partial >= self._each():
            self._partial, self._record = 0, record
        else:
            start = _first_difference(record.refs, self._refs)
        self._refs[start:] = record.refs[start:]
        tail, known = record.order[start:], self._items[start:]
        same = _first_difference(tail, known)
        start, tail = start + same, tail[same:]
        digests = [item.statement.digest for item in tail]
        if [digest for digest in digests if digest in self.where] != self._digests[start:]:
            raise Violation(3, "statements changed their order after they were shown")
        fresh = [item for item in tail if item.statement.digest not in self.where]
        for index, digest in enumerate(digests, start):
            self.where[digest] = index
        for item in fresh:
            self.union ^= int.from_bytes(item.statement.digest, "big")
        self._digests[start:] = digests
        self._items[start:] = tail
        del self._chain[start:]
        return fresh

    def _each(self) -> int:
        return max(EACH, len(self._items) // 2)

    def print_of(self) -> bytes:
        """A hash of the order."""
        chain = self._chain
        last = chain[-1] if chain else b""
        for digest in self._digests[len(chain) :]:
            last = hashlib.sha256(last + digest).digest()
            chain.append(last)
        return last


def _first_difference(now: Sequence[object], before: Sequence[object]) -> int:
    """How many are the same from the start on."""
    low, high = 0, min(len(now), len(before))
    if now[:high] == before[:high]:
        return high
    while high - low > 1:  # the first that differs is in here
        middle = (low + high) // 2
        if now[low:middle] == before[low:middle]:
            low = middle
        else:
            high = middle
    return low
