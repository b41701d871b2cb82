"""The reports of an exercise's incidents, written at its end as any officer would write them.

Each is made by the ordinary command at the home of one station, while that still runs: what is
compared later is what people get, and nothing that only an exercise could make.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from tieline.exercise.answer import Entry, Json

MOST: Final = 8  # incidents of which a report is written, the first ones


def clear(out: Path) -> None:
    """Take away what an earlier run had written there."""
    for old in out.glob("report-*.*"):
        old.unlink()


async def write(home: Path, scored: dict[str, Json], out: Path) -> None:
    """``report-N.json`` and ``report-N.html`` of each incident in a score, the first one first.

    A report that cannot be written is left out; the error is the station's, and stands on the
    terminal.
    """
    found = list(Entry(scored, "the score").entries("incidents")) if "incidents" in scored else []
    for number, one in enumerate(found[:MOST], 1):
        page = out / f"report-{number}.html"
        made = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tieline", "incident", "report", one.text("incident"),
            "--home", str(home), "--json", "--out", str(page),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await made.communicate()
        if made.returncode == 0:
            page.with_suffix(".json").write_bytes(said)
