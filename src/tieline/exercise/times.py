"""The times that a scenario may write.

A moment is ``H+3:20`` (hours and minutes after the start, seconds if need be: ``H+0:00:30``) or a
date-time group, ``151800Z`` or ``151800Z NOV 22``, of the field. A group without month means the
first such day at or after the start. A span is ``90s``, ``10m``, ``2h`` or ``1h30m``.

Everything is UTC milliseconds. This module knows no clock and no time zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from tieline.core.errors import LocalError
from tieline.core.terms import dtg

_OFFSET: Final = re.compile(r"H\+(\d{1,3})(?::([0-5]\d)(?::([0-5]\d))?)?\Z")
_GROUP: Final = re.compile(r"(\d\d)([01]\d|2[0-3])([0-5]\d)Z(?: ([A-Z]{3}) (\d\d))?\Z")
_SPAN: Final = re.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,5})s)?\Z")
_FORMS: Final = "write it as H+3:20 or as 151800Z"


def moment_ms(text: str, start_ms: int) -> int:
    """When a scenario's moment is, UTC ms.

    Raises ``LocalError`` (``scenario.time``) when it is neither form, or lies before the start.
    """
    offset = _OFFSET.match(text)
    if offset is not None:
        hours, minutes, seconds = (int(part or 0) for part in offset.groups())
        return start_ms + (hours * 3600 + minutes * 60 + seconds) * 1000
    group = _GROUP.match(text)
    if group is None:
        raise LocalError("scenario.time", f"{text!r} is no moment; {_FORMS}")
    return _group_ms(text, group, start_ms)


def span_ms(text: str) -> int:
    """How long a span is, in ms. Raises ``LocalError`` (``scenario.time``)."""
    match = _SPAN.match(text)
    if match is None or not text:
        raise LocalError("scenario.time", f"{text!r} is no span; write it as 90s, 10m, 2h or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return (hours * 3600 + minutes * 60 + seconds) * 1000


def h_plus(at_ms: int, start_ms: int) -> str:
    """A moment as ``H+3:20``; seconds only when they are not zero."""
    seconds = (at_ms - start_ms) // 1000
    sign, seconds = ("+", seconds) if seconds >= 0 else ("-", -seconds)
    rest = f":{seconds % 60:02d}" if seconds % 60 else ""
    return f"H{sign}{seconds // 3600}:{seconds // 60 % 60:02d}{rest}"


def _group_ms(text: str, group: re.Match[str], start_ms: int) -> int:
    day, hour, minute = (int(part) for part in group.groups()[:3])
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    # Sixty-two days hold every day number at least once, whatever the months.
    for ahead in range(62):
        date = start.date() + timedelta(days=ahead)
        if date.day != day:
            continue
        found = datetime(date.year, date.month, day, hour, minute, tzinfo=UTC)
        at_ms = int(found.timestamp()) * 1000
        if group.group(4) is not None and dtg(at_ms) != text:
            continue
        if at_ms >= start_ms:
            return at_ms
    raise LocalError(
        "scenario.time",
        f"{text!r} is not within two months after the start, {dtg(start_ms)}; {_FORMS}",
    )
