"""The clocks of a running station.

``MachineClock`` reads the machine. ``ControlledClock`` belongs to exercises: its wall and deadline
clocks stand still until exercise control moves them, so that a story of twenty hours runs in the
time it takes to tell and always comes out the same; the transport still gets real time.
"""

from __future__ import annotations

import time

from tieline.core.errors import LocalError
from tieline.core.terms import MAX_TIME_MS, Now, rfc3339


class MachineClock:
    """The machine's wall clock and its monotonic clock."""

    def now(self) -> Now:
        mono_ms = time.monotonic_ns() // 1_000_000
        wall_ms = min(max(time.time_ns() // 1_000_000, 0), MAX_TIME_MS)
        return Now(wall_ms, mono_ms, mono_ms)


class ControlledClock:
    """A clock that exercise control sets. It only goes forward."""

    def __init__(self, start_ms: int) -> None:
        self._wall_ms = start_ms

    def now(self) -> Now:
        return Now(self._wall_ms, self._wall_ms, time.monotonic_ns() // 1_000_000)

    def set(self, wall_ms: int) -> None:
        """Move the clock. Raises ``LocalError`` (``clock.backwards``, ``clock.range``)."""
        if not 0 <= wall_ms <= MAX_TIME_MS:
            raise LocalError("clock.range", f"{wall_ms} ms is outside the years 1970 to 9999")
        if wall_ms < self._wall_ms:
            raise LocalError(
                "clock.backwards",
                f"the exercise clock stands at {rfc3339(self._wall_ms)} and goes only forward",
            )
        self._wall_ms = wall_ms
