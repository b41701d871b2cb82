"""No loss of power takes back what a command has said to be done: a home, a pack, a bundle ...

After every operation that was recorded, what the disk may hold is built: under each name lies a
whole file, the old or the new one, or none; what was said to be done is there; the stores open and
verify. Then the command that was under way is given once more, and must end well.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash import acts_driver as acts
from tests.crash.acts_driver import ALPHA, BRAVO, CHARLIE
from tests.crash.states import POLICIES, Disk, State
from tests.crash.test_backup_power import every_state
from tests.crash.test_power import Run, pytestmark, record
from tests.crash.trace import Mark
from tests.node.pair import open_store

from tieline.core.errors import TielineError
from tieline.core.journal import FactKind
from tieline.core.statement import parse
from tieline.core.station import Station
from tieline.core.terms import Now
from tieline.node.audit import audit_store
from tieline.store import disk

__all__ = ["pytestmark"]

AGAIN_EVERY = int(os.environ.get("TIELINE_CRASH_AGAIN", "15"))
NOT_OURS = ("-shm", ".reserve", ".lock")
TILES = "desk/tiles/"
MADE = ("keys.tlk", "root.tlk", "key", "config.toml", "card.tlcard", "machine.id")


class Left:
    """What a loss of power left of the two homes, the new one, and the folder of files."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._folder = folder
        self._before = run.before
        self._end = end_of(run)
        self.found: Counter[str] = Counter()
        self.again: Counter[str] = Counter()

    def wrongs(self, state: State, *, stores: bool = False, again: bool = False) -> list[str]:
        promised = dict([*p.split(), ""][:2] for p in state.promises)
        found = [*self._half(state), *self._lost(state.files, promised)]
        if stores or again:
            self._lay_out(state)
            found += self._in_stores(promised)
        if again and not found:
            found = self._once_more(promised)
        return [f"after operation {state.point}, {state.policy}: {text}" for text in found]

    def _half(self, state: State) -> Iterator[str]:
        for path, data in state.files.items():
            place = path.rpartition("/")[0]
            if path.startswith(TILES):
                whole = f"{TILES}checkpoint" in state.files  # written last, it vouches for all
            else:
                whole = place == "desk" or place.endswith(("packs", "charters", "cards"))
            if not whole or path.endswith((".part", ".new")) or "/." in path:
                continue
            if data not in (self._before.get(path), self._end.get(path)):
                yield f"{path} is there and is neither the old nor the new one"

        if f"{TILES}checkpoint" in state.files:
            for path in self._files_of("tiles"):
                if path not in state.files:
                    yield f"the checkpoint of tiles is there, and {path} is not"

    def _lost(self, files: dict[str, bytes], promised: dict[str, str]) -> Iterator[str]:
        for name in promised:
            for path in self._files_of(name):
                if files.get(path) != self._end[path]:
                    yield f"{name} was done, and {path} is lost"

    def _files_of(self, name: str) -> list[str]:
        """The files that an act has made or written anew."""
        what, _, number = name.partition("-")
        if what == "init":
            return [f"{CHARLIE}/{file}" for file in MADE]
        if what == "export":
            return [f"desk/{number}.bundle"]
        if what == "import":
            return []
        begins = {
            "pack-write": "desk/given.pack", "pack-keep": f"{ALPHA}/packs/",
            "charter-sign": "desk/pair.charter", "charter-install": f"{ALPHA}/charters/",
            "evidence": "desk/said.evidence", "tiles": TILES,
        }[name]  # fmt: skip
        return [path for path in self._end if path.startswith(begins)]

    def _lay_out(self, state: State) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        for part in ("sites", "desk", f"{ALPHA}/charters", f"{ALPHA}/run"):
            (self._folder / part).mkdir(parents=True, mode=0o700)
        for path, data in state.files.items():
            if path == "marks" or path.endswith(NOT_OURS):
                continue
            file = self._folder / path
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_bytes(data)
            file.chmod(0o600)
        for store in self._folder.rglob("store.db"):
            with store.with_name("store.db.reserve").open("wb") as reserve:
                reserve.truncate(disk.RESERVE_BYTES)

    def _in_stores(self, promised: dict[str, str]) -> list[str]:
        found = []
        for name in (ALPHA, BRAVO, *([CHARLIE] if "init" in promised else [])):
            try:
                found += [f"{name}: {text}" for text in self._in_store(name, promised)]
            except TielineError as error:
                found.append(f"{name}: {error.message}")
        return found

    def _in_store(self, name: str, promised: dict[str, str]) -> list[str]:
        own = acts.seat(self._folder, name)
        store = open_store(own)
        try:
            report = audit_store(store, own.keys.station, own.keys.certificate.realm)
            facts = [fact for _, fact in store.facts()]
        finally:
            store.close()
        problems = report["problems"]
        found = [str(each) for each in problems] if isinstance(problems, list) else []
        lines = Station.load(own.keys.station, "", facts, Now(1, 1, 1)).lines
        if name == ALPHA and "charter-install" in promised and not lines:
            found.append("charter-install was done, and the line is lost")
        held = {
            parse("", fact.body).digest.hex()[:16]
            for fact in facts
            if fact.kind == FactKind.STATEMENT
        }
        self.found[name] += 1
        for act, digests in promised.items():
            here = act.startswith("import") and (BRAVO, ALPHA)[int(act[-1]) % 2] == name
            if here and not set(digests.split(",")) <= held:
                found.append(f"{act} was done, and what it brought is lost")
        return found

    def _once_more(self, promised: dict[str, str]) -> list[str]:
        """The command under way again: it ends well, and then all that it says is there."""
        house = acts.House(self._folder)
        try:
            for name, words in acts.steps(self._folder):
                if name in promised:
                    continue
                there = Path(words[1])
                if name == "init":
                    # What an interrupted one left is to be taken away by hand.
                    shutil.rmtree(self._folder / CHARLIE, ignore_errors=True)
                elif name == "tiles":
                    shutil.rmtree(self._folder / "desk" / "tiles", ignore_errors=True)
                    house.note(ALPHA)
                elif name == "evidence" and (self._folder / "desk" / "said.evidence").exists():
                    return []
                elif name.startswith("export") and there.exists():
                    return []  # it is whole, as was seen above, and is never written over
                house.verb(*words)
                self.again[name] += 1
                return self._after(name)
        except (AssertionError, TielineError) as error:
            return [f"once more, it ends with {error}"]
        finally:
            house.close()
        return []

    def _after(self, name: str) -> list[str]:
        same = ("pack-write", "pack-keep", "charter-sign", "charter-install")
        return [
            f"{name} once more, and {path} is not there"
            for path in self._files_of(name)
            if not (self._folder / path).is_file()
            or (name in same and (self._folder / path).read_bytes() != self._end[path])
        ]


