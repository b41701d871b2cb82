"""What a case can tell and expect: every kind of answer, of rule and of fault."""

from __future__ import annotations

import pytest
from tests.core.agreement import rich
from tests.core.agreement.made import CITE, ITEMS, form_of, pack_of

from tieline.core.agreement import cases
from tieline.core.agreement.cases import Played, run
from tieline.core.agreement.ledger import Ledger
from tieline.core.agreement.load import load
from tieline.core.agreement.message import Message
from tieline.core.agreement.model import Field, FieldType, Pack, Special
from tieline.core.agreement.places import Circle, Polygon, Position, Route, Waypoint
from tieline.core.agreement.value import (
    Answer,
    Code,
    Day,
    Hash,
    Instant,
    Number,
    PartyCode,
    Serial,
    Text,
    Unit,
)
from tieline.core.errors import PackUnfit
from tieline.core.terms import RefRole
from tieline.node import packs

ENDS = '[[case.expect]]\nat = 2028-03-02T00:00:00Z\nrule = "none"\nstate = "none"\n'


def play(text: str, pack: Pack, only: str = "") -> list[Played]:
    return run(pack, packs.parse("cases.toml", text.encode())[0], only)


def faults(text: str, pack: Pack) -> list[str]:
    """What is said, without ``cases.toml``: line and sentence."""
    return [f"{fault.line}: {fault.text}" for one in play(text, pack) for fault in one.faults]


# --------------------------------------------------------------------------------------- answers


def told(
    kind: FieldType, given: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Answer | tuple[object, ...] | None, list[str]]:
    """What a field of a case holds, and what is said of it."""
    field = Field(number=1, id="f", type=kind, cite=CITE, codes="list",
                  specials=frozenset({Special.NIL}), repeat=(0, 9), fields=(
                      Field(number=1, id="n", type=FieldType.COUNT, cite=CITE),
                  ) if kind is FieldType.GROUP else ())  # fmt: skip
    admitted: list[Message] = []
    monkeypatch.setattr(Ledger, "admit", lambda _, message: admitted.append(message))
    text = (
        '[[case]]\nid = "c"\nabout = "x"\nparties = ["ALPHA", "BRAVO"]\n[[case.message]]\n'
        'as = "m"\nfrom = "ALPHA"\nform = "made"\nat = 2028-03-01T00:00:00Z\n'
        f"fields = {{ f = {given} }}\n{ENDS}"
    )
    said = [one for one in faults(text, pack_of(form_of(field))) if "no rule" not in one]
    return admitted[0].values.get(1), said


TAKEN: list[tuple[FieldType, str, object]] = [
    (FieldType.CODE, '"item-7"', Code(7, "item-7")),
    (FieldType.COUNT, "9000", Number(9000)),
    (FieldType.COUNT, "[9000, 50]", Number(9000, 50)),
    (FieldType.SERIAL, "7", Serial(7)),
    (FieldType.TIME, "2022-11-15T14:40:01Z", Instant(1_668_523_201)),
    (FieldType.TIME, "[2022-11-15T14:40:01Z, 60]", Instant(1_668_523_201, 60)),
    (FieldType.DATE, "2022-11-15", Day(19_311)),
    (FieldType.UNIT, '"HQ 2"', Unit("HQ 2")),
    (FieldType.TEXT, '"a text"', Text("a text")),
    (FieldType.PARTY, '"BRAVO"', PartyCode("BRAVO")),
    (FieldType.HASH, f'"{"0a" * 32}"', Hash(b"\x0a" * 32)),
    (FieldType.POSITION, '{ at = ["51.5", "-0.1234567"] }', Position(515_000_000, -1_234_567)),
    (FieldType.POSITION, '{ at = ["5", "-0"], error = 9 }', Position(50_000_000, 0, 9)),
    (FieldType.AREA, '{ circle = ["1", "2", 700] }', Circle(10_000_000, 20_000_000, 700)),
    (
        FieldType.AREA,
        '{ points = [["0", "0"], ["0", "1"], ["1", "1"]] }',
        Polygon(((0, 0), (0, 10_000_000), (10_000_000, 10_000_000))),
    ),
    (
        FieldType.ROUTE,
        '[["0", "1"], ["0", "-2", 1970-01-01T00:01:00Z]]',
        Route((Waypoint(0, 10_000_000), Waypoint(0, -20_000_000, 60))),
    ),
    (FieldType.COUNT, '"nil"', Special.NIL),
    (FieldType.GROUP, "[{ n = 1 }, { n = 2 }]", ({1: Number(1)}, {1: Number(2)})),
]


