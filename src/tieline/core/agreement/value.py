"""What a field can hold, as values, and as it stands on the wire.

``read_value`` and ``wire_value`` are inverse: a value has one encoding and only that one is read
(``docs/protocol.md``, "Values of form fields"). Integers, bytes and text only; a place is in 1e-7
degrees, so that two readers never disagree about a comparison.

Nothing here raises for a value that is wrong: it gives a ``Problem``, whose code and arguments make
a sentence in the reader's language (``form``). Bytes from a peer and answers of our own officer go
through the same checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.model import CodeItem, Field, FieldType, Special
from tieline.core.agreement.places import (
    MAX_POINTS,
    Area,
    Circle,
    Polygon,
    Position,
    Route,
    Waypoint,
    is_place,
)
from tieline.core.encode import Value
from tieline.core.terms import MAX_TIME_MS, PARTY_CODE

MAX_SECONDS: Final = MAX_TIME_MS // 1000
MAX_DAYS: Final = MAX_SECONDS // 86_400
MAX_COUNT: Final = 10**15
MAX_ERROR_M: Final = 20_100_000  # half the circumference: "anywhere on Earth"
MAX_SPREAD_S: Final = 10 * 366 * 86_400
TEXT_CHARS: Final = 2000  # of a TEXT field whose form says nothing
UNIT_CHARS: Final = 80
DATUM_CHARS: Final = 24
TYPED_CHARS: Final = 120


@dataclass(frozen=True, slots=True)
class Code:
    """One item of the field's code list: its number on the wire, and its id in the pack."""

    number: int
    id: str


@dataclass(frozen=True, slots=True)
class Number:
    """A count, give or take ``spread`` (0: none stated)."""

    n: int
    spread: int = 0


@dataclass(frozen=True, slots=True)
class Instant:
    """UTC seconds since 1970, give or take ``spread_s`` (0: none stated)."""

    seconds: int
    spread_s: int = 0

    @property
    def ms(self) -> int:
        return self.seconds * 1000


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC date, as days since 1970-01-01."""

    days: int


@dataclass(frozen=True, slots=True)
class Unit:
    """The designation of a formation, a ship or an office: one line, never a person."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """Free text in the statement's language. It may hold line feeds, and anything hostile."""

    text: str


@dataclass(frozen=True, slots=True)
class PartyCode:
    """The code of a party."""

    code: str


@dataclass(frozen=True, slots=True)
class Serial:
    """The sender's running number of this series of messages, from 1 without gaps."""

    n: int


@dataclass(frozen=True, slots=True)
class Hash:
    """A SHA-256 value."""

    digest: bytes


