"""An exercise beside the line, by the same parties, and what is carried across by mistake.

The exercise is a world of its own with a quiet plan: its own realm, charter, record and machines.
It has the keys of the real stations, which the product never gives it, so that nothing but the
realm keeps the two apart. Both run at one time, and now and then something crosses, either way:
what was on the roads of one, as it is or under the other's line; the other's charter, brought by an
officer or offered by a peer; and an officer who cites what was said on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tieline.core import sync
from tieline.core.events import Install, Speak
from tieline.core.statement import Body, Content, Ref
from tieline.core.sync import CharterOffer
from tieline.core.terms import Kind, RefRole, Role
from tieline.sim.leakcheck import LeakChecker
from tieline.sim.network import LOOSE
from tieline.sim.plan import calm

if TYPE_CHECKING:
    from tieline.sim.world import World

REALM: Final = "DRILL-1"
STEP_MS: Final = 1_000
LONG_STEP_MS: Final = 20_000  # in weeks
KEPT: Final = 64  # envelopes of each side that may cross
TOKENS: Final = -3_000_000  # its acts are numbered downwards from here


class Drill:
    """The fault of this kind in one world, and its checker."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.schedule.stream("drill")
        plan = world.plan
        mean_ms = max(40_000, plan.send_mean_ms) if plan.burst_mean_ms else 40_000
        quiet = replace(calm(plan.seed, 1, 2), duration_ms=plan.duration_ms, send_mean_ms=mean_ms)
        self.inner = type(world)(replace(quiet, realm=REALM))
        self.check = LeakChecker(world, self.inner)
        self._step_ms = LONG_STEP_MS if plan.patient else STEP_MS
        self._pools: dict[str, list[bytes]] = {}
        self._token = TOKENS
        self.tricks: tuple[Callable[[World, World], None], ...] = (
            self._astray, self._readdressed, self._installed, self._offered, self._cited,
        )  # fmt: skip

    def begin(self) -> None:
        """Start the exercise, and plan what crosses."""
        for side in (self._world, self.inner):
            side.leaks = self.check
            self._listen(side)
        self.inner.start()
        self._later()
        self._world.schedule.after(STEP_MS, self._go_on)

    def settle(self) -> None:
        """The exercise ends as the line does: all its records are equal."""
        self.inner.settle()
        self._world.schedule.note("drill", self.inner.schedule.digest())

    def _go_on(self) -> None:
        self.inner.go_on(self._world.schedule.now_ms)
        if not self._world.healing:
            self._world.schedule.after(self._step_ms, self._go_on)

    def _listen(self, side: World) -> None:
        overhear = side.network.wiretap
        pool = self._pools.setdefault(side.cast.realm, [])

        def hear(me: int, peer: int, envelope: bytes) -> None:
            if overhear is not None:
                overhear(me, peer, envelope)
            self.check.leaves(side, envelope)
            pool.append(envelope)
            del pool[:-KEPT]

        side.network.wiretap = hear

    def _later(self) -> None:
        """By chance of its own: that of the world is left as it was without an exercise."""
        mean_ms = self._world.plan.duration_ms // 40
        self._world.schedule.after(int(self._chance.expovariate(1 / mean_ms)) + 1, self._cross)

    def _cross(self) -> None:
        if self._world.healing:
            return
        self._later()
        sides = [self._world, self.inner]
        self._chance.shuffle(sides)
        trick = self._chance.choice(self.tricks)
        self._world.schedule.note("crosses", trick.__name__, sides[0].cast.realm)
        trick(*sides)

    # ------------------------------------------------------------------------------- tricks

    def _bring(self, there: World, envelope: bytes) -> None:
        victim = self._chance.randrange(len(there.machines))
        guise = self._chance.choice(sorted(there.machines[victim].names))
        there.heard(victim, guise, LOOSE, envelope)

    def _some(self, here: World) -> list[bytes]:
        pool = self._pools[here.cast.realm]
        return self._chance.sample(pool, min(3, len(pool)))

    def _astray(self, here: World, there: World) -> None:
        for envelope in self._some(here):
            self._bring(there, envelope)

    def _readdressed(self, here: World, there: World) -> None:
        for envelope in self._some(here):
            self._bring(there, sync.pack(replace(sync.unpack(envelope), line=there.cast.line)))

    def _installed(self, here: World, there: World) -> None:
        self._token -= 1
        there.machines[self._chance.randrange(len(there.machines))].take(
            Install(token=self._token, charter=here.cast.charter, incarnation=bytes(8))
        )

    def _offered(self, here: World, there: World) -> None:
        for line in (here.cast.line, there.cast.line):
            self._bring(there, sync.pack(CharterOffer(line, here.cast.charter.encode())))

    def _cited(self, here: World, there: World) -> None:
        said = sorted({digest for machine in here.machines for digest in machine.ledger.kept})
        if not said:
            return
        content = Content(
            kind=Kind.MESSAGE,
            body=Body(text="as you said in the exercise", lang="en"),
            role=Role.WATCH_OFFICER,
            refs=(Ref(self._chance.choice(said), RefRole.CONCERNS),),
        )
        self._token -= 1
        machine = there.machines[self._chance.randrange(len(there.machines))]
        machine.take(
            Speak(token=self._token, line=there.cast.line, content=content, officer="careless")
        )
