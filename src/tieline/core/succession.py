"""How one version of a charter follows another: which amendment may come into force.

A version names the one before it by hash, so a station that trusts the newest one can take all
earlier ones from anybody. This module changes nothing and knows of no line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tieline.core.charter import Charter, SignedCharter, check_successor
from tieline.core.errors import RemoteError


def check_amendment(old: Charter, signed: SignedCharter) -> None:
    """Whether a signed charter is the complete next version of the one in force.

    Raises ``RemoteError`` (``charter.incomplete``, and the codes of ``check_successor``).
    """
    check_successor(old, signed.charter)
    _check_complete(signed)


def check_chain(chain: Sequence[SignedCharter]) -> None:
    """Whether these are all versions of one charter, complete, from the first one on.

    Raises ``RemoteError`` (``charter.sequence`` and the codes of ``check_amendment``).
    """
    first = chain[0].charter
    if first.version != 1:
        raise RemoteError(
            "charter.sequence",
            f"the charter is version {first.version} of a line that this station does not keep;"
            " install it together with the versions before it, from version 1 on",
        )
    _check_complete(chain[0])
    for before, signed in pairwise(chain):
        check_amendment(before.charter, signed)


def _check_complete(signed: SignedCharter) -> None:
    if not signed.complete:
        raise RemoteError(
            "charter.incomplete",
            f"charter version {signed.charter.version} lacks the signature of"
            f" {', '.join(signed.missing)}; it is not in force before every party has signed",
        )
