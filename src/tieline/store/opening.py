"""Opening a store's file, also where nothing can be written.

SQLite reads a file that has a write-ahead log only where it may write beside it: its index of the
log goes there. On a disk that is mounted read-only, or in a folder that this user may not write, a
store is read all the same, in one of two ways:

* A log that holds something is read with its index in memory alone. What the log holds is of the
  record: a file that is opened without its log would be an older record, and would not say so.
* Where there is no log, or an empty one, the file alone is the record, and is read as one that does
  not change.

No locks of SQLite are taken then; the store's own lock keeps a station out that could write
(``disk.Lock``). A station whose disk had no room for an index when it started has it in memory, and
holds the file alone: its store is read likewise, and nothing of the log is tidied away by a reader,
since the station goes on writing it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from tieline.core.errors import LocalError, ShellError, StoreFull
from tieline.store import disk, schema, wal

KEY_BYTES: Final = 32
READERS: Final = "'tieline log', 'tieline verify', 'tieline evidence' and 'tieline backup'"
_INDEX_ROOM: Final = 65_536
_ALONE: Final = "multipleciphers-unix-none"  # pages as ever, and no locks


def can_write(folder: Path) -> bool:
    """Whether this user may write into a folder, and its disk lets anybody."""
    return os.access(folder, os.W_OK)


def for_reading(path: Path, key: bytes, patience_ms: int = 0) -> apsw.Connection:
    """Open a store's file to read it, whatever its disk allows.

    ``patience_ms``: how long to wait for who holds the file. Raises ``LocalError`` (``store.key``)
    and the database's own errors.
    """
    if no_index(path) and not wal.beside(path, "-shm").exists() and can_write(path.parent):
        return _opened(path, str(path), key, vfs=_ALONE)
    try:
        return _opened(path, str(path), key, patience_ms=patience_ms)
    except apsw.BusyError:
        return _opened(path, str(path), key, vfs=_ALONE)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if can_write(path.parent):
            raise
    log = wal.beside(path, "-wal")
    if log.exists() and log.stat().st_size:
        return _opened(path, str(path), key, vfs=_ALONE)
    return _opened(path, f"file:{quote(str(path.absolute()))}?immutable=1", key)


def _opened(
    path: Path, name: str, key: bytes, *, vfs: str | None = None, patience_ms: int = 0
) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI * name.startswith("file:")
    connection = apsw.Connection(name, flags=flags, vfs=vfs)
    try:
        connection.set_busy_timeout(patience_ms)
        if vfs is not None:
            setting(connection, "locking_mode", "exclusive")  # so the index is in memory
            # Without locks it takes itself for the last, and would delete an empty log at the end.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        unlock_file(connection, path, key)
    except BaseException:
        connection.close()
        raise
    return connection


def setting(connection: apsw.Connection, name: str, *value: str | int) -> object:
    """Ask for a setting of the database, or set it; its answer. SQLite refuses by answering."""
    answer: object = connection.pragma(name, *value)
    return answer


def unlock_file(connection: apsw.Connection, path: Path, key: bytes) -> None:
    """Give the key before anything is read. It is random, so no passphrase hash is spent on it."""
    if len(key) != KEY_BYTES:
        raise LocalError("store.key", f"the key of {path} must have {KEY_BYTES} bytes")
    connection.pragma("cipher", "chacha20")
    if connection.pragma("cipher") != "chacha20":
        raise ShellError(
            "store.library",
            "this SQLite cannot encrypt; install the locked packages again, nothing was written",
        )
    connection.pragma("key", f"raw:{key.hex()}")
    connection.pragma("user_version")  # the first read: a wrong key is found here


def no_room(path: Path) -> bool:
    """Whether the disk of a store is as good as full."""
    stat = os.statvfs(path.parent)
    return stat.f_bavail * stat.f_frsize < disk.RESERVE_BYTES


def no_index(path: Path) -> bool:
    """Whether a disk has no room for the index of a log: twice the 32 KiB that it begins with."""
    stat = os.statvfs(path.parent)
    return stat.f_bavail * stat.f_frsize < _INDEX_ROOM


def unopened(path: Path, error: apsw.Error) -> ShellError:
    """Why a store does not open, and what to do."""
    if not can_write(path.parent):
        read_only = os.statvfs(path.parent).f_flag & os.ST_RDONLY
        cause = (
            "disk is mounted read-only" if read_only else "folder cannot be written by this user"
        )
        return ShellError(
            "store.open",
            f"{path} does not open for writing because its {cause}; put that right, or copy the"
            f" home to another disk; {READERS} read it as it is",
        )
    if no_room(path):
        return StoreFull(f"{path} does not open because its disk is full; make room on it")
    stat = os.statvfs(path.parent)
    if stat.f_files and not stat.f_favail:
        return StoreFull(
            f"{path} does not open: its disk has no room for another file; delete some"
        )
    return ShellError(
        "store.open",
        f"{path} does not open: {error}; check its disk, and limits on the size of files",
    )


def refuse_shorter(
    path: Path, connection: apsw.Connection, seen: wal.Witness | None, index: wal.Index | None
) -> None:
    """Refuse a log of which less can be read than was once committed, at every start.

    Its station would write on from an earlier head, and sign a second story. ``index`` is None
    when the index is in memory: then the log itself is counted.
    """
    # The database has been read by now, which rebuilds an index on the disk.
    now = wal.counted(path) if index is None else index.witness()
    if seen is None or now is None or seen.salts != now.salts or now.frames >= seen.frames:
        return
    # To close would move what is left of the log into the file, and the next start know nothing.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    text = keep_told(
        path,
        seen,
        f"the log of {path} held {seen.frames} frames and only {now.frames} can be read; bytes of"
        " it have changed",
    )
    raise ShellError(
        "store.damaged",
        f"{text}; restore the last backup into a new home, or make a new station of the"
        " party; the others give back the record (docs/operations.md, Backup)",
    )


def keep_told(path: Path, seen: wal.Witness, text: str) -> str:
    """Have the next start refuse a damaged log as well; ``text``, and what to do if that fails."""
    try:
        wal.put_back(path, seen)
    except OSError as error:
        return (
            f"{text}; its index could not be written again ({error.strerror}), so that the next"
            " start would take what is left of the log for all of it: move this home away, and"
            " start no station in it"
        )
    return text


def refuse_unsettled(path: Path, seen: wal.Witness | None) -> None:
    """Refuse to read a store of which the log is not whole, or is gone: it would be an older one.

    A start settles that, and is not possible where nothing can be written.
    """
    log = wal.beside(path, "-wal")
    text = wal.problem(path, seen)
    if not text and seen is not None and seen.frames and not log.exists():
        text = f"{log} is missing, which held {seen.frames} frames; find it and put it back"
    if text:
        raise ShellError(
            "store.damaged",
            f"{text}; this home cannot be written, so do that in a copy of it that can be",
        )


def unsynced(path: Path, error: OSError) -> ShellError:
    """The refusal of a folder that cannot be synced (``store.sync``)."""
    return ShellError(
        "store.sync",
        f"the folder of {path} cannot be synced ({error.strerror}); check the disk",
    )


def settle_log(connection: apsw.Connection, path: Path) -> None:
    """Move what an earlier life left in the log into the file.

    What comes after it was never promised to anybody, and must not look like damage later.
    """
    log = wal.beside(path, "-wal")
    if log.exists() and log.stat().st_size:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def demand(connection: apsw.Connection, path: Path, name: str, wanted: str | int) -> None:
    """Refuse a database that does not take a setting (``store.pragma``)."""
    found = setting(connection, name)
    if found != wanted:
        raise ShellError(
            "store.pragma",
            f"{path} stays in {name}={found} where {wanted} is needed, so that commits would not"
            " survive a loss of power; keep the store on a local disk",
        )


def refuse_older(connection: apsw.Connection, path: Path) -> None:
    """Refuse to read a store that a start has still to bring up to date (``store.older``)."""
    found = schema.version(connection)
    if found < schema.MIGRATIONS[-1].version:
        raise ShellError(
            "store.older",
            f"the store {path} still has version {found}; start the station once, which brings it"
            " up to date, on a copy of the home where this one cannot be written",
        )
