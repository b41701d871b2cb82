"""The write-ahead log as bytes: how much of it is whole, and whether more of it once was.

SQLite reads a log up to its first frame that does not verify and takes the rest as never written.
After a loss of power that is right. After a byte has changed it is not: everything behind that byte
would be gone without a word. So the log is read here with suspicion. A witness helps: the log's
index (``-shm``), which outlives a killed process, says how many frames were once committed.

The rule. Frames of the log's present generation bear its two salts. A log is damaged when fewer
frames verify than the index counts; when a frame that bears the salts comes after one that does not
verify; when a frame bears only one of the two salts; when the header does not verify; and, where no
index tells, when the last frame bears the salts and does not verify. That last case is also what a
write looks like that lost its power half-way; a start of the station settles it.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC_LITTLE: Final = 0x377F0682
_MAGIC_BIG: Final = 0x377F0683
_INDEX_BYTES: Final = 48
_MASK: Final = 0xFFFFFFFF
_PIECE: Final = 262_144  # bytes that are written in one go


@dataclass(frozen=True, slots=True)
class Witness:
    """What the log's index says: the generation's salts, as bytes of the log, and its frames.

    ``head`` is the beginning of the index, which says so.
    """

    salts: bytes
    frames: int
    head: bytes


def witness(database: Path) -> Witness | None:
    """Read the index beside a database; None when it is absent or its two copies differ.

    Only while this process does not have the database open: see ``Index``.
    """
    index = Index(database)
    try:
        return index.witness()
    finally:
        index.close()


def put_back(database: Path, seen: Witness) -> None:
    """Let the index say again what it said. Raises ``OSError``.

    Whoever opens the database has it made anew from what the log holds by then: of a log that has
    lost some, nobody would know it any more.
    """
    index = os.open(beside(database, "-shm"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.pwrite(index, seen.head, 0) < len(seen.head):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(index)


class Index:
    """The index of a database that this process has open; to be closed after the database.

    A process that closes any descriptor of a file gives up all its locks on it (POSIX), those that
    SQLite holds on the index included. The next process to open the database, if only to read,
    would then take itself for the first and cut the index short under the one that writes.
    """

    def __init__(self, database: Path) -> None:
        self._path = beside(database, "-shm")
        self._fd = -1

    def witness(self) -> Witness | None:
        """As ``witness``."""
        try:
            if self._fd < 0:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            data = os.pread(self._fd, 2 * _INDEX_BYTES, 0)
        except OSError:
            return None
        one, other = data[:_INDEX_BYTES], data[_INDEX_BYTES:]
        if len(other) < _INDEX_BYTES or one != other or not one[12]:
            return None
        frames = struct.unpack_from("=I", one, 16)[0]
        return Witness(salts=one[32:40], frames=frames, head=data)

    def close(self) -> None:
        """A second time does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def counted(database: Path) -> Witness | None:
    """What an index of a log would say that is made of it now; None where its header is not whole.

    It has no ``head``, and what was never committed counts too.
    """
    try:
        data = beside(database, "-wal").read_bytes()
    except FileNotFoundError:
        return None
    whole = _Whole(data) if len(data) >= _HEADER.size else None
    if whole is None or not whole.started:
        return None
    return Witness(salts=data[16:24], frames=whole.frames, head=b"")


def salts(database: Path) -> bytes:
    """The salts of a log's present generation; empty when there is no log."""
    try:
        with beside(database, "-wal").open("rb") as file:
            return file.read(_HEADER.size)[16:24]
    except OSError:
        return b""


