"""Small helpers for templates: times, marks, safe text. Pure.

Text from outside is made safe here and nowhere else: ``safe`` shows controls, directions and
look-alikes as their code points and puts each text in a ``<bdi>``, so that it cannot turn what
stands around it. Whatever is put into a page without it is escaped by the template all the same.
"""

from __future__ import annotations

import re
import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup, escape

from tieline.core.agreement.plain import read_time
from tieline.core.terms import Precedence, dtg
from tieline.node.text import visible

# Shape, number and class of each precedence: never colour alone.
MARKS: Final = {
    "FLASH": ("◆", 1), "IMMEDIATE": ("▲", 2), "PRIORITY": ("■", 3), "ROUTINE": ("●", 4),
}  # fmt: skip
RANKS: Final = {name: 4 - rank for name, (_, rank) in MARKS.items()}
_OFFSET: Final = re.compile(r"(?:UTC)?([+-])(0\d|1[0-4]):([0-5]\d)")
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z][A-Za-z0-9_+-]{0,31}){0,2}")
_NONE: Final = Markup("\N{EM DASH}")
RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur", "ps", "dv", "yi", "ckb"})


class View(dict[str, object]):
    """A JSON object of the station: what it does not say is None."""

    def __missing__(self, name: str) -> None:
        return None

    def view(self, name: str) -> View:
        """An object in it; empty where there is none."""
        found = self.get(name)
        return found if isinstance(found, View) else View()

    def views(self, name: str) -> list[View]:
        """The objects of a list in it."""
        found = self.get(name)
        return [one for one in found if isinstance(one, View)] if isinstance(found, list) else []

    def texts(self, name: str) -> list[str]:
        """The texts of a list in it."""
        found = self.get(name)
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def deep(value: object) -> object:
    """JSON with each object as a ``View``."""
    if isinstance(value, dict):
        return View({str(name): deep(part) for name, part in value.items()})
    if isinstance(value, list):
        return [deep(part) for part in value]
    return value


def view(value: object) -> View:
    """A JSON object as a ``View``; empty where it is none."""
    found = deep(value)
    return found if isinstance(found, View) else View()


def number(value: object) -> int | None:
    """A whole number, where it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it is shown: the date-time group in Zulu, the local time here, ISO for machines."""

    ms: int
    dtg: str
    local: str
    iso: str


def moment(ms: object) -> Moment | None:
    """A time of a view (UTC ms), if it is one."""
    if not isinstance(ms, int) or isinstance(ms, bool) or not 0 < ms < 253_402_300_800_000:
        return None
    there = time.localtime(ms / 1000)
    local = time.strftime("%Y-%m-%d %H:%M ", there) + _offset(there.tm_gmtoff)
    iso = datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Moment(ms, dtg(ms), local, iso)


KEPT_CHARACTERS: Final = 200
MOST_NAMED: Final = 32
_GROUP: Final = re.compile(r"(?<![0-9A-Z])[0-9]{6}Z [A-Z]{3} [0-9]{2}(?![0-9A-Z])")
# The parties of the page that is made, each with the zone that an administrator told this desk.
Zones = tuple[tuple[str, str], ...]
ZONES: Final[ContextVar[Zones]] = ContextVar("zones", default=())

# These are called hundreds of times for a page: plain f-strings of escaped parts, each kept for the
# values that come again.


def when(ms: object) -> Markup:
    """A time of a view as an element: the date-time group; pointing at it tells the local times."""
    return _when(ms, ZONES.get()) if isinstance(ms, int) else _NONE


@lru_cache(maxsize=4_096)
def _when(ms: int, zones: Zones) -> Markup:
    found = moment(ms)
    if found is None:
        return _NONE
    element = (
        f'<time datetime="{found.iso}" title="{escape("; ".join(local_times(found, zones)))}">'
    )
    return Markup(f"{element}<bdi>{found.dtg}</bdi></time>")  # noqa: S704 - escaped, or ours


def both(ms: object) -> Markup:
    """A time with the local times written out: ours, and of each party whose zone is known here.

    The one place for it: whoever shows when something was or is due calls this, or ``times``.
    """
    return _both(ms, ZONES.get()) if isinstance(ms, int) else _NONE


@lru_cache(maxsize=4_096)
def _both(ms: int, zones: Zones) -> Markup:
    found = moment(ms)
    if found is None:
        return _NONE
    told = "; ".join(f"<bdi>{escape(each)}</bdi>" for each in local_times(found, zones))
    return Markup(  # noqa: S704 - escaped, or ours
        f'<time datetime="{found.iso}"><bdi>{found.dtg}</bdi></time>'
        f' <span class="local">({told})</span>'
    )


def times(ms: object) -> str:
    """The same as plain text, for a sentence; empty for what is no time."""
    found = moment(ms)
    return f"{found.dtg} ({'; '.join(local_times(found))})" if found else ""


