"""The score from a record, and who moves the clock: without stations."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.exercise.plays import shown, small

from tieline.exercise import scenario as world
from tieline.exercise import score, umpire
from tieline.exercise.answer import Entry, Json
from tieline.exercise.board import read_shown
from tieline.exercise.stage import Hand, Move, Stage
from tieline.node import packs

CRISIS = packs.find("crisis")
INCIDENT = packs.find("incident")
START_MS = 1_767_225_600_000
MINUTE_MS = 60_000


def said(name: str, minute: int, kind: str = "message", **more: Json) -> Entry:
    value = shown(name, kind)
    value.update({"claimed_ms": START_MS + minute * MINUTE_MS, **more})
    return Entry(value, name)


def refs(name: str, role: str) -> list[Json]:
    return [{"item": f"item {name}", "role": role}]


ASKED = next(one.number for one in INCIDENT.forms["ask"].fields if one.id == "asked")
RECORD = [
    # ALPHA opens after twelve minutes: the event was at the start.
    said("ALPHA-1", 12, form="cr/first", fields={"1": 2, "2": 2, "5": START_MS // 1000},
         wants=["acknowledged", "read back"]),
    said("BRAVO-1", 15, "acknowledge", refs=refs("ALPHA-1", "answers")),
    said("BRAVO-2", 20, "read back", refs=refs("ALPHA-1", "answers")),
    said("BRAVO-3", 25, text="Something.", wants=["acknowledged"]),
    said("BRAVO-4", 30, form="in/ask", fields={str(ASKED): "ALPHA"}),
    said("ALPHA-2", 40, form="in/answer", refs=refs("BRAVO-4", "answers")),
    said("ALPHA-3", 50, form="cr/first", fields={"7": 1}, refs=refs("ALPHA-1", "corrects")),
    said("EXCON-1", 51, text="An inject.", wants=["acknowledged"]),
    said("BRAVO-5", 90, text="After ENDEX.", refs=refs("BRAVO-3", "corrects")),
]  # fmt: skip


def counted(record: list[Entry], over_ms: int | None = None) -> dict[str, Entry]:
    found = score.score(
        record,
        [("ALPHA", "met"), ("ALPHA", "late"), ("BRAVO", "overdue"), ("EXCON", "open")],
        (CRISIS, INCIDENT),
        codes=("ALPHA", "BRAVO"),
        over_ms=over_ms,
    )
    return {one.text("party"): one for one in Entry(found, "score").entries("parties")}


def test_a_score_counts_and_times_what_is_signed() -> None:
    parties = counted(RECORD, START_MS + 60 * MINUTE_MS)
    alpha, bravo = parties["ALPHA"], parties["BRAVO"]
    assert (alpha.number("first_word_ms"), alpha.number("first_fact_ms")) == (720_000, 720_000)
    assert bravo.number("first_word_ms") == 25 * MINUTE_MS
    assert bravo.raw["first_fact_ms"] is None  # words alone state no aspect of the incident
    assert bravo.entry("read").raw == {
        "asked": 1, "done": 1, "median_ms": 180_000, "longest_ms": 180_000,
    }  # fmt: skip
    assert bravo.entry("understood").number("median_ms") == 480_000
    assert (alpha.entry("read").number("asked"), alpha.entry("read").number("done")) == (1, 0)
    assert alpha.entry("questions").number("done") == 1
    assert alpha.entry("questions").number("median_ms") == 600_000
    assert (alpha.number("corrected"), bravo.number("corrected")) == (1, 0)
    assert alpha.raw["deadlines"] == {"late": 1, "met": 1}
    assert bravo.raw["deadlines"] == {"overdue": 1}


def test_what_comes_after_endex_is_not_scored() -> None:
    assert counted(RECORD)["BRAVO"].number("messages") == 3
    parties = counted(RECORD, START_MS + 60 * MINUTE_MS)
    assert parties["BRAVO"].number("messages") == 2


def test_a_second_story_and_the_order_of_the_record_change_no_score() -> None:
    story = said("ALPHA-1", 1, form="cr/first", second_story=True, fields={"7": 1})
    whole = {code: one.raw for code, one in counted(RECORD).items()}
    other = {code: one.raw for code, one in counted([story, *reversed(RECORD)]).items()}
    assert other == whole


def test_the_score_as_a_table() -> None:
    found = score.score(RECORD, [], (CRISIS, INCIDENT), codes=("ALPHA", "BRAVO"))
    lines = score.lines(Entry(found, "score"))
    assert lines[0].split() == ["ALPHA", "BRAVO"]
    assert len({len(line) for line in lines}) == 1
    assert any(line.startswith("first fact after") and "12 min" in line for line in lines)


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
