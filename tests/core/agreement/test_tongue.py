"""A desk shows its own language, says where it cannot, and never acts on what a word holds."""

from __future__ import annotations

from tests.core.agreement.made import form_of, pack_of

from tieline.core.agreement.tongue import Tongue, Word, lacking

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
    assert str(tongue("en").say("e", low="1")) == "between 1 and {high}"
    assert tongue("ru").say("e") == Word("от {low} до {high}", "ru")
    assert tongue("fr").say("e") == Word("between {low} and {high}", "en", fallen=True)


def test_a_language_says_whether_it_was_checked_and_how_it_runs() -> None:
    assert tongue("en").verified
    assert not tongue("fr").verified
    assert tongue("ar").right_to_left
    assert tongue("ar-EG").right_to_left
    assert not tongue("fr").right_to_left


def test_a_text_of_all_languages_is_told_once() -> None:
    assert tongue("fr").everywhere("a") == ("apple", "pomme")
    assert tongue("fr").everywhere("b") == ("book",)
    assert tongue("fr").everywhere("c") == ()
    both = ENGINE | {"fr": ENGINE["en"]}
    one = Tongue(pack_of(form_of(), words=WORDS), both, "fr")
    assert one.said_everywhere("e") == ("between {low} and {high}", "от {low} до {high}")
    assert one.said_everywhere("x") == ()


def test_a_text_is_there_in_the_own_language_or_in_english() -> None:
    assert [tongue("fr").has(key) for key in ("a", "b", "c")] == [True, True, False]
    assert tongue("ru").has("a")


def test_items_of_a_code_list_come_by_its_name() -> None:
    assert [item.number for item in tongue("en").codes("list")] == [1, 2, 7, 40]
    assert tongue("en").codes("other") == ()


def test_what_a_language_lacks_is_told_but_for_what_is_said_aloud() -> None:
    words = {
        "en": {"a": "apple", "b": "book", "x.wording": "I ask", "x.pronunciation": "ay ask"},
        "fr": {"a": "pomme"},
    }
    pack = pack_of(form_of(), words=words)
    assert lacking(pack, "fr") == ("b",)
    assert lacking(pack, "ru") == ("a", "b")
    assert lacking(pack, "en") == ()
