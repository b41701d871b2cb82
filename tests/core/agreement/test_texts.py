"""Numbered, slash and radio: each says the whole message again, and a cut one is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.made import CITE, form_of, pack_of
from tests.core.agreement.sheets import ENGINE, ROOT, sheets
from tests.examples import tries

from tieline.core.agreement import numbered, radio, slash
from tieline.core.agreement.layout import Sheet, lay_out
from tieline.core.agreement.model import Field, FieldType, Pack, Special
from tieline.core.agreement.places import Position
from tieline.core.agreement.tongue import EngineWords, Tongue
from tieline.core.agreement.value import Code, Instant, Number, Serial, Text, Unit
from tieline.core.agreement.written import MAX_CHARS, MAX_LEAVES, Leaves
from tieline.core.errors import RemoteError
from tieline.core.terms import Precedence, RefRole

Write = Callable[[Sheet, str], str]
Read = Callable[[str, Mapping[str, Pack], EngineWords], Sheet]


def as_numbered(sheet: Sheet, lang: str) -> str:
    tongue = Tongue(sheet.pack, ENGINE, lang)
    return numbered.write(lay_out(sheet, tongue, lambda _: (("BRAVO", 120),)), tongue)


def as_slash(sheet: Sheet, lang: str) -> str:
    return slash.write(sheet)


def as_radio(sheet: Sheet, lang: str) -> str:
    return radio.write(lay_out(sheet, Tongue(sheet.pack, ENGINE, lang)))


FORMS: dict[str, tuple[Write, Read]] = {
    "numbered": (as_numbered, numbered.read),
    "slash": (as_slash, slash.read),
    "radio": (as_radio, radio.read),
}


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=tries(40))
@given(sheets(), st.sampled_from(["en", "fr", "xx"]))
def test_a_sheet_comes_back(name: str, sheet: Sheet, lang: str) -> None:
    write, read = FORMS[name]
    text = write(sheet, lang)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert read(text, {"md": sheet.pack}, ENGINE) == sheet
    loose = "\r\n".join(f"   {line}  " for line in text.split("\n"))
    if name != "radio":
        assert read(loose, {"md": sheet.pack}, ENGINE) == sheet


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=tries(20))
@given(sheets(), st.data())
def test_a_text_form_that_was_cut_off_is_refused(
    name: str, sheet: Sheet, data: st.DataObject
) -> None:
    write, read = FORMS[name]
    text = write(sheet, "en").rstrip("\n")
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(RemoteError):
        read(cut, {"md": sheet.pack}, ENGINE)


def outcome(read: Read, text: str, pack: Pack) -> str:
    try:
        read(text, {"md": pack}, ENGINE)
    except RemoteError as refused:
        return refused.code
    return "sheet.read"


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=tries(20))
@given(sheets(), st.text(max_size=40), st.data())
def test_junk_is_refused_by_name_or_read_as_something(
    name: str, sheet: Sheet, junk: str, data: st.DataObject
) -> None:
    write, read = FORMS[name]
    text = write(sheet, "en")
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(len(text), at + 30)))
    assert outcome(read, text[:at] + junk + text[end:], sheet.pack).startswith("sheet.")


@pytest.mark.parametrize("stuff", [" ", "(", "/", "\\", "[", '"', "ONE ", ", ", "A. ", "| ", "\n|"])
@pytest.mark.parametrize("name", FORMS)
def test_a_long_line_costs_work_in_proportion(name: str, stuff: str) -> None:
    write, read = FORMS[name]
    lines = write(SHEET, "en").split("\n")
    for at in (2, 7, 10, len(lines) - 3):
        long = lines[at] + stuff * (150_000 // len(stuff)) + "x"
        text = "\n".join([*lines[:at], long, *lines[at + 1 :]])
        assert outcome(read, text, PACK).startswith("sheet.")


def field(number: int, id_: str, kind: FieldType, **more: object) -> Field:
    return Field(number=number, id=id_, type=kind, cite=CITE, **more)  # type: ignore[arg-type]


FORM = form_of(
    field(1, "serial", FieldType.SERIAL),
    field(2, "event", FieldType.CODE, codes="list", required=True),
    field(3, "at", FieldType.TIME),
    field(4, "place", FieldType.POSITION),
    field(5, "phases", FieldType.GROUP, repeat=(0, 9), fields=(
        field(1, "troops", FieldType.COUNT, required=True),
        field(2, "unit", FieldType.UNIT, specials=frozenset(Special)),
    )),
    field(6, "text", FieldType.TEXT),
    id_="first",
)  # fmt: skip
WORDS = {
    "en": {
        "pack.title": "Made up", "form.first.title": "First report", "field.first.serial": "Serial",
        "field.first.event": "What happened", "field.first.at": "When",
        "field.first.place": "Where", "field.first.phases": "Phases",
        "field.first.phases.troops": "Troops", "field.first.phases.unit": "Unit",
        "field.first.text": "In words", "code.list.item-7": "A fall of an object",
        "code.list.item-1": "A shot",
    }
}  # fmt: skip
PACK = pack_of(FORM, words=WORDS)
SHEET = Sheet(
    pack=PACK,
    form=FORM,
    values={
        1: Serial(12),
        2: Code(7, "item-7"),
        3: Instant(1_668_523_200, 300),
        4: Position(505_000_000, 238_000_000, 100),
        5: ({1: Number(9000), 2: Unit("HQ 2")}, {1: Number(13_000, 500), 2: Special.WITHHELD}),
        6: Text("One object fell.\n7. END OF MESSAGE NUMBER: 12"),
    },
    sender="ALPHA",
    to=("BRAVO", "CHARLIE"),
    precedence=Precedence.FLASH,
    time_ms=1_668_524_400_000,
    number=12,
    refs=((RefRole.ANSWERS, bytes.fromhex("00112233aabbccdd")),),
    remarks="More by 1600Z.",
    lang="en",
)
NUMBERED = """\
* from memory, not verified
PRECEDENCE: FLASH
FROM: ALPHA
TO: BRAVO, CHARLIE
SUBJECT: md/first 1 (First report)
1. MESSAGE NUMBER: 12
2. MESSAGE DATE AND TIME: 151500Z NOV 22 (151700 NOV 22 BRAVO UTC+02:00)
3. REFERENCE TO THE AGREEMENT: 16.1.2, Made up
4. MESSAGE REFERENCE: ANSWERS 00112233AABBCCDD
5. CONTENT
   A. Serial: 12
   B. What happened: 7 (A fall of an object)
   C. When: 151440Z NOV 22 +-300 S (151440Z NOV 22; 151640 NOV 22 BRAVO UTC+02:00;\
 give or take 300 s)
   D. Where: 50.5N 23.8E +-100 M (give or take 100 m)
   E. Phases
      (1)
         (a) Troops: 9000
         (b) Unit: HQ 2
      (2)
         (a) Troops: 13000 +-500 (give or take 500)
         (b) Unit: [WITHHELD] (withheld)
   F. In words: One object fell.
   | 7. END OF MESSAGE NUMBER: 12
