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
* What a key signed beyond the heads with which the charter ended it (``closing``) is *late*. It is
  refused, unless something that may stand here was written after reading it: then it is kept beside
  its log, as a second story is. It is in no tree and has no effect.
* Display order is a linear extension of cause and effect. A statement's sort time is its claimed
  time, but never before that of anything it builds on; so a lying clock can move its own
  statements only among those that are concurrent with them. The key follows from the statement
  and what it builds on alone, never from what came first: equal records show one order.

This module does not know of receipts, peers or deadlines, and keeps nothing durable itself.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tieline.core import crypto
from tieline.core.closing import Closings
from tieline.core.errors import LocalError
from tieline.core.log import Item, Log, Shelf, SortKey
from tieline.core.order import ByDigest, Order
from tieline.core.outcome import Admitted, Duplicate, Forked, Held, Keys, Outcome, Refused
from tieline.core.shelf import Archive, Nothing
from tieline.core.statement import MAX_SEEN, TIP_BYTES, Place, Statement

__all__ = [
    "Admitted", "Duplicate", "Forked", "Held", "Item", "Keys", "Log", "Outcome", "Record",
    "Refused", "SortKey",
]  # fmt: skip

MAX_LOGS_PER_STATION: Final = 1024
MAX_HELD: Final = 4096
MAX_HELD_BYTES: Final = 8 * 1024 * 1024
MAX_FORKS_PER_LOG: Final = 4096
MAX_UNREAD: Final = 64
MAX_BRANCHES_PER_LOG: Final = 64

# A reference to a statement held: the number of its log and its position, or, with this bit, the
# number of a second story.
STORY: Final = 1 << 63
_POSITION_BITS: Final = 40
_POSITION: Final = (1 << _POSITION_BITS) - 1


