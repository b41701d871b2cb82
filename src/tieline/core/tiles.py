"""A log as C2SP tlog-tiles: which files it is made of, and what is in each.

A tile is 256 hashes in a row; the hash over a full tile stands in a tile of the level above. The
last tile of each level may be partial. Entries are bundled 256 at a time beside the tiles of level
0, each behind its length in two bytes.

``Tiler`` takes the leaves in order and gives each file as soon as it is whole, so that a log of any
length is written, or checked against what was written, in constant memory.

This module does not know what an entry is, nor where the files lie.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tieline.core.errors import LocalError, RemoteError
from tieline.core.tree import EMPTY_ROOT, HASH_BYTES, leaf_hash, node_hash

WIDTH: Final = 256
CHECKPOINT: Final = "checkpoint"
ENTRIES: Final = "entries"
MAX_ENTRY: Final = 65_535  # the length before an entry has 16 bits

File = tuple[str, bytes]
"""A path below the log's prefix, and the file's content."""


def path(kind: str, index: int, width: int = WIDTH) -> str:
    """The path of a tile (C2SP tlog-tiles, "Merkle Tree"): ``kind`` is a level or ``entries``.

    ``index`` counts tiles of that kind; below 256, ``width`` names a partial one. Raises
    ``LocalError`` (``tiles.path``).
    """
    if index < 0 or not 1 <= width <= WIDTH:
        raise LocalError("tiles.path", f"there is no tile {index} of width {width}; count again")
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(parts)}{partial}"


def format_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as an entry bundle. Raises ``LocalError`` (``tiles.entry``) for one too long."""
    out: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise LocalError(
                "tiles.entry",
                f"an entry of {len(entry)} bytes does not fit a tile of entries, which takes"
                f" {MAX_ENTRY}; export the log without its entries",
            )
        out += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(out)


def parse_bundle(data: bytes, count: int) -> list[bytes]:
    """The ``count`` entries of a bundle. Raises ``RemoteError`` (``tiles.entries``)."""
    out: list[bytes] = []
    at = 0
    while at < len(data) and len(out) < count:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        out.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(out) != count:
        raise RemoteError(
            "tiles.entries", f"a bundle does not hold {count} entries, each behind its length"
        )
    return out


class Tiler:
    """Makes the files of a log from its leaves, in constant memory."""

    def __init__(self) -> None:
        self.size = 0
        self._rows: list[bytearray] = [bytearray()]  # of each level, the tile that is not full
        self._counts = [0]  # of each level, the tiles that are

    def add(self, leaf: bytes) -> list[File]:
        """Take the hash of the next leaf (32 bytes); the tiles that are full by it."""
        if len(leaf) != HASH_BYTES:
            raise LocalError("tree.leaf", f"a leaf hash has 32 bytes, not {len(leaf)}; hash it")
        self.size += 1
        out: list[File] = []
        level, hashed = 0, leaf
        while True:
            if level == len(self._rows):
                self._rows.append(bytearray())
                self._counts.append(0)
            row = self._rows[level]
            row += hashed
            if len(row) < WIDTH * HASH_BYTES:
                return out
            out.append((path(str(level), self._counts[level]), bytes(row)))
            self._counts[level] += 1
            hashed = _root(bytes(row))
            row.clear()
            level += 1

    def partial(self) -> list[File]:
        """The partial tiles at the present size."""
        return [
            (path(str(level), self._counts[level], len(row) // HASH_BYTES), bytes(row))
            for level, row in enumerate(self._rows)
            if row
        ]

    def root(self) -> bytes:
        """The root of all leaves so far (RFC 6962 section 2.1)."""
        out = b""
        for row in self._rows:  # from the lowest level, which is the right end of the tree
            if row:
                out = _root(bytes(row), out)
        return out or EMPTY_ROOT


def leaves(entries: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of entries."""
    return [leaf_hash(entry) for entry in entries]


def _root(hashes: bytes, right: bytes = b"") -> bytes:
    """The hash over a row of complete subtrees of one height and, right of them, a smaller one.

    ``right`` is the hash of that one, empty when there is none.
    """
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1 or right:
        if len(row) % 2 and right:  # the last one has only what is right of it as its sibling
            right = node_hash(row.pop(), right)
        elif len(row) % 2 and len(row) > 1:
            right = row.pop()
        row = [node_hash(*pair) for pair in zip(row[::2], row[1::2], strict=True)]
        if not row:
            return right
    return row[0]
