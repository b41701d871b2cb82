"""Logs that tell two stories: what is offered to whom, how often, and at what cost."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.test_record import KITS, LINE, take
from tests.core.world import START_MS, chaff, message, write
from tests.examples import tries

from tieline.core import record, repeats, sync
from tieline.core.branches import stories_beyond
from tieline.core.lack import lacking
from tieline.core.record import Held, Log, Record, Refused
from tieline.core.statement import Body, Content, Place, Statement
from tieline.core.sync import Have, Head, Peer
from tieline.core.terms import Kind

WHO = KITS[0].stations[0]
LIFE = bytes(8)


def after(before: Statement | None, text: str) -> Statement:
    """A statement of one station that follows any other of its own: honest or not."""
    place = Place(
        line=LINE,
        station=WHO.id,
        incarnation=LIFE,
        position=before.place.position + 1 if before else 0,
        previous=before.digest if before else None,
        seen=(),
        time_ms=START_MS,
        charter=2,
    )
    content = message(text) if before else Content(kind=Kind.OPEN, body=Body(cause=text))
    return write(WHO, "", place, content)


def grown(shape: Iterable[int]) -> list[Statement]:
    """A tree of statements: each number says which earlier one the next follows."""
    out = [after(None, "first start")]
    for number, parent in enumerate(shape):
        out.append(after(out[parent % len(out)], f"statement {number}"))
    return out


def chain(length: int) -> list[Statement]:
    return grown(range(length - 1))


def holding(statements: Iterable[Statement]) -> Record:
    held = Record(LINE, "")
    for statement in statements:
        take(held, statement)
    return held


def log_of(held: Record) -> Log:
    (log,) = held.logs.values()
    return log


def have(held: Record, *, full: bool = True) -> Have:
    return Have(LINE, 2, full, sync.heads(held))


def pushed(held: Record, peer: Peer) -> list[bytes]:
    """Everything that is pushed now, to the last."""
    out: list[bytes] = []
    while batch := lacking(held, peer, b"", {}):
        out.extend(statement.digest for statement in batch)
    return out


def digests(statements: Iterable[Statement]) -> list[bytes]:
    return [statement.digest for statement in statements]


trees = st.lists(st.integers(0, 11), max_size=11).map(grown)


@given(st.data())
@settings(max_examples=tries(30), deadline=None)
def test_two_stations_offer_each_other_exactly_what_the_other_lacks(data: st.DataObject) -> None:
    tree = data.draw(trees)
    some = st.sets(st.sampled_from(digests(tree)))
    chosen = data.draw(some), data.draw(some)
    mine, theirs = (holding(s for s in tree if s.digest in each) for each in chosen)
    if not mine.logs or not theirs.logs:
        return
    ours = log_of(mine)
    leaves = sync.heads(theirs)[0].leaves()
    known = [leaf for leaf in leaves if mine.by_tip(leaf)]
    beyond = stories_beyond(mine, ours, leaves, 0)
    lacking = mine.by_digest.keys() - theirs.by_digest.keys()
    if len(known) == len(leaves):
        assert {statement.digest for statement in beyond} == lacking
    assert lacking <= {statement.digest for statement in beyond}
    assert len(set(beyond)) == len(beyond)
    # What is offered can be taken in the order in which it is offered.
    for statement in beyond:
        assert not isinstance(take(theirs, statement)[0], Held)
    assert mine.by_digest.keys() <= theirs.by_digest.keys()


@given(trees, st.randoms(use_true_random=False))
def test_the_tips_follow_from_what_is_held_and_not_from_what_came_first(
    tree: list[Statement], chance: random.Random
) -> None:
    mixed = list(tree)
    chance.shuffle(mixed)
    one, other = holding(tree), holding(mixed)
    assert one.by_digest.keys() == other.by_digest.keys()
    assert set(sync.heads(one)[0].leaves()) == set(sync.heads(other)[0].leaves())
    assert all(sync.unpack(sync.pack(have(held))) == have(held) for held in (one, other))


def test_the_work_is_that_of_the_difference() -> None:
    trunk = chain(300)
    fork = after(trunk[100], "another story")
    mine = holding([*trunk, fork])
    leaves = (trunk[-1].digest[:16],)
    assert stories_beyond(mine, log_of(mine), leaves, 0) == [fork]
    unknown = (chaff("unknown", 16),)
    beyond = stories_beyond(mine, log_of(mine), unknown, 299)
    assert digests(beyond) == [fork.digest, trunk[-1].digest]
    assert len(stories_beyond(mine, log_of(mine), unknown, 0)) == 301


def test_a_branch_is_offered_once_until_two_beacons_say_the_same() -> None:
    trunk = chain(6)
    fork = after(trunk[2], "another story")
    mine, theirs, peer = holding([*trunk, fork]), holding(trunk), Peer(station=bytes(8))
    sync.note_have(mine, peer, have(theirs))
    assert pushed(mine, peer) == [fork.digest]
    sync.note_have(mine, peer, have(theirs, full=False))
    assert pushed(mine, peer) == []
    sync.note_have(mine, peer, have(theirs))  # a whole beacon, and nothing has changed: it was lost
    assert pushed(mine, peer) == [fork.digest]
    take(theirs, fork)
    for _ in range(3):  # the fork is settled: nothing is given again, and nobody has to wait for it
        assert not sync.note_have(mine, peer, have(theirs))
        assert pushed(mine, peer) == []


def test_two_stories_that_nobody_knows_of_yet_are_found_by_their_heads() -> None:
    trunk = chain(5)
    one = holding([*trunk, after(trunk[-1], "to one")])
    other = holding([*trunk, after(trunk[-1], "to the other")])
    peer = Peer(station=bytes(8))
    peer.believes(log_of(one).id, 5)
    sync.note_have(one, peer, have(other))
    assert pushed(one, peer) == [log_of(one).head]


def test_a_log_found_to_be_one_chain_again_is_counted_again() -> None:
    trunk = chain(5)
    mine, peer = holding(trunk), Peer(station=bytes(8))
    log = log_of(mine)
    sync.note_have(mine, peer, Have(LINE, 2, True, (Head(log.id, 3, chaff("boast", 32)),)))
    assert log.id in peer.apart
    sync.note_have(mine, peer, have(holding(trunk[:3])))
    assert log.id not in peer.apart
    assert pushed(mine, peer) == digests(trunk[3:])


def test_a_beacon_does_not_send_again_what_is_under_way() -> None:
    trunk = chain(6)
    mine, theirs, peer = holding(trunk), holding(trunk[:2]), Peer(station=bytes(8))
    sync.note_have(mine, peer, have(theirs))
    assert pushed(mine, peer) == digests(trunk[2:])
    sync.note_have(mine, peer, have(theirs))
    assert pushed(mine, peer) == []
    sync.note_have(mine, peer, have(holding(trunk[:1])))  # a store was put back
    assert pushed(mine, peer) == digests(trunk[1:])


def test_a_charter_that_was_offered_and_lost_is_lacking_still() -> None:
    mine, peer = holding(chain(1)), Peer(station=bytes(8))
    peer.charter = 2  # offered, and not yet confirmed
    sync.note_have(mine, peer, Have(LINE, 1, True, sync.heads(mine)))
    assert peer.charter == 1


def test_branches_go_out_within_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    trunk = chain(40)
    forks = chain_from(trunk[3], 30)
    mine, peer = holding([*trunk, *forks]), Peer(station=bytes(8))
    monkeypatch.setattr(sync, "WINDOW", 20)
    sync.note_have(mine, peer, have(holding(trunk[:4])))
    assert len(pushed(mine, peer)) == 20
    assert pushed(mine, peer) == []
    sync.note_have(mine, peer, have(holding(trunk[:24])))
    assert len(pushed(mine, peer)) == 20


def test_who_has_lost_what_it_was_sent_is_sent_what_waited_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trunk = chain(40)
    mine, peer = holding([*trunk, *chain_from(trunk[3], 30)]), Peer(station=bytes(8))
    monkeypatch.setattr(sync, "WINDOW", 20)
    sync.note_have(mine, peer, have(holding(trunk[:4])))
    assert len(pushed(mine, peer)) == 20
    waiting = [one.digest for one in peer.extra]
    repeats.lose_sent(peer)
    assert [one.digest for one in peer.extra] == waiting != []


def chain_from(before: Statement, length: int) -> list[Statement]:
    out = [before]
    for number in range(length):
        out.append(after(out[-1], f"other {number}"))
    return out[1:]


def test_one_branch_too_many_is_refused_and_the_others_go_on() -> None:
    trunk = chain(3)
    mine = holding(trunk)
    ends = [after(trunk[1], f"story {number}") for number in range(record.MAX_BRANCHES_PER_LOG)]
    outcomes = [take(mine, end)[0] for end in ends]
    refused = [found for found in outcomes if isinstance(found, Refused)]
    assert [found.code for found in refused] == ["log.too_many_forks"]
    assert len(log_of(mine).leaves) == record.MAX_BRANCHES_PER_LOG
    assert not isinstance(take(mine, after(trunk[-1], "on"))[0], Refused)
    assert not isinstance(take(mine, after(ends[0], "on"))[0], Refused)
    sync.unpack(sync.pack(have(mine)))


@pytest.mark.parametrize("proven", [10, 6, 5])
def test_who_was_put_back_and_then_heard_another_story_is_offered_what_it_lost(proven: int) -> None:
    """A receipt of before says that it holds our branch so far, and its store has forgotten it."""
    ours, theirs = chain(10), chain(4)
    for number in range(3):
        theirs.append(after(theirs[-1], f"another story {number}"))
    mine, there = holding(ours), holding(theirs)
    peer = Peer(station=bytes(8))
    peer.believes(log_of(mine).id, proven)
    for _ in range(5):  # full HAVEs, one with each beacon
        sync.note_have(mine, peer, have(there))
        for digest in pushed(mine, peer):
            outcome = take(there, mine.by_digest[digest].statement)[0]
            assert not isinstance(outcome, Refused)
    assert mine.by_digest.keys() <= there.by_digest.keys()


def test_a_reader_is_asked_for_the_story_that_it_read() -> None:
    """Of two under one number each is read, or not, by itself."""
    first = after(None, "first start")
    one, other = after(first, "one story"), after(first, "another story")
    held = holding((first, one, other))
    main, fork = (one, other) if log_of(held).head == one.digest else (other, one)
    reader = KITS[1].stations[0]
    said: list[Statement] = []
    for number, seen in enumerate(((), (fork.digest[:16],), (), (main.digest[:16],))):
        place = Place(
            line=LINE, station=reader.id, incarnation=LIFE, position=number,
            previous=said[-1].digest if said else None, seen=seen, time_ms=START_MS + 9, charter=2,
        )  # fmt: skip
        opening = Content(kind=Kind.OPEN, body=Body(cause="first start"))
        said.append(write(reader, "", place, message(str(number)) if number else opening))
        take(held, said[-1])
    log = said[0].log
    assert held.read_at(log, fork.digest, first.log, 1) == 1
    assert held.read_at(log, main.digest, first.log, 1) == 3
    assert [held.saw(later, fork) for later in said] == [False, True, True, True]
    assert [held.saw(later, main) for later in said] == [False, False, False, True]
    assert held.read_at(log, chaff("no such", 32), first.log, 2) is None
