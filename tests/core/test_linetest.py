"""Line tests: who calls when, with which words, and what their absence does."""

from __future__ import annotations

import string
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.world import START_MS, Net, Post, answer, found, kit, kits, message, sign_all

from tieline.core import charter as charters
from tieline.core import renewal
from tieline.core.events import CallTest
from tieline.core.linetest import corpus, initiator, slot_at, slot_start_ms
from tieline.core.succession import amend
from tieline.core.terms import Kind, LineState, Role, Rung

HOUR = 3600
SMALL_CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
MARKS = "0123456789 .,:;!?'\"()-+/=%&@#*"


def line_of(count: int, *, window_s: int = 600, answered_by: str = "officer") -> Net:
    tests = charters.Tests(interval_s=HOUR, window_s=window_s, answered_by=answered_by)
    return Net(kits(count), found(kits(count), tests=tests))


def to_next_slot(net: Net, after_s: float = 1) -> int:
    """Let time pass until a little after the next slot begins; the slot."""
    wall = net.now().wall_ms
    net.pass_time((HOUR * 1000 - wall % (HOUR * 1000)) / 1000 + after_s)
    slot = slot_at(net.now().wall_ms, net.signed.charter)
    assert slot is not None
    return slot


@given(st.integers(0, 10_000_000))
def test_every_text_covers_both_scripts_in_both_sizes_and_all_marks(slot: int) -> None:
    text = corpus(slot)
    wanted = string.ascii_letters + SMALL_CYRILLIC + SMALL_CYRILLIC.upper() + MARKS
    assert set(wanted) <= set(text)
    assert text.isprintable()


def test_the_texts_alternate_and_are_the_same_everywhere() -> None:
    assert len({corpus(slot) for slot in range(8)}) == 4
    assert corpus(4) == corpus(0)


def test_slots_follow_the_clock_and_there_are_none_without_an_interval() -> None:
    charter = line_of(2).signed.charter
    slot = slot_at(START_MS, charter)
    assert slot is not None
    assert slot_start_ms(slot, charter) <= START_MS < slot_start_ms(slot + 1, charter)
    assert slot_at(START_MS, Net(kits(2)).signed.charter) is None


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_initiator_alternates_among_all_parties(count: int) -> None:
    net = line_of(count)
    net.connect_all()
    callers = []
    for _ in range(2 * count):
        slot = to_next_slot(net)
        called = [[t for t in p.statements(Kind.TEST) if t.content.body.slot == slot] for p in net]
        assert len({test.digest for tests in called for test in tests}) == 1
        assert {len(tests) for tests in called} == {1}
        test = called[0][0]
        caller = net.post("ALPHA").line.party_of(test.place.station)
        assert caller == initiator(slot, net.signed.charter)
        assert test.content.body.text == corpus(slot)
        assert test.content.role is Role.STATION
        callers.append(caller)
    assert set(Counter(callers).values()) == {2}
    assert callers[:count] == callers[count:]
    assert all(one != other for one, other in pairwise(callers))


def test_a_test_says_the_last_item_held_of_every_other_log() -> None:
    net = line_of(3)
    net.connect_all()
    for code in ("ALPHA", "BRAVO", "CHARLIE", "BRAVO"):
        net.post(code).speak(message(f"from {code}"))
        net.deliver()
    slot = to_next_slot(net)
    caller = net.post(initiator(slot, net.signed.charter))
    for post in net:
        if post is caller:
            continue
        body = post.statements(Kind.TEST)[0].content.body
        held = {hold.log: hold for hold in body.holds or ()}
        mine = held[post.line.own_log]
        log = post.line.record.logs[post.line.own_log]
        # What it says it holds of ours is what we know to be ours.
        assert log.items[mine.size - 1].statement.digest == mine.last
        assert mine.size == log.size
        assert caller.line.own_log not in held
        assert len(held) == 2


def test_only_one_station_of_a_party_calls() -> None:
    two = (kit("ALPHA", ("main", "spare")), kit("BRAVO", ("main", "spare")))
    net = Net(two, found(two, tests=charters.Tests(interval_s=HOUR)))
    net.connect_all()
    for _ in range(2):
        slot = to_next_slot(net)
        tests = [t for t in net.post("ALPHA").statements(Kind.TEST) if t.content.body.slot == slot]
        assert len(tests) == 1
        caller = net.posts[tests[0].place.station]
        assert caller.who.id == caller.line.lead(caller.line.party)


