"""Renewal: close a log that this station must not write on, open the next, and say so.

What is found out about a log (``tieline.core.life``) is kept in the journal and told to the officer
here. An officer's act never waits for a confirmation; what the station says by itself waits a
little, since a peer in reach confirms within moments and a fresh log would be for nothing. Near the
limit of logs that peers take of one station, everything waits a little, and then goes on in the
log that there is, so that a station that starts over and over is not cut off.
"""

from __future__ import annotations

from typing import Final

from tieline.core import record
from tieline.core.errors import LocalError
from tieline.core.journal import Alarm, FactKind
from tieline.core.life import (
    FOUNDED,
    JOINED,
    NO_MARK,
    OTHER_LIFE,
    OTHER_MACHINE,
    RESTORED,
    ROTATED,
    UNCONFIRMED,
    Standing,
    lives,
    read_each_other,
)
from tieline.core.line import Line
from tieline.core.record import Item, Log
from tieline.core.statement import MAX_REFS, Body, Content, Ref, Statement
from tieline.core.sync import Have
from tieline.core.terms import Kind, Precedence, RefRole
from tieline.core.turn import Turn

# Once one peer has confirmed, the others in reach have so long to say that they hold more.
HEAR_MS: Final = 3_000
CONFIRM_MS: Final = 30_000  # what the station says by itself waits so long for a confirmation
# Logs that a station opens only when it must, and never because nobody had confirmed the present
# one: a home that is restored or moved must still find room.
SPARE_LOGS: Final = 64

_WHY: Final = {
    UNCONFIRMED: "since the start no other station had confirmed the end of the log in use",
    RESTORED: "the store is an older one than this station had, or others hold more of its log:"
    " it was put back from a backup",
    OTHER_MACHINE: "this home was made on another machine, or is a copy of one",
    NO_MARK: "this machine's mark is gone or does not read, so nobody can say that the store is"
    " the latest",
    ROTATED: "the charter names fresh keys of this station, and a log bears one key",
    OTHER_LIFE: "another log of this station has come that this store does not know",
}
_RANK: Final = {UNCONFIRMED: Precedence.ROUTINE, ROTATED: Precedence.ROUTINE}


def begin(line: Line, incarnation: bytes, turn: Turn, *, founded: bool) -> None:
    """Open the first log of this station on a line."""
    fact = line.life.open(incarnation, FOUNDED if founded else JOINED, turn.now.wall_ms)
    turn.keep(FactKind.LIFE, line.id, fact.encode())


def opening(line: Line) -> Content:
    """The first statement of the present log: why it was opened, and what it follows."""
    earlier = [log for log in lives(line.record, line.own) if log.id != line.own_log]
    refs = tuple(Ref(log.head, RefRole.PREDECESSOR) for log in earlier[-MAX_REFS:])
    return Content(kind=Kind.OPEN, body=Body(cause=line.life.cause), refs=refs)


def may_say(line: Line, turn: Turn, *, officer: bool) -> bool:
    """Whether the present log takes the next statement now, if need be after opening a fresh one.

    False: what there is to say waits until ``line.life.waits_until``. Raises ``LocalError``
    (``log.too_many``, ``life.entropy``) when a fresh log is needed and cannot be had.
    """
    life = line.life
    _settle(line, turn)
    standing = life.standing
    if standing is Standing.WRITING:
        return True
    count = len(lives(line.record, line.own))
    if standing is Standing.CLOSED:
        _renew(line, count, turn)
        return True
    spent = count >= record.MAX_LOGS_PER_STATION - SPARE_LOGS
    now = turn.now.real_ms
    if not officer or spent:
        due = now + (CONFIRM_MS if officer else _patience_ms(count))
        life.waits_until = due if life.waits_until is None else min(due, life.waits_until)
        if now < life.waits_until:
            return False
    if spent:
        life.trust()
        _ring(line, _spent(line, count), turn)
    else:
        _renew(line, count, turn)
    return True


