"""A disk without room: nothing is lost, reading goes on, and it ends by itself."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from tests.store.samples import KEY, LINE, fact, make

from tieline.core.errors import ShellError, StoreFailed, StoreFull
from tieline.core.shelf import Settlement
from tieline.store import disk, sqlite
from tieline.store.sqlite import SqliteStore


@contextmanager
def file_size_limit(most: int) -> Iterator[None]:
    """No file of this process may grow beyond this: a full disk for those who may not mount one."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def fill(store: SqliteStore) -> int:
    """Commit until there is no room; how many commits went through."""
    for count in range(100_000):
        try:
            store.commit([fact(count, body=os.urandom(2_000))])
        except StoreFull:
            return count
    raise AssertionError("the disk never got full")


def test_a_limit_on_files_is_a_full_disk(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path, facts=3), KEY)
    with file_size_limit(300_000):
        done = fill(store)
        assert 10 < done < 400
        held = list(store.facts())
        assert len(held) == 3 + done
        assert store.room().level == "critical"
        with pytest.raises(StoreFull) as caught:
            store.commit([fact(n) for n in range(3_000)])
        assert caught.value.code == "store.full"
        assert caught.value.transient
        assert store.damage() == []
        assert list(store.facts()) == held
    assert store.commit([fact(9)]) == 4 + done
    store.close()
    again = SqliteStore.open(tmp_path / "store.db", KEY)
    assert list(again.facts())[:-1] == held
    again.close()


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB of its own."""
    folder = tmp_path / "volume"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tieline-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root alone; the limit on files is tested above")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def no_room(folder: Path) -> Path:
    """Take all that is left on a disk; the file to delete to give it back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (65_536, 4_096):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                continue
    return filler


def test_the_reserve_carries_a_hundred_commits_and_then_nothing_is_lost(volume: Path) -> None:
    store = SqliteStore.open(make(volume, facts=3), KEY)
    filler = no_room(volume)
    assert store.room().reserve == disk.RESERVE_BYTES
    done = fill(store)
    assert done >= 100
    assert store.room().reserve == 0
    held = list(store.facts())
    assert len(held) == 3 + done
    filler.unlink()
    assert store.commit([fact(9)]) == 4 + done
    assert store.restore_reserve() is False  # too little room to keep any back yet
    assert store.damage() == []
    store.close()
    again = SqliteStore.open(volume / "store.db", KEY)
    assert list(again.facts())[:-1] == held
    again.close()


def test_a_start_on_a_full_disk_gives_up_the_reserve(volume: Path) -> None:
    path = make(volume, facts=3)
    no_room(volume)
    store = SqliteStore.open(path, KEY)
    assert len(list(store.facts())) == 3
    assert store.commit([fact(9)]) == 4
    store.close()


def test_a_start_without_any_room_reads_and_writes_again_later(volume: Path) -> None:
    path = make(volume, facts=3)
    path.with_name("store.db.reserve").unlink()
    filler = no_room(volume)
    store = SqliteStore.open(path, KEY)
    assert len(list(store.facts())) == 3
    with pytest.raises(StoreFull):
        store.commit([fact(9)])
    assert len(list(store.facts())) == 3
    filler.unlink()
    assert store.commit([fact(9)]) == 4
    store.close()
    again = SqliteStore.open(path, KEY)
    assert len(list(again.facts())) == 4
    again.close()


# ------------------------------------------------------------------------- a sync that fails


class Broken:
    """A connection whose next use of one kind fails as a disk fails."""

    def __init__(self, inner: apsw.Connection, fails: Callable[[str], bool]) -> None:
        self._inner = inner
        self._fails = fails

    def execute(self, query: str, *values: object) -> object:
        if self._fails(query):
            raise apsw.IOError("disk I/O error")
        return self._inner.execute(query, *values)  # type: ignore[arg-type]

    def wal_checkpoint(self, *args: object, **more: object) -> object:
        if self._fails("checkpoint"):
            raise apsw.IOError("disk I/O error")
        return self._inner.wal_checkpoint(*args, **more)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.mark.parametrize("where", ["COMMIT", "BEGIN IMMEDIATE", "checkpoint"])
def test_after_a_failure_every_commit_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 1)
    store = SqliteStore.open(make(tmp_path, facts=3), KEY)
    failing = [where]
    broken = Broken(store._connection, lambda query: query in failing)
    monkeypatch.setattr(store, "_connection", broken)
    with pytest.raises(StoreFailed) as caught:
        store.commit([fact(1)])
    assert "the station stops" in caught.value.message
    failing.clear()
    with pytest.raises(StoreFailed) as again:
        store.commit([fact(2)])
    assert again.value.message == caught.value.message
    store.close()
    log = tmp_path / "store.db-wal"
    assert log.exists()  # nothing was tidied: the next start finds out from the disk
    after = SqliteStore.open(tmp_path / "store.db", KEY)
    assert [f for _, f in after.facts()][:3] == [fact(n, position=n) for n in range(3)]
    after.close()


def test_a_folder_that_does_not_sync_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, facts=3)

    def fails(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "sync_folder", fails)
    with pytest.raises(ShellError) as caught:
        SqliteStore.open(path, KEY)
    assert caught.value.code == "store.sync"
    monkeypatch.undo()
    SqliteStore.open(path, KEY).close()


def test_a_refused_commit_that_cannot_be_undone_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore.open(make(tmp_path, facts=3), KEY)
    broken = Broken(store._connection, lambda query: query == "ROLLBACK")
    monkeypatch.setattr(store, "_connection", broken)
    with pytest.raises(StoreFailed, match="could not be undone"):
        store.commit([fact(9), fact(1, position=1)])  # the place is taken
    with pytest.raises(StoreFailed):
        store.commit([fact(9)])
    store.close()


def test_the_past_finds_no_room_and_the_journal_goes_on(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path, facts=3), KEY)
    large = Settlement(
        line=LINE, state=bytes(400_000), anew=False, chunks=[], tallies=[], receipts=[], acts=[]
    )
    with file_size_limit(300_000), pytest.raises(StoreFull):
        store.past.keep(1, b"", [large])
    assert store.past.kept() is None
    assert store.room().reserve == disk.RESERVE_BYTES  # the reserve is not for this
    assert store.commit([fact(9)]) == 4
    store.past.keep(1, b"", [large])
    assert store.past.kept() is not None
    store.close()
