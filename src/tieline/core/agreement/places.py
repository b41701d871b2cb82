"""Places on the WGS 84 ellipsoid: positions, areas and routes.

Coordinates are whole 1e-7 degrees (about a centimetre). Longitude runs from -180 exclusive to 180
inclusive, so that a place has one pair of numbers (but for the poles, where every longitude is the
same place).

Distances are along geodesics, by geographiclib (decision 0013). It computes in floating point,
which is let into the core here and nowhere else: what leaves this module is whole metres and yes or
no. Two machines may differ in the last metre, so a rule may ask a person because of a distance, but
may not let an obligation hang on one.

Lines between points are geodesics too. They are compared in a gnomonic projection about a point of
one of the two shapes, in which geodesics are straight; so the poles and the antimeridian are places
like others. Shapes must lie within a quarter of the globe of each other to be compared, and
what is farther away does not meet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from geographiclib.geodesic import Geodesic

DEGREE: Final = 10_000_000
MAX_LAT: Final = 90 * DEGREE
MAX_LON: Final = 180 * DEGREE
MAX_POINTS: Final = 64


@dataclass(frozen=True, slots=True)
class Position:
    """A place, give or take ``error_m`` metres (0: no error was stated).

    ``datum`` is empty for WGS 84; else the numbers are in that datum and are compared with nothing.
    ``typed`` is what the officer wrote, when it was kept.
    """

    lat_e7: int
    lon_e7: int
    error_m: int = 0
    datum: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Circle:
    """Everything within ``radius_m`` metres (along the ellipsoid) of a centre."""

    lat_e7: int
    lon_e7: int
    radius_m: int


@dataclass(frozen=True, slots=True)
class Polygon:
    """The inside of a closed line of geodesics through ``points`` (lat_e7, lon_e7), 3 or more."""

    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A point of a route, and when it is to be passed (UTC seconds), if that is said."""

    lat_e7: int
    lon_e7: int
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Waypoints in order, joined by geodesics."""

    waypoints: tuple[Waypoint, ...]


Area = Circle | Polygon


def is_place(lat_e7: int, lon_e7: int) -> bool:
    """Whether two numbers are a latitude and a longitude."""
    return -MAX_LAT <= lat_e7 <= MAX_LAT and -MAX_LON < lon_e7 <= MAX_LON


def turned(lon_e7: int) -> int:
    """The same meridian between -180 exclusive and 180 inclusive."""
    return MAX_LON - (MAX_LON - lon_e7) % (2 * MAX_LON)


# --------------------------------------------------------------------------------------- geodesics

Place = Position | Circle | Polygon | Route
_Point = tuple[float, float]
_EARTH = Geodesic.WGS84
_MEAN_RADIUS_M: Final = 6_371_009
_FLATTEST_M: Final = 6_399_600  # the radius of curvature at the poles, the largest on WGS 84
_LEAST: Final = 0.98  # of a distance on that sphere: at least so much on the ellipsoid
_QUARTER_M: Final = 9_900_000  # a gnomonic projection shows less than a quarter turn
_WANTED: Final = (
    Geodesic.DISTANCE | Geodesic.AZIMUTH | Geodesic.REDUCEDLENGTH | Geodesic.GEODESICSCALE
)


def distance_m(from_: tuple[int, int], to: tuple[int, int]) -> int:
    """Metres along the shortest line between two places (lat_e7, lon_e7), rounded."""
    solved = _EARTH.Inverse(*_degrees(from_), *_degrees(to), Geodesic.DISTANCE)
    metres: int = round(solved["s12"])
    return metres


def length_m(route: Route) -> int:
    """Metres along a route."""
    ways = [(one.lat_e7, one.lon_e7) for one in route.waypoints]
    return sum(distance_m(one, other) for one, other in pairwise(ways))


def contains(area: Area, place: tuple[int, int]) -> bool:
    """Whether a place (lat_e7, lon_e7) is in an area; its edge counts as inside for a circle."""
    if isinstance(area, Circle):
        return distance_m((area.lat_e7, area.lon_e7), place) <= area.radius_m
    corners = _projected(place, area.points)
    return None not in corners and _inside((0.0, 0.0), [one for one in corners if one is not None])


def overlap(one: Place, other: Place) -> bool:
    """Whether two places have a point in common. A position reaches as far as its error.

    Costs about as many geodesics as both have points (decision 0013 has figures).
    """
    points, radius = _shape(one)
    others, reach = _shape(other)
    if len(points) > 1 and len(others) == 1:
        return overlap(other, one)
    start = points[0]
    if len(points) == 1 and len(others) == 1:
        return distance_m(start, others[0]) <= radius + reach
    seen = _projected(start, others)
    if len(points) == 1:
        return _meets_circle(radius, seen, closed=isinstance(other, Polygon))
    return _meets(
        (_projected(start, points), isinstance(one, Polygon)), (seen, isinstance(other, Polygon))
    )


def apart_m(one: Place, other: Place) -> int:
    """Metres between the nearest points of two places, rounded; 0 if they have a point in common.

    A position reaches as far as its error. The nearest corner of a shape is looked for on a sphere,
    so that the answer may be some thousandth too long. Costs about as much as ``overlap``.
    """
    points, radius = _shape(one)
    others, reach = _shape(other)
    if len(points) > 1 and len(others) == 1:
        return apart_m(other, one)
    if len(others) == 1:
        return max(0, distance_m(points[0], others[0]) - radius - reach)
    if overlap(one, other):
        return 0
    if len(points) == 1:
        sides = [(points[0], line) for line in _lines(other)]
        return max(0, round(min(_to_line_m(*side) for side in _nearest_few(sides))) - radius)
    sides = [(corner, line) for corner in points for line in _lines(other)]
    sides += [(corner, line) for corner in others for line in _lines(one)]
    return round(min(_to_line_m(*side) for side in _nearest_few(sides)))


_Corner = tuple[int, int]
_Line = tuple[_Corner, _Corner]
_FEW: Final = 8
_TIE: Final = (
    1.01  # of the shortest on a sphere: on the ellipsoid each of these may be the shortest
)


def _lines(place: Place) -> list[_Line]:
    """The geodesics of a shape."""
    points, _ = _shape(place)
    ends = (*points, points[0]) if isinstance(place, Polygon) else points
    return list(pairwise(ends))


def _nearest_few(sides: list[tuple[_Corner, _Line]]) -> list[tuple[_Corner, _Line]]:
    """Corners and lines that are nearest to each other on a sphere."""
    found = sorted((_to_chord(corner, line), corner, line) for corner, line in sides)
    least = found[0][0] * _TIE
    return [(corner, line) for far, corner, line in found[:_FEW] if far <= least]


def _to_chord(corner: _Corner, line: _Line) -> float:
    """About how far a corner is from a line, by the straight line between its ends."""
    p, a, b = _unit(corner), _unit(line[0]), _unit(line[1])
    along = [end - begin for begin, end in zip(a, b, strict=True)]
    square = sum(part * part for part in along)
    to = sum((x - begin) * part for x, begin, part in zip(p, a, along, strict=True))
    share = 0.0 if square == 0 else min(1.0, max(0.0, to / square))
    foot = [begin + share * part for begin, part in zip(a, along, strict=True)]
    size = math.sqrt(sum(part * part for part in foot)) or 1.0
    return math.dist(p, [part / size for part in foot])


def _unit(corner: _Corner) -> tuple[float, float, float]:
    lat, lon = math.radians(corner[0] / DEGREE), math.radians(corner[1] / DEGREE)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def _to_line_m(corner: _Corner, line: _Line) -> float:
    """Metres from a corner to a geodesic; to its nearer end when it is farther than a quarter."""
    seen = _projected(corner, line)
    if seen[0] is None or seen[1] is None:
        return min(distance_m(corner, line[0]), distance_m(corner, line[1]))
    return _on_ground(math.hypot(*_nearest(seen[0], seen[1])))


@dataclass(frozen=True, slots=True)
class Bound:
    """A place, and a circle that it does not reach beyond: its first point, and metres."""

    place: Place
    lat_e7: int
    lon_e7: int
    reach_m: int
    points: int


def bound(place: Place) -> Bound:
    """A circle around a place: as far as its points lie from the first, and its lines can bend."""
    points, radius = _shape(place)
    first = points[0]
    if len(points) > 1:
        sides = zip(points, (*points[1:], first), strict=True)
        longest = max(_at_most_m(one, other) for one, other in sides)
        radius = math.ceil(max(_at_most_m(first, one) for one in points) + longest / 2)
    return Bound(place, first[0], first[1], radius, len(points))


def surely_apart(one: Bound, other: Bound, metres: int) -> bool:
    """Whether two places are surely further apart than so much: a cheap look, without geodesics."""
    apart = _at_most_m((one.lat_e7, one.lon_e7), (other.lat_e7, other.lon_e7))
    return apart * _LEAST > one.reach_m + other.reach_m + metres


def _at_most_m(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Metres between two places on a sphere as flat as the earth at its flattest: never less."""
    lat, at = math.radians(one[0] / DEGREE), math.radians(other[0] / DEGREE)
    north, east = math.sin((at - lat) / 2), math.sin(math.radians((other[1] - one[1]) / DEGREE) / 2)
    chord = north * north + math.cos(lat) * math.cos(at) * east * east
    return 2 * _FLATTEST_M * math.asin(math.sqrt(min(1.0, chord)))


