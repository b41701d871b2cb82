"""A copy of the desk's file: whole, under the same key, without a session; or no copy at all."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tieline.store import deskcopy

KEY = bytes(range(32))


def opened(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("cipher", "chacha20")
    connection.pragma("hexkey", KEY.hex())
    return connection


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    path = tmp_path / "desk.db"
    connection = opened(path)
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE session (hash BLOB PRIMARY KEY)")
    connection.execute("CREATE TABLE note (text TEXT)")
    connection.execute("INSERT INTO session VALUES (x'00')")
    for number in range(200):
        connection.execute("INSERT INTO note VALUES (?)", (f"note {number} " * 40,))
    connection.close()
    return path


def open_files(folder: Path) -> list[str]:
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [str(path.readlink()) for path in links if str(path.readlink()).startswith(str(folder))]


def test_a_copy_holds_everything_but_the_sessions(desk: Path, tmp_path: Path) -> None:
    writer = opened(desk)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO note VALUES ('not yet')")
    out = tmp_path / "copy.db"
    assert deskcopy.copy(desk, KEY, out) == ""
    writer.execute("ROLLBACK")
    writer.close()
    assert out.stat().st_mode & 0o777 == 0o600
    assert deskcopy.opens(out, KEY)
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]
    assert open_files(tmp_path) == []
    copy = opened(out)
    assert copy.execute("SELECT count(*) FROM note").fetchone() == (200,)
    assert copy.execute("SELECT count(*) FROM session").fetchone() == (0,)
    assert copy.pragma("journal_mode") == "delete"
    copy.close()
    assert b"note 7" not in out.read_bytes()


def test_a_copy_never_takes_the_place_of_another_file(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy.db"
    assert deskcopy.copy(desk, KEY, out) == ""
    assert "File exists" in deskcopy.copy(desk, KEY, out)


def test_of_a_file_that_does_not_read_there_is_no_copy(desk: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy.db"
    assert deskcopy.copy(desk, bytes(32), out) == "it is damaged, or another station's"
    assert deskcopy.copy(tmp_path / "nothing.db", KEY, out) != ""
    data = bytearray(desk.read_bytes())
    data[4_096 * 9 + 5] ^= 1
    desk.write_bytes(data)
    assert deskcopy.copy(desk, KEY, out) != ""
    assert list(tmp_path.glob("copy*")) == []
    assert open_files(tmp_path) == []


def test_a_copy_opens_with_its_key_while_its_pages_are_whole(desk: Path, tmp_path: Path) -> None:
    assert deskcopy.opens(desk, KEY)
    assert not deskcopy.opens(desk, bytes(32))
    assert not deskcopy.opens(tmp_path / "nothing.db", KEY)
    data = bytearray(desk.read_bytes())
    data[4_096 * 9 + 5] ^= 1
    desk.write_bytes(data)
    assert not deskcopy.opens(desk, KEY)
    assert open_files(tmp_path) == []
