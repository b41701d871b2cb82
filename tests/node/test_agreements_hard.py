"""Agreements under hostile peers, careless officers, damaged files and charters that change."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.node.pair import Running
from tests.node.test_agreements import Desk, refused, settled, two

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.load import pack_from_bytes, to_bytes
from tieline.core.agreement.model import Pack
from tieline.core.charter import Release, SignedCharter
from tieline.core.events import Speak
from tieline.core.statement import Body, Content
from tieline.core.succession import amend
from tieline.core.terms import Kind, Precedence, Role
from tieline.desk.cli import sheets
from tieline.desk.cli.agreements import _bracket, _input_line
from tieline.desk.cli.show import draft_lines, event_line, item_line, item_lines
from tieline.desk.sheets import Columns
from tieline.node import packs, secrets, slices
from tieline.node.agreements import _Reader
from tieline.node.ics import write_ics
from tieline.node.sheet import Row
from tieline.node.sitelist import _near
from tieline.node.view import Json

ASK: dict[str, Json] = {"asked": "BRAVO", "causes": "Columns near the border"}


@pytest.fixture(scope="module")
def vienna() -> Pack:
    return packs.find("vienna-document-2011")


def renewed(pack: Pack, version: int, *, moved: bool = False) -> Pack:
    """The pack in another version; ``moved``: the two fields of a request have changed places."""
    forms = dict(pack.forms)
    if moved:
        form = forms["ua-ask"]
        numbers = {field.id: field.number for field in form.fields}
        turned = {"causes": numbers["since"], "since": numbers["causes"]}
        fields = [replace(one, number=turned.get(one.id, one.number)) for one in form.fields]
        fields.sort(key=lambda one: one.number)
        forms["ua-ask"] = replace(form, fields=tuple(fields))
    return pack_from_bytes(to_bytes(replace(pack, version=version, forms=forms)))


async def amended(
    desks: tuple[Desk, Desk], new: Pack | None, release: Release | None = None
) -> None:
    """Both parties put another pack in force, or none."""
    charters = desks[0].running.host.station.lines[desks[0].running.line].charters
    old = charters[max(charters)].charter
    charter = amend(old, packs=() if new is None else (new.hash,), release=release)
    signed = SignedCharter(charter=charter)
    for desk in desks:
        home = desk.running.seat.home
        root = secrets.unlock_root(home.root_file, secrets.KeyFile(home.path / "key"))
        signed = signed.add_signature(root.party, root.sign_charter(charter))
        if new is not None:
            packs.keep(home.path, new)
    for desk in desks:
        await desk.running.install(signed)
    await settled(*desks)


def shown(view: dict[str, Json], name: str) -> list[dict[str, Json]]:
    found = view[name]
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


async def watched(desk: Desk) -> list[dict[str, Json]]:
    out: list[dict[str, Json]] = []
    async for piece in desk.acts.subscribe(0):
        out += [json.loads(event) for _, event in piece]
        if any(event.get("type") == "live" for event in out):
            break
    return out


def test_a_damaged_pack_file_stops_nothing(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_damaged(tmp_path, vienna))


async def _damaged(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    asked = await alpha.send("vd/ua-ask", ASK)
    await settled(alpha, bravo)
    file = packs.kept(bravo.running.seat.home.path, vienna.hash)
    for broken in (vienna.body[:-1], renewed(vienna, 9).body):
        file.write_bytes(broken)
        bravo.running.host.agreements._packs.clear()
        done = await bravo.call("send", officer="A. Okafor", text="We go on.")
        assert done["released"]
        assert [
            one["item"] for one in shown(await bravo.call("log"), "items") if one.get("form")
        ] == [asked]
        assert any(event.get("item") == asked for event in await watched(bravo))
        assert (await bravo.call("drafts"))["drafts"] == []
        found = await bravo.call("obligations")
        assert (found["obligations"], found["missing"]) == ([], [vienna.hash.hex()])
        assert len(str(found["damaged"])) > 20
    packs.keep(bravo.running.seat.home.path, vienna)
    assert (await bravo.owed("ua-reply"))["trigger"] == asked
    assert (await bravo.call("packs"))["damaged"] == []


def test_a_new_version_of_a_pack_goes_on_with_what_was_owed(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_renewed(tmp_path, vienna))


async def _renewed(folder: Path, vienna: Pack) -> None:
    alpha, bravo = desks = await two(folder, vienna)
    asked = await alpha.send("vd/ua-ask", ASK)
    await settled(*desks)
    before = await bravo.owed("ua-reply")
    await amended(desks, renewed(vienna, 2))
    for desk in desks:
        owed = await desk.owed("ua-reply")
        assert (owed["trigger"], owed["due"], owed["ours"]) == (asked, before["due"], "open")
    answered = await bravo.send(
        "vd/ua-reply", {"explanation": "One brigade"}, refs=[{"item": asked, "role": "answers"}]
    )
    await settled(*desks)
    for desk in desks:
        owed = await desk.owed("ua-reply")
        assert (owed["ours"], owed["by"]) == ("met", answered)
        assert (await desk.call("questions"))["gaps"] == []
    # A version that says it otherwise: what was said before is read by the words of its own time.
    await amended(desks, renewed(vienna, 3, moved=True))
    second = await alpha.send("vd/ua-ask", ASK)
    await settled(*desks)
    for desk in desks:
        owed = await desk.owed("ua-reply")
        assert (owed["trigger"], owed["ours"]) == (second, "open")
        for item in (asked, second):
            text = str((await desk.call("item_form", item=item, shape="numbered"))["text"])
            assert "Columns near the border" in text
            assert (await desk.call("item_form", item=item))["faults"] == []
    # Taken out: nothing is owed by it, its messages are read, and nobody can send its forms.
    await amended(desks, None)
    for desk in desks:
        assert (await desk.call("obligations"))["obligations"] == []
        assert (await desk.call("quotas"))["quotas"] == []
        assert "Columns" in str((await desk.call("item", item=asked))["told"])
        assert (await desk.call("item_form", item=asked))["thresholds"] == []
        with refused("form.unknown"):
            await desk.send("vd/ua-ask", ASK)


def test_who_asks_and_goes_away_takes_nothing_from_the_ledger(
    tmp_path: Path, vienna: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_S", 0.0)
    asyncio.run(_gone(tmp_path, vienna))


async def _gone(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    for _ in range(5):
        await alpha.send("vd/ua-ask", ASK)
    await settled(alpha, bravo)
    whole = shown(await alpha.call("obligations"), "obligations")
    for turns in range(1, 12):
        alpha.running.host.agreements._readers.clear()
        first = asyncio.ensure_future(alpha.call("obligations"))
        for _ in range(turns):
            await asyncio.sleep(0)
        first.cancel()
        both = await asyncio.gather(alpha.call("obligations"), alpha.call("obligations"))
        assert [shown(one, "obligations") for one in both] == [whole, whole]


async def _say(running: Running, fields: tuple[tuple[int, object], ...], text: str = "") -> str:
    content = Content(
        kind=Kind.MESSAGE,
        body=Body(fields=fields, text=text or None, lang="en" if text else None),  # type: ignore[arg-type]
        precedence=Precedence.ROUTINE,
        role=Role.WATCH_OFFICER,
        form="vd/ua-ask",
        form_version=1,
    )
    done = await running.host.perform(
        lambda token: Speak(token=token, line=running.line, content=content, officer="X", key="")
    )
    return done.item.hex()


def test_what_breaks_a_form_is_seen_and_counts_for_nothing(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_hostile(tmp_path, vienna))


async def _hostile(folder: Path, vienna: Pack) -> None:
    alpha, bravo = await two(folder, vienna)
    causes = next(one.number for one in vienna.forms["ua-ask"].fields if one.id == "causes")
    asked = next(one.number for one in vienna.forms["ua-ask"].fields if one.id == "asked")
    nasty = "=1+1\u202e\u2028\r\nALARM \x1b[2Jgone"
    whole = await _say(bravo.running, ((asked, "ALPHA"), (causes, nasty)), nasty)
    await _say(
        bravo.running, ((asked, "ALPHA"), (causes, (1, {5: b"x" * 32})), (2**40, "hidden word"))
    )
    await _say(bravo.running, ((asked, 2**62), (causes, "see me")))
    await settled(alpha, bravo)
    items = [one for one in shown(await alpha.call("log"), "items") if one.get("form")]
    lines = [item_line(one) for one in items]
    lines += [line for one in items for line in item_lines(one)]
    lines += [event_line(event) for event in await watched(alpha)]
    lines += str((await alpha.call("item_form", item=whole, shape="numbered"))["text"]).split("\n")
    assert all(line.isprintable() for line in lines)
    for part in ("hidden word", "see me", "=1+1"):
        assert any(part in line for line in lines)
    owed = shown(await alpha.call("obligations"), "obligations")
    assert {one["trigger"] for one in owed if one["rule"] == "ua-reply"} == {whole}


def test_two_drafts_of_a_form_bear_two_numbers_and_say_whom_they_are_for(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_drafts(tmp_path, vienna))


async def _drafts(folder: Path, vienna: Pack) -> None:
    alpha, bravo = desks = await two(folder, vienna)
    await amended(desks, renewed(vienna, 2), Release(four_eyes=frozenset(Precedence)))
    for _ in range(2):
        await alpha.call(
            "send", officer="A. Okafor", form="ua-ask", to=["BRAVO"], text="No more than this.",
            answers={**ASK, "since": "2028-02-29T10:00:30Z +-90s"},
        )  # fmt: skip
    found = shown(await alpha.call("drafts"), "drafts")
    for line in draft_lines(found):
        for part in ("> BRAVO:", "Columns near the border", "No more than this.", "30", "90"):
            assert part in line
    for draft in found:
        await alpha.call("release", draft=draft["draft"], officer="B. Second")
    await settled(*desks)
    assert (await bravo.call("questions"))["gaps"] == []


def test_a_form_is_checked_however_it_is_named(tmp_path: Path, vienna: Pack) -> None:
    asyncio.run(_named(tmp_path, vienna))


async def _named(folder: Path, vienna: Pack) -> None:
    alpha, _ = await two(folder, vienna)
    for name in ("ua-ask", "vd/ua-ask"):
        with refused("form.unfit"):
            await alpha.call("send", officer="A. Okafor", form=name)
        with refused("form.unfit"):
            await alpha.call("send", officer="A. Okafor", form=name, fields={"1": 7})


def test_a_name_writes_no_lines_of_its_own_into_a_calendar() -> None:
    nasty = "a\r\nBEGIN:VEVENT\r\nSUMMARY:b\u202e"
    entry: dict[str, Json] = dict.fromkeys(
        ("said", "title", "party", "ref", "what", "pack", "rule", "paragraph", "caution"), nasty
    )
    data = write_ics([entry | {"at_ms": 0}], line=nasty, realm=nasty, now_ms=0)
    text = data.decode("utf-8").replace("\r\n ", "")
    assert text.count("\r\nBEGIN:VEVENT\r\n") == 1
    assert not any(char in text.replace("\r\n", "") for char in "\r\n\u202e")


def test_a_time_outside_the_calendar_is_shown_as_a_number() -> None:
    late = 253_402_300_800_000
    assert _bracket([-5, late]) == f"-5 ms / {late} ms"
    for kind, value in (("time", late), ("time", -1), ("date", 10**7), ("date", -1)):
        assert "ms" in _input_line({"kind": kind, "value": value})


def test_a_lying_clock_begins_no_calendar_where_we_have_spoken(
    tmp_path: Path, vienna: Pack
) -> None:
    asyncio.run(_begun(tmp_path, vienna))


async def _begun(folder: Path, vienna: Pack) -> None:
    alpha, _ = await two(folder, vienna)
    line = alpha.running.host.station.lines[alpha.running.line]
    reader = _Reader(Ledger((vienna,), ("ALPHA", "BRAVO")), line, (), (), ())
    for party, time_ms, since in (("BRAVO", 0, 0), ("ALPHA", 5_000, 5_000)):
        reader.begun.setdefault(1, {})[party] = time_ms
        alpha.running.host.agreements._date(line, reader)
        assert reader.ledger._since == {vienna.id: since}


def test_places_near_a_pole_cost_no_more_than_a_few_cells() -> None:
    assert max(len(list(_near((lat, 0)))) for lat in (0, 899_990_000, 900_000_000)) < 400


def test_rows_are_a_repetition_only_as_the_same_form_to_the_same_parties(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sheets, "officer", lambda _: {})
    keys = []

    class Station:
        def call(self, _: str, **args: Json) -> dict[str, Json]:
            keys.append(args["key"])
            return {}

    row = Row(2, ("Clinic",))
    columns = Columns("", 1, {0: "name"}, None, None, "", "name", "", (), {}, {})
    for form, to in (("site", []), ("site", ["bravo"]), ("route", []), ("site", ["BRAVO"])):
        args = argparse.Namespace(form=form, to=to)
        sheets._send(args, Station(), {}, [row], columns)  # type: ignore[arg-type]
    assert len(set(keys)) == 3
    assert keys[1] == keys[3]
