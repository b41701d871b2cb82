"""The clocks of a running station.

``MachineClock`` reads the machine. ``ControlledClock`` belongs to exercises: its wall and deadline
clocks stand still until exercise control moves them, so that a story of twenty hours runs in the
time it takes to tell and always comes out the same; the transport still gets real time.

``boot`` names the run of the deadline clock: readings under one name are of one clock, also where
a process has ended between them.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.core.terms import MAX_TIME_MS, Now, rfc3339

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class MachineClock:
    """The machine's wall clock, the one that nobody sets and that counts sleep, and the loop's."""

    def __init__(self) -> None:
        self._steady = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        self.boot = _boot() if hasattr(time, "CLOCK_BOOTTIME") else b""

    def now(self) -> Now:
        mono_ms = time.clock_gettime_ns(self._steady) // 1_000_000
        wall_ms = min(max(time.time_ns() // 1_000_000, 0), MAX_TIME_MS)
        return Now(wall_ms, mono_ms, time.monotonic_ns() // 1_000_000)


def _boot() -> bytes:
    """The name of this run of the machine; empty where its kernel gives none."""
    try:
        return BOOT_ID.read_bytes().strip()
    except OSError:
        return b""


class ControlledClock:
    """A clock that exercise control sets. It only goes forward."""

    boot = b"exercise"

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
