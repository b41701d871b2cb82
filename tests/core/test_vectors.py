"""The vector files are fresh, and owe nothing to our own code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GENERATE = Path(__file__).parents[2] / "vectors" / "generate"


def test_every_vector_file_is_what_its_script_makes() -> None:
    done = subprocess.run(
        [sys.executable, GENERATE / "write.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,  # at low priority it may take long
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(path.stem for path in GENERATE.glob("*.py")))
def test_these_scripts_do_not_import_what_they_test(name: str) -> None:
    lines = (GENERATE / f"{name}.py").read_text("utf-8").splitlines()
    assert not [line for line in lines if line.startswith(("import tieline", "from tieline"))]
