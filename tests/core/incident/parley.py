"""Stations that negotiate a joint statement, apart from each other, in any order, also as liars."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.core.incident.made import digest, said

from tieline.core.agreement.meaning import Act
from tieline.core.incident.entry import Entry, Placed, Said
from tieline.core.incident.signing import Chain
from tieline.core.incident.weighing import chains
from tieline.core.terms import Kind, RefRole

Sizes = dict[bytes, int]  # of logs by their ids: how much of each


@dataclass
class Desk:
    """One station: what it holds, and what its log says that it had read."""

    party: str
    log: bytes
    holds: Sizes = field(default_factory=dict)
    claims: Sizes = field(default_factory=dict)
    rank: tuple[int, int] = (0, 0)


class Parley:
    """All that was said. Each reader sees a part of it that holds the causes of what it holds."""

    def __init__(self, stations: dict[str, int]) -> None:
        self.parties = tuple(sorted(stations))
        self.desks = [
            Desk(party, digest("log", party, number)[:8])
            for party in self.parties
            for number in range(stations[party])
        ]
        self.logs: dict[bytes, list[Entry]] = {desk.log: [] for desk in self.desks}
        self.seen: dict[bytes, Sizes] = {}
        self.entries: list[Entry] = []

    def part(self, holds: Sizes) -> Part:
        return Part(self, holds)

    def whole(self) -> Part:
        return Part(self, {log: len(held) for log, held in self.logs.items()})

    def texts(self, desk: Desk) -> list[Entry]:
        held = (one for log, size in desk.holds.items() for one in self.logs[log][:size])
        return sorted((one for one in held if one.kind is Kind.JOINT), key=lambda one: one.key)

    def read(self, desk: Desk, holds: Sizes, *, openly: bool = True) -> None:
        for log, size in holds.items():
            desk.holds[log] = max(size, desk.holds.get(log, 0))
        if openly:
            self.admit(desk)

    def admit(self, desk: Desk) -> None:
        """Say from now on that everything held was read."""
        desk.claims |= {log: size for log, size in desk.holds.items() if log != desk.log}

    def causes(self, entry: Entry) -> Sizes:
        """A statement with all that it builds on, through whoever wrote it."""
        out: Sizes = {}
        todo = [(entry.log, entry.position + 1)]
        while todo:
            log, size = todo.pop()
            before = out.get(log, 0)
            if size <= before:
                continue
            out[log] = size
            for one in self.logs[log][before:size]:
                todo.extend(self.seen[one.digest].items())
        return out

    def say(
        self,
        desk: Desk,
        kind: Kind = Kind.MESSAGE,
        refs: tuple[tuple[RefRole, bytes], ...] = (),
        what: Said | None = None,
        time_ms: int = 1_000,
        **rest: object,
    ) -> Entry:
        position = len(self.logs[desk.log])
        name = digest(desk.log, position, len(self.entries))
        known = [self.logs[log][size - 1] for log, size in desk.claims.items() if size]
        known += self.logs[desk.log][-1:]
        top = max((one.key[:2] for one in known), default=(0, -1))
        key = (max(top[0], time_ms), top[1] + 1 if top[0] >= time_ms else 0, time_ms,
               desk.log, desk.log, position, name)  # fmt: skip
        entry = Entry(
            digest=name, log=desk.log, position=position, station=desk.log, party=desk.party, to=(),
            kind=kind, time_ms=time_ms, key=key, refs=refs, said=what, **rest,  # type: ignore[arg-type]
        )  # fmt: skip
        self.seen[name] = {**desk.claims, desk.log: position}
        self.logs[desk.log].append(entry)
        self.entries.append(entry)
        desk.holds[desk.log] = position + 1
        return entry

    # ------------------------------------------------------------------------------ the acts

    def propose(self, desk: Desk, old: Entry | None = None, **rest: object) -> Entry:
        refs = () if old is None else ((RefRole.PREDECESSOR, old.digest),)
        rest.setdefault("parties", self.parties)
        return self.say(desk, Kind.JOINT, refs, **rest)  # type: ignore[arg-type]

    def sign(self, desk: Desk, text: Entry, **rest: object) -> Entry:
        return self.say(desk, Kind.ASSENT, ((RefRole.ANSWERS, text.digest),), **rest)  # type: ignore[arg-type]

    def decline(self, desk: Desk, text: Entry) -> Entry:
        return self.say(desk, refs=((RefRole.ANSWERS, text.digest),), what=said(Act.DECLINE))

    def withdraw(self, desk: Desk, text: Entry) -> Entry:
        return self.say(desk, refs=((RefRole.CONCERNS, text.digest),), what=said(Act.WITHDRAW))


@dataclass
class Part:
    """What one reader holds, and the ``Knowing`` of it."""

    parley: Parley
    holds: Sizes
    arrived: dict[tuple[bytes, str], int] = field(default_factory=dict)

    def chains(self) -> tuple[Chain, ...]:
        logs = self.parley.logs
        held = [one for log, size in self.holds.items() for one in logs[log][:size]]
        return chains(held, self)

    def binding(self) -> set[bytes]:
        found = (chain.binding for chain in self.chains())
        return {version.digest for version in found if version is not None}

    def saw(self, later: Placed, earlier: Placed) -> bool:
        return self.parley.seen[later.digest].get(earlier.log, 0) > earlier.position

    def arrived_ms(self, entry: Entry, party: str) -> int | None:
        return self.arrived.get((entry.digest, party))

    def read_at(self, log: bytes, entry: Entry) -> tuple[int, int] | None:
        held = self.parley.logs[log][: self.holds.get(log, 0)]
        mine = (one for one in held if self.saw(one, entry))
        return next(((one.position, one.time_ms) for one in mine), None)
