"""Long work in slices: what an act has to look through does not hold up the line."""

from __future__ import annotations

import asyncio
import time
from typing import Final, TypeVar

from tieline.core.agreement.steps import Steps

T = TypeVar("T")
SLICE_S: Final = 0.01


class Slices:
    """Work that gives others their turn when it has had its slice of time."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + SLICE_S

    async def turn(self) -> None:
        """To be called after each small step."""
        if time.perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + SLICE_S


async def through(steps: Steps[T]) -> T:
    """The answer that comes in steps, without holding up the line."""
    slices = Slices()
    while True:
        try:
            next(steps)
        except StopIteration as done:
            answer: T = done.value
            return answer
        await slices.turn()
