"""docs/faults.md says what the catalogue of faults has, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.faults.catalogue import ROWS

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


def test_the_page_has_the_rows_of_the_catalogue() -> None:
    assert {name: row.promise for name, row in ROWS.items()} == {
        name: promise for name, (promise, _) in TABLE.items()
    }
    counted = {name: row.cases("C") for name, row in ROWS.items() if row.promise not in GROWING}
    assert counted == {name: TABLE[name][1] for name in counted}
