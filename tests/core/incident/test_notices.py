"""Notices that come up where an incident or another notice touches their area and time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.incident.made import (
    DAY,
    HOUR,
    MINUTE,
    T,
    World,
    at,
    orders,
    part,
    ref,
    said,
    states,
)

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.places import Circle, Place, Polygon, Position
from tieline.core.agreement.value import Instant
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Said
from tieline.core.incident.notices import How, Notices, Reach
from tieline.core.terms import Kind, RefRole

E7 = 10_000_000
REACH = Reach(metres=20_000, ms=6 * HOUR)


def notice(place: Place | None, start: int | None, end: int | None) -> Said:
    answers = (at(Means.FROM, start) if start is not None else {}) | (
        at(Means.UNTIL, end) if end is not None else {}
    )
    made = said(Act.NOTICE, answers=answers, pack="launch-notification")
    areas = () if place is None else (part("area", place),)
    return Said(pack=made.pack, form=made.form, act=made.act, answers=answers, areas=areas)


def event(place: Place | None, when: int | None, spread_s: int = 0) -> Said:
    stated = []
    if place is not None:
        stated.append(states(Means.WHERE, place))
    if when is not None:
        stated.append(states(Means.WHEN, Instant(when // 1000, spread_s)))
    return said(Act.OPEN, *stated)


def told(world: World) -> tuple[Book, Notices]:
    book = Book(world)
    notices = Notices(book)
    for entry in world.entries:
        book.admit(entry)
        notices.admit(entry)
    return book, notices


def how(world: World, incident: Entry) -> list[How]:
    _, notices = told(world)
    return [one.how for one in notices.at(incident.digest, REACH)]


SEA = Circle(700 * E7 // 10, 250 * E7 // 10, 50_000)  # 70 N 25 E, 50 km


@pytest.mark.parametrize(
    ("when", "found"),
    [
        (T - 6 * HOUR - 1000, []),
        (T - 6 * HOUR, [How.MEETS]),
        (T, [How.MEETS]),
        (T + 8 * HOUR, [How.MEETS]),
        (T + 8 * HOUR + 1000, []),
    ],
)
def test_a_notice_touches_within_its_time_and_the_reach(when: int, found: list[How]) -> None:
    world = World()
    world.say("DELTA", notice(SEA, T, T + 2 * HOUR))
    incident = world.say("ALPHA", event(Position(SEA.lat_e7, SEA.lon_e7), when))
    assert how(world, incident) == found


# One minute of latitude is about 1,860 m at 70 N: 26.5 of them make about 49.3 km.
@pytest.mark.parametrize(
    ("minutes", "error_m", "found"),
    [(0, 0, How.MEETS), (26, 0, How.MEETS), (30, 0, How.NEAR), (30, 10_000, How.MEETS),
     (37, 0, How.NEAR), (40, 0, None)],
)  # fmt: skip
def test_a_notice_touches_within_its_area_and_the_reach(
    minutes: int, error_m: int, found: How | None
) -> None:
    world = World()
    world.say("DELTA", notice(SEA, T, T + 2 * HOUR))
    place = Position(SEA.lat_e7 + minutes * E7 // 60, SEA.lon_e7, error_m)
    incident = world.say("ALPHA", event(place, T))
    assert how(world, incident) == ([] if found is None else [found])


@pytest.mark.parametrize(
    ("area", "place", "found"),
    [
        (Circle(0, 1799 * E7 // 10, 30_000), Position(0, -1799 * E7 // 10), [How.MEETS]),
        (Circle(899 * E7 // 10, 0, 30_000), Position(899 * E7 // 10, 180 * E7), [How.MEETS]),
        (
            Polygon(((60 * E7, 0), (60 * E7, 90 * E7), (61 * E7, 45 * E7))),
            Position(67 * E7, 45 * E7),  # the lines bend to the pole, beyond both latitudes
            [How.MEETS],
        ),
        (Circle(0, 0, 1_000), Position(0, 90 * E7), []),
    ],
)
def test_places_at_the_ends_of_the_map(area: Place, place: Place, found: list[How]) -> None:
    world = World()
    world.say("DELTA", notice(area, T, T + HOUR))
    assert how(world, world.say("ALPHA", event(place, T))) == found


def test_what_states_no_place_touches_in_time_alone() -> None:
    world = World()
    world.say("DELTA", notice(SEA, T, T + HOUR))
    world.say("DELTA", notice(None, T, T + HOUR))
    assert how(world, world.say("ALPHA", event(None, T))) == [How.TIME, How.TIME]
    other = Position(SEA.lat_e7, SEA.lon_e7)
    assert how(world, world.say("BRAVO", event(other, T))) == [How.MEETS, How.TIME]
    in_a_datum_of_its_own = Position(SEA.lat_e7, SEA.lon_e7, 0, "PZ-90")
    assert how(world, world.say("BRAVO", event(in_a_datum_of_its_own, T))) == [How.TIME, How.TIME]


def test_a_notice_without_an_end_holds_until_it_is_taken_back() -> None:
    world = World()
    first = world.say("DELTA", notice(SEA, T - 90 * DAY, None))
    place = Position(SEA.lat_e7, SEA.lon_e7)
    incident = world.say("ALPHA", event(place, T))
    assert how(world, incident) == [How.MEETS]
    gone = world.say("DELTA", notice(None, None, None), ref(first, role=RefRole.CANCELS))
    _, notices = told(world)
    found = notices.get(first.digest)
    assert found is not None
    assert (found.over(T), found.ended_by) == (True, gone.digest)
    # It still touches: that it was taken back is shown, since somebody may have relied on it.
    assert next(one.notice.ended_by for one in notices.at(incident.digest, REACH)) == gone.digest


def test_a_notice_is_passed_to_units_by_whom_it_reached() -> None:
    world = World()
    first = world.say("DELTA", notice(SEA, T, T + HOUR))
    at_ms = world.now_ms + 20 * MINUTE
    passed = world.say(
        "ALPHA", None, ((RefRole.ANSWERS, first.digest),), kind=Kind.PASS_ON, unit="Radar 3",
        at_ms=at_ms,
    )  # fmt: skip
    _, notices = told(world)
    found = notices.get(first.digest)
    assert found is not None
    assert [(one.party, one.unit, one.at_ms, one.by) for one in found.passed] == [
        ("ALPHA", "Radar 3", at_ms, passed.digest)
    ]


def test_two_notices_touch_each_other() -> None:
    world = World()
    exercise = world.say("BRAVO", notice(SEA, T, T + DAY))
    convoy = world.say("DELTA", notice(Position(SEA.lat_e7, SEA.lon_e7), T + HOUR, T + 2 * HOUR))
    world.say("DELTA", notice(Position(0, 0), T + HOUR, T + 2 * HOUR))
    _, notices = told(world)
    found = notices.get(exercise.digest)
    assert found is not None
    touching = notices.beside(found, REACH)
    assert [(one.notice.entry.digest, one.how) for one in touching] == [(convoy.digest, How.MEETS)]


def test_an_account_that_is_corrected_touches_elsewhere() -> None:
    world = World()
    world.say("DELTA", notice(SEA, T, T + HOUR))
    incident = world.say("ALPHA", event(Position(0, 0), T))
    right = said(Act.ACCOUNT, states(Means.WHERE, Position(SEA.lat_e7, SEA.lon_e7)),
                 states(Means.WHEN, Instant(T // 1000)))  # fmt: skip
    world.say("ALPHA", right, ref(incident, role=RefRole.CORRECTS))
    assert how(world, incident) == [How.MEETS]


@given(st.data())
def test_whatever_comes_first_the_same_touches(data: st.DataObject) -> None:
    world = World()
    first = world.say("DELTA", notice(SEA, T, T + HOUR))
    incident = world.say("ALPHA", event(Position(SEA.lat_e7, SEA.lon_e7), T))
    world.say("BRAVO", None, ((RefRole.ANSWERS, first.digest),), kind=Kind.PASS_ON, unit="5 Bn")
    world.post("DELTA", "two").says(notice(SEA, T + HOUR, T + 2 * HOUR))
    world.say("DELTA", notice(SEA, T + 2 * DAY, T + 3 * DAY), ref(first, role=RefRole.SUPERSEDES))
    expected = told(world)[1].at(incident.digest, REACH)
    book = Book(world)
    notices = Notices(book)
    choices = iter(lambda: data.draw(st.integers(0, 9)), -1)
    for entry in orders(world.entries, world, choices):
        book.admit(entry)
        notices.admit(entry)
    assert notices.at(incident.digest, REACH) == expected
    assert len(expected) == 2
