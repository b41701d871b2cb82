"""The difference of two texts gives both of them back, and ends in time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tieline.core.incident.difference import MAX_CHANGES, difference

texts = st.text("ab \n", max_size=60) | st.lists(
    st.sampled_from(["all", "firing", "stops", "at", "17:00", "\n"]), max_size=30
).map(" ".join)


@given(texts, texts)
def test_the_changes_give_both_texts(old: str, new: str) -> None:
    steps = difference(old, new)
    assert "".join(words for sign, words in steps if sign != "+") == old
    assert "".join(words for sign, words in steps if sign != "-") == new


def fewest(one: list[str], other: list[str]) -> int:
    """How many words are taken out and put in at the least, by the table of all beginnings."""
    row = list(range(len(other) + 1))
    for count, word in enumerate(one, 1):
        before, row[0] = row[0], count
        for place, new in enumerate(other, 1):
            same = before if word == new else row[place] + 2
            before, row[place] = row[place], min(same, row[place] + 1, row[place - 1] + 1)
    return row[-1]


words = st.lists(st.sampled_from("abcd"), max_size=12)


@given(words, words)
def test_no_shorter_way_leads_from_one_text_to_the_other(one: list[str], other: list[str]) -> None:
    old, new = (" ".join([*some, "."]) for some in (one, other))
    steps = difference(old, new)
    changed = [part for sign, part in steps if sign != "="]
    assert sum(len(part.split()) for part in changed) == fewest(one, other)
    signs = [sign for sign, _ in steps]
    assert all(before != after for before, after in pairwise(signs))


def test_up_to_so_many_changes_what_stays_is_shown() -> None:
    """One word in the middle stays: as long as the way to it is not too long."""
    for changes, kept in ((MAX_CHANGES, True), (MAX_CHANGES + 1, False)):
        half = changes // 4
        old = [f"a{n} " for n in range(half)] + ["stays "] + [f"b{n} " for n in range(half)]
        new = [f"c{n} " for n in range(half)] + ["stays "] + [f"d{n} " for n in range(half)]
        if changes > MAX_CHANGES:
            old = ["x ", *old]
        found = ("=", "stays ") in difference("".join(old), "".join(new))
        assert found is kept


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
