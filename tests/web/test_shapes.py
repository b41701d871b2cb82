"""What templates put into a page: no text from outside is markup, whatever it says."""

from __future__ import annotations

import json
import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from tieline.desk.web import shapes, trail
from tieline.desk.web.frame import TEMPLATES
from tieline.node.text import visible

TAGS = re.compile(r"<(/?)(bdi|span|time)((?: [a-z-]+=\"[^\"<>]*\")*)>")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
HOSTILE = st.sampled_from(["<b>", "a' onx=\"1", "&lt;", "\u202ex", "]]>"])
TONGUES = st.sampled_from(["ar", "en-GB", '"><script>'])

NOON_MS = 1_668_523_200_000


@given(text=st.text() | HOSTILE, lang=st.none() | st.text(max_size=9) | TONGUES)
def test_a_text_is_shown_and_nothing_else(text: str, lang: str | None) -> None:
    made = str(shapes.safe(text, lang))
    plain = TAGS.sub("", made)
    assert "<" not in plain
    assert ">" not in plain
    assert unescape(plain) == visible(text, lines=True)
    assert made.startswith("<bdi")
    assert made.endswith("</bdi>")


@given(value=JSON)
def test_any_value_in_the_place_of_a_time_or_a_precedence_is_harmless(value: object) -> None:
    for made in (shapes.when(value), shapes.both(value), shapes.mark(value)):
        assert "<" not in TAGS.sub("", str(made))


@given(value=JSON)
def test_a_view_says_nothing_where_there_is_nothing(value: object) -> None:
    view = shapes.view(value)
    assert view["nothing of that name, surely"] is None
    assert view.view("x y") == {}
    assert view.views("x y") == []
    assert view.texts("x y") == []


def test_times_and_rests_are_said_in_units_that_say_enough() -> None:
    assert shapes.left(245_000) == "4:05 min"
    assert shapes.left(-7_500_000) == "\N{MINUS SIGN}2 h 05 min"
    assert shapes.left(3 * 86_400_000) == "3 d 0 h"
    assert "151440Z NOV 22" in shapes.when(1_668_523_200_000)
    assert str(shapes.when(None)) == str(shapes.both("x")) == "\N{EM DASH}"


def test_the_time_of_another_party_comes_from_what_the_desk_was_told() -> None:
    noon = 1_774_008_000_000  # 2026-03-20T12:00Z
    assert shapes.theirs(noon, "+04:30") == "2026-03-20 16:30 UTC+04:30"
    assert shapes.theirs(noon, "UTC+04:30") == "2026-03-20 16:30 UTC+04:30"
    assert shapes.theirs(noon, "-11:00") == "2026-03-20 01:00 UTC-11:00"
    for none in ("", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "+25:00", "a" * 99):
        assert shapes.theirs(noon, none) == ""
    # The last day that there is, as another party may claim it, has no morning after it.
    assert shapes.theirs(253_402_300_799_999, "+04:30") == ""


def test_every_time_of_a_page_says_both_local_times_by_one_helper() -> None:
    token = shapes.ZONES.set((("BRAVO", "+03:00"), ("CHARLIE", "no such zone")))
    try:
        for said in (shapes.both(NOON_MS), shapes.times(NOON_MS), shapes.when(NOON_MS)):
            assert "151440Z NOV 22" in said
            assert "BRAVO: 2022-11-15 17:40 UTC+03:00" in said
            assert "CHARLIE" not in said
        told = ["from 151440Z NOV 22 to 151440Z NOV 22", "9151440Z NOV 22 is none", 7]
        (only,) = shapes.named(told)
        assert only == shapes.times(NOON_MS)
    finally:
        shapes.ZONES.reset(token)
    assert "BRAVO" not in shapes.both(NOON_MS)  # what was kept of one page is not another's
    assert shapes.named(None) == []
    assert shapes.times(None) == ""


def test_no_template_shows_an_event_in_zulu_alone() -> None:
    alone = {
        "officers-log.html",  # who did what, row by row: the local times are found by pointing
        "record-audit.html",
        "down.html",  # no station says which parties there are
    }
    for path in sorted(TEMPLATES.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        if path.name in alone:
            continue
        left = re.findall(r"\b(?:when|dtg)\([^)]*\)", text)
        now = {"dtg(frame.now_ms)", "dtg(frame.now_ms + 86400000)"}
        assert set(left) <= now, path.name  # the clock, what is sent now, and an example


def test_a_form_in_one_line_has_no_headings_and_counts() -> None:
    told = shapes.view({
        "lines": ["Where", "(1)", "Where: 30N 45W", "How sure: moderate", "words"],
        "types": ["heading", "serial", "coded", "coded", "text"],
    })  # fmt: skip
    assert shapes.brief(told) == "Where: 30N 45W · How sure: moderate · words"
    assert shapes.brief(shapes.view({"lines": ["a", "b"]})) == "a · b"


def test_the_log_tells_what_an_entry_is_about() -> None:
    item = "ab" * 32
    found = trail.told(json.dumps({"item": item, "to": ["BRAVO", "CHARLIE"], "draft": 3}))
    assert found == [
        ("item", item[:12], f"/item/{item}"), ("to", "BRAVO, CHARLIE", ""), ("draft", "3", ""),
    ]  # fmt: skip
    assert trail.told("lock: Nils") == [("", "lock: Nils", "")]
    assert trail.told('{"cut off') == [("", '{"cut off', "")]
    assert trail.told("") == []
