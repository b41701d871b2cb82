"""ENDEX: an exercise ends once, for every desk alike, and a real line cannot be ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import Desk, refused, settled

from tieline.core.charter import dearmor_charter
from tieline.core.events import Speak
from tieline.core.incident.entry import Entry
from tieline.core.statement import Body, Content
from tieline.core.terms import Kind, Precedence, Role
from tieline.desk.cli.show import status_lines
from tieline.node import holding, packs
from tieline.node.clock import ControlledClock
from tieline.node.past import Past
from tieline.node.view import Json

ASK: dict[str, Json] = {"asked": "BRAVO", "causes": "Columns near the border"}
HOURS_50 = 50 * 3_600_000


async def exercise(folder: Path, realm: str) -> tuple[Desk, Desk]:
    agreed = [packs.find("vienna-document-2011"), packs.find("exercise")]
    hashes = tuple(sorted(pack.hash for pack in agreed))
    seats, charter = pair.make_homes(folder, realm=realm, packs=hashes)
    for seat in seats:
        for pack in agreed:
            packs.keep(seat.home.path, pack)
    alpha, bravo = (Running(seat, pair.open_store(seat)) for seat in seats)
    for running in (alpha, bravo):
        await running.install(dearmor_charter(charter))
    pair.join(alpha, bravo)
    return Desk(alpha), Desk(bravo)


def test_after_endex_deadlines_stand_still_and_nothing_counts(tmp_path: Path) -> None:
    asyncio.run(_ended(tmp_path))


async def _ended(folder: Path) -> None:
    alpha, bravo = desks = await exercise(folder, "TEST-1")
    asked = await alpha.send("vd/ua-ask", ASK)
    await settled(*desks)
    for desk in desks:
        assert (await desk.call("obligations"))["over_ms"] is None
        assert not any("ENDEX" in line for line in status_lines(await desk.call("status")))
    ended = await bravo.send("ex/endex", {"why": "stopped"})
    await settled(*desks)
    shown = [(await desk.call("obligations"))["over_ms"] for desk in desks]
    over = (await bravo.call("item", item=ended))["claimed_ms"]
    assert shown == [over, over]
    assert isinstance(over, int)
    while bravo.running.host.clock.now().wall_ms <= over:
        await settled(*desks)
    # What is said later is on record, and meets nothing; no clock goes on.
    await bravo.send(
        "vd/ua-reply", {"explanation": "One brigade"}, refs=[{"item": asked, "role": "answers"}]
    )
    await bravo.send("ex/endex", {"why": "played"})
    await settled(*desks)
    for desk in desks:
        desk.acts.now_ms = lambda: over + HOURS_50  # type: ignore[method-assign]
        owed = await desk.owed("ua-reply")
        assert (owed["state"], owed["by"]) == ("open", "")
        status = status_lines(await desk.call("status"))
        assert any("ENDEX: this exercise is over since" in line for line in status)
        # A desk that reads the same record from nothing says the same.
        desk.running.host.agreements._readers.clear()
        desk.running.host.agreements._over.clear()
        again = await desk.call("obligations")
        assert again["over_ms"] == over
        assert (await desk.owed("ua-reply"))["state"] == "open"


def test_the_score_reads_the_record_once_for_each_state_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_scored(tmp_path, monkeypatch))


async def _scored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, bravo = desks = await exercise(folder, "TEST-1")
    readings: list[Past] = []
    entries, first, before = Past.entries, dict[str, Json](), 0

    def noted(self: Past) -> Iterator[Entry]:
        readings.append(self)
        return entries(self)

    monkeypatch.setattr(Past, "entries", noted)
    await alpha.send("vd/ua-ask", ASK)
    for over in (False, True):
        if over:
            await bravo.send("ex/endex", {"why": "stopped"})
        await settled(*desks)
        first = await alpha.call("incident_score")
        before = len(readings)
        again = await alpha.call("incident_score")
        assert again["parties"] == first["parties"]
        assert len(readings) == before
        assert (first["over_ms"] is not None) == over
    await alpha.running.say("what came after the end")
    await settled(*desks)
    assert (await alpha.call("incident_score"))["parties"] == first["parties"]
    assert len(readings) > before


def test_a_clock_that_nobody_sets_on_holds_nobody_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds it may be gone before it is set again: acts and imports go on after a while."""
    asyncio.run(_held(tmp_path, monkeypatch))


async def _held(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, bravo = await exercise(folder, "TEST-1")
    line = alpha.running.host.station.lines[alpha.running.line]
    await alpha.running.say("what the bundle brings")
    data, _ = alpha.running.host.export_bundle(line, (bravo.running.seat.keys.station,))
    loop, released = asyncio.get_running_loop(), list[Callable[[], object]]()
    held = asyncio.Event()
    later = loop.call_later

    def noted(delay: float, call: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        if delay == holding.HOLD_S and call.__qualname__.startswith("Holding."):
            released.append(call)
            held.set()
        return later(delay, call, *args)

    monkeypatch.setattr(loop, "call_later", noted)
    bravo.running.host.clock = ControlledClock(bravo.running.host.clock.now().wall_ms)
    bravo.running.host.set_clock(bravo.running.host.clock.now().wall_ms, hold=True)
    bringing = asyncio.create_task(bravo.running.host.import_bundle(data))
    async with asyncio.timeout(pair.WAIT_S):
        await held.wait()
    assert not bringing.done()
    (go_on,) = released
    go_on()
    async with asyncio.timeout(pair.WAIT_S):
        assert (await bringing)["refused"] == []


def test_a_real_line_cannot_be_ended(tmp_path: Path) -> None:
    asyncio.run(_real(tmp_path))


async def _real(folder: Path) -> None:
    """Not even when its charter names the pack, and a peer's software sends the form."""
    alpha, bravo = desks = await exercise(folder, "")
    with refused("form.exercise") as caught:
        await alpha.send("ex/endex", {"why": "stopped"})
    assert "is a real line: nothing is ended here" in caught.value.message
    with refused("form.exercise"):
        await alpha.call("send", officer="A. Okafor", form="ex/endex", fields={"1": 2})
    content = Content(
        kind=Kind.MESSAGE,
        body=Body(fields=((1, 2),)),
        precedence=Precedence.FLASH,
        role=Role.WATCH_OFFICER,
        form="ex/endex",
        form_version=1,
    )
    running = bravo.running
    await running.host.perform(
        lambda token: Speak(token=token, line=running.line, content=content, officer="X", key="")
    )
    asked = await alpha.send("vd/ua-ask", ASK)
    await settled(*desks)
    for desk in desks:
        assert (await desk.call("obligations"))["over_ms"] is None
        assert (await desk.owed("ua-reply"))["trigger"] == asked
