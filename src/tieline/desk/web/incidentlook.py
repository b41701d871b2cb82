"""An incident as its page shows it: accounts side by side, two lanes, what calms a clock. Pure.

It takes what the station's acts say and only sorts it; nothing is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from tieline.desk.incidentwords import how_far, row_marks, span
from tieline.desk.maps import svg
from tieline.desk.maps.stated import points_of, scene_of
from tieline.desk.web.shapes import View, number
from tieline.desk.words import Words
from tieline.node.view import Json

# The sign stands before the word: colour says nothing alone.
SIGNS: Final = {"agree": "=", "differ": "≠", "not stated": "·", "not comparable": "?"}
RUNNING: Final = ("open", "overdue")
STANDS: Final = ("current", "beside")
MOST_LANES: Final = 300  # times in both lanes together
BORDERS: Final = "map view"  # the setting of a desk: from whose point of view maps have borders
MOST_PLACES: Final = 60
DIGITS: Final = 8  # of a digest in a sentence


# ---------------------------------------------------------------------------------------- accounts


def table(rows: Iterable[View], own: str, words: Words) -> View:
    """Accounts row by row: ``voices`` are the columns, ours first; each row has a cell for each."""
    rows = [*rows]
    found: dict[tuple[str, str], None] = {(own, ""): None}  # an empty column asks to be filled
    for row in rows:
        for each in row.views("parties"):
            found.setdefault((str(each["party"]), str(each["through"] or "")))
    voices = sorted(found, key=lambda voice: (voice != (own, ""), voice[0] != own, voice))
    return View({
        "voices": [View({"party": party, "through": through}) for party, through in voices],
        "rows": [_row(row, voices, words) for row in rows],
    })  # fmt: skip


def _row(row: View, voices: Sequence[tuple[str, str]], words: Words) -> View:
    cells = {(str(one["party"]), str(one["through"] or "")): one for one in row.views("parties")}
    pairs = [
        View({**one, "sign": sign(one["alignment"]), "far": how_far(dict_of(one), words.say)})
        for one in row.views("pairs")
    ]
    return View({
        "label": row["label"], "aspect": row["aspect"], "alignment": row["alignment"],
        "sign": sign(row["alignment"]), "pairs": pairs,
        "cells": [_cell(cells.get(voice)) for voice in voices],
    })  # fmt: skip


def _cell(account: View | None) -> View | None:
    """What a party says of an aspect: what stands, and what it said before, the newest first."""
    if account is None:
        return None
    versions = account.views("versions")
    stand = [one for one in versions if one["standing"] in STANDS]
    return View({
        "stand": stand,
        "older": [one for one in reversed(versions) if one["standing"] not in STANDS],
        "left_out": account["left_out"],
    })  # fmt: skip


def sign(alignment: object) -> str:
    """The sign of how two accounts stand to each other."""
    return SIGNS.get(str(alignment), "?")


# ------------------------------------------------------------------------------------------ clocks


def clock(one: View, offered: Sequence[View], own: str, now_ms: int) -> View:
    """A clock with when it ends at the latest, and the forms that calm it, by name."""
    ends = one["due"]
    due_ms = number(ends[-1]) if isinstance(ends, list) and ends else None
    running = one["ours"] in RUNNING
    calms = []
    for name in one.texts("calms"):
        form = next((each for each in offered if each["form"] == name), None)
        calms.append(View({"form": name, "title": form["title"] if form else name,
                           "does": form["does"] if form else ""}))  # fmt: skip
    return View({
        **one, "due_ms": due_ms, "left_ms": None if due_ms is None else due_ms - now_ms,
        "running": running, "own": one["debtor"] == own, "calmed": calms,
        "answers": one["trigger"] if one["cites"] == "answers" else "",
    })  # fmt: skip


def may_say(offered: Iterable[View]) -> dict[str, View]:
    """For each act the form that the station takes first."""
    out: dict[str, View] = {}
    for one in offered:
        out.setdefault(str(one["does"]), one)
    return out


# ------------------------------------------------------------------------------------------- lanes


@dataclass(frozen=True, slots=True)
class Step:
    """Something at a time, in one of the two lanes."""

    at_ms: int
    lane: str  # happened, learned
    what: str  # says, writes, or the rung that was reached
    party: str
    item: str
    label: str = ""
    more: str = ""  # give or take so much; the unit it was passed to
    text: str = ""
    crossed: tuple[str, ...] = ()


def lanes(found: View, words: Words) -> tuple[list[Step], int]:
    """Both lanes in the order of their times, the newest of them, and how many are left out."""
    steps = sorted(
        (*_happened(found, words), *_learned(found, words)), key=lambda one: one.at_ms // 1000
    )
    return steps[-MOST_LANES:], max(0, len(steps) - MOST_LANES)


def _happened(found: View, words: Words) -> Iterator[Step]:
    for one in found.views("happened"):
        spread = number(one["spread_s"]) or 0
        yield Step(
            number(one["at_ms"]) or 0, "happened", "says", str(one["party"]), str(one["item"]),
            str(one["label"] or words.say(f"means.{one['means']}")),
            span(spread * 1000, words.say) if spread else "",
        )  # fmt: skip


def _learned(found: View, words: Words) -> Iterator[Step]:
    for one in found.views("learned"):
        party, item = str(one["party"]), str(one["item"])
        title = titled(one, words)
        yield Step(number(one["claimed_ms"]) or 0, "learned", "writes", party, item, title,
                   text=str(one["text"] or ""), crossed=tuple(one.texts("crossed")))  # fmt: skip
        for code, reached in one.view("reached").items():
            steps = reached if isinstance(reached, View) else View()
            for rung, at in steps.items():
                at_ms = number(at)
                if at_ms is not None:
                    unit = str(steps["unit"] or "") if rung == "passed on" else ""
                    yield Step(at_ms, "learned", rung, code, item, title, unit)


# ---------------------------------------------------------------------------------------- messages


def messages(rows: Iterable[View], words: Words) -> list[View]:
    """The messages with what there is to say of each, in words."""
    return [
        View(
            {
                **one,
                "title": titled(one, words),
                "marks": [*row_marks(dict_of(one), digits=DIGITS, say=words.say)],
            }
        )
        for one in rows
    ]


def titled(one: View, words: Words) -> str:
    """What a statement is called: by its form, else by its kind."""
    kind = words.say(f"kind.{one['kind']}")
    return str(one["title"] or kind) if one["form"] else kind


def joint(chain: View) -> View:
    """A joint statement in short: the version that binds, or the newest, and how far it is."""
    versions = chain.views("versions")
    binding = [one for one in versions if one["item"] == chain["binding"]]
    shown = (binding or versions or [View()])[-1]
    return View({**chain, "shown": shown, "count": len(versions)})


# ----------------------------------------------------------------------------------------- the map


@dataclass(frozen=True, slots=True)
class Chart:
    """A map, and what is on it in words."""

    svg: str
    places: tuple[View, ...]
    more: int


def chart(
    places: Sequence[View], parties: Sequence[str], language: str, opinion: str = ""
) -> Chart | None:
    """The map of what the parties said of where; None where nobody has. Takes milliseconds.

    ``opinion``: the point of view on borders that this desk is set to; empty for the neutral one.
    """
    known = [one for one in places if points_of(dict_of(one))]
    if not known:
        return None
    shown = places[-MOST_PLACES:]
    text = _drawn(json.dumps([dict(one) for one in shown]), tuple(parties), language, opinion)
    rows = tuple(
        View({**one, "number": place,
              "at": [svg.written(each) for each in points_of(dict_of(one))][:8]})
        for place, one in enumerate(shown, 1)
    )  # fmt: skip
    return Chart(text, rows, len(places) - len(shown))


@lru_cache(64)
def _drawn(places: str, parties: tuple[str, ...], language: str, opinion: str) -> str:
    return svg.draw(scene_of(json.loads(places), parties, language=language, view=opinion))


def dict_of(one: View) -> dict[str, Json]:
    """A view as the plain object that it was made of."""
    return cast("dict[str, Json]", dict(one))
