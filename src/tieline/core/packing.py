"""Receipts for many peers, each of them encoded once.

A station tells every peer of nearly the same receipts, and no two of exactly the same: none of its
own, nor what it has told us. In a line of n parties there are n times n of them to be told n times
by each station; so what is done for one of them and one peer has to be next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tieline.core import encode, sync
from tieline.core.checkpoint import Receipt


class Packing:
    """The envelopes of one line's receipts, as long as nothing else is told."""

    def __init__(self, line: bytes) -> None:
        self._start = b"\x83" + encode.dumps(sync.RECEIPTS) + encode.dumps(line)
        self._items: dict[int, bytes] = {}  # by the identity of the receipt, which ``_held`` keeps
        self._held: list[Receipt] = []

    def envelopes(self, receipts: Sequence[Receipt]) -> Iterator[bytes]:
        """As ``sync.pack`` gives them of so many at a time as one envelope may have."""
        for start in range(0, len(receipts), sync.MAX_RECEIPTS):
            part = receipts[start : start + sync.MAX_RECEIPTS]
            items = self._items
            for one in part:
                if id(one) not in items:
                    items[id(one)] = encode.dumps(one.encode())
                    self._held.append(one)
            whole = b"".join([items[id(one)] for one in part])
            yield self._start + encode.head(4, len(part)) + whole
