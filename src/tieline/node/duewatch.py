"""The watch on what forms say: a deadline that passes rings, and so does a notice that touches.

The core reads no form; the ledger and the incidents of a line with packs are looked at here, when
the line has something new and when a due time comes. What is overdue goes to the core as an event,
which rings once for ever and puts a silence on the record. So does a notice of another party that
touches an open incident: it may be what explains it, and may not have reached who has to know.

What it takes to look (``duelook``) is loaded when a charter names a pack.

Of what was overdue long before this station looked (it was away, or a pack came later) the newest
few ring, and one alarm says how many more there are: an alarm list of hundreds is none. Of what
becomes overdue then, each rings by itself, in turns where there are many (``ringing``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from tieline.core.events import Event, Trouble
from tieline.core.journal import FactKind
from tieline.core.line import Line
from tieline.core.tally import Cause
from tieline.core.terms import Now
from tieline.node.agreements import Agreements
from tieline.ports import Fact

if TYPE_CHECKING:
    from tieline.node.duelook import DueLook
    from tieline.node.incidents import Incidents

AGAIN_S: Final = 10.0
LONGEST_S: Final = 3600.0
REST: Final = 4  # after a look as many times its own length goes to other work
PAUSE_S: Final = 0.1  # and on real time at least so long: traffic is looked at once for many texts
_NEWS: Final = frozenset({FactKind.STATEMENT, FactKind.RECEIPT, FactKind.CHARTER})


class DueWatch:
    """One station's. ``lines`` and ``now`` are asked anew at each look; ``submit`` takes events.

    ``pause_s``: how long it rests after each look at least.
    """

    def __init__(
        self,
        lines: Callable[[], Iterable[Line]],
        agreements: Agreements,
        now: Callable[[], Now],
        submit: Callable[[Event], None],
        incidents: Callable[[], Incidents],
        *,
        pause_s: float = 0.0,
    ) -> None:
        self._incidents = incidents
        self._pause_s = pause_s
        self._look_at: DueLook | None = None
        self._lines, self._agreements, self._now, self._submit = lines, agreements, now, submit
        self._wake = asyncio.Event()
        self._fresh: set[bytes] = set()  # lines with something that was not looked at
        self._due: dict[bytes, int] = {}  # by line: when the next open obligation falls due
        self._unheard: set[bytes] = set()  # rung, and perhaps dropped: a full disk keeps no alarm
        self._looked: set[bytes] = set()
        self._looking = False
        self.looks = 0
        # By line: the causes of alarms that rang and are overdue still, as of the last look.
        self.owing: dict[bytes, frozenset[Cause]] = {}

    # ------------------------------------------------------------------------------ news

    def published(self, facts: Sequence[Fact]) -> None:
        """These facts are durable now."""
        lines = {fact.line for fact in facts if fact.kind in _NEWS}
        if lines:
            self._fresh |= lines
            self._wake.set()

    def moved(self) -> None:
        """The clock was set."""
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether everything up to now was looked at."""
        return not self._looking and not self._waiting()

    @property
    def next_ms(self) -> int | None:
        """When time alone next makes something overdue, on the wall clock."""
        return min(self._due.values(), default=None)

    def _waiting(self) -> set[bytes]:
        now_ms = self._now().wall_ms
        return self._fresh | {line for line, at in self._due.items() if at <= now_ms}

    # ------------------------------------------------------------------------------ looks

    async def run(self) -> None:
        """Look, for ever. A line whose agreements cannot be read is said in the log and left.

        A fault of this watch rings: deadlines that pass unseen are worse than a station that says
        so. Everything else on the line goes on.
        """
        try:
            await self._run()
        except Exception as error:
            self._looking = False
            self._submit(
                Trouble(
                    code="owed.unwatched",
                    text=f"deadlines of agreements are not watched any more ({error!r}): start the"
                    " station again, and look at 'tieline obligations' meanwhile",
                )
            )
            raise

    async def _run(self) -> None:
        while True:
            began = time.thread_time()
            self._wake.clear()
            self._looking = True
            waiting = self._waiting()
            lines = list(self._lines())
            for gone in self._due.keys() - {line.id for line in lines}:
                del self._due[gone]  # a due time of a line that is gone would wake us for ever
            for line in lines:
                if line.id in waiting or line.id not in self._looked:
                    await self._look(line)
            self._fresh -= waiting - {line.id for line in self._lines()}
            self._looking = False
            self.looks += 1
            await asyncio.sleep(max(self._pause_s, REST * (time.thread_time() - began)))
            await self._next()

    async def _next(self) -> None:
        """Wait for news, or for the next due time.

        What was rung and is not heard of yet is looked at again soon: with a full disk an alarm is
        not kept.
        """
        if self._waiting():
            return
        due, now_ms = self.next_ms, self._now().wall_ms
        wait_s = AGAIN_S if self._unheard else LONGEST_S
        if due is not None:
            wait_s = min(wait_s, max(0.001, (due - now_ms) / 1000))
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            self._fresh |= self._unheard
            self._unheard.clear()

    async def _look(self, line: Line) -> None:
        now_ms = self._now().wall_ms
        self._fresh.discard(line.id)
        self._due.pop(line.id, None)
        first = line.id not in self._looked
        self._looked.add(line.id)
        await self._agreements.ready([line])  # a large pack takes half a second to read
        if not self._agreements.in_force(line).packs:
            self.owing[line.id] = frozenset()
            return
        looker = await self._looker()
        found = await looker.look(line, now_ms, first=first)
        if found.owing is not None:
            self.owing[line.id] = found.owing
        if found.next_ms is not None:
            self._due[line.id] = found.next_ms
        for event in found.events:
            self._submit(event)
            self._unheard.add(line.id)

    async def _looker(self) -> DueLook:
        if self._look_at is None:
            # Only lines with packs need it. It takes 0.2 s to load, and the line goes on meanwhile.
            kind = await asyncio.to_thread(_look_kind)
            self._look_at = kind(self._agreements, self._incidents())
        return self._look_at


def _look_kind() -> type[DueLook]:
    from tieline.node.duelook import DueLook  # noqa: PLC0415

    return DueLook
