"""A list of sites as forms: read, doubted, shown, and sent when an officer says so.

Columns are matched with the fields of the form by their ids or by their labels in the officer's
language; a position may stand in one column, or in two that are called latitude and longitude. The
rows fill the form's group of places, many to a message, or each a message of its own when the form
has no such group. What is the same for all is given with ``--field``: ``organisation=...`` once for
the message, ``sites.footprint=not known`` for every row. A column that matches nothing is named and
not sent. A row with a doubt goes only with ``--doubtful``.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.desk.cli import files
from tieline.desk.cli.agreements import answers_of
from tieline.desk.cli.common import client, language_of, line_of, officer, put
from tieline.desk.cli.show import text_of, views
from tieline.node.client import ApiRefused, Client
from tieline.node.sheet import MAX_FILE, Row, Sheet, read_sheet
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


def send_sheet(args: argparse.Namespace) -> None:
    """Read a list for a form, tell its doubts, and send its rows if that is asked for."""
    station = client(args)
    shared: dict[str, Json] = {**line_of(args), **language_of(args)}
    form = station.call("form", **shared, form=args.form)
    sheet = read_sheet(args.sheet, files.read_bytes(args.sheet, MAX_FILE))
    columns = match(sheet, form, answers_of(args.field))
    sites = [_site(row, columns) for row in sheet.rows]
    doubts = findings(sites, time.time_ns() // 1_000_000 // _DAY_MS, _max_age(form, columns))
    doubted = {doubt.row for doubt in doubts}
    refused: list[tuple[int, str]] = []
    for row in sheet.rows:
        try:
            station.call("fill", **shared, form=args.form, answers=answered([row], columns))
        except ApiRefused as error:
            refused.append((row.number, error.message))
    unfit = {number for number, _ in refused}
    sound = [
        row
        for row in sheet.rows
        if row.number not in unfit and (args.doubtful or row.number not in doubted)
    ]
    sent = _send(args, station, shared, sound, columns) if args.send else []
    result: dict[str, Json] = {
        "rows": len(sheet.rows),
        "sound": len(sound),
        "sent": sent,
        "columns_without_field": list(columns.strange),
        "doubts": [
            {"row": one.row, "doubt": one.doubt.value, "other": one.other, "detail": one.detail}
            for one in doubts
        ],
        "refused": [{"row": number, "why": why} for number, why in refused],
    }
    lines = [f"{len(sheet.rows)} rows, {len(doubted)} with doubts, {len(refused)} unfit"]
    lines += [f"column '{name}' fills no field and is not sent" for name in columns.strange]
    lines += [_doubt_line(one) for one in doubts]
    lines += [f"row {number} is unfit: {why}" for number, why in refused]
    if args.send:
        lines.append(f"{len(sound)} rows were sent; messages: {len(sent)}")
    else:
        lines.append(f"nothing was sent; --send sends the {len(sound)} sound rows")
    put(args, result, *lines)


def _send(
    args: argparse.Namespace,
    station: Client,
    shared: dict[str, Json],
    rows: list[Row],
    columns: Columns,
) -> list[Json]:
    """Send rows in messages; each has a key of what it says and to whom: again repeats nothing."""
    sent: list[Json] = []
    for start in range(0, len(rows), columns.most):
        part = rows[start : start + columns.most]
        answers = answered(part, columns)
        what = (args.form, sorted(code.upper() for code in args.to), sorted(answers.items()))
        mark = hashlib.sha256(repr(what).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        done = station.call(
            "send", **{**officer(args), **shared, "key": f"sheet-{mark}"},
            form=args.form, answers=answers, to=[code.upper() for code in args.to],
        )  # fmt: skip
        sent.append({"rows": [row.number for row in part], **done})
    return sent


def _doubt_line(one: Finding) -> str:
    other = f" with row {one.other}" if one.other else ""
    detail = f" ({one.detail})" if one.detail else ""
    return f"row {one.row}: {one.doubt.value}{other}{detail}"


def match(sheet: Sheet, form: dict[str, Json], given: dict[str, Json]) -> Columns:
    """Find the field of each column. Raises ``LocalError`` (``list.columns``)."""
    groups = [
        field
        for field in views(form, "fields")
        if any(text_of(one, "type") == "position" for one in views(field, "fields"))
    ]
    group = groups[0] if groups else {}
    fields = views(group, "fields") if group else views(form, "fields")
    prefix = f"{text_of(group, 'path')}." if group else ""
    kinds = {
        text_of(field, "path").removeprefix(prefix): text_of(field, "type") for field in fields
    }
    labels = {path.casefold(): path for path in kinds} | {
        text_of(field, "label").casefold(): text_of(field, "path").removeprefix(prefix)
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


def answered(rows: list[Row], columns: Columns) -> dict[str, Json]:
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


def _max_age(form: dict[str, Json], columns: Columns) -> int | None:
    """For how many days the agreement lets a row stand without being confirmed anew."""
    ages = [each.get("revalidate_ms") for each in views(form, "validity")]
    found = [age // _DAY_MS for age in ages if isinstance(age, int)]
    return min(found) if found and columns.day else None
