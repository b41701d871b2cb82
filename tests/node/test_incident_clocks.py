"""Each deadline of an incident rings once at both desks, and one of them records it with why."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import Desk
from tests.node.test_duewatch import alarms, silences, until, until_idle
from tests.node.test_incidents import FIRST, say, shown, two
from tests.node.test_ringing import Moving

from tieline.core.terms import Kind
from tieline.node.view import Json

MINUTE = 60_000
ANSWER, NEXT = "owed.in/answer-due", "owed.cr/next-first"


def rung(running: Running) -> list[str]:
    return [code for code in alarms(running) if code.startswith("owed.")]


def causes(running: Running) -> list[str]:
    """Why, as the silences of the record say."""
    (line,) = running.host.station.lines.values()
    contents = [item.statement.content for item in line.record.order]
    return [one.body.cause or "" for one in contents if one.kind is Kind.SILENCE and one.form]


async def first_clock(desk: Desk, incident: str) -> tuple[Json, Json, Json]:
    """Who owes what first, and what calms it."""
    clock = (await shown(desk, incident))["escalation"]
    assert isinstance(clock, dict)
    return clock["rule"], clock["debtor"], clock["calms"]


def test_each_deadline_rings_once_at_both_desks_and_is_recorded_with_its_cause(
    tmp_path: Path,
) -> None:
    asyncio.run(_rings(tmp_path))


async def _rings(folder: Path) -> None:
    alpha, bravo = await two(folder)
    pair.join(alpha.running, bravo.running)
    opened = await say(alpha, "open", means=FIRST)  # the next word in 30 minutes
    asked = await say(alpha, "ask", opened, means={"asked": "BRAVO", "due": "now+10m"},
                      questions=[{"about": "what", "words": ""}])  # fmt: skip
    await pair.equal(alpha.running, bravo.running)
    for desk in (alpha, bravo):
        assert await first_clock(desk, opened) == ("answer-due", "BRAVO", ["in/answer"])
    watches = [Moving(desk) for desk in (alpha, bravo)]
    for watch in watches:
        await until_idle(watch.due)
        assert rung(watch.running) == []
    # The line fails before the answer is due: the silence says so.
    for here, there in ((alpha, bravo), (bravo, alpha)):
        station = there.running.seat.keys.station
        here.running.host.lost(station, "memory", "no route to host")
    for watch in watches:
        await watch.turn(11 * MINUTE)
        await until(watch.running, lambda watch=watch: rung(watch.running) == [ANSWER])  # type: ignore[misc]
    await until(alpha.running, lambda: len(silences(alpha.running)) == 1)
    assert silences(alpha.running) == [("ALPHA", "in/answer-due", bytes.fromhex(asked))]
    assert causes(alpha.running) == ["no route to host"]
    for here, there in ((alpha, bravo), (bravo, alpha)):
        here.running.host.connected(there.running.seat.keys.station, "memory", "memory")
    await pair.equal(alpha.running, bravo.running)
    # It is answered late. What comes first now is what ALPHA promised.
    await say(bravo, "answer", item=asked, means={"stance": "full"})
    await pair.equal(bravo.running, alpha.running)
    for desk in (alpha, bravo):
        calms = ["cr/update", "cr/close", "in/close"]
        assert await first_clock(desk, opened) == ("next-first", "ALPHA", calms)
    for watch in watches:
        await watch.turn(20 * MINUTE)
        await until(watch.running, lambda watch=watch: len(rung(watch.running)) == 2)  # type: ignore[misc]
    await until(alpha.running, lambda: len(silences(alpha.running)) == 2)
    for watch in watches:
        await watch.turn(60 * MINUTE)
        assert rung(watch.running) == [NEXT, ANSWER]  # each once, whatever time passes
        assert silences(watch.running) == [
            ("ALPHA", "in/answer-due", bytes.fromhex(asked)),
            ("BRAVO", "cr/next-first", bytes.fromhex(opened)),
        ]
        watch.task.cancel()


def test_an_answer_that_is_promised_has_its_clock_and_the_answer_keeps_it(tmp_path: Path) -> None:
    asyncio.run(_promised(tmp_path))


async def _promised(folder: Path) -> None:
    alpha, bravo = await two(folder)
    pair.join(alpha.running, bravo.running)
    opened = await say(alpha, "open", means=FIRST)
    asked = [
        await say(alpha, "ask", opened, means={"asked": "BRAVO", "due": "now+5m"},
                  questions=[{"about": about, "words": ""}])
        for about in ("what", "where")
    ]  # fmt: skip
    await pair.equal(alpha.running, bravo.running)
    for item in asked:
        await say(bravo, "answer", item=item, means={"stance": "later", "next": "now+10m"})
    await pair.equal(bravo.running, alpha.running)
    for desk in (alpha, bravo):
        calms = ["in/answer", "in/account", "in/close", "cr/close"]
        rule, debtor, by = await first_clock(desk, opened)
        assert (rule, debtor) == ("next-answer", "BRAVO")
        assert isinstance(by, list)
        assert sorted(map(str, by)) == sorted(calms)
    # An answer keeps what was promised of its own question, and not of another.
    await say(bravo, "answer", item=asked[0], means={"stance": "full"})
    await pair.equal(bravo.running, alpha.running)
    for desk in (alpha, bravo):
        clocks = (await shown(desk, opened))["clocks"]
        assert isinstance(clocks, list)
        states = [one["state"] for one in clocks
                  if isinstance(one, dict) and one["rule"] == "next-answer"]  # fmt: skip
        assert sorted(map(str, states)) == ["met", "open"]
    watch = Moving(alpha)
    await watch.turn(11 * MINUTE)
    await until(alpha.running, lambda: rung(alpha.running) == ["owed.in/next-answer"])
    watch.task.cancel()
