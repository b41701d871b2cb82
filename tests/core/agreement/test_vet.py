"""What does not fit together in a pack is said, each with its line, and nothing else is."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.core.agreement import rich

from tieline.core.agreement.load import load, pack_from_bytes, to_bytes
from tieline.core.agreement.model import Field, FieldType, Form, Pack, Rule, Threshold
from tieline.core.agreement.vet import MAX_TOTAL_FIELDS, MAX_TOTAL_WORDS, Wanted, vet, wanted
from tieline.core.errors import PackFault, PackUnfit
from tieline.node.packs import parse

CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "unfit.toml").read_text("utf-8")
)["case"]


def told(files: dict[str, str]) -> list[list[str]]:
    """All that is said of files: the line (without one the file), and the sentence."""
    try:
        load(parse(name, text.encode())[0] for name, text in files.items())
    except PackUnfit as unfit:
        lines = {name: ["", *text.split("\n")] for name, text in files.items()}
        return [
            [lines[each.file][each.line].strip() or each.file, each.text] for each in unfit.faults
        ]
    return []


def test_the_pack_as_it_is_fits_together() -> None:
    assert told(rich.FILES) == []


@pytest.mark.parametrize("case", CASES, ids=[str(each["change"][0][1]) for each in CASES])
def test_what_is_said_of_a_change(case: dict[str, Any]) -> None:
    files = dict(rich.FILES)
    for old, new in case["change"]:
        name = next(name for name, text in files.items() if old in text)
        files[name] = files[name].replace(old, new, 1)
    assert told(files) == case["told"]


# ------------------------------------------------------------------------- as values, not as files


def rich_pack() -> Pack:
    return load(parse(name, text.encode())[0] for name, text in rich.FILES.items())


def faults(pack: Pack) -> list[tuple[tuple[str, ...], str]]:
    found: list[tuple[tuple[str, ...], str]] = []
    vet(pack, lambda place, text: found.append((place, text)))
    return found


def of_counts(number: int) -> Form:
    """A form with so many fields."""
    made = rich_pack().forms["report"]
    inside = tuple(
        Field(number=each, id=f"f{each}", type=FieldType.COUNT, cite=made.cite)
        for each in range(number)
    )
    return replace(made, id="many", number=99, fields=inside)


def test_a_pack_has_so_many_fields_and_no_more() -> None:
    pack = rich_pack()
    held = sum(1 for one in wanted(pack) if one.key.startswith("field.")) + 1  # one of a phrase
    for number, said in ((MAX_TOTAL_FIELDS - held, []), (MAX_TOTAL_FIELDS - held + 1, [()])):
        large = replace(pack, forms={**pack.forms, "many": of_counts(number)})
        places = [place for place, text in faults(large) if "fields where 3000 are" in text]
        assert places == said


def test_a_pack_has_so_many_texts_and_no_more() -> None:
    pack = rich_pack()
    held = sum(map(len, pack.words.values()))
    for number, said in ((MAX_TOTAL_WORDS - held, []), (MAX_TOTAL_WORDS - held + 1, [()])):
        french = pack.words["fr"] | {f"x{each}": "y" for each in range(number)}
        large = replace(pack, words={**pack.words, "fr": french})
        places = [place for place, text in faults(large) if "texts where 30000 are" in text]
        assert places == said


def test_without_english_one_sentence_stands_for_all_texts() -> None:
    pack = replace(rich_pack(), words={"en": {}})
    assert [text for _, text in faults(pack) if "English" in text] == [
        "the pack has no English texts; write words/en.toml"
    ]
    assert not [text for _, text in faults(pack) if "lacks the text 'form." in text]


def test_what_a_reader_put_in_for_a_missing_name_is_not_called_a_clash() -> None:
    """Whoever left out two numbers or names is told that, and not that they are the same."""
    pack = rich_pack()
    blank = [replace(pack.forms["report"], number=0, id=name) for name in ("one", "two")]
    blank = [
        replace(each, fields=(replace(each.fields[0], number=0, id=""),) * 2) for each in blank
    ]
    phrases = {name: replace(each, code="") for name, each in pack.phrases.items()}
    forms = {**pack.forms, **{each.id: each for each in blank}}
    some = faults(replace(pack, forms=forms, phrases=phrases))
    assert not [text for _, text in some if "already" in text or "twice" in text]


def test_a_threshold_of_no_bounds_is_never_always_reached() -> None:
    pack = rich_pack()
    rule = pack.rules["reported"]
    assert isinstance(rule, Threshold)
    rules: dict[str, Rule] = {**pack.rules, "reported": replace(rule, all_of=rule.any_of)}
    assert faults(replace(pack, rules=rules)) == []


def test_which_texts_a_pack_can_use_and_where_they_belong() -> None:
    found = {each.key: each for each in wanted(rich_pack())}
    assert found["pack.note"] == Wanted("pack.note", (), needed=False)
    assert found["hint.visit.phase.at"] == Wanted(
        "hint.visit.phase.at", ("form", "visit", "field", "phase.at"), needed=False
    )
    assert found["field.visit.phase.at"].needed
    assert found["code.kinds.urgent"].place == ("codes", "kinds", "item", "urgent")
    assert found["disclaimer"] == Wanted(
        "disclaimer", ("form", "visit", "disclaimer"), needed=False
    )
    assert found["flags"] == Wanted("flags", ("phrase", "asking", "signal"), needed=False)
    assert found["label"] == Wanted("label", ("rule", "reported", "label"))
    for key in ("form.seal.note", "rule.held.note", "phrase.saying.note"):
        assert not found[key].needed
        assert found[key].place == tuple(key.split("."))[:2]


def test_a_pack_beyond_a_mebibyte_is_refused() -> None:
    tags = ["en", *(f"x{letter}" for letter in "abcdefghijklmno")]
    pack = rich.PACK.replace('"en", "fr"', ", ".join(f'"{tag}"' for tag in tags))
    files = {**rich.FILES, "pack.toml": pack}
    del files["words/fr.toml"]
    keys = [f"form.{form.id}.note" for form in rich_pack().forms.values()]
    for length, said in ((3000, 0), (4000, 0), (4000, 1)):
        some = keys + [f"rule.{rule}.note" for rule in rich_pack().rules] * said
        texts = "".join(f'"{key}" = "{"x" * length}"\n' for key in some)
        for tag in tags[1:]:
            files[f"words/{tag}.toml"] = f"verified = false\n[words]\n{texts}"
        found = told(files)
        assert [one[0] for one in found] == ["pack.toml"] * said
        assert all(one[1].endswith(" bytes or too many parts; split it") for one in found)


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("forms/more.toml", 0), ("formes/more.toml", 1), ("rule.toml", 1), ("words.toml", 1),
        ("forms.md", 1),
    ],
)  # fmt: skip
def test_a_file_of_another_name_is_no_part_of_a_pack(name: str, faults: int) -> None:
    found = told({**rich.FILES, name: ""})
    assert found == [[name, "a pack has no file of this name; rename it or drop it"]] * faults


def test_a_pack_begins_with_its_own_file() -> None:
    files = {name: text for name, text in rich.FILES.items() if name != "pack.toml"}
    said = [text for _, text in told({**files, "pack.toml": ""})]
    assert "pack.toml lacks the key 'format' (the format of these files, 1); add it" in said
    with pytest.raises(PackUnfit) as refused:
        load(parse(name, text.encode())[0] for name, text in files.items())
    assert [str(each) for each in refused.value.faults] == [
        "pack.toml: there is no pack.toml; every pack begins with it"
    ]
    broken = PackFault("pack.toml", 3, "is no TOML")
    with pytest.raises(PackUnfit) as unread:
        load((parse(name, text.encode())[0] for name, text in files.items()), [broken])
    assert unread.value.faults == (broken,)


def test_english_must_be_there() -> None:
    files = {**rich.FILES, "pack.toml": rich.PACK.replace('"en", "fr"', '"fr"')}
    del files["words/en.toml"]
    said = [one for one in told(files) if "English" in one[1]]
    assert said == [
        ["pack.toml", "the pack has no English texts; write words/en.toml"],
        ['languages = ["fr"]', "every pack has English texts; add 'en' and words/en.toml"],
    ]


def test_bytes_with_too_many_faults_say_the_first_and_that_there_are_more() -> None:
    pack = rich_pack()
    for number in (49, 50, 80):
        words = {"en": pack.words["en"] | {f"x{each}": "y" for each in range(number)}}
        body = to_bytes(replace(pack, words={**pack.words, **words}))
        with pytest.raises(PackUnfit) as refused:
            pack_from_bytes(body)
        assert len(refused.value.faults) == min(number, 50)
        assert ("or more further" in refused.value.message) is (number >= 50)
