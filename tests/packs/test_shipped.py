"""The packs that come with the software: whole, neutral, and as sure as they say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tieline.core.agreement.load import pack_from_bytes
from tieline.core.agreement.model import Field, Pack, Provenance
from tieline.node.packs import read_folder

PACKS = Path(__file__).parents[2] / "packs"
SHIPPED = sorted(path.parent.name for path in PACKS.glob("*/pack.toml"))
PARTIES = {"ALPHA", "BRAVO", "CHARLIE", "DELTA"}
# Where a public agreement names its parties: titles and sources only.
NAMES = re.compile(
    r"\b(?:America|Britain|China|Chinese|France|Germany|India|Ira[nq]|Israel|Korea|Pakistan|Poland"
    r"|Russia|Soviet|Syria|T[uü]rki|Ukrain|United States|U\.?S\.?A|Yemen)",
)
NAMING = {"pack.title", "pack.source"}


@cache
def pack(name: str) -> Pack:
    return read_folder(PACKS / name)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pack_is_whole_and_comes_back_from_its_bytes(name: str) -> None:
    made = pack(name)
    assert made.id == name
    assert pack_from_bytes(made.body).hash == made.hash


def keys(fields: tuple[Field, ...], head: str) -> set[str]:
    out = {f"{head}.{each.id}" for each in fields}
    for each in fields:
        out |= keys(each.fields, f"{head}.{each.id}")
    return out


@pytest.mark.parametrize("name", SHIPPED)
def test_english_is_complete(name: str) -> None:
    """Counted here by itself, and not by what the loader wants."""
    made = pack(name)
    need = {"pack.title", "pack.source"}
    for form in made.forms.values():
        need |= {f"form.{form.id}.title"} | keys(form.fields, f"field.{form.id}")
    for phrase in made.phrases.values():
        need |= {f"phrase.{phrase.id}.meaning", f"phrase.{phrase.id}.wording"}
        need |= keys(phrase.fields, f"phrase.{phrase.id}.field")
    need |= {f"rule.{rule}.title" for rule in made.rules}
    need |= {f"code.{codes}.{item.id}" for codes, items in made.codes.items() for item in items}
    if made.cite.provenance is Provenance.DESIGN:
        need.discard("pack.source")
    assert need - set(made.words["en"]) == set()


@pytest.mark.parametrize("name", SHIPPED)
def test_no_language_but_english_is_called_verified(name: str) -> None:
    """Nobody who is fluent has gone through the others."""
    made = pack(name)
    assert [each.tag for each in made.languages if each.verified] == ["en"]
    for each in made.words.values():
        assert set(each) <= set(made.words["en"])


@pytest.mark.parametrize("name", SHIPPED)
def test_no_state_is_named_but_in_the_title_and_source_of_an_agreement(name: str) -> None:
    for key, text in pack(name).words["en"].items():
        if key not in NAMING and not key.startswith("code.language."):
            assert not NAMES.search(text), (key, text)


@pytest.mark.parametrize("name", SHIPPED)
def test_examples_use_the_four_neutral_parties(name: str) -> None:
    path = PACKS / name / "cases.toml"
    if path.is_file():
        for line in re.findall(r"^parties = .*$", path.read_text("utf-8"), re.MULTILINE):
            assert set(re.findall(r'"([^"]+)"', line)) <= PARTIES
