"""The difference between two versions of a text, word by word, in bounded time.

The shortest way from one list of words to the other by taking out and putting in (E. W. Myers, "An
O(ND) difference algorithm and its variations", 1986), given up beyond ``MAX_CHANGES``: then what
lies between the equal beginning and the equal end is taken out and put in as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

MAX_CHANGES: Final = 400  # words taken out and put in
_WORDS: Final = re.compile(r"\n|[^\S\n]*[^\s]+[^\S\n]*|[^\S\n]+")

Change = tuple[str, str]  # "=" kept, "-" taken out, "+" put in; and the words


def difference(old: str, new: str) -> tuple[Change, ...]:
    """What became of the words. The kept and the new ones together are the new text."""
    one, other = _WORDS.findall(old), _WORDS.findall(new)
    head = 0
    while head < min(len(one), len(other)) and one[head] == other[head]:
        head += 1
    tail = 0
    while tail < min(len(one), len(other)) - head and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    end, stop = len(one) - tail, len(other) - tail
    steps = [("=", word) for word in one[:head]]
    steps += _between(one[head:end], other[head:stop])
    steps += [("=", word) for word in one[end:]]
    return tuple(
        (sign, "".join(word for _, word in group))
        for sign, group in groupby(steps, key=lambda step: step[0])
    )


def _between(one: Sequence[str], other: Sequence[str]) -> list[Change]:
    ends: dict[int, int] = {1: 0}
    trace: list[dict[int, int]] = []
    for count in range(min(len(one) + len(other), MAX_CHANGES) + 1):
        trace.append(dict(ends))
        for diagonal in range(-count, count + 1, 2):
            x, _ = _start(ends, diagonal, count)
            while x < len(one) and x - diagonal < len(other) and one[x] == other[x - diagonal]:
                x += 1
            ends[diagonal] = x
            if x >= len(one) and x - diagonal >= len(other):
                return _back(one, other, trace)
    return [*(("-", word) for word in one), *(("+", word) for word in other)]


def _start(ends: dict[int, int], diagonal: int, count: int) -> tuple[int, bool]:
    """How far the better of the two neighbours leads, and whether by a word put in, not out."""
    below, above = ends.get(diagonal + 1, -1), ends.get(diagonal - 1, -2) + 1
    put_in = diagonal == -count or (diagonal != count and below >= above)
    return (below if put_in else above), put_in


def _back(one: Sequence[str], other: Sequence[str], trace: list[dict[int, int]]) -> list[Change]:
    """The steps of the way that was found, from its end."""
    x, y = len(one), len(other)
    steps: list[Change] = []
    for count in reversed(range(len(trace))):
        start, put_in = _start(trace[count], x - y, count)
        while x > start:
            x, y = x - 1, y - 1
            steps.append(("=", one[x]))
        if count == 0:
            break
        if put_in:
            y -= 1
            steps.append(("+", other[y]))
        else:
            x -= 1
            steps.append(("-", one[x]))
    return steps[::-1]
