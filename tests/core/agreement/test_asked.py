"""The questions that a desk asks of a ledger, each with its whole answer."""

from __future__ import annotations

import pytest
from tests.core.agreement import rulepack
from tests.core.agreement.rulepack import CITE, DAY, HOUR, MINUTE, at, deadline, digest, form, pack
from tests.core.agreement.test_rules import Line, T

from tieline.core.agreement.ledger import BEARING_SHOWN, Ledger
from tieline.core.agreement.model import Condition, Count, Exchange, PairState, Predecessor
from tieline.core.agreement.reason import Doubt, Explanation, InputKind, Origin, State
from tieline.core.agreement.windows import Entered, Holds
from tieline.core.terms import MAX_TIME_MS, RefRole

NOBODY = digest("nobody")


def test_what_is_not_there_has_nothing_to_say() -> None:
    ledger = Ledger([rulepack.pack()], rulepack.PARTIES)
    assert ledger.thresholds(NOBODY) == []
    assert ledger.validity(NOBODY, T) == []
    assert ledger.doubts(NOBODY) == ()
    assert ledger.same_number(NOBODY) == ()
    assert ledger.about([NOBODY], T) == []
    assert ledger.explain("x", T) is None
    assert ledger.obligation("x", T) is None
    for rows in (ledger.serial_gaps(), ledger.round_states(), ledger.lacking(), ledger.questions(),
                 ledger.validities(T), ledger.exchanges(T)):  # fmt: skip
        assert rows == []


def asked() -> Line:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    line.send("r", "ask", "BRAVO", T + HOUR, to=("CHARLIE",))
    line.got("r", T + HOUR)
    line.send("a", "reply", "BRAVO", T + 2 * HOUR, (RefRole.ANSWERS, "q"), to=("ALPHA",))
    line.got("a", T + 2 * HOUR)
    return line


def test_obligations_of_all_of_one_party_and_of_what_is_open() -> None:
    line = asked()
    now = T + 3 * HOUR

    def told(**more: object) -> list[tuple[str, State]]:
        found = line.ledger.obligations(now, **more)  # type: ignore[arg-type]
        return [(one.debtor, one.state) for one in found]

    assert told() == [("BRAVO", State.MET), ("CHARLIE", State.OPEN)]
    assert told(party="ALPHA") == [("BRAVO", State.MET)]
    assert told(party="CHARLIE") == [("CHARLIE", State.OPEN)]
    assert told(party="BRAVO") == told()
    assert told(open_only=True) == [("CHARLIE", State.OPEN)]
    assert told(open_only=True, party="ALPHA") == []
    rows = line.ledger.obligations(now)
    rows.clear()  # what is given is the asker's own
    assert len(line.ledger.obligations(now)) == 2
    (first, _) = line.ledger.obligations(now)
    assert line.ledger.obligation(first.id, now) == first


def test_what_a_message_began_and_what_it_discharged() -> None:
    line = asked()
    now = T + 3 * HOUR
    met, open_ = line.ledger.obligations(now)
    for names, rows in (
        ("q", [met]), ("a", [met]), ("r", [open_]), ("qa", [met]), ("rq", [met, open_]),
    ):  # fmt: skip
        assert line.ledger.about([digest(name) for name in names], now) == rows


def inputs(told: Explanation | None) -> list[tuple[str, str, object, str, str]]:
    assert told is not None
    names = {digest(name): name for name in "qac"}
    return [
        (one.name, str(one.origin), one.value, names.get(one.message, ""), one.party)
        for one in told.inputs
    ]


