"""What the station says of its alarms, kept up to date for the outputs of this process.

It is asked when something comes that may change it, at the time that its last answer named, and
every ten seconds besides. Where the station does not answer, the outputs know that too: nobody
would tell them of an alarm.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from tieline.node.client import ApiDown, ApiRefused, AsyncClient
from tieline.node.view import Json

RETRY_S: Final = 0.5
ASK_S: Final = 10.0  # at least so often
REST_S: Final = 0.1  # between two questions: a flood of statements asks no more often
PATIENCE_S: Final = 20.0
DEAD_S: Final = 10.0  # so long a station may be away (it is started anew) until that is an alarm
EVENTS: Final = frozenset(
    {"alarm", "heed", "state", "statement", "charter", "unstored", "unstored-over"}
)

Found = dict[str, Json]


class Feed:
    """``found``: the last answer; ``turns`` counts them, and every loss of the station."""

    def __init__(self, socket: Path, dead_s: float = DEAD_S) -> None:
        self._socket, self._dead_s = socket, dead_s
        self._client: AsyncClient | None = None
        self._news = asyncio.Event()
        self._turned = asyncio.Condition()
        self._away_since = time.monotonic()
        self.found: Found = {}
        self.turns = 0
        self.alive = False
        self.why = "it has not answered yet"

    @property
    def dead(self) -> bool:
        """Whether the station has been away for too long."""
        return not self.alive and time.monotonic() - self._away_since >= self._dead_s

    async def call(self, act: str, **args: Json) -> Found:
        """Ask the station. Raises ``ApiRefused``, ``ApiDown``."""
        if self._client is None:
            raise ApiDown(f"the station does not answer ({self.why})")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._client.call(act, **args)
        except TimeoutError:
            raise ApiDown("the station has not answered in time") from None

    async def turn(self, seen: int, wait_s: float) -> int:
        """Wait until there is something new after ``seen``, or the time is over; ``turns``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self._turned:
                await self._turned.wait_for(lambda: self.turns != seen)
        return self.turns

    async def run(self) -> None:
        """Keep it up to date, for ever."""
        while True:
            client = AsyncClient(self._socket)
            try:
                await client.connect()
                status = await client.call("status")
                journal = status.get("journal")
                events = client.watch(journal if isinstance(journal, int) else 0, unstored=True)
                self._client, self.alive = client, True
                watching = asyncio.create_task(self._listen(events))
                try:
                    await self._ask(watching)
                finally:
                    watching.cancel()
                why = "it stopped answering"
            except (ApiDown, ApiRefused) as error:
                why = str(error)
            finally:
                self._client = None
                await client.close()
            await self._lost(why)
            await asyncio.sleep(RETRY_S)

    async def _listen(self, events: AsyncIterator[Found]) -> None:
        async for event in events:
            if event.get("type") in EVENTS:
                self._news.set()

    async def _ask(self, watching: asyncio.Task[None]) -> None:
        while not watching.done():
            self._news.clear()
            self.found = await self.call("alarms")
            await self.tell()
            await asyncio.sleep(REST_S)
            again, now = self.found.get("again_ms"), self.found.get("now_ms")
            wait_s = ASK_S
            if isinstance(again, int) and isinstance(now, int):
                wait_s = min(wait_s, max(0.0, (again - now) / 1000 + 0.01))
            news = asyncio.create_task(self._news.wait())
            await asyncio.wait(
                {news, watching}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED
            )
            news.cancel()

    async def _lost(self, why: str) -> None:
        if self.alive:
            self._away_since = time.monotonic()
        self.alive, self.why = False, why
        await self.tell()

    async def tell(self) -> None:
        """Have everyone look again."""
        async with self._turned:
            self.turns += 1
            self._turned.notify_all()
