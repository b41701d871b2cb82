"""A pack made ready for the rules: for each form, what a message of it sets going.

A path like ``forces.troops`` becomes the field numbers on its way, once, so that a record of
100,000 messages is read without looking up a name. A pack that was loaded has only paths that
exist; here a path that does not resolve raises ``KeyError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tieline.core.agreement.meaning import WORDS_SAID, Act, Means
from tieline.core.agreement.message import Values, at_numbers, resolve
from tieline.core.agreement.model import (
    Base,
    Condition,
    Count,
    Criterion,
    Deadline,
    Effect,
    Exchange,
    FieldType,
    Form,
    Link,
    Pack,
    Predecessor,
    Quota,
    Simultaneous,
    Special,
    Take,
    Threshold,
    Validity,
    Who,
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

Way = tuple[int, ...]  # the field numbers of a path; empty: the rule names no field
NOWHERE: Final[Way] = ()
STANDS: Final = frozenset({Effect.SUSPEND, Effect.CONTEST, Effect.RESUME})


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition with its path resolved."""

    way: Way
    one_of: frozenset[str]

    def holds(self, values: Values) -> bool:
        """Whether any repeat of the field holds one of the codes."""
        if self.way[0] not in values:
            return False
        for one in at_numbers(values, self.way):
            if isinstance(one, Code) and one.id in self.one_of:
                return True
        return False


Clauses = tuple[Clause, ...]


def all_hold(clauses: Clauses, values: Values) -> bool:
    """Whether a message fulfils every condition of a rule."""
    for clause in clauses:  # noqa: SIM110 - twice as fast, and asked of each message
        if not clause.holds(values):
            return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdPlan:
    """A threshold, resolved against the form that it is on."""

    rule: Threshold
    when: Clauses
    any_of: tuple[tuple[Criterion, Way], ...]
    all_of: tuple[tuple[Criterion, Way], ...]
    area: Way
    since: Way
    until: Way
    command: Way

    @property
    def asks(self) -> bool:
        """Whether the pack wants suspected splitting asked about."""
        return bool(self.area or self.since or self.command)


def crosses(plan: ThresholdPlan, values: Values) -> bool:
    """Whether these answers are known to cross a threshold (``limits`` gives the reasons)."""
    if not all_hold(plan.when, values):
        return False
    if plan.any_of and not any(_reaches(one, values, way) for one, way in plan.any_of):
        return False
    return all(_reaches(one, values, way) for one, way in plan.all_of)


def _reaches(criterion: Criterion, values: Values, way: Way) -> bool:
    if way[0] not in values:
        return False
    numbers = [one.n for one in at_numbers(values, way) if isinstance(one, Number)]
    if not numbers:
        return Special.NIL in at_numbers(values, way) and criterion.at_least <= 0
    found = sum(numbers) if criterion.take is Take.SUM else max(numbers)
    return found >= criterion.at_least


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeadlinePlan:
    """A deadline, resolved against the form that begins it.

    ``over``: the threshold that a trigger has to cross. ``dates``: its bounds count in UTC dates.
    ``promise``: see ``promises``.
    """

    rule: Deadline
    when: Clauses
    base: Way
    who: Way
    over: ThresholdPlan | None
    dates: bool
    promise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaPlan:
    """A quota, resolved. ``units``: the way in the form that states the units."""

    rule: Quota
    when: Clauses
    side: Way
    year: Way
    object: Way
    since: Way
    until: Way
    accepted: Way
    units: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityPlan:
    """A validity, resolved. ``ended``: by form that ends it, where that names objects."""

    rule: Validity
    since: Way
    until: Way
    objects: Way
    ended: Mapping[str, Way]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """A simultaneous exchange, resolved against the form of its commitment."""

    rule: Simultaneous
    round: Way


