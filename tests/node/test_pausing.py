"""The pause after a turn that took long, in a loop whose time the test sets."""

from __future__ import annotations

import asyncio

import pytest

from tieline.node.pausing import MOST_S, Pauses


class Loop(asyncio.SelectorEventLoop):
    """Its time stands still."""

    now = 100.0

    def time(self) -> float:
        return self.now


def nothing() -> None:
    """A turn."""


@pytest.mark.parametrize(("took", "pause"), [(0.2, 0.02), (2.0, MOST_S), (60.0, MOST_S)])
def test_after_a_long_turn_the_next_one_waits(took: float, pause: float) -> None:
    loop = Loop()
    pauses = Pauses(loop)
    pauses.after(loop.now - took)
    waiting = pauses.soon(nothing)
    assert isinstance(waiting, asyncio.TimerHandle)
    assert waiting.when() == pytest.approx(loop.now + pause)
    loop.now += pause
    assert not isinstance(pauses.soon(nothing), asyncio.TimerHandle)
    loop.close()


def test_after_a_quick_turn_the_next_one_follows_at_once() -> None:
    loop = Loop()
    pauses = Pauses(loop)
    assert not isinstance(pauses.soon(nothing), asyncio.TimerHandle)
    pauses.after(loop.now - 2)
    pauses.after(loop.now - 0.05)
    assert not isinstance(pauses.soon(nothing), asyncio.TimerHandle)
    loop.close()
