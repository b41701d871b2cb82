"""What a member that wears the others down must not achieve.

* What an honest station keeps of it beside the record has bounds, whatever it sends (5).
* It is given each statement a few times in a minute at most, however often it says that it has
  nothing, and as many envelopes as it sends, and some (5): the work is that of what it sends.
* What honest stations say to each other comes as if it were not there (7): on a road that stands
  and loses nothing, within a few seconds, while it floods.

Envelopes are counted on the roads, and what came where by what became durable.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from tieline.core import exchange, record, sync
from tieline.core.line import Line
from tieline.core.sync import Push
from tieline.sim.machine import Machine
from tieline.sim.schedule import Schedule
from tieline.sim.violation import Violation

WINDOW_MS: Final = 60_000
TIMES: Final = 28  # one statement to one peer in a minute: twice in the time of a retry, and some
SPARE: Final = 200  # envelopes in a minute beyond those that it sends


class PestChecker:
    """Looks at each honest station when it has kept something, and at what passes the pest."""

    def __init__(self, schedule: Schedule, pest: int) -> None:
        self._schedule, self._pest = schedule, pest
        self._minute = 0
        self._given: Counter[tuple[int, bytes]] = Counter()
        self._sent: Counter[int] = Counter()
        self._came: Counter[int] = Counter()
        self.most = 0  # how often one statement was given it within a minute

    def passes(self, me: int, peer: int, envelope: bytes) -> None:
        """An envelope goes on a road."""
        if self._schedule.now_ms - self._minute >= WINDOW_MS:
            self._minute = self._schedule.now_ms
            for counter in (self._given, self._sent, self._came):
                counter.clear()
        if me == self._pest:
            self._came[peer] += 1
        if peer != self._pest:
            return
        self._sent[me] += 1
        if self._sent[me] > SPARE + 3 * self._came[me]:
            raise Violation(
                5, f"station {me} has sent a hostile member {self._sent[me]} envelopes within a"
                f" minute for {self._came[me]} of its own"
            )  # fmt: skip
        opened = sync.unpack(envelope)
        for raw in opened.statements if isinstance(opened, Push) else ():
            self._given[me, raw] += 1
            self.most = max(self.most, self._given[me, raw])
            if self._given[me, raw] > TIMES:
                raise Violation(
                    5, f"station {me} has given a hostile member one statement"
                    f" {self._given[me, raw]} times within a minute"
                )  # fmt: skip

    def look(self, machine: Machine, line: Line) -> None:
        """Raise ``Violation`` when a bound does not hold in an honest station."""
        if machine.runtime is not None:
            _bounded(machine.number, line, machine.runtime.station.exchanges[line.id])


def _bounded(number: int, line: Line, told: exchange.Exchange) -> None:
    """What waits, and what is noted of a peer, has a limit that no peer moves."""
    noted = max((len(peer.theirs) for peer in line.peers.values()), default=0)
    unproven = max(map(len, told._unproven.values()), default=0)  # noqa: SLF001 - its bound
    for what, found, most in (
        ("held statements", line.record.held, record.MAX_HELD),
        ("logs noted of a peer", noted, sync.MAX_CLAIMED),
        ("receipts that wait", unproven, exchange.MAX_UNPROVEN),
    ):
        if found > most:
            raise Violation(5, f"station {number} keeps {found} {what}; the bound is {most}")
