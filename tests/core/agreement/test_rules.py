"""What each rule means, one example each; ``docs/rules.md`` tells the same."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.agreement import rulepack
from tests.core.agreement.rulepack import DAY, HOUR, MINUTE, PARTIES, at, message

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.limits import Crossing
from tieline.core.agreement.message import Message
from tieline.core.agreement.model import PairState
from tieline.core.agreement.places import Circle
from tieline.core.agreement.reason import Doubt, Obligation, Origin, State
from tieline.core.agreement.value import Number
from tieline.core.agreement.windows import Holds
from tieline.core.terms import RefRole

T = at(2028, 3, 1, 10)


class Line:
    """A ledger, and names for what is in it."""

    def __init__(self) -> None:
        self.ledger = Ledger([rulepack.pack()], PARTIES)

    def send(self, name: str, form: str, sender: str, when: int, *cites: tuple[RefRole, str],
             to: tuple[str, ...] = (), **fields: Any) -> Message:  # fmt: skip
        refs = tuple((role, rulepack.digest(cited)) for role, cited in cites)
        made = message(name, form, sender, when, to=to, refs=refs, fields=fields)
        self.ledger.admit(made)
        return made

    def got(self, name: str, when: int, *parties: str) -> None:
        for party in parties or PARTIES:
            self.ledger.receipt(rulepack.digest(name), party, when)

    def one(self, rule: str, debtor: str, now: int) -> Obligation:
        (found,) = [o for o in self.ledger.obligations(now)
                    if (o.rule, o.debtor) == (rule, debtor)]  # fmt: skip
        return found


def test_a_partition_gives_two_views_and_the_reasons_for_both() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T + 3 * DAY)
    line.send("a", "reply", "BRAVO", T + 4 * DAY, (RefRole.ANSWERS, "q"))
    line.got("a", T + 4 * DAY + MINUTE)
    found = line.one("reply-48h", "BRAVO", T + 9 * DAY)
    assert (found.due.earliest, found.due.latest) == (T + 2 * DAY, T + 5 * DAY)
    assert (found.state, found.strict, found.disputed) == (State.MET, State.LATE, True)
    assert (found.seen_by("ALPHA"), found.seen_by("BRAVO")) == (State.LATE, State.MET)
    told = line.ledger.explain(found.id, T + 9 * DAY)
    assert told is not None
    said = {(one.name, one.origin): one.value for one in told.inputs}
    assert said["issue", Origin.CLAIM] == T
    assert said["issue-receipt", Origin.RECEIPT] == T + 3 * DAY
    assert said["not-after", Origin.PACK] == 2 * DAY
    assert said["act", Origin.CLAIM] == T + 4 * DAY
    assert said["now", Origin.CLOCK] == T + 9 * DAY
    assert not told.doubts


def test_a_lying_clock_is_flagged_and_widens_the_bracket() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T + HOUR, to=("BRAVO",), kind="urgent")
    line.got("q", T, "CHARLIE")
    line.send("a", "reply", "BRAVO", T - DAY, (RefRole.ANSWERS, "q"))
    assert line.ledger.doubts(rulepack.digest("q")) == (Doubt.AFTER_RECEIPT,)
    assert line.ledger.doubts(rulepack.digest("a")) == (Doubt.BEFORE_CAUSE,)
    due = line.one("reply-issue", "BRAVO", T).due
    assert (due.earliest, due.latest) == (T + 2 * DAY, T + HOUR + 2 * DAY)


@pytest.mark.parametrize(
    ("form", "state"),
    [("waive", State.WAIVED), ("contest", State.CONTESTED), ("hold", State.HELD)],
)
def test_what_lets_off_ends_when_it_is_taken_back(form: str, state: State) -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    sender = "BRAVO" if form == "contest" else "ALPHA"
    line.send("x", form, sender, T + HOUR, (RefRole.CONCERNS, "q"))
    assert line.one("reply-48h", "BRAVO", T + 9 * DAY).state is state
    line.send("y", form, sender, T + DAY, (RefRole.CANCELS, "x"))
    assert line.one("reply-48h", "BRAVO", T + 9 * DAY).state is State.OVERDUE


def test_what_falls_due_in_a_suspension_is_suspended_and_not_overdue() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    line.send("s", "suspend", "BRAVO", T + DAY)
    line.got("s", T + 3 * DAY)
    line.send("r", "resume", "BRAVO", T + 5 * DAY)
    line.got("r", T + 5 * DAY)
    found = line.one("reply-48h", "BRAVO", T + 9 * DAY)
    assert found.state is State.SUSPENDED
    # Claimed for the day after, but nobody had it before the obligation was due.
    assert found.strict is State.OVERDUE


def test_who_owes_cannot_undo_its_lateness_by_taking_its_message_back() -> None:
    for when, state in ((T + DAY + 2 * HOUR, State.ENDED), (T + DAY + 2 * HOUR + 1, State.OVERDUE)):
        line = Line()
        line.send("c", "convoy", "ALPHA", T, start=T, until=T + DAY)
        line.send("x", "convoy", "ALPHA", when, (RefRole.CANCELS, "c"))
        assert line.one("report", "ALPHA", T + 9 * DAY).state is state


def test_the_earliest_of_two_that_end_a_message_counts() -> None:
    line = Line()
    line.send("c", "convoy", "ALPHA", T, start=T, until=T + DAY)
    line.send("x", "convoy", "ALPHA", T + 3 * HOUR, (RefRole.CANCELS, "c"))
    line.send("y", "convoy", "ALPHA", T + 2 * HOUR, (RefRole.SUPERSEDES, "c"))
    (found,) = line.ledger.validity(rulepack.digest("c"), T + 9 * HOUR)
    assert (found.state, found.by) == (Holds.SUPERSEDED, rulepack.digest("y"))


def test_a_late_word_that_claims_to_be_early_moves_what_was_settled() -> None:
    """Without a citation the first later message counts, though it comes last."""
    line = Line()
    line.send("v", "visit", "ALPHA", T, to=("BRAVO",), asked="BRAVO", start=T + 3 * DAY)
    line.send("late", "reply", "BRAVO", T + 8 * DAY)
    line.got("late", T + 8 * DAY)
    assert line.one("any-word", "BRAVO", T + 9 * DAY).state is State.LATE
    line.send("early", "reply", "BRAVO", T + DAY)
    assert line.one("any-word", "BRAVO", T + 9 * DAY).state is State.MET


def test_of_two_forms_that_need_not_cite_the_earlier_message_counts() -> None:
    line = Line()
    line.send("v", "visit", "ALPHA", T, to=("BRAVO",), asked="BRAVO", start=T + 3 * DAY)
    line.send("second", "reply", "BRAVO", T + 2 * DAY)
    line.send("first", "verdict", "BRAVO", T + DAY)
    line.got("first", T + DAY)
    line.got("second", T + 2 * DAY)
    found = line.one("any-word", "BRAVO", T + 3 * DAY)
    assert (found.state, found.by, found.done_ms) == (
        State.MET, rulepack.digest("first"), T + DAY
    )  # fmt: skip


def test_each_view_turns_at_its_own_time() -> None:
    """The strict one when the first bound passes, the debtor's when the last one does."""
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T + 3 * DAY)
    seen = []
    for now in (T, T + 2 * DAY, T + 2 * DAY + 1, T + 5 * DAY, T + 5 * DAY + 1):
        found = line.one("reply-48h", "BRAVO", now)
        seen.append((found.state, found.strict))
    due, over = State.OPEN, State.OVERDUE
    assert seen == [(due, due), (due, due), (due, over), (due, over), (over, over)]