def end_of(run: Run) -> dict[str, bytes]:
    """The files at the end of a run."""
    data = {file: bytearray(run.before[path]) for path, file in run.account.before.items()}
    disk_ = Disk(data=data, names=dict(run.account.before))
    for op in run.account.ops:
        disk_.take(op)
    return disk_.after_power_loss("keep", random.Random(0))


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory if may be: what the states' own disk does is not the matter."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    base = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as made:
        yield Path(made) / "left"


def test_what_was_said_to_be_done_is_done(tmp_path: Path, folder: Path) -> None:
    run = record(tmp_path, "none", acts)
    left = Left(run, folder)
    names = [name for name, _ in acts.steps(folder)]
    seen: Counter[str] = Counter()
    for state in every_state(run):
        chosen = state.policy == POLICIES[state.point % len(POLICIES)]
        again = chosen and state.point % AGAIN_EVERY == 0
        assert left.wrongs(state, stores=chosen and state.point % 5 == 0, again=again) == []
        seen[state.policy] += 1
    assert [promise.split()[0] for promise in state.promises] == names
    assert set(seen) == set(POLICIES)
    assert seen["drop"] == len(run.account.ops) > 150
    assert set(left.found) == {ALPHA, BRAVO, CHARLIE}
    assert len(left.again) > len(names) / 2


_NAMES = (
    "init", "pack-write", "pack-keep", "charter-sign", "charter-install", "export-1", "evidence",
    "tiles",
)  # fmt: skip
_PLACES = ("given.pack", "ALPHA/packs/", "pair.charter", "ALPHA/charters/", "1.bundle")
FOUND = {
    "unsynced": {f"{name} was done" for name in (*_NAMES, "import-0", "import-1")},
    "no folder": {f"{name} was done" for name in _NAMES},
    "in place": {*_PLACES},
}
FITTING = {"unsynced": ("drop",), "no folder": ("drop",), "in place": ("torn", "zeros")}


@pytest.mark.parametrize("sabotage", list(FOUND))
def test_a_careless_command_is_found(tmp_path: Path, folder: Path, sabotage: str) -> None:
    """Of each command, not of some one."""
    run = record(tmp_path, sabotage, acts)
    left = Left(run, folder)
    missing = set(FOUND[sabotage])
    for state in every_state(run, FITTING[sabotage]):
        done = state.policy == "drop" and isinstance(run.account.ops[state.point - 1], Mark)
        for wrong in left.wrongs(state, stores=done and sabotage == "unsynced"):
            missing -= {words for words in missing if words in wrong}
        if not missing:
            return
    assert missing == set()
