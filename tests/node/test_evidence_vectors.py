"""The reader finds in every evidence vector what the vector says, to the last field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tieline.core.evidence_reader import read
from tieline.node.evidence import as_json

FOLDER = Path(__file__).parents[2] / "vectors" / "evidence"
NAMES = sorted(path.stem for path in FOLDER.glob("*.tle"))


@pytest.mark.parametrize("name", NAMES)
def test_the_reader_finds_what_the_vector_says(name: str) -> None:
    wanted = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    found = as_json(read([(FOLDER / f"{name}.tle").read_bytes()]))
    found.pop("says")
    wanted.pop("about")
    wanted.pop("mldsa", None)
    assert found == wanted


def test_there_are_vectors_of_every_verdict_and_of_every_code() -> None:
    cases = [json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")]
    assert {case["verdict"] for case in cases} == {"checked", "partly", "failed"}
    page = (FOLDER.parents[1] / "docs" / "evidence.md").read_text("utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `evidence.")}
    codes = {code for case in cases for code, _ in case["faults"]}
    assert codes == rows


@pytest.mark.parametrize("name", ["four-parties-thread", "two-stories", "broken-cut"])
@pytest.mark.parametrize("chunk", [7, 4093])
def test_the_result_does_not_hang_on_how_the_bytes_come(name: str, chunk: int) -> None:
    data = (FOLDER / f"{name}.tle").read_bytes()
    pieces = (data[at : at + chunk] for at in range(0, len(data), chunk))
    assert as_json(read(pieces)) == as_json(read([data]))
