"""Agreements on a line of two: forms filled, read in another language, and who owes what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.node import pair
from tests.node.pair import Running, Seat

from tieline.core.agreement.model import Pack
from tieline.core.charter import dearmor_charter
from tieline.core.errors import LocalError
from tieline.desk.cli.agreements import round_lines
from tieline.desk.cli.show import status_lines, views
from tieline.node import backup, confirmed, packs
from tieline.node.acts import NodeActs
from tieline.node.config import Home
from tieline.node.confirmed import Check
from tieline.node.evidencefile import read_file
from tieline.node.evidencewords import explain
from tieline.node.restore import restore
from tieline.node.secrets import KeyFile, unlock
from tieline.node.view import Json

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def vienna() -> Pack:
    return packs.find("vienna-document-2011")


class Desk:
    """The acts of one station."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.acts = NodeActs(running.host)

    async def call(self, act: str, **args: Json) -> dict[str, Json]:
        found = await self.acts.act(act, args)
        assert isinstance(found, dict)
        return found

    async def send(self, form: str, answers: dict[str, Json], **args: Json) -> str:
        done = await self.call("send", officer="A. Okafor", form=form, answers=answers, **args)
        return str(done["item"])

    async def owed(self, rule: str) -> dict[str, Json]:
        found = (await self.call("obligations"))["obligations"]
        assert isinstance(found, list)
        (one,) = [each for each in found if isinstance(each, dict) and each["rule"] == rule]
        return one


async def two(folder: Path, pack: Pack, *, bravo_has_it: bool = True) -> tuple[Desk, Desk]:
    seats, charter = pair.make_homes(folder, packs=(pack.hash,))
    packs.keep(seats[0].home.path, pack)
    if bravo_has_it:
        packs.keep(seats[1].home.path, pack)
    alpha, bravo = (Running(seat, pair.open_store(seat)) for seat in seats)
    for running in (alpha, bravo):
        await running.install(dearmor_charter(charter))
    pair.join(alpha, bravo)
    return Desk(alpha), Desk(bravo)


async def settled(*desks: Desk) -> None:
    await pair.equal(desks[0].running, desks[1].running)
    await pair.settle(*(desk.running for desk in desks))


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[LocalError]]:
    with pytest.raises(LocalError) as caught:
        yield caught
    assert caught.value.code == code


def test_a_request_starts_the_other_sides_clock_and_a_reply_stops_it(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_asked_and_answered(tmp_path, vienna))


