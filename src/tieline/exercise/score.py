"""How an exercise went for each party, as a table of what one station says of it.

The score itself is made by the station (``core.incident.score``), of its record's incidents, its
ladders and its agreements' ledger: so every station that holds the same record says the same, and
so does a real station in an exercise over a network. What came after ENDEX is not counted.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from tieline.core.errors import LocalError
from tieline.exercise.answer import Entry, Json

STATES: Final = ("met", "late", "overdue", "open")
UNANSWERED: Final = ("promised", "part", "declined", "overdue")


def read(answer: Entry, *, without: Collection[str] = ()) -> dict[str, Json]:
    """A station's answer, without the seats that play no part.

    Raises ``LocalError`` (``exercise.answer``) if it is no score.
    """
    parties = [one for one in answer.entries("parties") if one.text("party") not in without]
    found: dict[str, Json] = {**answer.raw, "parties": [one.raw for one in parties]}
    if not parties:
        raise LocalError("exercise.answer", "this score has no party")
    rows(Entry(found, "the score"))
    return found


def rows(found: Entry) -> list[tuple[str, list[str]]]:
    """The score as rows of cells, a column for each party; the first row has their codes."""
    parties = list(found.entries("parties"))
    return [
        ("", [one.text("party") for one in parties]),
        ("first word after", [_span(one.raw.get("first_word_ms")) for one in parties]),
        ("first fact after", [_span(one.raw.get("first_fact_ms")) for one in parties]),
        ("read, of what was to be read", [_count(one.entry("read")) for one in parties]),
        ("read back, where asked", [_count(one.entry("understood")) for one in parties]),
        ("questions answered", [_count(one.entry("questions")) for one in parties]),
        ("questions otherwise", [_otherwise(one.entry("questions")) for one in parties]),
        *(
            (
                f"deadlines {state}",
                [str(one.entry("deadlines").number(state, 0)) for one in parties],
            )
            for state in STATES
        ),
        ("own accounts corrected", [str(one.number("corrected")) for one in parties]),
        ("own accounts taken back", [str(one.number("taken_back")) for one in parties]),
        ("joint statements that bind", [str(one.number("signed")) for one in parties]),
        ("incidents closed", [_count(one.entry("closed")) for one in parties]),
        ("messages", [str(one.number("messages")) for one in parties]),
    ]


def lines(found: Entry) -> list[str]:
    """The score as lines of text."""
    table = rows(found)
    wide = max(len(name) for name, _ in table)
    widths = [max(len(cells[n]) for _, cells in table) for n in range(len(table[0][1]))]
    return [
        f"{name:<{wide}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in table
    ]


def _count(one: Entry) -> str:
    of, done = one.number("of"), one.number("done")
    middle = one.raw.get("median_ms")
    return f"{done} of {of}" + (f", {_span(middle)}" if isinstance(middle, int) else "")


def _otherwise(questions: Entry) -> str:
    """What became of the questions that were not answered, in words; and what came late."""
    counts = {name: questions.number(name, 0) for name in (*UNANSWERED, "late")}
    said = [f"{count} {name}" for name, count in counts.items() if count]
    return ", ".join(said) or "-"


def _span(value: Json) -> str:
    if not isinstance(value, int):
        return "never"
    minutes = value // 60_000
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
