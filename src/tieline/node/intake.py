"""What waits for the next turn, and how much of it one turn takes.

A turn takes all that has gathered, so that one commit serves a burst. What peers have sent is the
exception: a station that was away gets thousands of statements at once, and a turn with all of them
would let officers, carriers and watchers wait for most of a second. So a turn takes some of it, and
the next turn goes on. Everything keeps its order, but for officers' acts: they do not stand behind
what is left of a flood.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from tieline.core.events import Act, Arrived, Event

MAX_QUEUE: Final = 20_000
TURN_BYTES: Final = 65_536  # of envelopes; the one that goes beyond is taken whole
ENVELOPE_BYTES: Final = 256  # that one counts besides its own: the work for it has no less


class Intake:
    """The queue of one station."""

    def __init__(self) -> None:
        self._queue: deque[Event] = deque()
        self._acts = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, event: Event) -> bool:
        """Take an event in. False when a flood is dropped unread; what is ours is sent again."""
        if len(self._queue) >= MAX_QUEUE and isinstance(event, Arrived):
            return False
        self._queue.append(event)
        self._acts += isinstance(event, Act)
        return True

    def take(self) -> list[Event]:
        """The events of one turn."""
        out: list[Event] = []
        room = TURN_BYTES
        queue = self._queue
        while queue and (room > 0 or not isinstance(queue[0], Arrived)):
            event = queue.popleft()
            out.append(event)
            if isinstance(event, Arrived):
                room -= len(event.envelope) + ENVELOPE_BYTES
            elif isinstance(event, Act):
                self._acts -= 1
        if self._acts:
            out += [event for event in queue if isinstance(event, Act)]
            self._queue = deque(event for event in queue if not isinstance(event, Act))
            self._acts = 0
        return out
