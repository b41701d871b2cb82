"""Incidents in a world that is quiet otherwise: for some minutes all officers speak."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tieline.sim.world import World

LENGTHS_MS: Final = (180_000, 420_000, 900_000)
WORD_MS: Final = 60_000  # between two words of a pair


class Bursts:
    """The incidents of one world; ``say`` has an officer say something, ``answer`` answer."""

    def __init__(
        self, world: World, say: Callable[[int], None], answer: Callable[[int], None]
    ) -> None:
        self._world, self._say, self._answer = world, say, answer
        self._chance: random.Random = world.schedule.stream("bursts")

    def begin(self) -> None:
        """Plan them."""
        self._world.repeat(self._world.plan.burst_mean_ms, self._begin)

    def _begin(self) -> None:
        world = self._world
        until = world.schedule.now_ms + self._chance.choice(LENGTHS_MS)
        mean_ms = WORD_MS * len(world.machines) // 2
        world.schedule.note("incident", until - world.schedule.now_ms)
        for number in range(len(world.machines)):
            self._later(number, until, mean_ms, self._say)
            self._later(number, until, mean_ms // 2, self._answer)

    def _later(self, number: int, until: int, mean_ms: int, act: Callable[[int], None]) -> None:
        schedule = self._world.schedule
        wait = int(self._chance.expovariate(1 / mean_ms)) + 1
        if schedule.now_ms + wait > until:
            return

        def go_on() -> None:
            if not self._world.healing:
                act(number)
                self._later(number, until, mean_ms, act)

        schedule.after(wait, go_on)
