"""Sync: decide what one peer lacks, and say what we hold.

Theory. Stations tell each other how far they hold each log of the line (*have*), then push what the
other lacks, whoever wrote it. The same four envelopes go over a session and into a bundle:

* HAVE: the charter version and, for each log, how many statements are held and the last digest;
* PUSH: statements, in display order, so that nothing arrives before what it builds on;
* RECEIPTS: cosignatures on log heads; a receipt is also proof that its maker holds the log so far;
* CHARTER: a complete signed charter that the other does not know yet.

Rules held here:

* What a peer holds is believed only from its own HAVE and receipts; what was pushed on top is an
  optimistic guess that is dropped when the session breaks or no progress is seen for a while.
* A window bounds what is under way, so a slow peer slows its own feed and nobody else's.
* Statements of third parties are relayed after a short grace, since their author most likely
  reaches the peer itself; at the start of a session they are pushed at once.

This module does not verify, store or send, and reads no clock: callers give it the time.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tieline.core import encode
from tieline.core.checkpoint import Receipt
from tieline.core.encode import Limits, Value
from tieline.core.errors import RemoteError
from tieline.core.record import CONTESTED_BYTES, Item, Log, Record
from tieline.core.statement import MAX_STATEMENT_BYTES, Statement

HAVE: Final = 1
PUSH: Final = 2
RECEIPTS: Final = 3
CHARTER: Final = 4

ENVELOPE_LIMITS: Final = Limits(max_bytes=1_000_000, max_depth=6, max_items=60_000)
MAX_PUSH_BYTES: Final = 192 * 1024
MAX_PUSH_STATEMENTS: Final = 512
MAX_RECEIPTS: Final = 2_000
MAX_HAVE: Final = 64 * 256
WINDOW: Final = 2_048
_HEAD_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Head:
    """How far a log is held: its size and the digest of its last statement.

    ``contested`` names the set of everything held from its first fork on; empty without a fork.
    """

    log: bytes
    size: int
    last: bytes
    contested: bytes = b""


@dataclass(frozen=True, slots=True)
class Have:
    """What its sender holds. ``full`` says that logs not named are not held at all."""

    line: bytes
    charter: int
    full: bool
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class Push:
    """Statements, in display order."""

    line: bytes
    statements: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Receipts:
    """Cosignatures on log heads."""

    line: bytes
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class CharterOffer:
    """A complete signed charter."""

    line: bytes
    charter: bytes


Envelope = Have | Push | Receipts | CharterOffer


# ------------------------------------------------------------------------------ envelopes


def pack(envelope: Envelope) -> bytes:
    """The bytes of an envelope."""
    match envelope:
        case Have(line, charter, full, heads):
            flat = tuple(
                part for head in heads for part in (head.log, head.size, head.last, head.contested)
            )
            return encode.dumps((HAVE, line, charter, full, flat))
        case Push(line, statements):
            return encode.dumps((PUSH, line, statements))
        case Receipts(line, receipts):
            return encode.dumps((RECEIPTS, line, tuple(receipt.encode() for receipt in receipts)))
        case CharterOffer(line, charter_bytes):
            return encode.dumps((CHARTER, line, charter_bytes))


def unpack(data: bytes) -> Envelope:
    """Read an envelope. Raises ``RemoteError`` (``encode.*``, ``envelope.*``, ``receipt.*``)."""
    match encode.loads(data, ENVELOPE_LIMITS):
        case (int(kind), bytes(line), int(charter), bool(full), tuple(flat)) if (
            type(kind) is int  # true is 1, and would be a second way to say it
            and kind == HAVE
            and len(line) == 16
            and type(charter) is int
            and 0 <= charter <= 2**16
        ):
            return Have(line, charter, full, _read_heads(flat))
        case (int(kind), bytes(line), tuple(items)) if kind == PUSH and len(line) == 16:
            return Push(line, _read_statements(items))
        case (int(kind), bytes(line), tuple(items)) if kind == RECEIPTS and len(line) == 16:
            if len(items) > MAX_RECEIPTS:
                raise _wrong(f"more than {MAX_RECEIPTS} receipts in one envelope")
            return Receipts(line, tuple(_read_receipt(item) for item in items))
        case (int(kind), bytes(line), bytes(charter_bytes)) if kind == CHARTER and len(line) == 16:
            return CharterOffer(line, charter_bytes)
    raise _wrong("it is none of have, push, receipts and charter")


def _wrong(what: str) -> RemoteError:
    return RemoteError(
        "envelope.form", f"an envelope is malformed: {what}; it was dropped, nothing has changed"
    )


def _read_heads(flat: tuple[Value, ...]) -> tuple[Head, ...]:
    if len(flat) % _HEAD_PARTS or len(flat) > _HEAD_PARTS * MAX_HAVE:
        raise _wrong("its heads are not a list of four parts each")
    heads: list[Head] = []
    for index in range(0, len(flat), _HEAD_PARTS):
        log, size, last, contested = flat[index : index + _HEAD_PARTS]
        if (
            not isinstance(log, bytes)
            or len(log) != 8
            or type(size) is not int
            or not 1 <= size <= 2**48
            or not isinstance(last, bytes)
            or len(last) != 32
            or not isinstance(contested, bytes)
            or len(contested) not in (0, CONTESTED_BYTES)
        ):
            raise _wrong("a head is a log, a size of at least 1, a digest and what is contested")
        if heads and heads[-1].log >= log:
            raise _wrong("its heads are not in ascending order, each log once")
        heads.append(Head(log, size, last, contested))
    return tuple(heads)


def _read_statements(items: tuple[Value, ...]) -> tuple[bytes, ...]:
    if not 1 <= len(items) <= MAX_PUSH_STATEMENTS:
        raise _wrong(f"a push carries 1 to {MAX_PUSH_STATEMENTS} statements")
    out: list[bytes] = []
    for item in items:
        if not isinstance(item, bytes) or len(item) > MAX_STATEMENT_BYTES:
            raise _wrong(f"a statement is bytes, at most {MAX_STATEMENT_BYTES} of them")
        out.append(item)
    return tuple(out)


def _read_receipt(item: Value) -> Receipt:
    if not isinstance(item, bytes):
        raise _wrong("a receipt is a byte string")
    return Receipt.decode(item)


# ------------------------------------------------------------------------------- per peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The transport's rhythm, in milliseconds of ``Now.real_ms``."""

    relay_ms: int = 1_000
    gossip_ms: int = 300
    retry_ms: int = 5_000
    retry_max_ms: int = 60_000
    beacon_ms: int = 30_000