def test_an_explanation_tells_all_that_an_answer_follows_from_in_order() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",), kind="urgent")
    line.got("q", T + MINUTE, "BRAVO")
    line.send("a", "reply", "BRAVO", T + 2 * HOUR, (RefRole.ANSWERS, "q"), to=("ALPHA", "CHARLIE"))
    line.got("a", T + 3 * HOUR, "ALPHA")
    found = line.one("reply-issue", "BRAVO", T + 9 * HOUR)
    told = line.ledger.explain(found.id, T + 9 * HOUR)
    assert inputs(told) == [
        ("issue", "claim", T, "q", "ALPHA"),
        ("issue-receipt", "receipt", T + MINUTE, "q", "BRAVO"),
        ("issue-receipt", "receipt", None, "q", "CHARLIE"),
        ("because", "field", "urgent", "q", ""),
        ("not-after", "pack", 48 * HOUR, "", ""),
        ("began-earliest", "record", T, "", ""),
        ("began-latest", "record", T, "", ""),
        ("due-earliest", "record", T + 48 * HOUR, "", ""),
        ("due-latest", "record", T + 48 * HOUR, "", ""),
        ("act", "claim", T + 2 * HOUR, "a", "BRAVO"),
        ("act-receipt", "receipt", T + 3 * HOUR, "a", "ALPHA"),
        ("act-receipt", "receipt", None, "a", "CHARLIE"),
        ("now", "clock", T + 9 * HOUR, "", ""),
    ]
    assert told is not None
    assert (told.obligation, told.doubts) == (found, ())
    assert [one.kind for one in told.inputs if one.name in ("because", "not-after", "now")] == [
        InputKind.CODE, InputKind.DURATION, InputKind.TIME
    ]  # fmt: skip
    assert [one.path for one in told.inputs if one.path] == ["kind"]


def test_an_explanation_tells_what_was_stated_and_corrected_and_what_lets_off() -> None:
    line = Line()
    day = at(2028, 4, 1)
    line.send("q", "notify", "ALPHA", T, date=day, troops=9000, to=("BRAVO", "CHARLIE"))
    line.send("c", "notify", "ALPHA", T + HOUR, (RefRole.CORRECTS, "q"), date=day + DAY,
              troops=9000, to=("BRAVO", "CHARLIE"))  # fmt: skip
    line.send("a", "waive", "BRAVO", T + 2 * HOUR, (RefRole.CONCERNS, "q"))
    found = line.one("notice-42d", "ALPHA", T + 9 * HOUR)
    told = inputs(line.ledger.explain(found.id, T + 9 * HOUR))
    assert told[:12] == [
        ("issue", "claim", T, "q", "ALPHA"),
        ("issue-receipt", "receipt", None, "q", "BRAVO"),
        ("issue-receipt", "receipt", None, "q", "CHARLIE"),
        ("correction", "claim", T + HOUR, "c", "ALPHA"),
        ("correction-receipt", "receipt", None, "c", "BRAVO"),
        ("correction-receipt", "receipt", None, "c", "CHARLIE"),
        ("stated-earliest", "field", day + DAY, "c", ""),
        ("stated-latest", "field", day + 2 * DAY - 1, "c", ""),
        ("not-after-dates", "pack", -42 * DAY, "", ""),
        ("began-earliest", "record", day + DAY, "", ""),
        ("began-latest", "record", day + 2 * DAY - 1, "", ""),
        ("due-earliest", "record", day + DAY - 41 * DAY - 1, "", ""),
    ]
    observers = line.one("observers", "BRAVO", T + 9 * HOUR)
    assert observers.creditors == ("ALPHA",)
    line.send("w", "waive", "ALPHA", T + 3 * HOUR, (RefRole.CONCERNS, "q"))
    waived = line.one("observers", "BRAVO", T + 99 * DAY)
    assert (waived.state, waived.by) == (State.WAIVED, digest("w"))
    last = line.ledger.explain(waived.id, T + 99 * DAY)
    assert last is not None
    by, now = last.inputs[-2:]
    assert (by.name, by.kind, by.value, by.origin) == (
        "waived", InputKind.MESSAGE, digest("w"), Origin.RECORD
    )  # fmt: skip
    assert (now.name, now.value) == ("now", T + 99 * DAY)


