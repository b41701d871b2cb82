"""A map as SVG text: drawn here, on the station, from what is shipped with it.

``draw`` is a pure function of a scene (and of the shipped data). What it gives has no script, no
reference to anything outside, no style attribute and no id; colours stand as presentation
attributes, which ``map.css`` overrules by class, for light, dark and print.

A map is not part of any signed statement, and says so. Areas of countries are not filled. In the
neutral view every line that anybody draws as a border is drawn, and dashed unless it is an
international boundary to everyone that the source asked.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import Final

from tieline.core.agreement.places import DEGREE, Circle, distance_m, is_place
from tieline.desk.maps import data, ground, names, planes
from tieline.desk.maps.names import Room
from tieline.desk.maps.pieces import INK, classes, path, safe, scaled, stroke, symbol, text
from tieline.desk.maps.planes import Point, Reach, View
from tieline.desk.maps.scene import (
    MAX_CORNERS,
    MAX_MARKS,
    MAX_SIZE,
    MAX_TEXT,
    MIN_SIZE,
    SHAPES,
    Dash,
    Mark,
    Place,
    Scene,
    Shape,
    Track,
    Zone,
)
from tieline.desk.words import Words
from tieline.node.text import visible

_DEGREE_M: Final = 111_195.0
_FAR_M: Final = 20_000_000
_LINE: Final = 16.0  # pixels from line to line below the map
_TITLE: Final = 22.0
_NOTE: Final = 11.5
_LABEL: Final = 12.0
_EASY: Final = 0.92  # sentences have more narrow letters than names
_CORNERS: Final = 6_000  # of all circles together
_MOST_PARTIES: Final = 8
_MOST_PAIRS: Final = 3
_ROMAN: Final = ("\u2068", "\u2069")


def draw(scene: Scene) -> str:
    """The map of a scene. Never fails for what is in the scene; what is too much is counted."""
    return "".join(_Picture(scene).whole())


class _Kept:
    """What of a scene is drawn: places that are places, up to the limits; and what is not."""

    def __init__(self, scene: Scene) -> None:
        marks = [one for one in scene.marks[:MAX_MARKS] if is_place(*one.at)]
        self.marks: list[Mark] = marks
        self.zones: list[Zone] = []
        self.tracks: list[Track] = []
        room = MAX_CORNERS
        for zone in scene.zones[:MAX_MARKS]:
            points = corners_of(zone)
            room -= len(points)
            if points and room >= 0 and all(is_place(*one) for one in points):
                self.zones.append(zone)
        room = MAX_CORNERS
        for track in scene.tracks[:MAX_MARKS]:
            room -= len(track.points)
            if track.points and room >= 0 and all(is_place(*one) for one in track.points):
                self.tracks.append(track)
        whole = len(scene.marks) + len(scene.zones) + len(scene.tracks)
        self.more = whole - len(marks) - len(self.zones) - len(self.tracks)

    def reaches(self) -> list[Reach]:
        found = [_reach(one.at, one.error_m) for one in self.marks]
        for zone in self.zones:
            area = zone.area
            radius = area.radius_m if isinstance(area, Circle) else 0
            found += [_reach(one, radius) for one in corners_of(zone)]
        for track in self.tracks:
            found += [_reach(one, 0) for one in track.points]
        return found

    def parties(self) -> list[tuple[str, Shape | None]]:
        """Each party once, with the shape of its marks; in the order of the scene."""
        found: dict[str, Shape | None] = {}
        for mark in self.marks:
            found.setdefault(mark.party, shape_of(mark))
        for zone in self.zones:
            found.setdefault(zone.party, None)
        for track in self.tracks:
            found.setdefault(track.party, None)
        return list(found.items())


def corners_of(zone: Zone) -> tuple[Place, ...]:
    """The corners of an area, or the middle of a circle."""
    area = zone.area
    return ((area.lat_e7, area.lon_e7),) if isinstance(area, Circle) else area.points


def shape_of(mark: Mark) -> Shape:
    """The shape that stands for the party of a mark."""
    return SHAPES[mark.shape % len(SHAPES)]


def _reach(place: Place, metres: int) -> Reach:
    arc = min(max(metres, 0), _FAR_M) / _DEGREE_M
    return Reach(place[0] / DEGREE, place[1] / DEGREE, arc)


class _Picture:
    """One map while it is drawn."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._kept = _Kept(scene)
        self._words = Words(scene.language)
        self._width = float(min(max(scene.width, MIN_SIZE), MAX_SIZE))
        self._height = float(min(max(scene.height, MIN_SIZE), MAX_SIZE))
        self._top = _TITLE if scene.title else 0.0
        reaches = self._kept.reaches()
        self._pairs = list(_pairs(self._kept.marks)) if scene.readout else []
        # The notes tell of the view, and the view has the room that the notes leave: twice is well.
        rough = planes.fit(reaches, self._width, self._height * 0.75)
        below = 6 + _LINE * len(self._below(rough))
        tall = max(self._height - self._top - below, self._height * 0.4)
        self._view = planes.fit(reaches, self._width, tall)
        self._lines = self._below(self._view)
        self._height = self._top + tall + 6 + _LINE * len(self._lines)
        self._room = Room(self._width, tall)
        self._circles = _CORNERS

    # ------------------------------------------------------------------------------ the sheet

    def whole(self) -> Iterator[str]:
        about = safe(self._about(), 2000)
        language = self._words.language
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="map" direction="ltr"'
            f' lang="{language}" viewBox="0 0 {self._width:g} {self._height:g}"'
            f' width="{self._width:g}" height="{self._height:g}" role="img" aria-label="{about}"'
            f' font-family="Noto Sans, DejaVu Sans, sans-serif"><title>{about}</title>'
        )
        if self._scene.title:
            yield self._row(self._scene.title, 15.0, 13.0, bold=True)
        view = self._view
        yield (
            f'<svg x="0" y="{self._top:g}" width="{view.width:g}" height="{view.height:g}"'
            f' viewBox="0 0 {view.width:g} {view.height:g}" overflow="hidden">'
        )
        yield f'<rect class="map-sea" width="{view.width:g}" height="{view.height:g}"'
        yield ' fill="#e3ebf1"/>'
        yield from self._ground()
        yield from self._places()
        yield from self._names()
        yield "</svg>"
        yield (
            f'<rect class="map-frame" x=".5" y="{self._top + 0.5:g}" width="{view.width - 1:g}"'
            f' height="{view.height - 1:g}" fill="none" stroke="#333"/>'
        )
        yield from self._legend()
        yield "</svg>"

    def _about(self) -> str:
        said = [f"{self._say('map.about')} {self._scene.title}".strip()]
        said += [
            f"{mark.party} {mark.label}: {written(mark.at)}".strip()
            for mark in self._kept.marks[:12]
        ]
        said.append(self._say("map.unsigned"))
        return ". ".join(one.rstrip(".") for one in said)

    def _say(self, key: str, **values: str | int) -> str:
        """Words, in which values from outside are kept apart in direction."""
        open_, close = _ROMAN if self._words.direction == "rtl" else ("", "")
        return "".join(
            f"{open_}{text}{close}" if put_in else text
            for text, put_in in self._words.parts(key, **values)
        )

    def _ground(self) -> Iterator[str]:
        below = ground.ground(self._view, self._scene.view)
        yield '<g transform="scale(.1)" stroke-linejoin="round" fill="none">'
        yield path("map-land", below.land, 'fill="#f7f5ee" fill-rule="evenodd"', closed=True)
        yield path("map-lake", below.lakes, 'fill="#e3ebf1" fill-rule="evenodd"', closed=True)
        lines = list(ground.graticule(self._view))
        grid = [one.line for one in lines]
        yield path("map-grid", grid, 'stroke="#aab4bc" stroke-width="5"')
        yield path("map-coast", below.coast, 'stroke="#6f8796" stroke-width="7"')
        yield path("map-border", below.solid, 'stroke="#77706a" stroke-width="10"')
        dashed = 'stroke="#77706a" stroke-width="11" stroke-dasharray="50 40"'
        yield path("map-disputed", below.dashed, dashed)
        yield "</g>"
        for line in lines:
            if line.name:
                yield text("map-grid-name", line.at, safe(line.name), 9.5, "#55616a")
                width = names.wide(line.name, 9.5)
                x, y = line.at
                self._room.take((x - 1, y - 9, x + width, y + 2))
        yield from self._scale()

    def _scale(self) -> Iterator[str]:
        """A bar of a round length, true in the middle of the map."""
        metre = self._view.pixels_of_degree() / _DEGREE_M
        length = _round_length(self._view.width / 5 / metre)
        long = length * metre
        right, base = self._view.width - 12, self._view.height - 26
        said = kilometres(length)
        lat = self._view.middle()[0]
        if self._view.pole == 0 and self._view.height / self._view.pixels_of_degree() > 3:
            said += f" ({ground.degrees(lat, 'NS', 1.0)})"
        bar = ((right - long, base - 5), (right - long, base), (right, base), (right, base - 5))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in bar)
        width = max(long, names.wide(said, 10.0))
        self._room.take((right - width - 4, base - 22, self._view.width, base + 6))
        yield f'<polyline class="map-scale" points="{points}" fill="none" stroke="#222"'
        yield ' stroke-width="1.5"/>'
        yield text("map-scale-name", (right, base - 8), safe(said), 10.0, "#222", anchor="end")

    # ----------------------------------------------------------------------- marks and labels

    def _places(self) -> Iterator[str]:
        for one in self._kept.marks:
            x, y = self._at(one.at)
            self._room.take((x - 7, y - 7, x + 7, y + 7))
        for zone in self._kept.zones:
            yield from self._zone(zone)
        for track in self._kept.tracks:
            yield from self._track(track)
        for mark in self._kept.marks:
            if mark.error_m > 0:
                yield self._circle(mark.at, mark.error_m, "map-error", mark.faint, "")
        for one, other in self._pairs:
            way = self._way([one.at, other.at])
            dots = 'stroke="#333" stroke-width="8" stroke-dasharray="15 35" stroke-linecap="round"'
            yield scaled(path("map-way", way, f'fill="none" {dots}'))
        for mark in self._kept.marks:
            ink = INK["faint" if mark.faint else ""]
            yield symbol(shape_of(mark), self._at(mark.at), ink, faint=mark.faint)
        for mark in self._kept.marks:
            yield self._label(f"{mark.label} {mark.when}".strip(), mark.at, mark.faint)
        for zone in self._kept.zones:
            yield self._label(zone.label, corners_of(zone)[0], zone.faint)
        for track in self._kept.tracks:
            yield self._label(track.label, track.points[0], track.faint)

    def _at(self, place: Place) -> Point:
        return self._view.at(place[0] / DEGREE, place[1] / DEGREE)

    def _zone(self, zone: Zone) -> Iterator[str]:
        area = zone.area
        dash = {Dash.SOLID: "", Dash.DASHED: "70 40", Dash.DOTTED: "15 30"}[zone.dash]
        if isinstance(area, Circle):
            yield self._circle(
                (area.lat_e7, area.lon_e7), area.radius_m, "map-zone", zone.faint, dash
            )
            return
        yield self._line("map-zone", [*area.points, area.points[0]], zone.faint, dash)

    def _track(self, track: Track) -> Iterator[str]:
        yield self._line("map-track", track.points, track.faint, "")
        for place in track.points:
            x, y = self._at(place)
            if self._view.holds((x, y), 4):
                yield f'<circle class="map-waypoint" cx="{x:.1f}" cy="{y:.1f}" r="2" fill="#111"/>'

    def _line(self, name: str, places: Sequence[Place], faint: bool, dash: str) -> str:  # noqa: FBT001
        return scaled(path(classes(name, faint), self._way(places), stroke(faint, dash)))

    def _way(self, places: Sequence[Place]) -> list[ground.Line]:
        """A line along geodesics, cut to the map."""
        found = [(lat / DEGREE, lon / DEGREE) for lat, lon in places]
        lat, lon = found[0]
        line = [(lat, self._near(lon))]
        step = max(0.2, 12 / self._view.pixels_of_degree())
        for one, other in pairwise(found):
            for lat, lon in planes.between(one, other, step):
                last = line[-1][1]
                line.append((lat, last + (lon - last + 180) % 360 - 180))
        return self._clipped([self._view.plain(*one) for one in line])

    def _near(self, lon: float) -> float:
        """The longitude, counted on from the middle of the map."""
        middle = self._view.x if self._view.pole == 0 else 0.0
        return middle + (lon - middle + 180) % 360 - 180

    def _clipped(self, points: ground.Line) -> list[ground.Line]:
        frame = (-8.0, -8.0, self._view.width + 8, self._view.height + 8)
        return [ground.thin(one) for one in ground.clip_line(points, frame)]

    def _circle(self, place: Place, metres: int, name: str, faint: bool, dash: str) -> str:  # noqa: FBT001
        """A circle on the ground, which need not be one on the sheet."""
        metres = min(metres, _FAR_M)
        pixels = metres / _DEGREE_M * self._view.pixels_of_degree()
        corners = int(min(120, max(24, pixels)))
        self._circles -= corners
        if pixels < 2 or self._circles < 0:
            return ""
        lat, lon = place[0] / DEGREE, self._near(place[1] / DEGREE)
        ring = list(planes.around(lat, lon, metres, corners))
        points = [self._view.plain(*one) for one in (*ring, ring[0])]
        if self._view.pole == 0 and math.dist(points[-2], points[-1]) > self._view.scale * 180:
            points.pop()  # a circle about a pole does not close on Mercator's sheet
        lines = self._clipped(points)
        return scaled(path(classes(name, faint), lines, stroke(faint, dash or "")))

    def _label(self, said: str, place: Place, faint: bool) -> str:  # noqa: FBT001
        """A text beside a place, where no other stands yet."""
        x, y = self._at(place)
        if not said.strip() or not self._view.holds((x, y)):
            return ""
        shown = safe(said)
        long = names.wide(html.unescape(shown), _LABEL) + 2
        spots = [(x + 10, y + 4 + row * 14) for row in (0, -1, 1, -2, 2, -3, 3)]
        spots += [(x - 10 - long, y + 4 + row * 14) for row in (0, -1, 1, -2, 2)]
        boxes = [(a, b - _LABEL, a + long, b + 3) for a, b in spots]
        free = next((n for n, box in enumerate(boxes) if self._room.free(box)), None)
        if free is None:
            if len(self._kept.marks) > 40:  # a crowd: better no name than a heap of them
                return ""
            free = 0
        self._room.take(boxes[free])
        at = (min(max(boxes[free][0], 2), max(2.0, self._view.width - long)), spots[free][1])
        ink = INK["faint" if faint else ""]
        return text(classes("map-label", faint), at, shown, _LABEL, ink, bold=True)

    def _names(self) -> Iterator[str]:
        scene = self._scene
        for one in names.country_names(self._view, scene.language, scene.view, self._room):
            yield text(
                "map-country",
                one.at,
                safe(one.text),
                names.COUNTRY_SIZE,
                "#6b6259",
                anchor="middle",
            )
        for one in names.town_names(self._view, self._room):
            if one.dot is not None:
                x, y = one.dot
                yield f'<circle class="map-town-dot" cx="{x:.1f}" cy="{y:.1f}" r="2"'
                yield ' fill="#55504a"/>'
            yield text("map-town", one.at, safe(one.text), names.TOWN_SIZE, "#55504a")

    # ------------------------------------------------------------------------- below the map

    def _below(self, view: View) -> list[str]:
        """The lines of text below the map; the first, of the parties, is drawn with their marks."""
        parties = self._kept.parties()
        lines = [""] if parties else []
        for one, other in self._pairs:
            far = distance_m(one.at, other.at)
            spread = one.error_m + other.error_m
            between = f"{kilometres(max(0, far - spread))} - {kilometres(far + spread)}"
            key = "map.distance_about" if spread else "map.distance"
            pair = {"one": _called(one), "other": _called(other)}
            lines.append(self._say(key, **pair, far=kilometres(far), between=between))
        notes = [self._say("map.unsigned")]
        if self._scene.view in data.views():
            notes.append(self._say("map.view", view=self._scene.view))
        else:
            notes.append(self._say("map.neutral"))
        if any(one.error_m for one in self._kept.marks):
            notes.append(self._say("map.circles"))
        if view.pixels_of_degree() > ground.COARSE:
            notes.append(self._say("map.coarse"))
        beyond = sum(1 for one in self._kept.marks if self._is_beyond(one, view))
        if beyond:
            notes.append(self._say("map.beyond", count=beyond))
        if self._kept.more:
            notes.append(self._say("map.more", count=self._kept.more))
        return lines + list(_wrapped(notes, self._width - 16, _NOTE))

    @staticmethod
    def _is_beyond(mark: Mark, view: View) -> bool:
        return view.pole == 0 and abs(mark.at[0]) > planes.MERCATOR_END * DEGREE

    def _legend(self) -> Iterator[str]:
        y = self._top + self._view.height + 4 + _LINE - 4
        parties = self._kept.parties()
        lines = self._lines
        if parties:
            yield from self._key(parties, y)
            lines = lines[1:]
            y += _LINE
        for line in lines:
            yield self._row(line, y, _NOTE)
            y += _LINE

    def _key(self, parties: list[tuple[str, Shape | None]], y: float) -> Iterator[str]:
        """The mark of each party."""
        x = 12.0
        for party, shape in parties[:_MOST_PARTIES]:
            said = safe(party, 24)
            long = names.wide(html.unescape(said), _NOTE) + 34
            if x + long > self._width:
                break
            if shape is not None:
                yield symbol(shape, (x, y - 4), INK[""], faint=False)
            yield text("map-key", (x + 11, y), said, _NOTE, "#111")
            x += long

    def _row(self, line: str, y: float, size: float, *, bold: bool = False) -> str:
        right = self._words.direction == "rtl"
        at = (self._width - 8, y) if right else (8.0, y)
        shown = html.escape(_apart(line[:400]), quote=True)
        return text(
            "map-title" if bold else "map-note",
            at, shown, size, "#222", bold=bold, right=right,
        )  # fmt: skip


