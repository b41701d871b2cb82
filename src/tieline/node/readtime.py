"""Times and dates as an officer types them.

Read are date-time groups with every zone letter (``J`` is the officer's own zone), RFC 3339 with an
offset, a civil time with the name of a zone, and ``now`` with an offset; each with an uncertainty
(``+/- 5 min``) behind. A time without a zone is not read, nor one that a change of clocks skips or
has twice: a wrong hour is worse than a question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tieline.core.agreement.plain import MONTHS, date_of
from tieline.core.agreement.value import Day, Instant, Problem

MAX_CHARS: Final = 200
UNREADABLE: Final = Problem("field.unreadable")
NO_ZONE: Final = Problem("field.zone")
TWICE: Final = Problem("field.clocks")
OUTSIDE: Final = Problem("field.time")

_SPREAD: Final = re.compile(
    r"\s*(?:\+/?-|±)\s*([0-9]{1,9})\s*(s|sec|min|m|h|d)\s*\Z", re.IGNORECASE
)
_DTG: Final = re.compile(
    r"([0-9]{2})([0-9]{2})([0-9]{2})\s*([A-Z])\s*([A-Z]{3})\s*([0-9]{4}|[0-9]{2})\Z", re.IGNORECASE
)
_CIVIL: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:\s*T\s*|\s+)([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    r"(?:\s*(Z|[-+][0-9]{2}:[0-9]{2}|J)|\s+([A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}))?\Z",
    re.IGNORECASE,
)
_NOW: Final = re.compile(r"(?:now)?\s*(?:([-+])\s*([0-9]{1,5})\s*(min|m|h|d))?\Z", re.IGNORECASE)
_DATES: Final = (
    re.compile(r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})\Z"),
    re.compile(r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})\Z"),
    re.compile(r"(?P<d>[0-9]{1,2})\s*(?P<m>[A-Z]{3})[A-Z]*\s*(?P<y>[0-9]{4})\Z"),
)
_SECONDS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_EAST: Final = "ABCDEFGHIKLM"  # +1 to +12: the letter J is left out, it means the local zone
_WEST: Final = "NOPQRSTUVWXY"  # -1 to -12


@dataclass(frozen=True, slots=True)
class Clock:
    """The officer's own zone, and the time now (UTC ms)."""

    zone: tzinfo
    now_ms: int


def read_instant(text: str, clock: Clock) -> Instant | Problem:
    """An instant with its uncertainty."""
    if len(text) > MAX_CHARS:  # this and single spaces bound what the expressions below may cost
        return UNREADABLE
    text = " ".join(text.split())
    spread = 0
    found = _SPREAD.search(text)
    if found is not None:
        spread = int(found[1]) * _SECONDS[found[2].lower()]
        text = text[: found.start()]
    seconds = _seconds(text.strip(), clock)
    return Instant(seconds, spread) if isinstance(seconds, int) else seconds


def _seconds(text: str, clock: Clock) -> int | Problem:
    found = _DTG.match(text)
    if found is not None:
        return _from_dtg(found, clock)
    found = _CIVIL.match(text)
    if found is not None:
        return _from_civil(found, clock)
    found = _NOW.match(text)
    if found is not None and text:
        sign, count, unit = found.groups()
        step = int(count or 0) * _SECONDS[(unit or "s").lower()]
        whole_minute = clock.now_ms // 60_000 * 60
        return whole_minute + (-step if sign == "-" else step)
    return UNREADABLE


def _from_dtg(found: re.Match[str], clock: Clock) -> int | Problem:
    day, hour, minute, letter, month, year = found.groups()
    if month.upper() not in MONTHS:
        return UNREADABLE
    full = int(year) if len(year) == 4 else 1970 + (int(year) - 70) % 100
    zone = _zone_of(letter.upper(), clock)
    return _at((full, MONTHS.index(month.upper()) + 1, int(day), int(hour), int(minute), 0), zone)


def _zone_of(letter: str, clock: Clock) -> tzinfo:
    if letter == "J":
        return clock.zone
    if letter == "Z":
        return UTC
    east = _EAST.find(letter) + 1
    return timezone(timedelta(hours=east or -(_WEST.index(letter) + 1)))


def _from_civil(found: re.Match[str], clock: Clock) -> int | Problem:
    parts = tuple(int(found[at] or 0) for at in range(1, 7))
    mark, name = (found[7] or "").upper(), found[8]
    if mark in ("Z", "J"):
        zone = _zone_of(mark, clock)
    elif mark:
        hours, minutes = int(mark[1:3]), int(mark[4:6])
        if hours > 15 or minutes > 59:
            return UNREADABLE
        offset = timedelta(hours=hours, minutes=minutes)
        zone = timezone(-offset if mark[0] == "-" else offset)
    elif name:
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return NO_ZONE
    else:
        return NO_ZONE
    return _at(parts, zone)


def _at(parts: tuple[int, ...], zone: tzinfo) -> int | Problem:
    """UTC seconds of a civil time that exists once in its zone."""
    year, month, day, hour, minute, second = parts
    if date_of(year, month, day) is None or hour > 23 or minute > 59 or second > 59:
        return OUTSIDE
    civil = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    try:
        utc = civil.astimezone(UTC)
        back = utc.astimezone(zone)
    except OverflowError:
        return OUTSIDE
    later = civil.replace(fold=1).utcoffset()
    if back.replace(tzinfo=None) != civil.replace(tzinfo=None) or civil.utcoffset() != later:
        return TWICE
    seconds = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return seconds if seconds >= 0 else OUTSIDE


def read_day(text: str, clock: Clock) -> Day | Problem:
    """A UTC date: ``2022-11-15``, ``15.11.2022``, ``15 NOV 2022``, or ``today`` (in UTC).

    Figures with slashes are not read: they mean two dates in two countries.
    """
    if len(text) > MAX_CHARS:
        return UNREADABLE
    text = text.strip().upper()
    if text == "TODAY":
        return Day(clock.now_ms // 86_400_000)
    for pattern in _DATES:
        found = pattern.match(text)
        if found is None:
            continue
        month = found["m"]
        if not month.isdigit() and month not in MONTHS:
            return UNREADABLE
        number = int(month) if month.isdigit() else MONTHS.index(month) + 1
        days = date_of(int(found["y"]), number, int(found["d"]))
        return OUTSIDE if days is None else Day(days)
    return UNREADABLE
