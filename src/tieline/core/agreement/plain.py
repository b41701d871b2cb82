"""One answer as a line of plain text that every text form shares, and back.

The text is the same in every language, so that a sheet written by one desk is typed in at another::

    7                                a code, by its number on the wire
    9000 +-500                       a count
    151440Z NOV 22 +-300 S           a time (with seconds, or outside 1970 to 2069: RFC 3339)
    2022-11-15                       a date
    50.5N 23.8E +-100 M              a position; DATUM "..." and TYPED "..." may follow
    CIRCLE 50.5N 23.8E RADIUS 500 M  an area; or POLYGON and its points, with commas between
    ROUTE 50.5N 23.8E AT 151440Z NOV 22, 50.6N 23.9E
    [NOT KNOWN]  [WITHHELD]  [NIL]   answers that are no value

``read`` is the inverse of ``write`` and takes nothing that ``write`` does not make, but for spaces
and capitals. What could end a line, hide or turn text is written as an escape (``quote``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tieline.core.agreement.dates import day_number, days_in_month
from tieline.core.agreement.model import CodeItem, Field, FieldType, Special
from tieline.core.agreement.places import (
    DEGREE,
    Area,
    Circle,
    Polygon,
    Position,
    Route,
    Waypoint,
)
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Problem,
    Serial,
    Text,
    Unit,
    problem_of,
)
from tieline.core.terms import civil, dtg, rfc3339

MONTHS: Final = (
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
)  # fmt: skip
FIRST_DTG_YEAR: Final = 1970  # two digits of a year mean 1970 to 2069
UNREADABLE: Final = Problem("field.unreadable")

_SPECIAL_TEXT: Final = {
    Special.NOT_KNOWN: "[NOT KNOWN]",
    Special.WITHHELD: "[WITHHELD]",
    Special.NIL: "[NIL]",
}
_SPECIALS: Final = {text: special for special, text in _SPECIAL_TEXT.items()}
_STRINGS: Final[dict[FieldType, Callable[[str], Answer]]] = {
    FieldType.TEXT: Text,
    FieldType.UNIT: Unit,
    FieldType.PARTY: PartyCode,
}
_DTG: Final = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})Z ([A-Z]{3}) ([0-9]{2})\Z")
_STAMP: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z\Z")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_SPREAD: Final = re.compile(r"(.*?)(?: \+-([0-9]{1,15})( S| M)?)?\Z", re.DOTALL)
_DEGREES: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,7}))?([NSEW])\Z")
_PLACE: Final = re.compile(
    r'(\S+ \S+)(?: \+-([0-9]{1,9}) M)?(?: DATUM "([^"]*)")?(?: TYPED "([^"]*)")?\Z'
)
_ESCAPE: Final = re.compile(r"\\(?:([\\\[n])|u\{([0-9A-F]{1,6})\})?")


# -------------------------------------------------------------------------------------------- text


def quote(text: str, special: str = "") -> str:
    """Text on one line that cannot be taken for anything but itself.

    Escaped are line feeds, what is invisible or turns text, a space at the start or end of a line
    or after another, an opening bracket at the start, and the characters in ``special``.
    """
    out: list[str] = []
    for index, char in enumerate(text):
        around = (text[index - 1 : index] or "\n") + (text[index + 1 : index + 2] or "\n")
        if char == "\\":
            out.append("\\\\")
        elif char == "\n":
            out.append("\\n")
        elif char == "[" and index == 0:
            out.append("\\[")
        elif char in special or not char.isprintable():
            out.append(f"\\u{{{ord(char):X}}}")
        elif char == " " and (around[0] in " \n" or around[1] == "\n"):
            out.append("\\u{20}")
        else:
            out.append(char)
    return "".join(out)


def unquote(text: str) -> str | None:
    """The inverse of ``quote``; ``None`` for an escape that it does not write."""
    good = True

    def plain(found: re.Match[str]) -> str:
        nonlocal good
        letter, code = found.groups()
        if letter is not None:
            return "\n" if letter == "n" else letter
        number = int(code, 16) if code else 0x110000
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            good = False
            return ""
        return chr(number)

    out = _ESCAPE.sub(plain, text)
    return out if good else None


# ----------------------------------------------------------------------------------------- writing


def write(answer: Answer, special: str = "") -> str:
    """The answer as one line. ``special``: what else is escaped in texts."""
    match answer:
        case Special():
            return _SPECIAL_TEXT[answer]
        case Code(number=n) | Serial(n=n):
            return str(n)
        case Number(n=n, spread=spread):
            return f"{n} +-{spread}" if spread else str(n)
        case Instant(seconds=seconds, spread_s=spread):
            return write_time(seconds) + (f" +-{spread} S" if spread else "")
        case Day(days=days):
            return rfc3339(days * 86_400_000)[:10]
        case Position():
            return _write_position(answer, special)
        case Circle() | Polygon():
            return _write_area(answer)
        case Route(waypoints=waypoints):
            return "ROUTE " + ", ".join(_write_waypoint(one) for one in waypoints)
        case Hash(digest=digest):
            return digest.hex().upper()
        case Unit(name=text) | Text(text=text) | PartyCode(code=text):
            return quote(text, special)


def write_time(seconds: int) -> str:
    """A date-time group where it can say the instant, else RFC 3339. Unit: UTC seconds."""
    year = civil(seconds * 1000)[0]
    short = seconds % 60 == 0 and year < FIRST_DTG_YEAR + 100
    return dtg(seconds * 1000) if short else rfc3339(seconds * 1000)


def write_point(lat_e7: int, lon_e7: int) -> str:
    """Decimal degrees with as many digits as are needed: ``50.5N 23.8E``."""
    return f"{_write_degrees(lat_e7, 'NS')} {_write_degrees(lon_e7, 'EW')}"


def _write_degrees(e7: int, letters: str) -> str:
    whole, rest = divmod(abs(e7), DEGREE)
    digits = f"{rest:07d}".rstrip("0")
    return f"{whole}{'.' if digits else ''}{digits}{letters[e7 < 0]}"


def _write_position(place: Position, special: str) -> str:
    out = write_point(place.lat_e7, place.lon_e7)
    if place.error_m:
        out += f" +-{place.error_m} M"
    if place.datum:
        out += f' DATUM "{quote(place.datum, special + chr(34))}"'
    if place.typed:
        out += f' TYPED "{quote(place.typed, special + chr(34))}"'
    return out


def _write_area(area: Area) -> str:
    if isinstance(area, Circle):
        return f"CIRCLE {write_point(area.lat_e7, area.lon_e7)} RADIUS {area.radius_m} M"
    return "POLYGON " + ", ".join(write_point(*point) for point in area.points)


def _write_waypoint(one: Waypoint) -> str:
    point = write_point(one.lat_e7, one.lon_e7)
    return point if one.seconds is None else f"{point} AT {write_time(one.seconds)}"


# ----------------------------------------------------------------------------------------- reading


def read(field: Field, text: str, items: tuple[CodeItem, ...]) -> Answer | Problem:
    """Read what ``write`` wrote for this field, and check it against the field's bounds."""
    text = text.strip(" ")
    special = _SPECIALS.get(text.upper())
    answer = special or _read(field, text, items)
    if isinstance(answer, Problem):
        return answer
    return problem_of(field, answer, items) or answer


