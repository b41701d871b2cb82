"""A list of sites at the desk: what a page carries of it, what is the same for all, whose fault is.

The desk keeps nothing of a list. Its page carries the cells that fill a field, and brings them back
with the ticks; they are read, doubted and asked about anew each time, as nothing that comes from a
browser is believed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.places import Position
from tieline.core.errors import LocalError
from tieline.desk.listreader import MAX_ROWS, MAX_TEXT
from tieline.desk.maps.coordinates import shown as in_all
from tieline.desk.sheets import Columns
from tieline.desk.web.shapes import View, view
from tieline.desk.words import Words
from tieline.node.readplace import read_position
from tieline.node.sheet import MAX_CELL, MAX_COLUMNS, Row, Sheet
from tieline.node.sitelist import Doubt, Finding
from tieline.node.view import Json

MOST_ROWS: Final = MAX_ROWS
MOST_MESSAGES: Final = 20  # of one act; at the station wait few drafts at once
_MOST_NUMBER: Final = 1_000_000
_DIGITS: Final = re.compile(r"[0-9]+")

Faults = Iterable[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row as it is shown. ``place``: its position as it was understood, in three notations.

    ``doubts``: questions, with which it can go; ``faults``: why it cannot.
    """

    number: int
    cells: tuple[str, ...]
    place: tuple[str, ...]
    doubts: tuple[str, ...]
    faults: tuple[str, ...]
    ticked: bool


# ---------------------------------------------------------------------------- what a page carries


def table(found: View) -> Sheet:
    """A table out of JSON. Raises ``LocalError`` (``list.carried``)."""
    columns, rows = found["columns"], found["rows"]
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise _carried()
    out = Sheet(_texts(columns, len(columns)), tuple(_row(one, len(columns)) for one in rows))
    numbers = {row.number for row in out.rows}
    if not out.rows or len(numbers) < len(rows) or len(rows) > MAX_ROWS:
        raise _carried()
    if not 0 < len(columns) <= MAX_COLUMNS or len(set(map(str.casefold, columns))) < len(columns):
        raise _carried()
    return out


def brought(text: str) -> Sheet:
    """A table that a page has carried. Raises ``LocalError`` (``list.carried``)."""
    try:
        found = json.loads(text) if len(text) <= 2 * MAX_TEXT else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _carried()
    return table(view(found))


def carried(sheet: Sheet) -> str:
    """A table as a page carries it."""
    return json.dumps(
        {"columns": sheet.columns, "rows": [[row.number, row.cells] for row in sheet.rows]},
        ensure_ascii=False,
    )


def without(sheet: Sheet, columns: Columns) -> Sheet:
    """The table without what fills no field: it goes no further."""
    kept = [
        index
        for index in range(len(sheet.columns))
        if index in columns.paths or index in (columns.lat, columns.lon)
    ]
    if not kept:
        raise LocalError(
            "list.headings",
            "no column of the list fills a field of this form; name them as it does",
        )
    return Sheet(
        tuple(sheet.columns[index] for index in kept),
        tuple(Row(row.number, tuple(row.cells[index] for index in kept)) for row in sheet.rows),
    )


def _row(one: object, width: int) -> Row:
    if not isinstance(one, list) or len(one) != 2 or not isinstance(one[1], list):
        raise _carried()
    number = one[0]
    if type(number) is not int or not 0 < number <= _MOST_NUMBER:
        raise _carried()
    return Row(number, _texts(one[1], width))


def _texts(some: Sequence[object], width: int) -> tuple[str, ...]:
    out = tuple(one for one in some if isinstance(one, str) and len(one) <= MAX_CELL)
    if len(out) != len(some) or len(out) != width:
        raise _carried()
    return out


def _carried() -> LocalError:
    return LocalError(
        "list.carried", "the page brought another list than a desk gives out; bring the file anew"
    )


