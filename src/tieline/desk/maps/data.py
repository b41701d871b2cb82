"""The shipped data of the maps: coasts, lakes, borders, names, from Natural Earth (public domain).

``world.bin`` begins with a line of its own and the length of a compressed header in JSON. The
header says where each tile, and each list of names, stands behind it; all is read when it is first
asked for, and what was decoded last is kept. There are three levels: the world as a whole, 1:50
million in tiles of 30 degrees, and 1:10 million in tiles of 10 degrees. Coordinates are whole steps
from the south-west corner of the tile, stored as differences. ``tools/mapdata.py`` writes it.

Each border line has a class: how it is drawn in the neutral view, and from each point of view that
the source knows. Which state that is stands in the data alone.
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import accumulate
from typing import Any, Final, Protocol

MAGIC: Final = b"TIELINE MAP 1\n"
NEUTRAL: Final = ""
CELLS: Final = 10  # of a degree, in the grid that says where a name may stand
_KEPT_TILES: Final = 64


class Plane(Protocol):
    """Lays longitudes and latitudes out flat: x and y."""

    def __call__(
        self, lons: array[float], lats: array[float], /
    ) -> tuple[array[float], array[float]]: ...


@dataclass(frozen=True, slots=True)
class Path:
    """Points of a line or ring in a plane; ``west`` to ``north`` bound it.

    ``breaks``: the points after which a ring runs along the edge of its tile, which is no coast.
    ``kind``: the class of a border.
    """

    xs: array[float]
    ys: array[float]
    west: float
    south: float
    east: float
    north: float
    breaks: tuple[int, ...] = ()
    kind: int = 0


@dataclass(frozen=True, slots=True)
class Tile:
    """What lies in a square of a level."""

    land: tuple[Path, ...]
    lakes: tuple[Path, ...]
    lines: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """A name in each language, where the source would put it, and from which zoom on.

    ``against``: the points of view that do not have it as a country; ``minor``: most of them.
    """

    number: int
    names: tuple[str, ...]
    lat: float
    lon: float
    zoom: float
    against: frozenset[str]
    minor: bool


@dataclass(frozen=True, slots=True)
class Town:
    """A town; they come with the largest first."""

    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class _Level:
    size: int
    steps: int
    index: dict[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _World:
    """The file, with its header read."""

    blobs: memoryview
    levels: tuple[_Level, ...]
    lists: dict[str, tuple[int, int]]
    views: tuple[str, ...]
    classes: tuple[str, ...]
    languages: tuple[str, ...]

    def blob(self, at: tuple[int, int]) -> bytes:
        start, length = at
        return zlib.decompress(self.blobs[start : start + length])


@cache
def _world() -> _World:
    raw = files(__package__).joinpath("data/world.bin").read_bytes()
    if not raw.startswith(MAGIC):
        raise ValueError("world.bin is not the data of the maps")
    start = len(MAGIC) + 4
    (length,) = struct.unpack(">I", raw[len(MAGIC) : start])
    head: dict[str, Any] = json.loads(zlib.decompress(raw[start : start + length]))
    return _World(
        blobs=memoryview(raw)[start + length :],
        levels=tuple(_level(one) for one in head["levels"]),
        lists={name: _span(head[name]) for name in ("countries", "grid", "towns")},
        views=tuple(head["views"]),
        classes=tuple(head["classes"]),
        languages=tuple(head["languages"]),
    )


def _span(found: list[int]) -> tuple[int, int]:
    return found[0], found[1]


def _level(found: dict[str, Any]) -> _Level:
    index: dict[tuple[int, int], tuple[int, int]] = {}
    for key, at in found["index"].items():
        west, _, south = key.partition(",")
        index[int(west), int(south)] = _span(at)
    return _Level(found["tile"], found["steps"], index)


def views() -> tuple[str, ...]:
    """The points of view on borders that the source knows, by its codes."""
    return _world().views


def drawn(view: str) -> tuple[str, ...]:
    """How each class of border is drawn: ``s`` solid, ``d`` dashed, ``n`` not at all."""
    world = _world()
    place = world.views.index(view) + 1 if view in world.views else 0
    return tuple(one[place] for one in world.classes)


@cache
def countries() -> tuple[Country, ...]:
    """Every country and territory that has a name."""
    world = _world()
    rows = json.loads(world.blob(world.lists["countries"]))
    return tuple(
        Country(number, tuple(names), lat, lon, zoom, frozenset(against), minor == 1)
        for number, (names, lat, lon, zoom, against, minor) in enumerate(rows, 1)
    )


def language_place(language: str) -> int:
    """Where a language stands among the names of a country; English if it is not there."""
    known = _world().languages
    main = language.lower().partition("-")[0]
    return known.index(main) if main in known else 0


@cache
def towns() -> tuple[Town, ...]:
    """Every town, the largest first."""
    world = _world()
    return tuple(Town(*row) for row in json.loads(world.blob(world.lists["towns"])))


@cache
def _grid() -> bytes:
    return _world().blob(_world().lists["grid"])


def named_at(lat: float, lon: float) -> int:
    """The country whose name may stand at a place, by its number; 0 for none."""
    row = min(max(int((lat + 90) * CELLS), 0), 180 * CELLS - 1)
    column = int(((lon + 180) % 360) * CELLS) % (360 * CELLS)
    return _grid()[row * 360 * CELLS + column]


# ------------------------------------------------------------------------------------------- tiles


def tiles_of(
    level: int, lats: tuple[float, float], lons: tuple[float, float]
) -> Iterator[tuple[int, int]]:
    """The tiles of a level that meet a span of latitudes and one of longitudes."""
    found = _world().levels[level]
    high = min(found.size, 180)
    for west, south in found.index:
        across = west + found.size > lons[0] and west < lons[1]
        if across and south + high > lats[0] and south < lats[1]:
            yield west, south


@lru_cache(maxsize=_KEPT_TILES)
def tile(level: int, key: tuple[int, int], plane: Plane) -> Tile:
    """A tile, laid out in a plane (a function of ``tieline.desk.maps.planes``)."""
    found = _world().levels[level]
    return _Cutter(found, key, plane).tile(_world().blob(found.index[key]))


class _Cutter:
    """Reads one tile."""

    def __init__(self, level: _Level, key: tuple[int, int], plane: Plane) -> None:
        self._west, self._south = key
        self._steps = level.steps
        self._right = level.size * level.steps
        self._top = min(level.size, 180) * level.steps
        self._plane = plane

    def tile(self, raw: bytes) -> Tile:
        land, lakes, lines = struct.unpack_from("<3H", raw)
        count = land + lakes + lines
        lengths = array("H", raw[6 : 6 + 2 * count])
        start = 6 + 2 * count + lines
        kinds = raw[start - lines : start]
        total = sum(lengths)
        xs = _coordinates(raw[start : start + 2 * total])
        ys = _coordinates(raw[start + 2 * total : start + 4 * total])
        ends = list(accumulate(lengths, initial=0))
        spans = [(ends[n], ends[n + 1]) for n in range(count)]
        rings = [self._ring(xs[a:b], ys[a:b]) for a, b in spans[: land + lakes]]
        return Tile(
            land=tuple(rings[:land]),
            lakes=tuple(rings[land:]),
            lines=tuple(
                self._path(xs[a:b], ys[a:b], (), kind)
                for (a, b), kind in zip(spans[land + lakes :], kinds, strict=True)
            ),
        )

    def _ring(self, xs: list[int], ys: list[int]) -> Path:
        """A ring that ends where it begins, and where it runs along the edge of the tile."""
        xs.append(xs[0])
        ys.append(ys[0])
        right, top = self._right, self._top
        if min(xs) > 0 and max(xs) < right and min(ys) > 0 and max(ys) < top:
            return self._path(xs, ys, (), 0)
        out_x, out_y, breaks = [xs[0]], [ys[0]], []
        fine = max(1, self._steps)
        for n in range(1, len(xs)):
            x, y, x0, y0 = xs[n], ys[n], xs[n - 1], ys[n - 1]
            level = y == y0 and y in (0, top)
            if level or (x == x0 and x in (0, right)):
                parts = abs(x - x0) // fine if level else 0
                for part in range(parts):  # so that a plane may bend the edge
                    breaks.append(len(out_x) - 1)
                    out_x.append(x0 + (x - x0) * (part + 1) // (parts + 1))
                    out_y.append(y)
                breaks.append(len(out_x) - 1)
            out_x.append(x)
            out_y.append(y)
        return self._path(out_x, out_y, tuple(breaks), 0)

    def _path(self, xs: list[int], ys: list[int], breaks: tuple[int, ...], kind: int) -> Path:
        share, west, south = 1 / self._steps, self._west, self._south
        lons = array("d", [west + x * share for x in xs])
        lats = array("d", [south + y * share for y in ys])
        flat_x, flat_y = self._plane(lons, lats)
        return Path(
            flat_x, flat_y, min(flat_x), min(flat_y), max(flat_x), max(flat_y), breaks, kind
        )


def _coordinates(planes: bytes) -> list[int]:
    """Values from their differences, low bytes first and then high bytes."""
    half = len(planes) // 2
    raw = bytearray(len(planes))
    raw[0::2] = planes[:half]
    raw[1::2] = planes[half:]
    return list(accumulate(array("h", bytes(raw))))
