"""The receipt ladder: five rungs, each with its own clock, by precedence and as agreed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.world import START_MS, Net, Post, answer, clocks, found, kit, kits, message

from tieline.core.charter import Clocks
from tieline.core.ladder import Ladder
from tieline.core.statement import WANT_ACKNOWLEDGE, WANT_PASS_ON, WANT_READ_BACK, Content
from tieline.core.tally import Tallies
from tieline.core.terms import Kind, Precedence, Rung

DEFAULT_S = {
    Precedence.FLASH: 10 * 60,
    Precedence.IMMEDIATE: 30 * 60,
    Precedence.PRIORITY: 3 * 3600,
    Precedence.ROUTINE: 6 * 3600,
}
ALL_RUNGS = WANT_ACKNOWLEDGE | WANT_READ_BACK | WANT_PASS_ON
HUMAN = {
    Rung.ACKNOWLEDGED: Kind.ACKNOWLEDGE,
    Rung.READ_BACK: Kind.READ_BACK,
    Rung.PASSED_ON: Kind.PASS_ON,
}


def asking(precedence: Precedence, wants: int = ALL_RUNGS) -> Content:
    return replace(message(precedence=precedence), wants=wants)


def pair(clocks: Clocks | None = None) -> tuple[Net, Post, Post]:
    net = Net(kits(2), found(kits(2), clocks=clocks or Clocks()))
    return net, net.post("ALPHA"), net.post("BRAVO")


def overdue(post: Post, digest: bytes) -> set[tuple[str, Rung]]:
    return {
        (a.party, a.rung)
        for a in post.alarms()
        if a.rung and a.item == digest and a.code.startswith("overdue.")
    }


def climb(net: Net, sender: Post, reader: Post, digest: bytes, rung: Rung) -> None:
    """Bring the reader up to just below a rung, at once."""
    for step, kind in HUMAN.items():
        if step < rung:
            reader.speak(answer(kind, digest))
            net.deliver()
    assert rung not in sender.rungs(digest, reader.line.party)


def time_until_missed(clocks: Clocks | None, precedence: Precedence, rung: Rung) -> int:
    """After how many seconds a rung that nobody reaches is reported, to the second."""
    net, alpha, bravo = pair(clocks)
    if rung is Rung.RECEIVED:
        net.lossy = True  # a carrier takes it and it never arrives
    if rung is not Rung.HANDED_OVER:
        net.connect(alpha, bravo)
    digest = alpha.speak(asking(precedence)).item
    net.deliver()
    climb(net, alpha, bravo, digest, rung)
    agreed_s = (clocks or Clocks()).of(precedence)[rung - 1]
    net.pass_time(agreed_s - 1)
    assert ("BRAVO", rung) not in overdue(alpha, digest)
    net.pass_time(1)
    assert ("BRAVO", rung) in overdue(alpha, digest)
    return agreed_s


@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("precedence", Precedence)
def test_each_rung_has_its_deadline_by_precedence(precedence: Precedence, rung: Rung) -> None:
    assert time_until_missed(None, precedence, rung) == DEFAULT_S[precedence]


@pytest.mark.parametrize("rung", Rung)
def test_the_charter_changes_each_deadline_alone(rung: Rung) -> None:
    agreed = Clocks(flash=(60, 120, 240, 480, 960), routine=(7, 6, 5, 4, 3))
    assert time_until_missed(agreed, Precedence.FLASH, rung) == 60 * 2 ** (rung - 1)
    assert time_until_missed(agreed, Precedence.ROUTINE, rung) == 8 - rung


def test_the_rungs_are_climbed_one_by_one_and_only_the_first_two_by_machines() -> None:
    net, alpha, bravo = pair()
    digest = alpha.speak(asking(Precedence.FLASH)).item
    assert alpha.rungs(digest, "BRAVO") == set()
    net.connect(alpha, bravo)
    assert alpha.rungs(digest, "BRAVO") == {Rung.HANDED_OVER, Rung.RECEIVED}
    net.pass_time(300)
    assert alpha.rungs(digest, "BRAVO") == {Rung.HANDED_OVER, Rung.RECEIVED}
    reached = {Rung.HANDED_OVER, Rung.RECEIVED}
    for rung, kind in HUMAN.items():
        bravo.speak(answer(kind, digest))
        net.deliver()
        reached.add(rung)
        assert alpha.rungs(digest, "BRAVO") == reached
        assert bravo.rungs(digest, "BRAVO") >= reached - {Rung.HANDED_OVER}
    net.pass_time(40_000)
    assert overdue(alpha, digest) == overdue(bravo, digest) == set()
    mark = alpha.line.ladder.rungs(alpha.item(digest), "BRAVO")
    assert (mark[Rung.PASSED_ON].unit, mark[Rung.PASSED_ON].at_ms) == ("duty room 2", START_MS)


def test_a_clock_starts_where_its_rung_can_start() -> None:
    """An hour without a wire costs the officer nothing: theirs runs from the receipt."""
    net, alpha, bravo = pair()
    digest = alpha.speak(asking(Precedence.FLASH)).item
    net.pass_time(3600)
    assert overdue(alpha, digest) == {("BRAVO", Rung.HANDED_OVER), ("BRAVO", Rung.RECEIVED)}
    net.connect(alpha, bravo)
    net.pass_time(599)
    assert ("BRAVO", Rung.ACKNOWLEDGED) not in overdue(alpha, digest)
    assert overdue(bravo, digest) == set()
    net.pass_time(1)
    assert ("BRAVO", Rung.ACKNOWLEDGED) in overdue(alpha, digest)
    assert overdue(bravo, digest) == {("BRAVO", Rung.ACKNOWLEDGED)}
    # Reading back and passing on are not owed before it is acknowledged.
    assert not overdue(alpha, digest) & {("BRAVO", Rung.READ_BACK), ("BRAVO", Rung.PASSED_ON)}
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.deliver()
    net.pass_time(600)
    assert overdue(alpha, digest) >= {("BRAVO", Rung.READ_BACK), ("BRAVO", Rung.PASSED_ON)}


def test_a_missed_deadline_is_reported_once_and_put_on_record() -> None:
    net, alpha, bravo = pair()
    net.connect(alpha, bravo)
    digest = alpha.speak(asking(Precedence.FLASH, WANT_ACKNOWLEDGE)).item
    net.deliver()
    net.pass_time(40_000)
    assert [a.code for a in alpha.alarms() if a.item == digest] == ["overdue.acknowledged"]
    silences = [s.content.body for s in bravo.statements(Kind.SILENCE)]
    assert [(s.party, s.rung) for s in silences] == [("BRAVO", Rung.ACKNOWLEDGED)]
    assert silences[0].due_ms == START_MS + net_ms_of(alpha, digest) + 600_000
    net.restart(alpha)
    net.pass_time(40_000)
    assert len([a for a in alpha.alarms() if a.item == digest]) == 1
    assert len(alpha.statements(Kind.SILENCE)) == 1


def net_ms_of(post: Post, digest: bytes) -> int:
    return post.item(digest).admitted_ms - START_MS


def test_a_wall_clock_that_jumps_neither_meets_nor_misses_a_deadline() -> None:
    net, alpha, bravo = pair()
    net.connect(alpha, bravo)
    digest = alpha.speak(asking(Precedence.FLASH)).item
    net.deliver()
    net.skew_ms = 30 * 86_400_000
    net.pass_time(1)
    assert overdue(alpha, digest) == set()
    net.skew_ms = -30 * 86_400_000
    net.pass_time(597)
    assert overdue(alpha, digest) == set()
    net.pass_time(2)
    assert ("BRAVO", Rung.ACKNOWLEDGED) in overdue(alpha, digest)
    # And one that starts under a clock which is a month late.
    other = alpha.speak(asking(Precedence.FLASH)).item
    net.deliver()
    net.skew_ms = 0
    net.pass_time(599)
    assert overdue(alpha, other) == set()
    net.pass_time(1)
    assert ("BRAVO", Rung.ACKNOWLEDGED) in overdue(alpha, other)


def test_a_deadline_runs_on_through_a_restart() -> None:
    net, alpha, bravo = pair()
    net.connect(alpha, bravo)
    digest = alpha.speak(asking(Precedence.FLASH)).item
    net.deliver()
    net.pass_time(300)
    net.restart(alpha)
    net.restart(bravo)
    net.pass_time(299)
    assert overdue(alpha, digest) == overdue(bravo, digest) == set()
    net.pass_time(1)
    assert overdue(alpha, digest) == overdue(bravo, digest) == {("BRAVO", Rung.ACKNOWLEDGED)}


def test_a_statement_owes_only_to_those_it_names_and_only_what_it_asks() -> None:
    net = Net(kits(4))
    net.connect_all()
    alpha = net.post("ALPHA")
    named = alpha.speak(replace(asking(Precedence.FLASH, WANT_ACKNOWLEDGE), to=("CHARLIE",))).item
    quiet = alpha.speak(asking(Precedence.FLASH, 0)).item
    net.deliver()
    net.pass_time(700)
    assert overdue(alpha, named) == {("CHARLIE", Rung.ACKNOWLEDGED)}
    assert overdue(alpha, quiet) == set()
    for code in ("BRAVO", "DELTA"):
        assert overdue(net.post(code), named) == set()
    assert overdue(net.post("CHARLIE"), named) == {("CHARLIE", Rung.ACKNOWLEDGED)}


def test_either_station_of_a_party_lifts_it_to_a_rung() -> None:
    two = (kit("ALPHA"), kit("BRAVO", ("main", "spare")))
    net = Net(two)
    alpha, spare = net.post("ALPHA"), net.post("BRAVO", 1)
    digest = alpha.speak(asking(Precedence.FLASH, WANT_ACKNOWLEDGE)).item
    net.connect(alpha, spare)
    assert alpha.rungs(digest, "BRAVO") == {Rung.HANDED_OVER, Rung.RECEIVED}
    spare.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.deliver()
    assert Rung.ACKNOWLEDGED in alpha.rungs(digest, "BRAVO")
    net.connect(spare, net.post("BRAVO", 0))
    net.pass_time(700)
    for post in net:
        assert overdue(post, digest) == set()


def test_a_rung_is_no_agreement_and_the_first_mark_stands() -> None:
    net, alpha, bravo = pair()
    net.connect(alpha, bravo)
    digest = alpha.speak(asking(Precedence.FLASH)).item
    net.deliver()
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    first = alpha.line.ladder.marks
    net.deliver()
    mark = first[digest]["BRAVO"][Rung.ACKNOWLEDGED]
    bravo.speak(answer(Kind.READ_BACK, digest))
    bravo.speak(answer(Kind.READ_BACK, digest))
    net.deliver()
    marks = alpha.line.ladder.marks[digest]["BRAVO"]
    assert marks[Rung.ACKNOWLEDGED] == mark
    assert marks[Rung.READ_BACK].by == bravo.statements(Kind.READ_BACK)[0].digest
    assert alpha.line.assents == {}


def test_the_receipts_for_a_size_are_found_whether_later_ones_have_come_or_not() -> None:
    net, alpha, bravo = pair()
    net.connect(alpha, bravo)
    for text in ("one", "two", "three"):
        alpha.speak(message(text))
        net.deliver()
        net.pass_time(5)
    ladder, log = alpha.line.ladder, alpha.line.own_log
    newest = ladder.covered(log, bravo.who.id)
    of_bravo = {
        size: [r.cosigner for r in ladder.receipts_at(log, size)].count(bravo.who.id)
        for size in range(newest + 2)
    }
    sizes = ladder.covers[log, bravo.who.id].sizes
    assert len(sizes) > 2
    assert of_bravo == {size: int(size in sizes) for size in range(newest + 2)}


def test_clocks_of_what_was_reached_are_dropped_and_the_others_run_on() -> None:
    net, alpha, bravo = pair()
    net.connect(alpha, bravo)
    digest = alpha.speak(asking(Precedence.FLASH, WANT_ACKNOWLEDGE)).item

    def running() -> set[int]:
        alpha.line.ladder.prune()
        return {rung for name, _, rung, _, _ in clocks(alpha.line.ladder) if name == digest}

    assert running() == {Rung.HANDED_OVER, Rung.RECEIVED}  # an officer is waited for from then on
    net.deliver()
    net.pass_time(5)
    assert running() == {Rung.ACKNOWLEDGED}
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.deliver()
    assert running() == set()


def test_clocks_towards_who_is_away_are_not_looked_at_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net(kits(3))
    alpha, bravo, charlie = net
    net.connect(alpha, bravo)
    looked: list[str] = []
    met = Ladder._met

    def noted(*args: Any) -> bool:
        looked.append(args[3])
        return met(*args)

    monkeypatch.setattr(Ladder, "_met", noted)
    for number in range(20):
        alpha.speak(message(f"text {number}"))
        net.deliver()
    net.pass_time(5)
    alpha.line.ladder.prune()
    assert {party for _, party, *_ in clocks(alpha.line.ladder)} == {"BRAVO", "CHARLIE"}
    monkeypatch.setattr(Tallies, "changed", lambda *_: False)  # a snapshot has settled all
    alpha.speak(message("one more"))
    net.deliver()
    net.pass_time(5)
    looked.clear()
    alpha.line.ladder.prune()
    assert looked.count("CHARLIE") <= 2
    net.connect(alpha, charlie)
    net.pass_time(5)
    alpha.line.ladder.prune()
    left = {rung for _, party, rung, *_ in clocks(alpha.line.ladder) if party == "CHARLIE"}
    assert left == {Rung.ACKNOWLEDGED}


def test_clocks_of_one_moment_hold_their_numbers_once() -> None:
    _, alpha, _ = pair()
    digest = alpha.speak(asking(Precedence.FLASH)).item
    first, second = (entry for entry in alpha.line.ladder._heap if entry[2] == digest)
    assert {first[4], second[4]} == {Rung.HANDED_OVER, Rung.RECEIVED}
    assert all(first[at] is second[at] for at in (0, 5, 6))
    other = alpha.speak(asking(Precedence.ROUTINE)).item
    third = next(entry for entry in alpha.line.ladder._heap if entry[2] == other)
    assert third[0] - first[0] == third[5] - first[5]
    assert third[6] - first[6] == 1000 * (
        DEFAULT_S[Precedence.ROUTINE] - DEFAULT_S[Precedence.FLASH]
    )
