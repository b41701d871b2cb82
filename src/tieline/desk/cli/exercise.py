"""``tieline exercise``: handed over to the program of exercises, which is apart from the desk."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence


def run(words: Sequence[str]) -> int:
    """Run the exercise program with these words; it hears an interrupt itself.

    What is compared are reports, which are the desk's own.
    """
    import subprocess

    if words[:1] == ["compare"]:
        from tieline.desk.cli import runs

        return runs.main(words[1:])

    command = [sys.executable, "-m", "tieline.exercise", *(words or ["run", "--help"])]
    with subprocess.Popen(command) as process:  # noqa: S603  # our own program, no shell
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()


def exercise(_: argparse.Namespace) -> int:
    """Without a word: say what there is."""
    return run([])
