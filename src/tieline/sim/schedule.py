"""Virtual time: a queue of things to do, and a hash of everything that was done.

Theory. The world has one clock that nobody in it can read: milliseconds since the start, which
advance only by jumping to the next thing due. Things due at the same instant happen in the order
in which they were put in. So a run is a function of its seed.

Chance is split into named streams, each seeded by the seed and its name: drawing once more from
the network's stream does not change what the officers do.

Nothing here may depend on ``hash()``, ``id()`` or the order of a set; the trace hash of one seed is
compared between processes with different hash seeds.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter, deque
from collections.abc import Callable

TRACE_KEPT = 400
NEVER_MS = 2**62


def below(chance: random.Random, stop: int) -> int:
    """As ``chance.randrange(stop)``, the same numbers of the same bits, and a fifth of its time."""
    bits = stop.bit_length()
    drawn = chance.getrandbits(bits)
    while drawn >= stop:
        drawn = chance.getrandbits(bits)
    return drawn


class Schedule:
    """The event queue of one simulated world."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now_ms = 0
        self.steps = 0
        self.echo: Callable[[str], None] | None = None
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._hash = hashlib.sha256(b"tieline-sim-v1")
        self._trace: deque[str] = deque(maxlen=TRACE_KEPT)
        # What is made after each step in which something has moved, or at which something is due.
        self.check: Callable[[], None] = lambda: None
        self.moves = 0
        self.due_ms = NEVER_MS
        # How often something was noted, by its first word, or was only counted.
        self.counts: Counter[str] = Counter()

    def stream(self, name: str) -> random.Random:
        """A source of chance of its own, a function of the seed and ``name``."""
        return random.Random(f"{self.seed}/{name}")

    def at(self, at_ms: int, action: Callable[[], None]) -> None:
        """Do ``action`` at a virtual time, or now if that has passed."""
        self._order += 1
        heapq.heappush(self._queue, (max(at_ms, self.now_ms), self._order, action))

    def after(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Do ``action`` ``delay_ms`` from now."""
        self.at(self.now_ms + delay_ms, action)

    def by(self, at_ms: int) -> None:
        """Have the checks made at the first step from then on, whatever moves."""
        self.due_ms = min(self.due_ms, at_ms)

    def step(self) -> None:
        """Do the next thing due."""
        self.now_ms, _, action = heapq.heappop(self._queue)
        self.steps += 1
        action()
        self.check()

    def until(self, until_ms: int) -> None:
        """Do all that is due until then, and let it be that late."""
        queue, pop = self._queue, heapq.heappop
        moves = -1
        while queue and queue[0][0] <= until_ms:
            self.now_ms, _, action = pop(queue)
            self.steps += 1
            action()
            if self.moves != moves or self.now_ms >= self.due_ms:
                moves = self.moves
                self.check()
        self.at(until_ms, lambda: None)
        self.step()

    def note(self, *words: object) -> None:
        """Put one line into the trace and into its hash."""
        line = f"{self.now_ms} {self.steps} " + " ".join(str(word) for word in words)
        self._hash.update(line.encode())
        self._trace.append(line)
        self.counts[str(words[0])] += 1
        if self.echo is not None:
            self.echo(line)

    def count(self, what: str) -> None:
        """Count something that is in no trace, for the report."""
        self.counts[what] += 1

    def trace(self) -> tuple[str, ...]:
        """The last lines of the trace."""
        return tuple(self._trace)

    def digest(self) -> str:
        """The hash of the whole trace so far: equal for equal runs."""
        return self._hash.copy().hexdigest()