@pytest.mark.parametrize(("kind", "given", "answer"), TAKEN)
def test_how_an_answer_is_written_in_a_case(
    kind: FieldType, given: str, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(kind, given, monkeypatch) == (answer, [])


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (FieldType.CODE, "7"),
        (FieldType.CODE, '"item-3"'),
        (FieldType.COUNT, "true"),
        (FieldType.COUNT, '"9"'),
        (FieldType.COUNT, "[1]"),
        (FieldType.COUNT, '"withheld"'),
        (FieldType.SERIAL, "true"),
        (FieldType.TIME, "5"),
        (FieldType.TIME, '"2022-11-15"'),
        (FieldType.TIME, '["2022", 5]'),
        (FieldType.DATE, '"2022-02-30"'),
        (FieldType.HASH, f'"{"0A" * 32}"'),
        (FieldType.HASH, f'"{"0a" * 33}"'),
        (FieldType.POSITION, '{ at = ["51.5"] }'),
        (FieldType.POSITION, '{ at = ["51.5", "x"] }'),
        (FieldType.POSITION, '{ at = ["x", "51.5"] }'),
        (FieldType.POSITION, "{ at = [51, 5] }"),
        (FieldType.POSITION, '{ at = ["1", "1"], error = "5" }'),
        (FieldType.POSITION, '{ at = ["1", "1.12345678"] }'),
        (FieldType.AREA, '{ circle = ["1", "2"] }'),
        (FieldType.AREA, '{ circle = ["1", "x", 700] }'),
        (FieldType.AREA, '{ points = [["0", "0"], ["0"]] }'),
        (FieldType.AREA, '{ points = [["0", "0"], ["0", "x"]] }'),
        (FieldType.ROUTE, '[["0", "x"]]'),
        (FieldType.ROUTE, '[["0", "1", "2022"]]'),
        (FieldType.ROUTE, '[["0"]]'),
        (FieldType.GROUP, "5"),
    ],
)
def test_what_is_no_answer_is_said(
    kind: FieldType, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, said = told(kind, given, monkeypatch)
    assert answer is None
    assert said == [f"10: 'f' is not written as a {kind.value} is in a case"]
    assert ITEMS[0].id == "item-1"


def test_an_unknown_field_is_said_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = told(FieldType.GROUP, "[{ m = 1 }]", monkeypatch)
    assert said == ["10: there is no field 'm' (there is n)"]


# ------------------------------------------------------------------------------------- what holds


def rich_pack() -> Pack:
    return load(packs.parse(name, text.encode())[0] for name, text in rich.FILES.items())


STORY = """\
[[case]]
id = "story"
about = "A visit, reports and a seal."
parties = ["ALPHA", "BRAVO", "CHARLIE"]
[[case.message]]
as = "report"
from = "BRAVO"
form = "report"
at = 2028-03-01T00:00:00Z
fields = { units = 120, object = "1st" }
[[case.message]]
as = "visit"
from = "ALPHA"
form = "visit"
at = 2028-03-01T01:00:00Z
to = ["BRAVO"]
fields = { asked = "BRAVO", kind = "plain", start = 2028-03-04T00:00:00Z, last = 2028-03-05,\
 troops = 1000, object = "1st", serial = 1, phase = [{ guns = 1 }] }
received = { BRAVO = 2028-03-01T02:00:00Z }
[[case.message]]
as = "second"
from = "ALPHA"
form = "visit"
at = 2028-03-01T01:30:00Z
to = ["BRAVO"]
fields = { asked = "BRAVO", kind = "plain", start = 2028-03-04T00:00:00Z, last = 2028-03-05,\
 troops = 20, object = "2nd", serial = 2, phase = [{ guns = 1 }] }
[[case.message]]
as = "verdict"
from = "BRAVO"
form = "verdict"
at = 2028-03-01T03:30:00Z
answers = "visit"
fields = { kind = "plain" }
"""
WANTED: list[tuple[str, list[str]]] = [
    # what is expected, and what is said
    ('rule = "answer"\nstate = "met"', []),
    ('rule = "answer"\nstate = "late"', ["state should be late and is met"]),
    ('rule = "answer"\nstate = "met"\ndebtor = "BRAVO"', []),
    ('rule = "answer"\nstate = "none"\ndebtor = "CHARLIE"', []),
    ('rule = "answer"\nstate = "met"\ntrigger = "visit"', []),
    ('rule = "answer"\nstate = "none"\ntrigger = "second"', []),
    ('rule = "answer"\nstate = "met"\ntrigger = "third"',
     ["no message of the case is called 'third'; correct the name"]),
    ('rule = "answer"\nstate = "met"\ndue = 2028-03-01T04:00:00Z', []),
    ('rule = "answer"\nstate = "met"\ndue = 2028-03-01T04:00:01Z',
     ["due should be 2028-03-01T04:00:01Z and is 2028-03-01T04:00:00Z"]),
    ('rule = "answer"\nstate = "met"\nnot_before = 2028-03-01T03:00:00Z', []),
    ('rule = "answer"\nstate = "met"\nnot_before = 2028-03-01T03:00:01Z',
     ["not_before should be 2028-03-01T03:00:01Z and is 2028-03-01T03:00:00Z"]),
    ('rule = "lead"\nstate = "met"\ntrigger = "visit"', []),
    ('rule = "lead"\nstate = "met"',
     ["2 obligations are meant (met, met); name 'trigger' or 'year'"]),
    ('rule = "yearly"\nstate = "late"\ntrigger = "visit"\nnot_before = 2028-03-01T00:00:00Z',
     ["state should be late and is met",
      "not_before should be 2028-03-01T00:00:00Z and is none"]),
    ('rule = "year"\nstate = "met"\ndebtor = "BRAVO"\nyear = 2028', []),
    ('rule = "year"\nstate = "open"\ndebtor = "ALPHA"\nyear = 2028', []),
    ('rule = "year"\nstate = "none"\ndebtor = "ALPHA"\nyear = 2031', []),
    ('rule = "notable"\nstate = "crossed"\nmessage = "visit"', []),
    ('rule = "notable"\nstate = "none"\nmessage = "report"', []),
    ('rule = "notable"\nstate = "none"', []),
    ('rule = "reported"\nstate = "below"\nmessage = "report"',
     ["state should be below and is crossed"]),
    ('rule = "visits"\nstate = "none"\ndebtor = "BRAVO"',
     ["state should be none and is within"]),
    ('rule = "by-units"\nstate = "within"\ndebtor = "ALPHA"\nused = 2', []),
    ('rule = "by-units"\nstate = "within"\ndebtor = "ALPHA"\nused = 3',
     ["used should be 3 and is 2"]),
    ('rule = "by-units"\nstate = "within"\ndebtor = "BRAVO"\nlimit = 5', []),
    ('rule = "by-units"\nstate = "within"\ndebtor = "BRAVO"\nlimit = 6',
     ["limit should be 6 and is 5"]),
    ('rule = "by-units"\nstate = "within"\ndebtor = "ALPHA"\nover = ["limit"]',
     ["over should be limit and is "]),
    ('rule = "by-units"\nstate = "within"\ndebtor = "ALPHA"\nyear = 2028', []),
    ('rule = "by-units"\nstate = "within"\ndebtor = "ALPHA"\nyear = 2031',
     ["ALPHA has no quota 'by-units' in 2031"]),
    ('rule = "held"\nstate = "not yet"\nmessage = "visit"\nuntil = 2028-03-06T23:59:59Z',
     []),
    ('rule = "held"\nstate = "none"\nmessage = "report"', []),
    ('rule = "listed"\nstate = "valid"\nmessage = "report"\nuntil = 2028-03-31T00:00:00Z',
     ["until should be 2028-03-31T00:00:00Z and is none"]),
    ('rule = "none"\nstate = "met"', ["there is no rule 'none'; correct the name"]),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "said"), WANTED)
