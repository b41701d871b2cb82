"""A plain file that is written whole or not at all, and is there after a loss of power.

For files that others may read; those of the owner alone are written by ``privatefile``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path


def write_file(path: Path, body: bytes) -> None:
    """Put new content under a name, in the place of an older one. Raises ``OSError``.

    The file that a link leads to is written, and keeps its mode and, where that may be, its owner.
    """
    try:
        path = path.resolve()
    except RuntimeError as error:  # how Python before 3.13 says that links lead in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            if path.exists():
                _like(path.stat(), file.fileno())
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _like(old: os.stat_result, new: int) -> None:
    """Who may read an older file may read the new one, before anything is in it."""
    if old.st_uid != os.geteuid():
        with contextlib.suppress(OSError):
            os.fchown(new, old.st_uid, old.st_gid)
    os.fchmod(new, stat.S_IMODE(old.st_mode))
