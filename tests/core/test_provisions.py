"""The provisions of a charter at their bounds: the last that is taken, the first that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.core.world import Key, chaff

from tieline.core import provisions
from tieline.core.errors import RemoteError
from tieline.core.provisions import (
    Clocks,
    Intervals,
    LogEnd,
    Release,
    Witness,
    read_clocks,
    read_closed,
    read_codes,
    read_intervals,
    read_packs,
    read_pairs,
    read_release,
    read_tests,
    read_witnesses,
)
from tieline.core.terms import Precedence

YEAR_S = 366 * 86_400
KEYS = [Key(f"key {number}").public for number in range(66)]
LATE = [chaff(f"late {number}", 1312) for number in range(2)]
ROWS = tuple((number,) * 5 for number in (1, 2, 3, YEAR_S))
LAST = bytes(32)


def log(number: int) -> bytes:
    return number.to_bytes(8, "big")


def refused(read: Callable[..., object], *given: Any) -> str:
    with pytest.raises(RemoteError) as caught:
        read(*given)
    return caught.value.code


def test_what_holds_where_a_charter_says_nothing() -> None:
    assert Clocks() == Clocks(
        flash=(600,) * 5, immediate=(1_800,) * 5, priority=(10_800,) * 5, routine=(21_600,) * 5
    )
    assert provisions.Tests() == provisions.Tests(interval_s=0, window_s=600, answered_by="officer")
    assert Release() == Release(four_eyes=frozenset(Precedence), standing=())
    assert read_intervals(None) == provisions.DEFAULT_INTERVALS == Intervals()
    assert read_codes(None, "observers") == ()
    assert (provisions.MAX_CLOSED, provisions.MAX_LISTED) == (1_024, 64)


def test_clocks_are_four_rows_of_five() -> None:
    clocks = read_clocks(ROWS)
    assert [clocks.of(precedence) for precedence in Precedence] == list(ROWS)
    for bad in (
        ROWS[:3], (*ROWS, ROWS[0]), (*ROWS[:3], (1,) * 4), (*ROWS[:3], (1,) * 6),
        (*ROWS[:3], (1, 1, 1, 1, 0)), (*ROWS[:3], (1, 1, 1, 1, YEAR_S + 1)),
        (*ROWS[:3], (1, 1, 1, 1, True)), (*ROWS[:3], 5),
    ):  # fmt: skip
        assert refused(read_clocks, bad) == "charter.clocks"


@pytest.mark.parametrize(
    "items",
    [(0, 1, "officer"), (0, YEAR_S, "station"), (YEAR_S, YEAR_S, "officer"), (60, 60, "station")],
)
def test_a_line_test_has_its_window_within_its_interval(items: tuple[Any, ...]) -> None:
    assert read_tests(items) == provisions.Tests(
        interval_s=items[0], window_s=items[1], answered_by=items[2]
    )


@pytest.mark.parametrize(
    "items",
    [
        (), (60, 60), (60, 60, "officer", 1), (-1, 60, "officer"), (YEAR_S + 1, 60, "officer"),
        (60, 0, "officer"), (60, 61, "officer"), (0, YEAR_S + 1, "officer"), (60, 60, "nobody"),
        (60, 60, 5), (True, 1, "officer"),
    ],
)  # fmt: skip
def test_what_is_no_line_test_is_refused(items: tuple[Any, ...]) -> None:
    assert refused(read_tests, items) == "charter.tests"


def test_release_lists_precedences_and_forms() -> None:
    forms = tuple(f"f/{number}" for number in range(64))
    assert read_release(((0, 3), forms)) == Release(
        four_eyes=frozenset({Precedence.ROUTINE, Precedence.FLASH}), standing=forms
    )
    assert read_release(((), ("x" * 64,))).standing == ("x" * 64,)
    for bad in (
        (), ((),), ((), (), ()), ((4,), ()), ((-1,), ()), ((0, 0), ()), ((True,), ()),
        ((), (*forms, "one/more")), ((), ("x" * 65,)), ((), ("",)), ((), (5,)), (5, ()), ((), 5),
    ):  # fmt: skip
        assert refused(read_release, bad) == "charter.release"


def test_intervals_are_two() -> None:
    assert read_intervals((1, YEAR_S)) == Intervals(checkpoint_s=1, seal_s=YEAR_S)
    assert read_intervals((YEAR_S, 1)) == Intervals(checkpoint_s=YEAR_S, seal_s=1)
    for bad in ((), (1,), (1, 1, 1), (0, 1), (1, 0), (YEAR_S + 1, 1), (1, YEAR_S + 1), ("1", 1)):
        assert refused(read_intervals, bad) == "charter.intervals"


def test_packs_are_named_by_hash() -> None:
    packs = tuple(bytes((number,)) * 32 for number in range(64))
    assert read_packs(packs) == packs
    assert read_packs(()) == ()
    for bad in ((*packs, bytes(32)), (bytes(31),), (bytes(33),), ("pack",)):
        assert refused(read_packs, bad) == "charter.packs"


def test_witnesses_have_a_name_and_a_key_and_maybe_a_late_one() -> None:
    items = (("a", KEYS[0]), ("b", KEYS[1], LATE[0]), ("c", KEYS[2], LATE[1]), ("d", KEYS[3]))
    found = read_witnesses(items)
    assert found == (
        Witness(name="a", key=KEYS[0]),
        Witness(name="b", key=KEYS[1], mldsa=LATE[0]),
        Witness(name="c", key=KEYS[2], mldsa=LATE[1]),
        Witness(name="d", key=KEYS[3]),
    )
    assert tuple(witness.entry() for witness in found) == items
    most = tuple((f"w{number}", KEYS[number]) for number in range(64))
    assert len(read_witnesses(most)) == 64
    for bad in (
        (*most, ("more", KEYS[64])), (("a", KEYS[0]), ("a", KEYS[1])), (("a", KEYS[0], b"short"),),
        (("a", KEYS[0], "text"),), (("a", KEYS[0], LATE[0]), ("b", KEYS[1], LATE[0])), (("a",),),
        ((KEYS[0], "a"),), ("a",), (("a", KEYS[0], LATE[0], LATE[1]),),
    ):  # fmt: skip
        assert refused(read_witnesses, bad) == "charter.witnesses"
    assert refused(read_witnesses, (("a", bytes(32)),)).startswith("key.")
    assert refused(read_witnesses, (("", KEYS[0]),)) == "charter.name"


def test_parties_are_named_once() -> None:
    assert read_codes(("ALPHA", "BRAVO"), "observers") == ("ALPHA", "BRAVO")
    for part in ("observers", "excused"):
        for bad in (("ALPHA", "ALPHA"), (5,), ("ALPHA", b"BRAVO")):
            assert refused(read_codes, bad, part) == f"charter.{part}"
    assert refused(read_codes, ("alpha",), "observers") == "charter.party"


def test_a_log_ends_at_a_size_with_a_statement() -> None:
    assert read_closed(((log(1), 1, LAST), (log(2), 2**48, LAST))) == (
        LogEnd(log=log(1), size=1, last=LAST),
        LogEnd(log=log(2), size=2**48, last=LAST),
    )
    most = tuple((log(number), 1, LAST) for number in range(1_024))
    assert len(read_closed(most)) == 1_024
    for bad in (
        (*most, (log(1_024), 1, LAST)), ((log(1), 0, LAST),), ((log(1), 2**48 + 1, LAST),),
        ((bytes(7), 1, LAST),), ((bytes(9), 1, LAST),), ((log(1), 1, bytes(31)),),
        ((log(1), 1, bytes(33)),), ((log(1), 1, LAST), (log(1), 2, LAST)), ((log(1), 1),),
        ((log(1), True, LAST),), (5,), (("log", 1, LAST),), ((log(1), 1, "last"),),
    ):  # fmt: skip
        assert refused(read_closed, bad) == "charter.closed"


def test_pairs_are_a_text_and_a_key_that_is_one() -> None:
    most = tuple((f"w{number}", KEYS[number]) for number in range(64))
    assert read_pairs(most, "leaving") == most
    for bad in ((*most, ("more", KEYS[64])), (("a", KEYS[0], 1),), ((5, KEYS[0]),), (("a", 5),)):
        assert refused(read_pairs, bad, "leaving") == "charter.leaving"
    assert refused(read_pairs, (("a", bytes(32)),), "leaving").startswith("key.")


def test_a_refusal_says_what_and_what_to_do() -> None:
    error = provisions.refusal("part", "has something wrong")
    assert (error.code, error.message) == (
        "charter.part", "the charter has something wrong; have it made anew",
    )  # fmt: skip
