"""A process of its own that reads one list of a stranger, and says its cells as JSON.

A workbook is a packed tree of XML for a large library: whatever it does to that, the desk and the
station beside it go on. What is said is bounded, so that a page can carry it; the command line
takes longer lists.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from tieline.core.errors import LocalError
from tieline.desk.confined import confine
from tieline.node.sheet import MAX_FILE, Sheet, read_sheet

CPU_S: Final = 20
MAX_ROWS: Final = 400
MAX_TEXT: Final = 300_000  # bytes of all cells as JSON
_NAMED: Final = Path("the file")  # its name here is the desk's own


def main() -> int:
    """Read the file that the first argument names."""
    confine(CPU_S)
    with Path(sys.argv[1]).open("rb") as file:
        data = file.read(MAX_FILE + 1)
    try:
        said = told(read_sheet(_NAMED, data))
    except LocalError as error:
        said = json.dumps({"code": error.code, "message": error.message})
    sys.stdout.write(said)
    return 0


def told(sheet: Sheet) -> str:
    """A table as JSON. Raises ``LocalError`` (``list.rows``) when it is too long for a page."""
    said = json.dumps({
        "columns": sheet.columns, "rows": [[row.number, row.cells] for row in sheet.rows],
    })  # fmt: skip
    if len(sheet.rows) > MAX_ROWS or len(said) > MAX_TEXT:
        raise LocalError(
            "list.rows",
            f"the file goes beyond {MAX_ROWS} rows or {MAX_TEXT // 1000} kB, which is what a desk"
            " takes at once; send it in parts, or on the command line with 'tieline form --sheet'",
        )
    return said


if __name__ == "__main__":
    sys.exit(main())
