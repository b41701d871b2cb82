"""Why an alarm sounds, in the words of the station and of the desk."""

from __future__ import annotations

from pathlib import Path

from tieline.desk.web.frame import environment
from tieline.desk.web.shapes import View
from tieline.desk.words import LANGUAGES, catalogue
from tieline.node.alarmbook import State
from tieline.node.alarmoutputs import KINDS
from tieline.node.alarmview import WHY


def test_the_desk_says_in_english_what_the_station_says() -> None:
    words = catalogue("en").words
    head = "desk.why."
    assert {k.removeprefix(head): w for k, w in words.items() if k.startswith(head)} == WHY


def test_each_state_and_each_kind_of_output_has_words() -> None:
    words = catalogue("en").words
    head = "desk.alarms.state."
    shown = {k.removeprefix(head) for k in words if k.startswith(head)}
    assert shown == set(State) - {State.PENDING}
    assert {f"desk.alarms.kind.{kind}" for kind in KINDS} <= words.keys()


def test_what_rings_is_told_in_the_officers_language_with_the_stations_own_words() -> None:
    head = "desk.rings."
    operations = Path("docs/operations.md").read_text("utf-8")
    for language in LANGUAGES:
        words = catalogue(language).words
        codes = {key.removeprefix(head) for key in words if key.startswith(head)}
        assert len(codes) == 29
        assert all(f"`{code}" in operations for code in codes - {"store.full"})
        rings = environment(language).globals["rings"]
        for code in ("owed.any.rule", "store.low", "no.such_code"):
            said = str(rings.told(View(code=code, text="<b>\u202e", party="ALPHA")))  # type: ignore[attr-defined]
            assert "<b>" not in said
            assert "\u202e" not in said
            own = language != "en" and code != "no.such_code"
            assert ('lang="en"' in said) is own
