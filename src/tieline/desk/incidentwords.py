"""How incidents are worded, from the desk's own catalogue: in English at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

from tieline.core.terms import MAX_TIME_MS, dtg
from tieline.desk.cli.show import View, number_of, text_of, views
from tieline.desk.words import ENGLISH, Words

if TYPE_CHECKING:
    from tieline.node.view import Json

_MINUTE_MS: Final = 60_000
_UNITS: Final = (("d", 1440 * _MINUTE_MS), ("h", 60 * _MINUTE_MS), ("min", _MINUTE_MS))
COLUMNS: Final = 80
_KILOMETRE: Final = 1000


class Say(Protocol):
    """Who says the words of a key, as ``tieline.desk.words.Words.say``."""

    def __call__(self, key: str, **values: str | int) -> str: ...


def english(key: str, **values: str | int) -> str:
    """The words of a key in English, with values."""
    return Words(ENGLISH).say(key, **values)


def words(key: str) -> str:
    """The words of a key in English; the last part of the key where there are none."""
    return english(key)


def span(value_ms: int, say: Say = english) -> str:
    """A span in the two largest units that it has."""
    parts = []
    for unit, size in _UNITS:
        count, value_ms = divmod(value_ms, size)
        if count:
            parts.append(say(f"unit.{unit}", n=count))
    return " ".join(parts[:2]) or say("span.short")


def metres(value: int, say: Say = english) -> str:
    """A distance: in kilometres from one on."""
    if value < _KILOMETRE:
        return say("unit.m", n=value)
    return say("unit.km", n=f"{value / _KILOMETRE:.1f}")


def moment(value: Json) -> str:
    """A time as a date-time group; a stroke where there is none."""
    if not isinstance(value, int):
        return "-"
    return dtg(value) if 0 <= value <= MAX_TIME_MS else f"{value} ms"


def wrapped(head: str, *parts: str) -> Iterator[str]:
    """Parts after a head, each whole, on as many lines as 80 columns need."""
    indent, line = " " * len(head), head
    for part in parts:
        if line not in (head, indent) and len(line) + len(part) + 2 > COLUMNS:
            yield line
            line = indent
        line += part if line in (head, indent) else f"  {part}"
    yield line


def texts(view: View, name: str) -> list[str]:
    """A list of texts in a view; nothing where there is no such list."""
    value = view.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []


def row_marks(one: View, *, digits: int, say: Say = english) -> Iterator[str]:
    """What there is to say of a statement of an incident, a line each.

    ``digits``: of a digest so many are shown.
    """
    if one.get("second_story"):
        yield say("mark.second-story")
    if one.get("unfit"):
        yield say("mark.unfit")
    for name in ("cancelled", "replaced"):
        by = text_of(one, f"{name}_by")
        if by:
            yield say(f"mark.{name}", item=by[:digits])
    brought = texts(one, "brought_by")
    if brought:
        key = "mark.brought" if one.get("moves") else "mark.brought-idle"
        yield say(key, parties=", ".join(brought))
    for item in texts(one, "void"):
        yield say("mark.void", item=item[:digits])
    yield from contested(one, say)


def contested(one: View, say: Say = english) -> Iterator[str]:
    """Who contests the standing of the author of a statement: a claim of theirs, no verdict."""
    for each in views(one, "contested"):
        through = text_of(each, "through")
        by = text_of(each, "by") + (f" ({through})" if through else "")
        yield say("mark.contested", party=by, time=text_of(each, "dtg"))


def how_far(pair: View, say: Say = english) -> str:
    """How far two parties' accounts are apart; empty when that has no measure."""
    if pair.get("metres"):
        return say("apart.way", metres=metres(number_of(pair, "metres"), say))
    if pair.get("seconds"):
        return say("apart.time", span=span(number_of(pair, "seconds") * 1000, say))
    if pair.get("count"):
        return say("apart.count", n=number_of(pair, "count"))
    return ""
