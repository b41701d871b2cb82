"""Notices that find their reader: of launches, exercises, convoys, sites, and what they touch.

In 1995 a rocket was notified to some thirty States, and the notice did not reach the crew of the
radar that saw it. So a notice comes up by itself where an incident or another notice touches its
area and its time, and whether it was passed to a unit is a thing that is asked for and attested.

What touches is a question for a person, never a verdict: that a notice covers a place and a time
does not say that what happened there was what it announced.

Time comes first, because it is cheap: a distance along the ellipsoid is not. A notice without an
end holds until it is taken back, one without a place touches in time alone, and says so.

Bounds. What one party announces costs a bounded amount of comparing for each answer; when that is
spent, the rest of its notices touch in time alone, and other parties' are compared as ever. Answers
come in steps, so that no look holds up the line for longer than two shapes take to compare.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.places import (
    Bound,
    Circle,
    Place,
    Polygon,
    Position,
    Route,
    bound,
    overlap,
    surely_apart,
)
from tieline.core.agreement.steps import EACH, Steps, whole
from tieline.core.agreement.value import Day, Instant
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Part, Told, instant_ms
from tieline.core.incident.marks import ordered
from tieline.core.incident.states import IncidentState
from tieline.core.terms import Kind, RefRole

HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * HOUR_MS
MAX_PLACES: Final = 128  # of one notice or one incident
MAX_TIMES: Final = 128  # of one incident
MAX_UNITS: Final = 32  # that one party attests to have told of one notice
# What one party's notices may cost in one answer, in looks at whether two places are far apart. A
# geodesic counts as 64, so 131,072 are about 0.8 s; two shapes of 64 points take 75 ms.
MAX_COST: Final = 131_072
MAX_NEWS: Final = 16 * MAX_COST  # of the notices of one party and the incidents of one, a call
_GEODESIC: Final = 64
_REMEMBERED: Final = 4_096  # pairs of places
_ATTESTS: Final = (RefRole.ANSWERS, RefRole.CONCERNS, RefRole.PREDECESSOR)
_PLACES: Final = (Position, Circle, Polygon, Route)
Times = tuple[int, int | None]  # from and until, UTC ms; None: no end


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far apart in place and time still touches."""

    metres: int = 20_000
    ms: int = 6 * HOUR_MS


class How(enum.StrEnum):
    """How two things touch."""

    MEETS = "meets"  # in place and time, within what is stated
    NEAR = "near"  # within the reach
    TIME = "time"  # in time; one of them states no place, or there are too many to compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A party attests that it told a unit of a notice. ``by``: the statement that says so.

    ``unit`` is empty where a form does not name it.
    """

    party: str
    unit: str
    at_ms: int
    by: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice. ``ended_by``: what took it back or replaced it. ``passed``: in display order."""

    entry: Entry
    places: tuple[Place, ...]
    times: Times
    ended_by: bytes | None = None
    passed: tuple[Passed, ...] = ()

    def over(self, now_ms: int) -> bool:
        """Whether it says nothing of what comes."""
        until = self.times[1]
        return self.ended_by is not None or (until is not None and until < now_ms)


@dataclass(frozen=True, slots=True)
class Touch:
    """A notice, and how it touches what was asked about."""

    notice: Notice
    how: How


@dataclass(slots=True, eq=False)
class Seen:
    """What was told of the incidents of a line, kept by whoever asks for news."""

    of: Notices | None = None
    told: int = 0  # how many notices there were, in order of arrival
    counts: dict[bytes, int] = field(default_factory=dict)  # of statements, by incident


@dataclass(frozen=True, slots=True)
class _Told:
    """What a notice says of place and time: it never changes."""

    entry: Entry
    spots: tuple[Bound, ...]
    times: Times


