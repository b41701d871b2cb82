"""A statement as the incident layer sees it, and the way from a form's values to what they say.

Nothing here knows a form by name: ``read_said`` goes by the marks that an agreement's author set
(``core.agreement.meaning``). What a form says without a mark is shown with the message, and moves
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tieline.core.agreement.meaning import ASPECTS, Act, Means, Sense
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import Field, FieldType, Form, Pack, Special
from tieline.core.agreement.value import Answer, Code, Day, Hash, Instant, Text, Unit
from tieline.core.encode import Value
from tieline.core.terms import Kind, Precedence, RefRole, Role

OrderKey = tuple[int, int, int, bytes, bytes, int, bytes]

_ASPECTS: Final = frozenset(ASPECTS)
_TELLS: Final = frozenset({Means.UNIT, Means.TOLD})
_PARTS: Final = frozenset({Means.VALUE, Means.CONFIDENCE, Means.SOURCE, Means.WORDS, Means.HASH})


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of a form: where it stands (``path``, as in word keys), and what it is.

    ``sense``: of a code, what it means to the software.
    """

    path: str
    answer: Answer
    sense: Sense = Sense.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """One aspect as a message states it. ``value`` is ``None`` if it is only put in words."""

    aspect: Means
    value: Part | None = None
    confidence: Part | None = None
    source: Part | None = None
    words: str = ""
    hash: bytes | None = None
    more: tuple[Part, ...] = ()  # further answers of the same group, such as two counts


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a message: of which aspect (``None``: of none that we know), in words."""

    about: Part | None
    words: str


@dataclass(frozen=True, slots=True)
class Told:
    """A unit that was told, and when; ``None``: not said, or withheld."""

    unit: str | None
    at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a form says of an incident: aspects, questions, and its single answers by meaning.

    ``areas``: all that means an area, also in groups, where one answer by meaning is not enough.
    ``told``: the units that it says were told, also in groups.
    """

    pack: str
    form: str
    act: Act
    stated: tuple[Stated, ...] = ()
    asked: tuple[Asked, ...] = ()
    answers: Mapping[Means, Part]
    areas: tuple[Part, ...] = ()
    told: tuple[Told, ...] = ()

    def sense(self, means: Means) -> Sense:
        """What the code of a field means; ``NONE`` when there is none."""
        part = self.answers.get(means)
        return Sense.NONE if part is None else part.sense


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """One statement. ``key`` is its place in display order, ``to`` the resolved addressees.

    ``said`` is ``None`` for free text and for whatever carries no mark. ``story``: another
    statement stands under its number; it is shown, and moves nothing. ``reserve``: said without
    prejudice. ``through``: on whose behalf its author speaks.
    """

    digest: bytes
    log: bytes
    position: int
    station: bytes
    party: str
    to: tuple[str, ...]
    kind: Kind
    time_ms: int
    key: OrderKey
    role: Role = Role.STATION
    precedence: Precedence = Precedence.ROUTINE
    refs: tuple[tuple[RefRole, bytes], ...] = ()
    text: str = ""
    lang: str = ""
    said: Said | None = None
    parties: tuple[str, ...] = ()  # of a joint statement
    unit: str = ""
    at_ms: int | None = None
    effective_ms: int | None = None  # of a joint statement
    late_binds: bool = False
    reserve: bool = False
    through: str = ""
    story: bool = False
    unread: bool = False  # on a form that cannot be read here
    coded: bool = False  # on a form, be it read or not
    terms: tuple[tuple[int, Value], ...] = ()  # of a joint statement: the fields that it agrees on

    @property
    def act(self) -> Act:
        return Act.NONE if self.said is None else self.said.act

    def cites(self, *roles: RefRole) -> tuple[bytes, ...]:
        """What it cites in one of these roles; in any role if none is named."""
        return tuple(target for role, target in self.refs if not roles or role in roles)


class Placed(Protocol):
    """Where a statement stands."""

    @property
    def digest(self) -> bytes: ...

    @property
    def log(self) -> bytes: ...

    @property
    def position(self) -> int: ...


class Knowing(Protocol):
    """Who knew what: the record's answers, never a clock's."""

    def saw(self, later: Placed, earlier: Placed) -> bool:
        """Whether the author of ``later`` had read ``earlier`` when writing it."""

    def arrived_ms(self, entry: Entry, party: str) -> int | None:
        """By a party's own signed receipt, when the first of its stations held it."""

    def read_at(self, log: bytes, entry: Entry) -> tuple[int, int] | None:
        """The first statement of a log whose author had read an entry: position, claimed time."""


def instant_ms(entry: Entry, means: Means, *, latest: bool = False) -> int | None:
    """A time that a statement gives by one of its fields; ``latest``: the end of its doubt."""
    part = None if entry.said is None else entry.said.answers.get(means)
    match part.answer if part else None:
        case Instant(seconds=seconds, spread_s=spread):
            return (seconds + (spread if latest else 0)) * 1000
        case Day(days=days):
            return (days + (1 if latest else 0)) * 86_400_000 - (1 if latest else 0)
        case _:
            return None


# ---------------------------------------------------------------------------------------- reading


