"""The clock and the disk of one station's machine, as a test has them: set while it runs.

Where there is a C compiler, a small library is loaded before the C library (``mood.c``), so that
Python, OpenSSL and SQLite all see the same wrong time. Elsewhere the station's own Python is given
it (``stationproc``); the disk is then as it is.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.faults.rows import need

SOURCE: Final = Path(__file__).with_suffix(".c")
_FORM: Final = struct.Struct("=6q")
NAME: Final = "FAULTS_MOOD"


def build(folder: Path) -> Path | None:
    """The library, or nothing where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = folder / "mood.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-Wall", "-o", str(made), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    need(done.returncode == 0, f"{SOURCE.name} cannot be compiled: {done.stderr}")
    return made


class Mood:
    """The numbers that the library reads, of one station. ``fresh``: make the file."""

    def __init__(self, path: Path, *, fresh: bool = True) -> None:
        self.path = path
        if fresh:
            path.write_bytes(_FORM.pack(0, 0, 0, 0, 0, 0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FORM.size)

    def _read(self) -> list[int]:
        return list(_FORM.unpack(self._map[:]))

    def _set(self, place: int, value: int) -> None:
        self._map[place * 8 : place * 8 + 8] = value.to_bytes(8, "little", signed=True)

    def ahead_ms(self) -> int:
        """How far the wall clock is ahead of the true one now."""
        ahead, drift, since, *_ = self._read()
        return (ahead + (time.monotonic_ns() - since) // 1_000_000 * drift) // 1_000_000

    def step(self, ms: int) -> None:
        """Set the wall clock forward, or back."""
        self._set(0, self._read()[0] + ms * 1_000_000)

    def drift(self, ppm: int) -> None:
        """Let the wall clock run fast or slow from now on; what it has gained stays."""
        self._set(0, self.ahead_ms() * 1_000_000)
        self._set(1, 0)
        self._set(2, time.monotonic_ns())
        self._set(1, ppm)

    def slow(self, ms: int, *, syncs_only: bool = False) -> None:
        """Have each sync take so much longer, and without ``syncs_only`` a burst's first write."""
        self._set(5, syncs_only)
        self._set(3, ms * 1_000)

    def right(self) -> None:
        """The right time, and the disk as it is."""
        for place in range(4):
            self._set(place, 0)

    @property
    def slowed(self) -> int:
        """How often the disk was slow."""
        return self._read()[4]
