"""How stations dial each other in worlds of weeks: by the pace of the product itself.

The pauses between two tries are those of ``carriers.dial.Backoff``, and which failures are told to
a station those of ``carriers.dial.Failures``; each side of a road dials for itself, and anew when
its process starts. How long a try takes is as with TLS: a road that does not answer costs the time
of a knock, or now and then that of a whole attempt; a machine that runs no station refuses at once.

At any time of an outage the next try comes within 30 s of the end of the last (invariant 7), and
a failure is told at least every six minutes (8), however many weeks it lasts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tieline.carriers.dial import UNANSWERED, Backoff, Failures
from tieline.carriers.tuning import TlsTuning
from tieline.sim.schedule import Schedule
from tieline.sim.violation import Violation

Road = tuple[int, int, str]
TUNING: Final = TlsTuning()
REFUSED: Final = "the connection was refused: nothing listens there"
NEXT_MS: Final = 30_000
TOLD_MS: Final = 360_000  # the interval of the product, a pause and an attempt


@dataclass(slots=True)
class Side:
    """One end of a road, as one process there dials it."""

    backoff: Backoff
    failures: Failures
    away_ms: int = -1  # since when no session that lived has been there; -1: it is
    dials: bool = False
    turn: int = 0  # which of the tries that were planned counts
    told_ms: int = 0  # when a failure was told last, or this outage began


class Dialling:
    """All dialling of one world.

    ``attempt`` makes a try of one side and says why it failed; None: there is nothing to try.
    """

    def __init__(
        self,
        schedule: Schedule,
        attempt: Callable[[Road, int], str | None],
        failed: Callable[[int, int, str, str], None],
    ) -> None:
        self._schedule, self._attempt, self._failed = schedule, attempt, failed
        self._chance: random.Random = schedule.stream("dialling")
        self._sides: dict[tuple[Road, int], Side] = {}

    def begin(self, road: Road, me: int) -> None:
        """This side wants a session on this road."""
        side = self._sides.get((road, me))
        if side is None:
            side = Side(Backoff(self._chance, TUNING), Failures(TUNING))
            self._sides[road, me] = side
        if side.dials:
            return
        side.dials, side.told_ms = True, self._schedule.now_ms
        if side.away_ms < 0:
            side.away_ms = self._schedule.now_ms
        self._wait(road, me, side)

    def up(self, road: Road) -> None:
        """There is a session: nobody dials this road."""
        for me in road[:2]:
            side = self._sides.get((road, me))
            if side is not None:
                side.dials = False
                side.turn += 1
                side.failures.clear()

    def ended(self, road: Road, me: int, lived_ms: int) -> None:
        """This side has noticed that its session is gone."""
        side = self._sides.get((road, me))
        if side is not None and lived_ms >= 1000 * TUNING.settled_s:
            side.backoff.reset()
            side.away_ms = -1
        self.begin(road, me)

    def stop(self, me: int) -> None:
        """A process has ended, and what it knew of its tries is gone."""
        for road, one in list(self._sides):
            if one == me:
                self._sides.pop((road, one)).turn += 1

    def _wait(self, road: Road, me: int, side: Side) -> None:
        now = self._schedule.now_ms
        away_ms = now - side.away_ms
        pause_ms = round(1000 * side.backoff.pause(away_ms / 1000))
        self._schedule.count("check next try")
        if pause_ms > NEXT_MS:
            raise Violation(
                7, f"station {me}, parted for {away_ms} ms, waits {pause_ms} ms before its next try"
            )
        side.turn += 1
        turn = side.turn
        self._schedule.after(pause_ms, lambda: self._try(road, me, side, turn))

    def _try(self, road: Road, me: int, side: Side, turn: int) -> None:
        if turn != side.turn:
            return
        cause = self._attempt(road, me)
        if cause is None:
            side.dials = False
        elif cause == UNANSWERED:
            whole = self._chance.random() < 1 / 16
            took_ms = round(1000 * (TUNING.attempt_s if whole else TUNING.knock_s))
            self._schedule.after(took_ms, lambda: self._tried(road, me, side, turn, cause))
        elif turn == side.turn:
            self._tried(road, me, side, turn, cause)

    def _tried(self, road: Road, me: int, side: Side, turn: int, cause: str) -> None:
        if turn != side.turn:
            return
        now = self._schedule.now_ms
        told = side.failures.note("", cause, now / 1000)
        if told is not None:
            side.told_ms = now
            self._failed(me, road[0] + road[1] - me, road[2], told)
        elif now - side.told_ms > TOLD_MS:
            raise Violation(
                8, f"station {me} has told of no failed try for {now - side.told_ms} ms"
            )
        if turn == side.turn:
            self._wait(road, me, side)
