"""The tables of states in ``docs/incidents.md``: what an incident and what is said in it can be.

They are made of the tables by which the software goes, so that the page cannot say something else.
``./dev docs --write`` renews them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tieline.core.incident.states import TABLES, Table

PAGE: Final = "docs/incidents.md"
BEGIN: Final = "<!-- states: made by ./dev docs --write -->"
END: Final = "<!-- end of states -->"


def renewed(root: Path) -> dict[str, str]:
    """The page by its name, with its tables as they are now; nothing where there is no page."""
    page = root / PAGE
    if not page.is_file():
        return {}
    made = f"{BEGIN}\n\n{tables()}\n{END}"
    between = f"{re.escape(BEGIN)}.*?{re.escape(END)}"
    text = re.sub(between, lambda _: made, page.read_text("utf-8"), flags=re.DOTALL)
    return {PAGE: text}


def tables() -> str:
    """All of them, one after another."""
    return "\n".join(line for table in TABLES for line in _table(table))


def _table(table: Table[Any, Any]) -> Iterator[str]:
    yield from (f"### States of a {table.name}".replace(" a i", " an i"), "", table.about, "")
    yield from ("| state | when | then | meaning |", "| --- | --- | --- | --- |")
    for state, event, then, meaning in table.lines():
        yield f"| {state or '(begins)'} | {event} | {then} | {meaning} |"
    last = {then for _, _, then, _ in table.lines()} - {at for at, *_ in table.lines()}
    if last:
        yield from ("", f"Nothing moves it from: {', '.join(sorted(last))}.")
    yield ""
