"""How long processes waited for a processor: no fault of theirs on a machine with other work.

The kernel counts it for each thread (``schedstat``): the time in which it was ready to run and did
not. Where the kernel does not count it, nobody has waited as far as is known.
"""

from __future__ import annotations

import contextlib
from pathlib import Path


def waited_s(*processes: int) -> float:
    """How long all threads of these processes have waited so far, together (s)."""
    total = 0
    for process in processes:
        # A thread, or all of them, may be gone by the time that it is looked at.
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((thread / "schedstat").read_text("ascii").split()[1])
    return total / 1e9
