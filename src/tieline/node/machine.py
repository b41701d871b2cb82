"""This machine, as a home knows it: its tag, and the mark of how far it has written.

Two small files lie beside the store and belong in no backup:

* ``machine.id``: 32 random bytes. The tag is made of them, of the number that the file system has
  given the file, and of ``/etc/machine-id``; so the tag of a home that was copied, restored or
  moved to another disk is another one, though every byte was copied with it. File systems give
  the number of a deleted file to the next one, and tell the two apart by the number's generation:
  where that can be asked for, it is part of the tag. A disk that was put back whole has the same
  tag; of that only the peers can know.
* ``machine.mark``: the end of the log that this machine writes on each line. It is written after
  each commit and before anything leaves the station, in place and without a sync: it survives the
  end of the process, which is what it is for. A loss of power may leave an older mark, which claims
  less; a torn one does not read, and counts as none.

A mark that cannot be written is taken away, because an old one would vouch for an old store.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tieline.core import encode
from tieline.core.encode import Limits, Value
from tieline.core.errors import ShellError, TielineError
from tieline.core.life import ENTROPY_BYTES
from tieline.node import privatefile
from tieline.node.homekeys import MACHINE_BYTES, MACHINE_FILE, read_machine_id
from tieline.ports import Mark

MARK_FILE: Final = "machine.mark"
SYSTEM_ID: Final = Path("/etc/machine-id")
TAG_BYTES: Final = 16
_GET_GENERATION: Final = 0x80087601
_CHECK_BYTES: Final = 32
_LIMITS: Final = Limits(max_bytes=1_000_000, max_depth=2, max_items=50_000)


class HomeMachine:
    """A ``ports.Machine`` in the folder of a station. The store's lock keeps others out of it."""

    def __init__(self, path: Path, tag: bytes, descriptor: int) -> None:
        self.tag = tag
        self._path = path
        self._file = descriptor
        self._size = 0
        self._marks = self._read()

    @staticmethod
    def open(home: Path) -> HomeMachine:
        """The machine that a home is on; a home that has no ``machine.id`` gets a new one.

        Raises ``LocalError`` (``keys.machine``, ``keys.mode``), ``ShellError`` (``machine.mark``).
        """
        if not (home / MACHINE_FILE).exists():
            privatefile.write_new(home / MACHINE_FILE, os.urandom(MACHINE_BYTES))
        path = home / MARK_FILE
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags, 0o600)
            os.fchmod(descriptor, 0o600)
            machine = HomeMachine(path, machine_tag(home), descriptor)
            os.fsync(descriptor)
        except OSError as error:
            raise ShellError(
                "machine.mark",
                f"{path} cannot be opened ({error.strerror}); make the home writable",
            ) from error
        return machine

    def entropy(self) -> bytes:
        """See ``ports.Machine``."""
        return os.urandom(ENTROPY_BYTES)

    def marks(self) -> Mapping[bytes, Mark] | None:
        """See ``ports.Machine``."""
        return self._marks

    def remember(self, marks: Mapping[bytes, Mark]) -> None:
        """See ``ports.Machine``."""
        data = _pack(marks)
        try:
            written = os.pwrite(self._file, data, 0)
            if written != len(data):
                self._forget()
            elif len(data) < self._size:
                os.ftruncate(self._file, len(data))
            self._size = len(data)
        except OSError:
            self._forget()

    def close(self) -> None:
        """Leave the mark on the disk."""
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)

    def _forget(self) -> None:
        """What is on the disk must not be believed; a full disk lets a file get shorter."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
        self._size = 0

    def _read(self) -> dict[bytes, Mark] | None:
        data = os.pread(self._file, _LIMITS.max_bytes, 0)
        self._size = len(data)
        return _unpack(data)


def _generation(path: Path) -> bytes:
    """Of the file's number on its file system (``FS_IOC_GETVERSION``); empty where there is none.

    Without it ``rm -r home; cp -r backup home`` would be the machine that wrote the backup.
    """
    found = bytearray(8)
    try:
        with path.open("rb") as file:
            fcntl.ioctl(file, _GET_GENERATION, found)
    except OSError:
        return b""
    return bytes(found)


def machine_tag(home: Path) -> bytes:
    """The name of this machine, for a home that has a ``machine.id``.

    Raises ``LocalError`` (``keys.machine``), ``ShellError``.
    """
    secret = read_machine_id(home)
    number = (home / MACHINE_FILE).stat().st_ino
    system = b""
    with contextlib.suppress(OSError):
        system = SYSTEM_ID.read_bytes().strip()
    whole = b"tieline-machine-v1\0" + secret + number.to_bytes(8, "big") + system
    whole += _generation(home / MACHINE_FILE)
    return hashlib.sha256(whole).digest()[:TAG_BYTES]


def _pack(marks: Mapping[bytes, Mark]) -> bytes:
    rows: tuple[Value, ...] = tuple(
        (line, mark.log, mark.size, mark.last) for line, mark in sorted(marks.items())
    )
    body = encode.dumps(rows)
    return hashlib.sha256(body).digest() + body


def _unpack(data: bytes) -> dict[bytes, Mark] | None:
    """The marks in a file; None when it is not whole."""
    body = data[_CHECK_BYTES:]
    if not body or hashlib.sha256(body).digest() != data[:_CHECK_BYTES]:
        return None
    try:
        rows = encode.loads(body, _LIMITS)
    except TielineError:
        return None
    marks: dict[bytes, Mark] = {}
    for row in rows if isinstance(rows, tuple) else ():
        match row:
            case (bytes(line), bytes(log), int(size), bytes(last)):
                marks[line] = Mark(log, size, last)
            case _:
                return None
    return marks
