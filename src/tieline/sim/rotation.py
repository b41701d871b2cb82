"""A station's keys are replaced while the net is parted, and the old key writes on.

One of two things happens, and then the faults stop and all must hold one record:

* *away*: the station is parted from all others, who amend the charter with the heads that one of
  them knows. It goes on under the version that it has, with the old key, until it hears of the new.
* *thief*: the station has its keys replaced and is the first to go by the new version; the net is
  parted. A thief of the old key goes on under the old version where the log ended, and in logs of
  its own, and brings it to whom it likes, by any carrier, with what others had said cited in it. To
  those who go by the new version it also brings false checkpoints of the log that ended.

A thief that writes before the log has ended tells second stories, which is ``forker``'s trade.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from tieline.core import checkpoint, sync
from tieline.core import statement as statements
from tieline.core.charter import LogEnd
from tieline.core.checkpoint import SignedNote
from tieline.core.events import Install, Speak
from tieline.core.line import Line
from tieline.core.statement import TIP_BYTES, Body, Content, Place, Statement
from tieline.core.sync import Notes, Push
from tieline.core.terms import Kind, Role
from tieline.sim.machine import Machine
from tieline.sim.network import LOOSE

if TYPE_CHECKING:
    from tieline.sim.world import World

AGAIN_MS: Final = 60_000
PARTED: Final = 8  # that part of a run
TOKENS: Final = -1_000_000  # its acts are numbered downwards from here


class Rotation:
    """The faults of this kind in one world: at most one station's keys are replaced."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance: random.Random = world.schedule.stream("rotation")
        self._token = TOKENS
        self._thief: Thief | None = None
        # A station that also runs twice, or from an old store, may still write where a thief does.
        plan = world.plan
        self._away = plan.rotation == "away" or plan.clone or plan.restore_mean_ms > 0
        self.done = False

    def begin(self) -> None:
        """Plan it, so that there is time before it and after it."""
        world, plan = self._world, self._world.plan
        if plan.rotation:
            when = self._chance.randint(plan.duration_ms // 8, plan.duration_ms // 2)
            world.schedule.at(when, self._part)

    def _able(self) -> list[Machine]:
        """Honest stations that run, and hold the version that the plan brings in anyway."""
        wanted = 2 if self._world.plan.amended else 1
        able: list[Machine] = []
        for machine in self._world.machines[: len(self._world.cast.members)]:
            line = machine.line_now()
            if line is not None and machine.ledger.honest and line.latest() >= wanted:
                able.append(machine)
        return able

    def _part(self) -> None:
        world = self._world
        if world.healing:
            return
        able = self._able()
        if len(able) < 2:
            world.schedule.after(AGAIN_MS, self._part)
            return
        machine = self._chance.choice(able)
        away = self._away
        count = len(world.machines)
        groups = [self._chance.randrange(2) for _ in range(count)]
        if away:
            groups = [int(number == machine.number) for number in range(count)]
        world.network.part(groups)
        world.schedule.note("rotation", "away" if away else "thief", machine.number, groups)
        length = world.plan.duration_ms // PARTED
        for share in (1, 2, 3, 6):
            world.schedule.after(length * share // 8, lambda: self._speak(machine.number))
        world.schedule.after(length // 2, lambda: self._amend(machine.number))
        world.schedule.after(length, lambda: world.network.part([0] * count))

    def _amend(self, number: int) -> None:
        """All sign a version with fresh keys for the station, and one party brings it."""
        world = self._world
        if world.healing:
            return
        away = self._away
        able = [each for each in self._able() if (each.number != number) == away]
        if not able:
            world.schedule.after(AGAIN_MS, lambda: self._amend(number))
            return
        amender = self._chance.choice(able)
        line = amender.line_now()
        if line is None:
            raise AssertionError(amender.number)
        station = world.machines[number].station
        ends = [
            LogEnd(log=log.id, size=log.size, last=log.head)
            for log in line.record.logs.values()
            if log.station == station and log.size
        ]
        if not away:
            self._thief = Thief(self._chance, world, number, line)
            world.checker.cloned.add(station)  # two machines have its key, and that may be said
            world.repeat(world.plan.duration_ms // 40, self._steal)
        signed = world.cast.rotated(number, line.charter, ends, self._chance)
        world.schedule.note("rotates", number, "at", amender.number, signed.charter.version)
        self._token -= 1
        act = Install(token=self._token, charter=signed, incarnation=self._chance.randbytes(8))
        amender.take(act)
        self.done = True

    def _steal(self) -> None:
        world = self._world
        if self._thief is None or not self._thief.ready():
            return
        envelope = self._thief.write()
        names = sorted(self._thief.machine.names)
        for victim in self._chance.sample(names, self._chance.randint(1, len(names))):
            guise = self._chance.choice(sorted(world.machines[victim].names))
            world.schedule.note("stolen", victim, guise)
            world.heard(victim, guise, LOOSE, envelope)
            line = world.machines[victim].line_now()
            head = self._thief.head()
            if head and line is not None and line.latest() > self._thief.version:
                world.schedule.note("stolen head", victim, guise)
                world.heard(victim, guise, LOOSE, head)

    def _speak(self, number: int) -> None:
        """Its officer speaks, before it and after it."""
        world = self._world
        if world.healing:
            return
        self._token -= 1
        body = Body(text=f"said about the time of a rotation ({-self._token})", lang="en")
        content = Content(kind=Kind.MESSAGE, body=body, role=Role.WATCH_OFFICER)
        act = Speak(token=self._token, line=world.cast.line, content=content, officer="rotating")
        world.machines[number].take(act)


class Thief:
    """Has the key of a station as it was when its log ended, and no newer one."""

    def __init__(self, chance: random.Random, world: World, number: int, line: Line) -> None:
        self._chance, self._world = chance, world
        self.machine = world.machines[number]
        self.version = line.latest()
        own = line.record.logs.get(line.own_log)
        self._ends: list[tuple[bytes, int, bytes | None]] = []
        if own is not None and own.size:
            self._ends.append((own.incarnation, own.size, own.head))
        self._key = line.sign_key(self.version, line.own) or b""
        self._log = (own.incarnation, own.size) if own is not None and own.size else None
        self._began = False
        # Heads that were known when the log ended: what it may claim to have read.
        self._read = [
            log.head[:TIP_BYTES]
            for log in line.record.logs.values()
            if log.station != line.own and log.size
        ]

    def ready(self) -> bool:
        """Whether the station goes by the new version, and has left its log where the heads say."""
        line = self.machine.line_now()
        if line is not None and not self._began and line.latest() > self.version:
            self._began = True
            for incarnation, size, _ in list(self._ends):
                name = statements.log_id(line.id, line.own, incarnation)
                if line.record.logs[name].size + len(line.record.logs[name].forks) != size:
                    self._ends.clear()  # it wrote on in that very moment: not a place to go on from
        return self._began

    def write(self) -> bytes:
        """An envelope with all that is new on one of the thief's branches."""
        if not self._ends or self._chance.random() < 0.2:
            self._ends.append((self._chance.randbytes(8), 0, None))
        at = self._chance.randrange(len(self._ends))
        made: list[bytes] = []
        for _ in range(self._chance.randint(1, 3)):
            incarnation, position, previous = self._ends[at]
            story = self._sign(incarnation, position, previous)
            made.append(story.raw)
            self._ends[at] = (incarnation, position + 1, story.digest)
        return sync.pack(Push(self._world.cast.line, tuple(made)))

    def head(self) -> bytes:
        """An envelope with a false checkpoint of the log that ended; empty when there is none."""
        if not self._log:
            return b""
        incarnation, size = self._log
        size = max(1, size + self._chance.randint(-2, 3))
        name = checkpoint.origin(self._world.cast.line, self.machine.station, incarnation)
        root = self._chance.randbytes(32)
        body = checkpoint.body(name, size, root)
        self._world.checker.notes.stolen.add((name, size, root))
        mark = checkpoint.log_signature(name, self._key, self.machine.signer.sign(body))
        note = SignedNote(body=body, signatures=(mark,)).format()
        return sync.pack(Notes(self._world.cast.line, (note,), ()))

    def _sign(self, incarnation: bytes, position: int, previous: bytes | None) -> Statement:
        seen = (self._chance.choice(self._read),) if self._read else ()
        place = Place(
            line=self._world.cast.line,
            station=self.machine.station,
            incarnation=incarnation,
            position=position,
            previous=previous,
            seen=seen if self._chance.random() < 0.5 else (),
            time_ms=self.machine.clock.now().wall_ms,
            charter=self.version,
        )
        body = Body(text=f"stolen word {self._chance.randrange(10_000)}", lang="en")
        content = Content(kind=Kind.MESSAGE, body=body)
        payload = statements.compose(place, content)
        signature = self.machine.signer.sign(statements.to_sign(self._world.cast.realm, payload))
        stolen = statements.seal(self._world.cast.realm, payload, signature)
        self._world.checker.stolen.add(stolen.digest)
        return stolen
