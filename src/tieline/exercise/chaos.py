"""A clumsy visitor: station processes killed with ``kill -9`` at moments that a seed draws.

Half of the moments are those at which the script does something, half lie anywhere in the exercise,
and some before its first event, while stations start. A short real delay moves a kill into the
middle of what that moment sets off. One visit in four takes two stations at once, and one in eight
comes back to the same station while it is starting again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tieline.exercise.scenario import Scenario

STARTING_S: Final = 2.0
DELAY_S: Final = 0.25
AGAIN_S: Final = 0.6


@dataclass(frozen=True, slots=True, order=True)
class Visit:
    """Some stations die ``delay_s`` real seconds after the exercise's clock has come to a time."""

    at_ms: int
    delay_s: float
    parties: tuple[str, ...]


def plan(scenario: Scenario, kills: int, seed: int) -> tuple[Visit, ...]:
    """So many visits as a seed draws them, in the order of time."""
    chance = random.Random(seed)
    script = sorted({event.at_ms for event in scenario.events})
    visits: list[Visit] = []
    while len(visits) < kills:
        visits.append(_visit(chance, scenario, script))
        if chance.random() < 1 / 8 and len(visits) < kills:
            last = visits[-1]
            delay_s = last.delay_s + chance.random() * AGAIN_S
            visits.append(Visit(last.at_ms, delay_s, last.parties))
    return tuple(sorted(visits))


def _visit(chance: random.Random, scenario: Scenario, script: list[int]) -> Visit:
    count = 2 if chance.random() < 1 / 4 else 1
    parties = tuple(sorted(chance.sample(scenario.codes, min(count, len(scenario.codes)))))
    where = chance.random()
    if where < 1 / 16:
        return Visit(scenario.start_ms - 1, chance.random() * STARTING_S, parties)
    if where < 1 / 2:
        at_ms = chance.choice(script)
    else:
        at_ms = chance.randint(scenario.start_ms, scenario.end_ms)
    return Visit(at_ms, chance.random() * DELAY_S, parties)


async def haunt(
    visits: tuple[Visit, ...],
    reached: Callable[[int], Awaitable[None]],
    kill: Callable[[str], Awaitable[None]],
) -> None:
    """Make all visits. ``reached`` waits until the exercise's clock has come to a time."""
    at_ms, waited_s = 0, 0.0
    for visit in visits:
        await reached(visit.at_ms)
        if visit.at_ms != at_ms:
            at_ms, waited_s = visit.at_ms, 0.0
        await asyncio.sleep(visit.delay_s - waited_s)
        waited_s = visit.delay_s
        await asyncio.gather(*(kill(party) for party in visit.parties))
