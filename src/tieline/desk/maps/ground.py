"""What lies under the marks of a map: land, lakes, coasts, borders and the graticule, in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tieline.desk.maps import data, planes
from tieline.desk.maps.planes import Point, View

Line = list[Point]

_EDGE: Final = 4.0  # pixels around the map that are still drawn, so that no cut edge shows
_LEAST: Final = 0.9  # pixels from point to point
_LEVELS: Final = (4.0, 24.0, 70.0)  # pixels of a degree from which the next level is taken
_SPECK: Final = 0.7  # pixels: what is smaller is not drawn
COARSE: Final = 280.0  # pixels of a degree from which the lines are coarser than the map
_STEPS: Final = (
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0,
)  # fmt: skip
_WISHED: Final = 130.0  # pixels between the lines of the graticule, about


@dataclass(frozen=True, slots=True)
class Ground:
    """Rings of land and lakes, and lines, in pixels of a view."""

    land: tuple[Line, ...]
    lakes: tuple[Line, ...]
    coast: tuple[Line, ...]
    solid: tuple[Line, ...]
    dashed: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Meridian:
    """A line of the graticule, its name, and where the name stands."""

    line: Line
    name: str
    at: Point
    parallel: bool


def ground(view: View, opinion: str) -> Ground:
    """The ground of a view. ``opinion``: a point of view on borders, empty for the neutral one."""
    scale = view.scale
    level = sum(scale >= one for one in _LEVELS)
    plane = {0: planes.mercator, 1: planes.north, -1: planes.south}[view.pole]
    out: dict[str, list[Line]] = {"l": [], "w": [], "c": [], "s": [], "d": []}
    drawn = data.drawn(opinion)
    lats, (west, east) = view.bounds()
    for shift in (-360, 0, 360) if view.pole == 0 else (0,):
        sheet = _Sheet(view, shift)
        for key in data.tiles_of(level, lats, (west - shift, east - shift)):
            tile = data.tile(level, key, plane)
            for path in tile.land:
                sheet.ring(path, out["l"], out["c"])
            for path in tile.lakes:
                sheet.ring(path, out["w"], out["c"])
            for path in tile.lines:
                if drawn[path.kind] != "n":
                    sheet.line(path, out[drawn[path.kind]])
    return Ground(*(tuple(out[name]) for name in "lwcsd"))


class _Sheet:
    """Brings paths of a plane to the pixels of a view."""

    def __init__(self, view: View, shift: float) -> None:
        a, b, c, d, e, f = view.matrix()
        self._flat = view.pole == 0
        self._matrix = (a, b, c + a * shift, d, e, f + d * shift)
        left, right = -_EDGE, view.width + _EDGE
        if self._flat:  # the world once, even where the sheet has room for more
            left = max(left, view.width / 2 - 180 * view.scale)
            right = min(right, view.width / 2 + 180 * view.scale)
        self._frame = (left, -_EDGE, right, view.height + _EDGE)

    def _box(self, path: data.Path) -> tuple[float, float, float, float]:
        a, b, c, d, e, f = self._matrix
        if self._flat:
            return a * path.west + c, e * path.north + f, a * path.east + c, e * path.south + f
        xs = [a * x + b * y + c for x in (path.west, path.east) for y in (path.south, path.north)]
        ys = [d * x + e * y + f for x in (path.west, path.east) for y in (path.south, path.north)]
        return min(xs), min(ys), max(xs), max(ys)

    def _pixels(self, path: data.Path) -> Line:
        a, b, c, d, e, f = self._matrix
        if self._flat:
            return [(a * x + c, e * y + f) for x, y in zip(path.xs, path.ys, strict=True)]
        return [
            (a * x + b * y + c, d * x + e * y + f) for x, y in zip(path.xs, path.ys, strict=True)
        ]

    def _seen(self, path: data.Path) -> tuple[bool, bool]:
        """Whether a path may be on the sheet, and whether it is there as a whole."""
        left, top, right, bottom = self._box(path)
        x0, y0, x1, y1 = self._frame
        if right < x0 or left > x1 or bottom < y0 or top > y1:
            return False, False
        if right - left < _SPECK and bottom - top < _SPECK:
            return False, False
        return True, left >= x0 and right <= x1 and top >= y0 and bottom <= y1

    def ring(self, path: data.Path, rings: list[Line], coast: list[Line]) -> None:
        seen, whole = self._seen(path)
        if not seen:
            return
        points = self._pixels(path)
        clipped = points if whole else clip_ring(points, self._frame)
        if len(clipped) > 2:
            rings.append(thin(clipped))
        start = 0
        for end in (*path.breaks, len(points) - 1):
            if end > start:
                self._part(points[start : end + 1], coast, whole=whole)
            start = end + 1

    def line(self, path: data.Path, lines: list[Line]) -> None:
        seen, whole = self._seen(path)
        if seen:
            self._part(self._pixels(path), lines, whole=whole)

    def _part(self, points: Line, lines: list[Line], *, whole: bool) -> None:
        if whole:
            lines.append(thin(points))
        else:
            lines += [thin(one) for one in clip_line(points, self._frame)]


def thin(points: Line) -> Line:
    """Without points that are hardly a step from the one before; both ends stay."""
    out = [points[0]]
    last_x, last_y = points[0]
    for x, y in points:
        dx, dy = x - last_x, y - last_y
        if dx > _LEAST or dy > _LEAST or dx < -_LEAST or dy < -_LEAST:
            out.append((x, y))
            last_x, last_y = x, y
    if out[-1] != points[-1]:
        out.append(points[-1])
    return out


Frame = tuple[float, float, float, float]


def clip_ring(points: Line, frame: Frame) -> Line:
    """A ring cut to a frame; it may then run along the frame's edge (Sutherland and Hodgman)."""
    for axis in (0, 1):
        for edge, sign in ((frame[axis], 1.0), (frame[axis + 2], -1.0)):
            points = _cut(points, axis, edge, sign)
            if not points:
                return []
    return points