@dataclass(slots=True)
class Peer:
    """What is known of one peer station on one line. ``stands`` only when a session is open."""

    station: bytes
    theirs: dict[bytes, int] = field(default_factory=dict)
    sent: dict[bytes, int] = field(default_factory=dict)
    fresh: bool = True  # nothing heard in this session yet: push relayed logs at once
    diverged: set[bytes] = field(default_factory=set)
    extra: deque[Statement] = field(default_factory=deque)
    told: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    announced: dict[bytes, int] = field(default_factory=dict)
    charter: int = 0
    retry_at: int | None = None
    retry_ms: int = 0
    retry_mark: int = 0  # what was confirmed when the retry clock was set
    stalled: bool = False

    def forget_session(self) -> None:
        """The session broke: only what the peer itself said counts from here."""
        self.sent.clear()
        self.told.clear()
        self.announced.clear()
        self.extra.clear()
        self.diverged.clear()
        self.retry_at = None
        self.fresh = True
        self.stalled = False

    def believes(self, log: bytes, size: int) -> bool:
        """Note that the peer holds ``size`` statements of ``log``. True when that is news."""
        if size <= self.theirs.get(log, 0):
            return False
        self.theirs[log] = size
        return True

    def position(self, log: bytes) -> int:
        """Where the next push of a log starts."""
        return max(self.sent.get(log, 0), self.theirs.get(log, 0))

    def confirmed(self) -> int:
        """How many statements the peer has said it holds, over all logs."""
        return sum(self.theirs.values())

    def outstanding(self) -> int:
        """How many statements are under way: pushed, and not yet confirmed."""
        return sum(max(0, sent - self.theirs.get(log, 0)) for log, sent in self.sent.items())


