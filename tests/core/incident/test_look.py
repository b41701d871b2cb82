"""What a view shows of a long incident, what it leaves out, and who takes part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from tests.core.incident.made import (
    MINUTE,
    Post,
    T,
    World,
    asked_of,
    at,
    part,
    ref,
    said,
    stance,
    states,
)

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.value import Code, Hash, Number, Text, Unit
from tieline.core.incident.book import Book
from tieline.core.incident.closure import MAX_TURNS, Turns, takes_part
from tieline.core.incident.comply import Compliance, compliance, complies
from tieline.core.incident.entry import Entry, Said
from tieline.core.incident.heard import Tag
from tieline.core.incident.look import WHOLE, Left, Most, View
from tieline.core.incident.marks import Marks
from tieline.core.incident.states import IncidentState, PublicState, QuestionState
from tieline.core.terms import Kind, RefRole


def book_of(world: World, entries: Sequence[Entry] | None = None) -> Book:
    book = Book(world)
    for entry in world.entries if entries is None else entries:
        book.admit(entry)
    return book


def view(world: World, most: Most = WHOLE, now_ms: int = T) -> View:
    book = book_of(world)
    return book.view(book.ids()[0], now_ms, most=most)


def flood(world: World, count: int) -> Entry:
    """Of each party so many of each thing, in one incident; a second one to link it with."""
    opened = world.say("ALPHA", said(Act.OPEN, answers={Means.NAME: part("n", Unit("One"))}))
    other = world.say("ALPHA", said(Act.OPEN))
    for party in ("ALPHA", "BRAVO"):
        for n in range(count):
            one = ref(opened)
            world.say(party, said(Act.ASK, answers=asked_of("CHARLIE")), one)
            world.say(party, said(Act.HOLD), one)
            world.say(party, said(Act.LINK), ref(opened, other))
            world.say(party, said(Act.PUBLIC), one)
            world.say(party, said(Act.CONCERN), one)
            world.say(party, said(Act.ACCOUNT, states(Means.COUNT, Number(n))), one,
                      through=f"X{n}")  # fmt: skip
    return opened


def sizes(found: View) -> dict[str, int]:
    names = ("rows", "questions", "holds", "links", "publics", "remarks", "accounts")
    return {name: len(getattr(found, name)) for name in names}


def test_of_each_party_so_many_are_shown_and_the_rest_is_counted() -> None:
    world = World("ALPHA", "BRAVO", "CHARLIE")
    opened = flood(world, 5)
    whole = view(world)
    assert whole.left == Left()
    assert sizes(whole) == {"rows": 61, "questions": 10, "holds": 10, "links": 10, "publics": 10,
                            "remarks": 10, "accounts": 10}  # fmt: skip
    some = view(world, Most(rows=4, threads=2, versions=1, voices=3))
    assert sizes(some) == {"rows": 8, "questions": 4, "holds": 4, "links": 4, "publics": 4,
                           "remarks": 4, "accounts": 6}  # fmt: skip
    assert some.left == Left(rows=53, accounts=4, questions=6, holds=6, links=6, publics=6,
                             remarks=6)  # fmt: skip
    head = some.head
    assert (head.id, head.opener, head.name, head.count) == (opened.digest, opened, "One", 61)
    assert head.last is world.entries[-1]
    every = [row.entry for row in whole.rows]
    assert every == [one for one in world.entries if one.act is not Act.OPEN or one is opened]
    for name in ("questions", "holds", "links", "publics"):
        tops = [getattr(one, "ask", None) or one.entry for one in getattr(some, name)]
        assert tops == sorted(tops, key=lambda one: one.key)
        assert {one.party for one in tops} == {"ALPHA", "BRAVO"}


def test_a_view_shows_the_last_48_statements_of_each_party_where_nobody_asks_for_more() -> None:
    world = World("ALPHA", "BRAVO")
    opened = world.say("ALPHA", said(Act.OPEN))
    for _ in range(52):
        for party in ("ALPHA", "BRAVO"):
            world.say(party, said(Act.ACCOUNT), ref(opened))
    found = book_of(world).view(opened.digest, T)
    shown = Counter(row.entry.party for row in found.rows)
    assert shown == {"ALPHA": 48, "BRAVO": 48}
    assert found.rows[-1].entry is world.entries[-1]
    assert found.left.rows == 105 - 96


def test_a_page_is_so_many_rows_from_a_place() -> None:
    world = World("ALPHA", "BRAVO")
    flood(world, 2)
    book = book_of(world)
    id_ = book.ids()[0]
    rows = book.rows(id_)
    assert book.page(id_, 0, 3) == rows[:3]
    assert book.page(id_, 3, 3) == rows[3:6]
    assert book.page(id_, len(rows) - 1, 3) == rows[-1:]
    assert book.page(id_, len(rows), 3) == ()
    assert book.members(id_) == tuple(row.entry for row in rows)
    some = book.members(id_, 2)
    assert [one.party for one in some] == ["ALPHA", "ALPHA", "BRAVO", "BRAVO"]
    assert list(some[-2:]) == [row.entry for row in rows[-2:]]


def test_a_row_says_what_became_of_a_statement() -> None:
    world = World("ALPHA", "BRAVO")
    opened = world.say("ALPHA", said(Act.OPEN))
    word = world.say("ALPHA", said(Act.WORD), ref(opened))
    again = world.say("ALPHA", said(Act.WORD), ref(word, role=RefRole.CORRECTS))
    back = world.say("ALPHA", None, ref(again, role=RefRole.CANCELS))
    theirs = world.say("BRAVO", None, ref(word, role=RefRole.CANCELS))
    story = world.say("ALPHA", said(Act.WORD), ref(opened), story=True)
    rows = {row.entry: row for row in view(world).rows}
    assert (rows[word].cancelled_by, rows[word].replaced_by) == (None, None)
    assert (rows[again].cancelled_by, rows[again].replaced_by) == (back.digest, None)
    assert rows[theirs].void == (word.digest,)
    assert rows[word].void == rows[again].void == ()
    assert [rows[one].moves for one in (word, story)] == [True, False]
    assert all(row.brought_by == () for row in rows.values())


@pytest.mark.parametrize(
    ("answer", "name"),
    [(Unit("One"), "One"), (Text("Two"), "Two"), (Number(3), ""), (None, "")],
)
def test_an_incident_is_called_what_its_opener_calls_it(
    answer: Unit | Text | Number | None, name: str
) -> None:
    world = World()
    answers = {} if answer is None else {Means.NAME: part("n", answer)}
    world.say("ALPHA", said(Act.OPEN, answers=answers))
    assert view(world).head.name == name
    assert book_of(world).names() == {name.casefold(): 1}


# ------------------------------------------------------------------------------------ taking part

BESIDE = {Act.NOTICE, Act.PUBLIC, Act.LINK, Act.LINK_ANSWER, Act.ATTACH, Act.LESSON, Act.STANDING,
          Act.PASSED}  # fmt: skip


def test_who_speaks_of_an_incident_takes_part_and_who_stands_beside_does_not() -> None:
    world = World()
    for act in Act:
        assert takes_part(world.say("ALPHA", said(act))) is (act not in BESIDE)
    for kind in Kind:
        spoken = kind in (Kind.MESSAGE, Kind.JOINT, Kind.ASSENT)
        assert takes_part(world.say("ALPHA", kind=kind)) is spoken
    assert not takes_part(world.say("ALPHA", story=True))
    assert not takes_part(world.say("ALPHA", through="BRAVO"))


def test_an_incident_is_closed_by_all_who_took_part() -> None:
    world = World()
    opened = world.say("ALPHA", said(Act.OPEN))
    world.say("BRAVO", said(Act.WORD), ref(opened))
    world.say("CHARLIE", said(Act.LESSON), ref(opened))
    closure = view(world).head.closure
    assert (closure.state, closure.parties) == (IncidentState.OPEN, ("ALPHA", "BRAVO"))
    assert closure.missing == ("ALPHA", "BRAVO")
    first = world.say("BRAVO", said(Act.CLOSE), ref(opened))
    closure = view(world).head.closure
    assert (closure.state, closure.missing) == (IncidentState.CLOSED_BY_SOME, ("ALPHA",))
    second = world.say("ALPHA", said(Act.CLOSE), ref(opened))
    closure = view(world).head.closure
    assert closure.state is IncidentState.CLOSED
    assert closure.closed_by == (("ALPHA", second.digest), ("BRAVO", first.digest))
    again = world.say("ALPHA", said(Act.REOPEN), ref(opened))
    closure = view(world).head.closure
    assert (closure.state, closure.closed_by) == (IncidentState.OPEN, ())
    assert (closure.reopened_by, closure.crossed) == (again.digest, ())


def test_of_closings_and_reopenings_the_last_of_each_log_are_weighed() -> None:
    world = World()
    turns = Turns()
    posts: list[Post] = [world.post("ALPHA", name) for name in ("one", "two")]
    some = [posts[n % 2].says(said(Act.CLOSE)) for n in range(2 * MAX_TURNS + 4)]
    for one in some:
        turns.put(one)
    assert sorted(turns.brief(), key=lambda one: one.key) == some[4:]
    turns.drop(some[-1])
    assert sorted(turns.brief(), key=lambda one: one.key) == [some[3], *some[4:-1]]
    turns.drop(world.say("BRAVO", said(Act.CLOSE)))


# -------------------------------------------------------------------------------- other folds


def says(sense: Sense, *more: tuple[Means, int]) -> Said:
    answers = {Means.COMPLIANCE: part("c", Code(1, sense.value), sense)}
    for means, ms in more:
        answers |= at(means, ms)
    return said(Act.COMPLY, answers=answers)


def test_what_each_side_says_of_doing_it_stands_beside_the_other() -> None:
    world = World("ALPHA", "BRAVO", "CHARLIE")
    one, two = world.post("ALPHA", "one"), world.post("ALPHA", "two")
    one.says(says(Sense.COMPLYING, (Means.FROM, T)))
    unable = two.says(says(Sense.UNABLE))
    breach = world.say("BRAVO", says(Sense.BREACHED))
    nothing = world.say("BRAVO", says(Sense.FULL))
    world.say("BRAVO", says(Sense.COMPLYING), through="CHARLIE")
    late = world.say("CHARLIE", says(Sense.NOT_YET, (Means.FROM, T + MINUTE)))
    found = compliance([*world.entries, world.say("CHARLIE")], Marks(), world.saw)
    assert found == (
        Compliance(party="ALPHA", own=Sense.UNABLE, own_entry=unable.digest),
        Compliance(party="BRAVO", breach=breach.digest),
        Compliance(party="CHARLIE", own=Sense.NOT_YET, own_entry=late.digest, at_ms=T + MINUTE),
    )
    tags = [complies(each) for each in (unable, breach, nothing, world.say("ALPHA"))]
    assert tags == [Tag.SAYS, Tag.BREACH, Tag.NOTHING, Tag.NOTHING]
    marks = Marks()
    back = world.say("CHARLIE", None, ref(late, role=RefRole.CANCELS))
    marks.note(back, RefRole.CANCELS, late)
    assert len(compliance(world.entries, marks, world.saw)) == 2


def public(sense: Sense, text: bytes, ms: int) -> Said:
    answers = stance(sense) | at(Means.FROM, ms) | {Means.HASH: part("h", Hash(text * 32))}
    return said(Act.PUBLIC, answers=answers)


def test_what_is_said_in_public_is_held_against_what_was_planned() -> None:
    world = World("ALPHA", "BRAVO")
    opened = world.say("ALPHA", said(Act.OPEN))
    plans = [world.say("ALPHA", public(Sense.PLANNED, b"a", T), ref(opened)) for _ in range(3)]
    same = world.say("ALPHA", public(Sense.MADE, b"a", T + MINUTE), ref(opened, plans[0]))
    other = world.say("ALPHA", public(Sense.MADE, b"b", T), ref(opened, plans[1]))
    world.say("BRAVO", public(Sense.MADE, b"a", T), ref(opened, plans[2]))
    world.say("ALPHA", None, ref(plans[2], role=RefRole.CANCELS))
    found = view(world).publics
    assert [one.state for one in found] == [
        PublicState.MADE, PublicState.OTHERWISE, PublicState.WITHDRAWN, PublicState.MADE
    ]  # fmt: skip
    assert [one.made for one in found] == [same.digest, other.digest, None, None]
    assert (found[0].hash, found[0].made_hash) == (b"a" * 32, b"a" * 32)
    assert (found[1].hash, found[1].made_hash) == (b"a" * 32, b"b" * 32)
    assert [one.at_ms for one in found] == [T + MINUTE, T, T, T]
    assert found[3].entry.party == "BRAVO"


@pytest.mark.parametrize(
    ("sense", "next_ms", "states_"),
    [
        # at the end of the hour that was asked for, and of the two that were promised
        (None, None, ("asked", "overdue", "overdue")),
        (Sense.LATER, None, ("promised", "overdue", "overdue")),
        (Sense.LATER, T + 120 * MINUTE, ("promised", "promised", "overdue")),
        (Sense.PART, None, ("answered in part",) * 3),
        (Sense.PART, T + 120 * MINUTE, ("answered in part", "answered in part", "overdue")),
        (Sense.FULL, T + 120 * MINUTE, ("answered",) * 3),
        (Sense.DECLINED, T + 120 * MINUTE, ("declined",) * 3),
    ],
)
def test_when_the_next_word_on_a_question_is_due(
    sense: Sense | None, next_ms: int | None, states_: tuple[str, ...]
) -> None:
    world = World("ALPHA", "BRAVO")
    opened = world.say("ALPHA", said(Act.OPEN))
    asked = world.say(
        "ALPHA", said(Act.ASK, answers=asked_of("BRAVO") | at(Means.DUE, T + 60 * MINUTE)),
        ref(opened),
    )  # fmt: skip
    if sense is not None:
        more = {} if next_ms is None else at(Means.NEXT, next_ms)
        answer = said(Act.ANSWER, answers=stance(sense) | more)
        world.say("BRAVO", answer, ref(opened, asked), time_ms=T + 3 * MINUTE)
    moments = (T + 60 * MINUTE, T + 60 * MINUTE + 1, T + 120 * MINUTE + 1)
    found = [view(world, now_ms=now).questions[0] for now in moments]
    assert tuple(one.state.value for one in found) == states_
    book = book_of(world)  # asked again and again, in whatever order, it says the same
    for now, one in (*zip(moments, found, strict=True), *zip(moments, found, strict=True)):
        assert book.view(opened.digest, now).questions == (one,)
    for now, one in reversed([*zip(moments, found, strict=True)]):
        assert book.view(opened.digest, now).questions == (one,)
    for one in found:
        clocked = one.state in (QuestionState.ASKED, QuestionState.PROMISED, QuestionState.OVERDUE)
        rest_due = sense is Sense.PART and next_ms is not None
        assert (one.due_ms is not None) is (clocked or rest_due)


def test_who_speaks_after_all_have_closed_keeps_an_incident_open() -> None:
    world = World()
    opened = world.say("ALPHA", said(Act.OPEN))
    world.say("BRAVO", said(Act.WORD), ref(opened))
    for party in ("ALPHA", "BRAVO"):
        world.say(party, said(Act.CLOSE), ref(opened))
    assert view(world).head.closure.state is IncidentState.CLOSED
    world.say("BRAVO", said(Act.WORD), ref(opened))
    assert view(world).head.closure.state is IncidentState.CLOSED
    world.say("CHARLIE", said(Act.WORD), ref(opened))
    closure = view(world).head.closure
    assert (closure.state, closure.missing) == (IncidentState.CLOSED_BY_SOME, ("CHARLIE",))


def test_who_took_part_by_what_was_attached_takes_part_by_what_is_left() -> None:
    world = World()
    loose = world.say("BRAVO", said(Act.WORD))
    opened = world.say("ALPHA", said(Act.OPEN))
    attached = world.say("BRAVO", said(Act.ATTACH), ref(opened, loose))
    book = book_of(world)
    parties = []
    for left in (True, False):
        if left:
            own = world.say("BRAVO", said(Act.WORD), ref(opened))
            book.admit(own)
        parties.append(book.head(opened.digest).closure.parties)
    back = world.say("BRAVO", None, ref(attached, role=RefRole.CANCELS))
    book.admit(back)
    assert parties == [("BRAVO", "ALPHA")] * 2  # by the first word, in display order
    head = book.head(opened.digest)
    assert loose.digest not in {row.entry.digest for row in book.rows(opened.digest)}
    assert head.closure.parties == ("ALPHA", "BRAVO")


def test_of_links_those_that_are_open_are_shown_first() -> None:
    world = World()
    opened, other = world.say("ALPHA", said(Act.OPEN)), world.say("BRAVO", said(Act.OPEN))
    links = [world.say("ALPHA", said(Act.LINK), ref(opened, other)) for _ in range(3)]
    world.say("ALPHA", said(Act.WITHDRAW), ref(links[2]))
    for most, shown in ((1, [1]), (2, [0, 1]), (3, [0, 1, 2])):
        found = view(world, Most(threads=most))
        assert [one.entry for one in found.links] == [links[n] for n in shown]
        assert found.left.links == 3 - most
