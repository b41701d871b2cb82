"""One turn of the station: the time it happens at, and the effects it asks for.

A turn only gathers. It knows the journal's fact kinds so that every module keeps a thing in one
way, and nothing about what the things mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tieline.core.errors import RemoteError, TielineError
from tieline.core.events import Done, Effect, Keep, PeersChanged, Reply, Sign, SignFor, Transmit
from tieline.core.journal import (
    Alarm,
    Attempt,
    Fact,
    FactKind,
    Handed,
    Refusal,
    StateChange,
)
from tieline.core.line import Line
from tieline.core.statement import Content, Statement, pack_content, unpack_content
from tieline.core.terms import Now


@dataclass(slots=True)
class Turn:
    """Effects in the order in which they were asked for."""

    now: Now
    effects: list[Effect] = field(default_factory=list)

    def keep(
        self, kind: FactKind, line: bytes, body: bytes, meta: bytes = b"", at_ms: int | None = None
    ) -> None:
        when = self.now.wall_ms if at_ms is None else at_ms
        self.effects.append(Keep(fact=Fact(kind=kind, at_ms=when, line=line, body=body, meta=meta)))

    def keep_statement(self, statement: Statement, meta: bytes, *, second_story: bool) -> None:
        """``meta``: an encoded ``Origin``."""
        self.effects.append(
            Keep(
                fact=Fact(
                    kind=FactKind.SECOND_STORY if second_story else FactKind.STATEMENT,
                    at_ms=self.now.wall_ms,
                    line=statement.place.line,
                    body=statement.raw,
                    meta=meta,
                    log=None if second_story else statement.log,
                    position=None if second_story else statement.place.position,
                )
            )
        )

    def ring(self, line: Line, alarm: Alarm, silence: Content | None = None) -> bool:
        """Keep an alarm of a line: once for each cause, for ever. Whether it is news.

        ``silence``: what the station is to put on the record for it, in this life or a later one.
        """
        news = line.alarms.add(alarm)
        if news:
            owed = b"" if silence is None else _owed(silence)
            self.keep(FactKind.ALARM, line.id, alarm.encode(), owed)
            if silence is not None and owed:
                line.ladder.unsaid.owe(silence, told=True)
        return news

    def keep_alarm(self, line: bytes, alarm: Alarm) -> None:
        self.keep(FactKind.ALARM, line, alarm.encode())

    def keep_attempt(self, line: bytes, attempt: Attempt) -> None:
        self.keep(FactKind.ATTEMPT, line, attempt.encode())

    def keep_state(self, line: bytes, change: StateChange) -> None:
        self.keep(FactKind.STATE, line, change.encode())

    def keep_refusal(self, line: bytes, refusal: Refusal) -> None:
        self.keep(FactKind.REFUSED, line, refusal.encode())

    def keep_handed(self, line: bytes, handed: Handed) -> None:
        self.keep(FactKind.HANDED_OVER, line, handed.encode())

    def sign(self, purpose: SignFor, message: bytes, key: bytes | None) -> None:
        self.effects.append(Sign(purpose=purpose, message=message, key=key or b""))

    def transmit(
        self, line: bytes, peer: bytes, envelope: bytes, items: tuple[bytes, ...] = ()
    ) -> None:
        self.effects.append(Transmit(line=line, peer=peer, envelope=envelope, items=items))

    def reply(self, token: int, result: Done | TielineError) -> None:
        if token:
            self.effects.append(Reply(token=token, result=result))

    def peers_changed(self) -> None:
        self.effects.append(PeersChanged())


def _owed(silence: Content) -> bytes:
    """Its bytes for the journal. None where it would not read: that would stop the next start."""
    packed = pack_content(silence)
    try:
        unpack_content(packed)
    except RemoteError:
        return b""
    return packed
