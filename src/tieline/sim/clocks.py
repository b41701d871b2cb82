"""The clocks of simulated machines: wrong by an offset, by a rate, and by sudden jumps.

The wall clock may say anything between 1970 and 9999 and may run backwards. The monotonic clock
never does while a process lives, starts anywhere at a restart, and keeps its own rate.
"""

from __future__ import annotations

from tieline.core.terms import MAX_TIME_MS, Now
from tieline.sim.schedule import Schedule

EPOCH_MS = 1_668_524_400_000  # 15 November 2022, 15:00 UTC: where every simulated world begins


class SimClock:
    """Both clocks of one machine."""

    def __init__(self, schedule: Schedule, *, skew_ms: int, drift_ppm: int) -> None:
        self._schedule = schedule
        self._skew_ms = skew_ms
        self._drift_ppm = drift_ppm
        self._boot_ms = 0
        self._base_ms = 0
        self._read: tuple[int, Now] | None = None  # the last reading, and when it was

    def now(self) -> Now:
        """What the machine reads at this instant."""
        true_ms = self._schedule.now_ms
        if self._read is not None and self._read[0] == true_ms:
            return self._read[1]
        drifted = true_ms + true_ms * self._drift_ppm // 1_000_000
        wall = EPOCH_MS + drifted + self._skew_ms
        lived = true_ms - self._boot_ms
        mono = self._base_ms + lived + lived * self._drift_ppm // 1_000_000
        now = Now(wall_ms=min(max(wall, 0), MAX_TIME_MS), mono_ms=mono, real_ms=mono)
        self._read = (true_ms, now)
        return now

    def jump(self, by_ms: int) -> None:
        """Step the wall clock; the monotonic clock does not notice."""
        self._skew_ms += by_ms
        self._read = None

    def mend(self) -> None:
        """Set the wall clock right, as a healed machine's would be."""
        true_ms = self._schedule.now_ms
        self._skew_ms = -(true_ms * self._drift_ppm // 1_000_000)
        self._read = None

    def reboot(self, base_ms: int) -> None:
        """Start the monotonic clock again from ``base_ms``."""
        self._boot_ms = self._schedule.now_ms
        self._base_ms = base_ms
        self._read = None

    def mono_to_true(self, mono_ms: int) -> int:
        """The first virtual time at which the monotonic clock reads at least ``mono_ms``."""
        lived = mono_ms - self._base_ms
        true_lived = lived * 1_000_000 // (1_000_000 + self._drift_ppm)
        while true_lived + true_lived * self._drift_ppm // 1_000_000 < lived:
            true_lived += 1
        return self._boot_ms + true_lived
