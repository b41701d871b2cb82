"""A Merkle tree of which some stretches are known only by the hashes of their subtrees.

It grows from the left like ``tree.Tree``, by leaves and by whole aligned subtrees. The root of a
size can be computed when no subtree reaches over that size; otherwise nobody can, from what is
here. For each level the known hashes stand one after another, with a table of where each unbroken
stretch begins, so a log without gaps costs 64 bytes a leaf, whatever size it claims.

This module does not know where hashes come from, nor whether a root is true.
"""

from __future__ import annotations

from bisect import bisect_right

from tieline.core.evidence import cover
from tieline.core.tree import HASH_BYTES, node_hash


class _Level:
    """The known hashes of one height, by index."""

    __slots__ = ("data", "starts")

    def __init__(self) -> None:
        self.data = bytearray()
        self.starts: list[tuple[int, int]] = []  # (first index, its place in ``data``)

    def add(self, index: int, hashed: bytes) -> None:
        """Put a hash at an index above all that are here."""
        place = len(self.data) // HASH_BYTES
        if not self.starts or index - self.starts[-1][0] != place - self.starts[-1][1]:
            self.starts.append((index, place))
        self.data += hashed

    def get(self, index: int) -> bytes | None:
        """The hash at an index."""
        which = bisect_right(self.starts, (index, len(self.data))) - 1
        if which < 0:
            return None
        first, place = self.starts[which]
        at = (place + index - first) * HASH_BYTES
        end = len(self.data)
        if which + 1 < len(self.starts):
            end = self.starts[which + 1][1] * HASH_BYTES
        return bytes(self.data[at : at + HASH_BYTES]) if at < end else None


class Spread:
    """The tree so far."""

    __slots__ = ("_levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[_Level] = []

    def leaf(self, digest: bytes) -> None:
        """Add one leaf by its hash."""
        self._put(0, digest)

    def run(self, count: int, hashes: tuple[bytes, ...]) -> bool:
        """Add leaves that are covered by these subtrees; False, and nothing, if they are not."""
        parts = list(cover(self.size, self.size + count))
        if len(parts) != len(hashes):
            return False
        for (level, _), hashed in zip(parts, hashes, strict=True):
            self._put(level, hashed)
        return True

    def root(self, size: int) -> bytes | None:
        """The root at a size of at least 1; ``None`` when it cannot be computed from what is here.

        The subtrees of the size are joined from the right, as the recursion of RFC 6962 does.
        """
        out: bytes | None = None
        for level, index in reversed(list(cover(0, size))):
            node = self._levels[level].get(index) if level < len(self._levels) else None
            if node is None:
                return None
            out = node if out is None else node_hash(node, out)
        return out

    def _put(self, level: int, hashed: bytes) -> None:
        index = self.size >> level
        self.size += 1 << level
        while True:
            while len(self._levels) <= level:
                self._levels.append(_Level())
            self._levels[level].add(index, hashed)
            if not index & 1:
                return
            left = self._levels[level].get(index - 1)
            if left is None:  # a subtree above was given whole: its halves are not known
                return
            hashed = node_hash(left, hashed)
            level, index = level + 1, index >> 1