def test_an_explanation_tells_what_speaks_against_a_time() -> None:
    """Of what happened: stated in the future, and said anew; of the message: had before it was."""
    line = Line()
    line.send("q", "convoy", "ALPHA", T, start=T + HOUR, to=("BRAVO",))
    line.got("q", T - DAY, "BRAVO")
    found = line.one("first-word", "ALPHA", T + 9 * HOUR)
    told = line.ledger.explain(found.id, T + 9 * HOUR)
    assert told is not None
    assert told.doubts == (
        (Doubt.IN_FUTURE, digest("q")), (Doubt.AFTER_RECEIPT, digest("q")),
    )  # fmt: skip
    line.send("c", "convoy", "ALPHA", T + 2 * HOUR, (RefRole.CORRECTS, "q"), start=T - HOUR,
              to=("BRAVO",))  # fmt: skip
    again = line.ledger.explain(found.id, T + 9 * HOUR)
    assert again is not None
    assert again.doubts == (
        (Doubt.RESTATED, digest("c")), (Doubt.AFTER_RECEIPT, digest("q")),
    )  # fmt: skip


def test_an_act_that_was_taken_back_is_told_as_withdrawn() -> None:
    line = asked()
    line.send("x", "reply", "BRAVO", T + 3 * HOUR, (RefRole.CANCELS, "a"), to=("ALPHA",))
    found = line.one("reply-48h", "BRAVO", T + 4 * HOUR)
    assert found.state is State.OPEN
    told = line.ledger.explain(found.id, T + 4 * HOUR)
    assert ("withdrawn", "claim", T + 2 * HOUR, "a", "BRAVO") in inputs(told)


def test_which_messages_bear_one_number() -> None:
    line = Line()
    for name, serial, sender in (("a", 1, "ALPHA"), ("b", 2, "ALPHA"), ("c", 2, "ALPHA"),
                                 ("d", 2, "BRAVO"), ("e", 4, "ALPHA")):  # fmt: skip
        line.send(name, "gift", sender, T, serial=serial)
    line.send("f", "gift", "ALPHA", T, (RefRole.CORRECTS, "a"), serial=2)
    line.send("none", "gift", "CHARLIE", T - 1)
    assert line.ledger.same_number(digest("none")) == ()  # nor is there a series of its sender's
    twice = sorted([digest("b"), digest("c")])
    gaps = {gap.sender: gap for gap in line.ledger.serial_gaps()}
    assert gaps["ALPHA"].missing == ((3, 3),)
    assert gaps["ALPHA"].twice == ((2, tuple(twice)),)
    assert (gaps["BRAVO"].missing, gaps["BRAVO"].repeated) == (((1, 1),), ())
    assert line.ledger.same_number(digest("b")) == (digest("c"),)
    for name in ("a", "d", "e", "f"):  # once, another's, once, a correction
        assert line.ledger.same_number(digest(name)) == ()
    for number in range(BEARING_SHOWN + 5):
        line.send(f"more {number}", "gift", "CHARLIE", T + number, serial=1)
    (gap,) = [gap for gap in line.ledger.serial_gaps() if gap.sender == "CHARLIE"]
    assert gap.twice == ((1, tuple(digest(f"more {n}") for n in range(BEARING_SHOWN))),)
    assert gap.missing == ()


def test_what_cites_nothing_is_lacking_for_each_predecessor_that_is_wanted() -> None:
    wants = (
        Predecessor(forms=("ask",), role=RefRole.ANSWERS, required=True, cite=CITE),
        Predecessor(forms=("gift", "visit"), role=RefRole.CONCERNS, required=True, cite=CITE),
    )
    line = Line()
    some = tuple(one for one in rulepack.FORMS if one.id not in ("reply", "open"))
    forms = (*some, form("reply", 2, predecessors=wants))
    line.ledger = Ledger([pack(rules=(), forms=forms)], rulepack.PARTIES)
    line.send("q", "ask", "ALPHA", T)
    line.send("v", "visit", "ALPHA", T)
    line.send("one", "reply", "BRAVO", T + 2, (RefRole.ANSWERS, "q"), (RefRole.CONCERNS, "v"))
    line.send("two", "reply", "BRAVO", T + 1, (RefRole.ANSWERS, "v"), (RefRole.CONCERNS, "v"))
    line.send("three", "reply", "BRAVO", T, (RefRole.CONCERNS, "q"))
    found = [(one.message, one.wants, one.sender, one.form) for one in line.ledger.lacking()]
    assert found == [
        (digest("three"), wants[0], "BRAVO", "reply"),
        (digest("three"), wants[1], "BRAVO", "reply"),
        (digest("two"), wants[0], "BRAVO", "reply"),
    ]


