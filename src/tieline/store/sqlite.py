"""The journal in one encrypted SQLite file.

One process, one connection, one writer. WAL with ``synchronous=FULL``: a commit has been synced
when it returns. Pages are encrypted and authenticated (ChaCha20-Poly1305) under the station's own
key, so a byte changed on the disk is an error when its page is read, never other content; a chain
over the entries (``tieline.store.chain``) is checked whenever they are read in order.

A full disk first costs the reserve, which lets what matters go on for a while, and then raises
``StoreFull`` and leaves the store usable. Any other failure of a write or sync raises
``StoreFailed``, and from then on every commit does: after a failed sync nobody knows what is on the
disk, so this process must not promise anything more, nor tidy the file when it leaves.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import apsw

from tieline.core.errors import LocalError, ShellError, StoreFailed, StoreFull
from tieline.core.journal import Fact
from tieline.store import chain, disk, schema, wal
from tieline.store.opening import (
    can_write,
    demand,
    for_reading,
    keep_told,
    no_index,
    no_room,
    refuse_older,
    refuse_shorter,
    refuse_unsettled,
    setting,
    settle_log,
    unlock_file,
    unopened,
    unsynced,
)
from tieline.store.past import Rows, SqlitePast, check_kept
from tieline.store.rules import check_facts, closed, taken

OLDEST: Final = (3, 51, 3)  # older ones can corrupt a WAL that two connections write
CHECKPOINT_PAGES: Final = 1_000
_LOG_BYTES: Final = 5 << 20  # so long a log becomes at least: a checkpoint's pages, and some more
_CACHE_KIB: Final = 1_000  # of pages in memory; SQLite takes 2,000 of itself
_BATCH: Final = 512
PATIENCE_MS: Final = 20_000  # for whoever reads beside others; nobody holds the file for long
_READ_WRITE: Final = apsw.SQLITE_OPEN_READWRITE
_INSERT: Final = f"INSERT INTO fact ({schema.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_SELECT: Final = (
    f"SELECT {schema.COLUMNS} FROM fact WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"  # noqa: S608
)
_SOME: Final = (
    f"SELECT {schema.COLUMNS} FROM fact WHERE seq > ? AND seq <= ?"  # noqa: S608
    " AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq"
)


class SqliteStore:
    """A ``ports.Store`` in a file. Make it with ``create`` or ``open``."""

    def __init__(
        self,
        path: Path,
        connection: apsw.Connection,
        lock: disk.Lock,
        reserve: disk.Reserve,
        index: wal.Index,
        *,
        reading: bool = False,
        alone: bool = False,
    ) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._reserve = reserve
        self._index = index
        self._reading = reading
        self._alone = alone  # the log's index is in memory: no lock of SQLite keeps readers safe
        self._beside = 0  # who reads the file beside
        self._failed = ""
        self._full = False
        self._closed = False
        self._log_pages = 0
        self.took_s = 0.0  # the last commit: whoever commits looks, and sets it back
        self._last, self._link = self._head()
        self.past = SqlitePast(self._fetch, self._keep_past, self._link_at)

    # ------------------------------------------------------------------------------- open

    @staticmethod
    def create(path: Path, key: bytes) -> SqliteStore:
        """Make a new store. Raises ``LocalError`` (``store.exists``), ``ShellError``."""
        if path.exists():
            raise LocalError("store.exists", f"{path} exists already; it is not overwritten")
        store = SqliteStore._open(path, key, _READ_WRITE | apsw.SQLITE_OPEN_CREATE)
        try:
            disk.sync_file(path)
            disk.sync_folder(path.parent)
        except OSError as error:
            store.close()
            raise unsynced(path, error) from error
        return store

    @staticmethod
    def open(path: Path, key: bytes, *, read_only: bool = False) -> SqliteStore:
        """Open a store.

        Raises ``LocalError`` (``store.missing``, ``store.key``), ``ShellError`` (``store.locked``,
        ``store.newer``, ``store.damaged`` and others).
        """
        if not path.exists():
            raise LocalError(
                "store.missing", f"there is no store at {path}; 'tieline init' makes it"
            )
        if path.stat().st_size == 0:
            # SQLite would take it for a new one, throw its log away, and the record with it.
            raise ShellError(
                "store.damaged",
                f"{path} is empty: what was in it is gone; restore the last backup into a new home,"
                " or make a new station of the party; the others give back the record"
                " (docs/operations.md, Backup)",
            )
        return SqliteStore._open(path, key, apsw.SQLITE_OPEN_READONLY if read_only else _READ_WRITE)

    @staticmethod
    def _open(path: Path, key: bytes, flags: int) -> SqliteStore:
        check_library(apsw.sqlite_lib_version())
        reading = not flags & _READ_WRITE
        lock = disk.Lock(path.with_name(path.name + ".lock"), reading=reading)
        reserve = disk.Reserve(path.with_name(path.name + ".reserve"))
        try:
            if reading:
                return SqliteStore._reader(path, key, lock, reserve)
            return SqliteStore._connect_full(path, key, flags, lock, reserve)
        except apsw.NotADBError:
            lock.release()
            raise LocalError(
                "store.key",
                f"{path} does not open with this station's key: it is another station's store, or"
                " its bytes have changed; give it the right one, and put no other file in its place"
                " by hand (docs/operations.md, Backup)",
            ) from None
        except (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError) as error:
            lock.release()
            raise unopened(path, error) from error
        except apsw.Error as error:
            lock.release()
            raise ShellError("store.open", f"{path} does not open: {error}") from error
        except OSError as error:
            lock.release()
            raise unsynced(path, error) from error
        except BaseException:
            lock.release()
            raise

    @staticmethod
    def _connect_full(
        path: Path, key: bytes, flags: int, lock: disk.Lock, reserve: disk.Reserve
    ) -> SqliteStore:
        """Open, also on a disk without room, which SQLite calls an I/O error.

        First the reserve is given up; at the worst the log's index is kept in memory alone, so
        that the record can be read. An index on a disk that is as good as full is not tried: a page
        of it that finds no room is no error, it ends the process.
        """
        try:
            if not no_index(path):
                return SqliteStore._connect(path, key, flags, lock, reserve)
            reserve.release()
        except (apsw.FullError, apsw.IOError):
            if not (reserve.release() or no_room(path)):
                raise
        try:
            if not no_index(path):
                return SqliteStore._connect(path, key, flags, lock, reserve)
        except (apsw.FullError, apsw.IOError):
            if not no_room(path):
                raise
        return SqliteStore._connect(path, key, flags, lock, reserve, index_in_memory=True)

    @staticmethod
    def _connect(
        path: Path,
        key: bytes,
        flags: int,
        lock: disk.Lock,
        reserve: disk.Reserve,
        *,
        index_in_memory: bool = False,
    ) -> SqliteStore:
        seen, index = wal.witness(path), wal.Index(path)
        connection = apsw.Connection(str(path), flags=flags)
        try:
            if index_in_memory:
                setting(connection, "locking_mode", "exclusive")
            unlock_file(connection, path, key)
            schema.refuse_newer(connection, str(path))
            for name, wanted in (("journal_mode", "wal"), ("synchronous", 2)):
                setting(connection, name, wanted)
                demand(connection, path, name, wanted)
            setting(connection, "cache_size", -_CACHE_KIB)
            refuse_shorter(path, connection, seen, None if index_in_memory else index)
            settle_log(connection, path)
            schema.migrate(connection, str(path))
            store = SqliteStore(path, connection, lock, reserve, index, alone=index_in_memory)
            store._keep_the_log()
        except BaseException:
            connection.close()
            index.close()
            raise
        else:
            return store

    @staticmethod
    def _reader(path: Path, key: bytes, lock: disk.Lock, reserve: disk.Reserve) -> SqliteStore:
        """A store that is only read. Where nobody can write, no start will settle its log first."""
        seen = wal.witness(path)
        connection = for_reading(path, key)
        try:
            schema.refuse_newer(connection, str(path))
            refuse_older(connection, path)
            if not can_write(path.parent):
                refuse_unsettled(path, seen)
            index = wal.Index(path)
            store = SqliteStore(path, connection, lock, reserve, index, reading=True)
        except BaseException:
            connection.close()
            raise
        else:
            return store

    def _keep_the_log(self) -> None:
        """Take over what SQLite would do silently: sync the folder, and move the log's pages."""
        # SQLite ignores an error of this sync; the log's name must survive what the log holds.
        disk.sync_folder(self._path.parent)
        self._connection.pragma("wal_autocheckpoint", 0)
        self._connection.set_wal_hook(self._note_log)
        with contextlib.suppress(StoreFull):
            self._reserve.restore()
        if self.room().free > 16 * _LOG_BYTES:
            wal.lay_out(self._path, _LOG_BYTES)

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _head(self) -> tuple[int, bytes]:
        found = self._connection.execute(
            "SELECT seq, chain FROM fact ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        match found:
            case None:
                return 0, chain.START
            case (int(seq), bytes(link)):
                return seq, link
        raise self._damaged("its last entry does not read")

    # ------------------------------------------------------------------------------ commit

    def commit(self, facts: Sequence[Fact]) -> int:
        """See ``ports.Store``. Raises ``LocalError`` (``store.taken``, ``store.fact``) as well."""
        if self._closed:
            raise closed()
        if self._failed:
            raise StoreFailed(self._failed)
        if not facts:
            return self._last
        check_facts(facts)
        rows, link = self._rows(facts)
        began = time.monotonic()
        try:
            self._write(rows)
        except apsw.ConstraintError:
            if not self._rollback():
                raise self._fail("the transaction could not be undone") from None
            raise taken() from None
        except apsw.Error as error:
            self._write_again(rows, error)
        self._full = False
        self._last += len(rows)
        self._link = link
        if self._log_pages >= CHECKPOINT_PAGES * 6 // 5:  # nobody has tidied, and there it ends
            self._checkpoint()
        self.took_s = time.monotonic() - began
        return self._last

    def _rows(self, facts: Sequence[Fact]) -> tuple[list[tuple[int | bytes | None, ...]], bytes]:
        link = self._link
        rows: list[tuple[int | bytes | None, ...]] = []
        for seq, f in enumerate(facts, self._last + 1):
            link = chain.link(link, seq, f)
            rows.append((seq, f.kind, f.at_ms, f.line, f.body, f.meta, f.log, f.position, link))
        return rows, link

    def _write(self, rows: Sequence[tuple[int | bytes | None, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, rows)
        self._connection.execute("COMMIT")

    def _keep_past(self, write: Callable[[apsw.Connection], None]) -> None:
        """Write beside the journal, all or nothing. The reserve is not for this."""
        if self._closed:
            raise closed()
        if self._failed:
            raise StoreFailed(self._failed)
        if self._reading:
            raise StoreFull(f"{self._path} is only read here; nothing was written")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            write(self._connection)
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            if not (self._is_full(error) and self._rollback()):
                raise self._fail(str(error)) from error
            raise StoreFull(f"there is no room for {self._path}; make room on its disk") from error
        if self._log_pages >= CHECKPOINT_PAGES:
            self._checkpoint()

    def _write_again(
        self, rows: Sequence[tuple[int | bytes | None, ...]], first: apsw.Error
    ) -> None:
        """A write failed. If for want of room, try once more with the reserve; else it is over."""
        error = first
        if self._is_full(error) and self._rollback() and self._give_up_reserve():
            try:
                self._write(rows)
            except apsw.Error as again:
                error = again
            else:
                return
        if not self._is_full(error):
            raise self._fail(str(error)) from error
        if not self._rollback():
            raise self._fail("the disk is full and the transaction could not be undone") from error
        self._full = True
        raise StoreFull(
            f"there is no room for {self._path}; nothing was written, make room on its disk"
        ) from error

    def _is_full(self, error: apsw.Error) -> bool:
        if isinstance(error, apsw.FullError):
            return True
        return isinstance(error, apsw.IOError) and (
            self._connection.system_errno in disk.FULL_ERRNOS
        )

    def _give_up_reserve(self) -> bool:
        try:
            return self._reserve.release() > 0
        except OSError:
            return False

    def _fail(self, why: str) -> StoreFailed:
        self._failed = (
            f"a write or sync of {self._path} failed ({why}); the station stops, because it cannot"
            " know what is stored: check the disk, then start it again"
        )
        # What the file holds now is for the next start to find out, from the disk itself.
        with contextlib.suppress(apsw.Error):
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return StoreFailed(self._failed)

    def _rollback(self) -> bool:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            return False
        return True

    @property
    def untidy(self) -> bool:
        """Whether the log is so long that a later commit would have to move its pages first."""
        held = self._closed or self._failed or (self._alone and self._beside)
        return self._log_pages >= CHECKPOINT_PAGES and not held

    def tidy(self) -> None:
        """Move a long log's pages before a commit has to. Raises ``StoreFailed``."""
        if self.untidy:
            began = time.monotonic()
            self._checkpoint()
            self.took_s = time.monotonic() - began

    @contextlib.contextmanager
    def read_beside(self) -> Iterator[None]:
        """While others read the file: where no lock of SQLite guards them, the log only grows.

        It begins empty, so that nothing that they have found in it is written over.
        """
        if self._alone and not (self._beside or self._closed or self._failed):
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._beside += 1
        try:
            yield
        finally:
            self._beside -= 1

    def _checkpoint(self, mode: int = apsw.SQLITE_CHECKPOINT_PASSIVE) -> None:
        """Move the log's pages into the file. SQLite itself would swallow a failed sync here."""
        if self._alone and self._beside:
            return
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.Error as error:
            # Without room the log grows on as long as it can; every later commit tries again.
            if not self._is_full(error):
                raise self._fail(str(error)) from error
        else:
            self._log_pages = 0

    # -------------------------------------------------------------------------------- room

    def room(self) -> disk.Room:
        """How much room there is where the store lives."""
        return disk.room(self._path.parent, self._reserve.held(), full=self._full)

    def restore_reserve(self) -> bool:
        """Keep the reserve back again if there is plenty of room. Says whether it is held."""
        if self._failed or self._closed:
            return False
        if self._reserve.held() == 0 and self.room().free < 8 * disk.RESERVE_BYTES:
            return False
        try:
            self._reserve.restore()
        except StoreFull:
            return False
        return True

    # -------------------------------------------------------------------------------- read

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        """See ``ports.Store``: the facts there are at the moment of the call.

        Raises ``ShellError`` (``store.damaged``) where the file or the chain does not hold.
        """
        if self._closed:
            raise closed()
        return self._stream(max(after, 0), self._last)

    def _stream(self, after: int, last: int) -> Iterator[tuple[int, Fact]]:
        link = self._link_at(after)
        while after < last:
            rows = self._fetch(_SELECT, (after, last, _BATCH))
            for row in map(schema.read_row, rows):
                link = chain.link(link, row.seq, row.fact)
                if row.seq != after + 1 or row.chain != link:
                    raise self._damaged(
                        f"entry {after + 1} of the journal is not what was written after entry"
                        f" {after}"
                    )
                after = row.seq
                yield row.seq, row.fact
            if not rows:
                raise self._damaged(f"entry {after + 1} of the journal is missing")

    def _link_at(self, seq: int) -> bytes:
        if seq == 0:
            return chain.START
        for row in self._fetch("SELECT chain FROM fact WHERE seq = ?", (seq,)):
            if isinstance(row[0], bytes):
                return row[0]
        return b""  # beyond the last entry there is nothing to check

    def some(self, kinds: frozenset[int], after: int, last: int) -> list[tuple[int, Fact]]:
        """See ``ports.Store``. Raises ``ShellError`` (``store.damaged``)."""
        if self._closed:
            raise closed()
        rows = self._fetch(_SOME, (after, last, json.dumps(sorted(kinds))))
        return [(row.seq, row.fact) for row in map(schema.read_row, rows)]

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        rows = self._fetch(
            "SELECT body FROM fact WHERE line = ? AND log = ? AND position >= ? AND position < ?"
            " ORDER BY position",
            (line, log, start, stop),
        )
        return [row[0] for row in rows if isinstance(row[0], bytes)]

    def last(self) -> int:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        return self._last

    def _fetch(self, query: str, values: tuple[int | bytes | str, ...]) -> Rows:
        try:
            found: Sequence[tuple[object, ...]] = self._connection.execute(query, values).fetchall()
        except (apsw.CorruptError, apsw.NotADBError, apsw.IOError) as error:
            raise self._damaged(f"a page does not read ({error})") from error
        return found

    def _damaged(self, what: str) -> ShellError:
        return damaged(self._path, what)

    def damage(self) -> list[str]:
        """See ``ports.Store``. Reads every page from the disk, and the log as bytes."""
        if self._closed:
            raise closed()
        return [*self.log_damage(), *_check_pages(self._connection, self._path)]

    def log_damage(self) -> list[str]:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        text = wal.problem(self._path, self._index.witness())
        return [text] if text else []

    def close(self) -> None:
        """See ``ports.Store``. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._connection.close()
        except apsw.Error as error:
            raise self._fail(str(error)) from error
        finally:
            self._index.close()
            self._lock.release()

    @staticmethod
    def verify_file(path: Path, key: bytes, *, pages: bool = True) -> list[str]:
        """Problems of a store's files that no station has open, one sentence each.

        Without ``pages`` the file's pages are left to ``check_pages``, and its log is looked at.
        """
        seen = wal.witness(path)  # before the database is opened: opening writes a new index
        try:
            store = SqliteStore.open(path, key, read_only=True)
        except (LocalError, ShellError) as error:
            if error.code in ("store.locked", "store.missing"):
                raise
            return [error.message]
        try:
            text = wal.problem(path, seen)
            found = _check_pages(store._connection, path) if pages else []  # noqa: SLF001
        finally:
            store.close()
        if text and seen is not None:
            text = keep_told(path, seen, text)  # to open has made its index anew
        return [text, *found] if text else found


def damaged(path: Path, what: str) -> ShellError:
    """The refusal of a store that is not as it was written (``store.damaged``)."""
    return ShellError(
        "store.damaged",
        f"{path} is damaged: {what}; restore the last backup into a new home, or make a new station"
        " of the party; the others give back the record (docs/operations.md, Backup)",
    )


def check_library(found: str) -> None:
    """Refuse an SQLite that is too old. Raises ``ShellError`` (``store.library``)."""
    version = tuple(int(part) for part in found.split("."))
    if version < OLDEST:
        oldest = ".".join(str(part) for part in OLDEST)
        raise ShellError(
            "store.library",
            f"SQLite {found} can corrupt a store; install the locked packages again, which bring"
            f" {oldest} or newer",
        )


def check_pages(path: Path, key: bytes) -> list[str]:
    """Read every page of a store's file, beside whoever holds it; its problems, a sentence each.

    It takes no lock and does not look at the log as bytes: see ``SqliteStore.log_damage``.
    """
    try:
        connection = for_reading(path, key, PATIENCE_MS)
        try:
            return _check_pages(connection, path)
        finally:
            connection.close()
    except apsw.Error as error:
        return [f"{path} is damaged: {error}"]


def _check_pages(connection: apsw.Connection, path: Path) -> list[str]:
    try:
        connection.execute("PRAGMA shrink_memory")  # pages that are in memory prove nothing
        rows = connection.execute("PRAGMA integrity_check").fetchall()
        kept = check_kept(connection)
    except apsw.Error as error:
        return [f"{path} is damaged: {error}"]
    return [f"{path}: {text}" for text in (*(row[0] for row in rows), *kept) if text != "ok"]
