"""Vectors of the Merkle tree: roots and proofs by the recursions of RFC 6962, and broken proofs.

Leaf hashes are those of the two-byte big-endian numbers 0, 1, 2 and so on.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib

MOST = 70
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 17, 31, 32, 33, 64, 65, 70)


def digest(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


LEAVES = [digest(b"\0" + index.to_bytes(2, "big")) for index in range(MOST)]


def split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def root(leaves: list[bytes]) -> bytes:
    """The root (RFC 6962 section 2.1)."""
    if not leaves:
        return digest(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return digest(b"\1" + root(leaves[:k]) + root(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """The inclusion proof of leaf m (RFC 6962 section 2.1.1)."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def step(m: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    """The consistency proof from size m (RFC 6962 section 2.1.2)."""
    if m == len(leaves):
        return [] if known else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*step(m, leaves[:k], known=known), root(leaves[k:])]
    return [*step(m - k, leaves[k:], known=False), root(leaves[:k])]


def build() -> dict[str, object]:
    """The files of this script."""
    return {
        "tree/roots.json": {
            "about": "The root of each size. Leaf hashes are SHA-256 of a zero byte and the index "
            "in two bytes, big-endian.",
            "cases": [
                {"size": size, "root": root(LEAVES[:size]).hex()} for size in range(MOST + 1)
            ],
        },
        "tree/inclusion.json": {
            "about": "Inclusion proofs for the leaves of roots.json; an empty code means that the "
            "proof verifies.",
            "cases": inclusions(),
        },
        "tree/consistency.json": {
            "about": "Consistency proofs for the roots of roots.json; an empty code means that the "
            "proof verifies.",
            "cases": consistencies(),
        },
    }


def inclusions() -> list[dict[str, object]]:
    """Inclusion proofs, good and bad."""
    out: list[dict[str, object]] = []

    def case(
        index: int, size: int, code: str, about: str, proof: list[bytes], top: bytes = b""
    ) -> None:
        out.append(
            {
                "about": about,
                "index": index,
                "size": size,
                "leaf": LEAVES[index % MOST].hex(),
                "root": (top or root(LEAVES[:size])).hex(),
                "proof": [item.hex() for item in proof],
                "code": code,
            }
        )

    for size in SIZES:
        for index in sorted({0, 1, size // 2, size - 2, size - 1}):
            if 0 <= index < size:
                case(index, size, "", "good", path(index, LEAVES[:size]))
    good = path(9, LEAVES[:11])
    case(11, 11, "proof.range", "index is the size", good)
    case(0, 0, "proof.range", "nothing is in the empty tree", [], root([]))
    case(8, 11, "proof.root", "another index", good)
    case(9, 11, "proof.shape", "the last hash is missing", good[:-1])
    case(9, 11, "proof.shape", "a hash too many", [*good, bytes(32)])
    case(9, 11, "proof.shape", "no hash", [])
    case(9, 11, "proof.shape", "a short hash", [good[0][:31], *good[1:]])
    case(9, 11, "proof.root", "two hashes swapped", [good[1], good[0], *good[2:]])
    case(9, 11, "proof.root", "another root", good, root(LEAVES[:10]))
    return out


def consistencies() -> list[dict[str, object]]:
    """Consistency proofs, good and bad."""
    out: list[dict[str, object]] = []
    roots = [root(LEAVES[:size]) for size in range(MOST + 1)]

    def case(
        old: int, new: int, code: str, about: str, proof: list[bytes], ends: tuple[int, int]
    ) -> None:
        out.append(
            {
                "about": about,
                "old": old,
                "new": new,
                "old_root": roots[ends[0]].hex(),
                "new_root": roots[ends[1]].hex(),
                "proof": [item.hex() for item in proof],
                "code": code,
            }
        )

    for new in SIZES:
        for old in sorted({1, 2, 3, new // 2, split(new) if new > 1 else 1, new - 1, new}):
            if 1 <= old <= new:
                case(old, new, "", "good", step(old, LEAVES[:new]), (old, new))
    case(0, 0, "", "the empty tree and itself", [], (0, 0))
    case(0, 7, "", "every tree extends the empty tree", [], (0, 7))
    case(0, 7, "proof.root", "a root that is not that of the empty tree", [], (1, 7))
    case(0, 7, "proof.shape", "a hash where none is needed", [roots[1]], (0, 7))
    case(7, 7, "proof.shape", "a hash where none is needed", [roots[1]], (7, 7))
    case(7, 7, "proof.root", "two roots of one size", [], (7, 6))
    case(8, 7, "proof.range", "the old tree is larger", [], (8, 7))
    for old in (6, 8):  # 8 is a complete tree: its proof starts without its own root
        good = step(old, LEAVES[:11])
        case(old, 11, "proof.shape", "the last hash is missing", good[:-1], (old, 11))
        case(old, 11, "proof.shape", "a hash too many", [*good, bytes(32)], (old, 11))
        case(old, 11, "proof.shape", "a short hash", [good[0][:31], *good[1:]], (old, 11))
        case(old, 11, "proof.root", "another old root", good, (old - 1, 11))
        case(old, 11, "proof.root", "another new root", good, (old, 12))
        case(old, 11, "proof.root", "a changed hash", [bytes(32), *good[1:]], (old, 11))
    whole = [roots[8], *step(8, LEAVES[:11])]
    case(8, 11, "proof.shape", "a complete old tree with its own root in front", whole, (8, 11))
    return out