YEARLY = Exchange(id="yearly", cite=CITE, forms=("list",), nil=("nothing",), month=12, day=15,
                  opens_ms=60 * DAY)  # fmt: skip
AT_ALL = Exchange(id="at-all", cite=CITE, forms=("gift",), nil=(), month=3, day=1, opens_ms=0)


def test_a_calendar_has_dates_of_exchanges_to_its_last_instant() -> None:
    ledger = Ledger([pack(rules=(YEARLY, AT_ALL))], rulepack.PARTIES)
    due, opens = at(2028, 12, 16) - 1, at(2028, 10, 16)
    yearly = Entered(at_ms=due, what="exchange", pack="test", rule="yearly", party="",
                     ref="test/yearly/2028", cite=CITE)  # fmt: skip

    def told(low: int, high: int) -> list[tuple[int, str, str]]:
        return [(one.at_ms, one.what, one.rule) for one in ledger.calendar(low, high, T)]

    assert ledger.calendar(due, due, T) == [yearly]
    assert told(due + 1, due + DAY) == told(due - DAY, due - 1) == []
    assert told(opens, opens) == [(opens, "opens", "yearly")]
    assert told(opens + 1, due - 1) == told(opens - DAY, opens - 1) == []
    spring = at(2029, 3, 2) - 1
    assert told(due + 1, spring) == [(spring, "exchange", "at-all")]
    assert told(at(2028, 10, 1), spring) == [
        (opens, "opens", "yearly"), (due, "exchange", "yearly"), (spring, "exchange", "at-all")
    ]  # fmt: skip
    # so many years at the most
    far = [one for one in ledger.calendar(0, MAX_TIME_MS, T) if one.rule == "at-all"]
    assert [far[0].ref, far[-1].ref, len(far)] == ["test/at-all/1970", "test/at-all/2071", 102]
    # what opens in one year and is due in the next
    early = Exchange(
        id="early", cite=CITE, forms=("list",), nil=(), month=1, day=10, opens_ms=60 * DAY
    )
    other = Ledger([pack(rules=(early,))], rulepack.PARTIES)
    found = other.calendar(at(2028, 11, 1), at(2028, 12, 31), T)
    assert [(one.what, one.ref) for one in found] == [("opens", "test/early/2029")]


def test_a_calendar_has_what_is_open_and_what_holds_and_nothing_that_is_gone() -> None:
    line = Line()
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",))
    line.got("q", T)
    line.send("c", "convoy", "BRAVO", T, start=T + DAY, until=T + 3 * DAY)
    low, high = T, T + 9 * DAY

    def told(now: int) -> list[tuple[int, str, str, str]]:
        found = line.ledger.calendar(low, high, now)
        rows = [(one.at_ms - T, one.what, one.rule, one.party) for one in found]
        return [row for row in rows if row[2] in ("reply-48h", "convoy")]

    assert told(T + HOUR) == [
        (DAY, "valid from", "convoy", "BRAVO"),
        (2 * DAY, "due", "reply-48h", "BRAVO"),
        (3 * DAY, "valid until", "convoy", "BRAVO"),
    ]
    line.send("a", "reply", "BRAVO", T + 2 * HOUR, (RefRole.ANSWERS, "q"))
    line.got("a", T + 2 * HOUR)
    line.send("x", "convoy", "BRAVO", T + 2 * HOUR, (RefRole.CANCELS, "c"))
    assert told(T + 3 * HOUR) == []


