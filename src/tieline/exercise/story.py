"""The story of an exercise: what the desks were shown, as rows that a person can follow.

Events come in as they are read from the stations; rows come out once the line is at rest, so that
what belongs together is told together: eight links that fall are one row, a night's silence is one
row with its numbers, an answer stands beside the ladder that it lengthens. What is merely expected
(receipts, hand-overs, the bell for an arriving FLASH) shows on the ladders and makes no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from rich.text import Text

from tieline.exercise import scenario as world
from tieline.exercise.answer import Entry
from tieline.exercise.board import Board, Shown, read_shown
from tieline.exercise.control import Attack
from tieline.exercise.glyphs import (
    REF,
    RUNGS,
    STATE,
    Colours,
    badge,
    coded_words,
    ladder,
    ladders,
    minutes,
    provenance,
    state_words,
    words,
    zulu,
)
from tieline.exercise.looks import Looked, Reason
from tieline.node.text import visible

_ANSWERS: Final = {
    "acknowledge": ("✓", "acknowledges"),
    "read back": ("«»", "reads back"),
    "pass on": ("→", "has passed on"),
    "assent": ("✓", "assents to"),
}
STATES: Final = {
    "overdue": "bold red3",
    "late": "bold dark_orange",
    "exceeded": "bold red3",
    "met": "bold green3",
    "valid": "bold green3",
}
_LATE_MS: Final = 60_000
# From best to worst, as two ends of a pair may differ.
_WORSE: Final = (
    "unknown", "up", "degraded", "unstaffed", "suspended", "silent since", "down",
)  # fmt: skip
_MISSED: Final = {
    "handed over": "could not be handed over for",
    "received": "is not received by the station of",
}
_NO_CONTACT: Final = frozenset({"silent since", "down"})


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
        self._width = max(len(code) for code in scenario.codes)
        self._events: list[tuple[str, Entry]] = []
        self._told: set[str] = set()
        self._crossed: set[str] = set()
        self._refusals: set[str] = set()
        self._script: dict[str, world.Event] = {}  # item -> the event that it came from
        self._ends: dict[tuple[str, str], tuple[str, str]] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self.open: dict[str, Shown] = {}

    def hear(self, party: str, entry: Entry) -> None:
        """An event of a station's watch stream."""
        self._events.append((party, entry))

    def scripted(self, event: world.Event, item: str) -> None:
        """A statement that came from an event of the script, which may have a title for it."""
        self._script.setdefault(item, event)

    def rows(self, at_ms: int) -> list[Row]:
        """Everything heard since the last time, as rows."""
        events, self._events = self._events, []
        of: dict[str, list[tuple[str, Entry]]] = {}
        for party, entry in events:
            of.setdefault(entry.text("type"), []).append((party, entry))
        said: list[Shown] = []
        late: dict[str, list[Shown]] = {}
        crossed: list[Shown] = []
        for party, entry in of.get("statement", []):
            shown = read_shown(entry)
            if shown.item not in self._told:
                self._told.add(shown.item)
                said.append(shown)
            elif party != shown.party and at_ms - shown.claimed_ms >= _LATE_MS:
                late.setdefault(party, []).append(shown)
            if shown.view.texts("crossed") and shown.item not in self._crossed:
                self._crossed.add(shown.item)
                crossed.append(shown)
        rows = [
            *self._links_changed(
                at_ms, of.get("state", []), {s.party for s in said if s.kind == "suspend"}
            ),
            *self._opened(at_ms, said),
            *(row for shown in said for row in self._said(at_ms, shown)),
            *self._late(at_ms, late),
            *(self._crossing(at_ms, shown) for shown in crossed),
            *self._alarms(at_ms, of.get("alarm", []), said),
            *(row for party, entry in of.get("refused", [])
              for row in self._refused(at_ms, party, entry)),
        ]  # fmt: skip
        self._close()
        return rows

    # ----------------------------------------------------------------------------- names

    def title(self, item: str) -> str:
        """What the script calls a statement; empty when it has no name for it."""
        event = self._script.get(item)
        return visible(event.label) if event is not None else ""

    def named(self, item: str) -> Text:
        """A statement by its short name, in its author's colour, and by its title."""
        shown = self._board.statements.get(item)
        style = self._colours.of(shown.party) if shown is not None else "white"
        text = Text.assemble((self._board.cited_name(item), style))
        title = self.title(item)
        if title:
            text.append(f" “{title}”", style="grey70")
        return text

    def _is_call(self, item: str) -> bool:
        event = self._script.get(item)
        return event is not None and isinstance(event.act, world.Say) and event.act.call

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
        to = Text("all", style="bold") if not shown.to else self._colours.parties(shown.to)
        body = Text.assemble(self._colours.party(shown.party), " ▸ ", to, "   ")
        body.append_text(self.named(shown.item))
        if shown.kind == "joint":
            body.append("  for all to make together", style="bold")
        elif self._is_call(shown.item):
            body.append("  a call", style="bold")
        by_role: dict[str, list[str]] = {}
        for cited, role in shown.refs:
            by_role.setdefault(REF.get(role, role), []).append(self._board.cited_name(cited))
        for role, names in by_role.items():
            body.append(f"  {role} {', '.join(names)}", style="italic grey70")
        release = self._release(shown)
        if release:
            body.append(f"  {release}", style="grey50")
        told = self._board.told.get(shown.item, {})
        said = coded_words(shown, told, self._colours) if told else words(shown)
        body.append("\n")
        body.append_text(said)
        body.append("\n")
        body.append_text(self.ladder(shown))
        if shown.kind == "joint":
            body.append_text(self._signatories(shown))
        # Nobody reads all languages: one of them is what a form takes to read.
        return Row(at_ms, badge(shown.precedence), body, len(said) // max(1, len(told)))

    def _signatories(self, joint: Shown) -> Text:
        """Who has made a joint statement theirs, and who has not yet."""
        reached = self._board.rungs.get(joint.item, {})
        missing = [
            code for code in joint.parties
            if code != joint.party and "assented" not in reached.get(code, ())
        ]  # fmt: skip
        if not missing:
            return Text("   all its parties have signed it", style="bold green3")
        text = Text("   waits for the assent of ", style="grey70")
        text.append_text(self._colours.parties(missing))
        return text

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
        body.append(" " * (self._width - len(shown.party) + 1))
        if shown.kind != "assent":
            rungs = self._board.rungs.get(target.item, {}).get(shown.party, ())
            body.append_text(ladder(target.wants, rungs))
            body.append(" ")
        body.append(f"{verb} ")
        body.append_text(self.named(target.item))
        chars = 0
        if shown.kind == "read back":
            said = visible(shown.view.text("text"))
            chars = len(said)
            body.append(": ")
            body.append(f"“{said}”", style="italic")
        elif shown.kind == "pass on":
            unit = visible(shown.view.text("unit"))
            body.append(f" to {unit}, at {zulu(shown.view.number('at_ms'))}")
        elif shown.kind == "acknowledge":
            body.append(f", after {minutes(shown.claimed_ms - target.claimed_ms)}", style="grey62")
        else:
            body.append_text(self._signatories(target))
        yield Row(at_ms, Text(mark, style="bold spring_green2"), body, chars)

    def _opened(self, at_ms: int, said: Iterable[Shown]) -> Iterator[Row]:
        opened = [shown.party for shown in said if shown.kind == "open"]
        if opened:
            body = self._colours.parties(sorted(opened))
            body.append(" open a log each on this line" if len(opened) > 1 else " opens a log")
            yield Row(at_ms, Text("log", style="grey62"), body)

    def _late(self, at_ms: int, late: dict[str, list[Shown]]) -> Iterator[Row]:
        """Who has caught up with what; parties that lacked the same are told together."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for party, statements in sorted(late.items()):
            groups.setdefault(tuple(sorted(shown.item for shown in statements)), []).append(party)
        for items, parties in groups.items():
            statements = [self._board.statements[item] for item in items]
            body = self._colours.parties(parties)
            body.append(" now also holds " if len(parties) == 1 else " now also hold ")
            body.append_text(self._ranges(statements))
            if len(items) > 1:
                body.append(f": {len(items)} statements")
            yield Row(at_ms, Text("caught up", style="bold green3"), body, 20)

    def _ranges(self, statements: Iterable[Shown]) -> Text:
        """Statements as ``ALPHA-7 to 9, BRAVO-2``."""
        runs: list[tuple[Shown, int]] = []
        for shown in sorted(statements, key=lambda one: (one.party, one.log, one.position)):
            if runs and runs[-1][0].log == shown.log and runs[-1][1] + 1 == shown.position:
                runs[-1] = (runs[-1][0], shown.position)
            else:
                runs.append((shown, shown.position))
        return Text(", ").join(
            Text(
                first.name + (f" to {last}" if last != first.position else ""),
                style=self._colours.of(first.party),
            )
            for first, last in runs
        )

    def _crossing(self, at_ms: int, shown: Shown) -> Row:
        body = self.named(shown.item)
        body.append(" was written before its author had read ")
        names = [self.named(item) for item in shown.view.texts("crossed")]
        body.append_text(Text(" and ").join(names))
        return Row(at_ms, Text("crossed", style="bold gold3"), body, 60)

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

    def _links_changed(
        self, at_ms: int, events: list[tuple[str, Entry]], suspending: set[str]
    ) -> Iterator[Row]:
        """One row for all pairs that have come to the same state. The worse end counts.

        Whether a road that carries nothing is called silent or down depends on when somebody last
        tried it; the story calls both *no contact* and tells it once.
        """
        for party, entry in events:
            self._ends[(party, entry.text("party"))] = entry.text("state"), state_words(entry)
        groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for pair in combinations(self._scenario.codes, 2):
            ends = [self._ends.get(end, ("unknown", "")) for end in (pair, pair[::-1])]
            state, said = max(ends, key=lambda end: _WORSE.index(end[0]))
            if state in _NO_CONTACT:
                state, said = "down", "no contact"
            key = (state, said if state == "suspended" else "")
            if key != self._pairs.get(pair, ("unknown", "")):
                self._pairs[pair] = key
                groups.setdefault((state, said), []).append(pair)
        for (state, said), pairs in groups.items():
            if state == "suspended" and any(suspending & set(pair) for pair in pairs):
                continue  # the party's own words are a row already
            body = self._which(pairs)
            body.append(": ")
            body.append(said, style=STATE.get(state, ""))
            yield Row(at_ms, Text("line", style=f"bold {STATE.get(state, '')}"), body, 20)

    def _which(self, pairs: list[tuple[str, str]]) -> Text:
        """Pairs in words: all, all of one party, or each."""
        codes = self._scenario.codes
        if len(pairs) == len(codes) * (len(codes) - 1) // 2:
            return Text(f"all {len(pairs)} pairs of stations" if pairs[1:] else "both stations")
        shared = set(pairs[0]).intersection(*pairs)
        if len(pairs) == len(codes) - 1 > 1 and shared:
            return Text.assemble(self._colours.party(shared.pop()), " with all others")
        return Text("  ").join(
            Text.assemble((one, self._colours.of(one)), "═", (other, self._colours.of(other)))
            for one, other in pairs
        )

    def _alarms(
        self, at_ms: int, events: list[tuple[str, Entry]], said: list[Shown]
    ) -> Iterator[Row]:
        missed: dict[tuple[str, str], set[str]] = {}
        debts: list[tuple[str, str, str]] = []
        other: dict[str, list[str]] = {}
        for party, entry in events:
            code = entry.text("code")
            if code.startswith("overdue."):
                item, rung = entry.text("item", ""), entry.text("rung", "")
                debtor = entry.text("party", "")
                if debtor == party:
                    debts.append((party, item, rung))
                else:
                    missed.setdefault((item, rung), set()).add(debtor)
            elif not code.startswith("arrived."):
                other.setdefault(visible(entry.text("text")), []).append(party)
        for text, parties in other.items():
            body = Text("at ")
            body.append_text(self._colours.parties(sorted(set(parties))))
            body.append(f": {text}")
            yield Row(at_ms, Text("▲ alarm", style="bold red3"), body, 40)
        # Of several rungs that one statement misses in one moment, the lowest says it all.
        lowest: dict[str, str] = {}
        for item, rung in sorted(missed, key=lambda key: RUNGS.index(key[1])):
            lowest.setdefault(item, rung)
        for item, rung in lowest.items():
            yield self._overdue(at_ms, item, rung, sorted(missed[(item, rung)]), said)
        for party, item, rung in debts:
            if party not in missed.get((item, rung), ()):
                body = self._colours.party(party)
                body.append(f" is warned at its own desk: it has not {rung} ")
                body.append_text(self.named(item))
                yield Row(at_ms, Text("▲ overdue", style="bold dark_orange"), body, 20)

    def _overdue(
        self, at_ms: int, item: str, rung: str, debtors: list[str], said: list[Shown]
    ) -> Row:
        body = self.named(item)
        target = self._board.statements.get(item)
        if target is not None and target.kind == "test":
            body.append(" (line test)")
        body.append(f" {_MISSED.get(rung, f'is not {rung} by')} ")
        body.append_text(self._colours.parties(debtors))
        noted = [shown for shown in said if shown.kind == "silence" and shown.target == item]
        if noted:
            body.append("; the silence is on record as ", style="grey70")
            body.append_text(self._ranges(noted))
        return Row(at_ms, Text("▲ overdue", style="bold red3"), body, 30)

    def _refused(self, at_ms: int, party: str, entry: Entry) -> Iterator[Row]:
        text = visible(entry.text("text"))
        if text in self._refusals:
            return  # told already, with the attempt that it answered
        body = self._colours.party(party)
        body.append(f" {text}")
        yield Row(at_ms, Text("✗ refused", style="bold red3"), body, 60)

    # ---------------------------------------------------------------------------- control

    def control(self, event: world.Event) -> Row | None:
        """What control itself does, when it is worth a row."""
        match event.act:
            case world.Inject(text=text, confidence=confidence):
                body = Text.assemble((visible(text), "italic"), "  ", provenance(confidence))
                return Row(event.at_ms, Text("inject", style="bold plum3"), body, len(text))
            case world.Ruling(text=text):
                body = Text(visible(text), style="bold")
                return Row(event.at_ms, Text("ruling", style="bold plum3"), body, len(text))
            case world.Note(text=text):
                body = Text(visible(text), style="grey82")
                return Row(event.at_ms, Text("control", style="bold plum3"), body, len(text))
            case world.Cut(groups=groups):
                sides = Text.assemble(("  ✗  ", "bold red3")).join(
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
            case world.Carry() as carry:
                body = Text("a bundle file of ")
                body.append_text(self._colours.party(carry.party))
                body.append(" is carried by hand to ")
                body.append_text(self._colours.party(carry.to))
                return Row(event.at_ms, Text("bundle", style="bold gold3"), body, 30)
            case world.Equivocate() as two:
                body = self._colours.party(two.party)
                body.append(" signs another story under a number that it has used, and has it")
                body.append(" carried to ")
                body.append_text(self._colours.party(two.to))
                body.append(f": “{visible(two.text)}”", style="italic red3")
                return Row(event.at_ms, Text("two stories", style="bold red3"), body, 60)
            case _:
                return None

    def attacked(self, at_ms: int, forge: world.Forge, attacks: tuple[Attack, ...]) -> list[Row]:
        """An attempt to bring a forged message, and how it ended."""
        head = Text("somebody who is not ")
        head.append_text(self._colours.party(forge.claims))
        head.append(" brings ")
        head.append_text(self._colours.party(forge.victim))
        head.append(" words in its name: ")
        head.append(f"“{visible(forge.text)}”", style="italic red3")
        rows = [Row(at_ms, Text("forgery", style="bold red3"), head, len(forge.text))]
        for attack in attacks:
            mark = Text("✗ refused", style="bold green3")
            if not attack.refused:
                mark = Text("ACCEPTED", style="bold white on red3")
            said = visible(attack.said)
            self._refusals.add(said)
            body = Text(f"{attack.way}: ", style="bold")
            body.append(said)
            rows.append(Row(at_ms, mark, body, 60))
        return rows

    def looked(self, event: world.Event, look: world.Look, looked: Looked) -> Row:
        """What a desk says of an agreement, why, and how sure the rule is."""
        body = Text.assemble("at ", self._colours.party(look.party), "   ")
        if looked.holder:
            body.append_text(self._colours.party(looked.holder))
            body.append(": ")
        body.append(visible(looked.title), style="bold")
        if looked.due:
            body.append(f" ▸ {looked.due}")
        style = STATES.get(looked.state, "bold")
        body.append(f"  {visible(looked.said)}", style=style)
        if looked.mark:
            body.append(f"  [{visible(looked.mark)}]", style="grey62")
        if looked.caution:
            body.append(f" {visible(looked.caution)}", style="gold3")
        if look.text:
            body.append(f"\n{visible(look.text)}", style="italic")
        reasons = [
            " ".join(
                visible(part)
                for part in (
                    one.said,
                    one.value,
                    self._board.cited_name(one.item) if one.item else "",
                    ", ".join(self._others(one)),
                )
                if part
            )
            for one in looked.reasons
        ]
        if reasons:
            body.append(f"\n{' · '.join(reasons)}", style="grey62")
        if looked.fault:
            body.append(f"\nBROKEN  {visible(looked.fault)}", style="bold red3")
        mark = Text(
            type(look).__name__.lower(), style="bold red3" if looked.fault else "bold gold3"
        )
        return Row(event.at_ms, mark, body, 120)

    def _others(self, fact: Reason) -> list[str]:
        """The parties of a fact, but for the author of the statement that it is about."""
        shown = self._board.statements.get(fact.item)
        return [code for code in fact.parties if shown is None or code != shown.party]

    def restarted(self, at_ms: int, party: str, code: int) -> Row:
        """A station's process ended, and was started again."""
        how = f"was killed (signal {-code})" if code < 0 else f"ended with {code}"
        body = Text.assemble(
            "the process of ", self._colours.party(party), f" {how}; it runs again"
        )
        return Row(at_ms, Text("restart", style="bold dark_orange"), body, 30)
