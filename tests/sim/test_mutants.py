"""Every promise has a station that breaks it, and the simulator catches each within a few seeds."""

from __future__ import annotations

import pytest

from tieline.sim.mutants import MUTANTS, in_force
from tieline.sim.plan import draw
from tieline.sim.world import World

SEEDS_MAX = 25
HOURS = 0.2
# Where it is known to show, so that the suite is quick; any other seed will do as well.
SHOWS = {
    "act-repeated": (2, 1),
    "any-line": (69, 18, 14),
    "any-realm": (7, 10),
    "confirm-by-anything": (24, 11, 13),
    "first-story-wins": (13, 6),
    "mark-ignored": (1, 0),
    "never-again": (40,),
    "old-key-still-speaks": (12, 13),
    "no-signatures": (8, 7),
    "note-not-compared": (13,),
    "one-witness-enough": (2, 0),
    "proof-not-passed-on": (34,),
    "relay-believes-colluder": (4, 57),
    "silent-fork": (13, 6),
    "witness-unchecked": (2, 0),
}
PROMISES = frozenset({1, 2, 3, 4, 5, 6, 10})


def test_each_promise_has_a_mutant() -> None:
    assert frozenset().union(*(mutant.invariants for mutant in MUTANTS.values())) == PROMISES


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    found: list[str] = []
    with in_force(mutant):
        for seed in (*SHOWS.get(name, ()), *range(SEEDS_MAX)):
            outcome = World(draw(seed, HOURS)).run()
            if outcome.invariant in mutant.invariants:
                return
            if outcome.invariant:
                found.append(f"seed {seed}: {outcome.text}")
    pytest.fail(f"{mutant.what}: nobody noticed in {SEEDS_MAX} seeds; but saw {found}")


def test_mutants_leave_no_trace() -> None:
    for mutant in MUTANTS.values():
        before = [getattr(owner, name) for owner, name, _ in mutant.patches]
        with in_force(mutant):
            pass
        assert [getattr(owner, name) for owner, name, _ in mutant.patches] == before
