"""What a witness must never forget: the head that it cosigned last, of every log.

One small SQLite file with ``synchronous=FULL``: a commit has been synced when it returns, and only
then may a cosignature leave. Its journal is truncated, not a write-ahead log: commits are few, a
failed sync is always an error of the commit itself, and no lost tail can take the file back in time
without a word. ``advance`` compares and sets in one transaction, so that no order of
requests ever takes a log back (C2SP tlog-witness, "add-checkpoint"). A failed write or sync raises
``StoreFailed``, and from then on every call does: what the disk holds is for the next start to find
out. A full disk raises ``StoreFull``, and nothing was written.

Beside the latest head, the last ``HISTORY`` checkpoints of each log are kept, by which a log is
caught that signs another root for an earlier size. What it is caught with is kept as evidence: two
checkpoints, both signed by the log.

The mark. A witness whose folder was put back from an older copy would cosign a second story without
knowing. So each advance is counted, and the count is also written to a small file, ``mark``, beside
the store. It is in no backup, like ``machine.id``, and bears the tag of the machine: a store that
counts less than its mark, or a mark of another machine, does not open. It is written in two places
by turns, a sector apart, so that a loss of power in the middle spoils only one of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from tieline.core.checkpoint import Checkpoint
from tieline.core.errors import LocalError, ShellError, StoreFailed, StoreFull
from tieline.store import disk
from tieline.store.opening import setting
from tieline.store.sqlite import check_library

HISTORY: Final = 256  # checkpoints of each log
MAX_LOGS: Final = 65_536
MAX_EVIDENCE: Final = 16  # conflicts of each log; one is proof enough
MARK: Final = "mark"
BUSY_MS: Final = 2_000
_SLOT: Final = 512  # a sector

_SCHEMA: Final = """
CREATE TABLE head (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, time_s INTEGER NOT NULL,
    count INTEGER NOT NULL) STRICT;
CREATE TABLE history (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,
    PRIMARY KEY (origin, size)) STRICT, WITHOUT ROWID;
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, time_s INTEGER NOT NULL, size INTEGER NOT NULL,
    ours BLOB NOT NULL, theirs BLOB NOT NULL, path BLOB NOT NULL) STRICT;
CREATE TABLE total (advances INTEGER NOT NULL) STRICT;
INSERT INTO total VALUES (0);
PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The head of one log as it was cosigned last, at ``time_s``, the ``count``-th time."""

    head: Checkpoint
    time_s: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two checkpoints of one log that cannot both be true: what was cosigned, and what came.

    Both have ``size`` leaves; or ``ours`` has, and ``path`` is a consistency proof (hashes of 32
    bytes one after the other) from another root of that size to the root of ``theirs``.
    """

    origin: str
    size: int
    time_s: int
    ours: bytes
    theirs: bytes
    path: bytes = b""


