"""Sync: decide what one peer lacks, and say what we hold.

Theory. Stations tell each other how far they hold each log of the line (*have*), then push what the
other lacks, whoever wrote it. The same five envelopes go over a session and into a bundle:

* HAVE: the charter version and, for each log, how many statements are held and the last digest;
* PUSH: statements, in display order, so that nothing arrives before what it builds on;
* RECEIPTS: cosignatures on log heads; a receipt is also proof that its maker holds the log so far;
* CHARTER: a complete signed charter that the other does not know yet;
* NOTES: signed checkpoints of logs.

Rules held here:

* What a peer holds is believed only from its own HAVE and receipts; what was pushed on top is an
  optimistic guess that is dropped when the session breaks or no progress is seen for a while.
* A log that tells two stories is no chain, and a count of it says nothing. There each side names
  the ends of its branches, which name all that they follow; what lies between them is offered
  statement by statement, once, and again only when a whole beacon has changed nothing.
* A window bounds what is under way, so a slow peer slows its own feed and nobody else's.
* Statements of third parties are relayed after a short grace, since their author most likely
  reaches the peer itself; at the start of a session they are pushed at once.

This module does not verify, store or send, and reads no clock: callers give it the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from tieline.core import encode
from tieline.core.branches import known, stories_beyond
from tieline.core.checkpoint import Receipt
from tieline.core.crypto import MLDSA_KEY_BYTES
from tieline.core.encode import Limits, Value
from tieline.core.errors import RemoteError
from tieline.core.record import MAX_BRANCHES_PER_LOG, Log, Record
from tieline.core.statement import MAX_STATEMENT_BYTES, TIP_BYTES, Statement

HAVE: Final = 1
PUSH: Final = 2
RECEIPTS: Final = 3
CHARTER: Final = 4
NOTES: Final = 5

ENVELOPE_LIMITS: Final = Limits(max_bytes=1_000_000, max_depth=6, max_items=60_000)
MAX_PUSH_BYTES: Final = 192 * 1024
MAX_PUSH_STATEMENTS: Final = 512
MAX_RECEIPTS: Final = 2_000
MAX_NOTES: Final = 64
MAX_NOTE: Final = 16_384
MAX_TOLD: Final = 4_096  # notes of which is remembered that a peer has them
MAX_HAVE: Final = 8_192  # four items each: within the limits of an envelope
MAX_HAVE_BYTES: Final = 512 * 1024  # as sent; a log with many stories takes more than 1 KB
MAX_CLAIMED: Final = 16_384  # logs that are not known here of which is noted that a peer has them
WINDOW: Final = 2_048
_HEAD_PARTS: Final = 4
_HEAD_BYTES: Final = 64  # of one without other tips, rounded up


@dataclass(frozen=True, slots=True)
class Head:
    """How far a log is held: its size and the digest of its last statement.

    ``tips`` are the ends of its other branches, 16 bytes of each, ascending; none without a fork.
    """

    log: bytes
    size: int
    last: bytes
    tips: bytes = b""

    def leaves(self) -> tuple[bytes, ...]:
        """The first 16 bytes of the last statement of every branch."""
        starts = range(0, len(self.tips), TIP_BYTES)
        return (self.last[:TIP_BYTES], *(self.tips[at : at + TIP_BYTES] for at in starts))


@dataclass(frozen=True, slots=True)
class Have:
    """What its sender holds. ``full`` says that logs not named are not held at all.

    Only of those after ``after`` up to and with ``until``, where these are not empty: what one
    envelope cannot hold is said in several.
    """

    line: bytes
    charter: int
    full: bool
    heads: tuple[Head, ...]
    after: bytes = b""
    until: bytes = b""

    def covers(self, log: bytes) -> bool:
        """Whether it says all there is to say of a log, also by not naming it."""
        return self.full and self.after < log and (not self.until or log <= self.until)


@dataclass(frozen=True, slots=True)
class Push:
    """Statements, in display order."""

    line: bytes
    statements: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Receipts:
    """Cosignatures on log heads. None at all asks the receiver to say all again that it said."""

    line: bytes
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class CharterOffer:
    """A complete signed charter."""

    line: bytes
    charter: bytes


@dataclass(frozen=True, slots=True)
class Notes:
    """Signed checkpoints, and the ML-DSA-44 keys that signatures under them need."""

    line: bytes
    notes: tuple[bytes, ...]
    keys: tuple[bytes, ...]


Envelope = Have | Push | Receipts | CharterOffer | Notes


# ------------------------------------------------------------------------------ envelopes


def pack(envelope: Envelope) -> bytes:
    """The bytes of an envelope."""
    match envelope:
        case Have(line, charter, full, heads, after, until):
            flat = tuple(
                part for head in heads for part in (head.log, head.size, head.last, head.tips)
            )
            whole: Value = (after, until) if after or until else full
            return encode.dumps((HAVE, line, charter, whole, flat))
        case Push(line, statements):
            return encode.dumps((PUSH, line, statements))
        case Receipts(line, receipts):
            return encode.dumps((RECEIPTS, line, tuple(receipt.encode() for receipt in receipts)))
        case CharterOffer(line, charter_bytes):
            return encode.dumps((CHARTER, line, charter_bytes))
        case Notes(line, notes, keys):
            return encode.dumps((NOTES, line, notes, keys))


def unpack(data: bytes) -> Envelope:
    """Read an envelope. Raises ``RemoteError`` (``encode.*``, ``envelope.*``, ``receipt.*``)."""
    match encode.loads(data, ENVELOPE_LIMITS):
        case (int(kind), bytes(line), int(charter), bool() | tuple() as full, tuple(flat)) if (
            type(kind) is int  # true is 1, and would be a second way to say it
            and kind == HAVE
            and len(line) == 16
            and type(charter) is int
            and 0 <= charter <= 2**16
        ):
            heads = _read_heads(flat)
            if isinstance(full, bool):
                return Have(line, charter, full, heads)
            return _read_part(line, charter, full, heads)
        case (int(kind), bytes(line), tuple(items)) if kind == PUSH and len(line) == 16:
            return Push(line, _read_statements(items))
        case (int(kind), bytes(line), tuple(items)) if kind == RECEIPTS and len(line) == 16:
            if len(items) > MAX_RECEIPTS:
                raise _wrong(f"more than {MAX_RECEIPTS} receipts in one envelope")
            return Receipts(line, tuple(_read_receipt(item) for item in items))
        case (int(kind), bytes(line), bytes(charter_bytes)) if kind == CHARTER and len(line) == 16:
            return CharterOffer(line, charter_bytes)
        case (int(kind), bytes(line), tuple(notes), tuple(keys)) if kind == NOTES:
            return _read_notes(line, notes, keys)
    raise _wrong("it is none of have, push, receipts, charter and notes")


def _wrong(what: str) -> RemoteError:
    return RemoteError(
        "envelope.form", f"an envelope is malformed: {what}; it was dropped, nothing has changed"
    )


def _read_part(line: bytes, charter: int, part: tuple[Value, ...], heads: tuple[Head, ...]) -> Have:
    match part:
        case (bytes(after), bytes(until)) if (
            (after or until)  # else it would be a second way to say true
            and {len(after), len(until)} <= {0, 8}
            and (not until or after < until)
        ):
            have = Have(line, charter, full=True, heads=heads, after=after, until=until)
            if all(have.covers(head.log) for head in heads):
                return have
    raise _wrong("its part is not from one log on to another, with every head in it")


def _read_heads(flat: tuple[Value, ...]) -> tuple[Head, ...]:
    if len(flat) % _HEAD_PARTS or len(flat) > _HEAD_PARTS * MAX_HAVE:
        raise _wrong("its heads are not a list of four parts each")
    heads: list[Head] = []
    for index in range(0, len(flat), _HEAD_PARTS):
        log, size, last, tips = flat[index : index + _HEAD_PARTS]
        if (
            not isinstance(log, bytes)
            or len(log) != 8
            or type(size) is not int
            or not 1 <= size <= 2**48
            or not isinstance(last, bytes)
            or len(last) != 32
            or not isinstance(tips, bytes)
            or not _are_tips(tips)
        ):
            raise _wrong("a head is a log, a size of at least 1, a digest and the other tips")
        if heads and heads[-1].log >= log:
            raise _wrong("its heads are not in ascending order, each log once")
        heads.append(Head(log, size, last, tips))
    return tuple(heads)


def _are_tips(tips: bytes) -> bool:
    if len(tips) % TIP_BYTES or len(tips) > (MAX_BRANCHES_PER_LOG - 1) * TIP_BYTES:
        return False
    each = [tips[at : at + TIP_BYTES] for at in range(0, len(tips), TIP_BYTES)]
    return all(one < other for one, other in pairwise(each))


def _read_statements(items: tuple[Value, ...]) -> tuple[bytes, ...]:
    if not 1 <= len(items) <= MAX_PUSH_STATEMENTS:
        raise _wrong(f"a push carries 1 to {MAX_PUSH_STATEMENTS} statements")
    out: list[bytes] = []
    for item in items:
        if not isinstance(item, bytes) or len(item) > MAX_STATEMENT_BYTES:
            raise _wrong(f"a statement is bytes, at most {MAX_STATEMENT_BYTES} of them")
        out.append(item)
    return tuple(out)


def _read_notes(line: bytes, notes: tuple[Value, ...], keys: tuple[Value, ...]) -> Notes:
    texts = tuple(item for item in notes if isinstance(item, bytes) and len(item) <= MAX_NOTE)
    publics = tuple(key for key in keys if isinstance(key, bytes) and len(key) == MLDSA_KEY_BYTES)
    if len(line) != 16 or len(texts) != len(notes) or not 1 <= len(notes) <= MAX_NOTES:
        raise _wrong(f"notes are 1 to {MAX_NOTES} byte strings of at most {MAX_NOTE} bytes")
    if len(publics) != len(keys) or not all(one < two for one, two in pairwise(publics)):
        raise _wrong(f"keys of notes have {MLDSA_KEY_BYTES} bytes, ascending, each once")
    return Notes(line, texts, publics)


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
    echo_ms: int = 5_000  # receipts of others, for those who do not wait for them


@dataclass(slots=True)
class Peer:
    """What is known of one peer station on one line. ``stands`` only when a session is open."""

    station: bytes
    theirs: dict[bytes, int] = field(default_factory=dict)
    sent: dict[bytes, int] = field(default_factory=dict)
    fresh: bool = True  # nothing heard in this session yet: push relayed logs at once
    shared: dict[bytes, int] = field(default_factory=dict)  # of our main branch: proven, not said
    # Logs that are not one chain for both of us, and in these: what it has or is on its way to it,
    # what waits to be pushed, how much was pushed since it last spoke, and what it last said.
    apart: set[bytes] = field(default_factory=set)
    offered: set[bytes] = field(default_factory=set)
    extra: deque[Statement] = field(default_factory=deque)
    loose: int = 0
    leaves: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    told: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    announced: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    noted: set[bytes] = field(default_factory=set)  # the notes that it has, as far as told
    charter: int = 0
    offered_charter: int = 0  # the newest version on its way to it in this session
    retry_at: int | None = None
    retry_ms: int = 0
    retry_mark: int = 0  # what was confirmed when the retry clock was set
    stalled: bool = False
    retell: bool = False  # it has lost what came in this session, and asks for it
    retold_at: int | None = None  # when it was last told all again, since it asked
    given_at: int | None = None  # when it was last given again what it had, since it said less
    awaited: int = 0  # what it holds of our log and has given no receipt for
    waits: int = 0  # the full HAVEs since it said so

    def forget_session(self) -> None:
        """The session broke: only what the peer itself said counts from here."""
        self.forget_sent()
        self.apart.clear()
        self.leaves.clear()
        self.retry_at = None
        self.fresh = True
        self.stalled = False
        self.awaited = self.waits = 0

    def forget_sent(self) -> None:
        """Nothing that was sent counts as under way any more."""
        self.sent.clear()
        self.told.clear()
        self.announced.clear()
        self.noted.clear()
        self.offered.clear()
        self.extra.clear()
        self.loose = 0
        self.offered_charter = 0

    def believes(self, log: bytes, size: int) -> None:
        """Note that the peer holds the first ``size`` statements of our branch of a log."""
        self.shared[log] = max(size, self.shared.get(log, 0))
        self.theirs[log] = max(size, self.theirs.get(log, 0))

    def forget(self, log: bytes, size: int, *, patient: bool = False) -> None:
        """The peer holds less than it once said: a store was put back. Send again; or in time."""
        for said in (self.theirs, self.shared):
            if said.get(log, 0) > size:
                said[log] = size
        if not patient:
            self.sent.pop(log, None)

    def doubt(self, log: bytes) -> None:
        """What the peer was once proven to hold of our branch is not what it holds now.

        Its store was put back, and another story has come in the place of what it lost. How far
        back that goes nobody has said: less is counted on each time.
        """
        self.shared[log] = self.shared.get(log, 0) // 2

    def rejoin(self, log: bytes) -> None:
        """A log is one chain for both of us after all: it is counted, and not offered."""
        if log in self.apart:
            self.apart.discard(log)
            self.extra = deque(waiting for waiting in self.extra if waiting.log != log)

    def offer(self, statement: Statement) -> None:
        """Let a statement of a log that is apart be pushed, unless it is under way already."""
        if statement.digest not in self.offered:
            self.offered.add(statement.digest)
            self.extra.append(statement)

    def position(self, log: bytes) -> int:
        """Where the next push of a log starts."""
        return max(self.sent.get(log, 0), self.theirs.get(log, 0))

    def confirmed(self) -> int:
        """How many statements the peer has said it holds, over all logs."""
        return sum(self.theirs.values())

    def outstanding(self) -> int:
        """How many statements are under way: pushed, and not yet confirmed."""
        return sum(max(0, sent - self.theirs.get(log, 0)) for log, sent in self.sent.items())


def note_have(record: Record, peer: Peer, have: Have, *, patient: bool = False) -> bool:
    """Take a peer's HAVE: what it holds, and where its branches of a log are not ours.

    True when it is given again what it was given before. Not with ``patient``, or a peer that has
    nothing, then all, then nothing would have all of it as often as it says so.
    """
    again = False
    peer.charter = have.charter  # an offer that was lost is made again
    if have.full:
        peer.offered_charter = 0
    peer.loose = 0
    if have.full and _says_what_is_known(extent(record), peer, have):
        return False
    for head in have.heads:
        ours = record.logs.get(head.log)
        if ours is None and head.log not in peer.theirs and len(peer.theirs) >= MAX_CLAIMED:
            continue  # of logs that may not exist at all only so many are noted
        if have.full and head.size < peer.theirs.get(head.log, 0):
            peer.forget(head.log, head.size, patient=patient)
            again = True
        if ours is None or _is_one_chain(ours, head):
            peer.rejoin(head.log)
            peer.theirs[head.log] = max(head.size, peer.theirs.get(head.log, 0))
            if ours is not None and head.size <= ours.size:
                peer.believes(head.log, head.size)
        else:
            if head.size <= peer.shared.get(head.log, 0) and not known(record, ours, head.leaves()):
                peer.doubt(head.log)
            again |= _reconcile(record, peer, ours, head.leaves(), full=have.full, patient=patient)
    if have.full:
        named = {head.log for head in have.heads}
        for log in [log for log in peer.theirs if log not in named and have.covers(log)]:
            peer.forget(log, 0, patient=patient)
            again = True
            if log not in record.logs:
                del peer.theirs[log]
        for ours in record.logs.values():
            if ours.forks and ours.id not in named and have.covers(ours.id):
                again |= _reconcile(record, peer, ours, (), full=True, patient=patient)
    return again and not patient


def _says_what_is_known(here: Extent, peer: Peer, have: Have) -> bool:
    """Whether it holds just what we do, and we know: then a HAVE changes nothing, as most do."""
    if have.after or have.until or peer.apart != here.ends.keys():
        return False
    if not here.forked:
        same = peer.theirs == here.sizes and peer.shared == here.sizes
        return same and have.heads == here.heads
    return (
        len(here.forked) == len(here.ends)
        and len(peer.theirs) == len(here.sizes) == len(have.heads)
        and peer.sent.keys().isdisjoint(here.ends)
        and here.single.items() <= peer.theirs.items()
        and here.single.items() <= peer.shared.items()
        and all(
            mine == head or (mine.log == head.log and head.log in here.ends)
            for mine, head in zip(here.heads, have.heads, strict=True)
        )
        and all(_has_all_ends(here, peer, h) for h in have.heads if h.log in here.ends)
    )


def _has_all_ends(here: Extent, peer: Peer, head: Head) -> bool:
    """Whether a peer holds all branches of a log that we do, has said so before, and all is noted.

    Which of them is the main one may differ.
    """
    leaves, log = head.leaves(), head.log
    shared = peer.shared.get(log, 0)
    return (
        peer.leaves.get(log) == leaves
        and peer.theirs.get(log) == shared <= head.size
        and here.ends[log] == frozenset(leaves)
    )


def _is_one_chain(ours: Log, head: Head) -> bool:
    """Whether, for all we can tell, one of us holds the beginning of what the other holds."""
    if ours.forks or head.tips:
        return False
    return head.size > ours.size or ours.digest(head.size - 1) == head.last


def set_apart(peer: Peer, log: Log) -> None:
    """From now on a peer is offered a log statement by statement. What is under way stays so."""
    if log.id in peer.apart:
        return
    peer.apart.add(log.id)
    start = peer.theirs.get(log.id, 0)
    sent = max(start, peer.sent.pop(log.id, 0))
    peer.offered.update(item.statement.digest for item in log.items[start:sent])
    for item in log.items[sent:]:
        peer.offer(item.statement)


def _reconcile(
    record: Record, peer: Peer, ours: Log, leaves: tuple[bytes, ...], *, full: bool, patient: bool
) -> bool:
    """Offer what a peer lacks of a log that is not one chain for both of us.

    What was offered before is on its way, unless the peer has said the same in two full HAVEs and
    nothing waits here: then it was lost, which the answer says.
    """
    peer.apart.add(ours.id)
    peer.sent.pop(ours.id, None)
    peer.theirs[ours.id] = peer.shared.get(ours.id, 0)
    same = peer.leaves.get(ours.id) == leaves
    if full:
        peer.leaves[ours.id] = leaves
    elif all(leaf[:TIP_BYTES] in leaves or leaf in peer.offered for leaf in ours.leaves):
        return False  # all that is not there yet follows from something that is on its way
    lost = full and same and not peer.extra and not patient
    if lost and not known(record, ours, leaves):
        peer.doubt(ours.id)
    beyond = stories_beyond(record, ours, leaves, peer.shared.get(ours.id, 0))
    for statement in beyond:
        if lost:
            peer.offered.discard(statement.digest)
        peer.offer(statement)
    return lost and bool(beyond)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far all logs are held, worked out once for as long as none changes."""

    changes: int
    heads: tuple[Head, ...]
    sizes: dict[bytes, int]
    single: dict[bytes, int]  # those of logs that are one chain
    forked: tuple[Log, ...]  # the others, in the order of their names
    ends: dict[bytes, frozenset[bytes]]  # of those: where their branches end
    reach: dict[bytes, tuple[int, int]]
    packed: dict[int, tuple[bytes, ...]] = field(default_factory=dict)  # by the charter's version


