"""A pack made ready for its rules: ways, thresholds that are crossed, names that are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.agreement import rulepack
from tests.core.agreement.made import CITE
from tests.core.agreement.rulepack import NOTICE, deadline, form, over, pack

from tieline.core.agreement.meaning import Act, Means
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import (
    Base,
    Condition,
    Effect,
    Form,
    Link,
    Rule,
    Special,
    Take,
    Threshold,
    Who,
)
from tieline.core.agreement.places import Circle
from tieline.core.agreement.plan import (
    NOWHERE,
    all_hold,
    compile_pack,
    crosses,
    named,
    promises,
    way_of,
)
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Serial,
    Text,
    Unit,
)

ASK = form("ask", 1)
TROOPS, TANKS, PHASES, KIND = (NOTICE[name][0] for name in ("troops", "tanks", "phases", "kind"))


def test_a_way_is_the_numbers_of_the_fields_on_it() -> None:
    assert way_of(ASK, "troops") == (7,)
    assert way_of(ASK, "phases.troops") == (20, 1)
    assert way_of(ASK, "") == NOWHERE == ()
    for path in ("troop", "phases.tanks", "troops.more"):
        with pytest.raises(KeyError):
            way_of(ASK, path)


def planned(rule: Rule) -> Any:
    return compile_pack(pack(rules=(rule,)))


def threshold(**more: object) -> Any:
    rule = Threshold(
        **{"id": "t", "cite": CITE, "on": "ask", "label": "l", "any_of": (), **more},  # type: ignore[arg-type]
    )
    return planned(rule).thresholds["t"]


@pytest.mark.parametrize(
    ("values", "yes"),
    [
        ({TROOPS: Number(9)}, False),
        ({TROOPS: Number(10)}, True),
        ({TROOPS: Number(11)}, True),
        ({TANKS: Number(5)}, True),
        ({TANKS: Number(4), TROOPS: Number(9)}, False),
        ({PHASES: ({1: Number(8)}, {1: Number(7)})}, True),
        ({PHASES: ({1: Number(8)}, {1: Number(6)})}, False),
        ({TROOPS: Special.NIL}, False),
        ({TROOPS: Special.NOT_KNOWN}, False),
        ({}, False),
    ],
)
def test_any_number_that_is_reached_crosses_a_threshold(values: Values, yes: bool) -> None:
    some = (over("troops", 10), over("tanks", 5), over("phases.troops", 15, Take.SUM))
    assert crosses(threshold(any_of=some), values) is yes
    assert crosses(threshold(all_of=(some[0],)), values) is (values.get(TROOPS) in
                                                             (Number(10), Number(11)))  # fmt: skip


def test_the_greatest_of_a_group_is_taken_unless_the_sum_is_asked_for() -> None:
    two: Values = {PHASES: ({1: Number(8)}, {1: Number(7)})}
    assert not crosses(threshold(any_of=(over("phases.troops", 9),)), two)
    assert crosses(threshold(any_of=(over("phases.troops", 8),)), two)


def test_nil_reaches_nothing_but_nought() -> None:
    nil: Values = {TROOPS: Special.NIL}
    assert crosses(threshold(any_of=(over("troops", 0),)), nil)
    assert not crosses(threshold(any_of=(over("troops", 1),)), nil)
    assert not crosses(threshold(any_of=(over("troops", 0),)), {TROOPS: Special.NOT_KNOWN})
    assert not crosses(threshold(any_of=(over("troops", 0),)), {})


def test_every_one_of_all_and_every_condition_must_hold() -> None:
    both = threshold(any_of=(over("troops", 1),), all_of=(over("tanks", 1), over("guns", 1)),
                     when=(Condition(path="kind", one_of=("urgent",)),))  # fmt: skip
    guns = NOTICE["guns"][0]
    values: Values = {
        TROOPS: Number(1), TANKS: Number(1), guns: Number(1), KIND: Code(2, "urgent")
    }  # fmt: skip
    assert crosses(both, values)
    for number in values:
        assert not crosses(both, {key: one for key, one in values.items() if key != number})
    assert not crosses(both, {**values, KIND: Code(1, "plain")})
    assert not crosses(both, {**values, KIND: Special.NIL})
    assert all_hold((), {})


def test_a_threshold_asks_for_parts_where_it_names_what_they_share() -> None:
    assert not threshold().asks
    assert not threshold(split_until="until").asks
    for name, path in (("split_area", "area"), ("split_from", "start"),
                       ("split_command", "command")):  # fmt: skip
        assert threshold(**{name: path}).asks


NEXT = replace(
    ASK,
    id="next",
    number=30,
    fields=tuple(
        replace(one, means=Means.NEXT) if one.id == "until" else one for one in ASK.fields
    ),
)


@pytest.mark.parametrize(
    ("more", "promise"),
    [
        ({}, True),
        ({"base": Base.OCCURRENCE}, False),
        ({"who": Who.RECEIVERS}, False),
        ({"path": "start"}, False),
        ({"path": ""}, False),
        ({"by": ()}, False),
        ({"path": "phases.tanks"}, False),
    ],
)
def test_the_next_word_of_a_sender_is_promised_by_its_mark(
    more: dict[str, object], promise: bool
) -> None:
    words = {"on": "next", "base": Base.START, "path": "until", "who": Who.SENDER, "by": ("reply",)}
    assert promises(NEXT, deadline("d", **{**words, **more})) is promise


def test_what_a_message_of_each_form_sets_going() -> None:
    made = compile_pack(pack()).forms
    assert made["ask"].serial == (13,)
    assert [plan.rule.id for plan in made["ask"].deadlines] == ["reply-48h", "reply-issue"]
    assert (made["ask"].uncited, made["visit"].uncited) == (False, True)  # any-word cites nothing
    streams = [name for name, plan in made.items() if plan.streams]
    assert streams == ["reply", "verdict"]
    assert [name for name, plan in made.items() if plan.states_units] == ["units"]
    assert [name for name, plan in made.items() if plan.exchanges] == ["list", "nothing"]
    assert [name for name, plan in made.items() if plan.commits] == ["seal"]
    assert [name for name, plan in made.items() if plan.wants] == ["open"]
    assert [name for name, plan in made.items() if plan.stands] == ["suspend", "resume", "contest"]
    assert [name for name, plan in made.items() if plan.does] == [
        "suspend", "resume", "contest", "waive", "hold"
    ]  # fmt: skip
    assert [name for name, plan in made.items() if plan.filed] == [
        "reply", "visit", "verdict", "notify", "units", "list", "nothing", "seal", "convoy"
    ]  # fmt: skip
    assert [name for name, plan in made.items() if plan.heard] == [
        "reply", "verdict", "list", "nothing", "suspend", "resume", "contest"
    ]  # fmt: skip
    assert made["visit"].ended_by == {"list", "verdict"}
    assert not any(plan.opens or plan.closes or plan.says for plan in made.values())


@pytest.mark.parametrize(
    ("act", "opens", "closes", "says"),
    [
        (Act.OPEN, True, False, True), (Act.CLOSE, False, True, True),
        (Act.WORD, False, False, True), (Act.ASK, False, False, False),
    ],
)  # fmt: skip
def test_what_a_form_does_in_an_incident_is_in_its_plan(
    act: Act, opens: bool, closes: bool, says: bool
) -> None:
    one: Form = form("one", 1, act=act)
    plan = compile_pack(pack(rules=(), forms=(one,))).forms["one"]
    assert (plan.opens, plan.closes, plan.says, plan.heard) == (opens, closes, says, says)


def test_what_is_looked_for_in_the_incident_need_not_cite() -> None:
    made = planned(deadline("d", by=("reply",), link=Link.INCIDENT)).forms
    assert (made["ask"].uncited, made["reply"].streams) == (True, False)
    cited = planned(deadline("d", by=("reply",))).forms
    assert (cited["ask"].uncited, cited["reply"].streams) == (False, False)


def test_no_deadline_runs_from_a_goodwill_notice() -> None:
    gift = planned(deadline("d", on="gift", by=("reply",), link=None)).forms
    assert (gift["gift"].deadlines, gift["reply"].streams) == ([], False)
    assert rulepack.FORMS[0].effect is Effect.NONE


NAMES: list[tuple[Answer, str]] = [
    (Unit(" 1st  Guards "), "1st guards"),
    (Text("1ST\tGuards"), "1st guards"),
    (PartyCode("ALPHA"), "alpha"),
    (Code(3, "Urgent"), "urgent"),
    (Number(7, 2), "7"),
    (Serial(8), "8"),
    (Day(9), "9"),
    (Instant(10, 5), "10"),
    (Hash(b"\xab" * 32), "ab" * 32),
]


@pytest.mark.parametrize(("answer", "name"), NAMES)
def test_two_ways_of_writing_one_name_are_one_name(answer: Answer, name: str) -> None:
    assert named(answer) == name


def test_places_and_special_answers_are_told_apart() -> None:
    some: list[Answer] = [Circle(1, 2, 3), Circle(1, 2, 4), Special.NIL, Special.WITHHELD]
    assert len({named(one) for one in some}) == 4
    assert named(Circle(1, 2, 3)) == named(Circle(1, 2, 3))
