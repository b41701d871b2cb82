"""The packs that come with the software: whole, neutral, and as sure as they say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tieline.core.agreement.load import pack_from_bytes
from tieline.core.agreement.model import Field, Pack, Provenance
from tieline.core.agreement.tongue import Tongue, lacking
from tieline.desk.cli.packs import pack_lines
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


# How many texts of a language are English, where it is not whole.
LACKS = {
    "dangerous-military-activities": {"fr": 1, "ru": 1},
    "data-exchange": {"fr": 1, "ru": 1},
    "incsea": {"fr": 2, "it": 2, "ru": 2},
    "installations": {"fr": 2, "ru": 2},
    "launch-notification": {"fr": 3, "ru": 3},
    "strategic-exercise": {"fr": 2, "ru": 2},
    "vienna-document-2011": {"de": 2, "es": 2, "fr": 2, "it": 2, "ru": 10},
}
DESK = {"en", "fr", "de", "it", "ru", "es", "ar"}  # the languages in which the desk speaks


@pytest.mark.parametrize("name", SHIPPED)
def test_which_languages_of_a_pack_are_whole(name: str) -> None:
    made = pack(name)
    lacks = {each.tag: len(lacking(made, each.tag)) for each in made.languages}
    assert {tag: count for tag, count in lacks.items() if count} == LACKS.get(name, {})
    assert set(made.words) == set(lacks)
    # What any incident and any exercise is spoken of in: whole in each language of the desk.
    if name in {"crisis", "incident", "exercise"}:
        assert set(lacks) == DESK
    shown = pack_lines(made, Tongue(made, {}, "en"))[1]
    for tag, count in lacks.items():
        assert (f"{tag} unverified ({count} text" in shown) is (count > 0)


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
