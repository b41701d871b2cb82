"""The difference of two texts gives both of them back, and ends in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.core.incident.difference import difference

texts = st.text("ab \n", max_size=60) | st.lists(
    st.sampled_from(["all", "firing", "stops", "at", "17:00", "\n"]), max_size=30
).map(" ".join)


@given(texts, texts)
def test_the_changes_give_both_texts(old: str, new: str) -> None:
    steps = difference(old, new)
    assert "".join(words for sign, words in steps if sign != "+") == old
    assert "".join(words for sign, words in steps if sign != "-") == new


def test_a_changed_word_is_all_that_is_shown() -> None:
    old, new = "All firing stops at 17:00 today.", "All firing stops at 18:00 today."
    assert difference(old, new) == (
        ("=", "All firing stops at "), ("-", "17:00 "), ("+", "18:00 "), ("=", "today."),
    )  # fmt: skip
    assert difference("same", "same") == (("=", "same"),)


def test_a_word_that_stays_between_two_changes_is_shown_as_it_stays() -> None:
    assert difference("The ship turned north.", "A ship turned south.") == (
        ("-", "The "), ("+", "A "), ("=", "ship turned "), ("-", "north."), ("+", "south."),
    )  # fmt: skip


def test_long_texts_without_anything_in_common_are_replaced_as_a_whole() -> None:
    old, new = " ".join(f"a{n}" for n in range(3000)), " ".join(f"b{n}" for n in range(3000))
    assert [sign for sign, _ in difference(old, new)] == ["-", "+"]
    old, new = "a b " * 3000, "b a a " * 2000
    assert "".join(words for sign, words in difference(old, new) if sign != "-") == new
