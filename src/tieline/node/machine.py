"""This machine, as a home knows it: its tag, how far it has written, and how its clocks stood.

Three small files lie beside the store and belong in no backup:

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
* ``machine.clock``: how far the wall clock was from the one that nobody sets, from which journal
  entry on (``passed``). It is written, and may be lost, as the mark is.

A mark that cannot be written is taken away, because an old one would vouch for an old store. One
that cannot be taken away either stops the station.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tieline.core import encode
from tieline.core.encode import Limits, Value
from tieline.core.errors import ShellError, StoreFailed, TielineError
from tieline.core.life import ENTROPY_BYTES
from tieline.node import privatefile
from tieline.node.homekeys import MACHINE_BYTES, MACHINE_FILE, read_machine_id
from tieline.ports import Mark, Steps

MARK_FILE: Final = "machine.mark"
CLOCK_FILE: Final = "machine.clock"
SYSTEM_ID: Final = Path("/etc/machine-id")
TAG_BYTES: Final = 16
_GET_GENERATION: Final = 0x80087601
_CHECK_BYTES: Final = 32
_LIMITS: Final = Limits(max_bytes=1_000_000, max_depth=3, max_items=50_000)


class _Small:
    """A small file that is written in place, and is empty where it is not whole."""

    def __init__(self, path: Path) -> None:
        """Raises ``OSError``."""
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(path, flags, 0o600)
        try:
            os.fchmod(self._file, 0o600)
            data = os.pread(self._file, _LIMITS.max_bytes, 0)
            os.fsync(self._file)
        except OSError:
            os.close(self._file)
            raise
        self._size = len(data)
        self.found = _checked(data)

    def write(self, value: Value) -> bool:
        """Replace what it holds; False: there was no room, and it is empty.

        Raises ``StoreFailed`` where what it held would stay.
        """
        body = encode.dumps(value)
        data = hashlib.sha256(body).digest() + body
        try:
            written = os.pwrite(self._file, data, 0)
            if written != len(data):
                self._forget()
                return False
            if len(data) < self._size:
                os.ftruncate(self._file, len(data))
        except OSError:
            self._forget()
            return False
        self._size = len(data)
        return True

    def _forget(self) -> None:
        """What is on the disk must not be believed; a full disk lets a file get shorter."""
        try:
            os.ftruncate(self._file, 0)
        except OSError as error:
            raise StoreFailed(
                f"{self._path} can be neither written nor emptied ({error.strerror}), and what it"
                " says is old; repair or replace the disk, delete this file and start again"
            ) from error
        self._size = 0

    def close(self) -> None:
        """Leave it on the disk. Raises ``ShellError`` (``machine.mark``): it is not there."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise ShellError(
                "machine.mark",
                f"{self._path} cannot be synced ({error.strerror}), so this disk loses what is"
                " written; look after it, and make a backup elsewhere",
            ) from error
        finally:
            os.close(self._file)


class HomeMachine:
    """A ``ports.Machine`` in the folder of a station. The store's lock keeps others out of it."""

    def __init__(self, tag: bytes, mark: _Small, clock: _Small) -> None:
        self.tag = tag
        self._mark, self._clock = mark, clock
        self._marks = _marks(mark.found)
        self._steps = _steps(clock.found)

    @staticmethod
    def open(home: Path) -> HomeMachine:
        """The machine that a home is on; a home that has no ``machine.id`` gets a new one.

        Raises ``LocalError`` (``keys.machine``, ``keys.mode``), ``ShellError`` (``machine.mark``).
        """
        if not (home / MACHINE_FILE).exists():
            privatefile.write_new(home / MACHINE_FILE, os.urandom(MACHINE_BYTES))
        path = home / MARK_FILE
        with contextlib.ExitStack() as opened:
            try:
                tag = machine_tag(home)
                mark = _Small(path)
                opened.callback(mark.close)
                path = home / CLOCK_FILE
                clock = _Small(path)
            except OSError as error:
                raise ShellError(
                    "machine.mark",
                    f"{path} cannot be opened ({error.strerror}); make the home writable",
                ) from error
            opened.pop_all()
        return HomeMachine(tag, mark, clock)

    def entropy(self) -> bytes:
        """See ``ports.Machine``."""
        return os.urandom(ENTROPY_BYTES)

    def marks(self) -> Mapping[bytes, Mark] | None:
        """See ``ports.Machine``."""
        return self._marks

    def remember(self, marks: Mapping[bytes, Mark]) -> None:
        """See ``ports.Machine``."""
        self._mark.write(
            tuple((line, mark.log, mark.size, mark.last) for line, mark in sorted(marks.items()))
        )

    def steps(self) -> Steps | None:
        """See ``ports.Machine``."""
        return self._steps

    def remember_steps(self, steps: Steps) -> bool:
        """See ``ports.Machine``."""
        return self._clock.write((steps.boot, steps.steps))

    def close(self) -> None:
        """Leave both on the disk. Raises ``ShellError`` (``machine.mark``) where they are not.

        Not while another error is on its way, which says why the station ends.
        """
        failing = sys.exc_info()[0] is not None
        with contextlib.suppress(*((ShellError,) if failing else ())):
            try:
                self._mark.close()
            finally:
                self._clock.close()


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


def _checked(data: bytes) -> Value:
    """What a file holds; None when it is not whole."""
    body = data[_CHECK_BYTES:]
    if not body or hashlib.sha256(body).digest() != data[:_CHECK_BYTES]:
        return None
    try:
        return encode.loads(body, _LIMITS)
    except TielineError:
        return None


def _marks(rows: Value) -> dict[bytes, Mark] | None:
    if not isinstance(rows, tuple):
        return None
    marks: dict[bytes, Mark] = {}
    for row in rows:
        match row:
            case (bytes(line), bytes(log), int(size), bytes(last)):
                marks[line] = Mark(log, size, last)
            case _:
                return None
    return marks


def _steps(found: Value) -> Steps | None:
    match found:
        case (bytes(boot), tuple(rows)):
            return Steps(boot, tuple(_pairs(rows)))
        case _:
            return None


def _pairs(rows: Iterable[Value]) -> Iterable[tuple[int, int]]:
    for row in rows:
        match row:
            case (int(seq), int(by_ms)):
                yield seq, by_ms
            case _:
                return
