"""Whole stations under fire: the schedule of a seed, who judges, one short case with processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.faults import firejudge, firerows, fires
from tests.faults.fire import Case, road_of
from tests.faults.fires import CODES, KINDS, Fault, plan
from tests.faults.firestation import ROOT, stated
from tests.faults.mood import Mood
from tests.faults.router import OPEN, pairs
from tests.faults.rows import scratch

SHORT = Case(
    seed=2, seconds=3.0, kinds=("loss", "cut", "kill", "step", "slow"),
    always=("loss", "cut", "kill", "step", "slow"),
)  # fmt: skip
PRINT = (
    "import hashlib; from tests.faults.fires import KINDS, plan;"
    "print(hashlib.sha256(repr([plan(n, KINDS, 8000) for n in range(50)]).encode()).hexdigest())"
)


@pytest.fixture(scope="module", autouse=True)
def ground() -> Iterator[None]:
    with firerows.stage():
        yield


def test_a_seed_has_one_schedule_in_every_process() -> None:
    here = repr([plan(seed, KINDS, 8_000) for seed in range(50)])
    for number in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": number, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
        told = subprocess.run(
            [sys.executable, "-c", PRINT], env=environment, cwd=ROOT, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        assert told.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()
    assert len({repr(plan(seed, KINDS, 8_000).faults) for seed in range(50)}) == 50


def test_schedules_have_every_kind_and_end_in_time() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        schedule = plan(seed, KINDS, 8_000, always=("kill",))
        seen.update(schedule.kinds)
        assert "kill" in schedule.kinds
        assert {each.kind for each in schedule.faults} == set(schedule.kinds)
        assert list(schedule.faults) == sorted(schedule.faults)
        for each in schedule.faults:
            assert fires.GRACE_MS <= each.at_ms <= each.until_ms <= schedule.over_ms
            assert set(each.where) <= set(CODES)
        assert {word.party for word in schedule.words} == set(CODES)
    assert set(seen) == set(KINDS)
    assert seen["loss"] < 60  # not every seed has every kind


@pytest.mark.parametrize(
    ("kind", "where", "closed"),
    [
        ("cut", ("ALPHA", "BRAVO"), {("ALPHA", "BRAVO"), ("BRAVO", "ALPHA")}),
        ("one-way", ("ALPHA", "BRAVO"), {("ALPHA", "BRAVO")}),
        ("alone", ("DELTA",), {pair for pair in pairs(CODES) if "DELTA" in pair}),
        ("kill", ("DELTA",), set()),
    ],
)
def test_which_roads_a_fault_closes(
    kind: str, where: tuple[str, ...], closed: set[tuple[str, str]]
) -> None:
    fault = Fault(at_ms=0, until_ms=1, kind=kind, where=where)
    assert {pair for pair in pairs(CODES) if road_of([fault], *pair).cut} == closed
    assert road_of([], "ALPHA", "BRAVO") == OPEN


def test_who_judges_sees_what_is_wrong() -> None:
    said = {"b": frozenset("a"), "c": frozenset("ab")}
    assert firejudge.in_order(["a", "b", "c"], said) == []
    assert "1 stand before" in firejudge.in_order(["a", "c", "b"], said)[0]
    assert "1 of 2" in firejudge.in_order(["a", "b"], said)[0]
    assert "twice" in firejudge.in_order(["a", "b", "b", "c"], said)[0]
    assert stated('{"ok":false,"error":{"code":"store.failed","message":"x"}}') == "store.failed"
    assert stated("Traceback") == stated('"x"') == stated("") == ""


def test_a_clock_that_was_set_and_runs_fast() -> None:
    with scratch() as where:
        mood = Mood(Path(where) / "mood")
        mood.step(-3_600_000)
        assert mood.ahead_ms() == -3_600_000
        mood.drift(500_000)
        before, began = mood.ahead_ms(), time.monotonic()  # in this order: more time, never less
        while time.monotonic() - began < 0.02:
            pass
        assert mood.ahead_ms() - before >= 10
        mood.right()
        assert mood.ahead_ms() == 0


def test_a_line_that_was_under_fire_is_whole() -> None:
    told = firerows.burnt(replace(SHORT, library=firerows.LIBRARY))
    assert told["missed"] == []
    done = told["done"]
    assert isinstance(done, dict)
    assert done["statements"] > 10
    assert done["stores looked into"] >= 1
    assert done["clocks seen"] >= 1
    if not told["notes"]:
        assert done["packets lost"] > 0
        assert done["slow syncs"] > 0


def test_an_order_by_clocks_is_noticed() -> None:
    kinds = ("step", "drift")
    case = Case(seed=1, seconds=3.0, kinds=kinds, always=kinds, broken="clock-order")
    for seed in range(3):
        missed = firerows.burnt(replace(case, library=firerows.LIBRARY, seed=seed))["missed"]
        if missed:
            assert "before what their authors had read" in str(missed)
            return
    pytest.fail("nobody noticed")


def test_on_loopback_it_says_what_it_did_not_do() -> None:
    told = firerows.burnt(Case(seed=1, seconds=2.0, kinds=("cut", "kill"), loopback=True))
    assert told["missed"] == []
    assert "loopback" in str(told["notes"])