@dataclass(slots=True, kw_only=True)
class FormPlan:
    """All that a message of one form can set going."""

    pack: PackPlan
    form: Form
    serial: Way = NOWHERE
    deadlines: list[DeadlinePlan] = field(default_factory=list)
    thresholds: list[ThresholdPlan] = field(default_factory=list)
    quotas: list[QuotaPlan] = field(default_factory=list)
    validities: list[ValidityPlan] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)  # it gives, or says nil
    commits: list[RoundPlan] = field(default_factory=list)
    states_units: bool = False  # some quota reads its limit from the last such message
    streams: bool = False  # it discharges a deadline without citing the trigger
    uncited: bool = False  # a deadline on it can be discharged without citing it
    opens: bool = False  # it begins an incident, if it cites nothing of one
    closes: bool = False  # it closes an incident, and is its sender's last word there
    says: bool = False  # it says a word in an incident
    wants: tuple[Predecessor, ...] = ()  # what every message of it has to cite
    ended_by: frozenset[str] = frozenset()  # forms by which its sender ends how long it holds
    stands: bool = False  # it may change what the pack is between two parties
    does: bool = False  # it has an effect besides what rules say of it
    filed: bool = False  # rules look for messages of it
    heard: bool = False  # when others had it moves more than what it begins and what it cites

    def codes(self, values: Values, way: Way) -> tuple[str, ...]:
        """The ids of the codes along a way."""
        return tuple(one.id for one in at_numbers(values, way) if isinstance(one, Code))


@dataclass(slots=True, kw_only=True)
class PackPlan:
    """One pack, resolved."""

    pack: Pack
    forms: dict[str, FormPlan] = field(default_factory=dict)
    thresholds: dict[str, ThresholdPlan] = field(default_factory=dict)
    quotas: list[QuotaPlan] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)


def way_of(form: Form, path: str) -> Way:
    """The field numbers of a path. Raises ``KeyError`` when the form has no such field."""
    if not path:
        return NOWHERE
    fields = resolve(form.fields, path)
    if fields is None:
        raise KeyError(f"{form.id}: {path}")
    return tuple(one.number for one in fields)


def _clauses(form: Form, conditions: tuple[Condition, ...]) -> Clauses:
    return tuple(Clause(way_of(form, one.path), frozenset(one.one_of)) for one in conditions)


def _criteria(form: Form, some: tuple[Criterion, ...]) -> tuple[tuple[Criterion, Way], ...]:
    return tuple((one, way_of(form, one.path)) for one in some)


def compile_pack(pack: Pack) -> PackPlan:
    """Resolve every rule of a pack. Raises ``KeyError`` for a form or field that is not there."""
    plan = PackPlan(pack=pack)
    for form in pack.forms.values():
        ways = [way_of(form, one.id) for one in form.fields if one.type is FieldType.SERIAL]
        plan.forms[form.id] = FormPlan(
            pack=plan,
            form=form,
            serial=ways[0] if ways else NOWHERE,
            wants=tuple(one for one in form.predecessors if one.required),
            stands=form.effect in STANDS,
            does=form.effect is not Effect.NONE,
            opens=form.act is Act.OPEN,
            closes=form.act is Act.CLOSE,
            says=form.act in WORDS_SAID,
        )
    for rule in pack.rules.values():
        if isinstance(rule, Threshold):
            _threshold(plan, rule)
    for rule in pack.rules.values():
        match rule:
            case Deadline():
                _deadline(plan, rule)
            case Quota():
                _quota(plan, rule)
            case Validity():
                _validity(plan, rule)
            case Exchange():
                plan.exchanges.append(rule)
                for name in dict.fromkeys(rule.forms + rule.nil):
                    plan.forms[name].exchanges.append(rule)
            case Simultaneous():
                way = way_of(plan.forms[rule.commit].form, rule.round_path)
                plan.forms[rule.commit].commits.append(RoundPlan(rule=rule, round=way))
    for one in plan.forms.values():
        looked_for = one.validities or one.thresholds or one.commits or one.states_units
        one.filed = bool(looked_for or one.exchanges or one.streams)
        one.heard = bool(one.exchanges or one.streams or one.stands or one.says)
    return plan


