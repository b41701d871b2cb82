"""How one value of a pack is read from a file, encoded, read back and described.

A *kind* is the type of one key of one table in a pack's files. Each kind does four things, so that
they cannot drift apart: ``read`` takes a value as TOML gives it and reports what is wrong with
it; ``encode`` and ``decode`` are its place in the canonical encoding; ``schema`` describes it to an
editor (JSON Schema 2020-12).

Reading never stops at a fault: it reports, puts a blank in the place, and goes on, so that an
author sees every fault at once (up to ``MAX_FAULTS``). Decoding stops at the first: canonical bytes
were made by software, and nobody repairs them by hand.

This module does not know which tables there are (``shapes``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from tieline.core.agreement.model import Cite, Provenance
from tieline.core.encode import Value
from tieline.core.errors import PackFault, RemoteError

MAX_FAULTS: Final = 50
DAY_MS: Final = 86_400_000
MAX_DURATION_MS: Final = 36_525 * DAY_MS  # a hundred years: no agreement counts further
_SHOWN: Final = 40

Step = str | int
Json = str | int | bool | None | list["Json"] | dict[str, "Json"]


class Enough(Exception):
    """So many faults that reading on helps nobody."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a pack, parsed: its name, its table, and on which line each key stands.

    ``lines`` maps a path of keys and indexes to a line counted from 1. The table holds text, whole
    numbers, truth values, arrays and tables; times are texts as RFC 3339 writes them.
    """

    name: str
    table: Mapping[str, object]
    lines: Mapping[tuple[Step, ...], int] = field(default_factory=dict)

    def line(self, path: tuple[Step, ...]) -> int:
        """The line of the path, or of the nearest thing around it; 0 when nothing is known."""
        for end in range(len(path), 0, -1):
            found = self.lines.get(path[:end])
            if found is not None:
                return found
        return 0


class Report:
    """The faults found so far. Raises ``Enough`` at the bound."""

    def __init__(self) -> None:
        self.faults: list[PackFault] = []

    def add(self, file: str, line: int, text: str) -> None:
        """Add one fault; the same sentence at the same place is said once."""
        fault = PackFault(file, line, text)
        if fault not in self.faults:
            self.faults.append(fault)
        if len(self.faults) >= MAX_FAULTS:
            raise Enough


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file, with what holds there: the cite that is inherited."""

    report: Report
    source: Source
    path: tuple[Step, ...]
    cite: Cite

    def down(self, *steps: Step) -> Spot:
        """The place of a key or an element below."""
        return replace(self, path=(*self.path, *steps))

    def fault(self, text: str) -> None:
        """Report what is wrong here, as one sentence that also says what to do."""
        self.report.add(self.source.name, self.source.line(self.path), text)

    def wrong(self, want: str) -> None:
        """Report that the value of the key here is not what is wanted."""
        key = next((step for step in reversed(self.path) if isinstance(step, str)), "")
        self.fault(f"'{key}' must be {want}")


class Kind(Protocol):
    """See the module's docstring."""

    @property
    def blank(self) -> object:
        """What stands for a value that was refused, until the pack as a whole is."""
        ...

    def read(self, value: object, spot: Spot) -> object: ...
    def encode(self, value: object) -> Value: ...
    def decode(self, value: Value) -> object: ...
    def schema(self) -> dict[str, Json]: ...


def no_pack(what: str) -> RemoteError:
    """The refusal of bytes that are no pack as this software writes them."""
    return RemoteError("pack.bytes", f"the bytes of the pack hold {what}; ask for the pack anew")


def shown(value: object) -> str:
    """A value for a sentence: short, printable, and harmless on a terminal."""
    text = value if isinstance(value, str) else str(value)
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return ascii(cut) if not cut.isprintable() else f"'{cut}'"


def near(word: str, known: Sequence[str]) -> str:
    """A hint at the word that was perhaps meant, or what there is."""
    if not known:
        return ""
    close = difflib.get_close_matches(word[:64], known, 1)
    if close:
        return f" (perhaps '{close[0]}')"
    listed = ", ".join(known[:12])
    return f" (there is {listed}{' and others' if len(known) > 12 else ''})"


