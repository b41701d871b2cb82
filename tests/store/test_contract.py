"""What every store does: one suite, run against the file and against memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.store.samples import KEY, LINE, LOG, fact

from tieline.core.errors import LocalError, ShellError
from tieline.core.journal import Fact
from tieline.core.shelf import Bookmark, Settlement
from tieline.ports import Store
from tieline.store.memory import MemoryStore
from tieline.store.sqlite import SqliteStore


class Place:
    """Where a store lives; ``again`` is its next life."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self._path = folder / "store.db"
        self._memory: MemoryStore | None = None

    def first(self) -> Store:
        if self._kind == "sqlite":
            return SqliteStore.create(self._path, KEY)
        self._memory = MemoryStore()
        return self._memory

    def again(self, store: Store) -> Store:
        store.close()
        if self._memory is None:
            return SqliteStore.open(self._path, KEY)
        self._memory = self._memory.crash()
        return self._memory


@pytest.fixture(params=["sqlite", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request.param, tmp_path)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    made = place.first()
    yield made
    made.close()


def held(store: Store, after: int = 0) -> list[tuple[int, Fact]]:
    return list(store.facts(after))


def test_numbers_start_at_one_and_have_no_gaps(store: Store) -> None:
    assert store.last() == 0
    assert store.commit([fact(1), fact(2)]) == 2
    assert store.commit([]) == 2
    assert store.commit([fact(3)]) == 3
    assert [seq for seq, _ in held(store)] == [1, 2, 3]
    assert store.last() == 3


def test_the_next_life_finds_every_commit(place: Place) -> None:
    store = place.first()
    facts = [fact(n, position=n) for n in range(7)]
    store.commit(facts[:3])
    store.commit(facts[3:])
    after = place.again(store)
    assert held(after) == list(enumerate(facts, 1))
    assert after.commit([fact(9)]) == 8
    after.close()


def test_facts_of_some_kinds_are_found_between_two_numbers(store: Store) -> None:
    facts = [replace(fact(n), kind=n % 3) for n in range(30)]
    store.commit(facts)
    assert store.some(frozenset({1, 2}), 5, 20) == [
        (seq, fact) for seq, fact in held(store, 5) if fact.kind in (1, 2) and seq <= 20
    ]
    assert store.some(frozenset(), 0, 30) == store.some(frozenset({7}), 0, 30) == []


def test_reading_starts_after_a_number(store: Store) -> None:
    store.commit([fact(n) for n in range(1_200)])  # more than one batch of rows
    assert [seq for seq, _ in held(store, 1_190)] == list(range(1_191, 1_201))
    assert held(store, 1_200) == held(store, 5_000) == []
    assert len(held(store, -3)) == 1_200


def test_reading_gives_what_was_there_at_the_call(store: Store) -> None:
    store.commit([fact(1), fact(2)])
    stream = store.facts()
    store.commit([fact(3)])
    assert [seq for seq, _ in stream] == [1, 2]


def test_commits_between_two_reads_of_one_stream_do_not_disturb_it(store: Store) -> None:
    store.commit([fact(n) for n in range(600)])
    seen = []
    for seq, _ in store.facts():
        seen.append(seq)
        if seq == 10:
            store.commit([fact(999)])
    assert seen == list(range(1, 601))


def test_statements_are_found_by_their_place(store: Store) -> None:
    other = b"o" * 8
    store.commit([fact(n, position=n) for n in (0, 1, 2, 4)])
    store.commit([fact(50, position=1, log=other, body=b"other"), fact(51)])
    assert store.statements(LINE, LOG, 1, 4) == [b"body 1", b"body 2"]
    assert store.statements(LINE, LOG, 0, 2**40) == [b"body 0", b"body 1", b"body 2", b"body 4"]
    assert store.statements(LINE, other, 0, 9) == [b"other"]
    assert store.statements(b"X" * 16, LOG, 0, 9) == []
    assert store.statements(LINE, LOG, 5, 2) == []


@pytest.mark.parametrize("position", [0, 3], ids=["in an earlier commit", "in the same commit"])
def test_a_second_statement_at_one_place_undoes_the_whole_commit(
    store: Store, position: int
) -> None:
    store.commit([fact(1, position=0)])
    with pytest.raises(LocalError) as caught:
        store.commit([fact(2, position=3), fact(3), fact(4, position=position)])
    assert caught.value.code == "store.taken"
    assert [seq for seq, _ in held(store)] == [1]
    assert store.commit([fact(5, position=3)]) == 2


UNFIT = [
    Fact(kind=2, at_ms=0, line=LINE, body=b"", log=LOG),
    Fact(kind=2, at_ms=0, line=LINE, body=b"", position=3),
    Fact(kind=2, at_ms=0, line=LINE, body=b"", log=LOG, position=2**63),
    Fact(kind=2, at_ms=0, line=LINE, body=b"", log=LOG, position=-1),
    Fact(kind=-1, at_ms=0, line=LINE, body=b""),
    Fact(kind=2**63, at_ms=0, line=LINE, body=b""),
    Fact(kind=2, at_ms=2**63, line=LINE, body=b""),
    Fact(kind=2, at_ms=-(2**63), line=LINE, body=b""),
]


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_fact_that_would_not_come_back_is_refused(store: Store, unfit: Fact) -> None:
    with pytest.raises(LocalError) as caught:
        store.commit([fact(1), unfit])
    assert caught.value.code == "store.fact"
    assert held(store) == []


def test_the_widest_facts_come_back(place: Place) -> None:
    most = 2**63 - 1
    facts = [
        Fact(kind=most, at_ms=most, line=LINE, body=b"", log=LOG, position=most),
        Fact(kind=0, at_ms=-most, line=b"", body=b"", meta=b"m", log=b"", position=0),
    ]
    store = place.first()
    store.commit(facts)
    after = place.again(store)
    assert [found for _, found in held(after)] == facts
    after.close()


def test_the_past_is_kept_and_dropped_as_a_whole(place: Place) -> None:
    store = place.first()
    store.commit([fact(n, position=n) for n in range(5)])
    chunks = [(name, number, b"%d" % number) for name in ("words", "acts") for number in range(150)]
    receipts = [(LOG, b"peer", size, b"%d" % size) for size in (2, 5)]
    settlement = Settlement(
        line=LINE, state=b"state", anew=False, chunks=chunks, tallies=[(LOG, 3, b"tally")],
        receipts=receipts, acts=[("key", b"digest"), ("a", b"other")],
    )  # fmt: skip
    pages = [("0", number, b"%d" % number) for number in range(150)]
    marks = [Bookmark(line=each, anew=False, chunks=pages) for each in (LINE, b"X" * 16)]
    store.past.keep(4, b"body", [settlement], marks)
    again = [Bookmark(line=LINE, anew=True, chunks=[("head", 0, b"h"), ("0", 0, b"new")])]
    store.past.keep(4, b"body", [], again)
    again = [Bookmark(line=LINE, anew=False, chunks=[("head", 0, b"g")])]
    store.past.keep(4, b"body", [], again)
    past = place.again(store).past
    kept = past.kept()
    assert kept is not None
    assert (kept.seq, kept.body, kept.states) == (4, b"body", {LINE: b"state"})
    assert list(past.bookmark(LINE)) == [("0", b"new"), ("head", b"g")]
    assert list(past.bookmark(b"X" * 16)) == [("0", data) for _, _, data in pages]
    wanted = [(name, b"%d" % number) for name in ("acts", "words") for number in range(150)]
    assert list(past.chunks(LINE)) == wanted
    assert list(past.chunks(b"X" * 16)) == past.acts(b"X" * 16) == []
    assert [past.receipt(LINE, LOG, b"peer", at) for at in range(6)] == [
        b"2", b"2", b"5", b"5", b"5", None,
    ]  # fmt: skip
    assert past.receipt(LINE, LOG, b"other", 0) is None
    assert (past.tally(LINE, LOG, 3), past.tally(LINE, LOG, 2)) == (b"tally", None)
    assert (past.act(LINE, "key"), past.act(LINE, "none")) == (b"digest", None)
    assert sorted(past.acts(LINE)) == [("a", b"other"), ("key", b"digest")]
    assert past.statements(LINE, LOG, 1, 3) == [
        (each.at_ms, each.body, each.meta) for each in (fact(1), fact(2))
    ]
    assert past.fact(2) == fact(1, position=1)
    assert (past.fact(0), past.fact(6)) == (None, None)
    assert [past.number(LINE, LOG, at) for at in range(6)] == [1, 2, 3, 4, 5, 0]
    past.drop()
    assert (past.kept(), list(past.chunks(LINE)), past.acts(LINE)) == (None, [], [])
    assert list(past.bookmark(LINE)) == []
    assert (past.tally(LINE, LOG, 3), past.receipt(LINE, LOG, b"peer", 0)) == (None, None)


USES: list[Callable[[Store], object]] = [
    lambda store: store.commit([fact()]),
    lambda store: store.commit([]),
    lambda store: store.facts(),
    lambda store: store.statements(LINE, LOG, 0, 1),
    lambda store: store.last(),
    lambda store: store.damage(),
    lambda store: store.log_damage(),
    lambda store: store.some(frozenset({2}), 0, 1),
    lambda store: store.past.keep(0, b"", []),
    lambda store: store.past.drop(),
]


@pytest.mark.parametrize("use", USES)
def test_a_closed_store_says_so(store: Store, use: Callable[[Store], object]) -> None:
    store.close()
    store.close()
    with pytest.raises(ShellError) as caught:
        use(store)
    assert caught.value.code == "store.closed"


def test_a_sound_medium_has_no_damage(store: Store) -> None:
    store.commit([fact(n) for n in range(30)])
    assert store.damage() == []


INTEGERS = st.integers(0, 2**63 - 1)
FACTS = st.builds(
    lambda kind, at_ms, line, body, meta, place: Fact(
        kind=kind, at_ms=at_ms, line=line, body=body, meta=meta, log=place[0], position=place[1]
    ),
    INTEGERS,
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.binary(max_size=16),
    st.binary(max_size=6_000),
    st.binary(max_size=40),
    st.one_of(st.just((None, None)), st.tuples(st.binary(max_size=3), INTEGERS)),
)


@settings(max_examples=tries(15), deadline=None)
@given(st.lists(st.lists(FACTS, max_size=4), max_size=6))
def test_the_file_and_memory_agree(
    tmp_path_factory: pytest.TempPathFactory, commits: Sequence[Sequence[Fact]]
) -> None:
    path = tmp_path_factory.mktemp("twin") / "store.db"
    file, memory = SqliteStore.create(path, KEY), MemoryStore()

    def both(facts: Sequence[Fact]) -> tuple[list[object], list[object]]:
        answers: tuple[list[object], list[object]] = ([], [])
        stores: tuple[Store, Store] = (file, memory)
        for store, into in zip(stores, answers, strict=True):
            try:
                into.append(store.commit(facts))
            except LocalError as error:
                into.append(error.code)
        return answers

    for facts in commits:
        one, other = both(facts)
        assert one == other
    assert held(file) == held(memory)
    file.close()
    again = SqliteStore.open(path, KEY)
    assert held(again) == held(memory)
    again.close()