class HeadStore:
    """The heads of one witness in a file. Make it with ``create`` or ``open``."""

    def __init__(
        self, path: Path, connection: apsw.Connection, lock: disk.Lock | None, mark: int | None
    ) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._mark = mark
        self._failed = ""
        found = connection.execute("SELECT count(*) FROM head").fetchone()
        self._logs = int(found[0]) if found else 0

    # ------------------------------------------------------------------------------------ open

    @staticmethod
    def create(path: Path, tag: bytes) -> None:
        """Make an empty store and its mark. Raises ``LocalError`` (``store.exists``)."""
        if path.exists():
            raise LocalError("store.exists", f"{path} exists already; it is not overwritten")
        try:
            disk.write_synced(path, b"")  # an empty file is an empty database, and this is private
            connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_SCHEMA)
                connection.execute("COMMIT")
            finally:
                connection.close()
            disk.sync_file(path)
            disk.write_synced(path.with_name(MARK), _mark(tag, 0) * 2)
            disk.sync_folder(path.parent)
        except (apsw.Error, OSError) as error:
            raise ShellError(
                "store.open", f"{path} cannot be made ({error}); check its disk"
            ) from error

    @staticmethod
    def open(path: Path, tag: bytes) -> HeadStore:
        """Open a store to cosign with it.

        Raises ``LocalError``: ``store.missing``; ``witness.put_back`` when the mark knows more
        advances than the store; ``witness.moved`` when the mark is missing or another machine's.
        Raises ``ShellError``: ``store.locked``, ``store.open``, ``store.damaged``.
        """
        lock, connection = _open(path, apsw.SQLITE_OPEN_READWRITE)
        try:
            advances = _advances(connection)
            marked = _check_mark(path.with_name(MARK), tag, advances)
            descriptor = os.open(path.with_name(MARK), os.O_RDWR | os.O_CLOEXEC)
            store = HeadStore(path, connection, lock, descriptor)
            if marked < advances:  # the power went between the store and its mark
                store._note(tag, advances)
        except apsw.Error as error:
            connection.close()
            lock.release()
            raise _damaged(path, error) from error
        except BaseException:
            connection.close()
            lock.release()
            raise
        else:
            return store

    @staticmethod
    def read(path: Path) -> HeadStore:
        """Open a store to look at it only, also beside a witness that runs."""
        if not path.exists():
            raise _missing(path)
        try:
            connection = _connect(path, apsw.SQLITE_OPEN_READONLY)
        except apsw.Error as error:
            raise _damaged(path, error) from error
        return HeadStore(path, connection, None, None)

    @staticmethod
    def adopt(path: Path, tag: bytes) -> int:
        """Take over a store that was moved here whole, and return how often it advanced."""
        lock, connection = _open(path, apsw.SQLITE_OPEN_READWRITE)
        try:
            advances = _advances(connection)
            disk.write_synced(path.with_name(MARK), _mark(tag, advances) * 2)
            disk.sync_folder(path.parent)
        except OSError as error:
            raise ShellError("store.open", f"the mark beside {path} cannot be written") from error
        finally:
            connection.close()
            lock.release()
        return advances

    def close(self) -> None:
        """Release the file and its lock."""
        self._connection.close()
        if self._mark is not None:
            os.close(self._mark)
            self._mark = None
        if self._lock is not None:
            self._lock.release()

    # ------------------------------------------------------------------------------------ read

    def latest(self, origin: str) -> Checkpoint | None:
        """The head of a log that was cosigned last."""
        rows = self._rows("SELECT size, root FROM head WHERE origin = ?", (origin,))
        return _head(origin, rows[0]) if rows else None

    def earlier(self, origin: str, size: int) -> tuple[bytes, bytes] | None:
        """The root and the checkpoint that were cosigned for this size, while they are kept."""
        rows = self._rows(
            "SELECT root, note FROM history WHERE origin = ? AND size = ?", (origin, size)
        )
        match rows:
            case [(bytes(root), bytes(note))]:
                return root, note
        return None

    def heads(self) -> list[Held]:
        """The latest head of every log, by origin."""
        out: list[Held] = []
        for origin, size, root, time_s, count in self._rows(
            "SELECT origin, size, root, time_s, count FROM head ORDER BY origin", ()
        ):
            if isinstance(origin, str) and isinstance(time_s, int) and isinstance(count, int):
                out.append(Held(head=_head(origin, (size, root)), time_s=time_s, count=count))
        return out

    def conflicts(self) -> list[Conflict]:
        """What logs were caught with, the oldest first."""
        out: list[Conflict] = []
        for row in self._rows(
            "SELECT origin, size, time_s, ours, theirs, path FROM evidence ORDER BY id", ()
        ):
            match row:
                case (str(name), int(size), int(at), bytes(ours), bytes(theirs), bytes(path)):
                    found = Conflict(
                        origin=name, size=size, time_s=at, ours=ours, theirs=theirs, path=path
                    )
                    out.append(found)
        return out

    def _rows(self, query: str, values: tuple[str | int | bytes, ...]) -> list[tuple[object, ...]]:
        if self._failed:
            raise StoreFailed(self._failed)
        try:
            return self._connection.execute(query, values).fetchall()
        except apsw.Error as error:
            raise _damaged(self._path, error) from error

    # ----------------------------------------------------------------------------------- write

    def advance(
        self, expected: Checkpoint | None, head: Checkpoint, note: bytes, time_s: int, tag: bytes
    ) -> bool:
        """Set the latest head of a log if it still is ``expected``; durable when it returns.

        False when it is another one by now. Raises ``StoreFull``, ``StoreFailed``, and
        ``LocalError`` (``witness.logs``) when no more logs are taken.
        """
        if expected is None and self._logs >= MAX_LOGS:
            raise LocalError("witness.logs", f"this witness keeps {MAX_LOGS} logs and no more")
        done = self._transaction(lambda: self._set(expected, head, note, time_s))
        if done is None:
            return False
        if expected is None:
            self._logs += 1
        self._note(tag, done)
        return True

    def _set(
        self, expected: Checkpoint | None, head: Checkpoint, note: bytes, time_s: int
    ) -> int | None:
        execute = self._connection.execute
        row = execute("SELECT size, root FROM head WHERE origin = ?", (head.origin,)).fetchone()
        if (None if row is None else _head(head.origin, row)) != expected:
            return None
        execute(
            "INSERT INTO head VALUES (?, ?, ?, ?, 1) ON CONFLICT (origin) DO UPDATE SET"
            " size = excluded.size, root = excluded.root, time_s = excluded.time_s,"
            " count = count + 1",
            (head.origin, head.size, head.root, time_s),
        )
        execute(
            "INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?)",
            (head.origin, head.size, head.root, note),
        )
        execute(
            "DELETE FROM history WHERE origin = ?1 AND size <= (SELECT size FROM history"
            " WHERE origin = ?1 ORDER BY size DESC LIMIT 1 OFFSET ?2)",
            (head.origin, HISTORY),
        )
        execute("UPDATE total SET advances = advances + 1")
        return _advances(self._connection)

    def keep(self, conflict: Conflict) -> bool:
        """Keep what a log was caught with. False when enough is kept, or this is."""

        def write() -> int | None:
            execute = self._connection.execute
            found = execute(
                "SELECT count(*), coalesce(max(theirs = ? OR ours = ?), 0) FROM evidence"
                " WHERE origin = ?",
                (conflict.theirs, conflict.theirs, conflict.origin),
            ).fetchone()
            if found is None or found[0] >= MAX_EVIDENCE or found[1]:
                return None
            c = conflict
            execute(
                "INSERT INTO evidence (origin, time_s, size, ours, theirs, path)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (c.origin, c.time_s, c.size, c.ours, c.theirs, c.path),
            )
            return 1

        return self._transaction(write) is not None

    def _transaction(self, work: Callable[[], int | None]) -> int | None:
        if self._failed:
            raise StoreFailed(self._failed)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            done = work()
            self._connection.execute("COMMIT" if done is not None else "ROLLBACK")
        except apsw.Error as error:
            raise self._undone(error) from error
        except BaseException:
            self._roll_back()
            raise
        return done

    def _undone(self, error: apsw.Error) -> ShellError:
        """What to raise for a transaction that was not written."""
        self._roll_back()
        if isinstance(error, apsw.BusyError):
            return ShellError(
                "store.locked", f"{self._path} is being read; try again", transient=True
            )
        full = isinstance(error, apsw.FullError) or (
            isinstance(error, apsw.IOError) and self._connection.system_errno in disk.FULL_ERRNOS
        )
        if full:
            return StoreFull(f"there is no room for {self._path}; make room on its disk")
        return self._fail(str(error))

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error as error:
            raise self._fail(str(error)) from error

    def _note(self, tag: bytes, advances: int) -> None:
        """Write the count to the mark and wait until it is durable."""
        if self._mark is None:
            return
        try:
            os.pwrite(self._mark, _mark(tag, advances), advances % 2 * _SLOT)
            os.fdatasync(self._mark)
        except OSError as error:
            raise self._fail(f"its mark: {error.strerror}") from error

    def _fail(self, why: str) -> StoreFailed:
        self._failed = (
            f"a write or sync of {self._path} failed ({why}); the witness stops, because it cannot"
            " know what is stored: check the disk, then start it again"
        )
        return StoreFailed(self._failed)