PLAIN: Final = r"[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]*"


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most ``most`` characters, of a pattern that ``say`` puts in words."""

    say: str = "a text"
    pattern: str = PLAIN
    most: int = 200
    blank: str = ""

    def read(self, value: object, spot: Spot) -> str:
        if not isinstance(value, str):
            spot.wrong(f"{self.say}, in quotation marks")
        elif len(value) > self.most:
            spot.wrong(f"at most {self.most} characters long; it has {len(value)}, shorten it")
        elif not re.fullmatch(self.pattern, value):
            spot.wrong(f"{self.say}; {shown(value)} is not")
        else:
            return value
        return self.blank

    def encode(self, value: object) -> Value:
        return str(value)

    def decode(self, value: Value) -> str:
        if (
            not isinstance(value, str)
            or len(value) > self.most
            or not re.fullmatch(self.pattern, value)
        ):
            raise no_pack(f"something else where {self.say} belongs")
        return value

    def schema(self) -> dict[str, Json]:
        made: dict[str, Json] = {"type": "string", "maxLength": self.most}
        if self.pattern != PLAIN:
            made["pattern"] = f"^(?:{self.pattern})$"
        return made


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from ``low`` to ``high``."""

    low: int
    high: int
    blank: int = 0

    def read(self, value: object, spot: Spot) -> int:
        if type(value) is int and self.low <= value <= self.high:
            return value
        spot.wrong(f"a whole number from {self.low} to {self.high}")
        return self.blank

    def encode(self, value: object) -> Value:
        if not isinstance(value, int):
            raise TypeError(type(value))
        return int(value)

    def decode(self, value: Value) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise no_pack(f"no whole number from {self.low} to {self.high} where one belongs")
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    blank: bool = False

    def read(self, value: object, spot: Spot) -> bool:
        if isinstance(value, bool):
            return value
        spot.wrong("true or false, without quotation marks")
        return False

    def encode(self, value: object) -> Value:
        return bool(value)

    def decode(self, value: Value) -> bool:
        if not isinstance(value, bool):
            raise no_pack("no truth value where one belongs")
        return value

    def schema(self) -> dict[str, Json]:
        return {"type": "boolean"}


_UNITS: Final = {"d": DAY_MS, "h": 3_600_000, "m": 60_000, "s": 1000}
_DURATION: Final = r"-?(?=\d)(?:\d{1,6}d)?(?:\d{1,6}h)?(?:\d{1,6}m)?(?:\d{1,6}s)?"


