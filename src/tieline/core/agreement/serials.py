"""The running numbers of a sender's series: which are missing, and which came twice.

A series is one form of one sender, from 1 without gaps. A gap means that a message was lost or
withheld; both are worth a question. Numbers are kept as spans, so that one absurd number costs no
more than a sensible one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

SPANS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialGap:
    """``missing``: spans that did not come, both ends meant. ``repeated``: what came twice.

    ``twice``: the messages that bear each repeated number. Two stations of one party that send
    the same form at once give it the same number: neither is missing, and both are shown.
    """

    pack: str
    form: str
    sender: str
    missing: tuple[tuple[int, int], ...]
    repeated: tuple[int, ...]
    twice: tuple[tuple[int, tuple[bytes, ...]], ...] = ()


class Serials:
    """The numbers of one series that have come."""

    __slots__ = ("_begins", "_ends", "_repeated")

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._repeated: dict[int, None] = {}

    def add(self, number: int) -> None:
        """Take in a number."""
        place = bisect_right(self._begins, number)
        if place and number <= self._ends[place - 1]:
            self._repeated[number] = None
            return
        left = place > 0 and self._ends[place - 1] == number - 1
        right = place < len(self._begins) and self._begins[place] == number + 1
        if left and right:
            self._ends[place - 1] = self._ends[place]
            del self._begins[place], self._ends[place]
        elif left:
            self._ends[place - 1] = number
        elif right:
            self._begins[place] = number
        else:
            self._begins.insert(place, number)
            self._ends.insert(place, number)

    def is_twice(self, number: int) -> bool:
        """Whether a number came more than once."""
        return number in self._repeated

    def missing(self) -> tuple[tuple[int, int], ...]:
        """What is missing below the greatest number that came; at most ``SPANS_SHOWN`` spans."""
        out: list[tuple[int, int]] = []
        expected = 1
        for begin, end in zip(self._begins, self._ends, strict=True):
            if begin > expected:
                out.append((expected, begin - 1))
                if len(out) == SPANS_SHOWN:
                    break
            expected = end + 1
        return tuple(out)

    def repeated(self) -> tuple[int, ...]:
        """What came twice; at most ``SPANS_SHOWN`` of them, the least first."""
        return tuple(sorted(self._repeated)[:SPANS_SHOWN])