def _apart(line: str) -> str:
    """A line made safe, but for the marks of ours that keep values apart in direction."""
    open_, close = _ROMAN
    out = []
    for piece in line.split(open_):
        inner, found, rest = piece.partition(close)
        out.append(visible(inner) + (close + visible(rest) if found else ""))
    return open_.join(out)


def _pairs(marks: Iterable[Mark]) -> Iterator[tuple[Mark, Mark]]:
    """Marks of different parties whose distance is told: only where there are few."""
    standing = [one for one in marks if not one.faint]
    if len(standing) > 4:
        return
    found = [(a, b) for a, b in combinations(standing, 2) if a.party != b.party and a.at != b.at]
    yield from found[:_MOST_PAIRS]


def _called(mark: Mark) -> str:
    label = visible(mark.label[:MAX_TEXT])
    return label if mark.party in mark.label else f"{visible(mark.party[:24])} {label}".strip()


def written(place: Place) -> str:
    """A place in degrees."""
    lat, lon = (value / DEGREE for value in place)
    return f"{abs(lat):.4f}{'S' if lat < 0 else 'N'} {abs(lon):.4f}{'W' if lon < 0 else 'E'}"


def kilometres(metres: float) -> str:
    """A length with about three figures."""
    if metres < 1000:
        return f"{metres:.0f} m"
    digits = 2 if metres < 10_000 else 1 if metres < 100_000 else 0
    whole = f"{metres / 1000:.{digits}f}"
    return f"{whole.rstrip('0').rstrip('.') if '.' in whole else whole} km"


def _round_length(metres: float) -> float:
    size = float(10 ** math.floor(math.log10(metres)))
    return next(size * one for one in (5, 2, 1) if size * one <= metres)


def _wrapped(notes: Iterable[str], width: float, size: float) -> Iterator[str]:
    """Sentences in lines that are not too long."""
    line = ""
    for word in " ".join(notes).split(" "):
        longer = f"{line} {word}" if line else word
        if line and names.wide(longer, size) * _EASY > width:
            yield line
            line = word
        else:
            line = longer
    if line:
        yield line
