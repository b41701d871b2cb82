"""Where many alarms have cause to ring, each rings in its turn; no flood hides another party."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node import pair
from tests.node.test_agreements import Desk, two
from tests.node.test_duewatch import ANSWERS, CODE, alarms, first, silences, until, until_idle

from tieline.core.agreement.model import Pack
from tieline.core.line import Line
from tieline.core.terms import Now, Precedence, rfc3339
from tieline.node import packs
from tieline.node.duewatch import DueWatch
from tieline.node.ringing import AT_ONCE, CALM_MS, EACH_MS, Purse, Ringing
from tieline.node.view import Json

PURSE = Purse("BRAVO", "BRAVO", "", Precedence.PRIORITY)
FLOOD = AT_ONCE + 5


@pytest.fixture(scope="module")
def crisis() -> Pack:
    return packs.find("crisis")


def test_the_first_due_and_the_last_due_ring_in_turn() -> None:
    ringing = Ringing()
    waiting = list(range(10_000))
    drawn = ringing.draw(PURSE, waiting, 0)
    half = AT_ONCE // 2
    assert sorted(drawn) == [*range(half), *range(10_000 - half, 10_000)]
    waiting = waiting[half:-half]
    assert ringing.draw(PURSE, waiting, EACH_MS - 1) == []
    assert ringing.again_ms([PURSE]) == EACH_MS
    # One that has just fallen due waits for no more than two turns, whatever older ones there are.
    assert ringing.draw(PURSE, [*waiting, 20_000], EACH_MS) == [half]
    assert ringing.draw(PURSE, [*waiting[1:], 20_000], 2 * EACH_MS) == [20_000]
    # What is in another purse rings at once.
    for other in (
        PURSE._replace(author="CHARLIE"),
        PURSE._replace(debtor="CHARLIE"),
        PURSE._replace(opener="ALPHA"),
        PURSE._replace(precedence=Precedence.FLASH),
    ):
        assert ringing.draw(other, [1], 2 * EACH_MS) == [1]


@given(
    steps=st.lists(st.tuples(st.integers(0, 3 * EACH_MS), st.integers(0, 40)), max_size=40),
    back=st.booleans(),
)
def test_no_more_ring_than_may_and_all_ring_in_the_end(
    steps: Sequence[tuple[int, int]], back: bool
) -> None:
    ringing, now, made = Ringing(), 0, 0
    waiting: list[int] = []
    rang: list[int] = []
    for wait, more in steps:
        now += wait
        waiting += range(made, made + more)
        made += more
        asked = now - 1 if back and now else now  # a clock that is put back gives nothing away
        drawn = ringing.draw(PURSE, waiting, asked)
        waiting = [one for one in waiting if one not in drawn]
        rang += drawn
        assert len(rang) <= AT_ONCE + now // EACH_MS
        assert len(drawn) == len(set(drawn))
    while waiting:
        again = ringing.again_ms([PURSE])
        assert again is not None
        (one,) = ringing.draw(PURSE, waiting, max(now, again))[:1] or (None,)
        assert one is not None
        now = max(now, again)
        waiting = [each for each in waiting if each != one]
        rang.append(one)
    assert sorted(rang) == list(range(made))


def test_how_many_wait_is_told_when_it_has_doubled() -> None:
    ringing = Ringing()
    assert ringing.news({"BRAVO": 0}, 0) == {}
    assert ringing.news({"BRAVO": 5}, 0) == {"BRAVO": 5}
    assert ringing.news({"BRAVO": 9}, 1) == {}
    assert ringing.news({"BRAVO": 10, "CHARLIE": 1}, 2) == {"BRAVO": 10, "CHARLIE": 1}
    assert ringing.news({}, 3) == {}
    assert ringing.news({"BRAVO": 2}, 3 + CALM_MS // 2) == {}
    assert ringing.news({}, 4 + 2 * CALM_MS) == {}
    assert ringing.news({"BRAVO": 2}, 5 + 2 * CALM_MS) == {"BRAVO": 2}


class Moving:
    """A station's watch whose clock is moved by hand."""

    def __init__(self, desk: Desk) -> None:
        self.ahead_ms = 0
        self.running, self.host = desk.running, desk.running.host
        host = self.host

        def lines() -> list[Line]:
            return list(host.station.lines.values())

        self.due = DueWatch(lines, host.agreements, self.now, host.submit, lambda: host.incidents)
        host.due = self.due
        self.task = asyncio.create_task(self.due.run())

    def now(self) -> Now:
        found = self.host.clock.now()
        return replace(found, wall_ms=found.wall_ms + self.ahead_ms)

    async def turn(self, by_ms: int) -> None:
        self.ahead_ms += by_ms
        looks = self.due.looks
        self.due.moved()
        async with asyncio.timeout(pair.WAIT_S):
            while self.due.looks == looks:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
        await until_idle(self.due)


