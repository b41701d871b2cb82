"""Incidents at two real stations, by both command lines: from the first word to closure and back.

What one desk shows of an incident, the other shows too: the views are compared as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk, one_object

from tieline.desk.report.pdf import PLACES
from tieline.node.view import Json

Pair = tuple[Desk, Desk]
PACKS = ("crisis", "incident")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from desks.pair(tmp_path_factory.mktemp("incidents"), real=False, packs=PACKS)


@pytest.fixture(scope="module")
def opened(line: Pair) -> str:
    """The digest of an incident that ALPHA opened with a first word of three fields."""
    alpha, bravo = line
    said = one_object(alpha.ok(
        "--json", "incident", "open", "--sure", "partly", "--own-forces", "unknown",
        "--next", "now+30m", "--where", "50.47N 23.93E +-200 M", "--name", "North field",
    ))  # fmt: skip
    assert (said["form"], said["incidents"]) == ("cr/first", [])
    return str(released(alpha, bravo, said)["item"])


def released(who: Desk, other: Desk, said: dict[str, Json]) -> dict[str, Json]:
    """What was said, once a second officer has released it and the other desk has it."""
    if not said["released"]:
        again = who.ok("--json", "release", str(said["draft"]), "--officer", "Second")
        said = {**said, **one_object(again)}
    other.until(lambda event: event.get("item") == said["item"])
    return said


def say(who: Desk, other: Desk, *command: str) -> str:
    """Say something in an incident; its digest."""
    return str(released(who, other, one_object(who.ok("--json", "incident", *command)))["item"])


def shown(desk: Desk, incident: str) -> dict[str, Json]:
    return one_object(desk.ok("--json", "incident", "show", incident))


def rows(view: dict[str, Json], name: str) -> list[dict[str, Json]]:
    value = view[name]
    assert isinstance(value, list)
    return [one for one in value if isinstance(one, dict)]


# What a desk shows for itself: numbers of its journal, its clock, and its own view of what is owed.
OWN = frozenset({"seq", "now_ms", "ours", "said", "reached", "escalation", "told"})


def alike(view: Json) -> Json:
    """A view without what is each desk's own."""
    if isinstance(view, dict):
        return {name: alike(value) for name, value in view.items() if name not in OWN}
    if isinstance(view, list):
        return [alike(one) for one in view]
    return view


def test_what_is_said_is_cited_where_it_belongs_and_both_desks_show_one_incident(
    line: Pair, opened: str
) -> None:
    alpha, bravo = line
    first = say(bravo, alpha, "account", "north FIELD", "--where", "50.5N 23.93E +-300 M",
                "--count", "2", "--sure", "high", "--source", "radar")  # fmt: skip
    better = say(bravo, alpha, "account", opened[:8], "--corrects", first[:12], "--count", "1")
    asked = say(alpha, bravo, "ask", "North field", "--of", "bravo", "--by", "now+1h",
                "--about", "evidence", "Which radar?")  # fmt: skip
    answered = say(bravo, alpha, "answer", asked[:12], "--stance", "later", "--next", "now+2h")
    told = str(one_object(alpha.ok("--json", "send", "we wait", "--incident", opened[:8]))["item"])
    bravo.until(lambda event: event.get("item") == told)
    views = [shown(desk, opened[:8]) for desk in line]
    assert alike(views[0]) == alike(views[1])
    items = [str(one["item"]) for one in rows(views[0], "messages")]
    assert items == [opened, first, better, asked, answered, told]
    (corrected,) = [one for one in rows(views[1], "messages") if one["item"] == first]
    assert corrected["replaced_by"] == better
    # What was corrected and not said anew stands as it was said; both versions are shown.
    accounts = {str(one["aspect"]): one for one in rows(views[0], "accounts")}
    assert (accounts["where"]["alignment"], accounts["count"]["alignment"]) == (
        "differ", "not stated",
    )  # fmt: skip
    assert rows(accounts["where"], "pairs")[0]["metres"] in range(3_330, 3_345)
    (of_bravo,) = rows(accounts["count"], "parties")
    versions = [
        (one["standing"], [each["n"] for each in rows(one, "stated")])
        for one in rows(of_bravo, "versions")
    ]
    assert versions == [("replaced", [2]), ("current", [1])]
    (question,) = rows(views[0], "questions")
    assert (question["state"], question["of"], question["answer"]) == (
        "promised",
        "BRAVO",
        answered,
    )
    # The clocks of what was promised and asked, with their rule; the first that runs is named.
    clocks = {str(one["rule"]): one for one in rows(views[0], "clocks")}
    assert (clocks["next-first"]["debtor"], clocks["answer-due"]["state"]) == ("ALPHA", "met")
    assert clocks["next-first"]["calms"] == ["cr/update", "cr/close", "in/close"]
    lines = alpha.ok("incident", "show", "North field")
    assert "this is the first clock" in lines
    assert "cr/update, cr/close or in/close meets it" in " ".join(lines.split())
    assert "Where: DIFFER, 3.3 km apart" in lines
    assert f"before: 2  (replaced by {better[:8]})" in lines
    assert max(len(each) for each in lines.splitlines()) <= 80


