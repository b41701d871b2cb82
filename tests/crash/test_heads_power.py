"""No loss of power lets a witness forget what it has cosigned, or keeps it from starting."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.crash import heads_driver as driver
from tests.crash import trace
from tests.crash.states import State, enumerate_states
from tests.crash.test_power import ENVIRONMENT, STATES, pytestmark

from tieline.core.errors import TielineError
from tieline.store.heads import HeadStore

__all__ = ["pytestmark"]


def record(folder: Path, sabotage: str) -> tuple[dict[str, bytes], trace.Account]:
    home = folder / "witness"
    driver.prepare(home)
    (home / "marks").write_bytes(b"")
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    command = [sys.executable, driver.__file__, str(home), sabotage]
    trace.record(command, folder / "account", env=ENVIRONMENT)
    for path in list(home.iterdir()):
        if path.name not in before:
            path.unlink()
    return before, trace.read(folder / "account", home)


def wrongs(state: State, folder: Path) -> list[str]:
    """What is wrong with what a loss of power left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in state.files.items():
        (folder / name).write_bytes(data)
    promised: Counter[str] = Counter()
    for promise in state.promises:
        _, origin, size = promise.split()
        promised[origin] = int(size)
    try:
        store = HeadStore.open(folder / "heads.db", driver.TAG)
    except TielineError as error:
        return [f"after {state.point}, {state.policy}: does not open: {error.message}"]
    try:
        found = {origin: store.latest(origin) for origin in promised}
    finally:
        store.close()
    return [
        f"after {state.point}, {state.policy}: {origin} was cosigned at {size}, and {head} is held"
        for origin, size in promised.items()
        if (head := found[origin]) is None or head.size < size
    ]


def test_nothing_cosigned_is_forgotten(tmp_path: Path) -> None:
    before, account = record(tmp_path, "none")
    seen: Counter[str] = Counter()
    promised = 0
    for state in enumerate_states(account, before, seed=1, most=STATES):
        assert wrongs(state, tmp_path / "state") == []
        seen[state.policy] += 1
        promised = len(state.promises)
    assert len(seen) == 6
    assert promised == driver.ROUNDS


@pytest.mark.parametrize("sabotage", ["off", "hasty"])
def test_a_broken_promise_is_found(tmp_path: Path, sabotage: str) -> None:
    before, account = record(tmp_path, sabotage)
    states = enumerate_states(account, before, seed=1, most=STATES)
    assert any(wrongs(state, tmp_path / "state") for state in states)