def test_what_was_folded_into_many_rings_when_its_turn_comes(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_folded(tmp_path, crisis))


async def _folded(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)
    now_ms = alpha.running.host.clock.now().wall_ms
    sent = [await first(alpha, now_ms - 60_000 - step * 1_000) for step in range(FLOOD)]
    # In an incident that BRAVO opened ALPHA breaks a promise too: its own flood does not hide that.
    opened = await bravo.send("cr/malfunction", {"object": "missile", "state": "moving",
                              "next": rfc3339(now_ms + 3_600_000)})  # fmt: skip
    await pair.equal(bravo.running, alpha.running)
    word = await alpha.send("cr/update", {**ANSWERS, "next": rfc3339(now_ms - 73_000)},
                            precedence="FLASH",
                            refs=[{"item": opened, "role": "predecessor"}])  # fmt: skip
    await pair.equal(alpha.running, bravo.running)
    watch, station = Moving(bravo), bravo.running.host.station
    await until(bravo.running, lambda: len(silences(bravo.running)) > AT_ONCE)
    await until_idle(watch.due)
    assert "5 by ALPHA" in station.troubles["owed.many"].text
    rang = [target.hex() for _, _, target in silences(bravo.running)]
    assert word in rang
    assert alarms(bravo.running).count(CODE) == AT_ONCE
    left = [one for one in sent if one not in rang]
    assert left == sent[10:15]  # the first due and the last due rang
    # It is met before its turn comes, and then has no cause to ring.
    await alpha.send("cr/update", {**ANSWERS, "next": "nil"},
                     refs=[{"item": left.pop(2), "role": "predecessor"}])  # fmt: skip
    await pair.equal(alpha.running, bravo.running)
    assert watch.due.next_ms is not None
    assert watch.due.next_ms <= watch.now().wall_ms + EACH_MS  # the next one needs no other news
    for _ in range(len(left)):
        await watch.turn(EACH_MS)
    await until(bravo.running, lambda: len(silences(bravo.running)) == AT_ONCE + 1 + len(left))
    await watch.turn(10 * EACH_MS)
    rang = [target.hex() for _, _, target in silences(bravo.running)]
    assert sorted(rang) == sorted([word, *(one for one in sent if one not in sent[10:15]), *left])
    watch.task.cancel()


def test_a_first_word_that_never_comes_rings_on_both_sides_and_a_late_one_calms(
    tmp_path: Path, crisis: Pack
) -> None:
    asyncio.run(_no_word(tmp_path, crisis))


async def _no_word(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)
    now_ms = alpha.running.host.clock.now().wall_ms
    sent = await first(alpha, now_ms + 24 * 3_600_000)
    await pair.equal(alpha.running, bravo.running)
    both, code = [Moving(alpha), Moving(bravo)], "owed.cr/word-in-30"
    for minutes, rung in ((29, False), (2, True)):
        for moving in both:
            await moving.turn(minutes * 60_000)
            await pair.settle(moving.running)
            assert (code in alarms(moving.running)) is rung
    told = []
    for desk in (alpha, bravo):
        await until(desk.running, lambda desk=desk: bool(silences(desk.running)))  # type: ignore[misc]
        # ALPHA, which asked for it, records it once; both have that in the record.
        assert silences(desk.running) == [("ALPHA", "cr/word-in-30", bytes.fromhex(sent))]
        (line,) = desk.running.host.station.lines.values()
        (alarm,) = [line.alarms[cause] for cause in line.alarms if cause[0] == code]
        told.append(alarm.text.partition(": First word of each party")[0])
    assert told == ["BRAVO owes us", "we owe ALPHA"]
    refs: list[Json] = [{"item": sent, "role": "answers"}]
    await bravo.send("cr/not-ours", {"checked": "all"}, refs=refs)
    await pair.equal(bravo.running, alpha.running)
    for desk, moving in zip((alpha, bravo), both, strict=True):
        await until_idle(moving.due)
        await moving.turn(60_000)
        assert code not in [
            ring.alarm.code for ring, _ in (await moving.host.alarms.look()).alarms
        ]  # fmt: skip
        found = (await desk.call("obligations"))["obligations"]
        assert isinstance(found, list)
        (one,) = [each for each in found if isinstance(each, dict) and each["rule"] == "word-in-30"]
        assert one["state"] == "met"
        moving.task.cancel()
