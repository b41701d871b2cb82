"""No loss of power while keys change leaves a station without the key that its charter names.

At every operation that was recorded, what the disk may hold is built and opened: the key store, of
which the old or the new content must be whole, and with its key the journal.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.crash import driver, keys_driver
from tests.crash.states import POLICIES, State
from tests.crash.test_backup_power import every_state
from tests.crash.test_power import pytestmark, record

from tieline.core.crypto import verify
from tieline.core.errors import TielineError
from tieline.core.station import Station
from tieline.core.terms import Now
from tieline.node.audit import audit_store
from tieline.node.secrets import KeyFile, StationKeys, unlock
from tieline.store import disk
from tieline.store.sqlite import SqliteStore

__all__ = ["pytestmark"]

NOW = Now(driver.START_MS, 1, 1)


class Home:
    """What a loss of power left of ALPHA's home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self.versions: Counter[int] = Counter()
        self.sets: Counter[int] = Counter()

    def wrongs(self, state: State, *, store: bool) -> list[str]:
        for old in self._folder.iterdir():
            old.unlink()
        for path, data in state.files.items():
            folder, _, name = path.rpartition("/")
            if folder == keys_driver.WHO and not name.endswith(("-shm", ".reserve", ".lock")):
                (self._folder / name).write_bytes(data)
                (self._folder / name).chmod(0o600)
        with (self._folder / "store.db.reserve").open("wb") as reserve:
            reserve.truncate(disk.RESERVE_BYTES)
        promised = {p.split()[0]: p.split()[2] for p in state.promises}
        try:
            keys = unlock(self._folder / "keys.tlk", KeyFile(self._folder / "key"))
            found = self._keys(keys, promised)
            if store and not found:
                found = self._store(keys, promised)
        except TielineError as error:
            found = [error.message]
        return [f"after operation {state.point}, {state.policy}: {text}" for text in found]

    def _keys(self, keys: StationKeys, promised: dict[str, str]) -> list[str]:
        self.sets[len(keys.sets)] += 1
        fresh = promised.get("keys")
        if fresh and fresh not in [each.certificate.sign_key.hex() for each in keys.sets]:
            return ["the fresh keys were made, and are lost"]
        if "forgot" in promised and len(keys.sets) != 1:
            return ["the former keys were taken out, and are back"]
        return []

    def _store(self, keys: StationKeys, promised: dict[str, str]) -> list[str]:
        own = keys.certificate
        store = SqliteStore.open(self._folder / "store.db", keys.db_key)
        try:
            found = [str(text) for text in audit_store(store, own.station, own.realm)["problems"]]  # type: ignore[union-attr]
            facts = [fact for _, fact in store.facts()]
        finally:
            store.close()
        (line,) = Station.load(own.station, own.realm, facts, NOW).lines.values()
        self.versions[line.latest()] += 1
        if "version" in promised and line.latest() != 2:
            found.append("the version came into force, and is lost")
        item = promised.get("item")
        if item and line.item(bytes.fromhex(item)) is None:
            found.append("something was said, and is lost")
        key = line.sign_key(line.latest(), own.station) or b""
        if not verify(key, b"to sign", keys.sign(b"to sign", key)):
            found.append("the key that the charter names does not sign")
        return found


def test_the_key_that_the_charter_names_is_always_there(tmp_path: Path) -> None:
    run = record(tmp_path, "none", keys_driver)
    home = Home(tmp_path / "left")
    seen: Counter[str] = Counter()
    promises: set[str] = set()
    for state in every_state(run):
        store = state.policy == POLICIES[state.point % len(POLICIES)]
        assert home.wrongs(state, store=store) == []
        seen[state.policy] += 1
        promises |= {promise.split()[0] for promise in state.promises}
    assert promises == {"keys", "version", "item", "forgot"}
    assert set(home.sets) == {1, 2}
    assert set(home.versions) == {1, 2}
    assert seen["drop"] == len(run.account.ops) > 30


@pytest.mark.parametrize("sabotage", ["in place", "unsynced"])
def test_a_careless_change_of_keys_is_found(tmp_path: Path, sabotage: str) -> None:
    run = record(tmp_path, sabotage, keys_driver)
    home = Home(tmp_path / "left")
    wrongs = (wrong for state in every_state(run) for wrong in home.wrongs(state, store=False))
    assert next(wrongs, "")
