"""A form statement as the rules see it, and the way from the fields on the wire to values.

``examine`` reads what it can and lists what it cannot, so that an officer sees a message of the
other side even when a field of it breaks the form. ``read_message`` takes only a message that is
whole: the rules count no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement.model import Cite, Field, FieldType, Form, Pack, Special
from tieline.core.agreement.value import Answer, Problem, problem_of, read_value, wire_value
from tieline.core.encode import Value
from tieline.core.errors import RemoteError
from tieline.core.terms import RefRole

# By field number. A field that was left empty has no entry; a group is its repeats in order.
Values = Mapping[int, "Answer | tuple[Values, ...]"]

MAX_REPEATS: Final = 512  # of a group, whatever its form allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One form statement. ``time_ms`` is the claimed time; ``to`` the resolved addressees.

    ``pack`` and ``form`` are ids of the pack (not the tag on the wire); ``order`` is its place in
    the record's causal order. ``relayed``: its author hands on what another says.
    """

    digest: bytes
    sender: str
    to: tuple[str, ...]
    time_ms: int
    pack: str
    form: str
    values: Values
    refs: tuple[tuple[RefRole, bytes], ...] = ()
    order: int = 0
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: where, which rule, and the paragraph that asks for it.

    ``path`` is as an officer writes it, ``phases[1].troops`` with repeats from 1; ``key`` is the
    same without repeats, as in word keys. The sentence and the remedy are made by ``form``.
    """

    path: str
    key: str
    problem: Problem
    cite: Cite


# ---------------------------------------------------------------------------------------- reading


def read_message(
    pack: Pack, form: Form, fields: Iterable[tuple[int, Value]], *, cancels: bool = False
) -> Values:
    """The values of a statement's body fields. One that ``cancels`` may leave all of them out.

    Raises ``RemoteError`` (``form.unfit``) naming the first field that breaks the form.
    """
    values, errors = examine(pack, form, fields, cancels=cancels)
    if errors:
        first = errors[0]
        raise RemoteError(
            "form.unfit",
            f"field {first.path} of form {pack.form_id(form)} is unfit ({first.problem.code}); ask "
            "its author to correct it",
        )
    return values


def examine(
    pack: Pack, form: Form, fields: Iterable[tuple[int, Value]], *, cancels: bool = False
) -> tuple[Values, tuple[FieldError, ...]]:
    """What reads, and what is wrong: unknown fields, values, missing fields, repeats."""
    errors: list[FieldError] = []
    values = _read_fields(pack, form.fields, dict(fields), errors, ("", ""), form.cite)
    return values, _but_missing(errors) if cancels else tuple(errors)


def _but_missing(errors: list[FieldError]) -> tuple[FieldError, ...]:
    """Without what is missing at the top: a cancellation says which message it cancels, and why."""
    return tuple(
        error for error in errors if error.problem.code != "field.missing" or "." in error.key
    )


def _read_fields(
    pack: Pack,
    known: tuple[Field, ...],
    wire: Mapping[int, Value],
    errors: list[FieldError],
    at: tuple[str, str],
    cite: Cite,
) -> dict[int, Answer | tuple[Values, ...]]:
    out: dict[int, Answer | tuple[Values, ...]] = {}
    found = 0
    for field in known:
        if field.number not in wire:
            if field.required:
                errors.append(_error(at, field, Problem("field.missing")))
            continue
        found += 1
        value = wire[field.number]
        read: Answer | tuple[Values, ...] | Problem
        if field.type is FieldType.GROUP and isinstance(value, tuple):
            read = _read_group(pack, field, value, errors, at)
        else:
            read = read_value(field, value, pack.codes.get(field.codes, ()))
        if isinstance(read, Problem):
            errors.append(_error(at, field, read))
        else:
            out[field.number] = read
    if found < len(wire):
        numbers = {field.number for field in known}
        errors.extend(
            FieldError(f"{at[0]}{n}", f"{at[1]}{n}", Problem("field.unknown"), cite)
            for n in wire
            if n not in numbers
        )
    return out


def _error(at: tuple[str, str], field: Field, problem: Problem) -> FieldError:
    return FieldError(at[0] + field.id, at[1] + field.id, problem, field.cite)


def _read_group(
    pack: Pack,
    field: Field,
    wire: tuple[Value, ...],
    errors: list[FieldError],
    at: tuple[str, str],
) -> tuple[Values, ...] | Problem:
    wrong = _repeats(field, len(wire))
    if wrong is not None:
        return wrong
    out: list[Values] = []
    for index, one in enumerate(wire, 1):
        if not isinstance(one, dict) or not one:
            return Problem("field.shape")
        inside = (f"{at[0]}{field.id}[{index}].", f"{at[1]}{field.id}.")
        out.append(_read_fields(pack, field.fields, one, errors, inside, field.cite))
    return tuple(out)


def _repeats(field: Field, count: int) -> Problem | None:
    low, high = field.repeat
    if max(low, 1) <= count <= min(high, MAX_REPEATS):
        return None
    return Problem("field.repeats", (("low", str(low)), ("high", str(high)), ("found", str(count))))


# ---------------------------------------------------------------------------------------- checking


def check_values(
    pack: Pack, form: Form, values: Values, *, cancels: bool = False
) -> tuple[FieldError, ...]:
    """The same findings as ``examine`` for values that were not read from the wire."""
    errors: list[FieldError] = []
    _check_fields(pack, form.fields, values, errors, ("", ""))
    return _but_missing(errors) if cancels else tuple(errors)


def _check_fields(
    pack: Pack,
    known: tuple[Field, ...],
    values: Values,
    errors: list[FieldError],
    at: tuple[str, str],
) -> None:
    for field in known:
        value = values.get(field.number)
        problem: Problem | None = None
        if value is None:
            problem = Problem("field.missing") if field.required else None
        elif isinstance(value, tuple):
            if field.type is not FieldType.GROUP:
                problem = Problem("field.type", (("type", field.type.value),))
            else:
                problem = _repeats(field, len(value))
                for index, one in enumerate(value, 1):
                    inside = (f"{at[0]}{field.id}[{index}].", f"{at[1]}{field.id}.")
                    if not one:
                        errors.append(_error(at, field, Problem("field.shape")))
                    _check_fields(pack, field.fields, one, errors, inside)
        else:
            problem = problem_of(field, value, pack.codes.get(field.codes, ()))
        if problem is not None:
            errors.append(_error(at, field, problem))


# ---------------------------------------------------------------------------------------- writing


def wire_fields(values: Values) -> tuple[tuple[int, Value], ...]:
    """The values as a statement's body fields, in ascending order of their numbers."""
    return tuple((number, _wire(values[number])) for number in sorted(values))


