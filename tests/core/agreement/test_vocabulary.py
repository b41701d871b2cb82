"""The tables of a pack as they stand: numbers, bounds and defaults by which old packs are read.

``shapes.txt`` says all of them. A number never changes and is never used again. A bound may be
raised, but a lower one would refuse packs that parties have signed; and what a key means that is
left out stands in no bytes, so that another default would make another agreement of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.core.agreement import kinds, load, vocabulary
from tieline.core.agreement.kinds import Kind
from tieline.core.agreement.shapes import REQUIRED, Shape, Table, Tables
from tieline.core.errors import PackUnfit

SHAPES: tuple[Shape[object], ...] = (
    *load.FILES,
    vocabulary.CODES,
    vocabulary.ITEM,
    vocabulary.STATUS,
    vocabulary.FORM,
    vocabulary.FIELD,
    vocabulary.PREDECESSOR,
    vocabulary.PHRASE,
    *vocabulary.RULES,
    vocabulary.CONDITION,
    vocabulary.CRITERION,
    vocabulary.UNITS,
)


def bounds(kind: Kind) -> str:
    """What a kind takes."""
    match kind:
        case kinds.Text(pattern=pattern, most=most):
            return f"text of {most}" + ("" if pattern == kinds.PLAIN else f" as {pattern}")
        case kinds.Whole(low=low, high=high):
            return f"number {low} to {high}"
        case kinds.Duration(negative=negative):
            return "period" if negative else "period from 0"
        case kinds.Choice(words=words):
            return "one of " + ", ".join(f"{word}={meant!s}" for word, meant in words.items())
        case kinds.ListOf(each=each, least=least, most=most):
            return f"{least} to {most} times {bounds(each)}"
        case kinds.SetOf(each=each):
            return f"set, each {bounds(each)}"
        case kinds.Span(high=high):
            return f"two numbers 0 to {high}"
        case Tables(shape=shape, least=least, most=most):
            return f"{least} to {most} of {shape().name}"
        case Table(shape=shape):
            return f"one {shape().name}"
    return type(kind).__name__.lower()


def described(shape: Shape[object]) -> list[str]:
    """A table, line by line."""
    out = [shape.name + ("" if shape.cited else " (without a cite)")]
    for key in shape.keys:
        default = key.default
        if default in ("", frozenset()):
            default = "nothing"
        end = "" if default is REQUIRED else f"; left out: {default!s}"
        attrs = "" if key.attrs == (key.name,) else f" -> {' '.join(key.attrs)}"
        out.append(f"  {key.number} {key.name}{attrs}: {bounds(key.kind)}{end}")
    return out


def test_every_table_is_as_older_packs_were_written() -> None:
    held = (Path(__file__).parent / "shapes.txt").read_text("utf-8").splitlines()
    assert [line for shape in SHAPES for line in described(shape)] == held


def test_each_key_is_explained_to_an_author() -> None:
    for shape in SHAPES:
        for key in shape.keys:
            assert key.about.strip(), (shape.name, key.name)
        assert shape.about.endswith("."), shape.name


def test_canonical_bytes_end_at_their_limits() -> None:
    limits = load.LIMITS
    assert (limits.max_bytes, limits.max_depth, limits.max_items) == (1_048_576, 16, 120_000)


def test_the_words_of_one_file_are_read_by_themselves() -> None:
    source = kinds.Source("words/en.toml", {"verified": True, "words": {"a": "x"}})
    assert load.read_words(source) == {"a": "x"}
    with pytest.raises(PackUnfit) as refused:
        load.read_words(kinds.Source("words/en.toml", {"words": {"a": 1}}))
    assert [each.text for each in refused.value.faults] == [
        "words file lacks the key 'verified' (" + load.WORDS_FILE.keys[0].about + "); add it",
        "'a' must be a text without control characters, in quotation marks",
    ]
