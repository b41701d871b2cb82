"""No loss of power loses what a station has promised: a released answer, a receipt, a push.

Two real stations exchange statements under strace; then every kind of state that a loss of power
can leave is built and opened with the real store. The same run with a promise broken on purpose
must be found out.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from tests.crash import driver, trace
from tests.crash.states import State, enumerate_states

from tieline.core import statement
from tieline.core.errors import TielineError
from tieline.core.journal import Fact, FactKind
from tieline.node.audit import audit_store
from tieline.store import disk
from tieline.store.sqlite import SqliteStore

STATES = int(os.environ.get("TIELINE_CRASH_STATES", "450"))
ROOT = Path(__file__).resolve().parents[2]
# What is recorded is the code beside these tests, not whatever is installed.
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None,
    reason="strace is missing, so no file system call can be recorded; install the package strace",
)


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run: what was there before it, and what it did."""

    before: dict[str, bytes]
    account: trace.Account


def record(folder: Path, sabotage: str, play: ModuleType = driver) -> Run:
    homes = folder / "homes"
    play.prepare(homes)
    (homes / "marks").write_bytes(b"")
    before = {
        str(path.relative_to(homes)): path.read_bytes()
        for path in homes.rglob("*")
        if path.is_file()
    }
    command = [sys.executable, str(play.__file__), str(homes), sabotage]
    trace.record(command, folder / "account", env=ENVIRONMENT)
    # The files are now as the run left them; the numbers in the account are those of before.
    for path in list(homes.rglob("*")):
        if path.is_file() and str(path.relative_to(homes)) not in before:
            path.unlink()
    return Run(before, trace.read(folder / "account", homes))


class Judge:
    """Opens what a loss of power left, and says what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._digests: dict[bytes, str] = {}

    def wrongs(self, state: State, *, stale_index: bool) -> list[str]:
        last = state.promises[-1].split()[1] if state.promises else driver.NAMES[0]
        return [
            f"after operation {state.point}, {state.policy}, {name}: {wrong}"
            for name in driver.NAMES
            if name == last or state.point % 8 == 0
            for wrong in self._wrongs(name, state, stale_index=stale_index)
        ]

    def _wrongs(self, name: str, state: State, *, stale_index: bool) -> list[str]:
        path = self._lay_out(name, state, stale_index=stale_index)
        try:
            store = SqliteStore.open(path, driver.KEYS[name])
        except TielineError as error:
            return [f"does not open: {error.message}"]
        try:
            facts = [fact for _, fact in store.facts()]
            report = audit_store(store, driver.member(name).station, driver.cast().realm)
        except TielineError as error:
            return [f"does not read: {error.message}"]
        finally:
            store.close()
        problems = report["problems"]
        found = [str(problem) for problem in problems] if isinstance(problems, list) else []
        return [*found, *self._lost(name, facts, state.promises)]

    def _lay_out(self, name: str, state: State, *, stale_index: bool) -> Path:
        """Write one station's files; its index is whatever the disk had of it, or nothing."""
        path = self._folder / "store.db"
        for old in self._folder.iterdir():
            old.unlink()
        for relative, data in state.files.items():
            if relative.startswith(f"{name}/") and not relative.endswith(("-shm", ".reserve")):
                (self._folder / Path(relative).name).write_bytes(data)
        with path.with_name("store.db.reserve").open("wb") as reserve:
            reserve.truncate(disk.RESERVE_BYTES)  # its bytes do not matter here
        indexes = [p.split() for p in state.promises if p.split()[1] == name]
        if stale_index and indexes:
            said = indexes[state.point % len(indexes)][-1]
            index = bytes.fromhex(said) if len(said) == 192 else b""
            path.with_name("store.db-shm").write_bytes(index.ljust(32_768, b"\0"))
        return path

    def _lost(self, name: str, facts: Sequence[Fact], promises: Iterable[str]) -> list[str]:
        items = {self._digest(fact.body) for fact in facts if fact.kind == FactKind.STATEMENT}
        sizes = Counter(fact.log.hex() for fact in facts if fact.log is not None)
        lost: list[str] = []
        for promise in promises:
            what, who, *rest = promise.split()
            if who != name:
                continue
            if what == "item" and rest[0] not in items:
                lost.append(f"statement {rest[0][:12]} was released or sent, and is lost")
            if what == "size" and sizes[rest[0]] < int(rest[1]):
                lost.append(f"a receipt for {rest[1]} statements left, {sizes[rest[0]]} are held")
            if what == "seq" and len(facts) < int(rest[0]):
                lost.append(f"watchers saw entry {rest[0]}, {len(facts)} are held")
        return lost

    def _digest(self, body: bytes) -> str:
        if body not in self._digests:
            self._digests[body] = statement.parse(driver.cast().realm, body).digest.hex()
        return self._digests[body]


@pytest.fixture
def judge() -> Iterator[Judge]:
    """The states are many and what their own disk does is not the matter: in memory if may be."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    base = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        yield Judge(Path(folder) / "state")


def test_nothing_promised_is_lost(tmp_path: Path, judge: Judge) -> None:
    run = record(tmp_path, "none")
    seen: Counter[str] = Counter()
    promised = 0
    for state in enumerate_states(run.account, run.before, seed=1, most=STATES):
        assert judge.wrongs(state, stale_index=state.point % 3 == 0) == []
        seen[state.policy] += 1
        promised = len(state.promises)
    assert seen.total() >= min(STATES, 300)
    assert len(seen) == 6
    assert promised > 100
    kinds = Counter(type(op).__name__ for op in run.account.ops)
    assert kinds["Sync"] > 60
    assert kinds["SyncFolder"] >= 2


@pytest.mark.parametrize("sabotage", ["off", "normal", "hasty"])
def test_a_broken_promise_is_found(tmp_path: Path, judge: Judge, sabotage: str) -> None:
    run = record(tmp_path, sabotage)
    wrongs: list[str] = []
    for state in enumerate_states(run.account, run.before, seed=1, most=STATES):
        wrongs += judge.wrongs(state, stale_index=False)
        if wrongs:
            break
    assert any("lost" in wrong or "are held" in wrong for wrong in wrongs), wrongs
