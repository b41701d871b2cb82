"""Every number of every shipped rule: at the value, one below and one above, on awkward dates.

What is expected is worked out here with ``datetime`` from the rule's own figure; that the figures
are those of the field is the matter of ``test_vienna`` and its neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from _pytest.mark import ParameterSet

from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.limits import Crossing
from tieline.core.agreement.message import Message, Values, resolve
from tieline.core.agreement.model import (
    Base,
    Count,
    Criterion,
    Deadline,
    FieldType,
    Form,
    Link,
    Pack,
    Quota,
    Side,
    Threshold,
    Validity,
)
from tieline.core.agreement.quota import QuotaState
from tieline.core.agreement.reason import State
from tieline.core.agreement.value import Answer, Code, Day, Instant, Number, PartyCode
from tieline.core.terms import RefRole
from tieline.node import packs

LINE = ("ALPHA", "BRAVO", "CHARLIE")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
AWKWARD = [
    datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC),
    datetime(2027, 12, 31, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC),
    datetime(2028, 4, 30, tzinfo=UTC), datetime(2100, 3, 1, tzinfo=UTC),
]  # fmt: skip
PACKS = {name: packs.find(name) for name in packs.shipped()}


def ms(when: datetime) -> int:
    return (when - EPOCH) // MS


def rules(kind: type) -> list[ParameterSet]:
    return [
        pytest.param(pack, rule, id=f"{pack.id}/{rule.id}")
        for pack in PACKS.values()
        for rule in pack.rules.values()
        if isinstance(rule, kind)
    ]


def only(some: list[ParameterSet], fits: Callable[[Deadline], bool]) -> list[ParameterSet]:
    out = []
    for one in some:
        rule = one.values[1]
        assert isinstance(rule, Deadline)
        if fits(rule):
            out.append(one)
    return out


@dataclass
class Draft:
    """A message of a form in the making."""

    pack: Pack
    form: Form
    values: dict[int, Answer | tuple[Values, ...]] = field(default_factory=dict)

    def put(self, path: str, answer: Answer) -> None:
        way = resolve(self.form.fields, path)
        assert way is not None
        inside = self.values
        for one in way[:-1]:
            repeats = inside.setdefault(one.number, ({},))
            inside = repeats[0]  # type: ignore[index, assignment]
        inside[way[-1].number] = answer

    def put_time(self, path: str, when: datetime) -> None:
        way = resolve(self.form.fields, path)
        assert way is not None
        if way[-1].type is FieldType.DATE:
            self.put(path, Day((when - EPOCH).days))
        else:
            self.put(path, Instant((when - EPOCH) // timedelta(seconds=1)))

    def fulfil(self, rule: Deadline | Threshold | Quota) -> None:
        """Give it the codes that the rule asks for."""
        for condition in rule.when:
            way = resolve(self.form.fields, condition.path)
            assert way is not None
            items = self.pack.codes[way[-1].codes]
            one = next(item for item in items if item.id == condition.one_of[0])
            self.put(condition.path, Code(one.number, one.id))

    def cross(self, name: str) -> None:
        rule = self.pack.rules[name]
        assert isinstance(rule, Threshold)
        self.fulfil(rule)
        for one in (*rule.any_of[:1], *rule.all_of):
            self.put(one.path, Number(one.at_least))

    def sent(
        self, name: object, sender: str, when: datetime, *,
        to: tuple[str, ...] = (), refs: tuple[tuple[RefRole, bytes], ...] = (),
    ) -> Message:  # fmt: skip
        digest = hashlib.sha256(repr(name).encode()).digest()
        others = tuple(one for one in LINE if one != sender)
        return Message(
            digest=digest, sender=sender, to=to or others, time_ms=ms(when), pack=self.pack.id,
            form=self.form.id, values=self.values, refs=refs,
        )  # fmt: skip


def received(ledger: Ledger, message: Message, when: datetime) -> None:
    ledger.admit(message)
    for party in LINE:
        if party != message.sender:
            ledger.receipt(message.digest, party, ms(when))


def edge(base: datetime, by_ms: int, count: Count, *, up: bool) -> datetime:
    """The last (or first) instant that a bound allows."""
    moved = base + timedelta(milliseconds=by_ms)
    if count is Count.INSTANT:
        return moved
    midnight = moved.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1) - MS if up else midnight


# -------------------------------------------------------------------------------------- deadlines


def draft(pack: Pack, rule: Deadline, base: datetime) -> Draft:
    out = Draft(pack, pack.forms[rule.on])
    if rule.threshold:
        out.cross(rule.threshold)
    out.fulfil(rule)
    if rule.path:
        out.put_time(rule.path, base)
    if rule.who_path:
        out.put(rule.who_path, PartyCode("BRAVO"))
    return out


def state_of(ledger: Ledger, rule: Deadline, now: datetime) -> tuple[State, State]:
    found = [one for one in ledger.obligations(ms(now)) if one.rule == rule.id]
    assert found
    return found[0].state, found[0].strict


def bounds(rule: Deadline, base: datetime) -> Iterator[tuple[datetime, int, State]]:
    """An edge, one millisecond to a side of it, and the state on that side."""
    for by_ms, up, wrong in (
        (rule.not_after_ms, True, State.LATE), (rule.not_before_ms, False, State.EARLY),
    ):  # fmt: skip
        if by_ms is not None:
            for step in (-1, 0, 1):
                out = step == (1 if up else -1)
                yield edge(base, by_ms, rule.count, up=up), step, wrong if out else State.MET


DEADLINES = rules(Deadline)
DATED = only(DEADLINES, lambda rule: rule.base is Base.CALENDAR)
UNDATED = only(DEADLINES, lambda rule: rule.base is not Base.CALENDAR)
ANSWERED = only(UNDATED, lambda rule: bool(rule.by))
FROM_RECEIPT = only(
    ANSWERED, lambda rule: rule.base is Base.RECEIPT and rule.not_after_ms is not None
)


@pytest.mark.parametrize("base", AWKWARD, ids=lambda base: base.strftime("%Y-%m-%d"))
@pytest.mark.parametrize(("pack", "rule"), UNDATED)
def test_a_deadline_at_one_below_and_one_above(pack: Pack, rule: Deadline, base: datetime) -> None:
    for at, step, expected in bounds(rule, base):
        when = at + step * MS
        ledger = Ledger([pack], LINE)
        if not rule.by:
            claimed = when if rule.judged is Base.ISSUE else when - timedelta(days=3)
            received(ledger, draft(pack, rule, base).sent("on", "ALPHA", claimed), when)
            assert state_of(ledger, rule, when)[1] is expected
            if rule.judged is Base.ISSUE:
                assert state_of(ledger, rule, when)[0] is expected
            continue
        issued = base - timedelta(days=400) if rule.path else base
        trigger = draft(pack, rule, base).sent("on", "ALPHA", issued)
        received(ledger, trigger, issued)
        debtor = state_debtor(ledger, rule, base)
        # A word in the incident stands there by whatever it cites of it.
        role = RefRole.CONCERNS if isinstance(rule.link, Link) else rule.link
        refs = () if role is None else ((role, trigger.digest),)
        act = Draft(pack, pack.forms[rule.by[0]]).sent("act", debtor, when, refs=refs)
        received(ledger, act, when)
        assert state_of(ledger, rule, when) == (expected, expected)


def state_debtor(ledger: Ledger, rule: Deadline, base: datetime) -> str:
    return next(o.debtor for o in ledger.obligations(ms(base)) if o.rule == rule.id)


@pytest.mark.parametrize(("pack", "rule"), ANSWERED)
def test_nothing_done_is_open_until_the_last_instant(pack: Pack, rule: Deadline) -> None:
    base = AWKWARD[0]
    ledger = Ledger([pack], LINE)
    received(ledger, draft(pack, rule, base).sent("on", "ALPHA", base), base)
    if rule.not_after_ms is None:
        assert state_of(ledger, rule, base + timedelta(days=3650)) == (State.OPEN, State.OPEN)
        return
    last = edge(base, rule.not_after_ms, rule.count, up=True)
    after = State.LAPSED if rule.lapses else State.OVERDUE
    assert state_of(ledger, rule, last) == (State.OPEN, State.OPEN)
    assert state_of(ledger, rule, last + MS) == (after, after)


@pytest.mark.parametrize(("pack", "rule"), FROM_RECEIPT)
def test_a_partition_that_delays_receipt_parts_the_views(pack: Pack, rule: Deadline) -> None:
    """Sent at the base, received three days later: each end of the bracket is one side's view."""
    base, delay = AWKWARD[3], timedelta(days=3)
    assert rule.not_after_ms is not None
    ledger = Ledger([pack], LINE)
    trigger = draft(pack, rule, base).sent("on", "ALPHA", base)
    ledger.admit(trigger)
    early = edge(base, rule.not_after_ms, rule.count, up=True)
    assert state_of(ledger, rule, early + timedelta(days=900))[0] is State.OPEN
    received(ledger, trigger, base + delay)
    late = edge(base + delay, rule.not_after_ms, rule.count, up=True)
    after = State.LAPSED if rule.lapses else State.OVERDUE
    for when, favour, strict in (
        (early, State.OPEN, State.OPEN), (early + MS, State.OPEN, after),
        (late, State.OPEN, after), (late + MS, after, after),
    ):  # fmt: skip
        assert state_of(ledger, rule, when) == (favour, strict)


