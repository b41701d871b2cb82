"""The simulated roads between stations.

Two kinds of road, because the real ones fail in two ways:

* ``direct`` behaves as TLS over TCP does: bytes arrive once, whole and in order, or the session
  breaks and everything under way is gone. A cut is not noticed at once: until the keep-alive gives
  up, what is sent into it vanishes (a half-open session).
* ``loose`` behaves as mail, relays and radio do: each envelope may be lost, doubled, delayed on
  its own and so overtake others.

A session of either kind connects, breaks for no reason, and connects again. While two stations are
parted nothing passes on any road. The network knows stations by number, and envelopes as bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from tieline.carriers.dial import UNANSWERED
from tieline.sim.dialling import REFUSED, Dialling
from tieline.sim.schedule import Schedule, below

DIRECT = "direct"
LOOSE = "loose"
KEEP_ALIVE_MS = 8_000
RETRY_MAX_MS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the roads are. Probabilities are per envelope, in thousandths."""

    delay_min_ms: int
    delay_max_ms: int
    loss: int
    double: int
    stray: int  # takes a detour of up to a minute
    break_mean_ms: int  # mean life of a session; 0: sessions do not break by themselves


FAIR = Weather(delay_min_ms=5, delay_max_ms=60, loss=0, double=0, stray=0, break_mean_ms=0)


class Ear(Protocol):
    """What the network tells the world about a station's sessions."""

    def connected(self, me: int, peer: int, carrier: str) -> None: ...

    def heard(self, me: int, peer: int, carrier: str, envelope: bytes) -> None: ...

    def lost(self, me: int, peer: int, carrier: str, cause: str) -> None: ...

    def failed(self, me: int, peer: int, carrier: str, cause: str) -> None: ...


@dataclass(slots=True)
class Session:
    """One life of one road between two stations; ``up`` says who still believes in it."""

    number: int
    began_ms: int
    up: dict[int, bool]
    arrival_ms: dict[int, int]
    spoke_ms: dict[int, int]  # when each side has sent something last
    dead: bool = False


