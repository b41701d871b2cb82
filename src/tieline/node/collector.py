"""The garbage collector of a process that runs for long: it looks seldom, and not at what stays.

Left to itself it looks at all that is alive again whenever that has grown by a quarter, and the
process stands still meanwhile. A station keeps most of what it makes, and hardly any of it in
cycles: looking finds nothing. What is left out of sight here is not kept alive by that: it goes as
soon as nothing refers to it, unless it refers to itself.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

_ARENA_MAX: Final = -8  # of malloc.h
_MMAP_THRESHOLD: Final = -3


def spare() -> None:
    """Have the C library keep little of what was freed. To be called before there are threads.

    All threads share one heap: only one of them runs Python at a time, and what a short one took
    is there for the others. Large blocks come from the system, and go back to it at once. Some C
    libraries do not have these settings, and keep their own.
    """
    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is not None:
        setting(_ARENA_MAX, 1)
        setting(_MMAP_THRESHOLD, 128 << 10)


def calm() -> None:
    """Look seldom from now on, and never again at what is loaded now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def settle() -> None:
    """What was made lately stays (a long record is being read): do not look at it again."""
    gc.collect(1)
    gc.freeze()


def give_back() -> None:
    """Give the system the memory that was taken for a while (a long record was read) and freed.

    Some C libraries have no way for it; they keep it for what comes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def unsettle() -> None:
    """Something that was settled is needed no more: look at everything again, when it is time."""
    gc.unfreeze()
