"""Whoever closes an incident has said its last word there: the promises of a next word end."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message
from tieline.core.agreement.model import Pack
from tieline.core.agreement.reason import Obligation, State
from tieline.core.agreement.value import Instant
from tieline.core.terms import RefRole
from tieline.node import packs

MINUTE = 60_000
NOW = 1_835_000_000_000
DUE, LATER = NOW + 30 * MINUTE, NOW + 60 * MINUTE
PARTIES = ("ALPHA", "BRAVO", "CHARLIE")
CONCERNS, PREDECESSOR, CANCELS = RefRole.CONCERNS, RefRole.PREDECESSOR, RefRole.CANCELS
NEXT = {"first": 3, "update": 3, "account": 10}


@cache
def two() -> list[Pack]:
    return [packs.find("crisis"), packs.find("incident")]


@pytest.fixture
def both() -> list[Pack]:
    return two()


def said(
    name: str,
    wire: str,
    sender: str,
    at_ms: int,
    *refs: tuple[RefRole, Message],
    next_ms: int | None = None,
    to: tuple[str, ...] = (),
    relayed: bool = False,
) -> Message:
    tag, _, form = wire.partition("/")
    values = {} if next_ms is None else {NEXT[form]: Instant(next_ms // 1000, 0)}
    return Message(
        digest=name.encode().ljust(32, b"."),
        sender=sender,
        to=to or tuple(one for one in PARTIES if one != sender),
        time_ms=at_ms,
        pack={"cr": "crisis", "in": "incident"}[tag],
        form=form,
        values=values,
        refs=tuple((role, one.digest) for role, one in refs),
        relayed=relayed,
    )


FIRST = said("first", "cr/first", "ALPHA", NOW, next_ms=DUE)
WORD = said("word", "cr/update", "ALPHA", NOW + MINUTE, (PREDECESSOR, FIRST), next_ms=LATER)
BESIDE = said("beside", "in/account", "BRAVO", NOW + MINUTE, (CONCERNS, FIRST), next_ms=DUE)
OTHER = said("other", "cr/first", "ALPHA", NOW + MINUTE, next_ms=DUE)
CLOSE = said("close", "in/close", "ALPHA", NOW + 5 * MINUTE, (CONCERNS, FIRST))
THEIRS = said("theirs", "in/close", "BRAVO", NOW + 5 * MINUTE, (CONCERNS, FIRST))
REOPEN = said("reopen", "in/reopen", "BRAVO", NOW + 8 * MINUTE, (CONCERNS, FIRST))


def told(both: list[Pack], *messages: Message, ask_between: bool = False) -> Ledger:
    """A ledger that was told these, each received at once."""
    ledger = Ledger(both, PARTIES)
    for message in messages:
        ledger.admit(message)
        for party in message.to:
            ledger.receipt(message.digest, party, message.time_ms)
        if ask_between:
            ledger.obligations(message.time_ms)
    return ledger


def states(ledger: Ledger, now_ms: int) -> dict[str, tuple[State, State]]:
    """By the name of what was promised in: how its debtor and its creditors see it."""
    return {
        one.trigger.rstrip(b".").decode(): (one.state, one.strict)
        for one in ledger.obligations(now_ms)
        if one.rule.startswith("next-")
    }


MET = (State.MET, State.MET)
OVERDUE = (State.OVERDUE, State.OVERDUE)


def test_a_closing_keeps_what_its_party_promised_in_the_incident_in_any_pack(
    both: list[Pack],
) -> None:
    ledger, opened = told(both, FIRST, WORD, BESIDE, OTHER), (State.OPEN, State.OPEN)
    before = {"first": MET, "word": opened, "beside": opened, "other": opened}
    assert states(ledger, NOW + 10 * MINUTE) == before
    for message, name in ((CLOSE, "word"), (THEIRS, "beside")):
        ledger.admit(message)
        # In the creditors' view it is kept once they have it.
        assert states(ledger, NOW + 10 * MINUTE)[name] == (State.MET, State.OPEN)
        for party in message.to:
            ledger.receipt(message.digest, party, message.time_ms)
    assert states(ledger, NOW + 10 * MINUTE) == {**dict.fromkeys(before, MET), "other": opened}
    after = states(ledger, LATER + 1)
    # What was promised in another incident goes on.
    assert after == {"first": MET, "word": MET, "beside": MET, "other": OVERDUE}
    assert {one.by for one in ledger.obligations(LATER + 1) if one.trigger == WORD.digest} == {
        CLOSE.digest
    }


def test_a_one_sided_closing_ends_its_own_partys_promises_only(both: list[Pack]) -> None:
    ledger = told(both, FIRST, BESIDE, THEIRS)
    assert states(ledger, DUE + 1) == {"first": OVERDUE, "beside": MET}
    open_now = ledger.obligations(DUE + 1, party="BRAVO", open_only=True)
    found = [(one.debtor, one.trigger) for one in open_now if one.rule.startswith("next")]
    assert found == [("ALPHA", FIRST.digest)]


@pytest.mark.parametrize(
    ("closing", "found"),
    [
        (said("c", "in/close", "ALPHA", DUE, (CONCERNS, FIRST)), MET),
        (said("c", "in/close", "ALPHA", DUE + 1, (CONCERNS, FIRST)), (State.LATE, State.LATE)),
        (said("c", "in/close", "ALPHA", DUE, (CONCERNS, OTHER)), OVERDUE),
        (said("c", "in/close", "ALPHA", DUE, (CONCERNS, FIRST), relayed=True), OVERDUE),
        (said("c", "in/reopen", "ALPHA", DUE, (CONCERNS, FIRST)), OVERDUE),
        (said("c", "cr/close", "ALPHA", DUE, (CONCERNS, FIRST)), MET),
        # CHARLIE was not told: what it is owed is not met.
        (said("c", "in/close", "ALPHA", DUE, (CONCERNS, FIRST), to=("BRAVO",)), OVERDUE),
    ],
    ids=["in-time", "late", "of-another", "relayed", "a-reopening", "another-form", "not-to-all"],
)
def test_when_a_closing_keeps_a_promise(
    both: list[Pack], closing: Message, found: tuple[State, State]
) -> None:
    assert states(told(both, FIRST, OTHER, closing), LATER)["first"] == found


def test_a_closing_that_is_taken_back_has_closed_nothing(both: list[Pack]) -> None:
    ledger = told(both, FIRST, CLOSE, ask_between=True)
    assert states(ledger, NOW + 6 * MINUTE)["first"] == MET
    back = said("back", "in/close", "ALPHA", NOW + 7 * MINUTE, (CANCELS, CLOSE))
    ledger.admit(back)
    assert states(ledger, NOW + 7 * MINUTE)["first"] == (State.OPEN, State.OPEN)
    assert states(ledger, DUE + 1)["first"] == OVERDUE


def test_a_closing_that_is_taken_back_keeps_none_of_what_it_did_not_cite(both: list[Pack]) -> None:
    ledger = told(both, FIRST, WORD, CLOSE, ask_between=True)
    assert states(ledger, NOW + 6 * MINUTE)["word"] == MET
    ledger.admit(said("back", "in/close", "ALPHA", NOW + 7 * MINUTE, (CANCELS, CLOSE)))
    assert states(ledger, NOW + 7 * MINUTE)["word"] == (State.OPEN, State.OPEN)
    assert states(ledger, LATER + 1)["word"] == OVERDUE


def test_a_reopening_revives_nothing_and_what_is_promised_after_it_is_owed(
    both: list[Pack],
) -> None:
    again = said("again", "cr/update", "ALPHA", NOW + 9 * MINUTE, (PREDECESSOR, FIRST),
                 (CONCERNS, REOPEN), next_ms=LATER)  # fmt: skip
    ledger = told(both, FIRST, CLOSE, THEIRS, REOPEN, again, ask_between=True)
    assert states(ledger, LATER + 1) == {"first": MET, "again": OVERDUE}


def test_a_closing_keeps_a_promise_outside_that_it_cites(both: list[Pack]) -> None:
    apart = said("apart", "in/account", "ALPHA", NOW, next_ms=DUE)
    foreign = said("foreign", "in/account", "BRAVO", NOW, next_ms=DUE)
    closing = said("c", "in/close", "ALPHA", NOW + MINUTE, (CONCERNS, FIRST), (CONCERNS, apart),
                   (CONCERNS, foreign))  # fmt: skip
    after = states(told(both, FIRST, apart, foreign, closing), LATER)
    assert after == {"first": MET, "apart": MET, "foreign": OVERDUE}


SOME = (FIRST, WORD, BESIDE, CLOSE, THEIRS, REOPEN)
CAUSAL = [
    order
    for order in permutations(SOME)
    if order[0] is FIRST  # all cite it, and nothing else
]


@given(order=st.sampled_from(CAUSAL), between=st.booleans(), late=st.booleans())
def test_any_causal_order_and_any_asking_between_give_the_same(
    order: tuple[Message, ...], between: bool, late: bool
) -> None:
    some = two()
    plain = told(some, *SOME)
    ledger = Ledger(some, PARTIES)
    for message in order:
        ledger.admit(message)
        if between:
            ledger.obligations(NOW + 10 * MINUTE)
    for message in reversed(order) if late else order:
        for party in message.to:
            ledger.receipt(message.digest, party, message.time_ms)
            if between:
                ledger.obligations(NOW + 10 * MINUTE)

    def rows(one: Ledger) -> list[Obligation]:
        return [*one.obligations(NOW + 10 * MINUTE), *one.obligations(LATER + 1)]

    assert rows(ledger) == rows(plain)
