"""How notices are written as lines of text: when they hold, who was told, what they touch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.terms import MAX_TIME_MS, dtg
from tieline.desk.cli.show import View, number_of, text_of, views

_HOW: Final = {
    "meets": "covers its place and time",
    "near": "near in place and time",
    "time": "at the same time; places could not be compared",
}


def list_lines(found: View, *, every: bool) -> Iterator[str]:
    """Notices, each with those that it touches."""
    if found.get("exercise"):
        yield f"EXERCISE EXERCISE EXERCISE {text_of(found, 'exercise')}"
    rows = views(found, "notices")
    for one in rows:
        yield from notice_lines(one)
        for other in views(one, "touches"):
            yield f"      touches {_name(other)}: {_HOW.get(text_of(other, 'how'), '')}"
        if number_of(one, "touches_left"):
            yield f"      and {number_of(one, 'touches_left')} more"
    if not rows:
        yield "no notice is on this line" if every else "no notice holds"
    if number_of(found, "left_out"):
        yield f"{number_of(found, 'left_out')} others are not shown; --limit N shows more"
    marks = found.get("marks")
    yield from (f"! {mark}" for mark in (marks if isinstance(marks, list) else ()))


def notice_lines(one: View) -> Iterator[str]:
    """One notice on two or three lines."""
    how = _HOW.get(text_of(one, "how"), "")
    yield f"  {_name(one)}{'  ' + how if how else ''}"
    ended = text_of(one, "ended_by")
    over = f"  taken back by {ended[:8]}" if ended else "  over" if one.get("over") else ""
    yield f"      {_times(one)}{over}"
    for each in views(one, "passed"):
        yield (
            f"      {text_of(each, 'party')} passed it to {text_of(each, 'unit') or 'units'}"
            f" at {_at(number_of(each, 'at_ms'))}"
        )
    if not one.get("told") and not one.get("over"):
        yield f"    ! passed to no unit of ours: tieline pass-on {text_of(one, 'item')[:8]} UNIT"


def _name(one: View) -> str:
    return f"{text_of(one, 'item')[:8]}  {text_of(one, 'party')}: {text_of(one, 'title')}"


def _times(one: View) -> str:
    end = one.get("until_ms")
    until = f"until {_at(end)}" if isinstance(end, int) else "until it is taken back"
    return f"from {_at(number_of(one, 'from_ms'))} {until}"


def _at(at_ms: int) -> str:
    return dtg(at_ms) if 0 <= at_ms <= MAX_TIME_MS else f"{at_ms} ms"
