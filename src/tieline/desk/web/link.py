"""The desk's connections to its station: acts one at a time or together, and one watch for all.

The station's socket has room for 64 clients; fifty browsers share one watch here, and each gets a
bounded queue. A browser that does not keep up is told so (``lagged``) and loads its page again: it
can not hold memory or hold back the others.

What several browsers ask at once, or again while nothing has changed, is asked once: an answer is
shared until the journal grows, this desk does an act, or it is ``STALE_MS`` old.

When the station goes away the desk stays up, says since when, and tries to come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tieline.desk.web.shapes import View, view
from tieline.node.client import ApiDown, ApiRefused, AsyncClient
from tieline.node.view import Json

RETRY_S: Final = 0.5
BACKLOG: Final = 256  # events that wait for one browser
PATIENCE_S: Final = 20.0  # for one act
FROZEN_S: Final = 3.0  # for one that only asks, of a station that has stopped answering
PULSE_S: Final = 1.0  # between two looks whether it answers
BEAT_S: Final = 3.5  # for the answer
SLOW_S: Final = 900.0  # for one that goes through the whole record

STALE_MS: Final = 1_000
# Answers that the clock changes only where a page counts down by itself, and that a text which is
# no form and cites nothing does not change at all.
SLOW: Final = {"incidents": 20_000, "obligations": 20_000, "quotas": 20_000, "calendar": 60_000,
               "forms": 60_000, "packs": 60_000, "form": 60_000}  # fmt: skip
MAX_SHARED: Final = 256
# What a station with a slow disk answers at once. It has a connection of its own: on one, a station
# takes no more than 64 acts at a time, and those that wait for the disk would stand before it.
QUICK: Final = frozenset({"alarms", "output_alive", "pulse", "status"})

Event = dict[str, Json]
_Kept = tuple[tuple[int, int], int, asyncio.Future[View]]  # of which state, since when, and what


@dataclass(slots=True, eq=False)
class Listener:
    """One event stream: what it has not been given yet; None ends it."""

    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG + 1))
    lagged: bool = False

    def offer(self, event: Event | None) -> None:
        """Put an event in, or note that there is no room for it."""
        if self.lagged:
            return
        if event is not None and self.queue.qsize() >= BACKLOG:
            self.lagged = True
            event = None
        self.queue.put_nowait(event)


class StationLink:
    """The way to the station. ``alive``: it answers; ``since_ms`` and ``why`` say more if not."""

    def __init__(self, socket: Path, now_ms: Callable[[], int] | None = None) -> None:
        self._socket = socket
        self._client: AsyncClient | None = None
        self._quick: AsyncClient | None = None  # for ``QUICK``
        self._task: asyncio.Task[None] | None = None
        self._listeners: set[Listener] = set()
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)
        self._came = asyncio.Event()
        self._era = 0
        self._agreed_seq = 0
        self._shared: dict[str, _Kept] = {}
        self._reading: Json = None
        self.last_seq = 0
        self.alive = False
        self.realm: str | None = None  # as it last said; None: it has never answered
        self.since_ms = self._now_ms()
        self.why = "it has not answered yet"

    async def start(self) -> None:
        """Begin to keep the connection; returns once it stands or has failed for the first time."""
        self._task = asyncio.create_task(self._keep())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):
                await self._came.wait()

    async def stop(self) -> None:
        """Let go of the station, and end every event stream."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.tell(None)

    async def call(
        self, act: str, args: dict[str, Json], patience_s: float = PATIENCE_S
    ) -> dict[str, Json]:
        """Ask the station for an act. Raises ``ApiRefused``, ``ApiDown``."""
        client = self._quick if act in QUICK else self._client
        if client is None:
            raise ApiDown(f"the station does not answer ({self.why})")
        try:
            async with asyncio.timeout(patience_s):
                return await client.call(act, **args)
        except TimeoutError:
            raise ApiDown("the station has not answered in time; look whether it is done") from None

    async def share(self, act: str, args: dict[str, Json]) -> View:
        """As ``call``, for an act that changes nothing; others may be given the same answer."""
        name, kept = self._begin(act, args)
        try:
            return await asyncio.shield(kept[2])
        except BaseException:
            if self._shared.get(name) is kept and kept[2].done():
                del self._shared[name]
            raise

    def begin(self, act: str, args: dict[str, Json]) -> None:
        """Ask already what will be asked with ``share`` in a moment, beside something else."""
        self._begin(act, args)

    def _begin(self, act: str, args: dict[str, Json]) -> tuple[str, _Kept]:
        name = json.dumps([act, args], sort_keys=True)
        seq = self._agreed_seq if act in SLOW else self.last_seq
        state, now_ms = (seq, self._era), self._now_ms()
        kept = self._shared.pop(name, None)
        fresh = kept is not None and kept[0] == state and now_ms - kept[1] < SLOW.get(act, STALE_MS)
        if kept is None or not fresh or _failed(kept[2]):
            task = asyncio.ensure_future(self._ask(act, args))
            task.add_done_callback(_looked_at)
            kept = (state, now_ms, task)
        self._shared[name] = kept
        while len(self._shared) > MAX_SHARED:
            del self._shared[next(iter(self._shared))]
        return name, kept

    async def _ask(self, act: str, args: dict[str, Json]) -> View:
        found: object = await self.call(act, args, PATIENCE_S if self.alive else FROZEN_S)
        # The client makes each object of an answer a view at once.
        return found if isinstance(found, View) else view(found)

    @property
    def run(self) -> Path:
        """The station's folder for what lives only while it runs."""
        return self._socket.parent

    def forget(self, acts: frozenset[str]) -> None:
        """Time alone has changed what these acts answer: no answer of before is shared."""
        for name in [one for one in self._shared if json.loads(one)[0] in acts]:
            del self._shared[name]

    def changed(self) -> None:
        """An act of this desk has changed something: no answer from before it is shared."""
        self._era += 1

    @contextlib.contextmanager
    def listening(self) -> Iterator[Listener]:
        """A listener for as long as it is held."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    # ------------------------------------------------------------------------------- inside

    async def _keep(self) -> None:
        while True:
            client, quick = AsyncClient(self._socket, View), AsyncClient(self._socket, View)
            try:
                await client.connect()
                await quick.connect()
                status = await quick.call("status")
                journal = status.get("journal")
                since = journal if isinstance(journal, int) else 0
                self._client, self._quick = client, quick
                self.realm = str(status.get("realm") or "")
                # A station that was put back to before stands at an earlier number.
                self.last_seq = min(self.last_seq, since) or since
                self._turned(alive=True, why="")
                pulse = asyncio.create_task(self._feel(quick, client))
                try:
                    async for event in client.watch(self.last_seq, unstored=True):
                        self._note(event)
                finally:
                    pulse.cancel()
                why = "it stopped answering"
            except (ApiDown, ApiRefused) as error:
                why = str(error)
            finally:
                self._client = self._quick = None
                await quick.close()
                await client.close()
            self._turned(alive=False, why=why)
            self._came.set()
            await asyncio.sleep(RETRY_S)

    async def _feel(self, quick: AsyncClient, client: AsyncClient) -> None:
        """Look whether the station answers: one that stands still keeps its connections open."""
        while True:
            await asyncio.sleep(PULSE_S)
            try:
                async with asyncio.timeout(BEAT_S):
                    answer = await quick.call("pulse")
            except TimeoutError:
                if self.alive:
                    self._turned(alive=False, why="it does not answer, though its process is there")
            except ApiDown:
                await client.close()  # both are made anew
                return
            else:
                if not self.alive:
                    self._turned(alive=True, why="")
                self._read_on(answer.get("reading"))

    def _read_on(self, reading: Json) -> None:
        """The station has read more of a long record: what it answered from less is not shown."""
        if reading != self._reading:
            self._reading = reading
            self.changed()
            self.tell({"type": "reading" if reading else "read"})

    def _note(self, event: Event) -> None:
        seq = event.get("seq")
        if isinstance(seq, int):
            self.last_seq = seq
            kind = event.get("type")
            told = event.get("form") or event.get("refs") or event.get("kind") != "message"
            if kind not in ("receipt", "handed-over", "attempt", "state") and (
                kind != "statement" or told
            ):
                self._agreed_seq = seq
        elif event.get("type") in ("unstored", "unstored-over"):
            self.changed()  # what is shared was asked before it came
        if event.get("type") != "live":
            self.tell(event)

    def _turned(self, *, alive: bool, why: str) -> None:
        self.changed()
        if alive != self.alive:
            self.alive, self.since_ms = alive, self._now_ms()
            self.tell({"type": "station", "alive": alive})
        self.why = why
        if alive:
            self._came.set()

    def tell(self, event: Event | None) -> None:
        """Give an event to every stream; None ends them all."""
        for listener in self._listeners:
            listener.offer(event)


def _failed(task: asyncio.Future[View]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _looked_at(task: asyncio.Future[View]) -> None:
    """A failure is told to whoever waits; where nobody does any more, it is not one of the desk."""
    if not task.cancelled():
        task.exception()
