"""A Merkle tree that is only appended to, in memory that grows with the logarithm of its size.

The tree is that of ``tieline.core.tree`` (RFC 6962 section 2.1). A ``Frontier`` keeps the roots of
the complete subtrees that cover its leaves, the largest first: enough for the root of its present
size and of every later one, and for no proof. The hashes of a run of leaves can be joined into
complete subtrees elsewhere (``subtrees``), and then be added at once.

This module does not know what a leaf stands for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from tieline.core.tree import EMPTY_ROOT, HASH_BYTES

Subtree = tuple[int, bytes]  # of so many leaves by its power of two, and its hash

_HASH: Final = hashlib.sha256


def subtrees(start: int, leaves: bytes) -> list[Subtree]:
    """The complete subtrees that cover a run of leaf hashes which begins at leaf ``start``.

    They are the largest ones that are aligned as those of the tree are, from left to right.
    """
    out: list[Subtree] = []
    count = len(leaves) // HASH_BYTES
    at = 0
    while at < count:
        level = (count - at).bit_length() - 1
        where = start + at
        if where:
            level = min(level, (where & -where).bit_length() - 1)
        out.append((level, _complete(leaves, at, level)))
        at += 1 << level
    return out


def _complete(leaves: bytes, at: int, level: int) -> bytes:
    """The root of 2^level leaves."""
    row = leaves[at * HASH_BYTES : (at + (1 << level)) * HASH_BYTES]
    pair = 2 * HASH_BYTES
    while len(row) > HASH_BYTES:
        row = b"".join(
            [_HASH(b"\x01" + row[i : i + pair]).digest() for i in range(0, len(row), pair)]
        )
    return row


class Frontier:
    """The left edge of a growing tree."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """An empty tree, or one as ``peaks`` of another gave it."""
        self.size = size
        self._peaks = list(peaks)

    def peaks(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, the largest first: one for each bit of the size."""
        return tuple(self._peaks)

    def add(self, level: int, hashed: bytes) -> None:
        """Append a complete subtree of 2^level leaves, at a size that is a multiple of that."""
        rest = self.size >> level
        while rest & 1:
            hashed = _HASH(b"\x01" + self._peaks.pop() + hashed).digest()
            rest >>= 1
        self._peaks.append(hashed)
        self.size += 1 << level

    def extend(self, parts: Iterable[Subtree]) -> None:
        """Append what ``subtrees`` made of the leaves from this size on."""
        for level, hashed in parts:
            self.add(level, hashed)

    def root(self) -> bytes:
        """The root at the present size."""
        if not self._peaks:
            return EMPTY_ROOT
        out = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            out = _HASH(b"\x01" + peak + out).digest()
        return out
