"""A phrase as a form: its id on the wire, how it is said, and which replies it expects."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agreement.made import CITE, form_of, pack_of
from tests.core.agreement.sheets import ENGINE
from tests.examples import tries

from tieline.core.agreement import vocabulary as vocab
from tieline.core.agreement.model import Field, FieldType, Language, Phrase, phrase_form
from tieline.core.agreement.naming import either_named, named, phrase_named
from tieline.core.agreement.phrases import Wording, is_expected, sentences, spoken
from tieline.core.agreement.plan import compile_pack
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.vet import vet
from tieline.core.errors import LocalError
from tieline.core.terms import FORM_ID

IDS = st.from_regex("[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)


def phrase(id_: str, code: str, *response: str, signal: str = "") -> Phrase:
    return Phrase(id=id_, number=1, code=code, cite=CITE, response=response, signal=signal)


ASK, HEARD, UNABLE = phrase("a1", "A1", "B2", "C/3"), phrase("b2", "B2"), phrase("c3", "C/3")
WORDS = {
    "en": {
        "phrase.a1.meaning": "Follow us.", "phrase.a1.wording": "FOLLOW",
        "phrase.b2.meaning": "Heard.", "phrase.b2.wording": "HEARD",
        "phrase.c3.meaning": "We cannot.", "phrase.c3.wording": "CANNOT",
    },
    "fr": {"phrase.a1.wording": "FOLLOW", "phrase.a1.pronunciation": "fo-lo",
           "phrase.b2.meaning": "Entendu."},
    "it": {"phrase.a1.wording": "SEGUITECI"},
}  # fmt: skip
PACK = replace(
    pack_of(form_of(id_="a1"), words=WORDS, phrases=(ASK, HEARD, UNABLE)),
    languages=tuple(Language(tag=tag, verified=tag == "en") for tag in WORDS),
)


@settings(max_examples=tries(25))
@given(IDS, IDS)
def test_no_form_has_the_id_of_a_phrase(one: str, other: str) -> None:
    """Whatever ids a pack's author may choose: a phrase is found as such, and a form as such."""
    made = pack_of(form_of(id_=one), phrases=(phrase(other, "X"),))
    wire = [made.form_id(form) for form in made.sendable()]
    assert len(set(wire)) == 2
    assert all(FORM_ID.match(each) for each in wire)
    found = [made.form(each.partition("/")[2]) for each in wire]
    assert found == [made.forms[one], phrase_form(made.phrases[other])]


def test_no_rule_can_name_the_form_of_a_phrase_and_no_plan_has_one() -> None:
    assert re.fullmatch(vocab.ID.pattern, ASK.id)
    assert not re.fullmatch(vocab.ID.pattern, phrase_form(ASK).id)
    assert set(compile_pack(PACK).forms) == {"a1"}


@pytest.mark.parametrize(
    ("wanted", "form"),
    [
        ("A1", ":a1"), ("md/A1", ":a1"), ("made/A1", ":a1"), ("md/:a1", ":a1"), (":a1", ":a1"),
        ("b2", ":b2"), ("md/b2", ":b2"), ("c/3", ":c3"), ("md/C/3", ":c3"), ("c3", ":c3"),
    ],
)  # fmt: skip
def test_a_phrase_is_named_by_its_code_or_its_id(wanted: str, form: str) -> None:
    assert phrase_named([PACK], wanted) == (PACK, PACK.form(form))


def test_of_one_name_the_form_comes_first_and_a_strange_name_is_refused() -> None:
    assert either_named([PACK], "a1")[1].phrase is None
    assert either_named([PACK], "b2")[1].phrase == HEARD
    other = replace(PACK, id="other", tag="ot")
    assert phrase_named([PACK, other], "ot/A1")[0] == other
    for found, wanted in ((named, "md/A1"), (phrase_named, "D4"), (phrase_named, "md/")):
        with pytest.raises(LocalError, match="no pack in force has"):
            found([PACK], wanted)
    with pytest.raises(LocalError, match="several packs in force have a phrase 'A1'"):
        phrase_named([PACK, other], "A1")


def test_wordings_come_in_the_readers_language_first_and_of_one_text_once() -> None:
    said = spoken(PACK, ASK, Tongue(PACK, ENGINE, "fr"))
    assert said.wordings == (Wording("fr", "FOLLOW", "fo-lo"), Wording("it", "SEGUITECI", ""))
    assert list(sentences(said, Tongue(PACK, ENGINE, "fr"))) == [
        ("formulation (fr)", "FOLLOW"),
        ("prononciation (fr)", "fo-lo"),
        ("formulation (it)", "SEGUITECI"),
        ("réponse attendue", "B2 Entendu."),
        ("réponse attendue", "C/3 We cannot."),
    ]
    english = spoken(PACK, ASK, Tongue(PACK, ENGINE, "en"))
    assert english.wordings[0] == Wording("en", "FOLLOW", "fo-lo")


def test_a_signal_is_said_in_the_readers_language() -> None:
    flags = replace(ASK, signal="flags")
    made = replace(PACK, words={"en": {"flags": "Two flags."}, "fr": {"flags": "Deux pavillons."}})
    tongue = Tongue(made, ENGINE, "fr")
    assert ("signal", "Deux pavillons.") in list(sentences(spoken(made, flags, tongue), tongue))


def test_a_reply_is_expected_by_its_code_in_the_same_agreement_whatever_its_version() -> None:
    newer = replace(PACK, version=2, hash=b"2")
    other = replace(PACK, id="other")
    heard = phrase_form(HEARD)
    assert is_expected(PACK, ASK, (PACK, heard))
    assert is_expected(PACK, ASK, (newer, heard))
    assert not is_expected(PACK, ASK, (other, heard))
    assert not is_expected(PACK, ASK, (PACK, phrase_form(ASK)))
    assert not is_expected(PACK, ASK, (PACK, PACK.forms["a1"]))
    assert not is_expected(PACK, ASK, None)
    assert is_expected(PACK, HEARD, None)  # it expects none


def test_a_phrase_with_a_serial_is_refused() -> None:
    counted = Field(number=1, id="n", type=FieldType.SERIAL, cite=CITE)
    book = pack_of(form_of(), phrases=(replace(ASK, fields=(counted,)),))
    faults: list[str] = []
    vet(book, lambda _place, text: faults.append(text))
    assert any("phrase 'a1' has a serial, and nothing counts phrases" in each for each in faults)
