"""What lies beside the database: the lock, the kept-back room, and the free space there is.

The lock is a file of its own that is never removed, because a lock on a file that is replaced
locks nothing. It dies with the process, so a crash leaves no stale lock; the process id written in
it only helps to name the holder. The reserve is a file of real bytes: when the disk is full it is
given up, so that receipts and acknowledgements go on while people make room.
"""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tieline.core.errors import ShellError, StoreFull

RESERVE_BYTES = 2 << 20  # room for well over a hundred commits: one takes 8 to 16 kB of the log
LOW_BYTES = 1 << 30
CRITICAL_BYTES = 1 << 28
FULL_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

Level = Literal["ok", "low", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much room there is where the store lives, in bytes.

    ``low``: under 10 % of the volume or 1 GiB, whichever is less. ``critical``: under 5 % or
    256 MiB, whichever is less, or the last commit found no room. ``reserve`` is what is kept back.
    """

    free: int
    total: int
    reserve: int
    level: Level


class Lock:
    """The right to be the one process that uses a store, held until ``release``."""

    def __init__(self, path: Path, *, create: bool = True, reading: bool = False) -> None:
        """Take the lock. Raises ``ShellError`` (``store.locked``) when another process holds it.

        ``reading``: the store will not be written. Where nobody can write the lock is shared by
        all who read, and is not needed where there is no file to hold: a station makes one.
        """
        alone = not (reading and not os.access(path.parent, os.W_OK))
        self._fd = -1
        if not alone and not path.exists():
            return
        self._fd = _open_lock(path, create=create)
        try:
            fcntl.flock(self._fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(self._fd)
            os.close(self._fd)
            raise ShellError(
                "store.locked",
                f"the store {path.with_suffix('')} is in use by {holder}; "
                "stop that station first ('tieline stop'), or give the order to it instead",
                transient=True,
            ) from None
        except OSError as error:
            os.close(self._fd)
            raise ShellError(
                "store.lock",
                f"the lock {path} cannot be taken ({error.strerror}); "
                "keep the store on a local disk that knows file locks",
            ) from error
        _write_holder(self._fd)

    def release(self) -> None:
        """Let the next process in. A second time does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Reserve:
    """The kept-back file. It exists (room is kept back) or it does not (the room was given up)."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size

    def held(self) -> int:
        """How many bytes are kept back now."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def release(self) -> int:
        """Give the room up and say how many bytes that freed; 0 when there was none."""
        held = self.held()
        if held:
            self._path.unlink()
            sync_folder(self._path.parent)
        return held

    def restore(self) -> None:
        """Keep the room back again. Raises ``StoreFull`` when there is not enough of it."""
        if self.held() == self._size:
            return
        part = self._path.with_name(self._path.name + ".new")
        try:
            # Random bytes: a volume that compresses or stores zeros as holes would keep nothing.
            write_synced(part, os.urandom(self._size))
            part.rename(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            if error.errno in FULL_ERRNOS:
                raise StoreFull(
                    f"there is no room to keep {self._size} bytes back in {self._path}; "
                    "make room on this disk"
                ) from error
            raise ShellError(
                "store.reserve", f"the reserve {self._path} cannot be written ({error.strerror})"
            ) from error


def room(folder: Path, reserve: int, *, full: bool) -> Room:
    """Measure the room in a folder; ``full`` says that the last commit found none."""
    stat = os.statvfs(folder)
    free = stat.f_bavail * stat.f_frsize
    total = stat.f_blocks * stat.f_frsize
    level: Level = "ok"
    if full or free < min(total // 20, CRITICAL_BYTES):
        level = "critical"
    elif free < min(total // 10, LOW_BYTES):
        level = "low"
    return Room(free=free, total=total, reserve=reserve, level=level)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600 and wait until its bytes are durable. Raises ``OSError``."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are durable. Raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Wait until a folder's entries are durable. Raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _open_lock(path: Path, *, create: bool) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return _open_lock_reading(path, error)
        raise ShellError(
            "store.lock",
            f"the lock {path} cannot be opened ({error.strerror}); "
            "check the folder and the room on its disk",
        ) from error


def _open_lock_reading(path: Path, refused: OSError) -> int:
    """A disk that cannot be written still lets a lock be held on a file that is there."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        why = refused if isinstance(error, FileNotFoundError) else error
        raise ShellError(
            "store.lock",
            f"the lock {path} cannot be opened ({why.strerror}); "
            "check that its disk can be written and this user may use the folder",
        ) from error


def _holder(fd: int) -> str:
    try:
        text = os.pread(fd, 32, 0).split(b"\n")[0]
    except OSError:
        text = b""
    return f"process {int(text)}" if text.isdigit() else "another process"


def _write_holder(fd: int) -> None:
    """The number only helps people; a disk that has no room for it must not stop the station."""
    try:
        os.pwrite(fd, f"{os.getpid()}\n".ljust(16).encode(), 0)
    except OSError:
        return