def note_have(record: Record, peer: Peer, have: Have) -> None:
    """Take a peer's HAVE: what it holds, and where its branch of a log is not ours."""
    if have.full:
        named = {head.log for head in have.heads}
        for log in [log for log in peer.theirs if log not in named]:
            del peer.theirs[log]
            peer.sent.pop(log, None)
    peer.charter = max(peer.charter, have.charter)
    for head in have.heads:
        if have.full and head.size < peer.theirs.get(head.log, 0):
            # It holds less than it once said: a store was put back. Believe it and send again.
            peer.theirs[head.log] = head.size
            peer.sent.pop(head.log, None)
        peer.believes(head.log, head.size)
        _compare(record, peer, head, full=have.full)
    if have.full:
        for ours in record.logs.values():
            if ours.forks and ours.id not in peer.theirs:
                _reconcile(peer, ours, None)


def _compare(record: Record, peer: Peer, head: Head, *, full: bool) -> None:
    """Where a peer's stories of a log are not ours, offer it all of ours that it may lack.

    Between stations that know of a fork only sets can be compared, and only a full HAVE is answered
    again: while a forked log grows, the sets differ for a moment with every statement.
    """
    ours = record.logs.get(head.log)
    if ours is None:
        return
    mine = ours.contested()
    if mine or head.contested:
        apart = mine != head.contested and (full or head.log not in peer.diverged)
    else:
        apart = head.size <= ours.size and ours.items[head.size - 1].statement.digest != head.last
        apart = apart and (full or head.log not in peer.diverged)
    if apart:
        peer.diverged.add(head.log)
        _reconcile(peer, ours, head)


def _reconcile(peer: Peer, log: Log, head: Head | None) -> None:
    """Offer every statement of a log but those that the peer's last one builds on."""
    if any(waiting.log == log.id for waiting in peer.extra):
        return
    stories = {item.statement.digest: item.statement for item in log.items}
    stories.update((digest, item.statement) for digest, item in log.forks.items())
    held: bytes | None = head.last if head is not None else None
    while held is not None and held in stories:
        held = stories.pop(held).place.previous
    peer.extra.extend(sorted(stories.values(), key=_by_position))


def _by_position(statement: Statement) -> tuple[int, bytes]:
    return statement.place.position, statement.digest


def lacking(record: Record, peer: Peer, own: bytes, relayable: dict[bytes, int]) -> list[Statement]:
    """The next statements to push to a peer, within the window; marks them as sent.

    ``relayable`` says how far each foreign log may be relayed by now. Returns an empty list when
    the peer lacks nothing, or its window is full.
    """
    room = WINDOW - peer.outstanding()
    if peer.stalled or room <= 0:
        return []
    out: list[Statement] = []
    budget = MAX_PUSH_BYTES
    while peer.extra and budget > 0 and len(out) < MAX_PUSH_STATEMENTS:
        statement = peer.extra.popleft()
        budget -= len(statement.raw)
        out.append(statement)
    for item in heapq.merge(*_behind(record, peer, own, relayable)):
        budget -= len(item.statement.raw)
        if out and (budget < 0 or len(out) >= min(room, MAX_PUSH_STATEMENTS)):
            break
        out.append(item.statement)
        peer.sent[item.statement.log] = item.statement.place.position + 1
    return out


def _behind(
    record: Record, peer: Peer, own: bytes, relayable: dict[bytes, int]
) -> list[Iterable[Item]]:
    out: list[Iterable[Item]] = []
    for name, log in record.logs.items():
        start = peer.position(name)
        if start >= log.size or log.forks or name in peer.diverged:
            continue
        stop = log.size if log.station == own or peer.fresh else relayable.get(name, 0)
        if start < stop:
            out.append(log.items[start : min(stop, start + MAX_PUSH_STATEMENTS)])
    return out


def heads(record: Record, peer: Peer | None) -> tuple[Head, ...]:
    """The heads to announce: all of them, or those that moved since the peer was last told."""
    out: list[Head] = []
    for name in sorted(record.logs):
        log = record.logs[name]
        if peer is not None and peer.announced.get(name) == log.size:
            continue
        out.append(Head(name, log.size, log.head, log.contested()))
        if peer is not None:
            peer.announced[name] = log.size
    return tuple(out)
