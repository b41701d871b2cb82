"""What was known when: had read, had not read, crossed, and who had read it when they acted."""

from __future__ import annotations

from tests.core.incident.made import DAY, HOUR, World, ref, said

from tieline.core.agreement.meaning import Act
from tieline.core.incident.book import Book
from tieline.core.incident.knowing import MAX_CROSSED, Known

OPEN, WORD = said(Act.OPEN), said(Act.WORD)


def known(world: World, place: int) -> Known:
    book = Book(world)
    for entry in world.entries:
        book.admit(entry)
    return book.known(book.ids()[0], world.entries[place].digest)


def test_who_had_read_a_statement_when_they_acted_and_who_had_not() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    bravo, charlie = world.post("BRAVO"), world.post("CHARLIE")
    bravo.reads_all()
    charlie.reads_all()
    word = world.say("ALPHA", WORD, ref(opening))
    unread = bravo.says(WORD, ref(opening))
    bravo.reads_all()
    after = bravo.says(WORD, ref(word))
    bravo.says(WORD, ref(word))
    world.arrived[word.digest, "BRAVO"] = world.now_ms
    found = known(world, 1)
    assert found.crossed == (unread,)
    (reader,) = found.readers  # CHARLIE has said nothing
    assert (reader.party, reader.first) == ("BRAVO", after.digest)
    assert reader.without == (unread.digest,)
    assert reader.arrived_ms == world.now_ms
    assert known(world, 2).unread == (word,)
    assert known(world, 2).read == (opening,)
    assert known(world, 3).unread == known(world, 3).crossed == ()
    assert known(world, 3).read == (word,)


def test_of_a_long_log_the_last_that_was_read_is_told_wherever_its_reader_stopped() -> None:
    for stop in range(9):
        world = World()
        opening = world.say("ALPHA", OPEN)
        bravo = world.post("BRAVO")
        bravo.reads_all()
        for number in range(9):
            world.say("ALPHA", WORD, ref(opening))
            if number == stop:
                bravo.reads_all()
        bravo.says(WORD, ref(opening))
        found = known(world, -1)
        assert found.read == (world.entries[stop + 1],)
        assert found.unread == tuple(world.entries[stop + 2 : 10])


def test_what_lies_days_apart_did_not_cross_though_it_was_not_read() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    bravo = world.post("BRAVO")
    bravo.reads_all()
    world.say("ALPHA", WORD, ref(opening))
    late = bravo.says(WORD, ref(opening), time_ms=world.now_ms + DAY + HOUR)
    assert known(world, 1).crossed == ()
    assert known(world, 2).crossed == ()
    assert late.digest in known(world, 1).readers[0].without
    assert len(known(world, 2).unread) == 1


def test_a_flood_that_crossed_is_bounded() -> None:
    world = World()
    opening = world.say("ALPHA", OPEN)
    bravo = world.post("BRAVO")
    bravo.reads_all()
    for _ in range(300):
        world.say("ALPHA", WORD, ref(opening))
    bravo.says(WORD, ref(opening))
    found = known(world, -1)
    assert len(found.crossed) <= MAX_CROSSED
    assert len(found.unread) <= MAX_CROSSED
    assert found.unread[-1] == world.entries[-2]


def test_what_was_not_read_within_a_day_crossed_and_a_moment_later_it_did_not() -> None:
    for after, crossed in ((DAY, True), (DAY + 1, False)):
        world = World()
        opening = world.say("ALPHA", OPEN)
        bravo = world.post("BRAVO")
        bravo.reads_all()
        word = world.say("ALPHA", WORD, ref(opening))
        late = bravo.says(WORD, ref(opening), time_ms=word.time_ms + after)
        assert known(world, 1).crossed == ((late,) if crossed else ())
        assert known(world, 2).crossed == ((word,) if crossed else ())
