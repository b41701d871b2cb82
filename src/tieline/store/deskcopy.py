"""A copy of the desk's own file (``desk.db``) for a backup, and whether such a copy opens.

The desk may write meanwhile: the copy is one state of the file. It is encrypted under the same key
as the file itself, and no session is in it: a cookie of before opens nothing after a restore.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

import apsw

PATIENCE_MS: Final = 5_000


def copy(path: Path, key: bytes, out: Path) -> str:
    """Copy the file at ``path`` to ``out``, which must not exist; why it did not work, or "".

    ``key``: 32 bytes. Where it did not work there is nothing at ``out``.
    """
    try:
        os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        source = _connect(path, key, apsw.SQLITE_OPEN_READWRITE)
        try:
            made = _connect(out, key, apsw.SQLITE_OPEN_READWRITE)
            try:
                with made.backup("main", source, "main") as pages:
                    pages.step(-1)  # all at once: one state, whatever the desk writes
                made.pragma("journal_mode", "delete")
                made.execute("DELETE FROM session")
                made.execute("VACUUM")
                damage = made.pragma("quick_check")
            finally:
                made.close()
        finally:
            source.close()
    except apsw.NotADBError:
        damage = "it is damaged, or another station's"
    except (OSError, apsw.Error) as error:
        damage = str(error) or "no reason given"
    if damage == "ok":
        return ""
    for ending in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            out.with_name(out.name + ending).unlink(missing_ok=True)
    return str(damage)


def opens(path: Path, key: bytes) -> bool:
    """Whether a copy opens with this key and its pages are whole."""
    try:
        found = _connect(path, key, apsw.SQLITE_OPEN_READWRITE)
        try:
            return bool(found.pragma("quick_check") == "ok")
        finally:
            found.close()
    except apsw.Error:
        return False


def _connect(path: Path, key: bytes, flags: int) -> apsw.Connection:
    found = apsw.Connection(str(path), flags=flags)
    found.set_busy_timeout(PATIENCE_MS)
    found.pragma("cipher", "chacha20")
    found.pragma("hexkey", key.hex())
    return found
