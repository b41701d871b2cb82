"""The story of an exercise: what the desks were shown, as rows that a person can follow.

Events come in as they are read from the stations; rows come out once the line is at rest, so that
what belongs together is told together: eight links that fall are one row, a night's silence is one
row with its numbers, an answer stands beside the ladder that it lengthens. What is merely expected
(receipts, hand-overs, the bell for an arriving FLASH) shows on the ladders and makes no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from tieline.core.terms import dtg
from tieline.desk.text import visible
from tieline.exercise import scenario as world
from tieline.exercise.answer import Entry
from tieline.exercise.board import Board, Shown, read_shown
from tieline.exercise.control import Attack
from tieline.exercise.glyphs import (
    REF,
    STATE,
    Colours,
    badge,
    ladders,
    minutes,
    state_words,
    words,
    zulu,
)

_ANSWERS: Final = {
    "acknowledge": ("✓", "acknowledges"),
    "read back": ("«»", "reads back"),
    "pass on": ("→", "has passed on"),
    "assent": ("✓", "assents to"),
}
_LATE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that happened: a mark, what it was, and how many characters there are to read."""

    at_ms: int
    mark: Text
    body: Text
    chars: int = 0


class Story:
    """Turns events into rows. ``colours`` gives each party its colour."""

    def __init__(self, scenario: world.Scenario, board: Board, colours: Colours) -> None:
        self._scenario = scenario
        self._board = board
        self._colours = colours
        self._events: list[tuple[str, Entry]] = []
        self._told: set[str] = set()
        self._links: dict[tuple[str, str], str] = {}
        self.open: dict[str, Shown] = {}

    def hear(self, party: str, entry: Entry) -> None:
        """An event of a station's watch stream."""
        self._events.append((party, entry))

    def rows(self, at_ms: int) -> list[Row]:
        """Everything heard since the last time, as rows."""
        events, self._events = self._events, []
        of: dict[str, list[tuple[str, Entry]]] = {}
        for party, entry in events:
            of.setdefault(entry.text("type"), []).append((party, entry))
        said: list[Shown] = []
        late: dict[str, list[Shown]] = {}
        for party, entry in of.get("statement", []):
            shown = read_shown(entry)
            if shown.item not in self._told:
                self._told.add(shown.item)
                said.append(shown)
            elif party != shown.party and at_ms - shown.claimed_ms >= _LATE_MS:
                late.setdefault(party, []).append(shown)
        rows = [
            *self._links_changed(at_ms, of.get("state", [])),
            *(row for shown in said for row in self._said(at_ms, shown)),
            *self._opened(at_ms, said),
            *self._late(at_ms, late),
            *self._alarms(at_ms, of.get("alarm", []), said),
            *(self._refused(at_ms, party, entry) for party, entry in of.get("refused", [])),
        ]
        self._close()
        return rows

    # ------------------------------------------------------------------------ statements

    def _said(self, at_ms: int, shown: Shown) -> Iterator[Row]:
        head = self._colours.party(shown.party)
        match shown.kind:
            case "message" | "joint":
                self.open[shown.item] = shown
                yield self._message(at_ms, shown)
            case "test":
                self.open[shown.item] = shown
                head.append(f" calls the line test {shown.name}, in both scripts", style="grey70")
                yield Row(at_ms, Text("test", style="grey62"), head)
            case kind if kind in _ANSWERS:
                yield from self._answered(at_ms, shown)
            case "suspend" | "resume":
                head.append(f" {shown.kind}s the line: {visible(shown.view.text('cause', ''))}")
                yield Row(at_ms, Text("line", style="bold magenta"), head, 40)
            case "watch":
                state = "keeps its watch" if shown.view.flag("staffed") else "leaves its watch"
                head.append(f" {state}: {visible(shown.view.text('cause', ''))}")
                yield Row(at_ms, Text("watch", style="bold dark_orange"), head, 40)
            case _:
                pass  # silences are told with their alarms, first statements of logs together

    def _message(self, at_ms: int, shown: Shown) -> Row:
        codes = self._scenario.codes
        to = Text("all", style="bold") if not shown.to else self._colours.parties(shown.to)
        body = Text.assemble(self._colours.party(shown.party), " ▸ ", to, f"   {shown.name}")
        if shown.kind == "joint":
            body.append("  joint statement", style="bold")
        form = self._scenario.form(shown.view.text("form", ""))
        if form is not None:
            body.append(f"  form “{form.title}”", style="bold")
        for cited, role in shown.refs:
            name = self._board.cited_name(cited)
            body.append(f"  {REF.get(role, role)} {name}", style="italic grey70")
        crossed = [self._board.cited_name(item) for item in shown.view.texts("crossed")]
        if crossed:
            body.append(f"  crossed {', '.join(crossed)}", style="italic gold3")
        body.append(f"  {self._release(shown)}", style="grey50")
        said = words(shown, form)
        body.append("\n")
        body.append_text(said)
        wants = [code for code in codes if code != shown.party]
        if wants:
            body.append("\n")
            body.append_text(self.ladder(shown))
        return Row(at_ms, badge(shown.precedence), body, len(said))

    def _release(self, shown: Shown) -> str:
        rules = self._scenario.rules
        if shown.precedence not in [precedence.name for precedence in rules.four_eyes]:
            return ""
        if shown.view.text("form", "") in rules.standing:
            return "standing authority"
        return "four eyes"

    def ladder(self, shown: Shown) -> Text:
        """The ladders of one statement as they stand."""
        rungs = self._board.rungs.get(shown.item, {})
        return ladders(shown, self._scenario.codes, rungs, self._colours)

    def _answered(self, at_ms: int, shown: Shown) -> Iterator[Row]:
        target = self._board.statements.get(shown.target)
        if target is None or target.kind == "test":
            return
        mark, verb = _ANSWERS[shown.kind]
        body = self._colours.party(shown.party)
        body.append(f" {verb} {target.name}")
        chars = 0
        if shown.kind == "read back":
            said = visible(shown.view.text("text"))
            chars = len(said)
            body.append(": ")
            body.append(f"“{said}”", style="italic")
        elif shown.kind == "pass on":
            unit = visible(shown.view.text("unit"))
            body.append(f" to {unit}, {zulu(shown.view.number('at_ms'))}")
        elif shown.kind == "acknowledge":
            body.append(f" after {minutes(shown.claimed_ms - target.claimed_ms)}", style="grey62")
        body.append("\n" if chars else "   ")
        body.append_text(self.ladder(target))
        yield Row(at_ms, Text(mark, style="bold spring_green2"), body, chars)

    def _opened(self, at_ms: int, said: Iterable[Shown]) -> Iterator[Row]:
        opened = [shown.party for shown in said if shown.kind == "open"]
        if opened:
            body = self._colours.parties(sorted(opened))
            body.append(" open a log each on this line" if len(opened) > 1 else " opens a log")
            yield Row(at_ms, Text("log", style="grey62"), body)

    def _late(self, at_ms: int, late: dict[str, list[Shown]]) -> Iterator[Row]:
        for party, statements in sorted(late.items()):
            body = self._colours.party(party)
            body.append(" now also holds ")
            body.append(", ".join(shown.name for shown in statements))
            yield Row(at_ms, Text("caught up", style="bold green3"), body, 10)

    def _close(self) -> None:
        """Forget the ladders that have nothing left to climb; say when a test was answered."""
        for item, shown in list(self.open.items()):
            rungs = self._board.rungs.get(item, {})
            addressed = [
                code
                for code in self._scenario.codes
                if code != shown.party and (not shown.to or code in shown.to)
            ]
            if all(set(shown.wants) <= rungs.get(code, set()) for code in addressed):
                del self.open[item]

    # ---------------------------------------------------------------------- circumstances

    def _links_changed(self, at_ms: int, events: list[tuple[str, Entry]]) -> Iterator[Row]:
        latest = {(party, entry.text("party")): entry for party, entry in events}
        groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for ends, entry in sorted(latest.items(), key=lambda pair: pair[0]):
            said = state_words(entry)
            if self._links.get(ends) != said:
                self._links[ends] = said
                groups.setdefault((entry.text("state"), said), []).append(ends)
        for (state, said), members in groups.items():
            pairs = sorted({(min(pair), max(pair)) for pair in members})
            body = Text()
            if len(pairs) == len(self._scenario.codes) * (len(self._scenario.codes) - 1) // 2:
                body.append("every line")
            else:
                body.append("  ".join(f"{one}═{other}" for one, other in pairs))
            body.append(": ")
            body.append(said, style=STATE.get(state, ""))
            yield Row(at_ms, Text("line", style=f"bold {STATE.get(state, '')}"), body, 20)

    def _alarms(
        self, at_ms: int, events: list[tuple[str, Entry]], said: list[Shown]
    ) -> Iterator[Row]:
        missed: dict[tuple[str, str], dict[str, list[str]]] = {}
        for party, entry in events:
            code = entry.text("code")
            if code.startswith("overdue."):
                parties = missed.setdefault((party, entry.text("item", "")), {})
                parties.setdefault(entry.text("rung", ""), []).append(entry.text("party", ""))
            elif not code.startswith("arrived."):
                body = self._colours.party(party)
                body.append(f" {visible(entry.text('text'))}")
                yield Row(at_ms, Text("▲ alarm", style="bold red3"), body, 40)
        for (party, item), rungs in sorted(missed.items()):
            yield self._overdue(at_ms, party, item, rungs, said)

    def _overdue(
        self, at_ms: int, party: str, item: str, rungs: dict[str, list[str]], said: list[Shown]
    ) -> Row:
        name = self._board.cited_name(item)
        rung = max(rungs, key=lambda word: ("handed over", "received").index(word)
                   if word in ("handed over", "received") else 9)  # fmt: skip
        debtors = sorted(set(rungs[rung]))
        body = self._colours.party(party)
        if debtors == [party]:
            body.append(f" owes a word on {name}: it is not {rung} yet")
            return Row(at_ms, Text("▲ overdue", style="bold dark_orange"), body, 20)
        body.append(f": {name} is not {rung} by ")
        body.append_text(self._colours.parties(debtors))
        noted = [s.name for s in said if s.kind == "silence" and s.target == item]
        if noted:
            span = noted[0] if len(noted) == 1 else f"{noted[0]} to {noted[-1]}"
            body.append(f"; the silence is on record as {span}", style="grey70")
        return Row(at_ms, Text("▲ overdue", style="bold red3"), body, 30)

    def _refused(self, at_ms: int, party: str, entry: Entry) -> Row:
        body = self._colours.party(party)
        body.append(f" {visible(entry.text('text'))}")
        return Row(at_ms, Text("✗ refused", style="bold red3"), body, 60)

    # ---------------------------------------------------------------------------- control

    def control(self, event: world.Event) -> Row | None:
        """What control itself does, when it is worth a row."""
        match event.act:
            case world.Inject(text=text, confidence=confidence):
                meaning = world.CONFIDENCE[confidence]
                body = Text.assemble(
                    (visible(text), "italic"), (f"  [{confidence}: {meaning}]", "grey50")
                )
                return Row(event.at_ms, Text("inject", style="bold plum3"), body, len(text))
            case world.Note(text=text):
                body = Text(visible(text), style="grey82")
                return Row(event.at_ms, Text("control", style="bold plum3"), body, len(text))
            case world.Say(party=party, call=True):
                body = self._colours.party(party)
                body.append(" calls")
                return Row(event.at_ms, Text("call", style="bold plum3"), body)
            case world.Cut(groups=groups):
                sides = Text("  ✗  ", style="bold red3").join(
                    [self._colours.parties(group) for group in groups]
                )
                body = Text.assemble("the wires are cut:  ", sides)
                return Row(event.at_ms, Text("cut", style="bold red3"), body, 30)
            case world.Heal(groups=groups):
                body = Text("the wire is back between " if groups else "every wire is back")
                body.append_text(
                    Text(" and ").join([self._colours.parties(group) for group in groups])
                )
                return Row(event.at_ms, Text("healed", style="bold green3"), body, 30)
            case _:
                return None

    def attacked(self, at_ms: int, forge: world.Forge, attacks: tuple[Attack, ...]) -> list[Row]:
        """An attempt to bring a forged message, and how it ended."""
        head = Text("somebody who claims to be ")
        head.append_text(self._colours.party(forge.claims))
        head.append(" brings ")
        head.append_text(self._colours.party(forge.victim))
        head.append(": ")
        head.append(f"“{visible(forge.text)}”", style="italic red3")
        rows = [Row(at_ms, Text("forgery", style="bold red3"), head, len(forge.text))]
        for attack in attacks:
            mark = Text("✗ refused", style="bold green3")
            if not attack.refused:
                mark = Text("ACCEPTED", style="bold white on red3")
            body = self._colours.party(forge.victim)
            body.append(f", {attack.way}: {visible(attack.said)}")
            rows.append(Row(at_ms, mark, body, 60))
        return rows

    def restarted(self, at_ms: int, party: str, code: int) -> Row:
        """A station's process ended and was started again."""
        how = f"was killed (signal {-code})" if code < 0 else f"ended with {code}"
        body = Text.assemble(
            "the process of ", self._colours.party(party), f" {how}; it runs again"
        )
        return Row(at_ms, Text("restart", style="bold dark_orange"), body, 30)


def opening(scenario: world.Scenario, colours: Colours) -> Text:
    """Who takes part, for the first screen."""
    text = Text()
    for party in scenario.parties:
        text.append_text(colours.party(party.code))
        text.append(f"  {visible(party.name)}", style="bold")
        text.append(f"  {visible(party.part)}\n", style="grey62")
    text.append(f"\nStart {dtg(scenario.start_ms)}. {visible(scenario.source)}", style="grey70")
    return text
