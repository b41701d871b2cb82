"""What a list of sites says in a form: columns as fields, rows as answers, doubts as words.

Columns are matched with the fields of the form by their ids or by their labels in the officer's
language; a position may stand in one column, or in two that are called latitude and longitude. The
rows fill the form's group of places, many to a message, or each a message of its own when the form
has no such group. A column that matches nothing is named and not sent.

Nothing here asks a station: the command line and the web desk do, and say the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.node.sheet import Row, Sheet
from tieline.node.sitelist import Finding, Site, findings

if TYPE_CHECKING:
    from tieline.node.view import Json

_DAY_MS: Final = 86_400_000
_BATCH: Final = 40  # rows of one message: a statement has 32 kB
_LATITUDE: Final = frozenset({"latitude", "lat", "lat.", "широта", "خط العرض"})
_LONGITUDE: Final = frozenset({"longitude", "lon", "long", "lng", "долгота", "خط الطول"})


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns fill: paths of fields by index; ``group``: that of the rows, or empty.

    ``most``: how many rows one message takes. ``common``: answers of the message; ``each``: answers
    of every row.
    """

    group: str
    most: int
    paths: dict[int, str]
    lat: int | None
    lon: int | None
    position: str
    name: str
    day: str
    strange: tuple[str, ...]
    common: dict[str, Json]
    each: dict[str, Json]


def doubt_line(one: Finding) -> str:
    """A doubt as it is said."""
    return f"row {one.row}: {doubt_text(one)}"


def doubt_text(one: Finding) -> str:
    """What a doubt says of its row, which stands beside it."""
    other = f" with row {one.other}" if one.other else ""
    detail = f" ({one.detail})" if one.detail else ""
    return f"{one.doubt.value}{other}{detail}"


def match(sheet: Sheet, form: Mapping[str, object], given: Mapping[str, Json]) -> Columns:
    """Find the field of each column. Raises ``LocalError`` (``list.columns``)."""
    groups = [
        field
        for field in _views(form, "fields")
        if any(_text(one, "type") == "position" for one in _views(field, "fields"))
    ]
    group = groups[0] if groups else {}
    fields = _views(group, "fields") if group else _views(form, "fields")
    prefix = f"{_text(group, 'path')}." if group else ""
    kinds = {_text(field, "path").removeprefix(prefix): _text(field, "type") for field in fields}
    labels = {path.casefold(): path for path in kinds} | {
        _text(field, "label").casefold(): _text(field, "path").removeprefix(prefix)
        for field in fields
    }
    paths: dict[int, str] = {}
    lat = lon = None
    strange = []
    for index, column in enumerate(sheet.columns):
        said = column.casefold()
        if said in labels and labels[said] not in paths.values():
            paths[index] = labels[said]
        elif said in _LATITUDE and lat is None:
            lat = index
        elif said in _LONGITUDE and lon is None:
            lon = index
        else:
            strange.append(column)
    position = next((path for path, kind in kinds.items() if kind == "position"), "")
    if (lat is None) != (lon is None) or (lat is not None and position in paths.values()):
        raise LocalError(
            "list.columns",
            "the sheet has one of latitude and longitude, or both and a position; give one of them",
        )
    found = list(paths.values())
    named = [path for path in found if kinds[path] in ("unit", "text")]
    repeat = group.get("repeat") if group else None
    high = repeat[1] if isinstance(repeat, list) and isinstance(repeat[1], int) else 1
    return Columns(
        group=prefix.removesuffix("."),
        most=min(high, _BATCH) if group else 1,
        paths=paths,
        lat=lat,
        lon=lon,
        position=position,
        name="name" if "name" in named else next(iter(named), ""),
        day=next((path for path in found if kinds[path] == "date"), ""),
        strange=tuple(strange),
        common={
            path: text for path, text in given.items() if not (prefix and path.startswith(prefix))
        },
        each={
            path.removeprefix(prefix): text
            for path, text in given.items()
            if prefix and path.startswith(prefix)
        },
    )


def answered(rows: Sequence[Row], columns: Columns) -> dict[str, Json]:
    """Rows as an officer would have typed them into the form."""
    out = dict(columns.common)
    for number, row in enumerate(rows, 1):
        answers: dict[str, Json] = {path: row.cells[index] for index, path in columns.paths.items()}
        if columns.lat is not None and columns.lon is not None and columns.position:
            answers[columns.position] = f"{row.cells[columns.lat]}, {row.cells[columns.lon]}"
        whole = columns.each | {path: text for path, text in answers.items() if text}
        head = f"{columns.group}[{number}]." if columns.group else ""
        out.update({f"{head}{path}": text for path, text in whole.items()})
    return out


def doubts(
    rows: Sequence[Row], form: Mapping[str, object], columns: Columns, now_ms: int
) -> list[Finding]:
    """What is doubtful about the rows, in their order."""
    sites = [_site(row, columns) for row in rows]
    return findings(sites, now_ms // _DAY_MS, _max_age(form, columns))


def batches(rows: Sequence[Row], columns: Columns) -> list[Sequence[Row]]:
    """The rows of each message."""
    return [rows[start : start + columns.most] for start in range(0, len(rows), columns.most)]


def key_of(form: str, to: Sequence[str], answers: Mapping[str, Json]) -> str:
    """The key of a message: what it says and to whom, so that again repeats nothing."""
    what = (form, sorted(code.upper() for code in to), sorted(answers.items()))
    mark = hashlib.sha256(repr(what).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"sheet-{mark}"


def _site(row: Row, columns: Columns) -> Site:
    by_path = {path: row.cells[index] for index, path in columns.paths.items()}
    place = None
    if columns.lat is not None and columns.lon is not None:
        lat, lon = _degrees(row.cells[columns.lat]), _degrees(row.cells[columns.lon])
        place = None if lat is None or lon is None else (lat, lon)
    elif columns.position in by_path:
        place = _typed(by_path[columns.position])
    return Site(
        row.number, by_path.get(columns.name, ""), place, _day(by_path.get(columns.day, ""))
    )


def _degrees(text: str) -> int | None:
    """Decimal degrees as 1e-7 of them; anything else is for the form to judge."""
    try:
        return round(float(text.replace(",", ".")) * 1e7)
    except (ValueError, OverflowError):
        return None


def _typed(text: str) -> tuple[int, int] | None:
    from tieline.core.agreement.places import Position
    from tieline.node.readplace import read_position

    found, _ = read_position(text)
    return (found.lat_e7, found.lon_e7) if isinstance(found, Position) else None


def _day(text: str) -> int | None:
    from datetime import date

    try:
        return (date.fromisoformat(text[:10]) - date(1970, 1, 1)).days
    except ValueError:
        return None


def _max_age(form: Mapping[str, object], columns: Columns) -> int | None:
    """For how many days the agreement lets a row stand without being confirmed anew."""
    ages = [each.get("revalidate_ms") for each in _views(form, "validity")]
    found = [age // _DAY_MS for age in ages if isinstance(age, int)]
    return min(found) if found and columns.day else None


def _views(view: Mapping[str, object], name: str) -> list[dict[str, object]]:
    found = view.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _text(view: Mapping[str, object], name: str) -> str:
    found = view.get(name)
    return found if isinstance(found, str) else ""
