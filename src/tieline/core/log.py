"""One log of a line: its tree, and its statements, of which the settled ones are made on demand.

Of every statement of the main branch the log keeps what the order of the record and the tree need:
its hash, its sort time and depth, and how far its author had read the other logs. The statement
itself stays in memory until it is settled; from then on it comes from the archive.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, overload

from tieline.core.errors import LocalError
from tieline.core.shelf import Archive, Cache, Finder
from tieline.core.statement import TIP_BYTES, Statement, parse, statement_digest
from tieline.core.tree import HASH_BYTES, Tree

KEPT: Final = 64  # of each log so many of the last statements stay in memory, though settled

SortKey = tuple[int, int, int, bytes, bytes, int, bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An admitted statement with its place in the display order.

    A settled one is made anew when it is asked for: two are the same when their statements are.
    """

    statement: Statement
    key: SortKey
    admitted_ms: int
    second_story: bool = False

    def __lt__(self, other: Item) -> bool:
        return self.key < other.key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Item) and self.statement == other.statement)

    def __hash__(self) -> int:
        return int.from_bytes(self.statement.digest[:8], "big")


class Shelf:
    """Where the logs of one line find what is settled."""

    def __init__(self, line: bytes, realm: str, archive: Archive) -> None:
        self.line = line
        self.realm = realm
        self.archive = archive
        self.cache: Cache[tuple[bytes, int], Item] = Cache()
        self.written: dict[str, int] = {}  # how many bytes of each array are in the archive
        self.anew = False  # an array has become shorter: none that is in the archive holds
        self.spoilt = False  # something in the archive did not read
        self.changes = 0  # how often a log of the line has changed
        self.extent: object = None  # how far they go, as ``sync`` has worked it out, and when


class Log:
    """One incarnation of one station's log, as far as held."""

    def __init__(self, name: bytes, station: bytes, incarnation: bytes, shelf: Shelf) -> None:
        self.id = name
        self.station = station
        self.incarnation = incarnation
        self.shelf = shelf
        self.tree = Tree()
        self.finder = Finder(self.tree.leaves)
        # Of each statement of the main branch the first two parts of its sort key.
        self.times: array[int] = array("Q")
        self.depths: array[int] = array("I")
        self.items = Items(self)
        self.settled = 0  # below this position all is in the archive
        # Second stories, by digest; a fork goes on under its own predecessor hashes.
        self.forks: dict[bytes, Item] = {}
        # The first second story held after each predecessor that the main branch does not continue.
        self.heirs: dict[bytes, Item] = {}
        # For every other log: positions here at which our author had read further, and how far.
        self.seen: dict[bytes, tuple[array[int], array[int]]] = {}
        # Second stories of others that our author had read, and at which position here.
        self.read_forks: dict[bytes, int] = {}
        # The last statement of every branch: one, unless the log is forked.
        self.leaves: set[bytes] = set()

    @property
    def size(self) -> int:
        return self.tree.size

    @property
    def head(self) -> bytes:
        """The digest of the last statement. Raises ``IndexError`` on an empty log."""
        tree = self.tree
        if not tree.size:
            raise IndexError("an empty log has no head")
        return tree.leaf(tree.size - 1)

    def holds(self, statement: Statement) -> bool:
        """Whether a statement of this log is held, on its main branch or beside it."""
        position, digest = statement.place.position, statement.digest
        on = position < self.tree.size and self.tree.leaf(position) == digest
        return on or digest in self.forks

    def newest(self, digest: bytes) -> Item | None:
        """The last statement of the main branch, when that is its digest."""
        recent = self.items.recent
        return recent[-1] if recent and recent[-1].statement.digest == digest else None

    def beside(self) -> int:
        """How much is held beside the main branch: second stories, and what is late."""
        return len(self.forks)

    def replace_tree(self, tree: Tree) -> None:
        """Take over a tree that was made of the same statements."""
        self.tree, self.finder = tree, Finder(tree.leaves)
        self.shelf.changes += 1

    def digest(self, position: int) -> bytes:
        """The digest of a statement of the main branch."""
        return self.tree.leaf(position)

    def add(self, item: Item) -> None:
        """Put a statement at the end of the main branch."""
        self.tree.append(item.statement.digest)
        self.times.append(item.key[0])
        self.depths.append(item.key[1])
        self.items.recent.append(item)
        self.grow(item.statement)

    def cut(self, size: int) -> list[Item]:
        """Take all from ``size`` on out of the main branch; they are returned.

        What is left is to be indexed anew. The ends of branches stay what they are: the last one
        that is taken out is one still.
        """
        gone = self.items[size:]
        leaves = bytes(self.tree.leaves[: size * HASH_BYTES])
        self.tree = Tree()
        self.tree.extend(leaves)
        self.finder = Finder(self.tree.leaves)
        del self.times[size:], self.depths[size:]
        self.settled = min(self.settled, size)
        self.shelf.written, self.shelf.anew = {}, True
        self.shelf.changes += 1
        self.items.cut(size)
        for position in range(size, size + len(gone)):
            self.shelf.cache.pop((self.id, position), None)
        return gone

    def grow(self, statement: Statement) -> None:
        """Note that a statement is held, and so that its predecessor is no end of a branch."""
        self.leaves.discard(statement.place.previous or b"")
        self.leaves.add(statement.digest)
        self.shelf.changes += 1

    def tips(self) -> bytes:
        """The ends of all other branches, 16 bytes of each, ascending; empty for a single chain.

        With the head they name everything held of this log, whichever branch came first: whoever
        holds a statement holds all that it follows.
        """
        if not self.forks:
            return b""
        head = self.head if self.size else b""
        return b"".join(sorted(leaf[:TIP_BYTES] for leaf in self.leaves if leaf != head))

    def key(self, position: int, statement: Statement) -> SortKey:
        """The sort key of a statement of the main branch."""
        place = statement.place
        return (
            self.times[position],
            self.depths[position],
            place.time_ms,
            place.station,
            place.incarnation,
            place.position,
            statement.digest,
        )

    def settle(self) -> None:
        """All of the main branch is in the archive: let go of all but the last few."""
        self.settled = self.size
        recent = self.items.recent
        if len(recent) > KEPT:
            self.items.first += len(recent) - KEPT
            del recent[:-KEPT]


