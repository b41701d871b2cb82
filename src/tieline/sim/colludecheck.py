"""What must come of stations that collude: the two halves need only talk to each other.

Wherever two honest stations hold different statements for one place of a log, and have been in
touch for a while, each honest station in touch with both, directly or through honest ones, holds
both statements and a proof against the liar that verifies by itself. Who has been in touch is
counted here from the roads alone, and who holds what from what became durable.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from tieline.core import proof
from tieline.core.errors import TielineError
from tieline.sim.machine import Machine
from tieline.sim.network import Network
from tieline.sim.schedule import NEVER_MS, Schedule
from tieline.sim.violation import Violation

# A session of a road that loses nothing has brought all by then: each side says all that it holds
# when it begins, and an envelope is two seconds on its way at most.
WITHIN_MS: Final = 25_000


class CollusionChecker:
    """Looks at all honest stations after each step."""

    def __init__(self, schedule: Schedule, network: Network, machines: list[Machine]) -> None:
        self._schedule, self._network, self._machines = schedule, network, machines
        # Of each log that goes on in two ways: who lies, and from which position on.
        self.forks: dict[bytes, tuple[bytes, int]] = {}
        self._since: dict[Hashable, int] = {}
        self._proven: dict[bytes, bytes] = {}
        # What all of a look follows from but the time, as it was at the last one; and when one that
        # was not there long enough then will have been.
        self._seen: tuple[object, ...] = ()
        self.ripe_ms = 0
        self._demanded = 0
        self.demands = 0  # how often somebody had to have found out

    def forked_at(self, log: bytes, station: bytes, position: int) -> None:
        """A log goes on in two ways from this position on."""
        self.forks[log] = (station, position)

    def look(self) -> None:
        """Raise ``Violation`` when somebody should have found out and has not.

        Where nothing has changed since the last look, and nothing has become due, it finds what
        that one has found.
        """
        now, before = self._schedule.now_ms, self.demands
        honest = self._honest()
        seen = self._look_of(honest)
        if seen == self._seen and now < self.ripe_ms:
            self.demands += self._demanded
            return
        self._look(now, honest)
        self._seen, self._demanded = seen, self.demands - before
        due = [since + WITHIN_MS for since in self._since.values()]
        self.ripe_ms = min((at for at in due if at > now), default=NEVER_MS)
        self._schedule.by(self.ripe_ms)

    def _look_of(self, honest: list[Machine]) -> tuple[object, ...]:
        """All that a look follows from but the time: roads, who runs, what is kept, who is a liar.

        Of what is kept only what stands where a log forks; it is another after a commit alone, or
        in another store, which a life begins with.
        """
        return (
            self._network.changes,
            len(self.forks),
            *((m.number, m.lives, m.alive, m.disk.full) for m in honest),
            *(tuple(self._held(m, log)) for log in self.forks for m in honest),
        )

    def _look(self, now: int, honest: list[Machine]) -> None:
        able = {machine.number for machine in honest if machine.alive and not machine.disk.full}
        roads = [road for road in self._network.steady() if {road[0], road[1]} <= able]
        present: list[Hashable] = [("road", session) for _, _, session in roads]
        present += [
            ("held", machine.number, digest)
            for machine in honest
            for log in self.forks
            for digest in self._held(machine, log)
        ]
        self._since = {key: self._since.get(key, now) for key in present}
        ready = {key for key, since in self._since.items() if now - since >= WITHIN_MS}
        group = {number: number for number in able}
        for a, b, session in roads:
            if ("road", session) in ready:
                one, other = group[a], group[b]
                group = {n: one if g == other else g for n, g in group.items()}
        for log in self.forks:
            for which in sorted(set(group.values())):
                members = [m for m in honest if group.get(m.number) == which]
                self._judge(log, members, ready)

    def _judge(self, log: bytes, members: list[Machine], ready: set[Hashable]) -> None:
        told = {
            digest
            for machine in members
            for digest in self._held(machine, log)
            if ("held", machine.number, digest) in ready
        }
        if len(told) < 2 or len(members) < 2:
            return
        self.demands += 1
        for machine in members:
            why = self._lacks(machine, log, told)
            if why:
                raise Violation(4, why)

    def unaware(self, honest: list[Machine]) -> str:
        """Who does not hold both stories and the proof, when all have met; empty: nobody."""
        for log in self.forks:
            told = {digest for machine in honest for digest in self._held(machine, log)}
            for machine in honest if len(told) > 1 else ():
                why = self._lacks(machine, log, told)
                if why:
                    return why
        return ""

    def _lacks(self, machine: Machine, log: bytes, told: set[bytes]) -> str:
        name = f"station {machine.station.hex()}"
        liar, position = self.forks[log]
        missing = sorted(told - set(self._held(machine, log)))
        if missing:
            return (
                f"{name} is in touch with a station that was told {missing[0].hex()[:12]} under"
                f" number {position} of {liar.hex()}, and has not heard of it"
            )
        line = machine.line_now()
        proofs = [] if line is None else line.proofs.get(log, [])
        if not any(self._against(held.encoded) == liar for held in proofs):
            return f"{name} holds both stories of {liar.hex()} and no proof that verifies"
        return ""

    def _against(self, encoded: bytes) -> bytes:
        """Whom a proof accuses; empty when it proves nothing."""
        if encoded not in self._proven:
            try:
                self._proven[encoded] = proof.check(encoded).station
            except TielineError:
                self._proven[encoded] = b""
        return self._proven[encoded]

    def _honest(self) -> list[Machine]:
        return [machine for machine in self._machines if machine.ledger.honest]

    def _held(self, machine: Machine, log: bytes) -> list[bytes]:
        return machine.ledger.places.get((log, self.forks[log][1]), [])
