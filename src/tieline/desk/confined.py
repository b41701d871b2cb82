"""Limits of a process of its own that reads one file of a stranger."""

from __future__ import annotations

import resource
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