def _shape(place: Place) -> tuple[tuple[tuple[int, int], ...], int]:
    """The points of a place, and how far it reaches around them."""
    match place:
        case Position(lat_e7=lat, lon_e7=lon, error_m=radius):
            return ((lat, lon),), radius
        case Circle(lat_e7=lat, lon_e7=lon, radius_m=radius):
            return ((lat, lon),), radius
        case Polygon(points=points):
            return points, 0
        case Route(waypoints=waypoints):
            return tuple((one.lat_e7, one.lon_e7) for one in waypoints), 0


def _degrees(place: tuple[int, int]) -> _Point:
    return place[0] / DEGREE, place[1] / DEGREE


def _projected(centre: tuple[int, int], places: tuple[tuple[int, int], ...]) -> list[_Point | None]:
    """Places in the plane, metres east and north of a centre; ``None`` for what is too far away."""
    out: list[_Point | None] = []
    lat, lon = _degrees(centre)
    for place in places:
        solved = _EARTH.Inverse(lat, lon, *_degrees(place), _WANTED)
        if solved["s12"] > _QUARTER_M:
            out.append(None)
            continue
        rho = solved["m12"] / solved["M12"]
        azimuth = math.radians(solved["azi1"])
        out.append((rho * math.sin(azimuth), rho * math.cos(azimuth)))
    return out


