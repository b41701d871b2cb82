"""A pause after a turn that took long, in which the loop does all else that waits.

A commit keeps all who read waiting for as long as its sync takes, in the loop or beside it. Where
the next turn followed at once, who asks would wait for a sync at each step of the answer: three of
them, seen with a disk that takes two seconds. What comes in the pause is committed together, so
little is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

LONG_S: Final = 0.1
MOST_S: Final = 0.1
PART: Final = 0.1  # of what the turn took


class Pauses:
    """When the next turn may begin."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until = 0.0

    def soon(self, turn: Callable[[], None]) -> asyncio.Handle:
        """Have a turn taken: at once, or when the pause is over."""
        if self._until and self._until > self._loop.time():
            return self._loop.call_at(self._until, turn)
        return self._loop.call_soon(turn)

    def after(self, began: float) -> None:
        """A turn that began at a time of the loop is over."""
        took = (now := self._loop.time()) - began
        self._until = now + min(took * PART, MOST_S) if took >= LONG_S else 0.0
