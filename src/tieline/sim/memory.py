"""What the simulated stations need not work out twice.

Five stations in one process read the same statement, verify the same signature, and do it again
after each of a hundred restarts. The functions named here follow from their arguments alone and
return frozen values, so within one run their answers are remembered, by whatever name a module of
the core knows them; every distinct input still goes through the real code once. A sabotaged one is
remembered likewise, where it is in force. A run has the same digest with and without it, which a
test holds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Final

from tieline.core import charter, checkpoint, crypto, identity, statement, sync
from tieline.core.checkpoint import Receipt, SignedNote
from tieline.core.journal import Alarm, Origin

PURE: Final[tuple[tuple[object, str], ...]] = (
    (crypto, "verify"),
    (statement, "parse"),
    (statement, "_read_payload"),
    (Receipt, "decode"),
    (Origin, "decode"),
    (Alarm, "decode"),
    (sync, "unpack"),
    (sync, "pack"),
    (charter, "parse_charter"),
    (charter, "parse_signed_charter"),
    (checkpoint, "body"),
    (checkpoint, "parse_body"),
    (checkpoint, "parse_origin"),
    (checkpoint, "read_checkpoint"),
    (identity, "parse_certificate"),
    (SignedNote, "parse"),
)
# Of frozen values.
METHODS: Final[tuple[tuple[type, str], ...]] = (
    (Receipt, "encode"),
    (Origin, "encode"),
    (Alarm, "encode"),
)
REMEMBERED: Final = 32_768  # answers of each


@contextmanager
def remembered() -> Iterator[None]:
    """Remember the answers of pure functions of the core for a while."""
    with ExitStack() as after:
        for owner, name in PURE:
            original = getattr(owner, name)
            memo = lru_cache(REMEMBERED)(original)
            if isinstance(owner, type):
                after.callback(setattr, owner, name, staticmethod(original))
                setattr(owner, name, staticmethod(memo))
                continue
            for place, known in _places(original):
                after.callback(setattr, place, known, original)
                setattr(place, known, memo)
        for kind, name in METHODS:
            original = getattr(kind, name)
            after.callback(setattr, kind, name, original)
            setattr(kind, name, lru_cache(REMEMBERED)(original))
        yield


def _places(function: object) -> list[tuple[object, str]]:
    """Where modules of the core and of the simulator know a function, and by which name."""
    modules = [module for name, module in sys.modules.items() if name.startswith("tieline.")]
    return [
        (module, name)
        for module in modules
        for name, known in list(vars(module).items())
        if known is function
    ]
