"""Who follows the journal: what each has not been given yet."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from tieline.ports import Fact

WATCHER_BACKLOG: Final = 8_192  # more than one turn keeps when a peer's whole window has come


class Watcher:
    """One subscriber: facts beyond what it has been given wait here, up to a limit."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, Fact]] = deque()
        self.wake = asyncio.Event()
        self.behind = False

    def offer(self, seq: int, fact: Fact) -> None:
        if self.behind:
            return
        if len(self.queue) >= WATCHER_BACKLOG:
            # Too slow for now: it reads on from the journal, and misses nothing.
            self.behind = True
            self.queue.clear()
        else:
            self.queue.append((seq, fact))
        self.wake.set()
