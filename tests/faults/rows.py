"""What a row of the catalogue of faults is, and how one case of it is played.

A row makes a demand under one fault. Its cases are numbered; a number is a seed, and the same
number is the same case. A row that tests answer already names them, and is met when they pass.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from subprocess import SubprocessError
from typing import Final

from tieline.core.errors import TielineError
from tieline.sim.violation import Violation

LEVELS = ("C", "N", "R")
Play = Callable[[int], None]


class Missed(Exception):
    """A demand was not met in one case, and how."""


# What says all in its own words; of anything else it must be seen where it comes from.
FAILURES = (
    Missed, Violation, AssertionError, TielineError, OSError, HTTPException, SubprocessError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    ``counts`` are the cases at the levels C, N and R; ``play`` plays one of them, and raises when
    the demand is not met. ``tests`` are pytest ids that answer for the row, too. ``sabotage`` are
    the names of builds under which it must not hold; ``few`` is how many cases show that.
    ``stage`` is what stands around cases that are played one after the other. ``lacks`` says what
    this machine has not that the cases need, or nothing: such a row is named and not played.
    ``alike``: the cases begin alike, so over some of them what follows from its arguments alone is
    worked out once (``tieline.sim.memory``): the same charter, certificate and signature. What
    differs between two cases goes through the real code in each.
    """

    promise: str
    name: str
    fault: str
    demand: str
    counts: tuple[int, int, int] = (0, 0, 0)
    play: Play | None = None
    tests: tuple[str, ...] = ()
    sabotage: tuple[str, ...] = ()
    few: int = 4
    stage: Callable[[], AbstractContextManager[None]] | None = None
    lacks: Callable[[], str] = str
    alike: bool = False

    def cases(self, level: str) -> int:
        """How many cases there are at a level."""
        return self.counts[LEVELS.index(level)] if self.play is not None else 0


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for one case: in memory where there is one, since no row is about a slow disk."""
    return tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-", dir=_memory())


def swept() -> list[Path]:
    """Take away the folders of runs that were killed: they lie in memory until somebody does.

    The name of each has its maker. Those of a maker that lives are left alone.
    """
    found = []
    for left in Path(_memory() or tempfile.gettempdir()).glob(f"{_SCRATCH}*-*"):
        maker = left.name.removeprefix(_SCRATCH).partition("-")[0]
        if maker.isdecimal() and not Path("/proc", maker).exists():
            shutil.rmtree(left, ignore_errors=True)
            found.append(left)
    return found


def _memory() -> Path | None:
    memory = Path("/dev/shm")  # noqa: S108
    return memory if os.access(memory, os.W_OK) else None


_SCRATCH: Final = "tieline-faults-"


def need(held: object, what: str) -> None:
    """Raise ``Missed`` unless the demand is met."""
    if not held:
        raise Missed(what)


def played(row: Row, seed: int) -> str:
    """Play one case: why the demand is not met, or nothing."""
    if row.play is None:
        return "there is nothing to play"
    try:
        row.play(seed)
    except Exception as error:  # noqa: BLE001 # a defect fails this case, and not all others with it
        return told(error)
    return ""


def told(error: Exception) -> str:
    """What is said of a failure: its words, or where it comes from if it was not foreseen."""
    if isinstance(error, FAILURES):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error))
