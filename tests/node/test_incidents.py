"""Incidents at two stations: read bit by bit or at once, before and after a pack is brought."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import Desk, refused
from tests.node.test_duewatch import until_idle, watched

from tieline.core.charter import dearmor_charter
from tieline.node import packs
from tieline.node.acts import NodeActs
from tieline.node.incidents import Incidents
from tieline.node.view import Json

OFFICER = "A. Okafor"
FIRST: dict[str, Json] = {"confidence": "partly", "own-forces": "unknown", "next": "now+30m"}
OWN = frozenset({"seq", "now_ms", "ours", "said", "reached", "escalation"})


async def two(folder: Path, *, bravo_lacks: str = "") -> tuple[Desk, Desk]:
    """Two stations that are not connected, on a line with two packs."""
    found = [packs.find(name) for name in ("crisis", "incident")]
    seats, charter = pair.make_homes(folder, packs=tuple(sorted(one.hash for one in found)))
    for one in found:
        packs.keep(seats[0].home.path, one)
        if one.id != bravo_lacks:
            packs.keep(seats[1].home.path, one)
    desks = [Desk(Running(seat, pair.open_store(seat))) for seat in seats]
    for desk in desks:
        await desk.running.install(dearmor_charter(charter))
    return desks[0], desks[1]


async def say(desk: Desk, does: str, *incident: str, **more: Json) -> str:
    done = await desk.call("incident_say", officer=OFFICER, does=does, incident=[*incident], **more)
    return str(done["item"])


async def carry(one: Desk, other: Desk) -> None:
    """Bundles, both ways."""
    for here, there in ((one, other), (other, one)):
        made = await here.call("export")
        await there.call("import", bundle=made["bundle"])


async def shown(desk: Desk, incident: str) -> dict[str, Json]:
    return await desk.call("incident", incident=incident)


async def afresh(desk: Desk, incident: str) -> dict[str, Json]:
    """What a reader shows that reads the record from nothing."""
    desk.running.host.incidents = Incidents(desk.running.host.agreements)
    return await Desk.call(_anew(desk), "incident", incident=incident)


def _anew(desk: Desk) -> Desk:
    made = Desk(desk.running)
    made.acts = NodeActs(desk.running.host)
    return made


def alike(view: Json) -> Json:
    if isinstance(view, dict):
        return {name: alike(value) for name, value in view.items() if name not in OWN}
    return [alike(one) for one in view] if isinstance(view, list) else view


def rows(view: dict[str, Json], name: str) -> list[dict[str, Json]]:
    value = view[name]
    assert isinstance(value, list)
    return [one for one in value if isinstance(one, dict)]


def test_what_is_read_bit_by_bit_is_what_is_read_at_once_and_crossed_words_are_shown(
    tmp_path: Path,
) -> None:
    asyncio.run(_crossed(tmp_path))


async def _crossed(folder: Path) -> None:
    alpha, bravo = await two(folder)
    opened = await say(alpha, "open", means={**FIRST, "name": "North"})
    await shown(alpha, "north")
    await carry(alpha, bravo)
    one = await say(alpha, "account", "North", means={"count": "1"})
    other = await say(bravo, "account", opened, means={"count": "2"})
    closed = await say(bravo, "close", opened, means={"reason": "settled"})
    for desk in (alpha, bravo):
        await shown(desk, opened)
    await carry(alpha, bravo)
    again = await say(alpha, "reopen", opened, means={"reason": "new-fact"})
    late = await say(bravo, "close", opened, means={"reason": "settled"})
    await carry(alpha, bravo)
    views = [await shown(desk, opened) for desk in (alpha, bravo)]
    assert alike(views[0]) == alike(views[1])
    for desk, view in zip((alpha, bravo), views, strict=True):
        assert alike(await afresh(desk, opened)) == alike(view)
    # The second closing had not read the reopening, nor it the closing.
    assert (views[0]["state"], views[0]["crossed"]) == ("open", [late])
    lanes = await alpha.call("incident_timeline", incident=opened)
    crossed = {str(each["item"]): each["crossed"] for each in rows(lanes, "learned")}
    assert crossed[one] == [other, closed]
    assert (crossed[again], crossed[opened]) == ([late], [])
    told = await bravo.call("known", item=other)
    assert [each["item"] for each in rows(told, "read")] == [opened]
    assert [each["item"] for each in rows(told, "crossed")] == [one]
    (reader,) = rows(told, "readers")
    assert (reader["party"], reader["first"], reader["without"]) == ("ALPHA", again, [])


def test_what_a_missing_pack_says_counts_once_it_is_brought(tmp_path: Path) -> None:
    asyncio.run(_brought(tmp_path))


async def _brought(folder: Path) -> None:
    alpha, bravo = await two(folder, bravo_lacks="incident")
    opened = await say(alpha, "open", means=FIRST)
    await say(alpha, "account", opened, means={"count": "1"})
    asked = await say(alpha, "ask", opened, means={"asked": "BRAVO", "due": "now+1h"},
                      questions=[{"about": "what", "words": ""}])  # fmt: skip
    await carry(alpha, bravo)
    view = await shown(bravo, opened)
    pack = packs.find("incident")
    assert (view["missing"], view["able"]) == ([pack.hash.hex()], False)
    assert "count" not in {str(one["aspect"]) for one in rows(view, "accounts")}
    assert (len(rows(view, "messages")), rows(view, "questions")) == (3, [])
    listed = rows(await bravo.call("incidents"), "incidents")
    assert [one["incident"] for one in listed] == [opened]
    with refused("incident.form") as caught:
        await say(bravo, "account", opened, means={"count": "2"})
    assert "--pack incident" in str(caught.value)
    with refused("incident.answers"):
        await say(bravo, "answer", item=asked, means={"stance": "full"})
    packs.keep(bravo.running.seat.home.path, pack)
    assert alike(await shown(bravo, opened)) == alike(await shown(alpha, opened))
    await say(bravo, "answer", item=asked, means={"stance": "full"})
    (question,) = rows(await shown(bravo, opened), "questions")
    assert question["state"] == "answered"


def test_whoever_closes_has_said_its_last_word_and_its_next_word_clock_ends(
    tmp_path: Path,
) -> None:
    asyncio.run(_closes(tmp_path))


async def _closes(folder: Path) -> None:
    alpha, bravo = await two(folder)
    opened = await say(alpha, "open", means=FIRST)
    await carry(alpha, bravo)
    await say(bravo, "word", opened, means=FIRST)
    await carry(alpha, bravo)
    await say(alpha, "close", opened, means={"reason": "settled"}, form="in/close")
    await carry(alpha, bravo)
    # One-sided: what BRAVO promised runs on, and the first clock is that.
    for desk in (alpha, bravo):
        view = await shown(desk, opened)
        clock = view["escalation"]
        assert isinstance(clock, dict)
        assert (view["state"], clock["debtor"]) == ("closed by some", "BRAVO")
        assert clock["calms"] == ["cr/update", "cr/close", "in/close"]
    async with watched(alpha, bravo):
        dues = [desk.running.host.due for desk in (alpha, bravo)]
        for due in dues:
            assert due is not None
            await until_idle(due)
            assert due.next_ms is not None
        await say(bravo, "close", opened, means={"reason": "settled"}, form="in/close")
        await carry(alpha, bravo)
        for desk, due in zip((alpha, bravo), dues, strict=True):
            assert due is not None
            await until_idle(due)
            view = await shown(desk, opened)
            assert (view["state"], view["escalation"], due.next_ms) == ("closed", None, None)
    # A reopening revives none of it: what was promised was kept. A new promise runs.
    await say(alpha, "reopen", opened, means={"reason": "new-fact"})
    await carry(alpha, bravo)
    for desk in (alpha, bravo):
        view = await shown(desk, opened)
        assert (view["state"], view["escalation"]) == ("open", None)
    await say(alpha, "word", opened, means=FIRST)
    await carry(alpha, bravo)
    for desk in (alpha, bravo):
        clock = (await shown(desk, opened))["escalation"]
        assert isinstance(clock, dict)
        assert clock["debtor"] == "ALPHA"