def _edges(points: list[_Point | None], *, closed: bool) -> Iterator[tuple[_Point, _Point]]:
    """The lines of a shape, without those that leave the projection."""
    ends = [*points, points[0]] if closed and len(points) > 2 else points
    for one, other in pairwise(ends):
        if one is not None and other is not None:
            yield one, other


def _inside(point: _Point, corners: list[_Point]) -> bool:
    """Whether a point of the plane is inside a closed line (even-odd rule)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in _edges([*corners], closed=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def _meets_circle(radius: int, seen: list[_Point | None], *, closed: bool) -> bool:
    """Whether a shape comes within ``radius`` metres of the centre of the projection."""
    if (
        closed
        and None not in seen
        and _inside((0.0, 0.0), [one for one in seen if one is not None])
    ):
        return True
    return any(
        _on_ground(math.hypot(*_nearest(one, other))) <= radius
        for one, other in _edges(seen, closed=closed)
    )


def _nearest(one: _Point, other: _Point) -> _Point:
    """The point of a line that is nearest to the origin."""
    dx, dy = other[0] - one[0], other[1] - one[1]
    square = dx * dx + dy * dy
    along = 0.0 if square == 0 else min(1.0, max(0.0, -(one[0] * dx + one[1] * dy) / square))
    return one[0] + along * dx, one[1] + along * dy


def _on_ground(rho: float) -> float:
    """Metres on the ground for metres from the centre of the projection."""
    return _MEAN_RADIUS_M * math.atan(rho / _MEAN_RADIUS_M)


def _meets(one: tuple[list[_Point | None], bool], other: tuple[list[_Point | None], bool]) -> bool:
    """Whether two shapes in the plane cross, or one holds the other."""
    others = list(_edges(other[0], closed=other[1]))
    if any(_cross(edge, line) for edge in _edges(one[0], closed=one[1]) for line in others):
        return True
    for (outer, closed), (inner, _) in ((one, other), (other, one)):
        corners = [point for point in outer if point is not None]
        first = inner[0]
        if closed and first is not None and len(corners) == len(outer) and _inside(first, corners):
            return True
    return False


def _cross(one: tuple[_Point, _Point], other: tuple[_Point, _Point]) -> bool:
    (a, b), (c, d) = one, other
    return (
        _side(a, b, c) * _side(a, b, d) <= 0
        and _side(c, d, a) * _side(c, d, b) <= 0
        and max(a[0], b[0]) >= min(c[0], d[0])
        and max(c[0], d[0]) >= min(a[0], b[0])
        and max(a[1], b[1]) >= min(c[1], d[1])
        and max(c[1], d[1]) >= min(a[1], b[1])
    )


def _side(a: _Point, b: _Point, p: _Point) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
