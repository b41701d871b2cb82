"""Proof files at the command line: a stranger checks one without station, keys or network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tieline.desk.cli import main

VECTORS = Path(__file__).parents[2] / "vectors" / "proof"
CASES = json.loads((VECTORS / "accept.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_proof_is_told_in_sentences(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proof.txt"
    file.write_text(case["armor"], "ascii")
    assert main(["--home", str(tmp_path / "none"), "verify", str(file)]) == 0
    out = capsys.readouterr().out
    for words in ("proof of two stories", case["party"], case["line"], "stolen key"):
        assert words in out
    assert ("EXERCISE" in out) == bool(case["realm"])
    assert main(["verify", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_a_proof_that_proves_nothing_ends_with_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proof.txt"
    text: str = CASES[0]["armor"]
    lines = text.splitlines(keepends=True)
    swapped = "".join([lines[0], lines[2], lines[1], *lines[3:]])
    for bad in (swapped, text[:-10], text + "\n", "TIELINE-PROOF-9\n"):
        file.write_text(bad, "ascii")
        assert main(["verify", str(file)]) == 4
        assert "NOT VERIFIED" in capsys.readouterr().out