def extent(record: Record) -> Extent:
    """How far all logs are held now."""
    shelf = record.shelf
    found = shelf.extent
    if not isinstance(found, Extent) or found.changes != shelf.changes:
        logs = [log for _, log in sorted(record.logs.items()) if log.size]
        heads = tuple(map(head_of, logs))
        forked = tuple(record.forked()) if any(log.forks for log in record.numbered) else ()
        found = shelf.extent = Extent(
            shelf.changes,
            heads,
            {log.id: log.size for log in logs},
            {log.id: log.size for log in logs if not log.forks},
            forked,
            {head.log: frozenset(head.leaves()) for head in heads if record.logs[head.log].forks},
            {log.id: _reach(log) for log in forked if log.items},
        )
    return found


def heads(record: Record) -> tuple[Head, ...]:
    """The heads of all logs."""
    return extent(record).heads


def haves(line: bytes, charter: int, heads: tuple[Head, ...], *, full: bool) -> list[Have]:
    """The envelopes that say so much of logs; one, unless it would be too large to be read."""
    parts: list[list[Head]] = [[]]
    size = 0
    for head in heads:
        size += _HEAD_BYTES + len(head.tips)
        if len(parts[-1]) >= MAX_HAVE or (parts[-1] and size > MAX_HAVE_BYTES):
            parts.append([])
            size = _HEAD_BYTES + len(head.tips)
        parts[-1].append(head)
    after, out = b"", list[Have]()
    for part in parts:
        until = part[-1].log if full and part is not parts[-1] else b""
        out.append(Have(line, charter, full, tuple(part), after, until))
        after = until
    return out


