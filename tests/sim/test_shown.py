"""What the simulator looks at of a display order, turn by turn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from tests.core.test_keys_change import line_of_four
from tests.core.world import Net, message

from tieline.core.line import Line
from tieline.core.record import Record
from tieline.sim.checkers import Checker, Ledger
from tieline.sim.shown import EACH, Shown
from tieline.sim.violation import Violation


def looked() -> tuple[Net, Record, Shown]:
    """A line, BRAVO's record of it, and what was shown of that."""
    net = line_of_four()
    record, shown = net.post("BRAVO").line.record, Shown()
    assert [item.statement.digest for item in shown.look(record)] == net.post("BRAVO").order()
    return net, record, shown


def swap(record: Record, one: int, other: int) -> None:
    refs = record.refs
    refs[one], refs[other] = refs[other], refs[one]


def test_what_came_up_since_is_told_once_and_the_order_is_that_of_the_record() -> None:
    net, record, shown = looked()
    assert shown.unmoved(record)
    said = net.post("ALPHA").speak(message("something new")).item
    net.deliver()
    assert not shown.unmoved(record)
    assert [item.statement.digest for item in shown.look(record)] == [said]
    assert shown.look(record) == []
    again = Shown()
    again.look(record)
    assert (again.print_of(), again.union) == (shown.print_of(), shown.union)
    assert [shown.where[digest] for digest in net.post("BRAVO").order()] == list(
        range(len(record.refs))
    )


@pytest.mark.parametrize("places", [(0, 1), (1, 3), (-2, -1)])
def test_another_order_is_seen_wherever_it_is(places: tuple[int, int]) -> None:
    _, record, shown = looked()
    swap(record, *places)
    assert not shown.unmoved(record)
    with pytest.raises(Violation, match="changed their order"):
        shown.look(record)


def test_what_is_not_shown_any_more_is_missed() -> None:
    _, record, shown = looked()
    del record.refs[-1]
    with pytest.raises(Violation, match="changed their order"):
        shown.look(record)


def exchanged() -> tuple[Record, Shown]:
    """Two statements of a log have changed places, and the references have not."""
    _, record, shown = looked()
    log = max(record.numbered, key=lambda log: log.size)
    recent = log.items.recent
    recent[0], recent[1] = recent[1], recent[0]
    return record, shown


def looks(record: Record, shown: Shown) -> None:
    for _ in range(EACH):
        if not shown.unmoved(record):
            shown.look(record)


def test_other_statements_behind_the_same_references_are_seen_in_time() -> None:
    record, shown = exchanged()
    with pytest.raises(Violation, match="changed their order"):
        looks(record, shown)
    record, shown = exchanged()
    with pytest.raises(Violation, match="changed their order"):
        shown.look(record, whole=True)


def test_a_station_that_starts_anew_is_looked_at_whole() -> None:
    net, record, shown = looked()
    again = net.post("BRAVO").reload().lines[net.post("BRAVO").line.id].record
    assert again is not record
    assert not shown.unmoved(again)
    assert shown.look(again) == []
    assert shown.unmoved(again)


def test_at_the_end_the_whole_order_is_looked_at() -> None:
    record, shown = exchanged()
    ledger = Ledger(b"", honest=True, shown=shown)
    line = cast("Line", SimpleNamespace(record=record))
    with pytest.raises(Violation, match="changed their order"):
        Checker(b"", "", {}).end([ledger], [line])


def test_the_hash_of_an_order_is_that_of_the_order_and_of_nothing_before() -> None:
    """What is inserted in the middle changes it from there on."""
    net, record, shown = looked()
    before = shown.print_of()
    for number in range(3):
        net.post("ALPHA" if number % 2 else "BRAVO").speak(message(f"number {number}"))
        net.deliver()
        shown.look(record)
        anew = Shown()
        anew.look(record)
        assert shown.print_of() == anew.print_of() != before
    swap(record, 1, 2)
    other = Shown()
    other.look(record)
    assert other.union == shown.union
    assert other.print_of() != shown.print_of()
