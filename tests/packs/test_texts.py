"""Every form and phrase of every shipped pack, wholly filled in, on paper in each language of it.

What one side writes in its language the other reads in its own: the fields that come back are the
same, whatever language the paper was in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from tests.core.agreement.sheets import ENGINE
from tests.packs.test_shipped import SHIPPED, pack

from tieline.core.agreement import numbered, radio, slash
from tieline.core.agreement import value as v
from tieline.core.agreement.layout import Sheet, lay_out
from tieline.core.agreement.meaning import Act
from tieline.core.agreement.message import Values, check_values
from tieline.core.agreement.model import Field, FieldType, Form, Pack
from tieline.core.agreement.places import Circle, Position, Route, Waypoint
from tieline.core.agreement.tongue import Tongue
from tieline.core.incident.entry import read_said
from tieline.core.terms import RefRole

SECONDS = 1_835_395_200  # a leap day, 2028-02-29T00:00:00Z
PLAIN: dict[FieldType, v.Answer] = {
    FieldType.TIME: v.Instant(SECONDS + 3599, 60),
    FieldType.DATE: v.Day(SECONDS // 86_400),
    FieldType.POSITION: Position(515_000_000, 240_000_000, 30),
    FieldType.AREA: Circle(515_000_000, 240_000_000, 20_000),
    FieldType.ROUTE: Route(
        (Waypoint(515_000_000, 240_000_000, SECONDS), Waypoint(516_000_000, 241_000_000, None))
    ),
    FieldType.UNIT: v.Unit("12th Brigade"),
    FieldType.PARTY: v.PartyCode("BRAVO"),
    FieldType.SERIAL: v.Serial(7),
    FieldType.TEXT: v.Text("Два слова / zwei Wörter\nand a second line."),
    FieldType.HASH: v.Hash(bytes(range(32))),
}


def filled(made: Pack, fields: tuple[Field, ...]) -> Values:
    """Every field has an answer; groups twice where they may be."""
    out: dict[int, v.Answer | tuple[Values, ...]] = {}
    for place, field in enumerate(fields):
        if field.type is FieldType.GROUP:
            times = min(2, field.repeat[1])
            out[field.number] = tuple(filled(made, field.fields) for _ in range(times))
        elif field.type is FieldType.CODE:
            item = made.codes[field.codes][-1]
            out[field.number] = v.Code(item.number, item.id)
        elif field.type is FieldType.COUNT:
            low = field.low or 0
            out[field.number] = v.Number(min(low + 13_100 + place, field.high or low + 99_999))
        elif field.specials and place % 3 == 2:
            out[field.number] = min(field.specials)
        elif field.type is FieldType.TEXT and field.max_chars < 60:
            out[field.number] = v.Text("1,852 m")
        else:
            out[field.number] = PLAIN[field.type]
    return out


@cache
def tongue(name: str, lang: str) -> Tongue:
    return Tongue(pack(name), ENGINE, lang)


def sheet_of(made: Pack, form: Form) -> Sheet:
    return Sheet(
        pack=made,
        form=form,
        values=filled(made, form.fields),
        sender="ALPHA",
        to=("BRAVO", "CHARLIE"),
        precedence=form.precedence,
        time_ms=SECONDS * 1000,
        number=7,
        refs=((RefRole.CONCERNS, bytes(8)),),
        remarks="Nothing further.",
        lang="en",
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_each_form_on_paper_in_any_language_comes_back(name: str) -> None:
    made = pack(name)
    known = {made.tag: made}
    for form in made.sendable():
        sheet = sheet_of(made, form)
        assert check_values(made, form, sheet.values) == (), form.id
        assert slash.read(slash.write(sheet), known, ENGINE) == sheet, form.id
        for language in made.languages:
            page = lay_out(sheet, tongue(name, language.tag))
            text = numbered.write(page, tongue(name, language.tag))
            assert numbered.read(text, known, ENGINE) == sheet, (form.id, language.tag)
            phrase = form.phrase
            title = f"form.{form.id}.title" if phrase is None else f"phrase.{phrase.id}.meaning"
            words = made.words[language.tag]
            code = "" if phrase is None else f"{phrase.code}: "
            assert page.title == code + words.get(title, made.words["en"][title])
            assert phrase is None or made.words["en"][f"phrase.{phrase.id}.wording"] in text
        page = lay_out(sheet, tongue(name, "en"))
        assert radio.read(radio.write(page), known, ENGINE) == sheet, form.id


def turned(made: Pack, fields: tuple[Field, ...], values: Values, turn: int) -> Values:
    """The same answers, with another item of each list, and with specials now and then."""
    out: dict[int, v.Answer | tuple[Values, ...]] = {}
    for field in fields:
        answer = values.get(field.number)
        if isinstance(answer, tuple):
            out[field.number] = tuple(turned(made, field.fields, one, turn) for one in answer)
        elif field.type is FieldType.CODE:
            items = made.codes[field.codes]
            item = items[turn % len(items)]
            out[field.number] = v.Code(item.number, item.id)
        elif answer is not None:
            out[field.number] = answer
        if field.specials and turn % 5 == 4:
            out[field.number] = sorted(field.specials)[turn % len(field.specials)]
    return out


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_form_says_of_an_incident_is_the_same_after_paper_and_voice(name: str) -> None:
    """Every item of every list of a form with marks: its act, what is stated, what codes mean."""
    made = pack(name)
    known = {made.tag: made}
    english = tongue(name, "en")
    for form in (one for one in made.sendable() if one.act is not Act.NONE):
        whole = sheet_of(made, form)
        most = max((len(made.codes[field.codes]) for field in _codes(form.fields)), default=1)
        for turn in range(most):
            sheet = replace(whole, values=turned(made, form.fields, whole.values, turn))
            said = read_said(made, form, sheet.values)
            assert said is not None
            page = lay_out(sheet, english)
            for text, read in (
                (slash.write(sheet), slash.read),
                (numbered.write(page, english), numbered.read),
                (radio.write(page), radio.read),
            ):
                back = read(text, known, ENGINE)
                assert read_said(back.pack, back.form, back.values) == said, (form.id, turn)


def _codes(fields: tuple[Field, ...]) -> Iterator[Field]:
    for field in fields:
        if field.type is FieldType.CODE:
            yield field
        yield from _codes(field.fields)