def whole_have(line: bytes, charter: int, record: Record, peer: Peer) -> tuple[bytes, ...]:
    """The envelopes that tell a peer of all logs, packed once for all peers and beacons."""
    here = extent(record)
    if here.forked:
        note_announced(peer, here.forked)
    if charter not in here.packed:
        told = haves(line, charter, here.heads, full=True)
        here.packed[charter] = tuple(map(pack, told))
    return here.packed[charter]


def moved_have(line: bytes, charter: int, record: Record, peer: Peer) -> tuple[bytes, ...]:
    """The envelopes that tell a peer of logs that have moved and of which no receipt speaks.

    A receipt says how far its maker holds a log; nobody gives one on a log with two stories.
    """
    here = extent(record)
    if here.reach.items() <= peer.announced.items():
        return ()
    moved = [log for log in here.forked if log.items]
    moved = [log for log in moved if peer.announced.get(log.id) != here.reach[log.id]]
    note_announced(peer, moved)
    heads = tuple(map(head_of, moved))
    return tuple(map(pack, haves(line, charter, heads, full=False))) if heads else ()


def note_announced(peer: Peer, logs: Iterable[Log]) -> None:
    """A peer is being told of the present heads of these logs."""
    for log in logs:
        peer.announced[log.id] = _reach(log)


def head_of(log: Log) -> Head:
    """How far a log goes here, and where its branches end."""
    return Head(log.id, log.size, log.head, log.tips())


def _reach(log: Log) -> tuple[int, int]:
    return log.size, len(log.forks)
