"""No loss of power during a backup costs a backup that was promised, or anything of the station.

At every operation that was recorded, what the disk may hold is built: under a backup's name lies a
whole one or nothing at all, one that the station said it had made is there, and the stores open
and verify as ever.
"""

from __future__ import annotations

import hashlib
import io
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.crash import backup_driver, driver, trace
from tests.crash.states import POLICIES, Disk, State
from tests.crash.test_power import Judge, Run, judge, pytestmark, record

from tieline.core.errors import TielineError
from tieline.node.audit import audit_store
from tieline.node.backupfile import Reader
from tieline.node.restore import unpack
from tieline.store.sqlite import SqliteStore

__all__ = ["judge", "pytestmark"]

STORES_EVERY = 11  # the stores are opened at every so many operations; others test them alone


def every_state(run: Run, policies: Sequence[str] = POLICIES) -> Iterator[State]:
    """After every operation, by every policy, or by some."""
    chance = random.Random(7)
    disk = Disk(
        data={file: bytearray(run.before[path]) for path, file in run.account.before.items()},
        names=dict(run.account.before),
    )
    for point, op in enumerate(run.account.ops, 1):
        disk.take(op)
        for policy in policies:
            files = disk.after_power_loss(policy, chance)
            yield State(point, policy, files, tuple(disk.promises))


class Safe:
    """Opens every backup that a loss of power left under its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[bytes, int | str] = {}

    def wrongs(self, state: State) -> list[str]:
        held: dict[str, int | str] = {}
        for path, data in state.files.items():
            folder, _, name = path.rpartition("/")
            if folder == backup_driver.SAFE and not name.startswith("."):
                held[name] = self._entries(data)
        wrong = [
            f"{name} is there and {what}" for name, what in held.items() if what.__class__ is str
        ]
        for promise in state.promises:
            what, _, name, *rest = promise.split()
            if what == "backup" and held.get(name) != int(rest[0]):
                wrong.append(f"{name} was made, and is lost")
        return [f"after operation {state.point}, {state.policy}: {text}" for text in wrong]

    def _entries(self, data: bytes) -> int | str:
        """How many entries a backup restores to, or what is wrong with it."""
        name = hashlib.sha256(data).digest()
        if name not in self._known:
            try:
                self._known[name] = self._restored(data)
            except TielineError as error:
                self._known[name] = error.code
        return self._known[name]

    def _restored(self, data: bytes) -> int | str:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        key = driver.KEYS[backup_driver.WHO]
        manifest, _ = unpack(Reader(io.BytesIO(data)), key, self._folder)
        store = SqliteStore.open(self._folder / "store.db", key)
        own = driver.member(backup_driver.WHO).station
        report = audit_store(store, own, driver.cast().realm)
        store.close()
        return manifest.entries if report["ok"] else str(report["problems"])


def test_a_backup_is_whole_or_not_there(tmp_path: Path, judge: Judge) -> None:
    run = record(tmp_path, "none", backup_driver)
    safe = Safe(tmp_path / "restored")
    seen: Counter[str] = Counter()
    whole = promised = 0
    for state in every_state(run):
        assert safe.wrongs(state) == []
        if state.point % STORES_EVERY == 0 and state.policy == POLICIES[state.point % 6]:
            assert judge.wrongs(state, stale_index=False) == []
        seen[state.policy] += 1
        whole = max(whole, sum(path.endswith(".bak") for path in state.files))
        promised = sum(promise.startswith("backup ") for promise in state.promises)
    assert promised == whole == backup_driver.ROUNDS
    assert len(seen) == len(POLICIES)
    assert seen["drop"] == len(run.account.ops) > 150
    kinds = Counter(type(op).__name__ for op in run.account.ops)
    assert kinds["SyncFolder"] >= 2 * backup_driver.ROUNDS
    assert any(isinstance(op, trace.Name) and op.path.endswith("0.bak") for op in run.account.ops)


@pytest.mark.parametrize("sabotage", ["unsynced", "no folder", "in place"])
def test_a_backup_made_without_care_is_found(tmp_path: Path, sabotage: str) -> None:
    run = record(tmp_path, sabotage, backup_driver)
    safe = Safe(tmp_path / "restored")
    wrongs = (wrong for state in every_state(run) for wrong in safe.wrongs(state))
    assert ".bak" in next(wrongs, "")
