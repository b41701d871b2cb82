"""The line is never cut by the software, and silence is data (invariants 7 and 8).

Whatever has gone wrong, an officer who speaks is answered, and is not refused for it: forks,
clocks, missing peers, ended keys and restored stores ring and degrade. Only three refusals
count: one for the words of the act itself, one for a disk that is full at that moment, and one for
an observer, which says nothing.

What did not come is in the record: each failure of a carrier is in the journal with its cause, and
each deadline that ran down on a statement of ours, and each line test that nobody called, is said
by us, within minutes, in words that all can read: by a later life if need be.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from tieline.core.events import Connected, Event, Failed, Lost
from tieline.core.journal import Alarm, Attempt, Fact, FactKind
from tieline.core.statement import Statement
from tieline.core.terms import Kind
from tieline.sim.schedule import NEVER_MS
from tieline.sim.violation import Violation

ANSWER_MS: Final = 30_000
SAID_MS: Final = 600_000  # a station that waits for a confirmation of its log waits with this, too
OF_THE_ACT: Final = ("act.", "draft.", "release.")
FULL: Final = "store.full"
MUTE: Final = "line.observer"
_TELLING: Final = (Connected, Lost, Failed)
_OUTCOMES: Final = {Connected: "connected", Lost: "lost", Failed: "failed"}


def refused(code: str, *, full: bool, mute: bool = False) -> None:
    """Raise ``Violation`` unless an officer may be refused for this; ``mute``: it observes."""
    if mute and code == MUTE:
        return
    if code.startswith(OF_THE_ACT) or (code == FULL and full):
        return
    raise Violation(7, f"an officer may not speak: {code}")


def unanswered(number: int, since_ms: int, now_ms: int) -> None:
    """Raise ``Violation`` when an officer has waited too long at a station that runs."""
    if now_ms - since_ms > ANSWER_MS:
        raise Violation(7, f"station {number} has not answered its officer for {ANSWER_MS} ms")


def attempts_kept(events: Iterable[Event], facts: Iterable[Fact], peers: Container[bytes]) -> bool:
    """Whether a carrier told something in a turn.

    Raises ``Violation`` when it is not in the journal.
    """
    news = [event for event in events if isinstance(event, _TELLING) and event.peer in peers]
    if not news:
        return False
    kept = [
        (found.station, found.outcome, found.cause)
        for found in (Attempt.decode(f.body) for f in facts if f.kind == FactKind.ATTEMPT)
    ]
    for event in news:
        told = (event.peer, _OUTCOMES[type(event)], getattr(event, "cause", ""))
        if told not in kept:
            peer, outcome, cause = told
            raise Violation(8, f"'{outcome}' of {peer.hex()} ({cause}) is in no journal")
        kept.remove(told)  # each that was told is there, and as often
    return True


class Silences:
    """What one station owes the record: deadlines of its own statements, and uncalled tests."""

    def __init__(self, station: bytes) -> None:
        self._station = station
        self._own: set[bytes] = set()
        self._owed: dict[tuple[bytes, str], int] = {}
        # Uncalled tests that are on the record: a copy of this station may have said it before this
        # one rings, which says it no second time.
        self._said: set[tuple[bytes, str]] = set()

    def note(self, parsed: Statement) -> None:
        """A statement came into the journal."""
        if parsed.place.station != self._station:
            return
        self._own.add(parsed.digest)
        if parsed.content.kind is Kind.SILENCE:
            body = parsed.content.body
            for ref in parsed.content.refs:
                self._owed.pop((ref.target, body.party or ""), None)
            if body.slot is not None:
                told = (body.slot.to_bytes(8, "big"), body.party or "")
                self._said.add(told)
                self._owed.pop(told, None)

    def rang(self, alarm: Alarm, now_ms: int) -> None:
        """An alarm came into the journal."""
        ours = alarm.code.startswith("overdue.") and alarm.item in self._own
        told = (alarm.item, alarm.party)
        if ours or (alarm.code == "test.missed" and told not in self._said):
            self._owed.setdefault(told, now_ms)

    def due(self) -> int:
        """When the first that is owed must be there."""
        return min(self._owed.values()) + SAID_MS + 1 if self._owed else NEVER_MS

    def wait(self, now_ms: int) -> None:
        """The station was not able to speak until now: it has time from here."""
        if self._owed:
            self._owed = dict.fromkeys(self._owed, now_ms)

    def look(self, now_ms: int) -> None:
        """Raise ``Violation`` when a silence is on no record."""
        for (item, party), since in self._owed.items():
            if now_ms - since > SAID_MS:
                raise Violation(
                    8, f"{party} has owed a word on {item.hex()[:12]}, and that is on no record"
                )