def test_what_holds_and_what_has_ended() -> None:
    line = Line()
    for number, name in enumerate("ab"):
        line.send(name, "convoy", "ALPHA", T + number, start=T + DAY - number,
                  until=T + (2 + number) * DAY)  # fmt: skip
    every = line.ledger.validities(T)
    assert [one.message for one in every] == [digest("b"), digest("a")]
    assert [one.state for one in every] == [Holds.PENDING, Holds.PENDING]
    late = T + 2 * DAY + 1
    assert [one.message for one in line.ledger.validities(late, held_only=True)] == [digest("b")]
    assert len(line.ledger.validities(late)) == 2
    (one,) = line.ledger.validity(digest("a"), late)
    assert (one.state, one.since_ms, one.until_ms) == (Holds.EXPIRED, T + DAY, T + 2 * DAY)


def test_what_a_pack_is_between_two_parties() -> None:
    line = Line()
    line.send("s", "suspend", "BRAVO", T)
    line.got("s", T + DAY)
    for time_ms, strict, state in (
        (T - 1, False, PairState.IN_FORCE), (T, False, PairState.SUSPENDED),
        (T, True, PairState.IN_FORCE), (T + DAY, True, PairState.SUSPENDED),
    ):  # fmt: skip
        assert line.ledger.status("ALPHA", "BRAVO", "test", time_ms, strict=strict).state is state
        found = line.ledger.status("BRAVO", "ALPHA", "test", time_ms, strict=strict)
        assert found.state is state
    assert line.ledger.status("ALPHA", "CHARLIE", "test", T).state is PairState.IN_FORCE


@pytest.mark.parametrize("count", list(Count))
def test_a_bound_in_dates_ends_with_its_day(count: Count) -> None:
    rule = deadline("d", by=("reply",), not_after_ms=2 * DAY, not_before_ms=DAY, count=count,
                    when=(Condition(path="kind", one_of=("urgent",)),))  # fmt: skip
    line = Line()
    line.ledger = Ledger([pack(rules=(rule,))], rulepack.PARTIES)
    line.send("q", "ask", "ALPHA", T, to=("BRAVO",), kind="urgent")
    line.got("q", T)
    found = line.one("d", "BRAVO", T)
    dates = count is Count.UTC_DATE
    assert found.due.latest == (at(2028, 3, 4) - 1 if dates else T + 2 * DAY)
    assert found.not_before is not None
    assert found.not_before.latest == (at(2028, 3, 2) if dates else T + DAY)


def test_what_is_not_known_counts_for_nothing_and_a_message_counts_once() -> None:
    line = asked()
    line.send("s", "gift", "ALPHA", T, serial=1)
    before = line.ledger.obligations(T + 3 * HOUR)
    for form_id, pack_id in (("unheard", "test"), ("ask", "other")):
        line.ledger.admit(rulepack.message("x", form_id, "ALPHA", T, pack_id=pack_id))
    for name, form_id, sender in (("q", "ask", "ALPHA"), ("s", "gift", "ALPHA")):
        line.send(name, form_id, sender, T + DAY, to=("CHARLIE",), serial=1)
    assert line.ledger.obligations(T + 3 * HOUR) == before
    assert line.ledger.serial_gaps() == []


def test_a_round_waits_for_each_commitment_and_each_receipt() -> None:
    line = Line()
    missing = [(one, other) for one in rulepack.PARTIES for other in rulepack.PARTIES
               if one != other]  # fmt: skip
    for number, party in enumerate(rulepack.PARTIES):
        line.send(party, "seal", party, T + number, object="2028")
        (found,) = line.ledger.round_states()
        assert found.commitments == tuple(
            (one, digest(one)) for one in rulepack.PARTIES[: number + 1]
        )
    for number, (one, other) in enumerate(missing):
        (found,) = line.ledger.round_states()
        assert (found.missing, found.opens_ms) == (tuple(missing[number:]), None)
        line.got(one, T + HOUR + number, other)
    (found,) = line.ledger.round_states()
    assert (found.missing, found.opens_ms) == ((), T + HOUR + 5)
    assert (found.round, found.parties, found.second) == ("2028", rulepack.PARTIES, ())
