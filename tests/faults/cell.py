"""A bound on the memory of a process that the kernel holds: a control group, where one can be made.

What counts is all that the kernel keeps for it: its pages, those of files in memory that it writes,
and buffers of its sockets. A process that needs more than the bound is ended by the kernel.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOUNT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
ENDS_S: Final = 30.0  # for the last process of a group to be gone
LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Cell:
    """One group. The names of its files are those of the version of control groups."""

    path: Path
    limit: str
    events: str
    peak: str

    def bound(self, most_bytes: int) -> None:
        """Let those in it have so much."""
        (self.path / self.limit).write_text(str(most_bytes), "ascii")

    def enter(self) -> None:
        """For a child before it becomes a program: it is in the group from then on."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()), "ascii")

    def ended(self) -> int:
        """How many the kernel has ended in it."""
        found = re.search(r"^oom_kill (\d+)$", self._read(self.events), re.MULTILINE)
        return int(found[1]) if found else 0

    def most_bytes(self) -> int:
        """The most that was held at once."""
        return int(self._read(self.peak))

    def _read(self, name: str) -> str:
        return (self.path / name).read_text("ascii")


@contextlib.contextmanager
def cell(most_bytes: int) -> Iterator[Cell | str]:
    """A group with a bound, or why there is none on this machine. Those in it must end first.

    Groups that a killed run has left are taken away, too.
    """
    with contextlib.ExitStack() as stack:
        given: Cell | str
        try:
            made = _made()
            stack.callback(_put_away, made.path)
            made.bound(most_bytes)  # a group of version 2 may have no such file
            given = made
        except (OSError, LookupError) as error:
            given = f"no bound on memory can be set here ({error}): what is held is measured only"
        yield given


def _made() -> Cell:
    lines = OWN.read_text("ascii").splitlines()
    own = {kind: path for _, kind, path in (line.split(":", 2) for line in lines)}
    if "memory" in own:
        parent = MOUNT / "memory" / own["memory"].lstrip("/")
        files = ("memory.limit_in_bytes", "memory.oom_control", "memory.max_usage_in_bytes")
    else:
        parent = MOUNT / own[""].lstrip("/")
        files = ("memory.max", "memory.events", "memory.peak")
    path = parent / f"tieline-{os.getpid()}"
    for left in parent.glob("tieline-*"):
        maker = left.name.removeprefix("tieline-")
        if left == path or not Path("/proc", maker).exists():
            with contextlib.suppress(OSError):  # somebody is in it
                left.rmdir()
    path.mkdir()
    return Cell(path, *files)


def _put_away(path: Path) -> None:
    """Take a group away: who was killed in it counts for a moment more."""
    until, pause = time.monotonic() + ENDS_S, threading.Event()
    while True:
        try:
            return path.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > until:
                raise
        pause.wait(LOOK_S)
