"""``docs/pack-reference.md``: every table and key of a pack's files, from the vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tieline.core.agreement import cases, kinds, load, shapes, vet
from tieline.core.agreement import vocabulary as vocab

PAGE: Final = "docs/pack-reference.md"

_PLAIN: Final[dict[type, str]] = {
    kinds.Flag: "true or false",
    kinds.Span: "two numbers, the lower one first",
    kinds.MonthDay: "day of every year, `12-15`",
    vocab.Instant: "UTC time",
    load.Words: "table of texts by key",
}

_HEAD: Final = """\
# Files of a pack: reference

Made by `./dev docs --write` from the vocabulary that the reader itself follows; do not edit. How
to make a pack is in [making a pack](pack-authoring.md). `tieline pack schema FOLDER` writes the
same as JSON Schema for an editor.

Tables marked * may also have `paragraph` (where in the agreement it stands) and `provenance`
(`read`, `memory`, `unverified` or `design`); without them they are those of the table around, at
last those of `pack.toml`. A key that is not listed is refused. *Number* is the key's number in
the canonical encoding, in which a key with its default is left out, paragraph is 1, provenance 2,
and the kind of a rule 0.
"""

_LIMITS: Final = f"""\
## Limits

| what | at most |
| --- | ---: |
| bytes of a folder, of its canonical encoding | 1,048,576 each |
| forms | {vocab.MAX_FORMS} |
| fields of a form, a phrase or a group | {vocab.MAX_FIELDS} |
| fields in all | {vet.MAX_TOTAL_FIELDS} |
| groups inside one another | {shapes.MAX_NESTING - 1} |
| phrases | {vocab.MAX_PHRASES} |
| rules of one kind | {vocab.MAX_RULES} |
| code lists, items of one | {vocab.MAX_LISTS}, {vocab.MAX_ITEMS} |
| languages | {vocab.MAX_LANGUAGES} |
| texts in all, characters of one | {vet.MAX_TOTAL_WORDS}, {vocab.MAX_CHARS} |
| a period | a hundred years |
| faults that are said at once | {kinds.MAX_FAULTS} |
| cases | {cases.MAX_CASES} |

## Canonical encoding

Deterministic CBOR (RFC 8949 section 4.2.1, as in the [protocol](protocol.md)) of one map with
five entries: 0 the map of `pack.toml`, 1 the forms, 2 the phrases, 3 the rules, 4 the texts of
each language in the order of `languages`. Forms, fields, items and rules keep the order of the
files. Each rule is the map of its table with its kind under 0: deadline 1, threshold 2, quota 3,
validity 4, exchange 5, simultaneous 6. Texts are one array of keys and texts in turn, sorted by
key. Periods are milliseconds, times UTC milliseconds since 1970, words of a closed list their
text; the answers in `specials` stand in the order not-known, withheld, nil. What a file can
inherit is written out. Bytes that do not re-encode to themselves are refused. The hash of a pack
is SHA-256 over `tieline-pack-v1`, a zero byte and these bytes. Its
form is `pack` in the [CDDL](protocol.cddl). [Vectors](../vectors/README.md)
are in `vectors/pack/`.
"""


def _kind(kind: kinds.Kind) -> str:
    """What a value of this kind is, in a few words."""
    match kind:
        case kinds.Choice():
            return "one of " + ", ".join(f"`{word}`" for word in kind.words)
        case kinds.Whole():
            return f"whole number, {kind.low} to {kind.high}"
        case kinds.Duration():
            return "period: `48h`, `1d12h`" + (", `-42d`" if kind.negative else "")
        case kinds.ListOf():
            return f"array ({kind.least} to {kind.most}): {_kind(kind.each)}"
        case kinds.SetOf():
            return f"array: {_kind(kind.each)}"
        case shapes.Table():
            return f"table ({kind.shape().name})"
        case shapes.Tables():
            return f"tables {kind.shape().name}, {kind.least} to {kind.most}"
        case kinds.Text():
            return kind.say
    return _PLAIN.get(type(kind), "table")


def _default(key: shapes.Key) -> str:
    if key.default is shapes.REQUIRED:
        return "required"
    if key.default in ("", (), None, frozenset(), {}):
        return "none"
    if isinstance(key.kind, kinds.Choice):
        return next(f"`{word}`" for word, it in key.kind.words.items() if it == key.default)
    if isinstance(key.default, tuple):
        return f"`{list(key.default)}`"
    return f"`{str(key.default).lower()}`"


def _table(shape: shapes.Shape[object]) -> list[str]:
    star = " *" if shape.cited else ""
    out = [f"### {shape.name}{star}", "", shape.about, ""]
    out += ["| key | number | what | value | default |", "| --- | ---: | --- | --- | --- |"]
    out += [
        f"| `{key.name}` | {key.number} | {key.about} | {_kind(key.kind)} | {_default(key)} |"
        for key in shape.keys
    ]
    return [*out, ""]


def page() -> str:
    """The whole page."""
    parts: list[tuple[str, tuple[shapes.Shape[object], ...]]] = [
        ("pack.toml", (load.HEADER, vocab.CODES, vocab.ITEM, vocab.STATUS)),
        ("forms.toml, or forms/*.toml", (vocab.FORM, vocab.FIELD, vocab.PREDECESSOR)),
        ("phrases.toml", (vocab.PHRASE,)),
        ("rules.toml", (*vocab.RULES, vocab.CONDITION, vocab.CRITERION, vocab.UNITS)),
        ("words/LANGUAGE.toml", (load.WORDS_FILE,)),
        ("cases.toml", (cases.CASE, cases.MESSAGE, cases.EXPECT)),
    ]
    out = [_HEAD]
    for title, tables in parts:
        out += [f"## {title}", ""]
        for shape in tables:
            out += _table(shape)
    return "\n".join([*out, _LIMITS])


def renewed(root: Path) -> dict[str, str]:
    """The page, for the documents that are made."""
    return {PAGE: page()} if (root / "packs").is_dir() else {}