def read_said(pack: Pack, form: Form, values: Values) -> Said | None:
    """What a message says of an incident; ``None`` if its form carries no mark at all."""
    stated: list[Stated] = []
    asked: list[Asked] = []
    answers: dict[Means, Part] = {}
    for field in form.fields:
        value = values.get(field.number)
        if value is None or field.type is not FieldType.GROUP:
            if value is not None and not isinstance(value, tuple):
                _single(pack, field, value, stated, answers)
            continue
        repeats = value if isinstance(value, tuple) else ()
        for one in repeats:
            parts = dict(_parts(pack, field, one))
            if field.means in _ASPECTS:
                stated.append(_stated(field.means, parts))
            elif field.means is Means.ABOUT:
                asked.append(Asked(parts.get(Means.ABOUT), _text(parts.get(Means.WORDS))))
            else:
                stated += _row(parts)
    areas = tuple(_areas(pack, form.fields, values, ""))
    told = tuple(_told(form.fields, values))
    if form.act is Act.NONE and not (stated or asked or answers or areas or told):
        return None
    if Means.ABOUT in answers and not asked:
        asked.append(Asked(answers[Means.ABOUT], _text(answers.get(Means.WORDS))))
    return Said(
        pack=pack.id,
        form=form.id,
        act=form.act,
        stated=tuple(_sure(stated, answers)),
        asked=tuple(asked),
        answers=answers,
        areas=areas,
        told=told,
    )


def _told(fields: Iterable[Field], values: Values) -> Iterator[Told]:
    """Each unit, or time, that was told, in the same group or form; nil is none."""
    marked = {
        field.means: values[field.number]
        for field in fields
        if field.means in _TELLS and field.number in values
    }
    unit, at = marked.get(Means.UNIT), marked.get(Means.TOLD)
    if marked and at is not Special.NIL:
        yield Told(
            unit.name if isinstance(unit, Unit) else None,
            at.ms if isinstance(at, Instant) else None,
        )
    for field in fields:
        value = values.get(field.number)
        for one in value if isinstance(value, tuple) else ():
            yield from _told(field.fields, one)


def _areas(pack: Pack, fields: Iterable[Field], values: Values, above: str) -> Iterator[Part]:
    """Every place that means an area, in a group too."""
    for field in fields:
        value = values.get(field.number)
        if isinstance(value, tuple):
            for one in value:
                yield from _areas(pack, field.fields, one, f"{above}{field.id}.")
        elif value is not None and field.means is Means.AREA:
            yield _part(pack, field, f"{above}{field.id}", value)


def _single(
    pack: Pack,
    field: Field,
    value: Answer,
    stated: list[Stated],
    answers: dict[Means, Part],
) -> None:
    if field.means is Means.NONE:
        return
    part = _part(pack, field, field.id, value)
    if field.means in _ASPECTS:
        stated.append(Stated(aspect=field.means, value=part))
    else:
        answers[field.means] = part


def _row(parts: Mapping[Means, Part]) -> Iterator[Stated]:
    """The aspects of one row of a table: how sure and by what stands once in the row."""
    for means, part in parts.items():
        if means in _ASPECTS:
            yield Stated(
                aspect=means,
                value=part,
                confidence=parts.get(Means.CONFIDENCE),
                source=parts.get(Means.SOURCE),
            )


def _sure(stated: Iterable[Stated], answers: Mapping[Means, Part]) -> Iterator[Stated]:
    """A confidence and a source that stand once in a form are those of each aspect in it."""
    confidence, source = answers.get(Means.CONFIDENCE), answers.get(Means.SOURCE)
    for one in stated:
        if (confidence is None or one.confidence) and (source is None or one.source):
            yield one
            continue
        yield Stated(
            aspect=one.aspect,
            value=one.value,
            confidence=one.confidence or confidence,
            source=one.source or source,
            words=one.words,
            hash=one.hash,
            more=one.more,
        )


def _parts(pack: Pack, group: Field, values: Values) -> Iterator[tuple[Means, Part]]:
    for field in group.fields:
        value = values.get(field.number)
        if value is not None and not isinstance(value, tuple) and field.means is not Means.NONE:
            yield field.means, _part(pack, field, f"{group.id}.{field.id}", value)


def _stated(aspect: Means, parts: Mapping[Means, Part]) -> Stated:
    digest = parts.get(Means.HASH)
    return Stated(
        aspect=aspect,
        value=parts.get(Means.VALUE),
        confidence=parts.get(Means.CONFIDENCE),
        source=parts.get(Means.SOURCE),
        words=_text(parts.get(Means.WORDS)),
        hash=digest.answer.digest if digest and isinstance(digest.answer, Hash) else None,
        more=tuple(part for means, part in parts.items() if means not in _PARTS),
    )


def _part(pack: Pack, field: Field, path: str, value: Answer) -> Part:
    sense = Sense.NONE
    if isinstance(value, Code):
        items = pack.codes.get(field.codes, ())
        sense = next((item.sense for item in items if item.number == value.number), Sense.NONE)
    return Part(path, value, sense)


def _text(part: Part | None) -> str:
    return part.answer.text if part and isinstance(part.answer, Text) else ""
