"""A pack as far as a reader of evidence needs it: forms, phrases, fields, code lists, texts.

Evidence carries the canonical bytes of packs, so that a stranger reads coded statements in words.
What is checked of them is written in docs/evidence.md section 10 and nowhere else, so that two
readers never disagree whether a pack is one. It is less than a station checks (``agreement.load``,
``agreement.vet``): rules are passed over, and so is every entry of a table that has no meaning
here, which lets a reader go on where a newer pack says more.

This module does not know which packs a file may hold (``evidence_reader``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final, TypeVar

from tieline.core import encode
from tieline.core.agreement import kinds
from tieline.core.agreement import vocabulary as vocab
from tieline.core.agreement.load import LIMITS, pack_hash
from tieline.core.agreement.model import (
    Cite,
    CodeItem,
    Field,
    FieldType,
    Form,
    Language,
    Pack,
    Phrase,
    Provenance,
    Special,
)
from tieline.core.agreement.tongue import ENGLISH
from tieline.core.agreement.vet import MAX_TOTAL_FIELDS, MAX_TOTAL_WORDS
from tieline.core.encode import Value
from tieline.core.errors import RemoteError

T = TypeVar("T")

_PARAGRAPH_CHARS: Final = 60
_BY_CHARS: Final = 200
_MAX_PREDECESSORS: Final = 20
_DEEPEST: Final = 3  # tables of fields inside one another
_PROVENANCES: Final = {each.value: each for each in Provenance}
_TYPES: Final = {each.value: each for each in FieldType}
_SPECIALS: Final = tuple(Special)  # in the order of the canonical encoding


class NewerPack(Exception):
    """The bytes are a pack of a later format, of which this reader knows nothing."""


def unfit(what: str) -> RemoteError:
    """The refusal of one pack in an evidence file."""
    return RemoteError("evidence.pack", f"a pack in the evidence file {what}")


def read(body: bytes) -> Pack:
    """The pack of these canonical bytes, without rules and status.

    Raises ``RemoteError`` (``evidence.pack``) for what is no pack, and ``NewerPack``.
    """
    try:
        parts = encode.loads(body, LIMITS)
    except RemoteError as error:
        raise unfit(f"does not read ({error.message})") from error
    if not isinstance(parts, dict) or set(parts) != {0, 1, 2, 3, 4}:
        raise unfit("does not have the five parts of a pack")
    head = _table(parts[0])
    if _whole(head.get(3), vocab.FORMAT, encode.MAX_UINT) > vocab.FORMAT:
        raise NewerPack
    languages = tuple(
        _text(each, vocab.LANGUAGE) for each in _array(head.get(7), 1, vocab.MAX_LANGUAGES)
    )
    _once(languages)
    if ENGLISH not in languages:
        raise unfit("has no English texts")
    codes = _codes(head)
    left = [MAX_TOTAL_FIELDS]
    forms = _forms(parts[1], codes, left)
    phrases = _phrases(parts[2], codes, left)
    if not isinstance(parts[3], tuple):
        raise unfit("has no list of rules")
    tongues, words = _words(parts[4], languages)
    return Pack(
        id=_text(head.get(4), vocab.ID),
        tag=_text(head.get(5), vocab.TAG),
        version=_whole(head.get(6), 1, vocab.MAX_NUMBER),
        cite=_cite(head),
        languages=tongues,
        codes=codes,
        forms=forms,
        phrases=phrases,
        rules={},
        status=(),
        words=words,
        hash=pack_hash(body),
        body=body,
    )


# ----------------------------------------------------------------------------------- small things


def _table(value: Value) -> dict[int, Value]:
    if not isinstance(value, dict):
        raise unfit("has no table where one belongs")
    return value


def _array(value: Value, least: int, most: int) -> tuple[Value, ...]:
    if not isinstance(value, tuple) or not least <= len(value) <= most:
        raise unfit(f"has no list of {least} to {most} where one belongs")
    return value


def _listed(table: dict[int, Value], key: int, most: int) -> tuple[Value, ...]:
    """A list that is left out when it is empty."""
    return _array(table[key], 1, most) if key in table else ()


def _text(value: Value, kind: kinds.Text) -> str:
    if (
        not isinstance(value, str)
        or len(value) > kind.most
        or not re.fullmatch(kind.pattern, value, re.ASCII)
    ):
        raise unfit(f"has something else where {kind.say} belongs")
    return value


_PARAGRAPH: Final = kinds.Text("the number of a paragraph", most=_PARAGRAPH_CHARS)
_BY: Final = kinds.Text("a text", most=_BY_CHARS)
_WORDS: Final = kinds.Text("a text without control characters", most=vocab.MAX_CHARS)


def _optional(table: dict[int, Value], key: int, kind: kinds.Text) -> str:
    """A text that is left out when it is empty."""
    if key not in table:
        return ""
    text = _text(table[key], kind)
    if not text:
        raise unfit("writes out what it could leave out")
    return text


def _whole(value: Value, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise unfit(f"has no whole number from {low} to {high} where one belongs")
    return value


def _flag(table: dict[int, Value], key: int) -> bool:
    """A truth value that is left out when it is false."""
    if key in table and table[key] is not True:
        raise unfit("writes out what it could leave out")
    return key in table


def _once(values: Iterable[object]) -> None:
    every = list(values)
    if len(set(every)) < len(every):
        raise unfit("names or numbers something twice")


def _cite(table: dict[int, Value]) -> Cite:
    provenance = table.get(2)
    if not isinstance(provenance, str) or provenance not in _PROVENANCES:
        raise unfit("does not say how sure its author is of something")
    return Cite(_optional(table, 1, _PARAGRAPH), _PROVENANCES[provenance])


def _by_id(values: Iterable[T], name: Callable[[T], str]) -> dict[str, T]:
    every = list(values)
    _once(name(each) for each in every)
    return {name(each): each for each in every}


# ------------------------------------------------------------------------------------ code lists


def _codes(head: dict[int, Value]) -> dict[str, tuple[CodeItem, ...]]:
    lists = [_code_list(each) for each in _listed(head, 8, vocab.MAX_LISTS)]
    return dict(_by_id(lists, lambda each: each[0]).values())


def _code_list(value: Value) -> tuple[str, tuple[CodeItem, ...]]:
    table = _table(value)
    _cite(table)
    items = tuple(_item(each) for each in _array(table.get(4), 1, vocab.MAX_ITEMS))
    _once(item.number for item in items)
    _once(item.id for item in items)
    return _text(table.get(3), vocab.ID), items


def _item(value: Value) -> CodeItem:
    table = _table(value)
    return CodeItem(
        number=_whole(table.get(3), 1, vocab.MAX_NUMBER),
        id=_text(table.get(4), vocab.ID),
        cite=_cite(table),
    )


# ----------------------------------------------------------------------------------------- forms


def _forms(
    value: Value, codes: dict[str, tuple[CodeItem, ...]], left: list[int]
) -> dict[str, Form]:
    tables = [_table(each) for each in _array(value, 0, vocab.MAX_FORMS)]
    forms = _by_id((_form(each, codes, left) for each in tables), lambda form: form.id)
    _once(form.number for form in forms.values())
    _sendable({name: _needs(table) for name, table in zip(forms, tables, strict=True)})
    return forms


def _form(table: dict[int, Value], codes: dict[str, tuple[CodeItem, ...]], left: list[int]) -> Form:
    return Form(
        id=_text(table.get(3), vocab.ID),
        number=_whole(table.get(4), 1, vocab.MAX_NUMBER),
        cite=_cite(table),
        fields=_fields(table, 5, codes, left, 1),
        disclaimer=_optional(table, 13, vocab.WORD_KEY),
    )


def _phrases(
    value: Value, codes: dict[str, tuple[CodeItem, ...]], left: list[int]
) -> dict[str, Phrase]:
    tables = [_table(each) for each in _array(value, 0, vocab.MAX_PHRASES)]
    phrases = _by_id((_phrase(each, codes, left) for each in tables), lambda phrase: phrase.id)
    _once(phrase.number for phrase in phrases.values())
    _once(phrase.code for phrase in phrases.values())
    return phrases


def _phrase(
    table: dict[int, Value], codes: dict[str, tuple[CodeItem, ...]], left: list[int]
) -> Phrase:
    return Phrase(
        id=_text(table.get(3), vocab.ID),
        number=_whole(table.get(4), 1, vocab.MAX_NUMBER),
        code=_text(table.get(5), vocab.CODE),
        cite=_cite(table),
        fields=_fields(table, 6, codes, left, 1),
        response=tuple(_text(each, vocab.CODE) for each in _listed(table, 7, vocab.MAX_RESPONSES)),
        signal=_optional(table, 8, vocab.WORD_KEY),
    )


def _fields(
    table: dict[int, Value],
    key: int,
    codes: dict[str, tuple[CodeItem, ...]],
    left: list[int],
    level: int,
) -> tuple[Field, ...]:
    found = _listed(table, key, vocab.MAX_FIELDS)
    left[0] -= len(found)
    if left[0] < 0 or (found and level > _DEEPEST):
        raise unfit("has more fields than a pack may have, or groups too deep")
    fields = tuple(_field(_table(each), codes, left, level) for each in found)
    _once(field.number for field in fields)
    _once(field.id for field in fields)
    return fields


def _field(
    table: dict[int, Value], codes: dict[str, tuple[CodeItem, ...]], left: list[int], level: int
) -> Field:
    kind = table.get(5)
    if not isinstance(kind, str) or kind not in _TYPES:
        raise unfit("has a field of an unknown type")
    of = _TYPES[kind]
    named = _optional(table, 7, vocab.ID)
    fields = _fields(table, 13, codes, left, level + 1)
    if (of is FieldType.CODE) != bool(named) or (named and named not in codes):
        raise unfit("has a field of a code list that is not there")
    if (of is FieldType.GROUP) != bool(fields):
        raise unfit("has a group without fields, or fields in what is no group")
    return Field(
        number=_whole(table.get(3), 1, vocab.MAX_NUMBER),
        id=_text(table.get(4), vocab.ID),
        type=of,
        cite=_cite(table),
        required=_flag(table, 6),
        codes=named,
        specials=_specials(table),
        low=_bound(table, 9),
        high=_bound(table, 10),
        max_chars=_whole(table[11], 1, vocab.MAX_CHARS) if 11 in table else 0,
        repeat=_repeat(table),
        fields=fields,
    )


def _bound(table: dict[int, Value], key: int) -> int | None:
    return _whole(table[key], -vocab.MAX_COUNT, vocab.MAX_COUNT) if key in table else None


def _specials(table: dict[int, Value]) -> frozenset[Special]:
    words = _listed(table, 8, len(_SPECIALS))
    found = tuple(each for each in _SPECIALS if each.value in words)
    if tuple(each.value for each in found) != words:
        raise unfit("has special answers that are none, or in another order")
    return frozenset(found)


def _repeat(table: dict[int, Value]) -> tuple[int, int]:
    if 12 not in table:
        return (0, 1)
    pair = _array(table[12], 2, 2)
    low, high = (_whole(each, 0, vocab.MAX_REPEAT) for each in pair)
    if low > high or (low, high) == (0, 1):
        raise unfit("has repeats that are none")
    return low, high


def _needs(table: dict[int, Value]) -> list[tuple[str, ...]]:
    """The forms that one must cite, one of each entry."""
    out = []
    for each in _listed(table, 9, _MAX_PREDECESSORS):
        entry = _table(each)
        _cite(entry)
        names = tuple(_text(name, vocab.ID) for name in _array(entry.get(3), 1, vocab.MAX_FORMS))
        _once(names)
        role = entry.get(4)
        if not isinstance(role, str) or role not in vocab.ROLES:
            raise unfit("has a predecessor without a role")
        if _flag(entry, 5):
            out.append(names)
    return out


def _sendable(needs: dict[str, list[tuple[str, ...]]]) -> None:
    """Refuse a circle of forms that each must cite one of the others first."""
    can: set[str] = set()
    rest = set(needs)
    while rest:
        fresh = {
            name
            for name in rest
            if all(any(other in can for other in names) for names in needs[name])
        }
        if not fresh:
            raise unfit("has forms that can never be sent")
        can |= fresh
        rest -= fresh


# ----------------------------------------------------------------------------------------- texts


def _words(
    value: Value, languages: tuple[str, ...]
) -> tuple[tuple[Language, ...], dict[str, dict[str, str]]]:
    tongues, words, total = [], {}, 0
    for tag, each in zip(languages, _array(value, len(languages), len(languages)), strict=True):
        table = _table(each)
        verified = table.get(3)
        flat = table.get(5)
        if not isinstance(verified, bool) or not isinstance(flat, tuple) or len(flat) % 2:
            raise unfit("has a language without its texts")
        total += len(flat) // 2
        if total > MAX_TOTAL_WORDS:
            raise unfit(f"has more than {MAX_TOTAL_WORDS} texts")
        names = [_text(name, vocab.WORD_KEY) for name in flat[::2]]
        if any(one >= other for one, other in pairwise(names)):
            raise unfit("has texts whose keys are not in order")
        tongues.append(Language(tag=tag, verified=verified, by=_optional(table, 4, _BY)))
        words[tag] = dict(zip(names, (_text(text, _WORDS) for text in flat[1::2]), strict=True))
    return tuple(tongues), words
