"""How the earth is laid out flat, and which part of it a map shows.

Two planes: Mercator's for all but the ends of the earth, and for each end the azimuthal equidistant
one about its pole. In both, a map is a piece of the plane that is moved, turned and scaled, so what
was laid out once serves every map. In Mercator's, x is the longitude in degrees and may run past
180; no place beyond 85 degrees is in it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

Point = tuple[float, float]

MERCATOR_END: Final = 85.0
POLAR_FROM: Final = 78.0  # what reaches beyond this is drawn about the pole
POLAR_DOWN_TO: Final = 25.0  # if all of it lies on this side of that parallel
LEAST_M: Final = 4_000.0  # what a map shows across, at least
_DEGREE_M: Final = 111_195.0
_SEMI: Final = 6_378_137.0
_FLAT: Final = 1 / 298.257223563
_SQUARE: Final = _FLAT * (2 - _FLAT)


def mercator(lons: array[float], lats: array[float]) -> tuple[array[float], array[float]]:
    """The plane of Mercator on a sphere, in degrees of the equator."""
    return lons, array("d", [_up(lat) for lat in lats])


def north(lons: array[float], lats: array[float]) -> tuple[array[float], array[float]]:
    """The plane about the north pole, in degrees from it; longitude 0 runs down."""
    return _polar(lons, [90 - lat for lat in lats], 1.0)


def south(lons: array[float], lats: array[float]) -> tuple[array[float], array[float]]:
    """The plane about the south pole, in degrees from it; longitude 0 runs up."""
    return _polar(lons, [90 + lat for lat in lats], -1.0)


def _polar(lons: array[float], away: list[float], sign: float) -> tuple[array[float], array[float]]:
    turns = [math.radians(lon) for lon in lons]
    xs = [rho * math.sin(turn) for rho, turn in zip(away, turns, strict=True)]
    ys = [-sign * rho * math.cos(turn) for rho, turn in zip(away, turns, strict=True)]
    return array("d", xs), array("d", ys)


def _up(lat: float) -> float:
    lat = max(-MERCATOR_END, min(MERCATOR_END, lat))
    return math.degrees(math.asinh(math.tan(math.radians(lat))))


@dataclass(frozen=True, slots=True)
class Reach:
    """A place, and how far around it something goes, in degrees of arc."""

    lat: float
    lon: float
    arc: float = 0.0


@dataclass(frozen=True, slots=True)
class View:
    """A piece of a plane on a sheet of pixels.

    ``pole``: 1 and -1 for the planes about the poles, 0 for Mercator's. ``x`` and ``y``: what of
    the (turned) plane stands in the middle. ``scale``: pixels for a unit of the plane. ``turn``:
    the meridian that runs down (north pole) or up (south pole), in degrees.
    """

    pole: int
    x: float
    y: float
    scale: float
    turn: float
    width: float
    height: float

    def matrix(self) -> tuple[float, float, float, float, float, float]:
        """From the plane to pixels: ``px = a*x + b*y + c`` and ``py = d*x + e*y + f``."""
        turn = -math.radians(self.turn) * (1 if self.pole >= 0 else -1)
        cos, sin = (math.cos(turn), math.sin(turn)) if self.pole else (1.0, 0.0)
        k = self.scale
        return (
            k * cos,
            -k * sin,
            self.width / 2 - k * self.x,
            -k * sin,
            -k * cos,
            self.height / 2 + k * self.y,
        )

    def at(self, lat: float, lon: float) -> Point:
        """Pixels of a place."""
        if self.pole == 0:
            lon = self.x + (lon - self.x + 180) % 360 - 180
            return self.plain(lat, lon)
        return self.plain(lat, lon)

    def plain(self, lat: float, lon: float) -> Point:
        """Pixels of a place whose longitude may run past 180, as a line goes on."""
        a, b, c, d, e, f = self.matrix()
        if self.pole == 0:
            x, y = lon, _up(lat)
        else:
            away, turn = 90 - self.pole * lat, math.radians(lon)
            x, y = away * math.sin(turn), -self.pole * away * math.cos(turn)
        return a * x + b * y + c, d * x + e * y + f

    def back(self, point: Point) -> Point:
        """The latitude and longitude of a pixel."""
        x = (point[0] - self.width / 2) / self.scale + self.x
        y = (self.height / 2 - point[1]) / self.scale + self.y
        if self.pole == 0:
            lat = math.degrees(math.atan(math.sinh(math.radians(y))))
            return lat, (x + 180) % 360 - 180
        away = min(math.hypot(x, y), 180.0)
        lon = math.degrees(math.atan2(x, -self.pole * y)) + self.turn
        return self.pole * (90 - away), (lon + 180) % 360 - 180

    def bounds(self) -> tuple[Point, Point]:
        """The spans of latitude and of longitude; longitudes may run past 180 in Mercator's."""
        if self.pole == 0:
            half = min(180.0, self.width / 2 / self.scale)
            low = self.back((0, self.height))[0]
            return (low, self.back((0, 0))[0]), (self.x - half, self.x + half)
        corners = [(x, y) for x in (0, self.width) for y in (0, self.height)]
        far = min(abs(self.back(one)[0]) for one in corners)
        if any(self.back(one)[0] * self.pole < 0 for one in corners):
            far = -30.0
        return ((far, 90.0) if self.pole > 0 else (-90.0, -far)), (-180.0, 180.0)

    def pixels_of_degree(self) -> float:
        """Pixels of a degree along the meridian, in the middle of the map."""
        if self.pole:
            return self.scale
        return self.scale / max(0.05, math.cos(math.radians(self.middle()[0])))

    def middle(self) -> Point:
        """The place in the middle of the map."""
        return self.back((self.width / 2, self.height / 2))

    def holds(self, point: Point, edge: float = 0.0) -> bool:
        """Whether pixels are on the map."""
        return -edge <= point[0] <= self.width + edge and -edge <= point[1] <= self.height + edge


