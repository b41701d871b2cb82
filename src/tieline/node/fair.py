"""Long lists, cut fairly: of each party the first so many, so that nobody's flood hides another's.

What is left out is counted, so that no list looks whole that is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def of_each(rows: Iterable[T], whose: Callable[[T], str], most: int | None) -> tuple[list[T], int]:
    """The first ``most`` rows of each party in the order that they have, and how many are left."""
    if most is None:
        return [*rows], 0
    taken: Counter[str] = Counter()
    found: list[T] = []
    left = 0
    for row in rows:
        party = whose(row)
        if taken[party] < most:
            taken[party] += 1
            found.append(row)
        else:
            left += 1
    return found, left


def among(rows: Sequence[T], whose: Callable[[T], str], most: int) -> tuple[list[T], int]:
    """The first ``most`` rows, but of each party at least its share; in the order that they have.

    A party with less than its share leaves the rest of it to the others.
    """
    share = most // max(1, len({whose(row) for row in rows}))
    taken: Counter[str] = Counter()
    chosen: set[int] = set()
    for place, row in enumerate(rows):
        party = whose(row)
        if taken[party] < share:
            taken[party] += 1
            chosen.add(place)
    rest = (place for place in range(len(rows)) if place not in chosen)
    chosen.update(place for place, _ in zip(rest, range(most - len(chosen)), strict=False))
    return [rows[place] for place in sorted(chosen)], len(rows) - len(chosen)
