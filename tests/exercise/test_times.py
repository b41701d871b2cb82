"""Moments and spans of a scenario."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.errors import LocalError
from tieline.core.terms import dtg
from tieline.exercise.times import h_plus, moment_ms, span_ms

START = 1_668_523_200_000  # 151440Z NOV 22


@pytest.mark.parametrize(
    ("text", "after_s"),
    [
        ("H+0", 0),
        ("H+3:20", 12_000),
        ("H+0:00:30", 30),
        ("H+20", 72_000),
        ("151440Z", 0),
        ("151500Z", 1_200),
        ("151439Z", 30 * 86_400 - 60),  # the first such moment after the start: a month later
        ("160000Z NOV 22", 33_600),
    ],
)
def test_moments(text: str, after_s: int) -> None:
    assert moment_ms(text, START) == START + after_s * 1000


@pytest.mark.parametrize(
    "text",
    ["", "H", "H+", "H+1:60", "H+1:2", "h+1", "H+1 ", "H-1", "1440", "151460Z", "321440Z",
     "151440Z NOV 21", "151440Z XXX 22", "H+1:00\n"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(LocalError) as refused:
        moment_ms(text, START)
    assert refused.value.code == "scenario.time"


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("10m", 600_000), ("2h", 7_200_000), ("1h30m", 5_400_000)]
)
def test_spans(text: str, ms: int) -> None:
    assert span_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "1.5h", "30m1h", "10m\n"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(LocalError) as refused:
        span_ms(text)
    assert refused.value.code == "scenario.time"


@given(st.integers(0, 999 * 3600))
def test_a_moment_reads_back(seconds: int) -> None:
    at_ms = START + seconds * 1000
    assert moment_ms(h_plus(at_ms, START), START) == at_ms


@given(st.integers(0, 27 * 1440))
def test_a_date_time_group_reads_back(minutes: int) -> None:
    at_ms = START + minutes * 60_000
    assert moment_ms(dtg(at_ms), START) == at_ms
