"""A notice finds its reader: it comes up with an incident that it touches, and rings once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import Desk, two
from tests.node.test_duewatch import until, until_idle, watched

from tieline.core.agreement.model import Pack
from tieline.core.journal import Alarm
from tieline.core.terms import Precedence, rfc3339
from tieline.desk.cli.incidentlines import show_lines
from tieline.desk.cli.noticelines import list_lines
from tieline.node import packs
from tieline.node.view import Json

PLACE = "70.0N 25.0E +-1000 M"
AREA = "70.0N 25.0E RADIUS 50000 M"


@pytest.fixture(scope="module")
def crisis() -> Pack:
    return packs.find("crisis")


def about(running: Running) -> list[str]:
    """The incidents that notices rang for."""
    (line,) = running.host.station.lines.values()
    some = [one for one in line.alarms.values() if one.code == "notice.touches"]
    return sorted(one.about.hex() for one in some)


def around(now_ms: int) -> dict[str, Json]:
    """A window of two hours with now in its middle."""
    return {"from": rfc3339(now_ms - 3_600_000), "until": rfc3339(now_ms + 3_600_000)}


def rows(view: dict[str, Json], name: str) -> list[dict[str, Json]]:
    value = view[name]
    assert isinstance(value, list)
    return [one for one in value if isinstance(one, dict)]


def test_a_notice_comes_up_with_an_incident_that_it_touches(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_comes_up(tmp_path, crisis))


async def _comes_up(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)
    now_ms = alpha.running.host.clock.now().wall_ms
    window: dict[str, Json] = {
        "from": rfc3339(now_ms - 3_600_000),
        "until": rfc3339(now_ms + 3_600_000),
    }
    async with watched(alpha, bravo):
        launch = await alpha.send("cr/goodwill", {"topic": "test", "area": AREA, **window})
        await pair.equal(alpha.running, bravo.running)
        found = await bravo.call("notices")
        (row,) = rows(found, "notices")
        assert (row["item"], row["told"], row["over"]) == (launch, False, False)
        opened = await bravo.send(
            "cr/first",
            {"knowledge": "do-not-know", "origin": "not-ours", "event": "object", "where": PLACE,
             "when": rfc3339(now_ms), "next": rfc3339(now_ms + 1_800_000)},
        )  # fmt: skip
        await until(bravo.running, lambda: about(bravo.running) == [opened])
        await pair.equal(alpha.running, bravo.running)
        shown = await bravo.call("incident", incident=opened[:8])
        (touch,) = rows(shown, "notices")
        assert (touch["item"], touch["how"], touch["told"]) == (launch, "meets", False)
        lines = "\n".join(show_lines(shown))
        assert f"! passed to no unit of ours: tieline pass-on {launch[:8]} UNIT" in lines
        await bravo.call("pass_on", officer="A. Okafor", item=launch, unit="Radar 3", at_ms=now_ms)
        for desk in (alpha, bravo):
            await pair.equal(bravo.running, desk.running)
            again = await desk.call("incident", incident=opened[:8])
            (touch,) = rows(again, "notices")
            assert touch["told"] is True
            assert [(one["party"], one["unit"]) for one in rows(touch, "passed")] == [
                ("BRAVO", "Radar 3")
            ]
        assert "passed it to Radar 3" in "\n".join(
            list_lines(await bravo.call("notices"), every=False)
        )
        for desk, count in ((alpha, 0), (bravo, 1)):
            assert desk.running.host.due is not None
            await until_idle(desk.running.host.due)
            rang = about(desk.running)
            assert rang == [opened] * count  # nobody is told of its own notice


def test_a_notice_that_comes_later_rings_for_an_incident_that_is_open(
    tmp_path: Path, crisis: Pack
) -> None:
    asyncio.run(_later(tmp_path, crisis))


async def _later(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)
    now_ms = alpha.running.host.clock.now().wall_ms
    first: dict[str, Json] = {
        "knowledge": "do-not-know",
        "origin": "unknown",
        "next": rfc3339(now_ms + 1_800_000),
    }
    near = await bravo.send("cr/first", {**first, "where": PLACE, "when": rfc3339(now_ms)})
    await bravo.send("cr/first", {**first, "where": "10.0N 25.0E", "when": rfc3339(now_ms)})
    async with watched(alpha, bravo):
        window: dict[str, Json] = {
            "from": rfc3339(now_ms - 3_600_000),
            "until": rfc3339(now_ms + 3_600_000),
        }
        await alpha.send("cr/goodwill", {"topic": "test", "area": AREA, **window})
        await until(bravo.running, lambda: about(bravo.running) == [near])
        assert bravo.running.host.due is not None
        await until_idle(bravo.running.host.due)
        assert about(bravo.running) == [near]
        # A second incident there rings too: one alarm for each, all of one code.
        more = await bravo.send("cr/first", {**first, "where": PLACE, "when": rfc3339(now_ms)})
        await until(bravo.running, lambda: len(about(bravo.running)) == 2)
        assert about(bravo.running) == sorted([near, more])
    again = Running(bravo.running.seat, bravo.running.store)
    async with watched(Desk(again)):
        assert again.host.due is not None
        await until_idle(again.host.due)
        assert about(again) == sorted([near, more])  # what rang does not ring again


def test_what_rang_under_a_code_with_a_digest_in_it_does_not_ring_again() -> None:
    """A journal of an earlier version has such codes: they stand for the same cause."""
    now = Alarm(code="notice.touches", precedence=Precedence.PRIORITY, text="", item=bytes(32),
                party="ALPHA", about=bytes(range(32)))  # fmt: skip
    code = "notice.touches.0001020304050607"
    before = Alarm(code=code, precedence=now.precedence, text="", item=now.item, party="ALPHA")
    assert Alarm.decode(now.encode()) == now
    assert Alarm.decode(before.encode()).cause == now.cause
