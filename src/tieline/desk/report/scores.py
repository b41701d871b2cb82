"""Two runs of an exercise beside each other: the score of each party, and the incident's figures.

They are read from what a run wrote with ``--out``: ``score.json``, and ``report-1.json``, the
report of its first incident. Nothing is counted anew, so the comparison says what the two say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.desk.cli.files import read_bytes
from tieline.desk.cli.show import number_of, text_of, views
from tieline.desk.report import compare
from tieline.desk.report.pieces import (
    Block,
    Document,
    Heading,
    Line,
    Paragraph,
    Table,
    Tone,
    cell,
)
from tieline.desk.report.reading import part, whole
from tieline.desk.report.words import NONE, Said, Tongue
from tieline.node.view import Json

FORM: Final = 1
SCORE: Final = "score.json"
REPORT: Final = "report-1.json"
View = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run left behind. ``report`` is None where it had no incident."""

    score: dict[str, Json]
    report: dict[str, Json] | None

    @property
    def title(self) -> str:
        return text_of(self.score, "scenario")


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of a party: where it stands in the score, and what of it is better.

    ``kind``: ``count``, ``span`` (ms), or ``share`` (done and of). ``better``: 1 more, -1 less.
    """

    name: str
    path: tuple[str, ...]
    kind: str = "count"
    better: int = 0


FIGURES: Final = (
    _Figure("first_word", ("first_word_ms",), "span", -1),
    _Figure("first_fact", ("first_fact_ms",), "span", -1),
    _Figure("read", ("read",), "share", 1),
    _Figure("read_after", ("read", "median_ms"), "span", -1),
    _Figure("understood", ("understood",), "share", 1),
    _Figure("understood_after", ("understood", "median_ms"), "span", -1),
    _Figure("answered", ("questions",), "share", 1),
    _Figure("answered_after", ("questions", "median_ms"), "span", -1),
    _Figure("declined", ("questions", "declined")),
    _Figure("overdue", ("questions", "overdue"), "count", -1),
    _Figure("met", ("deadlines", "met"), "count", 1),
    _Figure("late", ("deadlines", "late"), "count", -1),
    _Figure("missed", ("deadlines", "overdue"), "count", -1),
    _Figure("corrected", ("corrected",)),
    _Figure("taken_back", ("taken_back",)),
    _Figure("signed", ("signed",), "count", 1),
    _Figure("closed", ("closed",), "share", 1),
    _Figure("messages", ("messages",)),
)


def read_run(folder: Path) -> Run:
    """What a run wrote. Raises ``LocalError`` (``file.*``, ``report.form``)."""
    score = _object(folder / SCORE)
    if "parties" not in score:
        raise LocalError(
            "report.form",
            f"{folder / SCORE} is no score that this version can read; play the exercise again"
            " with 'tieline exercise run SCENARIO --headless --out DIR'",
        )
    path = folder / REPORT
    report = compare.read_other(path) if path.exists() else None
    realms = {text_of(score, "exercise")}
    realms |= set() if report is None else {text_of(part(report, "line"), "exercise")}
    if "" in realms or len(realms) > 1:
        raise LocalError(
            "exercise.real",
            f"{folder} holds what is not of one exercise; nothing of real traffic is scored or set"
            " beside an exercise: compare reports of real incidents with"
            " 'tieline incident report --compare'",
        )
    return Run(score, report)


def _object(path: Path) -> dict[str, Json]:
    try:
        found: Json = json.loads(read_bytes(path, compare.MAX_BYTES))
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


# ------------------------------------------------------------------------------------ comparing


def compared(one: Run, other: Run) -> dict[str, Json]:
    """Both runs as one JSON object: figure by figure both values, and the better where one is.

    Parties are compared by their codes; one that plays in a single run stands alone.
    """
    here = {text_of(each, "party"): each for each in views(one.score, "parties")}
    there = {text_of(each, "party"): each for each in views(other.score, "parties")}
    both = one.report is not None and other.report is not None
    return {
        "compared": FORM,
        "here": one.title,
        "other": other.title,
        "incident": [*compare.rows(one.report or {}, other.report or {})] if both else None,
        "parties": [
            {"party": code, "figures": [*_rows(here.get(code, {}), there.get(code, {}))]}
            for code in dict.fromkeys((*here, *there))
        ],
    }


def _rows(one: View, other: View) -> Iterator[Json]:
    for figure in FIGURES:
        here, there = _value(one, figure), _value(other, figure)
        yield {"figure": figure.name, "here": here, "other": there,
               "better": _better(figure, here, there) if one and other else ""}  # fmt: skip


def _value(view: View, figure: _Figure) -> Json:
    """A number, or for a share two: how many, and of how many. None where there is none."""
    if not view:
        return None  # it plays in the other run only
    for name in figure.path[:-1]:
        view = part(view, name)
    last = figure.path[-1]
    if figure.kind == "share":
        of = part(view, last)
        return [number_of(of, "done"), number_of(of, "of")] if of else None
    found = whole(view, last)
    return 0 if found is None and figure.kind == "count" else found


def _better(figure: _Figure, here: Json, there: Json) -> str:
    """``here``, ``other`` or nothing. Of a share of nothing nothing is said."""
    if not figure.better or here == there:
        return ""
    match here, there:
        case [int(done), int(of)], [int(done2), int(of2)]:
            mine, theirs = done * of2, done2 * of
            return "" if not of or not of2 or mine == theirs else _side(mine > theirs)
        case int(), int():
            return _side((here > there) == (figure.better > 0))
        case (None, int()) | (int(), None) if figure.path[-1] != "median_ms":
            return _side(there is None)
        case _:
            return ""


def _side(here: bool) -> str:  # noqa: FBT001  # what it says of a comparison
    return "here" if here else "other"


# --------------------------------------------------------------------------------- as a document


def document(one: Run, other: Run, lang: str, made_ms: int) -> Document:
    """The comparison as pages. ``made_ms``: when they are written."""
    say = Tongue(lang)
    realms = dict.fromkeys(text_of(each.score, "exercise") for each in (one, other))
    title = say.both(say("score.title"), f"({one.title}, {other.title})")
    unchecked = f"{say('words.unchecked')} / {Tongue('en')('words.unchecked')}"
    return Document(
        title=title,
        banner="EXERCISE EXERCISE EXERCISE " + " / ".join(realm for realm in realms if realm),
        foot=say.many((one.title, other.title)),
        note="" if say.words.verified else unchecked,
        lang=lang,
        made_ms=made_ms,
        blocks=(Heading(title, 1), *_blocks(one, other, say)),
    )


def _blocks(one: Run, other: Run, say: Tongue) -> Iterator[Block]:
    found = compared(one, other)
    yield Heading(say("score.incident"))
    if one.report is None or other.report is None:
        yield Paragraph(cell(Line(say("score.no-incident"), Tone.FAINT)))
    else:
        yield from compare.blocks(one.report, other.report, say)[1:]
    for party in views(found, "parties"):
        yield Heading(say("score.party", party=text_of(party, "party")))
        rows = []
        for row in views(party, "figures"):
            sides = []
            for side in ("here", "other"):
                best = row["better"] == side
                value = shown(text_of(row, "figure"), row[side], say)
                marked = Said(f"{value}  {compare.BETTER}") if best else value
                sides.append(cell(Line(marked, Tone.STRONG if best else Tone.PLAIN)))
            rows.append((cell(say(f"score.{text_of(row, 'figure')}")), *sides))
        yield Table((say("report.figure"), one.title, other.title), (4, 3, 3), tuple(rows))


_KINDS: Final = {figure.name: figure.kind for figure in FIGURES}


def shown(name: str, value: Json, say: Tongue) -> Said:
    """A figure of a party as text; a stroke where there is none."""
    match value:
        case [int(done), int(of)]:
            return say("score.count", done=done, of=of)
        case int():
            return say.span(value) if _KINDS.get(name) == "span" else Said(value)
        case _:
            return Said(NONE)
