"""UTC dates as whole days since 1970-01-01, for rules that count in dates and not in instants.

"42 days or more before the start" of 12 March is met by a message of any hour of 29 January: such a
bound is a date, and the day ends with its last millisecond. Nothing here knows a time zone or a
leap second. Integers only: a date needs no calendar library.
"""

from __future__ import annotations

from typing import Final

from tieline.core.errors import LocalError
from tieline.core.terms import MAX_TIME_MS, civil

DAY_MS: Final = 86_400_000
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9999
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_BEFORE: Final = tuple(sum(_MONTH_DAYS[:month]) for month in range(12))  # of a common year


def is_leap(year: int) -> bool:
    """Whether the year has a 29 February (Gregorian)."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """28 to 31. ``month`` from 1."""
    return 29 if month == 2 and is_leap(year) else _MONTH_DAYS[month - 1]


def day_of(time_ms: int) -> int:
    """The UTC date of an instant, as days since 1970-01-01."""
    return time_ms // DAY_MS


def start_of(day: int) -> int:
    """The first instant of a date, UTC ms."""
    return day * DAY_MS


def end_of(day: int) -> int:
    """The last instant of a date, UTC ms: a deadline "on the 15th" is met until then."""
    return day * DAY_MS + DAY_MS - 1


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01.

    29 February of a common year is 28 February: a date that recurs each year exists in each year.
    Raises ``LocalError`` (``time.range``) for what is no date, or outside 1970 to 9999.
    """
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12 and 1 <= day <= 31):
        raise LocalError("time.range", f"{year}-{month}-{day} is no date of 1970 to 9999")
    leap_day = (month, day) == (2, 29)
    if day > days_in_month(year, month) and not leap_day:
        raise LocalError("time.range", f"{year}-{month} has no day {day}")
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += _DAYS_BEFORE[month - 1] + (1 if month > 2 and is_leap(year) else 0)
    return days + min(day, days_in_month(year, month)) - 719_163


def civil_date(day: int) -> tuple[int, int, int]:
    """Year, month, day. Raises ``LocalError`` (``time.range``) outside 1970 to 9999."""
    year, month, number, _, _, _ = civil(day * DAY_MS)
    return year, month, number


def year_of(time_ms: int) -> int:
    """The UTC calendar year of an instant, which is first brought into 1970 to 9999."""
    return civil(within(time_ms))[0]


def within(time_ms: int) -> int:
    """The instant, or the nearest that can be written: a sum of times may leave the range."""
    if 0 <= time_ms <= MAX_TIME_MS:
        return time_ms
    return 0 if time_ms < 0 else MAX_TIME_MS


def clamp_year(year: int) -> int:
    """The year, or the nearest of 1970 to 9999."""
    return min(max(year, FIRST_YEAR), LAST_YEAR)