def _read(field: Field, text: str, items: tuple[CodeItem, ...]) -> Answer | Problem:
    if field.type in (FieldType.TEXT, FieldType.UNIT, FieldType.PARTY):
        plain = unquote(text)
        if plain is None:
            return UNREADABLE
        return _STRINGS[field.type](plain)
    if field.type is FieldType.POSITION:
        return _read_position(text)
    return _read_coded(field.type, text.upper(), items) or UNREADABLE


def _read_coded(kind: FieldType, text: str, items: tuple[CodeItem, ...]) -> Answer | Problem | None:
    match kind:
        case FieldType.CODE:
            return _read_code(text, items)
        case FieldType.SERIAL:
            return Serial(int(text)) if _is_number(text) else None
        case FieldType.COUNT | FieldType.TIME:
            return _read_spread(kind, text)
        case FieldType.DATE:
            days = read_date(text)
            return None if days is None else Day(days)
        case FieldType.AREA:
            return _read_area(text)
        case FieldType.ROUTE:
            return _read_route(text)
        case FieldType.HASH:
            digits = text.replace(" ", "")
            return Hash(bytes.fromhex(digits)) if re.fullmatch("[0-9A-F]{64}", digits) else None
        case _:
            return None


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,16}", text) is not None


def _read_code(text: str, items: tuple[CodeItem, ...]) -> Code | Problem | None:
    if not _is_number(text):
        return None
    for item in items:
        if item.number == int(text):
            return Code(item.number, item.id)
    return Problem("field.code", (("code", text),))


