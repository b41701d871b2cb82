"""The display order of one station, as it was last looked at.

The order is looked at after every turn of every station, so a look must cost little when little has
changed: the objects of the running station are compared by identity, and only from the first place
that differs on is anything counted again. What is checked is the whole order all the same. After a
turn that kept nothing, the record's own list of references is compared in its place, and the whole
order at each ``EACH`` of such looks: most turns keep nothing.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from tieline.core.record import Item
from tieline.sim.violation import Violation

EACH = 16


@dataclass(slots=True)
class Shown:
    """``where`` is the place of each digest shown; ``union`` names the set of them."""

    where: dict[bytes, int] = field(default_factory=dict)
    union: int = 0  # exclusive or of the digests
    _items: list[Item] = field(default_factory=list)
    _digests: list[bytes] = field(default_factory=list)
    _refs: array[int] = field(default_factory=lambda: array("Q"))
    _passed: int = 0  # looks at the references alone, since the last one at the order

    def unmoved(self, refs: array[int]) -> bool:
        """Whether the references are those of the last look, and it was not long ago."""
        self._passed += 1
        if self._passed < EACH and refs == self._refs:
            return True
        self._passed, self._refs = 0, refs[:]
        return False

    def look(self, shown: Sequence[Item]) -> list[Item]:
        """Take the order that is shown now; returns what has come up since the last look.

        Raises ``Violation`` when what was shown is not shown any more, or in another order.
        """
        order = list(shown)
        if order == self._items:
            return []
        start = len(self._items)
        if order[:start] != self._items:
            start = _first_difference(order, self._items)
        digests = [item.statement.digest for item in order[start:]]
        if [digest for digest in digests if digest in self.where] != self._digests[start:]:
            raise Violation(3, "statements changed their order after they were shown")
        fresh = [item for item in order[start:] if item.statement.digest not in self.where]
        for index, digest in enumerate(digests, start):
            self.where[digest] = index
        for item in fresh:
            self.union ^= int.from_bytes(item.statement.digest, "big")
        self._digests[start:] = digests
        self._items = order
        return fresh

    def print_of(self) -> bytes:
        """A hash of the order."""
        return hashlib.sha256(b"".join(self._digests)).digest()


def _first_difference(order: Sequence[Item], items: Sequence[Item]) -> int:
    for index, (one, other) in enumerate(zip(order, items, strict=False)):
        if one is not other:
            return index
    return min(len(order), len(items))
