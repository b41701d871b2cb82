from __future__ import annotations

import ast
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

import tieline
from tieline.core.errors import LocalError
from tieline.node import sheet as limits
from tieline.node.sheet import Row, read_sheet

HERE = Path("sites")
SOURCE = Path(tieline.__file__).parent
CODES = {
    "read", "cell", "columns", "empty", "encoding", "form", "headings", "ragged", "rows", "size",
    "workbook",
}  # fmt: skip


def book(rows: list[list[object]]) -> bytes:
    made = Workbook()
    sheet = made.worksheets[0]
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(LocalError) as caught:
        read_sheet(HERE, data)
    assert str(HERE) in caught.value.message
    return caught.value.code


def outcome(data: bytes) -> str:
    try:
        read_sheet(HERE, data)
    except LocalError as error:
        return error.code.removeprefix("list.")
    return "read"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_csv_is_read_whatever_separates_it(separator: str) -> None:
    lines = [["name", "lat", "lon"], ["Clinic", "15.5", "44.2"], ["", "", ""], ["Well", "15.6"]]
    data = "\r\n".join(separator.join(line) for line in lines).encode("utf-8-sig")
    read = read_sheet(HERE, data)
    assert read.columns == ("name", "lat", "lon")
    assert read.rows == (Row(2, ("Clinic", "15.5", "44.2")), Row(4, ("Well", "15.6", "")))


def test_a_workbook_reads_as_it_is_seen() -> None:
    import datetime

    data = book(
        [
            ["name", "lat", "confirmed", "staffed"],
            ["Clinic", 15.123456789012, datetime.datetime(2026, 2, 28), True],  # noqa: DTZ001
            ["Well", 15, datetime.datetime(2026, 2, 28, 9, 30), None],  # noqa: DTZ001
            ["=1+1", "'=2", 0.1 + 0.2, "x"],
        ]
    )
    read = read_sheet(HERE, data)
    assert [row.cells for row in read.rows] == [
        ("Clinic", "15.123456789", "2026-02-28", "yes"),
        ("Well", "15", "2026-02-28 09:30", ""),
        ("", "'=2", "0.3", "x"),  # nobody computed the formula, and we do not
    ]


def test_utf_16_that_says_so_is_read_and_other_bytes_are_refused() -> None:
    assert read_sheet(HERE, "nom;lat\nÉcole;1\n".encode("utf-16")).rows[0].cells[0] == "École"
    assert refused("nom;lat\nÉcole;1\n".encode("latin-1")) == "list.encoding"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"name,lat\n", "list.empty"),
        (b"", "list.empty"),
        (b"name,name\na,b\n", "list.headings"),
        (b"name,,lat\na,b,c\n", "list.headings"),
        (b"name,lat\na,1,2\n", "list.ragged"),
        (b'name,lat\n"a,1\n', "list.form"),
        (b"name,lat\na\0,1\n", "list.encoding"),
        (b"name\n" + b"x" * (limits.MAX_CELL + 1) + b"\n", "list.cell"),
        (b",".join(b"c%d" % n for n in range(65)) + b"\n1\n", "list.columns"),
        (b"name\n" + b"x\n" * (limits.MAX_ROWS + 1), "list.rows"),
        (b"name\nx\n" + b"\n" * 2 * limits.MAX_ROWS + b"y\n", "list.rows"),
        (b"x" * (limits.MAX_FILE + 1), "list.size"),
        (b"PK\x03\x04 and no more", "list.workbook"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, code: str) -> None:
    assert refused(data) == code


def test_a_workbook_that_unpacks_without_end_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * (limits.MAX_UNPACKED + 1))
    assert len(out.getvalue()) < limits.MAX_FILE
    assert refused(out.getvalue()) == "list.size"


def with_type(kind: str, part: str, private: Path) -> bytes:
    """A workbook that is good but for a document type, and of which one cell is an entity."""
    declared = {
        "none": "",
        "internal": '<!DOCTYPE x [<!ENTITY a "EXPANDED">]>',
        "external": f'<!DOCTYPE x [<!ENTITY a SYSTEM "{private.as_uri()}">]>',
        "parameter": f'<!DOCTYPE x [<!ENTITY % a SYSTEM "{private.as_uri()}"> %a;]>',
    }[kind]
    cell = b"&a;" if kind in ("internal", "external") else b"MARK"
    out = io.BytesIO()
    good = io.BytesIO(book([["name"], ["MARK"]]))
    with zipfile.ZipFile(good) as whole, zipfile.ZipFile(out, "w") as archive:
        for each in whole.infolist():
            data = whole.read(each)
            if each.filename == part:
                start = data.find(b"?>") + 2 if data.startswith(b"<?xml") else 0
                data = data[:start] + declared.encode() + data[start:].replace(b"MARK", cell)
            archive.writestr(each.filename, data)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["internal", "external", "parameter"])
@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "[Content_Types].xml"]
)
def test_entities_in_a_workbook_are_not_expanded(tmp_path: Path, kind: str, part: str) -> None:
    private = tmp_path / "private"
    private.write_text('<!ENTITY a "PRIVATE">', "utf-8")
    assert read_sheet(HERE, with_type("none", part, private)).rows == (Row(2, ("MARK",)),)
    with pytest.raises(LocalError) as caught:
        read_sheet(HERE, with_type(kind, part, private))
    assert caught.value.code == "list.workbook"
    assert "PRIVATE" not in caught.value.message


def test_nothing_else_reads_xml() -> None:
    """CAP and CoT, which come as XML, are read nowhere; who adds that has to add it here."""
    readers = {"xml", "lxml", "defusedxml", "pyexpat", "xmltodict", "bs4", "html5lib", "openpyxl"}
    found = set()
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            roots = {name.partition(".")[0] for name in names} & readers
            found |= {(path.relative_to(SOURCE).as_posix(), root) for root in roots}
    assert found == {("node/sheet.py", "openpyxl")}


@settings(deadline=None)  # the first workbook loads the library
@given(st.binary(max_size=400))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"name,lat\n"):
        assert outcome(start + data) in CODES


@settings(deadline=None)  # the first workbook loads the library
@given(st.integers(0, 2_000), st.integers(0, 255))
def test_a_changed_byte_of_a_workbook_is_read_or_refused(place: int, byte: int) -> None:
    data = bytearray(book([["name", "lat"], ["Clinic", 15.5]]))
    data[place % len(data)] = byte
    assert outcome(bytes(data)) in CODES
