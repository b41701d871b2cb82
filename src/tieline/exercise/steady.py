"""The officers' way to a station that may die at any moment.

An act is performed over the station's own API and repeated until the station answers; what makes
that safe is the idempotency key that each act carries. A watcher that loses its stream comes back
with the last journal number it was shown. Whoever is reached anew is told the exercise's time
before anything else: a station that has just been started does not know how far the clock has come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError, ShellError
from tieline.exercise.answer import Entry, Json
from tieline.node.client import ApiDown, ApiRefused, AsyncClient

RETRY_S: Final = 0.03
# Refusals that a little time cures: the same act under way already, or a station that is stopping.
_PASSING: Final = frozenset({"act.repeated", "station.stopping"})


class SteadyLink:
    """Acts and the watch stream of one station, through any number of its lives."""

    def __init__(
        self,
        party: str,
        socket: Path,
        *,
        time_ms: Callable[[], int],
        patience_s: float = 60.0,
    ) -> None:
        self.party = party
        self._socket = socket
        self._time_ms = time_ms
        self._patience_s = patience_s
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def act(self, name: str, args: Mapping[str, Json]) -> Entry:
        """Perform an act, again and again until it is answered.

        Raises ``LocalError`` with the station's own code when it refuses, and ``ShellError``
        (``exercise.silent``) when nobody answers within the patience.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while True:
            try:
                client = await self._open()
                return Entry(await client.call(name, **args), f"{self.party}, act {name}")
            except ApiRefused as error:
                if error.code not in _PASSING:
                    raise LocalError(error.code, error.message) from error
                cause = error.message
            except ApiDown as error:
                await self.close()
                cause = str(error)
            if loop.time() > until:
                raise ShellError(
                    "exercise.silent",
                    f"the station of {self.party} did not answer for {self._patience_s:.0f} s:"
                    f" {cause}",
                )
            await asyncio.sleep(RETRY_S)

    async def _open(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                client = AsyncClient(self._socket)
                await client.connect()
                self._client = client
                with contextlib.suppress(ApiRefused):  # it may stand later already
                    await client.call("clock", wall_ms=self._time_ms())
            return self._client

    async def watch(self, take: Callable[[Json], None], *, since: int = 0) -> None:
        """Give every event to ``take``, through restarts, until cancelled."""
        while True:
            client = AsyncClient(self._socket)
            try:
                await client.connect()
                async for event in client.watch(since):
                    seq = event.get("seq")
                    take(event)
                    if isinstance(seq, int) and not isinstance(seq, bool):
                        since = max(since, seq)
            except ApiDown:
                pass  # it is being started again
            finally:
                await client.close()
            await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Forget the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
