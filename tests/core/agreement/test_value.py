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
    Code,
    Day,
    Hash,
    Instant,
    Number,
    Problem,
    Serial,
    Text,
    Unit,
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
