"""Lives: on which machine, and in which run, this station may go on writing one of its logs.

Theory. A store that is put back has forgotten what it signed, and a copied home signs beside the
one it was copied from; either would sign a second story under a number that is used. So a log, one
*incarnation* of a station, belongs to the machine that opened it and to no other, and after every
start its end is on *probation*. It is written on only when nothing speaks against it and somebody
who has it has named exactly its end. Else the log is closed for ever, and the next thing said opens
a fresh one, whose id is drawn from new randomness and so can be nobody else's.

Rules held here:

* A log is *writing* when this run opened it, or when all of these hold: the journal says that this
  machine opened it; the machine's own mark, which is in no backup, knows no later end than the
  store has; and since the start a peer has named, in a session that stands, exactly the end that we
  hold, and none has named more or another one. Who else is in reach is heard first: a peer that is
  behind names the end of a store that was put back as one that it is.
* *Closed* stays closed: in the journal, and for the rest of the run even if the journal lost it.
* What a run knows outlives a rebuilding of the station within it (``Run``); a confirmation is never
  carried from one run to the next.
* Two logs of one station of which each has read the other are proof of two machines that write
  with one key: a station that opens a log never writes again in one that it had before.

This module knows no clock and keeps nothing; ``tieline.core.renewal`` says and keeps what follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tieline.core import crypto
from tieline.core.errors import LocalError
from tieline.core.journal import Lived
from tieline.core.record import Log, Record
from tieline.core.statement import Statement, log_id

ENTROPY_BYTES: Final = 32

# Why a log is opened: the cause in the body of its first statement. ``FOUNDED`` and ``JOINED`` are
# a station's first log on a line; the others follow one that it does not go on with.
FOUNDED: Final = "founded"
JOINED: Final = "joined"
UNCONFIRMED: Final = "unconfirmed"
RESTORED: Final = "restored"
OTHER_MACHINE: Final = "another machine"
NO_MARK: Final = "no mark"
OTHER_LIFE: Final = "another life"
ROTATED: Final = "rotated"


class Standing(StrEnum):
    """What may be done with the present log."""

    WRITING = "writing"
    PROBATION = "probation"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a machine remembers of the log it writes on a line: its id, size and last digest."""

    log: bytes
    size: int
    last: bytes


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the station's process on one machine, and what it has learnt of its logs.

    ``tag`` names the machine, ``entropy`` is new randomness of this start (32 bytes), ``marks`` is
    what the machine remembers, by line: None when it remembers nothing or cannot read it. A run
    without entropy can read a station and open nothing.
    """

    tag: bytes = b""
    entropy: bytes = b""
    marks: Mapping[bytes, Mark] | None = None
    born: set[bytes] = field(default_factory=set)
    confirmed: set[bytes] = field(default_factory=set)
    closed: dict[bytes, str] = field(default_factory=dict)
    named: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    heard: set[tuple[bytes, bytes]] = field(default_factory=set)
    drawn: int = 0

    def draw(self, line: bytes) -> bytes:
        """A fresh incarnation. Raises ``LocalError`` (``life.entropy``) in a run without any."""
        if len(self.entropy) < ENTROPY_BYTES:
            raise LocalError(
                "life.entropy",
                "this station was only opened to be read; start it in order to speak",
            )
        self.drawn += 1
        count = self.drawn.to_bytes(8, "big")
        return crypto.sha256(b"tieline-incarnation-v1\0" + self.entropy + line + count)[:8]


class Life:
    """The present log of this station on one line, and the ones that it had before."""

    def __init__(self, line: bytes, own: bytes, run: Run) -> None:
        self.line = line
        self.own = own
        self.run = run
        self.incarnation = b""
        self.log = b""
        self.cause = ""
        self.opened_ms = 0
        self.tag = b""
        self.mine: set[bytes] = set()  # the logs that the journal says we opened here
        self.shut: dict[bytes, str] = {}  # closed for ever, and why
        self.waits_until: int | None = None  # for a confirmation, on the transport's clock

    # ------------------------------------------------------------------------------ journal

    def found(self, incarnation: bytes) -> None:
        """Take the log that was opened with the line, as homes of older software have kept it."""
        self.incarnation = incarnation
        self.log = log_id(self.line, self.own, incarnation)

    def take(self, fact: Lived, at_ms: int) -> None:
        """Take an entry of the journal: a log was opened on a machine, or closed for ever."""
        if fact.closed:
            self.shut[log_id(self.line, self.own, fact.incarnation)] = fact.cause
            return
        self.found(fact.incarnation)
        self.tag, self.cause, self.opened_ms = fact.tag, fact.cause, at_ms
        self.mine.add(self.log)

    def begin(self, logs: Mapping[bytes, Log]) -> None:
        """After the journal has been read: judge what the machine itself knows of the log.

        ``logs`` are those that the store holds. The machine may still know the log before: it notes
        after each commit what is written, and of the one that opened the log nothing had left.
        """
        run = self.run
        if self.standing is not Standing.PROBATION:
            return
        mark = None if run.marks is None else run.marks.get(self.line)
        if not self.tag or self.tag != run.tag:
            run.closed[self.log] = OTHER_MACHINE
        elif run.marks is None:
            run.closed[self.log] = NO_MARK
        elif (
            mark is None
            or mark.log not in self.mine
            or not _holds(logs.get(mark.log), mark.size, mark.last)
        ):
            run.closed[self.log] = RESTORED

    # ------------------------------------------------------------------------------ verdict

    @property
    def standing(self) -> Standing:
        """Whether the present log may be written on."""
        if self.log in self.run.closed or self.log in self.shut:
            return Standing.CLOSED
        if self.log in self.run.born or self.log in self.run.confirmed:
            return Standing.WRITING
        return Standing.PROBATION

    @property
    def why(self) -> str:
        """Why the present log is not gone on with, as the first statement of the next says it."""
        closed = self.run.closed.get(self.log) or self.shut.get(self.log)
        return closed or UNCONFIRMED

    def open(self, incarnation: bytes, cause: str, at_ms: int) -> Lived:
        """Open a log in this run; returns what the journal must keep of it."""
        fact = Lived(incarnation=incarnation, tag=self.run.tag, cause=cause)
        self.take(fact, at_ms)
        self.run.born.add(self.log)
        self.waits_until = None
        return fact

    def close(self, cause: str) -> Lived:
        """Close the present log for ever; returns what the journal must keep of it."""
        cause = self.run.closed.setdefault(self.log, cause)
        fact = Lived(incarnation=self.incarnation, cause=cause, closed=True)
        self.take(fact, 0)
        return fact

    def trust(self) -> None:
        """Let the present log be written on, unless it is closed."""
        if self.standing is Standing.PROBATION:
            self.run.confirmed.add(self.log)
        self.waits_until = None

    # ----------------------------------------------------------------------------- outside

    def listen(self, peer: bytes) -> None:
        """A peer has said in a session of this run how far it holds every log."""
        self.run.heard.add((self.line, peer))

    def listened(self, peer: bytes) -> bool:
        """Whether it has."""
        return (self.line, peer) in self.run.heard

    def name(self, size: int, now_ms: int) -> None:
        """A peer has named this size as the end of the present log (``now_ms``: transport's)."""
        _, since_ms = self.run.named.get(self.log, (0, now_ms))
        self.run.named[self.log] = size, since_ms

    def named_for(self, size: int, now_ms: int) -> int | None:
        """How long ago, in milliseconds, a peer began to name our end, if it is this size now."""
        named, since_ms = self.run.named.get(self.log, (-1, now_ms))
        return now_ms - since_ms if named == size else None

    def denied_by(self, size: int, last: bytes, tips: bytes, log: Log | None) -> bool:
        """Whether somebody's word of the present log says that we do not hold the end of it.

        A log that this run opened can only be lied about: nobody else can have written it before.
        """
        if self.log in self.run.born:
            return False
        return bool(tips) or not _holds(log, size, last)

    def is_other(self, statement: Statement) -> bool:
        """Whether a statement of this station, come from outside, is in no log that we opened."""
        return statement.log not in self.mine and statement.log != self.log

    def has_read_us(self, record: Record, statement: Statement) -> bool:
        """Whether its author had read a log that we are writing, or have opened, in this run.

        Then another machine signs with our keys: in every log that this one has opened before, it
        has written nothing since.
        """
        if statement.log in self.run.born:
            return False
        ours = self.run.born | self.run.confirmed
        read = (record.by_tip(tip) for tip in statement.place.seen)
        return any(item is not None and item.statement.log in ours for item in read)


def _holds(log: Log | None, size: int, last: bytes) -> bool:
    """Whether a log as we hold it has that beginning."""
    if size == 0:
        return True
    return (
        log is not None
        and not log.forks
        and size <= log.size
        and log.items[size - 1].statement.digest == last
    )


def read_each_other(record: Record, statement: Statement) -> Log | None:
    """Another log of the author that has read this one, and that this statement has read.

    The two are proof that two machines write with one key.
    """
    for tip in statement.place.seen:
        item = record.by_tip(tip)
        if item is None or item.statement.place.station != statement.place.station:
            continue
        other = record.logs[item.statement.log]
        if other.seen.get(statement.log):
            return other
    return None


def lives(record: Record, station: bytes) -> list[Log]:
    """The logs of a station on a line, in the order in which they came to be displayed."""
    logs = [log for log in record.logs.values() if log.station == station and log.items]
    return sorted(logs, key=lambda log: log.items[0].key)
