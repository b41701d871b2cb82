"""Long work in slices: what an act has to look through does not hold up the line."""

from __future__ import annotations

import asyncio
import time
from typing import Final

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
