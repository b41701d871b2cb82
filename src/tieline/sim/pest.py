"""A member with good keys that wears the others down: floods, deep graphs, orphans, ping-pong.

Its machine runs the real software, and beside it the pest signs whatever it likes in logs of its
own, and sends envelopes that nobody needs. Nothing of it is forged. What it may cost the others is
held by ``pestcheck``. Its tricks:

* *flood*: small valid statements, hundreds at once;
* *deep*: statements in several logs, each of which has read all the others and cites what it can;
* *orphans*: statements whose predecessor nobody will ever bring;
* *ping-pong*: haves that say all, nothing, and all again, and questions for what was just said;
* *mute*: for a while nothing of what it holds is said, so that what is pushed to it stays open.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tieline.core import record, sync
from tieline.core import statement as statements
from tieline.core.line import Line
from tieline.core.statement import TIP_BYTES, Body, Content, Place, Ref, Statement
from tieline.core.sync import Have, Push, Receipts
from tieline.core.terms import Kind, RefRole, Role
from tieline.sim.machine import Machine
from tieline.sim.pestcheck import PestChecker

if TYPE_CHECKING:
    from tieline.sim.world import World

FLOOD: Final = 60  # statements at once
DEPTH: Final = 32
ORPHANS: Final = 60
PINGS: Final = 40
BATCH: Final = 40


HELD: Final = 100  # held statements in a world with a pest: a bound that is reached


@contextmanager
def narrow() -> Iterator[None]:
    """Let the bound of what is held be so low that a pest reaches it."""
    kept = record.MAX_HELD
    setattr(record, "MAX_HELD", HELD)  # noqa: B010 - a constant everywhere else
    try:
        yield
    finally:
        setattr(record, "MAX_HELD", kept)  # noqa: B010


class Pest:
    """The fault of this kind in one world, and its checker; ``number`` is the pest's."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.machine: Machine = world.machines[number]
        self._chance: random.Random = world.schedule.stream("pest")
        self._lives: dict[bytes, Statement] = {}
        self._said: list[bytes] = []
        self._mute = False
        self.check = PestChecker(world.schedule, number)
        self.tricks: tuple[Callable[[Line], list[bytes]], ...] = (
            self._flood, self._deep, self._orphans, self._ping_pong, self._be_mute,
        )  # fmt: skip

    def begin(self) -> None:
        """Plan it."""
        world = self._world
        self.machine.twist = self._twist
        overhear = world.network.wiretap

        def hear(me: int, peer: int, envelope: bytes) -> None:
            if overhear is not None:
                overhear(me, peer, envelope)
            self.check.passes(me, peer, envelope)

        world.network.wiretap = hear
        world.repeat(world.plan.duration_ms // 16, self._act)

    def heal(self) -> None:
        """It says again what it holds, as its software would."""
        self._mute = False

    def _act(self) -> None:
        line = self.machine.line_now()
        if line is None:
            return
        trick = self._chance.choice(self.tricks)
        envelopes = trick(line)
        victims = sorted(self.machine.names)
        self._world.schedule.note("pest", trick.__name__, len(envelopes))
        for victim in self._chance.sample(victims, self._chance.randint(1, len(victims))):
            for envelope in envelopes:
                self._world.network.send(self.machine.number, victim, envelope)

    def _twist(self, envelope: bytes) -> bytes | None:
        return (
            None if self._mute and isinstance(sync.unpack(envelope), Have | Receipts) else envelope
        )

    # ------------------------------------------------------------------------------- tricks

    def _flood(self, line: Line) -> list[bytes]:
        life = self._life()
        return self._pushes(line, [self._say(line, life) for _ in range(FLOOD)])

    def _deep(self, line: Line) -> list[bytes]:
        lives = [self._chance.randbytes(8) for _ in range(4)]
        said: list[Statement] = []
        for depth in range(DEPTH):
            life = lives[depth % len(lives)]
            read = {self._lives[other].digest[:TIP_BYTES] for other in lives if other != life
                    and other in self._lives}  # fmt: skip
            cited = sorted({each.digest for each in said[-4:]})
            refs = tuple(Ref(digest, RefRole.PREDECESSOR) for digest in cited)
            said.append(self._say(line, life, seen=tuple(sorted(read)), refs=refs))
        return self._pushes(line, said)

    def _orphans(self, line: Line) -> list[bytes]:
        life = self._chance.randbytes(8)
        lost = self._say(line, life)  # which nobody is given
        del self._lives[life]
        place = replace(lost.place, position=2, previous=self._chance.randbytes(32))
        return self._pushes(line, [
            self._sign(line, replace(place, position=2 + at, previous=self._chance.randbytes(32)))
            for at in range(ORPHANS)
        ])  # fmt: skip

    def _ping_pong(self, line: Line) -> list[bytes]:
        heads = sync.heads(line.record)
        full = sync.pack(Have(line.id, line.latest(), full=True, heads=heads))
        nothing = sync.pack(Have(line.id, line.latest(), full=True, heads=()))
        ask = sync.pack(Receipts(line.id, ()))
        return [self._chance.choice((full, nothing, ask)) for _ in range(PINGS)]

    def _be_mute(self, _line: Line) -> list[bytes]:
        self._mute = not self._mute
        return []

    # ------------------------------------------------------------------------------ writing

    def _life(self) -> bytes:
        if self._lives and self._chance.random() < 0.7:
            return self._chance.choice(sorted(self._lives))
        return self._chance.randbytes(8)

    def _say(
        self, line: Line, life: bytes, seen: tuple[bytes, ...] = (), refs: tuple[Ref, ...] = ()
    ) -> Statement:
        before = self._lives.get(life)
        place = Place(
            line=line.id,
            station=line.own,
            incarnation=life,
            position=before.place.position + 1 if before else 0,
            previous=before.digest if before else None,
            seen=seen,
            time_ms=self.machine.clock.now().wall_ms,
            charter=line.latest(),
        )
        made = self._lives[life] = self._sign(line, place, refs)
        return made

    def _sign(self, line: Line, place: Place, refs: tuple[Ref, ...] = ()) -> Statement:
        text = f"not much ({self._chance.randrange(10_000)})"
        content = Content(
            kind=Kind.MESSAGE, body=Body(text=text, lang="en"), refs=refs, role=Role.WATCH_OFFICER
        )
        payload = statements.compose(place, content)
        signature = self.machine.signer.sign(statements.to_sign(line.realm, payload))
        return statements.seal(line.realm, payload, signature)

    def _pushes(self, line: Line, said: list[Statement]) -> list[bytes]:
        raws = [each.raw for each in said]
        return [
            sync.pack(Push(line.id, tuple(raws[at : at + BATCH])))
            for at in range(0, len(raws), BATCH)
        ]
