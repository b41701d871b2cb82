"""How incidents are worded at a terminal: in English so far, from the desk's own catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.terms import MAX_TIME_MS, dtg
from tieline.desk.cli.show import View, number_of, text_of
from tieline.desk.words import ENGLISH, Words
from tieline.node.view import Json

_MINUTE_MS: Final = 60_000
_UNITS: Final = (("d", 1440 * _MINUTE_MS), ("h", 60 * _MINUTE_MS), ("min", _MINUTE_MS))
COLUMNS: Final = 80
_KILOMETRE: Final = 1000


def words(key: str) -> str:
    """The words of a key in English; the last part of the key where there are none."""
    return Words(ENGLISH).say(key)


def span(value_ms: int) -> str:
    """A span in the two largest units that it has."""
    parts = []
    for unit, size in _UNITS:
        count, value_ms = divmod(value_ms, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "less than a minute"


def metres(value: int) -> str:
    """A distance: in kilometres from one on."""
    return f"{value} m" if value < _KILOMETRE else f"{value / _KILOMETRE:.1f} km"


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


def row_marks(one: View, *, digits: int, apart: str) -> Iterator[str]:
    """What there is to say of a statement of an incident, a line each.

    ``digits``: of a digest so many are shown. ``apart``: what stands before an addition.
    """
    if one.get("second_story"):
        yield "second story or late: it counts for nothing"
    if one.get("unfit"):
        yield "it breaks its form: it counts for nothing"
    if one.get("cancelled_by"):
        yield f"taken back by {text_of(one, 'cancelled_by')[:digits]}"
    if one.get("replaced_by"):
        yield f"replaced by {text_of(one, 'replaced_by')[:digits]}"
    brought = texts(one, "brought_by")
    if brought:
        counts = "" if one.get("moves") else f"{apart} it counts for nothing here"
        yield f"brought in by {', '.join(brought)}{counts}"
    for item in texts(one, "void"):
        yield f"what it does to {item[:digits]} is void: another's, or not read"


def how_far(pair: View) -> str:
    """How far two parties' accounts are apart; empty when that has no measure."""
    if pair.get("metres"):
        return f"{metres(number_of(pair, 'metres'))} apart"
    if pair.get("seconds"):
        return f"{span(number_of(pair, 'seconds') * 1000)} apart"
    if pair.get("count"):
        return f"{number_of(pair, 'count')} apart"
    return ""
