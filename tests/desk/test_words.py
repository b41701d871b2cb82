"""The words of the desk: every language has every key, and says what English says."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from pathlib import Path

import pytest

from tieline.desk import words
from tieline.desk.words import LANGUAGES, Words, blanks, catalogue
from tieline.node.text import visible

FOLDER = Path(words.__file__).parent
OTHERS = [one for one in LANGUAGES if one != "en"]
ENGLISH = catalogue("en").words


def test_each_file_is_a_language_and_each_language_has_a_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(LANGUAGES)
    assert [one for one in LANGUAGES if catalogue(one).right_to_left] == ["ar"]
    assert [one for one in LANGUAGES if catalogue(one).verified] == ["en"]


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_key_and_puts_in_the_same_values(language: str) -> None:
    found = catalogue(language).words
    assert found.keys() ^ ENGLISH.keys() == set()
    assert [key for key in ENGLISH if blanks(found[key]) != blanks(ENGLISH[key])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_fit_to_be_shown(language: str) -> None:
    for key, text in catalogue(language).words.items():
        assert re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_., -]+", key), key
        assert text == text.strip() != "", key
        assert visible(text, lines=True) == text, key
        assert unicodedata.normalize("NFC", text) == text, key
        assert text.count("{") == text.count("}") == len(re.findall(r"\{[a-z_]+\}", text)), key
        assert "\u2014" not in text, key


def test_what_a_language_lacks_is_said_in_english_and_what_all_lack_by_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Words("de-AT").say("state.open") == "OFFEN"
    assert Words("xx").say("state.open") == Words("").say("state.open") == "OPEN"
    assert Words("xx").language == "en"
    assert Words("ar").direction == "rtl"
    assert Words("ar").say("state.half open") == "half open"
    lacking = {key: text for key, text in catalogue("de").words.items() if key != "state.open"}
    poor = dataclasses.replace(catalogue("de"), words=lacking)
    monkeypatch.setattr(words, "catalogue", {"de": poor, "en": catalogue("en")}.get)
    assert Words("de").say("state.open") == "OPEN"
    assert Words("de").say("state.closed") == "ABGESCHLOSSEN"


def test_a_value_is_put_in_as_it_is_and_never_read_as_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = dataclasses.replace(catalogue("en"), words={"a.b": "{who} of {line} has {n}"})
    monkeypatch.setattr(words, "catalogue", lambda language: made)
    said = Words("en").say("a.b", who="{line}", line="{0.__class__}%s", n=3)
    assert said == "{line} of {0.__class__}%s has 3"
    assert [*Words("en").parts("a.b", who="A", n=3)] == [
        ("A", True), (" of ", False), ("{line}", True), (" has ", False), ("3", True),
    ]  # fmt: skip
