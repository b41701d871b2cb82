"""Small files that only their owner may read: written whole or not at all.

Rules held here:

* A new file appears under its name only when all its bytes are on the disk, and never in the place
  of another one. The folder is synced too, so the name survives a power loss.
* Every file is made with mode 0600 and refused when anyone else may read or write it.
* A failed write or sync is one ``ShellError``; no half file is left under the name.

It does not know what is in the files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError, ShellError

MAX_BYTES: Final = 65_536

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})


def read(path: Path) -> bytes:
    """The content of a private file of at most 64 KiB.

    Raises ``ShellError`` (``keys.missing``, ``keys.read``) and ``LocalError`` (``keys.mode``,
    ``keys.owner``, ``keys.file``) when it is not private or no plain file.
    """
    try:
        # Without NONBLOCK a named pipe would make us wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ShellError("keys.missing", f"there is no file {path}; give the right path") from None
    except OSError as error:
        raise _failed("keys.read", "read", path, error) from error
    try:
        _check_private(os.fstat(descriptor), path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _failed("keys.read", "read", path, error) from error
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise LocalError("keys.file", f"{path} is too large for a key file; give the right path")
    return data


def _check_private(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise LocalError("keys.file", f"{path} is no plain file; give the right path")
    if status.st_uid not in {os.geteuid(), 0} and os.geteuid() != 0:
        raise LocalError(
            "keys.owner", f"{path} belongs to another user; run as its owner or give it to this one"
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise LocalError(
            "keys.mode",
            f"{path} is open to other users (mode {mode:04o}); close it with: chmod 600 {path}",
        )


def check_free(path: Path) -> None:
    """Refuse a name that is taken, if only by a link to nowhere (``keys.exists``)."""
    if path.exists() or path.is_symlink():
        raise _exists(path)


def write_new(path: Path, data: bytes) -> None:
    """Make a file that is not there yet, with mode 0600.

    Raises ``LocalError`` (``keys.exists``), ``ShellError`` (``keys.write``).
    """
    check_free(path)
    temporary = _write_temporary(path, data)
    try:
        try:
            os.link(temporary, path)  # unlike a rename, this never takes another file's place
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # A file system without hard links, as on many memory sticks.
            check_free(path)
            temporary.rename(path)
        temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError:
        _drop(temporary)
        raise _exists(path) from None
    except OSError as error:
        _drop(temporary)
        raise _failed("keys.write", "written", path, error) from error


def replace(path: Path, data: bytes) -> None:
    """Put new content in the place of a file's old one. Raises ``ShellError`` (``keys.write``)."""
    temporary = _write_temporary(path, data)
    try:
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        _drop(temporary)
        raise _failed("keys.write", "written", path, error) from error


def _write_temporary(path: Path, data: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        _drop(temporary)
        raise _failed("keys.write", "written", path, error) from error
    return temporary


def _drop(temporary: Path) -> None:
    """Leave no half file; where none can be made there is none, and nothing can be taken away."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: Path) -> LocalError:
    return LocalError(
        "keys.exists",
        f"{path} is there already and is never written over; choose another home, or move it away",
    )


def _failed(code: str, done: str, path: Path, error: OSError) -> ShellError:
    reason = (error.strerror or "no reason given").lower()
    return ShellError(
        code,
        f"{path} could not be {done} ({reason}); put that right and try again",
        transient=error.errno == errno.ENOSPC,
    )
