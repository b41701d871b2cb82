"""A write-ahead log read with suspicion: what is whole passes, and what has changed is noticed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Literal

import apsw
import pytest

from tieline.store import wal

HEADER, FRAME, PAGE = 32, 24, 512
WHOLE = FRAME + PAGE


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A database, its log and the log's index, as a process leaves them that is killed."""
    path = tmp_path / "alive" / "some.db"
    path.parent.mkdir()
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE said (body)")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    for number in range(6):
        connection.execute("INSERT INTO said VALUES (?)", (bytes([number]) * 700,))
    copy = tmp_path / "killed"
    shutil.copytree(path.parent, copy)
    connection.close()
    return copy / "some.db"


def log_of(database: Path) -> Path:
    return wal.beside(database, "-wal")


def frames(database: Path) -> int:
    return (log_of(database).stat().st_size - HEADER) // WHOLE


def test_what_a_killed_process_left_is_whole(left: Path) -> None:
    seen = wal.witness(left)
    assert seen is not None
    assert 0 < seen.frames <= frames(left)
    assert seen.salts == wal.salts(left) == log_of(left).read_bytes()[16:24]
    assert wal.problem(left, seen) == wal.problem(left, None) == ""


@pytest.mark.parametrize("index", [True, False])
def test_a_changed_byte_is_noticed_wherever_it_is(left: Path, *, index: bool) -> None:
    seen = wal.witness(left) if index else None
    data = log_of(left).read_bytes()
    heads = [HEADER + WHOLE * number for number in range(frames(left))]
    places = [*range(HEADER), *(head + at for head in heads for at in range(FRAME))]
    places += [head + at for head in heads for at in (FRAME, FRAME + 300, WHOLE - 1)]
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1
        log_of(left).write_bytes(changed)
        assert wal.problem(left, seen), place


def test_a_log_cut_short_is_noticed_where_the_index_tells(left: Path) -> None:
    seen = wal.witness(left)
    assert seen is not None
    data = log_of(left).read_bytes()
    for count in range(seen.frames):
        log_of(left).write_bytes(data[: HEADER + WHOLE * count + 100])
        assert f"held {seen.frames} frames and only {count} of them" in wal.problem(left, seen)
    log_of(left).write_bytes(data[:31])  # not even a header: nothing was committed into it
    assert wal.problem(left, seen) == ""


def test_a_write_that_was_torn_is_no_damage_where_the_index_counts_less(left: Path) -> None:
    seen = wal.witness(left)
    assert seen is not None
    data = bytearray(log_of(left).read_bytes())
    torn = bytes(8) + bytes(data[16:24]) + bytes(WHOLE - 16)  # bears the salts, verifies not
    log_of(left).write_bytes(bytes(data[: HEADER + WHOLE * seen.frames]) + torn)
    assert wal.problem(left, seen) == ""
    assert f"after frame {seen.frames}" in wal.problem(left, None)


def test_frames_of_an_earlier_generation_behind_the_present_one_are_no_damage(left: Path) -> None:
    seen = wal.witness(left)
    assert seen is not None
    data = bytes(log_of(left).read_bytes()[: HEADER + WHOLE * seen.frames])
    old = bytes(8) + bytes(x ^ 0xFF for x in data[16:24]) + bytes(WHOLE - 16)
    log_of(left).write_bytes(data + old * 3)
    assert wal.problem(left, seen) == wal.problem(left, None) == ""
    one_salt = bytes(8) + data[16:20] + bytes(4) + bytes(WHOLE - 16)
    for stray in (one_salt, bytes(8) + bytes(4) + data[20:24] + bytes(WHOLE - 16)):
        log_of(left).write_bytes(data + old + stray)
        assert wal.problem(left, seen)
    behind = bytes(8) + data[16:24] + bytes(WHOLE - 16)
    log_of(left).write_bytes(data + old + behind)
    assert wal.problem(left, seen)


def test_an_index_that_is_absent_short_or_two_minded_is_no_witness(left: Path) -> None:
    index = wal.beside(left, "-shm")
    data = index.read_bytes()
    for bad in (data[:95], data[:48] + bytes(48), bytes([data[0] ^ 1]) + data[1:]):
        index.write_bytes(bad)
        assert wal.witness(left) is None
    index.unlink()
    assert wal.witness(left) is None
    log_of(left).unlink()
    assert (wal.salts(left), wal.problem(left, None)) == (b"", "")


