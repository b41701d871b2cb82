"""Which line tests are past, at a start and after a new version of the charter."""

from __future__ import annotations

from tieline.core.line import Line
from tieline.core.linetest import slot_at
from tieline.core.terms import Now


def first_slot(line: Line, now: Now) -> None:
    """Say on a start which line tests are past.

    The slot we are in counts as done when its test is on record, or when the line or its charter is
    younger than the slot; earlier slots are past. One whose silence we have noted already is not
    noted again.
    """
    slot = slot_at(now.wall_ms, line.charter)
    if slot is None:
        return
    born = line.record.order[0].admitted_ms if line.record.order else now.wall_ms
    young = slot_at(max(born, line.amended_ms), line.charter) == slot
    line.slot_done = slot if slot in line.tests or young else slot - 1
    line.slot_checked = max(line.slot_done, min(line.slot_noted, slot))


def count_slots_anew(line: Line, wall_ms: int) -> None:
    """Begin with the next slot, because a new version may number slots and callers otherwise.

    What was noted under other numbers says nothing of these, and what was to be put on the record
    under them would be read as one of these.
    """
    before = line.charters.get(line.charter.version - 1)
    same = before and (before.charter.tests, before.charter.voices()) == (
        line.charter.tests, line.charter.voices()
    )  # fmt: skip
    if not same:
        line.ladder.unsaid.drop_tests()
    line.amended_ms = wall_ms
    line.slot_noted = -1
    slot = slot_at(wall_ms, line.charter)
    line.slot_done = line.slot_checked = -1 if slot is None else slot
