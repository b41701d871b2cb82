"""A line whose charter changes while it stands: who joins, who leaves, what each still holds."""

from __future__ import annotations

import pytest
from tests.core.world import CODES, Net, PartyKit, Post, answer, kits, message, sign_all

from tieline.core.charter import SignedCharter
from tieline.core.errors import TielineError
from tieline.core.events import Arrived, Install, Tick
from tieline.core.journal import FactKind, StateChange
from tieline.core.succession import amend
from tieline.core.sync import CharterOffer, pack
from tieline.core.terms import Kind, LineState, Precedence, Rung

ALPHA, BRAVO, CHARLIE = kits(3)
TEN_HOURS_S = 36_000


def line_of(*parties: PartyKit) -> Net:
    net = Net(parties)
    net.connect_all()
    return net


def joined(net: Net) -> tuple[SignedCharter, Post]:
    """CHARLIE's card comes into the charter; its station exists and keeps no line yet."""
    charter = amend(net.signed.charter, cards=[CHARLIE.card()])
    net.parties = (*net.parties, CHARLIE)
    post = net.posts[CHARLIE.stations[0].id] = Post(CHARLIE.stations[0], "", net)
    return sign_all(charter, kits(3)), post


def install(post: Post, signed: SignedCharter, *history: SignedCharter) -> None:
    post.act(Install(token=0, charter=signed, incarnation=b"a life..", history=history))


def same_record(net: Net) -> bool:
    orders = [post.order() for post in net]
    return all(order == orders[0] for order in orders)


def test_who_has_left_is_not_woken_again_and_again_for_a_checkpoint_that_it_may_not_sign() -> None:
    net = line_of(ALPHA, BRAVO, CHARLIE)
    bravo = net.post("BRAVO")
    bravo.speak(message("our last word"))
    net.deliver()
    bravo.install(sign_all(amend(net.signed.charter, leave=["BRAVO"]), kits(3)))
    net.ms += TEN_HOURS_S * 1000
    bravo.step(Tick())
    wakeup = bravo.station.wakeup(net.now())
    assert all(at is None or at > net.ms for at in (wakeup.mono_ms, wakeup.real_ms))


def test_the_line_to_who_joins_and_to_who_is_silent_now_is_judged_when_the_charter_comes() -> None:
    """At once, and not when a clock next wakes the station."""
    net = line_of(ALPHA, BRAVO)
    alpha, bravo, charlie = net.post("ALPHA"), net.post("BRAVO"), CHARLIE.stations[0].id
    net.deaf = alpha.who.id
    net.pass_time(20)  # of 30 s without a sign
    new = amend(net.signed.charter, cards=[CHARLIE.card()], silence_s=20)
    before = len(alpha.facts)
    alpha.install(sign_all(new, kits(3)))
    facts = [fact.body for fact in alpha.facts[before:] if fact.kind == FactKind.STATE]
    changes = {change.station: change.state for change in map(StateChange.decode, facts)}
    assert changes == {bravo.who.id: LineState.SILENT, charlie: LineState.UNKNOWN}


def test_the_line_to_who_joins_is_judged_when_a_peer_brings_the_charter() -> None:
    net = line_of(ALPHA, BRAVO)
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    second = sign_all(amend(net.signed.charter, cards=[CHARLIE.card()]), kits(3))
    before = len(alpha.facts)
    offer = pack(CharterOffer(alpha.line.id, second.encode()))
    alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=offer))
    assert alpha.line.latest() == 2
    facts = [fact.body for fact in alpha.facts[before:] if fact.kind == FactKind.STATE]
    changes = {change.station: change.state for change in map(StateChange.decode, facts)}
    assert changes == {CHARLIE.stations[0].id: LineState.UNKNOWN}


def test_a_party_that_joins_gets_the_whole_record_and_owes_nothing_for_what_was_before() -> None:
    net = line_of(ALPHA, BRAVO)
    before = net.post("ALPHA").speak(message("before", Precedence.FLASH)).item
    net.deliver()
    net.post("BRAVO").speak(answer(Kind.ACKNOWLEDGE, before))
    net.deliver()
    second, charlie = joined(net)
    for code in ("ALPHA", "BRAVO"):
        net.post(code).install(second)
    install(charlie, second, net.signed)
    net.connect(net.post("ALPHA"), charlie)
    net.pass_time(TEN_HOURS_S)
    assert before in charlie.order()
    assert same_record(net)
    assert not [alarm for alarm in charlie.alarms() if alarm.item == before]
    assert net.post("ALPHA").line.ladder.overdue.get(before, set()) == set()

    after = net.post("BRAVO").speak(message("after", Precedence.FLASH)).item
    net.pass_time(700)
    assert Rung.RECEIVED in net.post("BRAVO").rungs(after, "CHARLIE")
    assert [alarm for alarm in charlie.alarms() if alarm.item == after]
    assert charlie.reload().lines[charlie.line.id].party == "CHARLIE"
    said = charlie.speak(message("we are here")).item
    net.deliver()
    net.pass_time(5)  # BRAVO has no road to CHARLIE: ALPHA relays
    assert all(said in post.order() for post in net)


