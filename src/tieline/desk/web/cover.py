"""What an exercise desk knows of the real station beside it: that something waits there, or not.

A real FLASH covers the desk of an exercise. The desk asks the real station's socket every
``EVERY_S`` seconds for one act, ``waits``, which gives numbers and no content: nothing of the real
record comes into this process, and nothing of the exercise goes to the real station. A station
that cannot be asked is said to be so, since its silence would look like rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.node.client import ApiDown, ApiRefused, AsyncClient
from tieline.node.view import Json

EVERY_S: Final = 1.0
PATIENCE_S: Final = 5.0


class CoverState(enum.StrEnum):
    """Of the real station: nothing of FLASH waits, something does, or nobody can tell."""

    REST = "rest"
    WAITS = "waits"
    UNKNOWN = "unknown"


class Cover:
    """Watches one real station. ``changed`` is called when the state has become another."""

    def __init__(self, socket: Path, changed: Callable[[], None]) -> None:
        self._socket = socket
        self._changed = changed
        self._client: AsyncClient | None = None
        self._task: asyncio.Task[None] | None = None
        self.state = CoverState.UNKNOWN

    async def start(self) -> None:
        """Begin to watch. Raises ``LocalError`` (``desk.covers``): that station is an exercise."""
        try:
            answer = await self._ask()
        except (ApiDown, ApiRefused, TimeoutError):
            answer = {}
        if answer.get("realm"):
            raise LocalError(
                "desk.covers",
                "--covers names a station of an exercise; name the home of the real station, so"
                " that its traffic covers this desk",
            )
        self._take(answer)
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                answer = await self._ask()
            except (ApiDown, ApiRefused, TimeoutError):
                await self._close()
                answer = {}
            before = self.state
            self._take(answer)
            if self.state is not before:
                self._changed()

    async def _ask(self) -> dict[str, Json]:
        if self._client is None:
            client = AsyncClient(self._socket)
            async with asyncio.timeout(PATIENCE_S):
                await client.connect()
            self._client = client
        async with asyncio.timeout(PATIENCE_S):
            return await self._client.call("waits")

    def _take(self, answer: dict[str, Json]) -> None:
        waits = answer.get("waits")
        if not isinstance(waits, dict) or answer.get("realm"):
            self.state = CoverState.UNKNOWN
        else:
            self.state = CoverState.WAITS if waits.get("FLASH") else CoverState.REST

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