def _cut(points: Line, axis: int, edge: float, sign: float) -> Line:
    out: Line = []
    last = points[-1]
    last_in = (last[axis] - edge) * sign >= 0
    for point in points:
        inside = (point[axis] - edge) * sign >= 0
        if inside != last_in:
            share = (edge - last[axis]) / (point[axis] - last[axis])
            other = last[1 - axis] + (point[1 - axis] - last[1 - axis]) * share
            out.append((edge, other) if axis == 0 else (other, edge))
        if inside:
            out.append(point)
        last, last_in = point, inside
    return out


def clip_line(points: Line, frame: Frame) -> Iterator[Line]:
    """The parts of a line that are in a frame."""
    left, top, right, bottom = frame
    part: Line = []
    sides = [
        (1 if x < left else 2 if x > right else 0) | (4 if y < top else 8 if y > bottom else 0)
        for x, y in points
    ]
    for n in range(1, len(points)):
        one, other = sides[n - 1], sides[n]
        if one & other:
            continue
        ends = (
            (points[n - 1], points[n])
            if one == 0 == other
            else _segment(points[n - 1], points[n], frame)
        )
        if ends is None:
            continue
        if part and part[-1] == ends[0]:
            part.append(ends[1])
            continue
        if part:
            yield part
        part = [*ends]
    if part:
        yield part


def _segment(one: Point, other: Point, frame: Frame) -> tuple[Point, Point] | None:
    """The part of a straight line that is in a frame (Liang and Barsky)."""
    (x, y), (dx, dy) = one, (other[0] - one[0], other[1] - one[1])
    start, end = 0.0, 1.0
    for step, room in (
        (-dx, x - frame[0]), (dx, frame[2] - x), (-dy, y - frame[1]), (dy, frame[3] - y),
    ):  # fmt: skip
        if step == 0:
            if room < 0:
                return None
            continue
        share = room / step
        if step < 0:
            start = max(start, share)
        else:
            end = min(end, share)
    if start > end:
        return None
    first = one if start == 0.0 else (x + dx * start, y + dy * start)
    return first, other if end == 1.0 else (x + dx * end, y + dy * end)


# --------------------------------------------------------------------------------------- graticule


def graticule(view: View) -> Iterator[Meridian]:
    """Parallels and meridians on round degrees, each named where it leaves the map."""
    frame = (0.0, 0.0, view.width, view.height)
    (low, high), (west, east) = view.bounds()
    tall = _step(view.pixels_of_degree())
    lat = view.middle()[0]
    across = max(0.05, math.cos(math.radians(lat))) * view.pixels_of_degree()
    wide = max(_step(across), 30.0) if view.pole and view.scale < 300 else _step(across)
    for value in _multiples(max(low, -89.0), min(high, 89.0), tall):
        name = degrees(value, "NS", tall)
        yield from _named(view, frame, _parallel(view, value, west, east), name, parallel=True)
    for value in _multiples(west, east - (1e-9 if view.pole else 0.0), wide):
        name = degrees((value + 180) % 360 - 180, "EW", wide)
        line = [view.plain(lat, value) for lat in _along(low, high, 90 if view.pole else 1)]
        yield from _named(view, frame, line, name, parallel=False)


def _parallel(view: View, lat: float, west: float, east: float) -> Line:
    return [view.plain(lat, lon) for lon in _along(west, east, 180 if view.pole else 1)]


def _along(start: float, end: float, parts: int) -> Iterator[float]:
    for part in range(parts + 1):
        yield start + (end - start) * part / parts


def _named(
    view: View, frame: Frame, line: Line, name: str, *, parallel: bool
) -> Iterator[Meridian]:
    parts = [part for part in clip_line(line, frame) if len(part) > 1]
    if not parts:
        return
    ends = [point for part in parts for point in (part[0], part[-1])]
    end = min(ends) if parallel else max(ends, key=lambda one: one[1])
    if not parallel and end[1] < view.height - 1 and 1 < end[0] < view.width - 1:
        name = ""  # it ends at a pole, among the others
    if parallel:
        at = (end[0] + 3, min(max(end[1] - 3, 11), view.height - 3))
    else:
        at = (min(end[0] + 3, view.width - 34), min(end[1] - 4, view.height - 4))
    for number, part in enumerate(parts):
        yield Meridian(part, name if number == 0 else "", at, parallel)


def _step(pixels: float) -> float:
    return next((one for one in _STEPS if one * pixels >= _WISHED), _STEPS[-1])


def _multiples(low: float, high: float, step: float) -> Iterator[float]:
    for count in range(math.ceil(low / step), math.floor(high / step) + 1):
        yield count * step


def degrees(value: float, letters: str, step: float) -> str:
    """Degrees with as many decimals as a step needs, and the letter of the half."""
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3
    whole = f"{abs(value):.{digits}f}°"
    if float(f"{abs(value):.{digits}f}") in (0.0, 180.0):
        return whole
    return whole + (letters[0] if value > 0 else letters[1])


def length(line: Line) -> float:
    """Pixels along a line."""
    return sum(math.dist(one, other) for one, other in pairwise(line))
