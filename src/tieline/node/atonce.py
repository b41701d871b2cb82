"""The acts as they are while a commit may be under way beside the loop.

Most of them wait until none is: they look at the core or the store, or change something. These few
do not: ``status`` and ``pulse`` are answered from a look at the station before the turn, of which
all is stored; ``output_alive`` and ``stop`` look at neither.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from tieline.node.acts import NodeActs
from tieline.node.arguments import Arguments
from tieline.node.gate import Gate
from tieline.node.passage import reading_view, together
from tieline.node.view import Json
from tieline.node.watchers import Told

BEFORE: Final = frozenset({"pulse", "status"})
FREE: Final = frozenset({"output_alive", "stop"})


class AtOnce:
    """The acts of one running station, as its API serves them."""

    def __init__(self, acts: NodeActs, gate: Gate) -> None:
        self._acts, self._gate = acts, gate
        self._status: dict[str, Json] | None = None
        self._pulse: dict[str, Json] = {}

    def look(self) -> None:
        """Look at the station before a turn, unless that would have to read what it has not yet."""
        host = self._acts.host
        lines = list(host.station.lines.values())
        self._status = None
        if host.agreements.loaded(lines):
            self._status = host.status()
            self._pulse = reading_view(together(host.reading(line) for line in lines))

    async def act(self, name: str, args: Mapping[str, Json]) -> Json:
        """Perform one act. Raises ``TielineError`` when it is refused."""
        if self._gate.shut:
            if name in FREE:
                return await self._acts.act(name, args)
            if name in BEFORE and self._status is not None:
                Arguments(name, args).done()
                found = self._status if name == "status" else self._pulse
                return found | self._acts.host.present()
        return await self._gate.held(self._acts.act(name, args))

    def subscribe(self, since: int) -> AsyncGenerator[Sequence[Told], None]:
        """The events after a journal number, then live."""
        return self._acts.subscribe(since)
