"""What the store in a file promises beyond the contract: sync, secrecy, versions, one process."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from tests.store.samples import CANARY, KEY, end_of_log, fact, make

from tieline.core.errors import LocalError, ShellError, StoreFailed, TielineError
from tieline.store import disk, opening, schema, sqlite, wal
from tieline.store.sqlite import SqliteStore


def code_of(error: pytest.ExceptionInfo[TielineError]) -> str:
    return error.value.code


def test_a_commit_is_written_ahead_and_synced(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path), KEY)
    assert store._connection.pragma("journal_mode") == "wal"
    assert store._connection.pragma("synchronous") == 2
    assert store._connection.pragma("cipher") == "chacha20"
    store.close()


@pytest.mark.parametrize("name", ["journal_mode", "synchronous"])
def test_a_setting_that_does_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = make(tmp_path)

    def stubborn(connection: apsw.Connection, asked: str, *value: str | int) -> object:
        if asked == name:  # as on a disk on which the setting cannot be had
            return "delete" if name == "journal_mode" else 1
        return plain(connection, asked, *value)

    plain = opening.setting
    monkeypatch.setattr(opening, "setting", stubborn)
    with pytest.raises(ShellError) as caught:
        SqliteStore.open(path, KEY)
    assert code_of(caught) == "store.pragma"
    assert name in caught.value.message


@pytest.mark.parametrize("version", ["3.51.2", "3.40.1", "3.7.0"])
def test_an_sqlite_that_can_corrupt_the_log_is_refused(version: str) -> None:
    with pytest.raises(ShellError) as caught:
        sqlite.check_library(version)
    assert code_of(caught) == "store.library"
    assert version in caught.value.message


@pytest.mark.parametrize("version", ["3.51.3", "3.54.0", "4.0"])
def test_a_newer_sqlite_is_taken(version: str) -> None:
    sqlite.check_library(version)


def test_the_version_is_asked_for_at_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(ShellError) as caught:
        SqliteStore.open(path, KEY)
    assert code_of(caught) == "store.library"


# --------------------------------------------------------------------------------- secrecy


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_file_beside_the_store_shows_what_is_in_it(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path), KEY)
    for number in range(300):
        store.commit([fact(number, position=number, body=CANARY * 9)])
    while_open = everything(tmp_path)
    store.close()
    closed = everything(tmp_path)
    assert {"store.db", "store.db-wal", "store.db-shm"} <= set(while_open)
    for name, data in [*while_open.items(), *closed.items()]:
        assert CANARY not in data, name
        assert KEY not in data, name


def test_the_search_would_see_it_in_a_plain_file(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "plain.db"))
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (?)", (CANARY,))
    connection.close()
    assert any(CANARY in data for data in everything(tmp_path).values())


def test_a_wrong_key_is_one_clear_error_and_changes_nothing(tmp_path: Path) -> None:
    path = make(tmp_path, facts=3)
    before = path.read_bytes()
    for key in (bytes(32), KEY[::-1], bytes([KEY[0] ^ 1]) + KEY[1:]):
        with pytest.raises(LocalError) as caught:
            SqliteStore.open(path, key)
        assert code_of(caught) == "store.key"
        assert "does not open with this station's key" in caught.value.message
        assert "\n" not in caught.value.message
    with pytest.raises(LocalError):
        SqliteStore.open(path, KEY[:31])
    assert path.read_bytes() == before
    SqliteStore.open(path, KEY).close()


# -------------------------------------------------------------------------------- versions


def write_version_1(path: Path, facts: int) -> None:
    """A store as the first version wrote it: without a chain."""
    connection = apsw.Connection(str(path))
    connection.pragma("cipher", "chacha20")
    connection.pragma("key", f"raw:{KEY.hex()}")
    connection.pragma("journal_mode", "wal")
    schema.migrate(connection, str(path), schema.MIGRATIONS[:1])
    for number in range(facts):
        f = fact(number, position=number)
        connection.execute(
            "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number + 1, f.kind, f.at_ms, f.line, f.body, f.meta, f.log, f.position),
        )
    connection.close()


def test_a_store_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write_version_1(path, facts=40)
    with pytest.raises(ShellError) as caught:
        SqliteStore.open(path, KEY, read_only=True)
    assert code_of(caught) == "store.older"
    store = SqliteStore.open(path, KEY)
    assert schema.version(store._connection) == schema.MIGRATIONS[-1].version
    assert [f for _, f in store.facts()] == [fact(n, position=n) for n in range(40)]
    assert store.commit([fact(99)]) == 41
    store.close()
    again = SqliteStore.open(path, KEY)
    assert len(list(again.facts())) == 41
    rows = again._connection.execute("SELECT version FROM migration ORDER BY version").fetchall()
    assert rows == [(step.version,) for step in schema.MIGRATIONS]
    again.close()


def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write_version_1(path, facts=5)
    connection = apsw.Connection(str(path))
    connection.pragma("cipher", "chacha20")
    connection.pragma("key", f"raw:{KEY.hex()}")
    broken = schema.Migration(
        version=2, name="broken", statements=("CREATE TABLE half (a)", "CREATE NONSENSE")
    )
    with pytest.raises(apsw.SQLError):
        schema.migrate(connection, str(path), [schema.MIGRATIONS[0], broken])
    connection.close()
    store = SqliteStore.open(path, KEY)
    tables = store._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert "half" not in {row[0] for row in tables}
    assert len(list(store.facts())) == 5
    store.close()


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = make(tmp_path, facts=3)
    store = SqliteStore.open(path, KEY)
    store._connection.pragma("user_version", 99)
    store.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ShellError) as caught:
            SqliteStore.open(path, KEY, read_only=read_only)
        assert code_of(caught) == "store.newer"
        assert "version 99" in caught.value.message
        assert "was not changed" in caught.value.message
        assert path.read_bytes() == before


# ------------------------------------------------------------------------- one process, files


def test_a_second_use_in_this_process_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path)
    store = SqliteStore.open(path, KEY)
    for read_only in (False, True):
        with pytest.raises(ShellError) as caught:
            SqliteStore.open(path, KEY, read_only=read_only)
        assert code_of(caught) == "store.locked"
    store.close()
    SqliteStore.open(path, KEY).close()


SECOND = """
import sys
from pathlib import Path
from tieline.core.errors import TielineError
from tieline.store.sqlite import SqliteStore
try:
    SqliteStore.open(Path(sys.argv[1]), bytes(range(32))).close()
