"""The controls of any form: every shipped one, in every language, there and back again."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.sheets import ENGINE
from tests.examples import tries

from tieline.core.agreement.model import FieldType, Form, Pack
from tieline.core.agreement.tongue import Tongue
from tieline.desk.web import formfields, frame
from tieline.desk.web.formfields import Both
from tieline.desk.web.shapes import View, view
from tieline.desk.words import LANGUAGES
from tieline.node import agreementview, packs, reading

NOW = 1_668_523_260_000  # 151441Z NOV 22
PACKS = {name: packs.find(name) for name in packs.shipped()}
FORMS = [(pack, form) for pack in PACKS.values() for form in pack.forms.values()]
GOOD = {
    "count": "12", "time": "151440Z NOV 22", "date": "2022-11-15", "position": "46.2044N 6.1432E",
    "area": "circle 46.2044N 6.1432E 5 km", "route": "46.2N 6.1432E; 46.3N 6.2E at 151440Z NOV 22",
    "unit": "Post 4", "party": "BRAVO", "text": "said <b>so</b>", "hash": "ab" * 32,
}  # fmt: skip


def described(pack: Pack, form: Form, language: str = "en") -> View:
    tongue = Tongue(pack, ENGINE, language)
    return view(agreementview.form_view(pack, form, tongue, whole=True))


def page(form: View, texts: dict[str, str], language: str = "en", **more: object) -> str:
    shown = formfields.shown(form, texts, parties=("ALPHA", "BRAVO"), now_ms=NOW, **more)  # type: ignore[arg-type]
    template = frame.environment(language).from_string(
        "{{ fields.summary(shown) }}{{ fields.show(shown.rows) }}"
    )
    return template.render(shown=shown)


def controls(text: str) -> dict[str, str]:
    """What a browser would send of a page, by name."""
    out = {}
    for name, value in re.findall(r'<input [^>]*name="([^"]+)" value="([^"]*)"', text):
        out[html.unescape(name)] = html.unescape(value)
    for name, value in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n?([^<]*)<', text):
        out[html.unescape(name)] = html.unescape(value)
    lists = re.compile(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
    for name, inner in lists.findall(text):
        chosen = re.search(r'<option value="([^"]*)" selected', inner)
        out[html.unescape(name)] = html.unescape(chosen[1]) if chosen else ""
    return out


def filled(fields: list[View], at: str = "") -> dict[str, str]:
    """A good answer to every field, with two entries of what may be repeated."""
    out: dict[str, str] = {}
    for one in fields:
        path = at + str(one["path"]).rpartition(".")[2]
        if one["type"] == "group":
            repeat = one["repeat"]
            assert isinstance(repeat, list)
            for index in range(1, min(2, repeat[1]) + 1):
                out |= filled(one.views("fields"), f"{path}[{index}].")
        elif one["type"] == "code":
            last = one.views("codes")[-1]  # an item that is called as a special answer is no one
            named = last["id"] in ("not-known", "withheld", "nil")
            out[path] = str(last["number" if named else "id"])
        elif one["type"] == "count" and one["bounds"]:
            out[path] = str(next(x for x in view(one)["bounds"] if x is not None))  # type: ignore[attr-defined]
        elif one["type"] != "serial":
            out[path] = GOOD[str(one["type"])]
    return out


@pytest.mark.parametrize(("pack", "form"), FORMS, ids=[p.form_id(f) for p, f in FORMS])
def test_what_is_in_the_controls_of_a_shipped_form_reads_as_what_was_answered(
    pack: Pack, form: Form
) -> None:
    described_form = described(pack, form)
    wanted = filled(described_form.views("fields"))
    text = page(described_form, formfields.given(described_form, wanted))
    assert "said <b>" not in text
    sent = formfields.answers(described_form, formfields.typed(described_form, controls(text)))
    assert isinstance(sent, dict)
    tongue = Tongue(pack, ENGINE, "en")
    one, two = (reading.read_answers(pack, form, x, tongue, now_ms=NOW) for x in (wanted, sent))
    assert one.errors == two.errors == ()
    assert one.values == two.values


@pytest.mark.parametrize("language", LANGUAGES)
def test_controls_in_each_language_name_no_key(language: str) -> None:
    for pack, form in FORMS[:: max(1, len(FORMS) // 12)]:
        text = page(described(pack, form, language), {}, language)
        assert "desk." not in text
        for number in re.findall(r'aria-describedby="([^"]+)"', text):
            assert all(f'id="{each}"' in text for each in number.split())


def test_entries_are_added_taken_out_and_closed_up() -> None:
    form = described(PACKS["installations"], PACKS["installations"].forms["list"])
    texts = formfields.typed(form, {"a:installations[1].name": "Dam", "more": "installations"})
    assert texts["n:installations"] == "2"
    texts = formfields.typed(
        form, {**texts, "a:installations[2].name": "Mill", "more": "installations"}
    )
    texts = formfields.typed(form, {**texts, "a:installations[3].name": "Well"})
    # The first is taken out, and what was typed into the others moves up with them.
    texts = formfields.typed(form, {**texts, "fewer": "installations[1]"})
    assert formfields.answers(form, texts) == {
        "installations[1].name": "Mill",
        "installations[2].name": "Well",
    }
    assert texts["n:installations"] == "2"
    # One that was left empty between others is no hole in the numbers.
    texts = formfields.typed(
        form, {"a:installations[1].name": "Mill", "a:installations[3].name": "Well"}
    )
    assert formfields.answers(form, texts) == {
        "installations[1].name": "Mill",
        "installations[2].name": "Well",
    }


def test_faults_stand_at_their_fields_and_an_unknown_one_at_the_top() -> None:
    form = described(PACKS["installations"], PACKS["installations"].forms["list"])
    faults = [
        {"path": "installations[1].point", "what": "<i>odd", "remedy": "Mend it", "paragraph": "4",
         "text": "Position: odd"},
        {"path": "installations.name", "what": "missing", "remedy": "Answer", "text": "N"},
        {"path": "", "what": "whole", "remedy": "x", "text": "The form"},
    ]  # fmt: skip
    shown = formfields.shown(
        form, {"a:installations[1].point": "90, 900"}, faults=faults, now_ms=NOW
    )
    assert [one.path for one in shown.faulty()] == [
        "installations[1].name",
        "installations[1].point",
    ]
    assert [one.text for one in shown.whole] == ["The form"]
    text = page(form, {"a:installations[1].point": "90, 900"}, faults=faults)
    assert "&lt;i&gt;odd" in text
    assert 'aria-invalid="true"' in text
    assert "<i>odd" not in text


def test_a_special_answer_instead_of_one_and_never_beside_one() -> None:
    form = described(PACKS["incident"], PACKS["incident"].forms["account"])
    texts = formfields.typed(form, {"x:where[1].is": "not-known"})
    assert formfields.answers(form, texts) == {"where[1].is": "not-known"}
    texts = formfields.typed(form, {"x:where[1].is": "not-known", "a:where[1].is": "1N 2E"})
    assert formfields.answers(form, texts) == Both("where[1].is")
    assert formfields.given(form, {"where.is": "not known"}) == {"x:where[1].is": "not-known"}
    assert formfields.given(form, {"when.is": "151440Z NOV 22 +/- 5 min"}) == {
        "a:when[1].is": "151440Z NOV 22", "s:when[1].is": "5 min",
    }  # fmt: skip


def test_what_was_typed_is_read_back_in_every_notation() -> None:
    form = described(PACKS["incident"], PACKS["incident"].forms["account"])
    texts = {"a:where[1].is": "32TKS7953919750", "a:when[1].is": "2022-11-15 15:40 +01:00"}
    text = page(form, texts)
    for each in ("32T KS 79539 19750", "°", "N 6.", "151440Z NOV 22"):
        assert each in text


PATHS = st.text("ab:.[]0123456789sitenamx", max_size=20)


NAMES = ["a:installations[9].name", "n:installations", "more", "fewer",
         "x:installations[1].point", "a:installations[1].point"]  # fmt: skip
SENT = st.dictionaries(PATHS | st.sampled_from(NAMES), st.text(max_size=12), max_size=8)


@settings(max_examples=tries(30), deadline=None)
@given(SENT)
def test_whatever_is_sent_makes_a_page_whose_sending_changes_nothing(sent: dict[str, str]) -> None:
    form = described(PACKS["installations"], PACKS["installations"].forms["list"])
    texts = formfields.typed(form, sent)
    assert formfields.typed(form, texts) == texts
    page(form, texts)


def test_every_type_of_field_is_known() -> None:
    assert {one.value for one in FieldType} == {*GOOD, "code", "serial", "group"}
