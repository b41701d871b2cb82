"""Lists in display order, shelves by party, and the newest of acts that crossed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.core.incident.made import World, ref, said, stance

from tieline.core.agreement.meaning import Act, Sense
from tieline.core.incident.entry import Entry
from tieline.core.incident.marks import Front, Marks, Shelf, drop, first, holds, ordered, put
from tieline.core.terms import RefRole

CHOICES = st.lists(st.tuples(st.booleans(), st.integers(0, 7)), max_size=40)


def entries() -> list[Entry]:
    """Eight statements of two parties, in display order."""
    world = World("ALPHA", "BRAVO")
    return [world.say(party) for party in ("ALPHA", "BRAVO", "BRAVO", "ALPHA") * 2]


@given(CHOICES)
def test_a_list_in_order_is_a_set_in_order(steps: list[tuple[bool, int]]) -> None:
    every, found, wanted = entries(), list[Entry](), set[int]()
    for comes, number in steps:
        if comes:
            put(found, every[number])
            wanted.add(number)
        else:
            drop(found, every[number])
            wanted.discard(number)
        assert found == [every[one] for one in sorted(wanted)]
        assert [holds(found, one) for one in every] == [one in wanted for one in range(8)]


@given(CHOICES, st.integers(1, 4))
def test_a_shelf_counts_and_gives_the_newest_of_each_party(
    steps: list[tuple[bool, int]], most: int
) -> None:
    every, shelf, wanted = entries(), Shelf(), set[int]()
    for comes, number in steps:
        if comes:
            shelf.put(every[number])
            wanted.add(number)
        else:
            shelf.drop(every[number])
            wanted.discard(number)
        assert shelf.count == len(wanted)
    held = [every[one] for one in sorted(wanted)]
    by = {party: [one for one in held if one.party == party] for party in ("ALPHA", "BRAVO")}
    assert {party: shelf.of(party) for party in by} == by
    assert shelf.of("CHARLIE") == []
    assert shelf.newest(None) == held
    last = [one for some in by.values() for one in some[-most:]]
    assert shelf.newest(most) == sorted(last, key=lambda one: one.key)


def test_the_first_in_order_is_given_whatever_came_first() -> None:
    every = entries()
    assert ordered(every[::-1]) == every
    assert first(every[::-1]) is every[0]
    assert first([]) is None


def test_of_acts_that_crossed_the_safest_counts_and_a_newer_one_ends_both() -> None:
    world = World("ALPHA", "BRAVO")
    one, other = world.post("ALPHA", "one"), world.post("ALPHA", "two")
    agreed = one.says(said(Act.LINK_ANSWER, answers=stance(Sense.AGREED)))
    declined = other.says(said(Act.LINK_ANSWER, answers=stance(Sense.NOT_AGREED)))
    again = other.says(said(Act.LINK_ANSWER, answers=stance(Sense.NOT_AGREED)))
    one.reads_all()
    last = one.says(said(Act.LINK_ANSWER, answers=stance(Sense.AGREED)))

    def rank(entry: Entry) -> int:
        assert entry.said is not None
        return 0 if entry.said.answers == stance(Sense.NOT_AGREED) else 1

    front = Front(world.saw, rank)
    taken = [front.take(one) for one in (agreed, declined, again, last)]
    assert taken == [agreed, declined, again, last]
    both = Front(world.saw, lambda _: 0)
    assert [both.take(one) for one in (agreed, declined)] == [agreed, agreed]


def test_what_takes_back_and_replaces_is_noted_by_what_it_cites() -> None:
    world = World("ALPHA", "BRAVO")
    word, other = world.say("ALPHA"), world.say("ALPHA")
    fixed = world.say("ALPHA", None, ref(word, role=RefRole.CORRECTS))
    again = world.say("ALPHA", None, ref(word, role=RefRole.SUPERSEDES))
    marks = Marks()
    assert marks.note(again, RefRole.SUPERSEDES, word)
    assert marks.note(fixed, RefRole.CORRECTS, word)
    assert marks.replaced_by(word) is again
    assert not marks.counts(word)
    assert marks.counts(other)
    for number, (by, cited) in enumerate(((again, fixed), (fixed, again))):
        # a cancellation of a correction: what it corrected stands again once both are gone
        back = world.say("ALPHA", None, ref(cited, role=RefRole.CANCELS))
        assert marks.note(back, RefRole.CANCELS, cited)
        assert marks.cancelled_by(cited) is back
        assert marks.replaced_by(word) is (by if number == 0 else None)
    assert marks.counts(word)
    assert marks.note(fixed, RefRole.CORRECTS, word)  # noted again, it is still cancelled
    assert marks.counts(word)


def test_the_first_of_two_cancellations_is_named() -> None:
    world = World("ALPHA", "BRAVO")
    word = world.say("ALPHA")
    early, late = (world.say("ALPHA", None, ref(word, role=RefRole.CANCELS)) for _ in range(2))
    for some in ((early, late), (late, early)):
        marks = Marks()
        for one in some:
            marks.note(one, RefRole.CANCELS, word)
        assert marks.cancelled_by(word) is early


def test_what_moves_nothing_is_void() -> None:
    world = World("ALPHA", "BRAVO")
    word = world.say("ALPHA")
    spoken = world.say("ALPHA", through="CHARLIE")
    marks = Marks()
    others = world.say("BRAVO", None, ref(word, role=RefRole.CANCELS))
    story = world.say("ALPHA", None, ref(word, role=RefRole.CANCELS), story=True)
    for_one = world.say("ALPHA", None, ref(word, role=RefRole.CORRECTS), through="CHARLIE")
    own = world.say("ALPHA", None, ref(spoken, role=RefRole.CORRECTS))
    for one, role, cited in (
        (others, RefRole.CANCELS, word), (story, RefRole.CANCELS, word),
        (for_one, RefRole.CORRECTS, word), (own, RefRole.CORRECTS, spoken),
    ):  # fmt: skip
        assert not marks.note(one, role, cited)
        assert marks.void(one) == (cited.digest,)
    assert marks.counts(word)
    concerns = world.say("ALPHA", None, ref(word))
    assert not marks.note(concerns, RefRole.CONCERNS, word)
    assert marks.void(concerns) == marks.void(word) == ()
    good = world.say("ALPHA", None, ref(word, role=RefRole.CORRECTS))
    assert marks.void(good) == (word.digest,)  # as long as it is not noted: it was not read
    assert marks.note(good, RefRole.CORRECTS, word)
    assert marks.void(good) == ()
