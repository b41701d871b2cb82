"""Saying at once how much has come, to who sends much.

An author hears of what we hold by our receipts, and everybody else in the rhythm of gossip and
beacons. That is soon enough for a statement now and then, and much too late for a station that has
lost its record. What others wrote is given back to it by somebody who waits for a beacon whenever
as much is under way as may be (``sync.WINDOW``); and its receipts say nothing new, since it gave
them before it lost all. So whoever has brought a few hundred statements is told in the same turn
how far their logs go here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tieline.core import sync
from tieline.core.line import Line
from tieline.core.log import Log
from tieline.core.turn import Turn

ENOUGH: Final = sync.WINDOW // 8  # statements: long before the window of who gives back is full


@dataclass(slots=True)
class _Brought:
    """What a peer brought and has not been told of yet: how many, and in which logs."""

    count: int = 0
    logs: set[bytes] = field(default_factory=set)


class Bulk:
    """What the peers of one line bring."""

    def __init__(self) -> None:
        self._brought: dict[bytes, _Brought] = {}

    def grew(self, log: Log, peer: bytes) -> None:
        """A log grew by a statement that a peer brought."""
        brought = self._brought.get(peer)
        if brought is None:
            brought = self._brought[peer] = _Brought()
        brought.count += 1
        brought.logs.add(log.id)

    def tell(self, line: Line, turn: Turn) -> None:
        """The end of a turn: tell those who brought enough."""
        for peer in [name for name, each in self._brought.items() if each.count >= ENOUGH]:
            logs = [line.record.logs[name] for name in sorted(self._brought.pop(peer).logs)]
            heads = tuple(sync.head_of(log) for log in logs if log.size)
            link = line.links.get(peer)
            if link is not None and link.sessions:
                for have in sync.haves(line.id, line.latest(), heads, full=False):
                    turn.transmit(line.id, peer, sync.pack(have))

    def over(self, peer: bytes) -> None:
        """The session with a peer is over: the next one begins with all that is held."""
        self._brought.pop(peer, None)
