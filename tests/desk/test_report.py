"""The report of an incident: what is in it, and what no text in it can do."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.desk.reports import ONE, THREE, report
from tests.examples import tries

from tieline.core.errors import LocalError
from tieline.core.incident.account import Standing
from tieline.core.incident.align import Alignment
from tieline.core.incident.notices import How
from tieline.core.incident.signing import Fault
from tieline.core.incident.states import (
    HoldState,
    IncidentState,
    JointState,
    LinkState,
    PublicState,
    QuestionState,
)
from tieline.core.terms import Kind, Role
from tieline.desk.cli.show import View
from tieline.desk.report import chart, compare, content, html, pdf
from tieline.desk.report.pieces import Label, Stroke
from tieline.desk.report.words import APART, END, ORDER, Said, Tongue
from tieline.desk.words import LANGUAGES, Words, catalogue
from tieline.node.text import visible
from tieline.node.view import word

FONTS = pytest.mark.skipif(
    not any((Path(place) / "DejaVuSans.ttf").is_file() for place in pdf.PLACES),
    reason="the DejaVu fonts (Debian: fonts-dejavu-core) are not on this machine",
)
KINDS = frozenset(Kind) - {Kind.OPEN, Kind.SUSPEND, Kind.RESUME, Kind.WATCH, Kind.UNKNOWN}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eexe.gnp\u2066\u2069\u200f",
    "ПAYPAL \x00\x1b[31m \x85 \ufeff",
    "</style></svg></title><a href='http://x'>&lt;",
    "a\nb\t" + "W" * 400,
)


class Read(HTMLParser):
    """What a browser would find: the tags, their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "col"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


TAGS = {
    "html", "head", "meta", "title", "style", "body", "table", "thead", "tfoot", "tbody", "tr",
    "td", "th", "div", "span", "p", "h1", "h2", "h3", "colgroup", "col", "svg", "polyline",
    "polygon", "text", "footer", "bdi",
}  # fmt: skip


def view(made: object) -> View:
    assert isinstance(made, dict)
    return made


def page_of(text: str) -> Read:
    written = html.write(content.document(view(report(text)))).decode("utf-8")
    return Read(written)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup_or_moves_its_neighbours(text: str) -> None:
    read = page_of(text)
    assert read.tags <= TAGS
    assert read.open == []
    assert not {one for one in read.attributes if one.startswith("on")}
    assert not read.attributes & {"src", "href", "action", "srcset", "data"}
    shown = "".join(read.text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00\x1b\x85\ufeff]", shown)
    assert visible(text, lines=True) in shown


