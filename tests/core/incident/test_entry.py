"""What a form says of an incident, by its marks and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.core.agreement.made import CITE
from tests.core.incident.made import World, at, part, said

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.message import Values
from tieline.core.agreement.model import (
    CodeItem,
    Field,
    FieldType,
    Form,
    Language,
    Pack,
    Special,
)
from tieline.core.agreement.places import Position
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Text,
    Unit,
)
from tieline.core.incident.entry import Asked, Part, Said, Stated, Told, instant_ms, read_said
from tieline.core.terms import RefRole

SURE = (
    CodeItem(number=1, id="sure", cite=CITE, sense=Sense.NONE),
    CodeItem(number=2, id="later", cite=CITE, sense=Sense.LATER),
)
HASH = Hash(b"h" * 32)
Inside = tuple[tuple[str, FieldType, Means], ...]


def field(number: int, id_: str, kind: FieldType, means: Means, *inside: Field) -> Field:
    return Field(
        number=number, id=id_, type=kind, cite=CITE, means=means, fields=inside,
        codes="sure" if kind is FieldType.CODE else "", repeat=(0, 9),
    )  # fmt: skip


def reads(*fields: Field, act: Act = Act.NONE, values: Values) -> Said | None:
    form = Form(id="form", number=1, cite=CITE, fields=fields, act=act)
    pack = Pack(
        id="made", tag="md", version=1, cite=CITE, languages=(Language(tag="en", verified=True),),
        codes={"sure": SURE}, forms={"form": form}, phrases={}, rules={}, status=(),
        words={"en": {}},
    )  # fmt: skip
    return read_said(pack, form, values)


COUNT = field(1, "count", FieldType.COUNT, Means.COUNT)
GROUP = field(
    2, "place", FieldType.GROUP, Means.WHERE,
    field(1, "is", FieldType.POSITION, Means.VALUE),
    field(2, "sure", FieldType.CODE, Means.CONFIDENCE),
    field(3, "by", FieldType.CODE, Means.SOURCE),
    field(4, "words", FieldType.TEXT, Means.WORDS),
    field(5, "sum", FieldType.HASH, Means.HASH),
    field(6, "other", FieldType.COUNT, Means.DAMAGE),
    field(7, "note", FieldType.TEXT, Means.NONE),
)  # fmt: skip
PLACE = Position(1, 2)


def test_a_form_without_a_mark_says_nothing_of_an_incident() -> None:
    note = field(1, "note", FieldType.TEXT, Means.NONE)
    assert reads(note, values={1: Text("x")}) is None
    assert reads(note, values={}) is None
    assert reads(note, act=Act.WORD, values={}) == said(Act.WORD, pack="made", form="form")


def test_an_aspect_that_stands_alone_is_stated_and_any_other_mark_is_an_answer() -> None:
    due = field(3, "due", FieldType.TIME, Means.DUE)
    found = reads(COUNT, due, values={1: Number(7), 3: Instant(60)})
    assert found is not None
    assert found.stated == (Stated(aspect=Means.COUNT, value=Part("count", Number(7))),)
    assert found.answers == {Means.DUE: Part("due", Instant(60))}
    assert reads(COUNT, due, values={3: Special.NIL}) is not None


def test_a_group_of_an_aspect_holds_its_value_and_all_that_stands_beside_it() -> None:
    values: Values = {
        2: (
            {
                1: PLACE, 2: Code(1, "sure"), 3: Code(2, "later"), 4: Text("by the lake"), 5: HASH,
                6: Number(3), 7: Text("unmarked"),
            },
            {4: Text("elsewhere")},
        )
    }  # fmt: skip
    found = reads(GROUP, values=values)
    assert found is not None
    assert found.stated == (
        Stated(
            aspect=Means.WHERE,
            value=Part("place.is", PLACE),
            confidence=Part("place.sure", Code(1, "sure")),
            source=Part("place.by", Code(2, "later"), Sense.LATER),
            words="by the lake",
            hash=HASH.digest,
            more=(Part("place.other", Number(3)),),
        ),
        Stated(aspect=Means.WHERE, words="elsewhere"),
    )
    assert found.answers == {}


def test_a_row_of_a_table_states_each_of_its_aspects_as_sure_as_the_row() -> None:
    row = field(
        2, "row", FieldType.GROUP, Means.NONE,
        field(1, "at", FieldType.TIME, Means.WHEN),
        field(2, "count", FieldType.COUNT, Means.COUNT),
        field(3, "sure", FieldType.CODE, Means.CONFIDENCE),
        field(4, "by", FieldType.CODE, Means.SOURCE),
    )  # fmt: skip
    found = reads(row, values={2: ({1: Instant(5), 2: Number(6), 3: Code(1, "sure")},
                                   {2: Number(8), 4: Code(1, "sure")})})  # fmt: skip
    assert found is not None
    sure, by = Part("row.sure", Code(1, "sure")), Part("row.by", Code(1, "sure"))
    assert found.stated == (
        Stated(aspect=Means.WHEN, value=Part("row.at", Instant(5)), confidence=sure),
        Stated(aspect=Means.COUNT, value=Part("row.count", Number(6)), confidence=sure),
        Stated(aspect=Means.COUNT, value=Part("row.count", Number(8)), source=by),
    )


def test_how_sure_a_form_is_as_a_whole_each_aspect_is_that_does_not_say() -> None:
    whole = (
        field(3, "sure", FieldType.CODE, Means.CONFIDENCE),
        field(4, "by", FieldType.CODE, Means.SOURCE),
    )
    own: Mapping[int, Answer] = {2: Code(2, "later"), 3: Code(2, "later"), 4: Text("own words"),
                                 5: HASH, 6: Number(3)}  # fmt: skip
    values: Values = {1: Number(7), 2: (own,), 3: Code(1, "sure"), 4: Code(1, "sure")}
    found = reads(COUNT, GROUP, *whole, values=values)
    assert found is not None
    sure, by = Part("sure", Code(1, "sure")), Part("by", Code(1, "sure"))
    later = Part("place.sure", Code(2, "later"), Sense.LATER)
    count, place = found.stated
    assert (count.confidence, count.source) == (sure, by)
    assert (place.confidence, place.source) == (later, replace_path(later, "place.by"))
    half = reads(COUNT, GROUP, whole[1], values={2: ({**own, 3: Special.NOT_KNOWN},),
                                                 4: Code(1, "sure")})  # fmt: skip
    assert half is not None
    assert half.stated[0].source == Part("place.by", Special.NOT_KNOWN)
    mixed = reads(GROUP, *whole, values={2: ({2: Code(2, "later"), 4: Text("own words"), 5: HASH,
                                              6: Number(3)},), 4: Code(1, "sure")})  # fmt: skip
    assert mixed is not None
    (one,) = mixed.stated
    assert (one.confidence, one.source, one.words, one.hash) == (later, by, "own words", b"h" * 32)
    assert one.more == (Part("place.other", Number(3)),)


def replace_path(one: Part, path: str) -> Part:
    return Part(path, one.answer, one.sense)


ABOUT = field(1, "about", FieldType.CODE, Means.ABOUT)
WORDS = field(2, "words", FieldType.TEXT, Means.WORDS)


def test_questions_stand_in_groups_or_once_in_a_form() -> None:
    group = field(3, "items", FieldType.GROUP, Means.ABOUT, ABOUT, WORDS)
    late = Code(2, "later")
    two: Values = {3: ({1: late, 2: Text("When?")}, {2: Text("Who?")})}
    found = reads(group, values=two)
    assert found is not None
    assert found.asked == (
        Asked(Part("items.about", late, Sense.LATER), "When?"), Asked(None, "Who?"),
    )  # fmt: skip
    alone = reads(ABOUT, WORDS, values={1: late, 2: Text("When?")})
    assert alone is not None
    assert alone.asked == (Asked(Part("about", late, Sense.LATER), "When?"),)
    both = reads(ABOUT, WORDS, group, values={**two, 1: late})
    assert both is not None
    assert len(both.asked) == 2
    assert reads(WORDS, values={2: Special.WITHHELD}) is not None


def test_areas_are_found_in_groups_of_groups() -> None:
    area = field(1, "area", FieldType.AREA, Means.AREA)
    inner = field(2, "inner", FieldType.GROUP, Means.NONE, area)
    outer = field(3, "outer", FieldType.GROUP, Means.NONE, inner, area)
    values: Values = {1: PLACE, 3: ({2: ({1: PLACE}, {1: PLACE}), 1: PLACE}, {})}
    found = reads(area, outer, values=values)
    assert found is not None
    assert [one.path for one in found.areas] == [
        "area", "outer.inner.area", "outer.inner.area", "outer.area"
    ]  # fmt: skip
    assert reads(outer, values={3: ({},)}) is None


UNIT = field(1, "unit", FieldType.UNIT, Means.UNIT)
TOLD = field(2, "told", FieldType.TIME, Means.TOLD)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({1: Unit("2 BDE"), 2: Instant(60)}, (Told("2 BDE", 60_000),)),
        ({1: Unit("2 BDE")}, (Told("2 BDE", None),)),
        ({2: Instant(60)}, (Told(None, 60_000),)),
        ({1: Special.WITHHELD, 2: Special.NOT_KNOWN}, (Told(None, None),)),
        ({1: Unit("2 BDE"), 2: Special.NIL}, ()),
        ({}, None),
    ],
)
def test_which_units_were_told_and_when(values: Values, told: tuple[Told, ...] | None) -> None:
    found = reads(UNIT, TOLD, values=values)
    assert (None if found is None else found.told) == told
    group = field(3, "units", FieldType.GROUP, Means.NONE, UNIT, TOLD)
    two = reads(group, act=Act.PASSED, values={3: (values, values)})
    assert two is not None
    assert two.told == (told or ()) * 2


def test_a_time_of_a_field_with_its_doubt() -> None:
    world = World()
    entry = world.say("ALPHA", said(Act.ASK, answers=at(Means.DUE, 90_000, 30)))
    assert instant_ms(entry, Means.DUE) == 90_000
    assert instant_ms(entry, Means.DUE, latest=True) == 120_000
    assert instant_ms(entry, Means.NEXT) is None
    day = world.say("ALPHA", said(Act.ASK, answers={Means.DUE: part("due", Day(2))}))
    assert instant_ms(day, Means.DUE) == 2 * 86_400_000
    assert instant_ms(day, Means.DUE, latest=True) == 3 * 86_400_000 - 1
    nil = world.say("ALPHA", said(Act.ASK, answers={Means.DUE: part("due", Special.NIL)}))
    assert instant_ms(nil, Means.DUE) is None
    assert instant_ms(world.say("ALPHA"), Means.DUE) is None


def test_what_an_entry_cites_in_some_roles_or_in_any() -> None:
    refs = ((RefRole.ANSWERS, b"a"), (RefRole.CONCERNS, b"b"), (RefRole.ANSWERS, b"c"))
    entry = World().say("ALPHA", None, refs)
    assert entry.cites() == (b"a", b"b", b"c")
    assert entry.cites(RefRole.ANSWERS) == (b"a", b"c")
    assert entry.cites(RefRole.CORRECTS, RefRole.CONCERNS) == (b"b",)
    assert entry.act is Act.NONE


def test_what_a_code_means_to_the_software_is_that_of_its_number() -> None:
    stance = field(1, "stance", FieldType.CODE, Means.STANCE)
    for code, sense in ((Code(2, "x"), Sense.LATER), (Code(1, "later"), Sense.NONE),
                        (Code(9, "later"), Sense.NONE)):  # fmt: skip
        found = reads(stance, values={1: code})
        assert found is not None
        assert found.sense(Means.STANCE) is sense
        assert found.sense(Means.SCOPE) is Sense.NONE
    party = reads(field(1, "asked", FieldType.PARTY, Means.ASKED), values={1: PartyCode("BRAVO")})
    assert party is not None
    assert party.answers == {Means.ASKED: Part("asked", PartyCode("BRAVO"))}


def test_what_a_statement_does_not_say_it_does_not_mean() -> None:
    entry = World().say("ALPHA")
    assert not any((entry.late_binds, entry.reserve, entry.story, entry.unread, entry.coded))
    assert (entry.at_ms, entry.effective_ms, entry.said) == (None, None, None)
    assert (entry.refs, entry.parties, entry.terms) == ((), (), ())
    assert (entry.text, entry.lang, entry.unit, entry.through) == ("", "", "", "")
