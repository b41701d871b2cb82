"""The flood of a member: what its figures must show, and that they would show it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from tieline.core import sync
from tieline.core.ladder import Ladder
from tieline.core.record import Record
from tieline.core.terms import Now
from tieline.node import resume

BENCH = Path(__file__).resolve().parents[2] / "bench"
COUNT = 4_096


class Calls:
    """Calls of functions, those in C too, in the place of a clock: no other load changes them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _frame: FrameType, event: str, _arg: object) -> None:
        self.count += event in {"call", "c_call"}

    def process_time(self) -> float:
        """As microseconds."""
        return self.count / 1e6


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("flood")


def play(flood: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    calls = Calls()
    clock = SimpleNamespace(process_time=calls.process_time)
    monkeypatch.setattr(importlib.import_module("growth"), "time", clock)
    sys.setprofile(calls)
    try:
        found: dict[str, Any] = flood.run(folder, COUNT, 16)
    finally:
        sys.setprofile(None)
    return found


def growth(found: dict[str, Any]) -> float:
    """How much dearer a statement of the second half is than one of the first."""
    parts = [row["us"] for row in found["parts"]]
    half = len(parts) // 2
    return float(sum(parts[-half:]) / sum(parts[:half]))


def test_a_flood_is_taken_whole_at_the_same_cost_and_a_flash_beside_it_comes(
    flood: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = play(flood, tmp_path, monkeypatch)
    assert found["held"] == COUNT + found["own"]
    assert growth(found) < 1.3
    assert found["parts"][-1]["memory_mib"] < 32
    assert found["flashes"] == 16


def test_work_that_grows_with_the_record_would_be_seen(
    flood: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = Record._show

    def looks_at_some(self: Record, item: Any, ref: int) -> None:
        for _ in range(0, len(self.refs), 16):
            item.statement.place.position.bit_length()
        show(self, item, ref)

    monkeypatch.setattr(Record, "_show", looks_at_some)
    assert growth(play(flood, tmp_path, monkeypatch)) > 1.5


@pytest.mark.parametrize(
    ("share", "least", "most"), [(resume.CLOCKS_SHARE, 5, 40), (10**9, 50, 100)]
)
def test_snapshots_write_few_clocks_for_each_statement_however_many_run(
    flood: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int, least: int, most: int
) -> None:
    """Nobody acknowledges a flood: its clocks run, and a snapshot writes them all."""
    running, written = Ladder.running, 0

    def counted(self: Ladder, now: Now) -> Any:
        nonlocal written
        rows = running(self, now)
        written += len(rows)
        return rows

    monkeypatch.setattr(Ladder, "running", counted)
    monkeypatch.setattr(resume, "CLOCKS_SHARE", share)
    monkeypatch.setattr(sync, "MAX_PUSH_STATEMENTS", 16)
    fire = flood.Fire(tmp_path)
    fire.hub.runtime._resumer._every = 16
    for envelope, _ in flood.flood(fire, COUNT // 2):
        fire.take(envelope)
    fire.hub.store.close()
    assert fire.hub.runtime.station.clocks() > COUNT // 3
    assert least < written / (COUNT // 2) < most


def test_a_flash_that_does_not_come_is_said(
    flood: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire = flood.Fire(tmp_path)
    fire.flashes()
    monkeypatch.setattr(fire, "carry", lambda: None)
    with pytest.raises(LookupError, match="has not come"):
        fire.flashes()
    fire.hub.store.close()
