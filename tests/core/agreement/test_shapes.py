"""One kind of table: how it is read, encoded and described, whatever is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tieline.core.agreement.kinds import Flag, MonthDay, Report, Source, Spot, Text, Whole
from tieline.core.agreement.model import Cite, Provenance
from tieline.core.agreement.shapes import MAX_NESTING, Shape, Table, Tables, definition, key
from tieline.core.errors import RemoteError

AROUND = Cite("IV", Provenance.MEMORY)


@dataclass(frozen=True)
class Row:
    n: int
    on: bool
    cite: Cite


@dataclass(frozen=True)
class Box:
    name: str
    month: int
    day: int
    rows: tuple[Row, ...]
    row: Row | None


ROW: Shape[Row] = Shape(
    "[[box.row]]",
    "A row.",
    (key(1, "n", Whole(0, 9, 7), "a number"), key(2, "on", Flag(), "a switch", default=False)),
    Row,
)
BOX: Shape[Box] = Shape(
    "[[box]]",
    "A box.",
    (
        key(1, "name", Text("a name"), "its name"),
        key(2, "date", MonthDay(), "a day", "month", "day", default=(1, 1)),
        key(3, "row", Tables(lambda: ROW, 2, 1), "rows", "rows"),
        key(4, "one", Table(lambda: ROW), "a row", "row", default=None),
    ),
    Box,
    cited=False,
)


def read(shape: Shape[Any], value: object, path: tuple[str, ...] = ()) -> tuple[Any, list[str]]:
    report = Report()
    made = shape.read(value, Spot(report, Source("a.toml", {}), path, AROUND))
    return made, [fault.text for fault in report.faults]


def row(n: int, *, on: bool = False, cite: Cite = AROUND) -> Row:
    return Row(n, on, cite)


GOOD = {"name": "a", "date": "12-31", "row": [{"n": 3, "on": True}], "one": {"n": 4}}
WIRE: dict[int, Any] = {3: "a", 4: (12, 31), 5: ({1: "IV", 2: "memory", 3: 3, 4: True},),
        6: {1: "IV", 2: "memory", 3: 4}}  # fmt: skip


def test_a_table_is_read_encoded_and_read_back() -> None:
    box = Box("a", 12, 31, (row(3, on=True),), row(4))
    assert read(BOX, GOOD) == (box, [])
    assert BOX.encode(box) == WIRE
    assert BOX.decode(WIRE) == box


def test_what_can_be_left_out_is_left_out() -> None:
    box, said = read(BOX, {"name": "a", "row": [{"n": 3}]})
    assert (box, said) == (Box("a", 1, 1, (row(3),), None), [])
    small: dict[int, Any] = {3: "a", 5: ({1: "IV", 2: "memory", 3: 3},)}
    assert BOX.encode(box) == small
    assert BOX.decode(small) == box
    plain = row(3, cite=Cite("", Provenance.DESIGN))
    assert ROW.encode(plain) == {2: "design", 3: 3}
    assert ROW.decode({2: "design", 3: 3}) == plain


def test_a_cite_is_that_of_what_is_around_unless_the_table_has_its_own() -> None:
    for table, cite in (
        ({}, AROUND),
        ({"paragraph": "V"}, Cite("V", Provenance.MEMORY)),
        ({"provenance": "read"}, Cite("IV", Provenance.READ)),
        ({"paragraph": "", "provenance": "design"}, Cite("", Provenance.DESIGN)),
    ):
        assert read(ROW, {"n": 1, **table}) == (row(1, cite=cite), [])
    box, said = read(BOX, {**GOOD, "paragraph": "V"})
    assert said == [
        "[[box]] has no key 'paragraph' (there is name, date, row, one); correct it or take it out"
    ]
    assert box.rows[0].cite == AROUND


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, ["[[box.row]] must be a table; write its keys below its heading",
             "[[box.row]] lacks the key 'n' (a number); add it"]),
        ({}, ["[[box.row]] lacks the key 'n' (a number); add it"]),
        ({"n": 10}, ["'n' must be a whole number from 0 to 9"]),
        ({"n": 1, "in": 1},
         ["[[box.row]] has no key 'in' (perhaps 'n'); correct it or take it out"]),
        ({"n": 1, "provenance": "x"},
         ["'provenance' must be one of read, memory, unverified, design; 'x' is none"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_a_blank_stands_in_its_place(
    value: object, said: list[str]
) -> None:
    made, found = read(ROW, value)
    assert found == said
    assert made.n == (1 if isinstance(value, dict) and value.get("n") == 1 else 7)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "'row' must be 1 to 2 times there; it is there 0 times"),
        ([{"n": 1}] * 3, "'row' must be 1 to 2 times there; it is there 3 times"),
        ({"n": 1},
         "'row' must be an array of tables; head each one with two square brackets ([[box.row]])"),
    ],
)  # fmt: skip
def test_an_array_of_tables_has_its_bounds(rows: object, said: str) -> None:
    box, found = read(BOX, {**GOOD, "row": rows})
    assert (box.rows, found) == ((), [said])
    assert read(BOX, {**GOOD, "row": [{"n": 1}] * 2})[1] == []


def test_groups_nest_so_deep_and_no_deeper() -> None:
    deep = ("field",) * MAX_NESTING
    assert read(BOX, GOOD, deep)[1] == []
    box, said = read(BOX, GOOD, (*deep, "field"))
    assert (box.rows, said) == ((), ["groups may nest 2 deep at most; flatten them"])


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        (5, "no map where [[box]] belongs"),
        ({**WIRE, 9: 1}, "an unknown entry in [[box]], so it may be newer than this software"),
        ({**WIRE, 1: "IV"}, "an unknown entry in [[box]], so it may be newer than this software"),
        ({3: "a"}, "[[box]] without 'row'"),
        ({**WIRE, 5: ()}, "not 1 to 2 of [[box.row]]"),
        ({**WIRE, 5: WIRE[5] * 3}, "not 1 to 2 of [[box.row]]"),
        ({**WIRE, 5: {}}, "not 1 to 2 of [[box.row]]"),
        ({**WIRE, 6: {2: "memory"}}, "[[box.row]] without 'n'"),
        (
            {**WIRE, 6: {3: 4}},
            "something else where one of read, memory, unverified, design belongs",
        ),
        ({**WIRE, 6: {1: 5, 2: "memory", 3: 4}},
         "something else where the number of a paragraph belongs"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_such_table_are_refused(wire: Any, what: str) -> None:
    with pytest.raises(RemoteError) as refused:
        BOX.decode(wire)
    assert refused.value.message == f"the bytes of the pack hold {what}; ask for the pack anew"


def test_no_other_value_is_encoded_or_spread() -> None:
    with pytest.raises(TypeError):
        Tables(lambda: ROW, 2).encode([])
    broken: Shape[Box] = Shape(
        "b", "B.", (key(1, "date", Text(), "a day", "month", "day"),), Box, cited=False
    )
    with pytest.raises(TypeError):
        read(broken, {"date": "x"})


def test_what_an_editor_is_told_of_a_table() -> None:
    assert BOX.schema() == {
        "type": "object",
        "description": "A box.",
        "properties": {
            "name": {"type": "string", "maxLength": 200, "description": "Its name."},
            "date": {
                "type": "string",
                "pattern": "^[01][0-9]-[0-3][0-9]$",
                "description": "A day.",
            },
            "row": {
                "type": "array",
                "items": {"$ref": "#/$defs/box-row"},
                "minItems": 1,
                "maxItems": 2,
                "description": "Rows.",
            },
            "one": {"$ref": "#/$defs/box-row", "description": "A row."},
        },
        "required": ["name", "row"],
        "additionalProperties": False,
    }
    properties = ROW.schema()["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["paragraph", "provenance", "n", "on"]
    assert ROW.names() == ["n", "on", "paragraph", "provenance"]
    assert BOX.names() == ["name", "date", "row", "one"]
    assert (definition(BOX), definition(ROW)) == ("box", "box-row")
