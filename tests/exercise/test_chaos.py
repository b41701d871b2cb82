"""The visits of a clumsy visitor: drawn from a seed, in the order of time, made as planned."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from tests.exercise.plays import small

from tieline.exercise.chaos import Visit, haunt, plan

SCENARIO = small()


@given(st.integers(0, 20), st.integers(0, 10_000))
def test_a_plan_follows_from_its_seed(kills: int, seed: int) -> None:
    visits = plan(SCENARIO, kills, seed)
    assert visits == plan(SCENARIO, kills, seed)
    assert len(visits) == kills
    assert list(visits) == sorted(visits)
    for visit in visits:
        assert SCENARIO.start_ms - 1 <= visit.at_ms <= SCENARIO.end_ms
        assert visit.delay_s >= 0
        assert visit.parties
        assert set(visit.parties) <= set(SCENARIO.codes)


def test_over_many_seeds_every_kind_of_visit_is_made() -> None:
    visits = [visit for seed in range(60) for visit in plan(SCENARIO, 6, seed)]
    script = {event.at_ms for event in SCENARIO.events}
    assert any(visit.at_ms < SCENARIO.start_ms for visit in visits)
    assert any(visit.at_ms in script for visit in visits)
    assert any(visit.at_ms >= SCENARIO.start_ms and visit.at_ms not in script for visit in visits)
    assert any(len(visit.parties) == 2 for visit in visits)
    assert {party for visit in visits for party in visit.parties} == set(SCENARIO.codes)
    for seed in range(60):
        moments = [(visit.at_ms, visit.parties) for visit in plan(SCENARIO, 6, seed)]
        if len(set(moments)) < len(moments):
            return
    raise AssertionError("no station was ever visited twice in one moment")


def test_visits_are_made_when_their_time_has_come() -> None:
    made: list[tuple[str, int]] = []
    now = 0

    async def reached(at_ms: int) -> None:
        nonlocal now
        now = at_ms

    visits = (
        Visit(5, 0.0, ("ALPHA",)),
        Visit(9, 0.0, ("ALPHA", "BRAVO")),
        Visit(9, 0.001, ("BRAVO",)),
    )

    async def kill(code: str) -> None:
        made.append((code, now))

    asyncio.run(haunt(visits, reached, kill))
    assert made == [("ALPHA", 5), ("ALPHA", 9), ("BRAVO", 9), ("BRAVO", 9)]
