"""What is weighed of what was said to one thing: the first, the last of each log, and counts."""

from __future__ import annotations

from tests.core.incident.made import MINUTE, T, World, at, ref, said, stance

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.incident.entry import Entry
from tieline.core.incident.heard import LAST, MAX_HEARD, MAX_THREADS, Heard, Tag, Threads
from tieline.core.incident.marks import Marks
from tieline.core.terms import RefRole


def heard_of(world: World, top: Entry, tag: Tag = Tag.SAYS) -> Heard:
    heard = Heard(top)
    for entry in world.entries:
        if entry is not top:
            heard.put(entry, tag)
            heard.put(entry, tag)  # a second time changes nothing
    return heard


def answer(sense: Sense = Sense.AGREED) -> object:
    return said(Act.HOLD_ANSWER, answers=stance(sense))


def test_of_a_long_talk_the_first_and_the_last_of_each_log_are_weighed() -> None:
    world = World("ALPHA", "BRAVO")
    top = world.say("ALPHA", said(Act.ASK))
    posts = [world.post("BRAVO", name) for name in ("one", "two")]
    every = [posts[n % 2].says(said(Act.ANSWER), ref(top)) for n in range(2 * MAX_HEARD)]
    heard = heard_of(world, top)
    assert heard.brief(Act.ANSWER, "BRAVO") == [*every[:MAX_HEARD], *every[-2:]]
    assert heard.of_all(Act.ANSWER) == heard.brief(Act.ANSWER, "BRAVO")
    assert heard.last(Act.ANSWER, "BRAVO") == tuple(one.digest for one in every[-LAST:])
    assert heard.count(Act.ANSWER, "BRAVO") == 2 * MAX_HEARD
    for act, party in ((Act.ANSWER, "ALPHA"), (Act.LIFT, "BRAVO")):
        assert heard.brief(act, party) == []
        assert heard.last(act, party) == ()
        assert heard.count(act, party) == 0
    assert heard.brief(Act.ANSWER, "BRAVO", tag=Tag.BREACH) == []
    assert all(heard.has(one) for one in every)
    for one in every[1:]:
        heard.drop(one, Tag.SAYS)
    heard.drop(every[5], Tag.SAYS)
    assert heard.brief(Act.ANSWER, "BRAVO") == every[:1]
    assert [heard.has(one) for one in every[:2]] == [True, False]


def test_what_is_said_for_another_is_counted_apart() -> None:
    world = World("ALPHA", "BRAVO")
    top = world.say("ALPHA", said(Act.ASK))
    own = world.say("BRAVO", said(Act.ANSWER), ref(top))
    for_one = [world.say("BRAVO", said(Act.ANSWER), ref(top), through="CHARLIE")
               for _ in range(LAST + 2)]  # fmt: skip
    heard = heard_of(world, top)
    assert heard.brief(Act.ANSWER, "BRAVO") == [own]
    assert heard.brief(Act.ANSWER, "BRAVO", "CHARLIE") == for_one
    relayed, count = heard.said_for(Act.ANSWER, "CHARLIE")
    assert relayed == tuple(one.digest for one in for_one[-LAST:])
    assert count == len(for_one) == len(heard.through)
    assert heard.said_for(Act.ANSWER, "BRAVO") == ((), 0)
    for one in for_one:
        heard.drop(one, Tag.SAYS)
    assert heard.said_for(Act.ANSWER, "CHARLIE") == ((), 0)
    assert heard.through == []


def test_of_the_lifts_of_a_party_the_one_that_takes_effect_first_counts() -> None:
    world = World("ALPHA", "BRAVO")
    top = world.say("ALPHA", said(Act.HOLD))
    late = world.say("BRAVO", said(Act.LIFT, answers=at(Means.FROM, T + 90 * MINUTE)), ref(top))
    soon = world.say("BRAVO", said(Act.LIFT, answers=at(Means.FROM, T + 30 * MINUTE)), ref(top))
    own = world.say("ALPHA", said(Act.LIFT), ref(top))
    world.say("BRAVO", said(Act.LIFT, answers=at(Means.FROM, T)), ref(top), through="CHARLIE")
    heard = heard_of(world, top)
    assert heard.lifts() == [soon, own]
    heard.drop(soon, Tag.SAYS)
    heard.drop(soon, Tag.SAYS)
    assert heard.lifts() == [late, own]
    heard.drop(late, Tag.SAYS)
    assert heard.lifts() == [own]


