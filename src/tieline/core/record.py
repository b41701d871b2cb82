"""The record: every log of one line that this station holds.

Theory. Each station writes one append-only Merkle log per incarnation. A statement names its
predecessor in its own log by hash, and what its author had last read of every other log likewise
(*seen*). From these two the order of cause and effect follows without any clock, and it is the same
for every reader, even of a log that tells two stories: a hash says which of them had been read.

Rules held here:

* A statement is admitted only when it verifies under the key that the charter gives its station,
  stands at the end of its log, names the true predecessor, and everything it has seen is here.
  Else it is a duplicate, is held until what it needs has come, or is refused with a code.
* Two different statements under one (log, position) are equivocation. The first one to come keeps
  its place; the other is kept beside it as a *second story*, with whatever continues it.
* Display order is a linear extension of cause and effect. A statement's sort time is its claimed
  time, but never before that of anything it builds on; so a lying clock can move its own
  statements only among those that are concurrent with them. The key follows from the statement
  and what it builds on alone, never from what came first: equal records show one order.

This module does not know of receipts, peers or deadlines, and keeps nothing durable itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from tieline.core import crypto
from tieline.core.errors import LocalError
from tieline.core.statement import MAX_SEEN, TIP_BYTES, Place, Statement
from tieline.core.tree import Tree

MAX_LOGS_PER_STATION: Final = 256
MAX_HELD: Final = 4096
MAX_HELD_BYTES: Final = 8 * 1024 * 1024
MAX_FORKS_PER_LOG: Final = 4096
MAX_UNREAD: Final = 64
MAX_BRANCHES_PER_LOG: Final = 64

SortKey = tuple[int, int, int, bytes, bytes, int, bytes]


class Keys(Protocol):
    """Who may sign what, version by version of the charter."""

    def sign_key(self, version: int, station: bytes) -> bytes | None:
        """The statement key of a station under a charter version; None when it has none."""

    def latest(self) -> int:
        """The number of the newest charter version held."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An admitted statement with its place in the display order."""

    statement: Statement
    key: SortKey
    admitted_ms: int
    second_story: bool = False

    def __lt__(self, other: Item) -> bool:
        return self.key < other.key


@dataclass(frozen=True, slots=True)
class Admitted:
    """The statement has its place in its log and in the display order."""

    item: Item


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The statement is held already."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """Verified, but waits for the statement whose digest begins with ``need``, or for a charter."""

    need: bytes = b""
    charter: int | None = None


@dataclass(frozen=True, slots=True)
class Forked:
    """A second story. ``proof`` holds both statements when this one is the conflicting one."""

    item: Item
    proof: tuple[Statement, Statement] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The statement is not accepted, and why."""

    code: str
    text: str


Outcome = Admitted | Duplicate | Held | Forked | Refused


@dataclass(slots=True)
class Log:
    """One incarnation of one station's log, as far as held."""

    id: bytes
    station: bytes
    incarnation: bytes
    tree: Tree = field(default_factory=Tree)
    items: list[Item] = field(default_factory=list)
    # Second stories, by digest; a fork goes on under its own predecessor hashes.
    forks: dict[bytes, Item] = field(default_factory=dict)
    # The first statement held after each predecessor; a further one is a second story.
    heirs: dict[bytes, Item] = field(default_factory=dict)
    # For every other log: positions here at which our author had read further, and how far.
    seen: dict[bytes, tuple[list[int], list[int]]] = field(default_factory=dict)
    # Second stories of others that our author had read, and at which position here.
    read_forks: dict[bytes, int] = field(default_factory=dict)
    # The last statement of every branch: one, unless the log is forked.
    leaves: set[bytes] = field(default_factory=set)

    @property
    def size(self) -> int:
        return len(self.items)

    @property
    def head(self) -> bytes:
        """The digest of the last statement. Raises ``IndexError`` on an empty log."""
        return self.items[-1].statement.digest

    def grow(self, statement: Statement) -> None:
        """Note that a statement is held, and so that its predecessor is no end of a branch."""
        self.leaves.discard(statement.place.previous or b"")
        self.leaves.add(statement.digest)

    def tips(self) -> bytes:
        """The ends of all other branches, 16 bytes of each, ascending; empty for a single chain.

        With the head they name everything held of this log, whichever branch came first: whoever
        holds a statement holds all that it follows.
        """
        if not self.forks:
            return b""
        return b"".join(sorted(leaf[:TIP_BYTES] for leaf in self.leaves if leaf != self.head))


