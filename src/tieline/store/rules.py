"""What every store refuses, whatever it keeps its facts on.

The rules live apart so that the store in memory, which the simulator trusts, and the one on disk
say the same no in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieline.core.errors import LocalError, ShellError
from tieline.core.journal import Fact

MAX_INTEGER = 2**63 - 1  # the widest integer that the database file holds


def check_facts(facts: Iterable[Fact]) -> None:
    """Refuse facts that a store cannot give back as they came.

    Raises ``LocalError`` (``store.fact``): log and position come together or not at all, and
    integers fit the file's 64 bits.
    """
    for fact in facts:
        if (fact.log is None) != (fact.position is None):
            raise _unfit("has a log without a position, or the other way round")
        if fact.position is not None and not 0 <= fact.position <= MAX_INTEGER:
            raise _unfit(f"has the position {fact.position}, which is not in 0 to 2^63-1")
        if not 0 <= fact.kind <= MAX_INTEGER:
            raise _unfit(f"has the kind {fact.kind}, which is not in 0 to 2^63-1")
        if not -MAX_INTEGER <= fact.at_ms <= MAX_INTEGER:
            raise _unfit(f"has the time {fact.at_ms} ms, which does not fit 64 bits")


def taken() -> LocalError:
    """The refusal of a second statement at one place of one log."""
    return LocalError(
        "store.taken",
        "the journal already holds a statement at this position of this log; "
        "keep the other one as a second story, without a position",
    )


def closed() -> ShellError:
    """The refusal of any use after ``close``."""
    return ShellError("store.closed", "the store is closed; open it again before using it")


def _unfit(why: str) -> LocalError:
    return LocalError("store.fact", f"a fact for the journal {why}; nothing was written")