@settings(max_examples=tries(20), deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_shown_and_does_nothing(text: str) -> None:
    read = page_of(text)
    assert (read.tags - TAGS, read.open) == (set(), [])
    assert not read.attributes & {"src", "href", "onload", "onerror"}


def test_everything_stands_in_the_report_and_nothing_by_colour_alone() -> None:
    shown = "\n".join(page_of("we wait").text)
    for said in (
        "EXERCISE EXERCISE EXERCISE NORTH-26", "CLOSED BY SOME", "≠ DIFFER", "3.3 km apart",
        "What each party says of its own side", "What each party infers: attribution",
        f"replaced by {THREE[:12]}", f"read by ALPHA before it wrote {THREE[:12]}",
        "! declined", "! late", "! crossed with", "BRAVO has received", "give or take 1 min",
        "version 1: not signed by ALPHA", "BRAVO does as said", "BINDS", "! made in other words",
        "! overdue, due", "[§ 4; from memory]", "ask early", "No base map", "ab" * 32,
        "✓ the record verifies: 12 statements", "ee" * 32, "tieline verify", "5 min", ONE,
    ):  # fmt: skip
        assert said in shown, said
    written = html.write(content.document(view(report()))).decode()
    banner = written.index("<thead><tr><td>"), written.index("<tfoot><tr><td>")
    assert all(written[at:].split("</td>")[0].count("NORTH-26") == 1 for at in banner)
    assert "EXERCISE" not in html.write(content.document(view(report(realm="")))).decode()


def test_a_record_that_does_not_verify_is_said_to_be_so() -> None:
    made = view(report())
    audit = made["audit"]
    assert isinstance(audit, dict)
    audit |= {"ok": False, "problems": ["statement 7 <does> not fit"]}
    shown = "".join(Read(html.write(content.document(made)).decode()).text)
    assert "! THE RECORD DOES NOT VERIFY" in shown
    assert "statement 7 <does> not fit" in shown
    assert "the record verifies" not in shown


def test_the_page_runs_from_right_to_left_for_arabic() -> None:
    made = {**view(report()), "language": "ar"}
    assert b'<html lang="ar" dir="rtl">' in html.write(content.document(made))
    assert b'<html lang="en" dir="ltr">' in html.write(content.document(view(report())))


# ---------------------------------------------------------------------------------- languages

MADE_UP = (  # keys that are put together of a machine and its state, or of a figure's name
    *(f"{machine}.{state}" for machine, states in (
        ("state", IncidentState), ("question", QuestionState), ("hold", HoldState),
        ("link", LinkState), ("public", PublicState), ("joint", JointState),
        ("standing", Standing), ("alignment", Alignment), ("how", How),
    ) for state in states),
    *(f"figure.{name}" for name in ORDER),
    *(f"shape.{name}" for name in chart.SHAPES),
    *(f"why.{fault}" for fault in Fault if fault),
    *(f"kind.{word(kind.name)}" for kind in KINDS),
    *(f"role.{word(role.name)}" for role in Role),
)  # fmt: skip


def test_every_state_and_figure_that_a_report_may_tell_has_words() -> None:
    assert [key for key in MADE_UP if not Words("en").has(key)] == []
    folder = Path(content.__file__).parent
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    ours = [
        key.removeprefix("report.") for key in catalogue("en").words if key.startswith("report.")
    ]
    named = [f'"{key}"' in source or f'"report.{key}"' in source or key.endswith("-by")
             for key in ours]  # fmt: skip
    assert [key for key, there in zip(ours, named, strict=True) if not there] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_speaks_one_language_throughout(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every key that is asked for is there, and none of the English words stands in for it."""
    said: list[str] = []
    parts = Words.parts

    def noted(self: Words, key: str, **values: str | int) -> Iterator[tuple[str, bool]]:
        said.append(key)
        return parts(self, key, **values)

    monkeypatch.setattr(Words, "parts", noted)
    made = {**view(report(first_word=-5000)), "language": language}
    page = unescape(html.write(content.document(made, view(report()))).decode())
    assert len(set(said)) > 120
    assert [key for key in set(said) if key not in catalogue(language).words] == []
    direction = "rtl" if language == "ar" else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in page
    unchecked = catalogue("en").words["words.unchecked"]
    assert (unchecked in page) == (language != "en")
    assert catalogue(language).words["words.unchecked"] in page or language == "en"
    if language not in ("en", "fr"):
        for english in ("closed by", "take part", "read by", "Every statement", "version 1"):
            assert english not in page, english
    assert "U+2068" not in page  # no text of ours has lost what sets its values apart


def test_a_value_cannot_leave_its_place_in_words_of_ours() -> None:
    say = Tongue("ar")
    hostile = f"a{END}\u202eb{APART}<i>"
    said = say("report.title", name=hostile)
    assert (said.count(APART), said.count(END)) == (1, 1)
    assert "a⟨U+2069⟩⟨U+202E⟩b⟨U+2068⟩" in said
    shown = html.shown(said)
    assert shown.count("<bdi>") == shown.count("</bdi>") == 1
    assert "&lt;i&gt;" in shown
    assert html.shown(str(said)).count("⟨U+2068⟩") == 2  # plain text is not believed
    nested = say.many((said, say.both("ALPHA", "BRAVO")))
    assert isinstance(nested, Said)
    assert (nested.count(APART), nested.count(END)) == (5, 5)
    assert Tongue("en")("report.to", parties="ALPHA") == "to ALPHA"
    assert Tongue("en")("report.to", parties="سلام") == f"to {APART}سلام{END}"


# ---------------------------------------------------------------------------------- comparing


def test_two_reports_are_set_side_by_side(tmp_path: Path) -> None:
    ours = view(report(first_word=300_000, kept=4, missed=0, first_public=None))
    theirs = view(report("as it went", first_word=None, kept=0, missed=4, first_public=60_000))
    rows = {str(one["figure"]): one["better"] for one in compare.rows(ours, theirs)}
    assert (rows["first_word"], rows["kept"], rows["missed"], rows["first_public"]) == (
        "here", "here", "here", "",
    )  # fmt: skip
    assert {one["better"] for one in compare.rows(ours, ours)} == {""}
    shown = "\n".join(Read(html.write(content.document(ours, theirs)).decode()).text)
    assert "Beside another incident" in shown
    assert "5 min  ◄" in shown
    for bad in (b"{", b"[]", b'{"report": 2, "figures": {}}', b'{"report": 1}', b"[" * 90_000):
        (tmp_path / "other.json").write_bytes(bad)
        with pytest.raises(LocalError, match="no report of an incident"):
            compare.read_other(tmp_path / "other.json")


# ---------------------------------------------------------------------------------- the map

DEGREES = st.tuples(st.integers(-90, 90), st.integers(-180, 180)).map(
    lambda one: (one[0] * 10_000_000, one[1] * 10_000_000)
)


@settings(max_examples=tries(12), deadline=None)
@given(st.lists(st.tuples(DEGREES, st.integers(0, 30_000_000)), min_size=1, max_size=4))
def test_a_map_is_sane_anywhere_on_earth(
    places: list[tuple[tuple[int, int], int]],
) -> None:
    sites = [chart.Site("ALPHA", f"{n}", "point", (at,), error)
             for n, (at, error) in enumerate(places)]  # fmt: skip
    drawing = chart.draw(sites, ["ALPHA"], Tongue("en"))
    assert drawing is not None
    for mark in drawing.marks:
        points = mark.points if isinstance(mark, Stroke) else ((mark.x, mark.y),)
        for x, y in points:
            assert -10 <= x <= drawing.width + 10
            assert -10 <= y <= drawing.height + 10
    names = {one.text for one in drawing.marks if isinstance(one, Label)}
    assert {str(n) for n in range(len(places))} <= names


@pytest.mark.parametrize(("lat", "lon"), [(50, 10), (90, 0), (-90, 55), (10, 180), (-40, -180)])
def test_a_circle_is_as_large_as_the_stated_error_at_the_poles_and_the_180th_meridian_too(
    lat: int, lon: int
) -> None:
    site = chart.Site("A", "1", "point", ((lat * 10_000_000, lon * 10_000_000),), 20_000)
    drawing = chart.draw([site], ["A"], Tongue("en"))
    assert drawing is not None
    strokes = [one for one in drawing.marks if isinstance(one, Stroke)]
    (ring,) = [one for one in strokes if len(one.points) == chart.AROUND]
    (bar,) = [one for one in strokes if one.width == 1.4]
    said = next(one.text for one in drawing.marks if isinstance(one, Label) and " km" in one.text)
    a_km = (bar.points[2][0] - bar.points[1][0]) / float(said.removesuffix(" km"))
    middle = tuple(sum(one) / chart.AROUND for one in zip(*ring.points, strict=True))
    radii = [math.dist(middle, one) / a_km for one in ring.points]
    assert max(abs(one - 20) for one in radii) < 0.2


# ---------------------------------------------------------------------------------- PDF


def streams(data: bytes) -> bytes:
    """What is drawn on the pages and what the fonts say that it is, unpacked."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    out = []
    for one in found:
        try:
            out.append(zlib.decompress(one))
        except zlib.error:
            out.append(one)
    return b"\n".join(out)


@FONTS
def test_a_pdf_is_written_of_any_text_with_the_banner_on_every_page() -> None:
    anything = "\n".join((*HOSTILE, "السلام عليكم שלום", "中文 हिन्दी", ""))
    document = content.document(view(report(anything)), view(report()))
    data = pdf.write(document)
    assert data == pdf.write(document)  # made of the same content it is the same
    assert data.startswith(b"%PDF-1.")
    assert data.rstrip().endswith(b"%%EOF")
    for name in (b"/JavaScript", b"/URI", b"/Launch", b"/AcroForm", b"/EmbeddedFile"):
        assert name not in data
    assert b"/FontFile2" in data
    plain = streams(pdf.write(content.document(view(report(realm="")))))
    drilled = pdf.write(content.document(view(report())))
    pages = int(re.findall(rb"/Count (\d+)", drilled)[0])
    assert 3 <= pages <= 12
    boxes = [one.count(b" re S") for one in (streams(drilled), plain)]
    assert boxes[0] - boxes[1] == 2 * pages


@FONTS
def test_a_value_that_goes_on_in_the_next_line_is_set_apart_there_too() -> None:
    made = {**view(report()), "language": "ar"}
    sheet = pdf.Sheet(content.document(made))
    said = Tongue("ar")("report.check-2", make="'one two three four'", check="'five'")
    lines = sheet._wrapped(said, 20.0, 8.0, bold=False)
    sheet.close()
    assert len(lines) > 5
    assert all(line.count(APART) == line.count(END) for line in lines)
    assert sum(APART in line for line in lines) >= 2
    assert "".join("".join(lines).split()).replace(END + APART, "") == "".join(said.split())


@FONTS
def test_a_letter_that_the_fonts_lack_is_written_as_its_code_point() -> None:
    sheet = pdf.Sheet(content.document(view(report())))
    assert sheet.letters("a中\u202e") == "a⟨U+4E2D⟩⟨U+202E⟩"
    sheet.close()


def test_a_pdf_without_its_fonts_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pdf, "PLACES", ("/nowhere",))
    with pytest.raises(LocalError, match="fonts-dejavu-core"):
        pdf.write(content.document(view(report())))
