"""Nobody gets out of a duty, nor puts another in the wrong, by correcting, holding or citing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.agreement import rulepack
from tests.core.agreement.rulepack import DAY, HOUR, MINUTE, PARTIES, SECOND, at
from tests.core.agreement.test_rules import Line

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.model import Special
from tieline.core.agreement.reason import Doubt, State
from tieline.core.agreement.windows import Holds
from tieline.core.terms import RefRole

T = at(2028, 3, 1, 10)
CORRECTS, CANCELS, CONCERNS, ANSWERS = (
    RefRole.CORRECTS, RefRole.CANCELS, RefRole.CONCERNS, RefRole.ANSWERS,
)  # fmt: skip
PREDECESSOR = RefRole.PREDECESSOR


def said(line: Line, name: str, form: str, when: int, *cites: tuple[RefRole, str],
         later: int = 0, sender: str = "ALPHA", **fields: Any) -> None:  # fmt: skip
    """Sent by ALPHA, and received by all ``later``."""
    line.send(name, form, sender, when, *cites, **fields)
    line.got(name, when + later)


def both(line: Line, rule: str, debtor: str, now: int) -> tuple[State, State]:
    found = line.one(rule, debtor, now)
    return found.state, found.strict


# ---------------------------------------------- judged by itself: what has happened (2 h after it)


@pytest.mark.parametrize(
    ("event", "state"),
    [(T - 2 * HOUR, State.MET), (T - 2 * HOUR + SECOND, State.MET),
     (T - 2 * HOUR - SECOND, State.LATE)],
    ids=["at", "below", "above"],
)  # fmt: skip
@pytest.mark.parametrize("corrected", [-DAY, -SECOND, SECOND, DAY, None])
def test_what_happened_is_judged_as_it_was_first_said(
    event: int, state: State, corrected: int | None
) -> None:
    """An hour or a day to and fro, or 'not known': the word came when it came."""
    line = Line()
    said(line, "w", "convoy", T, start=event)
    assert both(line, "first-word", "ALPHA", T + MINUTE) == (state, state)
    again = Special.NOT_KNOWN if corrected is None else event + corrected
    said(line, "c", "convoy", T + 9 * HOUR, (CORRECTS, "w"), start=again)
    said(line, "d", "convoy", T + 9 * DAY, (CORRECTS, "c"), start=T + 9 * DAY)
    for now in (T + 9 * HOUR, T + 10 * DAY):
        assert both(line, "first-word", "ALPHA", now) == (state, state)
    told = line.ledger.explain(line.one("first-word", "ALPHA", T + 10 * DAY).id, T + 10 * DAY)
    assert told is not None
    assert Doubt.RESTATED in {doubt for doubt, _ in told.doubts}


@pytest.mark.parametrize(
    ("event", "state"),
    [(T - 2 * HOUR, State.MET), (T - 2 * HOUR + SECOND, State.MET),
     (T - 2 * HOUR - SECOND, State.LATE)],
    ids=["at", "below", "above"],
)  # fmt: skip
def test_a_time_that_was_not_known_is_filled_in_and_the_first_word_counts(
    event: int, state: State
) -> None:
    line = Line()
    said(line, "w", "convoy", T, start=Special.NOT_KNOWN)
    # The word was given, so nothing is open; and there is no clock to judge it by.
    assert not [one for one in line.ledger.obligations(T + DAY) if one.rule == "first-word"]
    said(line, "c", "convoy", T + 2 * DAY, (CORRECTS, "w"), start=event)
    assert both(line, "first-word", "ALPHA", T + 3 * DAY) == (state, state)


def test_another_field_put_right_leaves_a_timely_word_timely_in_both_views() -> None:
    line = Line()
    said(line, "w", "convoy", T, start=T - HOUR)
    said(line, "c", "convoy", T + DAY, (CORRECTS, "w"), start=T - HOUR, object="2nd")
    assert both(line, "first-word", "ALPHA", T + 2 * DAY) == (State.MET, State.MET)


# --------------------------------------------- judged by itself: what is planned (42 days before)

START = at(2028, 6, 1)
LAST = at(2028, 4, 20)  # the last date for it


def notify(line: Line, name: str, day: int, start: int, *cites: tuple[RefRole, str],
           troops: int = 9000, later: int = 0) -> None:  # fmt: skip
    said(line, name, "notify", day, *cites, later=later, date=start, last=start, troops=troops)


@pytest.mark.parametrize(
    ("moved_by", "on", "states"),
    [
        (5 * DAY, LAST + 20 * DAY, (State.MET, State.MET)),  # later: the creditors have more time
        (-5 * DAY, LAST - 5 * DAY, (State.MET, State.MET)),  # nearer, and said 42 days before
        (-5 * DAY, LAST - 6 * DAY, (State.MET, State.MET)),
        (-5 * DAY, LAST - 4 * DAY, (State.MET, State.LATE)),  # the first word was early enough
        (-11 * DAY, LAST, (State.LATE, State.LATE)),  # nor is it early enough for the new start
    ],
)
def test_a_plan_that_moves_is_judged_for_the_plan_as_it_is(
    moved_by: int, on: int, states: tuple[State, State]
) -> None:
    line = Line()
    notify(line, "n", LAST - 10 * DAY, START)
    assert both(line, "notice-42d", "ALPHA", LAST + DAY) == (State.MET, State.MET)
    notify(line, "c", on, START + moved_by, (CORRECTS, "n"))
    assert both(line, "notice-42d", "ALPHA", LAST + 60 * DAY) == states


@pytest.mark.parametrize(
    ("on", "state"),
    [(LAST + 18 * DAY, State.MET), (LAST + 17 * DAY, State.MET), (LAST + 19 * DAY, State.LATE)],
    ids=["at", "below", "above"],
)
def test_a_late_notice_is_timely_again_only_if_the_correction_is(on: int, state: State) -> None:
    """Put off by 18 days: whoever says so 42 days before the new start has given notice of it."""
    line = Line()
    notify(line, "n", LAST + 3 * DAY, START)
    assert both(line, "notice-42d", "ALPHA", LAST + 3 * DAY) == (State.LATE, State.LATE)
    notify(line, "c", on, START + 18 * DAY, (CORRECTS, "n"))
    assert both(line, "notice-42d", "ALPHA", LAST + 60 * DAY) == (state, state)


def test_a_correction_that_is_on_its_way_does_not_count_strictly() -> None:
    line = Line()
    notify(line, "n", LAST + 3 * DAY, START)
    notify(line, "c", LAST + 5 * DAY, START + 18 * DAY, (CORRECTS, "n"), later=20 * DAY)
    assert both(line, "notice-42d", "ALPHA", LAST + 60 * DAY) == (State.MET, State.LATE)


def test_who_tells_of_a_far_day_and_then_of_a_near_one_has_given_no_notice_of_it() -> None:
    line = Line()
    notify(line, "n", LAST - 10 * DAY, START)
    notify(line, "far", LAST - 9 * DAY, START + 300 * DAY, (CORRECTS, "n"))
    notify(line, "near", START - DAY, START, (CORRECTS, "far"))
    assert both(line, "notice-42d", "ALPHA", START) == (State.MET, State.LATE)


def test_what_was_late_stays_late_when_its_number_is_made_smaller() -> None:
    line = Line()
    notify(line, "n", LAST + DAY, START)
    notify(line, "c", LAST + 2 * DAY, START, (CORRECTS, "n"), troops=8999)
    assert both(line, "notice-42d", "ALPHA", LAST + 9 * DAY) == (State.LATE, State.LATE)
    # And whoever made it larger gave notice of the large one only then.
    notify(line, "m", LAST - 9 * DAY, START, troops=8999)
    notify(line, "k", LAST + 2 * DAY, START, (CORRECTS, "m"))
    rows = [o for o in line.ledger.obligations(LAST + 9 * DAY) if o.rule == "notice-42d"]
    assert {o.state for o in rows} == {o.strict for o in rows} == {State.LATE}


# --------------------------------------------------------------------------- promises by oneself


@pytest.mark.parametrize(
    ("when", "states"),
    [(T + HOUR, (State.OPEN, State.OPEN)), (T + HOUR - SECOND, (State.OPEN, State.OPEN)),
     (T + HOUR + SECOND, (State.OVERDUE, State.OVERDUE))],
    ids=["at", "below", "above"],
)  # fmt: skip
def test_a_promise_is_moved_before_it_is_due_and_not_after(
    when: int, states: tuple[State, State]
) -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", until=T + HOUR)
    said(line, "c", "visit", when, (CORRECTS, "v"), asked="BRAVO", until=T + 9 * HOUR)
    assert both(line, "next-word", "ALPHA", T + 2 * HOUR) == states


@pytest.mark.parametrize("how", [Special.NIL, CANCELS])
@pytest.mark.parametrize(
    ("when", "state"),
    [(T + HOUR, State.ENDED), (T + HOUR - SECOND, State.ENDED), (T + HOUR + SECOND, State.OVERDUE)],
    ids=["at", "below", "above"],
)
def test_a_promise_is_taken_back_before_it_is_due_and_not_after(
    how: object, when: int, state: State
) -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", until=T + HOUR)
    if how is CANCELS:
        said(line, "c", "visit", when, (CANCELS, "v"))
    else:
        said(line, "c", "visit", when, (CORRECTS, "v"), asked="BRAVO", until=Special.NIL)
    assert both(line, "next-word", "ALPHA", T + 2 * HOUR) == (state, state)


def test_a_promise_taken_back_while_the_line_was_cut_is_a_matter_of_view() -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", until=T + HOUR)
    said(line, "c", "visit", T + MINUTE, (CORRECTS, "v"), later=DAY, asked="BRAVO",
         until=Special.NIL)  # fmt: skip
    assert both(line, "next-word", "ALPHA", T + 2 * DAY) == (State.ENDED, State.OVERDUE)


def test_no_next_word_begins_no_obligation_in_either_view() -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", until=Special.NIL)
    assert not [o for o in line.ledger.obligations(T + DAY) if o.rule == "next-word"]
    said(line, "k", "visit", T, asked="BRAVO", until=Special.NOT_KNOWN)  # it is owed, no time known
    assert both(line, "next-word", "ALPHA", T + DAY) == (State.OPEN, State.OPEN)


# ---------------------------------------------------------------------------------- other parties


def test_a_correction_makes_another_late_in_no_view_of_its_own() -> None:
    """Departure was in two days; now it is in an hour, six hours' notice or not."""
    line = Line()
    said(line, "v", "visit", T, to=("BRAVO",), asked="BRAVO", start=T + 2 * DAY)
    said(line, "c", "visit", T + HOUR, (CORRECTS, "v"), to=("BRAVO",), asked="BRAVO",
         start=T + 2 * HOUR)  # fmt: skip
    assert both(line, "prepare", "BRAVO", T + DAY) == (State.OPEN, State.OVERDUE)
    # With six hours and a second it was to be done.
    said(line, "d", "visit", T + HOUR, (CORRECTS, "c"), to=("BRAVO",), asked="BRAVO",
         start=T + 7 * HOUR + SECOND)  # fmt: skip
    assert both(line, "prepare", "BRAVO", T + DAY) == (State.OVERDUE, State.OVERDUE)


