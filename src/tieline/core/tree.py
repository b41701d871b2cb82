"""The Merkle tree of a log (RFC 6962 section 2.1, the same tree as in RFC 9162 section 2.1).

The tree is over leaf hashes: a log keeps its statements elsewhere and appends the hash of each one.
``Tree`` keeps the leaves, and the hashes of all complete subtrees of ``LOWEST`` levels and more;
the few nodes between are made again when they are wanted. So the root of any past size and any
proof cost a number of hashes that grows with the logarithm of the size, and the memory is 40 bytes
a leaf.

Rules held here:

* The verifiers take integers and bytes, and check their own preconditions: a proof has exactly
  the length that its sizes demand, so the bytes of a proof are as fixed as its meaning.
* A size is only as good as its source: an inclusion proof fits several sizes under one root, so the
  size and the root must come from the same checkpoint.
* At size zero, where verifiers in the wild differ: the empty tree has the hash of nothing as its
  root, every tree is consistent with it by an empty proof, and nothing is included in it.

This module does not know what a leaf stands for, nor who vouches for a root.
"""

from __future__ import annotations

from typing import Final

from tieline.core import crypto
from tieline.core.errors import LocalError, RemoteError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = crypto.sha256(b"")
LOWEST: Final = 3  # above the leaves, the lowest level whose nodes are kept


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf with this content (RFC 6962 section 2.1)."""
    return crypto.sha256(b"\x00" + data)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over the hashes of its two halves (RFC 6962 section 2.1)."""
    return crypto.sha256(b"\x01" + left + right)


