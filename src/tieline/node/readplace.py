"""Positions, areas and routes as an officer types them.

Read are decimal degrees, degrees with minutes and seconds, compact ``DDMMSS``, and references of
the military grid (MGRS), with an error (``+/- 100 m``) and a datum behind. What was typed is kept
with the value unless it is plain decimal degrees. A grid reference stands for a square: its centre
is the position, and half the square's diagonal is its error unless a larger one is given.

Not read: the grid of the polar regions (UPS), whose references begin with a letter: near the poles
a reference with one letter misread is another place far away, so degrees are asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from typing import TYPE_CHECKING, Final

from tieline.core.agreement.places import (
    DEGREE,
    MAX_LAT,
    MAX_LON,
    Area,
    Circle,
    Polygon,
    Position,
    Route,
    Waypoint,
    distance_m,
    is_place,
    turned,
)
from tieline.core.agreement.value import Problem
from tieline.node.readtime import Clock, read_instant

if TYPE_CHECKING:
    from mgrs import MGRS

MAX_CHARS: Final = 8000
UNREADABLE: Final = Problem("field.unreadable")
OUTSIDE: Final = Problem("field.place")
POLE: Final = Problem("field.pole")
SWAPPED: Final = Problem("field.swapped")
_NEAR_M: Final = 500_000  # a swapped position is suspected when it lies so near to what is known
_FAR_TIMES: Final = 4  # and the typed one so many times farther

_ERROR: Final = re.compile(
    r"\s*(?:\+/?-|±)\s*([0-9]+(?:[.,][0-9]+)?)\s*(km|m|nm)\s*\Z", re.IGNORECASE
)
_DATUM: Final = re.compile(r"\s+datum\s+(\S.*)\Z", re.IGNORECASE)
_RADIUS: Final = re.compile(
    r"(?:circle\s+)?(.+?)\s+(?:radius\s+)?([0-9]+(?:[.,][0-9]+)?)\s*(km|m|nm)\s*\Z", re.IGNORECASE
)
_GRID: Final = re.compile(r"([0-9]{1,2})\s*([A-Z])\s*([A-Z]{2})\s*([0-9 ]*)\Z", re.IGNORECASE)
_POLAR: Final = re.compile(r"[ABYZ]\s*[A-Z]{2}\s*[0-9 ]*\Z", re.IGNORECASE)
_NUMBER: Final = r"[0-9]+(?:[.,][0-9]+)?"
_HEAD: Final = rf"([NSEW])?\s*([-+])?({_NUMBER})"
_BETWEEN: Final = r"(?:\s*[°'\u2032]\s*|[\s:-]+)"
# Degrees; degrees and minutes; degrees, minutes and seconds. Each ends in its sign and the letter.
_ANGLES: Final = tuple(
    re.compile(rf"{_HEAD}{middle}\s*{sign}?\s*([NSEW])?\Z", re.IGNORECASE)
    for middle, sign in (
        ("()()", "°"),
        (rf"{_BETWEEN}({_NUMBER})()", r"['\u2032]"),
        (rf"{_BETWEEN}({_NUMBER}){_BETWEEN}({_NUMBER})", "(?:[\"\u2033]|'')"),
    )
)
_COMPACT: Final = re.compile(r"([0-9]{4,7})((?:[.,][0-9]+)?)([NSEW])\Z", re.IGNORECASE)
_METRES: Final = {"m": 1, "km": 1000, "nm": 1852}
_TO_7: Final = Decimal(1)


def read_position(text: str, near: Position | None = None) -> tuple[Position | Problem, bool]:
    """One position, and whether latitude and longitude look swapped.

    ``near``: a place that is known to be about where the position must be.
    """
    if len(text) > MAX_CHARS:  # this and single spaces bound what the expressions below may cost
        return UNREADABLE, False
    text = " ".join(text.split())
    datum = _DATUM.search(text)
    plain, datum_text = (text[: datum.start()], datum[1].strip()) if datum else (text, "")
    if datum_text.upper().replace(" ", "").replace("-", "") == "WGS84":
        datum_text = ""
    found = _ERROR.search(plain)
    error, plain = (_metres(found[1], found[2]), plain[: found.start()]) if found else (0, plain)
    plain = plain.strip()
    read = _point(plain)
    if isinstance(read, Problem):
        return read, read is SWAPPED
    typed = plain if read.kept else ""
    place = Position(read.lat_e7, read.lon_e7, max(error, read.cell_m), datum_text, typed)
    return place, not read.lettered and near is not None and looks_swapped(place, near)


def looks_swapped(place: Position, near: Position) -> bool:
    """Whether the other order of the two numbers would be about where it is known to be."""
    lat, lon = place.lon_e7, place.lat_e7
    if not is_place(lat, lon):
        return False
    known = (near.lat_e7, near.lon_e7)
    other = distance_m((lat, lon), known)
    return other < _NEAR_M and other * _FAR_TIMES < distance_m((place.lat_e7, place.lon_e7), known)


def read_area(text: str, near: Position | None = None) -> tuple[Area | Problem, bool]:
    """``circle POSITION 5 km``, or ``polygon`` and positions with semicolons between."""
    if len(text) > MAX_CHARS:
        return UNREADABLE, False
    text = " ".join(text.split())
    if ";" in text or text.lower().startswith("polygon"):
        parts = re.split(r" ?; ?", re.sub(r"(?i)\Apolygon\s*", "", text).strip(" ;"))
        read = [read_position(part, near) for part in parts]
        corners: list[tuple[int, int]] = []
        for place, _ in read:
            if isinstance(place, Problem):
                return place, place is SWAPPED
            corners.append((place.lat_e7, place.lon_e7))
        return Polygon(tuple(corners)), any(doubt for _, doubt in read)
    found = _RADIUS.match(text)
    if found is None:
        return UNREADABLE, False
    centre, doubt = read_position(found[1], near)
    if isinstance(centre, Problem):
        return centre, doubt
    return Circle(centre.lat_e7, centre.lon_e7, _metres(found[2], found[3])), doubt


def read_route(
    text: str, clock: Clock, near: Position | None = None
) -> tuple[Route | Problem, bool]:
    """Positions with semicolons between, each with ``at TIME`` behind or without."""
    out: list[Waypoint] = []
    doubts = False
    if len(text) > MAX_CHARS:
        return UNREADABLE, False
    text = " ".join(text.split())
    for part in re.split(r" ?; ?", re.sub(r"(?i)\Aroute\s*", "", text).strip(" ;")):
        place_text, *rest = re.split(r"(?i)\s+at\s+", part, maxsplit=1)
        place, doubt = read_position(place_text, near)
        if isinstance(place, Problem):
            return place, doubt
        seconds: int | None = None
        if rest:
            when = read_instant(rest[0], clock)
            if isinstance(when, Problem):
                return when, False
            seconds = when.seconds
        doubts = doubts or doubt
        out.append(Waypoint(place.lat_e7, place.lon_e7, seconds))
    return Route(tuple(out)), doubts


# ------------------------------------------------------------------------------------------ parts


def _metres(number: str, unit: str) -> int:
    """Metres, rounded up: an error is never made smaller."""
    metres = Decimal(number.replace(",", ".")) * _METRES[unit.lower()]
    return int(metres.to_integral_value(rounding="ROUND_CEILING"))


@dataclass(frozen=True, slots=True)
class _Point:
    """``lettered``: letters say which number is which. ``cell_m``: half a grid square's diagonal.

    ``kept``: not plain decimal degrees, so what was typed is kept.
    """

    lat_e7: int
    lon_e7: int
    lettered: bool
    cell_m: int
    kept: bool


def _point(text: str) -> _Point | Problem:
    if _POLAR.match(text):
        return POLE
    found = _GRID.match(text)
    if found is not None:
        return _grid_point(found)
    halves = _halves(text)
    if halves is None:
        return UNREADABLE
    first, second = (_angle(half) for half in halves)
    if first is None or second is None:
        return UNREADABLE
    if first[1] in ("E", "W"):
        first, second = second, first
    lat, lon, letters = first[0], second[0], (first[1], second[1])
    lettered = letters != ("", "")
    if lettered and (letters[0] not in ("N", "S") or letters[1] not in ("E", "W")):
        return UNREADABLE
    if abs(lat) > MAX_LAT or abs(lon) > MAX_LON:
        swapped = not lettered and abs(lat) <= MAX_LON and abs(lon) <= MAX_LAT
        return SWAPPED if swapped else OUTSIDE
    return _Point(lat, turned(lon), lettered, 0, kept=not (first[2] and second[2]))


def _halves(text: str) -> tuple[str, str] | None:
    """The latitude's half and the longitude's half of a text."""
    text = text.strip()
    letters = [at.start() for at in re.finditer("[NSEWnsew]", text)]
    if len(letters) == 2:
        cut = letters[1] if letters[0] == 0 else letters[0] + 1
        return text[:cut].strip(" ,;/"), text[cut:].strip(" ,;/")
    if letters:
        return None
    for pattern in (r"\s*[;/]\s*", r",\s+", r"\s*,\s*(?=[^,]*\Z)", r"\s+"):
        parts = re.split(pattern, text)
        if len(parts) == 2:
            return parts[0], parts[1]
    return None


def _angle(text: str) -> tuple[int, str, bool] | None:
    """1e-7 degrees, the letter of the half, and whether it is plain decimal degrees."""
    compact = _COMPACT.match(text)
    if compact is not None:
        return _compact_angle(compact)
    found = next((hit for one in _ANGLES if (hit := one.match(text)) is not None), None)
    if found is None or (found[1] and found[6]):
        return None
    letter = (found[1] or found[6] or "").upper()
    degrees, minutes, seconds = (
        Decimal((part or "0").replace(",", ".")) for part in (found[3], found[4], found[5])
    )
    if minutes >= 60 or seconds >= 60 or (found[2] and letter):
        return None
    if (found[4] and degrees != int(degrees)) or (found[5] and minutes != int(minutes)):
        return None
    value = _e7(degrees, minutes, seconds)
    negative = letter in ("S", "W") or found[2] == "-"
    return -value if negative else value, letter, not found[4]


def _compact_angle(found: re.Match[str]) -> tuple[int, str, bool] | None:
    """``DDMM``, ``DDMMSS``, ``DDDMM`` or ``DDDMMSS``, with decimals, and the letter."""
    digits, rest, letter = found[1], found[2].replace(",", "."), found[3].upper()
    width = 2 if letter in "NS" else 3
    tail = digits[width:]
    if len(tail) not in (2, 4):
        return None
    minutes = Decimal(tail[:2] + (rest if len(tail) == 2 else ""))
    seconds = Decimal(tail[2:] + rest) if len(tail) == 4 else Decimal(0)
    if minutes >= 60 or seconds >= 60:
        return None
    value = _e7(Decimal(digits[:width]), minutes, seconds)
    return -value if letter in "SW" else value, letter, False


def _e7(degrees: Decimal, minutes: Decimal, seconds: Decimal) -> int:
    exact = (degrees * 3600 + minutes * 60 + seconds) * DEGREE / 3600
    return int(exact.quantize(_TO_7, rounding=ROUND_HALF_EVEN))


# ------------------------------------------------------------------------------------------- grid


@cache
def _grid() -> MGRS:
    """Loaded when the first grid reference comes or is shown: it brings 2 MB of libraries."""
    from mgrs import MGRS

    return MGRS()


def _grid_point(found: re.Match[str]) -> _Point | Problem:
    digits = found[4].replace(" ", "")
    groups = found[4].split()
    uneven = len(groups) == 2 and len(groups[0]) != len(groups[1])
    if len(digits) % 2 or len(digits) > 10 or uneven or len(groups) > 2:
        return UNREADABLE
    grid = _grid()
    from mgrs.core import MGRSError

    try:
        lat, lon = grid.toLatLon(f"{found[1]}{found[2]}{found[3]}{digits}".upper())
    except MGRSError:
        return UNREADABLE
    side = 10 ** (5 - len(digits) // 2)
    cell = -(-side * 7072 // 10_000)  # half the diagonal, rounded up
    return _Point(
        lat_e7=round(lat * DEGREE),
        lon_e7=turned(round(lon * DEGREE)),
        lettered=True,
        cell_m=cell,
        kept=True,
    )


def grid_of(place: Position, digits: int = 5) -> str | None:
    """The reference of the square that holds a position: cut off, never rounded.

    ``None`` beyond 84 north and 80 south, where the grid is another one, and for another datum.
    ``digits`` of each coordinate, 1 to 5 (10 km to 1 m).
    """
    if place.datum or not -80 * DEGREE <= place.lat_e7 < 84 * DEGREE:
        return None
    text: str = _grid().toMGRS(place.lat_e7 / DEGREE, place.lon_e7 / DEGREE, MGRSPrecision=digits)
    zone, square, rest = text[:3], text[3:5], text[5:]
    return f"{zone} {square} {rest[:digits]} {rest[digits:]}"
