"""The settled past on disk: the same as the one in memory, and never of another journal."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

import apsw
import pytest
from tests.core.test_snapshot import live, pictures, resumed, resumed_once
from tests.core.world import Net, Post, answer, kits

from tieline.core.errors import LocalError, ShellError, StoreFailed
from tieline.core.events import Tick, Trouble
from tieline.core.shelf import Settlement
from tieline.core.terms import Kind
from tieline.node.runtime import Runtime
from tieline.store.memory import MemoryMachine, MemoryStore
from tieline.store.reader import Reader
from tieline.store.sqlite import CHECKPOINT_PAGES, SqliteStore

KEY = bytes(range(32))


def lived(steps: int = 20) -> Post:
    net = Net(kits(3))
    live(net, 7, steps)
    return net.post("ALPHA")


def filled(path: Path, post: Post) -> SqliteStore:
    store = SqliteStore.create(path, KEY)
    store.commit(post.facts)
    return store


@pytest.mark.parametrize("every", [1, 9, 30])
def test_both_archives_give_the_station_that_the_journal_gives(tmp_path: Path, every: int) -> None:
    post = lived()
    store = filled(tmp_path / "store.db", post)
    wanted = pictures(post.reload())
    assert pictures(resumed(post, store, every)) == wanted
    store.close()
    again = SqliteStore.open(tmp_path / "store.db", KEY)
    assert again.past.kept() is not None
    assert pictures(resumed_once(post, again)) == wanted
    again.close()


def test_the_two_archives_keep_the_same(tmp_path: Path) -> None:
    post = lived()
    disk, memory = filled(tmp_path / "store.db", post), MemoryStore(post.facts)
    for store in (disk, memory):
        resumed(post, store, 9)
    line = post.line
    assert disk.past.kept() == memory.past.kept()
    assert list(disk.past.chunks(line.id)) == list(memory.past.chunks(line.id))
    assert sorted(disk.past.acts(line.id)) == sorted(memory.past.acts(line.id))
    for log in line.record.logs.values():
        asked = (line.id, log.id, 0, 99)
        assert disk.past.statements(*asked) == memory.past.statements(*asked)
        for at in range(log.size + 1):
            assert disk.past.tally(line.id, log.id, at) == memory.past.tally(line.id, log.id, at)
            assert disk.past.number(line.id, log.id, at) == memory.past.number(line.id, log.id, at)
            for peer in line.peers:
                place = (line.id, log.id, peer, at)
                assert disk.past.receipt(*place) == memory.past.receipt(*place)
    for seq in range(len(post.facts) + 2):
        assert disk.past.fact(seq) == memory.past.fact(seq)
    disk.close()


def test_a_snapshot_of_another_journal_is_not_given_out(tmp_path: Path) -> None:
    post = lived()
    store = filled(tmp_path / "store.db", post)
    resumed(post, store, 9)
    kept = store.past.kept()
    assert kept is not None
    store._connection.execute("UPDATE fact SET chain = zeroblob(32) WHERE seq = ?", (kept.seq,))
    assert store.past.kept() is None
    store._connection.execute("UPDATE kept SET seq = 99999")
    assert store.past.kept() is None
    store.close()


def test_what_was_thrown_away_is_gone(tmp_path: Path) -> None:
    post = lived(8)
    store = filled(tmp_path / "store.db", post)
    resumed(post, store, 5)
    store.past.drop()
    assert store.past.kept() is None
    assert list(store.past.chunks(post.line.id)) == []
    assert store.past.acts(post.line.id) == []
    store.close()


def test_what_does_not_read_is_found_and_made_anew_at_a_start(tmp_path: Path) -> None:
    post = lived()
    alpha, bravo, _ = post.net
    store = filled(tmp_path / "store.db", post)
    held = [item for item in alpha.line.record.order if item.statement.content.kind is Kind.MESSAGE]
    text = next(item for item in held if item.statement.place.station == bravo.who.id)
    for rung in (Kind.ACKNOWLEDGE, Kind.PASS_ON):  # the last one comes to what is in a snapshot
        resumed(post, store, 1)
        count = len(post.facts)
        alpha.speak(answer(rung, text.statement.digest))
        store.commit(post.facts[count:])
    store._connection.execute("UPDATE kept_tally SET body = x'05'")
    store._connection.execute("UPDATE kept_receipt SET body = x'05'")
    found = store.damage()
    assert all(name in each for name, each in zip(("tally", "receipt"), found, strict=True))
    again = resumed_once(post, store)
    assert pictures(again) == pictures(post.reload())
    assert store.damage() == []
    store.close()


@pytest.mark.parametrize("table", ["kept_tally", "kept_receipt"])
def test_a_station_that_comes_upon_it_ends_and_the_next_life_is_well(
    tmp_path: Path, table: str
) -> None:
    post = lived()
    store = filled(tmp_path / "store.db", post)
    resumed(post, store, 1)
    store._connection.execute(f"UPDATE {table} SET body = x'05'")  # noqa: S608

    def begun() -> Runtime:
        world, machine = MagicMock(), MemoryMachine("ALPHA")
        now = post.net.now()
        return Runtime(post.who.id, "", store, MagicMock(), world, now, machine=machine)

    runtime = begun()
    line = runtime.station.lines[post.line.id]
    items = [item for item in line.record.order if item.statement.content.kind is Kind.MESSAGE]
    with pytest.raises(LocalError) as caught:
        [line.ladder.rungs(item, "BRAVO") for item in items]  # a desk looks at them
    assert caught.value.code == "tally.field"
    with pytest.raises(StoreFailed, match="journal has it too"):
        runtime.turn([Tick()], post.net.now())
    assert pictures(begun().station) == pictures(post.reload())
    assert store.damage() == []
    store.close()


@pytest.mark.parametrize("at", ["turn", "end", "stop"])
def test_a_snapshot_that_comes_upon_it_ends_the_station_for_it_too(tmp_path: Path, at: str) -> None:
    """A late receipt starts a clock and reads nothing: the next snapshot is the first to look."""
    post = lived()
    store = filled(tmp_path / "store.db", post)
    resumed(post, store, 1)
    store._connection.execute("UPDATE kept_tally SET body = x'05'")
    now = post.net.now()
    begun = (post.who.id, "", store, MagicMock(), MagicMock(), now)
    every = 99 if at == "stop" else 1
    runtime = Runtime(*begun, machine=MemoryMachine("ALPHA"), snapshot_every=every)
    line = runtime.station.lines[post.line.id]
    for item in line.record.order:
        line.ladder.start_human(item, "BRAVO", line.charter, now)
    trouble = [Trouble(code="clock.wrong", text="the clock is wrong")]

    def meets() -> None:
        if at == "end":
            plan = runtime.begin(trouble, now)
            assert plan is not None
            runtime.end(plan, lambda: store.commit(plan.facts))
        else:
            runtime.turn(trouble, now)
        runtime.snapshot(now)

    with pytest.raises(StoreFailed, match="journal has it too"):
        meets()
    assert store.past.kept() is None
    assert store.damage() == []
    store.close()


def settlement(line: bytes, chunk: bytes, *, anew: bool) -> Settlement:
    chunks = [("words", 0, chunk)] if anew else [("words", 0, chunk), ("words", 1, chunk)]
    return Settlement(
        line=line, state=b"", anew=anew, chunks=chunks, tallies=[], receipts=[], acts=[]
    )  # fmt: skip


def test_chunks_that_are_made_anew_leave_none_of_the_old_ones(tmp_path: Path) -> None:
    disk = filled(tmp_path / "store.db", lived(4))
    for past in (disk.past, MemoryStore(lived(4).facts).past):
        for line in (b"A" * 16, b"B" * 16):
            past.keep(1, b"", [settlement(line, b"old", anew=False)])
        past.keep(1, b"", [settlement(b"A" * 16, b"new", anew=True)])
        assert list(past.chunks(b"A" * 16)) == [("words", b"new")]
        assert list(past.chunks(b"B" * 16)) == [("words", b"old")] * 2
    disk.close()


def test_the_log_is_moved_into_the_file_after_a_large_snapshot(tmp_path: Path) -> None:
    disk = filled(tmp_path / "store.db", lived(4))
    large = bytes(CHECKPOINT_PAGES * 4_096)
    disk.past.keep(1, b"", [settlement(b"A" * 16, large, anew=True)])
    assert (tmp_path / "store.db").stat().st_size > len(large)
    disk.close()


def test_a_reader_of_no_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(ShellError, match="does not open") as caught:
        Reader(tmp_path / "nothing.db", KEY)
    assert caught.value.code == "store.damaged"
    assert caught.value.message.startswith(str(tmp_path / "nothing.db"))


def test_a_snapshot_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    post = lived(12)
    store = filled(tmp_path / "store.db", post)
    resumed(post, store, 5)
    before = store.past.kept()

    def broken(db: apsw.Connection) -> None:
        db.execute("DELETE FROM kept")
        raise apsw.IOError("the disk broke")

    with pytest.raises(StoreFailed):
        store._keep_past(broken)
    with pytest.raises(StoreFailed):
        store.commit(post.facts[:1])
    store.close()
    again = SqliteStore.open(tmp_path / "store.db", KEY)
    assert again.past.kept() == before
    again.close()
