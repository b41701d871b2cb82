"""The witnesses that the charter names, one of which lies.

An honest witness judges by the code that a real one runs (``core.tlogwitness``), and is away now
and then. The liar cosigns whatever it is shown without looking, cosigns two heads of one size,
signs a head that no station signed, signs in another witness's name, repeats another's signature
under a later head, and claims to know more of a log than there is. Stations ask all of them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from tieline.core import sync
from tieline.core.checkpoint import (
    Checkpoint,
    NoteSignature,
    SignedNote,
    body,
    cosign_message,
    cosignature,
)
from tieline.core.events import Outrun, SignCheckpoint, Witnessed
from tieline.core.line import Line
from tieline.core.noted import Noted
from tieline.core.sync import Notes
from tieline.core.tlogwitness import Granted, LogKey, format_request, judge, parse_request
from tieline.node.secrets import SeedKey
from tieline.sim.cast import witness_name
from tieline.sim.machine import Machine
from tieline.sim.network import LOOSE
from tieline.sim.watchcheck import WatchChecker

if TYPE_CHECKING:
    from tieline.sim.world import World

ASK_MS: Final = 20_000
LIAR: Final = 0  # the number of the witness that lies


class SimWitness:
    """One witness: its key, and the head that it cosigned last for each log."""

    def __init__(self, number: int, key: SeedKey, check: WatchChecker) -> None:
        self.name = witness_name(number)
        self._key, self._check = key, check
        self.heads: dict[str, Checkpoint] = {}
        self.down = False

    def cosign(self, time_s: int, text: bytes) -> NoteSignature:
        """Its line under a checkpoint's text, whatever that says."""
        signature = self._key.sign(cosign_message(time_s, text))
        made = cosignature(self.name, self._key.public, time_s, signature)
        self._check.made(made, text)
        return made

    def answer(self, data: bytes, keys: tuple[LogKey, ...], time_s: int) -> NoteSignature | None:
        """What an honest one answers to a request; None: it declines."""
        request = parse_request(data)
        verdict = judge(request, keys, self.heads.get(request.head.origin))
        if not isinstance(verdict, Granted):
            return None
        self.heads[request.head.origin] = request.head
        return self.cosign(time_s, request.note.body)


class Watchers:
    """All witnesses of one world, and their checker."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.schedule.stream("witnesses")
        keys = world.cast.witnesses
        self.check = WatchChecker(keys, LIAR, world.checker.notes)
        self.all = [SimWitness(number, key, self.check) for number, key in enumerate(keys)]

    def begin(self) -> None:
        """Stations ask again and again, also after all faults have stopped."""
        world, duration = self._world, self._world.plan.duration_ms
        world.schedule.after(ASK_MS, self._round)
        for witness in self.all[1:]:
            world.repeat(duration // 6, partial(self._away, witness))
        for machine in world.machines:
            world.repeat(duration // 8, partial(self._sign, machine))

    def _away(self, witness: SimWitness) -> None:
        witness.down = True
        wait = self._chance.randint(1, self._world.plan.duration_ms // 6)
        self._world.schedule.after(wait, lambda: setattr(witness, "down", False))

    def _sign(self, machine: Machine) -> None:
        """The officer has the head signed now."""
        machine.take(SignCheckpoint(token=0, line=machine.line))

    def _round(self) -> None:
        world = self._world
        for machine in list(world.machines):
            line = machine.line_now()
            book = None if line is None else line.notes.get(line.own_log)
            newest = None if book is None else book.latest()
            if line is not None and newest is not None:
                for witness in self.all:
                    self._ask(machine, line, newest, witness)
        world.schedule.after(ASK_MS, self._round)

    def _ask(self, machine: Machine, line: Line, newest: Noted, witness: SimWitness) -> None:
        healing = self._world.healing
        if any(made.name == witness.name for made in newest.note.signatures):
            return
        if not healing and (witness.down or self._chance.random() < 0.2):
            return
        if witness is self.all[LIAR]:
            self._lie(machine, line, newest, witness)
            return
        log, head = line.record.logs[line.own_log], newest.head
        if head.size > log.size:
            return  # a false head, signed by a station that lies
        latest = witness.heads.get(head.origin)
        old = 0 if latest is None else latest.size
        if latest is not None and (
            old > head.size or (old == head.size and latest.root != head.root)
        ):
            if machine.ledger.honest:
                self._bring(machine, Outrun(line=line.id, log=log.id))
            return
        entry = line.charter.station(line.own)
        sign_key = b"" if entry is None else entry.certificate.sign_key
        data = format_request(old, log.tree.consistency(old, head.size), newest.note.format())
        made = witness.answer(data, (LogKey(name=head.origin, key=sign_key),), self._time_s())
        if made is not None:
            self._bring_note(machine, line, newest.note, made)

    def _time_s(self) -> int:
        return 1_668_524_400 + self._world.schedule.now_ms // 1000

    def _bring_note(
        self, machine: Machine, line: Line, note: SignedNote, made: NoteSignature
    ) -> None:
        both = replace(note, signatures=(*note.signatures, made))
        self._bring(machine, Witnessed(line=line.id, note=both.format()))

    def _bring(self, machine: Machine, event: Witnessed | Outrun) -> None:
        delay = self._chance.randint(1, 2_000)
        self._world.schedule.after(delay, lambda: machine.take(event))

    # --------------------------------------------------------------------------------- lies

    def _lie(self, machine: Machine, line: Line, newest: Noted, witness: SimWitness) -> None:
        world = self._world
        trick = self._chance.choice(
            ("blind", "blind", "two heads", "no head", "another's name", "repeats", "claims more")
        )
        if world.healing:
            trick = "blind"
        world.schedule.note("witness lies", trick, machine.number)
        head, note = newest.head, newest.note
        made = witness.cosign(self._time_s(), note.body)
        if trick == "claims more":
            if machine.ledger.honest:
                self._bring(machine, Outrun(line=line.id, log=line.own_log))
            return
        if trick in ("two heads", "no head"):
            false = body(head.origin, head.size, self._chance.randbytes(32))
            lines = note.signatures if trick == "two heads" else ()
            note = SignedNote(body=false, signatures=lines)
            made = witness.cosign(self._time_s(), false)
        elif trick == "another's name":
            other = self.all[self._chance.randrange(1, len(self.all))]
            made = replace(made, name=other.name, key_id=self.check.key_id(other.name))
        elif trick == "repeats":
            made = self.check.any_of(self._chance, witness.name) or made
        self._bring_note(machine, line, note, made)
        if trick != "blind":
            self._spread(line, replace(note, signatures=(*note.signatures, made)))

    def _spread(self, line: Line, note: SignedNote) -> None:
        """A forger carries the lie to any station, in the name of any other one."""
        world = self._world
        victim = self._chance.randrange(len(world.machines))
        guise = self._chance.choice(sorted(world.machines[victim].peers.values()))
        world.heard(victim, guise, LOOSE, sync.pack(Notes(line.id, (note.format(),), ())))
