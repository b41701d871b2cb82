"""How incidents are written as lines of text: one list, one incident, two lanes, who knew what.

Made for a terminal of 80 columns. Every text from outside is made safe by ``put``, line by line;
an exercise is marked in the first line and in the line of the incident.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tieline.core.terms import MAX_TIME_MS, dtg
from tieline.desk.cli import incidentaccounts as accounts
from tieline.desk.cli.agreements import basis, clock_of, short
from tieline.desk.cli.joints import list_lines as joint_lines
from tieline.desk.cli.noticelines import notice_lines
from tieline.desk.cli.show import View, mark_words, number_of, still_reading, text_of, views
from tieline.desk.incidentwords import contested, row_marks, span, texts, words, wrapped

if TYPE_CHECKING:
    from tieline.node.view import Json

_LANE: Final = 24  # where the second lane begins


def list_lines(found: View, *, every: bool) -> Iterator[str]:
    """Incidents, one on two lines."""
    yield from _banner(found)
    rows = views(found, "incidents")
    for one in rows:
        yield (
            f"{text_of(one, 'incident')[:8]}  {_state(one):<14}  {text_of(one, 'dtg')}"
            f"  {text_of(one, 'opened_by')}: {_called(one) or text_of(one, 'title')}"
        )
        yield f"          {_parties(one)}; {number_of(one, 'statements')} statements"
    so_far = still_reading(found)
    yield from so_far
    if not rows and not so_far:
        yield "no incident is on this line" if every else "no incident is open"
    if number_of(found, "left_out"):
        yield f"{number_of(found, 'left_out')} others are not shown; --limit N shows more"
    yield from _foot(found)


def show_lines(found: View) -> Iterator[str]:
    """One incident."""
    yield from _banner(found)
    yield from _header(found)
    yield from _clocks(found)
    yield from accounts.lines(found)
    if views(found, "joints"):
        yield "joint statements"
        yield from (f"  {line}" for line in joint_lines({"joints": found["joints"]}))
        yield from accounts.more(found, "joints", "statements about joint texts")
    touching = views(found, "notices")
    if touching:
        yield "notices that touch it; whether one explains it is for you to say"
        for one in touching:
            yield from notice_lines(one)
        yield from accounts.more(found, "notices")
    yield from _messages(found)
    yield from _foot(found)


@dataclass(frozen=True, slots=True)
class _Event:
    """Something at a time, in one of two lanes. ``place``: of its statement in display order."""

    at_ms: int
    place: int
    lines: list[str]
    first_lane: bool = False


def _banner(found: View) -> Iterator[str]:
    if found.get("exercise"):
        yield f"EXERCISE EXERCISE EXERCISE {text_of(found, 'exercise')}"


def _foot(found: View) -> Iterator[str]:
    for digest in texts(found, "missing"):
        yield (
            f"! pack {digest[:12]} is in force and not here, so what it says is not counted:"
            " 'tieline pack keep FILE'"
        )
    for one in (found, *views(found, "incidents")):
        for item in texts(one, "unread"):
            yield (
                f"! message {item[:8]} is attached to {text_of(one, 'short')} and cannot be read"
                " from the store, so it is not shown there: 'tieline verify'"
            )
    if found.get("able") is False:
        yield (
            "! no agreement in force has forms for accounts, questions and closure; pack 'incident'"
            " has: 'tieline charter amend FILE --pack incident', signed by every party"
        )
    for mark in texts(found, "marks"):
        yield f"! {mark}"


# ------------------------------------------------------------------------------------ header


def _header(found: View) -> Iterator[str]:
    called = _called(found)
    yield (
        f"incident {text_of(found, 'incident')[:8]}{'  ' + called if called else ''}"
        f"  {_state(found)}"
    )
    yield (
        f"  opened {text_of(found, 'dtg')} by {text_of(found, 'opened_by')}:"
        f" {text_of(found, 'title')}"
    )
    yield f"  {_parties(found)}"
    for one in texts(found, "crossed"):
        yield f"  ! closing {one[:8]} crossed with a reopening and does not count"


def _called(found: View) -> str:
    name = text_of(found, "name")
    return f"'{name}'" if name else ""


def _state(found: View) -> str:
    return words(f"state.{text_of(found, 'state')}")


def _parties(found: View) -> str:
    closed = [text_of(one, "party") for one in views(found, "closed_by")]
    out = f"took part: {', '.join(texts(found, 'parties'))}"
    if closed:
        out += f"; closed by {', '.join(closed)}"
        missing = texts(found, "not_closed")
        out += f", not yet by {', '.join(missing)}" if missing else ""
    return out


# ------------------------------------------------------------------------------------ clocks


def clock_lines(one: dict[str, Json]) -> Iterator[str]:
    """An obligation on two lines: who owes what, and until when, by which rule."""
    creditors = ", ".join(texts(one, "creditors"))
    mark = "!" if one.get("ours") in ("overdue", "late", "early") else " "
    yield f"{mark} {text_of(one, 'debtor')} > {creditors}  {text_of(one, 'title')}"
    yield from wrapped(" " * 6, clock_of(one), basis(one), short(text_of(one, "id")))


def _clocks(found: View) -> Iterator[str]:
    clocks = views(found, "clocks")
    if not clocks:
        return
    yield "clocks"
    first = found.get("escalation")
    named = text_of(first, "id") if isinstance(first, dict) else ""
    for one in clocks:
        yield from clock_lines(one)
        if text_of(one, "id") == named:
            left, calms = _left(one, number_of(found, "now_ms")), _calms(one)
            yield from wrapped(" " * 6, f"{left};" if calms else left, calms)


def _left(one: View, now_ms: int) -> str:
    ends = one.get("due")
    known = [end for end in ends if isinstance(end, int)] if isinstance(ends, list) else []
    if not known:
        return "no time is due"
    left = max(known) - now_ms
    if left < 0:
        return f"this is the first clock: {span(-left)} ago"
    return f"this is the first clock: {span(left)} left"


def _calms(one: View) -> str:
    *more, last = texts(one, "calms") or [""]
    return f"{', '.join(more)} or {last} meets it" if more else last and f"{last} meets it"


def owed_line(one: View) -> str:
    """What is owed, and what meets it."""
    calms = _calms(one)
    return f"{text_of(one, 'title')}; {calms}" if calms else text_of(one, "title")


# ---------------------------------------------------------------------------------- messages


def _messages(found: View) -> Iterator[str]:
    rows = views(found, "messages")
    yield f"messages ({number_of(found, 'statements')})"
    for one in rows:
        yield f"  {message_line(one)}"
        yield from (f"      ! {mark}" for mark in row_marks(one, digits=8))
    yield from accounts.more(found, "messages")


def message_line(one: View) -> str:
    """A statement in a list: number, time, author, what it is, and its first words."""
    said = text_of(one, "title") or text_of(one, "kind")
    unit = f" {text_of(one, 'unit')}" if one.get("unit") else ""
    text = text_of(one, "text")
    body = f": {text}" if text else ""
    return (
        f"#{number_of(one, 'seq'):<5} {text_of(one, 'dtg')}  {text_of(one, 'party'):<8}"
        f" {mark_words(one)}{said}{unit}{body}"
    )


# ---------------------------------------------------------------------------------- timeline


def timeline_lines(found: View) -> Iterator[str]:
    """Both lanes, in the order of their times: what happened left, who learned right."""
    yield from _banner(found)
    yield from _header(found)
    yield f"{'when it happened':<{_LANE}}when each side learned"
    events = [*_happened(found), *_learned(found)]
    # A receipt tells no more than the second: within one, what was written first comes first.
    events.sort(key=lambda one: (one.at_ms // 1000, one.place))
    for one in events:
        stamp = dtg(one.at_ms) if 0 <= one.at_ms <= MAX_TIME_MS else f"{one.at_ms} ms"
        between = "  " if one.first_lane else " " * max(2, _LANE - len(stamp))
        yield f"{stamp}{between}{one.lines[0]}"
        yield from (" " * _LANE + line for line in one.lines[1:])
    left = number_of(found, "left_out")
    if left:
        yield f"and {left} statements before these, by party; --all shows them"
    yield from _foot(found)


def _happened(found: View) -> Iterator[_Event]:
    for one in views(found, "happened"):
        spread = number_of(one, "spread_s")
        give = f" (give or take {span(spread * 1000)})" if spread else ""
        label = text_of(one, "label") or words(f"means.{text_of(one, 'means')}")
        said = f"{text_of(one, 'party')}: {label}{give}  ({text_of(one, 'item')[:8]})"
        yield _Event(number_of(one, "at_ms"), -1, [said], first_lane=True)


def _learned(found: View) -> Iterator[_Event]:
    for place, one in enumerate(views(found, "learned")):
        crossed = [f"  crossed with {item[:8]}" for item in texts(one, "crossed")]
        crossed += [f"  ! {mark}" for mark in contested(one)]
        head = f"{text_of(one, 'party')} writes {text_of(one, 'item')[:8]}: {_what(one)}"
        yield _Event(number_of(one, "claimed_ms"), place, [head, *crossed])
        steps = one.get("reached")
        for party, reached in steps.items() if isinstance(steps, dict) else ():
            got = reached if isinstance(reached, dict) else {}
            unit = f" to {text_of(got, 'unit')}" if got.get("unit") else ""
            for step, at_ms in got.items():
                if isinstance(at_ms, int):
                    more = unit if step == "passed on" else ""
                    done = f"  {party} has {step} {text_of(one, 'item')[:8]}{more}"
                    yield _Event(at_ms, place, [done])


def _what(one: View) -> str:
    return text_of(one, "title") or text_of(one, "text")[:40] or text_of(one, "kind")


# ------------------------------------------------------------------------------------- known


def known_lines(found: View) -> Iterator[str]:
    """What an author had read and what not, and since when the others have the message."""
    yield from _banner(found)
    yield message_line(found)
    yield from (f"  ! {mark}" for mark in contested(found))
    read = views(found, "read")
    yield f"  its author had read {len(read) + number_of(found, 'left_out')} statements here"
    yield from (f"    {message_line(one)}" for one in read)
    unread = views(found, "unread")
    if unread:
        yield "  and had not read, though they stand before it"
        yield from (f"    {message_line(one)}" for one in unread)
    crossed = views(found, "crossed")
    if crossed:
        yield "  crossed with it: neither author had read the other"
        yield from (f"    {message_line(one)}" for one in crossed)
    reached = found.get("reached")
    for party, steps in reached.items() if isinstance(reached, dict) else ():
        got = steps if isinstance(steps, dict) else {}
        times = [f"{step} {dtg(at)}" for step, at in got.items() if isinstance(at, int)]
        unit = f" ({text_of(got, 'unit')})" if got.get("unit") else ""
        yield f"  {party:<8} {', '.join(times) or 'has not signed for it'}{unit}"
    for reader in views(found, "readers"):
        party, first = text_of(reader, "party"), reader.get("first")
        if first:
            yield f"  {party:<8} wrote {text_of(reader, 'first')[:8]} with knowledge of it"
        without = texts(reader, "without")
        if without:
            yield f"  {party:<8} wrote without it: {', '.join(item[:8] for item in without)}"
    yield from _foot(found)
