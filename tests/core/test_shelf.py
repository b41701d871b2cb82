"""What is settled is found again: by the beginning of its hash, and lately asked for."""

from __future__ import annotations

import random

import pytest

from tieline.core import shelf
from tieline.core.shelf import Cache, Finder


def leaf(number: int) -> bytes:
    return random.Random(number).randbytes(32)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of 4 and of 16 leaves, where they have 4,096 and 65,536."""
    monkeypatch.setattr(shelf, "SMALL_RUN", 4)
    monkeypatch.setattr(shelf, "LARGE_RUN", 16)


def test_the_lengths_of_runs_are_part_of_the_snapshot() -> None:
    assert (shelf.SMALL_RUN, shelf.LARGE_RUN) == (4_096, 65_536)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("count", [0, 3, 4, 5, 15, 16, 17, 33, 51])
def test_every_leaf_of_a_run_is_found_and_no_other(count: int) -> None:
    leaves = bytearray()
    finder = Finder(leaves)
    for number in range(count):
        leaves += leaf(number)
        grew = finder.grow()
        assert grew is ((number + 1) % 4 == 0)
    assert finder.done == count - count % 4
    for length in (8, 16, 32):
        found = [finder.find(leaf(number)[:length]) for number in range(count)]
        assert found == [n if n < finder.done else None for n in range(count)]
    assert finder.find(leaf(9_999)) is None
    assert len(finder.parts()) == count // 16


@pytest.mark.usefixtures("short")
def test_hashes_with_one_beginning_are_told_apart() -> None:
    same = [b"same" + bytes((number,)) * 28 for number in range(16)]
    leaves = bytearray(b"".join(same))
    finder = Finder(leaves)
    while finder.grow():
        pass
    assert [finder.find(each) for each in same] == list(range(16))
    assert finder.find(b"same" + bytes((99,)) * 28) is None
    assert finder.find(b"samd" + bytes(28)) is None


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("count", [16, 35, 64])
def test_long_runs_are_taken_over_and_short_ones_made_anew(count: int) -> None:
    leaves = bytearray(b"".join(leaf(number) for number in range(count)))
    first = Finder(leaves)
    while first.grow():
        pass
    again = Finder(leaves)
    again.restore(first.parts())
    assert (again.done, again.parts()) == (first.done, first.parts())
    assert [again.find(leaf(number)) for number in range(again.done)] == list(range(again.done))
    assert {len(part) for part in first.parts()} == {16 * 6}


def test_a_cache_forgets_what_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MAX_CACHED", 3)
    cache: Cache[int, str] = Cache()
    for number in range(5):
        cache.put(number, str(number))
        assert len(cache) == min(number + 1, 3)
    assert list(cache) == [2, 3, 4]


def test_a_station_that_settles_nothing_has_nothing_in_its_archive() -> None:
    nothing = shelf.Nothing()
    assert (nothing.statements(b"", b"", 0, 9), nothing.acts(b"")) == ([], [])
    assert nothing.tally(b"", b"", 0) is nothing.receipt(b"", b"", b"", 0) is None
    assert nothing.act(b"", "") is None
