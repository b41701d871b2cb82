"""Which obligations an answer shows: all alike, or so many of each side."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tieline.core.agreement.reason import State
from tieline.node.owedlist import WEEK_MS, Choice


def owed(debtor: str, latest: int | None, state: State = State.OPEN) -> Any:
    return SimpleNamespace(debtor=debtor, state=state, due=SimpleNamespace(latest=latest))


THEIRS = [owed("BRAVO", at) for at in range(6)]
OURS = [owed("ALPHA", WEEK_MS - 1), owed("ALPHA", WEEK_MS), owed("ALPHA", None),
        owed("ALPHA", 1, State.OVERDUE), owed("ALPHA", 1, State.SUSPENDED)]  # fmt: skip


@pytest.mark.parametrize("open_only", [True, False])
def test_without_sides_it_is_the_first_or_the_newest_of_all(open_only: bool) -> None:
    found = [*THEIRS, *OURS]
    some, counts = Choice(open_only, 4, sides=False).of(found, "ALPHA", 0)
    assert some == (found[:4] if open_only else found[-4:])
    assert counts == {"left_out": 7}
    assert Choice(open_only, 0, sides=False).of(found, "ALPHA", 0)[0] == []


def test_with_sides_a_flood_of_theirs_hides_nothing_of_ours() -> None:
    found = [*THEIRS * 50, *OURS]
    some, counts = Choice(open_only=True, limit=4, sides=True).of(found, "ALPHA", 0)
    assert some == [*OURS[:4], *THEIRS[:4]]
    # Of ours, what runs out within a week: what is suspended or has no end does not.
    assert counts == {"left_out": 297, "week": 2}
