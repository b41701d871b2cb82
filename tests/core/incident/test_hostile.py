"""Statements made to spoil a view or to be dear: counted is work, not seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.incident.made import (
    MINUTE,
    Refs,
    World,
    asked_of,
    at,
    digest,
    orders,
    part,
    ref,
    said,
    stance,
    states,
)

from tieline.core.agreement.meaning import Act, Means, Sense
from tieline.core.agreement.places import Position
from tieline.core.agreement.value import Code, Number
from tieline.core.incident import heard
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Said
from tieline.core.incident.look import WHOLE, Most, View
from tieline.core.incident.signing import offer
from tieline.core.incident.states import HoldState, LinkState, QuestionState
from tieline.core.incident.weighing import chains
from tieline.core.terms import Kind, RefRole

LITTLE = Most(rows=2, threads=1, versions=2, voices=1)
SENSES = (Sense.FULL, Sense.PART, Sense.LATER, Sense.DECLINED, Sense.AGREED, Sense.NOT_AGREED,
          Sense.OTHER_TIME, Sense.PLANNED, Sense.MADE, Sense.NONE)  # fmt: skip


def book(world: World, entries: list[Entry] | None = None) -> Book:
    made = Book(world)
    for entry in world.entries if entries is None else entries:
        made.admit(entry)
    return made


def views(made: Book, now_ms: int) -> list[View]:
    return [made.view(id_, now_ms) for id_ in made.ids()]


# ------------------------------------------------------------------------------- any order, any act


def anything(chance: Random, now_ms: int) -> Said | None:
    """A form of any act, filled or not."""
    act = chance.choice(list(Act))
    answers = stance(chance.choice(SENSES))
    if chance.random() < 0.5:
        answers |= asked_of(chance.choice(("ALPHA", "BRAVO", "CHARLIE", "NOBODY")))
    for means in (Means.DUE, Means.FROM, Means.UNTIL, Means.NEXT):
        if chance.random() < 0.4:
            answers |= at(means, now_ms + chance.randrange(-60, 60) * MINUTE)
    binding = chance.choice((Sense.OURS, Sense.BOTH, Sense.PROPOSAL, Sense.NONE))
    answers[Means.BINDING] = part("binding", Code(1, "x"), binding)
    answers[Means.COMPLIANCE] = part("is", Code(1, "x"), chance.choice(
        (Sense.COMPLYING, Sense.NOT_YET, Sense.UNABLE, Sense.BREACHED)))  # fmt: skip
    told = [states(Means.COUNT, Number(chance.randrange(3)))] * chance.randrange(2)
    told += [states(Means.WHERE, Position(chance.randrange(99_999), 0))] * chance.randrange(2)
    return None if chance.random() < 0.1 else said(act, *told, answers=answers)


def rubbish(chance: Random, count: int, attaching: float = 0.05) -> World:
    """Whatever a hostile station may write: any act, any references, stories, others' voices."""
    world = World()
    world.say("ALPHA", said(Act.OPEN))
    posts = [world.post(p, n) for p in world.parties for n in ("one", "two")]
    for _ in range(count):
        post = chance.choice(posts)
        if chance.random() < 0.7:
            post.reads(*chance.sample(world.entries, min(len(world.entries), 4)))
        refs = {
            (chance.choice(list(RefRole)), chance.choice(world.entries).digest)
            for _ in range(chance.randrange(4))
        }
        if chance.random() < 0.1:
            refs.add((RefRole.CANCELS, digest("nothing", len(world.entries))))
        brings = chance.random() < attaching
        if brings:
            refs.add((RefRole.CONCERNS, world.entries[0].digest))
        post.says(
            said(Act.ATTACH) if brings else anything(chance, world.now_ms),
            sorted(refs, key=lambda one: (one[1] != world.entries[0].digest, one)),
            kind=chance.choice((Kind.MESSAGE, Kind.MESSAGE, Kind.ACKNOWLEDGE, Kind.JOINT)),
            time_ms=world.now_ms + chance.choice((0, 0, 0, -(10**9), 10**12)),
            story=chance.random() < 0.1,
            through=chance.choice(("", "", "", "BRAVO", "X")),
        )
    return world


