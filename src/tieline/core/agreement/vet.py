"""Whether a pack fits together: everything that no single value shows.

``vet`` goes over a pack that was read and says what is wrong, each as a place and a sentence. A
place is a tuple of names (``("form", "first", "field", "what")``), which ``load`` turns into a file
and a line. Nothing here stops at a fault.

What is refused: words missing in English, words that belong to nothing, references to what is not
there or is of another type, numbers that clash, bounds that contradict each other, forms that can
never be sent, obligations without an end, and packs too large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement import vetrules
from tieline.core.agreement.model import (
    Deadline,
    Effect,
    Field,
    FieldType,
    Form,
    Pack,
    Phrase,
    Provenance,
    Threshold,
    word_key,
)
from tieline.core.agreement.vetrules import Place, Tell
from tieline.core.terms import RefRole

ENGLISH: Final = "en"
MAX_TOTAL_FIELDS: Final = 3000
MAX_TOTAL_WORDS: Final = 30_000
# A statement holds 8 levels of arrays and maps; its fields are the third.
_DEEPEST: Final = 8
_AT_FIELDS: Final = 3
_LEVELS: Final = {
    FieldType.GROUP: 2,
    FieldType.AREA: 2,
    FieldType.ROUTE: 2,
    FieldType.POSITION: 1,
    FieldType.COUNT: 1,
    FieldType.TIME: 1,
}


def vet(pack: Pack, tell: Tell) -> None:
    """Say everything that is wrong with the pack."""
    _sizes(pack, tell)
    for kind, things in (("form", pack.forms), ("phrase", pack.phrases)):
        _numbers(kind, [(name, each.number) for name, each in things.items()], tell)
    _codes(pack, tell)
    for form in pack.forms.values():
        _form(pack, form, tell)
    _sendable(pack, tell)
    _phrases(pack, tell)
    _status(pack, tell)
    vetrules.rules(pack, tell)
    _words(pack, tell)


def _sizes(pack: Pack, tell: Tell) -> None:
    total = sum(len(list(fields_of(each.fields))) for each in owners(pack))
    if total > MAX_TOTAL_FIELDS:
        tell((), f"the pack has {total} fields where {MAX_TOTAL_FIELDS} are allowed; split it")
    words = sum(len(each) for each in pack.words.values())
    if words > MAX_TOTAL_WORDS:
        tell((), f"the pack has {words} texts where {MAX_TOTAL_WORDS} are allowed; split it")


def owners(pack: Pack) -> list[Form | Phrase]:
    """Everything that has fields."""
    return [*pack.forms.values(), *pack.phrases.values()]


def fields_of(fields: tuple[Field, ...], path: str = "") -> Iterator[tuple[str, Field]]:
    """Every field with its path, groups before what is in them."""
    for each in fields:
        here = f"{path}.{each.id}" if path else each.id
        yield here, each
        yield from fields_of(each.fields, here)


def _numbers(kind: str, numbered: list[tuple[str, int]], tell: Tell, *place: str) -> None:
    first: dict[int, str] = {}
    for name, number in numbered:
        if number in first and number:
            tell(
                (*place, kind, name, "number"),
                f"the number {number} of {kind} '{name}' is that of '{first[number]}' already; "
                "give it one that was never used",
            )
        first.setdefault(number, name)


def _codes(pack: Pack, tell: Tell) -> None:
    used = {field.codes for each in owners(pack) for _, field in fields_of(each.fields)}
    for name, items in pack.codes.items():
        _numbers("item", [(item.id, item.number) for item in items], tell, "codes", name)
        _repeats([item.id for item in items], "item", tell, "codes", name)
        if name not in used:
            tell(("codes", name), f"no field uses the code list '{name}'; take it out")


def _repeats(names: list[str], kind: str, tell: Tell, *place: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            tell((*place, kind, name), f"the {kind} '{name}' is there twice; rename one")
        seen.add(name)


# ------------------------------------------------------------------------------------------ forms


def _form(pack: Pack, form: Form, tell: Tell) -> None:
    place = ("form", form.id)
    _fields(pack, form.fields, tell, place, "", _AT_FIELDS)
    for other in form.answers:
        if other not in pack.forms:
            tell((*place, "answers"), vetrules.dangling("form", other, pack.forms))
    for index, each in enumerate(form.predecessors):
        where = (*place, "predecessor", str(index))
        for other in each.forms:
            if other not in pack.forms:
                tell((*where, "forms"), vetrules.dangling("form", other, pack.forms))
        if each.role is RefRole.ANSWERS and not set(each.forms) <= set(form.answers):
            tell(
                where,
                f"form '{form.id}' must cite what it answers, but does not name all of it under "
                "'answers'; add it there",
            )
    if not form.obliges and any(
        isinstance(rule, Deadline) and rule.on == form.id and rule.by
        for rule in pack.rules.values()
    ):
        tell(
            (*place, "obliges"),
            f"form '{form.id}' is to oblige nobody, and a deadline runs from it; drop one of them",
        )
    if form.disclaimer and form.disclaimer not in pack.words[ENGLISH]:
        tell((*place, "disclaimer"), _no_text(form.disclaimer))
    cites = form.effect in (Effect.CONTEST, Effect.WAIVE, Effect.HOLD)
    if cites and not form.predecessors and not form.answers:
        tell(
            (*place, "effect"),
            f"form '{form.id}' has the effect '{form.effect.value}' on what it cites, and cites "
            "nothing; give it a predecessor",
        )


def _fields(
    pack: Pack, fields: tuple[Field, ...], tell: Tell, place: Place, path: str, level: int
) -> None:
    of = f"{place[0]} '{place[1]}'"
    base = (*place, *(("field", path) if path else ()))
    first: dict[int, str] = {}
    seen: set[str] = set()
    for each in fields:
        here = f"{path}.{each.id}" if path else each.id
        where = (*place, "field", here)
        if each.number and each.number in first:
            tell(
                (*where, "number"),
                f"the field number {each.number} of '{here}' in {of} is that of "
                f"'{first[each.number]}' already; give it one that was never used",
            )
        first.setdefault(each.number, each.id)
        if each.id and each.id in seen:
            tell(where, f"the field '{here}' is in {of} twice; rename one")
        seen.add(each.id)
        _field(pack, each, here, lambda key, text, where=where: tell((*where, key), text))  # type: ignore[misc]
        if level + _LEVELS.get(each.type, 0) > _DEEPEST:
            tell(where, f"the field '{here}' nests too deep for a statement; take it up a level")
        if each.type is FieldType.GROUP:
            _fields(pack, each.fields, tell, place, here, level + 2)
    serials = [each for each in fields if each.type is FieldType.SERIAL]
    if len(serials) > 1 or (serials and path):
        tell(base, f"{of} may have one serial, outside any group; take the others out")


def _field(pack: Pack, each: Field, here: str, tell: Callable[[str, str], None]) -> None:
    kind = each.type
    if kind is FieldType.CODE:
        if each.codes not in pack.codes:
            tell("codes", vetrules.dangling("code list", each.codes, pack.codes))
    elif each.codes:
        tell("codes", f"the field '{here}' is no code, so it has no code list; drop 'codes'")
    if kind is not FieldType.COUNT and (each.low is not None or each.high is not None):
        tell("low", f"the field '{here}' is no count, so it has no bounds; drop 'low' and 'high'")
    if each.low is not None and each.high is not None and each.low > each.high:
        tell(
            "low",
            f"the field '{here}' must be at least {each.low} and at most {each.high}, which "
            "nothing is; put that right",
        )
    if kind not in (FieldType.TEXT, FieldType.UNIT) and each.max_chars:
        tell("max_chars", f"the field '{here}' is no text; drop 'max_chars'")
    _group(each, here, tell)


def _group(each: Field, here: str, tell: Callable[[str, str], None]) -> None:
    if each.type is FieldType.GROUP:
        if not each.fields:
            tell("field", f"the group '{here}' has no fields; add one, or drop the group")
        if each.specials:
            tell("specials", f"the group '{here}' is no answer by itself; drop 'specials'")
        if each.required and each.repeat[0] == 0:
            tell("repeat", f"the group '{here}' is required and may be absent; repeat it from 1")
        if each.repeat[1] == 0:
            tell("repeat", f"the group '{here}' may never be there; let it repeat, or drop it")
    elif each.fields:
        tell("field", f"the field '{here}' is no group, so it has no fields; change its type")
    elif each.repeat != (0, 1):
        tell("repeat", f"the field '{here}' is no group, so it does not repeat; drop 'repeat'")


def _sendable(pack: Pack, tell: Tell) -> None:
    """Forms that can be sent, found from those that need nothing before them."""
    can: set[str] = set()
    before = -1
    while len(can) > before:
        before = len(can)
        for form in pack.forms.values():
            if all(
                not each.required or any(other in can for other in each.forms)
                for each in form.predecessors
            ):
                can.add(form.id)
    for form in pack.forms.values():
        needs = [each for each in form.predecessors if each.required]
        known = all(other in pack.forms for each in needs for other in each.forms)
        if form.id not in can and known:
            tell(
                ("form", form.id, "predecessor", "0"),
                f"form '{form.id}' can never be sent: what it must cite needs it first; make one "
                "of these predecessors not required",
            )


def _phrases(pack: Pack, tell: Tell) -> None:
    codes: dict[str, str] = {}
    for each in pack.phrases.values():
        if each.code and each.code in codes:
            tell(
                ("phrase", each.id, "code"),
                f"the code {each.code} of phrase '{each.id}' is that of '{codes[each.code]}' "
                "already; one of them is wrong",
            )
        codes.setdefault(each.code, each.id)
    for each in pack.phrases.values():
        place = ("phrase", each.id)
        _fields(pack, each.fields, tell, place, "", _AT_FIELDS)
        for path, field in fields_of(each.fields):
            if field.type is FieldType.SERIAL:
                tell(
                    (*place, "field", path),
                    f"phrase '{each.id}' has a serial, and nothing counts phrases; take it out",
                )
        for other in each.response:
            if other not in codes:
                tell((*place, "response"), vetrules.dangling("phrase with the code", other, codes))
        if each.signal and each.signal not in pack.words[ENGLISH]:
            tell((*place, "signal"), _no_text(each.signal))


def _status(pack: Pack, tell: Tell) -> None:
    seen: set[tuple[str, str]] = set()
    for index, each in enumerate(pack.status):
        place = ("status", str(index))
        if list(each.pair) != sorted(each.pair):
            tell((*place, "pair"), "a pair is named in alphabetical order; exchange the two")
        if each.by and each.by not in each.pair:
            tell((*place, "by"), f"'{each.by}' is none of the pair; name one of the two")
        if each.pair in seen:
            tell(place, f"the pair {' and '.join(each.pair)} is there twice; drop one")
        seen.add(each.pair)


# ------------------------------------------------------------------------------------------ words


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text that the pack needs: its key, and where the thing stands that needs it."""

    key: str
    place: Place
    needed: bool = True


