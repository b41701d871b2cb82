"""A series of numbers in any order: what is missing, and what came twice."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tieline.core.agreement.serials import SPANS_SHOWN, Serials


@given(st.lists(st.integers(1, 25), max_size=40))
def test_what_is_missing_and_what_came_twice(numbers: list[int]) -> None:
    serials = Serials()
    for number in numbers:
        serials.add(number)
    came = Counter(numbers)
    spans = serials.missing()
    gone = [number for begin, end in spans for number in range(begin, end + 1)]
    assert gone == [number for number in range(1, max(numbers, default=0)) if number not in came]
    assert all(begin <= end for begin, end in spans)
    assert all(one[1] + 1 < two[0] for one, two in pairwise(spans))
    assert serials.repeated() == tuple(sorted(n for n, count in came.items() if count > 1))
    assert [serials.is_twice(n) for n in range(1, 27)] == [came[n] > 1 for n in range(1, 27)]


def test_of_many_gaps_and_repetitions_the_first_are_shown() -> None:
    serials = Serials()
    for number in range(2, 2 * SPANS_SHOWN + 6, 2):
        serials.add(number)
        serials.add(number)
    assert serials.missing() == tuple((odd, odd) for odd in range(1, 2 * SPANS_SHOWN, 2))
    assert serials.repeated() == tuple(range(2, 2 * SPANS_SHOWN + 2, 2))


def test_one_absurd_number_is_one_gap() -> None:
    serials = Serials()
    for number in (1, 10**15):
        serials.add(number)
    assert serials.missing() == ((2, 10**15 - 1),)
