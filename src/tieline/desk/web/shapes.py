"""Small helpers for templates: times, marks, safe text. Pure.

Text from outside is made safe here and nowhere else: ``safe`` shows controls, directions and
look-alikes as their code points and puts each text in a ``<bdi>``, so that it cannot turn what
stands around it. Whatever is put into a page without it is escaped by the template all the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup, escape

from tieline.core.terms import Precedence, dtg
from tieline.node.text import visible

# Shape, number and class of each precedence: never colour alone.
MARKS: Final = {
    "FLASH": ("◆", 1), "IMMEDIATE": ("▲", 2), "PRIORITY": ("■", 3), "ROUTINE": ("●", 4),
}  # fmt: skip
RANKS: Final = {name: 4 - rank for name, (_, rank) in MARKS.items()}
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


def when(ms: object) -> Markup:
    """A time of a view as an element: the date-time group, and the local time beside it."""
    found = moment(ms)
    if found is None:
        return Markup("—")
    return Markup('<time datetime="{}" title="{}"><bdi>{}</bdi></time>').format(
        found.iso, found.local, found.dtg
    )


def both(ms: object) -> Markup:
    """A time with the local time written out."""
    found = moment(ms)
    if found is None:
        return Markup("—")
    return Markup(
        '<time datetime="{}"><bdi>{}</bdi></time> <span class="local">(<bdi>{}</bdi>)</span>'
    ).format(found.iso, found.dtg, found.local)


def safe(text: object, lang: object = None) -> Markup:
    """A text from outside: made visible, and in an element that holds its direction."""
    shown = escape(visible(str(text if text is not None else ""), lines=True))
    if not lang:
        return Markup("<bdi>{}</bdi>").format(shown)
    tag = str(lang)
    return Markup('<bdi lang="{}" dir="{}">{}</bdi>').format(visible(tag), direction(tag), shown)


def direction(lang: str) -> str:
    """``rtl`` or ``ltr`` for a language tag."""
    return "rtl" if lang.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr"


def mark(precedence: object) -> Markup:
    """The mark of a precedence: shape, number and word."""
    name = str(precedence)
    if name not in MARKS:
        return Markup("<bdi>{}</bdi>").format(visible(name))
    shape, number = MARKS[name]
    return Markup('<span class="mark {}"><span aria-hidden="true">{} {}</span> {}</span>').format(
        name.lower(), shape, number, name
    )


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