# ------------------------------------------------------------------------------------------- parts


def _open(path: Path, flags: int) -> tuple[disk.Lock, apsw.Connection]:
    if not path.exists():
        raise _missing(path)
    lock = disk.Lock(_beside(path, ".lock"))
    try:
        return lock, _connect(path, flags)
    except apsw.Error as error:
        lock.release()
        raise _damaged(path, error) from error
    except BaseException:
        lock.release()
        raise


def _connect(path: Path, flags: int) -> apsw.Connection:
    check_library(apsw.sqlite_lib_version())
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(BUSY_MS)  # 'show' reads beside the witness for a moment
    try:
        if flags & apsw.SQLITE_OPEN_READWRITE:
            _demand(connection, path, "journal_mode", "truncate")
            _demand(connection, path, "synchronous", 2)
        connection.pragma("user_version")
    except BaseException:
        connection.close()
        raise
    return connection


def _demand(connection: apsw.Connection, path: Path, name: str, wanted: str | int) -> None:
    setting(connection, name, wanted)
    if setting(connection, name) != wanted:
        raise ShellError(
            "store.pragma",
            f"{path} does not take {name}={wanted}, without which nothing survives a loss of power;"
            " keep it on a local disk",
        )


def _advances(connection: apsw.Connection) -> int:
    row = connection.execute("SELECT advances FROM total").fetchone()
    return int(row[0]) if row is not None else 0