@given(seed=st.integers(0, 2**32), count=st.integers(1, 30))
def test_any_order_gives_the_same_views_of_whatever_was_written(seed: int, count: int) -> None:
    chance = Random(seed)
    world = rubbish(chance, count, chance.choice((0.0, 0.05, 0.3)))
    now = world.now_ms + chance.randrange(-60, 60) * MINUTE
    expected = views(book(world), now)
    steps = iter(lambda: chance.randrange(10**6), -1)
    causal = orders(world.entries, world, steps)
    made = Book(world)
    for entry in causal:
        made.admit(entry)
        if chance.random() < 0.3:  # what was looked at on the way leaves nothing behind
            views(made, now)
            made.admit(chance.choice(causal[: causal.index(entry) + 1]))
    assert views(made, now) == expected
    shuffled = world.entries.copy()
    chance.shuffle(shuffled)
    assert views(book(world, shuffled), now) == expected
    for id_ in made.ids():
        fresh = book(world)
        whole = fresh.view(id_, now, most=WHOLE)
        assert made.view(id_, now, most=WHOLE) == whole
        assert made.view(id_, now, most=LITTLE) == fresh.view(id_, now, most=LITTLE)
        assert made.page(id_, 1, 3) == whole.rows[1:4]
        assert made.happened(id_) == fresh.happened(id_)
        for entry in made.members(id_):
            assert made.known(id_, entry.digest) == fresh.known(id_, entry.digest)


# ----------------------------------------------------------------------------- nobody moves another


def everything(world: World) -> tuple[Entry, ...]:
    """An incident with one of each, between ALPHA and BRAVO."""
    opening = world.say("ALPHA", said(Act.OPEN, states(Means.COUNT, Number(1))))
    other = world.say("BRAVO", said(Act.OPEN))
    word = world.say("BRAVO", said(Act.ACCOUNT, states(Means.COUNT, Number(1))), ref(opening))
    due = asked_of("BRAVO") | at(Means.DUE, world.now_ms + 90 * MINUTE)
    ask = world.say("ALPHA", said(Act.ASK, answers=due), ref(opening))
    both = {Means.BINDING: part("b", Code(1, "both"), Sense.BOTH)}
    hold = world.say("ALPHA", said(Act.HOLD, answers=both), ref(opening), to=("BRAVO",))
    agreed = world.say("BRAVO", said(Act.HOLD_ANSWER, answers=stance(Sense.AGREED)), ref(hold))
    link = world.say("ALPHA", said(Act.LINK), ref(opening, other))
    return opening, other, word, ask, hold, agreed, link


def states_of(view: View) -> object:
    return (
        view.head.closure.closed_by, [one.state for one in view.questions],
        [(one.state, one.bound) for one in view.holds], [one.state for one in view.links],
        [(one.party, one.through, one.versions) for one in view.accounts if not one.through],
        [one for one in view.alignments if not any(o[1] for *o, _ in one.pairs)][:0],
    )  # fmt: skip


Foreign = Callable[[tuple[Entry, ...]], tuple[Said, Refs]]


def against(role: RefRole) -> Foreign:
    return lambda every: (said(Act.LESSON), ref(*every, role=role))


