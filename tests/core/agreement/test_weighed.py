"""How long messages hold, what yearly exchanges came to, thresholds and quotas, in full."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.agreement import rulepack
from tests.core.agreement.rulepack import CITE, DAY, HOUR, at, digest, over, pack
from tests.core.agreement.test_rules import Line, T

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.limits import Crossing, Margin
from tieline.core.agreement.matter import Stated, stated_at
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import Exchange, Rule, Special, Take, Threshold, Validity
from tieline.core.agreement.places import Circle, Place, Polygon, Position, Route, Waypoint
from tieline.core.agreement.quota import QuotaState, Share
from tieline.core.agreement.reason import InputKind, Origin, State
from tieline.core.agreement.value import Day, Instant, Number
from tieline.core.agreement.windows import ExchangeState, Holds
from tieline.core.terms import RefRole


def line_of(*rules: Rule) -> Line:
    line = Line()
    line.ledger = Ledger([pack(rules=rules)], rulepack.PARTIES)
    return line


# -------------------------------------------------------------------------------------- validity


def validity(**more: Any) -> Validity:
    return Validity(**{"id": "v", "cite": CITE, "on": "convoy", **more})


def test_a_window_holds_from_its_first_to_its_last_instant_with_its_inputs() -> None:
    line = line_of(validity(from_path="start", until_path="until", until_plus_ms=HOUR))
    line.send("c", "convoy", "ALPHA", T, start=(T + DAY, HOUR), until=(T + 2 * DAY, HOUR))
    begin, end = T + DAY - HOUR, T + 2 * DAY + 2 * HOUR
    for now, state in (
        (begin - 1, Holds.PENDING), (begin, Holds.VALID), (end, Holds.VALID),
        (end + 1, Holds.EXPIRED),
    ):  # fmt: skip
        (found,) = line.ledger.validity(digest("c"), now)
        assert found.state is state
    (found,) = line.ledger.validity(digest("c"), T)
    told = [(one.name, one.kind, one.value, one.origin, one.path) for one in found.inputs]
    assert told == [
        ("issue", InputKind.TIME, T, Origin.CLAIM, ""),
        ("from", InputKind.TIME, begin, Origin.FIELD, "start"),
        ("until", InputKind.TIME, end, Origin.FIELD, "until"),
        ("plus", InputKind.DURATION, HOUR, Origin.PACK, ""),
    ]
    assert (found.since_ms, found.until_ms, found.stale_ms) == (begin, end, None)
    assert (found.sender, found.message, found.by) == ("ALPHA", digest("c"), b"")


@pytest.mark.parametrize(
    ("more", "fields", "since", "until"),
    [
        ({"until_plus_ms": HOUR}, {}, T, T + HOUR),
        ({}, {}, T, None),
        ({"from_path": "start", "until_plus_ms": HOUR}, {"start": T + DAY}, T + DAY,
         T + DAY + HOUR),
        ({"from_path": "start", "until_plus_ms": HOUR}, {}, None, None),
        ({"from_path": "start"}, {"start": T + DAY}, T + DAY, None),
        ({"until_path": "until"}, {}, T, None),
        ({"until_path": "until"}, {"until": T + HOUR}, T, T + HOUR),
        ({"until_path": "until"}, {"until": Special.NOT_KNOWN}, T, None),
    ],
)  # fmt: skip
def test_where_a_window_begins_and_ends(
    more: dict[str, Any], fields: dict[str, Any], since: int | None, until: int | None
) -> None:
    line = line_of(validity(**more))
    line.send("c", "convoy", "ALPHA", T, **fields)
    (found,) = line.ledger.validity(digest("c"), T)
    assert (found.since_ms, found.until_ms) == (since, until)


def test_a_window_of_dates_holds_whole_days() -> None:
    line = Line()
    day = at(2028, 4, 1)
    line.send("n", "notify", "ALPHA", T, date=day + 5 * HOUR)
    (found,) = line.ledger.validity(digest("n"), T)
    assert (found.since_ms, found.until_ms) == (day, day + 5 * DAY - 1)


def test_what_must_be_said_anew_is_stale_after_its_time() -> None:
    line = Line()
    line.send("u", "units", "ALPHA", T)
    for now, state in ((T + 30 * DAY, Holds.VALID), (T + 30 * DAY + 1, Holds.STALE)):
        (found,) = line.ledger.validity(digest("u"), now)
        assert (found.state, found.stale_ms) == (state, T + 30 * DAY)
        assert (found.inputs[-1].name, found.inputs[-1].value) == ("affirmed", None)
    line.send("again", "units", "ALPHA", T + 20 * DAY, (RefRole.CONCERNS, "u"))
    (again,) = line.ledger.validity(digest("u"), T + 50 * DAY)
    assert (again.state, again.stale_ms) == (Holds.VALID, T + 50 * DAY)
    assert again.inputs[-1].value == T + 20 * DAY


def test_a_list_ends_when_each_of_its_objects_was_taken_out() -> None:
    rule = validity(on="visit", ended_by=("list", "verdict"), objects="object")
    line = line_of(rule)
    line.send("v", "visit", "ALPHA", T, object="1st")
    line.send("other", "list", "ALPHA", T + 1, (RefRole.CONCERNS, "v"), object="2nd")
    line.send("theirs", "list", "BRAVO", T + 2, (RefRole.CONCERNS, "v"), object="1st")
    (found,) = line.ledger.validity(digest("v"), T + DAY)
    assert (found.state, [one.value for one in found.inputs[-2:]]) == (Holds.VALID, [1, 0])
    assert [one.name for one in found.inputs[-2:]] == ["objects", "taken-out"]
    line.send("mine", "verdict", "ALPHA", T + 3, (RefRole.CONCERNS, "v"), object=" 1ST ")
    (ended,) = line.ledger.validity(digest("v"), T + DAY)
    assert (ended.state, ended.by) == (Holds.ENDED, digest("mine"))
    assert [one.value for one in ended.inputs[-2:]] == [1, 1]
    line.send("back", "verdict", "ALPHA", T + 4, (RefRole.CANCELS, "mine"))
    (again,) = line.ledger.validity(digest("v"), T + DAY)
    assert again.state is Holds.VALID


def test_of_several_times_the_earliest_is_taken_or_the_latest() -> None:
    first, second, day = Instant(90_000, 100), Instant(90_050), Day(2)
    for some in ((first, second, day), (day, second, first), (second, day, first)):
        values: Values = {1: tuple({2: one} for one in (Special.NIL, *some, Number(1)))}
        assert stated_at(values, (1, 2)) == Stated(89_900_000, 90_100_000, date=False)
        latest = Stated(2 * DAY, 3 * DAY - 1, date=True)
        assert stated_at(values, (1, 2), last=True) == latest
    assert stated_at({1: Special.NIL}, (1,)) is None
    assert stated_at({}, (1,)) is None


# ------------------------------------------------------------------------------------- exchanges


def test_what_each_party_gave_for_a_date() -> None:
    rule = Exchange(id="yearly", cite=CITE, forms=("list",), nil=("nothing",), month=12, day=15,
                    opens_ms=60 * DAY, valid_month=1, valid_day=1)  # fmt: skip
    line = line_of(rule)
    line.ledger.since(at(2028, 1, 1), "test")
    due, opens = at(2028, 12, 16) - 1, at(2028, 10, 16)
    line.send("one", "list", "ALPHA", opens)
    line.send("nil", "nothing", "BRAVO", due + 1)
    for name in ("one", "nil"):
        line.got(name, due + 2)
    base: dict[str, Any] = {
        "rule": "yearly", "pack": "test", "year": 2028, "opens_ms": opens, "due_ms": due,
        "valid_ms": at(2029, 1, 1), "cite": CITE,
    }  # fmt: skip
    assert line.ledger.exchanges(due + DAY) == [
        ExchangeState(**base, party="ALPHA", state=State.MET, strict=State.LATE, nil=False,
                      message=digest("one")),
        ExchangeState(**base, party="BRAVO", state=State.LATE, strict=State.LATE, nil=True,
                      message=digest("nil")),
        ExchangeState(**base, party="CHARLIE", state=State.OVERDUE, strict=State.OVERDUE,
                      nil=False, message=b""),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------ thresholds


def margin(value: int | None, spread: int = 0, at_least: int = 10) -> Margin:
    return Margin(path="troops", take=Take.MAX, at_least=at_least, value=value, spread=spread,
                  crossing=Crossing.NO, special=None)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "spread", "sure"),
    [
        (10, 0, True), (10, 1, False), (12, 2, True), (12, 3, False), (9, 0, True), (9, 1, False),
        (8, 1, True), (8, 2, False), (None, 0, False),
    ],
)  # fmt: skip
def test_whether_a_spread_leaves_the_answer(value: int | None, spread: int, sure: bool) -> None:
    assert margin(value, spread).sure is sure
    assert margin(value).margin == (None if value is None else value - 10)


YES, NO, OPEN = Crossing.YES, Crossing.NO, Crossing.OPEN
UNKNOWN, WITHHELD = Special.NOT_KNOWN, Special.WITHHELD


@pytest.mark.parametrize(
    ("fields", "crossing", "value", "special"),
    [
        ({"troops": 10}, YES, 10, None),
        ({"troops": 9}, NO, 9, None),
        ({"troops": UNKNOWN}, OPEN, None, UNKNOWN),
        ({"troops": WITHHELD}, OPEN, None, WITHHELD),
        ({"troops": Special.NIL}, NO, 0, None),
        ({}, NO, None, None),
        ({"troops": Number(10, 5)}, YES, 10, None),
    ],
)
def test_a_message_against_one_number(
    fields: dict[str, Any], crossing: Crossing, value: int | None, special: Special | None
) -> None:
    line = line_of(Threshold(id="t", cite=CITE, on="ask", label="l", any_of=(over("troops", 10),)))
    line.send("q", "ask", "ALPHA", T, **fields)
    (found,) = line.ledger.thresholds(digest("q"))
    (one,) = found.any_of
    assert (found.crossing, one.crossing, one.value, one.special) == (
        crossing, crossing, value, special
    )  # fmt: skip
    assert (found.rule, found.label, found.message) == ("t", "l", digest("q"))


@pytest.mark.parametrize(
    ("any_of", "all_of", "crossing"),
    [
        ((YES, NO), (), YES), ((NO, OPEN), (), OPEN), ((NO, NO), (), NO), ((YES,), (YES,), YES),
        ((YES,), (NO,), NO), ((YES,), (OPEN,), OPEN), ((NO,), (YES,), NO), ((OPEN,), (NO,), NO),
        ((OPEN,), (YES,), OPEN), ((), (YES,), YES), ((), (NO,), NO),
    ],
)  # fmt: skip
def test_one_of_some_and_each_of_others(
    any_of: tuple[Crossing, ...], all_of: tuple[Crossing, ...], crossing: Crossing
) -> None:
    said: dict[Crossing, tuple[str, Any]] = {
        YES: ("troops", 10), NO: ("tanks", 1), OPEN: ("guns", UNKNOWN)
    }  # fmt: skip
    rule = Threshold(
        id="t", cite=CITE, on="ask", label="l", any_of=tuple(over(said[c][0], 10) for c in any_of),
        all_of=tuple(over(said[c][0], 10) for c in all_of),
    )  # fmt: skip
    line = line_of(rule)
    line.send("q", "ask", "ALPHA", T, **dict(said.values()))
    (found,) = line.ledger.thresholds(digest("q"))
    assert found.crossing is crossing


def shapes(*places: tuple[str, Place, Place, bool]) -> list[Any]:
    return [pytest.param(one, other, meet, id=name) for name, one, other, meet in places]


E7 = 10_000_000


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    shapes(
        ("circles", Circle(0, 0, 1000), Circle(0, E7 // 100, 200), True),
        ("circles apart", Circle(0, 0, 1000), Circle(0, E7 // 100, 100), False),
        ("a position in a circle", Circle(0, 0, 1000), Position(0, E7 // 200), True),
        ("a position with its error", Position(0, 0, 600), Position(0, E7 // 100, 600), True),
        ("positions apart", Position(0, 0, 500), Position(0, E7 // 100, 500), False),
        (
            "over the antimeridian",
            Circle(0, 1799 * E7 // 10, 20_000),
            Circle(0, -1799 * E7 // 10, 20_000),
            True,
        ),
        (
            "a shape over the antimeridian",
            Polygon(((0, 179 * E7), (0, -179 * E7), (E7, 180 * E7))),
            Position(E7 // 2, 180 * E7),
            True,
        ),
        (
            "a shape and its antipode",
            Polygon(((0, 179 * E7), (0, -179 * E7), (E7, 180 * E7))),
            Position(E7 // 2, 0),
            False,
        ),
        ("a route", Route((Waypoint(-E7, 0), Waypoint(E7, 0))), Position(0, 0, 5), True),
        ("a route apart", Route((Waypoint(-E7, 0), Waypoint(E7, 0))), Position(0, E7), False),
        ("north of each other", Position(2 * E7, 0), Polygon(((0, 0), (E7, 0), (0, E7))), False),
    ),
)
def test_activities_whose_areas_meet_look_like_parts(one: Place, other: Place, meet: bool) -> None:
    rule = Threshold(id="t", cite=CITE, on="notify", label="l", any_of=(over("troops", 9000),),
                     split_area="area")  # fmt: skip
    for first, second in ((one, other), (other, one)):
        line = line_of(rule)
        line.send("a", "notify", "ALPHA", T, troops=4500, area=first)
        line.send("b", "notify", "ALPHA", T + 1, troops=Number(4500, 7), area=second)
        found = line.ledger.questions()
        assert [each.shared for each in found] == ([("area",)] if meet else [])
        if meet:
            (asked,) = found
            assert asked.messages == (digest("a"), digest("b"))
            assert (asked.sums[0].value, asked.sums[0].spread) == (9000, 7)
            assert (asked.rule, asked.label, asked.sender) == ("t", "l", "ALPHA")


@pytest.mark.parametrize(("gap", "asked"), [(0, True), (1, False)])
def test_after_so_many_points_areas_meet_where_the_boxes_around_them_do(
    gap: int, asked: bool
) -> None:
    """No hair too wide: two routes that lie one unit apart meet in no box."""
    rule = Threshold(id="t", cite=CITE, on="notify", label="l", any_of=(over("troops", 9000),),
                     split_area="area")  # fmt: skip
    line = line_of(rule)
    wide = Polygon(tuple((E7 // 64 * n, (n % 2) * E7) for n in range(64)))
    for number in range(6):  # 15 pairs of 128 points: more than is compared exactly
        line.send(f"wide {number}", "notify", "ALPHA", T + number, troops=1, area=wide)
    south = Route((Waypoint(0, 0), Waypoint(E7, E7)))
    north = Route((Waypoint(E7 + gap, 0), Waypoint(2 * E7, E7)))
    for name, area in (("south", south), ("north", north)):
        line.send(name, "notify", "BRAVO", T, troops=4500, area=area)
    assert [each.sender for each in line.ledger.questions()] == (["BRAVO"] if asked else [])


@pytest.mark.parametrize(
    ("gap", "asked"), [(2 * DAY, True), (3 * DAY, True), (3 * DAY + 1, False), (9 * DAY, False)]
)
def test_activities_too_far_apart_in_time_are_no_parts(gap: int, asked: bool) -> None:
    rule = Threshold(id="t", cite=CITE, on="notify", label="l", any_of=(over("troops", 9000),),
                     split_from="start", split_until="until", split_gap_ms=3 * DAY)  # fmt: skip
    line = line_of(rule)
    end = T + DAY
    line.send("a", "notify", "ALPHA", T, troops=4500, start=T, until=end)
    line.send("b", "notify", "ALPHA", T, troops=4500, start=(end + gap + 999) // 1000 * 1000)
    found = line.ledger.questions()
    assert [each.shared for each in found] == ([("time",)] if asked else [])


def test_three_parts_make_a_whole_and_what_was_taken_back_makes_none() -> None:
    rule = Threshold(id="t", cite=CITE, on="notify", label="l", any_of=(over("troops", 9000),),
                     split_command="command")  # fmt: skip
    line = line_of(rule)
    for number, name in enumerate("abc"):
        line.send(name, "notify", "ALPHA", T + number, troops=3000, command="1st")
    line.send("d", "notify", "ALPHA", T + 9, troops=9000, command="1st")  # crosses by itself
    (found,) = line.ledger.questions()
    assert found.messages == tuple(map(digest, "abc"))
    assert found.shared == ("command",)
    line.send("x", "notify", "ALPHA", T + 10, (RefRole.CANCELS, "b"))
    assert line.ledger.questions() == []


# ---------------------------------------------------------------------------------------- quotas


def test_an_acceptance_that_is_corrected_counts_as_it_is_now() -> None:
    """Also where the correction does not cite again what was accepted."""
    line = Line()
    line.send("v", "visit", "ALPHA", T, to=("BRAVO",), asked="BRAVO", start=T + DAY)
    line.send("yes", "verdict", "BRAVO", T + 1, (RefRole.ANSWERS, "v"), kind="plain")

    def counted() -> tuple[int, int]:
        (one,) = [one for one in line.ledger.quotas(T + 9)
                  if (one.rule, one.party) == ("visits", "BRAVO")]  # fmt: skip
        return one.used, one.pending

    assert counted() == (1, 0)
    line.send("no", "verdict", "BRAVO", T + 2, (RefRole.CORRECTS, "yes"), kind="urgent")
    assert counted() == (0, 0)


def test_a_quota_with_all_that_it_follows_from() -> None:
    line = Line()
    visit: dict[str, Any] = {"asked": "BRAVO", "start": T + DAY, "object": "1st"}
    line.send("u", "units", "BRAVO", T, troops=121)
    for number, sender in enumerate(("ALPHA", "ALPHA", "CHARLIE")):
        line.send(f"v{number}", "visit", sender, T + number, to=("BRAVO",), **visit)
    found = {(one.rule, one.party): one for one in line.ledger.quotas(T + 9)}
    one = found["evaluations", "BRAVO"]
    assert isinstance(one, QuotaState)
    assert (one.used, one.pending, one.limit, one.left) == (3, 0, 3, 0)
    assert one.parties == (Share(party="ALPHA", used=2, limit=1),
                           Share(party="CHARLIE", used=1, limit=1))  # fmt: skip
    assert one.objects == (("1st", 3),)
    assert one.over == ("party", "object")
    assert one.messages == tuple(digest(f"v{n}") for n in range(3))
    assert [(each.name, each.value, each.path, each.party) for each in one.inputs] == [
        ("units", 121, "troops", "BRAVO"), ("per", 60, "", ""), ("cap", 15, "", ""),
        ("at-least", 1, "", ""),
    ]  # fmt: skip
    assert (one.first_year, one.last_year) == (2028, 2028)
    none = found["evaluations", "ALPHA"]
    assert (none.used, none.limit, none.left, none.over) == (0, None, None, ())
    sent = found["sent", "ALPHA"]
    assert (sent.used, sent.limit, sent.left, sent.over) == (2, 2, 0, ())
    waits = found["visits", "BRAVO"]
    assert (waits.used, waits.pending, waits.left) == (0, 3, 3)
    line.send("yes", "verdict", "BRAVO", T + 5, (RefRole.ANSWERS, "v0"), kind="plain")
    line.send("no", "verdict", "BRAVO", T + 6, (RefRole.ANSWERS, "v1"), kind="urgent")
    (waits,) = [each for each in line.ledger.quotas(T + 9, "BRAVO") if each.rule == "visits"]
    assert (waits.used, waits.pending, waits.messages) == (1, 1, (digest("v0"),))


def test_the_last_answer_by_claimed_time_says_whether_a_visit_was_accepted() -> None:
    visit: dict[str, Any] = {"asked": "BRAVO", "start": T + DAY, "to": ("BRAVO",)}
    yes, no = (("yes", 5, "plain"), ("no", 7, "urgent"))
    for answers in ((yes, no), (no, yes)):
        line = Line()
        line.send("v", "visit", "ALPHA", T, **visit)
        for name, after, kind in answers:
            line.send(name, "verdict", "BRAVO", T + after, (RefRole.ANSWERS, "v"), kind=kind)
        (found,) = [each for each in line.ledger.quotas(T + 9, "BRAVO") if each.rule == "visits"]
        assert (found.used, found.pending) == (0, 0)
        line.send("back", "verdict", "BRAVO", T + 8, (RefRole.CANCELS, "no"))
        (found,) = [each for each in line.ledger.quotas(T + 9, "BRAVO") if each.rule == "visits"]
        assert (found.used, found.pending) == (0, 1)


@pytest.mark.parametrize(
    ("windows", "peak", "peak_day", "over_"),
    [
        ([(0, 1), (2, 3)], 1, 0, False),
        ([(0, 1), (1, 3)], 2, 1, False),
        ([(0, 5), (1, 2), (2, 3)], 3, 2, True),
        ([(0, 5), (1, 2), (3, 4)], 2, 1, False),
    ],
)
def test_windows_that_share_a_day_are_open_at_once(
    windows: list[tuple[int, int]], peak: int, peak_day: int, over_: bool
) -> None:
    line = Line()
    start = at(2028, 6, 1)
    for number, (first, last) in enumerate(windows):
        line.send(f"n{number}", "notify", "ALPHA", T + number, troops=9000,
                  date=start + first * DAY, last=start + last * DAY)  # fmt: skip
    (found,) = [each for each in line.ledger.quotas(T + 99, "ALPHA") if each.rule == "large"]
    assert (found.peak, found.peak_ms) == (peak, start + peak_day * DAY)
    assert ("simultaneous" in found.over) is over_


def test_a_quota_of_three_years_looks_back_two() -> None:
    line = Line()
    for number, year in enumerate((2026, 2028, 2029)):
        line.send(f"n{number}", "notify", "ALPHA", T + number, troops=40_001,
                  date=at(year, 6, 1))  # fmt: skip
    found = [each for each in line.ledger.quotas(T + 99, "ALPHA") if each.rule == "one-in-three"]
    assert [(each.first_year, each.last_year, each.used, each.over) for each in found] == [
        (2026, 2028, 2, ("limit",)), (2027, 2029, 2, ("limit",)),
    ]  # fmt: skip
