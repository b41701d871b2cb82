"""Notices that find their reader: of launches, exercises, convoys, sites, and what they touch.

In 1995 a rocket was notified to some thirty States, and the notice did not reach the crew of the
radar that saw it. So a notice comes up by itself where an incident or another notice touches its
area and its time, and whether it was passed to a unit is a thing that is asked for and attested.

What touches is a question for a person, never a verdict: that a notice covers a place and a time
does not say that what happened there was what it announced.

Time comes first, because it is cheap: a distance along the ellipsoid is not. A notice without an
end holds until it is taken back, one without a place touches in time alone, and says so.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.places import Circle, Place, Polygon, Position, Route, overlap
from tieline.core.agreement.value import Day, Instant
from tieline.core.incident.account import TELLS
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Part, instant_ms
from tieline.core.incident.marks import ordered
from tieline.core.incident.states import IncidentState
from tieline.core.terms import Kind

HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * HOUR_MS
MAX_PLACES: Final = 128  # of one notice or one incident
MAX_COMPARED: Final = 512  # places, for one answer: comparing two shapes can take 90 ms
_PLACES: Final = (Position, Circle, Polygon, Route)
_DEGREE: Final = 10_000_000
_METRES_PER_DEGREE: Final = 110_000  # of latitude, at least
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
    TIME = "time"  # in time; one of them states no place


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A party attests that it told a unit of a notice. ``by``: the statement that says so."""

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


class Notices:
    """The notices of one line, beside its incidents. Statements are admitted in any order."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._notices: dict[bytes, Entry] = {}
        self._passes: dict[bytes, dict[bytes, Entry]] = {}  # by what they cite
        self._ordered: list[Entry] | None = None
        self._met: dict[tuple[Place, Place], bool] = {}

    def admit(self, entry: Entry) -> None:
        """Take in one statement, after the book has. A second time, it changes nothing."""
        if entry.story:
            return
        if entry.act is Act.NOTICE:
            self._notices[entry.digest] = entry
            self._ordered = None
        elif entry.kind is Kind.PASS_ON and entry.refs:
            self._passes.setdefault(entry.refs[0][1], {})[entry.digest] = entry

    def all(self) -> tuple[Notice, ...]:
        """Every notice, in display order."""
        return tuple(self._notice(one) for one in self._sorted())

    def get(self, digest: bytes) -> Notice | None:
        """One of them."""
        entry = self._notices.get(digest)
        return None if entry is None else self._notice(entry)

    def at(self, id_: bytes, reach: Reach) -> tuple[Touch, ...]:
        """The notices that touch an incident. Raises ``KeyError`` if there is none of that id."""
        members = self._book.members(id_)
        # What announced an activity is no statement of what happened.
        counts = self._book.marks.counts
        told = [one for one in members if one.act in TELLS and counts(one)]
        times = list(_when(told)) or [_about(members[0])]
        places = tuple(_where(told))[:MAX_PLACES]
        return self._touching(places, times, reach)

    def beside(self, notice: Notice, reach: Reach) -> tuple[Touch, ...]:
        """The other notices that touch one."""
        mine = notice.entry
        found = self._touching(notice.places, [notice.times], reach)
        return tuple(one for one in found if one.notice.entry is not mine)

    def news(
        self, touched: Iterable[bytes], seen: dict[bytes, int], reach: Reach, since_ms: int
    ) -> Iterator[tuple[bytes, tuple[Touch, ...]]]:
        """What touches the incidents ``touched`` that are new to ``seen``; all if a notice is new.

        ``seen`` is what the caller keeps between two calls: by incident how many statements it had,
        and how many notices there were. Left out: closed incidents, and those in which nothing was
        said since ``since_ms``.
        """
        everything = seen.get(b"") != len(self._notices)
        seen[b""] = len(self._notices)
        for id_ in self._book.ids() if everything else touched:
            head = self._book.head(id_)
            if head.closure.state is IncidentState.CLOSED or head.last.time_ms < since_ms:
                continue
            if everything or seen.get(id_) != head.count:
                seen[id_] = head.count
                yield id_, self.at(id_, reach)

    # -------------------------------------------------------------------------------- comparing

    def _touching(
        self, places: tuple[Place, ...], times: list[Times], reach: Reach
    ) -> tuple[Touch, ...]:
        out: list[Touch] = []
        left = MAX_COMPARED
        for entry in self._sorted():
            if not any(_together(_times(entry), one, reach.ms) for one in times):
                continue
            notice = self._notice(entry)
            if not places or not notice.places:
                out.append(Touch(notice, How.TIME))
                continue
            how, cost = self._meet(places, notice.places, reach.metres, left)
            left -= cost
            if how is not None:
                out.append(Touch(notice, how))
        return tuple(out)

    def _meet(
        self, places: Iterable[Place], others: tuple[Place, ...], metres: int, left: int
    ) -> tuple[How | None, int]:
        """How two sets of places meet, and how many comparisons it took."""
        found: How | None = None
        cost = 0
        for one in places:
            for other in others:
                if _far(one, other, metres):
                    continue
                if cost >= left:
                    return found or How.TIME, cost  # too many to say: time is what is known
                cost += 1
                if self._overlap(one, other):
                    return How.MEETS, cost
                if found is None and self._overlap(*_nearer(one, other, metres)):
                    found = How.NEAR
        return found, cost

    def _sorted(self) -> list[Entry]:
        if self._ordered is None:
            self._ordered = ordered(self._notices.values())
        return self._ordered

    def _overlap(self, one: Place, other: Place) -> bool:
        key = (one, other)
        if key not in self._met:
            self._met[key] = overlap(one, other)
        return self._met[key]

    def _notice(self, entry: Entry) -> Notice:
        marks = self._book.marks
        ended = marks.cancelled_by(entry) or marks.replaced_by(entry)
        passes = ordered(self._passes.get(entry.digest, {}).values())
        return Notice(
            entry=entry,
            places=tuple(_where([entry]))[:MAX_PLACES],
            times=_times(entry),
            ended_by=None if ended is None else ended.digest,
            passed=tuple(
                Passed(
                    party=one.party,
                    unit=one.unit,
                    at_ms=one.time_ms if one.at_ms is None else one.at_ms,
                    by=one.digest,
                )
                for one in passes
            ),
        )


# ----------------------------------------------------------------------------- places and times


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


def _far(one: Place, other: Place, metres: int) -> bool:
    """Whether the latitudes alone are too far apart."""
    (south, north), (low, high) = _latitudes(one), _latitudes(other)
    gap = max(low - north, south - high)
    return gap * _METRES_PER_DEGREE // _DEGREE > metres


def _latitudes(place: Place) -> tuple[int, int]:
    """The southernmost and the northernmost latitude, or further."""
    points: tuple[tuple[int, int], ...]
    match place:
        case Position(lat_e7=lat, error_m=radius) | Circle(lat_e7=lat, radius_m=radius):
            reach = radius * _DEGREE // _METRES_PER_DEGREE + 1
            return lat - reach, lat + reach
        case Polygon():
            points = place.points
        case Route():
            points = tuple((one.lat_e7, one.lon_e7) for one in place.waypoints)
    lats, lons = [lat for lat, _ in points], [lon for _, lon in points]
    if max(lons) - min(lons) > 20 * _DEGREE:
        return -90 * _DEGREE, 90 * _DEGREE  # its lines may bend far towards a pole
    return min(lats) - _DEGREE, max(lats) + _DEGREE


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
