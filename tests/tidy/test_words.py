"""What no file may hold: the paths of a machine, raw controls, waiting by time."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
from tests.tidy import trees

MACHINE = re.compile(r"(?<![\w.])/(?:work|root)/[.\w]")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]")


def tracked() -> list[Path]:
    out = subprocess.run(
        ["git", "ls-files", "-z"], cwd=trees.ROOT, capture_output=True, check=True
    ).stdout
    paths = [trees.ROOT / name for name in out.decode().split("\0") if name]
    binary = {".png", ".bin", ".tle"}
    return [path for path in paths if path.suffix not in binary and path.is_file()]


def test_no_file_holds_the_path_of_a_machine_or_a_raw_control() -> None:
    wrong = []
    for path in tracked():
        text = path.read_text(encoding="utf-8")
        found = MACHINE.search(text) or CONTROLS.search(text)
        if found and path != Path(__file__):
            wrong.append(f"{path.relative_to(trees.ROOT)}: {found.group()!r}")
    assert wrong == []


@pytest.mark.parametrize("text", ["see /work/x", "in '/root/.cache'", "a\u202eb", "a\x1b[1m"])
def test_the_check_sees(text: str) -> None:
    assert MACHINE.search(text) or CONTROLS.search(text)


def sleeps(source: str) -> list[int]:
    """Lines on which something waits by time: a test waits for what happens.

    On a loop whose time is virtual, an hour costs nothing and ends the same way every time.
    """
    if "run_virtually" in source:
        return []
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and trees.called(node) == "sleep"
        and not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
    ]


@pytest.mark.parametrize(
    "path", trees.files("tests"), ids=lambda path: str(path.relative_to(trees.ROOT))
)
def test_no_test_waits_by_time(path: Path) -> None:
    assert sleeps(path.read_text(encoding="utf-8")) == []


def test_the_check_sees_a_sleep() -> None:
    assert sleeps("import time\ntime.sleep(0.1)")
    assert not sleeps("await asyncio.sleep(0)")