@pytest.mark.parametrize(("pack", "rule"), DATED)
def test_a_date_of_the_calendar(pack: Pack, rule: Deadline) -> None:
    for base in AWKWARD:
        last = datetime(base.year + rule.years, rule.month, rule.day, tzinfo=UTC)
        last += timedelta(milliseconds=rule.not_after_ms or 0, days=1) - MS
        for step, expected in ((-1, State.MET), (0, State.MET), (1, State.LATE)):
            when = last + step * MS
            ledger = Ledger([pack], LINE)
            received(ledger, draft(pack, rule, base).sent("on", "ALPHA", when), when)
            assert state_of(ledger, rule, when) == (expected, expected)


# ------------------------------------------------------------------------------------- thresholds


@pytest.mark.parametrize(("pack", "rule"), rules(Threshold))
def test_a_threshold_at_one_below_and_one_above(pack: Pack, rule: Threshold) -> None:
    for criterion in rule.any_of:
        for step in (-1, 0, 1):
            assert crossing(pack, rule, criterion, step) is (
                Crossing.NO if step < 0 else Crossing.YES
            )


def crossing(pack: Pack, rule: Threshold, criterion: Criterion, step: int) -> Crossing:
    """One criterion alone, the others left empty."""
    made = Draft(pack, pack.forms[rule.on])
    made.fulfil(rule)
    for one in rule.all_of:
        made.put(one.path, Number(one.at_least))
    made.put(criterion.path, Number(criterion.at_least + step))
    ledger = Ledger([pack], LINE)
    message = made.sent("on", "ALPHA", AWKWARD[0])
    ledger.admit(message)
    found = next(one for one in ledger.thresholds(message.digest) if one.rule == rule.id)
    margin = next(one for one in found.any_of if one.path == criterion.path)
    assert margin.margin == step
    return found.crossing