def test_what_is_expected_is_held_against_the_ledger(wanted: str, said: list[str]) -> None:
    text = f"{STORY}[[case.expect]]\nat = 2028-03-02T00:00:00Z\n{wanted}\n"
    assert [one.partition(": ")[2] for one in faults(text, rich_pack())] == said


def test_a_message_without_times_of_receipt_was_had_at_once_by_its_addressees() -> None:
    text = STORY.replace("received = { BRAVO = 2028-03-01T02:00:00Z }\n", "")
    ends = '[[case.expect]]\nat = 2028-03-02T00:00:00Z\nrule = "answer"\nstate = "suspended"\n'
    assert faults(f"{text}{ends}due = 2028-03-01T03:00:00Z\n", rich_pack()) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('as = "second"', 'as = "visit"', "21: the message 'visit' is there twice; rename one"),
        ('from = "ALPHA"\nform = "visit"\nat = 2028-03-01T01:30',
         'from = "DELTA"\nform = "visit"\nat = 2028-03-01T01:30',
         "20: 'DELTA' is none of the parties of the case; add it there"),
        ("BRAVO = 2028-03-01T02:00:00Z", 'BRAVO = "soon"',
         "19: 'received' holds a UTC time by each party's code"),
        ("BRAVO = 2028-03-01T02:00:00Z", "BRAVO = 5",
         "19: 'received' holds a UTC time by each party's code"),
    ],
)  # fmt: skip
def test_what_a_story_cannot_be(old: str, new: str, said: str) -> None:
    assert STORY.count(old) == 1
    found = faults(STORY.replace(old, new) + ENDS, rich_pack())
    assert found[0].partition(": ")[2] == said.partition(": ")[2]
    line = STORY.replace(old, new).split("\n")[int(found[0].partition(":")[0]) - 1]
    assert line.startswith(("as =", "received =", "[[case.message]]"))
    assert len(found) == 1  # nothing is asked of a story that is none


