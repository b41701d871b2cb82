"""A store in a folder that cannot be written, as its user sees it."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import apsw
import pytest
from tests.store.samples import KEY, end_of_log, fact, make
from tests.store.test_file import code_of

from tieline.core.errors import ShellError, StoreFull
from tieline.store import disk, opening, sqlite
from tieline.store.reader import Reader
from tieline.store.sqlite import SqliteStore


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store as a kill has left it, copied to where SQLite may not write beside it."""
    store = SqliteStore.open(make(tmp_path, facts=3), KEY)
    store.commit([fact(3)])
    there = tmp_path / "closed"
    there.mkdir()
    for each in tmp_path.glob("store.db*"):
        shutil.copy(each, there / each.name)
    store.close()
    plain = opening._opened

    def refused(path: Path, name: str, key: bytes, **named: object) -> object:
        if name == str(path) and "vfs" not in named:
            raise apsw.CantOpenError("unable to open database file")
        return plain(path, name, key, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "_opened", refused)
    for module in (opening, sqlite):
        monkeypatch.setattr(module, "can_write", lambda _: False)
    return there / "store.db"


def test_what_the_log_holds_is_read_and_nothing_is_written(closed: Path) -> None:
    for name in ("", "-shm"):
        if name:
            closed.with_name(closed.name + name).unlink()
        before = {each.name: each.read_bytes() for each in closed.parent.iterdir()}
        store = SqliteStore.open(closed, KEY, read_only=True)
        reader = Reader(closed, KEY)
        assert len(list(store.facts())) == len(reader.facts(1, 4)) == 4
        assert store.damage() == []
        with pytest.raises(StoreFull, match="only read here"):
            store.past.drop()
        reader.close()
        store.close()
        assert {each.name: each.read_bytes() for each in closed.parent.iterdir()} == before


def test_without_a_log_the_file_is_the_record(closed: Path) -> None:
    for name in ("-wal", "-shm"):
        closed.with_name(closed.name + name).unlink()
    store = SqliteStore.open(closed, KEY, read_only=True)
    assert len(list(store.facts())) < 4  # of what was in the log nothing can be known
    store.close()


def test_a_log_that_is_cut_or_gone_is_not_passed_over(closed: Path) -> None:
    log = closed.with_name("store.db-wal")
    whole = log.read_bytes()
    end = end_of_log(closed)
    for left in (whole[: end - 4_096], whole[: end - 1], None):
        log.unlink()
        if left is not None:
            log.write_bytes(left)
        with pytest.raises(ShellError) as caught:
            SqliteStore.open(closed, KEY, read_only=True)
        assert code_of(caught) == "store.damaged"
        assert "in a copy of it" in caught.value.message
        log.write_bytes(whole)


def test_where_one_can_write_the_refusal_stands(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "can_write", lambda _: True)
    with pytest.raises(ShellError, match="does not open"):
        SqliteStore.open(closed, KEY, read_only=True)


def test_readers_share_the_lock_and_keep_out_who_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db.lock"
    monkeypatch.setattr(os, "access", lambda *_: False)
    disk.Lock(path, reading=True).release()  # there is none, and none can be made
    assert not path.exists()
    path.touch()
    one, other = disk.Lock(path, reading=True), disk.Lock(path, reading=True)
    with pytest.raises(ShellError) as caught:
        disk.Lock(path)
    assert code_of(caught) == "store.locked"
    one.release()
    other.release()
    writer = disk.Lock(path)
    with pytest.raises(ShellError):
        disk.Lock(path, reading=True)
    writer.release()


def held(index: Path) -> bool:
    """Whether some other process holds SQLite's lock on an index, by what a process finds."""
    child = os.fork()
    if child == 0:
        with index.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
            except OSError:
                os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def test_a_look_at_the_log_gives_up_no_lock(tmp_path: Path) -> None:
    path = make(tmp_path, facts=3)
    store = SqliteStore.open(path, KEY)
    store.commit([fact(3)])
    index = path.with_name("store.db-shm")
    assert held(index)
    assert store.log_damage() == []
    assert held(index)
    store.close()


def test_on_a_full_disk_no_index_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, facts=3)
    for module in (opening, sqlite):
        monkeypatch.setattr(module, "no_index", lambda _: True)
    for read_only in (True, False):
        store = SqliteStore.open(path, KEY, read_only=read_only)
        assert len(list(store.facts())) == 3
        assert not path.with_name("store.db-shm").exists()
        store.close()


@pytest.mark.parametrize("killed", [False, True])
def test_a_reader_beside_a_station_with_the_index_in_memory_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, killed: bool
) -> None:
    path = make(tmp_path, facts=3)
    if killed:  # its index lies there still, and says nothing of the log as it will be
        before = SqliteStore.open(path, KEY)
        before.commit([fact(3, position=3)])
        path = shutil.copytree(tmp_path, tmp_path / "killed") / path.name
        before.close()
    for module in (opening, sqlite):
        monkeypatch.setattr(module, "no_index", lambda _: True)
    monkeypatch.setattr(sqlite, "PATIENCE_MS", 1)
    station = SqliteStore.open(path, KEY)
    log = path.with_name("store.db-wal")
    number = log.stat().st_ino
    assert sqlite.check_pages(path, KEY) == []
    assert log.stat().st_ino == number
    station.commit([fact(4, position=4)])
    copy = tmp_path / "power"  # what a loss of power leaves of it now
    copy.mkdir()
    for each in path.parent.glob("store.db*"):
        shutil.copy(each, copy / each.name)
    station.close()
    again = SqliteStore.open(copy / path.name, KEY)
    assert again.last() == 4 + killed
    again.close()


def test_who_reads_beside_a_station_with_the_index_in_memory_finds_no_torn_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lock keeps the log: it was written over under an audit, which found damage then."""
    path = make(tmp_path, facts=3)
    for module in (opening, sqlite):
        monkeypatch.setattr(module, "no_index", lambda _: True)
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 10)
    station = SqliteStore.open(path, KEY)
    log = path.with_name("store.db-wal")
    for number in range(3, 20):
        station.commit([fact(number, position=number)])
    station.tidy()  # so that the next commit begins the log anew
    with station.read_beside():
        other = opening.for_reading(path, KEY, 1)
        for number in range(20, 40):
            station.commit([fact(number, position=number)])
            station.tidy()
            other.pragma("shrink_memory")
            assert other.execute("SELECT count(*) FROM fact").fetchall() == [(20,)]
        assert other.pragma("integrity_check") == "ok"
        assert not station.untidy
        other.close()
    station.commit([fact(40, position=40)])
    station.tidy()  # what has waited for the reader
    long = log.stat().st_size
    for number in range(41, 60):
        station.commit([fact(number, position=number)])
    assert log.stat().st_size == long
    station.close()


def test_with_the_index_in_memory_too_a_log_that_lost_entries_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, facts=3)
    store = SqliteStore.open(path, KEY)
    store.commit([fact(3, position=3)])
    store.commit([fact(4, position=4)])
    left = shutil.copytree(tmp_path, tmp_path / "left") / path.name
    whole = shutil.copytree(tmp_path / "left", tmp_path / "whole") / path.name
    store.close()
    for module in (opening, sqlite):
        monkeypatch.setattr(module, "no_index", lambda _: True)
    log = left.with_name("store.db-wal")
    os.truncate(log, end_of_log(left) - 100)
    for _ in range(2):
        with pytest.raises(ShellError, match="frames and only") as caught:
            SqliteStore.open(left, KEY)
        assert caught.value.code == "store.damaged"
    store = SqliteStore.open(whole, KEY)
    assert store.last() == 5
    store.close()
