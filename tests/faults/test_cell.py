"""Control groups of the catalogue: none is left behind, whatever becomes of a case."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.faults import cell as cells
from tests.faults.cell import Cell, cell

MOST = 1 << 20


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where groups are made: a folder that behaves as theirs does, but for the kernel's files."""
    own = tmp_path / "own"
    own.write_text("3:cpu:/\n2:memory:/mine\n0::/\n", "ascii")
    monkeypatch.setattr(cells, "OWN", own)
    monkeypatch.setattr(cells, "MOUNT", tmp_path)
    found = tmp_path / "memory" / "mine"
    found.mkdir(parents=True)
    return found


def unbounded(_self: Cell, _most_bytes: int) -> None:
    """A kernel in which nobody has asked for a bound on memory in groups like this one."""
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_group_that_takes_no_bound_is_not_left_behind(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cell, "bound", unbounded)
    with cell(MOST) as given:
        assert isinstance(given, str)
        assert "no bound on memory can be set here" in given
        assert "Permission denied" in given
    assert list(groups.iterdir()) == []


def test_a_machine_without_groups_says_so(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "OWN", groups / "none")
    with cell(MOST) as given:
        assert isinstance(given, str)


def test_a_group_is_taken_away_once_the_last_process_in_it_is_gone(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cell, "bound", lambda *_: None)
    rmdir, busy = Path.rmdir, [3]

    def still_ending(path: Path) -> None:
        if busy[0]:
            busy[0] -= 1
            raise OSError(errno.EBUSY, "Device or resource busy")
        rmdir(path)

    with cell(MOST) as given:
        assert isinstance(given, Cell)
        assert given.path == groups / f"tieline-{os.getpid()}"
        monkeypatch.setattr(Path, "rmdir", still_ending)
    assert busy == [0]
    assert list(groups.iterdir()) == []


def test_what_killed_runs_have_left_goes_and_what_others_use_stays(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cell, "bound", lambda *_: None)
    gone, own, theirs = "tieline-4194305", f"tieline-{os.getpid()}", f"tieline-{os.getppid()}"
    for name in (gone, own, theirs, "another"):
        (groups / name).mkdir()
    with cell(MOST) as given:
        assert isinstance(given, Cell)
        assert {each.name for each in groups.iterdir()} == {own, theirs, "another"}
    assert {each.name for each in groups.iterdir()} == {theirs, "another"}
