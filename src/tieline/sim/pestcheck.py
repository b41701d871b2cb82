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
from collections.abc import Hashable
from typing import Final

from tieline.core import exchange, record, sync
from tieline.core.line import Line
from tieline.core.sync import Push
from tieline.sim.machine import Machine
from tieline.sim.network import Network
from tieline.sim.schedule import Schedule
from tieline.sim.violation import Violation

LOOK_MS: Final = 5_000
WINDOW_MS: Final = 60_000
TIMES: Final = 28  # one statement to one peer in a minute: twice in the time of a retry, and some
SPARE: Final = 200  # envelopes in a minute beyond those that it sends
WITHIN_MS: Final = 15_000


class PestChecker:
    """Looks at all honest stations now and then, and at what passes to and from the pest."""

    def __init__(
        self, schedule: Schedule, network: Network, machines: list[Machine], pest: int
    ) -> None:
        self._schedule, self._network, self._machines = schedule, network, machines
        self._pest = pest
        self._minute = 0
        self._given: Counter[tuple[int, bytes]] = Counter()
        self._sent: Counter[int] = Counter()
        self._came: Counter[int] = Counter()
        self._since: dict[Hashable, int] = {}
        self._sizes: dict[tuple[int, int, bytes], list[tuple[int, int]]] = {}
        self.demands = 0  # how often something had to have come
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

    def look(self) -> None:
        """Raise ``Violation`` when a bound does not hold, or something has not come in time."""
        honest = [machine for machine in self._machines if machine.ledger.honest]
        for machine in honest:
            line = machine.line_now()
            if line is not None and machine.runtime is not None:
                told = machine.runtime.station.exchanges[line.id]
                _bounded(machine.number, line, told)
        self._others_unharmed(honest)

    def _others_unharmed(self, honest: list[Machine]) -> None:
        now = self._schedule.now_ms
        able = {
            machine.number: machine
            for machine in honest
            if machine.runtime is not None and not machine.disk.full and not machine.runtime.full
        }
        roads = [road for road in self._network.steady() if {road[0], road[1]} <= able.keys()]
        sizes: dict[tuple[int, int, bytes], list[tuple[int, int]]] = {}
        for a, b, session in roads:
            for author, reader in ((able[a], able[b]), (able[b], able[a])):
                line, other = author.line_now(), reader.line_now()
                if line is None or other is None or line.latest() != other.latest():
                    continue
                own = line.own_log
                key = (session, author.number, own)
                said = self._sizes.get(key, [])
                due = [size for since, size in said if now - since >= WITHIN_MS]
                held = len(reader.ledger.logs.get(own, ()))
                if due and author.disk is not None:
                    self.demands += 1
                    if held < due[-1] <= len(author.ledger.logs.get(own, ())):
                        raise Violation(
                            7,
                            f"station {reader.number} holds {held} of what station"
                            f" {author.number} had said {WITHIN_MS} ms ago, {due[-1]} statements,"
                            " while a third one floods both",
                        )
                recent = [entry for entry in said if now - entry[0] < WITHIN_MS]
                old = [entry for entry in said if now - entry[0] >= WITHIN_MS][-1:]
                sizes[key] = [*old, *recent, (now, len(author.ledger.logs.get(own, ())))]
        self._sizes = sizes


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
