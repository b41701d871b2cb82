"""Times as an officer types them."""

from __future__ import annotations

import contextlib
import datetime
import re
from typing import Final

from tieline.core.errors import LocalError

_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_DTG: Final = re.compile(r"(\d\d)(\d\d)(\d\d)Z ?([A-Z]{3}) ?(\d\d)")
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)Z")
MINUTE_MS: Final = 60_000


def read_time(text: str) -> int:
    """The beginning of the minute that a DTG or an ISO time names, in ms.

    Raises ``LocalError`` (``time.form``).
    """
    known = text.strip().upper()
    dtg, iso = _DTG.fullmatch(known), _ISO.fullmatch(known)
    parts: list[int] = []
    if dtg and dtg[4] in _MONTHS:
        month = _MONTHS.index(dtg[4]) + 1
        parts = [2000 + int(dtg[5]), month, int(dtg[1]), int(dtg[2]), int(dtg[3])]
    elif iso:
        parts = [int(part) for part in iso.groups()]
    with contextlib.suppress(ValueError):
        if parts:
            year, month, day, hour, minute = parts
            moment = datetime.datetime(year, month, day, hour, minute, tzinfo=datetime.UTC)
            return int(moment.timestamp()) * 1000
    raise LocalError(
        "time.form",
        f"'{text}' is no time; write it as 151440Z NOV 22 or 2022-11-15T14:40Z, in UTC",
    )
