"""The checks that belong to no one turn or envelope, made after every step of a world.

Most steps change nothing that such a check looks at. So whatever does change it says so
(``Machine.touch``, ``Network.changes``), each check says when time alone will change what it finds
(``Schedule.by``), and after every other step it would find what it found before: it is left out
there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieline.sim.cutcheck import ANSWER_MS, unanswered
from tieline.sim.machine import Machine
from tieline.sim.schedule import NEVER_MS
from tieline.sim.touchcheck import HURRIED_MS, TWO_STORIES_MS, WITHIN_MS, TouchChecker

if TYPE_CHECKING:
    from tieline.sim.world import World


class StepChecks:
    """All of them, of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._touched: dict[int, Machine] = {}
        self._changes = -1
        plan, pest = world.plan, world.pest is not None
        two = plan.forker or plan.colluders or plan.clone or bool(plan.rotation)
        within_ms = TWO_STORIES_MS if two else WITHIN_MS
        self.touch = TouchChecker(
            world.schedule,
            world.network,
            world.checker.cloned,
            within_ms=HURRIED_MS if pest else within_ms,
            invariant=7 if pest else 10,
        )
        world.schedule.check = self.look
        world.schedule.by(0)

    def moved(self, machine: Machine) -> None:
        """What a machine keeps, or whether it can, has changed in this step."""
        self._touched[id(machine)] = machine
        self._world.schedule.moves += 1

    def look(self) -> None:
        """Raise ``Violation`` where something does not hold after this step."""
        world = self._world
        schedule, machines = world.schedule, world.machines
        touched = list(self._touched.values())
        self._touched.clear()
        for machine in touched:
            if world.machines[machine.number] is machine:
                self._look_at(machine)
        if self._changes != world.network.changes:
            self._changes = world.network.changes
            self.touch.roads(machines)
        self.touch.look(machines)
        if world.colluders is not None:
            world.colluders.look()
        if world.leaks is not None:
            world.leaks.look(world)
        if schedule.now_ms >= schedule.due_ms:
            self._look_at_times()

    def _look_at(self, machine: Machine) -> None:
        world = self._world
        machine.look()
        self.touch.moved(machine, world.machines)
        line = machine.line_now()
        if line is None or not machine.ledger.honest:
            return
        if world.watchers is not None:
            world.watchers.check.counted(line)
        if world.pest is not None:
            world.schedule.count("check pest")
            world.pest.check.look(machine, line)

    def _look_at_times(self) -> None:
        """Something has become due: an answer to an officer, or a word on what did not come."""
        world = self._world
        schedule = world.schedule
        now, schedule.due_ms = schedule.now_ms, NEVER_MS
        for asked in world.pending():
            machine = world.machines[asked.machine]
            if machine.alive and machine.lives == asked.life:
                unanswered(asked.machine, asked.asked_ms, now)
                schedule.by(asked.asked_ms + ANSWER_MS + 1)
        for machine in world.machines:
            machine.look()
        self.touch.look(world.machines)
        self.touch.pulse(world.machines)
        if world.colluders is not None:
            schedule.by(world.colluders.check.ripe_ms)
