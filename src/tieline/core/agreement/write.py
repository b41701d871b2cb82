"""What changed between two versions of a pack, and what its files may hold (JSON Schema).

A change is read by people, so it is told in the words of the files. One kind of change is no
change at all but a fault: a number that meant one thing in the older pack and means another in the
newer one. Records that were written under the older version would then read wrongly, so no version
may do it (``Change.moved``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.core.agreement import kinds, load, shapes
from tieline.core.agreement import vocabulary as vocab
from tieline.core.agreement.kinds import Json, Kind
from tieline.core.agreement.model import Field, Form, Pack, Phrase, Rule
from tieline.core.agreement.shapes import Shape, Table, Tables
from tieline.core.agreement.vet import fields_of

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_UNITS: Final = (("d", kinds.DAY_MS), ("h", 3_600_000), ("m", 60_000), ("s", 1000))


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: what kind of thing, which one, and a sentence.

    ``what``: pack, form, field, phrase, codes, rule, status, words. ``moved``: a number changed its
    meaning, which no version may do.
    """

    what: str
    name: str
    text: str
    moved: bool = False


def diff(old: Pack, new: Pack) -> list[Change]:
    """Every difference from the older to the newer pack; none for equal hashes."""
    out = [
        *_moved(old, new),
        *_attributes("pack", "", load.HEADER, load.header(old), load.header(new), skip=("codes",)),
        *_codes(old, new),
    ]
    for name in sorted({*old.forms, *new.forms}):
        out += _owner("form", name, vocab.FORM, old.forms.get(name), new.forms.get(name))
    for name in sorted({*old.phrases, *new.phrases}):
        out += _owner("phrase", name, vocab.PHRASE, old.phrases.get(name), new.phrases.get(name))
    for name in sorted({*old.rules, *new.rules}):
        out += _rule(name, old.rules.get(name), new.rules.get(name))
    out += _words(old, new)
    if not out and old.hash != new.hash:
        out.append(Change("pack", "", "only the order of its parts differs"))
    return out


def period(ms: int) -> str:
    """A period as files write it: ``48h`` stays ``2d``, negative ones begin with a minus."""
    rest, out = abs(ms), ""
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        out += f"{count}{unit}" if count else ""
    return ("-" if ms < 0 else "") + (out or "0s")


def shown(kind: Kind, value: object) -> str:
    """A value of a pack as its files write it; tables only as their number."""
    match kind:
        case kinds.Duration():
            return period(value) if isinstance(value, int) else "none"
        case kinds.Choice():
            return str(kind.encode(value))
        case vocab.Instant() if value is not None:
            return str(kind.encode(value))
        case kinds.Flag():
            return "true" if value else "false"
        case kinds.SetOf():
            items = kind.encode(value)
            return f"[{', '.join(map(str, items if isinstance(items, tuple) else ()))}]"
        case kinds.ListOf() | kinds.Span() | kinds.MonthDay():
            return f"[{', '.join(map(str, value if isinstance(value, tuple) else ()))}]"
        case Tables():
            return f"{len(value) if isinstance(value, tuple) else 0} of them"
        case Table():
            return "none" if value is None else "one"
    return "none" if value is None or value == "" else str(value)


def _attributes(
    what: str, name: str, shape: Shape[object], old: object, new: object, skip: tuple[str, ...] = ()
) -> Iterator[Change]:
    if shape.cited and old.cite != new.cite:  # type: ignore[attr-defined]  # ``cited`` says so
        before, after = old.cite, new.cite  # type: ignore[attr-defined]
        yield Change(
            what,
            name,
            f"cite: paragraph '{before.paragraph}', {before.provenance.value} → "
            f"'{after.paragraph}', {after.provenance.value}",
        )
    for each in shape.keys:
        before, after = shapes.collect(each, old), shapes.collect(each, new)
        if each.name in skip or before == after:
            continue
        one, two = shown(each.kind, before), shown(each.kind, after)
        text = f"{each.name}: {one} → {two}" if one != two else f"{each.name}: changed"
        yield Change(what, name, text)


def _codes(old: Pack, new: Pack) -> Iterator[Change]:
    for name in sorted({*old.codes, *new.codes}):
        before = {item.id: item for item in old.codes.get(name, ())}
        after = {item.id: item for item in new.codes.get(name, ())}
        if not before or not after:
            yield Change("codes", name, "new" if after else "gone")
            continue
        for item in sorted({*before, *after}):
            if item not in before or item not in after:
                yield Change("codes", name, f"{item}: {'new' if item in after else 'gone'}")
            elif before[item] != after[item]:
                yield from _attributes(
                    "codes", f"{name}.{item}", vocab.ITEM, before[item], after[item]
                )


