"""Which alarms ring by themselves when many have cause to: a flood of alarms is none.

Each alarm about an obligation of others also puts a silence on the record, so this bounds that too.
What has cause waits in a *purse*: by the party whose statements give cause, the one that owes, the
party that opened the incident it is of, and its precedence. A purse rings 20 at once and one more
each minute, so a flood delays what is in its own purse and nothing else.

Nothing that waits is forgotten: it rings when its turn comes, unless it was met meanwhile. Turns go
to the first due and to the last due in alternation. The first due is what is owed longest; the last
due is what has just come, which no flood of older dates can keep waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from tieline.core.terms import Precedence

AT_ONCE: Final = 20
EACH_MS: Final = 60_000  # after which one more may ring
GROWN: Final = 2  # so many times more wait than were told of: that is told again
CALM_MS: Final = 3_600_000  # after so long without any that waits, the next ones are told anew

T = TypeVar("T")


class Purse(NamedTuple):
    """What shares one allowance. ``author``: whose statements give cause ("": the calendar)."""

    author: str
    debtor: str
    opener: str
    precedence: Precedence


@dataclass(slots=True)
class _Left:
    ms: int
    at_ms: int
    last: bool = False  # whether the last due has the next turn


@dataclass(slots=True)
class _Told:
    count: int
    at_ms: int


@dataclass(slots=True)
class Ringing:
    """For one line: what may ring now, and what is to be told of the rest."""

    _purses: dict[Purse, _Left] = field(default_factory=dict)
    _told: dict[str, _Told] = field(default_factory=dict)

    def draw(self, purse: Purse, waiting: Sequence[T], now_ms: int) -> list[T]:
        """Which of those that wait ring now. ``waiting``: the first due first."""
        left = self._purses.setdefault(purse, _Left(AT_ONCE * EACH_MS, now_ms))
        left.ms = min(AT_ONCE * EACH_MS, left.ms + max(0, now_ms - left.at_ms))
        left.at_ms = now_ms
        rest, out = deque(waiting), []
        while rest and left.ms >= EACH_MS:
            left.ms -= EACH_MS
            out.append(rest.pop() if left.last else rest.popleft())
            left.last = not left.last
        return out

    def again_ms(self, purses: Iterable[Purse]) -> int | None:
        """When the next one of these purses may ring, by the clock of ``draw``."""
        found = (self._purses.get(purse) for purse in purses)
        return min((one.at_ms + EACH_MS - one.ms for one in found if one is not None), default=None)

    def news(self, waiting: Mapping[str, int], now_ms: int) -> dict[str, int]:
        """By whose cause how many wait, where that is to be told now; it is then told.

        It is told when any wait, and again when they have doubled; anew after an hour without any.
        """
        for party, told in list(self._told.items()):
            if waiting.get(party):
                told.at_ms = now_ms
            elif not 0 <= now_ms - told.at_ms < CALM_MS:
                del self._told[party]
        out: dict[str, int] = {}
        for party, count in sorted(waiting.items()):
            known = self._told.get(party)
            if count and (known is None or count >= GROWN * known.count):
                out[party] = count
                self._told[party] = _Told(count, now_ms)
        return out
