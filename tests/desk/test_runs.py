"""Two runs of an exercise beside each other: as text, as JSON, as a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.desk.reports import report

from tieline.desk.cli.exercise import run
from tieline.desk.cli.show import text_of, views
from tieline.desk.report import scores
from tieline.node.view import Json


def party(code: str, **more: Json) -> Json:
    spans: Json = {"of": 4, "done": 4, "median_ms": 600_000, "longest_ms": 600_000}
    made: dict[str, Json] = {
        "party": code, "messages": 5, "first_word_ms": 720_000, "first_fact_ms": 720_000,
        "read": spans, "understood": {"of": 0, "done": 0, "median_ms": None, "longest_ms": None},
        "questions": {"of": 1, "done": 0, "median_ms": None, "declined": 1, "overdue": 0},
        "deadlines": {"met": 3}, "corrected": 1, "taken_back": 0, "signed": 1,
        "closed": {"of": 1, "done": 1},
    }  # fmt: skip
    return made | more


def realm_of(made: Json) -> str:
    line = made["line"] if isinstance(made, dict) else None
    return str(line["exercise"]) if isinstance(line, dict) else ""


def wrote(folder: Path, name: str, made: Json, *parties: Json) -> str:
    folder.mkdir()
    score = {"scenario": name, "title": name, "exercise": realm_of(made), "parties": [*parties]}
    (folder / "score.json").write_text(json.dumps(score), "utf-8")
    (folder / "report-1.json").write_text(json.dumps(made), "utf-8")
    return str(folder)


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    here = report(first_word=720_000, kept=3, missed=0)
    there = report("as it went", kept=0, missed=2)
    late = party(
        "ALPHA", first_word_ms=180_000_000, first_fact_ms=None, corrected=0, signed=0,
        deadlines={"met": 1, "overdue": 2}, read={"of": 8, "done": 6},
    )  # fmt: skip
    return (
        wrote(tmp_path / "one", "played", here, party("ALPHA"), party("BRAVO")),
        wrote(tmp_path / "two", "as-it-went", there, late),
    )


def test_two_runs_are_compared_party_by_party(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *two, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["here"], found["other"]) == ("played", "as-it-went")
    alpha, bravo = found["parties"]
    rows = {row["figure"]: row for row in alpha["figures"]}
    assert (rows["first_word"]["here"], rows["first_word"]["other"]) == (720_000, 180_000_000)
    best = {name for name, row in rows.items() if row["better"] == "here"}
    assert best == {"first_word", "first_fact", "read", "met", "missed", "signed"}
    assert rows["read"]["other"] == [6, 8]
    assert {row["better"] for row in rows.values()} == {"here", ""}  # to correct is no race
    assert {row["better"] for row in bravo["figures"]} == {""}  # it plays in one of them only
    assert {row["figure"]: row["better"] for row in found["incident"]}["kept"] == "here"


def test_the_comparison_is_legible_on_a_terminal_and_as_a_page(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *two, "--out", str(tmp_path / "c.html")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[:3] == ["EXERCISE EXERCISE EXERCISE", "(1) played", "(2) as-it-went"]
    first, _ = [line for line in lines if line.startswith("  first word after")]
    assert first.split() == ["first", "word", "after", "12", "min", "<", "2", "d", "2", "h"]
    assert "⟨" not in "".join(lines)
    page = (tmp_path / "c.html").read_text("utf-8")
    assert "EXERCISE EXERCISE EXERCISE NORTH-26" in page
    assert "Score of ALPHA" in page
    assert "12 min  ◄" in page
    assert run(["compare", *two, "--out", str(tmp_path / "c.html")]) == 1
    assert "exists" in capsys.readouterr().err
    again = ("--out", str(tmp_path / "c.html"), "--force", "--language", "ar")
    assert run(["compare", *two, *again]) == 0
    page = (tmp_path / "c.html").read_text("utf-8")
    assert 'dir="rtl"' in page
    assert "Score of" not in page
    assert "U+2068" not in page


@pytest.mark.parametrize("bad", [b"{", b"[]", b"{}", b"[" * 90_000])
def test_a_folder_that_no_run_wrote_is_refused(
    two: tuple[str, str], bad: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(two[1]) / "score.json").write_bytes(bad)
    assert run(["compare", *two]) == 1
    assert "is no score that this version can read" in capsys.readouterr().err


@pytest.mark.parametrize("realm", ["", "OTHER-27"])
def test_nothing_real_and_nothing_of_another_exercise_is_set_beside_one(
    two: tuple[str, str], realm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report of a real incident in the folder of an exercise gets no banner of one."""
    (Path(two[1]) / "report-1.json").write_text(json.dumps(report(realm=realm)), "utf-8")
    assert run(["compare", *two]) == 1
    assert "holds what is not of one exercise" in capsys.readouterr().err
    score = {"scenario": "x", "exercise": realm, "parties": []}
    (Path(two[1]) / "score.json").write_text(json.dumps(score), "utf-8")
    assert run(["compare", *two]) == (1 if not realm else 0)


def test_every_figure_of_a_party_says_which_is_better_both_ways(two: tuple[str, str]) -> None:
    one, other = (scores.read_run(Path(folder)) for folder in two)
    there, here = (
        [text_of(row, "better") for row in views(views(found, "parties")[0], "figures")]
        for found in (scores.compared(one, other), scores.compared(other, one))
    )
    turned = {"here": "other", "other": "here", "": ""}
    assert there == [turned[one] for one in here]
    assert "here" in there


def test_a_run_without_an_incident_is_compared_by_its_score(
    two: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(two[0]) / "report-1.json").unlink()
    assert run(["compare", *two]) == 0
    assert "one of the two has no report of an incident" in capsys.readouterr().out
