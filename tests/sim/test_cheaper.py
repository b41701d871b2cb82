"""What is worked out once is what would be worked out each time, in whole runs with all faults."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sim.test_lies import plain

from tieline.core import notes, sync
from tieline.core.line import Line
from tieline.core.noted import LogNotes
from tieline.core.record import Record
from tieline.core.statement import TIP_BYTES
from tieline.core.sync import Extent
from tieline.sim.colludecheck import CollusionChecker
from tieline.sim.machine import Machine
from tieline.sim.outcome import Outcome
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
        assert found.forked == tuple(record.forked())
        one = {log.id: log.size for log in logs if not log.forks}
        assert found.single == one
        assert set(found.ends) == set(found.sizes) - set(one)
        for log in (log for log in logs if log.forks):
            assert found.ends[log.id] == {end[:TIP_BYTES] for end in (log.head, *log.leaves)}
        asked.append(bool(found.forked))
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
        return replace(found, single={b"": -1})

    monkeypatch.setattr(sync, "extent", nobodys)
    assert World(draw(SEEDS[0], HOURS)).run() == short


def test_how_far_witnesses_have_signed_is_what_it_would_be_if_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = notes.witnessed
    asked: set[tuple[int, ...]] = set()

    def compared(line: Line, book: LogNotes) -> tuple[int, ...]:
        found = real(line, book)
        assert found == notes._witnessed(line, book)
        asked.add(found)
        return found

    monkeypatch.setattr(notes, "witnessed", compared)
    outcome = World(draw(SEEDS[2], HOURS)).run()
    assert not outcome.invariant, outcome.text
    assert len(asked) > 3


def test_a_look_at_colluders_that_is_left_out_would_have_found_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = CollusionChecker._look
    looks: list[int] = []

    def counted(self: CollusionChecker, now: int, honest: list[Machine]) -> None:
        looks.append(now)
        real(self, now, honest)

    def played() -> tuple[Outcome, int, int]:
        looks.clear()
        world = World(plain())
        outcome = world.run()
        assert world.colluders is not None
        return outcome, world.colluders.check.demands, len(looks)

    monkeypatch.setattr(CollusionChecker, "_look", counted)
    outcome, demands, count = played()
    monkeypatch.setattr(CollusionChecker, "_look_of", lambda *_: (object(),))
    assert played()[:2] == (outcome, demands)
    assert demands > 10
    assert count < len(looks) == dict(outcome.counts)["check collusion"]
