"""Two incidents beside each other, by the figures of their reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.core.incident.figures import SPANS
from tieline.desk.cli.files import read_bytes
from tieline.desk.cli.show import text_of
from tieline.desk.report.pieces import Block, Heading, Line, Paragraph, Table, Tone, cell
from tieline.desk.report.words import ORDER, Said, Tongue
from tieline.node.view import Json

MAX_BYTES: Final = 64 * 1024 * 1024
FORM: Final = 1
BETTER: Final = "◄"
# What is better when it is more, and what when it is less; of the rest neither is.
_MORE: Final = frozenset(("acknowledged", "read_back", "passed_on", "answered", "kept", "agree"))
_LESS: Final = frozenset(
    ("overdue", "answered_late", "late", "missed", "silences", "first_word", "first_word_of_all",
     "acknowledged_after", "read_back_after", "answered_after", "joint_after", "closed_after")
)  # fmt: skip


def read_other(path: Path) -> dict[str, Json]:
    """The report that another incident was written as, with ``--json``.

    Raises ``LocalError`` (``file.*``, ``report.form``).
    """
    data = read_bytes(path, MAX_BYTES)
    try:
        found: Json = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    figures = found.get("figures") if isinstance(found, dict) else None
    if not isinstance(found, dict) or found.get("report") != FORM or not isinstance(figures, dict):
        raise LocalError(
            "report.form",
            f"{path} is no report of an incident that this version can read; write one with"
            " 'tieline incident report INCIDENT --json > FILE'",
        )
    return found


def rows(one: Mapping[str, Json], other: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Figure by figure: both values, and which is the better one where that can be said."""
    mine, theirs = _figures(one), _figures(other)
    out: list[dict[str, Json]] = []
    for name in ORDER:
        here, there = mine.get(name), theirs.get(name)
        out.append({"figure": name, "here": here, "other": there,
                    "better": _better(name, here, there)})  # fmt: skip
    return out


def _figures(report: Mapping[str, Json]) -> dict[str, int | None]:
    found = report.get("figures")
    values = found if isinstance(found, dict) else {}
    return {name: _number(values.get(name)) for name in ORDER}


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _better(name: str, here: int | None, there: int | None) -> str:
    """``here``, ``other`` or nothing. A span that never came is longer than any."""
    if here == there or (name not in _MORE and name not in _LESS):
        return ""
    if name in SPANS:
        if here is None or there is None:
            return "other" if here is None else "here"
        return "here" if here < there else "other"
    if here is None or there is None:
        return ""
    return "here" if (here > there) == (name in _MORE) else "other"


def blocks(report: Mapping[str, Json], other: Mapping[str, Json], say: Tongue) -> list[Block]:
    """The table of two incidents."""
    made = []
    for row in rows(report, other):
        name, better = text_of(row, "figure"), row["better"]
        cells = []
        for side in ("here", "other"):
            best = better == side
            value = say.number(name, row[side])
            cells.append(cell(Line(Said(f"{value}  {BETTER}") if best else value,
                                   Tone.STRONG if best else Tone.PLAIN)))  # fmt: skip
        made.append((cell(say.figure(name)), *cells))
    heads = (say("report.figure"), _named(report, say), _named(other, say))
    return [
        Heading(say("report.compared")),
        Table(heads, (4, 3, 3), tuple(made)),
        Paragraph(cell(Line(say("report.compared-note"), Tone.FAINT))),
    ]


def _named(report: Mapping[str, Json], say: Tongue) -> str:
    incident = report.get("incident")
    view = incident if isinstance(incident, dict) else {}
    line = report.get("line")
    realm = text_of(line, "exercise") if isinstance(line, dict) else ""
    name = text_of(view, "name") or text_of(view, "incident")[:8]
    return say("report.exercise-name", name=name, realm=realm) if realm else name
