"""What may be sent and released under an agreement that others read too, and what is doubted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.node.test_agreements import Desk, refused, settled, two
from tests.node.test_agreements_hard import ASK, amended, renewed, shown

from tieline.core import encode
from tieline.core.agreement.model import Pack
from tieline.core.charter import Release
from tieline.core.events import Speak
from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import Kind, Precedence, RefRole, Role
from tieline.desk.cli.show import item_lines
from tieline.node import packs
from tieline.node.agreements import Agreements
from tieline.node.view import Json


@pytest.fixture(scope="module")
def vienna() -> Pack:
    return packs.find("vienna-document-2011")


async def said(desk: Desk, **content: object) -> str:
    """What a peer's software may say that ours would not."""
    made = Content(kind=Kind.MESSAGE, precedence=Precedence.ROUTINE, role=Role.WATCH_OFFICER,
                   form="vd/ua-ask", form_version=1, **content)  # type: ignore[arg-type]  # fmt: skip
    done = await desk.running.host.perform(
        lambda token: Speak(token=token, line=desk.running.line, content=made, officer="X", key="")
    )
    return done.item.hex()


def fields_of(numbers: dict[str, int], **values: encode.Value) -> Body:
    return Body(fields=tuple(sorted((numbers[name], value) for name, value in values.items())))


def test_a_party_that_is_none_of_the_lines(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_strangers(tmp_path, vienna))


