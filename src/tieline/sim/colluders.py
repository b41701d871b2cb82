"""Two dishonest stations of different parties that work together, each hiding the other's lie.

At one moment the honest stations fall into two halves that do not reach each other, and each of the
two liars goes on as two machines with one key and one log: one machine for each half. So within
each half everything fits: the liars sign on from the same statement, give each other receipts for
the story that this half hears, and neither brings to one half what the other half heard. Some time
later an honest path between the halves opens, and the liars still hide what they can: no second
story, no branch, no checkpoint that contradicts passes through them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from tieline.core import statement as statements
from tieline.core import sync
from tieline.core.checkpoint import SignedNote, parse_origin, read_checkpoint
from tieline.core.events import Speak
from tieline.core.line import Line
from tieline.core.statement import Body, Content, log_id
from tieline.core.sync import Have, Notes, Push
from tieline.core.terms import Kind, Role
from tieline.sim.colludecheck import CollusionChecker
from tieline.sim.disks import SimMemory
from tieline.sim.machine import Machine
from tieline.sim.network import DIRECT, KEEP_ALIVE_MS
from tieline.sim.restores import backup_of
from tieline.store.memory import MemoryStore

if TYPE_CHECKING:
    from tieline.sim.world import World

RETRY_MS: Final = 5_000
TOKENS: Final = -1_000_000  # of what is said at the split


class Colluders:
    """The fault of this kind in one world, and its checker."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.schedule.stream("colluders")
        self._liars = [world.machines[number] for number in world.cast.colluders]
        self._halves: tuple[list[int], list[int]] = ([], [])
        self.check = CollusionChecker(world.schedule, world.network, world.machines)

    def begin(self) -> None:
        """Plan it."""
        schedule, duration = self._world.schedule, self._world.plan.duration_ms
        schedule.at(self._chance.randint(duration // 8, duration // 3), self._split)

    def heal(self) -> None:
        """Every honest station reaches every other one; the liars lie on."""
        self._world.network.sever(())

    def look(self) -> None:
        """Raise ``Violation`` where somebody should have found out and has not."""
        if not self._world.healing:
            self._world.schedule.count("check collusion")
            self.check.look()

    # ------------------------------------------------------------------------------- the split

    def _split(self) -> None:
        world = self._world
        if world.healing:
            return
        if any(machine.line_now() is None for machine in self._liars):
            world.schedule.after(RETRY_MS, self._split)
            return
        honest = [machine.number for machine in world.machines if machine.ledger.honest]
        right = sorted(self._chance.sample(honest, self._chance.randint(1, len(honest) - 1)))
        left = [number for number in honest if number not in right]
        self._halves = (left, right)
        faces = [self._face_of(machine) for machine in self._liars]
        for machine, face in zip(self._liars, faces, strict=True):
            self._turn_to(machine, face)
            self._introduce(machine, face, faces)
        world.network.sever((one, other) for one in left for other in right)
        for serial, machine in enumerate([*self._liars, *faces]):
            machine.twist = partial(self._twist, machine)
            if machine in faces:
                machine.boot()
            self._speak(machine, serial)
        world.schedule.note("split", left, right)
        world.schedule.after(2 * KEEP_ALIVE_MS, lambda: self._pave(faces))
        duration = world.plan.duration_ms
        world.schedule.after(self._chance.randint(duration // 8, duration // 4), self._open_path)

    def _face_of(self, machine: Machine) -> Machine:
        """The second machine of a liar: it knows all that the first one knows, and its mark."""
        world = self._world
        face = world.add_face(machine.number)
        backup = backup_of(machine)
        memory = SimMemory(f"{world.plan.seed}/{face.number}")
        memory.tag, memory.kept = machine.memory.tag, backup.marks
        face.put_back(MemoryStore(backup.facts), memory, world.checker)
        face.network = world.network
        line = machine.line_now()
        if line is not None:
            size = len(machine.ledger.logs.get(line.own_log, ()))
            self.check.forked_at(line.own_log, machine.station, size)
        return face

    def _turn_to(self, machine: Machine, face: Machine) -> None:
        """From now on the first machine talks to one half, and the second to the other."""
        world, (left, right) = self._world, self._halves
        for number in right:
            hearer = world.machines[number]
            machine.peers.pop(hearer.station)
            hearer.peers[machine.station] = face.number
            hearer.names[face.number] = machine.station
            world.network.tear_up(machine.number, number)
        for number in left:
            face.peers.pop(world.machines[number].station)

    def _introduce(self, machine: Machine, face: Machine, faces: list[Machine]) -> None:
        for other in faces:
            if other is not face:
                face.peers[other.station] = other.number
                face.names[other.number] = other.station
        for other in self._liars:
            if other is not machine:
                machine.names[other.number] = other.station

    def _pave(self, faces: list[Machine]) -> None:
        """Once the old sessions are noticed to be gone, the second machines are reached."""
        network = self._world.network
        for face in faces:
            for number in self._halves[1]:
                network.pave(face.number, number, self._world.roads())
        network.pave(faces[0].number, faces[1].number, (DIRECT,))

    def _speak(self, machine: Machine, serial: int) -> None:
        """Say something else in each half at once; a liar waits for nobody to confirm its log."""
        line = machine.line_now()
        if line is not None:
            line.life.trust()
        body = Body(text=f"what this half hears ({serial})", lang="en")
        content = Content(kind=Kind.MESSAGE, body=body, role=Role.WATCH_OFFICER)
        machine.take(
            Speak(token=TOKENS - serial, line=machine.line, content=content, officer="liar")
        )

    def _open_path(self) -> None:
        """Honest stations of both halves reach each other: one pair of them, or all."""
        world, (left, right) = self._world, self._halves
        if world.healing:
            return
        pairs = [(one, other) for one in left for other in right]
        opened = [self._chance.choice(pairs)] if self._chance.random() < 0.5 else pairs
        world.network.sever(pair for pair in pairs if pair not in opened)
        world.schedule.note("honest path", opened)

    # ------------------------------------------------------------------------------- hiding

    def _twist(self, machine: Machine, envelope: bytes) -> bytes | None:
        """What a liar lets out of what its software would say: nothing of a second story."""
        line = machine.line_now()
        opened = sync.unpack(envelope)
        if line is None:
            return envelope
        match opened:
            case Push(name, raws):
                shown = tuple(raw for raw in raws if not self._hides(line, raw))
                return sync.pack(Push(name, shown)) if shown else None
            case Notes(name, texts, keys):
                told = tuple(text for text in texts if not self._contradicts(line, text))
                return sync.pack(Notes(name, told, keys)) if told else None
            case Have():
                heads = tuple(
                    replace(head, tips=b"") if head.log in self.check.forks else head
                    for head in opened.heads
                )
                return sync.pack(replace(opened, heads=heads))
        return envelope

    def _hides(self, line: Line, raw: bytes) -> bool:
        parsed = statements.parse(self._world.cast.realm, raw)
        item = line.record.by_digest.get(parsed.digest)
        return parsed.log in self.check.forks and (item is None or item.second_story)

    def _contradicts(self, line: Line, text: bytes) -> bool:
        head = read_checkpoint(SignedNote.parse(text).body)
        log = line.record.logs.get(log_id(*parse_origin(head.origin)))
        if log is None or log.id not in self.check.forks or head.size > log.size:
            return False
        return log.tree.root(head.size) != head.root
