"""Who owed what at the end of an exercise, as each station answers it.

Every station computes its obligations from its own copy of the record. When all hold one record,
what is owed must be the same everywhere, in two readings: the debtor's (``state``) and the one that
its creditors may hold (``strict``). Each desk says it in its own language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tieline.exercise.answer import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """One obligation at one station.

    ``state`` is what the debtor may hold, ``strict`` what its creditors may; ``seen`` is the one of
    the two that is this desk's view, and ``said`` the same in its words.
    """

    id: str
    rule: str
    title: str
    debtor: str
    trigger: str
    key: str
    state: str
    strict: str
    seen: str
    said: str
    due_ms: int | None
    paragraph: str
    provenance: str


Owed = Mapping[str, tuple[Debt, ...]]  # by station


def read_debts(answer: Entry) -> tuple[Debt, ...]:
    """A station's answer to ``obligations``. Raises ``LocalError`` (``exercise.answer``)."""
    return tuple(
        Debt(
            id=one.text("id"),
            rule=f"{one.text('pack')}/{one.text('rule')}",
            title=one.text("title"),
            debtor=one.text("debtor"),
            trigger=one.text("trigger"),
            key=one.text("key"),
            state=one.text("state"),
            strict=one.text("strict"),
            seen=one.text("ours"),
            said=one.text("said"),
            due_ms=latest(one),
            paragraph=one.text("paragraph"),
            provenance=one.text("provenance"),
        )
        for one in answer.entries("obligations")
    )


def latest(one: Entry) -> int | None:
    """The latest end of the limit of an obligation; ``None`` when it has none yet."""
    due = one.raw.get("due")
    end = due[1] if isinstance(due, list) and len(due) == 2 else None
    return end if isinstance(end, int) else None


def counts(owed: Owed) -> dict[str, int]:
    """How many obligations are in each state, at the first station that was asked."""
    first = next(iter(owed.values()), ())
    return dict(sorted(Counter(debt.state for debt in first).items()))


def differences(owed: Owed) -> list[str]:
    """Where two stations do not say the same of what is owed.

    The strict view is each desk's own, and so is a due time that runs from a receipt: both follow
    from the receipts of others that it holds, and of several a third party is given the newest.
    From one due time one state must follow.
    """
    found: list[str] = []
    codes = list(owed)
    for code in codes[1:]:
        one, other = ({debt.id: debt for debt in owed[party]} for party in (codes[0], code))
        found.extend(
            f"{codes[0] if ident in one else code} says that"
            f" {(one.get(ident) or other[ident]).debtor} owes"
            f" {(one.get(ident) or other[ident]).rule}, and"
            f" {code if ident in one else codes[0]} does not"
            for ident in sorted(one.keys() ^ other.keys())
        )
        for ident in sorted(one.keys() & other.keys()):
            ours, theirs = one[ident], other[ident]
            if ours.due_ms == theirs.due_ms and ours.state != theirs.state:
                found.append(
                    f"{ours.rule} of {ours.debtor} is {ours.state} at {codes[0]}, {theirs.state}"
                    f" at {code}"
                )
    return found