def test_a_promised_word_is_cited_by_the_word_that_keeps_it(line: Pair, opened: str) -> None:
    alpha, bravo = line
    say(alpha, bravo, "word", opened[:8], "--sure", "know", "--own-forces", "not-hostile",
        "--next", "now+1h")  # fmt: skip
    clocks = {str(one["rule"]): one for one in rows(shown(bravo, opened), "clocks")}
    assert clocks["next-first"]["state"] == "met"
    assert clocks["next-update"]["state"] == "open"


def test_both_lanes_and_who_knew_what(line: Pair, opened: str) -> None:
    alpha, bravo = line
    message = say(alpha, bravo, "account", opened[:8], "--when", "now-40m +-300 S")
    bravo.ok("ack", message[:12])
    alpha.until(lambda event: event.get("kind") == "acknowledge")
    lanes = one_object(alpha.ok("--json", "incident", "timeline", opened[:8]))
    (spread,) = [one for one in rows(lanes, "happened") if one["item"] == message]
    assert (spread["means"], spread["spread_s"]) == ("when", 300)
    (learned,) = [one for one in rows(lanes, "learned") if one["item"] == message]
    reached = learned["reached"]
    assert isinstance(reached, dict)
    assert isinstance(reached["BRAVO"], dict)
    assert set(reached["BRAVO"]) == {"received", "acknowledged"}
    text = bravo.ok("incident", "timeline", opened[:8])
    assert "give or take 5 min" in text
    assert f"BRAVO has acknowledged {message[:8]}" in text
    told = one_object(alpha.ok("--json", "incident", "known", message[:12]))
    assert opened in [one["item"] for one in rows(told, "read")]
    assert rows(told, "crossed") == []


def test_closed_by_both_and_opened_again(line: Pair, opened: str) -> None:
    alpha, bravo = line
    say(bravo, alpha, "close", opened[:8], "--reason", "settled")
    view = shown(alpha, opened)
    assert (view["state"], view["not_closed"]) == ("closed by some", ["ALPHA"])
    closing = one_object(alpha.ok("--json", "incident", "close", opened[:8], "--reason", "settled"))
    # The promise of a next word is kept by the closing, of whatever agreement its form is.
    assert "next-update" not in [one["rule"] for one in rows(closing, "owed")]
    released(alpha, bravo, closing)
    assert shown(alpha, opened)["escalation"] is None
    assert [shown(desk, opened)["state"] for desk in line] == ["closed", "closed"]
    assert bravo.ok("incident", "list") == "no incident is open\n"
    assert "CLOSED" in bravo.ok("incident", "list", "--all")
    say(bravo, alpha, "reopen", opened[:8], "--reason", "new-fact")
    view = shown(alpha, opened)
    assert (view["state"], view["closed_by"]) == ("open", [])


def test_two_incidents_are_linked_and_messages_brought_in(line: Pair, opened: str) -> None:
    alpha, bravo = line
    second = say(bravo, alpha, "open", "--sure", "know", "--own-forces", "not-hostile",
                 "--next", "now+30m")  # fmt: skip
    link = say(bravo, alpha, "link", opened[:8], second[:8], "--reason", "same-event")
    say(alpha, bravo, "link", "--answer", link[:12], "--stance", "agreed")
    aside = str(one_object(bravo.ok("--json", "send", "a word aside"))["item"])
    alpha.until(lambda event: event.get("item") == aside)
    say(bravo, alpha, "attach", second[:8], aside[:12])
    (brought,) = [one for one in rows(shown(alpha, second), "messages") if one["item"] == aside]
    assert (brought["brought_by"], brought["moves"]) == (["BRAVO"], True)
    assert link in [one["item"] for one in rows(shown(alpha, opened), "messages")]
    view = shown(alpha, second)
    assert link in [one["item"] for one in rows(view, "messages")]
    (joined,) = rows(view, "links")
    assert (joined["state"], joined["ends"]) == ("accepted", [opened, second])
    (beside,) = rows(view, "linked")
    assert (beside["name"], "where" in str(beside["accounts"])) == ("North field", True)