@pytest.mark.parametrize(("later", "state"), [(0, State.OVERDUE), (1, State.OPEN)])
def test_a_correction_that_another_gets_at_the_last_instant_for_it_still_counts(
    later: int, state: State
) -> None:
    """What is done at that very instant is in time; a millisecond later it was due already."""
    line = Line()
    said(line, "v", "visit", T, to=("BRAVO",), asked="BRAVO", start=T + 2 * DAY)
    said(line, "c", "visit", T + HOUR, (CORRECTS, "v"), later=later, to=("BRAVO",), asked="BRAVO",
         start=T + 7 * HOUR)  # fmt: skip
    assert both(line, "prepare", "BRAVO", T + DAY) == (state, State.OVERDUE)


def test_the_clock_of_who_is_asked_only_by_a_correction_begins_with_it() -> None:
    line = Line()
    said(line, "q", "ask", T, to=("BRAVO",))
    said(line, "c", "ask", T + 9 * DAY, (CORRECTS, "q"), to=("CHARLIE",))
    found = line.one("reply-48h", "CHARLIE", T + 10 * DAY)
    assert (found.due.earliest, found.state, found.strict) == (
        T + 11 * DAY, State.OPEN, State.OPEN,
    )  # fmt: skip


@pytest.mark.parametrize("role", [CORRECTS, CANCELS, RefRole.SUPERSEDES])
def test_nobody_corrects_or_takes_back_the_message_of_another(role: RefRole) -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", until=T + HOUR, start=T + DAY)
    said(line, "x", "visit", T + MINUTE, (role, "v"), sender="CHARLIE", asked="BRAVO",
         until=T + 9 * DAY)  # fmt: skip
    said(line, "y", "visit", T + MINUTE, (role, "x"), (role, "v"), sender="BRAVO", asked="BRAVO")
    assert both(line, "next-word", "ALPHA", T + 2 * HOUR) == (State.OVERDUE, State.OVERDUE)
    windows = line.ledger.validity(rulepack.digest("v"), T + DAY)
    assert {window.state for window in windows} == {Holds.VALID}


