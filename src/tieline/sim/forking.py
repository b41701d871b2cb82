"""The station that forks alone, in a world: when it tells another story, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieline.sim.forker import Forker
from tieline.sim.network import DIRECT
from tieline.sim.notefork import NoteForker

if TYPE_CHECKING:
    from tieline.sim.world import World


class Forking:
    """The fault of this kind in one world; ``number`` is the liar's."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        machine = world.machines[number]
        self.forker = Forker(world.schedule.stream("forker"), machine, world.cast.realm)
        self.notes = NoteForker(world.schedule.stream("notes"), machine)

    def begin(self) -> None:
        """Plan it."""
        world, duration = self._world, self._world.plan.duration_ms
        world.repeat(duration // 40, self._fork)
        chance = world.schedule.stream("times of notes")
        for _ in range(4):
            world.schedule.at(chance.randint(1, duration), self._fork_notes)

    def _fork(self) -> None:
        machine = self.forker.machine
        told = self.forker.tell()
        if told is None:
            return
        for victim in self.forker.victims(sorted(machine.names)):
            self._world.schedule.note("forked", machine.number, victim)
            if self._world.network.joined(machine.number, victim):
                self._world.heard(victim, machine.number, DIRECT, told)

    def _fork_notes(self) -> None:
        """False heads, another one for each group of those who hear one."""
        if self._world.healing:
            return
        machine = self.notes.machine
        for victim, envelope in self.notes.tell(sorted(machine.names)):
            self._world.schedule.note("false head", machine.number, victim)
            if self._world.network.joined(machine.number, victim):
                self._world.heard(victim, machine.number, DIRECT, envelope)
