"""A plain file that is written whole or not at all, and is there after a loss of power.

For files that others may read; those of the owner alone are written by ``privatefile``. What is
made here nobody else may write to, whatever the umask: it may lie in a home, and one that a group
may write to does not start (``homefolder``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from tieline.store.disk import sync_folder


def make_folder(path: Path, mode: int = 0o755) -> None:
    """Make a folder, and those above it that are missing, so that a loss of power keeps them.

    A folder that is there is left as it is; what is in one is for who writes it to sync. ``mode``
    is that of the folder itself. Raises ``OSError``.
    """
    if path.is_dir():
        return
    make_folder(path.absolute().parent)
    path.mkdir(mode=mode, exist_ok=True)
    sync_folder(path.absolute().parent)


def write_file(path: Path, body: bytes) -> None:
    """Put new content under a name, in the place of an older one. Raises ``OSError``.

    The file that a link leads to is written, and keeps its mode and, where that may be, its owner.
    """
    path = Path(os.path.realpath(path))
    if path.is_symlink():  # what is left of links that lead in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    make_folder(path.parent)
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        with open(new, "wb", opener=_closed_to_others) as file:
            if path.exists():
                _like(path.stat(), file.fileno())
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(path.parent)


def _closed_to_others(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)


def _like(old: os.stat_result, new: int) -> None:
    """Who may read an older file may read the new one, before anything is in it."""
    if old.st_uid != os.geteuid():
        with contextlib.suppress(OSError):
            os.fchown(new, old.st_uid, old.st_gid)
    os.fchmod(new, stat.S_IMODE(old.st_mode))
