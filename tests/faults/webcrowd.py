"""P8 at the desk: strangers who crowd its port, and an officer who goes on working."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.crowd import MANNERS
from tests.faults.floor import Floor, here
from tests.faults.rows import need
from tests.faults.waits import Waits
from tests.web.plain import Plain

ROOT: Final = Path(__file__).resolve().parents[2]
STRANGERS: Final = 1_000
LASTS_S: Final = 30.0
# The first round of those who are at a station's port for half a minute, too (``crowded-line``).
BRIEFLY: Final = frozenset({"shouting", "rubbish", "trickle", "idle", "halfopen", "churn"})
BRIEFLY_S: Final = 15.0  # more than who says nothing may stay
HARD_S: Final = 2.0  # of it, in which who is let go comes again at once
EVERY_S: Final = 3.0  # something is said, seen, read and acknowledged
WITHIN_S: Final = (
    30.0  # to see a message, read it and acknowledge it; not for waiting for a processor
)
MOST_BYTES: Final = 32 << 20  # that the process grows by, two stations and a desk together
MOST_FILES: Final = 600  # that are open more than before


@dataclass
class Crowd:
    """Those at the door. ``lasted_s``: the connection that lasted longest, known at the end."""

    lasted_s: float = 0.0


@contextlib.contextmanager
def crowd(port: int, count: int, manner: str, seed: int, hard_s: float = HARD_S) -> Iterator[Crowd]:
    """As many strangers meanwhile, all of whom have come once."""
    given = (port, count, manner, seed, hard_s)
    command = [sys.executable, "-m", "tests.faults.crowd", *map(str, given)]
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
    """Messages come, are seen, read and acknowledged, whoever else is at the port."""
    turn, which = divmod(seed, len(MANNERS))
    brief = not turn and MANNERS[which] in BRIEFLY
    crowded(seed, STRANGERS, BRIEFLY_S if brief else LASTS_S)


def crowded(seed: int, count: int, lasts_s: float) -> None:
    """One case with this many strangers, for a while."""
    floor, manner = here(), MANNERS[seed % len(MANNERS)]
    officer = floor.visitor("watch-officer")
    need(officer.get("/").status == 200, "the desk does not answer")
    grown, files = _memory(), _files()
    turn, pause = 0, threading.Event()
    with crowd(floor.port, count, manner, seed):
        began = time.monotonic()
        while not turn or time.monotonic() - began < lasts_s:
            took = _served(floor, officer, manner, f"Read in a crowd of {manner}, {seed}.{turn}")
            need(took <= WITHIN_S, f"{manner}: it took {took:.1f} s")
            turn += 1
            more_files, more = _files() - files, _memory() - grown
            need(more_files <= MOST_FILES, f"{manner}: {more_files} more files are open")
            need(more <= MOST_BYTES, f"{manner}: {more >> 20} MiB more are held")
            pause.wait(min(lasts_s, max(0.0, turn * EVERY_S - (time.monotonic() - began))))


def _served(floor: Floor, officer: Plain, manner: str, words: str) -> float:
    """A message comes, is seen, read and acknowledged; how long that took with a processor (s)."""
    began, waits = time.monotonic(), Waits(os.getpid())
    digest = floor.hears(words, precedence="PRIORITY")
    need(words in _page(officer, "/"), f"{manner}: it is not on the watch")
    need(words in _page(officer, f"/item/{digest}"), f"{manner}: it cannot be read")
    answer = officer.post(f"/item/{digest}/acknowledge", {"csrf": officer.token})
    need(answer.status == 303, f"{manner}: the acknowledgement was answered {answer.status}")
    return time.monotonic() - began - waits.since_s()


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
