"""A witness's store: nothing cosigned is forgotten, and nothing forgotten is cosigned over."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import apsw
import pytest

from tieline.core.checkpoint import Checkpoint
from tieline.core.errors import LocalError, ShellError, StoreFailed, StoreFull, TielineError
from tieline.store import disk, heads
from tieline.store.heads import Conflict, HeadStore

TAG = b"t" * 32
LOG = "log.example/a"


def head(size: int, root: int = 0, origin: str = LOG) -> Checkpoint:
    return Checkpoint(origin=origin, size=size, root=bytes((size % 256, root)) * 16)


def note(size: int) -> bytes:
    return b"note %d\n" % size


def step(store: HeadStore, old: Checkpoint | None, new: Checkpoint) -> bool:
    return store.advance(old, new, note(new.size), new.size, TAG)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    HeadStore.create(tmp_path / "heads.db", TAG)
    return tmp_path / "heads.db"


def test_a_head_is_there_after_a_new_start(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    assert store.latest(LOG) is None
    assert step(store, None, head(3))
    assert step(store, head(3), head(7))
    store.close()
    store = HeadStore.open(path, TAG)
    assert store.latest(LOG) == head(7)
    assert store.earlier(LOG, 3) == (head(3).root, note(3))
    assert store.earlier(LOG, 4) is None
    assert [(held.head.size, held.count) for held in store.heads()] == [(7, 2)]
    store.close()


@pytest.mark.parametrize("expected", [None, head(2), head(3, 1), head(7)])
def test_a_head_is_set_only_from_the_one_that_is_there(
    path: Path, expected: Checkpoint | None
) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    assert not step(store, expected, head(9))
    assert store.latest(LOG) == head(3)
    assert not step(store, None, head(3))
    store.close()


def test_the_race_of_the_document_is_lost_by_one(path: Path) -> None:
    """C2SP tlog-witness: two requests from one size; only one of them may be recorded."""
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    done = [step(store, head(3), head(9)), step(store, head(3), head(5))]
    assert done == [True, False]
    assert store.latest(LOG) == head(9)
    store.close()


def test_logs_do_not_touch_each_other(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    step(store, None, head(9, 1, "log.example/b"))
    assert store.latest(LOG) == head(3)
    assert [held.head.origin for held in store.heads()] == [LOG, "log.example/b"]
    store.close()


def test_the_history_of_a_log_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HISTORY", 4)
    store = HeadStore.open(path, TAG)
    last: Checkpoint | None = None
    for size in range(1, 11):
        assert step(store, last, head(size))
        last = head(size)
    assert [size for size in range(1, 11) if store.earlier(LOG, size)] == [7, 8, 9, 10]
    store.close()


def test_conflicts_are_kept_once_and_not_without_end(path: Path) -> None:
    store = HeadStore.open(path, TAG)

    def conflict(number: int) -> Conflict:
        return Conflict(origin=LOG, size=3, time_s=1, ours=note(3), theirs=b"%d" % number)

    assert store.keep(conflict(1))
    assert not store.keep(conflict(1))
    for number in range(2, 40):
        store.keep(conflict(number))
    store.close()
    found = HeadStore.read(path).conflicts()
    assert len(found) == heads.MAX_EVIDENCE
    assert found[0] == conflict(1)


def test_there_is_an_end_to_the_logs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MAX_LOGS", 1)
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    with pytest.raises(LocalError) as caught:
        step(store, None, head(3, 0, "log.example/b"))
    assert caught.value.code == "witness.logs"
    assert step(store, head(3), head(4))
    store.close()


# ---------------------------------------------------------------------------------------- the mark


def refused(path: Path, tag: bytes = TAG) -> str:
    with pytest.raises(TielineError) as caught:
        HeadStore.open(path, tag)
    return caught.value.code


def test_a_store_that_was_put_back_does_not_open(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    store.close()
    shutil.copy(path, path.with_name("yesterday"))
    store = HeadStore.open(path, TAG)
    step(store, head(3), head(7))
    store.close()
    shutil.copy(path.with_name("yesterday"), path)
    assert refused(path) == "witness.put_back"
    assert refused(path) == "witness.put_back"  # nothing was repaired by looking


def test_a_store_on_another_machine_opens_only_when_it_was_adopted(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    store.close()
    assert refused(path, b"u" * 32) == "witness.moved"
    assert HeadStore.adopt(path, b"u" * 32) == 1
    store = HeadStore.open(path, b"u" * 32)
    assert store.latest(LOG) == head(3)
    store.close()
    assert refused(path) == "witness.moved"


@pytest.mark.parametrize("mark", [b"", b"x", (b"t" * 32).hex().encode() + b"\n12\n"])
def test_a_store_without_its_whole_mark_does_not_open(path: Path, mark: bytes) -> None:
    path.with_name("mark").write_bytes(mark)
    assert refused(path) == "witness.moved"
    path.with_name("mark").unlink()
    assert refused(path) == "witness.moved"


def test_a_mark_that_lags_behind_its_store_catches_up(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    old = path.with_name("mark").read_bytes()
    step(store, head(3), head(7))
    store.close()
    new = path.with_name("mark").read_bytes()
    assert new != old
    path.with_name("mark").write_bytes(old)
    HeadStore.open(path, TAG).close()
    assert path.with_name("mark").read_bytes() == new


# ---------------------------------------------------------------------------------------- failures


def test_two_witnesses_never_share_a_store(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    assert refused(path) == "store.locked"
    assert HeadStore.read(path).heads() == []
    store.close()


def test_a_reader_in_the_way_refuses_and_spoils_nothing(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM head").fetchall()
    with pytest.raises(ShellError) as caught:
        step(store, head(3), head(7))
    assert caught.value.code == "store.locked"
    reader.execute("COMMIT")
    reader.close()
    assert step(store, head(3), head(7))
    store.close()


def test_a_failed_write_is_the_end(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    vfs = store._connection
    vfs.execute("DROP TABLE history")
    with pytest.raises(StoreFailed):
        step(store, head(3), head(7))
    with pytest.raises(StoreFailed):
        store.latest(LOG)
    store.close()
    again = apsw.Connection(str(path))
    assert again.execute("SELECT size FROM head").fetchall() == [(3,)]
    again.close()


def test_a_full_disk_refuses_and_spoils_nothing(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    pages = store._connection.pragma("page_count")
    store._connection.pragma("max_page_count", pages)
    big = b"n" * 200_000
    with pytest.raises(StoreFull):
        store.advance(head(3), head(7), big, 7, TAG)
    assert store.latest(LOG) == head(3)
    store._connection.pragma("max_page_count", 1_000_000)
    assert store.advance(head(3), head(7), big, 7, TAG)
    store.close()


def test_a_store_is_private_and_never_made_over_another(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0
    assert path.with_name("mark").stat().st_mode & 0o077 == 0
    with pytest.raises(LocalError):
        HeadStore.create(path, TAG)
    assert refused(path.with_name("nothing.db")) == "store.missing"
    path.write_bytes(b"no database" * 1000)
    assert refused(path) == "store.damaged"


def test_the_bounds_of_a_witness_are_those_of_the_page() -> None:
    assert (heads.HISTORY, heads.MAX_LOGS, heads.MAX_EVIDENCE) == (256, 65_536, 16)


def test_the_mark_stands_in_two_sectors_by_turns(path: Path) -> None:
    mark = path.with_name("mark")

    def sector(count: int) -> bytes:
        return b"%b\n%020d\n" % (TAG.hex().encode(), count) + b" " * (512 - 65 - 21)

    assert mark.read_bytes() == sector(0) * 2
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    assert mark.read_bytes() == sector(0) + sector(1)
    step(store, head(3), head(4))
    assert mark.read_bytes() == sector(2) + sector(1)
    store.close()
    for spoiled in (bytes(512) + sector(1), sector(2) + bytes(512), sector(2) + sector(1)[:70]):
        mark.write_bytes(spoiled)  # a loss of power in the middle of a write
        HeadStore.open(path, TAG).close()
        assert sector(2) in mark.read_bytes()
    mark.write_bytes(bytes(512) + sector(3))
    assert refused(path) == "witness.put_back"


def test_what_another_log_was_caught_with_counts_apart(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    for number in range(heads.MAX_EVIDENCE):
        assert store.keep(
            Conflict(origin=LOG, size=3, time_s=number, ours=b"o", theirs=b"%d" % number)
        )
    assert not store.keep(Conflict(origin=LOG, size=3, time_s=0, ours=b"o", theirs=b"more"))
    other = Conflict(origin="log.example/b", size=4, time_s=5, ours=b"a", theirs=b"b", path=b"p")
    assert store.keep(other)
    turned = Conflict(origin="log.example/b", size=4, time_s=5, ours=b"b", theirs=b"a")
    assert not store.keep(turned)  # the same two, the other way round
    assert store.conflicts()[-1] == other
    store.close()


def test_the_end_to_the_logs_counts_those_of_earlier_starts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    store.close()
    monkeypatch.setattr(heads, "MAX_LOGS", 2)
    store = HeadStore.open(path, TAG)
    assert step(store, None, head(3, 0, "log.example/b"))
    with pytest.raises(LocalError):
        step(store, None, head(3, 0, "log.example/c"))
    store.close()


def test_a_mark_that_does_not_sync_is_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = HeadStore.open(path, TAG)

    def fails(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(StoreFailed, match="its mark: Input/output error"):
        step(store, None, head(3))
    monkeypatch.undo()
    for use in (
        lambda: step(store, head(3), head(4)),
        lambda: store.keep(Conflict(origin=LOG, size=3, time_s=1, ours=b"o", theirs=b"t")),
        store.heads,
        store.conflicts,
    ):
        with pytest.raises(StoreFailed):
            use()
    store.close()


def test_a_store_that_cannot_be_made_or_adopted_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ShellError) as caught:
        HeadStore.create(path.parent / "no folder" / "heads.db", TAG)
    assert caught.value.code == "store.open"

    def fails(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write_synced", fails)
    with pytest.raises(ShellError) as caught:
        HeadStore.adopt(path, TAG)
    assert caught.value.code == "store.open"
    monkeypatch.undo()
    HeadStore.open(path, TAG).close()  # its lock was let go


def test_a_store_under_a_library_that_is_too_old_is_let_go_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    assert refused(path) == "store.library"
    monkeypatch.undo()
    store = HeadStore.open(path, TAG)
    assert store._connection.pragma("synchronous") == 2
    assert store._connection.pragma("journal_mode") == "truncate"
    store.close()


def test_to_look_at_nothing_or_at_something_else_is_refused(path: Path) -> None:
    for name, code in (("nothing.db", "store.missing"), ("mark", "store.damaged")):
        with pytest.raises(TielineError) as caught:
            HeadStore.read(path.with_name(name))
        assert caught.value.code == code


def test_who_only_looks_cannot_advance_the_mark(path: Path) -> None:
    store = HeadStore.open(path, TAG)
    step(store, None, head(3))
    reading = HeadStore.read(path)
    assert [held.head for held in reading.heads()] == [head(3)]
    assert reading.earlier(LOG, 3) == (head(3).root, note(3))
    reading.close()
    reading.close()
    store.close()
    assert refused(path, b"u" * 32) == "witness.moved"
    HeadStore.open(path, TAG).close()


def test_a_store_without_its_tables_is_damaged_and_let_go(path: Path) -> None:
    spoiled = apsw.Connection(str(path))
    spoiled.execute("ALTER TABLE total RENAME TO away")
    spoiled.close()
    assert refused(path) == "store.damaged"
    mended = apsw.Connection(str(path))
    mended.execute("ALTER TABLE away RENAME TO total")
    mended.close()
    HeadStore.open(path, TAG).close()
