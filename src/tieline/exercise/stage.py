"""Who plays what, and who moves the clock: a script alone, or people beside it.

Theory. In an exercise without people the clock jumps to whatever is due next (``Straight``). With
people an umpire holds it (``Hand``): it stands still until told to go, at a rate, or to step to
what is due next; orders of the umpire are performed between two moves. What the script has for a
party that people play is not performed. It is what is expected of them: ``Stage`` keeps it, and
finds by form and kind which of their statements is the one that was expected, so that what the
script says later can cite it.

It does not know: stations, wires, screens.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from tieline.exercise import scenario as world
from tieline.exercise.board import Shown

TICK_S: Final = 0.25
_KINDS: Final = {"ACKNOWLEDGED": "acknowledge", "READ_BACK": "read back", "PASSED_ON": "pass on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What comes next. ``due``: whether acts of the script may be performed; ``over``: no more."""

    at_ms: int
    orders: tuple[world.Event, ...] = ()
    due: bool = True
    over: bool = False


class Pace(Protocol):
    """Who moves the exercise's clock."""

    async def turn(self, now_ms: int, next_ms: int) -> Move:
        """Wait for the next move, which goes to ``next_ms`` at the latest."""


class Straight:
    """The clock jumps to whatever is due next, and nobody is waited for."""

    async def turn(self, now_ms: int, next_ms: int) -> Move:
        return Move(at_ms=next_ms)


class Hand:
    """The umpire's hand on the clock. ``pulse`` is set whenever a desk shows something new."""

    def __init__(self, pulse: asyncio.Event) -> None:
        self.rate = 0.0  # exercise seconds in a real one; 0: the clock stands still
        self._steps = 0
        self._orders: deque[world.Event] = deque()
        self._over = False
        self._pulse = pulse
        self._changed = asyncio.Event()
        self._anchor: tuple[float, int] | None = None

    def go(self, rate: float) -> None:
        self.rate, self._anchor = rate, None
        self._changed.set()

    def pause(self) -> None:
        self.go(0.0)

    def step(self) -> None:
        """Go to what is due next, and stand still again."""
        self.pause()
        self._steps += 1

    def order(self, event: world.Event, *, over: bool = False) -> None:
        """Have an act performed at the present moment; with ``over`` as the last one."""
        self._orders.append(event)
        self._over = self._over or over
        self._changed.set()

    async def turn(self, now_ms: int, next_ms: int) -> Move:
        while True:
            self._changed.clear()
            if self._orders or self._over:
                orders = tuple(self._orders)
                self._orders.clear()
                return Move(at_ms=now_ms, orders=orders, due=False, over=self._over)
            if self._steps:
                self._steps -= 1
                return Move(at_ms=next_ms)
            at_ms = self._present(now_ms)
            if self.rate and at_ms >= next_ms:
                return Move(at_ms=next_ms)
            if at_ms > now_ms:
                return Move(at_ms=at_ms, due=False)
            if self._pulse.is_set():
                return Move(at_ms=now_ms, due=False)
            await self._wait()

    def _present(self, now_ms: int) -> int:
        """Where a clock that goes is by now, in whole seconds."""
        if not self.rate:
            return now_ms
        now_s = asyncio.get_running_loop().time()
        if self._anchor is None:
            self._anchor = now_s, now_ms
        began_s, from_ms = self._anchor
        return max(now_ms, from_ms + int((now_s - began_s) * self.rate) * 1000)

    async def _wait(self) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._changed, self._pulse)]
        try:
            limit = TICK_S if self.rate else None
            await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


@dataclass(slots=True)
class Expected:
    """What the script has for a party that people play, and the statement that was it, if any."""

    event: world.Event
    party: str
    item: str = ""
    name: str = ""
    at_ms: int | None = None


@dataclass(slots=True)
class Stage:
    """Who plays what. ``people``: the parties that are not played by the script.

    ``seated``: an umpire has a seat on the line, so what control says is signed and sent.
    """

    people: frozenset[str] = frozenset()
    live: bool = False
    seated: bool = False
    expected: list[Expected] = field(default_factory=list)
    unplayed: list[str] = field(default_factory=list)  # acts that could not be, and why

    @classmethod
    def of(cls, scenario: world.Scenario, people: Iterable[str]) -> Stage:
        """The stage of a scenario with people."""
        left = frozenset(people)
        expected = [
            Expected(event, party)
            for event in scenario.events
            if (party := speaker(event.act)) in left
        ]
        return cls(left, live=True, seated=True, expected=expected)

    def leaves(self, act: world.Act) -> bool:
        """Whether an act is left to people."""
        return speaker(act) in self.people

    def meet(self, shown: Shown, items: Mapping[str, str]) -> world.Event | None:
        """The expected act that a statement of people is, the first that fits; else ``None``."""
        if shown.party not in self.people:
            return None
        for one in self.expected:
            if one.party == shown.party and not one.item and _fits(one.event.act, shown, items):
                one.item, one.name, one.at_ms = shown.item, shown.name, shown.claimed_ms
                return one.event
        return None


def speaker(act: world.Act) -> str:
    """The party that speaks in an act; empty when control itself acts, or only asks."""
    match act:
        case (
            world.Say(party=party)
            | world.Answer(party=party)
            | world.Joint(party=party)
            | world.Assent(party=party)
            | world.Suspend(party=party)
            | world.Resume(party=party)
            | world.Staff(party=party)
            | world.Equivocate(party=party)
        ):
            return party
        case _:
            return ""


def without_words(say: world.Say) -> world.Say:
    """What officers of the script answer to people's words: they read, and quote nothing."""
    return replace(say, read_backs=())


def _fits(act: world.Act, shown: Shown, items: Mapping[str, str]) -> bool:
    match act:
        case world.Say(form=form):
            return shown.kind == "message" and shown.view.text("form", "") == form
        case world.Answer(rung=rung, target=target):
            return shown.kind == _KINDS[rung.name] and shown.target == items.get(target)
        case world.Assent(target=target):
            return shown.kind == "assent" and shown.target == items.get(target)
        case world.Joint():
            return shown.kind == "joint"
        case world.Staff():
            return shown.kind == "watch"
        case world.Suspend() | world.Resume():
            return shown.kind == type(act).__name__.lower()
        case _:
            return False
