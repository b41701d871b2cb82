"""The encoding against cbor2, against its own rules one by one, and against noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.examples import tries

from tieline.core import encode
from tieline.core.encode import DEFAULT, Fields, Limits, Value, dumps, loads
from tieline.core.errors import LocalError, RemoteError
from tieline.core.terms import Kind

VECTORS = Path(__file__).parents[2] / "vectors"
WIDE = Limits(max_bytes=1_000_000, max_depth=encode.DEEPEST, max_items=1_000_000)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(encode.MIN_INT, encode.MAX_UINT)
    | st.integers(-300, 70_000)
    | st.binary(max_size=40)
    | st.text(max_size=40)
)
keys = st.integers(0, 30) | st.integers(0, encode.MAX_UINT)
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6).map(tuple) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=20,
)
# What cbor2 can write and we may not: floats, tags, other keys, simple values, big numbers.
anything = st.recursive(
    scalars
    | st.floats()
    | st.integers(-(2**80), 2**80)
    | st.integers(0, 255).filter(lambda n: not 20 <= n <= 31).map(cbor2.CBORSimpleValue)
    | st.just(cbor2.undefined),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=3) | st.integers(-5, 40) | st.binary(max_size=2), inner, max_size=4
        )
        | st.builds(cbor2.CBORTag, st.integers(1000, 2000), inner)
    ),
    max_leaves=10,
)


def cases(name: str) -> list[Any]:
    found: list[Any] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return found


def code(data: bytes, limits: Limits = DEFAULT) -> str:
    """The code with which these bytes are refused, or "" when they are read."""
    try:
        loads(data, limits)
    except RemoteError as error:
        return error.code.removeprefix("encode.")
    return ""


# ------------------------------------------------------------------------ the oracle agrees


@given(values)
def test_every_value_is_written_as_cbor2_writes_it_and_comes_back(value: Value) -> None:
    data = dumps(value)
    assert data == cbor2.dumps(value, canonical=True)
    back = loads(data, WIDE)
    assert same(back, value)
    assert dumps(back) == data


def same(left: Value, right: Value) -> bool:
    """Equal in type too: True is not 1 here. Maps come back in ascending order of keys."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == sorted(right) and all(same(left[key], right[key]) for key in left)
    return left == right


@given(anything, st.booleans())
def test_whatever_cbor2_writes_is_read_exactly_or_refused(value: object, canonical: bool) -> None:
    data = cbor2.dumps(value, canonical=canonical)
    if not code(data, WIDE):
        assert dumps(loads(data, WIDE)) == data


@settings(max_examples=tries(200))
@given(st.binary(max_size=60))
@example(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff")
def test_noise_is_read_exactly_or_refused(data: bytes) -> None:
    if not code(data):
        assert dumps(loads(data)) == data


@settings(max_examples=tries(200))
@given(
    st.lists(
        st.sampled_from([bytes((n,)) for n in range(0, 256, 8)]) | st.binary(max_size=3),
        max_size=20,
    )
)
def test_noise_made_of_heads_is_read_exactly_or_refused(parts: list[bytes]) -> None:
    data = b"".join(parts)
    if not code(data, WIDE):
        assert dumps(loads(data, WIDE)) == data


SAMPLES: list[Value] = [
    {1: b"\x01" * 16, 4: 70_000, 6: (b"\x02" * 8, 300), 9: 1, 16: {1: "mine adrift", 2: "en"}},
    ((True, False, None), {0: -1, 23: -25, 24: "é€😀"}, b"", "", (), {}),
    (2**64 - 1, -(2**64), 2**32, 2**16, 256, 24),
]


@pytest.mark.parametrize("value", SAMPLES)
def test_no_changed_byte_has_a_second_reading(value: Value) -> None:
    """Every byte of every sample set to every value, cut at every length, doubled, padded."""
    golden = dumps(value)
    for at in range(len(golden)):
        for byte in range(256):
            data = golden[:at] + bytes((byte,)) + golden[at + 1 :]
            if not code(data):
                assert dumps(loads(data)) == data
        assert code(golden[:at]) == "truncated"
        spliced = golden[:at] + golden[at + 1 :]
        if not code(spliced):
            assert dumps(loads(spliced)) == spliced
    assert code(golden + b"\0") == "trailing"
    assert code(golden * 2) == "trailing"


# --------------------------------------------------------------------- refusals, one by one


@pytest.mark.parametrize("case", cases("encode/refuse.json"), ids=lambda case: case["hex"][:24])
def test_vectors_what_the_format_leaves_out_is_refused_by_name(case: dict[str, str]) -> None:
    assert "encode." + code(bytes.fromhex(case["hex"])) == case["code"]


@pytest.mark.parametrize("case", cases("encode/accept.json"), ids=lambda case: case["hex"][:24])
def test_vectors_each_value_has_one_encoding(case: dict[str, Any]) -> None:
    value, data = unspelled(case["value"]), bytes.fromhex(case["hex"])
    assert dumps(value) == data
    assert same(loads(data), value)


def unspelled(value: Any) -> Value:
    if value is None or isinstance(value, bool):
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "int":
            return int(inner)
        case "bytes":
            return bytes.fromhex(inner)
        case "text":
            return str(inner)
        case "array":
            return tuple(unspelled(item) for item in inner)
    return {int(key): unspelled(item) for key, item in inner}


def test_a_refusal_says_where() -> None:
    with pytest.raises(RemoteError, match="at byte 3 of"):
        loads(bytes.fromhex("83 00 00 18 00"))
    with pytest.raises(RemoteError, match="at byte 4 of"):
        loads(b"\x64abc\xff")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("c0 00", "a tag"),
        ("df 01", "a tag"),
        ("e0", "a float or a simple value"),
        ("f7", "a float or a simple value"),
        ("f9 00 00", "a float or a simple value"),
    ],
)
def test_a_refusal_names_what_the_format_leaves_out(data: str, what: str) -> None:
    with pytest.raises(RemoteError, match=f"at byte 0 of .* stands {what}") as caught:
        loads(bytes.fromhex(data))
    assert caught.value.code == "encode.unsupported"


