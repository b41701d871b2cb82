"""A sheet in each language: labels and codes in words, doubt and missing words said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.agreement.sheets import ENGINE
from tests.core.agreement.test_texts import SHEET, WORDS

from tieline.core.agreement.layout import clocks, lay_out, letters, number_of
from tieline.core.agreement.tongue import Tongue

RUSSIAN = {
    "ru": {
        "form.first.title": "Первое сообщение", "field.first.event": "Что произошло",
        "code.list.item-7": "Падение предмета",
    }
}  # fmt: skip
PACK = replace(SHEET.pack, words=WORDS | RUSSIAN)
IN_BOTH = replace(SHEET, pack=PACK)


def test_the_same_sheet_reads_in_each_language() -> None:
    english = lay_out(IN_BOTH, Tongue(PACK, ENGINE, "en"))
    russian = lay_out(IN_BOTH, Tongue(PACK, ENGINE, "ru"))
    assert (english.title, russian.title) == ("First report", "Первое сообщение")
    line, same = english.lines[1], russian.lines[1]
    assert (line.marker, line.label, line.said) == ("B.", "What happened", "A fall of an object")
    assert (same.label, same.said) == ("Что произошло", "Падение предмета")
    assert line.answer == same.answer
    assert not same.fallen
    assert russian.lines[2].fallen  # 'When' is not there in Russian
    assert str(Tongue(PACK, ENGINE, "ru").say("mark.fallen")) in russian.marks
    assert str(Tongue(PACK, ENGINE, "en").say("mark.fallen")) not in english.marks


def test_doubt_and_the_paragraph_are_on_the_page() -> None:
    page = lay_out(SHEET, Tongue(SHEET.pack, ENGINE))
    assert page.reference == "16.1.2"
    assert "from memory, not verified" in page.marks
    assert page.lines[0].cite.paragraph == "16.1.2"
    form = replace(SHEET.form, disclaimer="disclaimer.law")
    words = {"en": WORDS["en"] | {"disclaimer.law": "It changes no duty under the law."}}
    sheet = replace(SHEET, form=form, pack=replace(SHEET.pack, words=words))
    assert lay_out(sheet, Tongue(sheet.pack, ENGINE)).disclaimer.startswith("It changes no duty")


@pytest.mark.parametrize(
    ("time_ms", "shown"),
    [
        (1_668_523_200_000,
         ("151440Z NOV 22", "151640 NOV 22 B UTC+02:00", "150910 NOV 22 C UTC-05:30")),
        # the day, the month and the year turn at other times on other clocks
        (1_672_524_000_000,
         ("312200Z DEC 22", "010000 JAN 23 B UTC+02:00", "311630 DEC 22 C UTC-05:30")),
        (1_709_164_799_000,
         ("282359Z FEB 24", "290159 FEB 24 B UTC+02:00", "281829 FEB 24 C UTC-05:30")),
        (0, ("010000Z JAN 70", "010200 JAN 70 B UTC+02:00", "010000 JAN 70 C UTC-05:30")),
    ],
)  # fmt: skip
def test_a_time_by_all_clocks(time_ms: int, shown: tuple[str, ...]) -> None:
    assert tuple(clocks(time_ms, lambda _: (("B", 120), ("C", -330)))) == shown


@given(st.integers(1, 65_535))
def test_a_field_number_is_letters_and_back(number: int) -> None:
    assert number_of(letters(number)) == number
    assert number_of(letters(number).lower()) == number


def test_the_first_markers() -> None:
    assert [letters(n) for n in (1, 26, 27, 52, 53, 702, 703)] == [
        "A", "Z", "AA", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip
