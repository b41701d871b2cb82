"""What makes alarms heard: each output says that it works, again and again, or is missed.

An output (a loudspeaker, a command, a web address, a browser that an officer has armed) beats: it
names itself and says in how many seconds it will be heard of next. One that says that it fails, or
is not heard of for two and a half times as long, is a fault of the station and rings on the others.
An output that takes its leave is not missed.

Two processes may have the same output (the one beside the station, and the desk): it belongs to
who has it, and the other stands by until that one is not heard of any more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from tieline.core.errors import LocalError

MAX_OUTPUTS: Final = 64
LATE: Final = 2.5  # times as long as it said
SHORTEST_S: Final = 0.2
LONGEST_S: Final = 300.0
GRACE_MS: Final = 60_000  # after its start a station waits so long for its first output
FORGET_MS: Final = 12 * 3_600_000  # an output that failed is listed for so long
GONE_KEPT: Final = 256
KINDS: Final = ("sound", "hook", "webhook", "browser")


@dataclass(slots=True)
class Output:
    """One output. ``at_ms``: when it was last heard of, on the station's own clock of real time."""

    name: str
    kind: str
    run: str  # whose it is: a random word of the process
    at_ms: int
    next_s: float
    well: bool = True
    why: str = ""
    since_ms: int = 0  # UTC: when it last began to work, or to fail
    tested: int = 0  # the last test that it has sounded
    failed: bool = False  # as the station judges it

    @property
    def limit_ms(self) -> int:
        """When it is missed, on the clock of real time."""
        return self.at_ms + int(self.next_s * LATE * 1000)


@dataclass(frozen=True, slots=True)
class Change:
    """An output works now, or does not any more; or it has sounded a test (its number)."""

    output: Output
    well: bool
    why: str
    tested: int = 0


@dataclass(slots=True)
class Outputs:
    """Those of one station. ``began_ms``: when it started, on its clock of real time."""

    began_ms: int
    all: dict[str, Output] = field(default_factory=dict)
    _tested: dict[str, int] = field(default_factory=dict)
    _gone: deque[str] = field(default_factory=lambda: deque(maxlen=GONE_KEPT))

    def beat(self, given: Output, real_ms: int, wall_ms: int) -> tuple[bool, list[Change]]:
        """An output is heard of. Whether it is the caller's, and what that changes.

        Raises ``LocalError`` (``alarm.outputs``) when there are too many.
        """
        if given.run in self._gone:
            return False, []  # said before its leave, and late
        known = self.all.get(given.name)
        if known is None:
            self._room(real_ms)
            known = self.all[given.name] = given
            known.since_ms, known.failed = wall_ms, given.well  # a change, either way
        elif known.run != given.run:
            if not known.failed and real_ms <= known.limit_ms:
                return False, []
            known.run = given.run
        known.at_ms, known.next_s, known.kind = real_ms, given.next_s, given.kind
        known.well, known.why = given.well, given.why
        changes = self.look(real_ms, wall_ms)
        if given.tested > self._tested.get(given.name, 0):
            known.tested = self._tested[given.name] = given.tested
            changes.append(Change(known, not known.failed, known.why, given.tested))
        return True, changes

    def leave(self, name: str, run: str) -> list[Change]:
        """An output takes its leave, or (``run`` empty) is struck off."""
        known = self.all.get(name)
        if known is None or run not in ("", known.run):
            return []
        if run:
            self._gone.append(run)
        del self.all[name]
        self._tested.pop(name, None)
        return [Change(known, well=False, why="left")]

    def look(self, real_ms: int, wall_ms: int) -> list[Change]:
        """Which outputs have begun to work, or do not any more."""
        changes: list[Change] = []
        for output in self.all.values():
            late = real_ms > output.limit_ms
            failed = late or not output.well
            if late and output.well:
                output.why = "it is not heard of any more"
            if failed != output.failed:
                output.failed, output.since_ms = failed, wall_ms
                changes.append(Change(output, not failed, output.why if failed else ""))
        return changes

    def failing(self) -> list[Output]:
        """Those that do not work, by name."""
        return [one for _, one in sorted(self.all.items()) if one.failed]

    def heard(self) -> bool:
        """Whether any output works."""
        return any(not one.failed for one in self.all.values())

    def nobody(self, real_ms: int) -> bool:
        """Whether nobody would hear an alarm, and a station that starts has waited long enough."""
        return not self.heard() and real_ms - self.began_ms >= GRACE_MS

    def next_ms(self) -> int | None:
        """When an output is missed if it is not heard of, on the clock of real time."""
        return min((one.limit_ms for one in self.all.values() if not one.failed), default=None)

    def _room(self, real_ms: int) -> None:
        for name, one in list(self.all.items()):
            if one.failed and real_ms - one.at_ms >= FORGET_MS:
                self.leave(name, "")
        if len(self.all) >= MAX_OUTPUTS:
            raise LocalError(
                "alarm.outputs",
                f"this station has {MAX_OUTPUTS} outputs of alarms already; strike off those that"
                " are gone",
            )
