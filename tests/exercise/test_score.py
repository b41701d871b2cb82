"""The score from a record, and who moves the clock: without stations."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.exercise.plays import shown, small

from tieline.core.errors import LocalError
from tieline.exercise import scenario as world
from tieline.exercise import score, umpire
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import read_shown
from tieline.exercise.stage import Hand, Move, Stage

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000


def said(name: str, minute: int, kind: str = "message", **more: Json) -> Entry:
    value = shown(name, kind)
    value.update({"claimed_ms": START_MS + minute * MINUTE_MS, **more})
    return Entry(value, name)


def refs(name: str, role: str) -> list[Json]:
    return [{"item": f"item {name}", "role": role}]


def party(code: str, **more: Json) -> Json:
    spans: Json = {"of": 2, "done": 1, "median_ms": 12 * MINUTE_MS, "longest_ms": None}
    questions: Json = {"of": 3, "done": 1, "median_ms": None, "declined": 1, "part": 1, "late": 1}
    made: dict[str, Json] = {
        "party": code, "messages": 4, "first_word_ms": 12 * MINUTE_MS, "first_fact_ms": None,
        "read": spans, "understood": spans, "questions": questions, "deadlines": {"met": 2},
        "corrected": 1, "taken_back": 0, "signed": 1, "closed": {"of": 1, "done": 0},
    }  # fmt: skip
    return made | more


def test_the_score_as_a_table_leaves_out_the_umpires_seat() -> None:
    answer: dict[str, Json] = {"parties": [party("ALPHA"), party("EXCON"), party("BRAVO")]}
    found = score.read(Entry(answer, "score"), without=("EXCON",))
    lines = score.lines(Entry(found, "score"))
    assert lines[0].split() == ["ALPHA", "BRAVO"]
    assert len({len(line) for line in lines}) == 1
    shown_as = {line[:30].strip(): line[30:].split("  ") for line in lines}
    assert "12 min" in " ".join(shown_as["first word after"])
    assert "never" in " ".join(shown_as["first fact after"])
    assert "1 of 2, 12 min" in " ".join(shown_as["read, of what was to be read"])
    assert "1 part, 1 declined, 1 late" in " ".join(shown_as["questions otherwise"])
    with pytest.raises(LocalError, match="no party"):
        score.read(Entry({"parties": []}, "score"))


# ----------------------------------------------------------------------------- the clock


def turn(hand: Hand, now_ms: int = 0, next_ms: int = 60_000) -> Move:
    return asyncio.run(asyncio.wait_for(hand.turn(now_ms, next_ms), 30))


def test_the_umpire_steps_orders_and_ends() -> None:
    hand = Hand(asyncio.Event())
    hand.step()
    assert turn(hand) == Move(at_ms=60_000)
    order = world.Event(number=1, at_ms=0, act=world.Note(text="x"))
    hand.order(order)
    hand.step()
    assert turn(hand) == Move(at_ms=0, orders=(order,), due=False)
    assert turn(hand) == Move(at_ms=60_000)
    hand.order(order, over=True)
    assert turn(hand) == Move(at_ms=0, orders=(order,), due=False, over=True)


def test_a_clock_that_stands_still_moves_for_nobody() -> None:
    async def stands() -> None:
        pulse = asyncio.Event()
        hand = Hand(pulse)
        turning = asyncio.create_task(hand.turn(0, 60_000))
        await asyncio.wait((turning,), timeout=0)
        assert not turning.done()
        pulse.set()  # people have said something: the line comes to rest, the clock stays
        assert await turning == Move(at_ms=0, due=False)

    asyncio.run(stands())


def test_a_clock_that_goes_comes_to_what_is_due_and_not_beyond() -> None:
    hand = Hand(asyncio.Event())
    hand.go(3600.0)
    at_ms = 0
    while at_ms < 60_000:
        move = turn(hand, at_ms)
        assert at_ms <= move.at_ms <= 60_000
        assert move.due == (move.at_ms == 60_000)
        at_ms = move.at_ms


# ------------------------------------------------------------------------- what is expected


def test_what_people_say_is_matched_by_form_and_kind() -> None:
    stage = Stage.of(small(), ["BRAVO"])
    assert [type(one.event.act).__name__ for one in stage.expected] == ["Say", "Assent"]
    items = {"first": "item ALPHA-1", "joint": "item ALPHA-9"}
    other = read_shown(said("BRAVO-1", 1, form="cr/first"))
    assert stage.meet(other, items) is None
    told = read_shown(said("BRAVO-2", 2, form="cr/not-ours"))
    event = stage.meet(told, items)
    assert event is not None
    assert isinstance(event.act, world.Say)
    assert stage.meet(told, items) is None  # once
    assent = read_shown(said("BRAVO-3", 3, "assent", refs=refs("ALPHA-9", "answers")))
    assert stage.meet(replace(assent, party="ALPHA"), items) is None
    assert stage.meet(assent, {}) is None
    met = stage.meet(assent, items)
    assert met is not None
    assert [one.name for one in stage.expected] == ["BRAVO-2", "BRAVO-3"]


def test_the_umpires_seat_is_free_or_refused() -> None:
    seated = umpire.seated(small())
    assert seated.codes == ("ALPHA", "BRAVO", "EXCON")
    assert "exercise" in [pack.id for pack in seated.rules.packs]
    with pytest.raises(Exception, match="has a party EXCON"):
        umpire.seated(seated)
