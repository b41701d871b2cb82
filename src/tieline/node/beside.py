"""Commits beside the loop, where the disk is slow.

A sync takes less than a millisecond on a good disk; on a bad one it takes seconds, in which a
station that stands still loses its sessions. Which it will be nobody knows before. So a thread
makes all commits. The loop stands still for one of them, but for ``LONG_S`` at most: then it goes
on. After one that took so long it does not wait at all, until a number of them one after the other
were quick: who does not wait must look at the station before each turn, for those who ask about it
meanwhile, which is dear. Who waits looks when a turn has written and a moment has passed: that
serves if the next turn is the one that takes long. A start is taken for one with a slow disk, since
nobody knows better.

Two changes of thread cost some 25 µs, of the millisecond and more that a turn takes.

Turns stay one after the other: the next one begins when the commit of the last has ended and what
it wanted is done. Meanwhile the ``gate`` is shut.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

from tieline.core.events import Event
from tieline.core.terms import Now
from tieline.node.gate import Gate
from tieline.node.resume import Shot
from tieline.node.runtime import Runtime
from tieline.node.unstored import LATE_S, Unstored

LONG_S: Final = 0.05  # so long the loop waits for a commit
QUICK_S: Final = 0.02
# So many one after the other, each of them quick, and the loop waits for the next one: few after
# the start, and more once a long one has held it, since a disk that stalls does it again.
FIRST: Final = 8
LATER: Final = 256
LOOK_S: Final = 0.5  # from a quick turn to the look at what it has left

Done = Callable[[Future[int]], None]
"""What is called on the loop with how the work has ended."""
Over = Callable[[Exception | None], None]
"""What is called on the loop when a turn is over, with what went wrong."""


class Timed(Protocol):
    """A store that says how long its last commit took."""

    took_s: float
    """Seconds; 0 when there was none since it was last looked at."""

    @property
    def untidy(self) -> bool:
        """Whether a later commit would have to do something first."""

    def tidy(self) -> None:
        """Do that, which counts as a commit's time does. Raises ``StoreFailed``."""


class Work:
    """One piece of work under way. In the place of a handle: nobody can call it off."""

    def __init__(self, future: Future[int], done: Done, waited_s: float) -> None:
        self.future, self.began = future, time.monotonic() - waited_s
        self._done: Done | None = done

    def cancel(self) -> None:
        """It goes on: what is being written is written."""

    def over(self) -> None:
        """Tell what has become of it, once."""
        done, self._done = self._done, None
        if done is not None:
            done(self.future)