class Items(Sequence[Item]):
    """The statements of a log's main branch, by position."""

    __slots__ = ("_log", "first", "recent")

    def __init__(self, log: Log) -> None:
        self._log = log
        self.first = 0  # the position of the first one that is in memory
        self.recent: list[Item] = []

    def __len__(self) -> int:
        return self.first + len(self.recent)

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return [self[position] for position in range(start, stop, step)]
            old = self._fetch(start, min(stop, self.first)) if start < self.first else []
            return [*old, *self.recent[max(0, start - self.first) : max(0, stop - self.first)]]
        position = index + len(self) if index < 0 else index
        if position >= self.first:
            return self.recent[position - self.first]
        if position < 0:
            raise IndexError("a log has no such position")
        found = self._log.shelf.cache.get((self._log.id, position))
        return found if found is not None else self._fetch(position, position + 1)[0]

    def of(self, position: int, raw: bytes, admitted_ms: int) -> Item | None:
        """The statement at a position for who has its bytes from the journal; ``None``: others.

        So what is settled need not be fetched from the store to be shown.
        """
        if position < self.first:
            log, cache = self._log, self._log.shelf.cache
            found = cache.get((log.id, position))
            if found is None:
                if statement_digest(raw) != log.digest(position):
                    return None
                statement = parse(log.shelf.realm, raw)
                found = Item(statement, log.key(position, statement), admitted_ms)
                cache.put((log.id, position), found)
        elif position < len(self):
            found = self.recent[position - self.first]
        else:
            return None
        return found if found.statement.raw == raw else None

    def __iter__(self) -> Iterator[Item]:
        for start in range(0, self.first, 256):
            yield from self._fetch(start, min(start + 256, self.first))
        yield from list(self.recent)

    def run(self, start: int, stop: int) -> list[Item]:
        """As a slice; what is made anew is not kept for who asks next."""
        old = self._fetch(start, min(stop, self.first), keep=False) if start < self.first else []
        return [*old, *self.recent[max(0, start - self.first) : max(0, stop - self.first)]]

    def raw(self, start: int, stop: int) -> list[bytes]:
        """The bytes of settled statements. Raises ``LocalError`` as ``_fetch`` does."""
        log, shelf = self._log, self._log.shelf
        rows = shelf.archive.statements(shelf.line, log.id, start, stop)
        out = [raw for _, raw, _ in rows]
        for position, raw in enumerate(out, start):
            if statement_digest(raw) != log.digest(position):
                raise self._damaged(position)
        if len(out) != stop - start:
            raise self._damaged(start + len(out))
        return out

    def cut(self, size: int) -> None:
        """Keep the first ``size`` only."""
        if size <= self.first:
            self.first, self.recent = size, []
        else:
            del self.recent[size - self.first :]

    def _fetch(self, start: int, stop: int, *, keep: bool = True) -> list[Item]:
        """Make settled statements anew from their bytes.

        Raises ``LocalError`` (``record.damaged``) when the store has other bytes than these, or
        none.
        """
        if start >= stop:
            return []
        log, shelf = self._log, self._log.shelf
        found = shelf.archive.statements(shelf.line, log.id, start, stop)
        out: list[Item] = []
        for position, (at_ms, raw, _) in enumerate(found, start):
            statement = parse(shelf.realm, raw)
            if statement.digest != log.digest(position):
                break
            out.append(Item(statement, log.key(position, statement), at_ms))
        if len(out) != stop - start:
            raise self._damaged(start + len(out))
        if keep and len(out) <= KEPT:
            for position, item in enumerate(out, start):
                shelf.cache.put((log.id, position), item)
        return out

    def _damaged(self, position: int) -> LocalError:
        return LocalError(
            "record.damaged",
            f"number {position} of station {self._log.station.hex()} is not in the store as"
            " it was; run 'tieline verify', then fetch the record back from a peer",
        )
