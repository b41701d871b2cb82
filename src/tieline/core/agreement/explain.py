"""Why an obligation is as it is: every input, where it comes from, and what speaks against it.

The inputs stand in the order in which a person would tell it: what began it and when, who had it
when, which bounds the rule sets, when it was due in both views, what was done, what lets it off,
and at what time this was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tieline.core.agreement.matter import Debt, Entry, Matter, Terms, stated_at
from tieline.core.agreement.message import at_numbers
from tieline.core.agreement.model import Base, Count, Deadline
from tieline.core.agreement.reason import (
    Bracket,
    Doubt,
    Explanation,
    Input,
    InputKind,
    Obligation,
    Origin,
    State,
)
from tieline.core.agreement.value import Code

ACTS_SHOWN: Final = 20
_HAPPENED = frozenset({Base.OCCURRENCE, Base.ARRIVAL})
_DONE = frozenset({State.MET, State.LATE, State.EARLY})


def reasons(debt: Debt, shown: Obligation, now_ms: int) -> Explanation:
    """Tell why ``debt`` is shown as it is."""
    terms = debt.source.terms(debt)
    acts = list(dict.fromkeys(
        one for creditor in debt.creditors for one in debt.source.acts(debt, creditor)
    ))[:ACTS_SHOWN]  # fmt: skip
    inputs = [*_trigger(debt), *_clock(debt, terms), *_acts(debt, acts)]
    if shown.by and shown.state not in _DONE:
        inputs.append(
            Input(name=shown.state.value, kind=InputKind.MESSAGE, value=shown.by,
                  origin=Origin.RECORD, message=shown.by)
        )  # fmt: skip
    inputs.append(Input(name="now", kind=InputKind.TIME, value=now_ms, origin=Origin.CLOCK))
    return Explanation(
        obligation=shown,
        base=terms.base,
        inputs=tuple(inputs),
        doubts=tuple(_doubts(debt, terms, acts)),
    )


def _trigger(debt: Debt) -> Iterator[Input]:
    """What began it, who had it when, and what of it made the rule apply."""
    matter = debt.matter
    if matter is None:
        return
    for name, entry in (("issue", matter.root), ("correction", matter.current)):
        if entry is matter.root and name != "issue":
            continue
        yield _claim(name, entry)
        for party in (debt.debtor, *debt.creditors):
            if party != entry.message.sender:
                yield _receipt(name, entry, party)
    rule = debt.source.rule
    if isinstance(rule, Deadline):
        yield from _conditions(rule, matter)


def _conditions(rule: Deadline, matter: Matter) -> Iterator[Input]:
    message = matter.current.message
    for plan in matter.root.plan.deadlines:
        if plan.rule is not rule:
            continue
        for clause, said in zip(plan.when, rule.when, strict=True):
            for one in at_numbers(message.values, clause.way):
                if isinstance(one, Code) and one.id in clause.one_of:
                    yield Input(name="because", kind=InputKind.CODE, value=one.id,
                                origin=Origin.FIELD, message=message.digest,
                                path=said.path)  # fmt: skip
        if rule.base not in (Base.ISSUE, Base.RECEIPT) and plan.base:
            stated = stated_at(message.values, plan.base)
            ends = (None, None) if stated is None else (stated.low_ms, stated.high_ms)
            for name, value in zip(("stated-earliest", "stated-latest"), ends, strict=True):
                yield Input(name=name, kind=InputKind.TIME, value=value, origin=Origin.FIELD,
                            message=message.digest, path=rule.path)  # fmt: skip


def _clock(debt: Debt, terms: Terms) -> Iterator[Input]:
    """The rule's bounds, and when they fall in both views."""
    rule = debt.source.rule
    if isinstance(rule, Deadline):
        dates = rule.count is Count.UTC_DATE
        for name, value in (("not-before", rule.not_before_ms), ("not-after", rule.not_after_ms)):
            if value is not None:
                yield Input(name=f"{name}-dates" if dates else name, kind=InputKind.DURATION,
                            value=value, origin=Origin.PACK)  # fmt: skip
    yield from _ends("began", terms.base)
    if terms.not_before is not None:
        yield from _ends("opens", terms.not_before)
    if debt.source.bounded:
        yield from _ends("due", terms.due)


def _ends(name: str, bracket: Bracket) -> Iterator[Input]:
    for end, value in (("earliest", bracket.earliest), ("latest", bracket.latest)):
        yield Input(name=f"{name}-{end}", kind=InputKind.TIME, value=value, origin=Origin.RECORD)


def _acts(debt: Debt, acts: list[Entry]) -> Iterator[Input]:
    for entry in acts:
        yield _claim("withdrawn" if entry.matter.void else "act", entry)
        for party in debt.creditors:
            if party in entry.message.to:
                yield _receipt("act", entry, party)


def _claim(name: str, entry: Entry) -> Input:
    message = entry.message
    return Input(name=name, kind=InputKind.TIME, value=message.time_ms, origin=Origin.CLAIM,
                 message=message.digest, party=message.sender)  # fmt: skip


def _receipt(name: str, entry: Entry, party: str) -> Input:
    return Input(name=f"{name}-receipt", kind=InputKind.TIME, value=entry.receipts.get(party),
                 origin=Origin.RECEIPT, message=entry.message.digest, party=party)  # fmt: skip


def _restated(rule: Deadline, matter: Matter, terms: Terms) -> Iterator[tuple[Doubt, bytes]]:
    """What the present version says of when it happened."""
    message = matter.current.message
    for plan in matter.root.plan.deadlines:
        stated = stated_at(message.values, plan.base) if plan.rule is rule else None
        if stated is None:
            continue
        if rule.base is Base.OCCURRENCE and stated.low_ms > message.time_ms:
            yield Doubt.IN_FUTURE, message.digest
        if (stated.low_ms, stated.high_ms) != terms.base:
            yield Doubt.RESTATED, message.digest


def _doubts(debt: Debt, terms: Terms, acts: list[Entry]) -> Iterator[tuple[Doubt, bytes]]:
    """What speaks against the times that this rests on."""
    entries = list(acts)
    matter = debt.matter
    if matter is not None:
        entries = [*dict.fromkeys((matter.root, matter.current)), *entries]
        rule = debt.source.rule
        if isinstance(rule, Deadline) and rule.base in _HAPPENED and not rule.by:
            yield from _restated(rule, matter, terms)
    for entry in entries:
        for doubt in entry.doubts():
            yield doubt, entry.message.digest
