"""A plain file that is written whole or not at all, and is there after a loss of power.

For files that others may read; those of the owner alone are written by ``privatefile``.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def write_file(path: Path, body: bytes) -> None:
    """Put new content under a name, in the place of an older one. Raises ``OSError``.

    The file that a link leads to is written, and keeps its mode.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            file.write(body)
            file.flush()
            if path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
