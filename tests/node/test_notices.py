"""A notice finds its reader: it comes up with an incident that it touches, and rings once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.node import pair
from tests.node.test_agreements import two
from tests.node.test_duewatch import alarms, until, until_idle, watched

from tieline.core.agreement.model import Pack
from tieline.core.terms import rfc3339
from tieline.desk.cli.incidentlines import show_lines
from tieline.desk.cli.noticelines import list_lines
from tieline.node import packs
from tieline.node.view import Json

PLACE = "70.0N 25.0E +-1000 M"
AREA = "70.0N 25.0E RADIUS 50000 M"


@pytest.fixture(scope="module")
def crisis() -> Pack:
    return packs.find("crisis")


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
        code = f"notice.touches.{opened[:16]}"
        await until(bravo.running, lambda: code in alarms(bravo.running))
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
            assert alarms(desk.running).count(code) == count  # nobody is told of its own notice


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
    far = await bravo.send("cr/first", {**first, "where": "10.0N 25.0E", "when": rfc3339(now_ms)})
    async with watched(alpha, bravo):
        window: dict[str, Json] = {
            "from": rfc3339(now_ms - 3_600_000),
            "until": rfc3339(now_ms + 3_600_000),
        }
        await alpha.send("cr/goodwill", {"topic": "test", "area": AREA, **window})
        code = f"notice.touches.{near[:16]}"
        await until(bravo.running, lambda: code in alarms(bravo.running))
        assert bravo.running.host.due is not None
        await until_idle(bravo.running.host.due)
        assert f"notice.touches.{far[:16]}" not in alarms(bravo.running)
