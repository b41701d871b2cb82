"""Long answers in steps, so that whoever asks may do other things in between.

Steps are a generator that yields nothing, again and again, and returns the answer. What is read
meanwhile may be in the answer or not; it never breaks it.
"""

from __future__ import annotations

from collections.abc import Generator
from heapq import merge
from typing import Any, Final, TypeVar

T = TypeVar("T")
Row = TypeVar("Row", bound=tuple[Any, ...])
Steps = Generator[None, None, T]

EACH: Final = 32  # small things that are done in one step
SORTED: Final = 2_000  # rows that are sorted in one step


def whole(steps: Steps[T]) -> T:
    """The answer, in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            answer: T = done.value
            return answer


def in_order(rows: list[Row], most: int | None = None) -> Steps[list[Row]]:
    """The rows, sorted; the first ``most`` of them. No two may be equal up to what has no order."""
    if len(rows) <= SORTED:
        return sorted(rows)[:most]
    parts: list[list[Row]] = []
    for begin in range(0, len(rows), SORTED):
        parts.append(sorted(rows[begin : begin + SORTED]))
        yield
    out: list[Row] = []
    for row in merge(*parts):
        if len(out) == most:
            break
        out.append(row)
        if len(out) % EACH == 0:
            yield
    return out
