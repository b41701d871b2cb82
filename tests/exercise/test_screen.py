"""What people see: no raw control reaches a terminal, every screen says EXERCISE, 72 columns do."""

from __future__ import annotations

import io
import re
import unicodedata
from pathlib import Path

import pytest
from rich.console import Console
from tests.exercise.plays import Desks, shown, small

from tieline.exercise.answer import Json
from tieline.exercise.control import Attack
from tieline.exercise.scenario import Forge, Inject, Scenario
from tieline.exercise.screen import BANNER, Screen
from tieline.exercise.script import read

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BAD = (
    "\x1b[2J\x1b]0;title\x07 \x9b31m",  # a terminal's own orders, as 7 and as 8 bits
    "a\u202egnorw\u2066 \u200b\u200e\ufeff",  # text turned around, text unseen
    "\u0000\u0007\u0008\u000d\u007f\u0085",
    "\u2028\u2029\ue000\U000e0041",
)


class Stage:
    """A screen on a board that a test feeds."""

    def __init__(self, scenario: Scenario, *, width: int = 100, terminal: bool = False) -> None:
        self.file = io.StringIO()
        self.console = Console(
            file=self.file,
            width=width,
            highlight=False,
            force_terminal=terminal,
            color_system="truecolor" if terminal else None,
            legacy_windows=False,
        )
        self.desks = Desks(scenario)
        self.screen = Screen(
            scenario,
            self.desks.board,
            self.console,
            pace=0.0,
            live=terminal,
            pids=lambda: dict.fromkeys(scenario.codes, 4_194_304),
        )
        self.scenario = scenario
        self.at_ms = scenario.start_ms

    def step(self) -> None:
        self.at_ms += 60_000
        self.screen.moment(self.at_ms)

    def told(self) -> str:
        return self.file.getvalue()


