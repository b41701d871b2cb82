"""Proof files at the command line: a stranger checks one without station, keys or network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tieline.core import proof
from tieline.core.checkpoint import SignedNote
from tieline.desk.cli import common, main, talk
from tieline.node.evidencefile import TAG
from tieline.node.view import Json, proof_view

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
    assert len(out.splitlines()) >= 5  # a sentence on each line
    assert "U+000A" not in out
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


class Station:
    """Answers the acts that are asked of a running station here."""

    def __init__(self, **answers: Json) -> None:
        self._answers = answers

    def __call__(self, _args: object) -> Station:
        return self

    def call(self, act: str, **_args: Json) -> Json:
        return self._answers[act]


def test_proofs_are_listed_and_written_and_the_file_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held: list[Json] = [proof_view(proof.check(bytes.fromhex(case["proof"]))) for case in CASES[:2]]
    monkeypatch.setattr(common, "client", Station(proofs={"proofs": held}))
    assert main(["proof"]) == 0
    out = capsys.readouterr().out
    assert "proof 1 against ALPHA" in out
    assert "proof 2 against ALPHA" in out
    file = tmp_path / "against-alpha.tlproof"
    assert main(["proof", str(file)]) == 1  # there are two: which?
    assert "--number" in capsys.readouterr().err
    assert main(["proof", str(file), "--number", "3"]) == 1
    assert main(["proof", str(file), "--number", "2"]) == 0
    assert main(["proof", str(file), "--number", "1"]) == 1  # nothing is written over
    assert main(["verify", str(file)]) == 0
    assert "EXERCISE" in capsys.readouterr().out


def test_a_proof_in_the_page_that_checks_it_is_checked_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held: list[Json] = [proof_view(proof.check(bytes.fromhex(CASES[2]["proof"])))]
    monkeypatch.setattr(common, "client", Station(proofs={"proofs": held}))
    file = tmp_path / "against-alpha.html"
    assert main(["proof", str(file), "--html"]) == 0
    assert "opens it in a browser" in capsys.readouterr().out
    assert main(["verify", str(file), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["page"], report["party"]) == (True, True, "ALPHA")
    assert any("carries two certificates" in text for text in report["told"])
    whole = file.read_text("utf-8")
    start, block = whole.partition(TAG.decode() + "\n")[::2]
    for bad, code in (
        (whole.replace("</main>", "</main><p>All is well.</p>"), 0),  # another page, the same proof
        (start + TAG.decode() + "\nA" + block, 4),
        (whole + whole, 4),
        (start + TAG.decode() + "\n" + "QUFB" + block[4:], 4),
    ):
        file.write_text(bad, "utf-8")
        assert main(["verify", str(file), "--json"]) == code
        report = json.loads(capsys.readouterr().out)
        assert report["ok"] is not code
        assert report.get("page", False) is False or code


def test_the_page_alone_is_written_and_holds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "check.html"
    assert main(["--home", str(tmp_path / "none"), "verify", "--page", str(file)]) == 0
    assert f"{TAG.decode()}\n</script>" in file.read_text("utf-8")
    assert main(["verify", "--page", str(file)]) == 1  # nothing is written over
    assert main(["verify", str(file), "--page", str(tmp_path / "other.html")]) == 1
    assert main(["verify", str(file)]) == 4
    assert "does not begin with the line" in capsys.readouterr().out


def test_what_begins_as_a_proof_is_judged_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note whose origin is the label of a proof would be a checkpoint else."""
    file = tmp_path / "odd"
    file.write_text("TIELINE-PROOF-1\n1\n" + "A" * 43 + "=\n\n— a AAAAAAAA\n", "utf-8")
    assert main(["verify", str(file)]) == 4
    assert "changed on its way" in capsys.readouterr().out


def test_without_two_stories_there_is_nothing_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "client", Station(proofs={"proofs": []}))
    assert main(["proof"]) == 0
    assert "no two stories" in capsys.readouterr().out
    assert main(["proof", str(tmp_path / "none")]) == 1
    assert not (tmp_path / "none").exists()


def test_a_checkpoint_is_printed_or_written_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = json.loads((VECTORS.parent / "checkpoint" / "notes.json").read_text("utf-8"))
    text: str = vectors["cases"][1]["text"]
    answer: Json = {"note": text, "size": 70_000, "lines": 3}
    monkeypatch.setattr(talk, "client", Station(checkpoint=answer))
    assert main(["log", "checkpoint"]) == 0
    assert capsys.readouterr().out == text
    file = tmp_path / "head.note"
    assert main(["log", "checkpoint", "--seal", "--out", str(file)]) == 0
    assert file.read_bytes() == text.encode()
    assert len(SignedNote.parse(file.read_bytes()).signatures) == 3
