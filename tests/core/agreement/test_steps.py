"""Long answers in steps: the same answers, in small steps, whatever comes meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.agreement import rulepack
from tests.core.agreement.rulepack import DAY, HOUR, PARTIES, at, message

from tieline.core.agreement import steps
from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.steps import Steps, in_order, whole

T = at(2027, 3, 1)
NOW = T + 10 * DAY
ASKED: dict[str, Callable[[Ledger], Steps[Sequence[object]]]] = {
    "calendar": lambda ledger: ledger.calendar_steps(T, T + 400 * DAY, NOW),
    "validities": lambda ledger: ledger.validities_steps(NOW),
    "held": lambda ledger: ledger.validities_steps(NOW, held_only=True),
    "questions": lambda ledger: ledger.questions_steps(),
    "lacking": lambda ledger: ledger.lacking_steps(),
}


def fed(n: int) -> Ledger:
    """A ledger in which each question has much to answer."""
    ledger = Ledger([rulepack.pack()], PARTIES)
    ledger.since(T)
    more(ledger, 0, n)
    ledger.refresh(NOW)
    return ledger


def more(ledger: Ledger, begin: int, end: int) -> None:
    for i in range(begin, end):
        for one in (
            message(("v", i), "visit", "ALPHA", T + i,
                    fields={"asked": "BRAVO", "start": T + DAY + i, "until": T + 30 * DAY}),
            message(("n", i), "notify", "ALPHA", T + i,
                    fields={"date": T + 60 * DAY, "last": T + 90 * DAY, "troops": 5000,
                            "command": "one"}),
            message(("c", i), "convoy", "ALPHA", T + i,
                    fields={"start": T + DAY + i, "until": T + 30 * DAY}),
            message(("a", i), "ask", "ALPHA", T + i),
            message(("o", i), "open", "ALPHA", T + i),
        ):  # fmt: skip
            ledger.admit(one)
            for party in PARTIES:
                ledger.receipt(one.digest, party, one.time_ms + HOUR)


def greatest(asked: Steps[Sequence[object]]) -> int:
    """Calls of functions in the greatest step."""
    calls, most, ended = [0], 0, object()

    def count(frame: FrameType, event: str, _: object) -> None:
        calls[0] += event in ("call", "c_call")

    step: object = None
    while step is not ended:
        calls[0] = 0
        sys.setprofile(count)
        try:
            step = next(asked, ended)
        finally:
            sys.setprofile(None)
        most = max(most, calls[0])
    return most


@pytest.mark.parametrize("name", ASKED)
def test_a_step_is_as_small_in_a_long_record(name: str) -> None:
    few, many = (greatest(ASKED[name](fed(n))) for n in (60, 240))
    assert many <= few + 200


@pytest.mark.parametrize("name", ASKED)
def test_what_comes_between_two_steps_breaks_nothing(name: str) -> None:
    ledger = fed(60)
    known = whole(ASKED[name](ledger))
    assert known
    asked = ASKED[name](ledger)
    for _ in range(3):
        next(asked)
    more(ledger, 60, 90)
    ledger.refresh(NOW)
    found = whole(asked)
    if name != "questions":  # a sum that grew may be another question
        assert all(one in found for one in known)


@given(st.lists(st.integers(), unique=True), st.none() | st.integers(0, 30))
def test_rows_are_sorted_as_in_one_go(numbers: list[int], most: int | None) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(steps, "SORTED", 4)
        patched.setattr(steps, "EACH", 2)
        found = whole(in_order([(one, str(one)) for one in numbers], most))
    assert found == sorted((one, str(one)) for one in numbers)[:most]