def _play(stage: Stage, bad: str) -> None:
    """Everything that can carry somebody's words, with bad ones."""
    long: dict[str, Json] = {"wants": ["acknowledged", "read back", "passed on"]}
    stage.screen.begin()
    stage.step()
    events = [
        shown("ALPHA-0", "open"),
        shown("BRAVO-0", "open"),
        shown("ALPHA-1", text=bad, more={**long, "precedence": "FLASH"}),
        shown("ALPHA-2", text=bad, more={"form": "cr/not-ours", "fields": {}, "told": {
            "title": bad, "lines": [bad, bad, bad], "types": ["coded", "text", "serial"]}}),
        shown("BRAVO-1", "read back", text=bad, refs=[("item ALPHA-1", "answers")]),
        shown("BRAVO-2", "pass on", refs=[("item ALPHA-1", "answers")],
              more={"unit": bad, "at_ms": stage.at_ms}),
        shown("BRAVO-3", "suspend", more={"cause": bad}),
        shown("BRAVO-4", "watch", more={"staffed": False, "cause": bad}),
        shown("BRAVO-5", "joint", text=bad, more={"parties": ["ALPHA", "BRAVO"]}),
        shown("ALPHA-3", "test", text=bad, more={"wants": ["acknowledged"]}),
        shown("ALPHA-4", refs=[("item ALPHA-1", "corrects")], text=bad,
              more={"crossed": ["item BRAVO-3"]}),
    ]  # fmt: skip
    for event in events:
        stage.desks.show_all(event)
        stage.step()
    notices: list[dict[str, Json]] = [
        {"type": "state", "party": "ALPHA", "state": "suspended", "cause": bad},
        {"type": "alarm", "code": "test.missed", "text": bad},
        {"type": "alarm", "code": "overdue.read_back", "item": "item ALPHA-1", "party": "BRAVO",
         "rung": "read back", "text": bad},
        {"type": "refused", "code": "statement.signature", "text": bad},
    ]  # fmt: skip
    for event in notices:
        stage.desks.show("BRAVO", event)
        stage.step()
    forge = Forge(victim="ALPHA", claims="BRAVO", text=bad, ways=("dial",))
    stage.screen.attacked(forge, (Attack("a call", refused=True, said=bad),))
    stage.step()
    stage.screen.close()


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("bad", BAD, ids=["escapes", "bidi", "controls", "separators"])
def test_nothing_that_somebody_wrote_reaches_the_terminal_raw(bad: str, *, terminal: bool) -> None:
    stage = Stage(small(), terminal=terminal)
    _play(stage, f"before {bad} after")
    told = stage.told()
    # What the terminal's own driver writes (colours, moving up to redraw the board) is taken out.
    left = ANSI.sub("", told) if terminal else told
    seen = {c for c in left if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp")}
    assert seen <= ({"\n", "\r"} if terminal else {"\n"})
    assert left.count("⟨U+") >= 10
    if terminal:
        assert "\x1b[2J" not in told


def test_a_scenario_of_bad_words_is_shown_escaped() -> None:
    text = (
        'format = 1\nid = "x"\ntitle = "A title"\nrealm = "X"\nsource = "\\u001b[2J\\u202e"\n'
        "start = 2026-01-01T00:00:00Z\nends = 'H+1'\n[charter]\nline = 'L'\n"
        + "".join(
            f"[[party]]\ncode = '{code}'\nname = 'n'\npart = 'p'\nstation = 's'\n"
            "officers = ['a', 'b']\n"
            for code in ("ALPHA", "BRAVO")
        )
        + "[[event]]\nat = 'H+0'\nact = 'inject'\nconfidence = 'M?'\ntext = \"\\u001b[31m red\"\n"
    )
    stage = Stage(read(text.encode(), "bad.toml"))
    stage.screen.begin()
    stage.screen.event(stage.scenario.events[0])
    told = stage.told()
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert told.count("⟨U+001B⟩") == 2
    assert "[M?: from memory, unchecked]" in told


def test_a_newcomer_is_told_what_is_seen() -> None:
    stage = Stage(small())
    stage.screen.begin()
    told = stage.told()
    assert BANNER in told
    introduction = told.split("\n\n")[1]
    assert introduction.count("\n") <= 5
    for words in ("how fast, not how important", "handed over, received, acknowledged",
                  "alarm", "refused", "standing authority", "no contact"):  # fmt: skip
        assert words in told
    assert all(line == line.rstrip() for line in told.splitlines())


def test_facts_from_memory_are_marked_in_the_story() -> None:
    stage = Stage(small())
    for confidence, mark in (("R", "[R]"), ("M", "[M: from memory]")):
        event = stage.scenario.events[0]
        inject = Inject(text="It rained.", confidence=confidence)
        row = stage.screen.story.control(
            type(event)(number=1, at_ms=event.at_ms, act=inject)
        )  # fmt: skip
        assert row is not None
        assert row.body.plain == f"It rained.  {mark}"


@pytest.mark.parametrize("width", [72, 80, 100, 120])
def test_every_line_fits(width: int) -> None:
    stage = Stage(small(), width=width, terminal=True)
    _play(stage, "words " * 40)
    told = ANSI.sub("", stage.told()).replace("\r", "\n")
    assert max(len(line) for line in told.splitlines()) <= width
    assert BANNER in told


def test_one_state_of_a_road_is_told_once() -> None:
    stage = Stage(small())
    for state in ("up", "silent since", "down", "silent since", "up"):
        for one, other in (("ALPHA", "BRAVO"), ("BRAVO", "ALPHA")):
            event: dict[str, Json] = {"type": "state", "party": other, "state": state, "cause": ""}
            stage.desks.show(one, event)
            stage.step()
    rows = [line.split("line", 1)[1].strip() for line in stage.told().splitlines()]
    assert rows == ["both stations: up", "both stations: no contact", "both stations: up"]


def test_the_picture_says_exercise_and_is_readable(tmp_path: Path) -> None:
    stage = Stage(small())
    _play(stage, "words")
    path = tmp_path / "deep" / "demo.svg"
    stage.screen.export_svg(path)
    svg = path.read_text("utf-8")
    assert svg.startswith("<svg")
    assert "EXERCISE" in svg
    assert svg.count("http") == 1  # the name of the format; nothing is fetched
    assert "\x1b" not in svg
