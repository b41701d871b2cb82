"""A desk shows its own language, says where it cannot, and never acts on what a word holds."""

from __future__ import annotations

from tests.core.agreement.made import form_of, pack_of

from tieline.core.agreement.tongue import Tongue, Word

WORDS = {"en": {"a": "apple", "b": "book"}, "fr": {"a": "pomme"}}
ENGINE = {"en": {"e": "between {low} and {high}"}, "ru": {"e": "от {low} до {high}"}}


def tongue(lang: str) -> Tongue:
    return Tongue(pack_of(form_of(), words=WORDS), ENGINE, lang)


def test_a_missing_word_is_english_and_marked() -> None:
    assert tongue("fr").word("a") == Word("pomme", "fr")
    assert tongue("fr").word("b") == Word("book", "en", fallen=True)
    assert tongue("en").word("b") == Word("book", "en")
    assert tongue("fr").word("c") == Word("[c]", "en", fallen=True)
    assert tongue("en").word("c").fallen


def test_arguments_are_put_in_and_never_read_as_a_template() -> None:
    assert str(tongue("ru").say("e", low="1", high="9")) == "от 1 до 9"
    assert (
        str(tongue("en").say("e", low="{0.__class__}", high="9")) == "between {0.__class__} and 9"
    )
    assert str(tongue("en").say("e", high="{low}", low="1")) == "between 1 and {low}"


def test_a_language_says_whether_it_was_checked_and_how_it_runs() -> None:
    assert tongue("en").verified
    assert not tongue("fr").verified
    assert tongue("ar").right_to_left
    assert not tongue("fr").right_to_left