def _wire(value: Answer | tuple[Values, ...]) -> Value:
    if isinstance(value, tuple):
        return tuple(dict(wire_fields(one)) for one in value)
    return wire_value(value)


# ------------------------------------------------------------------------------------------ paths


def resolve(fields: tuple[Field, ...], path: str) -> tuple[Field, ...] | None:
    """The fields on the way along ``group.field``, or ``None`` when there is no such field."""
    out: list[Field] = []
    for name in path.split("."):
        for field in fields:
            if field.id == name:
                out.append(field)
                fields = field.fields
                break
        else:
            return None
    return tuple(out)


def at_numbers(values: Values, numbers: tuple[int, ...]) -> tuple[Answer, ...]:
    """All answers along a path of field numbers: one of each repeat that has it."""
    value = values.get(numbers[0])
    if value is None:
        return ()
    if isinstance(value, tuple):
        rest = numbers[1:]
        return tuple(answer for one in value for answer in at_numbers(one, rest)) if rest else ()
    return (value,)  # a group that is nil or withheld as a whole answers for its fields


def values_at(form: Form, message: Message, path: str) -> tuple[Answer, ...]:
    """All answers at a path like ``phases.troops``; empty when the field was left empty.

    Raises ``KeyError`` when the form has no such field: ``load`` lets no rule name one.
    """
    way = resolve(form.fields, path)
    if way is None:
        raise KeyError(path)
    return at_numbers(message.values, tuple(field.number for field in way))


def special_at(answers: tuple[Answer, ...]) -> Special | None:
    """The first answer that is no value, if there is one."""
    return next((one for one in answers if isinstance(one, Special)), None)
