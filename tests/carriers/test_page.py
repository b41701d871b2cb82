"""The page for implementers gives the numbers of the code."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from tieline.carriers.tuning import TlsTuning

PAGE = Path(__file__).parents[2] / "docs" / "carriers" / "tls.md"


def test_the_page_has_each_number_of_the_tuning() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([0-9.]+) \|", text, re.MULTILINE)
    written = {name: float(number) for name, number in rows}
    assert written == dataclasses.asdict(TlsTuning())