def fit(reaches: Iterable[Reach], width: float, height: float) -> View:
    """The view that shows some places; the world if there are none."""
    found = list(reaches)
    if not found:
        return View(0, 0.0, 15.0, width / 360, 0.0, width, height)
    low = max(-90.0, min(one.lat - one.arc for one in found))
    high = min(90.0, max(one.lat + one.arc for one in found))
    over = any(_wide(one) >= 180 for one in found)  # a circle goes around a pole
    if (high > POLAR_FROM or (over and high > 0)) and low > POLAR_DOWN_TO:
        return _about_pole(found, 1, width, height)
    if (low < -POLAR_FROM or (over and low < 0)) and high < -POLAR_DOWN_TO:
        return _about_pole(found, -1, width, height)
    found = [one for one in found if abs(one.lat) <= MERCATOR_END] or found
    low = max(-MERCATOR_END, min(one.lat - one.arc for one in found))
    high = min(MERCATOR_END, max(one.lat + one.arc for one in found))
    west, east = _span(found)
    bottom, top = _up(low), _up(high)
    least = LEAST_M / _DEGREE_M / math.cos(math.radians((low + high) / 2))
    end = _up(MERCATOR_END)
    scale = max(_scale((east - west, top - bottom), (width, height), least), height / 2 / end)
    y = (bottom + top) / 2
    half = height / 2 / scale
    y = max(-end + half, min(end - half, y))
    if east - west >= 300:  # the whole world, and no edge around it
        scale = max(scale, min(width / 360, height / (top - bottom + 10)))
    return View(0, (west + east) / 2, y, scale, 0.0, width, height)


def _scale(size: Point, sheet: Point, least: float) -> float:
    """Pixels of a unit, so that all is on the sheet with an edge around it."""
    across, down = max(size[0], least), max(size[1], least)
    edge = 36.0
    return min((sheet[0] - 2 * edge) / across, (sheet[1] - 2 * edge) / down)


