"""How the product waits with a limit."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src"


def test_no_wait_loses_its_cancelling() -> None:
    """``asyncio.wait_for`` of Python 3.11 forgets a cancelling when what it waited for has come.

    A task that is ended in that moment goes on, and whoever waits for its end waits for ever;
    ``asyncio.timeout`` does not.
    """
    found = [
        f"{path.relative_to(SOURCES)}:{node.lineno}"
        for path in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute)
        and node.attr == "wait_for"
        and isinstance(node.value, ast.Name)
        and node.value.id == "asyncio"
    ]
    assert found == [], "use `async with asyncio.timeout(seconds)`"