async def _asked_and_answered(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    asked = await alpha.send(
        "vd/ua-ask", {"asked": "BRAVO", "causes": "Columns near the border since Monday"}
    )
    await settled(alpha, bravo)
    for desk, state in ((alpha, "open"), (bravo, "open")):
        owed = await desk.owed("ua-reply")
        assert (owed["debtor"], owed["ours"], owed["trigger"]) == ("BRAVO", state, asked)
        assert owed["paragraph"] == "16.1.2"
        due = owed["due"]
        assert isinstance(due, list)
        assert all(isinstance(end, int) for end in due)
    # The same request as BRAVO's officer reads it, and the words that ALPHA's officer wrote.
    shown = await bravo.call("item_form", item=asked, language="fr", shape="numbered")
    assert shown["language"] == "fr"
    assert "Columns near the border since Monday" in str(shown["text"])
    assert shown["title"] == vienna.words["fr"]["form.ua-ask.title"]
    answered = await bravo.send(
        "vd/ua-reply",
        {"explanation": "One brigade, until Friday"},
        refs=[{"item": asked, "role": "answers"}],
    )
    await settled(alpha, bravo)
    for desk in (alpha, bravo):
        owed = await desk.owed("ua-reply")
        assert (owed["ours"], owed["by"]) == ("met", answered)
        why = await desk.call("explain", obligation=owed["id"])
        inputs = why["inputs"]
        assert isinstance(inputs, list)
        named = {str(each["name"]): each for each in inputs if isinstance(each, dict)}
        assert named["issue"]["item"] == asked
        assert why["paragraph"] == "16.1.2"


def test_a_form_with_faults_names_all_of_them_in_the_officers_language(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_faults(tmp_path, vienna))


async def _faults(folder: Path, vienna: Pack) -> None:
    alpha, _ = await two(folder, vienna)
    before = await alpha.call("log")
    label = vienna.words["fr"]["field.ua-ask.causes"]
    with refused("form.unfit") as caught:
        await alpha.send("vd/ua-ask", {"asked": "bravo!", "since": "noon"}, language="fr")
    said = caught.value.message
    for part in (label, vienna.words["fr"]["field.ua-ask.asked"], "16.1.1"):
        assert part in said
    with refused("form.unknown"):
        await alpha.send("vd/no-such", {})
    with refused("form.unfit"):  # a reply that answers nothing
        await alpha.send("vd/ua-reply", {"explanation": "none"})
    assert await alpha.call("log") == before


def test_a_pack_that_is_not_here_is_missing_and_the_line_goes_on(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_missing(tmp_path, vienna))


async def _missing(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna, bravo_has_it=False)
    asked = await alpha.send("vd/ua-ask", {"asked": "BRAVO", "causes": "Columns"})
    await settled(alpha, bravo)
    assert (await bravo.call("packs"))["missing"] == [vienna.hash.hex()]
    shown = "\n".join(status_lines(await bravo.call("status")))
    assert f"! pack {vienna.hash.hex()} is in force and cannot be read here" in shown
    assert "agreements:" not in shown
    assert (await bravo.call("item", item=asked))["form"] == "vd/ua-ask"
    assert (await bravo.call("obligations"))["obligations"] == []
    with refused("form.unknown"):
        await bravo.call("item_form", item=asked)
    # Brought by hand, it is there at once, and what was sent before counts.
    packs.keep(bravo.running.seat.home.path, vienna)
    assert (await bravo.call("packs"))["missing"] == []
    shown = "\n".join(status_lines(await bravo.call("status")))
    assert ("agreements: vienna-document-2011 1" in shown, "! pack" in shown) == (True, False)
    assert (await bravo.owed("ua-reply"))["trigger"] == asked


def test_after_a_restart_the_same_is_owed(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_restarted(tmp_path, vienna))


async def _restarted(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    for number in range(3):
        await alpha.send("vd/ua-ask", {"asked": "BRAVO", "causes": f"Columns {number}"})
        await alpha.call("obligations")  # read in parts, and at once after the restart
    await settled(alpha, bravo)
    before = await alpha.call("obligations")
    serials = [await alpha.call("item_form", item=one) for one in await _items(alpha)]
    assert [_serial(one) for one in serials] == ["1", "2", "3"]
    alpha.running.host.close()
    alpha.running.store.close()
    again = Desk(Running(alpha.running.seat, pair.open_store(alpha.running.seat)))
    after = await again.call("obligations")
    assert after["obligations"] == before["obligations"]
    assert isinstance(before["obligations"], list)
    assert len(before["obligations"]) >= 3


def test_on_another_machine_a_backup_owes_and_reads_the_same(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_restored(tmp_path, vienna))


async def _restored(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    home = alpha.running.seat.home.path
    check = Check(what="ua-reply", by="treaty officer", source="certified copy", at_ms=DAY_MS)
    confirmed.confirm(home, vienna, check)
    (home / "packs" / "notes.pack").write_bytes(b"no pack of a station")
    asked = await alpha.send("vd/ua-ask", {"asked": "BRAVO", "causes": "Columns"})
    await settled(alpha, bravo)
    before = (await alpha.call("obligations"))["obligations"]
    assert isinstance(before, list)
    assert before
    read = await alpha.call("item_form", item=asked, language="fr", shape="numbered")
    for desk in (alpha, bravo):
        desk.running.host.close()
        desk.running.store.close()
    told = backup.make_stopped(
        alpha.running.seat.home, alpha.running.seat.keys, folder / "a.bak", root=False
    )
    assert told["left_out"] == ["packs/notes.pack"]
    new = folder / "new"
    restore(folder / "a.bak", new, lambda: pytest.fail("no passphrase"), home / "key")
    assert sorted(path.name for path in (new / "packs").iterdir()) == [
        f"{vienna.hash.hex()}{ending}" for ending in (".checked", ".pack")
    ]
    seat = Seat(home=Home.open(new), keys=unlock(new / "keys.tlk", KeyFile(new / "key")))
    again = Desk(Running(seat, pair.open_store(seat)))
    assert (await again.call("packs"))["missing"] == []
    assert (await again.call("obligations"))["obligations"] == before
    assert await again.call("item_form", item=asked, language="fr", shape="numbered") == read
    assert confirmed.checks(new, vienna.hash) == {"ua-reply": check}
    again.running.host.close()
    again.running.store.close()


async def _items(desk: Desk) -> list[str]:
    found = (await desk.call("log"))["items"]
    assert isinstance(found, list)
    return [str(one["item"]) for one in found if isinstance(one, dict) and one.get("form")]


def _serial(shown: dict[str, Json]) -> str:
    lines = shown["lines"]
    assert isinstance(lines, list)
    assert isinstance(lines[0], dict)
    return str(lines[0]["said"])


def test_evidence_of_a_station_that_lacks_a_pack_says_so_and_is_made_all_the_same(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_evidence_with_and_without(tmp_path, vienna))


async def _evidence_with_and_without(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna, bravo_has_it=False)
    await alpha.send("vd/ua-ask", {"asked": "BRAVO", "causes": "Columns since Monday"})
    await settled(alpha, bravo)
    whole = await alpha.call("evidence", out=str(folder / "whole.html"))
    (carried,) = views(whole, "packs")
    assert (carried["hash"], whole["packs_missing"]) == (vienna.hash.hex(), [])
    lacking = await bravo.call("evidence", out=str(folder / "lacking.html"))
    assert (lacking["packs"], lacking["packs_missing"]) == ([], [vienna.hash.hex()])
    report, known_page = read_file(folder / "lacking.html")
    assert known_page
    assert [gap.code for gap in report.gaps if gap.code == "gap.pack"] == ["gap.pack"]
    assert report.faults == []
    # The pack is brought to the running station: the next file carries it.
    packs.keep(bravo.running.seat.home.path, vienna)
    again = await bravo.call("evidence", out=str(folder / "again.html"))
    assert again["packs_missing"] == []
    report, _ = read_file(folder / "again.html")
    assert list(report.packs) == [vienna.hash]
    said = explain(report, known_page=True, language="fr")
    assert any(vienna.words["fr"]["form.ua-ask.title"] in line for line in said)
    assert any("Columns since Monday" in line for line in said)


def test_a_simultaneous_exchange_is_seen_round_by_round(tmp_path: Path) -> None:
    asyncio.run(_rounds(tmp_path, packs.find("installations")))


async def _rounds(folder: Path, pack: Pack) -> None:
    alpha, bravo = await two(folder, pack)
    answers: dict[str, Json] = {"year": "2027", "list": "11" * 32}
    mine = await alpha.send(f"{pack.tag}/commit", answers)
    await settled(alpha, bravo)
    (one,) = views(await bravo.call("calendar"), "rounds")
    assert (one["rule"], one["round"], one["parties"]) == ("together", "2027", ["ALPHA", "BRAVO"])
    assert one["committed"] == [{"party": "ALPHA", "item": mine}]
    assert {"of": "BRAVO", "receipt_by": "ALPHA"} in views(one, "missing")
    assert (one["opens_ms"], one["provenance"]) == (None, "design")
    said = round_lines(one)
    assert "NOT TO BE OPENED" in said[0]
    assert said[1].strip().startswith(f"ALPHA: committed {mine[:12]}")
    assert said[2].strip() == "BRAVO: nothing is committed"
    other = await bravo.send(f"{pack.tag}/commit", {**answers, "list": "22" * 32})
    again = await alpha.send(f"{pack.tag}/commit", {**answers, "list": "33" * 32})
    await settled(alpha, bravo)
    for desk in (alpha, bravo):
        (one,) = views(await desk.call("calendar"), "rounds")
        assert [each["item"] for each in views(one, "committed")] == [mine, other]
        assert one["second"] == [again]
        said = round_lines(one)
        opens = one["opens_ms"]
        assert ("may be opened since" in said[0]) is (opens is not None)
        assert (opens is None) is bool(one["missing"])
        assert any("binds nobody" in line for line in said)