def _about_pole(found: list[Reach], pole: int, width: float, height: float) -> View:
    east = sum(math.sin(math.radians(one.lon)) for one in found)
    front = sum(math.cos(math.radians(one.lon)) for one in found)
    turn = math.degrees(math.atan2(east, front)) if math.hypot(east, front) > 1e-6 else 0.0
    start = View(pole, 0.0, 0.0, 1.0, turn, 0.0, 0.0)
    xs: list[float] = []
    ys: list[float] = []
    for one in found:
        x, y = start.at(one.lat, one.lon)
        xs += [x - one.arc, x + one.arc]
        ys += [-y - one.arc, -y + one.arc]
    scale = _scale((max(xs) - min(xs), max(ys) - min(ys)), (width, height), LEAST_M / _DEGREE_M)
    return View(pole, (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, scale, turn, width, height)


def _wide(one: Reach) -> float:
    """How far to each side a reach goes, in degrees of longitude."""
    if abs(one.lat) + one.arc >= 90:
        return 180.0
    return math.degrees(
        math.asin(min(1.0, math.sin(math.radians(one.arc)) / math.cos(math.radians(one.lat))))
    )


def _span(found: list[Reach]) -> Point:
    """The shortest span of longitudes that has them all; it may run past 180."""
    spans = sorted((one.lon - _wide(one), one.lon + _wide(one)) for one in found)
    if any(end - start >= 360 for start, end in spans):
        return -180.0, 180.0
    gap, start = -1.0, spans[0][0]
    reach = max(end for _, end in spans) - 360
    for west, east in spans:
        if west - reach > gap:
            gap, start = west - reach, west
        reach = max(reach, east)
    if gap <= 0:
        return -180.0, 180.0
    return start, start + 360 - gap


# -------------------------------------------------------------------------------------- the ground


def around(lat: float, lon: float, metres: float, corners: int) -> Iterator[Point]:
    """Places so far from one, all around it; longitudes run on past 180.

    On the sphere that fits the ellipsoid at that place in each direction: within a metre at 100 km,
    within 0.2 per cent at 3,000 km.
    """
    phi, lam = math.radians(lat), math.radians(lon)
    root = math.sqrt(1 - _SQUARE * math.sin(phi) ** 2)
    across, along = _SEMI / root, _SEMI * (1 - _SQUARE) / root**3
    sin_p, cos_p = math.sin(phi), math.cos(phi)
    start_h, start_z = across * cos_p, across * (1 - _SQUARE) * sin_p
    for corner in range(corners):
        turn = 2 * math.pi * corner / corners
        sin_t, cos_t = math.sin(turn), math.cos(turn)
        radius = 1 / (cos_t * cos_t / along + sin_t * sin_t / across)
        angle = min(metres / radius, math.pi)
        out, down = radius * math.sin(angle), radius * (1 - math.cos(angle))
        ahead = start_h - out * cos_t * sin_p - down * cos_p
        aside = out * sin_t
        up = start_z + out * cos_t * cos_p - down * sin_p
        flat = math.hypot(ahead, aside)
        yield _geodetic(flat, up), math.degrees(lam + math.atan2(aside, ahead))


def _geodetic(flat: float, up: float) -> float:
    """The latitude of a point near the ellipsoid (by Bowring's formula, one step)."""
    minor = _SEMI * (1 - _FLAT)
    theta = math.atan2(up * _SEMI, flat * minor)
    second = _SQUARE / (1 - _SQUARE)
    return math.degrees(
        math.atan2(
            up + second * minor * math.sin(theta) ** 3,
            flat - _SQUARE * _SEMI * math.cos(theta) ** 3,
        )
    )


def between(one: Point, other: Point, step: float) -> Iterator[Point]:
    """Places along the shortest line from one to another, without the first, with the last."""
    start, end = _vector(one), _vector(other)
    cosine = max(-1.0, min(1.0, sum(a * b for a, b in zip(start, end, strict=True))))
    angle = math.acos(cosine)
    parts = min(256, max(1, math.ceil(math.degrees(angle) / step)))
    if angle > 1e-9 and math.pi - angle > 1e-9:
        for part in range(1, parts):
            share = part / parts
            a = math.sin((1 - share) * angle) / math.sin(angle)
            b = math.sin(share * angle) / math.sin(angle)
            x, y, z = (a * u + b * v for u, v in zip(start, end, strict=True))
            yield (
                math.degrees(math.atan2(z, math.hypot(x, y))),
                math.degrees(math.atan2(y, x)),
            )
    yield other


def _vector(place: Point) -> tuple[float, float, float]:
    lat, lon = math.radians(place[0]), math.radians(place[1])
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)
