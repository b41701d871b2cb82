"""P2: a station and its desk end between storing, showing and noting: nothing comes up new twice.

A desk follows the journal and notes up to which number it has shown; after its end, or its
station's, it goes on from there. What it had shown and not noted it shows again under the same
number, and so a person sees that it is the same. The process is cut at a point of a turn that the
case draws: before the commit, after it, on the way to the peer, before the desk hears, while it
shows, and before it notes what it has shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from tests.core.world import START_MS, StationKit, chaff, founded, kits, message
from tests.faults.rows import need
from tests.faults.stores import Hand

from tieline.core.errors import TielineError
from tieline.core.events import (
    Arrived,
    Connected,
    Done,
    Event,
    Install,
    Lost,
    Reply,
    Speak,
    Tick,
    Transmit,
)
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.statement import parse
from tieline.core.terms import Now, Precedence
from tieline.node.runtime import Runtime
from tieline.node.view import Json
from tieline.node.watchers import Feed
from tieline.store.memory import MemoryMachine, MemoryStore

POINTS: Final = ("commit", "kept", "sent", "published", "showing", "noting")
TRIES: Final = 500  # turns of the loop, for the desk to show what there is
PASS_MS: Final = 2_000


class Cut(Exception):
    """The process ends here."""


class Journal(MemoryStore):
    """A journal, before and after whose commits the process may end."""

    def __init__(self, owner: Station, facts: Sequence[Fact]) -> None:
        super().__init__(facts)
        self.owner = owner

    def commit(self, facts: Sequence[Fact]) -> int:
        """See ``MemoryStore``."""
        self.owner.reach("commit")
        last = super().commit(facts)
        self.owner.reach("kept")
        return last


class Station:
    """One station, process after process, and its desk (``node.runtime.World``)."""

    def __init__(self, who: StationKit) -> None:
        self.who = who
        self.machine = MemoryMachine(who.party)
        self.way: deque[bytes] = deque()  # to the other
        self.ms = self.token = 0
        self.cut = ("", 0)  # at which point, and how many times before it goes well
        self.cuts: list[str] = []
        self.screen: list[tuple[int, str, str]] = []  # as shown: number, what it is, its name
        self.noted = 0
        self.answers: dict[int, Done | TielineError] = {}
        self.desk: asyncio.Task[None] | None = None
        self.store = Journal(self, ())
        self.feed = Feed(self)
        self.runtime = self._begin()

    def now(self) -> Now:
        return Now(START_MS + self.ms, self.ms, self.ms)

    def _begin(self) -> Runtime:
        hand = Hand(self.who)
        return Runtime(self.who.id, "", self.store, hand, self, self.now(), machine=self.machine)

    def start(self) -> None:
        """A new process, on what the journal has; the desk goes on from what it noted."""
        self.store = Journal(self, [fact for _, fact in self.store.facts()])
        self.way.clear()
        self.feed = Feed(self)
        self.runtime = self._begin()
        self.watch()

    def watch(self) -> None:
        """A desk begins to follow."""
        self.desk = asyncio.get_running_loop().create_task(self._show())

    async def end(self) -> None:
        """The process and its desk are gone."""
        assert self.desk is not None
        self.feed.close()
        self.desk.cancel()
        with contextlib.suppress(asyncio.CancelledError, Cut):
            await self.desk

    async def _show(self) -> None:
        async for piece in self.feed.follow(self.noted):
            for seq, text in piece:
                event = json.loads(text)
                if event["type"] == "live":
                    continue
                self.reach("showing")
                self.screen.append((seq, event["type"], event["name"]))
                self.reach("noting")
                self.noted = seq

    def reach(self, point: str) -> None:
        """Raises ``Cut`` when the process is to end here."""
        wanted, left = self.cut
        if wanted == point:
            self.cut = (wanted, left - 1) if left else ("", 0)
            if not left:
                self.cuts.append(point)
                raise Cut(point)

    def turn(self, *events: Event) -> None:
        self.runtime.turn(events, self.now())
        while self.runtime.owes:
            self.runtime.turn((), self.now())

    async def rest(self) -> bool:
        """Let the desk show what there is; whether it still stands."""
        assert self.desk is not None
        for _ in range(TRIES):
            await asyncio.sleep(0)
            if self.desk.done() or self.noted == self.store.last():
                break
        return not self.desk.done()

    # --- node.watchers.Source

    def entries(self, since: int) -> list[tuple[int, Fact]]:
        return list(self.store.facts(since))

    def last(self) -> int:
        return self.store.last()

    def event(self, seq: int, fact: Fact) -> dict[str, Json]:
        name = ""
        if fact.kind == FactKind.STATEMENT:
            name = parse("", fact.body).digest.hex()
        elif fact.kind == FactKind.ALARM:
            alarm = Alarm.decode(fact.body)
            name = f"{alarm.code} {alarm.item.hex()}"
        return {"type": str(int(fact.kind)), "seq": seq, "name": name}

    # --- node.runtime.World

    def transmit(self, effect: Transmit) -> str:
        self.reach("sent")
        self.way.append(effect.envelope)
        return "wire"

    def reply(self, effect: Reply) -> None:
        self.answers[effect.token] = effect.result

    def peers_changed(self) -> None:
        """There is one peer."""

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        self.reach("published")
        self.feed.publish(first, facts)


class Pair:
    """ALPHA speaks, BRAVO is cut again and again."""

    def __init__(self) -> None:
        self.alpha, self.bravo = (Station(kit.stations[0]) for kit in kits(2))
        self.both = (self.alpha, self.bravo)

    async def begin(self) -> None:
        for station in self.both:
            station.watch()
            life = chaff(f"life {station.who.party}", 8)
            station.turn(Install(token=0, charter=founded(2), incarnation=life))
        await self.meet()

    async def meet(self) -> None:
        """A session begins."""
        for here, there in (self.both, self.both[::-1]):
            await self.step(here, Connected(carrier="wire", peer=there.who.id, address="test"))
        await self.settle()

    async def step(self, station: Station, *events: Event) -> None:
        """A turn; and when the process ends in it or at its desk, the next one."""
        try:
            station.turn(*events)
            if await station.rest():
                return
        except Cut:
            pass
        await station.end()
        station.start()
        other = self.both[station is self.alpha]
        other.way.clear()
        other.turn(Lost(carrier="wire", peer=station.who.id, cause="gone"))
        for here, there in ((station, other), (other, station)):
            here.turn(Connected(carrier="wire", peer=there.who.id, address="test"))

    async def settle(self) -> None:
        """What is under way arrives."""
        while any(station.way for station in self.both):
            for here, there in (self.both, self.both[::-1]):
                if here.way:
                    envelope = here.way.popleft()
                    await self.step(
                        there,
                        Arrived(carrier="wire", peer=here.who.id, envelope=envelope, live=True),
                    )

    async def pass_time(self, ms: int) -> None:
        for station in self.both:
            station.ms += ms
            await self.step(station, Tick())
        await self.settle()

    def say(self, text: str, precedence: Precedence) -> bytes:
        alpha = self.alpha
        alpha.token += 1
        line = next(iter(alpha.runtime.station.lines))
        alpha.turn(
            Speak(token=alpha.token, line=line, content=message(text, precedence), officer="Ada")
        )
        answer = alpha.answers[alpha.token]
        assert isinstance(answer, Done)
        return answer.item


def cut_at_the_desk(seed: int) -> None:
    """What was said comes up once, rings first once, and is missed by nobody."""
    asyncio.run(_cut(random.Random(f"shown {seed}"), seed))


async def _cut(chance: random.Random, seed: int) -> None:
    pair = Pair()
    await pair.begin()
    said = []
    for number in range(chance.randint(2, 4)):
        point = POINTS[(seed + number) % len(POINTS)]
        pair.bravo.cut = (point, chance.randrange(4) if number else 0)
        rank = chance.choice((Precedence.FLASH, Precedence.ROUTINE))
        said.append(pair.say(f"word {number}", rank))
        await pair.settle()
        await pair.pass_time(PASS_MS)
    pair.bravo.cut = ("", 0)
    await pair.pass_time(PASS_MS)
    await pair.pass_time(PASS_MS)
    bravo = pair.bravo
    need(bravo.cuts, "nothing was cut")
    for station in pair.both:
        await station.rest()
        await station.end()
    _judge(bravo, said)


def _judge(bravo: Station, said: list[bytes]) -> None:
    numbers = Counter((kind, name) for _, kind, name in set(bravo.screen))
    for digest in said:
        name = digest.hex()
        count = numbers[str(int(FactKind.STATEMENT)), name]
        need(count == 1, f"a word came up under {count} numbers")
    first = {name: n for (_, name), n in numbers.items() if name.startswith("arrived.")}
    need(all(n == 1 for n in first.values()), "a first alarm rang under two numbers")
    shown = [seq for seq, _, _ in bravo.screen]
    need(len(set(bravo.screen)) == len(set(shown)), "one number was shown as two things")
    need(set(shown) == set(range(1, bravo.store.last() + 1)), "an entry was never shown")
    fresh = list(dict.fromkeys(shown))
    need(fresh == sorted(fresh), "entries came up out of their order")