def test_who_is_not_owed_waives_nothing_and_who_does_not_owe_contests_nothing() -> None:
    line = Line()
    said(line, "q", "ask", T, to=("BRAVO",))
    for name, form, sender in (("w", "waive", "BRAVO"), ("u", "waive", "CHARLIE"),
                               ("c", "contest", "ALPHA"), ("d", "contest", "CHARLIE")):  # fmt: skip
        said(line, name, form, T + HOUR, (CONCERNS, "q"), sender=sender)
    assert both(line, "reply-48h", "BRAVO", T + 3 * DAY) == (State.OVERDUE, State.OVERDUE)


def held(sender: str, when: int, later: int = 0, to: tuple[str, ...] = ("BRAVO",)) -> Line:
    line = Line()
    said(line, "q", "ask", T, to=to)
    said(line, "h", "hold", when, (CONCERNS, "q"), sender=sender, later=later)
    return line


def test_nobody_holds_for_itself_what_another_sent_nor_what_was_for_others() -> None:
    after = T + 3 * DAY
    late = (State.OVERDUE, State.OVERDUE)
    assert both(held("BRAVO", T + HOUR), "reply-48h", "BRAVO", after) == late
    assert both(held("CHARLIE", T + HOUR), "reply-48h", "BRAVO", after) == late
    assert both(held("ALPHA", T + HOUR), "reply-48h", "BRAVO", after) == (State.HELD, State.HELD)
    third = held("CHARLIE", T + HOUR, to=("BRAVO", "CHARLIE"))
    assert both(third, "reply-48h", "BRAVO", after) == (State.HELD, State.HELD)
    assert both(third, "reply-48h", "CHARLIE", after) == late


