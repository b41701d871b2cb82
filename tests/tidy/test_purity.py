"""The core gives the same answer to the same events on every machine, in every run.

What it may import is held by the import contract and by ruff. Here stands what neither sees: calls
and forms whose result hangs on the process (hash seeds, addresses, the order of a set) or on
floating point.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tidy import trees

PROCESS = frozenset({"hash", "id", "vars", "globals", "locals", "print", "eval", "exec", "float"})
# Geodesics are computed in floating point; what leaves the module is whole metres (decision 0013).
FLOATING = frozenset({"agreement/places.py"})
SETS = frozenset({"set", "frozenset"})


def impurities(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in PROCESS:
                yield f"{node.lineno}: {name}() hangs on the process or on floating point"
            case ast.Constant(value=float()):
                yield f"{node.lineno}: a floating-point number"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield f"{node.lineno}: division that gives floating point; use //"
            case ast.For(iter=what) | ast.comprehension(iter=what) if is_set(what):
                yield f"{what.lineno}: the order of a set; sort it"
            case ast.Call(func=ast.Name(id="tuple" | "list"), args=[what]) if is_set(what):
                yield f"{node.lineno}: the order of a set; sort it"


def is_set(node: ast.AST) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in SETS
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.Sub(), left=left, right=right):
            return is_set(left) or is_set(right)
    return False


@pytest.mark.parametrize("path", trees.files("src/tieline/core"), ids=lambda path: path.name)
def test_the_core_is_pure(path: Path) -> None:
    found = list(impurities(path.read_text(encoding="utf-8")))
    if path.relative_to(trees.ROOT / "src/tieline/core").as_posix() in FLOATING:
        found = [one for one in found if "floating" not in one or "()" in one]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "key = hash(name)",
        "x = 0.5",
        "y = a / b",
        "for n in {1, 2}: pass",
        "out = [n for n in set(names)]",
        "out = tuple(set(a) - set(b))",
        "print(now)",
    ],
)
def test_the_check_sees(source: str) -> None:
    assert list(impurities(source))