def _deadline(plan: PackPlan, rule: Deadline) -> None:
    target = plan.forms[rule.on]
    form = target.form
    if not form.obliges:
        return  # a goodwill notice creates no obligation, whatever a rule says of it
    promise = promises(form, rule)
    target.deadlines.append(
        DeadlinePlan(
            rule=rule,
            when=_clauses(form, rule.when),
            base=way_of(form, rule.path),
            who=way_of(form, rule.who_path),
            over=plan.thresholds[rule.threshold] if rule.threshold else None,
            dates=rule.count is Count.UTC_DATE,
            promise=promise,
        )
    )
    if rule.link is None or rule.link is Link.INCIDENT or promise:
        target.uncited = True
    if rule.link is None:
        for name in rule.by:
            plan.forms[name].streams = True


def promises(form: Form, rule: Deadline) -> bool:
    """Whether a deadline on a form is the next word that its sender promises there.

    By the mark of the field, not by its name. Whoever closes the incident has said its last word.
    """
    if rule.base is not Base.START or rule.who is not Who.SENDER or not (rule.path and rule.by):
        return False
    fields = resolve(form.fields, rule.path)
    return fields is not None and fields[-1].means is Means.NEXT


def _threshold(plan: PackPlan, rule: Threshold) -> None:
    target = plan.forms[rule.on]
    form = target.form
    made = ThresholdPlan(
        rule=rule,
        when=_clauses(form, rule.when),
        any_of=_criteria(form, rule.any_of),
        all_of=_criteria(form, rule.all_of),
        area=way_of(form, rule.split_area),
        since=way_of(form, rule.split_from),
        until=way_of(form, rule.split_until),
        command=way_of(form, rule.split_command),
    )
    target.thresholds.append(made)
    plan.thresholds[rule.id] = made


def _quota(plan: PackPlan, rule: Quota) -> None:
    target = plan.forms[rule.on]
    form = target.form
    accepts = plan.forms[rule.accepted_by].form if rule.accepted_by else form
    states = plan.forms[rule.units.on] if rule.units else target
    made = QuotaPlan(
        rule=rule,
        when=_clauses(form, rule.when),
        side=way_of(form, rule.side_path),
        year=way_of(form, rule.path),
        object=way_of(form, rule.object_path),
        since=way_of(form, rule.from_path),
        until=way_of(form, rule.until_path),
        accepted=way_of(accepts, rule.accepted_path if rule.accepted_by else ""),
        units=way_of(states.form, rule.units.path) if rule.units else NOWHERE,
    )
    states.states_units = states.states_units or rule.units is not None
    target.quotas.append(made)
    plan.quotas.append(made)


def _validity(plan: PackPlan, rule: Validity) -> None:
    target = plan.forms[rule.on]
    target.validities.append(
        ValidityPlan(
            rule=rule,
            since=way_of(target.form, rule.from_path),
            until=way_of(target.form, rule.until_path),
            objects=way_of(target.form, rule.objects),
            ended={one: way_of(plan.forms[one].form, rule.objects) for one in rule.ended_by},
        )
    )
    target.ended_by = target.ended_by.union(rule.ended_by)


def named(answer: Answer) -> str:
    """A value by which messages are told apart or together (an object, a command, a round)."""
    match answer:
        case Unit(name=text) | Text(text=text) | PartyCode(code=text) | Code(id=text):
            # Case and spaces are no difference: officers write one name in more than one way.
            return " ".join(text.casefold().split())
        case Number(n=n) | Serial(n=n) | Day(days=n) | Instant(seconds=n):
            return str(n)
        case Hash(digest=digest):
            return digest.hex()
        case _:
            return repr(answer)
