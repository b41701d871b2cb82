"""Why an alarm sounds, in the words of the station and of the desk."""

from __future__ import annotations

from tieline.desk.words import catalogue
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