def _want(name: str, place: Place, needed: bool = True) -> Wanted:  # noqa: FBT001, FBT002
    return Wanted(name, place, needed)


def wanted(pack: Pack) -> Iterator[Wanted]:
    """Every text that the pack can use; ``needed``: English must have it."""
    yield _want("pack.title", ())
    yield _want("pack.source", (), pack.cite.provenance is not Provenance.DESIGN)
    yield _want("pack.note", (), needed=False)
    for form in pack.forms.values():
        place: Place = ("form", form.id)
        yield _want(word_key("form", form.id, "title"), place)
        yield _want(word_key("form", form.id, "note"), place, needed=False)
        for path, _ in fields_of(form.fields):
            here = (*place, "field", path)
            yield _want(word_key("field", form.id, path), here)
            yield _want(word_key("hint", form.id, path), here, needed=False)
        if form.disclaimer:
            yield _want(form.disclaimer, (*place, "disclaimer"), needed=False)
    for name, items in pack.codes.items():
        for item in items:
            yield _want(word_key("code", name, item.id), ("codes", name, "item", item.id))
    for phrase in pack.phrases.values():
        yield from _phrase_words(phrase)
    for rule in pack.rules.values():
        place = ("rule", rule.id)
        yield _want(word_key("rule", rule.id, "title"), place)
        yield _want(word_key("rule", rule.id, "note"), place, needed=False)
        if isinstance(rule, Threshold):
            yield _want(rule.label, (*place, "label"))