@dataclass(frozen=True, slots=True)
class Duration:
    """A period in milliseconds, written ``48h``, ``-42d``, ``1d12h``, ``30m``."""

    blank: int = DAY_MS
    negative: bool = True

    def read(self, value: object, spot: Spot) -> int:
        say = 'a period such as "48h", "30m"' + (' or "-42d"' if self.negative else "")
        if not isinstance(value, str) or not re.fullmatch(_DURATION, value[:40]):
            spot.wrong(f"{say}, of days, hours, minutes and seconds in this order")
            return self.blank
        total = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([dhms])", value[:40]))
        if total > MAX_DURATION_MS:
            spot.wrong("a hundred years at most; shorten the period")
        elif value.startswith("-") and not self.negative:
            spot.wrong("a period that is not negative; take the minus away")
        else:
            return -total if value.startswith("-") else total
        return self.blank

    def encode(self, value: object) -> Value:
        if not isinstance(value, int):
            raise TypeError(type(value))
        return value

    def decode(self, value: Value) -> int:
        low = -MAX_DURATION_MS if self.negative else 0
        if type(value) is not int or not low <= value <= MAX_DURATION_MS or value % 1000:
            raise no_pack("no period where one belongs")
        return value

    def schema(self) -> dict[str, Json]:
        pattern = _DURATION if self.negative else _DURATION.removeprefix("-?")
        return {"type": "string", "pattern": f"^{pattern}$"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a closed list of words, each standing for a value."""

    words: Mapping[str, object]
    blank: object

    def read(self, value: object, spot: Spot) -> object:
        if isinstance(value, str) and value in self.words:
            return self.words[value]
        spot.wrong(f"one of {', '.join(self.words)}; {shown(value)} is none")
        return self.blank

    def encode(self, value: object) -> Value:
        return next(word for word, meant in self.words.items() if meant == value)

    def decode(self, value: Value) -> object:
        if not isinstance(value, str) or value not in self.words:
            raise no_pack(f"something else where one of {', '.join(self.words)} belongs")
        return self.words[value]

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array of ``least`` to ``most`` values of one kind, without repetition."""

    each: Kind
    most: int
    least: int = 0
    blank: tuple[object, ...] = ()

    def read(self, value: object, spot: Spot) -> tuple[object, ...]:
        if not isinstance(value, list | tuple):
            spot.wrong("an array, in square brackets")
            return ()
        if not self.least <= len(value) <= self.most:
            spot.wrong(f"an array of {self.least} to {self.most} elements; it has {len(value)}")
            return ()
        out = tuple(self.each.read(item, spot.down(index)) for index, item in enumerate(value))
        if len(set(out)) < len(out):
            spot.wrong("an array without repetition; take the second one out")
        return out

    def encode(self, value: object) -> Value:
        if not isinstance(value, tuple):
            raise TypeError(type(value))
        return tuple(self.each.encode(item) for item in value)

    def decode(self, value: Value) -> tuple[object, ...]:
        if not isinstance(value, tuple) or not self.least <= len(value) <= self.most:
            raise no_pack(f"no array of {self.least} to {self.most} elements where one belongs")
        return tuple(self.each.decode(item) for item in value)

    def schema(self) -> dict[str, Json]:
        return {
            "type": "array",
            "items": self.each.schema(),
            "minItems": self.least,
            "maxItems": self.most,
        }


@dataclass(frozen=True, slots=True)
class SetOf:
    """An array whose order says nothing; in the canonical encoding it is sorted."""

    each: Choice
    blank: frozenset[object] = frozenset()

    def read(self, value: object, spot: Spot) -> frozenset[object]:
        return frozenset(ListOf(self.each, len(self.each.words)).read(value, spot))

    def encode(self, value: object) -> Value:
        if not isinstance(value, frozenset):
            raise TypeError(type(value))
        return tuple(word for word, meant in self.each.words.items() if meant in value)

    def decode(self, value: Value) -> frozenset[object]:
        return frozenset(ListOf(self.each, len(self.each.words)).decode(value))

    def schema(self) -> dict[str, Json]:
        return {"type": "array", "items": self.each.schema(), "uniqueItems": True}


@dataclass(frozen=True, slots=True)
class Span:
    """Two whole numbers, the lower one first."""

    high: int
    blank: tuple[int, int] = (0, 1)

    def read(self, value: object, spot: Spot) -> tuple[int, int]:
        match value:
            case [int(low), int(high)] if (
                type(low) is int and type(high) is int and 0 <= low <= high <= self.high
            ):
                return low, high
        spot.wrong(f"two numbers from 0 to {self.high}, the lower one first, such as [1, 9]")
        return self.blank

    def encode(self, value: object) -> Value:
        match value:
            case (int(low), int(high)):
                return (low, high)
        raise TypeError(type(value))

    def decode(self, value: Value) -> tuple[int, int]:
        match value:
            case (int(low), int(high)) if type(low) is int and type(high) is int:
                if 0 <= low <= high <= self.high:
                    return low, high
        raise no_pack("no two ordered numbers where they belong")

    def schema(self) -> dict[str, Json]:
        item: Json = {"type": "integer", "minimum": 0, "maximum": self.high}
        return {"type": "array", "items": item, "minItems": 2, "maxItems": 2}


MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day of every year, written ``12-15``. The leap day is none."""

    blank: tuple[int, int] = (1, 1)

    def read(self, value: object, spot: Spot) -> tuple[int, int]:
        if isinstance(value, str) and re.fullmatch(r"\d\d-\d\d", value, re.ASCII):
            month, day = int(value[:2]), int(value[3:])
            if 1 <= month <= 12 and 1 <= day <= MONTH_DAYS[month - 1]:
                return month, day
        spot.wrong('a day of every year as month and day, such as "12-15" (29 February is none)')
        return self.blank

    def encode(self, value: object) -> Value:
        return Span(99).encode(value)

    def decode(self, value: Value) -> tuple[int, int]:
        match value:
            case (int(month), int(day)) if type(month) is int and type(day) is int:
                if 1 <= month <= 12 and 1 <= day <= MONTH_DAYS[month - 1]:
                    return month, day
        raise no_pack("no day of every year where one belongs")

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "pattern": "^[01][0-9]-[0-3][0-9]$"}


PROVENANCE: Final = Choice({each.value: each for each in Provenance}, Provenance.UNVERIFIED)
PARAGRAPH: Final = Text("the number of a paragraph", most=60)