def test_the_first_by_which_an_author_agrees_to_another_time_takes_it() -> None:
    world = World("ALPHA", "BRAVO")
    top = world.say("ALPHA", said(Act.HOLD))
    other = world.say("BRAVO", answer(Sense.OTHER_TIME), ref(top))  # type: ignore[arg-type]
    world.say("ALPHA", answer(Sense.NOT_AGREED), ref(top, other))  # type: ignore[arg-type]
    world.say("BRAVO", answer(), ref(top, other))  # type: ignore[arg-type]
    world.say("ALPHA", answer(), ref(top, other), through="CHARLIE")  # type: ignore[arg-type]
    world.say("ALPHA", said(Act.WORD), ref(top, other))
    taken = [world.say("ALPHA", answer(), ref(top, other))  # type: ignore[arg-type]
             for _ in range(2)]  # fmt: skip
    heard = heard_of(world, top)
    assert heard.taking(other) == taken[:1]
    assert heard.taking(world.entries[2]) == []
    heard.drop(taken[0], Tag.SAYS)
    assert heard.taking(other) == taken[1:]
    heard.drop(taken[1], Tag.SAYS)
    assert heard.taking(other) == []


def test_the_first_that_takes_a_thing_back_does() -> None:
    world = World("ALPHA", "BRAVO")
    top = world.say("ALPHA", said(Act.ASK))
    marks = Marks()
    assert heard_of(world, top).withdrawal(top, marks) is None
    other = world.say("BRAVO", said(Act.WITHDRAW), ref(top))
    assert heard_of(world, top).withdrawal(top, marks) is None
    replaced = world.say("ALPHA", said(Act.ASK), ref(top, role=RefRole.CORRECTS))
    marks.note(replaced, RefRole.CORRECTS, top)
    assert heard_of(world, top).withdrawal(top, marks) is replaced
    back = world.say("ALPHA", said(Act.WITHDRAW), ref(top))
    cancelled = world.say("ALPHA", None, ref(top, role=RefRole.CANCELS))
    assert heard_of(world, top).withdrawal(top, Marks()) is back
    marks.note(cancelled, RefRole.CANCELS, top)
    heard = heard_of(world, top)
    assert heard.withdrawal(top, marks) is replaced
    assert other.party == "BRAVO"


def threads_of(world: World) -> Threads:
    return Threads(Marks(), world.saw)


def test_an_answer_belongs_to_what_it_cites_or_to_what_that_belongs_to() -> None:
    world = World("ALPHA", "BRAVO")
    asks = [world.say("ALPHA", said(Act.ASK)) for _ in range(2)]
    direct = world.say("BRAVO", said(Act.ANSWER), ref(asks[0]))
    through = world.say("BRAVO", said(Act.ANSWER), ref(direct))
    both = world.say("BRAVO", said(Act.ANSWER), ref(direct, asks[1]))
    other = world.post("BRAVO", "two").says(said(Act.ANSWER), ref(asks[0]))  # not read
    for turned in (False, True):
        threads = threads_of(world)
        some = [through, both, direct, other]
        for entry in reversed(some) if turned else some:
            threads.add(entry)
        for ask in asks:
            threads.top(ask)
        assert threads.at(direct) == threads.at(through) == (asks[0].digest,)
        assert threads.at(both) == (asks[1].digest,)
        assert threads.at(other) == ()
        assert threads.tops[asks[0].digest][1].count(Act.ANSWER, "BRAVO") == 2
        threads.changed.clear()
        threads.drop(direct)
        assert threads.at(direct) == threads.at(through) == ()
        assert threads.tops[asks[0].digest][1].count(Act.ANSWER, "BRAVO") == 0
        assert set(threads.changed) == {asks[0].digest}
        threads.drop(asks[1])
        assert threads.at(both) == ()
        assert set(threads.tops) == {asks[0].digest}


def test_one_entry_is_part_of_so_many_threads() -> None:
    world = World("ALPHA", "BRAVO")
    asks = [world.say("ALPHA", said(Act.ASK)) for _ in range(MAX_THREADS + 1)]
    entry = world.say("BRAVO", said(Act.ANSWER), ref(*asks))
    threads = threads_of(world)
    for ask in asks:
        threads.top(ask)
    threads.add(entry)
    assert threads.at(entry) == tuple(one.digest for one in asks[:MAX_THREADS])