def _read_spread(kind: FieldType, text: str) -> Answer | None:
    found = _SPREAD.match(text)
    if found is None:
        return None
    plain, digits, unit = found.groups()
    spread = int(digits or 0)
    if digits and (not spread or unit != (" S" if kind is FieldType.TIME else None)):
        return None
    if kind is FieldType.COUNT:
        return Number(int(plain), spread) if _is_number(plain.removeprefix("-")) else None
    seconds = read_time(plain)
    return None if seconds is None else Instant(seconds, spread)


def read_date(text: str) -> int | None:
    """``2022-11-15`` as days since 1970, or ``None``."""
    found = _DATE.match(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    return date_of(year, month, day)


def date_of(year: int, month: int, day: int) -> int | None:
    """Days since 1970 of a date that exists, or ``None``."""
    good = 1970 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= days_in_month(year, month)
    return day_number(year, month, day) if good else None


def read_time(text: str) -> int | None:
    """What ``write_time`` wrote, as UTC seconds, or ``None``."""
    found = _DTG.match(text)
    if found is not None:
        day, hour, minute, month, year = found.groups()
        if month not in MONTHS:
            return None
        full = FIRST_DTG_YEAR + (int(year) - FIRST_DTG_YEAR) % 100
        return instant_of(full, MONTHS.index(month) + 1, int(day), int(hour), int(minute))
    found = _STAMP.match(text)
    return None if found is None else instant_of(*(int(part) for part in found.groups()))


def instant_of(
    year: int, month: int, day: int, hour: int, minute: int, second: int = 0
) -> int | None:
    """UTC seconds of a civil time that exists, or ``None``."""
    days = date_of(year, month, day)
    if days is None or hour > 23 or minute > 59 or second > 59:
        return None
    return days * 86_400 + hour * 3600 + minute * 60 + second


def read_point(text: str) -> tuple[int, int] | None:
    """What ``write_point`` wrote, or ``None``."""
    parts = [_DEGREES.match(part) for part in text.split(" ")]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        return None
    lat, lon = parts[0], parts[1]
    if lat[3] not in "NS" or lon[3] not in "EW":
        return None
    return _e7(lat), _e7(lon)


def _e7(found: re.Match[str]) -> int:
    value = int(found[1]) * DEGREE + int((found[2] or "").ljust(7, "0"))
    return -value if found[3] in "SW" else value


def _read_position(text: str) -> Answer | Problem:
    found = _PLACE.match(text)
    if found is None:
        return UNREADABLE
    point = read_point(found[1].upper())
    datum, typed = (unquote(part or "") for part in (found[3], found[4]))
    if point is None or datum is None or typed is None:
        return UNREADABLE
    return Position(*point, int(found[2] or 0), datum, typed)


def _read_area(text: str) -> Answer | None:
    found = re.fullmatch(r"CIRCLE (\S+ \S+) RADIUS ([0-9]{1,9}) M", text)
    if found is not None:
        centre = read_point(found[1])
        return None if centre is None else Circle(*centre, int(found[2]))
    if not text.startswith("POLYGON "):
        return None
    points = [read_point(part) for part in text.removeprefix("POLYGON ").split(", ")]
    return None if None in points else Polygon(tuple(one for one in points if one is not None))


def _read_route(text: str) -> Answer | None:
    if not text.startswith("ROUTE "):
        return None
    out: list[Waypoint] = []
    for part in text.removeprefix("ROUTE ").split(", "):
        place, at, when = part.partition(" AT ")
        point, seconds = read_point(place), read_time(when)
        if point is None or (at and seconds is None):
            return None
        out.append(Waypoint(*point, seconds if at else None))
    return Route(tuple(out))
