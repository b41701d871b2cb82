"""A pack in an evidence file, part by part: what is read, and each thing that is refused."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tieline.core import encode, evidence_packs
from tieline.core.agreement.model import FieldType, Pack, Provenance, Special
from tieline.core.errors import RemoteError
from tieline.core.evidence_packs import NewerPack

Tables = dict[int, Any]


def item(number: int, name: str) -> Tables:
    return {2: "read", 3: number, 4: name}


def field(number: int, name: str, kind: str = "count", **more: Any) -> Tables:
    extra = {int(key[1:]): value for key, value in more.items()}
    return {2: "read", 3: number, 4: name, 5: kind, **extra}


def whole() -> Tables:
    """A pack that has everything once, as tables that a test may change."""
    inner = field(1, "deep", "group", _13=[field(1, "deepest", "text", _11=4000)])
    fields = [
        field(1, "count", _6=True, _9=-(10**12), _10=10**12),
        field(2, "kind", "code", _7="kinds", _8=["not-known", "withheld", "nil"]),
        field(65_535, "group", "group", _12=[0, 500], _13=[inner]),
    ]
    need = {1: "2", 2: "memory", 3: ["first"], 4: "answers", 5: True}
    weak = {2: "design", 3: ["second"], 4: "corrects"}
    phrase = {
        1: "9", 2: "read", 3: "hold", 4: 1, 5: "A1", 6: [field(1, "metres")], 7: ["B2", "C3"],
        8: "phrase.hold.signal",
    }  # fmt: skip
    return {
        0: {
            1: "1.2", 2: "design", 3: 1, 4: "some-pack", 5: "pp", 6: 65_535, 7: ["en", "fr"],
            8: [{2: "read", 3: "kinds", 4: [item(1, "one"), item(65_535, "two")]}],
        },
        1: [
            {1: "3", 2: "read", 3: "first", 4: 1, 5: fields, 13: "form.first.note"},
            {2: "unverified", 3: "second", 4: 2, 9: [need, weak]},
        ],
        2: [phrase],
        3: [],
        4: [{3: True, 5: ["a", "x", "b", "y"]}, {3: False, 4: "somebody", 5: ["a", "z"]}],
    }  # fmt: skip


def read(tables: Tables) -> Pack:
    return evidence_packs.read(encode.dumps(tables))


def test_every_part_of_a_pack_is_read() -> None:
    pack = read(whole())
    assert (pack.id, pack.tag, pack.version) == ("some-pack", "pp", 65_535)
    assert (pack.cite.paragraph, pack.cite.provenance) == ("1.2", Provenance.DESIGN)
    assert [(each.number, each.id) for each in pack.codes["kinds"]] == [(1, "one"), (65_535, "two")]
    tongues = [(each.tag, each.verified, each.by) for each in pack.languages]
    assert tongues == [("en", True, ""), ("fr", False, "somebody")]
    assert pack.words == {"en": {"a": "x", "b": "y"}, "fr": {"a": "z"}}
    first, second = pack.forms["first"], pack.forms["second"]
    assert (first.number, first.disclaimer, first.cite.paragraph) == (1, "form.first.note", "3")
    assert (second.number, second.fields, second.disclaimer) == (2, (), "")
    count, kind, group = first.fields
    assert (count.low, count.high, count.required, count.max_chars) == (-(10**12), 10**12, True, 0)
    assert (count.type, count.repeat, count.specials) == (FieldType.COUNT, (0, 1), frozenset())
    assert (kind.codes, kind.specials, kind.required) == ("kinds", frozenset(Special), False)
    assert (kind.low, kind.high) == (None, None)
    assert (group.number, group.repeat) == (65_535, (0, 500))
    assert [each.id for each in group.fields] == ["deep"]
    assert [(each.id, each.max_chars) for each in group.fields[0].fields] == [("deepest", 4000)]
    phrase = pack.phrases["hold"]
    assert (phrase.number, phrase.code, phrase.cite.paragraph) == (1, "A1", "9")
    assert (phrase.response, phrase.signal) == (("B2", "C3"), "phrase.hold.signal")
    assert [each.id for each in phrase.fields] == ["metres"]
    assert (pack.rules, pack.status) == ({}, ())


def many(count: int, make: Callable[[int], Any]) -> list[Any]:
    return [make(number) for number in range(1, count + 1)]


def names(count: int) -> list[str]:
    return [f"n{number:05d}" for number in range(count)]


def form(number: int) -> Tables:
    return {2: "read", 3: f"f{number}", 4: number}


def phrase(number: int) -> Tables:
    return {2: "read", 3: f"p{number}", 4: number, 5: f"X{number}"}


def words(count: int) -> list[str]:
    return [part for name in names(count) for part in (name, "")]


FORM = (1, 0)
COUNT, KIND, GROUP = (*FORM, 5, 0), (*FORM, 5, 1), (*FORM, 5, 2)
NEED, LIST, PHRASE = (1, 1, 9, 0), (0, 8, 0), (2, 0)
# Where, what is still taken, and what is not any more.
BOUNDS: list[tuple[tuple[int, ...], list[Any], list[Any]]] = [
    ((0, 1), [None, "x" * 60], ["", "x" * 61, 5]),
    ((0, 2), ["read", "memory"], [None, "guessed", 1]),
    ((0, 4), ["a", "x" * 32], [None, "x" * 33, "Upper", ""]),
    ((0, 5), ["a", "abcd"], [None, "abcde", "", "A"]),
    ((0, 6), [1, 65_535], [None, 0, 65_536, True]),
    ((0, 8), [[{2: "read", 3: "kinds", 4: [item(1, "one")]}]], [[], None, "text", [5]]),
    ((*LIST, 2), ["memory"], [None]),
    ((*LIST, 3), [], [None, "other", ""]),
    ((*LIST, 4), [many(400, lambda n: item(n, f"i{n}"))],
     [None, [], many(401, lambda n: item(n, f"i{n}")), [item(1, "a"), item(1, "b")],
      [item(1, "a"), item(2, "a")], [{3: 1, 4: "a"}], [item(0, "a")], [item(65_536, "a")]]),
    ((1,), [[]], [None, "text", [5], many(201, form)]),
    ((*FORM, 2), ["design"], [None]),
    ((*FORM, 3), [], [None, "second", "other"]),
    ((1, 1, 3), ["x" * 32], [None, "first", "x" * 33]),
    ((*FORM, 4), [3, 65_535], [None, 0, 2, 65_536]),
    ((*FORM, 5), [None, many(100, lambda n: field(n, f"n{n}"))],
     [[], many(101, lambda n: field(n, f"n{n}")), [field(1, "a"), field(1, "b")],
      [field(1, "a"), field(2, "a")]]),
    ((*FORM, 13), [None, "a.b"], ["", "no key", "x" * 201]),
    ((*COUNT, 3), [3], [None, 0, 2, 65_536]),
    ((*COUNT, 4), ["other"], [None, "kind"]),
    ((*COUNT, 5), ["text", "hash", "serial"], [None, "number", "code", "group", 5]),
    ((*COUNT, 6), [None, True], [False, 1]),
    ((*COUNT, 7), [None], ["kinds", ""]),
    ((*COUNT, 8), [None, ["nil"], ["withheld", "nil"]],
     [[], ["nil", "nil"], ["nil", "withheld"], ["never"], "nil"]),
    ((*COUNT, 9), [None, 0, 10**12], [-(10**12) - 1, 10**12 + 1, "0", True]),
    ((*COUNT, 10), [None, 0, -(10**12)], [10**12 + 1, -(10**12) - 1]),
    ((*COUNT, 11), [None, 1, 4000], [0, 4001]),
    ((*COUNT, 12), [None, [0, 2], [1, 1], [0, 0], [500, 500]],
     [[0, 1], [2, 1], [0, 501], [-1, 1], [1], [1, 2, 3], 5]),
    ((*COUNT, 13), [None], [[field(1, "a")], []]),
    ((*KIND, 7), [], [None, "others"]),
    ((*GROUP, 13), [[field(1, "a")]], [None, []]),
    ((*GROUP, 13, 0, 13, 0), [],
     [field(1, "d", "group", _13=[field(1, "e", "group", _13=[field(1, "f")])])]),
    ((1, 1, 9), [None, [deepcopy(whole()[1][1][9][0])] * 20],
     [[], [deepcopy(whole()[1][1][9][0])] * 21, [5]]),
    ((*NEED, 2), ["read"], [None]),
    ((*NEED, 3), [["first", "second"], [f"f{n}" for n in range(199)] + ["first"]],
     [None, [], ["first", "first"], ["second"], ["none"], [f"f{n}" for n in range(200)] + ["first"],
      ["Not an id"]]),
    ((*NEED, 4), ["corrects", "cancels", "supersedes"], [None, "obeys", 1]),
    ((*NEED, 5), [None, True], [False]),
    ((2,), [[], many(400, phrase)],
     [None, many(401, phrase), [phrase(1), {**phrase(2), 4: 1}],
      [phrase(1), {**phrase(2), 5: "X1"}], [phrase(1), {**phrase(2), 3: "p1"}]]),
    ((*PHRASE, 2), ["memory"], [None]),
    ((*PHRASE, 3), ["other"], [None, "Upper"]),
    ((*PHRASE, 4), [1, 65_535], [None, 0, 65_536]),
    ((*PHRASE, 5), ["x" * 16, "A B"], [None, "", "x" * 17, " A"]),
    ((*PHRASE, 6), [None], [[], [field(1, "a"), field(1, "b")]]),
    ((*PHRASE, 7), [None, ["X"] * 20], [[], ["X"] * 21, [""], "X"]),
    ((*PHRASE, 8), [None], ["", "no key"]),
    ((3,), [[5]], [None, "text", {}]),
    ((4, 0, 3), [False], [None, 1]),
    ((4, 0, 4), ["x" * 200], ["", "x" * 201]),
    ((4, 0, 5), [[], words(29_999)],
     [None, ["a"], ["b", "x", "a", "y"], ["a", "x", "a", "y"], ["no key", "x"], words(30_000),
      ["a", "x" * 4001], ["a", 5]]),
    ((0, 7), [], [None, [], ["fr", "de"], ["en", "en"], ["en"], ["en", "x" * 17], "en"]),
    ((4,), [], [None, [{3: True, 5: []}], [{3: True, 5: []}] * 3, [5, 5]]),
]  # fmt: skip
GOOD = [(path, value) for path, good, _ in BOUNDS for value in good]
BAD = [(path, value) for path, _, bad in BOUNDS for value in bad]


def changed(path: tuple[int, ...], value: Any) -> Tables:
    """The whole pack with another value at one place; ``None`` takes it out."""
    tables = whole()
    place: Any = tables
    for step in path[:-1]:
        place = place[step]
    if value is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = value
    return tables


@pytest.mark.parametrize(("path", "value"), GOOD, ids=lambda value: repr(value)[:30])
def test_what_lies_within_the_bounds_is_read(path: tuple[int, ...], value: Any) -> None:
    read(changed(path, value))


@pytest.mark.parametrize(("path", "value"), BAD, ids=lambda value: repr(value)[:30])
def test_what_lies_beyond_them_is_refused(path: tuple[int, ...], value: Any) -> None:
    with pytest.raises(RemoteError) as caught:
        read(changed(path, value))
    assert caught.value.code == "evidence.pack"
    assert caught.value.message.startswith("a pack in the evidence file ")


@pytest.mark.parametrize("part", [{}, {0: {}}, {**whole(), 5: 0}, [], "text"])
def test_a_pack_has_five_parts(part: Any) -> None:
    with pytest.raises(RemoteError) as caught:
        evidence_packs.read(encode.dumps(part))
    assert caught.value.code == "evidence.pack"


def test_a_pack_of_a_later_format_is_told_apart_from_none() -> None:
    with pytest.raises(NewerPack):
        read(changed((0, 3), 2))
    for format_ in (0, "1", None):
        with pytest.raises(RemoteError):
            read(changed((0, 3), format_))


def test_a_pack_has_no_more_than_three_thousand_fields() -> None:
    def forms(count: int) -> list[Tables]:
        fields = many(100, lambda n: field(n, f"n{n}"))
        return [{**form(number), 5: fields} for number in range(1, count + 1)]

    tables = {**whole(), 2: []}
    assert len(read({**tables, 1: forms(30)}).forms) == 30
    one_more = [*forms(30), {**form(31), 5: [field(1, "a")]}]
    for forms_, phrases in ((one_more, []), (forms(30), whole()[2])):
        with pytest.raises(RemoteError, match="more fields than a pack may have"):
            read({**tables, 1: forms_, 2: phrases})


def test_the_second_of_two_code_lists_of_one_name_is_refused() -> None:
    tables = whole()
    tables[0][8] = [tables[0][8][0]] * 2
    with pytest.raises(RemoteError):
        read(tables)
    lists = [{2: "read", 3: f"l{n}", 4: [item(1, "one")]} for n in range(201)]
    tables[0][8] = [*lists[:199], whole()[0][8][0]]
    assert len(read(tables).codes) == 200
    tables[0][8].append(lists[200])
    with pytest.raises(RemoteError):
        read(tables)