FOREIGN: dict[str, Foreign] = {
    "correct all": against(RefRole.CORRECTS),
    "cancel all": against(RefRole.CANCELS),
    "supersede all": against(RefRole.SUPERSEDES),
    "withdraw": lambda every: (said(Act.WITHDRAW), ref(*every)),
    "answer for another": lambda every: (
        said(Act.ANSWER, answers=stance(Sense.FULL)), ref(every[3])),
    "hold answer": lambda every: (
        said(Act.HOLD_ANSWER, answers=stance(Sense.NOT_AGREED)), ref(every[4], every[5])),
    "lift": lambda every: (said(Act.LIFT), ref(every[4])),
    "link answer": lambda every: (
        said(Act.LINK_ANSWER, answers=stance(Sense.AGREED)), ref(every[6])),
    "attach": lambda every: (said(Act.ATTACH), ref(*every)),
    "word of a made-up one": lambda every: (said(Act.LESSON), [(RefRole.CANCELS, digest("no"))]),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_third_party_moves_nothing_of_what_two_others_said(name: str) -> None:
    world = World()
    every = everything(world)
    before = states_of(book(world).view(every[0].digest, world.now_ms))
    for voice in ("", "BRAVO", "ALPHA"):
        what, refs = FOREIGN[name](every)
        world.say("CHARLIE", what, refs, through=voice)
    found = book(world).view(every[0].digest, world.now_ms)
    assert states_of(found) == before
    assert found.questions[0].state is QuestionState.ASKED
    assert found.holds[0].state is HoldState.AGREED
    assert found.links[0].state is LinkState.PROPOSED


@pytest.mark.parametrize(
    "act", [Act.CLOSE, Act.REOPEN, Act.ANSWER, Act.LIFT, Act.HOLD_ANSWER, Act.LINK_ANSWER]
)
def test_a_second_story_is_shown_and_moves_nothing(act: Act) -> None:
    world = World()
    every = everything(world)
    before = states_of(book(world).view(every[0].digest, world.now_ms))
    answers = stance(Sense.DECLINED if act is Act.ANSWER else Sense.NOT_AGREED)
    for party in ("ALPHA", "BRAVO"):
        told = states(Means.COUNT, Number(9))
        story = world.say(party, said(act, told, answers=answers), ref(*every), story=True)
        world.say(party, said(Act.LESSON), ref(story, role=RefRole.CORRECTS))
    found = book(world).view(every[0].digest, world.now_ms)
    assert states_of(found) == before
    assert sum(not row.moves for row in found.rows) == 2


# ----------------------------------------------------------------------------------------- floods


def corrections(world: World, n: int) -> Iterator[Entry]:
    opening = world.say("ALPHA", said(Act.OPEN, states(Means.COUNT, Number(1))))
    yield opening
    last = opening
    for i in range(n):
        told = said(Act.ACCOUNT, states(Means.COUNT, Number(i)))
        last = world.say("ALPHA", told, ref(last, role=RefRole.CORRECTS))
        yield last


def corrections_of_one(world: World, n: int) -> Iterator[Entry]:
    opening = world.say("ALPHA", said(Act.OPEN, states(Means.COUNT, Number(1))))
    yield opening
    for i in range(n):
        told = said(Act.ACCOUNT, states(Means.COUNT, Number(i)))
        yield world.say("ALPHA", told, ref(opening, role=RefRole.CORRECTS))


def wide_after_wide(world: World, n: int) -> Iterator[Entry]:
    openings = [world.say("ALPHA", said(Act.OPEN)) for _ in range(n // 2)]
    yield from openings
    for i in range(n // 2):
        some = [openings[(7 * i + k) % len(openings)] for k in range(8)]
        yield world.say("BRAVO", said(Act.WORD), ref(*dict.fromkeys((*some, *world.entries[-8:]))))


def answers_to_all_questions(world: World, n: int) -> Iterator[Entry]:
    opening = world.say("ALPHA", said(Act.OPEN))
    yield opening
    asks = []
    for _ in range(n // 4):
        asks.append(world.say("ALPHA", said(Act.ASK, answers=asked_of("BRAVO")), ref(opening)))
        yield asks[-1]
    for i in range(n):
        some = [asks[(5 * i + k) % len(asks)] for k in range(12)]
        what = said(Act.ANSWER, answers=stance(SENSES[i % 4]))
        yield world.say("BRAVO", what, ref(*dict.fromkeys(some)))


def closings_and_reopenings(world: World, n: int) -> Iterator[Entry]:
    opening = world.say("ALPHA", said(Act.OPEN))
    yield opening
    for i in range(n):
        yield world.say("BRAVO", said((Act.CLOSE, Act.REOPEN)[i % 2]), ref(opening))


def made_up_digests(world: World, n: int) -> Iterator[Entry]:
    for i in range(n):
        refs = [(RefRole.CANCELS, digest(i, k)) for k in range(16)]
        yield world.say("BRAVO", said(Act.OPEN), refs)


def late_clock(world: World, n: int) -> Iterator[Entry]:
    """Two stations that do not read each other, one of them always displayed before the other."""
    opening = world.say("ALPHA", said(Act.OPEN))
    yield opening
    ask = world.say("ALPHA", said(Act.ASK, answers=asked_of("BRAVO")), ref(opening))
    both = {Means.BINDING: part("b", Code(1, "both"), Sense.BOTH)}
    hold = world.say("ALPHA", said(Act.HOLD, answers=both), ref(opening), to=("BRAVO",))
    yield from (ask, hold)
    ahead, behind = world.post("BRAVO", "one"), world.post("BRAVO", "two")
    for post in (ahead, behind):
        post.reads_all()
    begun = world.now_ms
    for i in range(n // 2):
        for post, at_ms in ((ahead, begun + 10**9 + i), (behind, begun + i)):
            act, top = (
                (Act.ANSWER, ask), (Act.HOLD_ANSWER, hold), (Act.CLOSE, opening),
                (Act.REOPEN, opening), (Act.LIFT, hold), (Act.COMPLY, hold), (Act.ACCOUNT, opening),
            )[i % 7]  # fmt: skip
            answers = stance((Sense.AGREED, Sense.FULL)[act is Act.ANSWER])
            answers[Means.COMPLIANCE] = part("is", Code(1, "x"), Sense.COMPLYING)
            told = states(Means.COUNT, Number(i))
            yield post.says(said(act, told, answers=answers), ref(top), time_ms=at_ms)


def one_thread(world: World, n: int) -> Iterator[Entry]:
    """All acts of all parties on one of each, for themselves and for others."""
    opening, _, _, ask, hold, _, link = everything(world)
    plan = world.say("ALPHA", said(Act.PUBLIC, answers=stance(Sense.PLANNED)), ref(opening))
    yield from world.entries
    acts = ((Act.ANSWER, ask), (Act.HOLD_ANSWER, hold), (Act.LIFT, hold), (Act.COMPLY, hold),
            (Act.LINK_ANSWER, link), (Act.PUBLIC, plan), (Act.WITHDRAW, hold))  # fmt: skip
    for i in range(n):
        act, top = acts[i % 7]
        answers = stance(SENSES[i % len(SENSES)])
        answers[Means.COMPLIANCE] = part("is", Code(1, "x"), SPEAKS[i % 3])
        party = world.parties[i // 7 % 3]
        yield world.say(
            party, said(act, answers=answers), ref(top), through=("", "", f"N{i}")[i % 3]
        )


def tops(world: World, n: int) -> Iterator[Entry]:
    opening, other, *_ = everything(world)
    yield from world.entries
    for i in range(n):
        act = (Act.ASK, Act.HOLD, Act.LINK, Act.PUBLIC)[i % 4]
        what = said(
            act, answers=asked_of("BRAVO") | stance((Sense.PLANNED, Sense.MADE)[i % 8 // 4])
        )
        yield world.say("CHARLIE", what, ref(opening, other))


def taking_back(world: World, n: int) -> Iterator[Entry]:
    """One says and takes back, corrects what it corrected, and cancels the correction."""
    opening = world.say("ALPHA", said(Act.OPEN))
    yield opening
    for i in range(n // 4):
        told = states(Means.COUNT, Number(i))
        first = world.say("ALPHA", said(Act.ACCOUNT, told), ref(opening))
        again = world.say("ALPHA", said(Act.ACCOUNT, told), ref(first, role=RefRole.CORRECTS))
        back = world.say("ALPHA", said(Act.CLOSE), ref(opening, again, role=RefRole.CANCELS))
        more = world.say("ALPHA", said(Act.WORD), ref(back, role=RefRole.SUPERSEDES))
        yield from (first, again, back, more)


SPEAKS = (Sense.COMPLYING, Sense.BREACHED, Sense.NOT_YET)
ONE_BY_ONE = (late_clock, one_thread, tops, taking_back)
FLOODS = (corrections, corrections_of_one, wide_after_wide, answers_to_all_questions,
          closings_and_reopenings, made_up_digests)  # fmt: skip


def work(flood: Callable[[World, int], Iterator[Entry]], n: int) -> int:
    """How many of our own functions are called to admit a flood and to look at every incident."""
    world = World()
    entries = list(flood(world, n))
    return called(lambda: views(book(world, entries), world.now_ms))


INLINE = {"<listcomp>", "<setcomp>", "<dictcomp>"}  # calls in Python 3.11, and none later


def called(what: Callable[[], object]) -> int:
    """How many of our own functions are called."""
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        code = frame.f_code
        if event == "call" and code.co_name not in INLINE:
            calls += "tieline/core/incident" in code.co_filename

    sys.setprofile(count)
    try:
        what()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("flood", FLOODS, ids=lambda one: one.__name__)
def test_work_grows_as_the_record_does(flood: Callable[[World, int], Iterator[Entry]]) -> None:
    small, large = work(flood, 100), work(flood, 400)
    assert large < 6 * small


def one_more(flood: Callable[[World, int], Iterator[Entry]], n: int) -> int:
    """How many functions are called for the last 40 statements, each with a view of all it is in.

    Of one statement more the dearest counts, but for two: a look now and then takes in more.
    """
    world = World()
    entries = list(flood(world, n))
    made = book(world, entries[:-40])
    views(made, world.now_ms)

    def more(one: Entry) -> None:
        made.admit(one)
        for id_ in made.of(one.digest):
            made.view(id_, 0)

    return sorted(called(partial(more, one)) for one in entries[-40:])[-3]


@pytest.mark.parametrize("flood", [*FLOODS, *ONE_BY_ONE], ids=lambda one: one.__name__)
def test_one_more_costs_the_same_however_many_there_are(
    flood: Callable[[World, int], Iterator[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "MAX_HEARD", 8)  # so that the small one is full of answers too
    small, large = one_more(flood, 300), one_more(flood, 1200)
    assert large < 1.4 * small + 20


def parley(world: World, n: int, kind: str) -> list[Entry]:
    """Acts of one party on a joint statement of three."""

    def text(party: str, refs: Refs) -> Entry:
        return world.say(party, None, refs, kind=Kind.JOINT, parties=world.parties, text="we agree")

    texts = [text("ALPHA", ())]
    for i in range(n):
        if kind == "signs and leaves":
            act = Kind.MESSAGE if i % 2 else Kind.ASSENT
            world.say("BRAVO", said(Act.WITHDRAW) if i % 2 else None, ref(texts[0]), kind=act)
        elif kind == "declines":
            world.say("BRAVO", said(Act.DECLINE), ref(texts[-1]))
        else:
            before = texts[-1 if kind == "amends the last" else 0]
            texts.append(text("BRAVO", ref(before, role=RefRole.PREDECESSOR)))
    return world.entries


@pytest.mark.parametrize(
    "kind", ["signs and leaves", "declines", "amends the last", "amends the first"]
)
def test_a_joint_statement_costs_as_much_as_acts_are_in_it(kind: str) -> None:
    def weigh(n: int) -> int:
        world = World()
        entries = parley(world, n, kind)
        return called(lambda: offer(chains(entries, world)[0], "CHARLIE"))

    assert weigh(800) < 4.6 * weigh(200)


def test_a_flood_of_one_party_hides_nothing_that_another_said() -> None:
    world = World()
    opening, _, word, ask, hold, *_, link = everything(world)
    for _ in range(40):
        for act in (Act.ASK, Act.HOLD, Act.LINK, Act.LESSON, Act.PUBLIC, Act.ACCOUNT, Act.ACCOUNT):
            told = states(Means.COUNT, Number(3))
            due = at(Means.DUE, world.now_ms - MINUTE) | asked_of("ALPHA")
            what = said(act, told, answers=due)
            world.say("CHARLIE", what, ref(opening, *[world.entries[1]] * (act is Act.LINK)))
    for name in range(40):
        told = states(Means.COUNT, Number(3))
        world.say("CHARLIE", said(Act.ACCOUNT, told), ref(opening), through=f"N{name}")
    found = book(world).view(opening.digest, world.now_ms)
    assert {word, ask, hold, link} <= {row.entry for row in found.rows}
    assert ask in [one.ask for one in found.questions]
    assert hold in [one.entry for one in found.holds]
    assert link in [one.entry for one in found.links]
    assert {one.party for one in found.accounts} == {"ALPHA", "BRAVO", "CHARLIE"}
    assert found.left.rows == len(book(world).members(opening.digest)) - len(found.rows) > 200
    shown = [one for one in found.accounts if one.party == "CHARLIE" and not one.through]
    assert [(len(one.versions), one.left) for one in shown] == [(16, 64)]
    assert shown[0].versions[0].entry.time_ms < shown[0].versions[1].entry.time_ms - 10 * MINUTE
    left = found.left
    assert (left.questions, left.holds, left.links, left.publics, left.remarks) == (8,) * 5
    assert left.accounts == 32


def test_who_attaches_all_again_and_again_makes_one_look_dear_and_no_other() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN))
    root = world.say("BRAVO", None)
    for _ in range(200):
        world.say("BRAVO", None, ref(root))
    for _ in range(200):
        world.say("BRAVO", said(Act.ATTACH), ref(opening, root))
    other = world.say("ALPHA", said(Act.OPEN))
    made = book(world)
    assert len(made.members(opening.digest)) == 1 + 201 + 200
    assert made.members(other.digest) == (other,)