async def _strangers(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    with refused("form.unfit") as caught:
        await alpha.send("vd/ua-ask", ASK | {"asked": "ZULU"})
    for part in ("asked", "'ZULU' is no party of this line", "ALPHA, BRAVO", "16.1.1"):
        assert part in caught.value.message
    numbers = {field.id: field.number for field in vienna.forms["ua-ask"].fields}
    fields: dict[str, Json] = {str(numbers["asked"]): "ZULU", str(numbers["causes"]): "Columns"}
    with refused("form.unfit"):
        await alpha.call("send", officer="X", form="vd/ua-ask", fields=fields)
    # From a peer it is shown, doubted, and nobody owes an answer.
    raw = await said(alpha, body=fields_of(numbers, asked="ZULU", causes="Columns"))
    await settled(alpha, bravo)
    owed = shown(await bravo.call("obligations"), "obligations")
    assert [one for one in owed if one["trigger"]] == []
    view = await bravo.call("item_form", item=raw)
    assert "'ZULU' is no party" in str(view["doubts"])
    assert view["faults"] == []
    assert any("ZULU" in line for line in item_lines(await bravo.call("item", item=raw)))


def test_two_stations_of_one_party_give_one_number(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_same(tmp_path, vienna))


async def _same(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    numbers = {field.id: field.number for field in vienna.forms["ua-ask"].fields}
    first = await alpha.send("vd/ua-ask", ASK)
    second = await said(
        alpha,
        body=fields_of(numbers, asked="BRAVO", causes="More", serial=1),
    )
    third = await alpha.send("vd/ua-ask", ASK)
    await settled(alpha, bravo)
    for desk in (alpha, bravo):
        asked = await desk.call("questions")
        assert asked["gaps"] == []
        (twice,) = shown(asked, "twice")
        items = twice["items"]
        assert isinstance(items, list)
        assert (twice["number"], sorted(map(str, items))) == (1, sorted((first, second)))
        assert (await desk.call("item_form", item=first))["same_number"] == [second]
        assert "same number twice: 1" in str((await desk.call("item_form", item=second))["doubts"])
        assert (await desk.call("item_form", item=third))["same_number"] == []
        owed = shown(await desk.call("obligations"), "obligations")
        assert {one["trigger"] for one in owed if one["rule"] == "ua-reply"} == {
            first, second, third,
        }  # fmt: skip


def test_a_cancellation_takes_the_form_and_a_text_replaces_none(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_cancelled(tmp_path, vienna))


async def _cancelled(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    asked = await alpha.send("vd/ua-ask", ASK)
    other = await alpha.send("vd/ua-reply", {"explanation": "None"}, refs=[
        {"item": await bravo_asks(alpha, bravo), "role": "answers"}])  # fmt: skip
    for role in ("corrects", "supersedes"):
        with refused("form.replaces"):
            await alpha.call(
                "send", officer="X", text="Not so.", refs=[{"item": asked, "role": role}]
            )
    # Coded fields are held to what they cite as well: no form takes back another.
    numbers = {field.id: field.number for field in vienna.forms["ua-ask"].fields}
    fields: dict[str, Json] = {str(numbers["asked"]): "BRAVO", str(numbers["causes"]): "Columns"}
    for role in ("corrects", "cancels", "supersedes"):
        with refused("form.unfit"):
            await alpha.call("send", officer="X", form="vd/ua-ask", fields=fields,
                             refs=[{"item": other, "role": role}])  # fmt: skip
    done = await alpha.call(
        "send", officer="X", text="An error.", refs=[{"item": asked, "role": "cancels"}]
    )
    await settled(alpha, bravo)
    for desk in (alpha, bravo):
        assert (await desk.call("item", item=done["item"]))["form"] == "vd/ua-ask"
        rows = shown(await desk.call("obligations"), "obligations")
        (row,) = [one for one in rows if one["trigger"] == asked]
        assert row["ours"] == "ended"


async def bravo_asks(alpha: Desk, bravo: Desk) -> str:
    asked = await bravo.send("vd/ua-ask", ASK | {"asked": "ALPHA"})
    await settled(alpha, bravo)
    return asked


def test_a_draft_is_released_under_the_version_that_is_in_force(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_outdated(tmp_path, vienna))


async def _outdated(folder: Path, vienna: Pack) -> None:
    alpha, bravo = desks = await two(folder, vienna)
    four = Release(four_eyes=frozenset(Precedence))
    await amended(desks, renewed(vienna, 2), four)
    for _ in range(3):
        await alpha.call("send", officer="A. Okafor", form="vd/ua-ask", answers=ASK)
    one, two_, three = [draft["draft"] for draft in shown(await alpha.call("drafts"), "drafts")]
    await amended(desks, renewed(vienna, 3), four)  # it says the same, and counts
    done = await alpha.call("release", draft=one, officer="B. Second")
    await settled(*desks)
    assert (await bravo.owed("ua-reply"))["trigger"] == done["item"]
    await amended(desks, renewed(vienna, 4, moved=True), four)
    with refused("draft.outdated") as caught:
        await alpha.call("release", draft=two_, officer="B. Second", language="fr")
    for part in ("version 2", "version 4", "--form vd/ua-ask", f"tieline discard {two_}",
                 vienna.words["fr"]["field.ua-ask.since"]):  # fmt: skip
        assert part in caught.value.message
    await amended(desks, None, four)
    with refused("draft.outdated"):
        await alpha.call("release", draft=three, officer="B. Second")
    kept = shown(await alpha.call("drafts"), "drafts")
    assert [draft["draft"] for draft in kept] == [two_, three]
    assert all("Columns near the border" in str(draft["told"]) for draft in kept)


def test_what_a_charter_puts_beyond_a_log_counts_no_more(tmp_path: Path, vienna: Pack) -> None:
    from tests.core.test_keys_change import ALPHA, FRESH, ends, line_of_four
    from tests.core.world import sign_all

    from tieline.core.succession import amend

    net = line_of_four()
    packed = sign_all(amend(net.signed.charter, packs=(vienna.hash,)), net.parties)
    for post in net:
        post.install(packed)
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    packs.keep(tmp_path, vienna)
    numbers = {field.id: field.number for field in vienna.forms["ua-ask"].fields}
    ask = Content(kind=Kind.MESSAGE, form="vd/ua-ask", form_version=1, to=("BRAVO",),
                  role=Role.WATCH_OFFICER,
                  body=fields_of(numbers, asked="BRAVO", causes="x"))  # fmt: skip
    first = alpha.speak(ask).item
    net.deliver()
    closed = ends(bravo, ALPHA.stations[0].id)
    second = alpha.speak(replace(ask, refs=(Ref(first, RefRole.CONCERNS),))).item
    net.deliver()

    async def counted(read: Agreements) -> set[bytes]:
        return set((await read.ledger(bravo.line)).entries)

    read = Agreements(tmp_path)
    assert asyncio.run(counted(read)) == {first, second}
    bravo.install(sign_all(amend(packed.charter, cards=[FRESH.card()], closed=closed), net.parties))
    assert asyncio.run(counted(read)) == asyncio.run(counted(Agreements(tmp_path))) == {first}
