"""A season of agreements on real stations: the promises of its script, and what is owed at last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.exercise.test_runs import _end, _start

pytestmark = pytest.mark.timeout(600)

# Rule, debtor, state, paragraph and provenance of every obligation of the season.
OWED = """
hu/hold-passed ALPHA met - design
hu/hold-passed BRAVO met - design
hu/move-arrived DELTA met - design
hu/move-lead DELTA met - read
hu/move-passed ALPHA met - design
hu/move-passed BRAVO late - design
hu/move-reply ALPHA met - design
hu/move-reply BRAVO met - design
ln/launch-24h BRAVO met - read
vd/alert-land ALPHA met 41 memory
vd/insp-answer ALPHA met IX memory
vd/insp-answer ALPHA met IX memory
vd/insp-answer ALPHA met IX memory
vd/insp-answer ALPHA met IX memory
vd/insp-lead BRAVO met IX unverified
vd/insp-lead CHARLIE met IX unverified
vd/insp-lead CHARLIE met IX unverified
vd/insp-lead DELTA late IX unverified
vd/insp-length CHARLIE met IX read
vd/insp-report CHARLIE met IX memory
vd/invite-alert ALPHA met 41 memory
vd/observe-reply BRAVO lapsed VI memory
vd/observe-reply CHARLIE lapsed VI memory
vd/observe-reply DELTA met VI memory
vd/ua-meeting ALPHA overdue 16.2 read
vd/ua-meeting-asking BRAVO met 16.2 read
vd/ua-reply ALPHA late 16.1.2 read
"""
TAGS = {
    "humanitarian-notification": "hu",
    "launch-notification": "ln",
    "vienna-document-2011": "vd",
}


def row(one: dict[str, str]) -> str:
    pack, _, rule = one["rule"].partition("/")
    paragraph = one["paragraph"] or "-"
    return f"{TAGS[pack]}/{rule} {one['debtor']} {one['state']} {paragraph} {one['provenance']}"


def test_a_season_of_agreements_ends_with_every_promise_kept(tmp_path: Path) -> None:
    """An alert, section 16, an inspection, a launch window that moves, and a convoy on hold."""
    ended = _end(_start(tmp_path, "--scenario", "vienna-season"), tmp_path)
    assert (ended.code, ended.errors) == (0, ""), ended.told
    summary = ended.summary()
    assert (summary["promises_broken"], summary["lost"], summary["verified"]) == ([], 0, True)
    tables = {
        path.stem: sorted(row(one) for one in json.loads(path.read_text("utf-8"))["owed"])
        for path in ended.out.glob("record-*.json")
    }
    assert tables == dict.fromkeys(
        ("record-ALPHA", "record-BRAVO", "record-CHARLIE", "record-DELTA"), OWED.split("\n")[1:-1]
    )