class Tree:
    """An append-only tree over leaf hashes, with the proofs of every size it ever had."""

    __slots__ = ("_leaves", "_levels", "size")

    def __init__(self) -> None:
        self.size = 0  # the number of leaves; nobody else sets it
        self._leaves = bytearray()
        # _levels[k] holds the hashes of the complete subtrees of 2^(LOWEST+k) leaves.
        self._levels: list[bytearray] = [bytearray()]

    @property
    def leaves(self) -> bytearray:
        """All leaf hashes, one after the other; to be read only."""
        return self._leaves

    @property
    def levels(self) -> list[bytearray]:
        """The kept hashes of complete subtrees, from ``LOWEST`` upwards; to be read only."""
        return self._levels

    @staticmethod
    def of(leaves: bytearray, levels: list[bytearray]) -> Tree:
        """The tree whose ``leaves`` and ``levels`` these were; they are taken over, not copied.

        Raises ``LocalError`` (``tree.leaf``) when they cannot be those of one tree.
        """
        tree = Tree()
        tree._leaves, tree._levels = leaves, levels
        tree.size = size = len(leaves) // HASH_BYTES
        wanted = [size >> level for level in range(LOWEST, max(LOWEST + 1, size.bit_length()))]
        if [len(level) for level in levels] != [count * HASH_BYTES for count in wanted] or (
            len(leaves) % HASH_BYTES
        ):
            raise LocalError("tree.leaf", "the parts of a tree do not fit each other; hash anew")
        return tree

    def append(self, leaf: bytes) -> None:
        """Add one leaf by its hash of 32 bytes, or raise ``LocalError`` (``tree.leaf``)."""
        if len(leaf) != HASH_BYTES:
            raise LocalError("tree.leaf", f"a leaf hash has 32 bytes, not {len(leaf)}; hash it")
        self.size += 1
        self._leaves += leaf
        if not self.size % (1 << LOWEST):
            self._grow()

    def extend(self, leaf_hashes: bytes) -> None:
        """Add many leaves by their hashes, one after the other in ``leaf_hashes``.

        Raises ``LocalError`` (``tree.leaf``) unless its length is a multiple of 32; nothing is
        added then.
        """
        if len(leaf_hashes) % HASH_BYTES:
            raise LocalError(
                "tree.leaf", f"leaf hashes have 32 bytes each, but {len(leaf_hashes)} came; check"
            )
        self.size += len(leaf_hashes) // HASH_BYTES
        self._leaves += leaf_hashes
        self._grow()

    def _grow(self) -> None:
        """Bring the levels up to the size: hash what has been completed."""
        lowest = self._levels[0]
        for index in range(len(lowest) // HASH_BYTES, self.size >> LOWEST):
            lowest += self._low(LOWEST, index)
        level = 0
        while len(self._levels[level]) >= 2 * HASH_BYTES:
            if level + 1 == len(self._levels):
                self._levels.append(bytearray())
            below, above = self._levels[level], self._levels[level + 1]
            whole = len(below) // (2 * HASH_BYTES) * (2 * HASH_BYTES)
            if 2 * len(above) == whole:
                break
            for at in range(2 * len(above), whole, 2 * HASH_BYTES):
                above += crypto.sha256(b"\x01" + below[at : at + 2 * HASH_BYTES])
            level += 1

    def _low(self, level: int, index: int) -> bytes:
        """The node of a complete subtree of at most ``LOWEST`` levels, from its leaves."""
        if level:
            return node_hash(self._low(level - 1, 2 * index), self._low(level - 1, 2 * index + 1))
        at = index * HASH_BYTES
        return bytes(self._leaves[at : at + HASH_BYTES])

    def leaf(self, index: int) -> bytes:
        """The hash of one leaf. Raises ``LocalError`` (``tree.range``) beyond the last one."""
        if not 0 <= index < self.size:
            raise _out_of_range(f"there is no leaf {index} in a tree of {self.size} leaves")
        at = index * HASH_BYTES
        return bytes(self._leaves[at : at + HASH_BYTES])

    def subtree(self, level: int, index: int) -> bytes:
        """The hash over the 2^level leaves from index * 2^level on, all of which are here.

        Raises ``LocalError`` (``tree.range``) when they are not.
        """
        if level < 0 or index < 0 or (index + 1) << level > self.size:
            raise _out_of_range(f"there is no subtree {index} of height {level} here")
        return self._node(level, index)

    def root(self, size: int | None = None) -> bytes:
        """The root at ``size`` leaves, or at the present size.

        Raises ``LocalError`` (``tree.range``) for a size the tree has not reached.
        """
        size = self._check_size(self.size if size is None else size)
        return self._span(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """The proof that leaf ``index`` stands in the tree of ``size`` (RFC 6962 section 2.1.1).

        Raises ``LocalError`` (``tree.range``) unless index < size <= the present size.
        """
        if not 0 <= index < self._check_size(size):
            raise _out_of_range(f"there is no leaf {index} in a tree of {size} leaves")
        return self._path(0, index, size)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the tree of ``new`` extends the tree of ``old`` (RFC 6962 section 2.1.2).

        Raises ``LocalError`` (``tree.range``) unless old <= new <= the present size.
        """
        if not 0 <= old <= self._check_size(new):
            raise _out_of_range(f"a tree of {new} leaves cannot extend one of {old}")
        if old in (0, new):
            return ()
        # The last complete subtree of the old tree is the first node that both trees share.
        level = _trailing_zeros(old)
        index = (old >> level) - 1
        path = self._path(level, index, new)
        return path if index == 0 else (self._node(level, index), *path)

    def _check_size(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise _out_of_range(f"the tree has {self.size} leaves and never had {size}")
        return size

    def _node(self, level: int, index: int) -> bytes:
        if level < LOWEST:
            return self._low(level, index)
        at = index * HASH_BYTES
        return bytes(self._levels[level - LOWEST][at : at + HASH_BYTES])

    def _path(self, level: int, index: int, size: int) -> tuple[bytes, ...]:
        """The siblings on the way from a complete subtree up to the root of ``size``."""
        out: list[bytes] = []
        while 1 << level < size:
            start = (index ^ 1) << level
            if start < size:  # else this node is alone at its height and rises as it is
                out.append(self._span(start, min(start + (1 << level), size)))
            index >>= 1
            level += 1
        return tuple(out)

    def _span(self, start: int, end: int) -> bytes:
        """The hash over leaves start to end, where start is aligned to the span's height.

        The span falls into complete subtrees by the bits of its length; they are joined from the
        right, as the recursion of RFC 6962 does.
        """
        length = end - start
        out = b""
        while length:
            low = _trailing_zeros(length)
            length -= 1 << low
            node = self._node(low, (start + length) >> low)
            out = node_hash(node, out) if out else node
        return out


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: tuple[bytes, ...], root: bytes
) -> None:
    """Check that the leaf hash ``leaf`` stands at ``index`` in the tree of ``size`` with ``root``.

    RFC 9162 section 2.1.3.2. Raises ``RemoteError``: ``proof.range`` unless 0 <= index < size;
    ``proof.shape`` for a proof of the wrong length or a hash that is not 32 bytes; ``proof.root``
    when the proof leads to another root.
    """
    if not 0 <= index < size:
        raise _refusal("range", f"names leaf {index} of a tree of {size} leaves")
    inner, border = _path_shape(index, size)
    _check_shape(proof, inner + border, leaf, root)
    if _climb(index, inner, leaf, proof) != root:
        raise _refusal("root", f"does not lead from leaf {index} to the root of {size} leaves")


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: tuple[bytes, ...]
) -> None:
    """Check that the tree of ``new`` with ``new_root`` extends that of ``old`` with ``old_root``.

    RFC 9162 section 2.1.4.2, with the empty tree as the module says. Raises ``RemoteError``:
    ``proof.range`` unless 0 <= old <= new; ``proof.shape`` for a proof of the wrong length or a
    hash that is not 32 bytes; ``proof.root`` when the proof leads to another root.
    """
    if not 0 <= old <= new:
        raise _refusal("range", f"claims that a tree of {new} leaves extends one of {old}")
    if old in (0, new):
        _check_shape(proof, 0, old_root, new_root)
        if (old == 0 and old_root != EMPTY_ROOT) or (old == new and old_root != new_root):
            raise _refusal("root", f"compares two different roots of {old} leaves")
        return
    level = _trailing_zeros(old)
    index = (old >> level) - 1
    inner, border = _path_shape(index, ((new - 1) >> level) + 1)
    if index == 0:  # the old tree is one complete subtree: its root is the first node itself
        _check_shape(proof, inner + border, old_root, new_root)
        seed, path = old_root, proof
    else:
        _check_shape(proof, inner + border + 1, old_root, new_root)
        seed, path = proof[0], proof[1:]
    if _climb_left(index, inner, seed, path) != old_root:
        raise _refusal("root", f"does not lead to the root of {old} leaves")
    if _climb(index, inner, seed, path) != new_root:
        raise _refusal("root", f"does not lead to the root of {new} leaves")


def claimed_roots(old: int, new: int, proof: tuple[bytes, ...]) -> tuple[bytes, bytes] | None:
    """The two roots to which a consistency proof leads by itself, whatever is claimed.

    ``None`` when its length is wrong, or when the old tree is one complete subtree: then its root
    is no part of the proof (RFC 6962 section 2.1.2).
    """
    if not 0 < old < new:
        return None
    level = _trailing_zeros(old)
    index = (old >> level) - 1
    inner, border = _path_shape(index, ((new - 1) >> level) + 1)
    if index == 0 or len(proof) != inner + border + 1:
        return None
    seed, path = proof[0], proof[1:]
    return _climb_left(index, inner, seed, path), _climb(index, inner, seed, path)


def _path_shape(index: int, size: int) -> tuple[int, int]:
    """How many siblings a path has: inside the last fork with the right edge, and above it.

    Below the fork every height has a sibling. Above it the node lies on the right edge, and only
    the heights where it is a right child have one.
    """
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _climb(index: int, inner: int, seed: bytes, path: tuple[bytes, ...]) -> bytes:
    """Join the siblings of a path to its seed, up to the root."""
    out = seed
    for height, sibling in enumerate(path):
        if height < inner and not index >> height & 1:
            out = node_hash(out, sibling)
        else:
            out = node_hash(sibling, out)
    return out


def _climb_left(index: int, inner: int, seed: bytes, path: tuple[bytes, ...]) -> bytes:
    """As ``_climb``, with only the siblings to the left: the root before the right ones came."""
    out = seed
    for height, sibling in enumerate(path):
        if height >= inner or index >> height & 1:
            out = node_hash(sibling, out)
    return out


def _check_shape(proof: tuple[bytes, ...], length: int, *ends: bytes) -> None:
    if len(proof) != length:
        raise _refusal("shape", f"has {len(proof)} hashes where {length} are needed")
    if any(len(item) != HASH_BYTES for item in (*ends, *proof)):
        raise _refusal("shape", "has a hash that is not 32 bytes long")


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1


def _refusal(code: str, what: str) -> RemoteError:
    return RemoteError(f"proof.{code}", f"the proof {what}; ask for it again, or show it as a fork")


def _out_of_range(what: str) -> LocalError:
    return LocalError("tree.range", f"{what}; ask within the present size")
