"""Builds that lose their pace in long outages, or in weeks in which nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tieline.carriers.dial import Backoff, Failures
from tieline.core.exchange import Exchange
from tieline.core.turn import Turn
from tieline.sim.mutant import Mutant


def _pause_longer(self: Backoff, away_s: float) -> float:
    """A pause may be as long as a share of the outage, and no less than that again and again."""
    return self._rng.uniform(0, max(1.0, away_s * self._share))


_note: Callable[[Failures, str, str, float], str | None] = Failures.note


def _tell_the_first(self: Failures, address: str, cause: str, now: float) -> str | None:
    """The first failure of a kind is told, and never again how often it happened."""
    told = _note(self, address, cause, now)
    return told if told == cause else None


_tick: Callable[[Exchange, Turn], None] = Exchange.tick


def _beat_later_and_later(self: Exchange, turn: Turn) -> None:
    """In the course of four hours the time between two signs of life becomes three minutes."""
    before = self.line.beacon_at
    _tick(self, turn)
    if self.line.beacon_at is not None and self.line.beacon_at != before:
        self.line.beacon_at += turn.now.real_ms % 14_400_000 // 80


PACES: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="backs-off-without-end",
        invariants=frozenset({7}),
        what="the pause before the next try grows with the outage",
        patches=((Backoff, "pause", _pause_longer),),
    ),
    Mutant(
        name="failures-told-once",
        invariants=frozenset({8}),
        what="of an outage the first failure is told, and nothing after it",
        patches=((Failures, "note", _tell_the_first),),
    ),
    Mutant(
        name="beats-later",
        invariants=frozenset({10}),
        what="signs of life come later and later",
        patches=((Exchange, "tick", _beat_later_and_later),),
    ),
)
