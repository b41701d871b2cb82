"""An exercise on real stations that ends as an incident should: what its reports and score say."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tieline.core.errors import LocalError
from tieline.core.terms import Precedence
from tieline.exercise.__main__ import FOLDER
from tieline.exercise.answer import Entry
from tieline.exercise.runner import Options, run
from tieline.exercise.script import load, read

pytestmark = pytest.mark.timeout(600)
NAME = FOLDER / "all-firing-stops.toml"


def written(path: Path) -> Entry:
    return Entry(json.loads(path.read_text("utf-8")), path.name)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ending") / "out"
    folder.mkdir()
    summary = asyncio.run(run(load(NAME), Console(file=io.StringIO()), Options(out=folder)))
    assert summary.promises_broken == ()
    return folder


def test_all_that_ends_an_incident_stands_in_its_report(out: Path) -> None:
    landing = written(out / "report-1.json").entry("incident")
    assert (landing.text("name"), landing.text("state")) == ("Landing", "closed")
    assert {one.text("party") for one in landing.entries("closed_by")} == {"ALPHA", "BRAVO"}
    (hold,) = landing.entries("holds")
    assert (hold.text("state"), hold.text("binding")) == ("expired", "both")
    assert [one.text("stance") for one in hold.entries("replies")] == ["agreed"]
    (link,) = landing.entries("links")
    assert link.text("state") == "declined"
    (public,) = landing.entries("publics")
    assert public.text("state") == "made"  # with the hash of the plan, told before
    (joint,) = landing.entries("joints")
    (text,) = joint.entries("versions")
    assert (text.text("state"), text.flag("binds")) == ("binds", True)
    assert {one.text("party") for one in text.entries("signed")} == {"ALPHA", "BRAVO"}
    assert {(one.text("party"), one.text("says")) for one in text.entries("compliance")} == {
        ("ALPHA", "complying"), ("BRAVO", "complying"),
    }  # fmt: skip
    assert joint.number("bound_ms") < text.number("effective_ms")
    upstream = written(out / "report-2.json").entry("incident")
    assert (upstream.text("name"), upstream.text("state")) == ("Upstream", "closed by some")
    assert [one.text("party") for one in upstream.entries("closed_by")] == ["BRAVO"]


def test_the_signatures_needed_a_second_officer_of_each_side(out: Path) -> None:
    """They are of a precedence for which the charter wants two: no station signs it for one."""
    found = written(out / "report-1.json")
    assert Precedence.IMMEDIATE in load(NAME).rules.four_eyes
    signed = [one for one in found.entries("statements") if one.text("kind") in ("joint", "assent")]
    assert {(one.text("party"), one.text("precedence")) for one in signed} == {
        ("ALPHA", "IMMEDIATE"), ("BRAVO", "IMMEDIATE"),
    }  # fmt: skip


def test_the_score_says_what_the_incidents_say(out: Path) -> None:
    scored = written(out / "score.json")
    assert [one.text("state") for one in scored.entries("incidents")] == [
        "closed", "closed by some",
    ]  # fmt: skip
    parties = {one.text("party"): one for one in scored.entries("parties")}
    alpha, bravo = parties["ALPHA"], parties["BRAVO"]
    assert (alpha.number("first_fact_ms"), bravo.number("first_fact_ms")) == (480_000, 1_440_000)
    assert (alpha.number("signed"), bravo.number("signed")) == (1, 1)
    assert (alpha.number("corrected"), bravo.number("corrected")) == (1, 0)
    assert [one.entry("closed").number("done") for one in (alpha, bravo)] == [1, 2]


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ('effective = "042100Z MAR 26"', 'effective = "041900Z MAR 26"', "must lie after"),
        ('effective = "042100Z MAR 26"', "late_binds = true", "needs a time"),
        ('concerns = "landing"\neffective', 'concerns = "nothing"\neffective', "no earlier event"),
    ],
)
def test_a_joint_statement_that_could_not_be_made_is_refused_when_the_file_is_read(
    old: str, new: str, wrong: str
) -> None:
    text = NAME.read_text("utf-8")
    assert text.count(old) == 1
    with pytest.raises(LocalError, match=wrong):
        read(text.replace(old, new).encode(), "changed.toml")
