"""Safe text: nothing that deceives or acts reaches a screen, and honest text passes unchanged."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.desk.cli import show
from tieline.node.text import mixed, visible
from tieline.node.view import Json

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
NASTY = BIDI + "\x00\x07\x08\x1b\r\n\x7f\x9b\u200b\u2060\ufeff\u2028\u2029\u00ad\u3164\ufe0f"
HOSTILE = st.text(st.characters() | st.sampled_from(NASTY + "аеорсхabcdeαβ"), max_size=40)


@pytest.mark.parametrize(
    "text",
    [
        "Radar contact, 54.1N 19.2E",
        "Наблюдаем цель",
        "Στόχος στα ανατολικά",
        "מטרה במזרח",
        "هدف في الشرق",
        "می‌خواهم",
        "目標を確認",
        "żółw, naïve, Å",
        "ALPHA и BRAVO",
    ],
)
def test_honest_text_passes_unchanged(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("safe\u202efdp.exe", "safe⟨U+202E⟩fdp.exe"),
        ("\x1b[2J", "⟨U+001B⟩[2J"),
        ("a\nb", "a⟨U+000A⟩b"),
        ("BR\u0410VO", "BR⟨U+0410⟩VO"),
        ("р\u0430ypal", "⟨U+0440⟩⟨U+0430⟩ypal"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
    ],
)
def test_what_deceives_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(HOSTILE)
def test_nothing_shown_can_act(text: str) -> None:
    shown = visible(text)
    assert shown == visible(shown)
    for index, char in enumerate(shown):
        joiner = char in "\u200c\u200d" and 0 < index < len(shown) - 1
        assert joiner or unicodedata.category(char) not in (
            "Cc",
            "Cf",
            "Cs",
            "Co",
            "Cn",
            "Zl",
            "Zp",
        )
    assert not any(mixed(word) for word in shown.replace("⟨", " ").replace("⟩", " ").split())


@given(HOSTILE)
def test_no_line_of_the_desk_lets_hostile_text_through(text: str) -> None:
    view: dict[str, Json] = {
        "type": "statement", "kind": "message", "item": text, "dtg": text, "party": text,
        "station": text, "precedence": text, "text": text, "cause": text, "form": text,
        "form_version": text, "fields": {"1": text}, "to": [text], "unit": text, "rung": text,
        "about_party": text, "role": text, "lang": text, "flags": [text], "crossed": [text],
        "refs": [{"role": text, "item": text}], "ladder": {text: {"received": 1}}, "name": text,
        "assented": [text], "corrected_by": text, "officer": text, "draft": text, "code": text,
        "state": text, "their_word": text, "suspended_by": [text], "realm": text,
        "station_name": text,
    }  # fmt: skip
    lines = [
        *show.item_lines(view),
        *show.draft_lines([view]),
        *show.status_lines({**view, "troubles": [view], "lines": [{**view, "peers": [view]}]}),
    ]
    lines += [
        show.event_line({**view, "type": kind, "items": [text], "at_ms": 1})
        for kind in ("statement", "receipt", "alarm", "state", "refused")
    ]
    lines += [
        show.item_line({**view, "kind": kind})
        for kind in ("silence", "pass on", "watch", "joint", "test")
    ]
    for line in lines:
        assert not set(line) & set(NASTY)