def test_a_hold_that_is_dated_back_excuses_nothing_strictly() -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", until=T + HOUR)
    said(line, "h", "hold", T + MINUTE, (CONCERNS, "v"), later=DAY)
    assert both(line, "next-word", "ALPHA", T + 2 * DAY) == (State.HELD, State.OVERDUE)


def test_what_is_lifted_with_an_earlier_date_is_lifted_when_the_debtor_hears_of_it() -> None:
    line = held("ALPHA", T + HOUR)
    said(line, "r", "resume", T + 2 * HOUR, (CONCERNS, "h"), later=5 * DAY)
    assert both(line, "reply-48h", "BRAVO", T + 3 * DAY) == (State.HELD, State.OVERDUE)


def test_one_agreement_moves_nothing_of_another() -> None:
    ledger = Ledger([rulepack.pack(), rulepack.pack("other")], PARTIES)
    ledger.admit(rulepack.message("q", "ask", "ALPHA", T, to=("BRAVO",)))
    ledger.receipt(rulepack.digest("q"), "BRAVO", T)
    for name, form, sender in (("w", "waive", "ALPHA"), ("h", "hold", "ALPHA"),
                               ("c", "contest", "BRAVO"), ("a", "reply", "BRAVO")):  # fmt: skip
        refs = ((ANSWERS, rulepack.digest("q")),)
        ledger.admit(rulepack.message(name, form, sender, T + HOUR, refs=refs, pack_id="other"))
    (found,) = [o for o in ledger.obligations(T + 3 * DAY) if o.rule == "reply-48h"]
    assert (found.state, found.strict) == (State.OVERDUE, State.OVERDUE)


def test_a_chain_of_corrections_by_several_hands_stays_its_authors() -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", until=T + HOUR)
    said(line, "c1", "visit", T + MINUTE, (CORRECTS, "v"), asked="BRAVO", until=T + 2 * HOUR)
    said(line, "x", "visit", T + MINUTE, (CORRECTS, "c1"), sender="CHARLIE", asked="BRAVO",
         until=T + 30 * DAY)  # fmt: skip
    said(line, "c2", "visit", T + 2 * MINUTE, (CORRECTS, "x"), asked="BRAVO", until=T + 31 * DAY)
    assert line.one("next-word", "CHARLIE", T).due.latest == T + 30 * DAY
    mine = {o.trigger: o.due.latest for o in line.ledger.obligations(T) if o.rule == "next-word"
            and o.debtor == "ALPHA"}  # fmt: skip
    assert mine == {rulepack.digest("v"): T + 2 * HOUR, rulepack.digest("c2"): T + 31 * DAY}


# --------------------------------------------------------------------------- what ends a validity


def test_a_list_ends_with_its_last_object_and_what_takes_out_confirms_nothing() -> None:
    line = Line()
    said(line, "v", "visit", T, asked="BRAVO", start=T, object="1st")
    now = T + HOUR

    def stock() -> Holds:
        (window,) = [w for w in line.ledger.validity(rulepack.digest("v"), now)
                     if w.rule == "stock"]  # fmt: skip
        return window.state

    said(line, "x", "list", T, (CONCERNS, "v"), sender="BRAVO", object="1st")
    said(line, "y", "list", T, (CONCERNS, "v"), object="2nd")
    assert stock() is Holds.VALID
    said(line, "z", "list", T, (CONCERNS, "v"), object="1ST ")
    assert stock() is Holds.ENDED
    said(line, "no", "list", T + MINUTE, (CANCELS, "z"))
    assert stock() is Holds.VALID
    said(line, "k", "verdict", T + MINUTE, (ANSWERS, "v"), object="1st")
    assert stock() is Holds.ENDED