def test_one_case_is_played_by_its_id() -> None:
    second = STORY.replace('id = "story"', 'id = "other"') + ENDS
    text = STORY + ENDS + second
    assert [one.case.id for one in play(text, rich_pack())] == ["story", "other"]
    assert [one.case.id for one in play(text, rich_pack(), "other")] == ["other"]
    assert play(text, rich_pack(), "third") == []


def test_what_a_message_cites_comes_in_the_order_of_the_roles() -> None:
    roles = "".join(f'{each.name.lower()} = "{each.name.lower()}"\n' for each in reversed(RefRole))
    text = (
        '[[case]]\nid = "c"\nabout = "x"\nparties = ["ALPHA", "BRAVO"]\n[[case.message]]\n'
        f'as = "m"\nfrom = "ALPHA"\nform = "made"\nat = 2028-03-01T00:00:00Z\n{roles}{ENDS}'
    )
    (played,) = play(text, pack_of(form_of()))
    assert played.case.messages[0].refs == [(role, role.name.lower()) for role in RefRole]
    assert len([one for one in played.faults if "no earlier message" in one.text]) == 6


def test_a_pack_is_in_force_from_a_month_before_its_case_unless_it_says_since_when() -> None:
    year = '[[case.expect]]\nat = 2028-03-02T00:00:00Z\nrule = "year"\ndebtor = "ALPHA"\n'
    for since, key, state in (
        ("", "2028", "open"), ("since = 2027-12-15T00:00:00Z\n", "2027", "none"),
        ("since = 2028-12-16T00:00:00Z\n", "2028", "none"),
        ("since = 2027-12-14T23:59:59Z\n", "2027", "overdue"),
    ):  # fmt: skip
        text = STORY.replace("[[case.message]]", f"{since}[[case.message]]", 1)
        assert faults(f'{text}{year}year = {key}\nstate = "{state}"\n', rich_pack()) == []


def test_a_file_with_too_many_faults_is_refused_at_the_bound() -> None:
    with pytest.raises(PackUnfit) as refused:
        play("".join(f'[[case]]\nid = "c{n}"\nabout = 5\n' for n in range(60)), rich_pack())
    assert len(refused.value.faults) == 50


def test_keys_of_cases_are_numbered_as_those_of_packs() -> None:
    """No bytes are made of a case; but who adds a key finds the next number free."""
    for shape in (cases.CASES_FILE, cases.CASE, cases.MESSAGE, cases.EXPECT):
        numbers = [each.number for each in shape.keys]
        assert numbers == list(range(3, 3 + len(numbers))), shape.name


def test_so_many_cases_and_messages_are_read() -> None:
    assert (cases.MAX_CASES, cases.MAX_MESSAGES) == (1000, 100)
    keys = {one.name: one for shape in (cases.CASE, cases.EXPECT, cases.MESSAGE)
            for one in shape.keys}  # fmt: skip
    kinds = [keys[name].kind for name in ("about", "parties", "year", "used", "limit", "over")]
    assert [one.schema() for one in kinds] == [
        {"type": "string", "maxLength": 400},
        {**kinds[1].schema(), "minItems": 2, "maxItems": 16},
        {"type": "integer", "minimum": 1970, "maximum": 9999},
        {"type": "integer", "minimum": 0, "maximum": 10_000},
        {"type": "integer", "minimum": 0, "maximum": 10_000},
        {**kinds[5].schema(), "minItems": 0, "maxItems": 8},
    ]
    assert {**keys["expect"].kind.schema(), **keys["to"].kind.schema()}["maxItems"] == 64
    assert keys["expect"].kind.schema()["minItems"] == 1
    assert keys["expect"].kind.schema()["maxItems"] == 100
