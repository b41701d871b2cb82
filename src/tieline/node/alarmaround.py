"""The running station as its keeping of alarms sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tieline.core.events import Act, Done, Event
from tieline.core.station import Station
from tieline.core.tally import Cause
from tieline.core.terms import Now
from tieline.node.clock import ControlledClock
from tieline.ports import Store

if TYPE_CHECKING:
    from tieline.node.host import Host


class HostAround:
    """Asks the host each time: its station and its watch on deadlines come and go."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def station(self) -> Station:
        return self._host.station

    def now(self) -> Now:
        return self._host.clock.now()

    def store(self) -> Store:
        return self._host.runtime.store

    def submit(self, event: Event) -> None:
        self._host.submit(event)

    async def perform(self, make: Callable[[int], Act]) -> Done:
        return await self._host.perform(make)

    def seq_of(self, digest: bytes) -> int:
        return self._host.seq_of(digest)

    def owing(self, line: bytes) -> frozenset[Cause] | None:
        due = self._host.due
        return None if due is None else due.owing.get(line)

    def looking(self) -> bool:
        return self._host.due is not None and not self._host.due.idle

    def unattended(self) -> bool:
        return isinstance(self._host.clock, ControlledClock)
