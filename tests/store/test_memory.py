"""The store in memory, and its machine: what the simulator and the tests stand on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.store.samples import LINE, LOG, fact

from tieline.core.errors import ShellError, StoreFailed, StoreFull, TielineError
from tieline.core.life import Mark
from tieline.core.shelf import Settlement
from tieline.store.memory import MemoryMachine, MemoryStore


def refused(use: Callable[[], object], kind: type[TielineError]) -> None:
    with pytest.raises(kind):
        use()


def settled(line: bytes = LINE) -> Settlement:
    return Settlement(
        line=line, state=b"state", anew=False, chunks=[("words", 0, b"chunk")],
        tallies=[(LOG, 0, b"tally")], receipts=[(LOG, b"peer", 1, b"receipt")],
        acts=[("key", b"digest")],
    )  # fmt: skip


def test_a_machine_of_one_name_is_the_same_and_each_start_is_another() -> None:
    one, again, other = MemoryMachine("a"), MemoryMachine("a"), MemoryMachine("b")
    assert one.tag == again.tag != other.tag
    assert len(one.tag) == 16
    starts = [one.entropy() for _ in range(3)]
    assert starts == [again.entropy() for _ in range(3)]
    assert len({*starts, other.entropy()}) == 4
    assert starts[0].hex().startswith("0eac544385675586")


def test_a_machine_remembers_what_it_was_told_and_not_what_became_of_it() -> None:
    machine = MemoryMachine("a")
    assert machine.marks() is None
    marks = {LINE: Mark(LOG, 1, bytes(32))}
    machine.remember(marks)
    marks.clear()
    assert machine.marks() == {LINE: Mark(LOG, 1, bytes(32))}


def test_a_full_store_refuses_and_goes_on_later() -> None:
    store = MemoryStore([fact(0)])
    store.full = True
    refused(lambda: store.commit([fact(1)]), StoreFull)
    refused(lambda: store.past.keep(1, b"", [settled()]), StoreFull)
    refused(store.past.drop, StoreFull)
    assert (store.last(), store.past.kept()) == (1, None)
    store.full = False
    assert store.commit([fact(1)]) == 2
    store.past.keep(1, b"", [settled()])
    assert store.past.kept() is not None


def test_a_failing_store_fails_at_every_write() -> None:
    store = MemoryStore()
    store.failing = True
    for use in (
        lambda: store.commit([fact(1)]),
        lambda: store.commit([]),
        lambda: store.past.keep(0, b"", []),
        store.past.drop,
    ):
        refused(use, StoreFailed)
    assert store.last() == 0


def test_a_crash_leaves_every_commit_and_nothing_of_this_life() -> None:
    store = MemoryStore()
    store.commit([fact(0, position=0), fact(1)])
    store.past.keep(2, b"body", [settled()])
    after = store.crash()
    refused(store.last, ShellError)
    refused(store.past.drop, ShellError)
    assert [seq for seq, _ in after.facts()] == [1, 2]
    assert after.statements(LINE, LOG, 0, 9) == [b"body 0"]
    kept = after.past.kept()
    assert kept is not None
    assert (kept.seq, kept.body, kept.states) == (2, b"body", {LINE: b"state"})
    assert list(after.past.chunks(LINE)) == [("words", b"chunk")]
    assert after.past.tally(LINE, LOG, 0) == b"tally"
    assert after.past.receipt(LINE, LOG, b"peer", 0) == b"receipt"
    assert after.past.receipt(LINE, LOG, b"peer", 1) is None
    assert (after.past.act(LINE, "key"), after.past.acts(LINE)) == (b"digest", [("key", b"digest")])
    after.commit([fact(2, position=1)])
    assert after.past.number(LINE, LOG, 1) == 3
    assert (after.past.fact(3), after.past.fact(4), after.past.fact(0)) == (
        fact(2, position=1), None, None,
    )  # fmt: skip


def test_what_the_next_life_settles_does_not_change_the_life_before() -> None:
    store = MemoryStore([fact(0)])
    store.past.keep(1, b"", [settled()])
    one, other = store.crash(), store.crash()
    more = Settlement(
        line=LINE, state=b"later", anew=False, chunks=[("words", 1, b"more")], tallies=[],
        receipts=[(LOG, b"peer", 5, b"later")], acts=[("second", b"")],
    )  # fmt: skip
    one.past.keep(1, b"", [more])
    assert len(list(one.past.chunks(LINE))) == 2
    assert list(other.past.chunks(LINE)) == [("words", b"chunk")]
    assert other.past.receipt(LINE, LOG, b"peer", 1) is None
    assert other.past.act(LINE, "second") is None
    other.past.drop()
    assert (other.past.kept(), list(other.past.chunks(LINE)), other.past.acts(LINE)) == (
        None, [], [],
    )  # fmt: skip
    assert one.past.kept() is not None


def test_a_snapshot_of_more_than_the_journal_holds_is_not_given_out() -> None:
    store = MemoryStore([fact(0)])
    store.past.keep(2, b"", [settled()])
    assert store.past.kept() is None
    store.commit([fact(1)])
    assert store.past.kept() is not None
