"""Phrases of a phrase book on a line of two: said in one language, read and answered in another."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.core.agreement.sheets import ENGINE
from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import Desk, refused, settled

from tieline.core.agreement import numbered, radio, slash
from tieline.core.agreement.model import Pack
from tieline.core.agreement.value import Number
from tieline.core.charter import Release, dearmor_charter
from tieline.core.terms import Precedence
from tieline.desk.cli.show import item_line, item_lines
from tieline.node import packs
from tieline.node.view import Json

EYES = Release(four_eyes=frozenset({Precedence.FLASH}), standing=("is/:ir2",))


@pytest.fixture(scope="module")
def book() -> Pack:
    return packs.find("incsea")


async def two(folder: Path, *books: Pack, release: Release = EYES) -> tuple[Desk, Desk]:
    hashes = tuple(sorted(pack.hash for pack in books))
    seats, charter = pair.make_homes(folder, packs=hashes, release=release)
    for seat in seats:
        for pack in books:
            packs.keep(seat.home.path, pack)
    alpha, bravo = (Running(seat, pair.open_store(seat)) for seat in seats)
    for running in (alpha, bravo):
        await running.install(dearmor_charter(charter))
    pair.join(alpha, bravo)
    return Desk(alpha), Desk(bravo)


async def say(desk: Desk, **args: Json) -> dict[str, Json]:
    return await desk.call("send", officer="A. Okafor", **args)


def answers(item: Json) -> list[Json]:
    return [{"item": item, "role": "answers"}]


def told(view: dict[str, Json]) -> dict[str, Json]:
    found = view["told"]
    assert isinstance(found, dict)
    return found


def test_a_phrase_is_read_in_the_other_desks_language_with_how_it_is_said_and_answered(
    tmp_path: Path, book: Pack
) -> None:
    asyncio.run(_said(tmp_path, book))


async def _said(folder: Path, book: Pack) -> None:
    alpha, bravo = await two(folder, book)
    sent = await say(alpha, phrase="ir2", answers={"metres": "1 200"}, language="ru")
    assert "doubts" not in sent
    await settled(alpha, bravo)
    view = await bravo.call("item", item=sent["item"], language="fr")
    assert (view["form"], view["form_version"], view["fields"]) == ("is/:ir2", 1, {"1": 1200})
    french = book.words["fr"]
    said = told(view)
    assert said["title"] == f"IR2: {french['phrase.ir2.meaning']}"
    assert said["lines"] == [
        "Mètres sur l'arrière: 1200",
        "formulation (fr): YANKEE VICTOR ONE INDIA ROMEO TWO",
        f"prononciation (fr): {book.words['en']['phrase.ir2.pronunciation']}",
        f"réponse attendue: ZL1 {french['phrase.zl1.meaning']}",
    ]
    assert said["types"] == ["coded", "spoken", "spoken", "spoken"]
    assert said["marks"] == [ENGINE["fr"]["mark.unchecked"]]
    phrase = said["phrase"]
    assert isinstance(phrase, dict)
    assert phrase["code"] == "IR2"
    assert phrase["expects"] == [
        {"code": "ZL1", "form": "is/:zl1", "meaning": french["phrase.zl1.meaning"]}
    ]
    # On the one line of the log and the watch too, with the mark of words that nobody has checked.
    line = item_line(view)
    for part in ("IR2: ", "YANKEE VICTOR", "YANG-KEY", "ZL1", "[mots non vérifiés]"):
        assert part in line
    assert any(ENGINE["fr"]["mark.unchecked"] in row for row in item_lines(view))
    assert "[" not in item_line(await bravo.call("item", item=sent["item"])).partition("  [")[0]


def test_a_phrase_from_memory_says_so_on_one_line(tmp_path: Path, book: Pack) -> None:
    asyncio.run(_memory(tmp_path, book))


async def _memory(folder: Path, book: Pack) -> None:
    alpha, _ = await two(folder, book)
    sent = await say(alpha, phrase="RU4")
    view = await alpha.call("item", item=sent["item"])
    assert f"[{ENGINE['en']['mark.memory']}]" in item_line(view)


def test_an_expected_reply_is_offered_and_another_is_sent_with_a_doubt(
    tmp_path: Path, book: Pack
) -> None:
    asyncio.run(_answered(tmp_path, book))


async def _answered(folder: Path, book: Pack) -> None:
    alpha, bravo = await two(folder, book)
    asked = (await say(alpha, phrase="IR1"))["item"]
    await settled(alpha, bravo)
    with refused("act.empty") as caught:
        await say(bravo, refs=answers(asked), language="it")
    assert f"--phrase ZL1 ({book.words['it']['phrase.zl1.meaning']})" in caught.value.message
    assert "doubts" not in await say(bravo, phrase="is/:zl1", refs=answers(asked))
    assert "doubts" not in await bravo.call("ack", officer="A. Okafor", item=asked)
    doubt = ["IR1 expects ZL1; this reply is none of them"]
    french = ["IR1 appelle ZL1 ; cette réponse n’en fait pas partie"]
    tried = await bravo.call("fill", form="IR3", refs=answers(asked))
    assert tried["doubts"] == doubt
    others: list[dict[str, Json]] = [
        {"phrase": "IR3"},
        {"form": "is/consult", "answers": {"place": "The port"}},
        {"text": "We see you."},
    ]
    for other in others:
        done = await say(bravo, **other, refs=answers(asked), language="fr")
        assert done["doubts"] == french
        await settled(alpha, bravo)
        view = await alpha.call("item", item=done["item"])
        assert view["doubts"] == doubt
        assert f"? {doubt[0]}" in item_line(view)
    plain = await say(bravo, phrase="IR3", refs=[{"item": asked, "role": "concerns"}])
    assert "doubts" not in plain


def test_a_phrase_that_cannot_be_sent_says_all_that_is_wrong_with_the_remedy(
    tmp_path: Path, book: Pack
) -> None:
    asyncio.run(_faults(tmp_path, book))


async def _faults(folder: Path, book: Pack) -> None:
    alpha, _ = await two(folder, book)
    before = await alpha.call("log")
    with refused("form.unfit") as caught:
        await say(alpha, phrase="NB1", answers={"direction": "361", "speed": "9"}, language="fr")
    said = caught.value.message
    label = book.words["fr"]["phrase.nb1.field.direction"]
    assert f"phrase NB1, is/:nb1 cannot be sent. {label} (direction)" in said
    for part in ("0", "360", ENGINE["fr"]["remedy.field.range"], "speed"):
        assert part in said
    with refused("form.unfit"):
        await say(alpha, phrase="NB1")
    with refused("form.unfit"):
        await say(alpha, form="is/:nb1", fields={"1": "north"})
    with refused("form.unknown"):  # a phrase is no form of its name
        await say(alpha, form="is/ir1")
    for wanted in ("XX9", "is/:xx", "zz/IR1", ":"):
        with refused("form.unknown"):
            await alpha.call("form", form=wanted)
    with refused("form.unknown"):
        await say(alpha, phrase="consult")
    with refused("form.none"):
        await say(alpha, phrase="IR1", form="is/:ir1")
    assert await alpha.call("log") == before


def test_one_officer_may_release_a_phrase_under_standing_authority(
    tmp_path: Path, book: Pack
) -> None:
    asyncio.run(_standing(tmp_path, book))


async def _standing(folder: Path, book: Pack) -> None:
    alpha, _ = await two(folder, book)
    flash: dict[str, Json] = {"precedence": "FLASH"}
    covered = await say(alpha, phrase="IR2", answers={"metres": "300"}, **flash)
    other = await say(alpha, phrase="IR1", **flash)
    texted = await say(alpha, phrase="IR2", answers={"metres": "300"}, text="See us?", **flash)
    assert [done["released"] for done in (covered, other, texted)] == [True, False, False]
    drafts = (await alpha.call("drafts"))["drafts"]
    assert isinstance(drafts, list)
    titles = [told(one)["title"] for one in drafts if isinstance(one, dict)]
    assert [str(title).partition(":")[0] for title in titles] == ["IR1", "IR2"]


def test_no_rule_counts_a_phrase(tmp_path: Path, book: Pack) -> None:
    asyncio.run(_uncounted(tmp_path, book))


async def _uncounted(folder: Path, book: Pack) -> None:
    alpha, bravo = await two(folder, book, release=Release(four_eyes=frozenset()))
    danger: dict[str, Json] = {
        "from": "2026-12-30T06:00Z", "until": "2026-12-31T06:00Z",
        "area": "circle 51.5N 24E radius 20 km", "activity": "Gunnery",
    }  # fmt: skip
    form = await alpha.call("form", form="is/danger")
    assert form["form"] == "is/danger"
    sent = await alpha.send("is/danger", danger)
    await settled(alpha, bravo)
    asked = ("obligations", "validities", "quotas", "questions", "calendar")
    before = [await bravo.call(act) for act in asked]
    for role in ("answers", "concerns", "predecessor"):
        await say(alpha, phrase="IR1", refs=[{"item": sent, "role": role}])
        await say(bravo, phrase="ZL1", refs=[{"item": sent, "role": role}])
    with refused("form.unfit"):  # a phrase takes no form's place
        await say(alpha, phrase="IR1", refs=[{"item": sent, "role": "cancels"}])
    await settled(alpha, bravo)
    host = bravo.running.host
    (line,) = host.station.lines.values()
    counted = {
        item.statement.content.form: host.agreements.message(line, item) is not None
        for item in line.record.order
        if item.statement.content.form
    }
    assert counted == {"is/danger": True, "is/:ir1": False, "is/:zl1": False}
    after = [await bravo.call(act) for act in asked]
    moving = {"now_ms"}
    assert [{key: value for key, value in one.items() if key not in moving} for one in after] == [
        {key: value for key, value in one.items() if key not in moving} for one in before
    ]


def test_a_phrase_on_paper_comes_back_in_each_layout(tmp_path: Path, book: Pack) -> None:
    asyncio.run(_written(tmp_path, book))


async def _written(folder: Path, book: Pack) -> None:
    alpha, bravo = await two(folder, book)
    sent = await say(alpha, phrase="QS6", answers={"course": "95"}, text="Slowly.", lang="en")
    await settled(alpha, bravo)
    for shape, read in (("numbered", numbered.read), ("slash", slash.read), ("radio", radio.read)):
        found = await bravo.call("item_form", item=sent["item"], shape=shape, language="ru")
        sheet = read(str(found["text"]), {"is": book}, ENGINE)
        assert (sheet.form.id, sheet.form.name) == (":qs6", "QS6")
        assert (sheet.values, sheet.remarks) == ({1: Number(95)}, "Slowly.")
        assert "YANKEE VICTOR ONE QUEBEC SIERRA SIX" in str(found["text"]) or shape != "numbered"


def test_forms_and_phrases_are_listed_and_one_phrase_is_shown(tmp_path: Path, book: Pack) -> None:
    asyncio.run(_listed(tmp_path, book))


async def _listed(folder: Path, book: Pack) -> None:
    other = packs.find("dangerous-military-activities")
    alpha, _ = await two(folder, book, other)
    listed = await alpha.call("forms")
    forms, phrases = listed["forms"], listed["phrases"]
    assert isinstance(forms, list)
    assert isinstance(phrases, list)
    assert len(forms) == len(book.forms) + len(other.forms)
    assert [one["code"] for one in phrases if isinstance(one, dict)] == [
        one.code for pack in sorted((book, other), key=lambda pack: pack.hash)
        for one in pack.phrases.values()
    ]  # fmt: skip
    assert (await alpha.call("form", form="D07"))["precedence"] == "FLASH"
    assert (await alpha.call("form", form="D01"))["precedence"] == "ROUTINE"
    # Each side's wording with how the other side says it, the reader's language first.
    shown = await alpha.call("form", form="d06", language="ru")
    english, russian = other.words["en"], other.words["ru"]
    assert shown["said"] == [
        f"формулировка (ru): {russian['phrase.d06.wording']}",
        f"произношение (ru): {russian['phrase.d06.pronunciation']}",
        f"формулировка (en): {english['phrase.d06.wording']}",
        f"произношение (en): {english['phrase.d06.pronunciation']}",
        f"ожидаемый ответ: D03 {russian['phrase.d03.meaning']}",
        f"ожидаемый ответ: D09 {russian['phrase.d09.meaning']}",
    ]