def _owner(
    what: str,
    name: str,
    shape: Shape[Form] | Shape[Phrase],
    old: Form | Phrase | None,
    new: Form | Phrase | None,
) -> Iterator[Change]:
    if old is None or new is None:
        yield Change(what, name, "gone" if new is None else "new")
        return
    yield from _attributes(what, name, shape, old, new, skip=("field",))
    before, after = dict(fields_of(old.fields)), dict(fields_of(new.fields))
    for path in sorted({*before, *after}):
        here = f"{name}.{path}"
        if path not in before or path not in after:
            yield Change("field", here, "new" if path in after else "gone")
        else:
            one, two = before[path], after[path]
            yield from _attributes("field", here, vocab.FIELD, one, two, skip=("field",))


def _rule(name: str, old: Rule | None, new: Rule | None) -> Iterator[Change]:
    if old is None or new is None:
        yield Change("rule", name, "gone" if new is None else "new")
    elif type(old) is not type(new):
        yield Change("rule", name, "another kind of rule")
    else:
        shape = next(each for each in vocab.RULES if each.make is type(new))
        yield from _attributes("rule", name, shape, old, new)


def _words(old: Pack, new: Pack) -> Iterator[Change]:
    before = {each.tag: each for each in old.languages}
    after = {each.tag: each for each in new.languages}
    for tag in sorted({*before, *after}):
        if tag not in before or tag not in after:
            yield Change("words", tag, "new language" if tag in after else "language is gone")
            continue
        if before[tag] != after[tag]:
            now = "verified" if after[tag].verified else "not verified"
            yield Change("words", tag, f"now {now} {after[tag].by}".rstrip())
        one, two = old.words[tag], new.words[tag]
        for key in sorted({*one, *two}):
            if one.get(key) != two.get(key):
                how = "new" if key not in one else "gone" if key not in two else "other words"
                yield Change("words", f"{tag} {key}", how)


# ---------------------------------------------------------------------------------------- numbers


def _moved(old: Pack, new: Pack) -> Iterator[Change]:
    """Numbers that mean another thing than before, in either direction."""
    before, after = dict(_numbers(old)), dict(_numbers(new))
    for place, meant in before.items():
        means = after.get(place)
        if means is not None and means != meant:
            where = " ".join(map(str, place))
            text = f"number {where} meant '{meant}' and would now mean '{means}'"
            yield Change(str(place[0]), meant, text, moved=True)
    numbers = {(place[:-1], meant): place[-1] for place, meant in before.items()}
    for place, means in after.items():
        was = numbers.get((place[:-1], means))
        if was is not None and was != place[-1] and place not in before:
            where = " ".join(map(str, place[:-1]))
            text = f"'{means}' had the {where} number {was} and would now have {place[-1]}"
            yield Change(str(place[0]), means, text, moved=True)


def _numbers(pack: Pack) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each number on the wire: where it stands (the number last), and what it means."""
    for form in pack.forms.values():
        yield ("form", form.number), form.id
        yield from _field_numbers(("field", form.id), form.fields)
    for phrase in pack.phrases.values():
        yield ("phrase", phrase.number), phrase.id
        yield from _field_numbers(("phrase field", phrase.id), phrase.fields)
    for name, items in pack.codes.items():
        for item in items:
            yield ("code", name, item.number), item.id


def _field_numbers(
    place: tuple[str | int, ...], fields: tuple[Field, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for each in fields:
        kind = f"{each.id} ({each.type.value}{' ' + each.codes if each.codes else ''})"
        yield (*place, each.number), kind
        yield from _field_numbers((*place, each.number), each.fields)


# ----------------------------------------------------------------------------------------- schema


def schemas() -> dict[str, dict[str, Json]]:
    """A JSON Schema (2020-12) for each kind of file, by a name such as ``forms``."""
    all_shapes = (
        *load.FILES,
        *vocab.RULES,
        vocab.CODES,
        vocab.ITEM,
        vocab.STATUS,
        vocab.FORM,
        vocab.FIELD,
        vocab.PREDECESSOR,
        vocab.PHRASE,
        vocab.CONDITION,
        vocab.CRITERION,
        vocab.UNITS,
    )
    return {
        each.name.removesuffix(".toml").split(" ", maxsplit=1)[0]: schema_of(each, all_shapes)
        for each in load.FILES
    }


def schema_of(file: Shape[object], tables: Sequence[Shape[object]]) -> dict[str, Json]:
    """The schema of one kind of file; ``tables``: every shape that it may use, or more."""
    parts: dict[str, Json] = {shapes.definition(each): each.schema() for each in tables}
    name = shapes.definition(file)
    return {
        "$schema": _DRAFT,
        "title": f"Tieline pack, format {vocab.FORMAT}: {file.name}",
        "$ref": f"#/$defs/{name}",
        "$defs": {part: parts[part] for part in sorted(_used(name, parts))},
    }


def _used(name: str, parts: dict[str, Json]) -> set[str]:
    """The definition of this name and all that it refers to."""
    out: set[str] = set()
    todo: list[Json] = [{"$ref": f"#/$defs/{name}"}]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            todo += value.values()
            target = str(value.get("$ref", "")).removeprefix("#/$defs/")
            if target in parts and target not in out:
                out.add(target)
                todo.append(parts[target])
    return out
