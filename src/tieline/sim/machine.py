"""One simulated machine: a disk, two clocks, a process that dies, and the real runtime in it.

Everything that the process does passes a boundary here, and at each boundary the power may go:
before the commit, after the commit and before anything is performed, before the watchers are told,
and before each thing performed. What was committed is on the disk of the next life; all else is
gone, or torn (``disks``). A disk may be full for a while, and it may break in a commit, after which
nobody knows whether that commit is there: the process stops, and the next life finds out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tieline.core.errors import StoreFailed, TielineError
from tieline.core.events import (
    Arrived,
    Connected,
    Done,
    Event,
    Failed,
    Lost,
    Reply,
    Speak,
    Tick,
    Transmit,
)
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.line import Line
from tieline.core.statement import Statement
from tieline.node.runtime import Runtime
from tieline.ports import Signer
from tieline.sim.checkers import Checker, Ledger
from tieline.sim.clocks import SimClock
from tieline.sim.cutcheck import Silences, attempts_kept
from tieline.sim.disks import Cache, SimDisk, SimMemory
from tieline.sim.network import DIRECT, Network
from tieline.sim.schedule import Schedule, below
from tieline.sim.violation import Violation
from tieline.store.memory import MemoryStore

SPIN_MS = 1_000
SPIN_MAX = 50  # ticks asked for within that time before the machine counts as spinning
TURNS_MAX = 1_000  # turns taken within that time, for whatever reason
SERVICE_MS = 4
AGAIN = 0.3  # how often the power goes, too, after a sync has failed, and at the start after that
POWER = 0.5  # how often a station ends for want of power, of those that end between two turns
SNAPSHOTS = (12, 80, 10**9)  # after how many facts a life of a station makes a snapshot


class PowerCut(Exception):
    """The machine lost its power at this boundary."""


class SimSigner:
    """A ``ports.Signer`` that tells the checker what was signed."""

    def __init__(self, station: bytes, keys: Signer, checker: Checker) -> None:
        self._station, self._keys, self._checker = station, keys, checker

    def sign(self, message: bytes, key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        signature = self._keys.sign(message, key)
        self._checker.note_signature(self._station, message, signature)
        return signature

    def cosign(self, message: bytes, key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        signature = self._keys.cosign(message, key)
        self._checker.note_cosignature(self._station, message, signature)
        return signature

    def cosign_mldsa(self, message: bytes, key: bytes = b"") -> bytes:
        """See ``ports.Signer``."""
        return self._keys.cosign_mldsa(message, key)


@dataclass(slots=True, kw_only=True)
class Machine:
    """A station's machine; ``number`` is its place in the world."""

    number: int
    station: bytes
    party: str
    realm: str
    line: bytes
    signer: Signer
    clock: SimClock
    schedule: Schedule
    checker: Checker
    ledger: Ledger
    chance: random.Random
    peers: dict[bytes, int]  # station id to number
    names: dict[int, bytes]
    make: Callable[..., Runtime] = Runtime
    shown: Callable[[Statement], None]
    answered: Callable[[int, Done | TielineError], None]
    died: Callable[[str], None]
    touch: Callable[[Machine], None] = lambda _machine: None  # see ``stepcheck``
    durable: Callable[[Sequence[Fact]], None] = lambda _facts: None
    # What a dishonest station makes of what its software would say; None: it says nothing.
    twist: Callable[[bytes], bytes | None] | None = None
    network: Network | None = None
    runtime: Runtime | None = None
    memory: SimMemory
    disk: MemoryStore = field(default_factory=MemoryStore)
    cache: Cache | None = None  # where a loss of power may leave less than was written
    fail_per_thousand: int = 0
    cut_per_thousand: int = 0
    cut_turns: int = 1_000  # or per so many turns
    silences: Silences = field(init=False)
    lives: int = 0
    commits: int = 0  # that were durable, and stores that were put back
    retired: bool = False  # it never starts again
    _fuse: int = -1
    _inbox: list[Event] = field(default_factory=list)
    _busy: bool = False
    _timer: int = 0
    _told: int = 0
    _counted: int = 0  # facts of the store that the checker knows of
    _fresh: list[Fact] = field(default_factory=list)
    _spins: tuple[int, int] = (0, 0)
    _turns: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.silences = Silences(self.station)

    # ------------------------------------------------------------------------------ life

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.runtime is not None

    def boot(self) -> None:
        """Start a process on what the disk holds."""
        if self.cache is not None and self.cache.unsynced and self.cache.chance.random() < AGAIN:
            self._lose_power()
        self.lives += 1
        self._fuse = -1
        self.silences.wait(self.schedule.now_ms)
        self.clock.reboot(self.chance.randrange(10**9))
        now = self.clock.now()
        held = self.disk = self.disk.crash()
        disk = SimDisk(self, held)
        disk.settle()
        self.account()
        self.runtime = self.make(
            self.station,
            self.realm,
            disk,
            self.signer,
            self,
            now,
            machine=self.memory,
            snapshot_every=SNAPSHOTS[(self.number + self.lives) % len(SNAPSHOTS)],
        )
        self.schedule.note("boot", self.number, self.lives, held.last())
        line = self.line_now()
        if line is not None:
            self.schedule.count("check start")
            self.checker.reloaded(self.ledger, line)
            self.checker.displayed(self.ledger, line)
        self.touch(self)
        self._replay()
        if self.network is not None:
            self.network.start(self.number)
        self.take(Tick())

    def kill(self, cause: str, *, power: bool = False) -> None:
        """End the process: everything not on the disk is gone.

        ``power``: the machine has lost its power, and with it what was not synced.
        """
        if self.runtime is None:
            return
        self.runtime = None
        if power:
            self._lose_power()
        self._inbox.clear()
        self._timer += 1
        self.touch(self)
        self.schedule.note("died", self.number, cause)
        if self.network is not None:
            self.network.stop(self.number)
        self.died(cause)

    def _lose_power(self) -> None:
        """Of what was written and not synced, something is gone."""
        if self.cache is None:
            return
        before = self.disk.last()
        self.disk = self.disk.crash()
        self.disk = self.cache.lose(self.disk)
        lost, mark = before - self.disk.last(), self.memory.lose(self.cache.chance)
        if lost:
            self.schedule.note("unsynced", self.number, lost)
        if mark:
            self.schedule.note("mark lost", self.number, mark)

    def put_back(self, disk: MemoryStore, memory: SimMemory, checker: Checker) -> None:
        """Another store takes the place of the one there was, while the process is down."""
        self.disk, self.memory = disk, memory
        self.commits += 1
        facts = tuple(fact for _, fact in disk.facts())
        self.ledger = checker.refilled(self.ledger, facts)
        self.silences = Silences(self.station)
        self._owes(facts)
        self._told = self._counted = len(facts)
        self.touch(self)
        if self.cache is not None:
            self.cache.clear()

    def unplug(self) -> None:
        """The machine goes on without a network: its sessions end."""
        self.network = None
        if self.runtime is not None:
            for peer, carrier in sorted(self.runtime.sessions()):
                self.take(Lost(carrier=carrier, peer=peer, cause="unplugged"))

    def spare(self) -> None:
        """From now on neither power nor disk fails; a cut that was to come does not."""
        self.fail_per_thousand = self.cut_per_thousand = 0
        self.fill(full=False)
        self._fuse = -1

    def line_now(self) -> Line | None:
        """The line as the running process knows it."""
        return None if self.runtime is None else self.runtime.station.lines.get(self.line)

    def _replay(self) -> None:
        """The desk reconnects and is told what it has missed, from the journal."""
        missed = [fact for seq, fact in self.disk.facts(self._told) if seq > self._told]
        self._tell(missed)

    # ------------------------------------------------------------------------------ turns

    def take(self, event: Event) -> None:
        """Put an event before the process; it is taken with whatever else has come by then."""
        if self.runtime is None:
            return
        self._inbox.append(event)
        if not self._busy:
            self._busy = True
            self.schedule.after(below(self.chance, SERVICE_MS + 1), self._serve)

    def _serve(self) -> None:
        self._busy = False
        if self.runtime is None:
            return
        events, self._inbox = self._inbox, []
        self._count_turn()
        was_full = self.runtime.full
        if self._silent():
            self.silences.wait(self.schedule.now_ms)
        before = self.line_now()
        self._fresh.clear()
        if below(self.chance, self.cut_turns) < self.cut_per_thousand:
            self._fuse = below(self.chance, 8)
        arrived = [event.envelope for event in events if isinstance(event, Arrived)]
        if arrived:
            self.checker.bringing(self.ledger, arrived)
        try:
            self.runtime.turn(events, self.clock.now())
        except PowerCut as cut:
            self.kill(f"power cut {cut}", power=True)
            return
        except StoreFailed as error:
            self.kill(f"store failed: {error.message}", power=self._loses(AGAIN))
            return
        line = self.line_now()
        if line is not None:
            self.schedule.count("check order")
            self.checker.displayed(self.ledger, line, idle=not self._fresh)
            if not was_full and not self.runtime.full:
                if before is not None and attempts_kept(events, self._fresh, before.links):
                    self.schedule.count("check attempts")
                if arrived and self.checker.brought(self.ledger, arrived, line.latest()):
                    self.schedule.count("check brought")
        if self._fresh or self.runtime.full != was_full:
            self.touch(self)
        self._arm()

    def account(self) -> None:
        """All that the store holds now is durable: the checker counts what is new of it."""
        facts = [fact for _, fact in self.disk.facts(self._counted)]
        if not facts:
            return
        self._counted += len(facts)
        self.schedule.count("check commit")
        self.checker.committed(self.ledger, tuple(facts))
        self._kept(facts)

    def _kept(self, facts: Sequence[Fact]) -> None:
        """Facts became durable."""
        self.commits += 1
        self._fresh.extend(facts)
        self.durable(facts)
        self._owes(facts)

    def _owes(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.kind == FactKind.ALARM:
                self.silences.rang(Alarm.decode(fact.body), self.schedule.now_ms)
            for parsed in self.checker.statements_of([fact]):
                self.silences.note(parsed)
        self.schedule.by(self.silences.due())

    @property
    def able(self) -> bool:
        """Whether the process runs and can keep what comes."""
        return self.runtime is not None and not self.disk.full and not self.runtime.full

    def _silent(self) -> bool:
        line = self.line_now()
        return line is None or not self.able or line.observes or not line.member

    def look(self) -> None:
        """Whatever this station owes the record is there, or it has time."""
        if self._silent():
            self.silences.wait(self.schedule.now_ms)
        else:
            self.schedule.count("check silence")
            self.silences.look(self.schedule.now_ms)
        self.schedule.by(self.silences.due())

    def fill(self, *, full: bool) -> None:
        """The disk has no room from now on, or has some again."""
        self.look()  # what it owed until now
        self.disk.full = full
        self.touch(self)

    def _count_turn(self) -> None:
        """A station that keeps itself busy without end is caught, not waited for."""
        since, count = self._turns
        if self.schedule.now_ms - since > SPIN_MS:
            since, count = self.schedule.now_ms, 0
        self._turns = (since, count + 1)
        if count > TURNS_MAX:
            raise Violation(10, f"station {self.station.hex()} takes turns without end")

    def _arm(self) -> None:
        """Set the timer for the next tick, or go on at once when the runtime owes a turn."""
        runtime = self.runtime
        if runtime is None:
            return
        if runtime.owes:
            if not self._busy:
                self._busy = True
                self.schedule.after(0, self._serve)
            return
        now = self.clock.now()
        wanted = runtime.station.wakeup(now)
        mono_ms, real_ms = wanted.mono_ms, wanted.real_ms  # one clock, here
        at_ms = (
            mono_ms if real_ms is None or (mono_ms is not None and mono_ms < real_ms) else real_ms
        )
        if runtime.full:
            at_ms = now.real_ms + 1_000
        self._timer += 1
        if at_ms is not None:
            mine = self._timer
            self.schedule.at(self.clock.mono_to_true(at_ms), lambda: self._tick(mine))

    def _tick(self, timer: int) -> None:
        if timer != self._timer or self.runtime is None:
            return
        since, count = self._spins
        if self.schedule.now_ms - since > SPIN_MS:
            since, count = self.schedule.now_ms, 0
        self._spins = (since, count + 1)
        if count > SPIN_MAX:
            raise Violation(10, f"station {self.station.hex()} asks for ticks without end")
        self.take(Tick())

    # --------------------------------------------------------------------------- the world

    def boundary(self, where: str) -> None:
        """A place where the power may go."""
        if self._fuse == 0:
            self._fuse = -1
            raise PowerCut(where)
        self._fuse = max(-1, self._fuse - 1)

    @property
    def struck(self) -> bool:
        """Whether the power goes at the next boundary."""
        return self._fuse == 0

    def _loses(self, chance: float) -> bool:
        """Whether the power goes as well when a process ends."""
        return self.cache is not None and self.cache.chance.random() < chance

    def crash(self) -> None:
        """The process is killed, or the machine loses its power."""
        power = self._loses(POWER)
        self.kill("no power" if power else "killed", power=power)

    def disk_breaks(self) -> bool:
        """Whether the disk breaks in this commit."""
        return below(self.chance, 1000) < self.fail_per_thousand

    def transmit(self, effect: Transmit) -> str:
        """See ``node.runtime.World``."""
        self.boundary("before a transmission")
        self.schedule.count("check leaving")
        self.checker.leaving(self.ledger, effect.envelope)
        peer = self.peers.get(effect.peer)
        if self.network is None or peer is None:
            return ""
        envelope = effect.envelope if self.twist is None else self.twist(effect.envelope)
        if envelope is None:
            return DIRECT
        return self.network.send(self.number, peer, envelope)

    def reply(self, effect: Reply) -> None:
        """See ``node.runtime.World``."""
        self.boundary("before a reply")
        self.schedule.count("check answered")
        if isinstance(effect.result, Done) and effect.result.item:
            self.schedule.count("check confirmed")
            self.checker.told(self.ledger, effect.result.item)
        self.answered(effect.token, effect.result)

    def peers_changed(self) -> None:
        """See ``node.runtime.World``: the simulated roads do not depend on the charter."""

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        """See ``node.runtime.World``."""
        self.boundary("before the watchers are told")
        if first + len(facts) - 1 > self.disk.last():
            raise Violation(1, "watchers were told of what is not durable")
        if first != self._told + 1:
            raise Violation(2, f"watchers were told fact {first} after fact {self._told}")
        self._tell(list(facts))

    def _tell(self, facts: list[Fact]) -> None:
        self._told += len(facts)
        for parsed in self.checker.statements_of(facts):
            self.shown(parsed)

    def speak(self, act: Speak) -> None:
        """An officer's act."""
        self.take(act)

    # -------------------------------------------------------------------------- the roads

    def connected(self, peer: int, carrier: str) -> None:
        """A session with a peer is up."""
        self.take(Connected(carrier=carrier, peer=self.names[peer], address=f"sim:{peer}"))

    def lost(self, peer: int, carrier: str, cause: str) -> None:
        """A session with a peer is over."""
        self.take(Lost(carrier=carrier, peer=self.names[peer], cause=cause))

    def failed(self, peer: int, carrier: str, cause: str) -> None:
        """A peer could not be reached."""
        self.take(
            Failed(carrier=carrier, peer=self.names[peer], address=f"sim:{peer}", cause=cause)
        )
