"""What changed between two packs, and the schemas for editors."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.core.agreement import rich, small

from tieline.core.agreement.load import load
from tieline.core.agreement.model import Pack
from tieline.core.agreement.write import Change, diff, period, schemas
from tieline.node import packs


def pack(**changed: str) -> Pack:
    files = {**small.FILES, **{f"{k.replace('_', '/')}.toml": v for k, v in changed.items()}}
    return load(packs.parse(name, text.encode())[0] for name, text in files.items())


def told(**changed: str) -> list[tuple[str, str, str, bool]]:
    changes = diff(pack(), pack(**changed))
    return [(each.what, each.name, each.text, each.moved) for each in changes]


def test_equal_packs_do_not_differ() -> None:
    assert diff(pack(), pack()) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "want"),
    [
        ("pack", "version = 3", "version = 4", ("pack", "", "version: 3 → 4", False)),
        (
            "rules", '"48h"', '"36h"',
            ("rule", "reply-in-time", "not_after: 2d → 1d12h", False),
        ),
        (
            "rules", 'provenance = "memory"', 'provenance = "read"',
            ("rule", "reply-in-time", "cite: paragraph 'IV.3', memory → 'IV.3', read", False),
        ),
        ("forms", "flash = true", "", ("form", "ask", "flash: true → false", False)),
        (
            "forms", "high = 1000000", "high = 2000000",
            ("field", "ask.phase.troops", "high: 1000000 → 2000000", False),
        ),
        (
            "forms", 'specials = ["withheld", "not-known"]', 'specials = ["nil"]',
            ("field", "ask.what", "specials: [not-known, withheld] → [nil]", False),
        ),
        ("words_fr", "petit", "grand", ("words", "fr pack.title", "other words", False)),
        ("words_fr", "verified = false", "verified = true", ("words", "fr", "now verified", False)),
    ],
)  # fmt: skip
def test_a_change_is_told(name: str, old: str, new: str, want: tuple[str, str, str, bool]) -> None:
    before = small.FILES[f"{name.replace('_', '/')}.toml"]
    assert told(**{name: before.replace(old, new, 1)}) == [want]


CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "changes.toml").read_text("utf-8")
)["case"]


def rich_pack(*changes: list[str]) -> Pack:
    files = dict(rich.FILES)
    for old, new in changes:
        name = next(name for name, text in files.items() if old in text)
        files[name] = files[name].replace(old, new, 1)
    return load(packs.parse(name, text.encode())[0] for name, text in files.items())


@pytest.mark.parametrize("case", CASES, ids=[str(each["change"][0][1]) for each in CASES])
def test_each_kind_of_change_is_told_in_the_words_of_the_files(case: dict[str, Any]) -> None:
    changes = diff(rich_pack(), rich_pack(*case["change"]))
    found = [[("! " if one.moved else "") + one.what, one.name, one.text] for one in changes]
    assert found == case["told"]


def test_a_language_and_a_rule_that_go_are_told() -> None:
    new = rich_pack()
    tags = tuple(one for one in new.languages if one.tag == "en")
    rules = {name: one for name, one in new.rules.items() if name != "listed"}
    old = replace(new, languages=tags, words={"en": new.words["en"]}, rules=rules)
    languages = "languages: [en, fr] → [en]"
    assert [(one.name, one.text) for one in diff(new, old)] == [
        ("", languages), ("listed", "gone"), ("fr", "language is gone")
    ]  # fmt: skip
    assert [one.text for one in diff(old, new)][1:] == ["new", "new language"]
    other = replace(new, rules={**new.rules, "listed": replace(new.rules["lead"], id="listed")})
    assert [one.text for one in diff(new, other)] == ["another kind of rule"]


def test_the_schema_of_a_file_has_what_it_refers_to_and_no_more() -> None:
    made: dict[str, Any] = dict(schemas())
    assert {name: sorted(each["$defs"]) for name, each in made.items()} == {
        "pack": ["codes", "codes-item", "pack-toml", "status"],
        "forms": ["form", "form-field", "form-predecessor", "forms-toml"],
        "phrases": ["form-field", "phrase", "phrases-toml"],
        "rules": [
            "any_of", "deadline", "exchange", "quota", "rules-toml", "simultaneous", "threshold",
            "units", "validity", "when",
        ],
        "words": ["words-file"],
    }  # fmt: skip
    for name, each in made.items():
        assert each["$ref"] in {f"#/$defs/{part}" for part in each["$defs"]}, name
        assert each["title"] == f"Tieline pack, format 1: {name}" + (
            " file" if name == "words" else ".toml"
        )


def test_what_is_new_and_what_is_gone_is_told() -> None:
    forms = small.FORMS + '[[form.field]]\nnumber = 2\nid = "until"\ntype = "time"\n'
    words = small.EN + '"field.reply.until" = "Until"\n'
    assert told(forms=forms, words_en=words) == [
        ("field", "reply.until", "new", False),
        ("words", "en field.reply.until", "new", False),
    ]
    back = diff(pack(forms=forms, words_en=words), pack())
    assert [each.text for each in back] == ["gone", "gone"]


def test_a_number_that_means_another_thing_is_moved() -> None:
    swapped = small.PACK.replace("number = 1", "number = 9").replace("number = 2", "number = 1")
    (first, second, *_) = [each for each in diff(pack(), pack(pack=swapped)) if each.moved]
    assert first.text == "number code knowledge 1 meant 'know' and would now mean 'do-not-know'"
    assert second.text == "'know' had the code knowledge number 1 and would now have 9"
    retyped = small.FORMS.replace('type = "time"', 'type = "date"')
    (moved,) = [each for each in diff(pack(), pack(forms=retyped)) if each.moved]
    assert "meant 'start (time)' and would now mean 'start (date)'" in moved.text


def test_only_an_order_is_a_change_too() -> None:
    ask, reply = small.FORMS.split('[[form]]\nid = "reply"')
    turned = f'[[form]]\nid = "reply"{reply}\n{ask}'
    only = Change("pack", "", "only the order of its parts differs")
    assert diff(pack(), pack(forms=turned)) == [only]


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (172_800_000, "2d"), (-3_628_800_000, "-42d"), (129_600_000, "1d12h"),
     (90_061_000, "1d1h1m1s")],
)  # fmt: skip
def test_a_period_is_written_as_files_write_it(ms: int, text: str) -> None:
    assert period(ms) == text


# ----------------------------------------------------------------------------------------- schemas


def kind_of(name: str) -> str:
    return name.removesuffix(".toml").split("/")[0]


@pytest.mark.parametrize("name", packs.shipped())
def test_shipped_packs_fit_the_schemas(name: str) -> None:
    """An independent reader of JSON Schema finds nothing in files that ours takes."""
    jsonschema = importlib.import_module("jsonschema")
    made = schemas()
    sources, faults = packs.read_sources(packs.SHIPPED / name)
    assert faults == []
    for source in sources:
        validator = jsonschema.Draft202012Validator(made[kind_of(source.name)])
        assert [each.message for each in validator.iter_errors(source.table)] == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("forms.toml", "flash = true", "flush = true"),
        ("forms.toml", 'type = "count"', 'type = "float"'),
        ("forms.toml", "low = 0", 'low = "0"'),
        ("rules.toml", '"48h"', '"48 hours"'),
        ("rules.toml", 'who = "receivers"\n', ""),
        ("pack.toml", 'id = "small"', 'id = "Small"'),
        ("words/en.toml", "verified = true\n", ""),
    ],
)
def test_the_schemas_find_what_the_reader_refuses(name: str, old: str, new: str) -> None:
    jsonschema = importlib.import_module("jsonschema")
    assert old in small.FILES[name]
    source, _ = packs.parse(name, small.FILES[name].replace(old, new, 1).encode())
    validator = jsonschema.Draft202012Validator(schemas()[kind_of(name)])
    assert list(validator.iter_errors(source.table))
    good, _ = packs.parse(name, small.FILES[name].encode())
    assert not list(validator.iter_errors(good.table))
