"""The turn: take events, step the core, commit, then perform.

Everything that a turn keeps is committed in one transaction before anything leaves the station: a
receipt, a push and an answer to an officer are all performed after the commit that backs them. The
one thing done inside the turn is signing, since a signature that has not left the machine binds
nobody, and is forgotten with the turn if the commit does not happen.

A full disk does not stop the station: the turn is undone by rebuilding from the journal, acts are
refused with the cause, reading goes on, and a probe each second finds out when there is room again.
A failed write or sync stops it: ``StoreFailed`` leaves this module and the process must end.

This module is synchronous and reads no clock; the node and the simulator both drive it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeVar

from tieline.core.errors import LocalError, ShellError, StoreFailed, StoreFull
from tieline.core.events import (
    Act,
    Connected,
    Effect,
    Event,
    Failed,
    ForReceipt,
    ForSeal,
    HandedOver,
    Keep,
    Lost,
    PeersChanged,
    Reply,
    Sign,
    Signed,
    SignFailed,
    Stalled,
    Tick,
    Transmit,
    Trouble,
)
from tieline.core.journal import Alarm, FactKind
from tieline.core.life import Run, Standing
from tieline.core.record import Item
from tieline.core.statement import statement_digest
from tieline.core.station import Station
from tieline.core.sync import Pace
from tieline.core.tally import SPOILT, spoilt
from tieline.core.terms import Now, Precedence
from tieline.node.passed import Passed
from tieline.node.resume import SNAPSHOT_FACTS, Bookmarks, Resumer, Shot
from tieline.ports import Fact, Machine, Mark, Signer, Store

B = TypeVar("B", bound=Bookmarks)

PROBE_MS: Final = 1_000
FULL: Final = "store.full"
WAS_FULL: Final = "store.was_full"
Outward = Transmit | Reply | PeersChanged


class World(Protocol):
    """What the runtime does outside once a turn is durable."""

    def transmit(self, effect: Transmit) -> str:
        """Hand an envelope to a carrier; its name, or empty when none could take it."""

    def reply(self, effect: Reply) -> None: ...

    def peers_changed(self) -> None: ...

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        """These facts are durable now, numbered from ``first``: tell the watchers."""


@dataclass(slots=True)
class Plan:
    """What one turn wants: facts to commit, then outward effects to perform, in order."""

    now: Now
    facts: list[Fact] = field(default_factory=list)
    outward: list[Outward] = field(default_factory=list)
    first: int = 0  # the journal number of the first fact, once committed
    waiting: list[Event] | None = None  # of a probe of a full disk: what came, for when it is over


class Runtime:
    """One station's core, store and signer, joined."""

    def __init__(  # noqa: PLR0913 - the parts of a station
        self,
        own: bytes,
        realm: str,
        store: Store,
        signer: Signer,
        world: World,
        now: Now,
        *,
        machine: Machine,
        pace: Pace | None = None,
        snapshot_every: int = SNAPSHOT_FACTS,
        boot: bytes = b"",
    ) -> None:
        self._own, self._realm, self._pace = own, realm, pace
        last = store.last()
        at_ms = next((fact.at_ms for _, fact in store.facts(last - 1)), 0) if last else 0
        self._passed = Passed(machine, boot, now, last, at_ms)
        self._resumer = Resumer(store, snapshot_every, self._passed.then)
        self.store = store
        self.signer = signer
        self.world = world
        self.full = False
        # Whether somebody beside the turns is about to look at what came last.
        self.wanted: Callable[[], bool] = lambda: False
        self.unkept = 0  # turns of which nothing was kept for want of room
        self._probe_at = 0
        self._live: dict[tuple[bytes, str], str] = {}
        self._after: deque[Event] = deque()
        self._machine = machine
        # What this run of the process finds out of its logs outlives a rebuilding of the station.
        self._run = Run(tag=machine.tag, entropy=machine.entropy(), marks=machine.marks())
        self._marks = dict(self._run.marks or {})
        self._started = False
        self.station = self._rebuild(now)

    def _rebuild(self, now: Now) -> Station:
        return self._resumer.load(self._own, self._realm, now, self._pace, self._run)

    def leave_bookmarks(self, bookmarks: B) -> B:
        """Have what this reads of the lines kept with the snapshots."""
        self._resumer.bookmarks = bookmarks
        return bookmarks

    def seq_of(self, line: bytes, item: Item) -> int:
        """The journal number of an admitted statement, also of a second story; 0: none."""
        statement = item.statement
        if item.second_story and (found := self._resumer.second_story(statement.digest)):
            return found
        past = self.store.past
        seq = past.number(line, statement.log, statement.place.position)
        if item.second_story:  # one that stood in its log until the log was ended before it
            fact = past.fact(seq)
            return seq if fact and statement_digest(fact.body) == statement.digest else 0
        return seq

    def snapshot(self, now: Now) -> None:
        """Make the next start quick: to be called when the station stops, and knows all it keeps.

        Raises ``StoreFailed``.
        """
        if self.spoilt:
            self._resumer.drop()
        elif not self.full:
            with self._reading():
                self._resumer.snapshot(self.station, now)

    @property
    def spoilt(self) -> bool:
        """Whether something that was folded of the journal did not read."""
        return any(line.record.shelf.spoilt for line in self.station.lines.values())

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Around what may come upon something that was folded of the journal and does not read.

        This process cannot go on then, and the next one begins from the journal. Raises
        ``StoreFailed``, also where an officer had come upon it.
        """
        try:
            yield
        except LocalError as error:
            if error.code != SPOILT:
                raise
        else:
            if not self.spoilt:
                return
        self._resumer.drop()
        raise StoreFailed(spoilt().message)

    # ------------------------------------------------------------------------------- turn

    def turn(self, events: Iterable[Event], now: Now) -> None:
        """Take events, and what earlier turns left to do, through one commit.

        Raises ``StoreFailed`` when the store can no longer promise anything: stop the process.
        """
        if not self.full:
            self._snapshot_if_due(now)
        plan = self.begin(events, now)
        if plan is not None and self.commit(plan):
            self.perform(plan)
            self.publish(plan)
            self._snapshot_if_due(now)

    def _snapshot_if_due(self, now: Now) -> None:
        with self._reading():
            self._resumer.snapshot_if_due(self.station, now, wanted=self.wanted())

    # A turn in parts, for whoever commits on another thread: ``begin``, then ``store.commit``, then
    # ``end``. Nobody may look at the station or the store in between.

    def begin(self, events: Iterable[Event], now: Now) -> Plan | None:
        """The part of a turn before its commit; ``None`` where there is no turn, for want of room.

        While the disk is full it is, once a second, the turn that looks for room.
        """
        if not self._started:
            self._started = True
            self._remember_start()
        queue = [*self._after, *events]
        self._after.clear()
        return self._without_room(queue, now) if self.full else self.decide(queue, now)

    def end(self, plan: Plan, commit: Callable[[], int]) -> Shot | None:
        """The part after it; ``commit`` says how the commit has ended: its number, or its error.

        What it returns is a snapshot that is due; to be written before the next turn. Raises
        ``StoreFailed``.
        """
        if not self._kept(plan, commit):
            return None
        self.perform(plan)
        self.publish(plan)
        with self._reading():
            return self._resumer.shot_if_due(self.station, plan.now, wanted=self.wanted())

    @property
    def owes(self) -> bool:
        """Whether a further turn has something to do although nothing new has come."""
        return bool(self._after)

    @property
    def hurries(self) -> bool:
        """Whether what it owes cannot wait.

        Hand-overs only note what has happened, and are best committed together with the next thing
        that comes.
        """
        return any(not isinstance(event, HandedOver) for event in self._after)

    def decide(self, events: Iterable[Event], now: Now) -> Plan:
        """Step the core through events; sign what it wants signed. Raises ``StoreFailed``."""
        with self._reading():
            return self._decided(events, now)

    def _decided(self, events: Iterable[Event], now: Now) -> Plan:
        plan = Plan(now)
        queue = deque(events)
        while True:
            while queue:
                event = queue.popleft()
                self._note_session(event)
                signed: list[Event] = []
                for effect in self.station.step(event, now):
                    self._sort(effect, plan, signed)
                queue.extendleft(reversed(signed))
            # Once for all of them: this is what makes a burst cheaper than its statements alone.
            signed = []
            for effect in self.station.finish(now):
                self._sort(effect, plan, signed)
            if not signed:
                if plan.facts:
                    self._passed.note(self.store.last() + 1, now)
                return plan
            queue.extend(signed)

    def _sort(self, effect: Effect, plan: Plan, signed: list[Event]) -> None:
        match effect:
            case Keep(fact=fact):
                plan.facts.append(fact)
            case Sign(purpose=purpose, message=message, key=public):
                key = self.signer.sign
                if isinstance(purpose, ForReceipt):
                    key = self.signer.cosign
                elif isinstance(purpose, ForSeal):
                    key = self.signer.cosign_mldsa
                try:
                    signed.append(Signed(purpose=purpose, signature=key(message, public)))
                except (ShellError, LocalError) as error:
                    signed.append(SignFailed(purpose=purpose, cause=error.message))
            case _:
                plan.outward.append(effect)

    def commit(self, plan: Plan) -> bool:
        """Make a plan durable. False when the disk was full: undone."""
        return self._kept(plan, partial(self.store.commit, plan.facts))

    def _kept(self, plan: Plan, commit: Callable[[], int]) -> bool:
        """Note what a commit has made durable, if there is anything; or take its turn back."""
        if not plan.facts:
            return True
        try:
            last = commit()
        except StoreFull as error:
            if plan.waiting is None:
                self._undo(plan, error)
            else:
                self.station.troubles.pop(WAS_FULL, None)
                self._refuse(plan.waiting, plan.now)
            return False
        if plan.waiting is not None:
            self._recovered(plan.waiting)
        plan.first = last - len(plan.facts) + 1
        for offset, fact in enumerate(plan.facts):
            self._resumer.note(plan.first + offset, fact)
        self._remember(plan.facts)
        return True

    def _remember(self, facts: Sequence[Fact]) -> None:
        """Have the machine remember the ends of the logs that this run writes.

        After the commit, so that it never knows more than the store unless that was put back; and
        before anything leaves, so that it knows all that others can know.
        """
        marks = dict(self._marks)
        for name in {f.line for f in facts if f.kind in (FactKind.STATEMENT, FactKind.LIFE)}:
            line = self.station.lines[name]
            log = line.record.logs.get(line.own_log)
            if line.life.standing is Standing.CLOSED:
                marks.pop(name, None)
            elif log is not None and line.life.standing is Standing.WRITING:
                marks[name] = Mark(log.id, log.size, log.head)
        self._note_marks(marks)

    def _remember_start(self) -> None:
        """Have the machine remember what a run that died between commit and mark left behind.

        It leaves for the peers now: were the store put back to before it, nobody here would know.
        """
        marks = dict(self._marks)
        for name, line in self.station.lines.items():
            mark, log = marks.get(name), line.record.logs.get(line.own_log)
            if mark is None or log is None or line.life.standing is Standing.CLOSED:
                continue
            if mark.log == log.id and mark.size < log.size:
                marks[name] = Mark(log.id, log.size, log.head)
        self._note_marks(marks)

    def _note_marks(self, marks: dict[bytes, Mark]) -> None:
        if marks != self._marks:
            self._marks = marks
            self._machine.remember(marks)

    def perform(self, plan: Plan) -> None:
        """Do what a committed plan wants of the world: first what leaves for peers."""
        replies: list[Reply] = []
        for effect in plan.outward:
            if isinstance(effect, Reply):
                replies.append(effect)
            else:
                self._perform_one(effect)
        for reply in replies:
            self.world.reply(reply)

    def publish(self, plan: Plan) -> None:
        """Tell the watchers, last: they read it from the journal if the process ends here."""
        if plan.facts:
            self.world.published(plan.first, plan.facts)

    def _perform_one(self, effect: Outward) -> None:
        """Do one outward effect; what the core must hear of it waits for the next turn."""
        match effect:
            case Transmit(line=line, peer=peer, items=items):
                carrier = self.world.transmit(effect)
                if not carrier:
                    self._after.append(Stalled(line=line, peer=peer))
                elif items:
                    self._after.append(
                        HandedOver(line=line, carrier=carrier, peer=peer, items=items)
                    )
            case PeersChanged():
                self.world.peers_changed()

    # ------------------------------------------------------------------------- full disk

    def _note_session(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._live[(event.peer, event.carrier)] = event.address
        elif isinstance(event, Lost):
            self._live.pop((event.peer, event.carrier), None)

    def _undo(self, plan: Plan, error: StoreFull) -> None:
        """The commit did not happen: what the core believes goes back to what the journal says."""
        self.full = True
        self.unkept += 1
        self._probe_at = plan.now.real_ms + PROBE_MS
        self._after.clear()
        self.station = self._rebuild(plan.now)
        # It cannot be kept, but whoever asks for the station's state is told.
        self.station.troubles[FULL] = Alarm(
            code=FULL, precedence=Precedence.FLASH, text=error.message
        )
        for event in self._sessions():
            self._only_look(event, plan.now)
        for effect in plan.outward:
            if isinstance(effect, Reply):
                self.world.reply(Reply(token=effect.token, result=error))

    def sessions(self) -> tuple[tuple[bytes, str], ...]:
        """The sessions that stand: peer and carrier of each."""
        return tuple(self._live)

    def _sessions(self) -> list[Event]:
        """The sessions that stand, as the events by which they came."""
        return [
            Connected(carrier=carrier, peer=peer, address=address, again=True)
            for (peer, carrier), address in sorted(self._live.items())
        ]

    def _only_look(self, event: Event, now: Now) -> None:
        """Let the links be shown as they are although nothing of it can be kept or sent.

        It is said again, and kept, when there is room.
        """
        self.station.step(event, now)

    def _without_room(self, queue: list[Event], now: Now) -> Plan | None:
        """While the disk is full: refuse acts, drop arrivals, and look for room once a second.

        The look tries to keep one alarm. It changes nothing else, so a failure has nothing to undo.
        """
        if now.real_ms < self._probe_at:
            self._refuse(queue, now)
            return None
        self._probe_at = now.real_ms + PROBE_MS
        text = "the disk was full; what could not be stored was refused, and sending goes on"
        plan = self.decide([Trouble(code=WAS_FULL, text=text)], now)
        plan.waiting = queue
        return plan

    def _recovered(self, waiting: Sequence[Event]) -> None:
        """There is room again: what came meanwhile is taken by the next turn."""
        self.full = False
        self.station.troubles.pop(FULL, None)
        self._after.extend([*self._sessions(), Tick(), *waiting])

    def _refuse(self, queue: Sequence[Event], now: Now) -> None:
        self.unkept += bool(queue)
        refused = StoreFull(
            "the disk is full: nothing new can be stored, so nothing is accepted or sent;"
            " free some space, reading goes on"
        )
        for event in queue:
            self._note_session(event)
            if isinstance(event, Connected | Lost | Failed):
                self._only_look(event, now)
            elif isinstance(event, Act):
                self.world.reply(Reply(token=event.token, result=refused))