@pytest.mark.parametrize(("pack", "rule"), rules(Threshold))
def test_what_must_hold_besides_at_one_below_and_one_above(pack: Pack, rule: Threshold) -> None:
    for needed in rule.all_of:
        for step in (-1, 0, 1):
            made = Draft(pack, pack.forms[rule.on])
            made.cross(rule.id)
            made.put(needed.path, Number(needed.at_least + step))
            ledger = Ledger([pack], LINE)
            message = made.sent("on", "ALPHA", AWKWARD[0])
            ledger.admit(message)
            found = next(one for one in ledger.thresholds(message.digest) if one.rule == rule.id)
            assert (found.crossing is Crossing.YES) == (step >= 0)


# ----------------------------------------------------------------------------------------- quotas


@pytest.mark.parametrize(("pack", "rule"), rules(Quota))
def test_a_quota_is_full_at_its_number_and_over_with_one_more(pack: Pack, rule: Quota) -> None:
    if rule.limit is None:
        pytest.skip("its limit follows from a report")
    last = datetime(2028, 12, 31, 23, 59, 59, tzinfo=UTC)
    ledger = Ledger([pack], LINE)
    holder = "ALPHA" if rule.side is Side.ACTIVE else "BRAVO"
    for n in range(rule.limit + 1):
        use(ledger, pack, rule, n, last)
        state = quota(ledger, rule, holder, last)
        assert (state.used, state.left) == (n + 1, max(rule.limit - n - 1, 0))
        assert ("limit" in state.over) == (n == rule.limit)
    # A second later is another year; what looks back over years still sees it.
    again = quota(ledger, rule, holder, last + timedelta(seconds=1))
    assert again.used == (rule.limit + 1 if rule.years > 1 else 0)
    gone = quota(ledger, rule, holder, last + timedelta(days=366 * rule.years))
    assert gone.used == 0


