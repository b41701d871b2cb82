"""Which obligations an answer shows, and how many there are beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from tieline.core.agreement.reason import Obligation, State
from tieline.node.view import Json

SHOWN: Final = 1_000  # unless fewer are asked for
WEEK_MS: Final = 7 * 86_400_000
_RUNNING: Final = frozenset({State.OPEN, State.OVERDUE})


class Choice(NamedTuple):
    """What somebody who asks has chosen."""

    open_only: bool
    limit: int
    sides: bool

    def of(
        self, found: Sequence[Obligation], own: str, now_ms: int
    ) -> tuple[list[Obligation], dict[str, Json]]:
        """At most ``limit`` of what was found, and how many are left out.

        What is due first, of what is open (``found`` is in that order); else what is newest. With
        ``sides`` so many of what ``own`` owes, then so many of what the others owe, and how many of
        our own run out within a week.
        """
        if not self.sides:
            some = self._some(found)
            return some, {"left_out": len(found) - len(some)}
        ours = [one for one in found if one.debtor == own]
        some = self._some(ours) + self._some([one for one in found if one.debtor != own])
        week_ms = now_ms + WEEK_MS
        return some, {
            "left_out": len(found) - len(some),
            "week": sum(_until(one, week_ms) for one in ours),
        }

    def _some(self, found: Sequence[Obligation]) -> list[Obligation]:
        return [*(found[: self.limit] if self.open_only else found[-self.limit or len(found) :])]


def _until(one: Obligation, ms: int) -> bool:
    latest = one.due.latest
    return one.state in _RUNNING and latest is not None and latest < ms
