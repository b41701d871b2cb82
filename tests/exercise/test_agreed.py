"""Agreements in an exercise: forms as each desk reads them, what must follow, who owed what."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace

import pytest
from rich.console import Console
from tests.exercise.plays import Desks, shown, small

from tieline.exercise import looks
from tieline.exercise import scenario as world
from tieline.exercise.answer import Entry, Json
from tieline.exercise.glyphs import Colours, coded_words
from tieline.exercise.owed import Debt, Owed, counts, differences, read_debts
from tieline.exercise.screen import owed_table

DUE_MS = 1_767_229_200_000  # 010100Z JAN 26
REPLY: dict[str, Json] = {
    "id": "crisis explain-reply 1", "pack": "crisis", "rule": "explain-reply", "title": "Reply",
    "debtor": "BRAVO", "creditors": ["ALPHA"], "trigger": "item ALPHA-1", "key": "",
    "due": [DUE_MS - 60_000, DUE_MS], "state": "overdue", "strict": "overdue", "ours": "overdue",
    "said": "OVERDUE", "paragraph": "16.1", "provenance": "memory", "caution": "from memory",
    "inputs": [
        {"name": "issue", "said": "issued", "kind": "time", "value": DUE_MS, "origin": "claim",
         "item": "item ALPHA-1", "path": "", "party": "ALPHA"},
        {"name": "receipt", "said": "received", "kind": "time", "value": DUE_MS,
         "origin": "receipt", "item": "item ALPHA-1", "path": "", "party": "BRAVO"},
        {"name": "receipt", "said": "received", "kind": "time", "value": DUE_MS,
         "origin": "receipt", "item": "item ALPHA-1", "path": "", "party": "DELTA"},
        {"name": "began-earliest", "said": "began earliest", "kind": "time", "value": DUE_MS,
         "origin": "record", "item": "", "path": "", "party": ""},
        {"name": "began-latest", "said": "began latest", "kind": "time", "value": DUE_MS,
         "origin": "record", "item": "", "path": "", "party": ""},
        {"name": "not-after", "said": "not after", "kind": "duration", "value": 172_800_000,
         "origin": "pack", "item": "", "path": "", "party": ""},
    ],
}  # fmt: skip
QUOTA: dict[str, Json] = {
    "pack": "crisis", "rule": "visits", "title": "Visits", "party": "BRAVO", "used": 1, "left": 0,
    "limit": 1, "over": [], "inputs": [], "paragraph": "", "provenance": "design",
}  # fmt: skip
WINDOW: dict[str, Json] = {
    "pack": "crisis", "rule": "hold-time", "title": "Hold", "item": "item ALPHA-1",
    "current": "item ALPHA-2", "sender": "ALPHA", "until_ms": DUE_MS, "state": "valid",
    "said": "valid", "inputs": [], "paragraph": "", "provenance": "design",
}  # fmt: skip
WEIGHED: dict[str, Json] = {
    "pack": "vd", "rule": "notify", "title": "Notification", "label": "notifiable",
    "crossing": "crossed", "paragraph": "40.1", "provenance": "read", "all_of": [],
    "any_of": [{"path": "troops", "value": 13_100, "at_least": 9_000, "margin": 4_100}],
}  # fmt: skip


async def _ask(act: str, args: Mapping[str, Json]) -> Entry:
    answers: dict[str, dict[str, Json]] = {
        "obligations": {"obligations": [REPLY]},
        "explain": REPLY,
        "quotas": {"quotas": [QUOTA]},
        "validities": {"validities": [WINDOW]},
        "item_form": {"thresholds": [WEIGHED]},
    }
    return Entry(answers[act], act)


def _look(act: world.Look, about: str = "item ALPHA-1") -> looks.Looked:
    return asyncio.run(looks.look(act, about, _ask))


OWED = world.Owed(
    party="ALPHA", rule="crisis/explain-reply", debtor="BRAVO", state="overdue", due_ms=DUE_MS
)
LOOKS: list[tuple[world.Look, world.Look, str]] = [
    (OWED, replace(OWED, state="met"), "is overdue at ALPHA, not met"),
    (OWED, replace(OWED, due_ms=DUE_MS + 1000), "is due 010100Z JAN 26 at ALPHA"),
    (OWED, replace(OWED, debtor="ALPHA"), "shows 0 obligations"),
    (
        world.Quota(party="ALPHA", rule="crisis/visits", holder="BRAVO", used=1, left=0, over=()),
        world.Quota(party="ALPHA", rule="crisis/visits", holder="BRAVO", used=2),
        "used 1, not 2",
    ),
    (
        world.Holds(party="ALPHA", about="hold", state="valid", until_ms=DUE_MS),
        world.Holds(party="ALPHA", about="hold", state="expired"),
        "'hold' is valid at ALPHA, not expired",
    ),
    (
        world.Margin(party="ALPHA", about="exercise", crossing="crossed", rule="vd/notify"),
        world.Margin(party="ALPHA", about="exercise", crossing="below"),
        "'exercise' is crossed for vd/notify at ALPHA, not below",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "words"), LOOKS)
def test_what_a_desk_says_otherwise_than_the_script_is_a_fault(
    right: world.Look, wrong: world.Look, words: str
) -> None:
    assert _look(right).fault == ""
    assert words in _look(wrong).fault


def test_a_look_tells_why_and_how_sure_the_rule_is() -> None:
    looked = _look(OWED)
    assert (looked.mark, looked.caution, looked.due) == (
        "§ 16.1, memory", "from memory", "010100Z JAN 26",
    )  # fmt: skip
    assert looked.reasons == (
        looks.Reason("issued", "010100Z", "item ALPHA-1", ("ALPHA",)),
        looks.Reason("received", "010100Z", "item ALPHA-1", ("BRAVO", "DELTA")),
        looks.Reason("began latest", "010100Z"),
        looks.Reason("not after", "48 h"),
    )


def test_a_form_is_shown_as_each_desk_reads_it_and_free_text_once() -> None:
    scenario = small()
    desks = Desks(scenario)
    for code, title, label in (("ALPHA", "Not ours", "Next"), ("BRAVO", "Pas à nous", "Suite")):
        told: dict[str, Json] = {
            "title": title,
            "lines": [f"{label}: 0100Z", f"{label}: in my own words", f"{label}: 7"],
            "types": ["coded", "text", "serial"],
            "brief": ["mots non vérifiés"] if code == "BRAVO" else [],
        }
        desks.show(code, shown("ALPHA-0", text="A remark.", more={"told": told}))
    statement = desks.board.statements["item ALPHA-0"]
    said = coded_words(statement, desks.board.told["item ALPHA-0"], Colours(scenario.codes))
    assert said.plain.splitlines() == [
        "ALPHA  Not ours · Next: 0100Z · Next: in my own words",
        "BRAVO  Pas à nous · Suite: 0100Z [mots non vérifiés]",
        "A remark.",
    ]


def _debts(state: str = "met", strict: str = "late") -> tuple[Debt, ...]:
    one = {**REPLY, "state": state, "strict": strict, "said": state}
    return read_debts(Entry({"obligations": [one]}, "answer"))


OTHERWISE: list[tuple[tuple[Debt, ...], str]] = [
    (_debts("open"), "is met at ALPHA, open at BRAVO"),
    ((), "ALPHA says that BRAVO owes crisis/explain-reply, and BRAVO does not"),
]


@pytest.mark.parametrize(("other", "words"), OTHERWISE)
def test_stations_that_say_different_things_are_told_apart(
    other: tuple[Debt, ...], words: str
) -> None:
    assert differences({"ALPHA": _debts(), "BRAVO": _debts()}) == []
    assert differences({"ALPHA": _debts(), "BRAVO": _debts(strict="met")}) == []
    later = tuple(replace(debt, state="open", due_ms=DUE_MS + 60_000) for debt in _debts())
    assert differences({"ALPHA": _debts(), "BRAVO": later}) == []
    (found,) = differences({"ALPHA": _debts(), "BRAVO": other})
    assert words in found


def test_the_table_of_the_end_has_each_desks_word_and_the_source() -> None:
    scenario = small()
    owed: Owed = {"ALPHA": _debts(), "BRAVO": (replace(_debts()[0], said="exécuté"),)}
    file = io.StringIO()
    board = Desks(scenario).board
    Console(file=file, width=100).print(owed_table(board, owed, Colours(scenario.codes)))
    for words in ("Reply  [§ 16.1, memory]", "due 010100Z JAN 26", "ALPHA met", "BRAVO exécuté"):
        assert words in file.getvalue()
    assert counts(owed) == {"met": 1}
