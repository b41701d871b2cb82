"""Notices as JSON: what each announces, whom it was passed to, and what it touches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tieline.core.incident.notices import How, Notice, Touch
from tieline.core.terms import dtg
from tieline.node.fair import of_each
from tieline.node.incidentview import Seq, Wording, words_of
from tieline.node.view import Json

_ORDER: Final = {How.MEETS: 0, How.NEAR: 1, How.TIME: 2}


def notice_view(one: Notice, own: str, now_ms: int, wording: Wording, seq: Seq) -> dict[str, Json]:
    """One notice. ``passed``: who told which unit when; ``told``: whether our party told any."""
    entry = one.entry
    start, end = one.times
    return {
        "item": entry.digest.hex(),
        "seq": seq(entry.digest),
        "party": entry.party,
        "claimed_ms": entry.time_ms,
        "dtg": dtg(entry.time_ms),
        "title": wording.title(entry),
        "text": words_of(entry)[:160],
        "from_ms": start,
        "until_ms": end,
        "over": one.over(now_ms),
        "ended_by": None if one.ended_by is None else one.ended_by.hex(),
        "placed": bool(one.places),
        "passed": [
            {
                "party": each.party,
                "unit": each.unit,
                "at_ms": each.at_ms,
                "item": each.by.hex(),
            }
            for each in one.passed
        ],
        "told": entry.party == own or any(each.party == own for each in one.passed),
    }


def touches_view(
    touches: Iterable[Touch], own: str, now_ms: int, wording: Wording, seq: Seq
) -> list[Json]:
    """Notices with ``how``: ``meets``, ``near``, or ``time`` (places could not be compared)."""
    return [
        {**notice_view(one.notice, own, now_ms, wording, seq), "how": str(one.how)}
        for one in touches
    ]


def nearest(touches: Iterable[Touch], most: int | None) -> tuple[list[Touch], int]:
    """Of each party those that touch most, and of these the newest; and how many are left out.

    They stay in display order.
    """
    some = sorted(touches, key=lambda one: one.notice.entry.key, reverse=True)
    some.sort(key=lambda one: _ORDER[one.how])
    found, left = of_each(some, lambda one: one.notice.entry.party, most)
    return sorted(found, key=lambda one: one.notice.entry.key), left
