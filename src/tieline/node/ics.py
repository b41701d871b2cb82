"""The calendar of a line's agreements as an ICS file (RFC 5545), for a calendar that others run.

Every entry carries what the pack says of its own certainty. An entry of an exercise says so in its
title. The file is a copy at one time: what is due is on the line, not in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from icalendar import Calendar, Event

from tieline.node.text import visible
from tieline.node.view import Json

PRODUCT = "-//Tieline//calendar of agreements//EN"


def write_ics(
    entries: Iterable[Mapping[str, Json]], *, line: str, realm: str, now_ms: int
) -> bytes:
    """Entries as the act ``calendar`` gives them. ``line``: the line's name and id."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    # The library lets a carriage return through, with which a name could write lines of its own.
    line, realm = visible(line), visible(realm)
    calendar.add("x-wr-calname", f"{realm + ' EXERCISE: ' if realm else ''}{line}")
    for entry in entries:
        calendar.add_component(_event(entry, line, realm, now_ms))
    return bytes(calendar.to_ical())


def _event(entry: Mapping[str, Json], line: str, realm: str, now_ms: int) -> Event:
    event = Event()
    at_ms = entry["at_ms"]
    when = _instant(at_ms if isinstance(at_ms, int) else 0)
    title = f"{entry['said']}: {entry['title']}"
    if entry["party"]:
        title += f" ({entry['party']})"
    event.add("uid", visible(f"{entry['ref']}/{entry['what']}@{line}"))
    event.add("dtstamp", _instant(now_ms))
    event.add("dtstart", when)
    event.add("dtend", when)
    event.add("summary", visible(f"EXERCISE {realm}: {title}" if realm else title))
    told = [f"{entry['pack']}: {entry['rule']}"]
    if entry["paragraph"]:
        told.append(str(entry["paragraph"]))
    if "caution" in entry:
        told.append(str(entry["caution"]))
    event.add("description", "\n".join(visible(each) for each in told))
    event.add("transp", "TRANSPARENT")
    return event


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, tz=UTC)
