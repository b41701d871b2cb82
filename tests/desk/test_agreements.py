"""Agreements at the command line: forms, drafts in words, obligations, calendar, lists of sites."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from icalendar import Calendar
from tests.desk import desks
from tests.desk.desks import Desk, one_object

Pair = tuple[Desk, Desk]
PACKS = ("crisis", "humanitarian-notification", "incsea")
FIRST = ("--field", "knowledge=partly", "--field", "origin=unknown", "--field", "next=now+30m")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from desks.pair(tmp_path_factory.mktemp("agreements"), real=False, packs=PACKS)


def test_a_first_word_of_three_fields_is_released_by_a_second_officer_and_read_in_french(
    line: Pair,
) -> None:
    alpha, bravo = line
    checked = alpha.ok("form", "first", *FIRST, "--language", "de")
    assert "wir wissen es zum Teil" in checked
    assert checked.endswith("nothing was sent\n")
    draft = str(one_object(alpha.ok("--json", "send", "--form", "cr/first", *FIRST))["draft"])
    # FLASH by the form itself; and the second officer reads words, not numbers.
    shown = alpha.ok("drafts")
    assert "FLASH" in shown
    assert "we know in part" in shown
    alpha.ok("release", draft, "--officer", "Second A")
    came = bravo.until(lambda event: event.get("form") == "cr/first")
    assert isinstance(came["told"], dict)
    number = str(came["seq"])
    # The whole text of the form in the reader's language, whichever shape.
    assert "nous le savons en partie" in bravo.ok("form", "--item", number, "--language", "fr")
    assert "1KNOWLEDGE/" in bravo.ok("form", "--item", number, "--shape", "slash")
    assert "CHECK ALL" in bravo.ok("form", "--item", number, "--shape", "radio")
    assert "First word: an event has occurred (cr/first)" in bravo.ok("log")
    assert "form     cr/first v3" in bravo.ok("log", number)


def test_a_stranger_reads_a_form_in_evidence_in_a_language_of_its_pack(line: Pair) -> None:
    alpha, _ = line
    out = alpha.folder / "evidence.html"
    made = alpha.ok("evidence", "--out", str(out))
    assert "the pack crisis, version " in made
    assert "humanitarian" not in made  # no form of it was sent
    stranger = Desk(alpha.home.parent / "nobody")
    stranger.real = False
    english = stranger.ok("verify", str(out))
    assert re.search("5. packs: crisis [0-9]+; 1 statement is on a form of one", english)
    assert "A. What we know: we know in part (2)" in english
    assert "* choice of the pack's author" in english
    french = stranger.ok("verify", "--language", "fr", str(out))
    assert "nous le savons en partie (2)" in french
    arabic = stranger.ok("verify", "--language", "ar", str(out))
    assert "نعرف جزئيًا (2)" in arabic
    assert arabic.count("* ") >= 2  # nobody has checked these words
    lacking = stranger.ok("verify", "--language", "el", str(out))
    assert "* English, for lack of the word" in lacking
    report = one_object(stranger.ok("--json", "verify", "--language", "fr", str(out)))
    found = report["evidence"]
    assert isinstance(found, dict)
    statements = found["statements"]
    assert isinstance(statements, list)
    (form,) = [each["form"] for each in statements if isinstance(each, dict) and "form" in each]
    assert isinstance(form, dict)
    assert isinstance(form["said"], dict)
    assert list(form["said"]) == ["fr"]


def test_a_phrase_is_listed_sent_read_and_answered_at_the_command_line(line: Pair) -> None:
    alpha, bravo = line
    listed = alpha.ok("form")
    assert "cr/first" in listed
    assert "is/:ir2" in listed
    shown = alpha.ok("form", "IR2", "--language", "it")
    for part in ("is/:ir2  IR2  Sto filando", "formulazione (it): YANKEE", "YANG-KEY",
                 "risposta prevista: ZL1", "Metri a poppa", "Nessun lettore"):  # fmt: skip
        assert part in shown
    assert "Metres astern: 300" in alpha.ok("form", "IR2", "--field", "metres=300")
    refused = alpha.run("send", "--phrase", "IR2", "--language", "de")
    assert (refused.code, "Metres astern (metres)" in refused.err) == (1, True)
    done = one_object(alpha.ok("--json", "send", "--phrase", "IR2", "--field", "metres=300"))
    came = bravo.until(lambda event: event.get("form") == "is/:ir2")
    assert came["item"] == done["item"]
    assert isinstance(came["told"], dict)
    assert isinstance(came["told"]["phrase"], dict)
    number = str(came["seq"])
    offered = bravo.run("send", "--answers", number)
    assert (offered.code, "IR2 expects in reply: --phrase ZL1 (" in offered.err) == (1, True)
    doubted = bravo.ok("send", "--phrase", "IR3", "--answers", number)
    assert "? IR2 expects ZL1; this reply is none of them" in doubted
    assert "? " not in bravo.ok("send", "--phrase", "ZL1", "--answers", number)
    event = alpha.until(lambda event: event.get("form") == "is/:ir3")
    assert event["doubts"] == ["IR2 expects ZL1; this reply is none of them"]
    log = [row for row in alpha.ok("log", "--language", "fr").splitlines() if "is/:ir2" in row]
    for part in ("IR2: Je file", "prononciation (fr): YANG-KEY", "[mots non vérifiés]"):
        assert part in log[0]
    whole = bravo.ok("log", number)
    assert "  form     is/:ir2 v1: IR2: I am streaming" in whole
    assert "expected response: ZL1 I have received" in whole
    assert "* wording (en): YANKEE VICTOR" in bravo.ok("form", "--item", number)
    assert "MSGID/IS :IR2/ALPHA/" in bravo.ok("form", "--item", number, "--shape", "slash")
    book = alpha.ok("pack", "show", "incsea", "zl1", "--lang", "ru")
    assert "is/:zl1  ZL1  Ваше сообщение получил и понял." in book


def test_what_is_owed_is_told_with_its_reason_and_stands_in_the_calendar(line: Pair) -> None:
    alpha, bravo = line
    rows = one_object(bravo.ok("--json", "obligations"))["obligations"]
    assert isinstance(rows, list)
    (row,) = [one for one in rows if isinstance(one, dict) and one["rule"] == "next-first"]
    assert row["debtor"] == "ALPHA"
    listed = bravo.ok("obligations", "--party", "alpha")
    shown = [line.split()[-1] for line in listed.splitlines()]
    assert [str(row["id"]).startswith(short) for short in shown].count(True) == 1
    why = bravo.ok("explain", str(row["id"])[:-30])
    assert "stated, at the latest" in why
    assert "(claim ALPHA" in why
    refused = bravo.run("explain", "crisis/")
    assert (refused.code, "obligations begin with" in refused.err) == (1, True)
    file = bravo.folder / "c.ics"
    assert "entries are in" in bravo.ok("calendar", "--ics", str(file))
    events = Calendar.from_ical(file.read_bytes()).walk("VEVENT")
    assert any(str(row["title"]) in str(event["SUMMARY"]) for event in events)
    assert "due" in alpha.ok("calendar")


def test_a_form_with_faults_is_refused_and_nothing_is_said(line: Pair) -> None:
    alpha, _ = line
    before = alpha.ok("log")
    refused = alpha.run("send", "--form", "cr/first", "--field", "knowledge=perhaps")
    assert refused.code == 1
    assert "From our side (origin): no answer was given. Answer it." in refused.err
    assert "'perhaps' is no item of the list" in refused.err
    assert alpha.run("send", "--form", "cr/none", *FIRST).code == 1
    assert alpha.run("send", "--form", "cr/first", "--field", "knowledge").code == 1
    assert alpha.ok("log") == before


SITES = """name,function,lat,lon,marking,number,remarks
Clinic north,clinic,15.350,44.200,roof,1,x
Clinic south,clinic,15.352,44.210,roof,2,
Well,water,44.21,15.36,none,3,
CLINIC  north,clinic,15.350,44.2001,roof,4,
School,school,,44.1,none,5,
Store,depot,15.4,44.3,none,6,
"""
COMMON = (
    "--field", "organisation=Relief mission", "--field", "until=2099-03-01",
    "--field", "sites.footprint=not known", "--field", "sites.site=x",
)  # fmt: skip


def test_a_list_of_sites_is_doubted_before_it_is_sent_and_sent_once(line: Pair) -> None:
    alpha, bravo = line
    (alpha.folder / "s.csv").write_text(SITES, encoding="utf-8")
    told = alpha.ok("form", "hu/site-add", "--sheet", "s.csv", *COMMON)
    for part in (
        "column 'remarks' fills no field",
        "row 4: swapped",
        "row 5: duplicate with row 2 (name)",
        "row 6: unreadable (place)",
        "'depot' is no item of the list",
        "nothing was sent; --send sends the 2 sound rows",
    ):
        assert part in told
    for _ in range(2):  # a second run says nothing twice
        sent = one_object(
            alpha.ok("--json", "form", "hu/site-add", "--sheet", "s.csv", *COMMON, "--send")
        )["sent"]
        assert isinstance(sent, list)
        assert [one["rows"] for one in sent if isinstance(one, dict)] == [[2, 3]]
    bravo.until(lambda event: event.get("form") == "hu/site-add")
    forms = [one for one in bravo.ok("log").splitlines() if "hu/site-add" in one]
    assert len(forms) == 1
    assert "Clinic south" in forms[0]


def test_who_has_no_pack_cannot_sign_the_charter_that_names_it(line: Pair, tmp_path: Path) -> None:
    alpha, _ = line
    named = ("--pack", "launch-notification", "--no-pack", "humanitarian-notification")
    alpha.ok("charter", "amend", "hotline.charter", *named, "--out", "next.charter")
    shown = alpha.ok("charter", "show", "next.charter")
    assert "pack: " in shown
    own = tmp_path / "own-pack"
    shutil.copytree(Path(__file__).parents[2] / "packs" / "launch-notification", own)
    head = own / "pack.toml"
    text = head.read_text("utf-8")
    head.write_text(
        text.replace('"launch-notification"', '"ours"').replace('"ln"', '"ours"'), "utf-8"
    )
    alpha.ok("charter", "amend", "hotline.charter", "--pack", str(own), "--out", "own.charter")
    (kept,) = [
        path
        for path in (alpha.home / "packs").glob("*.pack")
        if path.stem in alpha.ok("charter", "show", "own.charter")
        and path.stem not in alpha.ok("charter", "show", "hotline.charter")
    ]
    kept.unlink()
    refused = alpha.run("charter", "sign", "own.charter", "--yes")
    assert refused.code == 1
    assert "tieline pack keep FILE" in refused.err
    alpha.ok("pack", "keep", str(own))
    assert "pack ours, version 1" in alpha.ok("charter", "sign", "own.charter", "--yes")