Answer = (
    Code
    | Number
    | Instant
    | Day
    | Position
    | Area
    | Route
    | Unit
    | Text
    | PartyCode
    | Serial
    | Hash
    | Special
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value: ``field.`` and a word, with the arguments of its sentence."""

    code: str
    arguments: tuple[tuple[str, str], ...] = ()


SHAPE: Final = Problem("field.shape")
_SPECIALS: Final = {
    Special.NOT_KNOWN: None,
    Special.WITHHELD: True,
    Special.NIL: False,
}
_TYPES: Final[dict[FieldType, type]] = {
    FieldType.CODE: Code,
    FieldType.COUNT: Number,
    FieldType.TIME: Instant,
    FieldType.DATE: Day,
    FieldType.POSITION: Position,
    FieldType.ROUTE: Route,
    FieldType.UNIT: Unit,
    FieldType.PARTY: PartyCode,
    FieldType.SERIAL: Serial,
    FieldType.TEXT: Text,
    FieldType.HASH: Hash,
}
_STRINGS: Final[dict[FieldType, Callable[[str], Answer]]] = {
    FieldType.UNIT: Unit,
    FieldType.TEXT: Text,
    FieldType.PARTY: PartyCode,
}


# -------------------------------------------------------------------------------------- checking


def problem_of(field: Field, answer: Answer, items: tuple[CodeItem, ...]) -> Problem | None:
    """What forbids this answer in this field, or ``None``. ``items``: the field's code list."""
    if isinstance(answer, Special):
        if answer in field.specials:
            return None
        return Problem("field.special", (("answer", answer.value),))
    match answer:
        case Circle() | Polygon():
            fits = field.type is FieldType.AREA
        case _:
            fits = _TYPES.get(field.type) is type(answer)
    if not fits:
        return Problem("field.type", (("type", field.type.value),))
    return _bounds(field, answer, items)


def _bounds(field: Field, answer: Answer, items: tuple[CodeItem, ...]) -> Problem | None:
    match answer:
        case Instant(seconds=seconds, spread_s=spread):
            good = 0 <= seconds <= MAX_SECONDS and 0 <= spread <= MAX_SPREAD_S
            return None if good else Problem("field.time")
        case Code(number=number, id=id_):
            known = any(item.number == number and item.id == id_ for item in items)
            return None if known else Problem("field.code", (("code", id_ or str(number)),))
        case Number(n=n, spread=spread):
            low = 0 if field.low is None else field.low
            return _within(n, low, MAX_COUNT if field.high is None else field.high) or _within(
                spread, 0, MAX_COUNT
            )
        case Day(days=days):
            return None if 0 <= days <= MAX_DAYS else Problem("field.time")
        case Position() | Circle() | Polygon() | Route():
            return _place_problem(answer)
        case Unit(name=text) | Text(text=text):
            return _text_problem(field, text)
        case PartyCode(code=code):
            return None if PARTY_CODE.match(code) else Problem("field.party", (("code", code),))
        case Serial(n=n):
            return _within(n, 1, MAX_COUNT)
        case Hash(digest=digest):
            return None if len(digest) == 32 else Problem("field.hash")
        case _:
            return SHAPE


def _within(n: int, low: int, high: int) -> Problem | None:
    if low <= n <= high:
        return None
    return Problem("field.range", (("low", str(low)), ("high", str(high))))


def max_chars(field: Field) -> int:
    """How many characters a TEXT or UNIT field may hold."""
    return field.max_chars or (UNIT_CHARS if field.type is FieldType.UNIT else TEXT_CHARS)


def _text_problem(field: Field, text: str) -> Problem | None:
    most = max_chars(field)
    if not text or text != text.strip():
        return Problem("field.blank")
    if len(text) > most:
        return Problem("field.long", (("most", str(most)), ("found", str(len(text)))))
    if field.type is FieldType.UNIT and "\n" in text:
        return Problem("field.lines")
    try:
        text.encode()
    except UnicodeEncodeError:
        return Problem("field.characters")
    return None


def _place_problem(place: Position | Area | Route) -> Problem | None:
    good = False
    match place:
        case Position(lat_e7=lat, lon_e7=lon, error_m=error, datum=datum, typed=typed):
            good = (
                is_place(lat, lon)
                and 0 <= error <= MAX_ERROR_M
                and len(datum) <= DATUM_CHARS
                and len(typed) <= TYPED_CHARS
                and "\n" not in datum + typed
            )
        case Circle(lat_e7=lat, lon_e7=lon, radius_m=radius):
            good = is_place(lat, lon) and 1 <= radius <= MAX_ERROR_M
        case Polygon(points=points):
            good = 3 <= len(points) <= MAX_POINTS and all(is_place(*point) for point in points)
        case Route(waypoints=waypoints):
            good = 2 <= len(waypoints) <= MAX_POINTS and all(
                is_place(one.lat_e7, one.lon_e7)
                and (one.seconds is None or 0 <= one.seconds <= MAX_SECONDS)
                for one in waypoints
            )
    return None if good else Problem("field.place")


# ----------------------------------------------------------------------------------------- wire


def wire_value(answer: Answer) -> Value:
    """The answer as it stands in a statement."""
    match answer:
        case Special():
            return _SPECIALS[answer]
        case Code(number=n) | Serial(n=n) | Number(n=n, spread=0) | Instant(seconds=n, spread_s=0):
            return n
        case Day(days=n):
            return n
        case Number(n=n, spread=spread) | Instant(seconds=n, spread_s=spread):
            return (n, spread)
        case Position():
            return _wire_position(answer)
        case Circle(lat_e7=lat, lon_e7=lon, radius_m=radius):
            return (2, lat, lon, radius)
        case Polygon(points=points):
            return (1, tuple(part for point in points for part in point))
        case Route(waypoints=waypoints):
            return tuple((one.lat_e7, one.lon_e7, one.seconds) for one in waypoints)
        case Unit(name=text) | Text(text=text) | PartyCode(code=text):
            return text
        case Hash(digest=digest):
            return digest


def _wire_position(place: Position) -> Value:
    out: tuple[Value, ...] = (place.lat_e7, place.lon_e7, place.error_m)
    if place.datum or place.typed:
        out = (*out, place.datum)
    return (*out, place.typed) if place.typed else out


def read_value(field: Field, wire: Value, items: tuple[CodeItem, ...]) -> Answer | Problem:
    """Read one field that is no group, and check it against the field's bounds."""
    if wire is None or isinstance(wire, bool):
        special = Special.NOT_KNOWN if wire is None else Special.WITHHELD if wire else Special.NIL
        return problem_of(field, special, items) or special
    answer = _read(field.type, wire, items)
    if isinstance(answer, Problem | Code):  # a code that was found needs no second look
        return answer
    return _bounds(field, answer, items) or answer


def _read(kind: FieldType, wire: Value, items: tuple[CodeItem, ...]) -> Answer | Problem:
    if isinstance(wire, int):
        return _read_int(kind, wire, items)
    if isinstance(wire, str):
        return _STRINGS[kind](wire) if kind in _STRINGS else SHAPE
    if isinstance(wire, bytes):
        return Hash(wire) if kind is FieldType.HASH else SHAPE
    if not isinstance(wire, tuple):
        return SHAPE
    match kind:
        case FieldType.COUNT | FieldType.TIME:
            numbers = _ints(wire)
            if not len(numbers) == len(wire) == 2 or not numbers[1]:
                return SHAPE
            return Number(*numbers) if kind is FieldType.COUNT else Instant(*numbers)
        case FieldType.POSITION:
            return _read_position(wire)
        case FieldType.AREA:
            return _read_area(wire)
        case FieldType.ROUTE:
            return _read_route(wire)
        case _:
            return SHAPE


def _read_int(kind: FieldType, wire: int, items: tuple[CodeItem, ...]) -> Answer | Problem:
    if kind is FieldType.CODE:
        for item in items:
            if item.number == wire:
                return Code(wire, item.id)
        return Problem("field.code", (("code", str(wire)),))
    if kind is FieldType.TIME:
        return Instant(wire)
    if kind is FieldType.COUNT:
        return Number(wire)
    if kind is FieldType.DATE:
        return Day(wire)
    return Serial(wire) if kind is FieldType.SERIAL else SHAPE


def _ints(values: tuple[Value, ...]) -> tuple[int, ...]:
    """The integers among some values: as many as there are when all of them are integers."""
    return tuple(one for one in values if isinstance(one, int) and not isinstance(one, bool))


def _read_position(wire: tuple[Value, ...]) -> Answer | Problem:
    numbers, texts = _ints(wire[:3]), wire[3:]
    words = tuple(one for one in texts if isinstance(one, str))
    if len(numbers) != 3 or len(words) != len(texts) or len(words) > 2 or (words and not words[-1]):
        return SHAPE
    datum, typed = (*words, "", "")[:2]
    return Position(numbers[0], numbers[1], numbers[2], datum, typed)


def _read_area(wire: tuple[Value, ...]) -> Answer | Problem:
    match wire:
        case (1, tuple(flat)) if wire[0] is not True:
            numbers = _ints(flat)
            if len(numbers) != len(flat) or len(numbers) % 2:
                return SHAPE
            return Polygon(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
        case (2, _, _, _):
            numbers = _ints(wire)
            return Circle(*numbers[1:]) if len(numbers) == 4 else SHAPE
        case _:
            return SHAPE


def _read_route(wire: tuple[Value, ...]) -> Answer | Problem:
    out: list[Waypoint] = []
    for one in wire:
        match one:
            case (int(lat), int(lon), (int() | None) as seconds) if not any(
                isinstance(part, bool) for part in one
            ):
                out.append(Waypoint(lat, lon, seconds))
            case _:
                return SHAPE
    return Route(tuple(out))
