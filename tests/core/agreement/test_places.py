"""Distances and areas on the ellipsoid, at the poles, at the antimeridian and between zones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.made import LATS, LONS
from tests.examples import tries

from tieline.core.agreement import places
from tieline.core.agreement.places import (
    DEGREE,
    Circle,
    Place,
    Polygon,
    Position,
    Route,
    Waypoint,
    apart_m,
    contains,
    distance_m,
    is_place,
    length_m,
    overlap,
    turned,
)


def at(lat: float, lon: float) -> tuple[int, int]:
    return round(lat * 10_000_000), round(lon * 10_000_000)


def polygon(*points: tuple[float, float]) -> Polygon:
    return Polygon(tuple(at(*point) for point in points))


def circle(lat: float, lon: float, radius_m: int) -> Circle:
    return Circle(*at(lat, lon), radius_m)


# The quarter meridian of WGS 84 and its equator are known figures (10 001 965.729 m from equator to
# pole; 40 075 016.686 m around); the third is the pair of airports of Karney's own documentation.
@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ((0, 0), (90, 0), 10_001_966),
        ((0, 0), (90, 123), 10_001_966),
        ((-90, 0), (90, 50), 20_003_931),
        ((0, 0), (0, 90), 10_018_754),
        ((0, 179.5), (0, -179.5), 111_319),
        ((0, 180), (0, 179), 111_319),
        ((90, 10), (90, -170), 0),
        ((-41.32, 174.81), (40.96, -5.50), 19_959_679),
    ],
)
def test_known_distances(one: tuple[float, float], other: tuple[float, float], metres: int) -> None:
    assert distance_m(at(*one), at(*other)) == metres
    assert distance_m(at(*other), at(*one)) == metres


def test_a_route_is_as_long_as_its_legs() -> None:
    way = Route((Waypoint(*at(0, 179)), Waypoint(*at(0, 180)), Waypoint(*at(0, -179))))
    assert length_m(way) == 2 * 111_319


@pytest.mark.parametrize(
    ("area", "place", "inside"),
    [
        (circle(0, 180, 111_319), (0, -179), True),
        (circle(0, 180, 111_318), (0, -179), False),
        (circle(90, 0, 1000), (89.995, 77), True),
        (circle(90, 0, 500), (89.995, 77), False),
        # around the pole
        (polygon((80, 0), (80, 120), (80, -120)), (90, 0), True),
        (polygon((80, 0), (80, 120), (80, -120)), (79.9, 0), False),
        (polygon((-80, 0), (-80, 120), (-80, -120)), (-89, 33), True),
        (polygon((-80, 0), (-80, 120), (-80, -120)), (90, 0), False),  # its antipode
        # across the antimeridian
        (polygon((1, 179), (1, -179), (-1, -179), (-1, 179)), (0, 180), True),
        (polygon((1, 179), (1, -179), (-1, -179), (-1, 179)), (0, 0), False),
        (polygon((1, 179), (1, -179), (-1, -179), (-1, 179)), (0, 178.9), False),
        # across the border of two UTM zones (6 degrees east)
        (polygon((50, 5.9), (50, 6.1), (50.1, 6.1), (50.1, 5.9)), (50.05, 6), True),
        # a dent
        (polygon((0, 0), (0, 4), (4, 4), (1, 1), (4, 0)), (2, 1.2), False),
        (polygon((0, 0), (0, 4), (4, 4), (1, 1), (4, 0)), (2, 0.3), True),
    ],
)  # fmt: skip
def test_what_is_in_an_area(
    area: Circle | Polygon, place: tuple[float, float], inside: bool
) -> None:
    assert contains(area, at(*place)) is inside


BOX = polygon((1, 179), (1, -179), (-1, -179), (-1, 179))


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (circle(0, 180, 60_000), circle(0, -179, 51_319), True),
        (circle(0, 180, 60_000), circle(0, -179, 51_318), False),
        (BOX, circle(0, 180, 10), True),  # all inside
        (BOX, circle(0, -178, 111_400), True),
        (BOX, circle(0, -178, 111_100), False),
        (BOX, polygon((0.5, 178), (0.5, -178), (-0.5, -178), (-0.5, 178)), True),  # a cross
        (BOX, polygon((0.1, 179.9), (0.1, -179.9), (-0.1, 180)), True),  # one holds the other
        (BOX, polygon((0, 170), (1, 171), (1, 170)), False),
        (BOX, polygon((1, -1), (1, 1), (-1, 1), (-1, -1)), False),  # the other side of the Earth
        (BOX, Position(*at(0, 179.99), 0), True),
        (BOX, Position(*at(0, 178.9), 12_000), True),
        (BOX, Position(*at(0, 178.9), 11_000), False),
        (BOX, Route((Waypoint(*at(5, 180)), Waypoint(*at(-5, 180)))), True),
        (BOX, Route((Waypoint(*at(5, 177)), Waypoint(*at(-5, 177)))), False),
        (Route((Waypoint(*at(5, 180)), Waypoint(*at(-5, 180)))), circle(0, -179.9, 11_200), True),
        (Route((Waypoint(*at(5, 180)), Waypoint(*at(-5, 180)))), circle(0, -179.9, 11_000), False),
        (circle(90, 0, 100), circle(89.999, 180, 100), True),
    ],
)
def test_what_meets(one: Circle | Polygon, other: Circle | Polygon, meet: bool) -> None:
    assert overlap(one, other) is meet
    assert overlap(other, one) is meet


@settings(max_examples=tries(20))
@given(LATS, LONS, LATS, LONS, st.integers(1, 500_000))
def test_shapes_agree_on_who_meets(lat: int, lon: int, lat2: int, lon2: int, radius: int) -> None:
    far = distance_m((lat, lon), (lat2, lon2))
    assert overlap(Circle(lat, lon, radius), Circle(lat2, lon2, 1)) is (far <= radius + 1)
    assert contains(Circle(lat, lon, max(far, 1)), (lat2, lon2))


@given(st.integers(-(10**11), 10**11))
def test_every_meridian_is_turned_into_its_one_number(lon: int) -> None:
    assert is_place(0, turned(lon))
    assert (turned(lon) - lon) % 3_600_000_000 == 0


CORNERS = st.lists(st.tuples(st.integers(0, 359), st.integers(1, 40_000)), min_size=1, max_size=5)


def shape(centre: tuple[float, float], corners: list[tuple[int, int]]) -> Polygon | Route:
    """Corners about a place, by azimuth and metres: an area, or a route of fewer than three."""
    found = [Geodesic.WGS84.Direct(*centre, azimuth, metres) for azimuth, metres in sorted(corners)]
    places = [at(one["lat2"], one["lon2"]) for one in found]
    if len(set(places)) > 2:
        return Polygon(tuple(places))
    return Route(tuple(Waypoint(*one) for one in places))


def along(one: Place) -> Iterator[tuple[int, int]]:
    """Many points of the edge of a place."""
    if isinstance(one, Polygon):
        points = [*one.points, one.points[0]]
    elif isinstance(one, Route):
        points = [(each.lat_e7, each.lon_e7) for each in one.waypoints]
    else:
        points = [(one.lat_e7, one.lon_e7)]
    yield from points
    for (lat, lon), (lat2, lon2) in pairwise(points):
        line = Geodesic.WGS84.InverseLine(lat / DEGREE, lon / DEGREE, lat2 / DEGREE, lon2 / DEGREE)
        for part in range(1, 40):
            found = line.Position(line.s13 * part / 40)
            yield at(found["lat2"], found["lon2"])


@settings(max_examples=tries(15), deadline=None)
@given(
    lat=st.sampled_from((0.0, 50.3, -89.7, 89.99, 66.0)), lon=st.sampled_from((24.0, 179.95)),
    one=CORNERS, other=CORNERS, azimuth=st.integers(0, 359), metres=st.integers(0, 150_000),
    radius=st.sampled_from((-1, 0, 700)),
)  # fmt: skip
def test_how_far_two_places_are_apart_is_how_far_their_nearest_points_are(
    lat: float, lon: float, one: list[tuple[int, int]], other: list[tuple[int, int]], azimuth: int,
    metres: int, radius: int,
) -> None:  # fmt: skip
    there = Geodesic.WGS84.Direct(lat, lon, azimuth, metres)
    mine: Place = shape((lat, lon), one)
    if radius >= 0:
        mine = Circle(*at(lat, lon), radius)
    theirs = shape((there["lat2"], there["lon2"]), other)
    found = apart_m(mine, theirs)
    assert found == apart_m(theirs, mine)
    assert (found == 0) or not overlap(mine, theirs)
    if overlap(mine, theirs):
        assert found == 0
        return
    least = min(distance_m(a, b) for a in along(mine) for b in along(theirs)) - max(radius, 0)
    step = 80_000 / 40 * (2 if radius < 0 else 1)  # between two points looked at, at the most
    assert least - step - 2 <= found <= least * 1.01 + 2


def test_the_nearest_of_a_long_and_a_short_leg_is_found_on_the_globe() -> None:
    """The middle of a long leg lies far above the straight line between its ends."""
    place = Position(*at(1, 30))
    legs = [at(3.5, 30), at(3.5, 30.1), at(0, 0), at(0, 60)]
    route = Route(tuple(Waypoint(*one) for one in legs))
    assert apart_m(place, route) == apart_m(route, place)
    assert abs(apart_m(place, route) - distance_m(at(1, 30), at(0, 30))) <= 1
    short = Route(tuple(Waypoint(*one) for one in legs[:2]))
    assert abs(apart_m(place, short) - distance_m(at(1, 30), at(3.5, 30))) <= 1


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("mirror", [1.0, -1.0])
@pytest.mark.parametrize(
    ("one", "other", "cross"),
    [
        (((0, 0), (2, 2)), ((0, 2), (2, 0)), True),
        (((0, 0), (2, 2)), ((2, 2), (3, 0)), True),  # an end on an end
        (((0, 0), (2, 0)), ((1, 0), (1, 5)), True),  # an end on a line
        (((0, 0), (2, 0)), ((1, 1), (1, 5)), False),
        (((0, 0), (1, 1)), ((0, 2), (2, 0.5)), False),
        (((0, 0), (2, 0)), ((1, 0), (3, 0)), True),  # along each other
        (((0, 0), (2, 0)), ((2, 0), (3, 0)), True),
        (((0, 0), (2, 0)), ((2.5, 0), (3, 0)), False),
        (((0, 0), (0, 2)), ((0, 1), (0, 3)), True),
        (((0, 0), (0, 2)), ((0, 2.5), (0, 3)), False),
        (((0, 0), (2, 2)), ((2.5, 2.5), (3, 3)), False),
        (((5, 0), (7, 0)), ((0, 0), (2, 0)), False),
        (((0, 5), (0, 7)), ((0, 0), (0, 2)), False),
    ],
)
def test_two_lines_of_the_plane_cross_where_they_have_a_point_in_common(
    one: tuple[tuple[float, float], tuple[float, float]],
    other: tuple[tuple[float, float], tuple[float, float]],
    cross: bool, mirror: float, turn: bool,
) -> None:  # fmt: skip
    def seen(line: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        points = [(mirror * x, y) for x, y in line]
        return tuple((y, x) for x, y in points) if turn else tuple(points)

    for first, second in ((one, other), (other, one)):
        for a, b in ((first, second), (first[::-1], second), (first, second[::-1])):
            assert places._cross(seen(a), seen(b)) is cross  # type: ignore[arg-type]


def test_what_is_more_than_a_quarter_of_the_globe_away_is_as_far_as_its_nearer_end() -> None:
    near, far = at(0, 170), at(0, 179)
    for ends in ((near, far), (far, near)):
        route = Route(tuple(Waypoint(*one) for one in ends))
        assert apart_m(Position(0, 0), route) == distance_m((0, 0), near)
        assert apart_m(Circle(0, 0, 1000), route) == distance_m((0, 0), near) - 1000
