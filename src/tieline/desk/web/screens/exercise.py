"""S8, the exercise: whether it runs, who leads it, what it brought, what is wanted, how it went.

A station is of one exercise or of real traffic, never both (its keys, charter and store are), so no
list of the desk holds the two. What the umpire expects of a party stands with the umpire; here is
what the record says.
"""

from __future__ import annotations

import json
from typing import Final

from starlette.responses import Response

from tieline.desk.web import shapes
from tieline.desk.web.app import Route
from tieline.desk.web.shapes import View, number
from tieline.desk.web.visit import Visit

LOOKED_AT: Final = 300  # newest statements of a line
SHOWN: Final = 40
MAX_FILE: Final = 1 << 20
LED: Final = "ex/"  # forms of who leads an exercise (the pack ``exercise``)
UPLOADS: Final = ("/exercise/compare",)

# A figure of a party: its words, and where it stands in the score; ``share`` is done and of.
FIGURES: Final = (
    ("first_word", ("first_word_ms",), "span"),
    ("first_fact", ("first_fact_ms",), "span"),
    ("read", ("read",), "share"),
    ("read_after", ("read", "median_ms"), "span"),
    ("understood", ("understood",), "share"),
    ("answered", ("questions",), "share"),
    ("answered_after", ("questions", "median_ms"), "span"),
    ("overdue", ("questions", "overdue"), "count"),
    ("met", ("deadlines", "met"), "count"),
    ("late", ("deadlines", "late"), "count"),
    ("missed", ("deadlines", "overdue"), "count"),
    ("corrected", ("corrected",), "count"),
    ("taken_back", ("taken_back",), "count"),
    ("signed", ("signed",), "count"),
    ("closed", ("closed",), "share"),
    ("messages", ("messages",), "count"),
)
_NONE: Final = "\N{EN DASH}"


async def exercise(visit: Visit) -> Response:
    """The page; the score only when it is asked for, since it is counted over the whole record."""
    return await _page(visit, other=None, problem="")


async def compare(visit: Visit) -> Response:
    """The score beside that of another run, out of a file."""
    visit.allow("desk.compare")
    upload = visit.upload("file")
    data = await upload.read(MAX_FILE + 1) if upload is not None else b""
    other = _score(data)
    realm = str((await visit.status())["realm"] or "")
    if realm and other is None:
        return await _page(visit, other=None, problem="desk.exercise.not_a_score", code=409)
    return await _page(visit, other=other, problem="")


async def _page(visit: Visit, *, other: View | None, problem: str, code: int = 200) -> Response:
    status = await visit.status()
    lines = [one for one in status.views("lines") if one["realm"] or status["realm"]]
    wanted = visit.field("line")
    chosen = next((one for one in lines if str(one["line"]).startswith(wanted)), View())
    line, lang = str(chosen["line"] or ""), visit.officer.language
    led: list[View] = []
    owed: list[View] = []
    if line:
        log = await visit.ask("log", line=line, limit=LOOKED_AT, language=lang)
        led = [one for one in log.views("items") if str(one["form"] or "").startswith(LED)]
        if chosen["packs"]:
            found = await visit.ask(
                "obligations", line=line, open=True, limit=SHOWN,
                party=str(chosen["party"]), language=lang,
            )  # fmt: skip
            own = chosen["party"]
            owed = [one for one in found.views("obligations") if one["debtor"] == own]
    score = View()
    if line and (visit.field("score") or other is not None):
        score = await visit.ask("incident_score", line=line)
    return await visit.render(
        "exercise.html", code, f"/exercise?line={line[:16]}",
        line=chosen, led=led[::-1][:SHOWN], looked=LOOKED_AT,
        leaders=sorted({str(one["party"]) for one in led}), owed=owed,
        codes=[str(one["party"]) for one in score.views("parties")],
        rows=_rows(score), score=score, problem=problem,
        other=other, beside=[] if other is None else _beside(score, other),
    )  # fmt: skip


def _score(data: bytes) -> View | None:
    """A score out of a file: ``score.json`` of a run, or what ``exercise score --json`` says."""
    if len(data) > MAX_FILE:
        return None
    try:
        found = shapes.view(json.loads(data))
    except (ValueError, RecursionError):
        return None
    # Nothing of real traffic is scored, or set beside an exercise.
    return found if found.views("parties") and isinstance(found["exercise"], str) \
        and found["exercise"] else None  # fmt: skip


def _figure(party: View, path: tuple[str, ...], kind: str) -> str:
    found: object = party
    for name in path:
        found = found[name] if isinstance(found, View) else None
    if kind == "share":
        share = shapes.view(found)
        return f"{number(share['done']) or 0} / {number(share['of']) or 0}"
    value = number(found)
    if kind == "span":
        return _NONE if value is None else shapes.left(value)
    return str(value or 0)


def _rows(score: View) -> list[tuple[str, list[str]]]:
    parties = score.views("parties")
    return [
        (f"score.{name}", [_figure(one, path, kind) for one in parties])
        for name, path, kind in FIGURES
        if parties
    ]


def _beside(score: View, other: View) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """For each party both figures, this run's and the other's."""
    here = {str(one["party"]): one for one in score.views("parties")}
    there = {str(one["party"])[:64]: one for one in other.views("parties")[:SHOWN]}
    return [
        (
            code,
            [
                (
                    f"score.{name}",
                    _figure(here.get(code, View()), path, kind) if code in here else _NONE,
                    _figure(there.get(code, View()), path, kind) if code in there else _NONE,
                )
                for name, path, kind in FIGURES
            ],
        )
        for code in dict.fromkeys((*here, *there))
    ]


ROUTES: Final = (
    Route("/exercise", exercise),
    Route("/exercise/compare", compare, "POST"),
)
