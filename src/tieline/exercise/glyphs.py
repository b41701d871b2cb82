"""The marks of the exercise's screen: precedence, ladders, roads, and short sentences on events.

Pure functions from values to rich text. Whatever comes from a statement goes through ``visible``,
which makes control, bidi and look-alike characters plain to see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from rich.text import Text

from tieline.core.terms import civil
from tieline.exercise.answer import Entry
from tieline.exercise.board import Shown
from tieline.exercise.scenario import CONFIDENCE
from tieline.node.text import visible

RUNGS: Final = ("handed over", "received", "acknowledged", "read back", "passed on")
PRECEDENCE: Final = {
    "FLASH": "bold white on red3",
    "IMMEDIATE": "bold black on dark_orange",
    "PRIORITY": "bold black on cyan3",
    "ROUTINE": "black on grey62",
}
PARTY: Final = ("cyan3", "gold3", "spring_green3", "plum3", "deep_sky_blue1", "salmon1")
STATE: Final = {
    "up": "green3",
    "degraded": "yellow3",
    "silent since": "yellow3",
    "down": "red3",
    "unstaffed": "dark_orange",
    "suspended": "magenta",
    "unknown": "grey62",
}
ROAD: Final = {
    "up": "═══",
    "unstaffed": "═?═",
    "suspended": "═‖═",
    "silent since": "═✗═",
    "down": "═✗═",
    "unknown": "┄┄┄",
}
REF: Final = {
    "answers": "answers",
    "corrects": "corrects",
    "cancels": "cancels",
    "supersedes": "replaces",
    "predecessor": "follows",
    "concerns": "on",
}


class Colours:
    """A colour for each party, by its place in the scenario; no party has a rank."""

    def __init__(self, codes: Iterable[str]) -> None:
        self._styles = {code: PARTY[n % len(PARTY)] for n, code in enumerate(codes)}

    def of(self, code: str) -> str:
        return self._styles.get(code, "white")

    def party(self, code: str) -> Text:
        # As a span, not as the style of the whole: what is appended has none of it.
        return Text.assemble((code, f"bold {self.of(code)}"))

    def parties(self, codes: Iterable[str]) -> Text:
        return Text(", ").join([self.party(code) for code in codes])


def provenance(confidence: str) -> Text:
    """How sure the author of a scenario is of a fact: said in full where it was not read."""
    if confidence == "R":
        return Text("[R]", style="grey62")
    style = "bold gold3" if confidence.startswith("M") else "grey62"
    return Text(f"[{confidence}: {CONFIDENCE[confidence]}]", style=style)


def zulu(at_ms: int) -> str:
    """``1452Z``."""
    _, _, _, hour, minute, _ = civil(at_ms)
    return f"{hour:02d}{minute:02d}Z"


def badge(precedence: str) -> Text:
    """A precedence as a coloured badge of fixed width."""
    return Text(f" {precedence:<9} ", style=PRECEDENCE.get(precedence, ""))


def ladder(wants: Iterable[str], reached: Iterable[str]) -> Text:
    """Five rungs: a full square for one that is reached, an empty one for one that is wanted."""
    wanted, got = {"handed over", "received", *wants}, set(reached)
    # A receipt implies the hand-over, and a human answer both.
    if got & {"acknowledged", "read back", "passed on"}:
        got |= {"received"}
    if "received" in got:
        got |= {"handed over"}
    text = Text()
    for rung in RUNGS:
        if rung in got:
            text.append("■", style="green3" if rung in RUNGS[:2] else "bold spring_green2")
        elif rung in wanted:
            text.append("□", style="grey50")
        else:
            text.append("·", style="grey35")
    return text


def ladders(
    shown: Shown, codes: Iterable[str], rungs: Mapping[str, set[str]], colours: Colours
) -> Text:
    """The ladders of all parties that a statement is for, side by side."""
    parts: list[Text] = []
    for code in codes:
        if code == shown.party or (shown.to and code not in shown.to):
            continue
        parts.append(
            Text.assemble((code, colours.of(code)), " ", ladder(shown.wants, rungs.get(code, ())))
        )
    return Text("  ").join(parts)


def words(shown: Shown) -> Text:
    """What a statement says in free text, as it was written."""
    return Text(visible(shown.view.text("text", "")))


def coded_words(shown: Shown, told: Mapping[str, Entry], colours: Colours) -> Text:
    """A form as each desk reads it, the author's first; desks of one language together.

    What people wrote stands in the author's line only: it is in no language but its own.
    """
    readers: dict[str, list[str]] = {}
    order = [code for code in (shown.party, *sorted(told)) if code in told]
    pages: dict[str, Text] = {}
    for code in dict.fromkeys(order):
        page = _form(told[code], free=code == shown.party)
        pages[page.plain] = page
        readers.setdefault(page.plain, []).append(code)
    text = Text()
    for said, codes in readers.items():
        text.append("\n" if text else "")
        text.append_text(colours.parties(codes))
        text.append("  ")
        text.append_text(pages[said])
    remark = words(shown)
    if remark:
        text.append("\n")
        text.append_text(remark)
    return text


def _form(told: Entry, *, free: bool) -> Text:
    """A form in one language: its title, and its answers behind their labels."""
    text = Text(visible(told.text("title"), lines=False), style="bold")
    for line, kind in zip(told.texts("lines"), told.texts("types"), strict=True):
        if kind == "serial" or (kind == "text" and not free):
            continue
        label, colon, answer = visible(line, lines=False).partition(": ")
        text.append(" · " if colon or kind == "heading" else " ", style="not bold grey50")
        text.append(f"{label}{colon}", style="not bold grey62")
        text.append(answer, style="not bold")
    for mark in told.texts("brief"):
        text.append(f" [{visible(mark, lines=False)}]", style="not bold grey50")
    return text


def state_words(entry: Entry) -> str:
    """The state of a link, with its cause when a party gave one."""
    state, cause = entry.text("state"), visible(entry.text("cause", ""))
    if state in ("suspended", "unstaffed") and cause:
        return cause
    return state


def minutes(ms: int) -> str:
    """A span as people say it: ``3 min``, ``2 h 10 min``."""
    total = ms // 60_000
    if total < 60:
        return f"{total} min"
    return f"{total // 60} h {total % 60} min" if total % 60 else f"{total // 60} h"
