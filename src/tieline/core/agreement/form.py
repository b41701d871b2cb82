"""Filling a form: from an officer's answers to the fields of a statement, or to what is wrong.

All faults come at once, each naming its field, the paragraph that asks for it and the remedy, in
the officer's language. The sender's serial is given here and not by the officer, so that a gap in
what the other side holds means a message that it has not got (``serials``).

This module does not read what an officer types (that is done outside the core, where local zones
and the military grid are known) and does not say what follows from the message (``ledger``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from tieline.core import encode
from tieline.core.agreement.message import (
    FieldError,
    Message,
    Values,
    check_values,
    resolve,
    wire_fields,
)
from tieline.core.agreement.model import (
    Cite,
    Field,
    FieldType,
    Form,
    Pack,
    field_key,
    word_key,
)
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import PartyCode, Problem, Serial
from tieline.core.encode import Value
from tieline.core.terms import RefRole

MAX_FIELD_BYTES: Final = 24_000  # of the fields; a statement has 32 768 with everything else
# The citations that put one message in another's place: only the same form of the same sender.
REPLACING: Final = frozenset({RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES})
_CHOICES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """An earlier message that the new one cites. ``pack`` is empty when that is free text."""

    role: RefRole
    digest: bytes
    pack: str = ""
    form: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form that can be sent. ``number``: the serial it bears, 0 when its form has none.

    ``doubts``: what its officer should look at again, in words.
    """

    pack: Pack
    form: Form
    values: Values
    refs: tuple[tuple[RefRole, bytes], ...]
    number: int
    doubts: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[tuple[int, Value], ...]:
        """What goes into the statement's body."""
        return wire_fields(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A fault as the officer reads it. ``text`` is the whole sentence, with field and remedy.

    ``what`` and ``remedy`` are its parts, for where the field's name stands already. ``fallen``:
    some of it is in English because the language lacks it.
    """

    path: str
    code: str
    cite: Cite
    text: str
    what: str
    remedy: str
    fallen: bool


# ----------------------------------------------------------------------------------------- filling


def fill(
    pack: Pack,
    form: Form,
    values: Values,
    *,
    sender: str,
    cited: tuple[Cited, ...] = (),
    number: int = 0,
) -> Filled | tuple[FieldError, ...]:
    """Check answers and citations, and give the form its serial.

    ``number``: what ``next_number`` says for this form's series.
    """
    serial = serial_of(form)
    if serial is not None and serial.number not in values and number:
        values = {**values, serial.number: Serial(number)}
    cancels = any(one.role is RefRole.CANCELS for one in cited)
    errors = [*check_values(pack, form, values, cancels=cancels)]
    given = None if serial is None else values.get(serial.number)
    if serial is not None and isinstance(given, Serial) and number and given.n != number:
        problem = Problem("form.serial", (("number", str(number)),))
        errors.append(FieldError(serial.id, serial.id, problem, serial.cite))
    errors += citations(pack, form, sender, cited)
    if not errors and len(encode.dumps(dict(wire_fields(values)))) > MAX_FIELD_BYTES:
        problem = Problem("form.large", (("most", str(MAX_FIELD_BYTES)),))
        errors.append(FieldError("", "", problem, form.cite))
    if errors:
        return tuple(errors)
    return Filled(
        pack=pack,
        form=form,
        values=values,
        refs=tuple((one.role, one.digest) for one in cited),
        number=given.n if isinstance(given, Serial) else 0,
    )


def serial_of(form: Form) -> Field | None:
    """The field that holds the sender's serial, if the form has one."""
    return next((field for field in form.fields if field.type is FieldType.SERIAL), None)


def strangers(form: Form, values: Values, parties: Iterable[str]) -> tuple[FieldError, ...]:
    """The parties that answers name and that are none of the line's."""
    known = sorted(parties)
    return tuple(_strangers(form.fields, values, known, ("", "")))


def _strangers(
    fields: tuple[Field, ...], values: Values, known: list[str], at: tuple[str, str]
) -> Iterator[FieldError]:
    for field in fields:
        value, path, key = values.get(field.number), at[0] + field.id, at[1] + field.id
        if isinstance(value, tuple):
            for index, one in enumerate(value, 1):
                yield from _strangers(field.fields, one, known, (f"{path}[{index}].", f"{key}."))
        elif isinstance(value, PartyCode) and value.code not in known:
            arguments = (("found", value.code), ("parties", ", ".join(known)))
            yield FieldError(path, key, Problem("field.stranger", arguments), field.cite)


def citations(
    pack: Pack, form: Form, sender: str, cited: tuple[Cited, ...]
) -> Iterable[FieldError]:
    """What is wrong with what a form cites."""
    for need in form.predecessors:
        found = [one for one in cited if one.role is need.role]
        fitting = any(one.pack == pack.id and one.form in need.forms for one in found)
        if not fitting and (need.required or found):
            yield _whole("form.predecessor", need.cite, forms=", ".join(need.forms))
    demanded = {need.role for need in form.predecessors}
    for one in cited:
        if one.role in REPLACING:
            if (one.pack, one.form, one.sender) != (pack.id, form.id, sender):
                yield _whole("form.replaces", form.cite, form=form.id)
        elif one.role is RefRole.ANSWERS and _names_what_it_answers(form, demanded):
            known = one.pack == pack.id and one.form in form.answers
            if not known:
                yield _whole("form.answers", form.cite, forms=", ".join(form.answers))


def _names_what_it_answers(form: Form, demanded: set[RefRole]) -> bool:
    return bool(form.answers) and not form.answers_any and RefRole.ANSWERS not in demanded


def _whole(code: str, cite: Cite, **arguments: str) -> FieldError:
    """A fault of the form as a whole."""
    return FieldError("", "", Problem(code, tuple(arguments.items())), cite)


# ----------------------------------------------------------------------------------------- serials


def numbers_of(messages: Iterable[Message], form: Form, sender: str, pack: str) -> tuple[int, ...]:
    """The serials that a sender gave to messages of this form, in the order of the record."""
    serial = serial_of(form)
    if serial is None:
        return ()
    found = (
        one.values.get(serial.number)
        for one in messages
        if one.sender == sender and one.form == form.id and one.pack == pack
    )
    return tuple(one.n for one in found if isinstance(one, Serial))


def next_number(numbers: Iterable[int]) -> int:
    """The serial of a party's next message of a series: one more than its highest so far."""
    return max(numbers, default=0) + 1


# --------------------------------------------------------------------------------------- sentences


def complaint(form: Form, error: FieldError, tongue: Tongue) -> Complaint:
    """The fault in the officer's language: field, paragraph, what is wrong, what to do."""
    way = resolve(form.fields, error.key) if error.key else None
    label, fallen = tongue.say("error.form").text, False
    if way is not None:
        words = [
            tongue.word(field_key(form, *(one.id for one in way[: end + 1])))
            for end in range(len(way))
        ]
        label = " / ".join(word.text for word in words)
        fallen = any(word.fallen for word in words)
    arguments = dict(error.problem.arguments)
    if way is not None:
        arguments |= _helps(way[-1], tongue)
    what = tongue.say("error." + error.problem.code, **arguments)
    plain = way is not None and not way[-1].specials and error.problem.code == "field.missing"
    remedy = tongue.say(
        "remedy.field.missing-plain" if plain else "remedy." + error.problem.code, **arguments
    )
    shape = tongue.say(
        "error.line" if error.cite.paragraph else "error.line-without-paragraph",
        field=label,
        path=error.path or form.name,
        paragraph=error.cite.paragraph,
        what=what.text,
        remedy=remedy.text,
    )
    return Complaint(
        path=error.path,
        code=error.problem.code,
        cite=error.cite,
        text=shape.text,
        what=what.text,
        remedy=remedy.text,
        fallen=fallen or what.fallen or remedy.fallen or shape.fallen,
    )


def _helps(field: Field, tongue: Tongue) -> dict[str, str]:
    """What a remedy may name: the items of the code list, the special answers that are allowed."""
    items = tongue.codes(field.codes)[:_CHOICES_SHOWN]
    choices = [
        f"{item.number} {tongue.word(word_key('code', field.codes, item.id))}" for item in items
    ]
    specials = [str(tongue.say(f"special.{one.value}")) for one in sorted(field.specials)]
    return {
        "choices": "; ".join(choices),
        "specials": ", ".join(specials) or str(tongue.say("special.none")),
    }


def renumbered(filled: Filled, number: int) -> Filled:
    """The same form with another serial: what was counted has grown since it was filled."""
    serial = serial_of(filled.form)
    if serial is None:
        return filled
    values = {**filled.values, serial.number: Serial(number)}
    return replace(filled, values=values, number=number)
