"""Where logs end whose keys have ended, by the lists of the charter's versions."""

from __future__ import annotations

import pytest
from tests.core.world import START_MS, chaff, kits, message, write

from tieline.core.closing import Closings
from tieline.core.provisions import LogEnd
from tieline.core.statement import Place, Statement

ALPHA, BRAVO = (party.stations[0] for party in kits(2))
LOG, OTHER, NEW = (chaff(name, 8) for name in ("log", "other", "new"))


def end(log: bytes, size: int) -> LogEnd:
    return LogEnd(log=log, size=size, last=bytes(32))


@pytest.fixture
def closings() -> Closings:
    """Version 3 ends a key of ALPHA, and LOG at 5; version 6 ends the next, and OTHER at 2."""
    made = Closings()
    made.add(3, [ALPHA.id], [end(LOG, 5), end(NEW, 9)])
    made.add(6, [ALPHA.id], [end(OTHER, 2)])
    made.add(7, [BRAVO.id], [])
    return made


def test_the_last_version_that_ended_a_key_counts(closings: Closings) -> None:
    assert closings.ended(ALPHA.id) == 6
    assert closings.ended(BRAVO.id) == 7
    assert closings.ended(b"stranger") is None


def test_a_list_ends_the_logs_of_the_stations_of_its_version_only(closings: Closings) -> None:
    assert closings.ending(ALPHA.id, LOG) == end(LOG, 5)
    assert closings.ending(ALPHA.id, OTHER) == end(OTHER, 2)
    assert closings.ending(BRAVO.id, LOG) is None
    assert closings.ending(b"stranger", LOG) is None
    assert closings.ending(ALPHA.id, b"unlisted") is None


def test_the_first_of_two_lists_that_name_a_log_counts(closings: Closings) -> None:
    closings.add(8, [ALPHA.id], [end(LOG, 3)])
    assert closings.ending(ALPHA.id, LOG) == end(LOG, 5)


def test_late_is_what_lies_beyond_the_listed_size(closings: Closings) -> None:
    for version in (1, 9):
        found = [closings.late_at(ALPHA.id, LOG, position, version) for position in range(7)]
        assert found == [False] * 5 + [True] * 2


def test_in_a_log_that_no_list_names_late_is_what_goes_by_an_earlier_version(
    closings: Closings,
) -> None:
    found = [closings.late_at(ALPHA.id, b"unlisted", 0, version) for version in range(1, 9)]
    assert found == [True] * 5 + [False] * 3
    assert not closings.late_at(b"stranger", b"unlisted", 0, 1)


def test_of_a_log_stays_what_comes_before_the_first_late_one(closings: Closings) -> None:
    assert [closings.kept(ALPHA.id, LOG, size, 1) for size in (0, 1, 5, 6, 99)] == [0, 1, 5, 5, 5]
    assert closings.kept(ALPHA.id, b"unlisted", 7, 5) == 0
    assert closings.kept(ALPHA.id, b"unlisted", 7, 6) == 7
    assert closings.kept(BRAVO.id, LOG, 7, 7) == 7
    assert closings.kept(b"stranger", LOG, 7, 1) == 7


def test_a_statement_is_judged_by_its_place() -> None:
    def said(position: int, charter: int) -> Statement:
        place = Place(
            line=bytes(16), station=ALPHA.id, incarnation=bytes(8), position=position,
            previous=bytes(32) if position else None, seen=(), time_ms=START_MS, charter=charter,
        )  # fmt: skip
        return write(ALPHA, "", place, message())

    closings = Closings()
    assert not closings.late(said(0, 1))
    assert closings.end_of(said(0, 1)) is None
    closings.add(2, [ALPHA.id], [end(said(0, 1).log, 2)])
    assert [closings.late(said(position, 1)) for position in range(4)] == [False, False, True, True]
    assert closings.end_of(said(9, 1)) == end(said(0, 1).log, 2)
