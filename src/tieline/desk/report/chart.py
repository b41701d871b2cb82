"""The map of an incident: where the parties say that it was, each place with its stated error.

It is drawn about the middle of all places, in the azimuthal equidistant projection of a sphere: so
neither the poles nor the 180th meridian are anything special, and a circle on the ground is a
circle near the middle. The tables reckon on the ellipsoid; a drawing of this size shows no
difference. There is no base map: coasts and borders are not drawn, and the map says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tieline.desk.report.pieces import Drawing, Label, Stroke
from tieline.desk.report.words import Tongue

Place = tuple[float, float]  # latitude and longitude in radians
Point = tuple[float, float]
Vector = tuple[float, float, float]

RADIUS_M: Final = 6_371_009.0
WIDTH: Final = 720.0
HEIGHT: Final = 460.0
EDGE: Final = 46.0  # around the places, in points
FOOT: Final = 34.0
LEAST_M: Final = 2_000.0  # across, so that one place alone has something around it
MOST_ERROR_M: Final = 10_000_000.0
AROUND: Final = 72  # corners of a circle
STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # degrees
SHAPES: Final = ("circle", "square", "triangle", "diamond", "cross", "plus", "bar", "hourglass")
_MARK: Final = 5.0
_LETTER: Final = 7.2  # about how wide a letter of a label is


@dataclass(frozen=True, slots=True)
class Site:
    """A place to draw: ``points`` in ten-millionths of a degree, ``error_m`` around a single one.

    ``kind``: ``point``, ``circle``, ``polygon`` or ``route``. ``faint``: it no longer stands.
    """

    party: str
    label: str
    kind: str
    points: tuple[tuple[int, int], ...]
    error_m: int = 0
    faint: bool = False


def draw(sites: Iterable[Site], parties: Iterable[str], say: Tongue) -> Drawing | None:
    """The map of some places, with the words of a language; None when there are none."""
    shown = [one for one in sites if one.points]
    if not shown:
        return None
    shapes = shapes_of(parties)
    sheet = _Sheet(shown)
    marks: list[Stroke | Label] = [*sheet.graticule()]
    taken: list[tuple[float, float, float, float]] = []
    for site in shown:
        marks += sheet.site(site, shapes.get(site.party, SHAPES[0]))
    for site in shown:
        marks.append(sheet.label(site, taken))
    marks += sheet.frame(say)
    marks += sheet.scale(say)
    about = "; ".join(f"{one.label}: {written(one.points[0])}" for one in shown)
    return Drawing(WIDTH, HEIGHT, tuple(marks), say("report.map-about", places=about))


def shapes_of(parties: Iterable[str]) -> dict[str, str]:
    """The mark of each party, by name."""
    return dict(zip(parties, _endless(SHAPES), strict=False))


def _endless(shapes: tuple[str, ...]) -> Iterator[str]:
    while True:
        yield from shapes


def written(point: tuple[int, int]) -> str:
    """A place in degrees."""
    lat, lon = (value / 1e7 for value in point)
    return f"{abs(lat):.4f}{'S' if lat < 0 else 'N'} {abs(lon):.4f}{'W' if lon < 0 else 'E'}"


class _Sheet:
    """The projection of one map, and what is drawn with it."""

    def __init__(self, sites: list[Site]) -> None:
        places = [_place(point) for site in sites for point in site.points]
        self._centre = middle(places)
        found: list[Point] = []
        for site in sites:
            found += [project(self._centre, _place(point)) for point in site.points]
            if site.error_m:
                found += [project(self._centre, one) for one in _around(site)]
        xs, ys = [x for x, _ in found], [y for _, y in found]
        across = max(max(xs) - min(xs), LEAST_M / RADIUS_M)
        down = max(max(ys) - min(ys), LEAST_M / RADIUS_M)
        self._of = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
        inner_w, inner_h = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE - FOOT
        self._scale = min(inner_w / across, inner_h / down)  # points for one radius of the earth
        self._middle = (WIDTH / 2, (HEIGHT - FOOT) / 2)

    def at(self, place: Place) -> Point:
        x, y = project(self._centre, place)
        return (
            self._middle[0] + (x - self._of[0]) * self._scale,
            self._middle[1] - (y - self._of[1]) * self._scale,
        )

    # ------------------------------------------------------------------------------ graticule

    def graticule(self) -> Iterator[Stroke | Label]:
        """Parallels and meridians, each named where it leaves the frame."""
        lats, lons = self._extent()
        step = _step(lats[1] - lats[0])
        wide = _step(lons[1] - lons[0])
        for lat in _multiples(lats, step):
            if abs(lat) < 90:
                line = [self.at((math.radians(lat), math.radians(one))) for one in _between(lons)]
                yield from self._named(line, _degrees(lat, "NS", step), left=True)
        for lon in _multiples(lons, wide):
            name = _degrees((lon + 180) % 360 - 180, "EW", wide)
            line = [self.at((math.radians(one), math.radians(lon))) for one in _between(lats)]
            yield from self._named(line, name, left=False)

    def _extent(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """What of latitude and longitude the frame holds, in degrees; longitudes may pass 180."""
        lats: list[float] = []
        lons: list[float] = []
        centre = math.degrees(self._centre[1])
        for place in self._border():
            lats.append(math.degrees(place[0]))
            lon = math.degrees(place[1])
            lons.append(centre + (lon - centre + 180) % 360 - 180)
        low, high = min(lats), max(lats)
        pole = next((s for s in (1, -1) if self._inside(self.at((s * math.pi / 2, 0.0)))), 0)
        if pole:
            return ((low, 90.0) if pole > 0 else (-90.0, high)), (-180.0, 180.0 - 1e-9)
        return (low, high), (min(lons), max(lons))

    def _border(self) -> Iterator[Place]:
        bottom = HEIGHT - FOOT
        for share in range(21):
            x, y = WIDTH * share / 20, bottom * share / 20
            for point in ((x, 0.0), (x, bottom), (0.0, y), (WIDTH, y)):
                yield self._back(point)

    def _back(self, point: Point) -> Place:
        x = (point[0] - self._middle[0]) / self._scale + self._of[0]
        y = -(point[1] - self._middle[1]) / self._scale + self._of[1]
        away = min(math.hypot(x, y), math.pi)
        return travel(self._centre, math.atan2(x, y), away)

    @staticmethod
    def _inside(point: Point) -> bool:
        return 0 <= point[0] <= WIDTH and 0 <= point[1] <= HEIGHT - FOOT

    def _named(self, line: list[Point], name: str, *, left: bool) -> Iterator[Stroke | Label]:
        parts = [part for part in _clipped(line) if len(part) > 1]
        for part in parts:
            yield Stroke(tuple(part), width=0.4, grey=165)
        ends = [point for part in parts for point in part]
        if ends:
            end = min(ends) if left else max(ends, key=lambda one: one[1])
            x = end[0] + 2 if left else min(end[0] + 2, WIDTH - 40)
            yield Label(x, max(end[1] - 2, 8), name, size=8.5, grey=100)

    # ---------------------------------------------------------------------------------- places

    def site(self, site: Site, shape: str) -> Iterator[Stroke]:
        """A place: the circle of its error, dashed when it no longer stands, and its mark."""
        grey, dash = (140, 3.0) if site.faint else (0, 0.0)
        points = [self.at(_place(point)) for point in site.points]
        if site.error_m:
            ring = tuple(self.at(one) for one in _around(site))
            yield Stroke(ring, width=0.9, grey=grey, dash=dash, closed=True)
        if site.kind in ("polygon", "route") and len(points) > 1:
            closed = site.kind == "polygon"
            yield Stroke(tuple(points), width=0.9, grey=grey, dash=dash, closed=closed)
        if site.kind != "polygon":
            yield from _mark(points[0], shape, grey, filled=not site.faint)

    def label(self, site: Site, taken: list[tuple[float, float, float, float]]) -> Label:
        """The name of a place beside it, where no other name stands yet."""
        x, y = self.at(_place(site.points[0]))
        wide = len(site.label) * _LETTER
        tries = [(x + 9, y + 3 + row * 13) for row in (0, -1, 1, -2, 2, -3, 3, 4, -4)]
        tries += [(x - 9 - wide, y + 3 + row * 13) for row in (0, -1, 1, -2, 2)]
        spot = next((one for one in tries if _free(one, wide, taken)), tries[0])
        left = min(max(spot[0], 2), WIDTH - wide - 2)
        top = min(max(spot[1], 10), HEIGHT - FOOT - 3)
        taken.append((left, top - 11, left + wide, top + 2))
        return Label(left, top, site.label, size=11, grey=100 if site.faint else 0, bold=True)

    # ------------------------------------------------------------------------------- the frame

    def frame(self, say: Tongue) -> Iterator[Stroke | Label]:
        bottom = HEIGHT - FOOT
        corners = ((0.5, 0.5), (WIDTH - 0.5, 0.5), (WIDTH - 0.5, bottom), (0.5, bottom))
        yield Stroke(corners, width=1.0, closed=True)
        yield Label(230, HEIGHT - 8, say("report.map-base"), size=9)
        yield Label(230, HEIGHT - 20, say("report.map-north"), size=9)

    def scale(self, say: Tongue) -> Iterator[Stroke | Label]:
        """A bar of a round length, true in the middle of the map."""
        metres = _round_length(150 / self._scale * RADIUS_M)
        long = metres / RADIUS_M * self._scale
        y = HEIGHT - 12
        yield Stroke(((4, y - 4), (4, y), (4 + long, y), (4 + long, y - 4)), width=1.4)
        unit, count = ("km", metres / 1000) if metres >= 1000 else ("m", metres)
        yield Label(8, y - 6, say(f"unit.{unit}", n=f"{count:g}"), size=10)


# ------------------------------------------------------------------------------------- the sphere


def _place(point: tuple[int, int]) -> Place:
    return math.radians(point[0] / 1e7), math.radians(point[1] / 1e7)


def _vector(place: Place) -> Vector:
    lat, lon = place
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def middle(places: list[Place]) -> Place:
    """The place in the midst of some; the first one where they have no midst."""
    sums = [sum(part) for part in zip(*(_vector(one) for one in places), strict=True)]
    length = math.sqrt(sum(one * one for one in sums))
    if length < 1e-9:
        return places[0]
    return math.asin(max(-1.0, min(1.0, sums[2] / length))), math.atan2(sums[1], sums[0])


def project(centre: Place, place: Place) -> Point:
    """Azimuthal equidistant: east and north of the centre, in radii of the earth."""
    (lat0, lon0), (lat, lon) = centre, place
    turn = lon - lon0
    east = math.cos(lat) * math.sin(turn)
    north = math.cos(lat0) * math.sin(lat) - math.sin(lat0) * math.cos(lat) * math.cos(turn)
    up = math.sin(lat0) * math.sin(lat) + math.cos(lat0) * math.cos(lat) * math.cos(turn)
    flat = math.hypot(east, north)
    away = math.atan2(flat, up)
    if flat < 1e-15:
        return (0.0, 0.0) if up > 0 else (0.0, math.pi)
    return away * east / flat, away * north / flat


def travel(start: Place, bearing: float, away: float) -> Place:
    """Where one comes from a place, by a bearing and an angle, in radians; from a pole too."""
    lat, lon = start
    north = (-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat))
    east = (-math.sin(lon), math.cos(lon), 0.0)
    x, y, z = (
        math.cos(away) * up
        + math.sin(away) * (math.cos(bearing) * ahead + math.sin(bearing) * aside)
        for up, ahead, aside in zip(_vector(start), north, east, strict=True)
    )
    return math.atan2(z, math.hypot(x, y)), math.atan2(y, x)


def _around(site: Site) -> Iterator[Place]:
    away = min(site.error_m, MOST_ERROR_M) / RADIUS_M
    start = _place(site.points[0])
    for corner in range(AROUND):
        yield travel(start, 2 * math.pi * corner / AROUND, away)


# ---------------------------------------------------------------------------------------- drawing


def _step(span: float) -> float:
    """A step that gives three to eight lines."""
    return next((one for one in STEPS if span / one <= 8), STEPS[-1]) if span > 0.02 else 0.002


def _multiples(ends: tuple[float, float], step: float) -> Iterator[float]:
    first, last = math.ceil(ends[0] / step), math.floor(ends[1] / step)
    for count in range(first, min(last, first + 400) + 1):
        yield count * step


def _between(ends: tuple[float, float]) -> Iterator[float]:
    for share in range(91):
        yield ends[0] + (ends[1] - ends[0]) * share / 90


def _degrees(value: float, letters: str, step: float) -> str:
    digits = 0 if step >= 1 else 3 if step < 0.01 else 2
    letter = letters[1] if value < 0 else letters[0]
    return f"{abs(value):.{digits}f}°{letter}"


def _clipped(line: list[Point]) -> Iterator[list[Point]]:
    """The parts of a line that lie in the frame."""
    part: list[Point] = []
    for point in line:
        far = part and math.dist(part[-1], point) > WIDTH / 2  # a line that wraps around
        if _Sheet._inside(point) and not far:  # noqa: SLF001  # of this module
            part.append(point)
            continue
        yield part
        part = []
    yield part


def _free(spot: Point, wide: float, taken: list[tuple[float, float, float, float]]) -> bool:
    x, y = spot
    return (
        x + wide < WIDTH
        and x > 0
        and all(
            x > right or x + wide < left or y + 2 < top or y - 11 > bottom
            for left, top, right, bottom in taken
        )
    )


def _mark(at: Point, shape: str, grey: int, *, filled: bool) -> Iterator[Stroke]:
    x, y = at
    r = _MARK
    around = {
        "square": ((-r, -r), (r, -r), (r, r), (-r, r)),
        "triangle": ((0.0, -r), (r, r), (-r, r)),
        "diamond": ((0.0, -r - 1), (r + 1, 0.0), (0.0, r + 1), (-r - 1, 0.0)),
        "bar": ((-r / 2, -r), (r / 2, -r), (r / 2, r), (-r / 2, r)),
        "hourglass": ((-r, -r), (r, -r), (-r, r), (r, r)),
        "circle": tuple(
            (r * math.cos(math.pi * k / 8), r * math.sin(math.pi * k / 8)) for k in range(16)
        ),
    }
    lines = {
        "cross": (((-r, -r), (r, r)), ((-r, r), (r, -r))),
        "plus": (((-r, 0.0), (r, 0.0)), ((0.0, -r), (0.0, r))),
    }
    for ends in lines.get(shape, ()):
        yield Stroke(tuple((x + dx, y + dy) for dx, dy in ends), width=2.0, grey=grey)
    if shape in around:
        corners = tuple((x + dx, y + dy) for dx, dy in around[shape])
        yield Stroke(corners, width=1.2, grey=grey, closed=True, filled=filled)


def _round_length(metres: float) -> float:
    size = float(10 ** math.floor(math.log10(metres)))
    return next(size * one for one in (5, 2, 1) if size * one <= metres)
