"""Which form of the agreements in force an officer's act takes, and which fields its answers fill.

An officer says what to do (open, account, ask) and of what (where, when, how many). The form is
found by the marks that the authors of agreements set (``core.agreement.meaning``), so a line can
work with any agreement that has the acts. Nothing here knows a form by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement import plain
from tieline.core.agreement.meaning import ASPECTS, ATTRIBUTION, Act, Means, Sense
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import Deadline, Exchange, Field, FieldType, Form, Pack
from tieline.core.agreement.plan import promises
from tieline.core.errors import LocalError
from tieline.core.terms import RefRole
from tieline.node.agreements import InForce
from tieline.node.view import Json

# What an officer does, and by which acts of a form. ``attribute`` is an account of what is
# inferred: forms with nothing but such aspects.
DOES: Final[Mapping[str, tuple[Act, ...]]] = {
    "open": (Act.OPEN,),
    "word": (Act.WORD,),
    "account": (Act.ACCOUNT,),
    "attribute": (Act.ACCOUNT,),
    "ask": (Act.ASK,),
    "answer": (Act.ANSWER,),
    "link": (Act.LINK,),
    "link-answer": (Act.LINK_ANSWER,),
    "attach": (Act.ATTACH,),
    "close": (Act.CLOSE,),
    "reopen": (Act.REOPEN,),
    "lesson": (Act.LESSON,),
    "public": (Act.PUBLIC,),
    "standing": (Act.STANDING,),
}
ANSWERING: Final = frozenset({"answer", "link-answer"})
_SURE: Final = (Means.CONFIDENCE, Means.SOURCE)
_SHIPPED: Final = "incident"  # the pack of ours that has these acts; named in advice only


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an officer typed: answers by meaning, questions, words, and answers by path."""

    means: Mapping[Means, str]
    questions: tuple[tuple[str, str], ...] = ()  # of which aspect, and in which words
    words: str = ""
    answers: Mapping[str, str] | None = None


# --------------------------------------------------------------------------------------- the form


def choose(
    in_force: InForce,
    does: str,
    wanted: str = "",
    *,
    best: Iterable[str] = (),
    only: Iterable[str] = (),
    means: Iterable[Means] = (),
) -> tuple[Pack, Form]:
    """The form for an act. ``wanted``: one that was named; ``only``: the wire ids to choose from.

    Of several, first one that takes all the answers that were given (``means``), then one of
    ``best``, then one in the pack with the most acts of incidents: it is made for them.
    Raises ``LocalError`` (``incident.form``).
    """
    if wanted:
        return _named(in_force, does, wanted)
    found = choices(in_force, does, best=best, only=only, means=means)
    if not found:
        raise LocalError(
            "incident.form",
            f"no agreement in force on this line has a form for '{does}'; pack '{_SHIPPED}' has:"
            f" 'tieline charter amend FILE --pack {_SHIPPED}', signed by every party, brings it",
        )
    return found[0]


def choices(
    in_force: InForce,
    does: str,
    *,
    best: Iterable[str] = (),
    only: Iterable[str] = (),
    means: Iterable[Means] = (),
) -> list[tuple[Pack, Form]]:
    """All forms for an act, the one that ``choose`` takes first."""
    able, first = frozenset(only), frozenset(best)
    found = [
        (pack, form)
        for pack in in_force.packs
        for form in pack.forms.values()
        if form.act in DOES[does] and _fits(does, form)
        if not able or pack.form_id(form) in able
    ]
    given = tuple(each for each in means if each not in _SURE)
    found.sort(
        key=lambda one: (
            sum(_field(one[1], each) is None for each in given),
            one[0].form_id(one[1]) not in first,
            -_breadth(does, one[0]),
            -_readiness(does, one[1]),
            one[1].number,
        )
    )
    return found


def _named(in_force: InForce, does: str, wanted: str) -> tuple[Pack, Form]:
    tag, slash, name = wanted.partition("/")
    found = [
        (pack, form)
        for pack in in_force.packs
        if not slash or tag in (pack.tag, pack.id)
        for form in pack.forms.values()
        if form.id == (name if slash else wanted)
    ]
    able = [one for one in found if one[1].act in _allowed(does)]
    if len(able) == 1:
        return able[0]
    which = "no form" if not found else ("several forms" if able else "no form for this act")
    raise LocalError(
        "incident.form",
        f"{which} '{wanted}' in the agreements in force; 'tieline form' lists those of the line",
    )


