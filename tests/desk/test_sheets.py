"""What a list says in a form, who is at fault, and what a page may bring back of it."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.errors import LocalError
from tieline.desk import listreader, sheets
from tieline.desk.web import listed
from tieline.desk.web.shapes import view
from tieline.node.sheet import Row, Sheet

FORM = view({
    "fields": [
        {"path": "organisation", "label": "Organisation", "type": "unit"},
        {"path": "sites", "label": "Sites", "type": "group", "repeat": [1, 3], "fields": [
            {"path": "sites.name", "label": "Name", "type": "unit"},
            {"path": "sites.point", "label": "Point", "type": "position"},
            {"path": "sites.marking", "label": "Marking", "type": "code"},
        ]},
    ],
})  # fmt: skip
SHEET = Sheet(
    ("Name", "Lat", "Long", "colour"),
    tuple(Row(n, (f"site {n}", "15.1", f"44.{n}", "red")) for n in (2, 3, 5, 9)),
)  # fmt: skip


def test_columns_fill_fields_and_the_rest_is_asked_once() -> None:
    columns = sheets.match(SHEET, FORM, {"organisation": "Relief", "sites.marking": "1"})
    assert columns.strange == ("colour",)
    first, second = sheets.batches(SHEET.rows, columns)
    assert [row.number for row in (*first, *second)] == [2, 3, 5, 9]
    answers = sheets.answered(first, columns)
    assert answers["organisation"] == "Relief"
    assert answers["sites[3].point"] == "15.1, 44.5"
    assert answers["sites[2].marking"] == "1"
    left = listed.common(FORM, columns)
    assert [one["path"] for one in left.views("fields")] == ["organisation", "sites"]
    assert [one["path"] for one in left.views("fields")[1].views("fields")] == ["sites.marking"]
    said = listed.for_all({"organisation": "x", "sites[1].marking": "2"}, columns)
    assert said == {"organisation": "x", "sites.marking": "2"}
    kept = listed.without(SHEET, columns)
    assert kept.columns == ("Name", "Lat", "Long")
    assert "red" not in listed.carried(kept)
    assert listed.brought(listed.carried(kept)) == kept


def test_a_fault_is_of_its_row_or_of_all() -> None:
    columns = sheets.match(SHEET, FORM, {})
    faults = [
        {"path": "sites[3].point", "text": "no place"},
        {"path": "sites[3].marking", "text": "lacks"},
        {"path": "sites[2].marking", "text": "lacks"},
        {"path": "organisation", "text": "who"},
        {"path": "", "text": "too long"},
    ]
    lines, others = listed.by_row(faults, SHEET.rows[:3], columns)
    assert lines == {5: ["no place"]}
    assert [one["path"] for one in others] == ["sites[1].marking", "organisation", ""]


def test_a_table_too_long_for_a_page_is_refused_and_a_long_one_is_carried() -> None:
    long = Sheet(("name",), tuple(Row(n, ("ö" * 20,)) for n in range(2, 402)))
    assert listed.table(view(json.loads(listreader.told(long)))) == long
    for wrong in (
        Sheet(("name",), (*long.rows, Row(402, ("x",)))),
        Sheet(("name",), tuple(Row(n, ("x" * 1_900,)) for n in range(2, 202))),
    ):
        with pytest.raises(LocalError, match="goes beyond"):
            listreader.told(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["columns", "rows", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.text(max_size=40) | JSON.map(json.dumps))
def test_what_a_page_brings_is_a_table_or_refused(text: str) -> None:
    with contextlib.suppress(LocalError):
        sheet = listed.brought(text)
        assert sheet.rows
        assert all(len(row.cells) == len(sheet.columns) for row in sheet.rows)
