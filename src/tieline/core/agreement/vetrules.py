"""Whether the rules of a pack fit its forms and themselves. See ``vet``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final

from tieline.core.agreement import model
from tieline.core.agreement.kinds import DAY_MS, MONTH_DAYS, near, shown
from tieline.core.agreement.meaning import WORDS_SAID
from tieline.core.agreement.model import Base, Field, FieldType, Pack, Who
from tieline.core.terms import RefRole

Place = tuple[str, ...]
Tell = Callable[[Place, str], None]  # the place of a fault, and its sentence

_WHEN: Final = (FieldType.TIME, FieldType.DATE)
_TIMED: Final = (Base.START, Base.OCCURRENCE, Base.ARRIVAL)
_COMMAND: Final = (FieldType.UNIT, FieldType.TEXT, FieldType.CODE)
_PLACE: Final = (FieldType.AREA, FieldType.POSITION)
_ANY: Final = tuple(each for each in FieldType if each is not FieldType.GROUP)


def dangling(what: str, name: str, known: Collection[str]) -> str:
    """The sentence for a reference to what is not there."""
    if not name:
        return f"the name of a {what} is missing; add it"
    return f"there is no {what} {shown(name)}{near(name, list(known))}; correct the name"


def rules(pack: Pack, tell: Tell) -> None:
    """Say everything that is wrong with the rules."""
    for rule in pack.rules.values():
        look = _Look(pack, rule.id, tell)
        match rule:
            case model.Deadline():
                _deadline(look, rule)
            case model.Threshold():
                _threshold(look, rule)
            case model.Quota():
                _quota(look, rule)
            case model.Validity():
                _validity(look, rule)
            case model.Exchange():
                _exchange(look, rule)
            case model.Simultaneous():
                _simultaneous(look, rule)
    _endless(pack, tell)


class _Look:
    """Finds what one rule refers to, and says what is not there."""

    def __init__(self, pack: Pack, rule: str, tell: Tell) -> None:
        self.pack = pack
        self.rule = rule
        self._tell = tell

    def fault(self, key: str, text: str) -> None:
        self._tell(("rule", self.rule, key), f"rule '{self.rule}': {text}")

    def form(self, key: str, name: str) -> None:
        if name not in self.pack.forms:
            self.fault(key, dangling("form", name, self.pack.forms))

    def field(self, key: str, form: str, path: str, types: tuple[FieldType, ...]) -> Field | None:
        """The field at the path, if it is one of these types."""
        if form not in self.pack.forms:
            return None  # said already
        steps = path.split(".")
        fields = self.pack.forms[form].fields
        found: Field | None = None
        for step in steps:
            found = next((each for each in fields if each.id == step), None)
            if found is None:
                names = [each.id for each in fields]
                self.fault(
                    key,
                    f"form '{form}' has no field {shown(path)}{near(step, names)}; correct the "
                    "path",
                )
                return None
            fields = found.fields
        if found is not None and found.type not in types:
            wanted = " or ".join(each.value for each in types[:3])
            self.fault(
                key,
                f"the field '{path}' of form '{form}' is of type {found.type.value}, and {wanted} "
                "is needed; name another",
            )
            return None
        return found

    def optional(self, key: str, form: str, path: str, types: tuple[FieldType, ...]) -> None:
        if path:
            self.field(key, form, path, types)

    def codes(self, key: str, form: str, path: str, ids: tuple[str, ...]) -> None:
        """Every one of ``ids`` is a code of the field."""
        field = self.field(key, form, path, (FieldType.CODE,))
        if field is None:
            return
        items = [item.id for item in self.pack.codes.get(field.codes, ())]
        for each in ids:
            if items and each not in items:
                self.fault(key, dangling(f"item in code list '{field.codes}',", each, items))

    def when(self, form: str, conditions: tuple[model.Condition, ...]) -> None:
        for each in conditions:
            self.codes("when", form, each.path, each.one_of)


def _deadline(look: _Look, rule: model.Deadline) -> None:
    look.form("on", rule.on)
    look.when(rule.on, rule.when)
    if rule.base is Base.CALENDAR:
        look.field("path", rule.on, rule.path, _WHEN)
        if not 1 <= rule.month <= 12 or not 1 <= rule.day <= MONTH_DAYS[rule.month - 1]:
            look.fault("day", "the day of the calendar is none of every year; put it right")
    elif rule.month or rule.day or rule.years:
        look.fault("month", "only the base 'calendar' has a month, a day and years; drop them")
    if rule.base in _TIMED:
        if rule.path:
            look.field("path", rule.on, rule.path, _WHEN)
        else:
            look.fault(
                "base", f"the base '{rule.base.value}' needs the field of its time; add 'path'"
            )
    elif rule.path and rule.base is not Base.CALENDAR:
        look.fault("path", f"the base '{rule.base.value}' has no field; take 'path' out")
    if rule.who is Who.FIELD:
        look.field("who_path", rule.on, rule.who_path, (FieldType.PARTY,))
    elif rule.who_path:
        look.fault("who_path", "only who = \"field\" has a field; take 'who_path' out")
    for name in rule.by:
        look.form("by", name)
        other = look.pack.forms.get(name)
        if other is not None and rule.link is RefRole.ANSWERS and rule.on not in other.answers:
            look.fault(
                "by",
                f"form '{name}' is to answer '{rule.on}', which it does not name under 'answers'; "
                "add it there, or say another 'link'",
            )
        if other is not None and rule.link is model.Link.INCIDENT and other.act not in WORDS_SAID:
            look.fault(
                "by",
                f"form '{name}' says no word in an incident, so it cannot be looked for there; "
                "give it an 'act' that does, or say another 'link'",
            )
    _threshold_of(look, "threshold", rule.threshold, rule.on)
    _bounds(look, rule)


def _bounds(look: _Look, rule: model.Deadline) -> None:
    if rule.not_before_ms is None and rule.not_after_ms is None:
        if not rule.by and rule.base is not Base.CALENDAR:
            look.fault("not_after", "it has no bound; add 'not_after' or 'not_before'")
        if rule.lapses:
            look.fault("lapses", "what has no bound never lapses; add 'not_after'")
    elif (
        rule.not_before_ms is not None
        and rule.not_after_ms is not None
        and rule.not_before_ms > rule.not_after_ms
    ):
        look.fault("not_before", "it begins after it ends; exchange 'not_before' and 'not_after'")
    if not rule.by and rule.who is not Who.SENDER:
        look.fault("who", 'the form itself is judged, so its sender owes it; say who = "sender"')
    if not rule.by and rule.base is Base.ISSUE and rule.judged is Base.ISSUE:
        look.fault("base", "a form is always sent when it is issued; name another base, or 'by'")
    if rule.count is model.Count.UTC_DATE and any(
        bound is not None and bound % DAY_MS for bound in (rule.not_before_ms, rule.not_after_ms)
    ):
        look.fault("count", "UTC dates are counted in whole days; write the period in days")


def _threshold(look: _Look, rule: model.Threshold) -> None:
    look.form("on", rule.on)
    look.when(rule.on, rule.when)
    criteria = [("any_of", each) for each in rule.any_of]
    for key, each in [*criteria, *(("all_of", each) for each in rule.all_of)]:
        field = look.field(key, rule.on, each.path, (FieldType.COUNT,))
        if field is None:
            continue
        if field.high is not None and each.at_least > field.high:
            look.fault(
                key,
                f"'{each.path}' is never more than {field.high}, so {each.at_least} is never "
                "reached; change one of them",
            )
        if field.low is not None and each.at_least <= field.low:
            look.fault(
                key,
                f"'{each.path}' is never less than {field.low}, so {each.at_least} is always "
                "reached; change one of them",
            )
    look.optional("split_area", rule.on, rule.split_area, _PLACE)
    look.optional("split_from", rule.on, rule.split_from, _WHEN)
    look.optional("split_until", rule.on, rule.split_until, _WHEN)
    look.optional("split_command", rule.on, rule.split_command, _COMMAND)


def _quota(look: _Look, rule: model.Quota) -> None:
    look.form("on", rule.on)
    look.when(rule.on, rule.when)
    limits = (rule.limit, rule.units, rule.same_party, rule.share, rule.per_object)
    if all(each is None for each in (*limits, rule.simultaneous)):
        look.fault("limit", "it limits nothing; add 'limit', or one of the other limits")
    if rule.limit is not None and rule.units is not None:
        look.fault("units", "it has two limits, 'limit' and 'units'; keep one")
    if rule.limit is not None and rule.same_party is not None and rule.same_party > rule.limit:
        look.fault("same_party", "one party may have more than all together; lower 'same_party'")
    if rule.share is not None and rule.limit is None and rule.units is None:
        look.fault("share", "a share of what is not said; add 'limit' or 'units'")
    if rule.units is not None:
        look.form("units", rule.units.on)
        look.field("units", rule.units.on, rule.units.path, (FieldType.COUNT,))
        if rule.units.at_least > rule.units.cap:
            look.fault("units", "its 'at_least' is above its 'cap'; exchange them")
    if rule.side is model.Side.ACTIVE and rule.side_path:
        look.fault("side_path", "an active quota is the sender's; take 'side_path' out")
    look.optional("side_path", rule.on, rule.side_path, (FieldType.PARTY,))
    look.optional("path", rule.on, rule.path, _WHEN)
    _accepted(look, rule)
    look.optional("object_path", rule.on, rule.object_path, _ANY)
    if (rule.per_object is None) != (not rule.object_path):
        look.fault("object_path", "'object_path' and 'per_object' go together; add the other")
    look.optional("from_path", rule.on, rule.from_path, _WHEN)
    look.optional("until_path", rule.on, rule.until_path, _WHEN)
    if rule.simultaneous is not None and not (rule.from_path and rule.until_path):
        look.fault("simultaneous", "it needs windows; add 'from_path' and 'until_path'")
    _threshold_of(look, "threshold", rule.threshold, rule.on)
    _threshold_of(look, "below", rule.below, rule.on)


def _accepted(look: _Look, rule: model.Quota) -> None:
    if rule.accepted_by:
        look.form("accepted_by", rule.accepted_by)
        if rule.accepted_path:
            look.codes("accepted_path", rule.accepted_by, rule.accepted_path, rule.accepted_is)
    elif rule.accepted_path or rule.accepted_is:
        look.fault("accepted_path", "nothing accepts it; add 'accepted_by'")
    if bool(rule.accepted_path) != bool(rule.accepted_is):
        look.fault("accepted_is", "'accepted_path' and 'accepted_is' go together; add the other")


def _threshold_of(look: _Look, key: str, name: str, form: str) -> None:
    """The name is empty, or a threshold of the same form."""
    if not name:
        return
    other = look.pack.rules.get(name)
    if not isinstance(other, model.Threshold):
        known = [each.id for each in look.pack.rules.values() if isinstance(each, model.Threshold)]
        look.fault(key, dangling("threshold", name, known))
    elif other.on != form:
        look.fault(key, f"threshold '{name}' judges the form '{other.on}'; name one of '{form}'")


def _validity(look: _Look, rule: model.Validity) -> None:
    look.form("on", rule.on)
    look.optional("from_path", rule.on, rule.from_path, _WHEN)
    look.optional("until_path", rule.on, rule.until_path, _WHEN)
    if not rule.until_path and rule.until_plus_ms <= 0 and rule.revalidate_ms is None:
        look.fault("until_plus", "it ends when it begins; add 'until_path' or 'until_plus'")
    if rule.revalidate_ms == 0:
        look.fault("revalidate", "it is stale at once; lengthen 'revalidate'")
    for name in rule.ended_by:
        look.form("ended_by", name)
        if name == rule.on:
            look.fault(
                "ended_by", f"'{name}' would end itself; cancelling does that without a rule"
            )
        look.optional("objects", name, rule.objects, _ANY)
    look.optional("objects", rule.on, rule.objects, _ANY)
    if rule.objects and not rule.ended_by:
        look.fault("objects", "no form takes these objects out; add 'ended_by'")
    if rule.count is model.Count.UTC_DATE and rule.until_plus_ms % DAY_MS:
        look.fault("count", "UTC dates are counted in whole days; write the period in days")


def _exchange(look: _Look, rule: model.Exchange) -> None:
    for key, names in (("forms", rule.forms), ("nil", rule.nil)):
        for name in names:
            look.form(key, name)
    both = [name for name in rule.nil if name in rule.forms]
    if both:
        look.fault("nil", f"'{both[0]}' reports and says there is nothing to report; keep one")
    if not 0 < rule.opens_ms <= 366 * DAY_MS:
        look.fault("opens", "a yearly exchange opens at most 366 days before, not never; change it")


def _simultaneous(look: _Look, rule: model.Simultaneous) -> None:
    look.form("commit", rule.commit)
    look.form("open", rule.open)
    look.field("hash_path", rule.commit, rule.hash_path, (FieldType.HASH,))
    look.field("round_path", rule.commit, rule.round_path, _ANY)
    look.field("round_path", rule.open, rule.round_path, _ANY)
    if rule.commit == rule.open:
        look.fault("open", "the form that commits cannot open as well; name another")
    opener = look.pack.forms.get(rule.open)
    if opener is not None and not any(
        each.role is RefRole.PREDECESSOR and rule.commit in each.forms
        for each in opener.predecessors
    ):
        look.fault(
            "open", f"form '{rule.open}' must cite '{rule.commit}'; give it that predecessor"
        )
    if rule.within_ms <= 0:
        look.fault("within", "it is late at once; lengthen 'within'")


def _endless(pack: Pack, tell: Tell) -> None:
    """Obligations that each call forth the next one, whatever is answered."""
    owed = [rule for rule in _owing(pack) if not rule.when]
    ends: set[str] = set()
    before = -1
    while len(ends) > before:
        before = len(ends)
        for name in pack.forms:
            mine = [rule for rule in owed if rule.on == name]
            if all(any(other in ends for other in rule.by) for rule in mine):
                ends.add(name)
    for rule in owed:
        known = all(name in pack.forms for name in (rule.on, *rule.by))
        if known and not any(name in ends for name in rule.by):
            tell(
                ("rule", rule.id, "by"),
                f"rule '{rule.id}': answering never ends, since every answer must be answered in "
                "turn; let one of the forms in 'by' end it",
            )


def _owing(pack: Pack) -> Iterator[model.Deadline]:
    for rule in pack.rules.values():
        if isinstance(rule, model.Deadline) and rule.by:
            yield rule