def lay_out(database: Path, size: int) -> None:
    """Make the log so long that commits need not, where its disk lets it; else they take longer.

    A sync that must also note a file's new length takes up to twice as long as one of bytes in
    their places. Behind what was written stand zeros, which are no frames. To be called by who
    writes the database, before anybody does.
    """
    try:
        log = os.open(beside(database, "-wal"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.fstat(log).st_size < size:
            os.posix_fallocate(log, 0, size)
    except OSError:
        return  # no room for it, or a limit on the size of files: each commit finds its own
    finally:
        os.close(log)


def write_out(database: Path) -> None:
    """Write zeros where a log was laid out and never written, if its disk lets it.

    The first time that a block is written its file system has to note that it is, in the sync that
    a commit waits for: it takes longer, and very long where others write as well. To be called by
    who writes the database, before anything is committed. What fails here costs time and no more:
    a commit writes and syncs its own bytes, and is told if that fails.
    """
    try:
        log = os.open(beside(database, "-wal"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        size, at = os.fstat(log).st_size, _blank(log)
        while at < size:
            zeros = bytes(min(_PIECE, size - at))
            if os.pread(log, len(zeros), at) != zeros:
                return  # some file systems have told a hole where new bytes lay
            at += os.pwrite(log, zeros, at)
        os.fdatasync(log)
    except OSError:
        return
    finally:
        os.close(log)


def _blank(log: int) -> int:
    """From where to its end a file was never written; its size where that is not known."""
    at = os.lseek(log, 0, os.SEEK_HOLE)
    try:
        os.lseek(log, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # there is no data behind it
            return at
        raise
    return os.fstat(log).st_size


def beside(database: Path, ending: str) -> Path:
    """A file that SQLite keeps beside a database."""
    return database.with_name(database.name + ending)


def problem(database: Path, seen: Witness | None) -> str:
    """Why a log is not whole, in one sentence; empty when it is. ``seen`` is its index."""
    path = beside(database, "-wal")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ""
    if len(data) < _HEADER.size:
        return ""  # nothing was ever committed into it
    if data.count(0) == len(data):
        if seen is None or not seen.frames:
            return ""  # likewise: it was laid out
        return (
            f"{path} held {seen.frames} frames and holds only zeros: its bytes have changed, or the"
            " power was lost; start the station once and verify again"
        )
    whole = _Whole(data)
    if not whole.started:
        return f"the header of {path} does not verify; what was in it cannot be read"
    if seen is not None and seen.salts == data[16:24] and whole.frames < seen.frames:
        return (
            f"{path} held {seen.frames} frames and only {whole.frames} of them verify;"
            " bytes of it have changed"
        )
    behind = whole.bearing_behind()
    if behind or (seen is None and whole.next_bears()):
        return (
            f"{path} does not verify after frame {whole.frames}: its bytes have changed, or the"
            " power was lost in the middle of a write; start the station once and verify again"
        )
    return ""


class _Whole:
    """The frames of a log that verify, from the first on, and what comes after them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        magic, _, page, _, _, _, one, two = _HEADER.unpack_from(data)
        self._order = {_MAGIC_LITTLE: "<", _MAGIC_BIG: ">"}.get(magic, "")
        self._size = _FRAME.size + page
        self.frames = 0
        self.started = False
        if not self._order or not 512 <= page <= 65_536:
            return
        sums = self._sum((0, 0), data[:24])
        self.started = sums == (one, two)
        while self.started:
            start = _HEADER.size + self.frames * self._size
            frame = data[start : start + self._size]
            if len(frame) < self._size or frame[8:16] != data[16:24]:
                return
            sums = self._sum(self._sum(sums, frame[:8]), frame[_FRAME.size :])
            if sums != _FRAME.unpack_from(frame)[4:]:
                return
            self.frames += 1

    def _sum(self, sums: tuple[int, int], part: bytes) -> tuple[int, int]:
        one, two = sums
        words = struct.unpack(f"{self._order}{len(part) // 4}I", part)
        for index in range(0, len(words), 2):
            one = (one + words[index] + two) & _MASK
            two = (two + words[index + 1] + one) & _MASK
        return one, two

    def _bears(self, index: int) -> tuple[bool, bool]:
        start = _HEADER.size + index * self._size
        if start + self._size > len(self._data):
            return False, False
        frame = self._data[start + 8 : start + 16]
        return frame[:4] == self._data[16:20], frame[4:] == self._data[20:24]

    def next_bears(self) -> bool:
        """Whether the first frame that does not verify claims to be of this generation."""
        return all(self._bears(self.frames))

    def bearing_behind(self) -> bool:
        """Whether there is a frame of this generation where none should be."""
        count = (len(self._data) - _HEADER.size) // self._size
        found = [self._bears(index) for index in range(self.frames, count)]
        return any(one != two for one, two in found) or any(all(bears) for bears in found[1:])
