"""What has arrived urgently and is not stored yet, because the disk is slow.

Everything is shown once it is stored and not before; but an officer shall not wait for a sync of
many seconds to hear that a FLASH is here. So what a turn has to ring for is told when its commit
has taken ``LATE_S``: with its text, which the core has verified, and with the words that it is not
stored. It is no entry of the journal, has no receipt, and nobody can answer it. It bears the number
that its alarm gets when it is stored, so that it is one alarm and goes on as such; where the commit
fails it is taken back, and comes again from its author.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.statement import parse, statement_digest
from tieline.core.terms import Precedence
from tieline.node.alarmbook import TONES, Family, Ring, State
from tieline.node.alarmview import alarm_view
from tieline.node.runtime import Plan
from tieline.node.view import Json, content_view

if TYPE_CHECKING:
    from tieline.node.host import Host

LATE_S: Final = 1.0
_SAID: Final = ("text", "lang", "form", "form_version", "kind")


class Unstored:
    """One station's. ``shown``: what is here and not stored, as alarms with what they say."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.shown: list[Json] = []

    def late(self, plan: Plan, first: int) -> None:
        """The commit of a plan takes long; its first fact will be the journal's entry ``first``."""
        said = {
            statement_digest(fact.body): fact.body
            for fact in plan.facts
            if fact.kind is FactKind.STATEMENT
        }
        for number, fact in enumerate(plan.facts, first):
            if fact.kind is FactKind.ALARM:
                alarm = Alarm.decode(fact.body)
                ring = Ring(number, fact.at_ms, fact.line, alarm)
                urgent = alarm.precedence >= Precedence.IMMEDIATE
                if ring.family is Family.ARRIVED and urgent and alarm.item in said:
                    self.shown.append(self._view(ring, fact, said[alarm.item]))
        if self.shown:
            self._tell({"type": "unstored", "alarms": self.shown})
            self._host.gate.stir()

    def over(self, *, stored: bool) -> None:
        """That commit has ended."""
        if self.shown:
            self.shown = []
            self._tell({"type": "unstored-over", "stored": stored})

    def _tell(self, event: dict[str, Json]) -> None:
        self._host.feed.aside({**event, "exercise": self._host.station.realm})

    def _view(self, ring: Ring, fact: Fact, raw: bytes) -> dict[str, Json]:
        line = self._host.station.lines[fact.line]
        content = content_view(parse(line.realm, raw).content)
        out = alarm_view(ring, State.SOUNDING, line, self._host.alarms.book)
        because: list[Json] = [{"key": "unstored", "party": out["party"], "rank": ring.rank}]
        text = (
            f"{ring.rank} from {ring.alarm.party} has arrived and is not yet stored:"
            " the disk is slow"
        )
        return out | {
            "text": text,
            "because": because,
            "why": [f"{text}; nothing can be done about it before it is"],
            "item": None,
            "can": [],
            "said": {name: content[name] for name in _SAID if name in content},
        }

    def waiting(self, before: Mapping[str, Json]) -> dict[str, Json]:
        """An answer of the act ``waits`` from before, and what has come since."""
        known = before["waits"]
        counts: dict[str, Json] = {**known} if isinstance(known, dict) else {}
        for one in self.shown:
            rank = str(one["rank"]) if isinstance(one, dict) else ""
            counted = counts.get(rank, 0)
            counts[rank] = 1 + (counted if isinstance(counted, int) else 0)
        return {**before, "waits": counts}

    def ringing(self, before: Mapping[str, Json]) -> dict[str, Json]:
        """An answer of the act ``alarms`` from before, and what has come since."""
        rings = [one for one in self.shown if isinstance(one, dict)]
        tones = {str(before["tone"]), *(str(one["tone"]) for one in rings)}
        rest, sounding = before["alarms"], before["sounding"]
        return {
            **before,
            "alarms": [*rings, *(rest if isinstance(rest, list) else [])],
            "tone": next(tone.value for tone in TONES if tone.value in tones),
            "sounding": [
                *(sounding if isinstance(sounding, list) else []),
                *(one["alarm"] for one in rings),
            ],
        }
