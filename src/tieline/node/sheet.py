"""Reading a table that an organisation sends: CSV, or the first sheet of an XLSX workbook.

What comes in is hostile. It is bounded before it is parsed: bytes of the file, bytes of a workbook
after unpacking, rows, columns, characters in a cell. Formulas are never evaluated; what a workbook
last computed is read as text. Cells are text here, as a person sees them in the sheet, and what
they mean is for who knows the form.

Nothing is guessed about encodings: a CSV file is UTF-8, or UTF-16 when it says so itself.
"""

from __future__ import annotations

import codecs
import csv
import datetime
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError

MAX_FILE: Final = 8 << 20
MAX_UNPACKED: Final = 64 << 20
MAX_PARTS: Final = 1_000
MAX_RATIO: Final = 200  # of a part beyond 1 MiB: what people type packs some 5 to 50 times smaller
MAX_ROWS: Final = 10_000
MAX_COLUMNS: Final = 64
MAX_CELL: Final = 2_000
_SEPARATORS: Final = ",;\t|"
_ZIP: Final = b"PK\x03\x04"
# What a damaged, locked or strangely packed archive makes the standard library raise.
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError,
    RuntimeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the headings: its number as the sheet counts it, and a cell a column."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its headings, without blank rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_sheet(path: Path, data: bytes) -> Sheet:
    """Read a table. ``path`` is for the words of a refusal. Raises ``LocalError`` (``list.*``)."""
    if len(data) > MAX_FILE:
        raise _refusal(path, "size", f"is larger than {MAX_FILE >> 20} MiB; send it in parts")
    rows = _workbook(path, data) if data.startswith(_ZIP) else _csv(path, data)
    return _table(path, rows)


def _table(path: Path, rows: Iterator[tuple[int, tuple[str, ...]]]) -> Sheet:
    columns: tuple[str, ...] = ()
    found: list[Row] = []
    for number, cells in rows:
        if number > 2 * MAX_ROWS or (len(found) == MAX_ROWS and any(cells)):
            raise _refusal(path, "rows", f"goes beyond {MAX_ROWS} rows; send it in parts")
        if not any(cells):
            continue
        if not columns:
            columns = _headings(path, cells)
            continue
        if any(cells[len(columns) :]):
            raise _refusal(
                path,
                "ragged",
                f"has more cells in row {number} than headings; quote what holds a separator",
            )
        padded = cells[: len(columns)] + ("",) * (len(columns) - len(cells))
        found.append(Row(number, padded))
    if not found:
        raise _refusal(path, "empty", "has no row below its headings; send the sheet that has")
    return Sheet(columns, tuple(found))


def _headings(path: Path, cells: tuple[str, ...]) -> tuple[str, ...]:
    columns = cells
    while columns and not columns[-1]:
        columns = columns[:-1]
    named = [column.casefold() for column in columns]
    if len(columns) > MAX_COLUMNS or not all(named) or len(set(named)) < len(named):
        raise _refusal(
            path,
            "headings",
            f"needs one row of at most {MAX_COLUMNS} headings first, each with a name of its own",
        )
    return columns


# --------------------------------------------------------------------------------------------- csv


def _csv(path: Path, data: bytes) -> Iterator[tuple[int, tuple[str, ...]]]:
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if data.startswith(marks) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _refusal(
            path, "encoding", f"is not UTF-8 at byte {error.start}; save it as CSV UTF-8 or XLSX"
        ) from error
    if "\0" in text:
        raise _refusal(path, "encoding", "holds zero bytes; it is no table of text")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=lambda mark: (first.count(mark), -_SEPARATORS.index(mark)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, _cells(path, reader.line_num, cells)
    except csv.Error as error:
        raise _refusal(
            path, "form", f"breaks off in row {reader.line_num} ({error}); mend its quotes"
        ) from error


# ---------------------------------------------------------------------------------------- workbook


def _workbook(path: Path, data: bytes) -> Iterator[tuple[int, tuple[str, ...]]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - slow to load, and rarely needed

    _check_unpacked(path, data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        rows = book.worksheets[0].iter_rows(max_col=MAX_COLUMNS + 1, values_only=True)
        for number, cells in enumerate(rows, 1):
            yield number, _cells(path, number, (_shown(cell) for cell in cells))
    except LocalError:
        raise
    except Exception as error:  # the library raises whatever a broken part makes it stumble over
        raise _refusal(
            path,
            "workbook",
            f"cannot be read as a workbook ({type(error).__name__}); save it anew, or as CSV UTF-8",
        ) from error


def _check_unpacked(path: Path, data: bytes) -> None:
    """A workbook is a ZIP file: what it says and what it gives must be within bounds."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            left = MAX_UNPACKED
            if len(parts) > MAX_PARTS or len({part.filename for part in parts}) < len(parts):
                raise _refusal(path, "workbook", "has too many parts, or two of one name")
            for part in parts:
                most = max(1 << 20, MAX_RATIO * part.compress_size)
                with archive.open(part) as stream:
                    while left >= 0 and most >= 0 and (piece := stream.read(1 << 18)):
                        left -= len(piece)
                        most -= len(piece)
                if most < 0:
                    raise _refusal(
                        path, "size", f"has a part that unpacks to over {MAX_RATIO} times its size"
                        "; save it anew, or as CSV UTF-8",
                    )  # fmt: skip
            if left < 0:
                raise _refusal(
                    path, "size", f"unpacks to more than {MAX_UNPACKED >> 20} MiB; send it in parts"
                )
    except _BROKEN as error:
        raise _refusal(path, "workbook", "is a damaged or locked workbook; save it anew") from error


def _shown(cell: object) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float():
            # As many digits as a coordinate can mean; a sheet's own noise behind them is dropped.
            return format(round(cell, 9), ".9f").rstrip("0").rstrip(".")
        case datetime.datetime() if cell.time() == datetime.time():
            return cell.date().isoformat()
        case datetime.datetime():
            return cell.isoformat(sep=" ", timespec="minutes")
        case _:
            return str(cell)


def _cells(path: Path, number: int, cells: Iterable[str]) -> tuple[str, ...]:
    out = tuple(cell.strip() for cell in cells)
    if len(out) > MAX_COLUMNS and any(out[MAX_COLUMNS:]):
        raise _refusal(
            path, "columns", f"has more than {MAX_COLUMNS} columns in row {number}; take some out"
        )
    if any(len(cell) > MAX_CELL for cell in out):
        raise _refusal(
            path, "cell", f"has a cell of more than {MAX_CELL} characters in row {number}"
        )
    return out[:MAX_COLUMNS]


def _refusal(path: Path, code: str, what: str) -> LocalError:
    return LocalError(f"list.{code}", f"{path} {what}")
