"""Each kind of value: what it takes to the last one, what it says of others, and its encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tieline.core.agreement import kinds
from tieline.core.agreement.kinds import (
    DAY_MS,
    MAX_DURATION_MS,
    MAX_FAULTS,
    Choice,
    Duration,
    Enough,
    Flag,
    Kind,
    ListOf,
    MonthDay,
    Report,
    SetOf,
    Source,
    Span,
    Spot,
    Step,
    Text,
    Whole,
    near,
    shown,
)
from tieline.core.agreement.load import Words
from tieline.core.agreement.model import Cite, Provenance
from tieline.core.agreement.vocabulary import Instant
from tieline.core.errors import RemoteError
from tieline.core.terms import MAX_TIME_MS

CITE = Cite("", Provenance.DESIGN)
COLOURS = Choice({"red": 1, "green": 2}, 0)
CODE = Text("a code", "[A-Z]+", 3, blank="?")


def spot(report: Report, lines: Mapping[tuple[Step, ...], int] | None = None) -> Spot:
    return Spot(report, Source("pack.toml", {}, lines or {}), ("a", 0, "key", 3), CITE)


def read(kind: Kind, value: object) -> tuple[object, list[str]]:
    """What is read, and what is said of it."""
    report = Report()
    got = kind.read(value, spot(report))
    return got, [fault.text for fault in report.faults]


TAKEN: list[tuple[Kind, object, object, object]] = [
    # kind, in a file, as a value, in the canonical encoding
    (CODE, "ABC", "ABC", "ABC"),
    (Text(), "x" * 200, "x" * 200, "x" * 200),
    (Whole(-2, 5), -2, -2, -2),
    (Whole(-2, 5), 5, 5, 5),
    (Flag(), True, True, True),
    (Flag(), False, False, False),
    (Duration(), "1d2h3m4s", DAY_MS + 7_200_000 + 184_000, DAY_MS + 7_384_000),
    (Duration(), "-42d", -42 * DAY_MS, -42 * DAY_MS),
    (Duration(), "36525d", MAX_DURATION_MS, MAX_DURATION_MS),
    (Duration(), "-36525d", -MAX_DURATION_MS, -MAX_DURATION_MS),
    (Duration(negative=False), "0s", 0, 0),
    (Duration(), f"{'0' * 5}1d{'0' * 5}2h{'0' * 5}3m{'0' * 5}4s", 93_784_000, 93_784_000),
    (COLOURS, "green", 2, "green"),
    (ListOf(CODE, 2, 1), ["A"], ("A",), ("A",)),
    (ListOf(CODE, 2, 1), ["B", "A"], ("B", "A"), ("B", "A")),
    (ListOf(CODE, 2), [], (), ()),
    (SetOf(COLOURS), ["green", "red"], frozenset({1, 2}), ("red", "green")),
    (Span(9), [0, 9], (0, 9), (0, 9)),
    (Span(9), [4, 4], (4, 4), (4, 4)),
    (MonthDay(), "01-01", (1, 1), (1, 1)),
    (MonthDay(), "12-31", (12, 31), (12, 31)),
    (MonthDay(), "02-28", (2, 28), (2, 28)),
    (Instant(), "1970-01-01T00:00:00Z", 0, 0),
    (Instant(), "9999-12-31T23:59:59Z", 253_402_300_799_000, 253_402_300_799_000),
    (Words({}), {"b": "y", "a": "x"}, {"a": "x", "b": "y"}, ("a", "x", "b", "y")),
]


@pytest.mark.parametrize(("kind", "text", "value", "bytes_"), TAKEN)
def test_what_is_taken_comes_back(kind: Kind, text: object, value: object, bytes_: Any) -> None:
    assert read(kind, text) == (value, [])
    assert kind.encode(value) == bytes_
    assert kind.decode(bytes_) == value
    assert type(kind.decode(bytes_)) is type(kind.read(text, spot(Report())))


PERIOD = (
    '\'key\' must be a period such as "48h", "30m" or "-42d", of days, hours, minutes and seconds'
    " in this order"
)
SPAN = "'key' must be two numbers from 0 to 9, the lower one first, such as [1, 9]"
DAY = "'key' must be a day of every year as month and day, such as \"12-15\" (29 February is none)"
KEY = '"form.first.title"'
REFUSED: list[tuple[Kind, object, object, str]] = [
    # kind, in a file, what stands in its place, what is said
    (CODE, 7, "?", "'key' must be a code, in quotation marks"),
    (CODE, "ABCD", "?", "'key' must be at most 3 characters long; it has 4, shorten it"),
    (CODE, "AbC", "?", "'key' must be a code; 'AbC' is not"),
    (Text(), "a\nb", "", "'key' must be a text; 'a\\nb' is not"),
    (Text(), "x" * 201, "", "'key' must be at most 200 characters long; it has 201, shorten it"),
    (Whole(-2, 5, 1), -3, 1, "'key' must be a whole number from -2 to 5"),
    (Whole(-2, 5), 6, 0, "'key' must be a whole number from -2 to 5"),
    (Whole(0, 1), True, 0, "'key' must be a whole number from 0 to 1"),
    (Flag(), "true", False, "'key' must be true or false, without quotation marks"),
    (Duration(), 5, DAY_MS, PERIOD),
    (Duration(), "", DAY_MS, PERIOD),
    (Duration(), "1h1d", DAY_MS, PERIOD),
    (Duration(), "5", DAY_MS, PERIOD),
    (Duration(), "1000000d", DAY_MS, PERIOD),
    (Duration(negative=False), "x", DAY_MS, PERIOD.replace(' or "-42d"', "")),
    (Duration(), "36525d1s", DAY_MS, "'key' must be a hundred years at most; shorten the period"),
    (
        Duration(5, negative=False), "-1s", 5,
        "'key' must be a period that is not negative; take the minus away",
    ),
    (COLOURS, "blue", 0, "'key' must be one of red, green; 'blue' is none"),
    (COLOURS, 7, 0, "'key' must be one of red, green; '7' is none"),
    (ListOf(CODE, 2), "A", (), "'key' must be an array, in square brackets"),
    (ListOf(CODE, 2), ["A", "B", "C"], (), "'key' must be an array of 0 to 2 elements; it has 3"),
    (ListOf(CODE, 2, 1), [], (), "'key' must be an array of 1 to 2 elements; it has 0"),
    (
        ListOf(CODE, 2), ["A", "A"], ("A", "A"),
        "'key' must be an array without repetition; take the second one out",
    ),
    (SetOf(COLOURS), ["red", "green", "red"], frozenset(),
     "'key' must be an array of 0 to 2 elements; it has 3"),
    (Span(9), [1, 10], (0, 1), SPAN),
    (Span(9), [-1, 1], (0, 1), SPAN),
    (Span(9), [2, 1], (0, 1), SPAN),
    (Span(9), [True, 1], (0, 1), SPAN),
    (Span(9), [0, True], (0, 1), SPAN),
    (Span(9), [1], (0, 1), SPAN),
    (Span(9, (3, 4)), 1, (3, 4), SPAN),
    (MonthDay(), "00-01", (1, 1), DAY),
    (MonthDay(), "13-01", (1, 1), DAY),
    (MonthDay(), "01-00", (1, 1), DAY),
    (MonthDay(), "01-32", (1, 1), DAY),
    (MonthDay(), "02-29", (1, 1), DAY),
    (MonthDay(), "04-31", (1, 1), DAY),
    (MonthDay(), "1-1", (1, 1), DAY),
    (MonthDay(), 12, (1, 1), DAY),
    (MonthDay(), "\u0661\u0662-01", (1, 1), DAY),
    (Instant(), 5, 0, "'key' must be a UTC time such as 2023-02-21T00:00:00Z"),
    (Instant(), "2023", 0, "'key' must be a UTC time such as 2023-02-21T00:00:00Z"),
    (Words({}), [], {}, "'key' must be a table of texts, headed [words]"),
    (
        Words({}), {"a": {"b": "x"}, "c": "y"}, {"c": "y"},
        f"the key 'a' holds no text; put the whole key in quotation marks, such as {KEY}",
    ),
    (Words({}), {"A b": "x"}, {}, "'A b' must be the key of a text in words/; 'A b' is not"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "blank", "sentence"), REFUSED)
def test_what_is_refused_in_a_file(kind: Kind, value: object, blank: object, sentence: str) -> None:
    assert read(kind, value) == (blank, [sentence])


def test_a_fault_in_an_element_stands_where_the_element_does() -> None:
    report = Report()
    lines: dict[tuple[Step, ...], int] = {("a",): 2, ("a", 0, "key", 3, 1): 7}
    assert ListOf(CODE, 3).read(["A", "b", "C"], spot(report, lines)) == ("A", "?", "C")
    assert [(fault.file, fault.line) for fault in report.faults] == [("pack.toml", 7)]


NO_PACK: list[tuple[Kind, object, str]] = [
    (CODE, "ABCD", "something else where a code belongs"),
    (CODE, "abc", "something else where a code belongs"),
    (CODE, 1, "something else where a code belongs"),
    (Whole(-2, 5), -3, "no whole number from -2 to 5 where one belongs"),
    (Whole(-2, 5), 6, "no whole number from -2 to 5 where one belongs"),
    (Whole(0, 1), True, "no whole number from 0 to 1 where one belongs"),
    (Flag(), 1, "no truth value where one belongs"),
    (Duration(), 1500, "no period where one belongs"),
    (Duration(), True, "no period where one belongs"),
    (Duration(), MAX_DURATION_MS + 1000, "no period where one belongs"),
    (Duration(), -MAX_DURATION_MS - 1000, "no period where one belongs"),
    (Duration(negative=False), -1000, "no period where one belongs"),
    (COLOURS, "blue", "something else where one of red, green belongs"),
    (COLOURS, (), "something else where one of red, green belongs"),
    (ListOf(CODE, 2, 1), (), "no array of 1 to 2 elements where one belongs"),
    (ListOf(CODE, 2, 1), ("A", "B", "C"), "no array of 1 to 2 elements where one belongs"),
    (ListOf(CODE, 2, 1), "A", "no array of 1 to 2 elements where one belongs"),
    (SetOf(COLOURS), ("red",) * 3, "no array of 0 to 2 elements where one belongs"),
    (Span(9), (2, 1), "no two ordered numbers where they belong"),
    (Span(9), (-1, 1), "no two ordered numbers where they belong"),
    (Span(9), (0, 10), "no two ordered numbers where they belong"),
    (Span(9), (True, 1), "no two ordered numbers where they belong"),
    (Span(9), (0, True), "no two ordered numbers where they belong"),
    (MonthDay(), (0, 1), "no day of every year where one belongs"),
    (MonthDay(), (13, 1), "no day of every year where one belongs"),
    (MonthDay(), (1, 0), "no day of every year where one belongs"),
    (MonthDay(), (2, 29), "no day of every year where one belongs"),
    (MonthDay(), (True, 1), "no day of every year where one belongs"),
    (MonthDay(), (1, True), "no day of every year where one belongs"),
    (Instant(), -1, "no time where one belongs"),
    (Instant(), MAX_TIME_MS + 1, "no time where one belongs"),
    (Instant(), True, "no time where one belongs"),
    (Words({}), ("a",), "no pairs of keys and texts where they belong"),
    (Words({}), {}, "no pairs of keys and texts where they belong"),
    (Words({}), ("b", "x", "a", "y"), "texts whose keys are not in order"),
    (Words({}), ("a", "x", "a", "x"), "texts whose keys are not in order"),
]


@pytest.mark.parametrize(("kind", "value", "what"), NO_PACK)
def test_what_is_refused_in_bytes(kind: Kind, value: Any, what: str) -> None:
    with pytest.raises(RemoteError) as refused:
        kind.decode(value)
    assert refused.value.code == "pack.bytes"
    assert refused.value.message == f"the bytes of the pack hold {what}; ask for the pack anew"


@pytest.mark.parametrize(
    "kind", [Whole(0, 1), Duration(), ListOf(CODE, 1), SetOf(COLOURS), Span(9), MonthDay(),
             Instant(), Words({})],
)  # fmt: skip
def test_no_value_of_another_type_is_encoded(kind: Kind) -> None:
    with pytest.raises(TypeError):
        kind.encode("x")


SCHEMAS: list[tuple[Kind, dict[str, object]]] = [
    (Text(), {"type": "string", "maxLength": 200}),
    (CODE, {"type": "string", "maxLength": 3, "pattern": "^(?:[A-Z]+)$"}),
    (Whole(1, 4), {"type": "integer", "minimum": 1, "maximum": 4}),
    (Flag(), {"type": "boolean"}),
    (COLOURS, {"type": "string", "enum": ["red", "green"]}),
    (
        ListOf(Flag(), 4, 1),
        {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 4},
    ),
    (
        SetOf(COLOURS),
        {
            "type": "array",
            "items": {"type": "string", "enum": ["red", "green"]},
            "uniqueItems": True,
        },
    ),
    (
        Span(9),
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 9},
            "minItems": 2,
            "maxItems": 2,
        },
    ),
    (MonthDay(), {"type": "string", "pattern": "^[01][0-9]-[0-3][0-9]$"}),
    (Instant(), {"type": "string", "format": "date-time"}),
    (
        Words({}),
        {"type": "object", "additionalProperties": {"type": "string", "maxLength": 4000}},
    ),
]


@pytest.mark.parametrize(("kind", "schema"), SCHEMAS)
def test_what_an_editor_is_told(kind: Kind, schema: dict[str, object]) -> None:
    assert kind.schema() == schema


def test_only_a_period_that_may_be_negative_has_a_minus_in_its_schema() -> None:
    assert str(Duration().schema()["pattern"]).startswith("^-?")
    assert str(Duration(negative=False).schema()["pattern"]).startswith("^(?=")


# ------------------------------------------------------------------------------ faults and places


def test_the_same_sentence_at_the_same_place_is_said_once() -> None:
    report = Report()
    for line in (1, 1, 2):
        report.add("a.toml", line, "x")
    assert [fault.line for fault in report.faults] == [1, 2]


def test_after_so_many_faults_reading_ends() -> None:
    report = Report()
    for line in range(MAX_FAULTS - 1):
        report.add("a.toml", line, "x")
    with pytest.raises(Enough):
        report.add("a.toml", MAX_FAULTS, "x")
    assert len(report.faults) == MAX_FAULTS


def test_a_line_is_that_of_the_nearest_thing_around() -> None:
    source = Source("a.toml", {}, {("form",): 3, ("form", 0, "id"): 9})
    assert source.line(("form", 0, "id")) == 9
    assert source.line(("form", 0, "to")) == 3
    assert source.line(("word",)) == 0
    assert source.line(()) == 0


def test_the_key_of_a_sentence_is_the_last_name_on_the_way() -> None:
    report = Report()
    Spot(report, Source("a.toml", {}), (4,), CITE).wrong("a text")
    spot(report).down(1, 2).wrong("a text")
    spot(report).down("inner").wrong("a text")
    assert [fault.text for fault in report.faults] == [
        "'' must be a text", "'key' must be a text", "'inner' must be a text"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "'a b'"),
        (7, "'7'"),
        ("x" * 40, f"'{'x' * 40}'"),
        ("x" * 41, f"'{'x' * 39}…'"),
        ("a\x1b[2J", "'a\\x1b[2J'"),
        ("\u202e", "'\\u202e'"),
    ],
)
def test_a_value_in_a_sentence_is_short_and_harmless(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_hint_names_the_nearest_word_or_what_there_is() -> None:
    many = [f"word-{letter}" for letter in "abcdefghijklm"]
    assert near("x", []) == ""
    assert near("formm", ["form", "phrase"]) == " (perhaps 'form')"
    assert near("zzz", ["form", "phrase"]) == " (there is form, phrase)"
    assert near("zzz", many[:12]) == f" (there is {', '.join(many[:12])})"
    assert near("zzz", many) == f" (there is {', '.join(many[:12])} and others)"
    assert near("q" * 64 + "form" * 100, ["q" * 64]) == f" (perhaps '{'q' * 64}')"


@pytest.mark.parametrize(
    "end", ["\x1f", "\x7f", "\x9f", "\u061c", "\u200f", "\u2028", "\u202e", "\u2069", "\ufeff"]
)
def test_a_plain_text_holds_nothing_that_hides_or_turns(end: str) -> None:
    assert read(Text(), f"a{end}")[1]
    assert not read(Text(), "a \u00a0\u05d0")[1]


def test_what_stands_for_a_refused_value_until_the_pack_is_refused() -> None:
    assert (kinds.Flag().blank, kinds.Whole(1, 2).blank, Text().blank) == (False, 0, "")
    assert (ListOf(CODE, 1).blank, SetOf(COLOURS).blank, Span(9).blank) == ((), frozenset(), (0, 1))
    assert (MonthDay().blank, Instant().blank, Duration().blank) == ((1, 1), 0, DAY_MS)
