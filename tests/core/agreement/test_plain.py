"""The line of plain text of an answer says the same answer again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.made import ANSWERS, CITE, ITEMS, PIECES, TYPES
from tests.examples import tries

from tieline.core.agreement.model import Field, FieldType, Special
from tieline.core.agreement.places import Circle, Polygon, Position, Route, Waypoint
from tieline.core.agreement.plain import (
    MONTHS,
    UNREADABLE,
    quote,
    read,
    read_date,
    read_time,
    unquote,
    write,
    write_time,
)
from tieline.core.agreement.value import Answer, Code, Day, Hash, Instant, Number, Problem, Serial
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


@pytest.mark.parametrize("number", [0, 0x1F, 0x7F, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF])
def test_the_first_and_the_last_characters_come_back(number: int) -> None:
    assert unquote(quote(chr(number))) == chr(number)
    assert unquote(f"a\\u{{{number:X}}}b") == f"a{chr(number)}b"


@pytest.mark.parametrize(
    ("text", "special", "shown"),
    [
        ("a b", "", "a b"),
        (" a", "", "\\u{20}a"),
        ("a ", "", "a\\u{20}"),
        ("a  b", "", "a \\u{20}b"),
        ("a\n b", "", "a\\n\\u{20}b"),
        ("a \nb", "", "a\\u{20}\\nb"),
        ("[a]", "", "\\[a]"),
        ("a[", "", "a["),
        ("\\n", "", "\\\\n"),
        ("a/b", "/", "a\\u{2F}b"),
        ("a/b", "", "a/b"),
        ("\u202e", "", "\\u{202E}"),
    ],
)
def test_what_is_escaped(text: str, special: str, shown: str) -> None:
    assert quote(text, special) == shown
    assert unquote(shown) == text


@pytest.mark.parametrize(
    "text",
    ["\\", "\\x", "\\u{}", "\\u{110000}", "\\u{D800}", "\\u{DFFF}", "\\u{ff}", "\\u{1000000}"],
)
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
        (Special.WITHHELD, "[WITHHELD]"),
        (Special.NIL, "[NIL]"),
        (Instant(0), "010000Z JAN 70"),
        (Instant(3_155_759_940), "312359Z DEC 69"),
        (Instant(3_155_760_000), "2070-01-01T00:00:00Z"),
        (Serial(7), "7"),
        (Hash(bytes(31) + b"\xab"), "0" * 62 + "AB"),
        (
            Polygon(((1, 2), (3, 4), (-5, -6))),
            "POLYGON 0.0000001N 0.0000002E, 0.0000003N 0.0000004E, 0.0000005S 0.0000006W",
        ),
        (
            Route((Waypoint(0, 10_000_000), Waypoint(0, -5_000_000, 60))),
            "ROUTE 0N 1E, 0N 0.5W AT 010001Z JAN 70",
        ),
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
        (FieldType.HASH, "G" * 64),
        (FieldType.HASH, "A" * 65),
        (FieldType.SERIAL, "0"),
        (FieldType.SERIAL, "1" * 17),
        (FieldType.SERIAL, "1" * 16),
        (FieldType.CODE, "x"),
        (FieldType.COUNT, "-5"),
        (FieldType.COUNT, ""),
        (FieldType.COUNT, "9 +-1 M"),
        (FieldType.COUNT, "9 +-1 +-1"),
        (FieldType.TIME, "151440Z NOV 22 +-0 S"),
        (FieldType.TIME, "151440Z NOV 22 +-5"),
        (FieldType.TIME, "151440Z NOV 22 +-5 M"),
        (FieldType.TIME, "2022-11-15T24:00:00Z"),
        (FieldType.TIME, "2022-11-15T23:60:00Z"),
        (FieldType.TIME, "1969-12-31T23:59:59Z"),
        (FieldType.TIME, "001440Z NOV 22"),
        (FieldType.DATE, "2022-00-01"),
        (FieldType.DATE, "2022-01-00"),
        (FieldType.DATE, "2022-01-32"),
        (FieldType.DATE, "10000-01-01"),
        (FieldType.POSITION, "50.5N 23.8E 1N"),
        (FieldType.POSITION, "50.5E 23.8E"),
        (FieldType.POSITION, "50.5N 23.8N"),
        (FieldType.POSITION, "50.5N 23.8X"),
        (FieldType.POSITION, "50.12345678N 23E"),
        (FieldType.POSITION, 'x 1N DATUM "A"'),
        (FieldType.POSITION, '1N 1E DATUM "\\x"'),
        (FieldType.POSITION, '1N 1E TYPED "\\x"'),
        (FieldType.AREA, "CIRCLE 50.5X 23.8E RADIUS 5 M"),
        (FieldType.AREA, "CIRCLE 50.5N 23.8E RADIUS 0 M"),
        (FieldType.AREA, "POLYGON 1N 1E, 2N 2E, 3"),
        (FieldType.AREA, "1N 1E, 2N 2E, 3N 3E"),
        (FieldType.ROUTE, "1N 1E, 2N 2E"),
        (FieldType.ROUTE, "ROUTE 1N, 2N 2E"),
        (FieldType.ROUTE, "ROUTE 1N 1E"),
        (FieldType.PARTY, "alpha"),
        (FieldType.TEXT, "a\\x"),
        (FieldType.GROUP, "1"),
    ],
)
def test_what_is_refused(kind: FieldType, text: str) -> None:
    assert isinstance(read(field(kind), text, ITEMS), Problem)


@pytest.mark.parametrize("gap", [1, 2, 4, 8])
def test_a_hash_is_read_with_spaces_wherever_they_stand(gap: int) -> None:
    digits = "0123456789ABCDEF" * 4
    text = " ".join(digits[at : at + gap] for at in range(0, 64, gap))
    assert read(field(FieldType.HASH), text, ()) == Hash(bytes.fromhex(digits))
    assert read(field(FieldType.HASH), text.lower(), ()) == Hash(bytes.fromhex(digits))


def test_a_code_that_the_list_has_not_is_named() -> None:
    assert read(field(FieldType.CODE), "3", ITEMS) == Problem("field.code", (("code", "3"),))
    assert read(field(FieldType.CODE), "x", ITEMS) == UNREADABLE


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
