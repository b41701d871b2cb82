"""How long ago something was, for a station that starts again.

The journal bears the times of a wall clock, which somebody may have set before, between or after a
start. Deadlines run on the clock that nobody sets (``Now.mono_ms``), and that one goes on while the
machine does: only the process has ended. So the machine keeps, beside the store, how far the two
clocks were apart, from which journal entry on, and in which run of the second one. With that each
entry has its place on the clock that deadlines run on, whatever the wall clock says now.

Across a new start of the machine nothing else knows the time: there the wall clock is believed, but
only for the time between the last entry and now; one that went back counts as no time. What passed
before the last entry is known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from tieline.core.ladder import STEP_MS
from tieline.core.terms import Now
from tieline.ports import Machine, Steps

MOST: Final = 256  # steps that are kept; what is older counts as by the oldest


class Passed:
    """Where the entries of a journal lie on the deadline clock. Kept by the machine.

    ``boot`` names the run of that clock, empty where nobody can say; ``last`` is the number of the
    last entry of the journal and ``at_ms`` the wall time that it bears, both 0 when there is none.
    """

    def __init__(self, machine: Machine, boot: bytes, now: Now, last: int, at_ms: int) -> None:
        self._machine, self._boot = machine, boot
        kept = machine.steps() or Steps(b"", ())
        steps = [step for step in kept.steps if step[0] <= last]  # the store may have been put back
        latest_ms = now.mono_ms + STEP_MS
        if steps and not (boot and boot == kept.boot and at_ms - steps[-1][1] <= latest_ms):
            # In that other run the last entry had its place as ``steps`` say. Where is it in ours?
            apart_ms = max(now.wall_ms - now.mono_ms, at_ms - now.mono_ms)
            moved_ms = apart_ms - steps[-1][1]
            steps = [(seq, by_ms + moved_ms) for seq, by_ms in steps]
        self._set(steps)
        self._saved = Steps(boot, tuple(steps)) == kept  # who only reads writes nothing here

    def then(self, seq: int, now: Now) -> Now:
        """``now`` as the wall clock would show it, had nobody set it since entry ``seq``."""
        if not self._apart:
            return now
        apart_ms = self._apart[max(0, bisect_right(self._first, seq) - 1)]
        return Now(now.mono_ms + apart_ms, now.mono_ms, now.real_ms)

    def note(self, seq: int, now: Now) -> None:
        """Entry ``seq`` is about to be written, and bears ``now``."""
        apart_ms = now.wall_ms - now.mono_ms
        if not self._apart or abs(apart_ms - self._apart[-1]) >= STEP_MS:
            steps = [step for step in self._steps() if step[0] < seq]  # an entry may have failed
            self._set([*steps, (seq, apart_ms)][-MOST:])
        elif self._saved:
            return
        # Where a full disk has no room for it, the next entry tries again.
        self._saved = self._machine.remember_steps(Steps(self._boot, self._steps()))

    def _steps(self) -> tuple[tuple[int, int], ...]:
        return tuple(zip(self._first, self._apart, strict=True))

    def _set(self, steps: Sequence[tuple[int, int]]) -> None:
        self._first = [seq for seq, _ in steps]
        self._apart = [by_ms for _, by_ms in steps]
