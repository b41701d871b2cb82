"""Worlds whose tempo and length are their seed's: what they are made of, and that they heal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tieline.core.provisions import Clocks
from tieline.sim.__main__ import Job, main, run_seed
from tieline.sim.cast import Cast
from tieline.sim.plan import calm, draw
from tieline.sim.tempo import DAYS, HOUR_MS, HOURS, PACES, TEMPOS, WEEKS, Tempo, paced
from tieline.sim.world import NIGHT, World

PLANS = {seed: paced(seed) for seed in range(300)}
A_DAY = 389  # a pair: crashes, partitions, sessions that break, forged envelopes
A_WEEK = 12  # a pair
SOME_HOURS = 269  # three stations of which one forks


def test_every_tempo_is_drawn_as_often_and_from_the_seed_alone() -> None:
    counts = Counter(plan.tempo for plan in PLANS.values())
    assert counts.keys() == TEMPOS.keys()
    assert min(counts.values()) > 55
    assert {seed: paced(seed) for seed in PLANS} == PLANS


def test_plan_two_is_what_it_was_and_plan_three_tears_in_three_of_four() -> None:
    old = {seed: paced(seed, 2) for seed in PLANS}
    assert {plan.tempo for plan in old.values()} == PACES.keys()
    kept = {seed: plan for seed, plan in PLANS.items() if plan.tempo != "weeks"}
    assert all(replace(plan, torn=False) == old[seed] for seed, plan in kept.items())
    assert 200 < sum(plan.torn for plan in PLANS.values()) < 250


def test_minutes_are_plan_one_with_a_length_that_is_drawn() -> None:
    for plan in (plan for plan in PLANS.values() if plan.tempo == "minutes"):
        assert 0.1 * HOUR_MS <= plan.duration_ms <= 0.4 * HOUR_MS
        # Half a millisecond more: what is drawn is no whole number of them.
        same = draw(plan.seed, (plan.duration_ms + 0.5) / HOUR_MS)
        assert replace(plan, tempo="", torn=False) == same


@pytest.mark.parametrize(("name", "limits"), [("hours", HOURS), ("days", DAYS), ("weeks", WEEKS)])
def test_a_slow_world_is_as_long_as_its_stations_allow(name: str, limits: Tempo) -> None:
    for plan in (plan for plan in PLANS.values() if plan.tempo == name):
        hours, stations = plan.duration_ms / HOUR_MS, plan.parties + plan.twins
        assert limits.least - 0.01 < hours < limits.hours[1]
        assert hours >= limits.hours[0] - 0.01 or stations > 2
        assert plan.burst_mean_ms
        # What is planned by time and not by the length of a run is slower, too.
        assert plan.weather.break_mean_ms in (0, *limits.break_ms)
        assert plan.crash_in_turn in (0, 1)


def test_every_kind_of_fault_comes_in_every_tempo() -> None:
    for name in TEMPOS:
        plans = [plan for plan in PLANS.values() if plan.tempo == name]
        for fault in ("forker", "loose", "crash_mean_ms", "crash_in_turn", "part_mean_ms", "fail",
                      "full_mean_ms", "skew_ms", "drift_ppm", "jump_mean_ms", "bundle_mean_ms",
                      "forge_mean_ms", "four_eyes", "test_interval_s", "twins", "amended",
                      "restore_mean_ms", "clone", "colluders", "witnesses", "observer", "pest",
                      "newer", "drill", "rotation", "torn"):  # fmt: skip
            few = name == "weeks" and fault == "colluders"  # who needs four stations
            assert any(getattr(plan, fault) for plan in plans) or few, (name, fault)


def test_days_have_the_deadlines_of_a_real_line_and_its_tests() -> None:
    days = next(plan for plan in PLANS.values() if plan.tempo == "days")
    charter = Cast.of(days).charter.charter
    assert charter.clocks == Clocks()
    assert charter.tests.interval_s == 12 * 3_600
    quick = Cast.of(replace(days, slow_clocks=False)).charter.charter
    assert quick.clocks.priority < charter.clocks.priority
    assert quick.nonce == charter.nonce  # nothing else is drawn otherwise


def test_some_days_hold_words_incidents_faults_and_healing() -> None:
    plan = paced(A_DAY, 2)
    assert plan.duration_ms > 48 * HOUR_MS
    outcome = World(replace(plan, duration_ms=30 * HOUR_MS)).run()
    counts = dict(outcome.counts)
    assert not outcome.invariant, outcome.text
    assert outcome.converged_ms
    assert counts["says"] > 20
    assert counts["incident"]
    assert outcome.restarts
    for word in ("broken", "forged"):
        assert counts[word], word
    assert outcome.virtual_ms > 30 * HOUR_MS
    assert outcome.tempo == "days"


def test_weeks_are_of_two_or_three_stations_and_patient() -> None:
    weeks = [plan for plan in PLANS.values() if plan.tempo == "weeks"]
    assert {plan.parties + plan.twins for plan in weeks} == {2, 3}
    clocks = Cast.of(weeks[0]).charter.charter.clocks
    assert clocks.routine == (14 * 86_400,) * 5
    assert all(plan.dialled and plan.nights and not plan.slow_clocks for plan in weeks)


def test_some_days_of_weeks_hold_outages_nights_and_tries_by_the_pace_of_the_product() -> None:
    plan = replace(paced(A_WEEK), duration_ms=48 * HOUR_MS, part_mean_ms=12 * HOUR_MS)
    outcome = World(plan).run()
    counts = dict(outcome.counts)
    assert not outcome.invariant, outcome.text
    assert counts["part"]
    assert counts["check next try"] > 200
    assert counts["check pulse"] > 1_000
    assert counts["check touch"] > 5


def test_nobody_speaks_at_night_where_there_are_nights() -> None:
    plan = replace(calm(0, 2 * 1_440, 2), send_mean_ms=HOUR_MS, answer_mean_ms=10**12, nights=True)
    world = World(plan)
    said: list[int] = []
    world.schedule.echo = lambda line: said.append(int(line.split()[0])) if "says" in line else None
    assert not world.run().invariant
    hours = {at // HOUR_MS % 24 for at in said}
    assert len(hours) > 12
    assert hours.isdisjoint(NIGHT)


def test_some_hours_are_the_same_run_again() -> None:
    first, again = (run_seed(Job(SOME_HOURS, plan=2)) for _ in range(2))
    assert not first.invariant, first.text
    assert first == again
    assert first.cpu_s
    assert dict(first.counts)["forked"]


def test_a_paced_seed_that_fails_says_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(self: World) -> int:
        raise KeyError(self.plan.tempo)

    monkeypatch.setattr(World, "settle", breaks)
    minutes = next(seed for seed, plan in PLANS.items() if plan.tempo == "minutes")
    assert main(["--seed", str(minutes), "--paced"]) == 1
    told = capsys.readouterr().out
    assert "KeyError('minutes')" in told
    assert f"see it again: ./dev sim --seed {minutes} --plan 3 --trace" in told
    assert "tempo=minutes" in told
