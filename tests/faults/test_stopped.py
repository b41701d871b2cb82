"""A run of the catalogue that is stopped, or has a case without end, or lacks what a row needs.

It ends, what its cases have made is put away, and the other cases are played.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import ports
from tests.faults import __main__ as faults
from tests.faults import kills, linecrowd, rows, sweep, syncs, workers
from tests.faults.__main__ import INTERRUPTED, ROOT, tidy
from tests.faults.catalogue import ROWS
from tests.faults.firestation import Ends, settle_in
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
    def play(_: int) -> str:
        lasting(str(tmp_path))
        return ""

    playing = workers.each(2, tidy, lambda job: play(job) if job else "", [0, 1], lambda *_: "")
    assert next(playing) == ""
    until(tmp_path, "*")
    playing.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_worker_keeps_for_good_goes_with_it() -> None:
    with contextlib.closing(
        workers.each(1, tidy, lambda _: sweep.scratch_for_good(), [0], lambda *_: "")
    ) as playing:
        folder = Path(next(playing))
        assert folder.is_dir()
    assert not folder.exists()


def test_what_a_killed_run_has_left_is_swept_by_the_next_and_what_a_running_one_has_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(faults, "run", lambda *_, **__: {})
    killed = "import os; from tests.faults import rows; folder = rows.scratch();"
    killed += " print(folder.name, flush=True); os.kill(os.getpid(), 9)"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with rows.scratch() as ours:
        ended = subprocess.run(
            [sys.executable, "-c", killed], env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        left = Path(ended.stdout.strip())
        assert (ended.returncode, left.is_dir()) == (-signal.SIGKILL, True)
        assert faults.main(["--list"]) == 0
        assert left.is_dir()  # to list plays nothing
        assert faults.main(["--row", "lost-disk"]) == 0
        assert not left.exists()
        assert Path(ours).is_dir()


def killed_at(seed: int) -> None:
    """A case that takes its worker with it, as the kernel does where memory is short."""
    if seed == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_costs_its_cases_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = Row(promise="P1", name="deadly", fault="", demand="", counts=(6, 6, 6), play=killed_at)
    monkeypatch.setitem(ROWS, row.name, row)
    result = faults.run([row], "C", 2, tests=False)[row.name]
    assert result.cases == 6
    (missed,) = result.missed
    assert missed.startswith("its worker was killed by SIGKILL in case 3\n")
    assert missed.endswith("./dev faults --row deadly --seed 3")


def test_a_killed_worker_whose_child_lives_on_is_noticed(tmp_path: Path) -> None:
    def play(job: int) -> str:
        if job:
            return "played"
        if child := os.fork():  # it holds all that its parent holds
            (tmp_path / "child").write_text(str(child), "ascii")
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait(PATIENCE_S)
        os._exit(0)

    said = list(workers.each(1, tidy, play, [0, 1], lambda job, how: f"{job}: {how}"))
    assert said == ["0: its worker was killed by SIGKILL", "played"]
    os.kill(int((tmp_path / "child").read_text("ascii")), signal.SIGKILL)  # it was there till now


@contextlib.contextmanager
def of_kills(where: Path) -> Iterator[list[int]]:
    """The stations of ``killed``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kills, "scratch", lambda: contextlib.nullcontext(where))
        with kills.pair("") as two:
            yield [each.pid for each in two.processes.values()]


@contextlib.contextmanager
def of_power(where: Path) -> Iterator[list[int]]:
    """The stations of ``power-in-line``, as they are recorded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kills, "scratch", lambda: contextlib.nullcontext(where))
        with kills.pair("") as two:
            for code in kills.CODES:
                two.kill(code)
                two.start(code, account=where / f"{code}.strace")
            yield [each.pid for each in two.processes.values()]


@contextlib.contextmanager
def of_line(where: Path) -> Iterator[list[int]]:
    """The stations of ``crowded-line``, ``noisy-line`` and ``slow-syncs``."""
    with contextlib.ExitStack() as stack:
        line = linecrowd.stand(where, stack, ("ALPHA", "BRAVO"), broken="")
        yield [each.pid for each in line.processes.values()]


@contextlib.contextmanager
def of_syncs(where: Path) -> Iterator[list[int]]:
    """The station of ``failed-sync``, and who traces it."""
    place = f"127.0.0.1:{ports.free()[0]}"
    ends = {code: Ends(listen=place, front=place) for code in ("ALPHA", "BRAVO")}
    seat = settle_in(where, ends)["ALPHA"]
    with syncs.failing(seat, where, "fdatasync:error=EIO:when=1000") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
        yield [process.pid, *map(int, children.split())]


def runs(pid: int) -> bool:
    """Whether a process does anything; one that is only still counted does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("stations", [of_kills, of_power, of_line, of_syncs])
def test_no_station_outlives_a_worker_that_is_killed(
    tmp_path: Path, stations: Callable[[Path], contextlib.AbstractContextManager[list[int]]]
) -> None:
    if stations in (of_power, of_syncs) and (why := sweep.no_strace()):
        pytest.skip(why)

    def play(_: int) -> str:
        with stations(tmp_path) as pids:
            (tmp_path / "pids").write_text(" ".join(map(str, pids)), "ascii")
            os.kill(os.getpid(), signal.SIGKILL)
        return "it lives"

    said = list(workers.each(1, tidy, play, [0], lambda _, how: how))
    assert said == ["its worker was killed by SIGKILL"]
    pids = [int(each) for each in (tmp_path / "pids").read_text("ascii").split()]
    assert len(pids) == 2
    until_gone(pids)


def until_gone(pids: list[int]) -> None:
    """Wait until none of them runs."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S * 20)):
        if not any(map(runs, pids)):
            return
        pause.wait(0.05)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    pytest.fail("stations go on without who began them")


def fallen() -> contextlib.AbstractContextManager[None]:
    """A stage that does not stand."""
    raise OSError("no room for a stage")


def test_a_stage_that_does_not_stand_is_missed_and_other_rows_are_played(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[int] = []
    row = Row(
        promise="P1", name="no-ground", fault="", demand="", counts=(1, 1, 1), play=played.append,
        stage=fallen, sabotage=("no-lock",),
    )  # fmt: skip
    other = Row(
        promise="P1", name="ground", fault="", demand="", counts=(2, 2, 2), play=lambda _: None
    )
    for each in (row, other):
        monkeypatch.setitem(ROWS, each.name, each)
    results = faults.run([row, other], "C", 1, tests=False)
    assert (results["no-ground"].cases, results["ground"].cases) == (1, 2)
    assert "its stage: OSError: no room for a stage" in results["no-ground"].missed[0]
    assert results["ground"].missed == []
    assert faults.sabotaged([row], 1) == 1
    assert "NOT PLAYED, its stage: OSError: no room" in capsys.readouterr().out


def test_one_case_by_hand_needs_what_its_row_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[int] = []
    row = Row(
        promise="P1", name="far", fault="", demand="", counts=(1, 1, 1), play=played.append,
        sabotage=("no-lock",), lacks=lambda: "there is no such machine here",
    )  # fmt: skip
    monkeypatch.setitem(ROWS, row.name, row)
    assert faults.main(["--row", "far", "--seed", "0"]) == 0
    assert faults.main(["--row", "far", "--sabotage", "no-lock"]) == 0
    assert faults.main(["--row", "far", "--sabotaged"]) == 0
    assert capsys.readouterr().out.count("not played: there is no such machine here") == 3
    assert played == []
    assert rows.played(row, 0) == ""
    assert played == [0]


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