def use(ledger: Ledger, pack: Pack, rule: Quota, n: int, when: datetime) -> None:
    made = Draft(pack, pack.forms[rule.on])
    if rule.threshold:
        made.cross(rule.threshold)
    made.fulfil(rule)
    if rule.path:
        made.put_time(rule.path, when)
    if rule.side_path:
        made.put(rule.side_path, PartyCode("BRAVO"))
    issued = when if not rule.path else when - timedelta(days=100 + n)
    message = made.sent(n, "ALPHA", issued, to=("BRAVO",))
    received(ledger, message, issued)
    if rule.accepted_by:
        answer = Draft(pack, pack.forms[rule.accepted_by])
        if rule.accepted_path:
            way = resolve(answer.form.fields, rule.accepted_path)
            assert way is not None
            item = next(i for i in pack.codes[way[-1].codes] if i.id == rule.accepted_is[0])
            answer.put(rule.accepted_path, Code(item.number, item.id))
        refs = ((RefRole.ANSWERS, message.digest),)
        assert quota(ledger, rule, "BRAVO", when).pending == 1
        received(ledger, answer.sent(("yes", n), "BRAVO", issued, refs=refs), issued)


def quota(ledger: Ledger, rule: Quota, holder: str, when: datetime) -> QuotaState:
    return next(
        one
        for one in ledger.quotas(ms(when), holder)
        if one.rule == rule.id and one.last_year == when.year
    )


# --------------------------------------------------------------------------------------- validity


@pytest.mark.parametrize("base", AWKWARD, ids=lambda base: base.strftime("%Y-%m-%d"))
@pytest.mark.parametrize(("pack", "rule"), rules(Validity))
def test_a_validity_ends_with_its_last_instant(pack: Pack, rule: Validity, base: datetime) -> None:
    made = Draft(pack, pack.forms[rule.on])
    for path in {rule.from_path, rule.until_path} - {""}:
        made.put_time(path, base)
    ledger = Ledger([pack], LINE)
    message = made.sent("on", "ALPHA", base)
    ledger.admit(message)
    (found,) = [one for one in ledger.validity(message.digest, ms(base)) if one.rule == rule.id]
    if not rule.until_path and not rule.until_plus_ms:
        assert found.until_ms is None
        return
    path = rule.until_path or rule.from_path
    way = resolve(made.form.fields, path) if path else None
    on_date = rule.count is Count.UTC_DATE or (way and way[-1].type is FieldType.DATE)
    last = base + timedelta(milliseconds=rule.until_plus_ms)
    last += timedelta(days=1) - MS if on_date else timedelta(0)
    assert found.until_ms == ms(last)
    for step, gone in ((-1, False), (0, False), (1, True)):
        (found,) = [
            one
            for one in ledger.validity(message.digest, ms(last + step * MS))
            if one.rule == rule.id
        ]
        assert (found.state.value == "expired") == gone
