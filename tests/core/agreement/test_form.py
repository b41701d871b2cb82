"""A form is filled whole, or every fault is said with its field, its paragraph and a remedy."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.agreement.made import CITE, form_of, pack_of
from tests.core.agreement.sheets import ENGINE
from tests.core.world import START_MS, chaff, kit, signed_size, write

from tieline.core import encode
from tieline.core.agreement.form import (
    MAX_FIELD_BYTES,
    Cited,
    Filled,
    complaint,
    fill,
    next_number,
    numbers_of,
    renumbered,
    strangers,
)
from tieline.core.agreement.message import FieldError, Message, Values, read_message
from tieline.core.agreement.model import (
    Cite,
    Field,
    FieldType,
    Predecessor,
    Provenance,
    Special,
)
from tieline.core.agreement.serials import Serials
from tieline.core.agreement.tongue import Tongue
from tieline.core.agreement.value import Code, Number, PartyCode, Problem, Serial, Text
from tieline.core.statement import Body, Content, Place
from tieline.core.terms import Kind, Precedence, RefRole, Role

DIGEST = b"d" * 32


def field(number: int, id_: str, kind: FieldType, **more: object) -> Field:
    return Field(number=number, id=id_, type=kind, cite=CITE, **more)  # type: ignore[arg-type]


REQUEST = form_of(
    field(1, "serial", FieldType.SERIAL),
    field(2, "event", FieldType.CODE, codes="list", required=True),
    field(3, "phases", FieldType.GROUP, repeat=(0, 2), fields=(
        field(1, "troops", FieldType.COUNT, required=True, low=1, high=50_000,
              specials=frozenset({Special.NOT_KNOWN})),
    )),
    id_="request",
)  # fmt: skip
REPLY = form_of(
    field(1, "text", FieldType.TEXT, required=True, max_chars=5),
    id_="reply",
    answers=("request",),
    predecessors=(
        Predecessor(
            forms=("request",), role=RefRole.PREDECESSOR, required=True,
            cite=Cite("16.1.3", Provenance.READ),
        ),
    ),
)  # fmt: skip
WORDS = {
    "en": {
        "field.request.event": "What happened", "field.request.phases": "Phases",
        "field.request.phases.troops": "Troops", "code.list.item-1": "A shot",
        "code.list.item-2": "A fall", "code.list.item-7": "A flight",
        "code.list.item-40": "Something else", "field.reply.text": "Explanation",
    },
    "fr": {"field.request.event": "Ce qui est arrivé"},
}  # fmt: skip
PACK = pack_of(REQUEST, REPLY, words=WORDS)


def codes(got: Filled | tuple[FieldError, ...]) -> list[tuple[str, str]]:
    assert not isinstance(got, Filled)
    return [(error.path, error.problem.code) for error in got]


def said(got: Filled | tuple[FieldError, ...], lang: str = "en") -> list[str]:
    assert not isinstance(got, Filled)
    return [complaint(REQUEST, error, Tongue(PACK, ENGINE, lang)).text for error in got]


def cited(role: RefRole, form: str, sender: str = "BRAVO", pack: str = "made") -> Cited:
    return Cited(role=role, digest=DIGEST, pack=pack, form=form, sender=sender)


def test_a_filled_form_bears_the_next_serial_and_reads_back() -> None:
    got = fill(PACK, REQUEST, {2: Code(1, "item-1")}, sender="ALPHA", number=4)
    assert isinstance(got, Filled)
    assert got.number == 4
    assert got.fields == ((1, 4), (2, 1))
    assert read_message(PACK, REQUEST, got.fields) == got.values
    assert renumbered(got, 5).fields == ((1, 5), (2, 1))
    other: Values = {1: Serial(9), 2: Code(1, "item-1")}
    assert codes(fill(PACK, REQUEST, other, sender="ALPHA", number=4)) == [
        ("serial", "form.serial")
    ]


def test_all_faults_come_at_once_with_field_paragraph_and_remedy() -> None:
    values: Values = {3: ({1: Number(0)}, {1: Special.NIL})}
    got = fill(PACK, REQUEST, values, sender="ALPHA")
    assert codes(got) == [
        ("event", "field.missing"),
        ("phases[1].troops", "field.range"),
        ("phases[2].troops", "field.special"),
    ]
    assert said(got) == [
        "What happened (event, paragraph 16.1.2): no answer was given. Answer it.",
        (
            "Phases / Troops (phases[1].troops, paragraph 16.1.2): the number is not between 1 and "
            "50000. Correct the number."
        ),
        (
            "Phases / Troops (phases[2].troops, paragraph 16.1.2): 'nil' is not allowed here. Give "
            "a value, or say one of: not known."
        ),
    ]


def test_a_wrong_code_is_answered_with_the_list() -> None:
    got = fill(PACK, REQUEST, {2: Code(9, "war")}, sender="ALPHA")
    assert said(got) == [
        (
            "What happened (event, paragraph 16.1.2): 'war' is no item of the list. Choose one by "
            "number, id or word: 1 A shot; 2 A fall; 7 A flight; 40 Something else."
        ),
    ]


def test_what_the_language_lacks_is_marked() -> None:
    error = FieldError("event", "event", Problem("field.missing"), CITE)
    assert not complaint(REQUEST, error, Tongue(PACK, ENGINE, "en")).fallen
    assert complaint(REQUEST, error, Tongue(PACK, ENGINE, "xx")).fallen
    assert "Ce qui est arrivé" in complaint(REQUEST, error, Tongue(PACK, ENGINE, "fr")).text


GOOD = {1: Text("why")}


@pytest.mark.parametrize(
    ("refs", "code"),
    [
        ((), "form.predecessor"),
        ((cited(RefRole.ANSWERS, "request"),), "form.predecessor"),
        ((cited(RefRole.PREDECESSOR, "reply"),), "form.predecessor"),
        ((cited(RefRole.PREDECESSOR, "request", pack="other"),), "form.predecessor"),
        ((cited(RefRole.PREDECESSOR, "request"), cited(RefRole.ANSWERS, "reply")), "form.answers"),
        ((cited(RefRole.PREDECESSOR, "request"), cited(RefRole.CORRECTS, "reply")),
         "form.replaces"),
        ((cited(RefRole.PREDECESSOR, "request"), cited(RefRole.SUPERSEDES, "request", "ALPHA")),
         "form.replaces"),
    ],
)  # fmt: skip
def test_what_a_form_must_and_may_cite(refs: tuple[Cited, ...], code: str) -> None:
    assert codes(fill(PACK, REPLY, GOOD, sender="ALPHA", cited=refs)) == [("", code)]


def test_good_citations_go_into_the_statement() -> None:
    refs = (
        cited(RefRole.PREDECESSOR, "request"),
        cited(RefRole.ANSWERS, "request"),
        cited(RefRole.CORRECTS, "reply", "ALPHA"),
        cited(RefRole.CONCERNS, "", pack=""),
    )
    got = fill(PACK, REPLY, GOOD, sender="ALPHA", cited=refs)
    assert isinstance(got, Filled)
    assert got.refs == tuple((one.role, DIGEST) for one in refs)


def test_a_cancellation_may_leave_the_answers_out_and_nothing_else() -> None:
    own = cited(RefRole.CANCELS, "request", "ALPHA")
    assert isinstance(fill(PACK, REQUEST, {}, sender="ALPHA", cited=(own,)), Filled)
    assert read_message(PACK, REQUEST, (), cancels=True) == {}
    bad: Values = {3: ({1: Number(0)},)}
    assert codes(fill(PACK, REQUEST, bad, sender="ALPHA", cited=(own,))) == [
        ("phases[1].troops", "field.range")
    ]


def test_answers_that_fit_no_statement_are_refused() -> None:
    wide = form_of(*(field(n, f"t{n}", FieldType.TEXT) for n in range(1, 20)))
    values = {n: Text("\u0416" * 2000) for n in range(1, 20)}
    assert codes(fill(pack_of(wide), wide, values, sender="ALPHA")) == [("", "form.large")]


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_answers_up_to_so_many_bytes_fit(more: int, fits: bool) -> None:
    wide = form_of(*(field(n, f"t{n}", FieldType.TEXT) for n in range(1, 20)))
    values = {n: Text("x" * 1250) for n in range(1, 20)}
    short = fill(pack_of(wide), wide, values, sender="ALPHA")
    assert isinstance(short, Filled)
    room = MAX_FIELD_BYTES - len(encode.dumps(dict(short.fields)))
    values[1] = Text("x" * (1250 + room + more))
    found = fill(pack_of(wide), wide, values, sender="ALPHA")
    assert isinstance(found, Filled) if fits else codes(found) == [("", "form.large")]


def series(numbers: Iterable[int]) -> Serials:
    out = Serials()
    for number in numbers:
        out.add(number)
    return out


@pytest.mark.parametrize(
    ("numbers", "missing", "repeated"),
    [
        ((), (), ()),
        ((1, 2, 3), (), ()),
        ((3, 1), ((2, 2),), ()),
        ((2,), ((1, 1),), ()),
        ((1, 5, 5, 10**15), ((2, 4), (6, 10**15 - 1)), (5,)),
    ],
)
def test_gaps(
    numbers: tuple[int, ...], missing: tuple[tuple[int, int], ...], repeated: tuple[int, ...]
) -> None:
    got = series(numbers)
    assert (got.missing(), got.repeated()) == (missing, repeated)


@given(st.lists(st.integers(1, 40), max_size=40))
def test_gaps_and_numbers_are_the_whole_series(numbers: list[int]) -> None:
    got = series(numbers)
    lost = {n for low, high in got.missing() for n in range(low, high + 1)}
    assert lost | set(numbers) == set(range(1, next_number(numbers)))
    assert not lost & set(numbers)
    assert set(got.repeated()) == {n for n in numbers if numbers.count(n) > 1}


def test_a_series_is_one_senders_messages_of_one_form() -> None:
    def message(sender: str, form: str, n: int, pack: str = "made") -> Message:
        return Message(
            digest=b"", sender=sender, to=(), time_ms=0, pack=pack, form=form, values={1: Serial(n)}
        )

    record = [
        message("ALPHA", "request", 1),
        message("BRAVO", "request", 7),
        message("ALPHA", "reply", 8),
        message("ALPHA", "request", 9, "other"),
        message("ALPHA", "request", 3),
    ]
    assert numbers_of(record, REQUEST, "ALPHA", "made") == (1, 3)
    assert next_number((1, 3)) == 4
    assert numbers_of(record, REPLY, "ALPHA", "made") == ()


def test_the_size_that_is_foretold_is_that_of_a_signed_statement() -> None:
    got = fill(PACK, REQUEST, {2: Code(1, "item-1")}, sender="ALPHA", number=4)
    assert isinstance(got, Filled)
    content = Content(
        kind=Kind.MESSAGE,
        precedence=Precedence.FLASH,
        role=Role.WATCH_OFFICER,
        form=PACK.form_id(REQUEST),
        form_version=PACK.version,
        body=Body(fields=got.fields),
    )
    station = kit("ALPHA").stations[0]
    place = Place(
        line=chaff("line", 16),
        station=station.id,
        incarnation=chaff("life", 8),
        position=1_000_000,
        previous=chaff("previous", 32),
        seen=(chaff("tip", 16),),
        time_ms=START_MS,
        charter=300,
    )
    made = write(station, "", place, content)
    assert signed_size(content, other_logs=1) == len(made.raw)
    assert read_message(PACK, REQUEST, made.content.body.fields or ()) == got.values


def test_parties_that_are_none_of_the_line_are_named_wherever_they_stand() -> None:
    asked = field(1, "asked", FieldType.PARTY)
    form = form_of(asked, field(2, "rows", FieldType.GROUP, fields=(asked,), repeat=(0, 9)))
    values: Values = {1: PartyCode("DELTA"), 2: ({1: PartyCode("ALPHA")}, {1: PartyCode("BRAVO")})}
    found = strangers(form, values, ["CHARLIE", "ALPHA"])
    parties = ("parties", "ALPHA, CHARLIE")
    one, other = (
        Problem("field.stranger", (("found", party), parties)) for party in ("DELTA", "BRAVO")
    )
    assert found == (
        FieldError("asked", "asked", one, CITE),
        FieldError("rows[2].asked", "rows.asked", other, CITE),
    )
    assert strangers(form, {1: Special.NIL}, []) == ()
