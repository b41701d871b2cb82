"""The tool that changes the product to see whether tests notice (tools/mutation.py)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import mutate  # noqa: E402
import mutation  # noqa: E402
from mutantrun import KILLED, SURVIVED, Outcome  # noqa: E402

TINY = '''"""A module of a test."""
LEAST = 2


def grown(count):
    if count < LEAST:
        return 0
    return count - 1


def unseen():
    return grown(LEAST)
'''
CONFTEST = """from hypothesis import settings
settings.register_profile("same", derandomize=True, database=None)
"""
TESTS = """from tieline.core.tiny import LEAST, grown
def test_grown():
    assert grown(1) == 0
    assert grown(5) == 4
"""


def changes(tmp_path: Path, text: str) -> set[tuple[str, str, str]]:
    path = tmp_path / "some.py"
    path.write_text(text, "utf-8")
    return {(each.kind, each.before, each.after) for each in mutate.read("some", path).mutants}


@pytest.mark.parametrize(
    ("text", "kind", "before", "after"),
    [
        ("a < b", "boundary", "a < b", "a <= b"),
        ("a < b", "comparison", "a < b", "a >= b"),
        ("a in b", "comparison", "a in b", "a not in b"),
        ("a and b", "and/or", "a and b", "a or b"),
        ("a + b", "arithmetic", "a + b", "a - b"),
        ("a[3]", "constant", "a[3]", "a[4]"),
        ("f(True)", "constant", "f(True)", "f(False)"),
        ("f(a, b)", "arguments", "f(a, b)", "f(b, a)"),
        ("f()", "statement", "f()", "pass"),
        ("a.b = 1", "statement", "a.b = 1", "pass"),
        ("raise a", "statement", "raise a", "pass"),
        ("return a", "return", "return a", "return None"),
        ("if a: return 1", "statement", "if a:", "pass"),
        ("if a: return 1", "negation", "if a:", "if not a:"),
        ("if not a: b()", "negation", "if not a:", "if a:"),
    ],
)
def test_each_kind_of_change_is_found(
    tmp_path: Path, text: str, kind: str, before: str, after: str
) -> None:
    found = changes(tmp_path, f"def function(a, b):\n    {text}\n    g()\n")
    assert (kind, before, after) in found


@pytest.mark.parametrize(
    "text",
    ["a: tuple[int, 3]", "x = f'{3}'", "zip(a, b, strict=True)", "isinstance(a, b)", "x = 'text'"],
)
def test_what_says_nothing_to_a_program_is_left_alone(tmp_path: Path, text: str) -> None:
    found = changes(tmp_path, f"def function(a, b):\n    {text}\n")
    assert {change for change in found if change[0] not in {"statement", "arguments"}} == set()
    assert ("arguments", "isinstance(a, b)", "isinstance(b, a)") not in found


def test_a_change_is_made_and_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text("def function():\n    return 3\n", "utf-8")
    source = mutate.read("some", path)
    said = []
    for number in (0, None):
        space: dict[str, object] = {}
        exec(source.compiled(number), space)  # noqa: S102 # what the tool does
        said.append(space["function"]())  # type: ignore[operator]
    assert said == [4, 3]


def test_equal_seeds_draw_equal_samples_in_proportion() -> None:
    sources = mutation.modules(["core/encode", "core/tree", "store"])
    first = mutation.sample(sources, 60, 7)
    assert first == mutation.sample(mutation.modules(["core/encode", "core/tree", "store"]), 60, 7)
    assert first != mutation.sample(sources, 60, 8)
    assert len(first) == 60
    whole = sum(len(source.mutants) for source in sources.values())
    for name, source in sources.items():
        drawn = sum(mutant.module == name for mutant in first)
        assert abs(drawn - 60 * len(source.mutants) / whole) < 1


def test_bounds_are_those_of_wilson() -> None:
    low, high = mutation.bounds(85, 100)
    assert (round(low, 2), round(high, 2)) == (76.72, 90.69)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository of one module whose tests leave a boundary and a function alone."""
    for name in ("mutate.py", "mutantmap.py", "mutantrun.py", "mutation.py"):
        (tmp_path / "tools").mkdir(exist_ok=True)
        shutil.copy(TOOLS / name, tmp_path / "tools")
    for folder in (
        "src/tieline/core",
        "src/tieline/store",
        "tests/store",
        "tests/packs",
        "tests/interop",
        "tests/node",
    ):
        (tmp_path / folder).mkdir(parents=True)
    for package in ("tieline", "tieline/core"):
        (tmp_path / "src" / package / "__init__.py").write_text("", "utf-8")
    for name in mutation.FOLDERS:
        if name.endswith(".py"):
            (tmp_path / name).write_text("", "utf-8")
    (tmp_path / "src/tieline/core/tiny.py").write_text(TINY, "utf-8")
    (tmp_path / "tests/core").mkdir()
    (tmp_path / "tests/conftest.py").write_text(CONFTEST, "utf-8")
    (tmp_path / "tests/core/test_tiny.py").write_text(TESTS, "utf-8")
    (tmp_path / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\npythonpath = ['src']\n", "utf-8"
    )
    return tmp_path


def tried(tree: Path, *options: str) -> tuple[int, dict[str, object]]:
    command = [sys.executable, "tools/mutation.py", "--json", *options]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=tree, env=inherited, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_planted_changes_are_killed_and_what_nobody_tests_is_named(tree: Path) -> None:
    ended, told = tried(tree, "--count", "99")
    assert ended == 1  # below the score
    left = told["left"]
    assert isinstance(left, list)
    states = {(each["before"], each["after"]): each["state"] for each in left}
    assert states["count < LEAST", "count <= LEAST"] == "survived"
    assert states["LEAST = 2", "LEAST = 3"] == "survived"
    assert states["return grown(LEAST)", "return None"] == "not covered"
    assert ("count - 1", "count + 1") not in states
    assert ("count < LEAST", "count >= LEAST") not in states
    assert {each["function"] for each in left} == {"", "grown", "unseen"}
    assert told["killed"] == told["count"] - len(left)  # type: ignore[operator]


def test_a_judged_survivor_is_counted_apart(tmp_path: Path) -> None:
    path = tmp_path / "judged.toml"
    judged = '[[equivalent]]\nmodule = "some"\nfunction = "function"\n'
    judged += 'before = "a < b"\nafter = "a <= b"\nreason = "as an example"\n'
    path.write_text(judged, "utf-8")
    changes(tmp_path, "def function(a, b):\n    return a < b\n")
    mutants = mutate.read("some", tmp_path / "some.py").mutants
    reasons = mutation.judged(path)
    left = [Outcome(each, SURVIVED) for each in mutants]
    assert mutation.tally(left, reasons).counts == {
        "killed": 0, "survived": 2, "not covered": 0, "equivalent": 1
    }  # fmt: skip
    held = [Outcome(each, KILLED) for each in mutants]
    assert mutation.tally(held, reasons).counts["killed"] == 3  # a test noticed it all the same


def test_tests_that_fail_without_a_change_are_no_measure(tree: Path) -> None:
    (tree / "tests/core/test_tiny.py").write_text("def test_it():\n    assert False\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "tools/mutation.py"], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "without any change this fails" in done.stderr
