"""What was known when: what an author had read, and who had read it when they acted.

All of it follows from what each station had read when it wrote, which is in the record; no clock
has a say, but for what is too old to have crossed. Within one log what had been read only grows, so
each question costs a few look-ups per log, however much the incident holds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tieline.core.incident.entry import Entry, Knowing, OrderKey
from tieline.core.incident.marks import Saw, drop, ordered, put

CROSSED_MS: Final = 86_400_000  # what lies farther apart did not cross; it was not read
MAX_CROSSED: Final = 16  # of each log, and the last of those not read


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How a statement reached one other party.

    ``arrived_ms``: when the first of its stations held it, by its own receipt. ``first``: the first
    statement in the incident that it wrote having read it. ``without``: those it wrote later,
    in display order, and had not read it.
    """

    party: str
    arrived_ms: int | None
    first: bytes | None
    without: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was known around one statement of an incident.

    ``read``: of each other log the last statement that its author had read; ``unread``: statements
    that are displayed before it and that its author had not read. ``crossed``: statements of other
    parties that it crossed with: neither author had read the other's. ``readers``: the others.
    """

    entry: Entry
    read: tuple[Entry, ...]
    unread: tuple[Entry, ...]
    crossed: tuple[Entry, ...]
    readers: tuple[Reader, ...]


class Witness:
    """The statements of one incident by log, to ask who had read what."""

    def __init__(self, entries: Iterable[Entry], knowing: Knowing) -> None:
        self._knowing = knowing
        self._logs: dict[bytes, list[Entry]] = {}
        for entry in ordered(entries):
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """One more statement."""
        if not entry.story:
            put(self._logs.setdefault(entry.log, []), entry)

    def drop(self, entry: Entry) -> None:
        """One that is not in the incident any more."""
        drop(self._logs.get(entry.log, []), entry)

    def known(self, entry: Entry) -> Known:
        """What was known around a statement."""
        saw = self._knowing.saw
        read: list[Entry] = []
        unread: list[Entry] = []
        crossed: list[Entry] = []
        readers: dict[str, list[tuple[list[Entry], int]]] = {}
        for log, some in sorted(self._logs.items()):
            if log == entry.log or not some:
                continue
            had = _count_read(entry, some, saw)
            since = _first_reader(entry, some, saw)
            if had:
                read.append(some[had - 1])
            before = bisect_left(some, entry.key, key=_key)
            unread += some[max(had, before - MAX_CROSSED) : before]
            if some[0].party != entry.party:
                crossed += _near(entry, some[had:since])
                readers.setdefault(some[0].party, []).append((some, since))
        return Known(
            entry=entry,
            read=tuple(ordered(read)),
            unread=tuple(ordered(unread)),
            crossed=tuple(ordered(crossed)),
            readers=tuple(
                self._reader(entry, party, some) for party, some in sorted(readers.items())
            ),
        )

    def _reader(self, entry: Entry, party: str, logs: list[tuple[list[Entry], int]]) -> Reader:
        firsts = [some[since] for some, since in logs if since < len(some)]
        without = [
            one
            for some, since in logs
            for one in some[
                max(bisect_left(some, entry.key, key=_key), since - MAX_CROSSED) : since
            ]
        ]
        return Reader(
            party=party,
            arrived_ms=self._knowing.arrived_ms(entry, party),
            first=min(firsts, key=_key).digest if firsts else None,
            without=tuple(one.digest for one in ordered(without)),
        )


def _count_read(entry: Entry, some: list[Entry], saw: Saw) -> int:
    """How many statements of a log the author of one had read: the first ones."""
    low, high = 0, len(some)
    while low < high:
        middle = (low + high) // 2
        if saw(entry, some[middle]):
            low = middle + 1
        else:
            high = middle
    return low


def _first_reader(entry: Entry, some: list[Entry], saw: Saw) -> int:
    """The place in a log from which on its author had read a statement."""
    low, high = 0, len(some)
    while low < high:
        middle = (low + high) // 2
        if saw(some[middle], entry):
            high = middle
        else:
            low = middle + 1
    return low


def _near(entry: Entry, some: list[Entry]) -> list[Entry]:
    """Those that are near enough in time to have crossed: the ones nearest in display order."""
    place = bisect_left(some, entry.key, key=_key)
    half = MAX_CROSSED // 2
    near = some[max(0, place - half) : place + half]
    return [one for one in near if abs(one.key[0] - entry.key[0]) <= CROSSED_MS]


def _key(entry: Entry) -> OrderKey:
    return entry.key
