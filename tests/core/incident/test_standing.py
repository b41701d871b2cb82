"""A party whose standing others contest: beside what it says, as the claim of who said so."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from tests.core.incident.made import World, asked_of, ref, said, stance

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Said
from tieline.core.incident.standing import Standings
from tieline.core.terms import RefRole

OPEN = said(Act.OPEN)
ACCOUNT = said(Act.ACCOUNT)


def word(about: str, sense: Sense = Sense.NOT_AGREED) -> Said:
    return said(Act.STANDING, answers=asked_of(about) | stance(sense))


def beside(world: World, entry: Entry, order: Iterable[Entry] = ()) -> list[tuple[str, int]]:
    book = Book(world)
    standings = Standings(book, world)
    for one in (*order,) or world.entries:
        book.admit(one)
        standings.admit(one)
        standings.admit(one)
    return [(one.by, one.since.time_ms) for one in standings.beside(entry)]


def test_a_contest_stands_beside_all_that_a_party_says_since_its_first_word() -> None:
    world = World()
    before = world.say("CHARLIE", OPEN)
    first = world.say("BRAVO", word("CHARLIE"))
    again = world.say("BRAVO", word("CHARLIE"))
    after = world.say("CHARLIE", ACCOUNT, ref(before))
    for entry in (before, after):
        assert beside(world, entry) == [("BRAVO", first.time_ms)]
    assert beside(world, again) == []  # it is CHARLIE's standing, not BRAVO's
    # Each contest is the claim of one party.
    other = world.say("ALPHA", word("CHARLIE"))
    assert beside(world, after) == [("ALPHA", other.time_ms), ("BRAVO", first.time_ms)]


def test_in_an_incident_it_is_about_what_is_said_there() -> None:
    world = World()
    one, other = world.say("CHARLIE", OPEN), world.say("CHARLIE", OPEN)
    here = world.say("BRAVO", word("CHARLIE"), ref(one))
    loose = world.say("CHARLIE")
    assert beside(world, one) == [("BRAVO", here.time_ms)]
    assert beside(world, other) == beside(world, loose) == []
    # What it says of the line later holds there as well.
    world.say("BRAVO", word("CHARLIE", Sense.AGREED))
    assert beside(world, one) == []


def test_who_takes_it_back_or_agrees_contests_no_more() -> None:
    world = World()
    spoken = world.say("CHARLIE", OPEN)
    first = world.say("BRAVO", word("CHARLIE"))
    world.say("ALPHA", None, ref(first, role=RefRole.CANCELS))
    assert beside(world, spoken)  # nobody takes back another's word
    world.say("BRAVO", None, ref(first, role=RefRole.CANCELS))
    assert beside(world, spoken) == []
    world.say("BRAVO", word("CHARLIE"))
    world.say("BRAVO", word("CHARLIE", Sense.AGREED))
    assert beside(world, spoken) == []
    anew = world.say("BRAVO", word("CHARLIE"))
    assert beside(world, spoken) == [("BRAVO", anew.time_ms)]


def test_of_two_stations_that_crossed_the_contest_counts_in_any_order_of_arrival() -> None:
    world = World()
    spoken = world.say("CHARLIE", OPEN)
    one, two = world.post("BRAVO"), world.post("BRAVO", "two")
    for post in (one, two):
        post.reads(spoken)
    contest = one.says(word("CHARLIE"))
    two.says(word("CHARLIE", Sense.AGREED))
    for order in itertools.permutations(world.entries):
        assert beside(world, spoken, order) == [("BRAVO", contest.time_ms)]


def test_nobody_contests_its_own_standing_and_a_second_story_says_nothing() -> None:
    world = World()
    spoken = world.say("CHARLIE", OPEN)
    world.say("CHARLIE", word("CHARLIE"))
    world.say("BRAVO", word("CHARLIE"), story=True)
    world.say("BRAVO", said(Act.STANDING, answers=stance(Sense.NOT_AGREED)))
    world.say("BRAVO", said(Act.ACCOUNT, answers={**asked_of("CHARLIE")}))
    assert Means.ASKED in asked_of("CHARLIE")
    assert beside(world, spoken) == []
