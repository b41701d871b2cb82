"""What the collector of a long process does beside collecting."""

from __future__ import annotations

import ctypes

import pytest

from tieline.node import collector


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
