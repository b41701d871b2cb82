"""What the desk keeps for itself: officers, sessions, drafts, who did what; one encrypted file.

The file ``desk.db`` in the home is not the record: nothing that a party has said stands only here,
and without it the station loses nothing but accounts and unsent drafts. Its key is derived by the
station from its own database key and handed over its socket (act ``desk_key``), so that a stolen
disk shows neither; the desk keeps it in memory only.

Several processes may have it open: a desk, and a command line that adds an officer. They open it
one after the other, so that one makes it and the next finds it made.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from tieline.core.errors import ShellError
from tieline.desk.web import chain

KEY_BYTES: Final = 32
PATIENCE_MS: Final = 5_000
MAX_LATE: Final = 1_000

Value = None | int | float | str | bytes
Row = tuple[Value, ...]

# Each entry is one step; its number is its place from 1. Steps that have been published stay.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        (
            "CREATE TABLE officer (id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " folded TEXT NOT NULL UNIQUE, roles TEXT NOT NULL, language TEXT NOT NULL,"
            " theme TEXT NOT NULL, keys INTEGER NOT NULL, active INTEGER NOT NULL,"
            " made_ms INTEGER NOT NULL) STRICT"
        ),
        (
            "CREATE TABLE credential (id INTEGER PRIMARY KEY, officer INTEGER NOT NULL"
            " REFERENCES officer (id), kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,"
            " made_ms INTEGER NOT NULL, used INTEGER NOT NULL, UNIQUE (officer, kind, name)) STRICT"
        ),
        (
            "CREATE TABLE session (hash BLOB PRIMARY KEY, officer INTEGER NOT NULL"
            " REFERENCES officer (id), token BLOB NOT NULL, made_ms INTEGER NOT NULL,"
            " seen_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID"
        ),
        "CREATE INDEX session_officer ON session (officer)",
        (
            "CREATE TABLE guess (name TEXT PRIMARY KEY, failures INTEGER NOT NULL,"
            " last_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID"
        ),
        (
            "CREATE TABLE draft (id INTEGER PRIMARY KEY, officer INTEGER NOT NULL"
            " REFERENCES officer (id), kind TEXT NOT NULL, body TEXT NOT NULL,"
            " changed_ms INTEGER NOT NULL, UNIQUE (officer, kind)) STRICT"
        ),
        (
            "CREATE TABLE audit (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
            " officer TEXT NOT NULL, act TEXT NOT NULL, outcome TEXT NOT NULL,"
            " detail TEXT NOT NULL) STRICT"
        ),
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    ),
    (
        # Each entry's hash is over the one before: see ``tieline.desk.web.chain``.
        "ALTER TABLE audit ADD COLUMN hash BLOB NOT NULL DEFAULT x''",
        # 1: the password was given by an administrator, is good once, and must be changed.
        "ALTER TABLE officer ADD COLUMN renew INTEGER NOT NULL DEFAULT 0",
        (
            "CREATE TABLE handover (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
            " outgoing TEXT NOT NULL, incoming TEXT NOT NULL, body TEXT NOT NULL) STRICT"
        ),
        "CREATE INDEX audit_at ON audit (at_ms)",
    ),
    (
        # ``public`` is the public half; see ``tieline.desk.web.keyring`` for the others.
        (
            "CREATE TABLE security_key (id INTEGER PRIMARY KEY, officer INTEGER NOT NULL"
            " REFERENCES officer (id), name TEXT NOT NULL, host TEXT NOT NULL,"
            " credential BLOB NOT NULL UNIQUE, public BLOB NOT NULL, counter INTEGER NOT NULL,"
            " made_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, suspect_ms INTEGER NOT NULL,"
            " UNIQUE (officer, name)) STRICT"
        ),
    ),
    (
        # Until when it must have set up a second factor in the place of one that was taken away.
        "ALTER TABLE officer ADD COLUMN enrol_ms INTEGER NOT NULL DEFAULT 0",
    ),
)


class Vault:
    """The desk's own database."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open it, or make it. Raises ``ShellError`` (``desk.vault``)."""
        if len(key) != KEY_BYTES:
            raise ValueError("the key of a vault is 32 bytes")
        self._path = path
        self._late: deque[tuple[int, str, str, str, str]] = deque(maxlen=MAX_LATE)
        try:
            with _alone(path.parent):
                self._open(path, key)
        except (OSError, apsw.Error) as error:
            raise _broken(path, error) from error

    def _open(self, path: Path, key: bytes) -> None:
        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.fchmod(made, 0o600)
        os.close(made)
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(PATIENCE_MS)
        self._connection.pragma("cipher", "chacha20")
        self._connection.pragma("hexkey", key.hex())
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", "full")
        self._connection.pragma("foreign_keys", "on")
        self._migrate()

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """The rows of a query. Raises ``ShellError`` (``desk.vault``)."""
        try:
            return [tuple(row) for row in self._connection.execute(sql, values)]
        except apsw.Error as error:
            raise _broken(self._path, error) from error

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a query, if there is one."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def do(self, sql: str, *values: Value) -> int:
        """Change something; how many rows were. Raises ``ShellError`` (``desk.vault``)."""
        self.rows(sql, *values)
        return self._connection.changes()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is done inside is done whole or not at all."""
        try:
            with self._connection:
                yield
        except apsw.Error as error:
            raise _broken(self._path, error) from error

    def close(self) -> None:
        self._connection.close()

    # ------------------------------------------------------------------------- small tables

    @property
    def behind(self) -> int:
        """How many entries of the log wait in memory because the file takes none."""
        return len(self._late)

    def note(self, at_ms: int, officer: str, act: str, outcome: str, detail: str = "") -> None:
        """Write into the log of who did what here.

        What has been done has been done: where the disk is full the entry waits in memory, the
        newest ``MAX_LATE``, and goes in with the next one that finds room.
        """
        self._late.append((at_ms, officer, act, outcome, detail))
        with contextlib.suppress(ShellError):
            while self._late:
                self._chained(*self._late[0])
                self._late.popleft()

    def _chained(self, at_ms: int, officer: str, act: str, outcome: str, detail: str) -> None:
        with self.together():
            # Written first, so that no other process writes between the last entry and this one.
            self.do(
                "INSERT INTO audit (at_ms, officer, act, outcome, detail) VALUES (?, ?, ?, ?, ?)",
                at_ms, officer, act, outcome, detail,
            )  # fmt: skip
            number = self._connection.last_insert_rowid()
            before = self.row(
                "SELECT hash FROM audit WHERE id < ? ORDER BY id DESC LIMIT 1", number
            )
            link = chain.link(
                before[0] if before and isinstance(before[0], bytes) else b"",
                chain.Entry(number, at_ms, officer, act, outcome, detail),
            )
            self.do("UPDATE audit SET hash = ? WHERE id = ?", link, number)

    def setting(self, name: str, standard: str = "") -> str:
        """A setting of this desk."""
        found = self.row("SELECT value FROM setting WHERE name = ?", name)
        return standard if found is None else str(found[0])

    def set(self, name: str, value: str) -> None:
        """Change a setting of this desk."""
        self.do("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", name, value)

    def draft(self, officer: int, kind: str) -> str | None:
        """What an officer was writing in a form, as it was last kept."""
        found = self.row("SELECT body FROM draft WHERE officer = ? AND kind = ?", officer, kind)
        return None if found is None else str(found[0])

    def drafts(self, officer: int) -> Iterable[tuple[str, int]]:
        """Which forms an officer has begun, newest first, and when each was last kept (ms)."""
        found = self.rows(
            "SELECT kind, changed_ms FROM draft WHERE officer = ? ORDER BY changed_ms DESC", officer
        )
        return [(str(kind), at) for kind, at in found if isinstance(at, int)]

    def keep_draft(self, officer: int, kind: str, body: str, at_ms: int) -> None:
        """Keep what an officer is writing; empty forgets it."""
        if not body:
            self.do("DELETE FROM draft WHERE officer = ? AND kind = ?", officer, kind)
            return
        self.do(
            "INSERT INTO draft (officer, kind, body, changed_ms) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (officer, kind) DO UPDATE SET body = ?3, changed_ms = ?4",
            officer, kind, body, at_ms,
        )  # fmt: skip

    def _migrate(self) -> None:
        with self._connection:
            there = self._connection.pragma("user_version")
            if not isinstance(there, int) or there > len(MIGRATIONS):
                raise ShellError(
                    "desk.vault",
                    f"{self._path} was written by a newer desk; start that one, or move the file"
                    " away and make the officers' accounts anew",
                )
            for number, step in enumerate(MIGRATIONS[there:], there + 1):
                for statement in step:
                    self._connection.execute(statement)
                self._connection.pragma("user_version", number)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: two that make the same file would each see that it is not made yet.

    The folder is locked and not the file: to close a file takes away SQLite's own locks on it.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _broken(path: Path, error: Exception) -> ShellError:
    return ShellError(
        "desk.vault",
        f"the desk's own file {path} cannot be used ({str(error) or 'no reason given'}); look at"
        " the disk and its free room; where it is another station's or damaged, move it away and"
        " make the officers' accounts anew",
    )
