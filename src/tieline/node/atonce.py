"""The acts as they are while a commit may be under way beside the loop.

Most of them wait until none is: they look at the core or the store, or change something. These few
do not: ``status`` and ``pulse`` are answered from a look at the station before the turn, of which
all is stored, and what a clock alone changes is as it is now; ``output_alive`` and ``stop`` look at
neither. And ``alarms`` and ``waits`` are answered from their last answer and what has arrived
since, once that is told (``unstored``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from tieline.core.errors import TielineError
from tieline.core.journal import Alarm
from tieline.node.acts import NodeActs
from tieline.node.arguments import Arguments
from tieline.node.gate import Gate, Stirred
from tieline.node.passage import reading_view, together
from tieline.node.unstored import Unstored
from tieline.node.view import Json
from tieline.node.watchers import Sink, Stream

_log: Final = logging.getLogger(__name__)
BEFORE: Final = frozenset({"pulse", "status"})
FREE: Final = frozenset({"output_alive", "stop"})
LATELY_S: Final = 60.0
LIMITS: Final = 8  # of lists of alarms whose last answer is kept


class AtOnce:
    """The acts of one running station, as its API serves them."""

    def __init__(self, acts: NodeActs, gate: Gate, unstored: Unstored) -> None:
        self._acts, self._gate, self._unstored = acts, gate, unstored
        self._rang: dict[int, tuple[float, dict[str, Json]]] = {}  # by limit: when, and what
        self._status: dict[str, Json] | None = None
        self._pulse: dict[str, Json] = {}
        self._troubles: dict[str, Alarm] = {}
        self._waits: tuple[float, dict[str, Json]] | None = None  # when, and what

    def forget(self) -> None:
        """There is a turn without a look before it: what was seen before others is not so now."""
        self._status = None

    def look(self) -> None:
        """Look at the station before a turn, unless that would have to read what it has not yet."""
        host = self._acts.host
        lines = list(host.station.lines.values())
        self._status = None
        if not host.agreements.loaded(lines):
            return
        try:
            pulse = reading_view(together(host.reading(line) for line in lines))
            self._status, self._pulse = host.status(), pulse
            self._troubles = dict(host.station.troubles)
        except TielineError:
            return  # whoever asks after the turn is told of it
        except Exception:  # noqa: BLE001 - a defect in what is shown must not end the line
            _log.exception("the station could not be looked at before a turn")

    async def act(self, name: str, args: Mapping[str, Json]) -> Json:
        """Perform one act. Raises ``TielineError`` when it is refused."""
        if self._gate.shut:
            if name in FREE:
                return await self._acts.act(name, args)
            if name in BEFORE and self._status is not None:
                Arguments(name, args).done()
                host, found = self._acts.host, self._pulse
                if name == "status":  # it may have been seen a minute ago
                    found = host.aged(self._status, self._troubles)
                return found | host.present() | {"unstored": [*self._unstored.shown]}
        if name == "alarms":
            return await self._alarms(args)
        if name == "waits":
            return await self._how_much(args)
        return await self._gate.held(self._acts.act(name, args))

    async def _how_much(self, args: Mapping[str, Json]) -> Json:
        """What waits. In a commit it is what waited when that was asked last, and what came since.

        A desk of an exercise asks each second, and must not take a slow disk for a station that it
        knows nothing of.
        """
        known = self._waits
        if self._gate.shut and known is not None and time.monotonic() - known[0] <= LATELY_S:
            Arguments("waits", args).done()
            self._waits = time.monotonic(), known[1]
            return self._unstored.waiting(known[1])
        answer = await self._gate.held(self._acts.act("waits", args))
        if isinstance(answer, dict):
            self._waits = time.monotonic(), answer
        return answer

    async def _alarms(self, args: Mapping[str, Json]) -> Json:
        """What rings. Who asked before a FLASH was told hears of it, too: it may ask one by one."""

        def rings() -> bool:
            return self._ringing(args) is not None

        while True:
            try:
                answer = await self._gate.held(self._acts.act("alarms", args), unless=rings)
            except Stirred:
                if (found := self._ringing(args)) is not None:
                    return found
            else:
                if isinstance(answer, dict):
                    self._note(args, answer)
                return answer

    def _note(self, args: Mapping[str, Json], answer: dict[str, Json]) -> None:
        """Keep an answer of ``alarms``, as those have it who ask for it over and over."""
        limit = args.get("limit", 0)
        if not args.keys() - {"limit"} and isinstance(limit, int):
            self._rang.pop(limit, None)
            self._rang[limit] = time.monotonic(), answer
            if len(self._rang) > LIMITS:
                del self._rang[next(iter(self._rang))]

    def _ringing(self, args: Mapping[str, Json]) -> dict[str, Json] | None:
        """What rings, with what is not stored yet; ``None``: nothing is, or nobody asked lately."""
        if not self._unstored.shown:
            return None
        limit, now_s = args.get("limit", 0), time.monotonic()
        if args.keys() - {"limit"} or not isinstance(limit, int):
            return None
        known = self._rang.get(limit)
        if known is None or now_s - known[0] > LATELY_S:
            return None
        self._rang[limit] = now_s, known[1]  # it goes on ringing as long as the commit takes
        found = self._unstored.ringing(known[1]) | {"now_ms": self._acts.host.present()["now_ms"]}
        return found | {"again_ms": None}  # what time changes is not looked at before it is stored

    def subscribe(self, since: int, *, unstored: bool = False, sink: Sink | None = None) -> Stream:
        """The events after a journal number, then live."""
        return self._acts.subscribe(since, unstored=unstored, sink=sink)
