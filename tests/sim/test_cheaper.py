"""What is worked out once is what would be worked out each time, in whole runs with all faults."""

from __future__ import annotations

import pytest

from tieline.core import sync
from tieline.core.record import Record
from tieline.core.sync import Extent
from tieline.sim.plan import draw
from tieline.sim.world import World

# Forks and a log that a charter ends; a store that is put back; two that collude.
SEEDS = (13, 19, 4)
HOURS = 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_how_far_logs_are_held_is_what_it_would_be_if_asked_anew(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sync.extent
    asked: list[bool] = []

    def compared(record: Record) -> Extent:
        found = real(record)
        logs = [record.logs[name] for name in sorted(record.logs) if record.size(name)]
        assert found.heads == tuple(map(sync.head_of, logs))
        assert found.sizes == {log.id: log.size for log in logs}
        assert found.forked == any(log.forks for log in record.logs.values())
        asked.append(found.forked)
        return found

    monkeypatch.setattr(sync, "extent", compared)
    outcome = World(draw(seed, HOURS)).run()
    assert not outcome.invariant, outcome.text
    assert len(asked) > 100
    assert True in asked or seed == SEEDS[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_have_that_says_what_is_known_changes_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sync._says_what_is_known
    skipped: list[bool] = []

    def counted(*args: object) -> bool:
        skipped.append(real(*args))  # type: ignore[arg-type]
        return skipped[-1]

    monkeypatch.setattr(sync, "_says_what_is_known", counted)
    short = World(draw(seed, HOURS)).run()
    monkeypatch.setattr(sync, "_says_what_is_known", lambda *_args: False)
    assert World(draw(seed, HOURS)).run() == short
    assert any(skipped)


def test_nothing_is_lacking_of_whom_we_know_to_hold_all(monkeypatch: pytest.MonkeyPatch) -> None:
    short = World(draw(SEEDS[0], HOURS)).run()
    real = sync.extent

    def nobodys(record: Record) -> Extent:
        found = real(record)
        return Extent(found.changes, found.heads, {b"": -1}, found.forked, found.packed)

    monkeypatch.setattr(sync, "extent", nobodys)
    assert World(draw(SEEDS[0], HOURS)).run() == short
