"""What an officer has sent and can still recall: it waits here a few seconds before it leaves.

Nothing of it is at the station as sent while it waits, so a recall is true: nobody has it. It is
held in this process alone. A desk that stops or dies meanwhile sends nothing: what two people were
to release is still a draft at the station, and what one may send is still in that officer's form.
FLASH is never held.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from tieline.core.errors import TielineError
from tieline.desk.web.shapes import View
from tieline.node.client import ApiDown, ApiRefused

HOLD_S: Final = 10
MOST_S: Final = 60
SETTING: Final = "recall_s"  # of the vault: how long, in seconds
_DONE_KEPT: Final = 64
_STOP_S: Final = 5.0


class State(enum.StrEnum):
    """How far something is that was to leave."""

    WAITING = "waiting"
    LEAVING = "leaving"  # asked of the station: too late to recall
    GONE = "gone"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the station did not answer: it may have left
    RECALLED = "recalled"


@dataclass(slots=True, kw_only=True, eq=False)
class Departure:
    """One message that waits, or has waited. ``draft``: its number at the station, 0 for none.

    ``back``: the address where its words still are; ``result``: what the station has answered.
    """

    name: str
    officer: str
    line: str
    draft: int
    about: View
    back: str
    leaves_ms: int
    state: State = State.WAITING
    result: View = field(default_factory=View)
    code: str = ""
    problem: str = ""
    task: asyncio.Task[None] | None = None


class Departures:
    """All of one desk."""

    def __init__(self) -> None:
        self._all: dict[str, Departure] = {}

    def hold(
        self,
        one: Departure,
        seconds: float,
        leave: Callable[[], Awaitable[View]],
        tell: Callable[[], None],
    ) -> Departure:
        """Hold something back for a while; ``leave`` sends it, ``tell`` says that it has changed.

        The same name, or the same draft, is held once: who sends a form twice gets the first.
        """
        same = self._all.get(one.name)
        if same is None and one.draft:
            same = self.of_draft(one.line, one.draft)
        if same is not None:
            return same
        self._all[one.name] = one
        done = [x.name for x in self._all.values() if x.state not in (State.WAITING, State.LEAVING)]
        for name in done[: max(0, len(done) - _DONE_KEPT)]:
            del self._all[name]
        one.task = asyncio.create_task(_leave(one, seconds, leave, tell))
        tell()
        return one

    def recall(self, one: Departure) -> bool:
        """Keep it here. False when it has left already, or is leaving."""
        if one.state is not State.WAITING:
            return one.state is State.RECALLED
        one.state = State.RECALLED
        if one.task is not None:
            one.task.cancel()
        return True

    def find(self, name: str) -> Departure | None:
        """The one of a name."""
        return self._all.get(name)

    def of_draft(self, line: str, draft: int) -> Departure | None:
        """What waits of a draft."""
        wanted = (State.WAITING, State.LEAVING)
        some = (x for x in self._all.values() if (x.line, x.draft) == (line, draft))
        return next((x for x in some if x.state in wanted), None)

    def waiting(self) -> list[Departure]:
        """Everything that has not left yet, by when it does."""
        some = [x for x in self._all.values() if x.state in (State.WAITING, State.LEAVING)]
        return sorted(some, key=lambda one: one.leaves_ms)

    async def stop(self) -> None:
        """The desk ends: what waits stays; what is leaving is given a moment to be answered."""
        for one in self.waiting():
            if one.state is State.WAITING:
                self.recall(one)
        tasks = [x.task for x in self._all.values() if x.task is not None and not x.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)


async def _leave(
    one: Departure,
    seconds: float,
    leave: Callable[[], Awaitable[View]],
    tell: Callable[[], None],
) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(seconds)
        one.state = State.LEAVING
        try:
            one.result = await leave()
            one.state = State.GONE
        except (ApiRefused, TielineError) as error:
            one.state, one.code, one.problem = State.REFUSED, error.code, error.message
        except ApiDown as error:
            one.state, one.code, one.problem = State.UNKNOWN, "station.down", str(error)
        tell()