def test_limits_are_met_exactly() -> None:
    three = Limits(max_bytes=4, max_depth=1, max_items=3)
    assert loads(b"\x83\x00\x01\x02", three) == (0, 1, 2)
    assert code(b"\x84\x00\x01\x02", three) == "too_many"
    assert code(b"\x83\x00\x01\x18\x18", three) == "too_large"
    assert code(b"\x81\x80", three) == "too_deep"
    assert code(b"\xa1\x00\xa0", three) == "too_deep"
    assert loads(b"\xa1\x00\x01", three) == {0: 1}
    assert code(b"\xa2\x00\x00\x01", three) == "too_many"  # a key and a value are two items
    scalar = Limits(max_bytes=9, max_depth=0, max_items=0)
    assert loads(b"\x07", scalar) == 7
    assert code(b"\x80", scalar) == "too_deep"


def test_items_are_counted_over_the_whole_value() -> None:
    rows = dumps(tuple((0,) * 10 for _ in range(10)))
    assert not code(rows, Limits(max_items=110))
    assert code(rows, Limits(max_items=109)) == "too_many"


def test_a_declared_length_costs_nothing() -> None:
    """A count of 2^60 is refused under the widest limits too, before anything is allocated."""
    endless = Limits(max_bytes=100, max_depth=8, max_items=2**63)
    for first in ("9b", "bb", "5b", "7b"):
        assert code(bytes.fromhex(first + "1000000000000000"), endless) == "truncated"


@pytest.mark.parametrize("of_maps", [False, True])
def test_the_deepest_value_is_read_and_written_and_one_deeper_is_not(*, of_maps: bool) -> None:
    def around(value: Value) -> Value:
        return {1: value} if of_maps else (value,)

    value: Value = 0
    for _ in range(encode.DEEPEST):
        value = around(value)
    assert loads(dumps(value), WIDE) == value
    with pytest.raises(LocalError) as caught:
        dumps(around(value))
    assert caught.value.code == "encode.too_deep"
    assert code(b"\x81" * 900_000, WIDE) == "too_deep"
    for bad in (
        {"max_depth": encode.DEEPEST + 1},
        {"max_depth": -1},
        {"max_bytes": 0},
        {"max_items": -1},
    ):
        with pytest.raises(ValueError, match="out of range"):
            Limits(**bad)


# ------------------------------------------------------------------------------- writing