def test_views_that_turn_a_millisecond_apart_turn_each_at_its_own() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T + 1)
    seen = []
    for now in (T + 2 * DAY, T + 2 * DAY + 1, T + 2 * DAY + 2):
        found = line.one("reply-48h", "BRAVO", now)
        seen.append((found.state, found.strict))
    due, over = State.OPEN, State.OVERDUE
    assert seen == [(due, due), (due, over), (over, over)]


@pytest.mark.parametrize("to", [("BRAVO", "ALPHA"), ("ALPHA", "BRAVO"), ("ALPHA",)])
def test_who_addresses_itself_as_well_owes_itself_and_others_no_answer(
    to: tuple[str, ...],
) -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=to)
    owing = {one.debtor for one in line.ledger.obligations(T) if one.rule == "reply-48h"}
    assert owing == {"BRAVO"} & {*to}


def test_what_a_round_owes_stands_among_what_began_at_the_beginning_of_time() -> None:
    """A round has no trigger with a time; a clock that stands at 1970 begins things at 0."""
    line = Line()
    for when in (0, 1):
        line.send(f"v{when}", "visit", "BRAVO", when, to=("ALPHA",), asked="ALPHA")
    line.send("seal", "seal", "ALPHA", T, to=("BRAVO",), object="2028")
    rows = [one for one in line.ledger.obligations(T) if one.rule in ("together", "verdict-24h")]
    assert [(one.rule, one.debtor, one.trigger) for one in rows] == [
        ("together", "ALPHA", b""),
        ("together", "BRAVO", b""),
        ("verdict-24h", "ALPHA", rulepack.digest("v0")),
        ("verdict-24h", "ALPHA", rulepack.digest("v1")),
    ]


