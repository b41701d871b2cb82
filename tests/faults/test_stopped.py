"""A run of the catalogue that is stopped, or has a case without end, or lacks what a row needs.

It ends, what its cases have made is put away, and the other cases are played.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from tests.faults import __main__ as faults
from tests.faults import sweep
from tests.faults.__main__ import INTERRUPTED, ROOT, tidy
from tests.faults.catalogue import ROWS
from tests.faults.rows import Row
from tests.faults.sabotage import together

from tieline.sim.mutants import Mutant

LONG = (sys.executable, "-m", "tests.faults", "--row", "lost-disk", "--count", "R", "--json")
IN_BACKGROUND = '"$@" & echo $!; wait $!; echo $?'
PATIENCE_S = 120.0


def lasting(where: str) -> None:
    """A case without an end, in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=where):
        threading.Event().wait(PATIENCE_S)


def until(done: Path, pattern: str) -> None:
    """Wait until something of that name is there."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S * 20)):
        if any(done.glob(pattern)):
            return
        pause.wait(0.05)
    pytest.fail(f"no {pattern} in {done}")


def test_a_worker_that_is_stopped_puts_away_what_it_has_made(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(1, tidy) as pool:
        pool.apply_async(lasting, (str(tmp_path),))
        until(tmp_path, "*")
    assert list(tmp_path.iterdir()) == []


def test_what_a_worker_keeps_for_good_goes_with_it() -> None:
    with multiprocessing.get_context("fork").Pool(1, tidy) as pool:
        folder = Path(pool.apply(sweep.scratch_for_good))
        assert folder.is_dir()
    assert not folder.exists()


def test_a_case_without_end_is_missed_and_the_others_are_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(seed: int) -> None:
        if seed == 0:
            lasting(str(tmp_path))

    row = Row(promise="P1", name="endless", fault="", demand="", counts=(2, 2, 2), play=play)
    monkeypatch.setitem(ROWS, row.name, row)
    monkeypatch.setattr(faults, "CASE_S", 0.3)
    result = faults.run([row], "C", 1, tests=False)[row.name]
    assert result.cases == 2
    assert [each.partition(":")[0] for each in result.missed] == ["Missed"]
    assert "has no end" in result.missed[0]
    assert list(tmp_path.iterdir()) == []


def test_a_case_that_breaks_is_missed_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(seed: int) -> None:
        if seed == 0:
            raise KeyError("nobody has it")

    row = Row(promise="P1", name="broken", fault="", demand="", counts=(2, 2, 2), play=play)
    monkeypatch.setitem(ROWS, row.name, row)
    result = faults.run([row], "C", 1, tests=False)[row.name]
    assert (result.cases, len(result.missed)) == (2, 1)
    assert "nobody has it" in result.missed[0]
    assert "in play" in result.missed[0]


def test_without_strace_its_row_is_named_and_not_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.no_strace.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        code = faults.main(["--row", "failed-call", "--cases", "others"])
    finally:
        sweep.no_strace.cache_clear()
    assert code == 0
    assert "not played: strace is missing" in capsys.readouterr().out


def test_a_run_in_the_background_ends_when_it_is_interrupted() -> None:
    with subprocess.Popen(
        ["sh", "-c", IN_BACKGROUND, "sh", *LONG],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        assert shell.stdout is not None
        number = int(shell.stdout.readline())
        told = Path(f"/proc/{number}/task/{number}/children")
        pause = threading.Event()
        while not told.read_text("ascii"):
            pause.wait(0.05)
        os.kill(number, signal.SIGINT)
        try:
            said, _ = shell.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)  # with its workers
            raise
    assert said == f"{INTERRUPTED}\n"


def test_two_builds_of_one_name_are_refused() -> None:
    one = {"deaf": Mutant(name="deaf", invariants=frozenset(), what="", patches=())}
    other = {"mute": Mutant(name="mute", invariants=frozenset(), what="", patches=())}
    assert together(one, other) == {**one, **other}
    with pytest.raises(ValueError, match="one name: deaf"):
        together(one, other, one)