@pytest.mark.parametrize(
    "value", [1.5, 2**64, -(2**64) - 1, {-1: 0}, {"a": 0}, {True: 0}, {2**64: 0}, {1}, object(),
              bytearray(b"x"), memoryview(b"x"), (1, (2.0,))],
)  # fmt: skip
def test_what_has_no_encoding_is_refused_locally(value: object) -> None:
    with pytest.raises(LocalError) as caught:
        dumps(value)  # type: ignore[arg-type]
    assert caught.value.code == "encode.unsupported"


def test_a_lone_surrogate_is_refused_locally() -> None:
    with pytest.raises(LocalError) as caught:
        dumps(("ok", "\ud800"))
    assert caught.value.code == "encode.bad_utf8"


def test_lists_and_enumerations_are_written_as_what_they_stand_for() -> None:
    assert dumps([1, [2]]) == dumps((1, (2,)))  # type: ignore[arg-type]
    assert dumps(Kind.UNKNOWN) == dumps(255)
    assert dumps({Kind.MESSAGE: 1}) == dumps({1: 1})


def test_keys_are_written_in_order_whatever_the_order_they_came_in() -> None:
    assert dumps({300: 0, 2: 0, 24: 0}) == dumps({2: 0, 24: 0, 300: 0})
    assert dumps({256: 0, 255: 0, 24: 0, 23: 0}).hex() == "a4170018180018ff0019010000"


@pytest.mark.parametrize("n", [0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1])
def test_heads_are_those_of_cbor2(n: int) -> None:
    assert encode.head(0, n) == cbor2.dumps(n)
    assert encode.head(1, n) == cbor2.dumps(-1 - n)
    assert encode.head(2, n)[1:] == encode.head(0, n)[1:]


# -------------------------------------------------------------------------------- fields


RECORD: Value = {1: 5, 2: b"12345678", 3: "text", 4: (1, 2), 5: {7: 8}, 6: True, 7: None, 99: 0}


def test_fields_give_back_what_stands_in_the_map() -> None:
    fields = Fields(RECORD, "drill")
    assert fields.uint(1) == fields.opt_uint(1, max=5) == 5
    assert fields.bytes(2) == fields.opt_bytes(2, length=8) == b"12345678"
    assert fields.text(3) == fields.opt_text(3, max_len=4) == "text"
    assert fields.array(4) == fields.opt_array(4) == (1, 2)
    assert fields.map(5) == fields.opt_map(5) == {7: 8}
    assert fields.boolean(6) is fields.opt_boolean(6) is True
    assert fields.unknown(frozenset({1, 2, 3, 4, 5, 6})) == {7: None, 99: 0}


def test_an_absent_optional_field_is_none() -> None:
    fields = Fields({}, "drill")
    for name in ("uint", "bytes", "text", "array", "map", "boolean"):
        assert getattr(fields, "opt_" + name)(1) is None


@pytest.mark.parametrize("prefix", ["", "opt_"])
@pytest.mark.parametrize(
    ("method", "right"),
    [("uint", 1), ("bytes", 2), ("text", 3), ("array", 4), ("map", 5), ("boolean", 6)],
)
def test_a_field_of_another_type_is_refused_with_its_name(
    prefix: str, method: str, right: int
) -> None:
    fields = Fields(RECORD, "drill report")
    for key in {1, 2, 3, 4, 5, 6, 7} - {right}:
        with pytest.raises(RemoteError, match=f"field {key} of the drill report must be") as caught:
            getattr(fields, prefix + method)(key)
        assert caught.value.code == "drill_report.field"
    if not prefix:
        with pytest.raises(RemoteError, match="is missing"):
            getattr(fields, method)(50)


def test_a_field_beyond_its_bound_is_refused() -> None:
    fields = Fields({1: 6, 2: b"1234567", 3: "words", 4: -1}, "drill")
    for ask in (
        lambda: fields.uint(1, max=5),
        lambda: fields.opt_uint(1, max=5),
        lambda: fields.bytes(2, length=8),
        lambda: fields.opt_bytes(2, length=6),
        lambda: fields.text(3, max_len=4),
        lambda: fields.opt_text(3, max_len=4),
        lambda: fields.uint(4),
    ):
        with pytest.raises(RemoteError, match="ask its author"):
            ask()


@pytest.mark.parametrize("value", [None, 0, b"", "", (), True])
def test_fields_want_a_map(value: Value) -> None:
    with pytest.raises(RemoteError) as caught:
        Fields(value, "drill-report body")
    assert caught.value.code == "drill_report_body.field"
