"""Every figure of the field that a shipped pack holds: the rule, its number, and how sure we are.

The table is written from the field's own figures and not from the packs, so that neither a slip of
the pen in a pack nor a doubt that got lost on the way goes unseen. Rows marked unverified are
figures that nobody here has read.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tieline.core.agreement.model import (
    Base,
    Count,
    Pack,
    Provenance,
    Quota,
    Rule,
    Side,
    Take,
    Threshold,
    Who,
)
from tieline.node.packs import read_folder

PACKS = Path(__file__).parents[2] / "packs"
HOUR = 3_600_000
DAY = 24 * HOUR
READ, MEMORY, UNVERIFIED = Provenance.READ, Provenance.MEMORY, Provenance.UNVERIFIED

VD, LN, SE = "vienna-document-2011", "launch-notification", "strategic-exercise"
DX, IN, IS = "data-exchange", "installations", "incsea"
DM = "dangerous-military-activities"


@cache
def pack(name: str) -> Pack:
    return read_folder(PACKS / name)


@dataclass(frozen=True)
class Row:
    """What the rule must say. ``holds``: attributes and their values."""

    pack: str
    rule: str
    provenance: Provenance
    holds: dict[str, object] = field(default_factory=dict)
    paragraph: str = ""


def row(name: str, rule: str, sure: Provenance, paragraph: str = "", /, **holds: object) -> Row:
    return Row(name, rule, sure, holds, paragraph)


ROWS = (
    # Vienna Document: unusual activities
    row(VD, "ua-reply", READ, "16.1.2", not_after_ms=48 * HOUR, base=Base.RECEIPT, to_all=True,
        who=Who.FIELD, by=("ua-reply",)),
    row(VD, "ua-meeting", READ, "16.2", not_after_ms=48 * HOUR, who=Who.FIELD, to_all=True),
    row(VD, "ua-meeting-asking", READ, "16.2", not_after_ms=48 * HOUR, who=Who.SENDER),
    row(VD, "hi-clarify", MEMORY, "17.2", not_after_ms=None, not_before_ms=None),
    # prior notification
    row(VD, "notice-land", MEMORY, "38", not_after_ms=-42 * DAY, base=Base.START, path="start",
        count=Count.UTC_DATE, threshold="notifiable-land", to_all=True),
    row(VD, "notice-landing", MEMORY, "38", not_after_ms=-42 * DAY, count=Count.UTC_DATE,
        threshold="notifiable-landing"),
    row(VD, "alert-land", MEMORY, "41", not_after_ms=0, path="commenced",
        threshold="notifiable-land"),
    row(VD, "alert-landing", MEMORY, "41", not_after_ms=0, threshold="notifiable-landing"),
    # observation
    row(VD, "invite-land", MEMORY, "VI", not_after_ms=0, threshold="observable-land"),
    row(VD, "invite-landing", MEMORY, "VI", not_after_ms=0, threshold="observable-landing"),
    row(VD, "observe-reply", MEMORY, "VI", not_after_ms=21 * DAY, base=Base.ISSUE, lapses=True,
        who=Who.RECEIVERS),
    # exchanges
    row(VD, "annual-exchange", READ, "10", month=12, day=15, valid_month=1, valid_day=1,
        nil=("aemi-nil",)),
    row(VD, "deployment-plans", MEMORY, "12", month=12, day=15),
    row(VD, "calendar", MEMORY, "VII", month=11, day=15, nil=("calendar-nil",)),
    row(VD, "activation-notice", UNVERIFIED, "10.3", not_after_ms=-42 * DAY,
        threshold="activation"),
    # constraining provisions
    row(VD, "one-very-large", UNVERIFIED, "VIII", limit=1, years=3, threshold="very-large"),
    row(VD, "three-large", UNVERIFIED, "VIII", limit=3, years=1, threshold="large",
        below="very-large"),
    row(VD, "one-larger", UNVERIFIED, "VIII", limit=1, years=1, threshold="larger",
        below="very-large"),
    row(VD, "large-at-once", UNVERIFIED, "VIII", simultaneous=3, threshold="large"),
    row(VD, "announce", UNVERIFIED, "VIII", base=Base.CALENDAR, years=-2, month=11, day=15),
    # inspection
    row(VD, "insp-lead", UNVERIFIED, "IX", not_before_ms=-5 * DAY, not_after_ms=-36 * HOUR,
        base=Base.START, path="entry"),
    row(VD, "insp-answer", MEMORY, "IX", not_after_ms=24 * HOUR, base=Base.RECEIPT),
    row(VD, "insp-length", READ, "IX", not_after_ms=48 * HOUR, base=Base.ARRIVAL),
    row(VD, "insp-report", MEMORY, "IX", not_after_ms=14 * DAY, to_all=True),
    row(VD, "insp-passive", READ, "IX", limit=3, years=1, side=Side.PASSIVE),
    row(VD, "insp-same", MEMORY, "IX", same_party=1, side=Side.PASSIVE),
    # evaluation
    row(VD, "eval-lead", UNVERIFIED, "IX", not_before_ms=-7 * DAY, not_after_ms=-5 * DAY),
    row(VD, "eval-answer", UNVERIFIED, "IX", not_after_ms=48 * HOUR),
    row(VD, "eval-length", MEMORY, "IX", not_after_ms=12 * HOUR, base=Base.ARRIVAL),
    row(VD, "eval-report", MEMORY, "IX", not_after_ms=14 * DAY, to_all=True),
    row(VD, "eval-passive", READ, "IX", share=5, side=Side.PASSIVE),
    row(VD, "eval-unit", READ, "IX", per_object=2, side=Side.PASSIVE),
    row(VD, "eval-unit-same", READ, "IX", per_object=1, side=Side.ACTIVE),
    row(VD, "eval-at-once", READ, "IX", simultaneous=1),
    # launches
    row(LN, "launch-24h", READ, not_after_ms=-24 * HOUR, base=Base.START, path="date"),
    row(LN, "launch-4d", MEMORY, until_plus_ms=4 * DAY, from_path="date", until_path="date"),
    row(LN, "declaration", UNVERIFIED, month=3, day=31),
    row(LN, "flight-test-3d", MEMORY, not_after_ms=-3 * DAY, path="from"),
    # strategic exercises
    row(SE, "exercise-14d", READ, not_after_ms=-14 * DAY, count=Count.UTC_DATE, base=Base.START),
    row(SE, "one-a-year", READ, limit=1, years=1),
    # data exchange: provision is receipt
    row(DX, "change-5d", READ, not_after_ms=5 * DAY, base=Base.OCCURRENCE, judged=Base.RECEIPT),
    row(DX, "data-30d", READ, not_after_ms=30 * DAY, base=Base.OCCURRENCE, judged=Base.RECEIPT),
    row(DX, "complaint-180d", READ, not_after_ms=180 * DAY, base=Base.RECEIPT, lapses=True),
    row(DX, "complaint-60d", READ, not_after_ms=60 * DAY, base=Base.RECEIPT),
    row(DX, "inspection-32h", UNVERIFIED, not_after_ms=-32 * HOUR),
    row(DX, "one-at-a-time", READ, simultaneous=1),
    row(DX, "type-one", UNVERIFIED, limit=10),
    row(DX, "type-two", UNVERIFIED, limit=8),
    # the rest
    row(IN, "first-january", READ, month=1, day=1),
    row(IS, "danger-3d", READ, "VI", not_after_ms=-3 * DAY, path="from"),
    row(DM, "query-7d", READ, "9", not_after_ms=7 * DAY),
    row(DM, "query-2d", READ, "9", not_after_ms=2 * DAY),
)  # fmt: skip


@pytest.mark.parametrize("want", ROWS, ids=lambda want: f"{want.pack}:{want.rule}")
def test_a_figure_of_the_field_is_in_its_pack(want: Row) -> None:
    rule: Rule = pack(want.pack).rules[want.rule]
    assert {key: getattr(rule, key) for key in want.holds} == want.holds
    assert (rule.cite.provenance, rule.cite.paragraph) == (want.provenance, want.paragraph)


FOUR = ("troops", "tanks", "acvs", "artillery")
# Rule: at least so many of each, and how sure we are. "More than 40,000" is at least 40,001.
THRESHOLDS: dict[tuple[str, str], tuple[dict[str, int], Provenance]] = {
    (VD, "notifiable-land"): (dict(zip(FOUR, (9000, 250, 500, 250), strict=True)), MEMORY),
    (VD, "observable-land"): (dict(zip(FOUR, (13000, 300, 500, 250), strict=True)), MEMORY),
    (VD, "observable-alert"): (dict(zip(FOUR, (13000, 300, 500, 250), strict=True)), MEMORY),
    (VD, "notifiable-landing"): ({"troops": 3000}, MEMORY),
    (VD, "observable-landing"): ({"troops": 3500}, MEMORY),
    (VD, "observable-alert-landing"): ({"troops": 3500}, MEMORY),
    (VD, "air-component"): ({"sorties": 200}, MEMORY),
    (VD, "very-large"): (dict(zip(FOUR, (40001, 901, 2001, 901), strict=True)), UNVERIFIED),
    (VD, "larger"): (dict(zip(FOUR, (25001, 401, 801, 401), strict=True)), UNVERIFIED),
    (VD, "large"): (dict(zip(FOUR, (13001, 301, 501, 301), strict=True)), UNVERIFIED),
    (VD, "increase-unit"): ({"personnel": 1501}, UNVERIFIED),
    (VD, "increase-formation"): ({"personnel": 5001}, UNVERIFIED),
    (VD, "activation"): ({"personnel": 2001}, UNVERIFIED),
    (DX, "bomber-24h"): ({"hours": 25}, READ),
}
ALSO = {
    "observable-alert": {"hours-above": 73},  # more than 72 hours
    "observable-alert-landing": {"hours-above": 73},
    "increase-unit": {"days": 22},  # more than 21 days
    "increase-formation": {"days": 22},
    "activation": {"days": 22},
}


@pytest.mark.parametrize("key", THRESHOLDS, ids=":".join)
def test_a_threshold_has_its_numbers_in_total_by_state_and_by_phase(key: tuple[str, str]) -> None:
    numbers, sure = THRESHOLDS[key]
    rule = pack(key[0]).rules[key[1]]
    assert isinstance(rule, Threshold)
    assert rule.cite.provenance is sure
    for each in rule.any_of:
        group, _, path = each.path.rpartition(".")
        assert each.at_least == numbers[path], each
        assert each.take is (Take.SUM if group == "forces" else Take.MAX)
    assert {each.path for each in rule.any_of} >= set(numbers)
    assert {each.path: each.at_least for each in rule.all_of} == ALSO.get(key[1], {})


# Rules that say nothing new in figures: they repeat another one, or have no clock at all.
WITHOUT_A_FIGURE = {(VD, "invite-alert"), (VD, "invite-alert-landing"), (DX, "data-next")}


def test_every_rule_that_claims_a_source_is_in_a_table() -> None:
    """So that a rule that is added later is held against the field as well."""
    known = {(each.pack, each.rule) for each in ROWS} | set(THRESHOLDS) | WITHOUT_A_FIGURE
    claimed = {
        (name, rule.id)
        for name in (VD, LN, SE, DX, IN, IS, DM)
        for rule in pack(name).rules.values()
        if rule.cite.provenance is not Provenance.DESIGN
    }
    assert claimed == known


@cache
def states(name: str) -> dict[str, set[str]]:
    """The states that the cases of a pack expect, by rule."""
    out: dict[str, set[str]] = {}
    for case in tomllib.loads((PACKS / name / "cases.toml").read_text("utf-8"))["case"]:
        for each in case["expect"]:
            out.setdefault(each["rule"], set()).add(each["state"])
    return out


def test_every_rule_that_claims_a_source_is_tried_on_both_sides_of_its_bound() -> None:
    one_sided = {
        (name, rule)
        for name, rule in {(each.pack, each.rule) for each in ROWS} | set(THRESHOLDS)
        if len(states(name).get(rule, ())) < 2
    }
    assert one_sided == {(VD, "hi-clarify")}  # it has no bound


def test_observation_is_not_always_above_notification() -> None:
    """500 armoured vehicles and 250 guns are notifiable and observable at once."""
    lower, _ = THRESHOLDS[VD, "notifiable-land"]
    upper, _ = THRESHOLDS[VD, "observable-land"]
    assert [each for each in FOUR if lower[each] == upper[each]] == ["acvs", "artillery"]


def test_the_evaluation_quota_follows_from_what_was_reported() -> None:
    rule = pack(VD).rules["eval-passive"]
    assert isinstance(rule, Quota)
    assert rule.units is not None
    assert (rule.units.on, rule.units.path) == ("aemi", "units")
    assert (rule.units.per, rule.units.cap, rule.units.at_least) == (60, 15, 1)