def _patience_ms(count: int) -> int:
    """The more logs there are, the longer what the station says by itself waits; hours at last."""
    return CONFIRM_MS << min(8, count * 9 // record.MAX_LOGS_PER_STATION)


def _renew(line: Line, count: int, turn: Turn) -> None:
    """Open a fresh log and tell the officer why."""
    life = line.life
    if count >= record.MAX_LOGS_PER_STATION:
        error = LocalError(
            "log.too_many",
            f"this station has opened {count} logs on line '{line.charter.name}', and may not go on"
            f" with the present one ({_reason(life.why)}): have the charter amended with a new"
            " station",
        )
        _ring(line, Alarm(code=error.code, precedence=Precedence.FLASH, text=error.message), turn)
        raise error
    cause = life.why
    fact = life.open(life.run.draw(line.id), cause, turn.now.wall_ms)
    turn.keep(FactKind.LIFE, line.id, fact.encode())
    alarm = Alarm(
        code="station.new_life",
        precedence=_RANK.get(cause, Precedence.IMMEDIATE),
        text=f"this station goes on in a fresh log ({life.log.hex()}): {_reason(cause)}. Nothing"
        " that the others hold is lost; it comes back from them",
        item=life.log,
    )
    _ring(line, alarm, turn)


def _reason(cause: str) -> str:
    return _WHY.get(cause, cause)


def _spent(line: Line, count: int) -> Alarm:
    return Alarm(
        code="station.many_lives",
        precedence=Precedence.IMMEDIATE,
        text=f"this station has opened {count} logs on line '{line.charter.name}': it goes on in"
        " the present one although nobody has confirmed it. Find out why it starts so often while"
        " nobody is in reach, and have the charter amended with a new station",
        item=line.own_log,
    )


# ------------------------------------------------------------------------------- what comes


def heard(line: Line, peer: bytes, have: Have, turn: Turn, *, live: bool) -> None:
    """A peer says how far it holds our logs.

    Only what is said in a session of this run confirms; what speaks against us counts from
    anywhere.
    """
    life = line.life
    log = line.record.logs.get(line.own_log)
    for head in have.heads:
        if head.log != line.own_log:
            continue
        if life.denied_by(head.size, head.last, head.tips, log):
            close(line, RESTORED, turn)
        elif live and log is not None and head.size == log.size:
            life.name(head.size, turn.now.real_ms)
    if live and have.covers(line.own_log):
        life.listen(peer)
    _settle(line, turn)


def _settle(line: Line, turn: Turn) -> None:
    """Trust the present log if a peer has named its end, and the others in reach were heard.

    Of two peers the first to speak may be behind, and the other one hold what we have lost. Who
    keeps silent in its session holds this up for ``HEAR_MS`` and no longer.
    """
    log = line.record.logs.get(line.own_log)
    if log is None or line.life.standing is not Standing.PROBATION:
        return
    named_ms = line.life.named_for(log.size, turn.now.real_ms)
    reached = (peer for peer in line.peers if line.links[peer].sessions)
    if named_ms is not None and (named_ms >= HEAR_MS or all(map(line.life.listened, reached))):
        line.life.trust()


def receipted(line: Line, peer: bytes, size: int, turn: Turn, *, live: bool) -> None:
    """A peer that has said what it holds has signed for the end of our log.

    It has no more: it had less, and gives a receipt for all that it has.
    """
    log = line.record.logs.get(line.own_log)
    if live and line.life.listened(peer) and log is not None and size == log.size:
        line.life.name(size, turn.now.real_ms)
        _settle(line, turn)


def outrun(line: Line, log: bytes, turn: Turn) -> None:
    """A witness claims to know more of a log of ours than we hold, or another one.

    Or our own checkpoint says so, which has come back from somebody.
    """
    if log == line.own_log and log not in line.life.run.born:
        close(line, RESTORED, turn)


def close(line: Line, cause: str, turn: Turn) -> None:
    """Close the present log for ever, unless the journal says that it is."""
    if line.own_log not in line.life.shut:
        turn.keep(FactKind.LIFE, line.id, line.life.close(cause).encode())


def came(line: Line, item: Item, turn: Turn) -> None:
    """A statement has come from outside: what it says of the lives of its station."""
    statement = item.statement
    if statement.place.station == line.own:
        _came_back(line, statement, turn)
    judge(line, item, turn)


def judge(line: Line, item: Item, turn: Turn) -> None:
    """Say when a statement, ours or another's, makes the proof of two machines with one key."""
    other = None if item.second_story else read_each_other(line.record, item.statement)
    if other is not None:
        _ring(line, _two_lives(line, item.statement, other), turn)


def _came_back(line: Line, statement: Statement, turn: Turn) -> None:
    """A statement of our own that we do not hold."""
    life = line.life
    if statement.log == life.log:
        close(line, RESTORED, turn)
    elif life.is_other(statement) and life.log not in life.run.born:
        # The store may be older than that log; to read it and to write on would look like two.
        close(line, OTHER_LIFE, turn)
    if life.has_read_us(line.record, statement):
        alarm = Alarm(
            code="station.other_life",
            precedence=Precedence.FLASH,
            text=f"another log of this station ({statement.log.hex()}) has read its present one:"
            " either a second machine runs with its keys, or this whole disk was put back. Stop all"
            " machines but one now; if you know of neither, the keys are stolen: have the charter"
            " amended with a new station",
            item=statement.log,
        )
        _ring(line, alarm, turn)


def _two_lives(line: Line, statement: Statement, other: Log) -> Alarm:
    station = statement.place.station
    party = line.party_of(station)
    return Alarm(
        code="station.two_lives",
        precedence=Precedence.FLASH,
        text=f"two machines write with the keys of one station of {party} ({station.hex()}): its"
        f" logs {statement.log.hex()} and {other.id.hex()} have each read the other. Both are kept;"
        f" ask {party} by another way which one speaks for it",
        item=station,
        party=party,
    )


def _ring(line: Line, alarm: Alarm, turn: Turn) -> None:
    turn.ring(line, alarm)