def _mark(tag: bytes, advances: int) -> bytes:
    return f"{tag.hex()}\n{advances:020d}\n".encode("ascii").ljust(_SLOT, b" ")


def _check_mark(path: Path, tag: bytes, advances: int) -> int:
    """The count in the mark, when the store may go on from it."""
    try:
        text = path.read_bytes()
    except OSError:
        text = b""
    counts = [
        int(slot[65:85])
        for slot in (text[:_SLOT], text[_SLOT:])
        if slot[:65] == tag.hex().encode("ascii") + b"\n" and slot[65:85].isdigit()
    ]
    if not counts:
        raise LocalError(
            "witness.moved",
            f"the witness in {path.parent} is not where it was: its mark is missing or another"
            " machine's; if the folder was moved here whole after it was stopped there, run"
            " 'tieline witness adopt', else make a new witness with a new key",
        )
    if max(counts) > advances:
        raise LocalError(
            "witness.put_back",
            f"the witness in {path.parent} was put back from an older copy: it has cosigned"
            f" {max(counts)} times and remembers {advances}; never let it cosign again, make a new"
            " one with a new key and have the charters name that",
        )
    return max(counts)


def _head(origin: str, row: tuple[object, ...]) -> Checkpoint:
    match row:
        case (int(size), bytes(root)):
            return Checkpoint(origin=origin, size=size, root=root)
    raise ShellError("store.damaged", f"the head of {origin} does not read; make a new witness")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _missing(path: Path) -> LocalError:
    return LocalError(
        "store.missing", f"there is no witness's store at {path}; 'tieline witness init' makes it"
    )


def _damaged(path: Path, error: Exception) -> ShellError:
    return ShellError(
        "store.damaged",
        f"{path} does not read ({error}); never start an older copy in its place: make a new"
        " witness with a new key",
    )
