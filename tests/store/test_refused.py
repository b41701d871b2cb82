"""Making and opening a store where something is wrong: one clear refusal, and no lock kept."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import apsw
import pytest
from tests.store.samples import KEY, end_of_log, fact, make

from tieline.core.errors import ShellError, StoreFailed, StoreFull
from tieline.store import disk, opening, wal
from tieline.store.sqlite import SqliteStore

GIB = 1 << 30


def refused(path: Path, *, read_only: bool = False) -> ShellError:
    with pytest.raises(ShellError) as caught:
        SqliteStore.open(path, KEY, read_only=read_only)
    return caught.value


def volume(monkeypatch: pytest.MonkeyPatch, free: int, flag: int = 0) -> None:
    """Say that so much is free on the disk."""

    class Stat:
        f_bavail, f_blocks, f_frsize, f_flag, f_files = free, 100 * GIB, 1, flag, 0

    monkeypatch.setattr(os, "statvfs", lambda _: Stat)


@pytest.mark.parametrize("what", ["sync_file", "sync_folder"])
def test_a_store_that_is_not_synced_when_it_is_made_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    plain, calls = getattr(disk, what), []

    def fails_at_the_end(path: Path) -> None:
        calls.append(path)
        if len(calls) > (1 if what == "sync_folder" else 0) + restored:
            raise OSError(5, "Input/output error")
        plain(path)

    restored = 1 if what == "sync_folder" else 0  # the reserve syncs its folder, too
    monkeypatch.setattr(disk, what, fails_at_the_end)
    with pytest.raises(ShellError) as caught:
        SqliteStore.create(tmp_path / "store.db", KEY)
    assert caught.value.code == "store.sync"
    assert calls[-1] == (tmp_path if what == "sync_folder" else tmp_path / "store.db")
    monkeypatch.undo()
    SqliteStore.open(tmp_path / "store.db", KEY).close()  # its lock was let go


def test_an_empty_file_is_no_new_store(tmp_path: Path) -> None:
    path = make(tmp_path, facts=1)
    path.write_bytes(b"")
    assert refused(path).code == "store.damaged"
    assert refused(path, read_only=True).code == "store.damaged"
    assert path.stat().st_size == 0


def test_a_file_that_does_not_open_is_told_by_what_is_wrong_with_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, facts=1)

    def fails(*_: object, **__: object) -> None:
        raise apsw.CantOpenError("unable to open database file")

    monkeypatch.setattr(apsw, "Connection", fails)
    volume(monkeypatch, 10 * GIB)
    assert (refused(path).code, "unable to open" in refused(path).message) == ("store.open", True)
    volume(monkeypatch, disk.RESERVE_BYTES)
    assert refused(path).code == "store.open"
    volume(monkeypatch, disk.RESERVE_BYTES - 1)
    with pytest.raises(StoreFull):
        SqliteStore.open(path, KEY)
    monkeypatch.undo()
    SqliteStore.open(path, KEY).close()


def test_any_other_error_of_the_library_lets_the_lock_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, facts=1)

    def fails(*_: object, **__: object) -> None:
        raise apsw.CorruptError("database disk image is malformed")

    monkeypatch.setattr(apsw, "Connection", fails)
    error = refused(path)
    assert (error.code, "malformed" in error.message) == ("store.open", True)
    monkeypatch.undo()
    SqliteStore.open(path, KEY).close()


def killed(tmp_path: Path) -> Path:
    """The files of a store as a killed process leaves them: six facts of nine are in the log."""
    path = make(tmp_path, facts=3)
    store = SqliteStore.open(path, KEY)
    for number in range(3, 9):
        store.commit([fact(number, position=number)])
    folder = tmp_path / "killed"
    folder.mkdir()
    for ending in ("", "-wal", "-shm"):
        shutil.copy(wal.beside(path, ending), folder)
    store.close()
    return folder / path.name


def spoil(path: Path) -> bytes:
    """Change a byte in the middle of a store's log; what the log is then."""
    log = wal.beside(path, "-wal")
    data = bytearray(log.read_bytes())
    data[end_of_log(path) // 2] ^= 1
    log.write_bytes(data)
    return bytes(data)


@pytest.mark.parametrize("short", [False, True])
def test_what_is_damaged_is_told_also_where_the_disk_is_too_full_to_note_it_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    path = killed(tmp_path)
    spoil(path)

    def full(*_: object) -> int:
        if short:
            return 17
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for verifies in (True, False):
        before = wal.beside(path, "-shm").read_bytes()
        monkeypatch.setattr(os, "pwrite", full)
        text = SqliteStore.verify_file(path, KEY)[0] if verifies else refused(path).message
        monkeypatch.undo()
        assert "bytes of it have changed" in text
        assert "could not be written again (No space left on device)" in text
        assert "start no station in it" in text
        wal.beside(path, "-shm").write_bytes(before)


def test_a_log_that_was_written_and_holds_only_zeros_is_not_taken_for_a_new_one(
    tmp_path: Path,
) -> None:
    path = killed(tmp_path)
    log = wal.beside(path, "-wal")
    log.write_bytes(bytes(log.stat().st_size))
    for _ in range(2):
        (text,) = SqliteStore.verify_file(path, KEY)
        assert "frames and holds only zeros" in text


def test_a_log_of_which_less_reads_than_was_committed_is_refused(tmp_path: Path) -> None:
    copy = killed(tmp_path)
    whole = tmp_path / "whole"
    shutil.copytree(copy.parent, whole)
    log, data = wal.beside(copy, "-wal"), spoil(copy)
    error = refused(copy)
    assert error.code == "store.damaged"
    assert "frames and only" in error.message
    assert refused(copy).message == error.message  # nothing was repaired by looking
    assert log.read_bytes() == data
    problems = SqliteStore.verify_file(copy, KEY)
    assert "bytes of it have changed" in problems[0]
    assert refused(copy).message == error.message
    again = SqliteStore.open(whole / copy.name, KEY)
    assert len(list(again.facts())) == 9
    assert wal.counted(whole / copy.name) is None  # it is in the file now
    again.close()


def test_the_reserve_is_kept_back_again_where_there_is_plenty_of_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore.open(make(tmp_path), KEY)
    reserve = tmp_path / "store.db.reserve"
    volume(monkeypatch, 0)
    assert store.restore_reserve()  # it is there: no room is wanted
    reserve.unlink()
    volume(monkeypatch, 8 * disk.RESERVE_BYTES - 1)
    assert not store.restore_reserve()
    assert not reserve.exists()
    volume(monkeypatch, 8 * disk.RESERVE_BYTES)
    assert store.restore_reserve()
    assert store.room().reserve == disk.RESERVE_BYTES
    store.close()
    assert not store.restore_reserve()


def test_what_does_not_close_is_a_failure_and_lets_the_lock_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, facts=1)
    store = SqliteStore.open(path, KEY)
    inner = store._connection

    class Stuck:
        def close(self) -> None:
            raise apsw.IOError("disk I/O error")

        def config(self, *_: object) -> None:
            raise apsw.MisuseError("it is closing")

    monkeypatch.setattr(store, "_connection", Stuck())
    with pytest.raises(StoreFailed):
        store.close()
    inner.close()
    again = SqliteStore.open(path, KEY)
    assert again.last() == 1
    again.close()


def test_an_sqlite_without_ciphers_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    class Plain:
        def pragma(self, name: str, *value: object) -> object:
            return None

    with pytest.raises(ShellError) as caught:
        opening.unlock_file(Plain(), tmp_path / "store.db", KEY)  # type: ignore[arg-type]
    assert caught.value.code == "store.library"
