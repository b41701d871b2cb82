"""Holds: who is bound from when, and what is done about it, as each side says."""

from __future__ import annotations

import pytest
from tests.core.incident.made import HOUR, MINUTE, T, World, at, part, ref, said, stance

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import Code
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.hold import Hold
from tieline.core.incident.states import HoldState
from tieline.core.terms import RefRole

NOON = T + HOUR


def held(world: World, now_ms: int = NOON) -> Hold:
    book = Book(world)
    for entry in world.entries:
        book.admit(entry)
    return book.view(book.ids()[0], now_ms).holds[-1]


def hold(world: World, binding: Sense, until_ms: int | None = None) -> Entry:
    opening = world.say("ALPHA", said(Act.OPEN))
    answers = at(Means.FROM, NOON)
    if binding is not Sense.NONE:
        answers[Means.BINDING] = part("binding", Code(1, "x"), binding)
    if until_ms is not None:
        answers |= at(Means.UNTIL, until_ms)
    return world.say("ALPHA", said(Act.HOLD, answers=answers), ref(opening))


def reply(world: World, to: Entry, party: str, sense: Sense, ms: int | None = None) -> Entry:
    answers = stance(sense) | ({} if ms is None else at(Means.FROM, ms))
    return world.say(party, said(Act.HOLD_ANSWER, answers=answers), ref(to))


def bound(found: Hold) -> dict[str, tuple[int | None, int | None]]:
    return {one.party: (one.from_ms, one.until_ms) for one in found.bound}


@pytest.mark.parametrize("binding", [Sense.OURS, Sense.NONE])
def test_a_hold_of_our_own_stands_alone_and_asks_nothing(binding: Sense) -> None:
    world = World()
    top = hold(world, binding)
    reply(world, top, "BRAVO", Sense.AGREED)
    found = held(world)
    assert (found.state, found.binding) == (HoldState.ONE_SIDED, Sense.OURS)
    assert bound(found) == {"ALPHA": (NOON, None)}


def test_what_is_asked_beside_binds_each_that_agrees_and_its_author_at_once() -> None:
    world = World()
    top = hold(world, Sense.BOTH)
    assert bound(held(world)) == {"ALPHA": (NOON, None)}
    reply(world, top, "BRAVO", Sense.AGREED, NOON + MINUTE)
    assert held(world).state is HoldState.PROPOSED
    assert bound(held(world)) == {"ALPHA": (NOON, None), "BRAVO": (NOON + MINUTE, None)}
    reply(world, top, "CHARLIE", Sense.NOT_AGREED)
    assert held(world).state is HoldState.NOT_AGREED
    assert set(bound(held(world))) == {"ALPHA", "BRAVO"}


def test_a_proposal_binds_nobody_until_all_agree() -> None:
    world = World()
    top = hold(world, Sense.PROPOSAL)
    reply(world, top, "BRAVO", Sense.AGREED)
    assert bound(held(world)) == {}
    reply(world, top, "CHARLIE", Sense.AGREED)
    assert held(world).state is HoldState.AGREED
    assert set(bound(held(world))) == {"ALPHA", "BRAVO", "CHARLIE"}
    reply(world, top, "BRAVO", Sense.NOT_AGREED)
    assert bound(held(world)) == {}


def test_another_time_binds_once_its_author_takes_it() -> None:
    world = World()
    top = hold(world, Sense.PROPOSAL)
    reply(world, top, "CHARLIE", Sense.AGREED)
    later = reply(world, top, "BRAVO", Sense.OTHER_TIME, NOON + HOUR)
    assert held(world).state is HoldState.OTHER_TIME
    taken = reply(world, later, "ALPHA", Sense.AGREED)
    found = held(world)
    assert found.state is HoldState.AGREED
    assert found.replies[0].accepted_by == taken.digest
    assert bound(found) == {
        "ALPHA": (NOON + HOUR, None), "BRAVO": (NOON + HOUR, None), "CHARLIE": (NOON, None),
    }  # fmt: skip
    reply(world, top, "BRAVO", Sense.OTHER_TIME, NOON + 2 * HOUR)  # which nobody took
    assert held(world).state is HoldState.OTHER_TIME


def test_two_stations_that_answer_unread_of_each_other_are_not_relied_upon() -> None:
    world = World("ALPHA", "BRAVO")
    top = hold(world, Sense.PROPOSAL)
    one, two = world.post("BRAVO", "one"), world.post("BRAVO", "two")
    one.reads_all()
    two.reads_all()
    two.says(said(Act.HOLD_ANSWER, answers=stance(Sense.NOT_AGREED)), ref(top))
    one.says(said(Act.HOLD_ANSWER, answers=stance(Sense.AGREED)), ref(top))
    assert held(world).state is HoldState.NOT_AGREED
    reply(world, top, "BRAVO", Sense.AGREED)  # having read both
    assert held(world).state is HoldState.AGREED


def test_a_lift_ends_it_when_it_says_and_a_cancellation_when_it_is_said() -> None:
    world = World()
    top = hold(world, Sense.OURS, NOON + 3 * HOUR)
    assert held(world, NOON + 3 * HOUR - 1).state is HoldState.ONE_SIDED
    assert held(world, NOON + 3 * HOUR).state is HoldState.EXPIRED
    lift = world.say("ALPHA", said(Act.LIFT, answers=at(Means.FROM, NOON + HOUR)), ref(top))
    assert held(world, NOON + HOUR - 1).state is HoldState.ONE_SIDED
    assert held(world, NOON + HOUR).state is HoldState.LIFTED
    assert bound(held(world)) == {"ALPHA": (NOON, NOON + HOUR)}
    assert held(world).bound[0].lifted_by == lift.digest
    assert [held(world).bound[0].holds(ms) for ms in (NOON - 1, NOON, NOON + HOUR)] == [
        False, True, False,
    ]  # fmt: skip
    world.say("ALPHA", None, ref(top, role=RefRole.CANCELS), time_ms=NOON + MINUTE)
    assert held(world, NOON + HOUR).state is HoldState.WITHDRAWN
    assert bound(held(world)) == {"ALPHA": (NOON, NOON + MINUTE)}


def test_each_side_says_whether_it_complies_and_whether_the_other_does_not() -> None:
    world = World()
    top = hold(world, Sense.BOTH)

    def complies(party: str, sense: Sense) -> Entry:
        answers = {Means.COMPLIANCE: part("is", Code(1, "x"), sense)} | at(Means.FROM, NOON)
        return world.say(party, said(Act.COMPLY, answers=answers), ref(top))

    complies("ALPHA", Sense.NOT_YET)
    own = complies("ALPHA", Sense.COMPLYING)
    breach = complies("BRAVO", Sense.BREACHED)
    alpha, bravo = held(world).compliance
    assert (alpha.own, alpha.own_entry, alpha.at_ms, alpha.breach) == (
        Sense.COMPLYING, own.digest, NOON, None,
    )  # fmt: skip
    assert (bravo.own, bravo.breach) == (Sense.NONE, breach.digest)
