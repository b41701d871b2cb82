"""Who is connected to a desk: strangers apart from officers, so that neither can crowd the other.

A connection is a stranger's until a request on it has shown a session. There is room for ``MOST``
strangers; one more closes the oldest, which has had longest to say who it is. An officer's request
comes with its connection, within a few milliseconds, so a flood that turns the whole room over
several times a second still lets it in. Officers have a room of their own, and each a share of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol, TypeVar

Page = TypeVar("Page")
STRANGERS: Final = 256
OFFICERS: Final = 512
OF_ONE: Final = 96  # a browser holds six; sixteen windows of one officer
STREAMS: Final = 32  # event streams of one officer; a page without one asks every few seconds

SHOWN: Final = "tieline.shown"  # of a request's scope: tells the server whose session it has

GONE: Final = "tieline.gone"  # of the scope, too: whether the other end has gone meanwhile
PACE_S: Final = 0.005  # between two further requests of strangers, all of them together
FORM_S: Final = 0.04  # between two forms of a login, each of which is answered with a page
PAGE_S: Final = 0.1  # at most counted of a page, so that one slow turn delays nobody for long
SHARE: Final = 2  # times as long as a page for strangers took, nothing is made for strangers


class Connection(Protocol):
    """One connection, as it is counted here."""

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""

    def drop(self) -> None:
        """Close it at once."""


class Crowd:
    """The connections of one desk, oldest first."""

    def __init__(self) -> None:
        self._strangers: dict[Connection, None] = {}
        self._officers: dict[Connection, int] = {}

    def came(self, one: Connection) -> None:
        """Somebody has connected: a stranger so far."""
        self._strangers[one] = None
        while len(self._strangers) > STRANGERS:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.drop()

    def shown(self, one: Connection, officer: int | None) -> None:
        """A request on it has shown a session of this officer, or none."""
        if one not in self._strangers and one not in self._officers:
            return  # it has gone, or has just been dropped
        if officer is None:
            if self._officers.pop(one, None) is not None:
                self.came(one)
            return
        self._strangers.pop(one, None)
        self._officers.pop(one, None)
        self._officers[one] = officer  # the one used last stands last
        theirs = [each for each, number in self._officers.items() if number == officer]
        if len(theirs) > OF_ONE:
            self._make_room(theirs)
        elif len(self._officers) > OFFICERS:
            self._make_room(list(self._officers))

    def went(self, one: Connection) -> None:
        """It has gone."""
        self._strangers.pop(one, None)
        self._officers.pop(one, None)

    def _make_room(self, among: list[Connection]) -> None:
        """Close the one used longest ago that waits for nothing; the oldest if all do."""
        gone = next((each for each in among[:-1] if not each.busy), among[0])
        del self._officers[gone]
        gone.drop()

    @property
    def counts(self) -> tuple[int, int]:
        """How many strangers and how many officers' connections there are."""
        return len(self._strangers), len(self._officers)


class Streams:
    """How many event streams each officer has open."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()

    def full(self, officer: int) -> bool:
        """Whether this officer has as many as it may have."""
        return self._open[officer] >= STREAMS

    @contextmanager
    def counted(self, officer: int) -> Iterator[None]:
        """One more, meanwhile."""
        self._open[officer] += 1
        try:
            yield
        finally:
            self._open[officer] -= 1


class Turns:
    """Strangers come one after the other, so that they have a part of the time at most.

    Without it a few hundred that ask without end take all turns of the loop, and an officer's page,
    which needs a dozen of them, takes minutes. Whoever has gone leaves the row with the next turn:
    a flood closes connections faster than turns come, and each has the request that it brought.
    """

    def __init__(self) -> None:
        self._taken = False
        self._row: list[tuple[asyncio.Future[bool], Callable[[], bool]]] = []

    async def pace(self, gone: Callable[[], bool], wait_s: float = PACE_S) -> bool:
        """Wait for a turn; False: nobody waits for it any more."""
        async with self.turn(gone) as mine:
            if mine:
                await asyncio.sleep(wait_s)
        return mine and not gone()

    async def page(
        self, make: Callable[[], Awaitable[Page]], gone: Callable[[], bool]
    ) -> Page | None:
        """A page for a stranger, made without waiting for anything; None: nobody waits for it."""
        async with self.turn(gone) as mine:
            if not mine:
                return None
            began = time.perf_counter()
            made = await make()
            await asyncio.sleep(min(PAGE_S, SHARE * (time.perf_counter() - began)))
            return made

    @asynccontextmanager
    async def turn(self, gone: Callable[[], bool]) -> AsyncIterator[bool]:
        """The turn, once it comes; False at once when whoever waits has gone."""
        mine = not gone()
        if self._taken and mine:
            place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._row.append((place, gone))
            try:
                mine = await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled() and place.result():
                    self._next()  # it was given away in the moment in which this one was ended
                raise
        if not mine:
            yield False
            return
        self._taken = True
        try:
            yield True
        finally:
            self._next()

    def _next(self) -> None:
        """Give the turn on: all who have gone leave, and the first of the others has it."""
        waiting, self._row, self._taken = self._row, [], False
        for place, gone in waiting:
            if place.done():
                continue
            if gone():
                place.set_result(False)
            elif self._taken:
                self._row.append((place, gone))
            else:
                self._taken = True
                place.set_result(True)
