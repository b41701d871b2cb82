"""What belongs to an incident: by citing, by attaching, in whatever order it comes."""

from __future__ import annotations

import pytest
from tests.core.incident.made import DAY, World, digest, ref, said

from tieline.core.agreement.meaning import Act
from tieline.core.incident.book import MAX_BROUGHT, MAX_PLACES, Book
from tieline.core.incident.entry import Entry
from tieline.core.incident.states import IncidentState
from tieline.core.terms import Kind, RefRole

OPEN, WORD, CLOSE, ATTACH = (said(act) for act in (Act.OPEN, Act.WORD, Act.CLOSE, Act.ATTACH))


def book(world: World, entries: list[Entry] | None = None) -> Book:
    made = Book(world)
    for entry in world.entries if entries is None else entries:
        made.admit(entry)
    return made


def test_an_opening_begins_an_incident_and_all_that_cites_it_belongs_to_it() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    word = world.say("BRAVO", WORD, ref(opening))
    receipt = world.say("CHARLIE", None, ref(word, role=RefRole.ANSWERS), kind=Kind.ACKNOWLEDGE)
    second = world.say("BRAVO", OPEN, ref(opening, role=RefRole.PREDECESSOR))
    other = world.say("BRAVO", OPEN)
    world.say("ALPHA", WORD)
    made = book(world)
    assert made.ids() == (opening.digest, other.digest)
    assert made.members(opening.digest) == (opening, word, receipt, second)
    assert made.of(receipt.digest) == (opening.digest,)
    assert made.head(opening.digest).closure.parties == ("ALPHA", "BRAVO")


def test_a_reference_counts_only_if_its_author_had_read_what_it_cites() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    guess = world.post("BRAVO").says(OPEN, ref(opening))
    nothing = world.post("BRAVO").says(WORD, [(RefRole.ANSWERS, digest("made up"))])
    made = book(world)
    assert made.ids() == (opening.digest, guess.digest)
    assert made.of(nothing.digest) == ()
    assert made.members(opening.digest) == (opening,)


def test_a_statement_belongs_to_each_incident_it_cites_within_bounds() -> None:
    world = World()
    openings = [world.say("ALPHA", OPEN) for _ in range(1000)]
    wide = world.say("BRAVO", said(Act.LINK), ref(*openings))
    answer = world.say("CHARLIE", WORD, ref(wide, openings[900]))
    made = book(world)
    assert len(made.of(wide.digest)) == MAX_PLACES
    assert openings[900].digest in made.of(answer.digest)
    assert len(made.of(answer.digest)) == MAX_PLACES


def test_attached_statements_bring_those_that_cite_them_before_and_after() -> None:
    world = World()
    before = world.say("ALPHA", None)
    follows = world.say("BRAVO", None, ref(before))
    opening = world.say("ALPHA", OPEN)
    attach = world.say("ALPHA", ATTACH, ref(opening, before))
    after = world.say("BRAVO", WORD, ref(follows))
    made = book(world)
    rows = made.rows(opening.digest)
    assert [row.entry for row in rows] == [before, follows, opening, attach, after]
    assert [row.brought_by for row in rows] == [("ALPHA",), ("ALPHA",), (), (), ("ALPHA",)]
    assert [row.moves for row in rows] == [True, False, True, True, False]
    cancel = world.say("ALPHA", None, ref(attach, role=RefRole.CANCELS))
    made.admit(cancel)
    assert made.members(opening.digest) == (opening, attach, cancel)


def test_what_another_party_attaches_moves_nothing_and_no_opening_can_be_attached() -> None:
    world = World()
    first = world.say("ALPHA", OPEN)
    second = world.say("BRAVO", OPEN)
    closing = world.say("BRAVO", CLOSE, ref(second))
    world.say("ALPHA", WORD, ref(second))
    world.say("BRAVO", WORD, ref(first))
    world.say("ALPHA", ATTACH, ref(first, closing, second))
    world.say("ALPHA", CLOSE, ref(first))
    made = book(world)
    assert made.head(first.digest).closure.state is IncidentState.CLOSED_BY_SOME
    assert closing in made.members(first.digest)
    assert second not in made.members(first.digest)
    assert first not in made.members(second.digest)


def test_what_is_attached_is_bounded_and_the_same_in_any_order() -> None:
    world = World()
    root = world.say("ALPHA", None)
    opening = world.say("ALPHA", OPEN)
    world.say("ALPHA", ATTACH, ref(opening, root))
    for _ in range(MAX_BROUGHT + 20):
        world.say("BRAVO", None, ref(root))
    made = book(world)
    backwards = book(world, world.entries[::-1])
    assert made.rows(opening.digest) == backwards.rows(opening.digest)
    assert len(made.members(opening.digest)) == MAX_BROUGHT + 2


