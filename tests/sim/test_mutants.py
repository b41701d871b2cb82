"""Every promise has a station that breaks it, and the simulator catches each within a few seeds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tieline.core import statement
from tieline.core.events import Event
from tieline.core.terms import Now
from tieline.node.runtime import Plan, Runtime
from tieline.sim.mutants import MUTANTS, in_force
from tieline.sim.network import FAIR
from tieline.sim.plan import calm, draw
from tieline.sim.world import World

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
SEEDS_MAX = 25
HOURS = 0.2
# Where it is known to show, so that the suite is quick; any other seed will do as well.
SHOWS = {
    "act-repeated": (5, 19),
    "any-line": (69, 18, 14),
    "any-realm": (7, 10),
    "confirm-by-anything": (24, 11, 13),
    "first-story-wins": (13, 6),
    "holds-without-end": (1,),
    "mark-ignored": (13,),
    "old-key-still-speaks": (12, 13),
    "no-signatures": (8, 7),
    "note-not-compared": (13,),
    "one-after-the-other": (2,),
    "proof-not-passed-on": (34,),
    "relay-believes-colluder": (4,),
    "silence-forgotten": (6,),
    "silent-fork": (13, 6),
    "sync-failure-ignored": (1,),
    "turn-in-pieces": (57,),
}
PROMISES = frozenset(range(1, 11))
PARTED = replace(
    calm(0, 360, 2), dialled=True, part_mean_ms=3_600_000, part_length_ms=7_200_000,
    send_mean_ms=3_600_000,
)  # fmt: skip
# Small worlds that are made for one mutant, so that any seed of them shows it.
AIMED = {
    "fork-cuts": replace(calm(0, 4), forker=True),
    "silence-unsaid": replace(calm(0, 20, 2), part_mean_ms=200_000, part_length_ms=900_000),
    "silence-forgotten": replace(
        calm(0, 120, 2),
        part_mean_ms=100_000,
        part_length_ms=3_600_000,
        crash_mean_ms=400_000,
        test_interval_s=420,
        send_mean_ms=300_000,
    ),
    "observer-speaks": replace(calm(0, 4), observer=True),
    "observer-owes": replace(calm(0, 12), observer=True, send_mean_ms=60_000),
    "attempts-forgotten": replace(calm(0, 2, 2), send_mean_ms=60_000),
    "never-again": replace(
        calm(0, 2, 2),
        weather=replace(FAIR, delay_max_ms=2_000, break_mean_ms=10_000),
        send_mean_ms=4_000,
    ),
    "backs-off-without-end": PARTED,
    "failures-told-once": PARTED,
    "beats-later": replace(calm(0, 240, 2), send_mean_ms=3_600_000),
    "tells-late": calm(0, 12, 2),
    "unknown-dropped": replace(calm(0, 2, 2), newer=True),
    "unknown-refused": replace(calm(0, 2, 2), newer=True),
    "drill-charter-taken": replace(calm(0, 3, 2), drill=True),
    "drill-cited": replace(calm(0, 3, 2), drill=True),
    "bundle-unsigned": replace(calm(0, 4, 2), forge_mean_ms=2_000),
    "answers-every-have": replace(calm(0, 3), pest=True),
    "holds-without-end": replace(calm(0, 3), pest=True),
    "one-after-the-other": replace(calm(0, 3), pest=True),
    "sync-failure-ignored": replace(calm(0, 4, 2), fail=20),
    "commits-unsynced": replace(calm(0, 4, 2), torn=True, crash_mean_ms=60_000),
    "log-unsettled": replace(
        calm(0, 4, 2), torn=True, fail=60, crash_mean_ms=60_000, down_ms=(500, 5_000)
    ),
    "turn-in-pieces": replace(
        calm(0, 2),
        torn=True,
        crash_in_turn=100,
        forker=True,
        down_ms=(5_000,),
        send_mean_ms=10_000,
    ),
    "one-witness-enough": replace(calm(0, 3, 2), witnesses=3),
    "witness-unchecked": replace(calm(0, 3, 2), witnesses=3),
}


def test_each_promise_has_a_mutant() -> None:
    assert frozenset().union(*(mutant.invariants for mutant in MUTANTS.values())) == PROMISES


def test_the_page_on_the_simulator_names_each_mutant_with_its_invariant() -> None:
    rows = [line.split("|") for line in PAGE.read_text("utf-8").splitlines() if "`" in line]
    for mutant in MUTANTS.values():
        named = [row[1].strip() for row in rows if len(row) > 2 and f"`{mutant.name}`" in row[2]]
        assert {str(number) for number in mutant.invariants} & set(named), mutant.name


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    found: list[str] = []
    with in_force(mutant):
        for seed in (*SHOWS.get(name, ()), *range(SEEDS_MAX)):
            aimed = AIMED.get(name)
            outcome = World(replace(aimed, seed=seed) if aimed else draw(seed, HOURS)).run()
            if outcome.invariant in mutant.invariants:
                return
            if outcome.invariant:
                found.append(f"seed {seed}: {outcome.text}")
    pytest.fail(f"{mutant.what}: nobody noticed in {SEEDS_MAX} seeds; but saw {found}")


def test_a_build_takes_hold_of_what_the_core_remembers_and_leaves_nothing_of_it() -> None:
    before = [statement.to_sign(realm, b"word") for realm in ("", "EX-1")]
    with in_force(MUTANTS["any-realm"]):
        assert statement.to_sign("EX-1", b"word") == statement.to_sign("EX-2", b"word") == before[0]
    assert [statement.to_sign(realm, b"word") for realm in ("", "EX-1")] == before
    assert statement.to_sign("EX-2", b"word") != before[0]


@pytest.mark.parametrize("name", sorted({plan: name for name, plan in AIMED.items()}.values()))
def test_without_its_mutant_an_aimed_world_is_in_order(name: str) -> None:
    outcome = World(AIMED[name]).run()
    assert not outcome.invariant, outcome.text


def test_mutants_leave_no_trace() -> None:
    for mutant in MUTANTS.values():
        before = [getattr(owner, name) for owner, name, _ in mutant.patches]
        with in_force(mutant):
            pass
        assert [getattr(owner, name) for owner, name, _ in mutant.patches] == before


class Turned:
    """The parts of a runtime, which say in which order they were asked."""

    station = None
    full = False

    def __init__(self) -> None:
        self.done: list[str] = []
        self._resumer = self
        self._started = True
        self._after: list[Event] = []

    def begin(self, events: list[Event], now: Now) -> Plan | None:
        return Runtime.begin(cast("Runtime", self), events, now)

    def decide(self, _events: list[Event], now: Now) -> Plan:
        return Plan(now)

    def _kept(self, _plan: Plan, commit: Callable[[], int]) -> bool:
        return bool(commit())

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: self.done.append(name)

    def commit(self, _plan: Plan | None = None) -> int:
        self.done.append("commit")
        return 1


@pytest.mark.parametrize("build", ["", "receipt-before-commit"])
def test_what_leaves_before_the_commit_does_so_wherever_the_commit_is_made(build: str) -> None:
    with in_force(MUTANTS[build]) if build else contextlib.nullcontext():
        loop, beside, now = Turned(), Turned(), Now(0, 0, 0)
        Runtime.turn(cast("Runtime", loop), [], now)
        plan = Runtime.begin(cast("Runtime", beside), [], now)
        assert plan is not None
        Runtime.end(cast("Runtime", beside), plan, beside.commit)
    wanted = ["perform", "commit"] if build else ["commit", "perform"]
    for done in (loop.done, beside.done):
        assert [each for each in done if each in wanted] == wanted
        assert done.count("publish") == 1
