"""Who follows the journal, and what each has not been given yet.

What is new is made into words once for all who follow: a piece of the journal becomes views, the
views JSON, and every watcher is given the same bytes. That goes on beside the turns, from what they
published, and a turn that has many statements waiting for it lets what was published be told first.

A watcher that does not read keeps a bounded number of bytes waiting here and no more: it is behind
from then on, is given what waits, and reads on from the journal at its own pace until it is level.
It misses nothing and gets nothing twice.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final, Protocol

from tieline.node.begun import begin
from tieline.node.gate import Gate
from tieline.node.slices import Slices
from tieline.node.view import Json
from tieline.ports import Fact

WATCHER_BYTES: Final = 4 * 1024 * 1024  # that wait for one watcher; more than a turn brings
UNTOLD: Final = 8_192  # entries that wait to be made into words
REPLAY_PIECE: Final = 16  # entries that are read and shown in one go: each may want its statement
LIVE_PIECE: Final = 128  # of those that a turn brought
AT_ONCE: Final = 16  # so few of a turn are told in it; what a flood brings, beside it

Told = tuple[int, bytes]
"""An entry of the journal as watchers are told it: its number, and an event as JSON in UTF-8."""
Stream = AsyncGenerator[Sequence[Told], None]
"""Pieces of what one watcher is told."""
Sink = Callable[[Sequence[Told]], bool]
"""Takes a piece at once, for a watcher who has had all before it; False where it cannot now."""
Words = Callable[[list[dict[str, Json]]], Awaitable[None]]
"""What adds to events what forms say in words."""

_encode: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode


class Source(Protocol):
    """Where the entries are, and how one is shown."""

    def entries(self, since: int) -> list[tuple[int, Fact]]:
        """Some of the entries after a number, in order; none when there are no more."""

    def last(self) -> int:
        """The number of the newest entry."""

    def event(self, seq: int, fact: Fact) -> dict[str, Json]:
        """An entry as an event."""


class Watcher:
    """One that follows. ``behind``: it is told nothing new, and reads on from the journal.

    ``unstored``: it wants to know what is in no journal yet. ``since``: the last entry it was told,
    while it ``waits`` for the next.
    """

    def __init__(self, *, unstored: bool = False, sink: Sink | None = None) -> None:
        self.unstored, self._sink = unstored, sink
        self.waits, self.since = False, 0
        self.queue: deque[Sequence[Told]] = deque()
        self.bytes = 0
        self.wake = asyncio.Event()
        self.behind = True

    def offer(self, piece: Sequence[Told], size: int) -> None:
        """Let a piece wait for it, if there is room."""
        if self.behind or self._sunk(piece):
            return
        if self.bytes + size > WATCHER_BYTES:
            self.behind = True
        else:
            self.queue.append(piece)
            self.bytes += size
        self.wake.set()

    def _sunk(self, piece: Sequence[Told]) -> bool:
        """Whether it has taken the piece at once, without being woken."""
        if self._sink is None or not self.waits or self.queue:
            return False
        fresh = newer(piece, self.since)
        if fresh and not self._sink(fresh):
            return False
        self.since = fresh[-1][0] or self.since if fresh else self.since
        return True

    def take(self) -> Sequence[Told]:
        """The next piece that waits."""
        piece = self.queue.popleft()
        self.bytes -= size_of(piece)
        return piece


class Feed:
    """What a station publishes, for all who follow it."""

    def __init__(self, source: Source, gate: Gate | None = None) -> None:
        self._source = source
        self._gate = gate or Gate()
        self._watchers: set[Watcher] = set()
        self._untold: deque[tuple[int, Fact]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._told: Callable[[], None] | None = None
        self._closed = False
        self.words: Words | None = None

    def publish(self, first: int, facts: Sequence[Fact], *, now: bool = False) -> None:
        """These entries are durable now, numbered from ``first``; ``now``: tell them if few."""
        if all(watcher.behind for watcher in self._watchers):
            return  # whoever comes or catches up reads them from the journal
        if len(self._untold) + len(facts) > UNTOLD:
            self._leave()
            return
        self._untold.extend(enumerate(facts, first))
        if self._task is None:
            work = self._gate.beside(self._tell)
            if now and len(facts) <= AT_ONCE:
                self._task = begin(work)
            else:
                self._task = asyncio.get_running_loop().create_task(work)

    def aside(self, event: dict[str, Json]) -> None:
        """Tell at once, who wants it and is not behind, what is no entry of the journal."""
        piece = [(0, _encoded(event))]
        for watcher in self._watchers:
            if watcher.unstored:
                watcher.offer(piece, size_of(piece))

    @property
    def busy(self) -> bool:
        """Whether something that was published is still to be told."""
        return self._task is not None

    @property
    def untold(self) -> int:
        """How many entries are still to be told."""
        return len(self._untold)

    def then(self, done: Callable[[], None]) -> None:
        """Have something called once, as soon as all is told; to be asked while it is busy."""
        self._told = done

    async def follow(
        self, since: int, *, unstored: bool = False, sink: Sink | None = None
    ) -> Stream:
        """Every entry after ``since``, then each new one once it is durable.

        They come in pieces, none of them empty. An event ``live`` marks the seam.
        ``unstored``: what is told ``aside``, too; it bears the number 0. ``sink``: is offered what
        comes while all before it was taken from here; what it takes does not come from here again.
        """
        watcher = Watcher(unstored=unstored, sink=sink)
        self._watchers.add(watcher)
        live = False
        try:
            while True:
                while watcher.queue:
                    piece = newer(watcher.take(), since)
                    if piece:
                        since = piece[-1][0] or since
                        yield piece
                if self._closed:
                    return
                if not watcher.behind:
                    watcher.wake.clear()
                    watcher.waits, watcher.since = True, since
                    await watcher.wake.wait()
                    watcher.waits, since = False, watcher.since
                    continue
                await self._gate.passed()
                batch = self._source.entries(since)
                for begin in range(0, len(batch), REPLAY_PIECE):
                    some = batch[begin : begin + REPLAY_PIECE]
                    piece = await self._gate.held(self._piece(some))
                    since = piece[-1][0]
                    yield piece
                    await asyncio.sleep(0)  # who listens may never have to wait
                # No await between this look and the switch to live: the seam is exact.
                if self._source.last() == since:
                    watcher.behind = False
                    if not live:
                        live = True
                        yield [(since, _encoded({"type": "live", "seq": since}))]
        finally:
            self._watchers.discard(watcher)

    def close(self) -> None:
        """End for all who follow."""
        self._closed, self._told = True, None
        if self._task is not None:
            self._task.cancel()
        for watcher in self._watchers:
            watcher.wake.set()

    def _leave(self) -> None:
        """Tell no more for now: all who follow read on from the journal."""
        self._untold.clear()
        for watcher in self._watchers:
            watcher.behind = True
            watcher.wake.set()

    async def _tell(self) -> None:
        slices = Slices()
        try:
            while self._untold:
                count = min(LIVE_PIECE, len(self._untold))
                piece = await self._piece([self._untold.popleft() for _ in range(count)])
                size = size_of(piece)
                for watcher in self._watchers:
                    watcher.offer(piece, size)
                await slices.turn()
        except Exception:
            # Each of them will come to the same entry by itself, and is told that it failed.
            self._leave()
            raise
        finally:
            self._task = None
            told, self._told = self._told, None
            if told is not None:
                told()

    async def _piece(self, entries: Sequence[tuple[int, Fact]]) -> list[Told]:
        events = [self._source.event(seq, fact) for seq, fact in entries]
        if self.words is not None:
            await self.words(events)
        return [(seq, _encoded(event)) for (seq, _), event in zip(entries, events, strict=True)]


def newer(piece: Sequence[Told], since: int) -> Sequence[Told]:
    """What of a piece was not read from the journal before it was told."""
    if 0 < piece[0][0] <= since:
        return [told for told in piece if told[0] > since]
    return piece


def size_of(piece: Sequence[Told]) -> int:
    """How many bytes a piece has."""
    return sum(len(text) for _, text in piece)


def _encoded(event: dict[str, Json]) -> bytes:
    # Half a character, in what a caller sent us, goes back as the JSON escape it came as.
    return _encode(event).encode("utf-8", "backslashreplace")