def test_where_the_accounts_meet_they_agree_and_attribution_stands_apart(
    line: Pair, opened: str
) -> None:
    alpha, bravo = line
    say(alpha, bravo, "account", opened[:8], "--where", "50.5N 23.93E +-300 M", "--count", "1")
    say(bravo, alpha, "attribute", opened[:8], "--cause", "air-defence", "--sure", "low")
    say(alpha, bravo, "attribute", opened[:8], "--cause", "strike")
    view = shown(bravo, opened)
    accounts = {str(one["aspect"]): one["alignment"] for one in rows(view, "accounts")}
    assert (accounts["where"], accounts["count"], "cause" in accounts) == ("agree", "agree", False)
    assert [(one["aspect"], one["alignment"]) for one in rows(view, "attribution")] == [
        ("cause", "differ")
    ]


def test_what_is_said_in_public_is_told_by_its_hash(line: Pair, opened: str) -> None:
    alpha, bravo = line
    (alpha.folder / "press.txt").write_text("what we say", encoding="utf-8")
    say(alpha, bravo, "public", opened[:8], "press.txt", "--state", "planned", "--at", "now+2h")
    (public,) = rows(shown(bravo, opened), "publics")
    digest = sha256(b"what we say").hexdigest()
    assert (public["state"], public["hash"]) == ("planned", digest)
    # Who has the text from the press sees whether it is the one that the line was told of.
    (bravo.folder / "as-read.txt").write_text("what we say", encoding="utf-8")
    (bravo.folder / "other.txt").write_text("what we said", encoding="utf-8")
    told = bravo.ok("incident", "public", opened[:8], "as-read.txt", "--check")
    assert "ALPHA has told the line of this text" in told
    assert bravo.run("incident", "public", opened[:8], "other.txt", "--check").code == 4
    (alpha.folder / "made.txt").write_text("what we said", encoding="utf-8")
    say(alpha, bravo, "public", opened[:8], "made.txt", "--state", "made")
    (public,) = rows(shown(bravo, opened), "publics")  # one statement, and in other words
    made = sha256(b"what we said").hexdigest()
    assert (public["hash"], public["made_hash"]) == (digest, made)
    assert "in other words" in bravo.ok("incident", "show", opened[:8])


def test_what_is_handed_on_for_another_and_without_prejudice_says_so(
    line: Pair, opened: str
) -> None:
    alpha, bravo = line
    said = say(alpha, bravo, "account", opened[:8], "--count", "3", "--through", "CHARLIE",
               "--without-prejudice")  # fmt: skip
    (count,) = [one for one in rows(shown(bravo, opened), "accounts") if one["aspect"] == "count"]
    voices = [(one["party"], one["through"]) for one in rows(count, "parties")]
    assert ("ALPHA", "CHARLIE") in voices
    assert "CHARLIE through ALPHA" in bravo.ok("incident", "show", opened[:8])
    assert "[WITHOUT PREJUDICE] [THROUGH CHARLIE]" in bravo.ok("log", said[:12])


def test_the_report_of_both_desks_has_the_same_figures_and_is_for_its_owner_alone(
    line: Pair, opened: str
) -> None:
    alpha, bravo = line
    text = one_object(alpha.ok("--json", "joint", "Both stop.", "--incident", opened[:8]))
    proposed = str(released(alpha, bravo, text)["item"])
    signed = released(bravo, alpha, one_object(bravo.ok("--json", "assent", proposed[:12])))
    acked = released(alpha, bravo, one_object(alpha.ok("--json", "ack", str(signed["item"])[:12])))
    assert acked["item"]
    reports = [
        one_object(desk.ok("--json", "incident", "report", opened[:8])) for desk in (alpha, bravo)
    ]
    assert alike(reports[0]["figures"]) == alike(reports[1]["figures"])
    figures, audit = reports[0]["figures"], reports[0]["audit"]
    assert isinstance(figures, dict)
    assert isinstance(audit, dict)
    assert (figures["corrected"], figures["questions"], figures["declined"]) == (1, 1, 0)
    assert isinstance(figures["joint_after"], int)
    assert (audit["ok"], audit["problems"]) == (True, [])
    (alpha.folder / "other.json").write_text(json.dumps(reports[1]), encoding="ascii")
    said = alpha.ok("incident", "report", opened[:8], "--out", "after.html", "--compare",
                    "other.json")  # fmt: skip
    assert "the report is in after.html" in said
    made = alpha.folder / "after.html"
    page = made.read_text("utf-8")
    assert made.stat().st_mode & 0o777 == 0o600
    for word in ("North field", "≠ DIFFER", "50.47N 23.93E", "Beside another incident", opened,
                 "✓ the record verifies", "Which radar?", "BRAVO has received",
                 "BINDS"):  # fmt: skip
        assert word in page, word
    again = alpha.run("--json", "incident", "report", opened[:8], "--out", "after.html")
    error = one_object(again.out)["error"]
    assert isinstance(error, dict)
    assert error["code"] == "file.exists"
    assert made.read_text("utf-8") == page
    alpha.ok("incident", "report", opened[:8], "--out", "after.html", "--force")
    assert "Beside another incident" not in made.read_text("utf-8")
    if any((Path(place) / "DejaVuSans.ttf").is_file() for place in PLACES):
        alpha.ok("incident", "report", opened[:8], "--out", "after.pdf", "--language", "ar")
        assert (alpha.folder / "after.pdf").read_bytes().startswith(b"%PDF-")
    refused = one_object(
        alpha.run("--json", "incident", "report", opened[:8], "--out", "a.txt").out
    )
    assert str(refused["error"]).count("act.argument") == 1


