"""The desk's own file: several processes open it, and one of them makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tieline.desk.web.vault import MIGRATIONS, Vault

# Opens one file after the other, each at the moment at which the other process is let go, too.
OPENS = (
    "import sys; from pathlib import Path; from tieline.desk.web.vault import Vault\n"
    "for line in sys.stdin:\n"
    "    Vault(Path(line.strip()), bytes(32)).close()\n"
    "    print('opened', flush=True)\n"
)


def test_two_processes_that_make_the_file_at_once_both_have_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPENS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    try:
        for number in range(4):
            for one in both:
                one.stdin.write(f"{tmp_path / str(number)}.db\n")
            for one in both:
                one.stdin.flush()
            assert [one.stdout.readline() for one in both] == ["opened\n"] * 2, number
    finally:
        for one in both:
            one.communicate()
    made = Vault(tmp_path / "0.db", bytes(32))
    assert made.row("PRAGMA user_version") == (len(MIGRATIONS),)
