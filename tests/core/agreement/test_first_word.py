"""Whoever was told of an incident owes a first word there; whose own word has no time owes none."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.agreement.test_closing import said

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.message import Message
from tieline.core.agreement.model import Pack
from tieline.core.agreement.reason import State
from tieline.core.agreement.value import Instant
from tieline.core.terms import RefRole
from tieline.node import packs

MINUTE = 60_000
NOW = 1_835_000_000_000
SOON = NOW + 30 * MINUTE
PARTIES = ("ALPHA", "BRAVO", "CHARLIE")
CONCERNS, PREDECESSOR, CANCELS = RefRole.CONCERNS, RefRole.PREDECESSOR, RefRole.CANCELS
CORRECTS = RefRole.CORRECTS
RULE = "word-in-30"


@cache
def two() -> tuple[Pack, ...]:
    return packs.find("crisis"), packs.find("incident")


def after(minutes: int) -> int:
    return NOW + minutes * MINUTE


FIRST = said("first", "cr/first", "ALPHA", NOW, next_ms=SOON)
OTHER = said("other", "cr/first", "CHARLIE", after(2), next_ms=SOON)
ASK = said("ask", "cr/explain", "BRAVO", after(3), (CONCERNS, FIRST))
AGAIN = said("again", "cr/first", "BRAVO", after(20), (CONCERNS, ASK), next_ms=SOON)
ACCOUNT = said("account", "in/account", "BRAVO", after(25), (CONCERNS, ASK))
LINK = said("link", "in/link", "CHARLIE", after(28), (CONCERNS, FIRST), (CONCERNS, OTHER))
LATE = said("late", "cr/not-ours", "CHARLIE", after(40), (CONCERNS, ASK))
BACK = said("back", "in/account", "BRAVO", after(45), (CANCELS, ACCOUNT))
FOR = said("for", "cr/not-ours", "BRAVO", after(10), (CONCERNS, OTHER), relayed=True)
HALF = said("half", "cr/not-ours", "BRAVO", after(11), (CONCERNS, OTHER), to=("ALPHA",))
ALL = (FIRST, OTHER, ASK, AGAIN, ACCOUNT, LINK, LATE, BACK, FOR, HALF)
WORDS = (AGAIN, ACCOUNT, LINK, LATE, FIRST, OTHER, HALF)  # what says a word, of its own party


def told(*messages: Message) -> Ledger:
    """A ledger that was told these, each received at once."""
    ledger = Ledger(two(), PARTIES)
    for message in messages:
        take(ledger, message)
    return ledger


def take(ledger: Ledger, message: Message) -> None:
    ledger.admit(message)
    for party in message.to:
        ledger.receipt(message.digest, party, message.time_ms)


def owed(ledger: Ledger, now_ms: int) -> dict[tuple[str, str], tuple[State, State]]:
    """By the name of what opened it and who owes: how it and its creditors see it."""
    return {
        (one.trigger.rstrip(b".").decode(), one.debtor): (one.state, one.strict)
        for one in ledger.obligations(now_ms)
        if one.rule == RULE
    }


def both(state: State) -> tuple[State, State]:
    return state, state


def test_each_that_was_told_owes_a_word_and_one_in_time_is_enough_in_any_form() -> None:
    ledger = told(FIRST, ASK)  # a question is no word of what happened
    open_, overdue = both(State.OPEN), both(State.OVERDUE)
    assert owed(ledger, SOON) == {("first", "BRAVO"): open_, ("first", "CHARLIE"): open_}
    assert owed(ledger, SOON + 1) == {("first", "BRAVO"): overdue, ("first", "CHARLIE"): overdue}
    take(ledger, ACCOUNT)  # of another pack, and it cites the question
    assert owed(ledger, SOON + 1)["first", "BRAVO"] == both(State.MET)
    take(ledger, LATE)
    met = {("first", "BRAVO"): both(State.MET), ("first", "CHARLIE"): both(State.LATE)}
    assert owed(ledger, after(50)) == met
    take(ledger, BACK)  # what was taken back was no word
    assert owed(ledger, after(50))["first", "BRAVO"] == overdue


def test_it_runs_from_when_it_was_received_and_is_judged_by_when_the_other_had_it() -> None:
    ledger = Ledger(two(), PARTIES)
    ledger.admit(FIRST)
    # BRAVO is not known to have it: for ALPHA it is overdue, and BRAVO may not know of it.
    assert owed(ledger, SOON + 1)["first", "BRAVO"] == (State.OPEN, State.OVERDUE)
    ledger.receipt(FIRST.digest, "BRAVO", after(10))
    assert owed(ledger, after(40))["first", "BRAVO"] == (State.OPEN, State.OVERDUE)
    assert owed(ledger, after(41))["first", "BRAVO"] == both(State.OVERDUE)
    ledger.admit(ACCOUNT_OF_FIRST)
    ledger.receipt(ACCOUNT_OF_FIRST.digest, "ALPHA", after(41))
    assert owed(ledger, after(50))["first", "BRAVO"] == (State.MET, State.LATE)


ACCOUNT_OF_FIRST = said("account", "in/account", "BRAVO", after(25), (CONCERNS, FIRST))


def test_who_links_an_incident_of_its_own_has_said_its_word() -> None:
    ledger = told(FIRST, OTHER)
    assert owed(ledger, after(5))["other", "ALPHA"] == both(State.OPEN)
    take(ledger, LINK)
    assert owed(ledger, after(40))["first", "CHARLIE"] == both(State.MET)
    assert owed(ledger, after(40))["other", "ALPHA"] == both(State.OVERDUE)


def test_a_word_for_another_or_not_to_who_is_owed_is_none() -> None:
    ledger = told(OTHER, FOR, HALF)
    assert owed(ledger, after(40))["other", "BRAVO"] == both(State.OVERDUE)


@pytest.mark.parametrize(("stated", "state"), [(30, State.MET), (31, State.LATE)])
def test_the_own_word_without_a_time_owes_nothing_until_a_time_is_filled_in(
    stated: int, state: State
) -> None:
    ledger = told(FIRST)
    assert {one.rule for one in ledger.obligations(after(1), party="ALPHA")} == {RULE, "next-first"}
    when = Instant((NOW - stated * MINUTE) // 1000, 0)
    filled = Message(digest=b"filled".ljust(32, b"."), sender="ALPHA", to=FIRST.to,
                     time_ms=after(50), pack="crisis", form="first",
                     values={**FIRST.values, 5: when},
                     refs=((CORRECTS, FIRST.digest),))  # fmt: skip
    take(ledger, filled)
    (own,) = [one for one in ledger.obligations(after(60)) if one.rule == "first-in-30"]
    assert (own.state, own.strict) == both(state)  # by when the first version came


# ------------------------------------------------------------------------------- in any order


def expected(some: list[Message], now_ms: int) -> dict[tuple[str, str], tuple[State, State]]:
    """What is owed, slowly: from the rule as it is written, and by hand where each word stands."""
    in_first, in_other = (FIRST, AGAIN, ACCOUNT, LINK, LATE), (OTHER, LINK, HALF)
    out = {}
    for trigger, place in ((FIRST, in_first), (OTHER, in_other), (AGAIN, in_first)):
        if trigger not in some:
            continue
        for debtor in trigger.to:
            words = [
                one
                for one in some
                if one in place and one.sender == debtor and one in WORDS
                and trigger.sender in one.to and not (one is ACCOUNT and BACK in some)
            ]  # fmt: skip
            due = trigger.time_ms + 30 * MINUTE
            state = State.OVERDUE if now_ms > due else State.OPEN
            if words:
                in_time = min(one.time_ms for one in words) <= due
                state = State.MET if in_time else State.LATE
            name = trigger.digest.rstrip(b".").decode()
            out[name, debtor] = both(state)
    return out


def whole(some: set[bytes]) -> list[Message]:
    """These and all that they cite, causes first."""
    for one in reversed(ALL):
        if one.digest in some:
            some |= {digest for _, digest in one.refs}
    return [one for one in ALL if one.digest in some]


@given(st.data())
def test_any_order_of_arrival_and_of_asking_gives_the_same(data: st.DataObject) -> None:
    some = whole(data.draw(st.sets(st.sampled_from([one.digest for one in ALL]))))
    ledger, left, receipts = Ledger(two(), PARTIES), list(some), list[tuple[bytes, str, int]]()
    for one in some:
        receipts += [(one.digest, party, one.time_ms) for party in one.to]
    receipts = data.draw(st.permutations(receipts))
    asked = st.integers(0, 80)
    while left or receipts:
        have = set(ledger.entries)
        ready = [one for one in left if all(digest in have for _, digest in one.refs)]
        if receipts and (not ready or data.draw(st.booleans())):
            ledger.receipt(*receipts.pop())  # also before what it is of
        else:
            one = data.draw(st.sampled_from(ready))
            left.remove(one)
            ledger.admit(one)
        if data.draw(st.booleans()):
            owed(ledger, after(data.draw(asked)))
    now_ms = after(data.draw(asked))
    assert owed(ledger, now_ms) == expected(some, now_ms)


def test_every_order_of_four_words_of_one_party_gives_the_same() -> None:
    for order in permutations((OTHER, ACCOUNT_OF_FIRST, LATE, LINK)):
        if order.index(LINK) > order.index(OTHER):
            found = owed(told(FIRST, *order), after(50))
            assert found["first", "BRAVO"] == found["first", "CHARLIE"] == both(State.MET)
