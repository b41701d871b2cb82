"""Limits of processes: of one that reads one file of a stranger, and of all that hold keys."""

from __future__ import annotations

import resource

TYPE_CHECKING = False  # typing itself is slow to load, and every command loads this
if TYPE_CHECKING:
    from typing import Final

CPU_S: Final = 60
MEMORY: Final = 1 << 30  # bytes of address space
FILES: Final = 64


def confine(cpu_s: int = CPU_S) -> None:
    """Bound this process from here on: processor time, memory, open files; it writes no file."""
    for what, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        put = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (put, put))


def dump_nothing() -> None:
    """From here on this process and its children leave no copy of their memory on a disk.

    Keys and words lie there in the clear. A helper that the machine's administrator has set up to
    take dumps is told the limit, and has to keep it (core(5), "Piping core dumps to a program").
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
