"""What the collector of a long process does beside collecting."""

from __future__ import annotations

import ctypes

import pytest

from tieline.node import collector


def test_all_threads_share_a_heap_that_keeps_little_where_the_library_has_a_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, int]] = []

    class Library:
        def mallopt(self, name: int, value: int) -> int:
            told.append((name, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    collector.spare()
    assert told == [(-8, 1), (-3, 131_072)]  # M_ARENA_MAX, M_MMAP_THRESHOLD
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    collector.spare()
    assert len(told) == 2


def test_what_was_freed_is_given_back_where_the_library_has_a_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[int] = []

    class Library:
        def malloc_trim(self, kept: int) -> None:
            given.append(kept)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    collector.give_back()
    assert given == [0]
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    collector.give_back()
    assert given == [0]
