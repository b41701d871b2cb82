"""What a person sees of an exercise: the story scrolling, and a board under it.

The board holds the exercise's clock, the state of every road, the processes and the ladders that
are still climbing. Without a terminal the same story is written as plain text, and nobody waits.

Rules: every screen and every picture says EXERCISE; the screen computes nothing about stations, it
shows what their watch streams said.
"""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tieline.core.terms import dtg
from tieline.exercise import scenario as world
from tieline.exercise.answer import Entry
from tieline.exercise.board import Board
from tieline.exercise.control import Attack
from tieline.exercise.glyphs import STATE, Colours, zulu
from tieline.exercise.promises import Holding, Summary
from tieline.exercise.story import Row, Story, opening
from tieline.exercise.times import h_plus

BANNER: Final = "EXERCISE EXERCISE EXERCISE"
PICTURE_WIDTH: Final = 124
PICTURE_ROWS: Final = 13
OPEN_ROWS: Final = 5
# Seconds of reading for a row, and for each character of what somebody wrote.
ROW_S: Final = 0.17
CHAR_S: Final = 0.005


class Screen:
    """The audience of control that draws. ``pace`` multiplies the pauses; 0 waits for nobody."""

    def __init__(
        self,
        scenario: world.Scenario,
        board: Board,
        console: Console,
        *,
        pace: float,
        live: bool,
        pids: Callable[[], dict[str, int]],
    ) -> None:
        self.story = Story(scenario, board, Colours(scenario.codes))
        self._scenario = scenario
        self._board = board
        self._colours = Colours(scenario.codes)
        self._console = console
        self._pace = pace
        self._pids = pids
        self._live = Live(console=console, auto_refresh=False, transient=True) if live else None
        self._now_ms = scenario.start_ms
        self._cut: frozenset[frozenset[str]] = frozenset()
        self._printed_ms = -1
        self._owed_s = 0.0
        self._recent: deque[Row] = deque(maxlen=PICTURE_ROWS)
        self._picture: Group | None = None
        board.listener = self._hear

    def _hear(self, party: str, entry: Entry) -> None:
        self.story.hear(party, entry)

    # ----------------------------------------------------------------------------- frame

    def begin(self) -> None:
        """The first words: what this is, who takes part, on what it is based."""
        self._console.print(Rule(Text(BANNER, style="bold red3"), style="red3"))
        title = Text(self._scenario.title, style="bold")
        title.append(f"   realm {self._scenario.realm}", style="grey62")
        self._console.print(title, opening(self._scenario, self._colours), "", sep="\n")
        if self._live is not None:
            self._live.start()
            self._refresh()

    def close(self) -> None:
        """Take the board away; what was told stays."""
        if self._live is not None:
            self._live.stop()

    def end(self, summary: Summary, holdings: Iterable[Holding]) -> None:
        """The tables of the end."""
        self.close()
        holdings = list(holdings)
        self._console.print("", Rule(Text(BANNER, style="bold red3"), style="red3"))
        self._console.print(held_table(self._board, holdings, self._colours))
        self._console.print(promise_table(summary))
        for text in summary.promises_broken:
            self._console.print(Text(f"BROKEN  {text}", style="bold red3"))
        self._console.print(Rule(Text("ENDEX", style="bold red3"), style="red3"))

    # ------------------------------------------------------------------- control's audience

    def moment(self, at_ms: int) -> None:
        self._flush()
        if at_ms > self._scenario.picture_ms and self._picture is None:
            self._picture = self._frame()
        self._now_ms = at_ms
        self._refresh()

    def event(self, event: world.Event) -> None:
        row = self.story.control(event)
        if row is not None:
            self._print([row])

    def wires(self, cut: frozenset[frozenset[str]]) -> None:
        self._cut = cut

    def attacked(self, forge: world.Forge, attacks: tuple[Attack, ...]) -> None:
        self._print(self.story.attacked(self._now_ms, forge, attacks))

    def restarted(self, party: str, code: int) -> None:
        """A station's process ended and was started again."""
        self._print([self.story.restarted(self._now_ms, party, code)])

    async def read(self) -> None:
        self._flush()
        self._refresh()
        owed, self._owed_s = self._owed_s, 0.0
        if owed and self._pace:
            await asyncio.sleep(owed * self._pace)

    # --------------------------------------------------------------------------- drawing

    def _flush(self) -> None:
        self._print(self.story.rows(self._now_ms))

    def _print(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._recent.append(row)
            self._console.print(self._row(row, first=row.at_ms != self._printed_ms))
            self._printed_ms = row.at_ms
            self._owed_s += ROW_S + CHAR_S * row.chars

    def _row(self, row: Row, *, first: bool) -> RenderableType:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=7, justify="right", style="grey62")
        grid.add_column(width=5, style="grey62")
        grid.add_column(width=11)
        grid.add_column(ratio=1, overflow="fold")
        when = (h_plus(row.at_ms, self._scenario.start_ms), zulu(row.at_ms)) if first else ("", "")
        grid.add_row(*when, row.mark, row.body)
        return grid

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._panel(), refresh=True)

    def _panel(self) -> Panel:
        clock = Text.assemble(
            (dtg(self._now_ms), "bold"),
            (f"   {h_plus(self._now_ms, self._scenario.start_ms)}", "bold gold3"),
        )
        for party, pid in sorted(self._pids().items()):
            clock.append(f"   {party}", style=self._colours.of(party))
            clock.append(f" {pid}" if pid else " starting", style="grey50")
        parts: list[RenderableType] = [clock, self._roads()]
        if self.story.open:
            parts.append(self._climbing())
        return Panel(
            Group(*parts),
            title=Text(f" {BANNER} ", style="bold white on red3"),
            border_style="red3",
        )

    def _roads(self) -> Text:
        """One mark for each pair of stations, and in words what is not up."""
        text = Text()
        for one, other in combinations(self._scenario.codes, 2):
            state = self._worse(one, other)
            mark = {"up": "═══", "down": "═✗═", "silent since": "═✗═", "unknown": "┄┄┄"}.get(
                state, "═‖═" if state == "suspended" else "═!═"
            )
            if frozenset((one, other)) in self._cut:
                mark = "═✗═"
            if text:
                text.append("    ")
            text.append(one, style=self._colours.of(one))
            text.append(mark, style=STATE.get(state, "grey62"))
            text.append(other, style=self._colours.of(other))
        return text

    def _worse(self, one: str, other: str) -> str:
        states = list(STATE)
        seen = [
            self._board.desks[a].states.get(b, ("unknown", ""))[0]
            for a, b in ((one, other), (other, one))
        ]
        return max(seen, key=lambda state: states.index(state) if state in states else 0)

    def _climbing(self) -> Table:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(width=11, no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis", style="grey70")
        for shown in list(self.story.open.values())[-OPEN_ROWS:]:
            name = Text(shown.name, style=self._colours.of(shown.party))
            said = shown.view.text("text", shown.view.text("form", "")).replace("\n", " ")
            grid.add_row(name, self.story.ladder(shown), Text(said))
        return grid

    # --------------------------------------------------------------------------- picture

    def _frame(self) -> Group:
        """The screen as it stands: the last rows of the story, and the board."""
        rows: list[RenderableType] = []
        before = -1
        for row in self._recent:
            rows.append(self._row(row, first=row.at_ms != before))
            before = row.at_ms
        return Group(*rows, self._panel())

    def export_svg(self, path: Path, summary: Summary) -> None:
        """Write the picture that was taken at the scenario's moment, with the outcome below."""
        console = Console(
            record=True,
            width=PICTURE_WIDTH,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
        )
        console.print(self._picture or self._frame())
        console.print(promise_table(summary))
        path.parent.mkdir(parents=True, exist_ok=True)
        title = f"{BANNER} · {self._scenario.title}"
        path.write_text(console.export_svg(title=title), encoding="utf-8")


# ----------------------------------------------------------------------------------- tables


def held_table(board: Board, holdings: Iterable[Holding], colours: Colours) -> Table:
    """What each station holds at the end, and whether it verifies."""
    table = Table(title="What each station holds", title_justify="left", border_style="grey50")
    table.add_column("station")
    for name in ("statements", "its own", "answers", "silences", "alarms", "refused", "logs"):
        table.add_column(name, justify="right")
    table.add_column("every log recomputed")
    for holding in holdings:
        kinds = [shown.kind for shown in holding.held]
        desk = board.desks[holding.party]
        own = sum(1 for shown in holding.held if shown.party == holding.party)
        answers = sum(kinds.count(kind) for kind in ("acknowledge", "read back", "pass on"))
        result = Text("verified", style="bold green3")
        if not holding.verified:
            result = Text("; ".join(holding.problems) or "does not add up", style="bold red3")
        numbers = (
            len(holding.held), own, answers, kinds.count("silence"), desk.alarms,
            len(desk.refused), len(holding.heads),
        )  # fmt: skip
        table.add_row(colours.party(holding.party), *(str(n) for n in numbers), result)
    return table


def promise_table(summary: Summary) -> Table:
    """The promises, what was counted, and whether each was kept."""
    table = Table(title="Promises", title_justify="left", border_style="grey50")
    table.add_column("promise")
    table.add_column("counted at the desks")
    table.add_column("")
    rows = (
        ("nothing is lost", f"{summary.delivered} delivered, {summary.lost} lost", summary.lost),
        ("once", f"{summary.duplicates} shown twice", summary.duplicates),
        ("in order", f"{summary.order_violations} out of order", summary.order_violations),
        (
            "no forgery",
            f"{summary.forged_tried} tried, {summary.forged_accepted} accepted",
            summary.forged_accepted,
        ),
        (
            "one record",
            f"{summary.statements} statements, {summary.logs_verified} logs recomputed",
            int(not summary.verified),
        ),
        (
            "the whole script",
            f"{summary.alarms} alarms, {summary.restarts} restarts, {summary.seconds:.1f} s",
            len(summary.promises_broken),
        ),
    )
    for promise, counted, faults in rows:
        kept = Text("BROKEN", style="bold red3") if faults else Text("kept", style="bold green3")
        table.add_row(promise, counted, kept)
    return table
