"""A whole line in virtual time: stations, roads, clocks, disks, officers and adversaries.

A run has two phases. In the safety phase everything that the plan holds goes wrong, and what must
never happen is checked after every step. Then all faults stop, every machine is up and every road
open, and within a bounded virtual time all records must be equal and every statement receipted by
every station; at the end each station is rebuilt from its journal and must be the one that ran.

The same seed gives the same run: chance comes from named streams, time from the schedule.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from tieline.core import bundle
from tieline.core.errors import TielineError
from tieline.core.events import Arrived, CallTest, Discard, Done, Install, Release, Speak
from tieline.core.statement import Content, Statement
from tieline.node.runtime import Runtime
from tieline.ports import Fact
from tieline.sim.bursts import Bursts
from tieline.sim.cast import Cast
from tieline.sim.checkers import Checker, Ledger
from tieline.sim.clocks import SimClock
from tieline.sim.colluders import Colluders
from tieline.sim.cutcheck import ANSWER_MS, refused
from tieline.sim.disks import Cache, SimMemory
from tieline.sim.drill import Drill
from tieline.sim.forger import Forger, Loot
from tieline.sim.forking import Forking
from tieline.sim.leakcheck import LeakChecker
from tieline.sim.machine import Machine, SimSigner
from tieline.sim.memory import remembered
from tieline.sim.mirror import Picture, compare, match, taken
from tieline.sim.network import DIRECT, FAIR, LOOSE, Network
from tieline.sim.newer import NewerRuntime, later_version
from tieline.sim.outcome import Outcome
from tieline.sim.people import Officer, Pending, Shown
from tieline.sim.pest import Pest, narrow
from tieline.sim.plan import HOUR_MS, Plan
from tieline.sim.restores import Restores
from tieline.sim.rotation import Rotation
from tieline.sim.schedule import Schedule
from tieline.sim.stepcheck import StepChecks
from tieline.sim.violation import Violation, found
from tieline.sim.watchers import Watchers

HEAL_MS_MAX = 20 * 60_000
LOOK_MS = 500
NIGHT = (22, 23, 0, 1, 2, 3, 4, 5)
TOKEN_SPAN = 1_000_000


@dataclass(slots=True)
class Tally:
    """What the run has seen, for the report."""

    restarts: int = 0
    refusals: int = 0
    forged: dict[str, int] = field(default_factory=dict)


class World:
    """One seed's world."""

    def __init__(self, plan: Plan, make: Callable[..., Runtime] = Runtime) -> None:
        self.plan, self._make = plan, make
        self.schedule = Schedule(plan.seed)
        self.chance: random.Random = self.schedule.stream("world")
        self.cast = Cast.of(plan)
        honest = {
            member.station: self.cast.honest(number)
            for number, member in enumerate(self.cast.members)
        }
        self.checker = Checker(self.cast.line, self.cast.realm, honest, self.cast.observers)
        self.tally = Tally()
        ends = len(self.cast.members) + len(self.cast.colluders)
        self.network = Network(self.schedule, ends, self, plan.weather)
        if plan.dialled:
            self.network.by_pace_of_the_product()
        self.machines = [self._machine(number, make) for number in range(len(self.cast.members))]
        self.officers = [self._officer(number) for number in range(len(self.cast.members))]
        self.forger = Forger(self.schedule.stream("forger"), self._loot())
        self.network.wiretap = lambda _me, _peer, envelope: self.forger.overhear(envelope)
        self._pending: dict[int, Pending] = {}
        self._keys: dict[tuple[int, str], bytes] = {}
        self._token = 0
        self._before: dict[int, Picture | None] = {}
        self._healing = False
        self.forking = Forking(self, self.cast.forker) if self.cast.forker is not None else None
        self.restores = Restores(self)
        self.colluders = Colluders(self) if self.cast.colluders else None
        self.pest = Pest(self, self.cast.pest) if self.cast.pest is not None else None
        self.watchers = Watchers(self) if self.cast.witnesses else None
        self.rotation = Rotation(self)
        self.leaks: LeakChecker | None = None
        self.drill = Drill(self) if plan.drill else None
        self.bursts = Bursts(self, self._say, self._answer)
        self.checks = StepChecks(self)

    # ----------------------------------------------------------------------------- making

    def _machine(self, number: int, make: Callable[..., Runtime], copy: str = "") -> Machine:
        plan, member = self.plan, self.cast.members[number]
        chance = self.schedule.stream(f"machine {number}{copy}")
        skew = chance.randint(-plan.skew_ms, plan.skew_ms)
        drift = chance.randint(-plan.drift_ppm, plan.drift_ppm)
        others = {other.station: n for n, other in enumerate(self.cast.members) if n != number}
        honest = self.cast.honest(number)
        machine = Machine(
            number=number,
            station=member.station,
            party=member.party,
            realm=self.cast.realm,
            line=self.cast.line,
            signer=SimSigner(member.station, member.keys, self.checker),
            memory=SimMemory(f"{plan.seed}/{number}{copy}"),
            clock=SimClock(self.schedule, skew_ms=skew, drift_ppm=drift),
            schedule=self.schedule,
            checker=self.checker,
            ledger=Ledger(member.station, honest),
            chance=chance,
            peers=others,
            names={n: station for station, n in others.items()},
            make=NewerRuntime if plan.newer and not number else make,
            shown=lambda parsed: self._shown(number, parsed),
            answered=lambda token, result: self._answered(number, token, result),
            died=lambda cause: self._died(machine, cause),
            touch=self._moved,
            durable=self._durable,
            cache=Cache(self.schedule.stream(f"power {number}{copy}")) if plan.torn else None,
            fail_per_thousand=plan.fail,
            cut_per_thousand=plan.crash_in_turn,
            cut_turns=plan.cut_turns,
        )
        return machine

    def copy_of(self, number: int) -> Machine:
        """A second machine with the keys of a station, which has yet to get a disk."""
        return self._machine(number, self._make, copy=" copy")

    def add_face(self, number: int) -> Machine:
        """A second machine of a dishonest station, beside the first: it has a number of its own."""
        own = len(self.machines)
        face = self._machine(number, self._make, copy=" face")
        face.number = own
        face.shown = partial(self._shown, own)
        face.answered = partial(self._answered, own)
        self.machines.append(face)
        self.officers.append(self._officer(number, name=f"officer-{own}"))
        self._speakers(own)
        return face

    def _officer(self, number: int, name: str = "") -> Officer:
        member = self.cast.members[number]
        return Officer(
            member.party,
            tuple(sorted(self.cast.voices - {member.party})),
            self.schedule.stream(name or f"officer {number}"),
            name=name or f"officer-{number}",
        )

    def _loot(self) -> Loot:
        members = self.cast.members
        return Loot(
            line=self.cast.line,
            realm=self.cast.realm,
            stations=tuple(member.station for member in members),
            own_key=self.cast.stranger.sign,
            elsewhere=lambda number, message: members[number].keys.sign(message),
        )

    # ------------------------------------------------------------------------------ running

    def run(self) -> Outcome:
        """Play the seed to its end."""
        converged = 0
        try:
            with remembered(), later_version(), narrow() if self.pest else nullcontext():
                self.start()
                self.go_on(self.plan.duration_ms)
                converged = self.settle()
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be named
            return self._outcome(converged, found(error))
        return self._outcome(converged, None)

    def start(self) -> None:
        """Start all machines, and plan what goes wrong."""
        self._begin()

    def go_on(self, until_ms: int) -> None:
        """Let virtual time pass until then."""
        self.schedule.until(until_ms)

    def settle(self) -> int:
        """All faults stop and all must meet; how long that took, in virtual ms."""
        self._heal()
        if self.drill is not None:
            self.drill.settle()
        converged = self._converge()
        self._mirror()
        return converged

    def _moved(self, machine: Machine) -> None:
        self.checks.moved(machine)

    def _durable(self, facts: Sequence[Fact]) -> None:
        if self.leaks is not None:
            self.leaks.kept(self, facts)

    def _outcome(self, converged: int, end: Violation | None) -> Outcome:
        return Outcome(
            seed=self.plan.seed,
            steps=self.schedule.steps,
            virtual_ms=self.schedule.now_ms,
            statements=self.checker.statements,
            second_stories=self.checker.second_stories,
            refusals=self.tally.refusals,
            restarts=self.tally.restarts,
            converged_ms=converged,
            digest=self.schedule.digest(),
            counts=tuple(sorted(self.schedule.counts.items())),
            invariant=end.invariant if end else 0,
            text=str(end) if end else "",
            trace=self.schedule.trace() if end else (),
            tempo=self.plan.tempo,
        )

    def _begin(self) -> None:
        for machine in self.machines:
            machine.boot()
            machine.network = self.network
            self.network.start(machine.number)
        for number in range(len(self.machines)):
            self._install(number)
        count = len(self.machines)
        for a in range(count):
            for b in range(a + 1, count):
                self.network.pave(a, b, self.roads())
        plan = self.plan
        for number in range(count):
            self._speakers(number)
            self.repeat(plan.crash_mean_ms, partial(self._crash, number))
            self.repeat(plan.full_mean_ms, partial(self._fill, number))
            self.repeat(plan.jump_mean_ms, partial(self._jump, number))
            self.repeat(plan.bundle_mean_ms, partial(self._bundle, number))
        self.repeat(plan.part_mean_ms, self._part)
        self.repeat(plan.forge_mean_ms, self._forge)
        if self.forking is not None:
            self.forking.begin()
        self.restores.begin()
        if self.colluders is not None:
            self.colluders.begin()
        if self.watchers is not None:
            self.watchers.begin()
        self.rotation.begin()
        if self.pest is not None:
            self.pest.begin()
        if self.drill is not None:
            self.drill.begin()
        self.bursts.begin()
        if plan.amended:
            self.schedule.at(self.chance.randint(1, plan.duration_ms), self._amend)

    def _speakers(self, number: int) -> None:
        mean_ms = self.plan.send_mean_ms
        self.repeat(mean_ms, partial(self._say, number))
        self.repeat(self.plan.answer_mean_ms or mean_ms // 2, partial(self._answer, number))

    def roads(self) -> tuple[str, ...]:
        """Which roads a pair has."""
        if not self.plan.loose:
            return (DIRECT,)
        return self.chance.choice(((DIRECT,), (DIRECT, LOOSE), (LOOSE, DIRECT), (LOOSE,)))

    @property
    def healing(self) -> bool:
        """Whether all faults have stopped."""
        return self._healing

    def forget(self, number: int) -> None:
        """A station's store was put back: what its officer was told of the acts since is void."""
        self._before.pop(number, None)
        for token, asked in list(self._pending.items()):
            if asked.machine == number:
                del self._pending[token]
        for place in [place for place in self._keys if place[0] == number]:
            del self._keys[place]

    def repeat(self, mean_ms: int, action: Callable[[], None]) -> None:
        """Do something again and again, at random, until healing begins."""
        if not mean_ms:
            return

        def again() -> None:
            if not self._healing:
                action()
                self.schedule.after(wait(), again)

        def wait() -> int:
            return int(self.chance.expovariate(1 / mean_ms)) + 1

        self.schedule.after(wait(), again)

    def _heal(self) -> None:
        """All faults stop: good roads, no partition, everybody up, disks empty, clocks right."""
        self.restores.heal()
        self._healing = True
        self.schedule.note("heal")
        if self.colluders is not None:
            self.colluders.heal()
        if self.pest is not None:
            self.pest.heal()
        self.network.weather = FAIR
        self.network.part([0] * len(self.machines))
        for machine in self.machines:
            machine.spare()
            machine.clock.mend()
            if not machine.alive:
                self.boot(machine)

    def _converge(self) -> int:
        """Wait until all honest records are equal. Returns how long it took, in virtual ms."""
        began = self.schedule.now_ms
        honest = [machine for machine in self.machines if machine.ledger.honest]
        ledgers = [machine.ledger for machine in honest]
        why = "nothing has happened"
        while self.schedule.now_ms - began <= HEAL_MS_MAX:
            self.schedule.until(self.schedule.now_ms + LOOK_MS)
            lines = [line for line in (m.line_now() for m in honest) if line is not None]
            if len(lines) == len(honest):
                self.schedule.count("check convergence")
                why = self.checker.difference(ledgers, lines)
                if self.colluders is not None:
                    why = why or self.colluders.check.unaware(honest)
                if self.watchers is not None:
                    why = why or self.watchers.check.lagging(lines)
                if not why:
                    self.checker.end(ledgers, lines)
                    return self.schedule.now_ms - began
        minutes = HEAL_MS_MAX // 60_000
        raise Violation(10, f"{minutes} min after the faults stopped: {why}")

    def _mirror(self) -> None:
        """Each station rebuilt from its journal is the station that ran."""
        for machine in self.machines:
            compare(machine)

    # -------------------------------------------------------------------------------- roads

    def connected(self, me: int, peer: int, carrier: str) -> None:
        """See ``network.Ear``."""
        self.machines[me].connected(peer, carrier)

    def heard(self, me: int, peer: int, carrier: str, envelope: bytes) -> None:
        """See ``network.Ear``."""
        machine = self.machines[me]
        live = carrier == DIRECT
        machine.take(
            Arrived(carrier=carrier, peer=self.machines[peer].station, envelope=envelope, live=live)
        )

    def lost(self, me: int, peer: int, carrier: str, cause: str) -> None:
        """See ``network.Ear``."""
        self.machines[me].lost(peer, carrier, cause)

    def failed(self, me: int, peer: int, carrier: str, cause: str) -> None:
        """See ``network.Ear``."""
        self.machines[me].failed(peer, carrier, cause)

    # ------------------------------------------------------------------------------- people

    def _install(self, number: int) -> None:
        incarnation = self.schedule.stream(f"incarnation {number}").randbytes(8)
        self._token += 1
        self.machines[number].take(
            Install(token=self._token, charter=self.cast.charter, incarnation=incarnation)
        )

    def _amend(self) -> None:
        """One party's officer brings the second version; the others have it from each other."""
        up = [m for m in self.machines if m.line_now() is not None and m.ledger.honest]
        if not up:
            self.schedule.after(60_000, self._amend)
            return
        self._token += 1
        machine = self.chance.choice(up)
        self.schedule.note("amends", machine.number)
        machine.take(Install(token=self._token, charter=self.cast.amended, incarnation=bytes(8)))

    def _say(self, number: int) -> None:
        if self.plan.nights and self.schedule.now_ms // HOUR_MS % 24 in NIGHT:
            return
        officer = self.officers[number]
        if officer.drafts and officer.chance.random() < 0.6:
            self._settle_draft(number)
        elif officer.chance.random() < 0.03:
            self._token += 1
            test = CallTest(
                token=self._token, line=self.cast.line, officer=officer.name, key=officer.next_key()
            )
            self._pending[self._token] = self._asks(number, None, test.key)
            self.machines[number].take(test)
        else:
            self._submit(number, officer.speak(), officer.next_key())

    def _asks(self, number: int, content: Content | None, key: str) -> Pending:
        now_ms = self.schedule.now_ms
        self.schedule.by(now_ms + ANSWER_MS + 1)
        return Pending(number, content, key, now_ms, self.machines[number].lives)

    def _answer(self, number: int) -> None:
        officer = self.officers[number]
        answer = officer.answer(self.machines[number].clock.now().wall_ms)
        if answer is not None:
            self._submit(number, answer, officer.next_key())

    def _submit(self, number: int, content: Content, key: str) -> None:
        machine, officer = self.machines[number], self.officers[number]
        twice = officer.chance.random() < 0.05
        for _ in range(2 if twice else 1):
            self._token += 1
            self._pending[self._token] = self._asks(number, content, key)
            act = Speak(
                token=self._token,
                line=self.cast.line,
                content=content,
                officer=officer.name,
                key=key,
            )
            machine.take(act)
        self.schedule.note("says", number, key, content.kind.name, machine.alive)

    def _settle_draft(self, number: int) -> None:
        officer = self.officers[number]
        draft = officer.drafts.pop(0)
        self._token += 1
        self._pending[self._token] = self._asks(number, None, "")
        line = self.cast.line
        if officer.chance.random() < 0.2:
            self.machines[number].take(
                Discard(token=self._token, line=line, draft=draft, officer=officer.name)
            )
        else:
            self.machines[number].take(
                Release(token=self._token, line=line, draft=draft, officer="second-" + officer.name)
            )

    def _shown(self, number: int, parsed: Statement) -> None:
        self.schedule.note("shown", number, parsed.digest.hex()[:12])
        content = parsed.content
        party = self.cast.party_of(parsed.place.station)
        self.officers[number].show(
            Shown(
                parsed.digest,
                content.kind,
                party,
                content.wants,
                content.to,
                content.body.parties or (),
            )
        )

    def _answered(self, number: int, token: int, result: Done | TielineError) -> None:
        asked = self._pending.pop(token, None)
        officer = self.officers[number]
        if isinstance(result, TielineError):
            runtime = self.machines[number].runtime
            full = self.machines[number].disk.full or (runtime is not None and runtime.full)
            if asked is not None:
                refused(result.code, full=full, mute=officer.party not in self.cast.voices)
            self.tally.refusals += 1
            self.schedule.note("refused", number, result.code)
            return
        if asked is None:
            return
        waits = result.draft and not result.item and asked.content is not None
        if waits and result.draft not in officer.drafts:
            officer.drafts.append(result.draft)
        if result.item and asked.key:
            first = self._keys.setdefault((number, asked.key), result.item)
            if first != result.item:
                raise Violation(2, f"one act of an officer ({asked.key}) became two statements")

    def pending(self) -> Iterable[Pending]:
        """The acts that no officer has had an answer to."""
        return self._pending.values()

    # ------------------------------------------------------------------------------- faults

    def _died(self, machine: Machine, cause: str) -> None:
        if self._healing:
            raise Violation(10, f"station {machine.number} stopped without a fault: {cause}")
        self.tally.restarts += 1
        down = self.chance.choice(self.plan.down_ms)
        self.schedule.after(self.chance.randint(100, down), lambda: self.boot(machine))

    def boot(self, machine: Machine) -> None:
        """Start a machine, unless it runs."""
        if machine.alive or machine.retired:
            return
        number = machine.number
        machine.boot()
        if machine is not self.machines[number]:
            return  # the other one of two with these keys is plugged in, and has the officer
        before = self._before.pop(number, None)
        if before is not None and machine.runtime is not None:
            match(before, machine.runtime.station)
        if machine.line_now() is None:
            self._install(number)
        for token, asked in list(self._pending.items()):
            if asked.machine != number:
                continue
            del self._pending[token]
            # The officer cannot know whether it had worked, and asks again with the same key.
            if asked.content is not None and self.chance.random() < 0.7:
                content, key = asked.content, asked.key
                self._submit(number, content, key)

    def _crash(self, number: int) -> None:
        machine = self.machines[number]
        if machine.alive:
            self._before[number] = taken(machine)
            machine.crash()

    def _fill(self, number: int) -> None:
        machine = self.machines[number]
        machine.fill(full=True)
        self.schedule.note("full", number)
        length = self.chance.choice(self.plan.full_ms)
        self.schedule.after(length, lambda: self._room(number))

    def _room(self, number: int) -> None:
        self.machines[number].fill(full=False)
        self.schedule.note("room", number)

    def _jump(self, number: int) -> None:
        by = self.chance.choice((500, 61_000, 3_600_000, 86_400_000, 86_400_000 * 400))
        by = self.chance.choice((by, -by))
        self.machines[number].clock.jump(by)
        self.schedule.note("jump", number, by)

    def _part(self) -> None:
        groups = [self.chance.randrange(2) for _ in self.machines]
        self.network.part(groups)
        self.schedule.note("part", groups)
        length = self.chance.randint(1, self.plan.part_length_ms)
        self.schedule.after(length, self._join)

    def _join(self) -> None:
        self.network.part([0] * len(self.machines))
        self.schedule.note("join")

    def _forge(self) -> None:
        made = self.forger.craft()
        if made is None:
            return
        trick, envelope = made
        self.tally.forged[trick] = self.tally.forged.get(trick, 0) + 1
        victim = self.chance.randrange(len(self.machines))
        guise = self.chance.choice(sorted(self.machines[victim].peers.values()))
        self.schedule.note("forged", trick, victim, guise)
        in_a_file = self.tally.forged[trick] % 2 == 0
        self.heard(victim, guise, "bundle" if in_a_file else LOOSE, envelope)

    def _bundle(self, number: int) -> None:
        """A file with all that somebody lacks, carried by hand, maybe twice, maybe late."""
        machine = self.machines[number]
        line = machine.line_now()
        if line is None:
            return
        victim = self.chance.choice(sorted(machine.peers.values()))
        plain, _ = bundle.contents(line, (machine.names[victim],))
        envelopes = bundle.envelopes_of(plain)
        self.schedule.note("bundle", number, victim, len(envelopes))
        for _ in range(self.chance.choice((1, 1, 2))):
            late = self.chance.randint(1_000, 3_600_000)
            for envelope in envelopes:
                machine.checker.leaving(machine.ledger, envelope)
                brought = partial(self.heard, victim, number, "bundle", envelope)
                self.schedule.after(late, brought)


def play(plan: Plan, make: Callable[..., Runtime] = Runtime) -> Outcome:
    """Run one seed."""
    return World(plan, make).run()
