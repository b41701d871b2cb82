"""P8 at the desk: strangers who crowd its port, and an officer who goes on working."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.crowd import MANNERS
from tests.faults.floor import here
from tests.faults.rows import need
from tests.web.plain import Plain

ROOT: Final = Path(__file__).resolve().parents[2]
STRANGERS: Final = 1_000
WITHIN_S: Final = 30.0  # to see a FLASH, read it and acknowledge it, on a machine with other work
MOST_BYTES: Final = 32 << 20  # that the process grows by, two stations and a desk together
MOST_FILES: Final = 600  # that are open more than before


@dataclass
class Crowd:
    """Those at the door. ``lasted_s``: the connection that lasted longest, known at the end."""

    lasted_s: float = 0.0


@contextlib.contextmanager
def crowd(port: int, count: int, manner: str, seed: int) -> Iterator[Crowd]:
    """As many strangers meanwhile, all of whom have come once."""
    command = [sys.executable, "-m", "tests.faults.crowd", str(port), str(count), manner, str(seed)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        there = Crowd()
        try:
            need(process.stdout.readline() == b"all have come\n", "the strangers did not come")
            yield there
        finally:
            process.stdin.close()
            last = process.stdout.readline()
            process.wait(60)
        need(last, "the strangers went before the case was over")
        there.lasted_s = float(last)


def crowded_desk(seed: int) -> None:
    """A FLASH comes, is seen, read and acknowledged, whoever else is at the port."""
    crowded(seed, STRANGERS)


def crowded(seed: int, count: int) -> None:
    """One case with this many strangers."""
    floor, manner = here(), MANNERS[seed % len(MANNERS)]
    officer = floor.visitor("watch-officer")
    need(officer.get("/").status == 200, "the desk does not answer")
    grown, files = _memory(), _files()
    with crowd(floor.port, count, manner, seed):
        began = time.monotonic()
        words = f"Read in a crowd of {manner}, {seed}"
        digest = floor.hears(words, precedence="PRIORITY")
        need(words in _page(officer, "/"), f"{manner}: it is not on the watch")
        page = _page(officer, f"/item/{digest}")
        need(words in page, f"{manner}: it cannot be read")
        answer = officer.post(f"/item/{digest}/acknowledge", {"csrf": officer.token})
        need(answer.status == 303, f"{manner}: the acknowledgement was answered {answer.status}")
        took = time.monotonic() - began
        more_files, more = _files() - files, _memory() - grown
    need(took <= WITHIN_S, f"{manner}: it took {took:.1f} s")
    need(more_files <= MOST_FILES, f"{manner}: {more_files} more files are open")
    need(more <= MOST_BYTES, f"{manner}: {more >> 20} MiB more are held")


def _page(who: Plain, path: str) -> str:
    answer = who.get(path)
    need(answer.status == 200, f"{path} was answered {answer.status}")
    return answer.text


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def _memory() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) << 10
