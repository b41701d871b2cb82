"""What a station owes the record, as the simulator counts it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.test_notes import three

from tieline.core.journal import Alarm
from tieline.core.terms import Precedence, Rung
from tieline.core.unsaid import content_of_silence
from tieline.sim.cutcheck import SAID_MS, Silences
from tieline.sim.schedule import NEVER_MS
from tieline.sim.violation import Violation

SLOT = 38_629


def test_an_uncalled_test_is_owed_unless_a_copy_of_the_station_has_said_it() -> None:
    _, alpha, _, _ = three()
    opened = alpha.line.record.order[0].statement
    place = replace(opened.place, station=alpha.who.id)
    content = content_of_silence(None, "BRAVO", Rung.RECEIVED, 5, 0, "", SLOT)
    said = replace(opened, place=place, content=content)
    alarm = Alarm(
        code="test.missed", precedence=Precedence.PRIORITY, text="BRAVO did not call it",
        party="BRAVO", item=SLOT.to_bytes(8, "big"),
    )  # fmt: skip
    owes = Silences(alpha.who.id)
    owes.rang(alarm, 1_000)
    owes.look(1_000 + SAID_MS)
    with pytest.raises(Violation, match="BRAVO has owed a word"):
        owes.look(1_001 + SAID_MS)
    owes.note(said)
    assert owes.due() == NEVER_MS
    copy = Silences(alpha.who.id)
    copy.note(said)
    copy.rang(alarm, 1_000)  # it rings here, too, and is on the record once
    assert copy.due() == NEVER_MS
    copy.rang(replace(alarm, party="CHARLIE"), 1_000)
    assert copy.due() != NEVER_MS
