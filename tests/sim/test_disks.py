"""What a loss of power leaves of a simulated machine's disk."""

from __future__ import annotations

import random
from dataclasses import replace

from tieline.core.journal import Fact, FactKind
from tieline.core.life import Mark
from tieline.sim.disks import Before, Cache, SimMemory
from tieline.sim.plan import calm
from tieline.sim.world import World
from tieline.store.memory import MemoryStore

SEEDS = range(60)
FACTS = [
    Fact(kind=FactKind.STATE, at_ms=at, line=bytes(16), body=bytes([at]), meta=b"", log=None,
         position=None)
    for at in range(4)
]  # fmt: skip


def left(sizes: tuple[int, ...], *, stuck: bool = False) -> set[int]:
    """How many entries there may be after a loss of power: four, unsynced from these sizes on."""
    found: set[int] = set()
    for seed in SEEDS:
        cache = Cache(random.Random(seed), [Before(size) for size in sizes], stuck=stuck)
        cache.sync()
        found.add(cache.lose(MemoryStore(FACTS)).last())
        assert (cache.unsynced, cache.stuck) == ([], False)
    return found


def test_any_that_come_first_of_the_unsynced_writes_are_left_and_nothing_else() -> None:
    cache = Cache(random.Random(0))
    assert cache.lose(MemoryStore(FACTS)).last() == 4
    assert left((1, 2, 3), stuck=True) == {1, 2, 3, 4}
    assert left((3,), stuck=True) == {3, 4}


def test_what_was_synced_stays_unless_something_before_it_never_was() -> None:
    assert left((1, 2, 3)) == {4}
    assert 1 in left((1, 2, 3), stuck=True)


def test_a_snapshot_goes_with_the_writes_after_it() -> None:
    found = set()
    for seed in SEEDS:
        store = MemoryStore(FACTS)
        before = store.past.copy([], lambda: None)
        store.past.keep(4, b"snapshot", ())
        cache = Cache(random.Random(seed), [Before(3), Before(4, before)], stuck=True)
        after = cache.lose(store)
        found.add((after.last(), after.past.kept() is not None))
    assert found == {(3, False), (4, False), (4, True)}


def test_a_mark_is_any_since_the_start_or_one_that_does_not_read() -> None:
    marks = [{bytes(16): Mark(bytes(32), size, bytes(32))} for size in range(4)]
    found = []
    for seed in SEEDS:
        memory = SimMemory("ALPHA")
        memory.remember(marks[0])
        memory.marks()  # it starts: what it reads is synced
        for mark in marks[1:]:
            memory.remember(mark)
        said = memory.lose(random.Random(seed))
        assert memory.behind == (said == "older") == (memory.kept in marks[:3])
        assert (said == "torn") == (memory.kept is None)
        assert not memory.lose(random.Random(seed))  # now it is synced
        found.append(memory.kept)
    assert all(mark in found for mark in [*marks, None])


def test_worlds_that_tear_lose_what_was_not_synced_and_others_do_not() -> None:
    plan = replace(calm(0, 6, 2), fail=60, crash_in_turn=60, down_ms=(500, 5_000))
    whole, torn = (World(replace(plan, torn=each)).run() for each in (False, True))
    for outcome in (whole, torn):
        assert not outcome.invariant, outcome.text
    assert not {"unsynced", "mark lost"} & dict(whole.counts).keys()
    assert dict(torn.counts)["unsynced"]
    assert dict(torn.counts)["mark lost"]
