"""A small scenario as text, and statements as a desk would show them."""

from __future__ import annotations

from collections.abc import Iterable

from tieline.exercise.answer import Json
from tieline.exercise.board import Board
from tieline.exercise.scenario import Scenario
from tieline.exercise.script import read

SMALL = """
format = 1
id = "small"
title = "A small exercise"
realm = "SMALL"
start = 2026-01-01T00:00:00Z
ends = "H+2"
source = "Made for a test."

[charter]
line = "Test line"
four_eyes = ["FLASH"]
standing = ["cr/not-ours"]
packs = ["crisis"]
tests = { every = "4h", window = "30m", answered_by = "officer" }
[charter.clocks]
FLASH = "10m"

[[party]]
code = "ALPHA"
name = "One side"
part = "site state"
station = "ops"
officers = ["Officer A", "Colonel A"]
habits = { FLASH = "2m" }

[[party]]
code = "BRAVO"
name = "The other side"
part = "neighbour"
station = "duty"
officers = ["Officer B", "Colonel B"]
language = "fr"

[[event]]
at = "H+0:01"
act = "send"
label = "first"
from = "ALPHA"
precedence = "FLASH"
wants = ["acknowledged", "read back"]
text = "Something fell."
read_back = { BRAVO = "ALPHA says that something fell." }

[[event]]
at = "H+0:02"
act = "send"
from = "BRAVO"
precedence = "FLASH"
form = "cr/not-ours"
fields = { checked = "all", text = "The object." }
follows = "first"

[[event]]
at = "H+0:10"
act = "cut"
between = [["ALPHA"], ["BRAVO"]]

[[event]]
at = "H+0:20"
act = "heal"

[[event]]
at = "H+0:30"
act = "forge"
victim = "ALPHA"
claims = "BRAVO"
text = "FORGED WORDS"

[[event]]
at = "H+1"
act = "joint"
label = "joint"
from = "ALPHA"
text = "Both saw it."

[[event]]
at = "H+1:10"
act = "assent"
from = "BRAVO"
target = "joint"
"""


def small() -> Scenario:
    return read(SMALL.encode(), "small.toml")


def shown(
    name: str,
    kind: str = "message",
    *,
    text: str = "all quiet",
    refs: Iterable[tuple[str, str]] = (),
    more: dict[str, Json] | None = None,
) -> dict[str, Json]:
    """A statement event; ``name`` is the author and the position, as ``ALPHA-1``."""
    party, _, position = name.partition("-")
    cited: list[Json] = [{"item": item, "role": role} for item, role in refs]
    return {
        "type": "statement",
        "item": f"item {name}",
        "log": f"log {party}",
        "position": int(position),
        "station_id": f"station {party}",
        "party": party,
        "kind": kind,
        "precedence": "ROUTINE",
        "claimed_ms": 1_767_225_600_000,
        "to": [],
        "wants": [],
        "parties": [],
        "refs": cited,
        "second_story": False,
        "crossed": [],
        "text": text,
        "ladder": {},
        **(more or {}),
    }


class Desks:
    """A board that is shown what a test says, under journal numbers as a station gives them."""

    def __init__(self, scenario: Scenario) -> None:
        self.board = Board(scenario.codes)
        self._seq = dict.fromkeys(scenario.codes, 0)

    def show(self, code: str, event: dict[str, Json]) -> None:
        self._seq[code] += 1
        self.board.take(code, {**event, "seq": self._seq[code]})

    def show_all(self, event: dict[str, Json]) -> None:
        for code in self._seq:
            self.show(code, event)
