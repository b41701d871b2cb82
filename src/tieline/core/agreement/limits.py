"""Thresholds: whether an activity crosses one, by how much, and whether it looks like a part.

Each threshold stands alone: that observation begins above notification is true of troops in some
agreements and false of guns in the same ones, so nothing follows from one threshold for another.

A field that was left empty counts for nothing; one that is *nil* is zero; one that is not known or
withheld leaves the answer open unless another criterion decides it. The stated number decides, not
its spread; ``Margin.sure`` says whether the spread could turn it.

**Suspected splitting** is a question to a reader, never a verdict: activities of one sender, each
below the threshold, that are near in time (where the pack names times), share an area or a command
(where it names them), and together would cross it. Each activity is compared with the next
``NEIGHBOURS`` in order of time, so that a flood of notices costs its sender more than its reader.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.matter import Matter, stated_at
from tieline.core.agreement.message import Values, at_numbers
from tieline.core.agreement.model import Cite, Criterion, Special, Take
from tieline.core.agreement.places import Circle, Place, Polygon, Position, Route
from tieline.core.agreement.plan import ThresholdPlan, Way, all_hold, named
from tieline.core.agreement.steps import EACH, Steps, in_order
from tieline.core.agreement.value import Number

NEIGHBOURS: Final = 32
# The geometry of two areas takes up to a millisecond for each point. So many points are compared
# exactly by one asking; after that areas count as shared when the boxes around them meet.
POINTS_COMPARED: Final = 1_500


class Crossing(enum.StrEnum):
    """Whether a threshold is crossed."""

    YES = "crossed"
    NO = "below"
    OPEN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How one criterion stands. ``value``: ``None`` when not stated, not known or withheld.

    ``margin`` is ``value - at_least``: 0 or more crosses, -1 is one short.
    """

    path: str
    take: Take
    at_least: int
    value: int | None
    spread: int
    crossing: Crossing
    special: Special | None = None

    @property
    def margin(self) -> int | None:
        return None if self.value is None else self.value - self.at_least

    @property
    def sure(self) -> bool:
        """Whether the stated spread leaves the answer as it is."""
        margin = self.margin
        if margin is None:
            return False
        return margin - self.spread >= 0 if margin >= 0 else margin + self.spread < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A message against one threshold. ``any_of``: one is enough; ``all_of``: each is needed."""

    rule: str
    label: str
    message: bytes
    crossing: Crossing
    any_of: tuple[Margin, ...]
    all_of: tuple[Margin, ...]
    cite: Cite


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Activities of one sender that look like parts of one. ``shared``: "time", "area", "command".

    ``sums``: what they are together, by criterion. It is for a reader to ask, and accuses nobody.
    """

    rule: str
    label: str
    sender: str
    messages: tuple[bytes, ...]
    shared: tuple[str, ...]
    sums: tuple[Margin, ...]
    cite: Cite


# -------------------------------------------------------------------------------------- weighing


def weigh(plan: ThresholdPlan, matter: Matter) -> Weighed | None:
    """A message against a threshold, or ``None`` when the threshold does not apply to it."""
    values = matter.current.message.values
    if not all_hold(plan.when, values):
        return None
    any_of = tuple(_margin(one, values, way) for one, way in plan.any_of)
    all_of = tuple(_margin(one, values, way) for one, way in plan.all_of)
    return Weighed(
        rule=plan.rule.id,
        label=plan.rule.label,
        message=matter.root.message.digest,
        crossing=_both(any_of, all_of),
        any_of=any_of,
        all_of=all_of,
        cite=plan.rule.cite,
    )


def _both(any_of: Sequence[Margin], all_of: Sequence[Margin]) -> Crossing:
    alone = [one.crossing for one in any_of]
    if not alone or Crossing.YES in alone:
        first = Crossing.YES
    else:
        first = Crossing.OPEN if Crossing.OPEN in alone else Crossing.NO
    together = [first, *(one.crossing for one in all_of)]
    for decisive in (Crossing.NO, Crossing.OPEN):
        if decisive in together:
            return decisive
    return Crossing.YES


