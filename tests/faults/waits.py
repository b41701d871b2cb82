"""How long processes waited for a processor: no fault of theirs on a machine with other work.

The kernel counts it for each thread (``schedstat``): the time in which it was ready to run and did
not. Where the kernel does not count it, nobody has waited as far as is known.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


class Waits:
    """What all threads of some processes have waited since this was made."""

    def __init__(self, *processes: int) -> None:
        self._processes = processes
        self._before = self._counted()

    def since_s(self) -> float:
        """All of it together (s). What a thread has waited that is gone is not known any more."""
        now, before = self._counted(), self._before
        return sum(waited - before.get(thread, 0) for thread, waited in now.items()) / 1e9

    def _counted(self) -> dict[Path, int]:
        """By thread how long it has waited in its life (ns)."""
        out: dict[Path, int] = {}
        for process in self._processes:
            # A thread, or all of them, may be gone by the time that it is looked at.
            with contextlib.suppress(OSError):
                for thread in (PROC / str(process) / "task").iterdir():
                    with contextlib.suppress(OSError):
                        out[thread] = int((thread / "schedstat").read_text("ascii").split()[1])
        return out
