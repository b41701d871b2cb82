"""Coasts and borders as lines only, through any projection: for drawings that are not filled."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tieline.desk.maps import data, ground
from tieline.desk.maps.ground import Frame, Line
from tieline.desk.maps.planes import Point


@dataclass(frozen=True, slots=True)
class Outlines:
    """Lines in the pixels of whoever asked."""

    coast: tuple[Line, ...]
    solid: tuple[Line, ...]
    dashed: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where lines are wanted: a projection of latitude and longitude, and what of it is seen.

    ``lons`` may run past 180. ``scale``: pixels of a degree in the middle.
    """

    at: Callable[[float, float], Point]
    frame: Frame
    lats: tuple[float, float]
    lons: tuple[float, float]
    scale: float


def outlines(sheet: Sheet, opinion: str = data.NEUTRAL) -> Outlines:
    """The coasts, shores of lakes and borders on a sheet; borders as a point of view has them."""
    level = ground.level_of(sheet.scale)
    drawn = data.drawn(opinion)
    found: dict[str, list[Line]] = {"c": [], "s": [], "d": []}
    for key in sorted(_keys(level, sheet)):
        tile = data.tile(level, key, _degrees)
        for path in (*tile.land, *tile.lakes):
            start = 0
            for end in (*path.breaks, len(path.xs) - 1):
                found["c"] += _cut(path, start, end, sheet)
                start = end + 1
        for path in tile.lines:
            if drawn[path.kind] != "n":
                found[drawn[path.kind]] += _cut(path, 0, len(path.xs) - 1, sheet)
    return Outlines(tuple(found["c"]), tuple(found["s"]), tuple(found["d"]))


def _keys(level: int, sheet: Sheet) -> set[tuple[int, int]]:
    west, east = sheet.lons
    return {
        key
        for shift in (-360, 0, 360)
        for key in data.tiles_of(level, sheet.lats, (west - shift, east - shift))
    }


def _degrees(lons: array[float], lats: array[float]) -> tuple[array[float], array[float]]:
    return lons, lats


def _cut(path: data.Path, start: int, end: int, sheet: Sheet) -> Iterator[Line]:
    """The parts of a path that are seen; a projection may tear it where it is far away."""
    if end <= start:
        return
    places = zip(path.ys[start : end + 1], path.xs[start : end + 1], strict=True)
    points = [sheet.at(lat, lon) for lat, lon in places]
    far = (sheet.frame[2] - sheet.frame[0]) / 2
    for part in _whole(points, far):
        for line in ground.clip_line(part, sheet.frame):
            yield ground.thin(line)


def _whole(points: Line, far: float) -> Iterator[Line]:
    part = points[:1]
    for last, point in pairwise(points):
        if math.dist(last, point) > far:
            yield part
            part = []
        part.append(point)
    yield part