def _margin(criterion: Criterion, values: Values, way: Way) -> Margin:
    """One criterion over all repeats of its field."""
    answers = at_numbers(values, way)
    numbers = [one for one in answers if isinstance(one, Number)]
    nil = Special.NIL in answers
    hidden = next((s for s in (Special.NOT_KNOWN, Special.WITHHELD) if s in answers), None)
    value: int | None
    if criterion.take is Take.SUM:
        value = sum(one.n for one in numbers)
        spread = sum(one.spread for one in numbers)
    else:
        top = max(numbers, key=lambda one: (one.n, one.spread), default=Number(0))
        value, spread = top.n, top.spread
    if not numbers and not nil:
        value = None
    if value is not None and value >= criterion.at_least:
        crossing = Crossing.YES
    else:
        crossing = Crossing.NO if hidden is None else Crossing.OPEN
    return Margin(
        path=criterion.path, take=criterion.take, at_least=criterion.at_least, value=value,
        spread=spread, crossing=crossing, special=hidden,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- splitting


@dataclass(frozen=True, slots=True)
class _Part:
    """One activity below a threshold."""

    digest: bytes
    start_ms: int
    end_ms: int
    commands: frozenset[str]
    areas: tuple[Place, ...]
    margins: tuple[Margin, ...]


Meets = Callable[[Place, Place], bool]
_PLACES: Final = (Position, Circle, Polygon, Route)


def questions(
    plan: ThresholdPlan, by_sender: Mapping[str, Iterable[Matter]], meets: Meets
) -> Steps[list[Question]]:
    """What looks split under one threshold; ``meets``: whether two areas have a place in common."""
    out: list[Question] = []
    meets = _bounded(meets)
    for sender in sorted(by_sender):
        parts: list[_Part] = []
        for place, one in enumerate(by_sender[sender]):
            part = _part(plan, one)
            if part is not None:
                parts.append(part)
            if place % EACH == 0:
                yield
        rows = yield from in_order([(part.start_ms, part.digest, part) for part in parts])
        parts = [part for _, _, part in rows]
        for place, first in enumerate(parts):
            if place % EACH == 0:
                yield
            found = _grown(plan, first, parts[place + 1 : place + 1 + NEIGHBOURS], meets)
            if found is not None:
                some, shared, sums = found
                out.append(
                    Question(
                        rule=plan.rule.id, label=plan.rule.label, sender=sender, messages=some,
                        shared=shared, sums=sums, cite=plan.rule.cite,
                    )
                )  # fmt: skip
    return out


def _part(plan: ThresholdPlan, matter: Matter) -> _Part | None:
    """The activity as a part; ``None``: taken back, not under the rule, or crossing by itself."""
    if matter.ender is not None:
        return None
    weighed = weigh(plan, matter)
    if weighed is None or weighed.crossing is Crossing.YES or not weighed.any_of:
        return None
    message = matter.current.message
    begins = stated_at(message.values, plan.since) if plan.since else None
    ends = stated_at(message.values, plan.until, last=True) if plan.until else None
    start = message.time_ms if begins is None else begins.low_ms
    last = begins if ends is None else ends
    return _Part(
        digest=matter.root.message.digest,
        start_ms=start,
        end_ms=max(start, start if last is None else last.high_ms),
        commands=frozenset(
            named(one)
            for one in (at_numbers(message.values, plan.command) if plan.command else ())
            if not isinstance(one, Special)
        ),
        areas=tuple(
            one
            for one in (at_numbers(message.values, plan.area) if plan.area else ())
            if isinstance(one, _PLACES)
        ),
        margins=weighed.any_of,
    )


def _grown(
    plan: ThresholdPlan, first: _Part, others: Sequence[_Part], meets: Meets
) -> tuple[tuple[bytes, ...], tuple[str, ...], tuple[Margin, ...]] | None:
    """Add to an activity those that share something with it, until they cross together."""
    some, shared, sums = [first.digest], set[str](), first.margins
    for other in others:
        if plan.since and other.start_ms > first.end_ms + plan.rule.split_gap_ms:
            break
        links = _links(plan, first, other, meets)
        if not links:
            continue
        some.append(other.digest)
        shared |= links
        sums = tuple(_sum(a, b) for a, b in zip(sums, other.margins, strict=True))
        if any(one.crossing is Crossing.YES for one in sums):
            return tuple(some), tuple(sorted(shared)), sums
    return None


def _links(plan: ThresholdPlan, one: _Part, other: _Part, meets: Meets) -> set[str]:
    """What two activities share, given that they are near in time; empty: nothing."""
    links = set[str]()
    if one.commands & other.commands:
        links.add("command")
    elif any(meets(a, b) for a in one.areas for b in other.areas):
        links.add("area")
    if plan.since and (links or not (plan.area or plan.command)):
        links.add("time")
    return links


def _sum(one: Margin, other: Margin) -> Margin:
    value = (one.value or 0) + (other.value or 0)
    return Margin(
        path=one.path, take=one.take, at_least=one.at_least, value=value,
        spread=one.spread + other.spread,
        crossing=Crossing.YES if value >= one.at_least else Crossing.NO,
        special=one.special or other.special,
    )  # fmt: skip


def _bounded(meets: Meets) -> Meets:
    """The exact comparison for as long as it is cheap, then that of boxes."""
    left = [POINTS_COMPARED]

    def bounded(one: Place, other: Place) -> bool:
        if not _boxes_meet(one, other):
            return False
        left[0] -= _points(one) + _points(other)
        return left[0] < 0 or meets(one, other)

    return bounded


def _points(place: Place) -> int:
    match place:
        case Polygon(points=points):
            return len(points)
        case Route(waypoints=waypoints):
            return len(waypoints)
        case _:
            return 1


def _boxes_meet(one: Place, other: Place) -> bool:
    """Whether the boxes around two places meet; never too small below 75 degrees of latitude."""
    a, b = _box(one), _box(other)
    if a[0] > b[1] or b[0] > a[1]:
        return False
    return any(a[2] + turn <= b[3] and b[2] <= a[3] + turn for turn in (-_TURN, 0, _TURN))


_TURN: Final = 360 * 10_000_000
_E7_PER_M: Final = 90  # of latitude, rounded up


def _box(place: Place) -> tuple[int, int, int, int]:
    """South, north, west and east in 1e-7 degrees; east may pass 180."""
    match place:
        case Polygon(points=points):
            lats, lons, reach = [p[0] for p in points], [p[1] for p in points], 0
        case Route(waypoints=waypoints):
            lats, lons = [w.lat_e7 for w in waypoints], [w.lon_e7 for w in waypoints]
            reach = 0
        case Circle():
            lats, lons, reach = [place.lat_e7], [place.lon_e7], place.radius_m * _E7_PER_M
        case _:
            lats, lons, reach = [place.lat_e7], [place.lon_e7], place.error_m * _E7_PER_M
    if max(lons) - min(lons) > _TURN // 2:
        lons = [lon + _TURN if lon < 0 else lon for lon in lons]
    return min(lats) - reach, max(lats) + reach, min(lons) - 4 * reach, max(lons) + 4 * reach
