"""Where names stand on a map: of countries inside the part that is seen, of towns beside a dot.

A country's name stands only where the grid of the data lets it: inside the country, away from lines
that somebody contests, except near the point where the source itself puts the name. So a map does
not decide by a name whose a contested piece of land is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tieline.desk.maps import data
from tieline.desk.maps.planes import Point, View

_CELL: Final = 14.0  # pixels of a cell of the search for a country's place
_FINE_CELL: Final = 8.0  # where much of the world is on the sheet
_WORLD: Final = 6.0  # pixels of a degree up to which a name may reach out over a coast
_TRIES: Final = 16
_EASE: Final = 0.5  # zoom levels earlier than the source would
_TOWN_ROOM: Final = 25_000.0  # square pixels for each town that is named
COUNTRY_SIZE: Final = 13.0
TOWN_SIZE: Final = 11.0
_LETTER: Final = 0.58  # about how wide a letter is, in its size

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Room:
    """The places of a sheet that are taken already."""

    width: float
    height: float
    _taken: list[Box] = field(default_factory=list)

    def free(self, box: Box) -> bool:
        """Whether a box is on the sheet and meets no other."""
        left, top, right, bottom = box
        if left < 1 or top < 1 or right > self.width - 1 or bottom > self.height - 1:
            return False
        return all(
            right <= x0 or left >= x1 or bottom <= y0 or top >= y1 for x0, y0, x1, y1 in self._taken
        )

    def take(self, box: Box) -> None:
        """Keeps a place from being taken again."""
        self._taken.append(box)


@dataclass(frozen=True, slots=True)
class Name:
    """A name and where it stands: its middle for a country, its beginning for a town."""

    text: str
    at: Point
    dot: Point | None = None


def wide(text: str, size: float) -> float:
    """About how wide a text is, in pixels."""
    return len(text) * size * _LETTER


def country_names(view: View, language: str, opinion: str, room: Room) -> Iterator[Name]:
    """The names of countries that find a place; those of the largest parts first."""
    place = data.language_place(language)
    zoom = math.log2(max(view.scale * 360 / 256, 1e-6)) + _EASE
    cells = _Cells(view)
    found = cells.by_country()
    known = {one.number: one for one in data.countries()}
    for number in sorted(found, key=lambda one: (-len(found[one]), one)):
        country = known[number]
        against = opinion in country.against if opinion in data.views() else country.minor
        if against or country.zoom > zoom:
            continue
        text = country.names[place] or country.names[0]
        at = _stand(cells, found[number], number, text, room)
        if at is None and country.zoom < zoom - 1:
            at = _own_point(view, country, text, room)
        if at is not None:
            room.take(_box(at, text))
            yield Name(text, at)


def _box(at: Point, text: str) -> Box:
    half = wide(text, COUNTRY_SIZE) / 2 + 3
    return at[0] - half, at[1] - COUNTRY_SIZE, at[0] + half, at[1] + 5


def _stand(
    cells: _Cells, own: list[tuple[int, int]], number: int, text: str, room: Room
) -> Point | None:
    own.sort(key=lambda one: (-cells.depth(one), one))
    for row, column in own[:_TRIES]:
        at = ((column + 0.5) * cells.wide, (row + 0.5) * cells.tall + 4)
        box = _box(at, text)
        if cells.all_own(box, number) and room.free(box):
            return at
    return None


def _own_point(view: View, country: data.Country, text: str, room: Room) -> Point | None:
    """Where the source puts the name, if that is on the map and free."""
    x, y = view.at(country.lat, country.lon)
    return (x, y + 4) if room.free(_box((x, y + 4), text)) else None


class _Cells:
    """A coarse grid over a view: which country's name may stand in each cell."""

    def __init__(self, view: View) -> None:
        self._loose = view.scale < _WORLD
        cell = _FINE_CELL if self._loose else _CELL
        self._rows = max(4, int(view.height / cell))
        self._columns = max(4, int(view.width / cell))
        self.wide = view.width / self._columns
        self.tall = view.height / self._rows
        self._cells = [
            [data.named_at(*view.back(self._middle(row, column))) for column in self._across()]
            for row in range(self._rows)
        ]
        self._depth = self._depths()

    def _across(self) -> range:
        return range(self._columns)

    def _middle(self, row: int, column: int) -> Point:
        return (column + 0.5) * self.wide, (row + 0.5) * self.tall

    def by_country(self) -> dict[int, list[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        for row, line in enumerate(self._cells):
            for column, number in enumerate(line):
                if number:
                    found.setdefault(number, []).append((row, column))
        return found

    def depth(self, cell: tuple[int, int]) -> int:
        """How many cells it is to the edge of the country or of the map."""
        return self._depth[cell[0]][cell[1]]

    def all_own(self, box: Box, number: int) -> bool:
        """Whether all cells that a box touches are a country's; of the world, half and no other's.

        Where the world is on the sheet, a contested piece of land is smaller than a name.
        """
        left, right = math.floor(box[0] / self.wide), math.floor(box[2] / self.wide)
        top, bottom = math.floor(box[1] / self.tall), math.floor(box[3] / self.tall)
        if left < 0 or top < 0 or right >= self._columns or bottom >= self._rows:
            return False
        under = [
            self._cells[row][column]
            for row in range(top, bottom + 1)
            for column in range(left, right + 1)
        ]
        own = under.count(number)
        if self._loose:
            return own * 2 >= len(under) == own + under.count(0)
        return own == len(under)

    def _depths(self) -> list[list[int]]:
        rows, columns, cells = self._rows, self._columns, self._cells
        out = [[0] * columns for _ in range(rows)]
        steps = ((range(rows), range(columns), -1), (range(rows)[::-1], range(columns)[::-1], 1))
        for down, across, back in steps:
            for row in down:
                for column in across:
                    near = [
                        out[r][c] if cells[r][c] == cells[row][column] else 0
                        for r, c in ((row + back, column), (row, column + back))
                        if 0 <= r < rows and 0 <= c < columns
                    ]
                    least = min(near) + 1 if len(near) == 2 else 1
                    out[row][column] = least if back < 0 else min(out[row][column], least)
        return out


def town_names(view: View, room: Room) -> Iterator[Name]:
    """The largest towns that find a place."""
    most = max(2, int(view.width * view.height / _TOWN_ROOM))
    (low, high), _ = view.bounds()
    count = 0
    for town in data.towns():
        if not low < town.lat < high:
            continue
        dot = view.at(town.lat, town.lon)
        if not view.holds(dot, -6):
            continue
        long = wide(town.name, TOWN_SIZE)
        spots = ((dot[0] + 6, dot[1] + 4), (dot[0] - 6 - long, dot[1] + 4))
        boxes = [
            (min(x, dot[0] - 4) - 4, y - TOWN_SIZE - 3, max(x + long, dot[0] + 4) + 4, y + 6)
            for x, y in spots
        ]
        free = next((n for n, box in enumerate(boxes) if room.free(box)), None)
        if free is None:
            continue
        room.take(boxes[free])
        yield Name(town.name, spots[free], dot)
        count += 1
        if count >= most:
            return