def doubt(one: Finding, words: Words) -> str:
    """What a doubt says of its row, which stands beside it."""
    key, detail = f"desk.list.doubt.{one.doubt.value}", one.detail
    numbers = [int(each) for each in _DIGITS.findall(detail)]
    match one.doubt, numbers:
        case Doubt.UNREADABLE, _:
            return words.say(f"{key}.{detail}")
        case Doubt.DUPLICATE, [metres]:
            return words.say(key, other=one.other, metres=metres)
        case Doubt.DUPLICATE, _:
            return words.say(f"{key}.name", other=one.other)
        case Doubt.SWAPPED, [here, there]:
            return words.say(f"{key}.far", here=here, there=there)
        case Doubt.STALE, [days]:
            return words.say(f"{key}.ahead" if "ahead" in detail else key, days=days)
        case Doubt.STALE, _:
            return words.say(f"{key}.none")
    return words.say(key)


# ------------------------------------------------------------------- what is the same for all


def takes_list(form: View) -> bool:
    """Whether a form states places: then a list of them can fill it."""
    some = form.views("fields")
    inner = [field for group in some for field in group.views("fields")]
    return any(field["type"] == "position" for field in (*some, *inner))


def common(form: View, columns: Columns) -> View:
    """The form with those fields only that no column fills; the group of the rows stands once."""
    filled = {*columns.paths.values(), *([columns.position] if columns.lat is not None else [])}
    prefix = f"{columns.group}." if columns.group else ""
    out: list[View] = []
    for one in form.views("fields"):
        if columns.group and one["path"] == columns.group:
            left = [x for x in one.views("fields") if _path(x).removeprefix(prefix) not in filled]
            if left:
                out.append(View({**one, "fields": left, "repeat": [1, 1]}))
        elif columns.group or _path(one) not in filled:
            out.append(one)
    return View({**form, "fields": out})


def for_all(answers: Mapping[str, str], columns: Columns) -> dict[str, Json]:
    """Answers to the fields of ``common``, as ``match`` takes them."""
    head = f"{columns.group}[1]."
    return {
        f"{columns.group}.{path.removeprefix(head)}" if path.startswith(head) else path: text
        for path, text in answers.items()
    }


# ------------------------------------------------------------------------------------ whose fault


def by_row(
    faults: Faults, rows: Sequence[Row], columns: Columns
) -> tuple[dict[int, list[str]], list[Mapping[str, object]]]:
    """Faults of a message, by the number of the row that has them; and those of the whole list.

    A fault is a row's when a column fills its field: what is to be given for all is nobody's.
    """
    own = {*columns.paths.values(), columns.position}
    lines: dict[int, list[str]] = {}
    others: dict[str, Mapping[str, object]] = {}
    step = re.compile(re.escape(columns.group) + r"(?:\[([0-9]{1,4})\])?\.(.+)\Z")
    for fault in faults:
        path = str(fault.get("path") or "")
        found = step.match(path) if columns.group else None
        index, field = (int(found[1] or 1), found[2]) if found else (1, path)
        theirs = field in own and (found is not None or not columns.group)
        if theirs and 1 <= index <= len(rows):
            lines.setdefault(rows[index - 1].number, []).append(str(fault.get("text") or ""))
        else:
            where = f"{columns.group}[1].{field}" if found else path
            others.setdefault(where or str(fault.get("text")), {**fault, "path": where})
    return lines, [*others.values()]


def place(row: Row, columns: Columns) -> tuple[str, ...]:
    """Where a row is, as it was understood, in three notations; empty: it was not."""
    text = next((row.cells[i] for i, path in columns.paths.items() if path == columns.position), "")
    if columns.lat is not None and columns.lon is not None:
        text = f"{row.cells[columns.lat]}, {row.cells[columns.lon]}"
    found, _ = read_position(" ".join(text.split()))
    if not isinstance(found, Position):
        return ()
    said = in_all(found)
    return tuple(one for one in (said.decimal, said.arc, said.grid) if one)


def _path(one: View) -> str:
    return str(one["path"])