def test_what_cannot_be_said_is_refused_and_says_how_it_can(line: Pair, opened: str) -> None:
    alpha, _ = line
    for command, code in (
        (("show", "nowhere"), "incident.unknown"),
        (("account", opened[:8], "--whose", "BRAVO"), "usage"),
        (("attribute", opened[:8], "--sure", "low"), "incident.field"),
        (("answer", opened[:12], "--stance", "full"), "incident.answers"),
        (("link", opened[:8], opened[:12]), "act.argument"),
        (("ask", opened[:8], "--of", "BRAVO", "--by", "now+1h"), "act.argument"),
        (("close", opened[:8], "--form", "in/account"), "incident.form"),
        (("account", opened[:8], "--count", "many"), "form.unfit"),
    ):
        refused = alpha.run("--json", "incident", *command)
        error = one_object(refused.out)["error"]
        assert isinstance(error, dict)
        assert error["code"] == code, (command, error)
        assert refused.code == (2 if code == "usage" else 1)
    assert str(one_object(alpha.ok("--json", "drafts"))["drafts"]) == "[]"
    # What reads, and lies where the cited place would be with its numbers swapped, is a doubt.
    cites: Json = [{"item": opened, "role": "concerns"}]
    for typed, doubted in (("23.93 50.47", True), ("50.47 23.93", False), ("23.93N 50.47E", False)):
        fields: Json = {"where[1].is": typed}
        filled = alpha.call("fill", form="in/account", answers=fields, refs=cites)
        assert ("look swapped" in str(filled["doubts"])) is doubted, filled["doubts"]


def test_joint_statements_stand_in_the_incident_that_they_cite(line: Pair, opened: str) -> None:
    alpha, bravo = line
    made = released(alpha, bravo, one_object(alpha.ok(
        "--json", "joint", "propose", "One object fell; nobody meant it.", "--incident", opened[:8]
    )))  # fmt: skip
    released(bravo, alpha, one_object(bravo.ok("--json", "joint", "sign", str(made["item"])[:12])))
    for desk in line:
        chains = rows(shown(desk, opened[:8]), "joints")
        (chain,) = [one for one in chains if one["root"] == made["item"]]
        (version,) = rows(chain, "versions")
        assert version["item"] == made["item"]
        assert [one["party"] for one in rows(version, "signed")] == ["ALPHA", "BRAVO"]
        assert "One object fell" in desk.ok("incident", "show", opened[:8])


def test_a_contested_standing_is_shown_beside_what_the_party_says(line: Pair, opened: str) -> None:
    alpha, bravo = line
    said = one_object(alpha.ok(
        "--json", "incident", "standing", "bravo", "not-recognised", "--text", "Since 1 May.",
    ))  # fmt: skip
    claim = str(released(alpha, bravo, said)["item"])
    spoken = say(bravo, alpha, "account", opened[:8], "--count", "4")
    told = one_object(bravo.ok("--json", "send", "we go on"))
    alpha.until(lambda event: event.get("item") == told["item"])
    for desk in line:
        view = shown(desk, opened[:8])
        marked = {str(one["item"]): rows(one, "contested") for one in rows(view, "messages")}
        (one,) = marked[spoken]
        assert (one["by"], one["item"]) == ("ALPHA", claim)
        assert one["said"] == "we do not recognise it here"
        assert not any(marked[str(each["item"])] for each in rows(view, "messages")
                       if each["party"] == "ALPHA")  # fmt: skip
        words = "standing contested by ALPHA since"
        assert f"! {words}" in desk.ok("incident", "show", opened[:8])
        assert f"! {words}" in desk.ok("incident", "timeline", opened[:8])
        for item in (spoken, str(told["item"])):
            assert f"! {words}" in desk.ok("log", item[:12])
            assert rows(desk.call("item", item=item), "contested")
        desk.ok("incident", "report", opened[:8], "--out", "standing.html", "--force")
        report = (desk.folder / "standing.html").read_text("utf-8")
        assert words in report
    event = alpha.until(lambda event: event.get("item") == told["item"])
    assert rows(event, "contested")
    # Who agrees to it later contests no more.
    again = one_object(alpha.ok(
        "--json", "incident", "standing", "BRAVO", "party",
    ))  # fmt: skip
    released(alpha, bravo, again)
    assert again["form"] == "in/standing"
    assert "standing contested" not in bravo.ok("incident", "show", opened[:8])
