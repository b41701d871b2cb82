"""Liars that work together, in the simulator: that they do lie, and what comes of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tieline.core import sync
from tieline.core.sync import Receipts
from tieline.sim.colluders import Colluders
from tieline.sim.forger import Forger, Loot
from tieline.sim.network import FAIR
from tieline.sim.plan import Plan, draw
from tieline.sim.world import World

SEED = 4  # two that collude, a path between two honest ones only, four witnesses


def plain(**changes: object) -> Plan:
    """A plan in which the liars are all that goes wrong."""
    plan = replace(
        draw(SEED, 0.15),
        loose=False,
        weather=FAIR,
        crash_mean_ms=0,
        crash_in_turn=0,
        part_mean_ms=0,
        full_mean_ms=0,
        fail=0,
        bundle_mean_ms=0,
        forge_mean_ms=0,
        restore_mean_ms=0,
    )
    assert plan.colluders
    assert plan.witnesses
    return replace(plan, **changes)  # type: ignore[arg-type]


def held_at_the_end_of_faults(world: World) -> list[list[set[bytes]]]:
    """Play; of each log that forks, what each honest station held when faults stopped."""
    found: list[list[set[bytes]]] = []
    heal: Callable[[], None] = world._heal
    check = world.colluders.check if world.colluders is not None else None

    def look() -> None:
        assert check is not None
        honest = [machine.ledger for machine in world.machines if machine.ledger.honest]
        for log, (_, position) in check.forks.items():
            found.append([set(ledger.places.get((log, position), ())) for ledger in honest])
        heal()

    world._heal = look  # type: ignore[method-assign]
    outcome = world.run()
    assert not outcome.invariant, outcome.text
    return found


def test_colluders_hide_both_stories_until_an_honest_path_exists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Colluders, "_open_path", lambda _self: None)
    world = World(plain())
    found = held_at_the_end_of_faults(world)
    assert len(found) == 2
    for each in found:
        assert all(len(held) == 1 for held in each)
        assert len(set.union(*each)) == 2


def test_one_honest_path_is_enough_for_all_to_find_out() -> None:
    world = World(plain())
    paths: list[str] = []
    world.schedule.echo = lambda line: paths.append(line) if "honest path" in line else None
    found = held_at_the_end_of_faults(world)
    assert len(paths) == 1
    assert paths[0].count("(") == 1
    assert len(found) == 2
    for each in found:
        assert all(len(held) == 2 for held in each)
    assert world.colluders is not None
    assert world.colluders.check.demands > 10
    liars = {station for station, _ in world.colluders.check.forks.values()}
    assert len({world.cast.party_of(station) for station in liars}) == 2


def test_a_witness_lies_in_every_way_and_nothing_comes_of_it() -> None:
    world = World(plain(duration_ms=3 * plain().duration_ms, colluders=False, send_mean_ms=90_000))
    tricks: set[str] = set()

    def hear(line: str) -> None:
        if "witness lies" in line:
            tricks.add(line.split("witness lies ")[1].rstrip("0123456789 "))

    world.schedule.echo = hear
    outcome = world.run()
    assert not outcome.invariant, outcome.text
    assert tricks == {"blind", "two heads", "no head", "another's name", "repeats", "claims more"}
    assert world.watchers is not None
    assert world.watchers.check.looks > 10
    accused = [
        alarm.code
        for machine in world.machines
        for line in [machine.line_now()]
        if line is not None
        for alarm in line.alarms.values()
        if alarm.code in ("record.two_heads", "record.two_stories", "station.two_lives")
    ]
    assert accused == []


def test_the_forger_makes_nothing_of_a_question_for_receipts() -> None:
    loot = Loot(
        line=bytes(16),
        realm="LIVE",
        stations=(bytes(8),),
        own_key=lambda _: bytes(64),
        elsewhere=lambda _number, _message: bytes(64),
    )
    forger = Forger(random.Random(1), loot)
    forger.overhear(sync.pack(Receipts(bytes(16), ())))
    assert {made[0] for made in (forger.craft() for _ in range(200)) if made} >= {"replay", "noise"}
