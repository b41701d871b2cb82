"""What the simulated stations need not work out twice.

Five stations in one process read the same statement, verify the same signature, and do it again
after each of a hundred restarts. The functions named here follow from their arguments alone and
return frozen values, so within one run their answers are remembered; every distinct input still
goes through the real code once. A run has the same digest with and without it, which a test holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from tieline.core import charter, checkpoint, crypto, statement, sync
from tieline.core.checkpoint import Receipt, SignedNote
from tieline.core.journal import Alarm, Origin

PURE: Final[tuple[tuple[object, str], ...]] = (
    (crypto, "verify"),
    (statement, "parse"),
    (Receipt, "decode"),
    (Origin, "decode"),
    (Alarm, "decode"),
    (sync, "unpack"),
    (sync, "pack"),
    (charter, "parse_charter"),
    (checkpoint, "parse_origin"),
    (checkpoint, "read_checkpoint"),
    (SignedNote, "parse"),
)
METHODS: Final[tuple[tuple[type, str], ...]] = ((Receipt, "encode"),)  # of frozen values
REMEMBERED: Final = 32_768  # answers of each


@contextmanager
def remembered() -> Iterator[None]:
    """Remember the answers of pure functions of the core for a while."""
    kept = [(owner, name, getattr(owner, name)) for owner, name in PURE]
    methods = [(owner, name, getattr(owner, name)) for owner, name in METHODS]
    try:
        for owner, name, original in kept:
            memo = lru_cache(REMEMBERED)(original)
            setattr(owner, name, staticmethod(memo) if isinstance(owner, type) else memo)
        for owner, name, method in methods:
            setattr(owner, name, lru_cache(REMEMBERED)(method))
        yield
    finally:
        for owner, name, method in methods:
            setattr(owner, name, method)
        for owner, name, original in kept:
            setattr(owner, name, staticmethod(original) if isinstance(owner, type) else original)
