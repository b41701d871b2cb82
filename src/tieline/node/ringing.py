"""How many alarms what one party says may raise: a flood of alarms is none.

Each alarm about an obligation of others also puts a silence on the record, so this bounds that too.
Counted is by the party whose statements give cause: one that floods drowns its own, nobody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

AT_ONCE: Final = 20
EACH_MS: Final = 60_000  # after which one more may ring
TOLD_MS: Final = 3_600_000  # between two words about how many did not
_REMEMBERED: Final = 4_096

Cause = tuple[str, bytes, str, int]


@dataclass(slots=True)
class _Purse:
    left_ms: int
    at_ms: int
    let: set[Cause] = field(default_factory=set)
    kept: int = 0  # did not ring, since that was last told
    told_ms: int | None = None


class Ringing:
    """For one station: by line and party, what may ring by itself."""

    def __init__(self) -> None:
        self._purses: dict[bytes, dict[str, _Purse]] = {}

    def lets(self, line: bytes, party: str, cause: Cause, now_ms: int) -> bool:
        """Whether this one may ring. One that was let may ask again: it may not have been kept."""
        purses = self._purses.setdefault(line, {})
        purse = purses.setdefault(party, _Purse(AT_ONCE * EACH_MS, now_ms))
        if cause in purse.let:
            return True
        purse.left_ms = min(AT_ONCE * EACH_MS, purse.left_ms + max(0, now_ms - purse.at_ms))
        purse.at_ms = now_ms
        if purse.left_ms < EACH_MS:
            purse.kept += 1
            return False
        purse.left_ms -= EACH_MS
        if len(purse.let) >= _REMEMBERED:
            purse.let.clear()
        purse.let.add(cause)
        return True

    def kept(self, line: bytes, now_ms: int) -> list[tuple[str, int]]:
        """By whom how many did not ring, where that is to be told now; it is then told."""
        out: list[tuple[str, int]] = []
        for party, purse in sorted(self._purses.get(line, {}).items()):
            lately = purse.told_ms is not None and 0 <= now_ms - purse.told_ms < TOLD_MS
            if purse.kept and not lately:
                out.append((party, purse.kept))
                purse.kept, purse.told_ms = 0, now_ms
        return out
