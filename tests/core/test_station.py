"""The station at its door: alarms, back-pressure, second stories; the line always goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.world import START_MS, Key, Net, Post, StationKit, answer, found, kits, message

from tieline.core import proof, sync
from tieline.core.errors import LocalError
from tieline.core.events import (
    Arrived,
    Connected,
    Failed,
    HandedOver,
    Lost,
    Ready,
    Speak,
    Stalled,
    Tick,
    Transmit,
    Trouble,
)
from tieline.core.journal import Attempt, FactKind
from tieline.core.statement import Statement
from tieline.core.sync import Push, pack, unpack
from tieline.core.terms import Kind, Precedence, Rung


def three() -> tuple[Net, Post, Post, Post]:
    net = Net(kits(3))
    net.connect_all()
    return net, net.post("ALPHA"), net.post("BRAVO"), net.post("CHARLIE")


def pushed(post: Post, peer: Post) -> list[bytes]:
    """The statements that are under way from a station to a peer, taken off the wire."""
    out: list[bytes] = []
    for sent in post.out:
        envelope = unpack(sent.envelope)
        if sent.peer == peer.who.id and isinstance(envelope, Push):
            out.extend(envelope.statements)
    post.out.clear()
    return out


# ----------------------------------------------------------------------------------- alarms


@pytest.mark.parametrize("precedence", Precedence)
def test_what_is_urgent_rings_once_at_those_it_is_for(precedence: Precedence) -> None:
    net, alpha, bravo, charlie = three()
    content = replace(message("look", precedence), to=("BRAVO",))
    digest = alpha.speak(content).item
    net.deliver()
    net.restart(bravo)
    net.connect_all()
    net.pass_time(5)
    rang = [a.code for a in bravo.alarms() if a.item == digest]
    urgent = precedence >= Precedence.IMMEDIATE
    assert rang == ([f"arrived.{precedence.name.lower()}"] if urgent else [])
    assert [a for post in (alpha, charlie) for a in post.alarms() if a.item == digest] == []


def test_a_trouble_of_the_station_rings_and_stops_nothing() -> None:
    net, alpha, bravo, _ = three()
    alpha.step(Trouble(code="clock.jumped", text="the clock went back by 3 h"))
    assert [a.code for a in alpha.alarms()] == ["clock.jumped"]
    digest = alpha.speak(message("on we go")).item
    net.deliver()
    assert digest in bravo.order()


def test_keys_that_the_charter_does_not_name_say_nothing() -> None:
    """A home with the wrong keys: nothing is said, and it is told why."""
    net, alpha, bravo, _ = three()
    right = alpha.who
    alpha.who = StationKit("ALPHA", right.certificate, Key("wrong"), Key("wrong too"))
    with pytest.raises(LocalError) as caught:
        alpha.speak(message("in a false voice"))
    assert caught.value.code == "station.signature"
    alpha.who = right
    digest = alpha.speak(message("in our own")).item
    net.deliver()
    assert [s.digest for s in bravo.statements(Kind.MESSAGE)] == [digest]


def test_time_alone_makes_no_station_spin() -> None:
    """After a tick nothing is due at once; an idle hour costs a bounded number of them."""
    net, alpha, _, _ = three()
    ticks = 0
    end = net.ms + 3_600_000
    while net.ms < end:
        for post in net:
            post.step(Tick())
            wakeup = post.station.wakeup(net.now())
            due = [at for at in (wakeup.mono_ms, wakeup.real_ms) if at is not None]
            assert all(at > net.ms for at in due)
        net.deliver()
        ticks += 1
        soonest = [net._wake(post) for post in net]
        net.ms = min(at for at in (*soonest, end) if at is not None)
    assert ticks < 500
    assert alpha.line.links


# ---------------------------------------------------------------------------- back-pressure


def test_a_window_bounds_what_is_under_way_to_one_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "WINDOW", 20)
    net, alpha, bravo, charlie = three()
    for post in net:
        post.out.clear()
    said = [alpha.speak(message(str(number))).item for number in range(60)]
    assert len(pushed(alpha, bravo)) <= 20
    net.pass_time(600)
    for post in (bravo, charlie):
        assert set(said) <= set(post.order())


class Counting(Net):
    """Counts the pushes that are handed to wires."""

    pushes = 0

    def _carry(self, post: Post, sent: Transmit) -> None:
        self.pushes += isinstance(unpack(sent.envelope), Push)
        super()._carry(post, sent)


def test_a_peer_that_takes_and_never_signs_is_tried_again_and_not_flooded() -> None:
    net = Counting(kits(2))
    net.connect_all()
    alpha, bravo = net
    net.lossy = True
    digest = alpha.speak(message("into the void")).item
    net.deliver()
    net.pushes = 0
    net.pass_time(3600)
    assert 30 <= net.pushes <= 80  # after 5 s, 10 s, 20 s, 40 s, then each minute
    net.lossy = False
    net.pass_time(120)
    assert digest in bravo.order()


def test_what_no_carrier_took_is_sent_again_when_one_can() -> None:
    net, alpha, bravo, _ = three()
    digest = alpha.speak(message("stalled")).item
    alpha.out.clear()
    alpha.step(Stalled(line=alpha.line.id, peer=bravo.who.id))
    alpha.speak(message("and one more"))
    assert pushed(alpha, bravo) == []
    assert Rung.HANDED_OVER not in alpha.rungs(digest, "BRAVO")
    alpha.step(Ready(peer=bravo.who.id))
    net.deliver()
    assert digest in bravo.order()
    assert alpha.rungs(digest, "BRAVO") == {Rung.HANDED_OVER, Rung.RECEIVED}


def test_a_hand_over_is_kept_once_and_a_receipt_makes_none() -> None:
    net, alpha, bravo, _ = three()
    digest = alpha.speak(message("taken twice")).item
    net.deliver()
    facts = len(alpha.facts)
    again = HandedOver(
        line=alpha.line.id, carrier="wire", peer=bravo.who.id, items=(digest,)
    )  # fmt: skip
    alpha.step(again)
    assert len(alpha.facts) == facts
    again_elsewhere = replace(again, line=bytes(16))
    alpha.step(again_elsewhere)
    assert len(alpha.facts) == facts


# ---------------------------------------------------------------------------- second stories


def split(net: Net, post: Post) -> tuple[Statement, Statement]:
    """A clone of the whole running machine, which nothing inside it can tell from the first."""
    copy = Post(post.who, post.realm, net)
    copy.facts = list(post.facts)
    run = copy.run()
    run.confirmed.add(post.line.own_log)
    copy.station = copy.reload(run)
    one = post.item(post.speak(message("we advance")).item).statement
    other = copy.item(copy.speak(message("we withdraw")).item).statement
    post.out.clear()
    return one, other


def hand(post: Post, peer: Post, *statements: Statement) -> None:
    envelope = pack(Push(post.line.id, tuple(s.raw for s in statements)))
    post.step(Arrived(carrier="wire", peer=peer.who.id, envelope=envelope))


def test_two_stories_told_to_two_peers_come_out_when_the_peers_talk() -> None:
    net, alpha, bravo, charlie = three()
    one, other = split(net, alpha)
    hand(bravo, alpha, one)
    hand(charlie, alpha, other)
    net.deliver()
    net.pass_time(120)
    orders = {tuple(post.order()) for post in (bravo, charlie)}
    assert len(orders) == 1
    assert {one.digest, other.digest} <= set(orders.pop())
    for post in (bravo, charlie):
        rang = [a for a in post.alarms() if a.code == "record.two_stories"]
        assert [a.party for a in rang] == ["ALPHA"]
        assert rang[0].precedence is Precedence.FLASH
        flags = [post.line.flags(post.item(s.digest)) for s in (one, other)]
        assert sum(any("second story" in flag for flag in each) for each in flags) == 1
        found = proven(post, alpha)
        assert {half.digest for half in found.statements} == {one.digest, other.digest}
        # It is kept: after a restart it is still there, and rings no second time.
        net.restart(post)
        assert {one.digest, other.digest} <= set(post.order())
        assert len([a for a in post.alarms() if a.code == "record.two_stories"]) == 1
        assert proven(post, alpha).party == "ALPHA"


def test_who_lost_what_a_peer_had_said_asks_and_brings_it_the_second_story_at_once() -> None:
    """A disk was full when the session began: what is held there is said once more when asked."""
    net, alpha, bravo, charlie = three()
    one, other = split(net, alpha)
    for post in (alpha, charlie):
        net.cut(bravo, post)
    hand(bravo, alpha, one, other)
    hand(charlie, alpha, one)
    net.deaf = bravo.who.id
    net.connect(bravo, charlie)
    net.deaf = None
    bravo.step(Connected(carrier="wire", peer=charlie.who.id, address="test", again=True))
    net.deliver()
    assert other.digest in charlie.order()
    assert proven(charlie, alpha).party == "ALPHA"


def proven(post: Post, author: Post) -> proof.Proven:
    """The one proof that a station holds, checked from its bytes as a stranger would."""
    ((held,),) = post.line.proofs.values()
    found = proof.check(proof.dearmor_proof(proof.armor_proof(held.encoded)))
    assert (found.station, found.line) == (author.who.id, post.line.id)
    assert len(found.encoded) < 8_000
    return found


def test_the_line_goes_on_after_a_second_story() -> None:
    net, alpha, bravo, charlie = three()
    one, other = split(net, alpha)
    hand(bravo, alpha, one, other)
    net.pass_time(60)
    for speaker in (bravo, charlie):
        digest = speaker.speak(message("we heard both", Precedence.FLASH)).item
        net.deliver()
        net.pass_time(60)
        assert all(digest in post.order() for post in (bravo, charlie))
    bravo.speak(answer(Kind.ACKNOWLEDGE, one.digest))
    bravo.speak(answer(Kind.ACKNOWLEDGE, other.digest))
    net.pass_time(60)
    for digest in (one.digest, other.digest):
        assert Rung.ACKNOWLEDGED in charlie.rungs(digest, "BRAVO")
    assert charlie.item(one.digest).statement.place.time_ms >= START_MS


def test_what_carriers_say_of_strangers_is_passed_over() -> None:
    _, alpha, bravo, _ = three()
    before = list(alpha.facts)
    stranger = b"stranger"
    alpha.step(Connected(carrier="wire", peer=stranger, address="test"))
    alpha.step(Failed(carrier="wire", peer=stranger, address="test", cause="none"))
    alpha.step(Lost(carrier="wire", peer=stranger, cause="gone"))
    nowhere = bytes(16)
    alpha.step(HandedOver(line=nowhere, carrier="wire", peer=stranger, items=(bytes(32),)))
    assert alpha.facts == before
    assert alpha.line.links[bravo.who.id].sessions == {"wire": "test"}


def test_what_a_carrier_went_through_is_kept_with_its_cause() -> None:
    _, alpha, bravo, _ = three()
    alpha.facts.clear()
    alpha.step(Failed(carrier="mail", peer=bravo.who.id, address="b@example", cause="no such host"))
    alpha.step(Lost(carrier="wire", peer=bravo.who.id, cause="reset"))
    alpha.step(Connected(carrier="mail", peer=bravo.who.id, address="b@example"))
    kept = [Attempt.decode(fact.body) for fact in alpha.facts if fact.kind == FactKind.ATTEMPT]
    assert [(each.carrier, each.address, each.outcome, each.cause) for each in kept] == [
        ("mail", "b@example", "failed", "no such host"), ("wire", "", "lost", "reset"),
        ("mail", "b@example", "connected", ""),
    ]  # fmt: skip
    assert {each.station for each in kept} == {bravo.who.id}


def test_a_session_that_stands_serves_a_new_line_too() -> None:
    net = Net(kits(2))
    net.connect_all()
    second = found(kits(2), "SECOND LINE", nonce=b"n" * 16)
    for post in net:
        post.install(second)
        other = next(each for each in net if each is not post)
        link = post.station.lines[second.charter.line].links[other.who.id]
        assert link.sessions == {"wire": "test"}
        kept = [fact for fact in post.facts if fact.kind == FactKind.ATTEMPT]
        assert [Attempt.decode(fact.body).outcome for fact in kept] == ["connected"] * 2
        assert [fact.line for fact in kept] == [net.signed.charter.line, second.charter.line]
    net.deliver()
    alpha, bravo = net
    said = alpha.act(
        Speak(token=0, line=second.charter.line, content=message("on the second"), officer="Ada")
    ).item
    net.deliver()
    assert said in bravo.station.lines[second.charter.line].record.by_digest
