"""How long processes waited, as rows take it off: by thread, from what the kernel counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.faults import waits
from tests.faults.waits import Waits


def thread(task: Path, number: int, waited_ns: int) -> None:
    folder = task / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schedstat").write_text(f"7 {waited_ns} 3\n", "ascii")


def test_a_thread_that_ends_takes_nothing_of_what_others_have_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "PROC", tmp_path)
    one, two = tmp_path / "11" / "task", tmp_path / "12" / "task"
    thread(one, 11, 5_000_000_000)
    thread(one, 13, 60_000_000_000)  # it has waited for a minute in its life, and ends
    thread(two, 12, 0)
    found = Waits(11, 12)
    assert found.since_s() == 0
    shutil.rmtree(one / "13")
    thread(one, 11, 6_000_000_000)
    thread(one, 14, 500_000_000)  # it is new
    thread(two, 12, 2_000_000_000)
    assert found.since_s() == 3.5
    shutil.rmtree(two)
    assert found.since_s() == 1.5