except TielineError as error:
    print(error.code, error.message)
"""


def test_a_second_process_is_refused_and_told_who_holds_the_store(tmp_path: Path) -> None:
    import os

    path = make(tmp_path)

    def second() -> str:
        command = [sys.executable, "-c", SECOND, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    store = SqliteStore.open(path, KEY)
    said = second()
    assert said.startswith("store.locked ")
    assert f"in use by process {os.getpid()}; stop that station first" in said
    store.close()
    assert second() == ""


def test_making_never_overwrites_and_opening_never_makes(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as caught:
        SqliteStore.open(tmp_path / "store.db", KEY)
    assert code_of(caught) == "store.missing"
    assert list(tmp_path.iterdir()) == []
    path = make(tmp_path, facts=1)
    with pytest.raises(LocalError) as caught:
        SqliteStore.create(path, KEY)
    assert code_of(caught) == "store.exists"
    assert len(list(SqliteStore.open(path, KEY).facts())) == 1


def test_the_log_is_moved_into_the_file_as_it_grows(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path), KEY)
    size = 0
    for number in range(700):
        store.commit([fact(number, body=b"x" * 8_000)])
        size = max(size, (tmp_path / "store.db-wal").stat().st_size)
    assert size < 3 * sqlite.CHECKPOINT_PAGES * 4_200
    assert (tmp_path / "store.db").stat().st_size > 700 * 8_000 // 2
    store.close()
    assert not (tmp_path / "store.db-wal").exists()


def test_a_long_log_is_moved_before_a_commit_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 10)
    path = make(tmp_path)
    store = SqliteStore.open(path, KEY)
    files = [path.read_bytes()]
    logs: list[bytes] = []
    for number in range(8):
        store.commit([fact(number, position=number)])
        assert path.read_bytes() == files[-1]  # a commit need not do it
        logs.append(wal.salts(path))
        store.tidy()
        files.append(path.read_bytes())
    assert files[2] == files[0]  # there were few pages in the log
    assert files[8] != files[0]
    assert len(set(logs)) > 1  # it began anew
    store.close()
    store.tidy()  # of a store that is closed nothing is asked


@pytest.mark.parametrize("tidies", [False, True])
def test_tidying_that_fails_is_a_failure_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tidies: bool
) -> None:
    store = SqliteStore.open(make(tmp_path), KEY)
    store.commit([fact(1)])

    def fails(self: SqliteStore) -> None:
        raise self._fail("disk I/O error")

    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 1 if tidies else 1_000)
    monkeypatch.setattr(SqliteStore, "_checkpoint", fails)
    if not tidies:
        store.tidy()
        assert store.commit([fact(2)]) == 2
    else:
        with pytest.raises(StoreFailed):
            store.tidy()
        with pytest.raises(StoreFailed):
            store.commit([fact(2)])
        store.tidy()  # it stays failed, and touches nothing more
    store.close()


def test_room_is_kept_back_and_measured(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path), KEY)
    room = store.room()
    assert room.reserve == disk.RESERVE_BYTES
    assert 0 < room.free <= room.total
    store.close()


LEVELS = [
    (50 << 30, 100 << 30, "ok"),
    (900 << 20, 100 << 30, "low"),
    (200 << 20, 100 << 30, "critical"),
    (900 << 20, 2 << 30, "ok"),
    (9 << 20, 100 << 20, "low"),
    (4 << 20, 100 << 20, "critical"),
]


@pytest.mark.parametrize(("free", "total", "level"), LEVELS)
def test_the_level_of_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, total: int, level: str
) -> None:
    class Stat:
        f_bavail, f_blocks, f_frsize = free // 4_096, total // 4_096, 4_096

    monkeypatch.setattr("os.statvfs", lambda _: Stat)
    assert disk.room(tmp_path, 0, full=False).level == level
    assert disk.room(tmp_path, 0, full=True).level == "critical"


# ----------------------------------------------------------------------------- the log's length


def test_a_commit_makes_no_file_longer(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path), KEY)
    log = wal.beside(tmp_path / "store.db", "-wal")
    before = log.stat().st_size
    for number in range(60):
        store.commit([fact(number, position=number)])
    assert log.stat().st_size == before > end_of_log(tmp_path / "store.db") > 60 * 4_096
    assert store.damage() == []
    store.close()
    assert not log.exists()


def test_a_log_into_which_nothing_was_written_is_whole(tmp_path: Path) -> None:
    store = SqliteStore.open(make(tmp_path, facts=2), KEY)
    assert set(wal.beside(tmp_path / "store.db", "-wal").read_bytes()) == {0}
    assert store.damage() == []
    killed = shutil.copytree(tmp_path, tmp_path / "killed") / "store.db"
    store.close()
    assert SqliteStore.verify_file(killed, KEY) == []
    again = SqliteStore.open(killed, KEY)
    assert again.last() == 2
    again.close()


def test_where_there_is_little_room_a_log_grows_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    little = disk.Room(free=60 << 20, total=1 << 30, reserve=0, level="low")
    monkeypatch.setattr(disk, "room", lambda *_, **__: little)
    store = SqliteStore.open(path, KEY)
    assert wal.beside(path, "-wal").stat().st_size == 0
    store.commit([fact()])
    assert wal.beside(path, "-wal").stat().st_size == end_of_log(path)
    store.close()


def test_a_disk_that_gives_no_length_takes_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.EFBIG, "File too large")

    path = make(tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", refuses)
    store = SqliteStore.open(path, KEY)
    assert wal.beside(path, "-wal").stat().st_size == 0
    assert store.commit([fact()]) == 1
    store.close()
    wal.lay_out(tmp_path / "none.db", 1 << 20)  # who has no log gets none
    assert not wal.beside(tmp_path / "none.db", "-wal").exists()