6. REMARKS (en): More by 1600Z.
7. END OF MESSAGE NUMBER: 12
"""
SLASH = """\
MSGID/MD FIRST/ALPHA/12/1//
PREC/FLASH//
TO/BRAVO/CHARLIE//
DTG/151500Z NOV 22//
REF/ANSWERS/00112233AABBCCDD//
1SERIAL/12//
2EVENT/7//
3AT/151440Z NOV 22 +-300 S//
4PLACE/50.5N 23.8E +-100 M//
5PHASES.1/TROOPS:9000/UNIT:HQ 2//
5PHASES.2/TROOPS:13000 +-500/UNIT:[WITHHELD]//
6TEXT/One object fell.\\n7. END OF MESSAGE NUMBER: 12//
GENTEXT/REMARKS/en/More by 1600Z.//
ENDMSG/12//
"""


def test_how_they_look() -> None:
    assert as_numbered(SHEET, "en") == NUMBERED
    assert as_slash(SHEET, "en") == SLASH
    page = (ROOT / "docs/text-forms.md").read_text("utf-8")
    assert f"```\n{NUMBERED}```" in page
    assert f"```\n{SLASH}```" in page
    lines = as_radio(SHEET, "en").split("\n")
    assert lines[3].startswith("NUMBER: ONE TWO. CHECK ")
    assert lines[9].startswith("FIELD TWO (What happened). SEVEN (A fall of an object). CHECK ")
    assert "FIVE ZERO DECIMAL FIVE NOVEMBER, TWO THREE DECIMAL EIGHT ECHO" in lines[11]
    assert lines[14].startswith("FIELD FIVE ITEM TWO FIELD ONE (Troops). ONE THREE ZERO ZERO ZERO")
    assert lines[-2] == "END OF MESSAGE NUMBER ONE TWO"


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("numbered", "1600Z.\n7. END OF MESSAGE NUMBER: 12\n", "", "truncated"),
        ("numbered", "NUMBER: 12\n2.", "NUMBER: 13\n2.", "truncated"),
        ("numbered", "7 (A fall", "1 (A fall", "word"),
        ("numbered", "B. What", "Z. What", "unknown"),
        ("numbered", "(2)\n", "(3)\n", "repeats"),
        ("numbered", "   (2)\n", "", "twice"),
        ("numbered", "B. What happened: 7 (A fall of an object)\n", "", "form"),
        ("numbered", "9000", "9OOO", "field"),
        ("numbered", "FLASH", "FLASHY", "heading"),
        ("numbered", "md/first 1", "md/first 2", "form_unknown"),
        ("numbered", "00112233", "0011223", "reference"),
        ("slash", "ENDMSG/12//", "ENDMSG/1//", "truncated"),
        ("slash", "ENDMSG/12//\n", "", "truncated"),
        ("slash", "ENDMSG/12//", "ENDMSG/12//\n2EVENT/1//", "order"),
        ("slash", "PREC/FLASH//\n", "", "heading"),
        ("slash", "2EVENT/7//", "2EVENT/7//\n2EVENT/1//", "twice"),
        ("slash", "TROOPS:9000", "TANKS:9000", "unknown"),
        ("slash", "PREC/FLASH//\n", "PREC/FLASH//\nNARR/AND MORE//\n", "unknown"),
        ("slash", "PREC/FLASH//\n", "PREC/FLASH//\nEXER/SPRING-TIDE//\n", "heading"),
        ("slash", "2EVENT/7//", "2EVENT/7/", "line"),
        ("numbered", "1. MESSAGE NUMBER: 12\n", "1. MESSAGE NUMBER:\n", "truncated"),
        ("numbered", "6. REMARKS", "4. REMARKS", "order"),
        ("numbered", "TO: BRAVO, CHARLIE\n", "", "heading"),
        ("numbered", "TO: BRAVO, CHARLIE\n", "TO: BRAVO, CHARLIE\nTO: BRAVO\n", "heading"),
        ("numbered", "TO: BRAVO, CHARLIE", "TO: BRAVO, ", "heading"),
        ("numbered", "FROM: ALPHA", "FROM: A+B", "heading"),
        ("numbered", "3. REFERENCE", "x: y\n3. REFERENCE", "heading"),
        ("numbered", "151500Z NOV 22 (15", "151500Z NON 22 (15", "heading"),
        ("numbered", "(en)", "(e_n)", "heading"),
        ("numbered", "More by", "More\\x by", "heading"),
        ("numbered", "ANSWERS 0011", "ASKS 0011", "reference"),
        ("numbered", "AABBCCDD", "AABBCCDX", "reference"),
        ("numbered", "md/first 1", "md/second 1", "form_unknown"),
        ("numbered", "md/first 1", "mx/first 1", "form_unknown"),
        ("numbered", "A. Serial: 12\n", "| more\n", "line"),
        ("numbered", "B. What", "(B. What", "line"),
        ("numbered", "   E. Phases\n", "", "unknown"),
        ("numbered", "   E. Phases\n      (1)\n", "   E. Phases\n", "line"),
        ("numbered", "E. Phases\n", "E. Phases: 5\n", "field"),
        ("numbered", "(a) Troops: 9000\n", "(c) Troops: 9000\n", "unknown"),
        ("numbered", "[WITHHELD] (withheld)", "HQ 2\n         (b) Unit: HQ 2", "twice"),
        ("numbered", "13000 +-500", "13000 +-500 S", "field"),
        ("slash", "ENDMSG/12//", "ENDMSG//", "truncated"),
        ("slash", "/ALPHA/12/1//", "/ALPHA/12//", "truncated"),
        ("slash", "ENDMSG/12//", "ENDMSG/12//\nGENTEXT/a/b/c//", "order"),
        ("slash", "PREC/FLASH//\n", "PREC/FLASH//\nPREC/FLASH//\n", "twice"),
        ("slash", "PREC/FLASH//", "PREC/FLASHY//", "heading"),
        ("slash", "TO/BRAVO/CHARLIE//", "TO//", "heading"),
        ("slash", "TO/BRAVO/CHARLIE//", "TO/BRAVO/charlie//", "heading"),
        ("slash", "/ALPHA/12", "/alpha/12", "heading"),
        ("slash", "DTG/151500Z NOV 22//", "DTG/151560Z NOV 22//", "heading"),
        ("slash", "GENTEXT/REMARKS/en/", "GENTEXT/REMARKS/e_n/", "heading"),
        ("slash", "GENTEXT/REMARKS/en/", "GENTEXT/REMARKS/", "heading"),
        ("slash", "More by", "More\\x by", "heading"),
        ("slash", "/12/1//", "/12/2//", "form_unknown"),
        ("slash", "MD FIRST", "MD SECOND", "form_unknown"),
        ("slash", "REF/ANSWERS/", "REF/ASKS/", "reference"),
        ("slash", "REF/ANSWERS/00112233AABBCCDD//", "REF/ANSWERS//", "reference"),
        ("slash", "00112233AABBCCDD//", "00112233AABBCCDD/MORE//", "reference"),
        ("slash", "2EVENT/7//", "2//", "unknown"),
        ("slash", "2EVENT/7//", "2EVENT./7//", "unknown"),
        ("slash", "2EVENT/7//", "9EVENT/7//", "unknown"),
        ("slash", "2EVENT/7//", "2EVENT/7/8//", "line"),
        ("slash", "2EVENT/7//", "2EVENT//", "line"),
        ("slash", "2EVENT/7//", "2EVENT.1/X:7//", "unknown"),
        ("slash", "TROOPS:9000", "TROOPS9000", "unknown"),
        ("slash", "5PHASES.2", "5PHASES.3", "repeats"),
        ("slash", "5PHASES.1/TROOPS:9000", "5PHASES.1/TROOPS:x", "field"),
        ("slash", "5PHASES.2/TROOPS:13000 +-500/", "5PHASES.2/", "form"),
        ("slash", "2EVENT/7//\n", "", "form"),
        ("radio", "PRECEDENCE: FLASH", "PREFERENCE: FLASH", "heading"),
        ("radio", "FIELD TWO (What", "FIELD TU (What", "line"),
        ("radio", "FIELD TWO (What", "PLACE TWO (What", "line"),
        ("radio", "FIELD FIVE ITEM TWO FIELD ONE", "FIELD FIVE FIELD TWO ITEM ONE", "line"),
        ("radio", "REMARKS IN en", "REMARKS EN en", "line"),
        ("radio", "REMARKS IN en", "REMARKS IN de", "check"),
        ("radio", "CHECK ALL: ", "CHECK ALL ", "check"),
        ("radio", "CHECK ALL: ", "CHECK ALL: babab ", "check"),
        ("radio", "(A fall of an object)", "(A shot)", "word"),
        ("radio", "SEVEN (", "ONE (", "check"),
        ("radio", "NINE ZERO ZERO", "NINE ZERO", "check"),
        ("radio", "HQ 2", "HQ 3", "check"),
        ("radio", "FROM: ALPHA", "FROM: BRAVO", "check"),
        ("radio", "END OF MESSAGE NUMBER ONE TWO", "END OF MESSAGE NUMBER ONE", "truncated"),
        ("radio", "ZERO, PLUS-MINUS FIVE", "ZERO, PLUS FIVE", "line"),
    ],
)
def test_what_is_refused(name: str, old: str, new: str, code: str) -> None:
    write, read = FORMS[name]
    text = write(SHEET, "en")
    assert old in text
    with pytest.raises(RemoteError) as refused:
        read(text.replace(old, new, 1), {"md": PACK}, ENGINE)
    assert refused.value.code == f"sheet.{code}"


@pytest.mark.parametrize("name", ["numbered", "radio"])
def test_the_word_of_a_code_is_known_in_every_language(name: str) -> None:
    write, read = FORMS[name]
    pack = replace(PACK, words=WORDS | {"fr": {"code.list.item-7": "Chute d'un objet"}})
    sheet = replace(SHEET, pack=pack)
    text = write(sheet, "fr")
    assert "7 (Chute d'un objet)" in text or "SEVEN (Chute d'un objet)" in text
    assert read(text, {"md": pack}, ENGINE) == sheet


def test_a_line_of_the_script_that_was_not_heard_is_missed() -> None:
    lines = as_radio(SHEET, "en").split("\n")
    text = "\n".join(lines[:10] + lines[11:])  # the field 'at', which the form can do without
    with pytest.raises(RemoteError) as refused:
        radio.read(text, {"md": PACK}, ENGINE)
    assert refused.value.code == "sheet.check"


@pytest.mark.parametrize(("name", "line"), [("numbered", 14), ("slash", 7), ("radio", 10)])
def test_a_refusal_names_the_line(name: str, line: int) -> None:
    write, read = FORMS[name]
    lines = write(SHEET, "en").split("\n")
    text = "\n".join([*lines[: line - 1], "(:) nonsense", *lines[line:]])
    with pytest.raises(RemoteError) as refused:
        read(text, {"md": PACK}, ENGINE)
    assert refused.value.code == "sheet.line"
    assert refused.value.message.startswith(f"line {line} of the text form ")


@pytest.mark.parametrize("name", FORMS)
def test_a_text_form_ends_at_its_bounds(name: str) -> None:
    write, read = FORMS[name]
    text = write(SHEET, "en")
    filled = text + "\n" * (MAX_CHARS - len(text))
    assert read(filled, {"md": PACK}, ENGINE) == SHEET
    with pytest.raises(RemoteError) as refused:
        read(filled + "\n", {"md": PACK}, ENGINE)
    assert refused.value.code == "sheet.large"
    many = replace(SHEET, refs=SHEET.refs * 16)
    assert read(write(many, "en"), {"md": PACK}, ENGINE) == many
    with pytest.raises(RemoteError) as more:
        read(write(replace(SHEET, refs=SHEET.refs * 17), "en"), {"md": PACK}, ENGINE)
    assert more.value.code == "sheet.heading"


def test_of_one_form_so_many_answers_are_taken() -> None:
    taken = Leaves(PACK, FORM, Tongue(PACK, ENGINE), {})
    for number in range(1, MAX_LEAVES + 1):
        taken.take((5, number, 1), "1", number)
    with pytest.raises(RemoteError) as refused:
        taken.take((5, MAX_LEAVES + 1, 1), "1", 1)
    assert refused.value.code == "sheet.large"


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("9000 +-5", "NINE ZERO ZERO ZERO, PLUS-MINUS FIVE"),
        ("[NOT KNOWN]", "[NOT, KNOWN]"),
        ("50.5N", "FIVE ZERO DECIMAL FIVE NOVEMBER"),
        ("2022-11-15", "TWO ZERO TWO TWO DASH ONE ONE DASH ONE FIVE"),
        ("14:40", "ONE FOUR COLON FOUR ZERO"),
        ("1, 2", "ONE NEXT, TWO"),
        ("Z NOV", "ZULU, NOV"),
    ],
)
def test_how_coded_text_is_said(text: str, spoken: str) -> None:
    assert radio.spell(text) == spoken
    assert radio.unspell(spoken) == text
    assert radio.unspell(spoken + " HM") is None
