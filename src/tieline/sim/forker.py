"""A dishonest station with its real key: it tells different parties different things.

Its machine runs the real software, and beside it the forker signs second statements under numbers
that are used, or about to be used, continues such a branch, or keeps one back for later. It chooses
who hears which story.
"""

from __future__ import annotations

import random

from tieline.core import statement as statements
from tieline.core import sync
from tieline.core.statement import Body, Content, Place, Statement
from tieline.core.sync import Push
from tieline.core.terms import Kind
from tieline.sim.machine import Machine


class Forker:
    """Signs second stories for the station on ``machine``."""

    def __init__(self, chance: random.Random, machine: Machine, realm: str) -> None:
        self._chance = chance
        self._realm = realm
        self.machine = machine
        self._branch: list[Statement] = []
        self._kept_back: list[Statement] = []

    def tell(self) -> bytes | None:
        """An envelope with a second story; None when this time there is none to tell."""
        line = self.machine.line_now()
        if line is None:
            return None
        log = line.record.logs.get(line.own_log)
        if log is None:
            return None
        if self._kept_back and self._chance.random() < 0.4:
            return self._push(self._kept_back.pop())
        position = self._chance.randint(max(1, log.size - 4), log.size)
        previous = log.items[position - 1].statement.digest
        incarnation = line.incarnation
        seen = log.items[position].statement.place.seen if position < log.size else ()
        if self._branch and self._chance.random() < 0.4:
            last = self._branch[-1]
            position, previous, seen = last.place.position + 1, last.digest, ()
            incarnation = last.place.incarnation  # also of a log that the machine has left
        place = Place(
            line=line.id,
            station=line.own,
            incarnation=incarnation,
            position=position,
            previous=previous,
            seen=seen,
            time_ms=self.machine.clock.now().wall_ms,
            charter=line.latest(),
        )
        story = self._sign(place)
        self._branch.append(story)
        if self._chance.random() < 0.2:
            self._kept_back.append(story)
            return None
        return self._push(story)

    def victims(self, peers: list[int]) -> list[int]:
        """Who hears it."""
        return sorted(self._chance.sample(peers, self._chance.randint(1, len(peers))))

    def _sign(self, place: Place) -> Statement:
        content = Content(
            kind=Kind.MESSAGE,
            body=Body(text=f"another story {self._chance.randrange(10_000)}", lang="en"),
        )
        payload = statements.compose(place, content)
        signature = self.machine.signer.sign(statements.to_sign(self._realm, payload))
        return statements.seal(self._realm, payload, signature)

    def _push(self, story: Statement) -> bytes:
        return sync.pack(Push(story.place.line, (story.raw,)))
