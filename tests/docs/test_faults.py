"""docs/faults.md says what the catalogue of faults has, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.faults.catalogue import ROWS
from tests.faults.fires import KINDS
from tests.faults.sabotage import BUILDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text("utf-8")
CASES = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
TABLE = {
    name: (promise, int(cases or 0))
    for promise, name, cases in re.findall(
        r"^\| ([A-Z]\d*) \| `([a-z-]+)` \|[^|]+\|[^|]+\| *(\d*) *\|[^|]*\|$", PAGE, re.MULTILINE
    )
}
GROWING = {"P8", "P10", "S"}  # as many cases as the desk has screens, acts and routes
# What the catalogue has beyond what was asked, or as a part of a row that is named there.
NOT_ASKED = {"axe-everywhere", "guessed-password", "path-traversal"}
NAMED = sorted({*re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE),
                *(each for row in ROWS.values() for each in row.tests)})  # fmt: skip


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef))


def test_the_tests_that_are_named_are_there() -> None:
    for name in NAMED:
        file, _, function = name.partition("::")
        assert (ROOT / file).is_file(), name
        assert not function or function.split("[")[0] in functions(ROOT / file), name


def test_the_eighteen_cases_have_a_test_each() -> None:
    assert [int(number) for number, _ in CASES] == list(range(1, 19))
    assert all(tests.startswith("`tests/") for _, tests in CASES)


def test_what_was_asked_is_played_by_rows_and_turned_red_by_builds_that_are_there() -> None:
    section = PAGE.partition("## What was asked")[2].partition("\n##")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert {line.split("|")[1].strip() for line in lines} == {*(f"P{n}" for n in range(1, 13)), "S"}
    names = {name for line in lines for name in re.findall(r"`([a-z][a-z-]+)`", line)}
    of_tests = {"off", "normal", "hasty"}  # builds of tests/crash
    of_the_simulator = {"pest", "newer"}
    assert names <= {*ROWS, *BUILDS, *KINDS, *of_tests, *of_the_simulator}
    assert set(ROWS) - names <= NOT_ASKED


def test_the_page_has_the_rows_of_the_catalogue() -> None:
    assert {name: row.promise for name, row in ROWS.items()} == {
        name: promise for name, (promise, _) in TABLE.items()
    }
    counted = {name: row.cases("C") for name, row in ROWS.items() if row.promise not in GROWING}
    assert counted == {name: TABLE[name][1] for name in counted}
