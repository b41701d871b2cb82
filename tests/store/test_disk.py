"""What lies beside a store: its lock, the room kept back, and how much there is."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from tieline.core.errors import ShellError, StoreFull
from tieline.store import disk


def refused(path: Path, *, create: bool = True) -> ShellError:
    with pytest.raises(ShellError) as caught:
        disk.Lock(path, create=create)
    return caught.value


# -------------------------------------------------------------------------------------- the lock


def test_a_lock_names_its_holder_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "store.db.lock"
    lock = disk.Lock(path)
    assert path.read_bytes() == f"{os.getpid()}\n".ljust(16).encode()
    assert path.stat().st_mode & 0o777 == 0o600
    error = refused(path)
    assert (error.code, error.transient) == ("store.locked", True)
    assert f"{tmp_path / 'store.db'} is in use by process {os.getpid()};" in error.message
    path.write_bytes(b"no number")
    assert "is in use by another process;" in refused(path).message
    lock.release()
    lock.release()
    disk.Lock(path, create=False).release()


def test_a_lock_that_is_let_go_twice_closes_no_file_of_another(tmp_path: Path) -> None:
    lock = disk.Lock(tmp_path / "store.db.lock")
    lock.release()
    with (tmp_path / "other").open("wb") as other:  # gets the number of the file that was closed
        lock.release()
        other.write(b"whole")
    assert (tmp_path / "other").read_bytes() == b"whole"


def test_a_lock_that_is_not_there_is_made_only_where_it_may_be(tmp_path: Path) -> None:
    assert refused(tmp_path / "store.db.lock", create=False).code == "store.lock"
    assert list(tmp_path.iterdir()) == []
    error = refused(tmp_path / "no folder" / "store.db.lock")
    assert error.code == "store.lock"
    assert "No such file or directory" in error.message


def test_a_disk_that_cannot_be_written_still_gives_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db.lock"
    plain = os.open

    def read_only(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & (os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system")
        return plain(path, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    assert refused(path).code == "store.lock"  # there is none, and none can be made
    path.write_bytes(b"4711\n".ljust(16))
    lock = disk.Lock(path)
    assert "in use by process 4711;" in refused(path).message  # its number cannot be written
    lock.release()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_disk_that_knows_no_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    before = open_files()
    error = refused(tmp_path / "store.db.lock")
    assert (error.code, error.transient) == ("store.lock", False)
    assert "No locks available" in error.message
    assert open_files() == before


# ----------------------------------------------------------------------------------- the reserve


def test_a_reserve_is_kept_back_given_up_and_kept_back_again(tmp_path: Path) -> None:
    assert disk.RESERVE_BYTES == 2_097_152
    path = tmp_path / "store.db.reserve"
    reserve = disk.Reserve(path, 70_000)
    assert (reserve.held(), reserve.release()) == (0, 0)
    reserve.restore()
    data = path.read_bytes()
    assert (reserve.held(), len(data), len(set(data))) == (70_000, 70_000, 256)  # no holes
    reserve.restore()
    assert path.read_bytes() == data  # it is there: nothing is written again
    assert reserve.release() == 70_000
    assert (reserve.held(), list(tmp_path.iterdir())) == (0, [])
    path.write_bytes(b"cut short")
    reserve.restore()
    assert reserve.held() == 70_000


@pytest.mark.parametrize("number", sorted(disk.FULL_ERRNOS))
def test_a_reserve_without_room_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:9])
        raise OSError(number, "no room")

    monkeypatch.setattr(disk, "write_synced", full)
    with pytest.raises(StoreFull) as caught:
        disk.Reserve(tmp_path / "store.db.reserve").restore()
    assert caught.value.code == "store.full"
    assert list(tmp_path.iterdir()) == []  # what was begun is gone


def test_a_reserve_that_cannot_be_written_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk, "sync_folder", broken)
    with pytest.raises(ShellError) as caught:
        disk.Reserve(tmp_path / "store.db.reserve").restore()
    assert caught.value.code == "store.reserve"
    assert "Input/output error" in caught.value.message


# ------------------------------------------------------------------------------- room and syncs


@pytest.mark.parametrize(
    ("free", "total", "level"),
    [
        (1 << 30, 1 << 40, "ok"), ((1 << 30) - 1, 1 << 40, "low"),
        (1 << 28, 1 << 40, "low"), ((1 << 28) - 1, 1 << 40, "critical"),
        (100, 1000, "ok"), (99, 1000, "low"), (50, 1000, "low"), (49, 1000, "critical"),
    ],
)  # fmt: skip
def test_a_level_begins_below_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, total: int, level: str
) -> None:
    class Stat:
        f_bavail, f_blocks, f_frsize = free, total, 1

    monkeypatch.setattr(os, "statvfs", lambda _: Stat)
    room = disk.room(tmp_path, 7, full=False)
    assert (room.free, room.total, room.reserve, room.level) == (free, total, 7, level)


def test_room_is_counted_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stat:
        f_bavail, f_blocks, f_frsize = 3, 5, 4_096

    monkeypatch.setattr(os, "statvfs", lambda _: Stat)
    room = disk.room(tmp_path, 0, full=False)
    assert (room.free, room.total) == (3 * 4_096, 5 * 4_096)


def test_what_is_written_is_private_whole_and_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some"
    path.write_bytes(b"older and longer")
    path.chmod(0o600)
    synced = []
    plain, write = os.fsync, os.write

    def note(fd: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{fd}").readlink()), os.fstat(fd).st_size))
        plain(fd)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))  # a little at a time
    disk.write_synced(path, b"ten  bytes")
    disk.sync_file(path)
    disk.sync_folder(tmp_path)
    assert path.read_bytes() == b"ten  bytes"
    assert [name for name, _ in synced] == [str(path), str(path), str(tmp_path)]
    assert synced[0][1] == 10
    disk.write_synced(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match="Not a directory"):
        disk.sync_folder(path)