class Network:
    """All roads of one world."""

    def __init__(self, schedule: Schedule, count: int, ear: Ear, weather: Weather) -> None:
        self._schedule = schedule
        self._random: random.Random = schedule.stream("network")
        self._ear = ear
        self._count = count
        self.weather = weather
        self._alive = [False] * count
        self._groups = [0] * count
        self._severed: frozenset[tuple[int, int]] = frozenset()
        self._sessions: dict[tuple[int, int, str], Session] = {}
        self._numbers = 0
        self.changes = 0  # how often ``steady`` may have become another
        self._carriers: dict[tuple[int, int], tuple[str, ...]] = {}
        self._retry: dict[tuple[int, int, str], int] = {}
        self.dialling: Dialling | None = None  # where it is not by a pace of our own
        self.tamper: Callable[[int, int, bytes], bytes] | None = None
        self.wiretap: Callable[[int, int, bytes], None] | None = None

    def pave(self, a: int, b: int, carriers: tuple[str, ...]) -> None:
        """Lay roads between two stations and begin to connect them."""
        pair = (min(a, b), max(a, b))
        self._changed()
        self._carriers[pair] = carriers
        for carrier in carriers:
            self._dial_later((*pair, carrier))

    def by_pace_of_the_product(self) -> None:
        """Let direct roads be dialled as stations dial them."""
        self.dialling = Dialling(self._schedule, self._attempt, self._ear.failed)

    def start(self, station: int) -> None:
        """The station's process listens again."""
        self._alive[station] = True
        if self.dialling is not None:
            for pair, carriers in self._carriers.items():
                if station in pair and DIRECT in carriers:
                    self.dialling.begin((*pair, DIRECT), station)

    def stop(self, station: int) -> None:
        """The station's process is gone; its sessions die, and its peers learn of it."""
        self._alive[station] = False
        if self.dialling is not None:
            self.dialling.stop(station)
        for road, session in list(self._sessions.items()):
            if station in session.up and not session.dead:
                session.up[station] = False
                self._kill(road, session, "the peer closed the session", fast=True)

    def part(self, groups: list[int]) -> None:
        """Only stations of one group reach each other from now on."""
        self._groups = [*groups, *[0] * (self._count - len(groups))]
        self._end_parted()

    def sever(self, pairs: Iterable[tuple[int, int]]) -> None:
        """From now on the two of each of these pairs, and of no others, do not reach each other."""
        self._severed = frozenset((min(pair), max(pair)) for pair in pairs)
        self._end_parted()

    def tear_up(self, a: int, b: int) -> None:
        """Take the roads between two stations away for good."""
        pair = (min(a, b), max(a, b))
        self._changed()
        for carrier in self._carriers.pop(pair, ()):
            session = self._sessions.get((*pair, carrier))
            if session is not None and not session.dead:
                self._kill((*pair, carrier), session, "the road is gone", fast=True)

    def steady(self) -> list[tuple[int, int, int]]:
        """The pairs whose first road loses nothing and is up: both numbers and the session's."""
        out: list[tuple[int, int, int]] = []
        for (a, b), carriers in self._carriers.items():
            session = self._sessions.get((a, b, DIRECT))
            if carriers[0] == DIRECT and session is not None and not session.dead:
                out.append((a, b, session.number))
        return out

    def steady_since(self, a: int, b: int) -> int | None:
        """Since when the first road of a pair, which loses nothing, is up; None: it is not."""
        pair = (a, b) if a < b else (b, a)
        session = self._sessions.get((*pair, DIRECT))
        if session is None or session.dead or self._carriers.get(pair, ("",))[0] != DIRECT:
            return None
        return session.began_ms

    def spoke_ms(self, a: int, b: int) -> dict[int, int]:
        """When each of the two has last sent something in their session on the direct road."""
        return self._sessions[min(a, b), max(a, b), DIRECT].spoke_ms

    def _changed(self) -> None:
        self.changes += 1
        self._schedule.moves += 1

    def _end_parted(self) -> None:
        for road, session in list(self._sessions.items()):
            if not session.dead and not self._joined(road[0], road[1]):
                self._kill(road, session, "no sign of life within 8 s", fast=False)

    def joined(self, a: int, b: int) -> bool:
        """Whether the two can reach each other now."""
        return self._joined(a, b)

    def _joined(self, a: int, b: int) -> bool:
        severed = (min(a, b), max(a, b)) in self._severed
        return not severed and self._groups[a] == self._groups[b]

    # ------------------------------------------------------------------------ sessions

    def _dial_later(self, road: tuple[int, int, str]) -> None:
        if self.dialling is not None and road[2] == DIRECT:
            for me in road[:2]:
                if self._alive[me] and not self._believes(road, me):
                    self.dialling.begin(road, me)
            return
        wait = min(self._retry.get(road, 250) * 2, RETRY_MAX_MS)
        self._retry[road] = wait
        self._schedule.after(self._random.randint(wait // 2, wait), lambda: self._dial(road))

    def _dial(self, road: tuple[int, int, str]) -> None:
        a, b, carrier = road
        session = self._sessions.get(road)
        gone = (a, b) not in self._carriers
        if gone or (session is not None and not session.dead):
            return
        if session is not None and any(session.up.values()):
            self._dial_later(road)  # one side has not yet noticed that the old one is dead
            return
        if not (self._alive[a] and self._alive[b] and self._joined(a, b)):
            if self._alive[a]:
                self._ear.failed(a, b, carrier, "no answer")
            self._dial_later(road)
            return
        self._connect(road)

    def _believes(self, road: tuple[int, int, str], me: int) -> bool:
        session = self._sessions.get(road)
        return session is not None and session.up[me]

    def _attempt(self, road: tuple[int, int, str], me: int) -> str | None:
        """One side tries; why it failed, None if it need not."""
        a, b, _ = road
        if (a, b) not in self._carriers or self._believes(road, me):
            return None
        peer = a + b - me
        if not self._joined(a, b):
            return UNANSWERED
        if not self._alive[peer]:
            return REFUSED
        if self._believes(road, peer):
            return UNANSWERED  # it has not yet noticed that the old one is dead
        self._connect(road)
        return None

    def _connect(self, road: tuple[int, int, str]) -> None:
        a, b, carrier = road
        self._numbers += 1
        self._changed()
        now = self._schedule.now_ms
        if self.dialling is not None and carrier == DIRECT:
            self.dialling.up(road)
        session = Session(
            self._numbers, now, {a: True, b: True}, {a: now, b: now}, {a: now, b: now}
        )
        self._sessions[road] = session
        self._retry[road] = 250
        if self.weather.break_mean_ms:
            life = int(self._random.expovariate(1 / self.weather.break_mean_ms)) + 1
            found = session
            self._schedule.after(life, lambda: self._break(road, found))
        self._ear.connected(a, b, carrier)
        if session.up[b] and self._alive[b]:
            self._ear.connected(b, a, carrier)

    def _break(self, road: tuple[int, int, str], session: Session) -> None:
        if not session.dead:
            self._kill(road, session, "connection reset", fast=True)

    def _kill(
        self, road: tuple[int, int, str], session: Session, cause: str, *, fast: bool
    ) -> None:
        """From now on nothing arrives; each side learns of it in its own time."""
        session.dead = True
        self._changed()
        a, b, carrier = road
        for me, peer in ((a, b), (b, a)):
            delay = self._random.randint(1, 200 if fast else KEEP_ALIVE_MS)
            self._schedule.after(delay, partial(self._notice, road, session, me, peer, cause))
        self._schedule.after(KEEP_ALIVE_MS + 1, lambda: self._dial_later(road))
        self._schedule.note("broken", a, b, carrier, cause)

    def _notice(
        self, road: tuple[int, int, str], session: Session, me: int, peer: int, cause: str
    ) -> None:
        if session.up[me]:
            session.up[me] = False
            if self._alive[me]:
                self._ear.lost(me, peer, road[2], cause)
                if self.dialling is not None and road[2] == DIRECT:
                    lived_ms = self._schedule.now_ms - session.began_ms
                    self.dialling.ended(road, me, lived_ms)

    # ------------------------------------------------------------------------ envelopes

    def send(self, me: int, peer: int, envelope: bytes) -> str:
        """Take an envelope for a peer; the road taken, or empty when there is none to take it."""
        pair = (min(me, peer), max(me, peer))
        for carrier in self._carriers.get(pair, ()):
            session = self._sessions.get((*pair, carrier))
            if session is not None and session.up[me]:
                self._carry((*pair, carrier), session, me, peer, envelope)
                return carrier
        return ""

    def _carry(
        self, road: tuple[int, int, str], session: Session, me: int, peer: int, envelope: bytes
    ) -> None:
        if self.wiretap is not None:
            self.wiretap(me, peer, envelope)
        if session.dead:
            return  # half open: the bytes vanish
        if road[2] == DIRECT:
            session.spoke_ms[me] = self._schedule.now_ms
            delay = self._delay()
            arrival = max(session.arrival_ms[peer], self._schedule.now_ms + delay)
            session.arrival_ms[peer] = arrival
            self._schedule.at(arrival, lambda: self._arrive(road, session, me, peer, envelope))
            return
        if self._chance(self.weather.loss):
            self._schedule.count("lost")
            return
        twice = self._chance(self.weather.double)
        if twice:
            self._schedule.count("doubled")
        for _ in range(2 if twice else 1):
            delay = self._delay()
            if self._chance(self.weather.stray):
                self._schedule.count("strayed")
                delay += self._random.randint(0, 60_000)
            self._schedule.after(delay, lambda: self._arrive(road, session, me, peer, envelope))

    def _arrive(
        self, road: tuple[int, int, str], session: Session, me: int, peer: int, envelope: bytes
    ) -> None:
        if road[2] == DIRECT:
            if session.dead:
                return
        else:
            # A stray envelope may arrive within a later session, as mail does.
            session = self._sessions[road]
        if not (self._alive[peer] and session.up[peer] and self._joined(me, peer)):
            return
        if self.tamper is not None:
            envelope = self.tamper(me, peer, envelope)
        self._ear.heard(peer, me, road[2], envelope)

    def _delay(self) -> int:
        least = self.weather.delay_min_ms
        return least + below(self._random, self.weather.delay_max_ms - least + 1)

    def _chance(self, thousandths: int) -> bool:
        return thousandths > 0 and below(self._random, 1000) < thousandths