def test_of_two_answers_the_second_counts_where_the_first_was_taken_back() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    for number, name in enumerate(("one", "two")):
        line.send(name, "reply", "BRAVO", T + number, (RefRole.ANSWERS, "q"), to=("ALPHA",))
        line.got(name, T + HOUR)
    line.send("x", "reply", "BRAVO", T + 9, (RefRole.CANCELS, "one"), to=("ALPHA",))
    found = line.one("reply-48h", "BRAVO", T + HOUR)
    assert (found.state, found.by) == (State.MET, rulepack.digest("two"))


def test_a_hold_counts_strictly_when_it_was_received_whichever_was_claimed_first() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    for name, hours, had in (("late", 1, 40), ("soon", 2, 3)):
        line.send(name, "hold", "ALPHA", T + hours * HOUR, (RefRole.CONCERNS, "q"))
        line.got(name, T + had * HOUR)
    for hours, state, strict in (
        (0, State.OPEN, State.OPEN), (1, State.HELD, State.OPEN), (2, State.HELD, State.OPEN),
        (3, State.HELD, State.HELD), (10, State.HELD, State.HELD), (99, State.HELD, State.HELD),
    ):  # fmt: skip
        found = line.one("reply-48h", "BRAVO", T + hours * HOUR)
        assert (found.state, found.strict) == (state, strict), hours


def test_lists_are_opened_after_every_commitment_was_received_by_all() -> None:
    line = Line()
    for n, party in enumerate(PARTIES):
        line.send(party, "seal", party, T + n * HOUR, object="2028")
        line.got(party, T + n * HOUR + MINUTE)
    # A second commitment that is dated back binds nobody: no other party had it first.
    line.send("again", "seal", "ALPHA", T - DAY, object="2028")
    line.got("again", T + DAY)
    opens = T + 2 * HOUR + MINUTE
    line.send("too soon", "open", "ALPHA", opens - 1, (RefRole.PREDECESSOR, "ALPHA"))
    line.send("in time", "open", "BRAVO", opens, (RefRole.PREDECESSOR, "BRAVO"))
    now = opens + 24 * HOUR
    assert line.one("together", "ALPHA", now).state is State.EARLY
    assert line.one("together", "BRAVO", now).state is State.MET
    assert line.one("together", "CHARLIE", now).state is State.OPEN
    assert line.one("together", "CHARLIE", now + 1).state is State.OVERDUE
    (found,) = line.ledger.round_states()
    assert (found.opens_ms, found.second) == (opens, (rulepack.digest("again"),))


def test_thresholds_stand_alone_and_say_their_margin() -> None:
    line = Line()
    sent = line.send("n", "notify", "ALPHA", T, guns=250, troops=8_999, hours=73,
                     date=T + 60 * DAY)  # fmt: skip
    notify, observe, _ = line.ledger.thresholds(sent.digest)
    assert (notify.crossing, observe.crossing) == (Crossing.YES, Crossing.YES)
    assert [one.margin for one in notify.any_of] == [-1, None, 0, None, None]


def test_a_spread_that_could_turn_the_answer_is_said() -> None:
    line = Line()
    sent = line.send("n", "notify", "ALPHA", T, troops=Number(8_900, 100))
    troops = line.ledger.thresholds(sent.digest)[0].any_of[0]
    assert (troops.crossing, troops.sure) == (Crossing.NO, False)


@pytest.mark.parametrize(
    ("second", "shared"),
    [
        ({"command": " 1st  corps"}, ("command", "time")),
        ({"area": Circle(500_100_000, 200_000_000, 20_000)}, ("area", "time")),
        ({"area": Circle(100_000_000, 200_000_000, 20_000)}, None),
        ({"command": "2nd Corps"}, None),
        ({"command": "1st Corps", "date": T + 70 * DAY, "last": T + 71 * DAY}, None),
    ],
)
def test_parts_of_one_activity_are_a_question(
    second: dict[str, Any], shared: tuple[str, ...] | None
) -> None:
    line = Line()
    first: dict[str, Any] = {"troops": 4500, "date": T + 60 * DAY, "last": T + 62 * DAY}
    area = Circle(500_000_000, 200_000_000, 20_000)
    line.send("one", "notify", "ALPHA", T, **first, area=area, command="1st Corps")
    line.send("two", "notify", "ALPHA", T, **(first | second))
    line.send("three", "notify", "BRAVO", T, **first, command="1st Corps")
    found = line.ledger.questions()
    assert [one.shared for one in found] == ([] if shared is None else [shared])


