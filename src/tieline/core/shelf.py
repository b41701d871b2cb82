"""The settled past: what is durable, and need not be kept in memory as objects.

Most of a long record is never looked at again. Once the store holds something for good it may be
*settled*: its objects leave the memory and are made anew, from the same bytes, when somebody asks.
Whether and when that happens changes no answer, only what it costs.

``Archive`` is the port by which the core asks for what is settled; the shell hands it in. It gives
the bytes of the journal and of what was derived from it, and is asked about settled things only.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from tieline.core.tree import HASH_BYTES

K = TypeVar("K")
V = TypeVar("V")

MAX_CACHED: Final = 256  # of settled things of one sort, those last asked for
SMALL_RUN: Final = 4_096
LARGE_RUN: Final = 65_536
_PREFIX: Final = 4


class Archive(Protocol):
    """Gives back what is settled. Raises ``ShellError`` when it cannot be read."""

    def statements(
        self, line: bytes, log: bytes, start: int, stop: int
    ) -> list[tuple[int, bytes, bytes]]:
        """Statements of a main branch, by position: when admitted (ms), signed bytes, origin."""

    def tally(self, line: bytes, log: bytes, position: int) -> bytes | None:
        """What has come to a statement of a main branch, encoded (``tally.Tally``)."""

    def receipt(self, line: bytes, log: bytes, cosigner: bytes, position: int) -> bytes | None:
        """The earliest settled receipt of a station that covers a position of a log."""

    def act(self, line: bytes, key: str) -> bytes | None:
        """The digest of the statement that an officer's act of this key became."""

    def acts(self, line: bytes) -> list[tuple[str, bytes]]:
        """All settled acts of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is to be added to the archive for one line; the bytes mean nothing to the store.

    ``state`` replaces what was there, and so does each of ``chunks`` (name, number, bytes), or all
    of them together when they are ``anew``;
    ``tallies`` are by log and position, ``receipts`` by log, cosigner and size, ``acts`` by key.
    """

    line: bytes
    state: bytes
    anew: bool = False
    chunks: list[tuple[str, int, bytes]]
    tallies: list[tuple[bytes, int, bytes]]
    receipts: list[tuple[bytes, bytes, int, bytes]]
    acts: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """What saves who reads a line's record for incidents reading all of it again.

    Each of ``chunks`` (name, number, bytes) replaces what was there, or all of them together when
    they are ``anew``. The bytes mean nothing to the store; whoever reads them holds them against
    the record.
    """

    line: bytes
    anew: bool
    chunks: list[tuple[str, int, bytes]]


class Nothing:
    """The archive of a station that settles nothing."""

    def statements(
        self, line: bytes, log: bytes, start: int, stop: int
    ) -> list[tuple[int, bytes, bytes]]:
        """See ``Archive``."""
        return []

    def tally(self, line: bytes, log: bytes, position: int) -> bytes | None:
        """See ``Archive``."""

    def receipt(self, line: bytes, log: bytes, cosigner: bytes, position: int) -> bytes | None:
        """See ``Archive``."""

    def act(self, line: bytes, key: str) -> bytes | None:
        """See ``Archive``."""

    def acts(self, line: bytes) -> list[tuple[str, bytes]]:
        """See ``Archive``."""
        return []


class Cache(OrderedDict[K, V]):
    """Remembers the last few of many."""

    def put(self, key: K, value: V) -> None:
        """Remember one, and forget the one that was put in first when there are too many."""
        self[key] = value
        while len(self) > MAX_CACHED:
            self.popitem(last=False)


class Finder:
    """Finds the position of a leaf hash in a growing row of them, by its beginning.

    The row falls into runs, each sorted by the first bytes of its hashes: 6 bytes a leaf. The last
    hashes are in no run yet: whoever asks keeps a table of those from ``done`` on.
    """

    __slots__ = ("_large", "_leaves", "_small", "done")

    def __init__(self, leaves: bytearray) -> None:
        self._leaves = leaves
        self._large: list[tuple[array[int], array[int]]] = []
        self._small: list[tuple[array[int], array[int]]] = []
        self.done = 0

    def parts(self) -> list[bytes]:
        """The long runs as bytes: they never change, and cost the most to make."""
        return [starts.tobytes() + offsets.tobytes() for starts, offsets in self._large]

    def restore(self, parts: list[bytes]) -> None:
        """Take long runs over that were made of the same leaves, and make the short ones."""
        for part in parts:
            starts, offsets = array("I"), array("H")
            starts.frombytes(part[: 4 * LARGE_RUN])
            offsets.frombytes(part[4 * LARGE_RUN :])
            self._large.append((starts, offsets))
        self.done = LARGE_RUN * len(parts)
        while self.grow():
            pass

    def grow(self) -> bool:
        """Make a run of the leaves that are in none, if they are enough for one."""
        if len(self._leaves) < (self.done + SMALL_RUN) * HASH_BYTES:
            return False
        self._small.append(self._run(self.done, SMALL_RUN))
        self.done += SMALL_RUN
        if self.done % LARGE_RUN == 0:
            self._large.append(self._run(self.done - LARGE_RUN, LARGE_RUN))
            self._small.clear()
        return True

    def find(self, name: bytes) -> int | None:
        """The position below ``done`` of the leaf that begins with ``name``."""
        start = int.from_bytes(name[:_PREFIX], "big")
        first = self.done
        for runs in (self._small, self._large):
            for starts, offsets in reversed(runs):
                first -= len(starts)
                at = bisect_left(starts, start)
                while at < len(starts) and starts[at] == start:
                    if self._leaf(first + offsets[at], len(name)) == name:
                        return first + offsets[at]
                    at += 1
        return None

    def _leaf(self, position: int, length: int) -> bytes:
        at = position * HASH_BYTES
        return bytes(self._leaves[at : at + length])

    def _run(self, first: int, count: int) -> tuple[array[int], array[int]]:
        starts = [
            int.from_bytes(self._leaf(position, _PREFIX), "big")
            for position in range(first, first + count)
        ]
        by_start = sorted(range(count), key=starts.__getitem__)
        return array("I", (starts[index] for index in by_start)), array("H", by_start)
