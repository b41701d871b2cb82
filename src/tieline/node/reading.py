"""What an officer types into a form, as values.

Answers come by path (``event``, ``phases[1].troops``; repeats count from 1) and are read by the
type of the field: codes by number, id or word in any language of the pack, the special answers in
the officer's words, numbers with separators of thousands, times with zones, positions in several
notations (``readtime``, ``readplace``). Everything that does not read is told at once, and what
reads but looks wrong is a doubt: a question to the officer, not a refusal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

from tieline.core.agreement.message import FieldError, Values
from tieline.core.agreement.model import (
    CodeItem,
    Field,
    FieldType,
    Form,
    Pack,
    Special,
    word_key,
)
from tieline.core.agreement.places import Position
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import (
    Answer,
    Code,
    Hash,
    Number,
    PartyCode,
    Problem,
    Serial,
    Text,
    Unit,
    problem_of,
)
from tieline.node.readplace import SWAPPED, UNREADABLE, read_area, read_position, read_route
from tieline.node.readtime import Clock, read_day, read_instant

MAX_ANSWERS: Final = 4096
MAX_TYPED: Final = 16_000  # characters of one answer

_STEP: Final = re.compile(r"([a-z0-9-]+)(?:\[([0-9]{1,4})\])?\Z")
_SPREAD: Final = re.compile(r"\s*(?:\+/?-|±)\s*(.+)\Z")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([,. '\u2019])[0-9]{3})(?:\1[0-9]{3})*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read, what was not, and what the officer should look at again."""

    values: Values
    errors: tuple[FieldError, ...]
    doubts: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class _Desk:
    """All that reading an answer needs besides the answer."""

    pack: Pack
    tongue: Tongue
    clock: Clock
    near: Position | None


def read_answers(
    pack: Pack,
    form: Form,
    typed: Mapping[str, str],
    tongue: Tongue,
    *,
    now_ms: int,
    zone: tzinfo = UTC,
    near: Position | None = None,
) -> Reading:
    """Read answers by path. An empty answer is none.

    ``now_ms``: the UTC time, for ``now+2h``; ``zone``: the officer's, for the letter J; ``near``: a
    place near which the positions must be, so that swapped numbers are noticed.
    """
    desk = _Desk(pack, tongue, Clock(zone, now_ms), near)
    tree: dict[tuple[int, ...], Answer] = {}
    errors: list[FieldError] = []
    doubts: list[FieldError] = []
    for path, text in typed.items():
        if not text.strip():
            continue
        way = _way(form.fields, path)
        if way is None or len(tree) >= MAX_ANSWERS:
            errors.append(FieldError(path, path, Problem("field.unknown"), form.cite))
            continue
        place, fields = way
        answer, doubt = _answer(fields[-1], text, desk)
        key = ".".join(field.id for field in fields)
        if isinstance(answer, Problem):
            errors.append(FieldError(path, key, answer, fields[-1].cite))
            continue
        if place in tree:
            errors.append(FieldError(path, key, Problem("field.twice"), fields[-1].cite))
        if doubt:
            doubts.append(FieldError(path, key, SWAPPED, fields[-1].cite))
        tree[place] = answer
    values = _grow(form.fields, tree, errors, "")
    return Reading(values=values, errors=tuple(errors), doubts=tuple(doubts))


def _way(fields: tuple[Field, ...], path: str) -> tuple[tuple[int, ...], tuple[Field, ...]] | None:
    """The field numbers and repeats of a path, and the fields along it."""
    place: list[int] = []
    along: list[Field] = []
    steps = path.split(".")
    for at, step in enumerate(steps):
        found = _STEP.match(step)
        field = None
        if found is not None:
            field = next((one for one in fields if found[1] in (one.id, str(one.number))), None)
        if found is None or field is None:
            return None
        last = at == len(steps) - 1
        if found[2] is not None and (last or field.type is not FieldType.GROUP):
            return None
        place.append(field.number)
        along.append(field)
        if not last:
            place.append(int(found[2] or 1))
        fields = field.fields
    return tuple(place), tuple(along)


def _grow(
    fields: tuple[Field, ...],
    tree: Mapping[tuple[int, ...], Answer],
    errors: list[FieldError],
    at: str,
) -> Values:
    out: dict[int, Answer | tuple[Values, ...]] = {}
    for field in fields:
        if (field.number,) in tree:
            out[field.number] = tree[field.number,]
        inner = {way[1:]: one for way, one in tree.items() if way[0] == field.number and way[1:]}
        if not inner:
            continue
        indexes = sorted({way[0] for way in inner})
        if indexes != list(range(1, len(indexes) + 1)) or field.number in out:
            problem = Problem("field.numbering")
            errors.append(FieldError(at + field.id, at + field.id, problem, field.cite))
            continue
        repeats = [
            {way[1:]: one for way, one in inner.items() if way[0] == index} for index in indexes
        ]
        out[field.number] = tuple(
            _grow(field.fields, one, errors, f"{at}{field.id}.") for one in repeats
        )
    return out