class Beside:
    """Where a station's commits are made. ``slow``: the loop does not wait for the next one."""

    def __init__(self, store: Timed, gate: Gate) -> None:
        self.store, self._gate = store, gate
        self._loop = asyncio.get_running_loop()
        self._pool: ThreadPoolExecutor | None = None
        self._work: Work | None = None
        self._quick, self._enough = 0, FIRST
        self.slow = True
        self._seen = False  # there was a look since the last turn
        self._later: asyncio.TimerHandle | None = None
        self.before: Callable[[], None] = lambda: None  # a look at what is stored, before a turn
        self.unseen: Callable[[], None] = lambda: None  # told that there was none before this one
        self.unstored: Unstored | None = None  # who tells what waits for a commit that takes long

    @property
    def since_s(self) -> float:
        """For how long the work under way has taken; 0 when there is none."""
        return 0.0 if self._work is None else time.monotonic() - self._work.began

    def learn(self) -> None:
        """Learn from how long the last commit took."""
        took_s, self.store.took_s = self.store.took_s, 0.0
        if took_s >= LONG_S:
            self.slow, self._quick, self._enough = True, 0, LATER
        elif self.slow and took_s:
            self._quick = self._quick + 1 if took_s <= QUICK_S else 0
            self.slow = self._quick < self._enough

    def turn(self, runtime: Runtime, events: Iterable[Event], now: Now, over: Over) -> Work | None:
        """Take a turn with its commit on the thread.

        ``None``: the turn is over. Else ``over`` is called when it is, with what went wrong. Raises
        as ``Runtime.turn`` does.
        """
        waits, seen = not self.slow, self._seen
        self._look(waits=waits)
        plan = runtime.begin(events, now)
        if plan is None:
            return None
        if not plan.facts:
            self._seen = seen  # what is stored is what was seen: a tick comes each moment
            return self._tend(runtime.end(plan, int), over, waits=waits)
        first = runtime.store.last() + 1  # no more to be asked once the thread has the store
        future = self._begin(partial(runtime.store.commit, plan.facts))
        if waits and self.ended(future):
            shot = runtime.end(plan, future.result)
            self.learn()
            return self._tend(shot, over, waits=True)
        late: asyncio.TimerHandle | None = None
        if (unstored := self.unstored) is not None:
            late_s = LATE_S - (LONG_S if waits else 0.0)
            late = self._loop.call_later(late_s, unstored.late, plan, first)

        def stored(future: Future[int]) -> None:
            if late is not None:
                late.cancel()
            if unstored is not None:  # before the same is told as what is stored
                unstored.over(stored=future.exception() is None)
            try:
                shot = runtime.end(plan, future.result)
            except Exception as error:  # noqa: BLE001 - the station ends with it
                over(error)
                return
            self.learn()
            if self._tend(shot, over, waits=False) is None:
                over(None)

        return self._leave(future, stored, LONG_S if waits else 0.0)

    def _look(self, *, waits: bool) -> None:
        """Before a turn: have a look at the station, unless it is quick, or there was one since."""
        if not waits:
            self.before()
        elif not self._seen:
            self.unseen()
        self._seen = False
        if waits and self._later is None:
            self._later = self._loop.call_later(LOOK_S, self._look_ahead)

    def _look_ahead(self) -> None:
        """A moment after a quick turn: look for the next one."""
        self._later = None
        if self._work is None:
            self.before()
            self._seen = True

    def _tend(self, shot: Shot | None, over: Over, *, waits: bool) -> Work | None:
        """Have the store do what no turn waits for: write a snapshot, move a long log's pages.

        ``None`` when it is done, or there is nothing.
        """
        if shot is None and not self.store.untidy:
            return None
        future = self._begin(partial(self._keep, shot))
        if waits and self.ended(future):
            self._settle(shot, future)
            return None

        def kept(future: Future[int]) -> None:
            try:
                self._settle(shot, future)
            except Exception as error:  # noqa: BLE001 - the station ends with it
                over(error)
            else:
                over(None)

        return self._leave(future, kept, LONG_S if waits else 0.0)

    def _keep(self, shot: Shot | None) -> int:
        """On the thread. What the snapshot's own writing says, or 0."""
        written = shot.write() if shot is not None else 0
        if self.store.untidy:
            self.store.tidy()
        return written

    def _settle(self, shot: Shot | None, future: Future[int]) -> None:
        if future.result() and shot is not None:
            shot.settle()
        self.learn()

    def _begin(self, work: Callable[[], int]) -> Future[int]:
        """Have something done by the thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        return self._pool.submit(work)

    def ended(self, future: Future[int]) -> bool:
        """Hold the loop until it has ended, or for as long as that may be; whether it has."""
        try:
            future.exception(LONG_S)
        except TimeoutError:
            return False
        return True

    def _leave(self, future: Future[int], done: Done, waited_s: float = 0.0) -> Work:
        """Go on without it, with the gate shut until its end is told."""
        self._gate.close()
        self._work = found = Work(future, done, waited_s)
        # Not with the work, which has the future: the two would wait for the garbage collector.
        future.add_done_callback(self._ended)
        return found

    def _ended(self, future: Future[int]) -> None:
        """On the thread: it is told on the loop."""
        self._loop.call_soon_threadsafe(self._tell, future)

    def _tell(self, future: Future[int]) -> None:
        """Have what follows from it done.

        The gate opens first: who waits there goes on before the next turn begins, also where there
        is always another one. Is there more to write, it is shut again before that.
        """
        work = self._work
        if work is None or work.future is not future:
            return
        self._work = None
        self._gate.open()
        work.over()

    def finish(self) -> None:
        """Wait here for what is under way, and let the thread go: the station stops."""
        while self._work is not None:
            future = self._work.future
            future.exception()
            self._tell(future)
        if self._later is not None:
            self._later.cancel()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
