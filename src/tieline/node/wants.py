"""What an officer asks for with a message: how far up the ladder its addressees shall go."""

from __future__ import annotations

from typing import Final

from tieline.core.errors import LocalError
from tieline.core.statement import default_wants, wants_mask
from tieline.core.terms import Kind, Rung
from tieline.node.view import word

_RUNGS: Final = {word(rung.name): rung for rung in Rung if rung >= Rung.ACKNOWLEDGED}


def wants_of(wanted: tuple[str, ...], kind: Kind) -> int:
    """The mask of what an act asks for; what the kind of the statement asks when it names nothing.

    Raises ``LocalError`` (``act.argument``).
    """
    if not wanted:
        return default_wants(kind)
    if wanted == ("nothing",):
        return 0
    unknown = sorted(set(wanted) - set(_RUNGS))
    if unknown:
        raise LocalError(
            "act.argument",
            f"act 'send': '{unknown[0]}' cannot be asked for; there are {', '.join(_RUNGS)}"
            " and nothing",
        )
    return wants_mask((Rung.ACKNOWLEDGED, *(_RUNGS[name] for name in wanted)))
