"""The words of the field as values.

Nothing here has behaviour beyond its own consistency. Times are UTC milliseconds since 1970 unless
a name says otherwise; units come last in a name. Identifiers are plain ``bytes`` of fixed length:

* line: 16 bytes, derived from the first version of the charter;
* station: 8 bytes, derived from the party's root key, the realm and the station's name;
* incarnation: 8 random bytes, one life of one station's log;
* log: 8 bytes, derived from line, station and incarnation (``log_id`` in ``statement``);
* digest: 32 bytes, the RFC 6962 leaf hash of a statement's signed bytes.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache

from tieline.core.errors import LocalError

MAX_TIME_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z: the last instant a DTG can name
JOINT_ACTS = 256  # statements of one joint statement that are weighed of one log

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
PARTY_CODE = re.compile(r"[A-Z][A-Z0-9-]{0,11}\Z")
STATION_NAME = re.compile(r"[a-z0-9-]{1,12}\Z")
FORM_ID = re.compile(r"[!-~]{1,64}\Z")
LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,16}\Z")  # a tag as in BCP 47, not looked up
REALM = re.compile(r"(?:[A-Z0-9][A-Z0-9-]{0,31})?\Z")


class Precedence(enum.IntEnum):
    """Speed of handling, not importance (ACP 121). Higher goes first."""

    ROUTINE = 0
    PRIORITY = 1
    IMMEDIATE = 2
    FLASH = 3


class Rung(enum.IntEnum):
    """The receipt ladder. None of the rungs means agreement; only the first two are automatic."""

    HANDED_OVER = 1
    RECEIVED = 2
    ACKNOWLEDGED = 3
    READ_BACK = 4
    PASSED_ON = 5


class Kind(enum.IntEnum):
    """What a statement is. Unknown kinds from newer stations are kept and shown as unknown."""

    OPEN = 0
    MESSAGE = 1
    ACKNOWLEDGE = 2
    READ_BACK = 3
    PASS_ON = 4
    TEST = 5
    SUSPEND = 6
    RESUME = 7
    SILENCE = 8
    WATCH = 9
    JOINT = 10
    ASSENT = 11
    UNKNOWN = 255  # never written: how a kind from a newer station is shown


class Role(enum.IntEnum):
    """The capacity in which a statement was made; never a person's name."""

    STATION = 0
    WATCH_OFFICER = 1
    TREATY_OFFICER = 2
    RELEASER = 3


class RefRole(enum.IntEnum):
    """Why a statement cites another one."""

    ANSWERS = 1
    CORRECTS = 2
    CANCELS = 3
    SUPERSEDES = 4
    PREDECESSOR = 5
    CONCERNS = 6


class LineState(enum.StrEnum):
    """What can be said of the line to one peer. Four kinds of quiet are four states."""

    UP = "up"
    DEGRADED = "degraded"
    SILENT = "silent since"
    DOWN = "down"
    UNSTAFFED = "unstaffed"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Now:
    """One reading of the clocks, in ms.

    ``wall_ms`` is what the machine claims the time is, and may jump. ``mono_ms`` only ever grows
    while the process lives: deadlines run on it. ``real_ms`` is the transport's own monotonic time;
    it differs from ``mono_ms`` only in an exercise, whose clocks exercise control moves while the
    network keeps needing real seconds.
    """

    wall_ms: int
    mono_ms: int
    real_ms: int


def dtg(time_ms: int) -> str:
    """Write a time as a date-time group, ``151440Z NOV 22`` (FIELD 15.3). Unit: UTC ms."""
    if not 0 <= time_ms <= MAX_TIME_MS:
        civil(time_ms)  # which refuses it
    return _dtg(time_ms // 60_000)


@lru_cache(maxsize=64)
def _dtg(minutes: int) -> str:
    """What is shown lately is of the same few minutes."""
    year, month, day, hour, minute, _ = civil(minutes * 60_000)
    return f"{day:02d}{hour:02d}{minute:02d}Z {_MONTHS[month - 1]} {year % 100:02d}"


def rfc3339(time_ms: int) -> str:
    """Write a time as RFC 3339 UTC with seconds. Unit: UTC ms."""
    year, month, day, hour, minute, second = civil(time_ms)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"


def spoken(bits: int) -> str:
    """Sixteen bits as a word of five letters that anyone can say on a bad line.

    Most significant first: consonant (4 bits), vowel (2), consonant (4), vowel (2), consonant (4),
    from bdfghjklmnprstvz and aiou.
    """
    return (
        _CONSONANTS[bits >> 12]
        + _VOWELS[bits >> 10 & 3]
        + _CONSONANTS[bits >> 6 & 15]
        + _VOWELS[bits >> 4 & 3]
        + _CONSONANTS[bits & 15]
    )


def civil(time_ms: int) -> tuple[int, int, int, int, int, int]:
    """Split a time into year, month, day, hour, minute, second (proleptic Gregorian, UTC).

    Raises ``LocalError`` (``time.range``) outside 1970 to 9999.
    """
    if not 0 <= time_ms <= MAX_TIME_MS:
        raise LocalError("time.range", f"the time {time_ms} ms is outside the years 1970 to 9999")
    seconds = time_ms // 1000
    days, rest = divmod(seconds, 86_400)
    # Days to civil date by eras of 400 years, with the year starting in March so that the leap
    # day comes last; integers only, so the core needs no calendar library and no time zone.
    shifted = days + 719_468
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_index + 2) // 5 + 1
    month = month_index + 3 if month_index < 10 else month_index - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return year, month, day, rest // 3600, rest % 3600 // 60, rest % 60
