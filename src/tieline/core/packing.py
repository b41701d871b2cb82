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
        self._items: dict[tuple[bytes, int, bytes], bytes] = {}

    def envelopes(self, receipts: Sequence[Receipt]) -> Iterator[bytes]:
        """As ``sync.pack`` gives them of so many at a time as one envelope may have."""
        for start in range(0, len(receipts), sync.MAX_RECEIPTS):
            part = receipts[start : start + sync.MAX_RECEIPTS]
            whole = b"".join([self._item(one) for one in part])
            yield self._start + encode.head(4, len(part)) + whole

    def _item(self, one: Receipt) -> bytes:
        key = (one.log, one.size, one.signature)  # which is its maker's, and of its time
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = encode.dumps(one.encode())
        return item
