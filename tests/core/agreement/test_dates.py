"""Dates against the calendar of the standard library, to the ends of what can be written."""

from __future__ import annotations

import calendar
import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tieline.core.agreement.dates import (
    DAY_MS,
    civil_date,
    clamp_year,
    day_number,
    day_of,
    days_in_month,
    end_of,
    is_leap,
    start_of,
    within,
    year_of,
)
from tieline.core.errors import LocalError
from tieline.core.terms import MAX_TIME_MS

EPOCH = datetime.date(1970, 1, 1)


@given(st.dates(EPOCH, datetime.date(9999, 12, 31)))
@example(EPOCH)
@example(datetime.date(9999, 12, 31))
@example(datetime.date(2000, 2, 29))
@example(datetime.date(2000, 3, 1))
@example(datetime.date(2100, 3, 1))
@example(datetime.date(2024, 12, 31))
def test_a_date_has_its_number_and_a_number_its_date(date: datetime.date) -> None:
    number = (date - EPOCH).days
    assert day_number(date.year, date.month, date.day) == number
    assert civil_date(number) == (date.year, date.month, date.day)
    assert day_of(start_of(number)) == day_of(end_of(number)) == number
    assert day_of(start_of(number) - 1) == number - 1
    assert end_of(number) + 1 == start_of(number + 1)
    assert year_of(start_of(number)) == year_of(end_of(number)) == date.year


@pytest.mark.parametrize("year", [1970, 1972, 1999, 2000, 2023, 2024, 2100, 2400, 9999])
def test_months_are_as_long_as_they_are(year: int) -> None:
    assert is_leap(year) is calendar.isleap(year)
    for month in range(1, 13):
        assert days_in_month(year, month) == calendar.monthrange(year, month)[1]
        last = days_in_month(year, month)
        assert civil_date(day_number(year, month, last)) == (year, month, last)


def test_the_leap_day_of_a_common_year_is_the_day_before_march() -> None:
    assert day_number(2023, 2, 29) == day_number(2023, 2, 28)
    assert day_number(2024, 2, 29) == day_number(2024, 2, 28) + 1


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (1969, 12, 31), (10_000, 1, 1), (2023, 0, 1), (2023, 13, 1), (2023, 1, 0), (2023, 1, 32),
        (2023, 4, 31), (2023, 2, 30), (2024, 2, 30),
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(year: int, month: int, day: int) -> None:
    with pytest.raises(LocalError) as refused:
        day_number(year, month, day)
    assert refused.value.code == "time.range"


@pytest.mark.parametrize(
    ("time_ms", "inside"),
    [(-1, 0), (0, 0), (1, 1), (MAX_TIME_MS, MAX_TIME_MS), (MAX_TIME_MS + 1, MAX_TIME_MS)],
)
def test_a_time_beyond_what_can_be_written_is_the_nearest_that_can(
    time_ms: int, inside: int
) -> None:
    assert within(time_ms) == inside


def test_a_year_beyond_what_can_be_written_is_the_nearest_that_can() -> None:
    assert [clamp_year(year) for year in (1969, 1970, 9999, 10_000)] == [1970, 1970, 9999, 9999]
    assert (year_of(-DAY_MS), year_of(MAX_TIME_MS + DAY_MS)) == (1970, 9999)