def test_numbers_that_are_missing_and_numbers_that_came_twice() -> None:
    line = Line()
    for name, serial in (("a", 1), ("b", 2), ("c", 5), ("d", 2)):
        line.send(name, "gift", "ALPHA", T, serial=serial)
    (gap,) = line.ledger.serial_gaps()
    assert (gap.missing, gap.repeated) == (((3, 4),), (2,))


def test_a_goodwill_notice_obliges_nobody() -> None:
    line = Line()
    line.send("g", "gift", "ALPHA", T)
    assert line.ledger.obligations(T + 99 * DAY) == []


def test_a_message_without_its_predecessor_is_named() -> None:
    line = Line()
    line.send("o", "open", "ALPHA", T)
    (found,) = line.ledger.lacking()
    assert found.wants.forms == ("seal",)


def test_whoever_cites_a_message_had_it_by_then_whatever_its_receipt_says() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T + 3 * DAY)
    for name, hours, latest in (("one", 5, 5), ("two", 9, 5), ("three", 2, 2)):
        line.send(name, "gift", "BRAVO", T + hours * HOUR, (RefRole.CONCERNS, "q"))
        found = line.one("reply-48h", "BRAVO", T + 3 * DAY)
        assert found.due == (T + 48 * HOUR, T + (48 + latest) * HOUR)


def test_who_let_a_hold_go_holds_again_by_a_new_one_and_not_by_taking_that_back() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    steps = (
        ("hold", "hold", RefRole.CONCERNS, "q", State.HELD),
        ("go on", "resume", RefRole.CONCERNS, "hold", State.OPEN),
        ("no", "resume", RefRole.CANCELS, "go on", State.OPEN),
        ("again", "hold", RefRole.CONCERNS, "q", State.HELD),
    )
    for number, (name, form, role, cited, state) in enumerate(steps, 1):
        line.send(name, form, "ALPHA", T + number * HOUR, (role, cited))
        line.got(name, T + number * HOUR)
        found = line.one("reply-48h", "BRAVO", T + number * HOUR + MINUTE)
        assert (found.state, found.strict) == (state, state), name


def test_of_two_late_answers_the_first_is_named() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    for number, name in enumerate(("one", "two"), 3):
        line.send(name, "reply", "BRAVO", T + number * DAY, (RefRole.ANSWERS, "q"), to=("ALPHA",))
        line.got(name, T + number * DAY)
    found = line.one("reply-48h", "BRAVO", T + 9 * DAY)
    assert (found.state, found.by, found.done_ms) == (
        State.LATE, rulepack.digest("one"), T + 3 * DAY
    )  # fmt: skip


def test_what_a_pack_says_of_a_pair_holds_from_its_time_until_its_party_resumes() -> None:
    line = Line()
    line.ledger = Ledger([rulepack.pack(status=rulepack.STATUS)], PARTIES)
    since = at(2027, 6, 1)

    def told(time_ms: int, strict: bool = False) -> PairState:
        return line.ledger.status("CHARLIE", "BRAVO", "test", time_ms, strict=strict).state

    assert [told(since - 1), told(since), told(T)] == [
        PairState.IN_FORCE, PairState.SUSPENDED, PairState.SUSPENDED
    ]  # fmt: skip
    line.send("theirs", "resume", "CHARLIE", T)
    assert told(T + 1) is PairState.SUSPENDED
    line.send("r", "resume", "BRAVO", T + HOUR)
    line.got("r", T + DAY)
    assert [told(T + HOUR - 1), told(T + HOUR)] == [PairState.SUSPENDED, PairState.IN_FORCE]
    assert [told(T + HOUR, True), told(T + DAY, True)] == [
        PairState.SUSPENDED, PairState.IN_FORCE
    ]  # fmt: skip
    line.send("x", "resume", "BRAVO", T + 2 * HOUR, (RefRole.CANCELS, "r"))
    assert told(T + 3 * HOUR) is PairState.SUSPENDED


def test_what_was_done_in_time_is_done_though_it_was_held() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    line.send("h", "hold", "ALPHA", T + HOUR, (RefRole.CONCERNS, "q"))
    line.got("h", T + HOUR)
    line.send("a", "reply", "BRAVO", T + 2 * HOUR, (RefRole.ANSWERS, "q"), to=("ALPHA",))
    assert line.one("reply-48h", "BRAVO", T + 3 * HOUR).strict is State.HELD  # not received yet
    line.got("a", T + 3 * HOUR)
    found = line.one("reply-48h", "BRAVO", T + 9 * DAY)
    assert (found.state, found.strict) == (State.MET, State.MET)
