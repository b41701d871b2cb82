"""Places on the WGS 84 ellipsoid: positions, areas and routes.

Coordinates are whole 1e-7 degrees (about a centimetre). Longitude runs from -180 exclusive to 180
inclusive, so that a place has one pair of numbers (but for the poles, where every longitude is the
same place).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
