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
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tieline.core.terms import dtg
from tieline.exercise import scenario as world
from tieline.exercise import score
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import Board
from tieline.exercise.control import Attack
from tieline.exercise.glyphs import ROAD, STATE, Colours, zulu
from tieline.exercise.intro import opening
from tieline.exercise.looks import Looked
from tieline.exercise.owed import Owed
from tieline.exercise.picture import WIDTH, picture
from tieline.exercise.promises import Holding, Summary
from tieline.exercise.story import STATES, Row, Story
from tieline.exercise.times import h_plus
from tieline.node.text import visible

_REPLACED: Final = {
    "corrects": "corrected by",
    "cancels": "cancelled by",
    "supersedes": "replaced by",
}
BANNER: Final = "EXERCISE EXERCISE EXERCISE"
NARROW: Final = 96  # columns below which the clock times are left to the board
PICTURE_LINES: Final = 32  # of the story; the board comes on top
OPEN_ROWS: Final = 5
BROKEN_ROWS: Final = 12
# Seconds of reading for a row, and for each character of what somebody wrote.
ROW_S: Final = 0.35
CHAR_S: Final = 0.011
INTRODUCTION_CHARS: Final = 500


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
        self._recent: deque[Row] = deque(maxlen=PICTURE_LINES)
        self._picture: Group | None = None
        board.listener = self._hear

    def _hear(self, party: str, entry: Entry) -> None:
        self.story.hear(party, entry)

    # ----------------------------------------------------------------------------- frame

    def begin(self) -> None:
        """The first words: what this is, who takes part, on what it is based, what signs mean."""
        self._say(Rule(Text(BANNER, style="bold red3"), style="red3"))
        title = Text.assemble((visible(self._scenario.title), "bold"))
        title.append(f"   realm {self._scenario.realm}", style="grey62")
        self._say(Group(title, "", opening(self._scenario, self._colours), ""))
        self._owed_s = CHAR_S * INTRODUCTION_CHARS
        if self._live is not None:
            self._live.start()
            self._refresh()

    def _say(self, what: RenderableType) -> None:
        """Print above the board; as plain text without the blanks that fill up lines."""
        if self._live is not None or self._console.is_terminal:
            self._console.print(what)
            return
        with self._console.capture() as capture:
            self._console.print(what)
        lines = [line.rstrip() for line in capture.get().splitlines()]
        self._console.file.write("\n".join(lines) + "\n")
        self._console.file.flush()

    def close(self) -> None:
        """Take the board away; what was told stays."""
        if self._live is not None:
            self._live.stop()

    def end(
        self,
        summary: Summary,
        holdings: Iterable[Holding],
        owed: Owed,
        scored: Mapping[str, Json],
        *,
        out: Path | None,
    ) -> None:
        """The tables of the end, and in one sentence how it went."""
        self.close()
        holdings = list(holdings)
        self._say(Group("", Rule(Text(BANNER, style="bold red3"), style="red3")))
        self._say(kept_table(self.story, self._board, len(holdings)))
        self._say(Group("", held_table(self._board, holdings, self._colours)))
        if any(owed.values()):
            self._say(Group("", owed_table(self._board, owed, self._colours)))
        self._say(Group("", score_table(scored, self._colours)))
        self._say(Group("", promise_table(summary)))
        for text in summary.promises_broken[:BROKEN_ROWS]:
            self._say(Text(f"BROKEN  {visible(text)}", style="bold red3"))
        if len(summary.promises_broken) > BROKEN_ROWS:
            self._say(f"        and {len(summary.promises_broken) - BROKEN_ROWS} more")
        verdict = Text.assemble(("Every promise was kept.", "bold green3"))
        if summary.promises_broken:
            count = len(summary.promises_broken)
            verdict = Text.assemble((f"Broken promises: {count}; see above.", "bold red3"))
        if out is not None:
            verdict.append(
                f" {out} has summary.json, score.json, the report of each incident as"
                " report-N.html, what each station holds as record-PARTY.json, and"
                f" evidence.html, which any browser opens and checks."
            )
        self._say(Group("", verdict, Rule(Text("ENDEX", style="bold red3"), style="red3")))

    # ------------------------------------------------------------------- control's audience

    def moment(self, at_ms: int) -> None:
        if at_ms != self._now_ms:
            self._flush()
        if at_ms > self._scenario.picture_ms and self._picture is None:
            self._picture = self._frame()
        self._now_ms = at_ms
        self._refresh()

    def event(self, event: world.Event) -> None:
        self._flush()  # what the passing of time alone has brought comes first
        row = self.story.control(event)
        if row is not None:
            self._print([row])

    def said(self, event: world.Event, item: str) -> None:
        self.story.scripted(event, item)

    def wires(self, cut: frozenset[frozenset[str]]) -> None:
        self._cut = cut

    def attacked(self, forge: world.Forge, attacks: tuple[Attack, ...]) -> None:
        self._print(self.story.attacked(self._now_ms, forge, attacks))

    def looked(self, event: world.Event, looked: Looked) -> None:
        """What a desk says of an agreement."""
        if isinstance(event.act, world.Owed | world.Quota | world.Holds | world.Margin):
            self._print([self.story.looked(event, event.act, looked)])

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
            self._say(self._row(row, self._console.width, first=row.at_ms != self._printed_ms))
            self._printed_ms = row.at_ms
            self._owed_s += ROW_S + CHAR_S * row.chars

    def _row(self, row: Row, width: int, *, first: bool) -> RenderableType:
        grid = Table.grid(padding=(0, 1), expand=True)
        last = h_plus(self._scenario.end_ms, self._scenario.start_ms)
        grid.add_column(width=max(7, len(last)), justify="right", style="grey62")
        clock = [zulu(row.at_ms)] if width >= NARROW else []
        if clock:
            grid.add_column(width=5, style="grey62")
        grid.add_column(width=11)
        grid.add_column(ratio=1, overflow="fold")
        when = [h_plus(row.at_ms, self._scenario.start_ms), *clock]
        grid.add_row(*(when if first else [""] * len(when)), row.mark, row.body)
        return grid

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._panel(self._console.width), refresh=True)

    def _panel(self, width: int) -> Panel:
        start_ms, end_ms = self._scenario.start_ms, self._scenario.end_ms
        clock = Table.grid(padding=(0, 2), expand=True)
        clock.add_column(no_wrap=True, style="bold")
        clock.add_column(no_wrap=True, style="bold gold3")
        clock.add_column(ratio=1)
        bar = ProgressBar(
            total=end_ms - start_ms,
            completed=self._now_ms - start_ms,
            complete_style="gold3",
            finished_style="gold3",
        )
        span = f"{h_plus(self._now_ms, start_ms)} of {h_plus(end_ms, start_ms)}"
        clock.add_row(dtg(self._now_ms), span, bar)
        processes = Text("processes", style="grey62")
        for party, pid in sorted(self._pids().items()):
            processes.append(f"  {party}", style=self._colours.of(party))
            processes.append(f" {pid}" if pid else " starting", style="grey50")
        parts: list[RenderableType] = [clock, self._roads(width), processes]
        if self.story.open:
            parts.append(self._climbing())
        return Panel(
            Group(*parts),
            title=Text(f" {BANNER} ", style="bold white on red3"),
            border_style="red3",
            width=width,
        )

    def _roads(self, width: int) -> Table:
        """One mark for each pair of stations: is there a line, and what is it worth."""
        longest = 2 * max(len(code) for code in self._scenario.codes) + 5
        pairs = list(combinations(self._scenario.codes, 2))
        columns = max(1, min(len(pairs), (width - 4) // (longest + 3)))
        rows = -(-len(pairs) // columns)
        columns = -(-len(pairs) // rows)
        grid = Table.grid(padding=(0, 3))
        for start in range(0, len(pairs), columns):
            grid.add_row(*(self._road(one, other) for one, other in pairs[start : start + columns]))
        return grid

    def _road(self, one: str, other: str) -> Text:
        state = self._worse(one, other)
        mark = ROAD.get(state, "═!═")
        if frozenset((one, other)) in self._cut:
            mark, state = "═✗═", "down"
        return Text.assemble(
            (one, self._colours.of(one)),
            (f" {mark} ", STATE.get(state, "grey62")),
            (other, self._colours.of(other)),
        )

    def _worse(self, one: str, other: str) -> str:
        states = list(STATE)
        seen = [
            self._board.desks[a].states.get(b, ("unknown", ""))[0]
            for a, b in ((one, other), (other, one))
        ]
        return max(seen, key=lambda state: states.index(state) if state in states else 0)

    def _climbing(self) -> Table:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis", style="grey70")
        for shown in list(self.story.open.values())[-OPEN_ROWS:]:
            name = Text(shown.name, style=self._colours.of(shown.party))
            said = self.story.title(shown.item) or shown.view.text("text", shown.kind)
            if shown.kind == "test":
                said = "line test"
            grid.add_row(name, self.story.ladder(shown), Text(visible(said, lines=False)))
        return grid

    # --------------------------------------------------------------------------- picture

    def _frame(self) -> Group:
        """The screen as it stands: the last rows of the story, and the board."""
        console = Console(width=WIDTH, file=io.StringIO())
        rows: list[RenderableType] = []
        left = PICTURE_LINES
        recent = list(self._recent)
        for index in range(len(recent) - 1, -1, -1):
            first = index == 0 or recent[index - 1].at_ms != recent[index].at_ms
            row = self._row(recent[index], WIDTH, first=first)
            left -= len(console.render_lines(row))
            if left < 0:
                break
            rows.insert(0, row)
        return Group(*rows, self._panel(WIDTH))

    def export_svg(self, path: Path) -> None:
        """Write the picture that was taken at the scenario's moment."""
        path.parent.mkdir(parents=True, exist_ok=True)
        title = f"{BANNER} · {visible(self._scenario.title)}"
        path.write_text(picture(self._picture or self._frame(), title), encoding="utf-8")


# ----------------------------------------------------------------------------------- tables


def kept_table(story: Story, board: Board, stations: int) -> Table:
    """What was corrected, cancelled or replaced, and by what: both are still there."""
    table = _table("Nothing was overwritten")
    table.add_column("first word")
    table.add_column("", no_wrap=True)
    table.add_column("later word")
    table.add_column("both held by", justify="right", no_wrap=True)
    for shown in board.statements.values():
        for item, role in shown.refs:
            if role in _REPLACED and item in board.statements:
                both = sum({item, shown.item} <= desk.shown.keys() for desk in board.desks.values())
                table.add_row(
                    story.named(item), _REPLACED[role], story.named(shown.item),
                    f"{both} of {stations}",
                )  # fmt: skip
    return table


def held_table(board: Board, holdings: Iterable[Holding], colours: Colours) -> Table:
    """What each station holds at the end, and whether it verifies."""
    table = _table("What each station holds")
    table.add_column("station", no_wrap=True)
    for name in ("holds", "own", "answers", "silences", "alarms", "refused", "logs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("audit")
    for holding in holdings:
        kinds = [shown.kind for shown in holding.held]
        desk = board.desks[holding.party]
        own = sum(1 for shown in holding.held if shown.party == holding.party)
        answers = sum(kinds.count(kind) for kind in ("acknowledge", "read back", "pass on"))
        result = Text("verified", style="bold green3")
        if not holding.verified:
            result = Text(
                visible("; ".join(holding.problems)) or "does not add up", style="bold red3"
            )
        numbers = (
            len(holding.held), own, answers, kinds.count("silence"), desk.alarms.total(),
            len(desk.refused), len(holding.heads),
        )  # fmt: skip
        table.add_row(colours.party(holding.party), *(str(n) for n in numbers), result)
    return table


def owed_table(board: Board, owed: Owed, colours: Colours) -> Table:
    """What was owed, in the words of each desk, and how sure the rule behind it is."""
    table = _table("Who owed what, as each desk says it")
    table.add_column("who", no_wrap=True)
    table.add_column("owes what, and what became of it, at each desk")
    views = [{debt.id: debt for debt in debts} for debts in owed.values()]
    for debt in next(iter(owed.values())):
        body = Text(visible(debt.title), style="bold")
        mark = f"§ {debt.paragraph}, {debt.provenance}" if debt.paragraph else debt.provenance
        body.append(f"  [{visible(mark)}]", style="not bold grey62")
        name = board.cited_name(debt.trigger) if debt.trigger else visible(debt.key)
        due = "" if debt.due_ms is None else f", due {dtg(debt.due_ms)}"
        body.append(f"  on {name}{due}\n", style="not bold")
        for code, view in zip(owed, views, strict=True):
            own = view.get(debt.id)
            body.append(f"{code} ", style=f"not bold {colours.of(code)}")
            style = "not bold" if own is None else STATES.get(own.seen, "not bold")
            body.append("?   " if own is None else f"{visible(own.said)}   ", style=style)
        body.rstrip()
        table.add_row(colours.party(debt.debtor), body)
    return table


def score_table(scored: Mapping[str, Json], colours: Colours) -> Table:
    """How it went for each party, from the record alone."""
    table = _table("Score, from one station's record")
    table.add_column("")
    rows = score.rows(Entry(dict(scored), "the score"))
    for code in rows[0][1]:
        table.add_column(colours.party(code), justify="right")
    for name, cells in rows[1:]:
        table.add_row(name, *cells)
    return table


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        border_style="grey50", pad_edge=False, show_edge=False,
    )  # fmt: skip


def _stories_row(summary: Summary) -> tuple[tuple[str, str, int], ...]:
    """Only where a party tells two stories: each must ring at every station, the teller's too."""
    if not summary.stories_told:
        return ()
    counted = f"{summary.stories_told} told twice, shown at {summary.stories_proved} stations"
    missing = summary.stories_told * summary.stations - summary.stories_proved
    return (("no second story unseen", counted, missing),)


def promise_table(summary: Summary) -> Table:
    """The promises, what was counted, and whether each was kept."""
    table = _table("Promises")
    table.add_column("promise")
    table.add_column("counted at the desks")
    table.add_column("")
    rang = sum(summary.alarms.values())
    rows = (
        ("nothing is lost", f"{summary.delivered} delivered, {summary.lost} lost", summary.lost),
        ("once", f"{summary.duplicates} shown twice", summary.duplicates),
        ("in order", f"{summary.order_violations} out of order", summary.order_violations),
        (
            "no forgery",
            f"{summary.forged_tried} tried, {summary.forged_accepted} accepted",
            summary.forged_accepted,
        ),
        *_stories_row(summary),
        (
            "one record",
            f"{summary.statements} statements, {summary.logs_verified} logs recomputed",
            int(not summary.verified),
        ),
        (
            "one account of what is owed",
            f"{sum(summary.obligations.values())} obligations"
            + "".join(f", {n} {state}" for state, n in summary.obligations.items()),
            sum(text.startswith("agreements: ") for text in summary.promises_broken),
        ),
        (
            "evidence",
            f"{summary.evidence_statements} statements in a file, read by a stranger",
            int(not summary.evidence_verified),
        ),
        (
            "the whole script",
            f"{rang} alarms, {summary.restarts} restarts, {summary.seconds:.1f} s",
            len(summary.promises_broken),
        ),
    )
    for promise, counted, faults in rows:
        kept = Text("BROKEN", style="bold red3") if faults else Text("kept", style="bold green3")
        table.add_row(promise, counted, kept)
    return table
