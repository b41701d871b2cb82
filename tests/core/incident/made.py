"""Statements made for tests: parties with stations, each with a log, that read or do not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import Answer, Code, Instant, PartyCode
from tieline.core.incident.entry import Asked, Entry, Part, Placed, Said, Stated
from tieline.core.terms import Kind, RefRole, Role

T = 1_700_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
Refs = Iterable[tuple[RefRole, bytes]]


def digest(*name: object) -> bytes:
    return hashlib.sha256(repr(name).encode()).digest()


def part(path: str, answer: Answer, sense: Sense = Sense.NONE) -> Part:
    return Part(path, answer, sense)


def at(means: Means, ms: int, spread_s: int = 0) -> dict[Means, Part]:
    return {means: part(means.value, Instant(ms // 1000, spread_s))}


def stance(sense: Sense) -> dict[Means, Part]:
    return {Means.STANCE: part("stance", Code(1, sense.value), sense)}


def asked_of(party: str) -> dict[Means, Part]:
    return {Means.ASKED: part("asked", PartyCode(party))}


def states(aspect: Means, answer: Answer, **rest: object) -> Stated:
    return Stated(aspect=aspect, value=part(f"{aspect.value}.is", answer), **rest)  # type: ignore[arg-type]


def about(*aspects: Sense) -> tuple[Asked, ...]:
    return tuple(Asked(part("about", Code(1, one.value), one), "") for one in aspects)


def said(
    act: Act,
    *stated: Stated,
    answers: dict[Means, Part] | None = None,
    asked: tuple[Asked, ...] = (),
    pack: str = "incident",
    form: str = "",
) -> Said:
    return Said(
        pack=pack, form=form or act.value, act=act, stated=stated, asked=asked,
        answers=answers or {},
    )  # fmt: skip


@dataclass
class Post:
    """One station: its log, and how far it has read the others."""

    party: str
    name: str
    world: World
    size: int = 0
    read: dict[bytes, int] = field(default_factory=dict)
    top: tuple[int, int] = (0, 0)  # of the keys of all that it has read or written
    upto: int = 0  # of the world's entries, when it reads all

    @property
    def station(self) -> bytes:
        return digest("station", self.party, self.name)[:8]

    @property
    def log(self) -> bytes:
        return digest("log", self.party, self.name)[:8]

    def reads(self, *entries: Entry) -> None:
        """Read some statements, and all that had been read by whoever wrote them."""
        for entry in entries:
            self.top = max(self.top, entry.key[:2])
            for log, size in (*self.world.seen[entry.digest].items(),
                              (entry.log, entry.position + 1)):  # fmt: skip
                if log != self.log:
                    self.read[log] = max(size, self.read.get(log, 0))

    def reads_all(self) -> None:
        self.reads(*self.world.entries[self.upto :])
        self.upto = len(self.world.entries)

    def says(
        self,
        what: Said | None = None,
        refs: Refs = (),
        *,
        time_ms: int | None = None,
        kind: Kind = Kind.MESSAGE,
        to: tuple[str, ...] = (),
        story: bool = False,
        **rest: object,
    ) -> Entry:
        world = self.world
        world.now_ms += MINUTE
        claimed = world.now_ms if time_ms is None else time_ms
        mine = digest(self.party, self.name, self.size, story, len(world.entries))
        seen = dict(self.read)
        if self.size:
            seen[self.log] = self.size
        latest, depth = self.top[0], 1 + self.top[1]
        key = (max(latest, claimed), depth if latest >= claimed else 0, claimed, self.station,
               self.log, self.size, mine)  # fmt: skip
        entry = Entry(
            digest=mine, log=self.log, position=self.size, station=self.station,
            party=self.party, to=to or tuple(one for one in world.parties if one != self.party),
            kind=kind, time_ms=claimed, key=key, role=Role.WATCH_OFFICER, refs=tuple(refs),
            said=what, story=story, **rest,  # type: ignore[arg-type]
        )  # fmt: skip
        world.seen[mine] = seen
        world.entries.append(entry)
        self.size += 1
        self.top = max(self.top, key[:2])
        return entry


class World:
    """All that was said, and who had read what: the ``Knowing`` of these tests."""

    def __init__(self, *parties: str) -> None:
        self.parties = parties or ("ALPHA", "BRAVO", "CHARLIE")
        self.posts: dict[tuple[str, str], Post] = {}
        self.entries: list[Entry] = []
        self.seen: dict[bytes, dict[bytes, int]] = {}
        self.arrived: dict[tuple[bytes, str], int] = {}
        self.now_ms = T

    def post(self, party: str, name: str = "one") -> Post:
        return self.posts.setdefault((party, name), Post(party, name, self))

    def say(self, party: str, what: Said | None = None, refs: Refs = (), **rest: object) -> Entry:
        """A party's first station speaks, having read everything."""
        post = self.post(party)
        post.reads_all()
        return post.says(what, refs, **rest)  # type: ignore[arg-type]

    # ----------------------------------------------------------------------------- Knowing

    def saw(self, later: Placed, earlier: Placed) -> bool:
        return self.seen[later.digest].get(earlier.log, 0) > earlier.position

    def arrived_ms(self, entry: Entry, party: str) -> int | None:
        return self.arrived.get((entry.digest, party))

    def read_at(self, log: bytes, entry: Entry) -> tuple[int, int] | None:
        mine = (one for one in self.entries if one.log == log and self.saw(one, entry))
        return min(((one.position, one.time_ms) for one in mine), default=None)


def ref(*entries: Entry, role: RefRole = RefRole.CONCERNS) -> tuple[tuple[RefRole, bytes], ...]:
    return tuple((role, entry.digest) for entry in entries)


def orders(entries: list[Entry], world: World, choose: Iterator[int]) -> list[Entry]:
    """An order in which causes come before effects: which of the possible ones, ``choose`` says."""
    left = list(entries)
    out: list[Entry] = []
    while left:
        free = [
            one for one in left
            if not any(world.saw(one, other) for other in left if other is not one)
        ]  # fmt: skip
        one = free[next(choose) % len(free)]
        left.remove(one)
        out.append(one)
    return out
