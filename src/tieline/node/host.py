"""One running station: it joins the runtime, the carriers, the clocks and the officers' acts.

Everything happens on one thread, but for the commits of a slow disk (``beside``). What comes in is
queued and a single turn takes what has gathered since the last one, of a flood a part (``intake``).
So one commit serves a whole burst (group commit), and a lone message waits for nobody. Two timers
wake the station: one for deadlines, one for the transport.

A failed write or sync ends the process with its cause: ``fatal`` is called, and no turn follows.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieline.core import bundle
from tieline.core.errors import LocalError, ShellError, StoreFailed, StoreFull, TielineError
from tieline.core.events import (
    Act,
    Arrived,
    Connected,
    Done,
    Event,
    Failed,
    Lost,
    Ready,
    Reply,
    Tick,
    Transmit,
)
from tieline.core.journal import Alarm, FactKind
from tieline.core.line import Line
from tieline.core.statement import statement_digest
from tieline.core.station import Station
from tieline.core.sync import Pace
from tieline.node import standing
from tieline.node.agreements import Agreements
from tieline.node.ahead import WORTH_BYTES, Ahead
from tieline.node.alarmaround import HostAround
from tieline.node.alarmkeep import AlarmKeep
from tieline.node.asking import Witnesses
from tieline.node.backup import Keeper
from tieline.node.beside import Beside, Work
from tieline.node.bundling import Sealer, export, outcome
from tieline.node.clock import ControlledClock, MachineClock
from tieline.node.clockwatch import ClockWatch
from tieline.node.duewatch import DueWatch
from tieline.node.gate import Gate
from tieline.node.holding import Holding
from tieline.node.intake import IMPORTS, Intake
from tieline.node.passage import Progress, reading_view
from tieline.node.pausing import Pauses
from tieline.node.roomwatch import RoomWatch
from tieline.node.runtime import Runtime
from tieline.node.view import Json, event_view, line_view
from tieline.node.watchers import Feed, Told
from tieline.ports import Carrier, Endpoint, Fact, Machine, Signer, Store

if TYPE_CHECKING:
    from tieline.core.evidence import Scope
    from tieline.node.incidents import Incidents

REPLAY_BATCH: Final = 256  # journal entries that are read for a watcher in one go
FEW: Final = 256  # entries that are still to be told: with more, what peers send waits a little
TELL_S: Final = 0.3  # so long a flood waits at most for what was published to be told
MAX_SLEEP_S: Final = 60.0
ARM_S: Final = 0.02
NOTE_WAIT_S: Final = 0.03  # a hand-over waits so long for something to be committed with


class Host:
    """The running station. ``fatal`` is told the cause when the process must end.

    ``names`` are the party's code and the station's name, as its own certificate has them: it is
    called so before its first line and after its last one too.
    """

    def __init__(  # noqa: PLR0913 - the parts of a station, all by name
        self,
        *,
        own: bytes,
        realm: str,
        store: Store,
        signer: Signer,
        sealer: Sealer,
        clock: MachineClock | ControlledClock,
        machine: Machine,
        fatal: Callable[[TielineError], None],
        on_stop: Callable[[], None],
        pace: Pace | None = None,
        room: RoomWatch | None = None,
        clocks: ClockWatch | None = None,
        names: tuple[str, str] = ("", ""),
        keeper: Keeper | None = None,
        agreements: Agreements | None = None,
    ) -> None:
        self.clock = clock
        self.carriers: list[Carrier] = []
        self.witnesses: Witnesses | None = None
        self.due: DueWatch | None = None
        self.ahead: Ahead | None = None
        self._sealer, self._fatal, self._on_stop = sealer, fatal, on_stop
        self._room = room
        self._clocks = clocks if isinstance(clock, MachineClock) else None
        self._names = names
        self._keeper = keeper
        self.agreements = agreements or Agreements()
        self._intake = Intake()
        self._flush: asyncio.Handle | Work | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waits = self._arming = False  # ``_waits``: the next turn comes later
        self._replies: dict[int, asyncio.Future[Done]] = {}
        self._token = 0
        self.gate = Gate()
        self.beside: Beside | None = None  # set by who has all else wait at the gate
        self.feed = Feed(self, self.gate)
        self._dead = False
        self._cause: TielineError | None = None
        self._hold = Holding(self._go_with_time)
        self._drained, self._importing = asyncio.Event(), asyncio.Lock()
        self.reload_keys: Callable[[], int] = lambda: 1  # set by who knows the key store
        self.desk_key: Callable[[], bytes] = lambda: b""  # likewise
        self._loop = asyncio.get_running_loop()
        self._pauses = Pauses(self._loop)
        parts = (own, realm, store, signer, self, clock.now())
        self.runtime = Runtime(*parts, machine=machine, pace=pace, boot=clock.boot)
        self.runtime.wanted = lambda: self.feed.busy
        self.agreements.past = store.past
        self.alarms = AlarmKeep(HostAround(self))

    @property
    def station(self) -> Station:
        return self.runtime.station

    # ------------------------------------------------------------------------------- turns

    def start(self) -> None:
        """Give the carriers their peers and begin to keep time."""
        self.peers_changed()
        self.submit(Tick())

    def watch(self) -> list[asyncio.Task[None]]:
        """Begin what goes on beside the turns; whoever stops the station cancels it."""
        every = (self.witnesses, self.due, self.alarms)
        watches = [each.run for each in every if each is not None]
        return [self._loop.create_task(self.gate.beside(each)) for each in watches]

    def submit(self, event: Event) -> None:
        """Queue an event for the next turn."""
        if self._dead:
            return
        if not self._intake.put(event):
            return
        self._drained.clear()
        if self._flush is None and isinstance(event, Arrived) and self.feed.untold > FEW:
            self._wait()
        elif self._flush is None:
            self._flush = self._pauses.soon(self._turn)
        elif self._waits and isinstance(event, Act):
            self._hurry()

    def _turn(self) -> None:
        self._flush, self._waits = None, False
        if self._hold.held:
            return  # what is queued waits until the other stations have the exercise's time too
        events, now, began = self._intake.take(), self.clock.now(), self._loop.time()
        if self._room is not None:
            events.extend(self._room.look(now.real_ms))
        if self._clocks is not None:
            events.extend(self._clocks.look(now.wall_ms, self.station.lines.values()))
        try:
            over = partial(self._over, events, began)
            if self.beside is None:
                self.runtime.turn(events, now)
            elif (work := self.beside.turn(self.runtime, events, now, over)) is not None:
                self._leave(work)
                return
        except Exception as error:  # noqa: BLE001 - the station ends with it
            self._over(events, began, error)
        else:
            self._over(events, began)

    def _leave(self, work: Work) -> None:
        """A turn goes on beside the loop; what came in the midst of it waits until it is over."""
        if self._flush is not None:
            self._flush.cancel()
        self._flush, self._waits = work, False

    def _over(self, events: list[Event], began: float, failed: Exception | None = None) -> None:
        """A turn is over, and nothing of it is under way any more."""
        if isinstance(self._flush, Work):
            self._flush = None
        if isinstance(failed, StoreFailed):
            self._die(failed)
            return
        if failed is not None:
            # The core and the journal may no longer agree: never log and carry on.
            self._die(_defect(failed))
            raise failed
        self._pauses.after(began)
        if self.ahead is not None:
            self.ahead.over(events if self._intake else None)
        if self._room is not None:
            self._room.forget(self.station.troubles)
        if self._clocks is not None:
            self._clocks.forget(self.station.troubles)
        if self._flush is None:
            self._go_on()
        if not (self._intake.imports or self.runtime.hurries):
            self._drained.set()
        self._arm()

    def _go_on(self) -> None:
        """Have another turn when there is something left for it.

        What is left of a flood waits a little until the watchers have been told what was taken of
        it: told now, it is at hand, and what falls behind must be read from the journal.
        """
        if self.runtime.hurries or (self._intake and not self.feed.busy):
            self._flush = self._pauses.soon(self._turn)
        elif self._intake:
            self._wait()

    def _wait(self) -> None:
        """Have the next turn when all is told, or in a while."""
        self._flush, self._waits = self._loop.call_later(TELL_S, self._turn), True
        self.feed.then(self._hurry)

    def _hurry(self) -> None:
        """Have the next turn now, if it waits."""
        if self._waits and self._flush is not None:
            self._flush.cancel()
            self._flush, self._waits = self._pauses.soon(self._turn), False

    def _die(self, error: TielineError) -> None:
        self._dead, self._cause = True, error
        self._drained.set()
        self.gate.end(error)
        for future in self._replies.values():
            if not future.done():
                future.set_exception(error)
        self._fatal(error)

    def _arm(self) -> None:
        """Set the timer soon, once for all turns till then: what is due may be late by so much."""
        if not self._arming and not self._dead:
            self._arming = True
            self._loop.call_later(ARM_S, self._set_timer)

    def _set_timer(self) -> None:
        self._arming = False
        if self._dead or self.gate.shut:
            return  # the end of the turn sets it again
        now = self.clock.now()
        wake = self.station.wakeup(now)
        waits = [MAX_SLEEP_S]
        if wake.real_ms is not None:
            waits.append((wake.real_ms - now.real_ms) / 1000)
        if wake.mono_ms is not None and isinstance(self.clock, MachineClock):
            waits.append((wake.mono_ms - now.mono_ms) / 1000)
        if self.runtime.full:
            waits.append(1.0)
        if self.runtime.owes:
            waits.append(NOTE_WAIT_S)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.001, min(waits)), self.submit, Tick())

    def close(self) -> None:
        """Stop keeping time, and make the next start quick; the store is left to its owner.

        Raises ``StoreFailed``.
        """
        if self.beside is not None:
            self.beside.finish()
        stopped, self._dead = self._dead, True
        self._hold.cancel()
        for handle in (self._timer, self._flush):
            if handle is not None:
                handle.cancel()
        self.feed.close()
        if self.ahead is not None:
            self.ahead.close()
        if not stopped:
            self.runtime.snapshot(self.clock.now())

    # ---------------------------------------------------------------------- runtime's world

    def transmit(self, effect: Transmit) -> str:
        for carrier in self.carriers:
            if carrier.send(effect.peer, effect.envelope):
                return carrier.name
        return ""

    def reply(self, effect: Reply) -> None:
        future = self._replies.pop(effect.token, None)
        if future is None or future.done():
            return
        if isinstance(effect.result, TielineError):
            future.set_exception(effect.result)
        else:
            future.set_result(effect.result)

    def peers_changed(self) -> None:
        endpoints = list(self._endpoints())
        for carrier in self.carriers:
            carrier.set_peers(endpoints)

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        # It is for the peers first: to show it here takes longer than the way to them.
        for carrier in self.carriers:
            carrier.flush()
        # A commit beside the loop has more to tell, and first: what was urgent is stored now.
        self.feed.publish(first, facts, now=self.beside is None or not self.beside.slow)
        if self.witnesses is not None:
            self.witnesses.published(facts)
        if self.due is not None:
            self.due.published(facts)

    def _endpoints(self) -> Iterable[Endpoint]:
        found: dict[bytes, tuple[set[bytes], dict[str, None]]] = {}
        for line, station in self.station.peers():
            entry = line.charter.station(station)
            if entry is not None:
                pins, addresses = found.setdefault(station, (set(), {}))
                pins.add(entry.certificate.tls_der)
                addresses.update(dict.fromkeys(entry.addresses))
        for station in sorted(found):
            pins, addresses = found[station]
            yield Endpoint(station=station, tls_der=tuple(sorted(pins)), addresses=tuple(addresses))

    # ----------------------------------------------------------------------- carrier events

    def connected(self, peer: bytes, carrier: str, address: str) -> None:
        self.submit(Connected(carrier=carrier, peer=peer, address=address))

    def heard(self, peer: bytes, carrier: str, envelope: bytes) -> None:
        if not self._intake.has_room(peer):
            return  # a flood is dropped unread, and costs the helper nothing
        known = None
        if len(envelope) >= WORTH_BYTES and self.ahead is not None and not self._dead:
            lines = [x for x in self.station.lines.values() if peer in x.peers]
            known = self.ahead.begin(peer, envelope, self.station.realm, lines)
        self.submit(Arrived(carrier=carrier, peer=peer, envelope=envelope, live=True, known=known))

    def lost(self, peer: bytes, carrier: str, cause: str) -> None:
        self.submit(Lost(carrier=carrier, peer=peer, cause=cause))

    def failed(self, peer: bytes, carrier: str, address: str, cause: str) -> None:
        self.submit(Failed(carrier=carrier, peer=peer, address=address, cause=cause))

    def ready(self, peer: bytes) -> None:
        self.submit(Ready(peer=peer))

    # ------------------------------------------------------------------------- officers' acts

    async def perform(self, make: Callable[[int], Act]) -> Done:
        """Run an act through a turn and wait until it is durable. Raises its refusal."""
        if self._dead:
            raise LocalError("station.stopping", "the station is stopping; start it again")
        self._token += 1
        future: asyncio.Future[Done] = self._loop.create_future()
        self._replies[self._token] = future
        self.submit(make(self._token))
        return await future

    def subscribe(self, since: int) -> AsyncGenerator[Sequence[Told], None]:
        """Every journal entry after ``since``, then each new one; see ``Feed.follow``."""
        return self.feed.follow(since)

    def entries(self, since: int) -> list[tuple[int, Fact]]:
        return list(islice(self.runtime.store.facts(since), REPLAY_BATCH))

    def last(self) -> int:
        return self.runtime.store.last()

    def event(self, seq: int, fact: Fact) -> dict[str, Json]:
        return event_view(self.station, seq, fact)

    def seq_of(self, digest: bytes) -> int:
        for line in self.station.lines.values():
            item = line.item(digest)
            if item is not None:
                return self.runtime.seq_of(line.id, item)
        return 0

    def digest_at(self, seq: int) -> bytes:
        """The digest of the statement that is a journal entry; empty when that is none."""
        store = self.runtime.store
        fact = store.past.fact(seq) if 0 < seq <= store.last() else None
        kinds = (FactKind.STATEMENT, FactKind.SECOND_STORY)
        return statement_digest(fact.body) if fact and fact.kind in kinds else b""

    def fresh(self, count: int) -> bytes:
        return os.urandom(count)

    def status(self) -> dict[str, Json]:
        lines: list[Json] = [self._line_view(x) for _, x in sorted(self.station.lines.items())]
        party, name = self._names
        backup = self._keeper.last() if self._keeper is not None else None
        return {
            "party": party,
            "station": self.station.own.hex(),
            "station_name": name,
            "realm": self.station.realm,
            "now_ms": self.clock.now().wall_ms,
            "storing_ms": 0, "unstored": [],
            "clock": self._clock_view(),
            "journal": self.runtime.store.last(),
            "disk_full": self.runtime.full,
            "backup": backup,
            "troubles": self._troubles(self.station.troubles, lines, backup),
            "lines": lines,
        }  # fmt: skip

    def present(self) -> dict[str, Json]:
        """The part of ``status`` and ``pulse`` that is true in the midst of a turn too."""
        storing_s = 0.0 if self.beside is None else self.beside.since_s
        return {"now_ms": self.clock.now().wall_ms, "storing_ms": int(storing_s * 1000)}

    def aged(self, seen: dict[str, Json], core: Mapping[str, Alarm]) -> dict[str, Json]:
        """An earlier ``status`` with what time alone has changed since; ``core``: troubles then."""
        lines = [*x] if isinstance(x := seen["lines"], list) else []
        troubles = self._troubles(core, lines, seen["backup"])
        return seen | {"troubles": troubles, "clock": self._clock_view()}

    def _clock_view(self) -> dict[str, Json]:
        """What is known of our clock: an exercise's is set, and one that nobody asked unknown."""
        if not isinstance(self.clock, MachineClock):
            return {"kept": "exercise"}
        return {"kept": "unknown"} if self._clocks is None else self._clocks.view()

    def _troubles(self, core: Mapping[str, Alarm], lines: list[Json], backup: Json) -> list[Json]:
        found = dict(sorted(core.items()))
        if self._clocks is not None:
            found |= {alarm.code: alarm for alarm in self._clocks.troubles()}
        kept = self._keeper is not None and not self.station.realm  # no exercise is kept
        backup, now_ms = backup if kept else standing.NO_MATTER, self.clock.now().wall_ms
        return standing.told([*found.values(), *self.alarms.troubles()], backup, lines, now_ms)

    @cached_property
    def incidents(self) -> Incidents:
        """What the lines' records say of incidents; loaded when it is first asked for."""
        from tieline.node.incidents import Incidents

        return self.runtime.leave_bookmarks(Incidents(self.agreements))

    def reading(self, line: Line) -> Progress | None:
        """How far a long record has been read since the start, while it is being read."""
        found = [self.agreements.progress(line)]
        if "incidents" in self.__dict__:
            found.append(self.incidents.progress(line))
        return min((one for one in found if one), key=lambda one: one.read, default=None)

    def _line_view(self, line: Line) -> dict[str, Json]:
        view = line_view(line)
        agreed = self.agreements.in_force(line)
        view["packs"] = [f"{pack.id} {pack.version}" for pack in agreed.packs]
        view["packs_missing"] = [digest.hex() for digest in agreed.missing]
        view |= reading_view(self.reading(line))
        if line.realm:
            view["over_ms"] = self.agreements.over_ms(line)
        if self.witnesses is not None and line.charter.witnesses:
            view["witnesses"] = self.witnesses.view(line)
        return view

    def settle(self) -> dict[str, Json]:
        """Whether anything is still under way, and when time alone will make something due."""
        wakes = [self.station.wakeup(self.clock.now()).mono_ms]
        at_rest = self.due is None or self.due.idle
        if self.due is not None and isinstance(self.clock, ControlledClock):
            wakes.append(self.due.next_ms)  # its wall clock is its deadline clock
        pending = 0
        heads: dict[str, Json] = {}
        peers: dict[str, Json] = {}
        for line in self.station.lines.values():
            pending += len(line.outgoing) + (line.signing is not None) + line.record.held
            for name, log in sorted(line.record.logs.items()):
                heads[name.hex()] = log.size
            for station, link in sorted(line.links.items()):
                if not link.sessions:
                    continue
                covered: dict[str, Json] = {
                    name.hex(): line.ladder.covered(name, station) for name in line.record.logs
                }
                peers[station.hex()] = covered
        return {
            "idle": at_rest and not self._intake and not self.runtime.owes and not pending,
            "heads": heads,
            "covered_by": peers,
            "next_wakeup_ms": min((at for at in wakes if at is not None), default=None),
            "now_ms": self.clock.now().wall_ms,
        }

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        return self.runtime.store.statements(line, log, start, stop)

    def audit(self) -> dict[str, Json]:
        from tieline.node.audit import audit_store

        return audit_store(self.runtime.store, self.station.own, self.station.realm)

    async def backup(self, out: Path, *, root: bool) -> dict[str, Json]:
        """Make a backup while everything goes on. Raises ``TielineError``."""
        if self._keeper is None:
            raise LocalError("backup.none", "this station has no home of which to make a backup")
        return await self._keeper.make(self.runtime.store, out, root=root)

    async def audit_beside(self) -> dict[str, Json]:
        """As ``audit``, beside the station's other work."""
        if self._keeper is None:
            return self.audit()
        from tieline.node.audit import read_beside

        with read_beside(store := self.runtime.store):
            return await asyncio.to_thread(self._keeper.audit, store.last(), store.log_damage())

    async def doctor(self) -> dict[str, Json]:
        return {"status": self.status(), "audit": await self.audit_beside()}

    def set_clock(self, wall_ms: int, *, hold: bool = False) -> None:
        """Move an exercise's clock; with ``hold`` take no turn for a minute, or until it is set.

        Raises ``LocalError`` (``clock.real``, ``clock.backwards``, ``clock.range``).
        """
        if not isinstance(self.clock, ControlledClock):
            raise LocalError(
                "clock.real", "this station runs on real time; only an exercise's clock can be set"
            )
        self.clock.set(wall_ms)
        self._hold.set(hold=hold)

    def _go_with_time(self) -> None:
        self.submit(Tick())
        if self.due is not None:
            self.due.moved()

    def export_bundle(self, line: Line, to: tuple[bytes, ...]) -> tuple[bytes, int]:
        """A sealed, signed bundle of what some stations may lack, and its count of statements."""
        return export(line, to, self.clock.now().wall_ms, self._sealer, self.runtime.signer)

    async def evidence(self, line: Line, out: Path, scope: Scope) -> dict[str, Json]:
        """Write evidence of a line into a new file. Raises ``TielineError``."""
        packs = await self.agreements.packs_of(line)
        from tieline.node import evidencefile

        return await evidencefile.make(line, out, scope, self.clock.now().wall_ms, packs)

    async def import_bundle(self, data: bytes) -> dict[str, Json]:
        """Take a bundle in. Raises ``RemoteError``, and ``StoreFull`` where it was not all kept."""
        async with self._importing:  # of two at once each would count what the other brings
            parsed = bundle.parse(self.station.realm, data)
            line = bundle.check(parsed, self.station.lines)
            envelopes = bundle.envelopes_of(self._sealer.open_sealed(parsed.sealed))
            begun = self.last(), len(line.record.by_digest), line.record.held
            unkept = self.runtime.unkept
            for each in envelopes:
                self.submit(Arrived(carrier=IMPORTS, peer=parsed.header.exporter, envelope=each))
            await self._drained.wait()
            self._check_kept(unkept)
            return await outcome(self.station, parsed.header, self.entries, begun, self.last())

    def _check_kept(self, unkept: int) -> None:
        """Refuse to say that a bundle is in when the disk did not take it."""
        if self._cause is not None:
            raise self._cause
        if self.runtime.unkept != unkept:
            raise StoreFull(
                "the disk is full: not all of the bundle is kept; make room and import it again"
            )

    def stop(self) -> None:
        self._loop.call_later(0.05, self._on_stop)


def _defect(error: Exception) -> TielineError:
    """What a log gets when it stops for an error of its own making: no word that was said."""
    cause = error.code if isinstance(error, TielineError) else type(error).__name__
    return ShellError(
        "station.defect",
        f"the station stopped because of a fault of its own ({cause}); start it again, and report"
        " it with what was printed before this line",
    )