@pytest.mark.parametrize("page", [0, 256, 131_072])
def test_a_header_of_pages_that_cannot_be_is_none(left: Path, page: int) -> None:
    """Its sums may be right all the same: whoever changes it can reckon them anew."""
    data = bytearray(log_of(left).read_bytes()[:HEADER])
    data[8:12] = page.to_bytes(4, "big")
    order: Literal["little", "big"] = "little" if data[3] == 0x82 else "big"
    one = two = 0
    for at in range(0, 24, 8):
        words = [int.from_bytes(data[at + n : at + n + 4], order) for n in (0, 4)]
        one = (one + words[0] + two) % 2**32
        two = (two + words[1] + one) % 2**32
    data[24:32] = one.to_bytes(4, "big") + two.to_bytes(4, "big")
    log_of(left).write_bytes(data)
    assert "the header of" in wal.problem(left, None)


def test_an_index_says_again_what_it_said(left: Path) -> None:
    seen = wal.witness(left)
    assert seen is not None
    index = wal.beside(left, "-shm")
    data = index.read_bytes()
    index.write_bytes(bytes(96) + data[96:])
    wal.put_back(left, seen)
    assert (wal.witness(left), index.read_bytes()) == (seen, data)
    index.unlink()
    wal.put_back(left, seen)
    assert wal.witness(left) == seen


def laid_out(path: Path, written: bytes = b"") -> Path:
    """A log that is as long as it shall become, with something at its beginning."""
    wal.beside(path, "-wal").write_bytes(written)
    wal.lay_out(path, 1 << 20)
    return wal.beside(path, "-wal")


def never_written(log: Path) -> int:
    """From where on a file's blocks were never written."""
    with log.open("rb") as file:
        os.fsync(file.fileno())
        return os.lseek(file.fileno(), 0, os.SEEK_HOLE)


@pytest.mark.parametrize("written", [b"", os.urandom(9_000)])
def test_a_log_that_was_laid_out_is_written_behind_what_it_holds(
    tmp_path: Path, written: bytes
) -> None:
    log = laid_out(tmp_path / "some.db", written)
    assert never_written(log) < 12_289
    wal.write_out(tmp_path / "some.db")
    assert never_written(log) == 1 << 20
    assert log.read_bytes() == written.ljust(1 << 20, b"\0")
    wal.write_out(tmp_path / "some.db")  # a second time does nothing
    assert log.read_bytes() == written.ljust(1 << 20, b"\0")


def test_nothing_is_written_over_what_lies_behind_a_hole(tmp_path: Path) -> None:
    log = laid_out(tmp_path / "some.db")
    with log.open("r+b") as file:
        file.seek(500_000)
        file.write(b"said")
    assert never_written(log) == 0
    wal.write_out(tmp_path / "some.db")
    assert never_written(log) == 0
    assert log.read_bytes() == bytes(500_000) + b"said" + bytes((1 << 20) - 500_004)


def test_nothing_is_written_over_what_a_file_system_takes_for_a_hole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some have told a hole where bytes lay that were not on the disk yet."""
    written = os.urandom(9_000)
    log = laid_out(tmp_path / "some.db", written)

    def hole(_: int, at: int, whence: int) -> int:
        if whence == os.SEEK_DATA:
            raise OSError(errno.ENXIO, "No such device or address")
        return at

    monkeypatch.setattr(os, "lseek", hole)
    wal.write_out(tmp_path / "some.db")
    monkeypatch.undo()
    assert log.read_bytes() == written.ljust(1 << 20, b"\0")


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "lseek"])
def test_a_disk_on_which_nothing_can_be_written_ahead_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = laid_out(tmp_path / "some.db", b"said")
    monkeypatch.setattr(os, call, refuses)
    wal.write_out(tmp_path / "some.db")
    monkeypatch.undo()
    assert log.read_bytes() == b"said".ljust(1 << 20, b"\0")
    wal.write_out(tmp_path / "none.db")  # who has no log gets none
    assert not wal.beside(tmp_path / "none.db", "-wal").exists()
