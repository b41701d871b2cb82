"""Accounts side by side: versions, what became of them, and whether they agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st
from tests.core.incident.made import World, digest, part, ref, said, states

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.model import Special
from tieline.core.agreement.places import (
    DEGREE,
    Circle,
    Polygon,
    Position,
    Route,
    Waypoint,
    distance_m,
    turned,
)
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Text,
)
from tieline.core.incident.account import MAX_THROUGH, Standing
from tieline.core.incident.align import Alignment, Tolerances, Where, align, comparable
from tieline.core.incident.book import MOST, Book
from tieline.core.incident.entry import Said, Stated
from tieline.core.incident.look import View
from tieline.core.terms import RefRole

AGREE, DIFFER = Alignment.AGREE, Alignment.DIFFER
NOT_STATED, NOT_COMPARABLE = Alignment.NOT_STATED, Alignment.NOT_COMPARABLE
WITHIN = Tolerances()
CORRECTS, CANCELS = RefRole.CORRECTS, RefRole.CANCELS


def aligned(
    one: Answer, other: Answer, aspect: Means = Means.WHAT, within: Tolerances = WITHIN
) -> Alignment:
    found = align(
        aspect, Where("p", [states(aspect, one)]), Where("p", [states(aspect, other)]), within
    )
    again = align(
        aspect, Where("p", [states(aspect, other)]), Where("p", [states(aspect, one)]), within
    )
    assert found is again
    return found


def at(place: tuple[float, float], error_m: int = 0) -> Position:
    return Position(round(place[0] * DEGREE), turned(round(place[1] * DEGREE)), error_m)


def away(place: tuple[float, float], azimuth: float, metres: float) -> tuple[float, float]:
    solved = Geodesic.WGS84.Direct(*place, azimuth, metres)
    return solved["lat2"], solved["lon2"]


PLACES = {
    "inland": ((50.1, 24.3), 37.0),
    "antimeridian": ((65.0, 179.9999), 90.0),
    "north pole": ((89.9999, 10.0), 0.0),
    "south pole": ((-90.0, 0.0), 120.0),
    "equator": ((0.0, 0.0), 270.0),
}


def square(lat: int, lon: int, side: int = 1_000_000) -> Polygon:
    return Polygon(((lat, lon), (lat + side, lon), (lat + side, lon + side), (lat, lon + side)))


SQUARE = square(499_999_999, 239_999_999, 1_000_001)
ROUND = tuple(
    (at(one).lat_e7, at(one).lon_e7)
    for one in (away((50.0, 24.0), azimuth * 360 / 40, 900) for azimuth in range(40))
)


@pytest.mark.parametrize("name", PLACES)
def test_places_agree_up_to_the_sum_of_errors_and_tolerance(name: str) -> None:
    place, azimuth = PLACES[name]
    reach = 500 + 200 + 300
    for metres, expected in ((reach - 2, AGREE), (reach + 2, DIFFER)):
        other = at(away(place, azimuth, metres), 300)
        assert aligned(at(place, 200), other, Means.WHERE) is expected
    exact = at(away(place, azimuth, 1000), 0)
    apart = distance_m((at(place).lat_e7, at(place).lon_e7), (exact.lat_e7, exact.lon_e7))
    for metres, expected in ((apart, AGREE), (apart - 1, DIFFER), (apart + 1, AGREE)):
        within = replace(WITHIN, metres=metres)
        assert aligned(at(place), exact, Means.WHERE, within) is expected


@given(
    lat=st.integers(-900_000_000, 900_000_000), lon=st.integers(-1_799_999_999, 1_800_000_000),
    azimuth=st.integers(0, 359), metres=st.integers(0, 3_000),
)  # fmt: skip
def test_the_short_way_for_latitudes_never_decides_otherwise(
    lat: int, lon: int, azimuth: int, metres: int
) -> None:
    one = Position(lat, lon)
    other = at(away((lat / DEGREE, lon / DEGREE), azimuth, metres))
    apart = distance_m((one.lat_e7, one.lon_e7), (other.lat_e7, other.lon_e7))
    assert (aligned(one, other, Means.WHERE) is AGREE) == (apart <= WITHIN.metres)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Instant(10_000), Instant(10_300), AGREE),
        (Instant(10_000), Instant(10_301), DIFFER),
        (Instant(10_000), Instant(10_299), AGREE),
        (Instant(10_000, 60), Instant(10_480, 120), AGREE),
        (Instant(10_000, 60), Instant(10_481, 120), DIFFER),
        (Day(3), Instant(3 * 86_400 - 300), AGREE),
        (Day(3), Instant(3 * 86_400 - 301), DIFFER),
        (Day(3), Instant(4 * 86_400 + 299), AGREE),
        (Day(3), Instant(4 * 86_400 + 300), DIFFER),
        (Number(2), Number(2), AGREE),
        (Number(1), Number(2), DIFFER),
        (Number(1, 1), Number(3, 1), AGREE),
        (Number(1, 1), Number(4, 1), DIFFER),
        (Circle(0, 0, 400), Position(0, 0), AGREE),
        (Circle(0, 0, 400), Position(0, 1_000_000), DIFFER),
        (Position(0, 0, 0, "PULKOVO-42"), Position(0, 0), NOT_COMPARABLE),
        (SQUARE, Position(500_500_000, 240_500_000), AGREE),
        (SQUARE, Position(501_044_000, 240_500_000), AGREE),  # 489 m north of its edge
        (SQUARE, Position(501_046_000, 240_500_000), DIFFER),
        (SQUARE, Position(501_100_000, 240_500_000, 700), AGREE),
        (SQUARE, Position(501_100_000, 240_500_000, 600), DIFFER),
        (SQUARE, Position(500_500_000, 240_500_000, 0, "PULKOVO-42"), NOT_COMPARABLE),
        (SQUARE, Circle(501_200_000, 240_500_000, 1_800), AGREE),
        (SQUARE, Circle(501_200_000, 240_500_000, 1_700), DIFFER),
        (SQUARE, square(500_900_000, 240_900_000), AGREE),
        (SQUARE, square(500_000_000, 241_060_000), AGREE),  # 430 m beside it
        (SQUARE, square(500_000_000, 241_080_000), DIFFER),
        (SQUARE, square(500_200_000, 240_200_000, 100_000), AGREE),  # within it
        (
            SQUARE,
            Route((Waypoint(499_000_000, 240_500_000), Waypoint(502_000_000, 240_500_000))),
            AGREE,
        ),
        (
            SQUARE,
            Route((Waypoint(499_000_000, 242_000_000), Waypoint(502_000_000, 242_000_000))),
            DIFFER,
        ),
        (Polygon(ROUND), Polygon(ROUND), NOT_COMPARABLE),  # more points than are compared
        (Polygon(ROUND), Position(500_000_000, 240_000_000), AGREE),
        (Polygon(ROUND), square(0, 0), DIFFER),  # surely apart, whatever their points
        (SQUARE, Text("near the river"), NOT_COMPARABLE),
        (PartyCode("ALPHA"), PartyCode("ALPHA"), AGREE),
        (PartyCode("ALPHA"), PartyCode("BRAVO"), DIFFER),
        (Hash(digest(1)), Hash(digest(2)), DIFFER),
        (Code(1, "object"), Code(1, "object"), AGREE),
        (Code(1, "object"), Code(2, "launch"), DIFFER),
        (Text("a fire"), Text("a fire"), AGREE),
        (Text("a fire"), Text("smoke"), NOT_COMPARABLE),
        (Code(1, "light"), Number(2), NOT_COMPARABLE),
        (Special.NOT_KNOWN, Number(2), NOT_STATED),
        (Special.WITHHELD, Special.NIL, NOT_STATED),
        (Special.NOT_KNOWN, Special.WITHHELD, NOT_STATED),
        (Special.NIL, Special.NIL, AGREE),
        (Special.NIL, Number(2), DIFFER),
    ],
)
def test_values_agree_within_what_is_stated_and_allowed(
    one: Answer, other: Answer, expected: Alignment
) -> None:
    assert aligned(one, other) is expected


def test_codes_of_different_lists_agree_by_what_they_mean_or_by_their_id() -> None:
    def code(name: str, sense: Sense, pack: str) -> Where:
        return Where(pack, [Stated(aspect=Means.WHAT, value=part("is", Code(1, name), sense))])

    one = code("object", Sense.NONE, "one")
    assert align(Means.WHAT, one, code("object", Sense.NONE, "two"), WITHIN) is AGREE
    assert align(Means.WHAT, one, code("launch", Sense.NONE, "two"), WITHIN) is NOT_COMPARABLE
    assert align(Means.WHAT, one, code("launch", Sense.NONE, "one"), WITHIN) is DIFFER
    full = code("x", Sense.FULL, "one")
    assert align(Means.WHAT, full, code("y", Sense.FULL, "two"), WITHIN) is AGREE
    assert align(Means.WHAT, full, code("x", Sense.PART, "two"), WITHIN) is DIFFER


@pytest.mark.parametrize("aspect", [Means.OWN_FORCES, Means.INTENT, Means.EVIDENCE])
def test_what_each_says_of_its_own_side_is_never_said_to_differ(aspect: Means) -> None:
    assert aligned(Code(1, "involved"), Code(2, "not-involved"), aspect) is NOT_COMPARABLE


def test_a_second_number_of_the_same_answer_is_compared_as_well() -> None:
    def dead(n: int, wounded: int) -> Where:
        more = (part("casualties.wounded", Number(wounded)),)
        return Where("p", [states(Means.CASUALTIES, Number(n), more=more)])

    assert align(Means.CASUALTIES, dead(2, 1), dead(2, 1), WITHIN) is AGREE
    assert align(Means.CASUALTIES, dead(2, 1), dead(2, 3), WITHIN) is DIFFER


# --------------------------------------------------------------------------------------- versions


def view(world: World) -> View:
    book = Book(world)
    for entry in world.entries:
        book.admit(entry)
    return book.view(book.ids()[0], world.now_ms)


def account(n: int) -> Said:
    return said(Act.ACCOUNT, states(Means.COUNT, Number(n)))


def test_every_version_stays_with_what_became_of_it() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN, states(Means.COUNT, Number(1))))
    two = world.say("ALPHA", account(2), ref(opening))
    three = world.say("ALPHA", account(3), ref(two, role=CORRECTS))
    world.say("BRAVO", account(2), ref(opening))
    mine, theirs = view(world).accounts
    assert [one.standing for one in mine.versions] == [
        Standing.EARLIER, Standing.REPLACED, Standing.CURRENT,
    ]  # fmt: skip
    assert mine.versions[1].by == three.digest
    assert theirs.current
    assert [one.alignment for one in view(world).alignments] == [DIFFER]
    world.say("ALPHA", None, ref(three, role=CANCELS))  # then the second stands again
    mine = view(world).accounts[0]
    assert mine.current
    assert mine.current.entry == two
    assert [one.alignment for one in view(world).alignments] == [AGREE]
    world.say("ALPHA", None, ref(two, role=CANCELS))
    world.say("ALPHA", None, ref(opening, role=CANCELS))
    assert view(world).accounts[0].current is None
    assert [one.alignment for one in view(world).alignments] == [NOT_STATED]
    world.say("BRAVO", account(9), ref(opening, role=CORRECTS))
    assert view(world).accounts[0].current is None


def test_attribution_stands_apart_and_who_speaks_for_another_is_not_that_other() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN, states(Means.COUNT, Number(1))))
    world.say("BRAVO", said(Act.ACCOUNT, states(Means.WHOSE, PartyCode("ALPHA"))), ref(opening))
    world.say("CHARLIE", account(5), ref(opening), through="BRAVO")
    world.say("BRAVO", said(Act.NOTICE, states(Means.COUNT, Number(7))), ref(opening))
    found = view(world)
    assert [(one.party, one.through) for one in found.accounts] == [
        ("ALPHA", ""), ("CHARLIE", "BRAVO"),
    ]  # fmt: skip
    assert [one.aspect for one in found.attribution] == [Means.WHOSE]


def test_names_of_those_spoken_for_cost_nothing() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN, states(Means.COUNT, Number(1))))
    for n in range(200):
        world.say("CHARLIE", account(n), ref(opening), through=f"X{n}")
    (found,) = view(world).alignments
    assert len(found.pairs) == (MAX_THROUGH + 1) * MAX_THROUGH // 2
    assert {other for _, other, _ in found.pairs} == {
        ("CHARLIE", f"X{n}") for n in range(MAX_THROUGH)
    }


def test_what_two_stations_of_a_party_say_unread_of_each_other_is_shown_beside() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN))
    one, two = world.post("BRAVO", "one"), world.post("BRAVO", "two")
    one.reads_all()
    two.reads_all()
    one.says(account(1), ref(opening))
    two.says(account(2), ref(opening))
    (found,) = view(world).accounts
    assert [version.standing for version in found.versions] == [
        Standing.BESIDE, Standing.CURRENT,
    ]  # fmt: skip


def test_what_another_station_has_read_it_says_anew_and_not_beside() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN))
    one, two = world.post("BRAVO", "one"), world.post("BRAVO", "two")
    one.reads_all()
    one.says(account(1), ref(opening))
    two.reads_all()
    two.says(account(2), ref(opening))
    (found,) = view(world).accounts
    assert [version.standing for version in found.versions] == [
        Standing.EARLIER, Standing.CURRENT,
    ]  # fmt: skip


def test_of_a_long_account_the_first_the_newest_and_what_stands_are_given() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN))
    some = [world.say("ALPHA", account(n), ref(opening)) for n in range(9)]
    for one in some[4:]:
        world.say("ALPHA", None, ref(one, role=CANCELS))
    book = Book(world)
    for entry in world.entries:
        book.admit(entry)
    id_ = book.ids()[0]
    for most, numbers, left in ((3, [1, 4, 8, 9], 5), (9, list(range(1, 10)), 0),
                                (8, [1, 3, 4, 5, 6, 7, 8, 9], 1)):  # fmt: skip
        (found,) = book.view(id_, world.now_ms, most=replace(MOST, versions=most)).accounts
        assert [version.number for version in found.versions] == numbers
        assert found.left == left
        assert found.current is not None
        assert found.current.number == 4


def test_only_what_gives_an_account_is_one() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN))
    for act in Act:
        if act is not Act.OPEN:
            world.say("ALPHA", said(act, states(Means.COUNT, Number(1))), ref(opening))
    found = view(world).accounts
    acts = [version.entry.act for one in found for version in one.versions]
    assert acts == [Act.NONE, Act.WORD, Act.ACCOUNT, Act.ANSWER, Act.CLOSE, Act.REOPEN]


def test_two_shapes_are_compared_up_to_so_many_points() -> None:
    def ring(points: int) -> Polygon:
        return Polygon(tuple((n, n * n) for n in range(points)))

    assert comparable(ring(32), ring(32))
    assert not comparable(ring(32), ring(33))
    assert comparable(ring(64), Position(0, 0))
    assert comparable(Circle(0, 0, 1), ring(64))


def test_codes_of_two_agreements_are_not_held_against_each_other() -> None:
    for pack, expected in (("one", DIFFER), ("other", NOT_COMPARABLE)):
        world = World()
        opening = world.say("ALPHA", said(Act.OPEN))
        for party, item, of in (("ALPHA", Code(1, "a"), "one"), ("BRAVO", Code(2, "b"), pack)):
            world.say(party, said(Act.ACCOUNT, states(Means.WHAT, item), pack=of), ref(opening))
        assert [one.alignment for one in view(world).alignments] == [expected]


def test_where_values_cannot_be_compared_no_number_beside_them_makes_them_differ() -> None:
    def told(words: str, n: int) -> list[Stated]:
        return [states(Means.WHAT, Text(words), more=(part("what.n", Number(n)),))]

    for words, n, expected in (
        ("a", 1, AGREE), ("a", 2, DIFFER), ("b", 1, NOT_COMPARABLE), ("b", 2, NOT_COMPARABLE),
    ):  # fmt: skip
        found = align(Means.WHAT, Where("p", told("a", 1)), Where("p", told(words, n)), WITHIN)
        assert found is expected


def test_an_account_that_was_attached_goes_with_the_attachment() -> None:
    world = World()
    loose = [world.say("ALPHA", account(n)) for n in range(2)]
    opening = world.say("ALPHA", said(Act.OPEN))
    attach = [world.say("ALPHA", said(Act.ATTACH), ref(opening, one)) for one in loose]
    book = Book(world)
    for entry in world.entries:
        book.admit(entry)
    for left in (2, 1, 0):
        found = book.accounts(opening.digest)
        assert [len(one.versions) for one in found] == ([left] if left else [])
        if left:
            book.admit(world.say("ALPHA", None, ref(attach.pop(), role=CANCELS)))


@pytest.mark.parametrize("turn", [False, True])
def test_a_version_of_what_was_stated_with_other_things_has_its_own_alone(*, turn: bool) -> None:
    world = World("ALPHA", "BRAVO")
    what, count = states(Means.WHAT, Text("a shot")), states(Means.COUNT, Number(2))
    opened = world.say("ALPHA", said(Act.OPEN))
    world.say("ALPHA", said(Act.ACCOUNT, *((count, what) if turn else (what, count))), ref(opened))
    book = Book(world)
    for entry in world.entries:
        book.admit(entry)
    found = {
        one.aspect: one.versions[0].stated
        for one in book.view(opened.digest, world.now_ms).accounts
    }
    assert found == {Means.WHAT: (what,), Means.COUNT: (count,)}
