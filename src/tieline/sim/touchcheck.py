"""Who is in touch comes to know the same, and not only at the end (invariant 10, and 7).

Whatever an honest station has said is held by each honest one with which it is in touch, within a
bounded time: while a road that loses nothing stands between the two, both run, have room on their
disks and go by the same version of the charter. Each word is looked for when its time is up, and so
is all that a station has said when such a road, or a station that was not able, comes back.

And nobody falls silent in a session that stands: each says something, if only that it is there,
every 30 s by its own clock, for as many weeks as it stands (``pulse``).

Who is in touch is counted here from the roads, and who holds what from what became durable. Nothing
is said of a station whose home was copied, since it says two things under one number, nor of who
has the disk of a station that was put back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from tieline.sim.machine import Machine
from tieline.sim.network import Network
from tieline.sim.schedule import Schedule
from tieline.sim.violation import Violation

WITHIN_MS: Final = 30_000
PULSE_MS: Final = 75_000  # two beacons and more, of a clock that is a fifth too slow
# Where somebody tells two stories: who is brought one in the name of a station that lacks it (mail
# proves no sender) takes it that this one does not, until two of its HAVEs have said so.
TWO_STORIES_MS: Final = 180_000
HURRIED_MS: Final = 15_000  # where a hostile member floods, and all else is well


@dataclass(frozen=True, slots=True)
class Said:
    """How far a station's own log had come at one moment."""

    at_ms: int
    machine: Machine
    log: bytes
    size: int


class TouchChecker:
    """What honest stations of one world owe each other."""

    def __init__(
        self, schedule: Schedule, network: Network, cloned: set[bytes], *, within_ms: int,
        invariant: int,
    ) -> None:  # fmt: skip
        self._schedule, self._network, self._cloned = schedule, network, cloned
        self._within_ms, self._invariant = within_ms, invariant
        self._said: deque[Said] = deque()
        self._known: dict[int, tuple[bytes, int]] = {}  # of each machine: its log, and how far
        # Since when each machine is able, and which life and version that is of; -1: it is not.
        self._able: dict[int, tuple[int, tuple[int, int]]] = {}
        self.demands = 0  # how often something had to have come

    def moved(self, machine: Machine, others: list[Machine]) -> None:
        """A machine has kept something, or has started, or has room or none."""
        if not machine.ledger.honest:
            return
        now, line = self._schedule.now_ms, machine.line_now()
        state = (-1, 0)
        if line is not None and machine.able:
            state = (machine.lives, line.latest())
        if self._able.get(machine.number, (0, (-1, 0)))[1] != state:
            self._able[machine.number] = now, state
            for other in others:  # what each has said is owed to the other from now on
                self._say(other)
            self._say(machine)
        elif line is not None:
            size = len(machine.ledger.logs.get(line.own_log, ()))
            if self._known.get(machine.number) != (line.own_log, size):
                self._say(machine)

    def roads(self, machines: list[Machine]) -> None:
        """A road has come or gone: what was said before is owed on the new one."""
        for machine in machines:
            self._say(machine)

    def _say(self, machine: Machine) -> None:
        line = machine.line_now()
        if line is None or not machine.ledger.honest:
            return
        size = len(machine.ledger.logs.get(line.own_log, ()))
        self._known[machine.number] = line.own_log, size
        if size:
            said = Said(self._schedule.now_ms, machine, line.own_log, size)
            self._said.append(said)
            self._schedule.by(said.at_ms + self._within_ms)

    def look(self, machines: list[Machine]) -> None:
        """Raise ``Violation`` when a word has not come whose time is up."""
        now = self._schedule.now_ms
        while self._said and self._said[0].at_ms + self._within_ms <= now:
            said = self._said.popleft()
            for reader in machines:
                if reader is not said.machine and reader.ledger.honest:
                    self._demand(said, reader)
        if self._said:
            self._schedule.by(self._said[0].at_ms + self._within_ms)

    def pulse(self, machines: list[Machine]) -> None:
        """Raise ``Violation`` when somebody has fallen silent in a session that stands."""
        now = self._schedule.now_ms
        early = now - PULSE_MS
        self._schedule.by(now + PULSE_MS // 3)
        honest = [m for m in machines if m.ledger.honest and m.station not in self._cloned]
        for at, one in enumerate(honest):
            for other in honest[at + 1 :]:
                since = self._network.steady_since(one.number, other.number)
                if since is None or since > early:
                    continue
                for machine in (one, other):
                    able = self._able.get(machine.number)
                    if able is None or able[0] > early or able[1][0] < 0:
                        continue
                    self._schedule.count("check pulse")
                    spoke = self._network.spoke_ms(one.number, other.number)[machine.number]
                    if spoke < early:
                        raise Violation(
                            10,
                            f"station {machine.number} has said nothing in a session that stands"
                            f" for {now - spoke} ms",
                        )

    def _demand(self, said: Said, reader: Machine) -> None:
        author = said.machine
        since = self._network.steady_since(author.number, reader.number)
        if since is None or since > said.at_ms:
            return
        one, other = self._able.get(author.number), self._able.get(reader.number)
        if one is None or other is None or max(one[0], other[0]) > said.at_ms:
            return
        if min(one[1][0], other[1][0]) < 0 or one[1][1] != other[1][1]:
            return
        if {author.station, reader.station} & self._cloned:
            return
        self.demands += 1
        self._schedule.count("check touch")
        wanted = min(said.size, len(author.ledger.logs.get(said.log, ())))
        held = len(reader.ledger.logs.get(said.log, ()))
        if held < wanted:
            raise Violation(
                self._invariant,
                f"station {reader.number} holds {held} of what station {author.number} had said"
                f" {self._within_ms} ms ago, {wanted} statements, and was in touch with it",
            )