def _allowed(does: str) -> tuple[Act, ...]:
    """An account can be given in a further word of any kind, and in the first."""
    return (Act.ACCOUNT, Act.WORD) if does == "account" else DOES[does]


def _fits(does: str, form: Form) -> bool:
    aspects = {field.means for field in form.fields} & set(ASPECTS)
    if does == "attribute":
        return bool(aspects) and aspects <= ATTRIBUTION
    return does != "account" or bool(aspects - ATTRIBUTION)


def _breadth(does: str, pack: Pack) -> int:
    """With how many acts a pack deals; a first word is not looked for in the widest one."""
    if does == "open":
        return 0
    return len({form.act for form in pack.forms.values()})


def _readiness(does: str, form: Form) -> int:
    """Of several first words: the one that says whose it is not, and when the next word comes."""
    if does != "open":
        return 0
    means = {field.means for field in form.fields if field.required}
    return len(means & {Means.OWN_FORCES, Means.NEXT, Means.CONFIDENCE})


def answering(in_force: InForce, does: str, pack: str, form: str) -> tuple[str, ...]:
    """The wire ids of the forms that may answer a form of a pack, for one act."""
    return tuple(
        one.form_id(each)
        for one in in_force.packs
        if one.id == pack
        for each in one.forms.values()
        if each.act in DOES[does] and fits_question(each, form)
    )


def fits_question(form: Form, asked: str) -> bool:
    """Whether a form may answer another one of its pack."""
    return asked in (*form.answers, *_predecessors(form, RefRole.ANSWERS))


def _predecessors(form: Form, role: RefRole) -> Iterator[str]:
    for need in form.predecessors:
        if need.role is role:
            yield from need.forms


def discharging(pack: Pack, rule: str) -> tuple[tuple[str, ...], RefRole]:
    """The wire ids of what meets an obligation, and how it cites the trigger."""
    found = pack.rules.get(rule)
    if not isinstance(found, Deadline):
        return (), RefRole.PREDECESSOR
    forms = tuple(pack.form_id(pack.forms[name]) for name in found.by if name in pack.forms)
    return forms, found.link if isinstance(found.link, RefRole) else RefRole.PREDECESSOR


def calms(pack: Pack, rule: str) -> dict[str, Json]:
    """The same as JSON: ``calms``, forms on the wire, and ``cites``, the role of the trigger.

    Of an exchange by a date, which follows from no message, any of its forms.
    """
    forms, role = discharging(pack, rule)
    found = pack.rules.get(rule)
    if isinstance(found, Exchange):
        forms = tuple(pack.form_id(pack.forms[name]) for name in (*found.forms, *found.nil))
    return {"calms": list(forms), "cites": role.name.lower()}


def meeting(in_force: Iterable[Pack], pack: Pack, rule: str) -> tuple[tuple[str, ...], RefRole]:
    """See ``discharging``; of a next word that is promised, with what closes an incident."""
    by, role = discharging(pack, rule)
    found = pack.rules.get(rule)
    if isinstance(found, Deadline) and promises(pack.forms[found.on], found):
        closing = (
            one.form_id(form)
            for one in in_force
            for form in one.forms.values()
            if form.act is Act.CLOSE
        )
        by = tuple(dict.fromkeys((*by, *closing)))
    return by, role


# -------------------------------------------------------------------------------------- the fields


def answers(pack: Pack, form: Form, wanted: Wanted) -> dict[str, str]:
    """Answers by path, out of answers by meaning. What was typed by path stays as it is.

    Raises ``LocalError`` (``incident.field``): the form has no field of such a meaning.
    """
    out: dict[str, str] = {}
    for means, typed in wanted.means.items():
        if means not in _SURE:
            out[_path(pack, form, means)] = _by_sense(pack, form, means, typed)
    out.update(_sure(pack, form, wanted.means))
    for number, (about, words) in enumerate(wanted.questions, 1):
        out.update(_question(pack, form, number, (about, words)))
    field = _words_field(form)
    if wanted.words and field is not None:
        out[field.id] = wanted.words
    out.update(wanted.answers or {})
    return out