def test_who_joins_needs_every_version_from_the_first_on() -> None:
    net = line_of(ALPHA, BRAVO)
    second, charlie = joined(net)
    for history in ((), (second,)):
        with pytest.raises(TielineError) as refused:
            install(charlie, second, *history)
        assert refused.value.code == "charter.sequence"
    assert not charlie.station.lines
    assert not charlie.facts


def test_a_history_that_does_not_lead_to_the_charter_is_refused() -> None:
    net = line_of(ALPHA, BRAVO)
    second, charlie = joined(net)
    elsewhere = Net([ALPHA, CHARLIE]).signed
    with pytest.raises(TielineError) as refused:
        install(charlie, second, elsewhere)
    assert refused.value.code == "charter.sequence"
    unsigned = SignedCharter(charter=net.signed.charter)
    with pytest.raises(TielineError) as refused:
        install(charlie, second, unsigned)
    assert refused.value.code == "charter.incomplete"
    assert not charlie.station.lines


def test_a_party_that_leaves_reads_on_and_says_nothing_and_the_others_go_on() -> None:
    net = line_of(ALPHA, BRAVO, CHARLIE)
    bravo = net.post("BRAVO")
    net.cut(net.post("ALPHA"), bravo)
    last = bravo.speak(message("our last word", Precedence.FLASH)).item  # CHARLIE has it
    net.deliver()
    second = sign_all(amend(net.signed.charter, leave=["BRAVO"]), kits(3))
    for post in net:
        post.install(second)
    net.connect(net.post("ALPHA"), net.post("CHARLIE"))
    net.pass_time(TEN_HOURS_S)
    assert last in net.post("ALPHA").order()  # written under a version that named BRAVO
    with pytest.raises(TielineError) as refused:
        bravo.speak(message("one more"))
    assert refused.value.code == "line.left"
    assert bravo.line.peers == {}
    assert last in bravo.order()
    assert bravo.reload().lines[bravo.line.id].party == "BRAVO"

    after = net.post("CHARLIE").speak(message("without BRAVO", Precedence.FLASH)).item
    net.pass_time(TEN_HOURS_S)
    owed = net.post("CHARLIE").line.ladder.overdue.get(after, set())
    assert {party for party, _ in owed} == {"ALPHA"}
    assert net.post("ALPHA").order() == net.post("CHARLIE").order()


def removed(post: Post) -> list[str]:
    return [alarm.text for alarm in post.alarms() if alarm.code == "charter.removed"]


def test_who_is_taken_off_the_line_is_told_by_those_who_were_connected() -> None:
    """BRAVO had not even the version before: it gets both, and the officer reads what it means."""
    net = line_of(ALPHA, BRAVO, CHARLIE)
    alpha, bravo = net.post("ALPHA"), net.post("BRAVO")
    between = sign_all(amend(net.signed.charter, silence_s=31), kits(3))
    net.lossy = True
    for code in ("ALPHA", "CHARLIE"):
        net.post(code).install(between)
    net.deliver()
    net.lossy = False
    assert bravo.line.latest() == 1
    alpha.install(sign_all(amend(between.charter, leave=["BRAVO"]), kits(3)))
    net.deliver()
    assert bravo.line.latest() == 3
    (text,) = removed(bravo)
    assert "version 3" in text
    assert "takes this station, and with it BRAVO, off the line" in text
    net.pass_time(60)
    net.restart(bravo)
    assert len(removed(bravo)) == 1
    assert not bravo.line.member
    assert removed(alpha) == removed(net.post("CHARLIE")) == []
    assert alpha.refusals() == bravo.refusals() == []


def test_a_station_that_is_taken_off_while_its_party_stays_is_told_which_it_is() -> None:
    two = PartyKit("BRAVO", ("main", "spare"))
    net = line_of(ALPHA, two)
    spare = two.stations[1].id
    net.post("ALPHA").install(
        sign_all(amend(net.signed.charter, cards=[PartyKit("BRAVO").card()]), net.parties)
    )
    net.deliver()
    told = {post.who.id: removed(post) for post in net}
    assert [len(texts) for station, texts in told.items() if station != spare] == [0, 0]
    assert "takes this station of BRAVO off the line" in told[spare][0]


def test_a_receipt_finds_its_author_through_a_chain_of_stations_within_seconds() -> None:
    net = Net(kits(4))
    alpha, bravo, charlie, delta = (net.post(code) for code in CODES)
    for one, other in ((alpha, delta), (delta, charlie), (charlie, bravo)):
        net.connect(one, other)
    net.pass_time(60)
    item = alpha.speak(message()).item
    net.deliver()
    # Two graces of a second each for the statement, a quarter more to wait for others, and two
    # tellings back.
    net.pass_time(3.7)
    assert Rung.RECEIVED in alpha.rungs(item, "BRAVO")
