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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any, Final

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
    functions = [getattr(owner, name) for owner, name in PURE]
    memos = {function: lru_cache(REMEMBERED)(function) for function in functions}
    with ExitStack() as after:
        for owner, name in PURE:
            if isinstance(owner, type):
                original = getattr(owner, name)
                after.callback(setattr, owner, name, staticmethod(original))
                setattr(owner, name, staticmethod(memos[original]))
        for module, name, original in _places(functions):
            after.callback(setattr, module, name, original)
            setattr(module, name, memos[original])
        for kind, name in METHODS:
            original = getattr(kind, name)
            after.callback(setattr, kind, name, original)
            setattr(kind, name, lru_cache(REMEMBERED)(original))
        yield


def _places(functions: list[Callable[..., object]]) -> list[tuple[object, str, Any]]:
    """Where modules of the core and of the simulator know these, and by which names."""
    wanted = set(map(id, functions))
    modules = [module for name, module in sys.modules.items() if name.startswith("tieline.")]
    return [
        (module, name, known)
        for module in modules
        for name, known in vars(module).items()
        if id(known) in wanted
    ]