def restated(form: Form, values: Values, typed: Mapping[str, str]) -> dict[str, str]:
    """A correction: what was typed, and of what it corrects all that was not typed anew.

    A part of a group that is typed anew is typed as a whole: how sure one was of the old number
    says nothing of the new one.
    """
    anew = {path.split(".")[0] for path in typed}
    anew |= {f"{name}[1]" for name in anew if "[" not in name}
    out: dict[str, str] = {}
    for field in form.fields:
        value = values.get(field.number)
        if value is None or field.type is FieldType.SERIAL:
            continue
        if not isinstance(value, tuple):
            out[field.id] = plain.write(value)
            continue
        for number, one in enumerate(value, 1):
            name = f"{field.id}[{number}]"
            if name not in anew:
                out.update(_written(field.fields, one, f"{name}."))
    return {**out, **typed}


def _written(fields: tuple[Field, ...], values: Values, above: str) -> Iterator[tuple[str, str]]:
    for field in fields:
        value = values.get(field.number)
        if isinstance(value, tuple):
            for number, one in enumerate(value, 1):
                yield from _written(field.fields, one, f"{above}{field.id}[{number}].")
        elif value is not None:
            yield f"{above}{field.id}", plain.write(value)


def takes_words(form: Form) -> bool:
    """Whether what is said in words has a field of the form; else it stands beside the form."""
    return _words_field(form) is not None


def _words_field(form: Form) -> Field | None:
    return next(
        (
            field
            for field in form.fields
            if field.means is Means.WORDS and field.type is FieldType.TEXT
        ),
        None,
    )


def _path(pack: Pack, form: Form, means: Means) -> str:
    found = _field(form, means)
    if found is None:
        raise LocalError(
            "incident.field",
            f"form {pack.form_id(form)} has no field for '{means.value}'; 'tieline form"
            f" {pack.form_id(form)}' shows what it has",
        )
    group, field = found
    return field.id if group is None else f"{group.id}[1].{field.id}"


def _field(form: Form, means: Means) -> tuple[Field | None, Field] | None:
    """The field that takes an answer of this meaning, and the group in which it stands."""
    for field in form.fields:
        if field.means is not means:
            continue
        if field.type is not FieldType.GROUP:
            return None, field
        inner = next((one for one in field.fields if one.means is Means.VALUE), None)
        if inner is not None:
            return field, inner
    return None


def _sure(pack: Pack, form: Form, means: Mapping[Means, str]) -> dict[str, str]:
    """How sure and by what: of each aspect that is stated, or of the form as a whole."""
    out: dict[str, str] = {}
    stated = [field for field in form.fields if field.means in means and field.fields]
    for each in _SURE:
        typed = means.get(each)
        if typed is None:
            continue
        paths = [
            f"{group.id}[1].{one.id}"
            for group in stated
            for one in group.fields
            if one.means is each
        ]
        for path in paths or [_path(pack, form, each)]:
            out[path] = typed
    return out


def _question(pack: Pack, form: Form, number: int, asked: tuple[str, str]) -> dict[str, str]:
    about, words = asked
    group = next(
        (field for field in form.fields if field.means is Means.ABOUT and field.fields), None
    )
    if group is None:
        return {_path(pack, form, Means.ABOUT): _by_sense(pack, form, Means.ABOUT, about)}
    out = {}
    for field in group.fields:
        if field.means is Means.ABOUT:
            out[f"{group.id}[{number}].{field.id}"] = _item(pack, field, about)
        elif field.means is Means.WORDS and words:
            out[f"{group.id}[{number}].{field.id}"] = words
    return out


def _by_sense(pack: Pack, form: Form, means: Means, typed: str) -> str:
    found = _field(form, means)
    return typed if found is None else _item(pack, found[1], typed)


def _item(pack: Pack, field: Field, typed: str) -> str:
    """The item of a code list that was named by what it means, where no item is named so."""
    items = pack.codes.get(field.codes, ())
    said = typed.strip().casefold()
    if any(said == item.id for item in items):
        return typed
    named = [item.id for item in items if item.sense is not Sense.NONE and item.sense.value == said]
    return named[0] if len(named) == 1 else typed