class Record:
    """All logs of one line."""

    def __init__(self, line: bytes, realm: str) -> None:
        self.line = line
        self.realm = realm
        self.logs: dict[bytes, Log] = {}
        self.order: list[Item] = []
        self.by_digest: dict[bytes, Item] = {}
        self._by_tip: dict[bytes, Item] = {}
        self._held: dict[bytes, Statement] = {}
        self._held_bytes = 0
        self._waiting: dict[bytes | int, list[bytes]] = {}

    # ------------------------------------------------------------------------ admission

    def judge(self, statement: Statement, keys: Keys, now_ms: int) -> Outcome:
        """Decide on one statement and, when it is admitted or a second story, place it.

        The cheap checks come first, so that a stranger's bytes cost one hash and no signature
        check unless everything else about them is right.
        """
        if statement.digest in self.by_digest:
            return Duplicate(statement.digest)
        refusal = self._check_place(statement)
        if refusal is not None:
            return refusal
        place = statement.place
        if place.charter > keys.latest():
            return Held(charter=place.charter)
        key = keys.sign_key(place.charter, place.station)
        if key is None:
            return Refused(
                "statement.stranger",
                f"station {place.station.hex()} is not in version {place.charter} of the charter;"
                " its statement is not accepted",
            )
        if not crypto.verify(key, statement.signed, statement.signature):
            return Refused(
                "statement.forged",
                f"the signature on a statement that claims to be number {place.position} of station"
                f" {place.station.hex()} is not that station's; it is not accepted",
            )
        return self._admit(statement, now_ms)

    def restore(self, statement: Statement, admitted_ms: int, *, second_story: bool) -> Item:
        """Take back what this station itself had admitted and kept; hashes and chain are checked.

        Raises ``LocalError`` (``record.damaged``) when the stored bytes no longer fit.
        """
        outcome = self._admit(statement, admitted_ms)
        if isinstance(outcome, Forked if second_story else Admitted):
            return outcome.item
        raise LocalError(
            "record.damaged",
            f"statement {statement.digest.hex()[:12]} in the store no longer fits its log;"
            " run 'tieline verify', then fetch the record back from a peer",
        )

    def _check_place(self, statement: Statement) -> Refused | None:
        place = statement.place
        if place.line != self.line:
            return Refused(
                "statement.other_line",
                f"a statement for line {place.line.hex()[:8]} came on line {self.line.hex()[:8]};"
                " it is not accepted here",
            )
        log = self.logs.get(statement.log)
        if log is None:
            lives = sum(1 for other in self.logs.values() if other.station == place.station)
            if lives >= MAX_LOGS_PER_STATION:
                return Refused(
                    "log.too_many",
                    f"station {place.station.hex()} has opened {lives} logs on this line;"
                    " no further one is accepted until its party explains",
                )
        elif (log.station, log.incarnation) != (place.station, place.incarnation):
            return Refused("log.collision", "two logs cannot bear one name; the first to come does")
        elif len(log.forks) >= MAX_FORKS_PER_LOG or self._is_one_branch_too_many(log, place):
            return Refused(
                "log.too_many_forks", "this log is forked too often; no more of it is kept"
            )
        return None

    def _is_one_branch_too_many(self, log: Log, place: Place) -> bool:
        """Whether a statement opens a new branch in a log that has as many as peers are told of."""
        if len(log.leaves) < MAX_BRANCHES_PER_LOG or place.previous in log.leaves:
            return False
        return place.previous is None or place.previous in self.by_digest

    def _admit(self, statement: Statement, now_ms: int) -> Outcome:
        """Place a verified statement: after its predecessor and all that its author had read."""
        place = statement.place
        causes: list[Item] = []
        if place.previous is not None:
            before = self.by_digest.get(place.previous)
            if before is None:
                return Held(place.previous[:TIP_BYTES])
            if before.statement.log != statement.log or (
                before.statement.place.position + 1 != place.position
            ):
                return Refused(
                    "statement.chain",
                    f"a statement of station {place.station.hex()} claims number {place.position}"
                    " after one that stands elsewhere; it is not accepted",
                )
            causes.append(before)
        for tip in place.seen:
            cause = self._by_tip.get(tip)
            if cause is None:
                return Held(tip)
            if cause.statement.log == statement.log:
                return Refused("statement.seen", "a statement claims to have read its own log")
            causes.append(cause)
        if any(cause.statement.place.charter > place.charter for cause in causes):
            return Refused(
                "statement.charter",
                f"a statement of station {place.station.hex()} goes by version {place.charter} of"
                " the charter after its author had read one that goes by a later version; it is"
                " not accepted",
            )
        log = self.logs.get(statement.log)
        if log is None:
            log = self.logs[statement.log] = Log(statement.log, place.station, place.incarnation)
        key = _key_after(statement, tuple(cause.key for cause in causes))
        if place.position != log.size or (log.items and place.previous != log.head):
            return self._fork(log, statement, key, now_ms)
        item = Item(statement, key, now_ms)
        log.tree.append(statement.digest)
        log.items.append(item)
        log.grow(statement)
        log.heirs[place.previous or b""] = item
        self._note_read(log, item, causes)
        self._show(item)
        return Admitted(item)

    def _fork(self, log: Log, statement: Statement, key: SortKey, now_ms: int) -> Forked:
        """Keep a second story beside the main branch, which it never moves."""
        item = Item(statement, key, now_ms, second_story=True)
        log.forks[statement.digest] = item
        log.grow(statement)
        first = log.heirs.setdefault(statement.place.previous or b"", item)
        self._show(item)
        return Forked(item, None if first is item else (first.statement, statement))

    def _note_read(self, log: Log, item: Item, causes: list[Item]) -> None:
        """Remember how far the author of a main branch had read the other logs."""
        position = item.statement.place.position
        for cause in causes:
            if cause.statement.log == log.id:
                continue
            other = self.logs[cause.statement.log]
            digest: bytes | None = cause.statement.digest
            while digest in other.forks and digest not in log.read_forks:
                log.read_forks[digest] = position
                digest = other.forks[digest].statement.place.previous
            if digest is None or digest in other.forks:
                continue
            read = self.by_digest[digest].statement.place.position + 1
            positions, sizes = log.seen.setdefault(other.id, ([], []))
            positions.append(position)
            sizes.append(max(read, sizes[-1] if sizes else 0))

    def _show(self, item: Item) -> None:
        self.by_digest[item.statement.digest] = item
        self._by_tip[item.statement.digest[:TIP_BYTES]] = item
        if self.order and item < self.order[-1]:
            insort(self.order, item)
        else:
            self.order.append(item)

    # --------------------------------------------------------------------- held statements

    def hold(self, statement: Statement, need: Held) -> bool:
        """Keep a statement until what it needs has come. False when there is no room for it."""
        if statement.digest in self._held:
            return True
        if len(self._held) >= MAX_HELD or self._held_bytes + len(statement.raw) > MAX_HELD_BYTES:
            return False
        self._held[statement.digest] = statement
        self._held_bytes += len(statement.raw)
        where = need.need if need.charter is None else need.charter
        self._waiting.setdefault(where, []).append(statement.digest)
        return True

    def released(self, came: bytes | int) -> list[Statement]:
        """Held statements that waited for this digest or this version of the charter.

        They are held no more: the caller judges them again.
        """
        out: list[Statement] = []
        where = came[:TIP_BYTES] if isinstance(came, bytes) else came
        for digest in self._waiting.pop(where, ()):
            statement = self._held.pop(digest, None)
            if statement is not None:
                self._held_bytes -= len(statement.raw)
                out.append(statement)
        return out

    def drop_held(self) -> None:
        """Forget what is held: it was never acknowledged, and sync brings it again."""
        self._held.clear()
        self._waiting.clear()
        self._held_bytes = 0

    @property
    def held(self) -> int:
        return len(self._held)

    # -------------------------------------------------------------------------- questions

    def by_tip(self, tip: bytes) -> Item | None:
        """The statement held whose digest begins with these 16 bytes."""
        return self._by_tip.get(tip)

    def size(self, log: bytes) -> int:
        found = self.logs.get(log)
        return 0 if found is None else found.size

    def known_at(self, log: bytes, position: int, other: bytes) -> int:
        """How many statements of ``other`` the author of ``log`` had read at ``position``."""
        if log == other:
            return position
        read = self.logs[log].seen.get(other)
        if read is None:
            return 0
        index = bisect_right(read[0], position)
        return read[1][index - 1] if index else 0

    def saw(self, later: Statement, earlier: Statement) -> bool:
        """Whether the author of ``later`` had read ``earlier`` when writing it."""
        log = self.logs.get(later.log)
        if log is None:
            return False
        position = later.place.position
        of = self.logs.get(earlier.log)
        if of is not None and earlier.digest in of.forks:
            return log.read_forks.get(earlier.digest, position + 1) <= position
        return self.known_at(later.log, position, earlier.log) > earlier.place.position

    def unread(self, item: Item) -> Iterator[Item]:
        """What is displayed before a statement though its author had not read it.

        Of each log the last ``MAX_UNREAD``; in no order between logs.
        """
        statement = item.statement
        for log in self.logs.values():
            if log.id == statement.log:
                continue
            start = self.known_at(statement.log, statement.place.position, log.id)
            stop = bisect_left(log.items, item, lo=min(start, log.size))
            yield from log.items[max(start, stop - MAX_UNREAD) : stop]
            for fork in log.forks.values():
                if fork < item and not self.saw(statement, fork.statement):
                    yield fork

    def frontier(self, own_log: bytes) -> tuple[bytes, ...]:
        """The *seen* of the next statement of ``own_log``: what has come since its last one."""
        mine = self.logs.get(own_log)
        tips: list[bytes] = []
        for name in sorted(self.logs):
            other = self.logs[name]
            if name == own_log:
                continue
            known = 0 if mine is None else self.known_at(own_log, mine.size, name)
            if other.size > known:
                tips.append(other.head[:TIP_BYTES])
            tips.extend(
                digest[:TIP_BYTES]
                for digest in other.forks
                if digest not in other.heirs and (mine is None or digest not in mine.read_forks)
            )
        return tuple(sorted(set(tips[:MAX_SEEN])))

    def since(self, position: Item | None) -> Iterator[Item]:
        """Items in display order after one of them, or all."""
        start = 0 if position is None else bisect_left(self.order, position) + 1
        return iter(self.order[start:])

    def forked(self) -> Iterator[Log]:
        """The logs in which a second story is known."""
        return (self.logs[name] for name in sorted(self.logs) if self.logs[name].forks)


def _key_after(statement: Statement, parents: tuple[SortKey, ...]) -> SortKey:
    place = statement.place
    latest = max((key[0] for key in parents), default=0)
    depth = 0
    if latest >= place.time_ms:
        depth = 1 + max((key[1] for key in parents if key[0] == latest), default=0)
    return (
        max(latest, place.time_ms),
        depth if latest >= place.time_ms else 0,
        place.time_ms,
        place.station,
        place.incarnation,
        place.position,
        statement.digest,
    )
