"""The journal in one encrypted SQLite file.

One process, one connection, one writer. WAL with ``synchronous=FULL``: a commit has been synced
when it returns. Pages are encrypted and authenticated (ChaCha20-Poly1305) under the station's own
key, so a byte changed on the disk is an error when its page is read, never other content.

A full disk raises ``StoreFull`` and leaves the store usable; any other failure of a write or sync
raises ``StoreFailed``, and from then on every commit does: after a failed sync nobody knows what is
on the disk, so this process must not promise anything more.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import apsw

from tieline.core.errors import LocalError, ShellError, StoreFailed, StoreFull
from tieline.core.journal import Fact
from tieline.store import disk, schema
from tieline.store.rules import check_facts, closed, taken

OLDEST: Final = (3, 51, 3)  # older ones can corrupt a WAL that two connections write
_BATCH: Final = 512
_INSERT: Final = (
    "INSERT INTO fact (seq, kind, at_ms, line, body, meta, log, position)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT: Final = (
    "SELECT seq, kind, at_ms, line, body, meta, log, position FROM fact WHERE seq > ? AND seq <= ?"
    " ORDER BY seq LIMIT ?"
)


class SqliteStore:
    """A ``ports.Store`` in a file. Make it with ``create`` or ``open``."""

    def __init__(self, path: Path, connection: apsw.Connection, lock: disk.Lock | None) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._failed = ""
        self._closed = False
        row = connection.execute("SELECT coalesce(max(seq), 0) FROM fact").fetchone()
        self._last = int(row[0])

    @staticmethod
    def create(path: Path, key: bytes) -> SqliteStore:
        """Make a new store. Raises ``LocalError`` (``store.exists``), ``ShellError``."""
        if path.exists():
            raise LocalError("store.exists", f"{path} exists already; it is not overwritten")
        return SqliteStore._open(path, key, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)

    @staticmethod
    def open(path: Path, key: bytes, *, read_only: bool = False) -> SqliteStore:
        """Open a store. Raises ``LocalError`` (``store.missing``, ``store.locked``,
        ``store.key``), ``ShellError``."""
        if not path.exists():
            raise LocalError("store.missing", f"there is no store at {path}; 'tieline init' makes it")
        if read_only:
            return SqliteStore._open(path, key, apsw.SQLITE_OPEN_READONLY)
        return SqliteStore._open(path, key, apsw.SQLITE_OPEN_READWRITE)

    @staticmethod
    def _open(path: Path, key: bytes, flags: int) -> SqliteStore:
        version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
        if version < OLDEST:
            raise ShellError("store.library", "this SQLite is too old to be safe; install 3.51.3")
        lock = disk.Lock(path.with_name(path.name + ".lock"))
        try:
            connection = apsw.Connection(str(path), flags=flags)
            connection.pragma("cipher", "chacha20")
            connection.pragma("hexkey", key.hex())
            if flags & apsw.SQLITE_OPEN_READWRITE:
                for name, wanted in (("journal_mode", "wal"), ("synchronous", 2)):
                    connection.pragma(name, wanted)
                    found = connection.pragma(name)
                    if found != wanted:
                        raise ShellError(
                            "store.pragma", f"{path}: {name} is {found}, not {wanted}; check the disk"
                        )
                schema.migrate(connection, str(path))
            else:
                schema.refuse_newer(connection, str(path))
            return SqliteStore(path, connection, lock)
        except apsw.NotADBError:
            lock.release()
            raise LocalError(
                "store.key", f"{path} does not open with this station's key, or is damaged"
            ) from None
        except apsw.Error as error:
            lock.release()
            raise ShellError("store.open", f"{path} does not open: {error}") from error
        except BaseException:
            lock.release()
            raise

    def commit(self, facts: Sequence[Fact]) -> int:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        if self._failed:
            raise StoreFailed(self._failed)
        if not facts:
            return self._last
        check_facts(facts)
        rows = [
            (self._last + 1 + index, f.kind, f.at_ms, f.line, f.body, f.meta, f.log, f.position)
            for index, f in enumerate(facts)
        ]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, rows)
            self._connection.execute("COMMIT")
        except apsw.ConstraintError:
            self._rollback()
            raise taken() from None
        except (apsw.Error, OSError) as error:
            raise self._why(error) from error
        self._last += len(rows)
        return self._last

    def _why(self, error: apsw.Error | OSError) -> ShellError:
        full = isinstance(error, apsw.FullError)
        if isinstance(error, apsw.IOError):
            full = self._connection.system_errno() == errno.ENOSPC
        if full and self._rollback():
            return StoreFull(f"there is no room for {self._path}; free some space")
        self._failed = f"a write to {self._path} failed ({error}); the station stops"
        return StoreFailed(self._failed)

    def _rollback(self) -> bool:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            return False
        return True

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        last = self._last
        while True:
            rows = self._connection.execute(_SELECT, (after, last, _BATCH)).fetchall()
            for seq, kind, at_ms, line, body, meta, log, position in rows:
                after = seq
                yield seq, Fact(
                    kind=kind, at_ms=at_ms, line=line, body=body, meta=meta, log=log,
                    position=position,
                )  # fmt: skip
            if len(rows) < _BATCH:
                return

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        """See ``ports.Store``."""
        found = self._connection.execute(
            "SELECT body FROM fact WHERE line = ? AND log = ? AND position >= ? AND position < ?"
            " ORDER BY position",
            (line, log, start, stop),
        )
        return [row[0] for row in found]

    def last(self) -> int:
        """See ``ports.Store``."""
        return self._last

    def close(self) -> None:
        """See ``ports.Store``."""
        if not self._closed:
            self._closed = True
            self._connection.close()
            if self._lock is not None:
                self._lock.release()

    @staticmethod
    def verify_file(path: Path, key: bytes) -> list[str]:
        """Problems of the file itself, one sentence each."""
        try:
            store = SqliteStore.open(path, key, read_only=True)
        except (LocalError, ShellError) as error:
            if error.code == "store.locked":
                raise
            return [error.message]
        try:
            rows = store._connection.execute("PRAGMA integrity_check").fetchall()
            return [str(row[0]) for row in rows if row[0] != "ok"]
        except apsw.Error as error:
            return [f"{path} is damaged: {error}"]
        finally:
            store.close()