def _phrase_words(phrase: Phrase) -> Iterator[Wanted]:
    place = ("phrase", phrase.id)
    yield _want(word_key("phrase", phrase.id, "meaning"), place)
    yield _want(word_key("phrase", phrase.id, "wording"), place)
    yield _want(word_key("phrase", phrase.id, "pronunciation"), place, needed=False)
    yield _want(word_key("phrase", phrase.id, "note"), place, needed=False)
    for path, _ in fields_of(phrase.fields):
        yield _want(word_key("phrase", phrase.id, "field", path), (*place, "field", path))
    if phrase.signal:
        yield _want(phrase.signal, (*place, "signal"), needed=False)


def _words(pack: Pack, tell: Tell) -> None:
    known: set[str] = set()
    english = pack.words[ENGLISH]
    if not english:  # one sentence, where there would be one for every text
        tell((), "the pack has no English texts; write words/en.toml")
    for each in wanted(pack):
        known.add(each.key)
        if each.needed and english and each.key not in english:
            tell(each.place, f"words/en.toml lacks the text '{each.key}'; add it")
    for language, words in pack.words.items():
        for each_key, text in words.items():
            if each_key not in known:
                tell(
                    ("word", language, each_key),
                    f"nothing in the pack uses the text '{each_key}'; correct the key or drop it",
                )
            if not text.strip():
                tell(
                    ("word", language, each_key),
                    f"the text '{each_key}' is empty; write it, or leave the key out",
                )


def _no_text(name: str) -> str:
    return f"words/en.toml lacks the text '{name}'; add it"