def test_a_second_story_begins_an_incident_that_others_answered_and_moves_nothing() -> None:
    world = World()
    opening = world.post("BRAVO").says(OPEN, story=True)
    word = world.say("ALPHA", WORD, ref(opening))
    made = book(world)
    assert made.members(opening.digest) == (opening, word)
    assert made.head(opening.digest).closure.parties == ("ALPHA",)


@pytest.mark.parametrize("role", [RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES])
def test_nobody_takes_back_what_another_said(role: RefRole) -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    closing = world.say("ALPHA", CLOSE, ref(opening))
    foreign = world.say("BRAVO", said(Act.LESSON), ref(closing, role=role))
    made = book(world)
    rows = {row.entry: row for row in made.rows(opening.digest)}
    assert rows[closing].cancelled_by is rows[closing].replaced_by is None
    assert rows[foreign].void == (closing.digest,)
    assert made.head(opening.digest).closure.state is IncidentState.CLOSED
    own = world.say("ALPHA", WORD, ref(closing, role=role))
    made.admit(own)
    assert made.head(opening.digest).closure.state is IncidentState.OPEN


@pytest.mark.parametrize("first", ["closing", "answer"])
@pytest.mark.parametrize("who", ["BRAVO", "CHARLIE"])
@pytest.mark.parametrize("kind", [Kind.ACKNOWLEDGE, Kind.READ_BACK])
def test_an_acknowledgement_that_crossed_the_closing_does_not_reopen(
    kind: Kind, who: str, first: str
) -> None:
    """Of what belongs to the incident, and of the other side's closing; by a bystander, too."""
    world = World("ALPHA", "BRAVO", "CHARLIE")
    opening = world.say("ALPHA", OPEN)
    word = world.say("ALPHA", WORD, ref(opening))
    closing = world.say("ALPHA", CLOSE, ref(opening))
    officer, closer = world.post(who, "one"), world.post("BRAVO", "two")
    officer.reads_all()
    closer.reads_all()
    for act in ("closing", "answer") if first == "closing" else ("answer", "closing"):
        if act == "closing":
            closer.says(CLOSE, ref(opening))
            continue
        for each in (word, closing):
            officer.says(None, ref(each, role=RefRole.ANSWERS), kind=kind)
    made = book(world)
    assert len(made.members(opening.digest)) == 6  # the answers belong to it
    closure = made.head(opening.digest).closure
    assert closure.state is IncidentState.CLOSED
    assert closure.missing == ()


def test_a_closing_that_crossed_a_reopening_does_not_close() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    world.say("BRAVO", WORD, ref(opening))
    world.say("ALPHA", CLOSE, ref(opening))
    post = world.post("BRAVO")
    post.reads_all()
    reopening = world.say("ALPHA", said(Act.REOPEN), ref(opening))
    crossed = post.says(CLOSE, ref(opening), time_ms=world.now_ms + DAY)
    made = book(world)
    closure = made.head(opening.digest).closure
    assert closure.state is IncidentState.OPEN
    assert closure.crossed == (crossed.digest,)
    assert closure.reopened_by == reopening.digest
    for party in ("ALPHA", "BRAVO"):
        made.admit(world.say(party, CLOSE, ref(opening)))
    assert made.head(opening.digest).closure.state is IncidentState.CLOSED
    assert made.head(opening.digest).closure.missing == ()


def test_who_speaks_for_another_neither_takes_part_nor_closes() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    world.say("CHARLIE", CLOSE, ref(opening), through="ALPHA")
    world.say("ALPHA", CLOSE, ref(opening), through="BRAVO")
    made = book(world)
    assert made.head(opening.digest).closure.parties == ("ALPHA",)
    assert made.head(opening.digest).closure.state is IncidentState.OPEN


def test_what_was_looked_at_is_renewed_when_a_correction_goes() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    closing = world.say("ALPHA", CLOSE, ref(opening))
    made = book(world)
    assert made.head(opening.digest).closure.state is IncidentState.CLOSED
    correction = world.say("ALPHA", WORD, ref(closing, role=RefRole.CORRECTS))
    made.admit(correction)
    assert made.view(opening.digest, world.now_ms).rows[1].replaced_by == correction.digest
    made.admit(world.say("ALPHA", None, ref(correction, role=RefRole.CANCELS)))
    assert made.view(opening.digest, 0) == book(world).view(opening.digest, 0)
    assert made.head(opening.digest).closure.state is IncidentState.CLOSED
    assert opening.digest in made.touched()
    assert made.touched() == ()


def test_what_cites_an_attached_statement_later_comes_with_it() -> None:
    world = World()
    loose = world.say("BRAVO", None)
    opening = world.say("ALPHA", OPEN)
    attach = world.say("ALPHA", ATTACH, ref(opening, loose))
    made = book(world)
    assert made.members(opening.digest) == (loose, opening, attach)
    later = world.say("BRAVO", None, ref(loose))
    made.admit(later)
    assert made.members(opening.digest) == (loose, opening, attach, later)
    assert made.touched() == (opening.digest,)
