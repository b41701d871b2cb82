"""The first screen of an exercise: what will be seen, who takes part, what the signs mean."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tieline.core.terms import dtg
from tieline.exercise.glyphs import (
    PRECEDENCE,
    ROAD,
    STATE,
    Colours,
    badge,
    ladder,
    minutes,
    provenance,
)
from tieline.exercise.scenario import CONFIDENCE, Holds, Inject, Margin, Owed, Quota, Scenario
from tieline.node.text import visible

_NUMBERS: Final = {2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}
RUNG_WORDS: Final = "handed over, received, acknowledged, read back, passed on"


def introduction(scenario: Scenario) -> Text:
    """Five lines for somebody who has never seen a line."""
    count = len(scenario.parties)
    return Text(
        f"{_NUMBERS.get(count, str(count))} stations, each a process of its own with its own keys,"
        " clock and store, keep a line over TLS. Exercise control moves their clock through"
        f" {minutes(scenario.end_ms - scenario.start_ms)}, lets officers act as the scenario says,"
        " cuts wires and brings forgeries. What you read below comes from the stations' own event"
        " streams: who wrote what to whom, and who has answered. You may kill -9 any of them: it"
        " is started again, and nothing may be missing at the end."
    )


def opening(scenario: Scenario, colours: Colours) -> RenderableType:
    """Everything that is said before the first event."""
    parties = Table.grid(padding=(0, 2))
    parties.add_column(no_wrap=True)
    parties.add_column()
    for party in scenario.parties:
        who = Text.assemble((visible(party.name), "bold"))
        who.append(f"  {visible(party.part)}", style="grey62")
        if scenario.rules.packs:
            who.append(f"  reads {party.language}", style="grey62")
        parties.add_row(colours.party(party.code), who)
    start = Text.assemble((f"Start {dtg(scenario.start_ms)}. ", "bold"))
    start.append(visible(scenario.source), style="grey70")
    return Group(introduction(scenario), "", parties, "", start, "", legend(scenario))


def legend(scenario: Scenario) -> Table:
    """The signs of the story."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    four_eyes = " or ".join(precedence.name for precedence in scenario.rules.four_eyes)
    speed = Text(" ").join(badge(word) for word in PRECEDENCE)
    grid.add_row("precedence", Text.assemble(speed, "  how fast, not how important"))
    rungs = Text.assemble(
        ladder(("acknowledged", "read back"), ("received", "acknowledged")),
        f"  {RUNG_WORDS}",
    )
    grid.add_row("ladder", rungs)
    grid.add_row("", "■ reached   □ asked for and still open   · not asked for")
    marks = "✓ acknowledged or assented   «» read back   → passed on   ▲ alarm   ✗ refused"
    grid.add_row("answers", marks)
    roads = (("up", "up"), ("down", "no contact"), ("unstaffed", "nobody on watch"),
             ("suspended", "suspended"))  # fmt: skip
    grid.add_row(
        "line",
        Text("   ").join(
            Text.assemble((ROAD[state], STATE[state]), f" {words}") for state, words in roads
        ),
    )
    release = "drafted by one officer and released by another"
    if scenario.rules.standing:
        release += "; a form with standing authority needs one"
    if four_eyes:
        grid.add_row("four eyes", f"{four_eyes}: {release}")
    if scenario.rules.packs:
        packs = ", ".join(pack.id for pack in scenario.rules.packs)
        grid.add_row("forms", f"of {packs}: sent as codes, shown as each desk reads them")
        if any(isinstance(event.act, Owed | Quota | Holds | Margin) for event in scenario.events):
            grid.add_row("owed", "what a desk says of the agreement, why, and how sure its rule is")
    grid.add_row("⟨U+0412⟩", "a character that could deceive, written out as its number")
    used = [
        mark for mark in CONFIDENCE
        if any(isinstance(e.act, Inject) and e.act.confidence == mark for e in scenario.events)
    ]  # fmt: skip
    if used:
        sources = Text("what control says of the world:  ")
        for mark in used:
            sources.append_text(provenance(mark))
            sources.append(f" {CONFIDENCE[mark]}   " if mark == "R" else "   ")
        grid.add_row("inject", sources)
    return grid