# ----------------------------------------------------------------------------------------- answers


def _answer(field: Field, typed: str, desk: _Desk) -> tuple[Answer | Problem, bool]:
    """The answer, and whether it looks wrong although it reads."""
    text = typed.strip()
    if len(text) > MAX_TYPED:
        arguments = (("most", str(MAX_TYPED)), ("found", str(len(text))))
        return Problem("field.long", arguments), False
    items = desk.pack.codes.get(field.codes, ())
    special = _special(text, field, desk.tongue)
    # A list may have an item of that very name; where the field takes no such answer, it is meant.
    listed = special is not None and special not in field.specials
    if special is not None and not (listed and any(one.id == special.value for one in items)):
        return problem_of(field, special, ()) or special, False
    answer, doubt = _read(field, text, items, desk)
    if isinstance(answer, Problem):
        return answer, False
    return problem_of(field, answer, items) or answer, doubt


def _special(text: str, field: Field, tongue: Tongue) -> Special | None:
    """A special answer, in any language of the engine. In free text only where it is allowed."""
    said = _folded(text.strip("[]"))
    for special in Special:
        words = {special.value, special.value.replace("-", " ")}
        words |= {_folded(one) for one in tongue.said_everywhere(f"special.{special.value}")}
        if said in words and (
            special in field.specials or field.type not in (FieldType.TEXT, FieldType.UNIT)
        ):
            return special
    return None


def _read(
    field: Field, text: str, items: tuple[CodeItem, ...], desk: _Desk
) -> tuple[Answer | Problem, bool]:
    figures = _ascii_digits(" ".join(text.split()))
    match field.type:
        case FieldType.CODE:
            return _code(figures, field, items, desk.tongue), False
        case FieldType.COUNT:
            return _count(figures), False
        case FieldType.SERIAL:
            n = _whole(figures)
            return UNREADABLE if n is None else Serial(n), False
        case FieldType.TIME:
            return read_instant(figures, desk.clock), False
        case FieldType.DATE:
            return read_day(figures, desk.clock), False
        case FieldType.POSITION:
            return read_position(figures, desk.near)
        case FieldType.AREA:
            return read_area(figures, desk.near)
        case FieldType.ROUTE:
            return read_route(figures, desk.clock, desk.near)
        case _:
            return _wordy(field.type, text), False


def _wordy(kind: FieldType, text: str) -> Answer | Problem:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if any(unicodedata.category(char) in ("Cc", "Cs") and char != "\n" for char in text):
        return Problem("field.characters")
    match kind:
        case FieldType.TEXT:
            return Text(text)
        case FieldType.UNIT:
            return Unit(" ".join(text.split()))
        case FieldType.PARTY:
            return PartyCode(text.upper())
        case FieldType.HASH:
            digits = "".join(text.split())
            good = re.fullmatch("[0-9A-Fa-f]{64}", digits)
            return Hash(bytes.fromhex(digits)) if good else Problem("field.hash")
        case _:
            return Problem("field.type", (("type", kind.value),))


def _code(text: str, field: Field, items: tuple[CodeItem, ...], tongue: Tongue) -> Answer | Problem:
    """An item by number or id, else by its word: first in the officer's language, then in any."""
    said = _folded(text)
    for item in items:
        if said in (str(item.number), item.id):
            return Code(item.number, item.id)
    keys = {item.id: word_key("code", field.codes, item.id) for item in items}
    own = [item for item in items if _folded(str(tongue.word(keys[item.id]))) == said]
    found = own or [
        item
        for item in items
        if said in {_folded(word) for word in tongue.everywhere(keys[item.id])}
    ]
    if len(found) == 1:
        return Code(found[0].number, found[0].id)
    return Problem("field.code", (("code", text),))


def _count(text: str) -> Answer | Problem:
    spread: int | None = 0
    found = _SPREAD.search(text)
    if found is not None:
        spread, text = _whole(found[1]), text[: found.start()]
    n = _whole(text)
    return UNREADABLE if n is None or spread is None else Number(n, spread)


def _whole(text: str) -> int | None:
    """A whole number, with or without one kind of separator between groups of three digits."""
    text = re.sub("[\u00a0\u202f\u2009]", " ", text.strip())
    if _GROUPED.match(text):
        text = re.sub("[^0-9]", "", text)
    return int(text) if re.fullmatch("-?[0-9]{1,15}", text) else None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _ascii_digits(text: str) -> str:
    """Digits of any script as ASCII digits: an Arabic desk types its own."""
    return "".join(
        str(unicodedata.digit(char)) if unicodedata.category(char) == "Nd" else char
        for char in text
    )
