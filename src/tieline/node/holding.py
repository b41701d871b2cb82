"""An exercise's clock is held while all stations are given the time, so that none acts on it first.

Whoever holds it may be gone before it is set on; so it is held for so long and no longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

HOLD_S: Final = 60.0


class Holding:
    """Whether a station takes no turn for now. ``go_on`` is called when it may again."""

    def __init__(self, go_on: Callable[[], None]) -> None:
        self.held = False
        self._go_on = go_on
        self._timer: asyncio.TimerHandle | None = None

    def set(self, *, hold: bool) -> None:
        """Hold it, anew if it is held, or let it go on."""
        self.cancel()
        if hold:
            self.held = True
            self._timer = asyncio.get_running_loop().call_later(HOLD_S, self._over)
        else:
            self._over()

    def _over(self) -> None:
        self.held = False
        self._go_on()

    def cancel(self) -> None:
        """The station stops."""
        if self._timer is not None:
            self._timer.cancel()
