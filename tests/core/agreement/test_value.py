"""A field's value has one encoding, and nothing else is read as a value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.made import CITE, ITEMS, filled, form_of, pack_of
from tests.examples import tries

from tieline.core import encode
from tieline.core.agreement.message import (
    Message,
    Values,
    check_values,
    examine,
    read_message,
    values_at,
    wire_fields,
)
from tieline.core.agreement.model import Field, FieldType, Form, Pack, Special
from tieline.core.agreement.places import Circle, Polygon, Position, Route, Waypoint, turned
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Problem,
    Serial,
    Text,
    Unit,
    problem_of,
    read_value,
    wire_value,
)
from tieline.core.errors import RemoteError


@settings(max_examples=tries(75))
@given(filled())
def test_what_is_written_is_read(case: tuple[Pack, Form, Values]) -> None:
    pack, form, values = case
    assert check_values(pack, form, values) == ()
    data = encode.dumps(dict(wire_fields(values)))
    back = encode.loads(data, encode.Limits(max_depth=8))
    assert isinstance(back, dict)
    assert read_message(pack, form, back.items()) == values


WIRE: st.SearchStrategy[encode.Value] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**40), 2**40),
        st.integers(-3, 3),
        st.binary(max_size=33),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(st.integers(0, 9), inner, max_size=3),
    ),
    max_leaves=9,
)


@settings(max_examples=tries(150))
@given(st.sampled_from(sorted(FieldType)), WIRE)
def test_what_is_read_is_written_the_same(kind: FieldType, wire: encode.Value) -> None:
    field = Field(
        number=1, id="f", type=kind, cite=CITE, codes="list", specials=frozenset(Special), low=-9
    )
    got = read_value(field, wire, ITEMS)
    if not isinstance(got, Problem):
        assert encode.dumps(wire_value(got)) == encode.dumps(wire)


def one(kind: FieldType, **more: object) -> Field:
    return Field(number=1, id="f", type=kind, cite=CITE, codes="list", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "wire", "answer"),
    [
        (FieldType.CODE, 7, Code(7, "item-7")),
        (FieldType.COUNT, 9000, Number(9000)),
        (FieldType.COUNT, (9000, 500), Number(9000, 500)),
        (FieldType.TIME, 1_668_523_200, Instant(1_668_523_200)),
        (FieldType.TIME, (1_668_523_200, 300), Instant(1_668_523_200, 300)),
        (FieldType.DATE, 19_311, Day(19_311)),
        (
            FieldType.POSITION,
            (505_000_000, 238_000_000, 100),
            Position(505_000_000, 238_000_000, 100),
        ),
        (FieldType.POSITION, (1, 2, 3, "ED50"), Position(1, 2, 3, "ED50")),
        (FieldType.POSITION, (1, 2, 3, "", "34U"), Position(1, 2, 3, "", "34U")),
        (FieldType.AREA, (2, 5, 6, 700), Circle(5, 6, 700)),
        (FieldType.AREA, (1, (1, 2, 3, 4, 5, 6)), Polygon(((1, 2), (3, 4), (5, 6)))),
        (FieldType.ROUTE, ((1, 2, None), (3, 4, 9)), Route((Waypoint(1, 2), Waypoint(3, 4, 9)))),
        (FieldType.UNIT, "HQ 2", Unit("HQ 2")),
        (FieldType.TEXT, "a\nb", Text("a\nb")),
        (FieldType.SERIAL, 1, Serial(1)),
        (FieldType.HASH, b"h" * 32, Hash(b"h" * 32)),
    ],
)
def test_the_wire_forms(kind: FieldType, wire: encode.Value, answer: object) -> None:
    assert read_value(one(kind), wire, ITEMS) == answer


@pytest.mark.parametrize(
    ("kind", "wire", "code"),
    [
        (FieldType.CODE, 3, "code"),
        (FieldType.COUNT, -1, "range"),
        (FieldType.COUNT, (5, 0), "shape"),
        (FieldType.COUNT, (5, -1), "range"),
        (FieldType.COUNT, (True, 5), "shape"),
        (FieldType.TIME, -1, "time"),
        (FieldType.TIME, 253_402_300_800, "time"),
        (FieldType.POSITION, (900_000_001, 0, 0), "place"),
        (FieldType.POSITION, (0, -1_800_000_000, 0), "place"),
        (FieldType.POSITION, (1, 2), "shape"),
        (FieldType.POSITION, (1, 2, 3, ""), "shape"),
        (FieldType.POSITION, (1, 2, 3, "", ""), "shape"),
        (FieldType.POSITION, (1, 2, 3, "a\nb"), "place"),
        (FieldType.AREA, (1, (1, 2, 3, 4)), "place"),
        (FieldType.AREA, (1, (1, 2, 3, 4, 5)), "shape"),
        (FieldType.AREA, (True, (1, 2, 3, 4, 5, 6)), "shape"),
        (FieldType.AREA, (2, 5, 6, 0), "place"),
        (FieldType.ROUTE, ((1, 2, None),), "place"),
        (FieldType.ROUTE, ((1, 2, True), (3, 4, None)), "shape"),
        (FieldType.UNIT, "a\nb", "lines"),
        (FieldType.TEXT, " a", "blank"),
        (FieldType.TEXT, "", "blank"),
        (FieldType.TEXT, "a" * 2001, "long"),
        (FieldType.PARTY, "alpha", "party"),
        (FieldType.SERIAL, 0, "range"),
        (FieldType.HASH, b"short", "hash"),
        (FieldType.TEXT, None, "special"),
        (FieldType.GROUP, 5, "shape"),
    ],
)
def test_what_is_no_value(kind: FieldType, wire: encode.Value, code: str) -> None:
    got = read_value(one(kind), wire, ITEMS)
    assert isinstance(got, Problem)
    assert got.code == f"field.{code}"


@pytest.mark.parametrize(("n", "good"), [(9, False), (10, True), (20, True), (21, False)])
def test_a_count_is_bounded_by_its_form(n: int, good: bool) -> None:
    got = read_value(one(FieldType.COUNT, low=10, high=20), n, ())
    assert isinstance(got, Number) is good


PHASES = form_of(
    Field(
        number=4, id="phases", type=FieldType.GROUP, cite=CITE, required=True, repeat=(1, 2),
        specials=frozenset({Special.NIL}),
        fields=(
            Field(number=1, id="troops", type=FieldType.COUNT, cite=CITE, required=True),
            Field(number=2, id="note", type=FieldType.TEXT, cite=CITE),
        ),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("wire", "path", "code"),
    [
        ({}, "phases", "missing"),
        ({4: ()}, "phases", "repeats"),
        ({4: ({1: 1}, {1: 2}, {1: 3})}, "phases", "repeats"),
        ({4: ({},)}, "phases", "shape"),
        ({4: ({1: 1}, {2: "x"})}, "phases[2].troops", "missing"),
        ({4: ({1: 1, 3: 0},)}, "phases[1].3", "unknown"),
        ({4: ({1: 1},), 9: 0}, "9", "unknown"),
        ({4: None}, "phases", "special"),
        ({4: 3}, "phases", "shape"),
    ],
)
def test_a_message_that_breaks_its_form_is_named_by_field(
    wire: dict[int, encode.Value], path: str, code: str
) -> None:
    pack = pack_of(PHASES)
    _, errors = examine(pack, PHASES, wire.items())
    assert [(error.path, error.problem.code) for error in errors] == [(path, f"field.{code}")]
    with pytest.raises(RemoteError) as refused:
        read_message(pack, PHASES, wire.items())
    assert refused.value.code == "form.unfit"


def test_a_path_gives_the_answers_of_all_repeats() -> None:
    def message(values: Values) -> Message:
        return Message(
            digest=b"", sender="ALPHA", to=("BRAVO",), time_ms=0, pack="made", form="made",
            values=values,
        )  # fmt: skip

    two: Values = {4: ({1: Number(9)}, {1: Number(13_000)})}
    assert values_at(PHASES, message(two), "phases.troops") == (Number(9), Number(13_000))
    assert values_at(PHASES, message(two), "phases.note") == ()
    assert values_at(PHASES, message({4: Special.NIL}), "phases.troops") == (Special.NIL,)
    with pytest.raises(KeyError):
        values_at(PHASES, message(two), "phases.tanks")


@pytest.mark.parametrize(
    ("lon", "same"),
    [(0, 0), (1_800_000_000, 1_800_000_000), (-1_800_000_000, 1_800_000_000),
     (1_800_000_001, -1_799_999_999), (-1_800_000_001, 1_799_999_999), (3_600_000_000, 0)],
)  # fmt: skip
def test_a_meridian_has_one_number(lon: int, same: int) -> None:
    assert turned(lon) == same


FAR = 20_100_000  # metres: half the way around the earth
EDGES: list[tuple[FieldType, Answer, Answer, str]] = [
    # what is the last that a field takes, the first that it does not, and why
    (FieldType.COUNT, Number(0), Number(-1), "range"),
    (FieldType.COUNT, Number(10**15), Number(10**15 + 1), "range"),
    (FieldType.COUNT, Number(0, 10**15), Number(0, 10**15 + 1), "range"),
    (FieldType.COUNT, Number(0, 0), Number(0, -1), "range"),
    (FieldType.TIME, Instant(0), Instant(-1), "time"),
    (FieldType.TIME, Instant(253_402_300_799), Instant(253_402_300_800), "time"),
    (FieldType.TIME, Instant(0, 316_224_000), Instant(0, 316_224_001), "time"),
    (FieldType.TIME, Instant(0, 0), Instant(0, -1), "time"),
    (FieldType.DATE, Day(0), Day(-1), "time"),
    (FieldType.DATE, Day(2_932_896), Day(2_932_897), "time"),
    (FieldType.POSITION, Position(0, 0, FAR), Position(0, 0, FAR + 1), "place"),
    (FieldType.POSITION, Position(0, 0, 0), Position(0, 0, -1), "place"),
    (FieldType.POSITION, Position(0, 0, 0, "d" * 24), Position(0, 0, 0, "d" * 25), "place"),
    (FieldType.POSITION, Position(0, 0, 0, "", "t" * 120), Position(0, 0, 0, "", "t" * 121),
     "place"),
    (FieldType.POSITION, Position(0, 0, 0, "", "t"), Position(0, 0, 0, "", "t\n"), "place"),
    (FieldType.POSITION, Position(900_000_000, 0), Position(900_000_001, 0), "place"),
    (FieldType.POSITION, Position(-900_000_000, 0), Position(-900_000_001, 0), "place"),
    (FieldType.POSITION, Position(0, 1_800_000_000), Position(0, 1_800_000_001), "place"),
    (FieldType.POSITION, Position(0, -1_799_999_999), Position(0, -1_800_000_000), "place"),
    (FieldType.AREA, Circle(0, 0, 1), Circle(0, 0, 0), "place"),
    (FieldType.AREA, Circle(0, 0, FAR), Circle(0, 0, FAR + 1), "place"),
    (FieldType.AREA, Circle(0, 0, 1), Circle(900_000_001, 0, 1), "place"),
    (FieldType.AREA, Polygon(((0, 0),) * 3), Polygon(((0, 0),) * 2), "place"),
    (FieldType.AREA, Polygon(((0, 0),) * 64), Polygon(((0, 0),) * 65), "place"),
    (FieldType.AREA, Polygon(((0, 0),) * 3), Polygon(((0, 0), (0, 0), (900_000_001, 0))), "place"),
    (FieldType.ROUTE, Route((Waypoint(0, 0),) * 2), Route((Waypoint(0, 0),)), "place"),
    (FieldType.ROUTE, Route((Waypoint(0, 0),) * 64), Route((Waypoint(0, 0),) * 65), "place"),
    (FieldType.ROUTE, Route((Waypoint(0, 0, 0),) * 2), Route((Waypoint(0, 0, -1),) * 2), "place"),
    (FieldType.ROUTE, Route((Waypoint(0, 0, 253_402_300_799),) * 2),
     Route((Waypoint(0, 0, 253_402_300_800),) * 2), "place"),
    (FieldType.ROUTE, Route((Waypoint(0, 0),) * 2), Route((Waypoint(0, 0), Waypoint(0, -1 << 31))),
     "place"),
    (FieldType.UNIT, Unit("u" * 80), Unit("u" * 81), "long"),
    (FieldType.UNIT, Unit("u u"), Unit("u\nu"), "lines"),
    (FieldType.TEXT, Text("t" * 2000), Text("t" * 2001), "long"),
    (FieldType.TEXT, Text("t\nt"), Text(""), "blank"),
    (FieldType.TEXT, Text("t t"), Text("t "), "blank"),
    (FieldType.TEXT, Text("\ud7ff"), Text("\ud800"), "characters"),
    (FieldType.PARTY, PartyCode("A" * 12), PartyCode("A" * 13), "party"),
    (FieldType.SERIAL, Serial(1), Serial(0), "range"),
    (FieldType.SERIAL, Serial(10**15), Serial(10**15 + 1), "range"),
    (FieldType.HASH, Hash(bytes(32)), Hash(bytes(31)), "hash"),
    (FieldType.HASH, Hash(bytes(32)), Hash(bytes(33)), "hash"),
    (FieldType.CODE, Code(7, "item-7"), Code(7, "item-1"), "code"),
    (FieldType.CODE, Code(7, "item-7"), Code(8, "item-7"), "code"),
    (FieldType.TEXT, Special.NIL, Special.WITHHELD, "special"),
    (FieldType.COUNT, Number(1), Serial(1), "type"),
    (FieldType.AREA, Circle(0, 0, 1), Position(0, 0), "type"),
    (FieldType.POSITION, Position(0, 0), Circle(0, 0, 1), "type"),
    (FieldType.TEXT, Text("t"), Unit("t"), "type"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "last", "beyond", "code"), EDGES)
def test_each_kind_ends_where_it_does(
    kind: FieldType, last: Answer, beyond: Answer, code: str
) -> None:
    field = one(kind, specials=frozenset({Special.NIL}))
    assert problem_of(field, last, ITEMS) is None
    wrong = problem_of(field, beyond, ITEMS)
    assert wrong is not None
    assert wrong.code == f"field.{code}"
    if code not in ("type", "code", "special"):
        assert read_value(field, wire_value(last), ITEMS) == last
        again = read_value(field, wire_value(beyond), ITEMS)
        assert isinstance(again, Problem) or again != beyond


@pytest.mark.parametrize(
    ("more", "answer", "arguments"),
    [
        ({"low": 3, "high": 5}, Number(6), (("low", "3"), ("high", "5"))),
        ({"low": 3}, Number(2), (("low", "3"), ("high", str(10**15)))),
        ({"high": 5}, Number(-1), (("low", "0"), ("high", "5"))),
        ({"low": -3}, Number(-4), (("low", "-3"), ("high", str(10**15)))),
    ],
)
def test_the_sentence_about_a_bound_has_the_bounds(
    more: dict[str, int], answer: Number, arguments: tuple[tuple[str, str], ...]
) -> None:
    assert problem_of(one(FieldType.COUNT, **more), answer, ()) == Problem("field.range", arguments)
    within = Number(answer.n + (1 if answer.n < 3 else -1))
    assert problem_of(one(FieldType.COUNT, **more), within, ()) is None


def test_a_text_is_as_long_as_its_form_says() -> None:
    for kind, made in ((FieldType.TEXT, Text), (FieldType.UNIT, Unit)):
        field = one(kind, max_chars=3)
        assert problem_of(field, made("abc"), ()) is None
        assert problem_of(field, made("abcd"), ()) == Problem(
            "field.long", (("most", "3"), ("found", "4"))
        )


def test_values_are_checked_as_they_are_read() -> None:
    """What ``examine`` finds in bytes, ``check_values`` finds in values."""
    pack = pack_of(PHASES)
    for values, path, code in (
        ({}, "phases", "missing"),
        ({4: ()}, "phases", "repeats"),
        ({4: ({1: Number(1)},) * 3}, "phases", "repeats"),
        ({4: ({},)}, "phases", "shape"),
        ({4: ({1: Number(1)}, {2: Text("x")})}, "phases[2].troops", "missing"),
        ({4: ({1: Text("x")},)}, "phases[1].troops", "type"),
        ({4: Special.WITHHELD}, "phases", "special"),
        ({4: Number(3)}, "phases", "type"),
    ):
        found = [(one.path, one.problem.code) for one in check_values(pack, PHASES, values)]
        assert (path, f"field.{code}") == found[0]
    flat = form_of(Field(number=1, id="n", type=FieldType.COUNT, cite=CITE))
    wrong = check_values(pack_of(flat), flat, {1: ({1: Number(1)},)})
    assert [(each.path, each.key, each.problem.code) for each in wrong] == [
        ("n", "n", "field.type")
    ]


def test_a_cancellation_may_leave_out_what_is_missing_at_the_top_alone() -> None:
    pack = pack_of(PHASES)
    assert check_values(pack, PHASES, {}, cancels=True) == ()
    assert examine(pack, PHASES, {}.items(), cancels=True) == ({}, ())
    for cancels in (False, True):
        inside = check_values(pack, PHASES, {4: ({2: Text("x")},)}, cancels=cancels)
        assert [each.key for each in inside] == ["phases.troops"]
        unknown: dict[int, encode.Value] = {9: 1, 4: ({1: 1},)}
        _, other = examine(pack, PHASES, unknown.items(), cancels=cancels)
        assert [each.path for each in other] == ["9"]


def test_a_group_repeats_no_more_than_anything_may() -> None:
    inside = (Field(number=1, id="n", type=FieldType.COUNT, cite=CITE),)
    wide = form_of(
        Field(number=1, id="g", type=FieldType.GROUP, cite=CITE, repeat=(0, 9999), fields=inside)
    )
    for count, good in ((512, True), (513, False)):
        values: Values = {1: ({1: Number(1)},) * count}
        assert (check_values(pack_of(wide), wide, values) == ()) is good
