"""Everything at once on real stations, from the first word to a text that all have signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.exercise.test_runs import _end, _start

from tieline.exercise.__main__ import FOLDER
from tieline.exercise.script import load, read
from tieline.node.evidencefile import read_file

pytestmark = pytest.mark.timeout(600)
PARTIES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")


def test_the_acceptance_exercise_ends_with_every_promise_kept(tmp_path: Path) -> None:
    ended = _end(_start(tmp_path, "--scenario", "acceptance"), tmp_path)
    assert (ended.code, ended.errors) == (0, ""), ended.told
    summary = ended.summary()
    assert (summary["promises_broken"], summary["lost"], summary["verified"]) == ([], 0, True)
    assert (summary["forged_tried"], summary["forged_accepted"]) == (4, 0)
    assert (summary["stories_told"], summary["stories_proved"]) == (1, len(PARTIES))
    for code in PARTIES:
        record = json.loads((tmp_path / f"record-{code}.json").read_text("utf-8"))
        joint = [one for one in record["content"] if one["kind"] == "joint"]
        assert [(one["assented"], one["effective"]) for one in joint] == [
            (["ALPHA", "BRAVO", "CHARLIE", "DELTA"], True)
        ], code
        owed = {(one["rule"], one["debtor"]): one["state"] for one in record["owed"]}
        assert owed["vienna-document-2011/ua-reply", "BRAVO"] == "overdue"
        assert owed["vienna-document-2011/alert-land", "ALPHA"] == "met"
        assert owed["humanitarian-notification/hold-passed", "ALPHA"] == "met"
        assert owed["humanitarian-notification/hold-passed", "BRAVO"] == "met"
    evidence, known_page = read_file(tmp_path / "evidence.html")
    assert (evidence.verdict, known_page) == ("checked", True)
    assert [one.party for one, _ in evidence.conflicts] == ["DELTA"]
    assert {entry.party for entry in evidence.entries} == set(PARTIES)


def test_the_acceptance_exercise_has_all_that_was_asked_of_it() -> None:
    """What each act of the script promises is checked by the run; that it is there, here."""
    scenario = load(FOLDER / "acceptance.toml")
    acts = [type(event.act).__name__ for event in scenario.events]
    assert {"Cut", "Heal", "Carry", "Forge", "Equivocate", "Joint", "Assent"} <= set(acts)
    assert [party.code for party in scenario.parties if not party.wired] == ["CHARLIE"]
    assert scenario.unwired == (("ALPHA", "CHARLIE"), ("BRAVO", "CHARLIE"), ("CHARLIE", "DELTA"))
    alert = next(event.act for event in scenario.events if event.label == "alert")
    assert ("troops", "13100") in getattr(alert, "answers", ())


def test_nothing_is_carried_to_whom_it_comes_from() -> None:
    text = (FOLDER / "acceptance.toml").read_text("utf-8")
    wrong = text.replace(
        'act = "carry"\nfrom = "ALPHA"\nto = "CHARLIE"',
        'act = "carry"\nfrom = "ALPHA"\nto = "ALPHA"',
    )
    with pytest.raises(Exception, match="'from' and 'to' must be two different parties"):
        read(wrong.encode(), "wrong.toml")