def test_an_officer_answers_and_who_does_not_is_put_on_record() -> None:
    net = line_of(3, window_s=300)
    net.connect_all()
    slot = to_next_slot(net)
    caller = net.post(initiator(slot, net.signed.charter))
    others = [post for post in net if post is not caller]
    digest = caller.statements(Kind.TEST)[0].digest
    others[0].speak(answer(Kind.ACKNOWLEDGE, digest))
    net.pass_time(301)
    said = [(s.content.body.party, s.content.body.rung) for s in caller.statements(Kind.SILENCE)]
    assert said == [(others[1].line.party, Rung.ACKNOWLEDGED)]
    assert caller.line.links[others[1].who.id].state is LineState.UNSTAFFED
    assert caller.line.links[others[0].who.id].state is LineState.UP


def test_stations_may_answer_alone_when_the_charter_says_so() -> None:
    net = line_of(2, window_s=300, answered_by="station")
    net.connect_all()
    slot = to_next_slot(net)
    caller = net.post(initiator(slot, net.signed.charter))
    other = next(post for post in net if post is not caller)
    net.pass_time(301)
    digest = caller.statements(Kind.TEST)[0].digest
    assert Rung.RECEIVED in caller.rungs(digest, other.line.party)
    assert caller.statements(Kind.SILENCE) == []
    assert caller.line.links[other.who.id].state is LineState.UP
    # A station that does not even receive is missed all the same.
    net.lossy = True
    while initiator(slot, net.signed.charter) != caller.line.party or slot in caller.line.tests:
        slot = to_next_slot(net)
        if initiator(slot, net.signed.charter) == caller.line.party:
            break
    net.pass_time(301)
    codes = {alarm.code for alarm in caller.alarms()}
    assert "overdue.received" in codes


def test_a_test_that_nobody_calls_is_the_alarm() -> None:
    net = line_of(2, window_s=300)
    net.connect_all()
    wall = net.now().wall_ms
    slot = slot_at(wall, net.signed.charter)
    assert slot is not None
    quiet = net.post(initiator(slot + 1, net.signed.charter))
    other = next(post for post in net if post is not quiet)
    net.cut(quiet, other)
    del net.posts[quiet.who.id]  # its station is off
    to_next_slot(net, after_s=299)
    assert [a for a in other.alarms() if a.code == "test.missed"] == []
    net.pass_time(2)
    alarms = [a for a in other.alarms() if a.code == "test.missed"]
    assert [a.party for a in alarms] == [quiet.line.party]
    silence = other.statements(Kind.SILENCE)[-1].content.body
    assert (silence.party, silence.slot) == (quiet.line.party, slot + 1)


def uncalled(net: Net) -> tuple[Post, int]:
    """Who waited for the call of a slot that nobody made, a moment after that was found."""
    slot = slot_at(net.now().wall_ms, net.signed.charter)
    assert slot is not None
    quiet = net.post(initiator(slot + 1, net.signed.charter))
    other = next(post for post in net if post is not quiet)
    del net.posts[quiet.who.id]  # its station is off
    to_next_slot(net, after_s=290)
    net.restart(other)
    net.pass_time(12)
    assert [a.code for a in other.alarms()].count("test.missed") == 1
    assert other.line.outgoing  # the alarm is in the journal, the silence in memory alone
    return other, slot + 1


def test_an_uncalled_test_that_waited_when_the_station_ended_is_said_by_its_next_life() -> None:
    net = line_of(2, window_s=300)
    other, slot = uncalled(net)
    for _ in range(3):
        net.restart(other)
        net.pass_time(5)
    assert other.statements(Kind.SILENCE) == []
    net.pass_time(renewal.CONFIRM_MS / 1000)
    (silence,) = [said.content.body for said in other.statements(Kind.SILENCE)]
    start_ms = slot_start_ms(slot, net.signed.charter)
    assert (silence.slot, silence.due_ms) == (slot, start_ms + 300_000)
    net.restart(other)
    net.pass_time(2 * renewal.CONFIRM_MS / 1000)
    assert len(other.statements(Kind.SILENCE)) == 1
    assert [a.code for a in other.alarms()].count("test.missed") == 1


@pytest.mark.parametrize("missed", [False, True])
def test_an_uncalled_test_that_a_lost_life_has_said_is_not_said_again(*, missed: bool) -> None:
    net = line_of(3, window_s=300)
    slot = slot_at(net.now().wall_ms, net.signed.charter)
    assert slot is not None
    quiet = net.post(initiator(slot + 1, net.signed.charter))
    one, other = (post for post in net if post is not quiet)
    del net.posts[quiet.who.id]  # its station is off
    net.connect(one, other)
    net.pass_time(40)
    before = len(one.facts)
    one.sealed = missed
    to_next_slot(net, after_s=310)
    one.sealed = False

    def said() -> list[int | None]:
        return [
            each.content.body.slot
            for each in other.statements(Kind.SILENCE)
            if each.place.station == one.who.id
        ]

    assert said() == ([] if missed else [slot + 1])
    del one.facts[before:]  # an earlier state of its store is put back
    net.restart(one)
    net.connect(one, other)
    net.pass_time(60)
    assert [a.code for a in one.alarms()].count("test.missed") == 1
    assert said() == [slot + 1]


