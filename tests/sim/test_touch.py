"""Who is in touch holds the same in time: what the check takes into account."""

from __future__ import annotations

import pytest

from tieline.sim import stepcheck, touchcheck
from tieline.sim.plan import draw
from tieline.sim.violation import Violation
from tieline.sim.world import World

# A second story is brought in the name of a station that has not got it, which so gets it late.
IN_ANOTHERS_NAME = 409
UNTIL_MS = 330_000


def play() -> None:
    world = World(draw(IN_ANOTHERS_NAME, 1.0))
    world.start()
    world.go_on(UNTIL_MS)
    assert world.checks.touch.demands > 0


def test_a_second_story_in_the_name_of_who_lacks_it_has_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play()
    monkeypatch.setattr(stepcheck, "TWO_STORIES_MS", touchcheck.WITHIN_MS)
    with pytest.raises(Violation, match="and was in touch with it"):
        play()