class Notices:
    """The notices of one line, beside its incidents. Statements are admitted in any order."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._notices: dict[bytes, _Told] = {}  # in order of arrival
        self._passes: dict[bytes, dict[bytes, Entry]] = {}  # by what they cite
        self._ordered: list[_Told] | None = None
        self._met: dict[tuple[Place, Place], bool] = {}

    def admit(self, entry: Entry) -> None:
        """Take in one statement, after the book has. A second time, it changes nothing."""
        if entry.story:
            return
        if entry.act is Act.NOTICE:
            if entry.digest not in self._notices:
                self._notices[entry.digest] = _Told(entry, _spots([entry]), _times(entry))
                self._ordered = None
        elif entry.kind is Kind.PASS_ON and entry.refs:
            self._passes.setdefault(entry.refs[0][1], {})[entry.digest] = entry
        elif entry.said is not None and entry.said.told and not entry.through:
            for target in entry.cites(*_ATTESTS):
                self._passes.setdefault(target, {})[entry.digest] = entry

    def all(self) -> tuple[Notice, ...]:
        """Every notice, in display order."""
        return tuple(self._notice(one) for one in self._sorted())

    def get(self, digest: bytes) -> Notice | None:
        """One of them."""
        told = self._notices.get(digest)
        return None if told is None else self._notice(told)

    def at(self, id_: bytes, reach: Reach) -> tuple[Touch, ...]:
        """The notices that touch an incident. Raises ``KeyError`` if there is none of that id."""
        return whole(self.at_steps(id_, reach))

    def at_steps(self, id_: bytes, reach: Reach) -> Steps[tuple[Touch, ...]]:
        """See ``at``."""
        spots, times = self._happened(id_)
        return (yield from self._touching(spots, times, reach, self._sorted(), {}))

    def beside(self, notice: Notice, reach: Reach) -> tuple[Touch, ...]:
        """The other notices that touch one."""
        return whole(self.beside_steps(notice, reach))

    def beside_steps(self, notice: Notice, reach: Reach) -> Steps[tuple[Touch, ...]]:
        """See ``beside``."""
        mine = self._notices[notice.entry.digest]
        others = self._sorted()
        found = yield from self._touching(mine.spots, [mine.times], reach, others, {})
        return tuple(one for one in found if one.notice.entry is not mine.entry)

    def news(
        self, touched: Iterable[bytes], seen: Seen, reach: Reach, since_ms: int
    ) -> Iterator[tuple[bytes, tuple[Touch, ...]] | None]:
        """What touches the incidents ``touched``; of the others, what new notices touch them.

        ``seen`` is what the caller keeps between two calls. ``None`` comes between two steps. Left
        out: closed incidents, and those in which nothing was said since ``since_ms``.
        """
        first = seen.of is not self
        every = list(self._notices.values())
        fresh = every if first else every[seen.told :]
        seen.of, seen.told = self, len(every)
        changed = dict.fromkeys(touched)
        spent: dict[tuple[str, str], int] = {}
        for number, id_ in enumerate(self._book.ids() if first or fresh else changed):
            if number % EACH == 0:
                yield None
            if self._book.entry(id_) is None or id_ not in self._book.of(id_):
                continue  # placed anew meanwhile
            head = self._book.head(id_)
            if head.closure.state is IncidentState.CLOSED or head.last.time_ms < since_ms:
                continue
            moved = first or (id_ in changed and seen.counts.get(id_) != head.count)
            seen.counts[id_] = head.count
            among = self._sorted() if moved else fresh
            if among:
                spots, times = self._happened(id_)
                party = head.opener.party
                yield id_, (yield from self._touching(spots, times, reach, among, spent, party))

    # -------------------------------------------------------------------------------- comparing

    def _happened(self, id_: bytes) -> tuple[tuple[Bound, ...], list[Times]]:
        """Where and when an incident is said to have been."""
        # What announced an activity is no statement of what happened.
        told = self._book.happened(id_)
        opener = self._book.entry(id_)
        times = list(islice(dict.fromkeys(_when(told)), MAX_TIMES))
        if not times and opener is not None:
            times = [_about(opener)]
        return _spots(told), times

    def _touching(
        self,
        spots: tuple[Bound, ...],
        times: list[Times],
        reach: Reach,
        among: Sequence[_Told],
        spent: dict[tuple[str, str], int],
        party: str = "",
    ) -> Steps[tuple[Touch, ...]]:
        """Which notices touch; ``spent`` by their party and ``party``, which share it."""
        out: list[Touch] = []
        left: dict[str, int] = {}
        for number, told in enumerate(among):
            if number % EACH == 0:
                yield
            if not any(_together(told.times, one, reach.ms) for one in times):
                continue
            if not spots or not told.spots:
                out.append(Touch(self._notice(told), How.TIME))
                continue
            who = told.entry.party
            purse = (who, party)
            had = min(left.get(who, MAX_COST), MAX_NEWS - spent.get(purse, 0))
            how, cost = yield from self._meet(spots, told.spots, reach.metres, had)
            left[who] = left.get(who, MAX_COST) - cost
            spent[purse] = spent.get(purse, 0) + cost
            if how is not None:
                out.append(Touch(self._notice(told), how))
        return tuple(out)

    def _meet(
        self, spots: tuple[Bound, ...], others: tuple[Bound, ...], metres: int, left: int
    ) -> Steps[tuple[How | None, int]]:
        """How two sets of places meet, and what it cost to find out."""
        found: How | None = None
        cost = 0
        for one in spots:
            for other in others:
                cost += 1
                if cost > left:
                    return found or How.TIME, cost  # too many to say: time is what is known
                if cost % EACH == 0:
                    yield
                if surely_apart(one, other, metres):
                    continue
                cost += _cost(one, other)
                yield
                if self._overlap(one.place, other.place):
                    return How.MEETS, cost
                if found is not None or (one.points > 1 and other.points > 1):
                    continue  # two shapes of points do not grow
                cost += _cost(one, other)
                yield
                if self._overlap(*_nearer(one.place, other.place, metres)):
                    found = How.NEAR
        return found, cost

    def _sorted(self) -> list[_Told]:
        if self._ordered is None:
            self._ordered = sorted(self._notices.values(), key=lambda one: one.entry.key)
        return self._ordered

    def _overlap(self, one: Place, other: Place) -> bool:
        key = (one, other)
        found = self._met.get(key)
        if found is None:
            if len(self._met) >= _REMEMBERED:
                self._met.clear()
            found = self._met[key] = overlap(one, other)
        return found

    def _passed(self, entry: Entry) -> Iterator[Passed]:
        """Which units were told, each once, of one party not more than a bounded number.

        A form that was taken back, or said anew, attests nothing.
        """
        units: dict[str, set[str]] = {}
        for one in ordered(self._passes.get(entry.digest, {}).values()):
            mine = units.setdefault(one.party, set())
            if len(mine) >= MAX_UNITS or not self._book.marks.counts(one):
                continue
            for told in _units(one):
                unit = told.unit or ""
                if unit in mine or len(mine) >= MAX_UNITS:
                    continue
                mine.add(unit)
                at_ms = one.time_ms if told.at_ms is None else told.at_ms
                yield Passed(party=one.party, unit=unit, at_ms=at_ms, by=one.digest)

    def _notice(self, told: _Told) -> Notice:
        marks, entry = self._book.marks, told.entry
        ended = marks.cancelled_by(entry) or marks.replaced_by(entry)
        return Notice(
            entry=entry,
            places=tuple(one.place for one in told.spots),
            times=told.times,
            ended_by=None if ended is None else ended.digest,
            passed=tuple(self._passed(entry)),
        )


# ----------------------------------------------------------------------------- places and times


def _units(entry: Entry) -> tuple[Told, ...]:
    """The units that a receipt, or a form, says were told."""
    if entry.kind is Kind.PASS_ON or entry.said is None:
        return (Told(entry.unit, entry.at_ms),)
    return entry.said.told


def _times(entry: Entry) -> Times:
    """From when to when a notice speaks."""
    start = instant_ms(entry, Means.FROM)
    end = instant_ms(entry, Means.UNTIL, latest=True)
    if start is None:
        start = next((first for first, _ in _when([entry])), entry.time_ms)
    return start, end if end is None or end >= start else start


def _when(entries: Iterable[Entry]) -> Iterator[Times]:
    """The brackets in which something is said to have happened."""
    for entry in entries:
        for one in entry.said.stated if entry.said else ():
            if one.aspect is not Means.WHEN or one.value is None:
                continue
            match one.value.answer:
                case Instant(seconds=seconds, spread_s=spread):
                    yield (seconds - spread) * 1000, (seconds + spread) * 1000
                case Day(days=days):
                    yield days * _DAY_MS, (days + 1) * _DAY_MS - 1
                case _:
                    pass


def _about(opener: Entry) -> Times:
    """When an incident of which no time is stated may have been: before it was first told."""
    return opener.time_ms - 6 * HOUR_MS, opener.time_ms


def _where(entries: Iterable[Entry]) -> Iterator[Place]:
    seen: set[Place] = set()
    for entry in entries:
        said = entry.said
        if said is None:
            continue
        stated = (one.value for one in said.stated if one.aspect is Means.WHERE and one.value)
        for part in (*stated, *said.areas):
            place = _place(part)
            if place is not None and place not in seen:
                seen.add(place)
                yield place


def _place(part: Part) -> Place | None:
    """The place that is answered; none in a datum of its own, which is compared with nothing."""
    answer = part.answer
    if not isinstance(answer, _PLACES) or (isinstance(answer, Position) and answer.datum):
        return None
    return replace(answer, typed="") if isinstance(answer, Position) else answer


def _together(one: Times, other: Times, within: int) -> bool:
    (start, end), (first, last) = one, other
    return (end is None or first - within <= end) and (last is None or start - within <= last)


def _cost(one: Bound, other: Bound) -> int:
    return _GEODESIC * (one.points + other.points) + one.points * other.points


def _spots(entries: Iterable[Entry]) -> tuple[Bound, ...]:
    return tuple(bound(place) for place in islice(_where(entries), MAX_PLACES))


def _nearer(one: Place, other: Place, metres: int) -> tuple[Place, Place]:
    """The two, one of them larger by so much; shapes of points both stay as they are."""
    if isinstance(one, Position | Circle):
        return _grown(one, metres), other
    return one, _grown(other, metres)


def _grown(place: Place, metres: int) -> Place:
    """Larger by so much; a shape of points stays as it is."""
    match place:
        case Position():
            return replace(place, error_m=place.error_m + metres)
        case Circle():
            return replace(place, radius_m=place.radius_m + metres)
        case _:
            return place
