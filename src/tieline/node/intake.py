"""What waits for the next turn, and how much of it one turn takes.

A turn takes all that has gathered, so that one commit serves a burst. What peers have sent is the
exception: a station that was away gets thousands of statements at once, and a turn with all of them
would let officers, carriers and watchers wait for most of a second. So a turn takes some of it, and
the next turn goes on.

Nobody stands behind another's flood: what is left of each peer waits by itself, the peers are taken
in turns, and a peer of whom too much waits loses what it sends and nobody else does. What one peer
sent or did keeps its order. Officers' acts wait for nothing of it. What is of no peer, such as the
time, keeps its order too, so that no clock runs out on what is here already; but a flood without
end holds it up for some turns only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from tieline.core.events import Act, Arrived, Connected, Event, Failed, Lost, Ready

MAX_QUEUE: Final = 20_000  # events of one peer that may wait
MAX_BYTES: Final = 16 * 1024 * 1024  # of envelopes of one peer; the one that goes beyond is kept
TURN_BYTES: Final = 65_536  # of envelopes; the one that goes beyond is taken whole
ENVELOPE_BYTES: Final = 256  # that one counts besides its own: the work for it has no less
PATIENCE: Final = 16  # turns that may leave something before what is of no peer goes first
IMPORTS: Final = "bundle"  # the carrier of what an officer reads in: it is here, and never dropped
_OF_PEER: Final = (Arrived, Connected, Lost, Failed, Ready)
_Entry = tuple[int, Event]


@dataclass(slots=True)
class _Lane:
    """What waits of one peer."""

    events: deque[_Entry] = field(default_factory=deque)
    bytes: int = 0

    @property
    def full(self) -> bool:
        return len(self.events) >= MAX_QUEUE or self.bytes >= MAX_BYTES

    def take(self, share: int, out: list[_Entry]) -> int:
        """Move so much into ``out``, and what comes behind it up to the next envelope."""
        events, room = self.events, share
        while events:
            event = events[0][1]
            if isinstance(event, Arrived):
                if room <= 0:
                    break
                self.bytes -= len(event.envelope)
                room -= len(event.envelope) + ENVELOPE_BYTES
            out.append(events.popleft())
        return share - room


class Intake:
    """The queue of one station."""

    def __init__(self) -> None:
        self._lanes: dict[bytes, _Lane] = {}  # the next to be served first; b"": what is read in
        self._others: deque[_Entry] = deque()
        self._acts: list[_Entry] = []
        self._serial = 0
        self._count = 0
        self._left = 0  # turns one after the other that have left something

    def __len__(self) -> int:
        return self._count

    @property
    def imports(self) -> bool:
        """Whether something waits that an officer reads in."""
        return b"" in self._lanes

    def has_room(self, peer: bytes) -> bool:
        """Whether an envelope of a peer would be taken in."""
        lane = self._lanes.get(peer)
        return lane is None or not lane.full

    def put(self, event: Event) -> bool:
        """Take an event in. False when a flood is dropped unread; what is ours is sent again."""
        entry = self._serial, event
        if isinstance(event, _OF_PEER):
            key = event.peer
            if isinstance(event, Arrived):
                if event.carrier == IMPORTS:
                    key = b""
                elif not self.has_room(key):
                    return False
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane()
            lane.events.append(entry)
            lane.bytes += len(event.envelope) if isinstance(event, Arrived) else 0
        elif isinstance(event, Act):
            self._acts.append(entry)
        else:
            self._others.append(entry)
        self._serial += 1
        self._count += 1
        return True

    def take(self) -> list[Event]:
        """The events of one turn."""
        out, self._acts = self._acts, []
        room, lanes = TURN_BYTES, self._lanes
        while lanes and room > 0:
            share = -(-room // len(lanes))
            for key in [*lanes]:
                lane = lanes.pop(key)
                room -= lane.take(share, out)
                if lane.events:
                    lanes[key] = lane  # behind the others
                if room <= 0:
                    break
        self._take_others(out)
        out.sort(key=itemgetter(0))
        self._count -= len(out)
        return [event for _, event in out]

    def _take_others(self, out: list[_Entry]) -> None:
        oldest = min((lane.events[0][0] for lane in self._lanes.values()), default=self._serial)
        self._left = self._left + 1 if self._lanes else 0
        if self._left > PATIENCE:
            oldest, self._left = self._serial, 0
        while self._others and self._others[0][0] < oldest:
            out.append(self._others.popleft())