def named(texts: object) -> list[str]:
    """The times that words of a message have in them, each with the local times; none twice.

    The words stay as both sides have them: this stands below them.
    """
    out: dict[str, None] = {}
    for text in texts if isinstance(texts, list) else ():
        for group in _GROUP.findall(text) if isinstance(text, str) else ():
            seconds = read_time(group)
            told = times(seconds * 1_000) if seconds is not None else ""
            if told:
                out.setdefault(told)
    return list(out)[:MOST_NAMED]


def local_times(found: Moment, zones: Zones | None = None) -> list[str]:
    """Our local time, then that of each party whose zone is known."""
    there = (
        (party, theirs(found.ms, zone)) for party, zone in (ZONES.get() if zones is None else zones)
    )
    return [found.local, *(f"{party}: {local}" for party, local in there if local)]


def theirs(ms: object, zone: str) -> str:
    """The local time in another party's zone, as this desk was told it; empty for no zone.

    ``zone``: a name of the zone tables of this machine, or an offset: ``+03:00``, ``UTC+03:00``.
    """
    found, place = moment(ms), zone_of(zone)
    if found is None or place is None:
        return ""
    try:
        there = datetime.fromtimestamp(found.ms / 1000, place)
    except OverflowError:  # another party may claim the last day that there is
        return ""
    offset = there.utcoffset()
    return there.strftime("%Y-%m-%d %H:%M ") + _offset(int(offset.total_seconds()) if offset else 0)


@lru_cache(maxsize=256)
def zone_of(zone: str) -> tzinfo | None:
    """A zone by its name or offset; None for what is none."""
    offset = _OFFSET.fullmatch(zone)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    if not _ZONE.fullmatch(zone):
        return None
    try:
        return ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def brief(told: View) -> str:
    """The lines of a form in one: without headings and counts, which stand for places on a page."""
    lines, types = told.texts("lines"), told.texts("types")
    kept = [
        line
        for line, type_ in zip(lines, types, strict=False)
        if type_ not in ("heading", "serial")
    ]
    return " · ".join(kept if len(types) == len(lines) and kept else lines)


def clock(ms: object) -> str:
    """A time of a view within the day, to the second, in Zulu."""
    found = moment(ms)
    return datetime.fromtimestamp(found.ms / 1000, UTC).strftime("%H:%M:%SZ") if found else ""


def safe(text: object, lang: object = None) -> Markup:
    """A text from outside: made visible, and in an element that holds its direction."""
    shown, tag = "" if text is None else str(text), str(lang) if lang else ""
    short = (
        len(shown) + len(tag) <= KEPT_CHARACTERS
    )  # long ones would be a stranger's hold on memory
    return _safe_short(shown, tag) if short else _safe(shown, tag)


def _safe(text: str, lang: str) -> Markup:
    shown = escape(visible(text, lines=True))
    if not lang:
        return Markup(f"<bdi>{shown}</bdi>")  # noqa: S704 - escaped above
    tag = f'lang="{escape(visible(lang))}" dir="{direction(lang)}"'
    return Markup(f"<bdi {tag}>{shown}</bdi>")  # noqa: S704 - escaped above


_safe_short: Final = lru_cache(maxsize=4_096)(_safe)


def direction(lang: str) -> str:
    """``rtl`` or ``ltr`` for a language tag."""
    return "rtl" if lang.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr"


def mark(precedence: object) -> Markup:
    """The mark of a precedence: shape, number and word."""
    return _mark(str(precedence))


@lru_cache(maxsize=64)
def _mark(name: str) -> Markup:
    if name not in MARKS:
        return _safe(name, "")
    shape, number = MARKS[name]
    sign = f'<span aria-hidden="true">{shape} {number}</span>'
    return Markup(f'<span class="mark {name.lower()}">{sign} {name}</span>')  # noqa: S704 - ours


def rank(precedence: object) -> int:
    """For sorting: 3 for FLASH down to 0."""
    name = str(precedence)
    return int(Precedence[name]) if name in Precedence.__members__ else -1


def left(ms: int) -> str:
    """How long until, or since, in units that say enough: ``4:05 min``, ``2 h 10 min``."""
    sign = "\N{MINUS SIGN}" if ms < 0 else ""
    total = abs(ms) // 1000
    hours, minutes, seconds = total // 3600, total // 60 % 60, total % 60
    if hours >= 48:
        return f"{sign}{hours // 24} d {hours % 24} h"
    if hours:
        return f"{sign}{hours} h {minutes:02d} min"
    return f"{sign}{minutes}:{seconds:02d} min"


def _offset(seconds: int) -> str:
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


def file_name(realm: str, name: str) -> str:
    """What a file that leaves the desk is called: of an exercise it says so before all else."""
    return f"EXERCISE-{realm}-{name}" if realm else name
