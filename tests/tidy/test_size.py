"""Modules and functions that a reader can hold in the head."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.tidy import trees

LINES_MAX = 600
FUNCTION_LINES_MAX = 60

# What may be longer, and why.
LONG_FUNCTIONS: dict[str, str] = {}

SOURCES = trees.files("src", "bench", "tools", "vectors/generate")


def too_long(source: str) -> list[str]:
    tree = ast.parse(source)
    return [
        f"{name} at line {line} has {count} lines"
        for name, line, count in trees.functions(tree)
        if count > FUNCTION_LINES_MAX and name not in LONG_FUNCTIONS
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(trees.ROOT)))
def test_a_module_is_short_and_so_are_its_functions(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= LINES_MAX
    assert too_long(source) == []


def test_the_check_sees_a_long_function() -> None:
    body = "\n".join("    x = 1" for _ in range(FUNCTION_LINES_MAX))
    assert too_long(f"def long():\n{body}\n")
