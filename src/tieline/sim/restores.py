"""Stores that are put back, homes that move, whole disks that go back, and homes that run twice.

A backup is a store as it was after some commit. What becomes of it is one of these:

* the *store* alone is put back where it came from, and the machine's mark is not;
* the same, while the only peer in reach has been away since the backup was made, and so confirms it
  in good faith;
* it is *moved*: it starts on another machine, which has never written a mark;
* the whole *disk* is put back, mark and all, when every peer holds more than it: nothing on the
  machine can tell, and only the word of a peer can (with a peer that holds no more, even that is
  gone, and nothing is promised).

A *copy* of a home, its mark with it, runs on a second machine in turns: one of the two is plugged
in at a time, the other goes on alone, with officers who speak on both.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tieline.core.events import Speak
from tieline.core.life import Mark, Standing
from tieline.core.statement import Body, Content
from tieline.core.terms import Kind, Role
from tieline.ports import Fact
from tieline.sim.disks import SimMemory
from tieline.sim.machine import Machine
from tieline.store.memory import MemoryStore

if TYPE_CHECKING:
    from tieline.sim.world import World

KEPT: Final = 4  # backups of each machine
AWAYS: Final = 16  # a peer is away for that part of a run before it confirms an old end
LOOK_MS: Final = 50
LOOKS: Final = 1_200


@dataclass(frozen=True, slots=True)
class Backup:
    """A store, and what the machine remembered, at one moment."""

    facts: tuple[Fact, ...]
    marks: dict[bytes, Mark] | None


class Restores:
    """The faults of this kind in one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance: random.Random = world.schedule.stream("restores")
        self._backups: dict[int, list[Backup]] = {}
        self._copies: dict[int, Machine] = {}
        self._away: dict[int, Backup] = {}
        self._unsure: list[tuple[Machine, bytes]] = []
        self._serial = 0

    def begin(self) -> None:
        """Plan them."""
        world, plan = self._world, self._world.plan
        if plan.restore_mean_ms:
            world.repeat(plan.restore_mean_ms // 3, self._back_up)
            world.repeat(plan.restore_mean_ms, self._restore)
            if len(world.machines) > 2:
                world.repeat(plan.restore_mean_ms, self._leave_one_behind)
        if plan.clone:
            world.schedule.at(plan.duration_ms // 5, self._copy)
            world.repeat(plan.duration_ms // 16, self._swap)
            world.repeat(plan.send_mean_ms, self._speak_alone)

    def heal(self) -> None:
        """Of two machines with the same keys the one that is not plugged in stops for good."""
        for number in sorted(self._copies):
            copy = self._copies[number]
            copy.retired = True
            copy.kill("the copy is stopped for good")

    # ------------------------------------------------------------------------------ backups

    def _honest(self) -> list[Machine]:
        return [machine for machine in self._world.machines if machine.ledger.honest]

    def _back_up(self) -> None:
        machine = self._chance.choice(self._honest())
        if machine.disk.last():
            kept = self._backups.setdefault(machine.number, [])
            kept.append(backup_of(machine))
            del kept[:-KEPT]

    def _restore(self) -> None:
        machine = self._chance.choice(self._honest())
        kept = self._backups.get(machine.number)
        if not kept or machine.number in self._copies:
            return
        backup = self._chance.choice(kept)
        how = self._chance.choice(("store", "moved", "disk"))
        if how == "disk" and not self._all_hold_more(machine, backup):
            how = "store"
        self._put_back(machine, backup, how)

    def _put_back(self, machine: Machine, backup: Backup, how: str) -> None:
        world = self._world
        if self._blind():
            return
        # A machine whose mark claims less than it has written knows nothing, as one whose whole
        # disk was put back (below): what is promised of those waits until it has written another.
        if machine.memory.behind and how != "moved":
            return
        self._serial += 1
        memory = machine.memory
        if how == "moved":
            memory = SimMemory(f"{world.plan.seed}/moved {self._serial}")
        elif how == "disk":
            memory.kept = backup.marks
            self._unsure.append((machine, (backup.marks or {})[machine.line].log))
        world.schedule.note("put back", machine.number, how, len(backup.facts))
        machine.kill("its store is put back")
        world.forget(machine.number)
        machine.put_back(MemoryStore(backup.facts), memory, world.checker)
        world.schedule.after(self._chance.randint(200, 3_000), lambda: world.boot(machine))
        world.schedule.after(LOOK_MS, lambda: self._speak_at_once(machine, LOOKS))

    def _speak_at_once(self, machine: Machine, looks: int) -> None:
        """The officer has waited for the station to say that it may go on, and speaks then.

        So what a station allows too soon is used before anything can make up for it.
        """
        line = machine.line_now()
        if line is not None and line.life.standing is Standing.WRITING:
            self._speak(machine)
        elif looks and not self._world.healing:
            after = self._world.schedule.after
            after(LOOK_MS, lambda: self._speak_at_once(machine, looks - 1))

    def _blind(self) -> bool:
        """Whether a disk that was put back is not found out yet: its peers must forget nothing."""
        for machine, log in self._unsure:
            line = machine.line_now()
            if line is None:
                return True
            if line.own_log == log and line.life.standing is not Standing.CLOSED:
                return True
        self._unsure.clear()
        return False

    def _all_hold_more(self, machine: Machine, backup: Backup) -> bool:
        """Whether the log of the backup is the one in use, and all peers hold more of it."""
        line = machine.line_now()
        if line is None or backup.marks is None:
            return False
        mark = backup.marks.get(line.id)
        if mark is None or mark.log != line.own_log:
            return False
        others = [other for other in self._world.machines if other is not machine]
        return all(len(other.ledger.logs.get(mark.log, ())) > mark.size for other in others)

    def _leave_one_behind(self) -> None:
        """One peer is parted from all; the store goes back to that moment; only it is in reach."""
        world = self._world
        machine = self._chance.choice(self._honest())
        line = machine.line_now()
        if line is None or machine.number in self._copies or machine.number in self._away:
            return
        late = self._chance.choice([m.number for m in world.machines if m is not machine])
        self._away[machine.number] = backup_of(machine)
        world.network.part([int(m.number == late) for m in world.machines])
        world.schedule.note("left behind", late)
        away_ms = world.plan.duration_ms // AWAYS
        for after in (away_ms // 4, away_ms // 2):
            world.schedule.after(after, lambda: self._speak(machine))
        world.schedule.after(away_ms, lambda: self._meet(machine, late))

    def _meet(self, machine: Machine, late: int) -> None:
        world = self._world
        backup = self._away.pop(machine.number)
        if world.healing or machine is not world.machines[machine.number]:
            return
        self._put_back(machine, backup, "store")
        pair = (machine.number, late)
        world.network.part([int(m.number in pair) for m in world.machines])
        world.schedule.after(world.plan.duration_ms // AWAYS, self._all_meet)

    def _all_meet(self) -> None:
        self._world.network.part([0] * len(self._world.machines))

    # ------------------------------------------------------------------------------- copies

    def _copy(self) -> None:
        """Copy a home, mark and all, to a second machine."""
        world = self._world
        able = [machine for machine in self._honest() if machine.line_now() is not None]
        if not able or world.healing:
            return
        machine = self._chance.choice(able)
        copy = world.copy_of(machine.number)
        copy.memory.kept = backup_of(machine).marks
        copy.put_back(MemoryStore(backup_of(machine).facts), copy.memory, world.checker)
        world.checker.cloned.add(machine.station)
        self._copies[machine.number] = copy
        world.schedule.note("copied", machine.number)
        copy.boot()
        # At once, while the others know of nothing that only the first of the two has said.
        world.schedule.after(LOOK_MS, self._swap)
        world.schedule.after(LOOK_MS, lambda: self._speak_at_once(copy, LOOKS))

    def _swap(self) -> None:
        # A disk that was put back is found out by a peer that holds more: that machine stays in
        # reach until then, since the other with its keys may hold less.
        if self._blind():
            return
        for number in sorted(self._copies):
            self._plug(number)

    def _plug(self, number: int) -> None:
        """Unplug the one of two machines that is on the net, and plug in the other."""
        world = self._world
        one, other = world.machines[number], self._copies[number]
        world.schedule.note("swapped", number)
        world.network.stop(number)
        one.unplug()
        world.forget(number)
        world.machines[number], self._copies[number] = other, one
        other.network = world.network
        if other.alive:
            world.network.start(number)

    def _speak_alone(self) -> None:
        """The officer at the machine that is not plugged in speaks, too."""
        for number in sorted(self._copies):
            self._speak(self._copies[number])

    def _speak(self, machine: Machine) -> None:
        if self._world.healing:
            return
        self._serial += 1
        text = f"said apart ({self._serial})"
        content = Content(
            kind=Kind.MESSAGE, body=Body(text=text, lang="en"), role=Role.WATCH_OFFICER
        )
        act = Speak(
            token=-self._serial, line=machine.line, content=content, officer=f"apart-{self._serial}"
        )
        machine.take(act)


def backup_of(machine: Machine) -> Backup:
    """The store of a machine and what it remembers, now."""
    marks = machine.memory.kept
    facts = tuple(fact for _, fact in machine.disk.facts())
    return Backup(facts, None if marks is None else dict(marks))
