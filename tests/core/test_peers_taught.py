"""What other systems got wrong, tried here: the cases that no other test answers.

docs/faults.md lists all eighteen cases with the tests that answer them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.core.test_bundle import carry
from tests.core.world import Net, Post, answer, kits, message

from tieline.core.journal import FactKind
from tieline.core.statement import Content, Ref
from tieline.core.terms import Kind, Precedence, RefRole, Role, Rung

DAY_S = 86_400
CONVERGED_S = 5


def line_of(count: int) -> Net:
    return Net(kits(count))


def kept(post: Post, *kinds: FactKind) -> int:
    return sum(fact.kind in kinds for fact in post.facts)


def test_what_three_roads_bring_is_one_item_with_one_alarm() -> None:
    """Case 4. The wire, a relay and a stick, in each order and each twice."""
    net = line_of(3)
    alpha, bravo, charlie = net
    for turn in range(6):
        digest = alpha.speak(message(f"flash {turn}", Precedence.FLASH)).item
        roads: list[Callable[[], object]] = [
            lambda: net.connect(alpha, bravo),
            lambda: carry(alpha, charlie, bravo),
            lambda: net.connect(charlie, bravo),
        ]
        for road in (*roads[turn % 3 :], *roads[: turn % 3], *roads):
            road()
        assert bravo.order().count(digest) == 1
        assert [alarm.item for alarm in bravo.alarms()].count(digest) == 1
        for pair in ((alpha, bravo), (charlie, bravo)):
            net.cut(*pair)


def test_an_acknowledgement_and_a_receipt_are_answered_by_nothing() -> None:
    """Case 5."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message()).item
    net.deliver()
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.deliver()
    net.pass_time(60)
    spoken = len(alpha.order())
    receipts = [kept(post, FactKind.RECEIPT) for post in net]
    net.pass_time(3_600)
    assert [len(post.order()) for post in net] == [spoken, spoken]
    assert [kept(post, FactKind.RECEIPT) for post in net] == receipts
    assert not alpha.item(alpha.order()[-1]).statement.content.wanted()


def test_what_both_sides_wrote_during_a_cut_is_one_record_within_seconds() -> None:
    """Case 6."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    net.cut(alpha, bravo)
    for number in range(40):
        for post in net:
            post.speak(message(f"{post.who.party} {number}"))
        net.pass_time(1.5)
    net.connect(alpha, bravo)
    net.pass_time(CONVERGED_S)
    assert alpha.order() == bravo.order()
    for here, there in ((alpha, bravo), (bravo, alpha)):
        held = here.line.ladder.covered(here.line.own_log, there.who.id)
        assert held == here.line.record.size(here.line.own_log)


@pytest.mark.parametrize("seconds", [0, 0.2, 1, 5, 20])
def test_what_a_short_outage_swallowed_comes_though_no_session_ended(seconds: float) -> None:
    """Case 7. The wire loses for a moment, and neither side is told that it did."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    net.lossy = True
    digests = [post.speak(message("into the hole")).item for post in net]
    net.pass_time(seconds)
    net.lossy = False
    net.pass_time(60)
    assert alpha.order() == bravo.order()
    assert set(digests) <= set(alpha.order())
    assert Rung.RECEIVED in alpha.rungs(digests[0], "BRAVO")
    assert Rung.RECEIVED in bravo.rungs(digests[1], "ALPHA")


def test_what_was_read_without_a_line_is_acknowledged_once_there_is_one() -> None:
    """Case 8. The acknowledgement outlives the outage and a new start of the station."""
    net = line_of(2)
    alpha, bravo = net
    digest = alpha.speak(message()).item
    carry(alpha, bravo)
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.restart(bravo)
    net.pass_time(3_600)
    assert Rung.ACKNOWLEDGED not in alpha.rungs(digest, "BRAVO")
    net.connect(alpha, bravo)
    net.pass_time(CONVERGED_S)
    assert Rung.ACKNOWLEDGED in alpha.rungs(digest, "BRAVO")


@pytest.mark.parametrize("first", [0, 1])
def test_an_acknowledgement_that_crosses_what_it_answers_being_taken_back(first: int) -> None:
    """Case 9. Both stand, both sides see the same, and neither word undoes the other."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message("stand by", Precedence.FLASH)).item
    net.deliver()
    net.cut(alpha, bravo)
    back = Content(
        kind=Kind.MESSAGE, body=message("as you were").body, role=Role.WATCH_OFFICER,
        precedence=Precedence.FLASH, refs=(Ref(digest, RefRole.CANCELS),),
    )  # fmt: skip
    words = [lambda: alpha.speak(back), lambda: bravo.speak(answer(Kind.ACKNOWLEDGE, digest))]
    words[first]()
    net.pass_time(1)
    words[1 - first]()
    net.connect(alpha, bravo)
    net.pass_time(CONVERGED_S)
    assert alpha.order() == bravo.order()
    assert len(alpha.order()) == len(set(alpha.order()))
    for post in net:
        assert Rung.ACKNOWLEDGED in post.rungs(digest, "BRAVO")
        assert not any(a.item == digest and a.code.startswith("overdue") for a in post.alarms())


@pytest.mark.parametrize("answered", [True, False])
def test_nothing_old_rings_after_months(*, answered: bool) -> None:
    """Case 10. Both machines were off for a hundred days."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message("flash", Precedence.FLASH)).item
    net.deliver()
    if answered:
        bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
        net.deliver()
    net.pass_time(3_600)
    rung = [[a.code for a in post.alarms() if a.item == digest] for post in net]
    assert ("overdue.acknowledged" in rung[0]) is not answered
    net.ms += 100 * DAY_S * 1_000  # the machines are off
    for post in net:
        net.restart(post)
    net.pass_time(600)
    net.connect(alpha, bravo)
    net.pass_time(600)
    assert [[a.code for a in post.alarms() if a.item == digest] for post in net] == rung


def test_a_message_for_many_that_reached_some_is_one_statement_and_says_whom() -> None:
    """Case 17. Of three only one is in reach, and the station dies right after."""
    net = line_of(4)
    alpha, bravo, charlie, delta = net
    net.connect(alpha, bravo)
    for post in (charlie, delta):
        net.fail(alpha, post, "no route")
    digest = alpha.speak(message("to all")).item
    net.deliver()
    net.restart(alpha)
    reached = [
        code for code in ("BRAVO", "CHARLIE", "DELTA") if Rung.RECEIVED in alpha.rungs(digest, code)
    ]
    assert reached == ["BRAVO"]
    assert alpha.order().count(digest) == 1
    net.connect(bravo, charlie)
    net.connect(alpha, delta)
    net.connect(alpha, bravo)
    net.pass_time(120)
    for post in net:
        assert post.order() == alpha.order()
        assert post.order().count(digest) == 1
    assert all(Rung.RECEIVED in alpha.rungs(digest, code) for code in ("BRAVO", "CHARLIE", "DELTA"))
