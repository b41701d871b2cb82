"""What the API gives of a whole log: its newest checkpoint, its line's charters, its statements."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from tieline.core.charter import armor_charter
from tieline.core.errors import LocalError
from tieline.core.line import Line
from tieline.node.view import Json, station_name

ENTRIES: Final = 256  # in one answer
Read = Callable[[bytes, bytes, int, int], list[bytes]]
"""The signed bytes of statements: line, log, first position, and the one after the last."""


def head(line: Line, wanted: str) -> dict[str, Json]:
    """One log of a line, by the first letters of its id or by ``PARTY/station``; else our own.

    Raises ``LocalError``: ``log.unknown``, ``log.unsigned`` when no signed checkpoint of it is held
    that what is held reaches.
    """
    own = line.own_log
    found = [
        log
        for log in line.record.logs.values()
        if (log.id == own and not wanted)
        or (wanted and log.id.hex().startswith(wanted.lower()))
        or (wanted and station_name(line, log.station).lower() == wanted.lower())
    ]
    if len(found) != 1:
        names = ", ".join(
            f"{log.id.hex()[:8]} ({station_name(line, log.station)}, {log.size} statements)"
            for log in sorted(line.record.logs.values(), key=lambda x: x.id)
        )
        raise LocalError(
            "log.unknown", f"which log is meant? name one with --log; there are {names}"
        )
    (log,) = found
    book = line.notes.get(log.id)
    sizes = [s for s in book.heads if s <= log.size and s not in book.open] if book else []
    if book is None or not sizes:
        raise LocalError(
            "log.unsigned",
            f"no signed checkpoint of the log {log.id.hex()[:8]} is held yet; its station signs one"
            " at the interval of the charter",
        )
    noted = book.heads[max(sizes)]
    charters: list[Json] = [
        armor_charter(signed) for _, signed in sorted(line.charters.items()) if signed.complete
    ]
    return {
        "line": line.id.hex(),
        "log": log.id.hex(),
        "station": station_name(line, log.station),
        "size": noted.head.size,
        "note": noted.note.format().decode("utf-8"),
        "charters": charters,
    }


def entries(read: Read, line: Line, log: str, start: int) -> dict[str, Json]:
    """The statements of a log from a position on, at most ``ENTRIES`` of them.

    Raises ``LocalError`` (``log.unknown``).
    """
    name = next((each for each in line.record.logs if each.hex() == log), None)
    if name is None:
        raise LocalError("log.unknown", f"there is no log '{log[:40]}' on this line")
    held = read(line.id, name, start, start + ENTRIES)
    out: list[Json] = [base64.b64encode(each).decode("ascii") for each in held]
    return {"entries": out}
