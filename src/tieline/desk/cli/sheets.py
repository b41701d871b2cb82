"""A list of sites as forms: read, doubted, shown, and sent when an officer says so.

How columns and rows become answers is in ``tieline.desk.sheets``. What is the same for all is given
with ``--field``: ``organisation=...`` once for the message, ``sites.footprint=not known`` for every
row. A row with a doubt goes only with ``--doubtful``.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from tieline.desk import sheets
from tieline.desk.cli import files
from tieline.desk.cli.agreements import answers_of
from tieline.desk.cli.common import client, language_of, line_of, officer, put
from tieline.node.client import ApiRefused, Client
from tieline.node.sheet import MAX_FILE, Row, read_sheet

if TYPE_CHECKING:
    from tieline.node.view import Json


def send_sheet(args: argparse.Namespace) -> None:
    """Read a list for a form, tell its doubts, and send its rows if that is asked for."""
    station = client(args)
    shared: dict[str, Json] = {**line_of(args), **language_of(args)}
    form = station.call("form", **shared, form=args.form)
    sheet = read_sheet(args.sheet, files.read_bytes(args.sheet, MAX_FILE))
    columns = sheets.match(sheet, form, answers_of(args.field))
    doubts = sheets.doubts(sheet.rows, form, columns, time.time_ns() // 1_000_000)
    doubted = {doubt.row for doubt in doubts}
    refused: list[tuple[int, str]] = []
    for row in sheet.rows:
        try:
            station.call("fill", **shared, form=args.form, answers=sheets.answered([row], columns))
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
    lines += [sheets.doubt_line(one) for one in doubts]
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
    columns: sheets.Columns,
) -> list[Json]:
    """Send rows in messages; each has a key of what it says and to whom: again repeats nothing."""
    sent: list[Json] = []
    for part in sheets.batches(rows, columns):
        answers = sheets.answered(part, columns)
        key = sheets.key_of(args.form, args.to, answers)
        done = station.call(
            "send", **{**officer(args), **shared, "key": key},
            form=args.form, answers=answers, to=[code.upper() for code in args.to],
        )  # fmt: skip
        sent.append({"rows": [row.number for row in part], **done})
    return sent
