"""What browsers are to sound: the station's alarms, as each message of the event stream has them.

One question serves all browsers of the desk. It is asked when an event comes that may change the
answer, at the time that the last answer named, and every ten seconds besides; so a tone does not
wait until a page has fetched a part of itself anew.
"""

from __future__ import annotations

import asyncio
from typing import Final

from tieline.desk.web.link import Event, StationLink
from tieline.desk.web.shapes import View, number, view
from tieline.node.client import ApiDown, ApiRefused
from tieline.node.view import Json

ASK_S: Final = 10.0
AGAIN_S: Final = 1.0  # where a station that is there has not answered
REST_S: Final = 0.03  # between two questions
EVENTS: Final = frozenset(
    {"alarm", "heed", "state", "statement", "charter", "station", "unstored", "unstored-over"}
)
# What time alone changes besides what a page counts down by itself: what agreements and incidents
# say of that is not older than a few seconds in any case (``link.SLOW``).
TIMED: Final = frozenset({"alarms", "status", "traffic"})
_SHOWN: Final = ("tone", "sounding", "silenced_ms", "testing", "heard", "outputs")


class Ringing:
    """``found``: the last answer of the station; empty while it is not there."""

    def __init__(self, link: StationLink) -> None:
        self._link = link
        self.found = View()

    def message(self) -> dict[str, Json]:
        """What a message of the stream says of it."""
        found = self.found
        numbers = found.get("sounding")
        test = found.view("test")
        return {
            "tone": str(found["tone"] or ""),
            "sounding": [n for n in numbers if isinstance(n, int)]
            if isinstance(numbers, list)
            else [],
            "test": (number(test["number"]) or 0) if found["testing"] is True else 0,
        }

    async def run(self) -> None:
        """Keep it up to date, for ever."""
        while True:
            with self._link.listening() as listener:
                await self._follow(listener.queue)
            await asyncio.sleep(REST_S)

    async def _follow(self, queue: asyncio.Queue[Event | None]) -> None:
        while True:
            wait_s = await self._ask()
            await asyncio.sleep(REST_S)
            until = asyncio.get_running_loop().time() + wait_s
            while True:
                rest_s = until - asyncio.get_running_loop().time()
                try:
                    async with asyncio.timeout(max(0.0, rest_s)):
                        event = await queue.get()
                except TimeoutError:
                    break
                if event is None:
                    return  # it lagged, or the desk stops
                if event.get("type") in EVENTS:
                    break

    async def _ask(self) -> float:
        """Ask once, and tell the browsers of what has changed; when to ask again."""
        before = [self.found[name] for name in _SHOWN]
        try:
            self.found = view(await self._link.call("alarms", {"limit": 1}))
        except (ApiDown, ApiRefused):
            if self._link.alive:
                return AGAIN_S  # its disk is slow: what rang before goes on
            self.found = View()
        if before != [self.found[name] for name in _SHOWN]:
            self._link.forget(TIMED)
            self._link.tell({"type": "alarms"})
        again, now = number(self.found["again_ms"]), number(self.found["now_ms"])
        if again is None or now is None:
            return ASK_S
        return min(ASK_S, max(REST_S, (again - now) / 1000 + 0.01))
