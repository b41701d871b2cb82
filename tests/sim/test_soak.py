"""The soak: seeds one after the other until the time is up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).resolve().parents[2] / "tools" / "soak.py"


def soak(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SOAK), *words], capture_output=True, text=True, check=False
    )


def test_it_plays_from_where_it_says_until_the_time_is_up() -> None:
    done = soak("--start", "3", "--hours", "0.02", "--minutes", "0.01")
    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert first == "soak: from seed 3 for 0.01 min"
    words = last.split()
    assert (words[0], words[2:6]) == ("soak:", ["seeds,", "0", "failed;", "seeds"])
    assert int(words[1]) >= 2
    assert words[6:] == ["3", "to", str(2 + int(words[1]))]


def test_no_time_is_a_wrong_usage() -> None:
    done = soak("--minutes", "0")
    assert done.returncode == 2
    assert "more than 0" in done.stderr