@pytest.mark.parametrize("again", [False, True])
def test_an_uncalled_test_is_not_said_under_a_charter_that_numbers_otherwise(
    *, again: bool
) -> None:
    net = line_of(2, window_s=300)
    other, _ = uncalled(net)
    tests = replace(net.signed.charter.tests, interval_s=1800)
    other.install(sign_all(amend(net.signed.charter, tests=tests), net.parties))
    if again:
        net.restart(other)
    net.pass_time(renewal.CONFIRM_MS / 1000)
    assert other.statements(Kind.SILENCE) == []


def test_a_restart_neither_calls_twice_nor_forgets_to_call() -> None:
    net = line_of(2)
    net.connect_all()
    slot = to_next_slot(net)
    caller = net.post(initiator(slot, net.signed.charter))
    net.restart(caller)
    net.pass_time(60)
    assert len(caller.statements(Kind.TEST)) == 1
    wall = net.now().wall_ms
    later = net.post(initiator(slot + 1, net.signed.charter))
    net.ms += slot_start_ms(slot + 1, net.signed.charter) + 5_000 - wall  # it was off at the start
    net.restart(later)
    net.pass_time(31)  # nobody is in reach, and a test waits a little for a confirmation
    assert [t.content.body.slot for t in later.statements(Kind.TEST)].count(slot + 1) == 1


def test_an_officer_calls_a_test_at_any_time() -> None:
    net = Net(kits(2))
    net.connect_all()
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    digest = alpha.act(CallTest(token=0, line=alpha.line.id, officer="Ada", key="k")).item
    again = alpha.act(CallTest(token=0, line=alpha.line.id, officer="Ada", key="k")).item
    net.deliver()
    assert digest == again
    assert [t.digest for t in bravo.statements(Kind.TEST)] == [digest]
    assert bravo.item(digest).statement.content.role is Role.WATCH_OFFICER


@pytest.mark.parametrize(("before_s", "after_s"), [(0, HOUR), (30, HOUR), (HOUR, 1800)])
def test_an_amended_interval_begins_with_its_next_slot(before_s: int, after_s: int) -> None:
    """Neither a late call nor a false silence in the slot we are in, and calls in all that come."""
    everyone = kits(2)
    before = charters.Tests(interval_s=before_s, window_s=20)
    net = Net(everyone, found(everyone, tests=before))
    net.connect_all()
    wall = net.now().wall_ms
    net.pass_time((HOUR * 1000 - wall % (HOUR * 1000)) / 1000 + 1000)  # past the window of a slot
    tests = charters.Tests(interval_s=after_s, window_s=300)
    amended = sign_all(amend(net.signed.charter, tests=tests), everyone)
    alpha, bravo = net
    called = len(alpha.statements(Kind.TEST))
    alpha.install(amended)
    net.deliver()
    assert bravo.line.charter.version == 2  # by sync, in the same moment
    net.pass_time(10)
    assert len(alpha.statements(Kind.TEST)) == called
    assert not [a for post in net for a in post.alarms() if a.code == "test.missed"]
    net.restart(bravo)
    slot = slot_at(net.now().wall_ms, amended.charter)
    assert slot is not None
    net.pass_time(2 * after_s)
    slots = {t.content.body.slot for post in net for t in post.statements(Kind.TEST)}
    assert {slot + 1, slot + 2} <= slots
    assert slot not in slots


def test_a_silence_under_an_older_interval_hides_none_of_a_new_one() -> None:
    everyone = kits(2)
    net = Net(everyone, found(everyone, tests=charters.Tests(interval_s=30, window_s=20)))
    net.connect_all()
    alpha, bravo = net
    net.cut(alpha, bravo)
    net.pass_time(120)
    assert alpha.line.slot_noted > 0
    amended = sign_all(
        amend(net.signed.charter, tests=charters.Tests(interval_s=HOUR, window_s=300)),
        everyone,
    )
    for post in net:
        post.install(amended)
    for reloaded in (alpha.reload(), bravo.reload()):
        line = reloaded.lines[alpha.line.id]
        slot = slot_at(net.now().wall_ms, amended.charter)
        assert (line.slot_done, line.slot_checked, line.slot_noted) == (slot, slot, -1)