class Record:
    """All logs of one line."""

    def __init__(self, line: bytes, realm: str, archive: Archive | None = None) -> None:
        self.line = line
        self.realm = realm
        self.shelf = Shelf(line, realm, archive or Nothing())
        self.logs: dict[bytes, Log] = {}
        self.numbered: list[Log] = []
        self.numbers: dict[bytes, int] = {}
        self.stories: list[Item] = []
        # References by the beginnings of digests: of all that a log's finder does not find.
        self._tips: dict[bytes, int] = {}
        # References in display order, and the first place in it that moved since last asked.
        self.refs: array[int] = array("Q")
        self.moved = 0
        self._held: dict[bytes, Statement] = {}
        self._held_bytes = 0
        self._waiting: dict[bytes | int, list[bytes]] = {}
        self.closings = Closings()
        self.known: Callable[[bytes, bytes], bool] | None = None  # see ``events.Arrived``

    # ------------------------------------------------------------------------ admission

    def judge(
        self, statement: Statement, keys: Keys, now_ms: int, *, late: bool = False
    ) -> Outcome:
        """Decide on one statement and, when it is admitted or a second story, place it.

        ``late``: it may be late, because it was kept here as such.

        The cheap checks come first: a stranger's bytes cost one hash and no more, unless all else
        about them is right.
        """
        log = self.logs.get(statement.log)
        if log is not None and self._is_next(log, statement):
            return self._judge_next(log, statement, keys, now_ms)
        if self._holds(statement):
            return Duplicate(statement.digest)
        refusal = self._check_place(statement)
        if refusal is not None:
            return refusal
        place = statement.place
        if place.charter > keys.latest():
            return Held(charter=place.charter)
        if not late and self._is_turned_away(statement):
            return Refused(
                "statement.closed",
                f"station {place.station.hex()} no longer signs with the key of a statement that"
                f" claims number {place.position} of its log, and the charter ends that log before"
                " it; it is not accepted",
            )
        key = keys.sign_key(place.charter, place.station)
        if key is None:
            return Refused(
                "statement.stranger",
                f"station {place.station.hex()} is not in version {place.charter} of the charter;"
                " its statement is not accepted",
            )
        if not self._is_signed(key, statement):
            return _forged(place)
        return self._admit(statement, now_ms)

    def _is_next(self, log: Log, statement: Statement) -> bool:
        """Whether a statement plainly continues a log, and its key alone is to be asked for.

        It stands after the newest one, goes by the same version and has read nothing since, nothing
        is beside that log, and no charter has ended one. So of a thousand statements that come at
        once all but the first are judged by what the one before was.
        """
        place, recent = statement.place, log.items.recent
        if not recent or place.position != log.tree.size or place.seen or log.forks:
            return False
        before = recent[-1].statement
        return (
            place.previous == before.digest
            and place.charter == before.place.charter
            and place.station == log.station
            and place.incarnation == log.incarnation
            and place.line == self.line
            and self.closings.none
        )

    def _judge_next(
        self, log: Log, statement: Statement, keys: Keys, now_ms: int
    ) -> Admitted | Refused:
        place, before = statement.place, log.items.recent[-1]
        key = keys.sign_key(place.charter, place.station)
        if key is None or not self._is_signed(key, statement):
            return _forged(place)  # the one before had a key
        item = Item(statement, _key_after(statement, (before.key,)), now_ms)
        return self._append(log, item, [])

    def _holds(self, statement: Statement) -> bool:
        log = self.logs.get(statement.log)
        return log is not None and log.holds(statement)

    def _is_signed(self, key: bytes, statement: Statement) -> bool:
        known = self.known is not None and self.known(statement.digest, key)
        return known or crypto.verify(key, statement.signed, statement.signature)

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

    def _is_turned_away(self, statement: Statement) -> bool:
        """Whether a statement is late or on a branch of a whole log, and nothing waits for it."""
        if self._waiting.get(statement.digest[:TIP_BYTES]):
            return False
        end = self.closings.end_of(statement)
        whole = end is not None and self.find(end.last) is not None
        return whole or self.closings.late(statement)

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
        elif log.beside() >= MAX_FORKS_PER_LOG or self._is_one_branch_too_many(log, place):
            return Refused(
                "log.too_many_forks", "this log is forked too often; no more of it is kept"
            )
        return None

    def _is_one_branch_too_many(self, log: Log, place: Place) -> bool:
        """Whether a statement opens a new branch in a log that has as many as peers are told of."""
        if len(log.leaves) < MAX_BRANCHES_PER_LOG or place.previous in log.leaves:
            return False
        return place.previous is None or self.find(place.previous) is not None

    def _admit(self, statement: Statement, now_ms: int) -> Outcome:
        """Place a verified statement: after its predecessor and all that its author had read."""
        place = statement.place
        causes: list[Item] = []
        log = self.logs.get(statement.log)
        if place.previous is not None:
            before = log.newest(place.previous) if log else None
            if before is None and (before := self.by_tip(place.previous)) is None:
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
            if (cause := self.by_tip(tip)) is None:
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
        if log is None:
            log = self.open(statement.log, place.station, place.incarnation)
        key = _key_after(statement, tuple(cause.key for cause in causes))
        beside = place.position != log.size or (log.size and place.previous != log.head)
        # A log that a charter has emptied has its first numbers taken, in the store as well.
        if beside or (log.beside() and not log.size) or self.closings.late(statement):
            return self._fork(log, statement, key, now_ms)
        return self._append(log, Item(statement, key, now_ms), causes)

    def _append(self, log: Log, item: Item, causes: list[Item]) -> Admitted:
        """Give a statement its place at the end of its log."""
        log.add(item)
        self._note_read(log, item, causes)
        ref = self.numbers[log.id] << _POSITION_BITS | item.statement.place.position
        self._tips[item.statement.digest[:TIP_BYTES]] = ref
        self.index(log)
        self._show(item, ref)
        return Admitted(item)

    def _fork(self, log: Log, statement: Statement, key: SortKey, now_ms: int) -> Forked:
        """Keep a second story beside the main branch, which it never moves."""
        item = Item(statement, key, now_ms, second_story=True)
        log.forks[statement.digest] = item
        log.grow(statement)
        previous = statement.place.previous or b""
        first = self._heir(log, previous)
        self._show(item, self.tell(item))
        late = self.closings.late(statement)
        if first is None or (self.closings.late(first.statement) and not late):
            log.heirs[previous] = item
            return Forked(item, None)
        return Forked(item, None if late else (first.statement, statement))

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
            read = 1 + (self._position(other, digest) or 0)
            positions, sizes = log.seen.setdefault(other.id, (array("I"), array("I")))
            positions.append(position)
            sizes.append(max(read, sizes[-1] if sizes else 0))

    def open(self, name: bytes, station: bytes, incarnation: bytes) -> Log:
        """Make room for a log of which nothing is held yet."""
        log = self.logs[name] = Log(name, station, incarnation, self.shelf)
        self.numbers[name] = len(self.numbered)
        self.numbered.append(log)
        return log

    def tell(self, item: Item) -> int:
        """Keep a second story; its reference."""
        ref = STORY | len(self.stories)
        self._tips[item.statement.digest[:TIP_BYTES]] = ref
        self.stories.append(item)
        return ref

    def index(self, log: Log) -> None:
        """Let the log's finder take over what it can."""
        first = log.finder.done
        if log.finder.grow():
            for position in range(first, log.finder.done):
                self._tips.pop(log.digest(position)[:TIP_BYTES], None)

    def restore_index(self, log: Log, parts: list[bytes]) -> None:
        """Find again what a restored log holds; ``parts`` are those of its finder."""
        log.finder.restore(parts)
        for position in range(log.finder.done, log.size):
            ref = self.numbers[log.id] << _POSITION_BITS | position
            self._tips[log.digest(position)[:TIP_BYTES]] = ref

    def _show(self, item: Item, ref: int) -> None:
        """Give a statement its place in the display order."""
        rank, refs = item.key[:2], self.refs
        place = len(refs)
        if place and rank <= self._rank(refs[-1]):
            low = bisect_left(refs, rank, key=self._rank)
            high = bisect_right(refs, rank, lo=low, key=self._rank)
            place = bisect_left(refs, item.key, lo=low, hi=high, key=self._key)
        refs.insert(place, ref)
        self.moved = min(self.moved, place)

    def _rank(self, ref: int) -> tuple[int, int]:
        """The first two parts of a sort key, which are always at hand."""
        if ref & STORY:
            return self.stories[ref ^ STORY].key[:2]
        log, position = self.numbered[ref >> _POSITION_BITS], ref & _POSITION
        return log.times[position], log.depths[position]

    def _key(self, ref: int) -> SortKey:
        return self.item(ref).key

    def item(self, ref: int) -> Item:
        """The statement of a reference."""
        if ref & STORY:
            return self.stories[ref ^ STORY]
        items, position = self.numbered[ref >> _POSITION_BITS].items, ref & _POSITION
        if position >= items.first:
            return items.recent[position - items.first]
        return items[position]

    def run(self, refs: Sequence[int]) -> list[Item]:
        """The statements of a few references; those of one log are fetched together.

        What is not held any more, since a charter has ended its log before it, is left out.
        """
        places: dict[int, list[int]] = {}
        for ref in refs:
            if not ref & STORY:
                places.setdefault(ref >> _POSITION_BITS, []).append(ref & _POSITION)
        found: dict[int, Item] = {}
        for number, some in places.items():
            items, first, high = self.numbered[number].items, min(some), number << _POSITION_BITS
            if max(some) - first < 2 * len(some):  # of one log the order is that of positions
                run = items.run(first, max(some) + 1)
                found.update({high | at: item for at, item in enumerate(run, first)})
            else:
                found.update({high | at: one for at in some for one in items.run(at, at + 1)})
        stories = self.stories
        return [
            stories[ref ^ STORY] if ref & STORY else found[ref]
            for ref in refs
            if (ref in found or (ref & STORY and ref ^ STORY < len(stories)))
        ]

    def place(self, ref: int) -> tuple[bytes, int]:
        """The log and position of a reference that is no second story's."""
        return self.numbered[ref >> _POSITION_BITS].id, ref & _POSITION

    def where(self, digest: bytes) -> tuple[bytes, int]:
        """The log and position of a statement held, also of a second story; empty if not held."""
        ref = self.find(digest)
        if ref is not None and ref & STORY:
            told = self.stories[ref ^ STORY].statement
            return told.log, told.place.position
        return (b"", 0) if ref is None else self.place(ref)

    def digest(self, ref: int) -> bytes:
        """The digest of a reference."""
        if ref & STORY:
            return self.stories[ref ^ STORY].statement.digest
        return self.numbered[ref >> _POSITION_BITS].tree.leaf(ref & _POSITION)

    def find(self, name: bytes) -> int | None:
        """The reference of the statement held whose digest begins so: 16 bytes of it or all."""
        if len(name) < TIP_BYTES:
            return None
        ref = self._tips.get(name[:TIP_BYTES])
        if ref is not None:
            return ref if (held := self.digest(ref)) == name or held.startswith(name) else None
        for log in reversed(self.numbered):
            position = log.finder.find(name) if log.finder.done else None
            if position is not None:
                return self.numbers[log.id] << _POSITION_BITS | position
        return None

    def _position(self, log: Log, digest: bytes) -> int | None:
        """Where a statement stands on the main branch of a log."""
        ref = self.find(digest)
        if ref is None or ref & STORY or ref >> _POSITION_BITS != self.numbers[log.id]:
            return None
        return ref & _POSITION

    def _heir(self, log: Log, previous: bytes) -> Item | None:
        """The first statement held after a predecessor (empty: none); others are second stories."""
        position = self._position(log, previous) if previous else -1
        if position is None or position + 1 >= log.size:
            return log.heirs.get(previous)
        return log.items[position + 1]

    @property
    def order(self) -> Order:
        """Everything held, in display order."""
        return Order(self)

    @property
    def by_digest(self) -> ByDigest:
        """Everything held, by digest."""
        return ByDigest(self)

    def settle(self) -> None:
        """All that is held is in the archive: let go of the objects."""
        for log in self.numbered:
            log.settle()

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
        self._held, self._waiting, self._held_bytes = {}, {}, 0

    def drop_late(self) -> None:
        """Forget what is held and would be turned away now: else it would let in others like it."""
        while late := {d for d, held in self._held.items() if self._is_turned_away(held)}:
            self._held_bytes -= sum(len(self._held.pop(digest).raw) for digest in late)
            for waiting in self._waiting.values():
                waiting[:] = [digest for digest in waiting if digest not in late]

    @property
    def held(self) -> int:
        return len(self._held)

    # -------------------------------------------------------------------------- questions

    def by_tip(self, tip: bytes) -> Item | None:
        """The statement held whose digest begins with these 16 bytes."""
        return None if (found := self.find(tip)) is None else self.item(found)

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

    def read_at(self, log: bytes, digest: bytes, of: bytes, position: int) -> int | None:
        """Where a log first shows that its author had read a statement of another log."""
        held, other = self.logs[log], self.logs.get(of)
        if other is not None and digest in other.forks:
            return held.read_forks.get(digest)
        read = held.seen.get(of)
        if read is None or not read[1] or read[1][-1] <= position:
            return None
        return read[0][bisect_right(read[1], position)]

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
            low = bisect_left(log.times, item.key[0], lo=min(start, log.size))
            high = bisect_right(log.times, item.key[0], lo=low)
            stop = bisect_left(log.items, item, lo=low, hi=high)
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
                if digest not in other.heirs
                and not self.closings.late(other.forks[digest].statement)
                and (mine is None or digest not in mine.read_forks)
            )
        return tuple(sorted(set(tips[:MAX_SEEN])))

    def since(self, position: Item | None) -> Iterator[Item]:
        """Items in display order after one of them, or all."""
        start = 0
        if position is not None:
            low = bisect_left(self.refs, position.key[:2], key=self._rank)
            start = bisect_left(self.refs, position.key, lo=low, key=self._key) + 1
        return iter(self.order[start:])

    def forked(self) -> Iterator[Log]:
        """The logs beside which something is held: a second story, or what is late."""
        return (self.logs[name] for name in sorted(self.logs) if self.logs[name].forks)


def _forged(place: Place) -> Refused:
    return Refused(
        "statement.forged",
        f"the signature on a statement that claims to be number {place.position} of station"
        f" {place.station.hex()} is not that station's; it is not accepted",
    )


def _key_after(statement: Statement, parents: tuple[SortKey, ...]) -> SortKey:
    place = statement.place
    if len(parents) == 1:
        latest, depth = parents[0][0], 1 + parents[0][1]
    else:
        latest = max((key[0] for key in parents), default=0)
        depth = 1 + max((key[1] for key in parents if key[0] == latest), default=0)
    rest = (place.time_ms, place.station, place.incarnation, place.position, statement.digest)
    if latest >= place.time_ms:
        return (latest, depth, *rest)
    return (place.time_ms, 0, *rest)
