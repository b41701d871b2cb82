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
from tieline.core.agreement.places import Circle, Place, Polygon, Position, overlap
from tieline.core.agreement.value import Instant
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Said, Told
from tieline.core.incident.notices import MAX_UNITS, How, Notices, Reach, Seen
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


def test_a_form_that_says_which_units_were_told_passes_a_notice_on_too() -> None:
    world = World()
    first = world.say("DELTA", notice(SEA, T, T + HOUR))

    def attest(*units: tuple[str | None, int | None]) -> Said:
        return Said(pack="p", form="f", act=Act.PASSED, answers={},
                    told=tuple(Told(*one) for one in units))  # fmt: skip

    answers = ref(first, role=RefRole.ANSWERS)
    form = world.say("ALPHA", attest(("Radar 3", T), ("5 Bn", None), (None, T + 1)), answers)
    gone = world.say("BRAVO", attest(("9 Bn", T)), answers)
    world.say("BRAVO", attest(), ref(gone, role=RefRole.CANCELS))
    world.say("CHARLIE", attest(("1 Bn", T)), answers, through="BRAVO")
    world.say("CHARLIE", attest(("2 Bn", T)), answers, story=True)
    world.say("CHARLIE", None, answers)
    _, notices = told(world)
    found = notices.get(first.digest)
    assert found is not None
    assert [(one.party, one.unit, one.at_ms, one.by) for one in found.passed] == [
        ("ALPHA", "Radar 3", T, form.digest),
        ("ALPHA", "5 Bn", form.time_ms, form.digest),
        ("ALPHA", "", T + 1, form.digest),  # which unit is withheld
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


def crowded(party: str, world: World, shapes: int, step: int) -> Entry:
    """A notice of many shapes of 64 points that are near everything and meet nothing."""
    areas = tuple(part("area", shape(700 + one, step)) for one in range(shapes))
    made = notice(None, T, T + HOUR)
    return world.say(
        party,
        Said(pack=made.pack, form=made.form, act=made.act, answers=made.answers, areas=areas),
    )


def shape(number: int, step: int) -> Polygon:
    return Polygon(
        tuple((60 * E7 + one * step, number * E7 // 1000 + one % 2) for one in range(64))
    )


class Counted:
    """In the place of the comparison of two places: how many were made, and of how many points."""

    def __init__(self) -> None:
        self.points = 0
        self.calls = 0

    def __call__(self, one: Place, other: Place) -> bool:
        self.calls += 1
        shapes = [each for each in (one, other) if isinstance(each, Polygon)]
        self.points += sum(len(each.points) for each in shapes) + 2 - len(shapes)
        return len(shapes) < 2


def test_a_flood_of_shapes_costs_a_bounded_time_and_hides_no_other_partys_notice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted()
    monkeypatch.setattr("tieline.core.incident.notices.overlap", counted)
    world = World()
    crowded("DELTA", world, 100, 1000)
    crowded("DELTA", world, 100, 1001)
    honest = world.say("CHARLIE", notice(Circle(60 * E7, 7 * E7 // 10, 50_000), T, T + HOUR))
    places = [states(Means.WHERE, shape(700 + one, 1002)) for one in range(100)]
    incident = world.say("ALPHA", said(Act.OPEN, *places, *event(None, T).stated))
    _, notices = told(world)
    found = {one.notice.entry.digest: one.how for one in notices.at(incident.digest, REACH)}
    assert found[honest.digest] is How.MEETS
    assert list(found.values()).count(How.TIME) == 2  # too many to say
    assert counted.points < 4_000  # of geodesics, each about 0.3 ms
    steps, calls, most = notices.at_steps(incident.digest, REACH), counted.calls, 0
    for _ in steps:
        most, calls = max(most, counted.calls - calls), counted.calls
    assert most <= 1  # a look gives way after each


def test_news_of_many_incidents_costs_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    monkeypatch.setattr("tieline.core.incident.notices.overlap", counted)
    world = World()
    for _ in range(60):
        places = [states(Means.WHERE, shape(700 + one, 1002)) for one in range(10)]
        world.say("ALPHA", said(Act.OPEN, *places, *event(None, T).stated))
    crowded("DELTA", world, 40, 1000)
    _, notices = told(world)
    monkeypatch.setattr("tieline.core.incident.notices._REMEMBERED", 1)
    found = [one for one in notices.news((), Seen(), REACH, 0) if one is not None]
    assert len(found) == 60
    assert counted.points < 16 * 4_000


def test_a_new_notice_is_compared_alone_and_a_changed_incident_with_all() -> None:
    world = World()
    here = Position(SEA.lat_e7, SEA.lon_e7)
    first = world.say("DELTA", notice(SEA, T, T + HOUR))
    one = world.say("ALPHA", event(here, T))
    book, notices = told(world)
    seen = Seen()

    def news() -> dict[bytes, list[bytes]]:
        return {
            found[0]: [each.notice.entry.digest for each in found[1]]
            for found in notices.news(book.touched(), seen, REACH, 0)
            if found is not None
        }

    def more(entry: Entry) -> Entry:
        book.admit(entry)
        notices.admit(entry)
        return entry

    assert news() == {one.digest: [first.digest]}
    assert news() == {}
    second = more(world.say("DELTA", notice(SEA, T, T + HOUR)))
    assert news() == {one.digest: [second.digest]}
    other = more(world.say("BRAVO", event(here, T)))
    assert news() == {other.digest: [first.digest, second.digest]}
    more(world.say("BRAVO", said(Act.ACCOUNT, states(Means.WHERE, here)), ref(one)))
    assert news() == {one.digest: [first.digest, second.digest]}
    # Left out: what was said last before a time, and what is closed.
    for since, found in ((world.now_ms, {one.digest}), (world.now_ms + 1, set())):
        news_ = notices.news((), Seen(), REACH, since)
        assert {each[0] for each in news_ if each is not None} == found
    # A book that is made anew has another order of arrival: everything is looked at again.
    book, notices = told(world)
    assert set(news()) == {one.digest, other.digest}


def test_of_units_that_were_told_each_is_shown_once_and_a_flood_in_part() -> None:
    world = World()
    first = world.say("DELTA", notice(SEA, T, T + HOUR))
    for unit in ["Radar 3", "Radar 3", *(f"unit {one}" for one in range(100))]:
        world.say("BRAVO", None, ((RefRole.ANSWERS, first.digest),), kind=Kind.PASS_ON, unit=unit)
    world.say("ALPHA", None, ((RefRole.ANSWERS, first.digest),), kind=Kind.PASS_ON, unit="Radar 3")
    _, notices = told(world)
    found = notices.get(first.digest)
    assert found is not None
    told_by = [one.party for one in found.passed]
    assert (told_by.count("BRAVO"), told_by.count("ALPHA")) == (MAX_UNITS, 1)
    assert [one.unit for one in found.passed].count("Radar 3") == 2


@given(st.data())
def test_no_place_that_touches_is_taken_for_far(data: st.DataObject) -> None:
    lats, lons = st.integers(-90 * E7, 90 * E7), st.integers(-180 * E7, 180 * E7)
    near = st.integers(-2 * E7, 2 * E7)
    lat, lon = data.draw(lats), data.draw(lons)

    def around() -> tuple[int, int]:
        there = max(-90 * E7, min(90 * E7, lat + data.draw(near)))
        return there, (lon + data.draw(near) + 180 * E7) % (360 * E7) - 180 * E7

    one: Place = Polygon((around(), around(), around()))
    other: Place = Circle(*around(), data.draw(st.integers(0, 300_000)))
    world = World()
    world.say("DELTA", notice(other, T, T + HOUR))
    incident = world.say("ALPHA", event(one, T))
    if overlap(one, other):
        assert how(world, incident) == [How.MEETS]


def test_between_two_dear_looks_at_places_others_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    steps = 0

    def seen(one: Place, other: Place) -> bool:
        looks.append(steps)
        return overlap(one, other)

    monkeypatch.setattr("tieline.core.incident.notices.overlap", seen)
    world = World()
    for number in range(3):
        world.say("DELTA", notice(Circle(SEA.lat_e7, SEA.lon_e7 + number, 50_000), T, T + HOUR))
    near = Position(SEA.lat_e7 + 30 * E7 // 60, SEA.lon_e7)
    incident = world.say("ALPHA", event(near, T))
    _, notices = told(world)
    for _ in notices.at_steps(incident.digest, REACH):
        steps += 1
    assert len(looks) == 6  # of each notice as it is, and once more within the reach
    assert len(set(looks)) == len(looks)


def test_a_notice_is_over_when_its_end_has_passed_or_it_was_taken_back() -> None:
    world = World()
    ends = world.say("DELTA", notice(SEA, T, T + HOUR))
    open_ = world.say("DELTA", notice(SEA, T, None))
    back = world.say("DELTA", None, ref(open_, role=RefRole.CANCELS))
    _, notices = told(world)
    found = {one.entry.digest: one for one in notices.all()}
    assert [found[ends.digest].over(T + HOUR + n) for n in (0, 1)] == [False, True]
    assert found[open_.digest].ended_by == back.digest
    assert found[open_.digest].over(T)
    assert notices.get(back.digest) is None
    assert notices.get(ends.digest) == found[ends.digest]


def test_an_end_before_its_start_ends_at_its_start() -> None:
    for start, end, times in (
        (T, T - HOUR, (T, T)), (T, T, (T, T)), (T, T + 1000, (T, T + 1000)), (T, None, (T, None)),
    ):  # fmt: skip
        world = World()
        world.say("DELTA", notice(SEA, start, end))
        _, notices = told(world)
        assert notices.all()[0].times == times
    world = World()
    plain = world.say("DELTA", notice(SEA, None, None))
    _, notices = told(world)
    assert notices.all()[0].times == (plain.time_ms, None)


def test_a_place_of_one_point_grows_to_a_shape_within_the_reach() -> None:
    lat, lon = SEA.lat_e7, SEA.lon_e7
    box = Polygon(((lat, lon), (lat, lon + E7), (lat + E7, lon + E7), (lat + E7, lon)))
    for minutes, found in ((5, [How.NEAR]), (15, [])):  # some 9 and 28 km south of it
        place = Position(lat - minutes * E7 // 60, lon + E7 // 2)
        for one, other in ((box, place), (place, box)):
            world = World()
            world.say("DELTA", notice(one, T, T + HOUR))
            assert how(world, world.say("ALPHA", event(other, T))) == found


def test_news_of_what_is_no_incident_any_more_is_nothing() -> None:
    world = World()
    world.say("DELTA", notice(SEA, T, T + HOUR))
    incident = world.say("ALPHA", event(None, T))
    word = world.say("ALPHA", said(Act.WORD), ref(incident))
    _, notices = told(world)
    seen = Seen()
    assert [one for one in notices.news((), seen, REACH, 0) if one is not None]
    gone = (b"nothing", word.digest)
    assert [one for one in notices.news(gone, seen, REACH, 0) if one is not None] == []
