"""The line of plain text of an answer says the same answer again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.made import ANSWERS, CITE, ITEMS, PIECES, TYPES
from tests.examples import tries

from tieline.core.agreement.model import Field, FieldType, Special
from tieline.core.agreement.places import Circle, Position
from tieline.core.agreement.plain import (
    MONTHS,
    quote,
    read,
    read_date,
    read_time,
    unquote,
    write,
    write_time,
)
from tieline.core.agreement.value import Answer, Code, Day, Instant, Number, Problem
from tieline.core.terms import MAX_TIME_MS


def field(kind: FieldType) -> Field:
    return Field(number=1, id="f", type=kind, cite=CITE, codes="list", specials=frozenset(Special))


KIND_AND_ANSWER = st.sampled_from(TYPES).flatmap(
    lambda kind: st.tuples(st.just(kind), st.one_of(st.sampled_from(Special), ANSWERS[kind]))
)


@settings(max_examples=tries(200))
@given(KIND_AND_ANSWER, st.sampled_from(["", "/", '/"']))
def test_an_answer_comes_back(case: tuple[FieldType, Answer], special: str) -> None:
    kind, answer = case
    text = write(answer, special)
    assert text.isprintable()
    assert text == text.strip()
    assert not set(special) & set(text) - {'"'}
    assert read(field(kind), text, ITEMS) == answer
    if kind not in (FieldType.TEXT, FieldType.UNIT, FieldType.PARTY, FieldType.POSITION):
        assert read(field(kind), f"  {text.lower()} ", ITEMS) == answer


@given(PIECES)
def test_a_quoted_text_is_one_harmless_line(text: str) -> None:
    shown = quote(text, "/")
    assert unquote(shown) == text
    assert shown.isprintable()
    assert "/" not in shown
    assert not shown.startswith("[")


@pytest.mark.parametrize("text", ["\\", "\\x", "\\u{}", "\\u{110000}", "\\u{D800}", "\\u{ff}"])
def test_no_other_escape_is_read(text: str) -> None:
    assert unquote(text) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Code(7, "item-7"), "7"),
        (Number(9000, 500), "9000 +-500"),
        (Instant(1_668_523_200), "151440Z NOV 22"),
        (Instant(1_668_523_200, 300), "151440Z NOV 22 +-300 S"),
        (Instant(1_668_523_201), "2022-11-15T14:40:01Z"),
        (Day(19_311), "2022-11-15"),
        (Position(505_000_000, -238_000_001, 100), "50.5N 23.8000001W +-100 M"),
        (Position(0, 1_800_000_000), "0N 180E"),
        (Position(-900_000_000, 0, 0, "ED50", '5"'), '90S 0E DATUM "ED50" TYPED "5\\u{22}"'),
        (Circle(1, 2, 3), "CIRCLE 0.0000001N 0.0000002E RADIUS 3 M"),
        (Special.NOT_KNOWN, "[NOT KNOWN]"),
    ],
)
def test_how_it_looks(answer: Answer, text: str) -> None:
    assert write(answer) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FieldType.CODE, "item-7"),
        (FieldType.CODE, "3"),
        (FieldType.COUNT, "9 000"),
        (FieldType.COUNT, "9000 +-0"),
        (FieldType.COUNT, "9000 +-5 S"),
        (FieldType.COUNT, "\u0669"),
        (FieldType.TIME, "311440Z NOV 22"),
        (FieldType.TIME, "152440Z NOV 22"),
        (FieldType.TIME, "151460Z NOV 22"),
        (FieldType.TIME, "151440Z NON 22"),
        (FieldType.TIME, "151440A NOV 22"),
        (FieldType.TIME, "2022-11-15T14:40:60Z"),
        (FieldType.DATE, "2022-02-29"),
        (FieldType.DATE, "2022-13-01"),
        (FieldType.DATE, "1969-12-31"),
        (FieldType.POSITION, "23.8E 50.5N"),
        (FieldType.POSITION, "90.0000001N 0E"),
        (FieldType.POSITION, "0N 180W"),
        (FieldType.POSITION, "50.5N"),
        (FieldType.AREA, "CIRCLE 50.5N 23.8E"),
        (FieldType.AREA, "POLYGON 1N 1E, 2N 2E"),
        (FieldType.ROUTE, "ROUTE 1N 1E AT , 2N 2E"),
        (FieldType.HASH, "AB"),
        (FieldType.SERIAL, "0"),
    ],
)
def test_what_is_refused(kind: FieldType, text: str) -> None:
    assert isinstance(read(field(kind), text, ITEMS), Problem)


@settings(max_examples=tries(100))
@given(st.integers(0, MAX_TIME_MS // 1000))
def test_every_second_can_be_written(seconds: int) -> None:
    assert read_time(write_time(seconds)) == seconds
    assert read_time(write_time(seconds - seconds % 60)) == seconds - seconds % 60


@pytest.mark.parametrize("year", [2023, 2024, 2000, 2100])
def test_days_at_the_borders_of_months(year: int) -> None:
    for month in range(1, 13):
        first = read_date(f"{year}-{month:02d}-01")
        after = read_date(f"{year + month // 12}-{month % 12 + 1:02d}-01")
        assert first is not None
        assert after is not None
        assert write(Day(after - 1)).startswith(f"{year}-{month:02d}-")
        last = (after - 1) * 86_400 + 86_340
        if year < 2070:
            assert write_time(last)[:6].endswith("2359")
            assert write_time(last)[8:11] == MONTHS[month - 1]
        assert read_time(write_time(last + 60)) == after * 86_400
