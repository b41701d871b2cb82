"""Times as the field writes them, against the calendar of the standard library."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.errors import LocalError
from tieline.core.terms import (
    MAX_TIME_MS,
    PARTY_CODE,
    REALM,
    Kind,
    Precedence,
    RefRole,
    Role,
    Rung,
    civil,
    dtg,
    rfc3339,
)

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@given(st.integers(0, MAX_TIME_MS))
def test_every_instant_is_the_one_of_the_calendar(time_ms: int) -> None:
    when = EPOCH + datetime.timedelta(milliseconds=time_ms)
    assert civil(time_ms) == (
        when.year, when.month, when.day, when.hour, when.minute, when.second,
    )  # fmt: skip
    assert rfc3339(time_ms) == f"{when.replace(microsecond=0, tzinfo=None).isoformat()}Z"
    assert dtg(time_ms) == when.strftime("%d%H%MZ ").upper() + _month(when) + f" {when:%y}"


def _month(when: datetime.datetime) -> str:
    names = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
    return names.split()[when.month - 1]


def test_every_day_of_four_hundred_years_is_that_of_the_calendar() -> None:
    first = EPOCH.toordinal()
    for day in range(146_097):
        date = datetime.date.fromordinal(first + day)
        assert civil(day * 86_400_000)[:3] == (date.year, date.month, date.day)
    assert dtg(1_668_523_200_000) == "151440Z NOV 22"


@pytest.mark.parametrize("time_ms", [-1, MAX_TIME_MS + 1])
def test_a_time_that_cannot_be_written_is_refused(time_ms: int) -> None:
    for write in (civil, dtg, rfc3339):
        with pytest.raises(LocalError) as caught:
            write(time_ms)
        assert caught.value.code == "time.range"


def test_codes_and_realms_have_no_second_spelling() -> None:
    for code in ("A", "ALPHA", "A-1", "A" * 12):
        assert PARTY_CODE.match(code)
    for code in ("", "1A", "-A", "alpha", "A" * 13, "ALPHA\n", "ALPHA ", "\u0410LPHA"):
        assert not PARTY_CODE.match(code)
    for realm in ("", "SPRING-TIDE", "7", "X" * 32):
        assert REALM.match(realm)
    for realm in ("-X", "spring", "X" * 33, "X\n", " "):
        assert not REALM.match(realm)


def test_numbers_that_stand_in_signed_bytes_never_change() -> None:
    """As docs/protocol.md lists them: another number is another statement."""
    assert [kind.value for kind in Kind] == [*range(12), 255]
    assert [role.value for role in Role] == [0, 1, 2, 3]
    assert [role.value for role in RefRole] == [1, 2, 3, 4, 5, 6]
    assert [rung.value for rung in Rung] == [1, 2, 3, 4, 5]
    assert {each.name: each.value for each in Precedence} == {
        "ROUTINE": 0, "PRIORITY": 1, "IMMEDIATE": 2, "FLASH": 3
    }  # fmt: skip
