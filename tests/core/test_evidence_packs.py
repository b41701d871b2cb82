"""Packs in evidence: which a file carries, what a reader makes of them, and hostile ones."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pytest
from tests.core.evidence_lines import MADE_MS
from tests.core.world import Net, Post, found, kit, message
from tests.page import files

from tieline.core import encode, evidence, evidence_packs
from tieline.core.agreement.load import pack_hash
from tieline.core.agreement.meaning import Means, Sense
from tieline.core.agreement.model import CodeItem, Field, Pack
from tieline.core.encode import Value
from tieline.core.errors import RemoteError
from tieline.core.evidence import MAGIC, MAGIC_2, Header, Scope
from tieline.core.evidence_facts import Report
from tieline.core.evidence_reader import read
from tieline.core.evidence_writer import Source, Writer
from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import Kind, RefRole
from tieline.node import packs
from tieline.node.evidence import as_json

FIRST: tuple[tuple[int, Value], ...] = ((1, 2), (2, 2), (3, 1_668_527_000))


@cache
def crisis() -> Pack:
    return packs.find("crisis")


@cache
def contacts() -> Pack:
    return packs.find("points-of-contact")


def form(name: str, fields: tuple[tuple[int, Value], ...], *refs: bytes) -> Content:
    cites = tuple(Ref(target, RefRole.CONCERNS) for target in refs)
    version = crisis().version
    return Content(
        kind=Kind.MESSAGE, form=name, form_version=version, body=Body(fields=fields), refs=cites
    )


def alpha_with(*named: Pack) -> Post:
    parties = [kit(code) for code in ("ALPHA", "BRAVO")]
    net = Net(parties, found(parties, packs=tuple(sorted(pack.hash for pack in named))))
    return net.post("ALPHA")


def written(post: Post, *at_hand: Pack, scope: Scope | None = None) -> tuple[Writer, bytes, Report]:
    line = post.line
    source = Source(
        charters=[line.charters[number] for number in sorted(line.charters)],
        record=line.record,
        ladder=line.ladder,
        packs={pack.hash: pack for pack in at_hand},
    )
    writer = Writer(source, Header(line.id, line.realm, MADE_MS, line.own, scope or Scope()))
    data = b"".join(writer.items())
    return writer, data, read([data])


def last(post: Post) -> bytes:
    return post.line.record.order[-1].statement.digest


def codes(findings: Iterable[object]) -> list[str]:
    return [str(getattr(each, "code", each)) for each in findings]


def test_a_file_carries_the_packs_of_its_forms_and_no_other() -> None:
    post = alpha_with(crisis(), contacts())
    post.speak(form("cr/first", FIRST))
    first = last(post)
    post.speak(message("a word of another matter"))
    plain = last(post)
    writer, data, report = written(post, crisis(), contacts())
    assert (list(writer.packs), writer.packs_away) == ([crisis().hash], ())
    assert data.startswith(MAGIC_2)
    assert contacts().body not in data
    assert (report.verdict, list(report.packs)) == ("checked", [crisis().hash])
    statements = as_json(report, languages=("fr", "xx"))["statements"]
    assert isinstance(statements, list)
    (said,) = [each["form"] for each in statements if isinstance(each, dict) and "form" in each]
    assert isinstance(said, dict)
    words = said["said"]
    assert isinstance(words, dict)
    assert "nous le savons en partie" in str(words["fr"])
    lacking = words["xx"]  # a language that the pack lacks: English, and said to be
    assert isinstance(lacking, dict)
    assert isinstance(lacking["answers"], list)
    assert lacking["answers"][0] == ["What we know", "we know in part", True]
    # A scope without forms needs no pack, and no reader of version 2.
    writer, data, report = written(post, crisis(), scope=Scope(item=plain))
    assert (writer.packs, data.startswith(MAGIC), report.verdict) == ({}, True, "checked")
    writer, data, report = written(post, crisis(), contacts(), scope=Scope(item=first))
    assert (list(writer.packs), codes(report.faults)) == ([crisis().hash], [])
    assert "gap.pack" not in codes(report.gaps)


def test_a_line_without_coded_traffic_makes_the_same_bytes_as_before() -> None:
    post = alpha_with(crisis())
    post.speak(message("nothing coded"))
    _, with_packs, _ = written(post, crisis())
    _, without, report = written(post)
    assert with_packs == without
    assert without.startswith(MAGIC)
    assert report.verdict == "checked"


def test_a_station_that_lacks_a_pack_says_so_and_so_does_the_reader() -> None:
    post = alpha_with(crisis(), contacts())
    post.speak(form("cr/first", FIRST))
    writer, _, report = written(post, contacts())
    assert writer.packs_away == (crisis().hash,)
    assert (report.verdict, codes(report.gaps)) == ("partly", ["gap.pack"])
    assert report.gaps[0].text.endswith(f"not in the file ({crisis().hash.hex()[:16]})")
    # What is carried shows that the form is of none of these.
    assert list(writer.packs) == [contacts().hash]


def test_a_form_of_no_pack_carries_all_of_its_version_so_that_nobody_has_to_believe_it() -> None:
    post = alpha_with(crisis(), contacts())
    post.speak(form("xx/first", FIRST))
    writer, _, report = written(post, crisis(), contacts())
    assert (len(writer.packs), writer.packs_away, report.verdict) == (2, (), "checked")
    assert list(report.packs) == sorted(report.packs)


def test_a_form_under_a_charter_without_packs_needs_none() -> None:
    post = alpha_with()
    post.speak(form("cr/first", FIRST))
    writer, data, report = written(post, crisis())
    assert (writer.packs, data.startswith(MAGIC), report.verdict) == ({}, True, "checked")


@pytest.mark.parametrize(
    ("name", "most"), [("MAX_PACKS", 1), ("MAX_PACKS_BYTES", len(crisis().body) + 10)]
)
def test_what_is_more_than_a_file_may_hold_is_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    post = alpha_with(crisis(), contacts())
    post.speak(form("cr/first", FIRST))
    post.speak(form("pc/none", FIRST))
    monkeypatch.setattr(evidence, name, most)
    writer, _, report = written(post, crisis(), contacts())
    assert len(writer.packs) < 2
    assert len(writer.packs_away) >= 1
    assert (report.verdict, codes(report.gaps)) == ("partly", ["gap.pack"])


@pytest.mark.parametrize("name", packs.shipped())
def test_a_shipped_pack_reads_as_a_station_reads_it(name: str) -> None:
    pack = packs.find(name)
    read_ = evidence_packs.read(pack.body)
    assert (read_.hash, read_.id, read_.tag, read_.version) == (
        pack.hash, pack.id, pack.tag, pack.version,
    )  # fmt: skip
    assert (read_.words, read_.languages) == (pack.words, pack.languages)
    codes = {name: [plain(item) for item in items] for name, items in pack.codes.items()}
    assert {name: [plain(item) for item in items] for name, items in read_.codes.items()} == codes
    for mine, theirs in zip(read_.sendable(), pack.sendable(), strict=True):
        for part in ("id", "number", "cite", "name", "disclaimer"):
            assert getattr(mine, part) == getattr(theirs, part)
        assert [plain(each) for each in mine.fields] == [plain(each) for each in theirs.fields]


def plain(thing: CodeItem | Field) -> object:
    """A field or an item without what it means to incidents, which a reader passes over."""
    if isinstance(thing, CodeItem):
        return replace(thing, sense=Sense.NONE)
    own = replace(thing, means=Means.NONE, fields=())
    return own, [plain(each) for each in thing.fields]


def large(number: int, size: int) -> bytes:
    """A pack of about so many bytes, all of it texts."""
    return large_words(number, {f"t{at:05d}": "x" * 4000 for at in range(size // 4010)})


def large_words(number: int, words: dict[str, str]) -> bytes:
    head: Value = {2: "design", 3: 1, 4: f"p{number}", 5: "pp", 6: 1, 7: ("en",)}
    tongue: Value = {3: True, 5: tuple(part for key in sorted(words) for part in (key, words[key]))}
    return encode.dumps({0: head, 1: (), 2: (), 3: (), 4: (tongue,)})


def test_more_packs_than_a_file_may_hold_are_refused_one_by_one() -> None:
    small = [large_words(number, {"pack.title": "x"}) for number in range(66)]
    play = files.packs.Play(*small[:64])
    play.story.amend(files.packs.named(*small[64:]))
    in_order = files.packs.ascending(*small)
    data = files.evidence.pack(play.story, lambda _: True, {}, in_order).data()
    report = read([data])
    assert len(report.packs) == 64
    assert [(each.code, each.number) for each in report.faults] == [
        ("evidence.pack", 3 + 64),
        ("evidence.pack", 3 + 65),
    ]


def test_packs_larger_than_they_may_be_are_refused_without_being_read() -> None:
    million = [large(number, 1_040_000) for number in range(9)]
    assert all(len(body) <= 1 << 20 for body in million)
    over = million[0] + bytes((1 << 20) + 1 - len(million[0]))
    report = read([files.on_forms([*million, over], [])])
    faults = [(each.code, each.number) for each in report.faults]
    assert all(code == "evidence.pack" for code, _ in faults)
    assert len(report.packs) in {7, 8}  # by the hash of the one that is too large by itself
    assert pack_hash(over) not in report.packs
    huge = read([files.on_forms([bytes(1 << 21)], [])])
    assert codes(huge.faults) == ["evidence.too_large"]
    assert huge.broken


def test_a_pack_that_would_be_dear_to_read_is_not() -> None:
    """The longest chain of forms that each need the one before, in the worst order."""
    needs = [f"f{number}" for number in range(199, -1, -1)]
    forms = []
    for number, name in enumerate(needs, 1):
        table: dict[int, Value] = {2: "read", 3: name, 4: number}
        if name != "f0":
            after = tuple(needs[number:][::-1] if number < 200 else ())
            ahead = tuple(each for each in needs[: number - 1] if each != name)[:150]
            names = (*ahead, after[-1])
            table[9] = tuple({2: "read", 3: names, 4: "answers", 5: True} for _ in range(3))
        forms.append(table)
    words: dict[int, Value] = {3: True, 5: ()}
    head: dict[int, Value] = {2: "design", 3: 1, 4: "p", 5: "pp", 6: 1, 7: ("en",)}
    body = encode.dumps({0: head, 1: tuple(forms), 2: (), 3: (), 4: (words,)})
    began = time.process_time()
    assert len(evidence_packs.read(body).forms) == 200
    assert time.process_time() - began < 3.0


@pytest.mark.parametrize("name", sorted(files.packs.hostile()))
def test_a_hostile_pack_is_refused_with_one_code(name: str) -> None:
    with pytest.raises(RemoteError) as caught:
        evidence_packs.read(files.packs.hostile()[name])
    assert caught.value.code == "evidence.pack"
