"""What other systems got wrong, tried here: the cases that no other test answers.

docs/faults.md lists all eighteen cases with the tests that answer them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from tests.core.test_bundle import carry
from tests.core.test_sync import arrive, forged
from tests.core.world import (
    START_MS,
    Net,
    Post,
    answer,
    chaff,
    kit,
    kits,
    message,
)

from tieline.core import encode
from tieline.core import statement as statements
from tieline.core.crypto import pack_sign1, parse_sign1
from tieline.core.errors import RemoteError
from tieline.core.events import Arrived, Tick, Transmit
from tieline.core.identity import card_message, certificate_message, parse_card, parse_certificate
from tieline.core.journal import FactKind
from tieline.core.statement import Content, Place, Ref
from tieline.core.sync import Have, Push, Receipts, pack, unpack
from tieline.core.terms import Kind, Precedence, RefRole, Role, Rung

DAY_S = 86_400
CONVERGED_S = 5


def line_of(count: int) -> Net:
    return Net(kits(count))


def kept(post: Post, *kinds: FactKind) -> int:
    return sum(fact.kind in kinds for fact in post.facts)


@pytest.mark.parametrize("bad", ["noise", "cut short", "another line", "forged", "empty"])
def test_what_is_bad_at_the_head_of_the_queue_stops_nothing_behind_it(bad: str) -> None:
    """Case 2. It comes again and again, before each good one, as it would from a full inbox."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    good = pack(Push(bravo.line.id, (forged(net, 1)[0].raw,)))
    worse = {
        "noise": chaff("noise", 200),
        "cut short": good[:-1],
        "another line": pack(Push(chaff("line", 16), (forged(net, 1)[0].raw,))),
        "forged": good,
        "empty": b"",
    }[bad]
    for number in range(3):
        arrive(bravo, alpha.who.id, worse)
        digest = alpha.speak(message(f"behind it {number}")).item
        arrive(bravo, alpha.who.id, worse)
        net.deliver()
        assert bravo.order()[-1] == digest
        assert Rung.RECEIVED in alpha.rungs(digest, "BRAVO")
    assert len(set(bravo.refusals())) == 1  # and each said why, once a minute


class Overheard(Net):
    """Stations of whose envelopes each is kept, with who sent it and to whom."""

    def __init__(self, count: int) -> None:
        self.heard: list[tuple[bytes, bytes, bytes]] = []
        super().__init__(kits(count))

    def _carry(self, post: Post, sent: Transmit) -> None:
        self.heard.append((post.who.id, sent.peer, sent.envelope))
        super()._carry(post, sent)


def conversation(net: Net) -> None:
    alpha, bravo = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message("in full", Precedence.FLASH)).item
    net.deliver()
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.pass_time(2)


def test_an_envelope_that_is_cut_anywhere_or_longer_does_nothing() -> None:
    """Case 3. Each that two stations said to each other, at each length, to twins of them."""
    told, twin = Overheard(2), line_of(2)
    conversation(told)
    kinds = set()
    for sender, receiver, envelope in told.heard:
        kinds.add(type(unpack(envelope)))
        there = twin.posts[receiver]
        before = there.order()
        for wrong in (*(envelope[:end] for end in range(len(envelope))), envelope + b"\0"):
            assert code_of(partial(unpack, wrong))
            arrive(there, sender, wrong)
        assert there.order() == before
    assert {Have, Push, Receipts} <= kinds
    assert all(len(post.refusals()) <= 3 for post in twin)  # told, and not once for each
    conversation(twin)
    assert [post.order() for post in twin] == [post.order() for post in told]


def test_what_three_roads_bring_is_one_item_with_one_alarm() -> None:
    """Case 4. The wire, a relay and a stick, in each order and each twice."""
    net = line_of(3)
    alpha, bravo, charlie = net
    for turn in range(6):
        digest = alpha.speak(message(f"flash {turn}", Precedence.FLASH)).item
        roads: list[Callable[[], object]] = [
            lambda: net.connect(alpha, bravo),
            lambda: carry(alpha, charlie, bravo),
            lambda: net.connect(charlie, bravo),
        ]
        for road in (*roads[turn % 3 :], *roads[: turn % 3], *roads):
            road()
        assert bravo.order().count(digest) == 1
        assert [alarm.item for alarm in bravo.alarms()].count(digest) == 1
        for pair in ((alpha, bravo), (charlie, bravo)):
            net.cut(*pair)


def test_an_acknowledgement_and_a_receipt_are_answered_by_nothing() -> None:
    """Case 5."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message()).item
    net.deliver()
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.deliver()
    net.pass_time(60)
    spoken = len(alpha.order())
    receipts = [kept(post, FactKind.RECEIPT) for post in net]
    net.pass_time(3_600)
    assert [len(post.order()) for post in net] == [spoken, spoken]
    assert [kept(post, FactKind.RECEIPT) for post in net] == receipts
    assert not alpha.item(alpha.order()[-1]).statement.content.wanted()


def test_what_both_sides_wrote_during_a_cut_is_one_record_within_seconds() -> None:
    """Case 6."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    net.cut(alpha, bravo)
    for number in range(40):
        for post in net:
            post.speak(message(f"{post.who.party} {number}"))
        net.pass_time(1.5)
    net.connect(alpha, bravo)
    net.pass_time(CONVERGED_S)
    assert alpha.order() == bravo.order()
    for here, there in ((alpha, bravo), (bravo, alpha)):
        held = here.line.ladder.covered(here.line.own_log, there.who.id)
        assert held == here.line.record.size(here.line.own_log)


@pytest.mark.parametrize("deaf", ["both", "ALPHA", "BRAVO"])
@pytest.mark.parametrize("seconds", [0, 0.2, 1, 5, 20])
def test_what_a_short_outage_swallowed_comes_though_no_session_ended(
    seconds: float, deaf: str
) -> None:
    """Case 7. The wire loses for a moment, one way or both ways, and nobody is told that it did.

    Nothing is said afterwards that could bring the rest along.
    """
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    net.lossy = deaf == "both"
    net.deaf = None if net.lossy else net.post(deaf).who.id
    digests = [post.speak(message("into the hole")).item for post in net]
    net.deliver()
    net.pass_time(seconds)
    net.lossy, net.deaf = False, None
    net.pass_time(60)
    assert alpha.order() == bravo.order()
    assert set(digests) <= set(alpha.order())
    assert Rung.RECEIVED in alpha.rungs(digests[0], "BRAVO")
    assert Rung.RECEIVED in bravo.rungs(digests[1], "ALPHA")


@pytest.mark.parametrize("by_wire", [True, False])
def test_what_was_read_without_a_line_is_acknowledged_once_there_is_one(*, by_wire: bool) -> None:
    """Case 8. It came by wire before the outage, or by hand; the answer outlives a new start."""
    net = line_of(2)
    alpha, bravo = net
    if by_wire:
        net.connect(alpha, bravo)
    digest = alpha.speak(message()).item
    if by_wire:
        net.deliver()
        net.cut(alpha, bravo)
    else:
        carry(alpha, bravo)
    bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
    net.restart(bravo)
    net.pass_time(3_600)
    assert Rung.ACKNOWLEDGED not in alpha.rungs(digest, "BRAVO")
    net.connect(alpha, bravo)
    net.pass_time(CONVERGED_S)
    assert Rung.ACKNOWLEDGED in alpha.rungs(digest, "BRAVO")


@pytest.mark.parametrize("first", [0, 1])
def test_an_acknowledgement_that_crosses_what_it_answers_being_taken_back(first: int) -> None:
    """Case 9. Both stand, both sides see the same, and neither word undoes the other."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message("stand by", Precedence.FLASH)).item
    net.deliver()
    net.cut(alpha, bravo)
    back = Content(
        kind=Kind.MESSAGE, body=message("as you were").body, role=Role.WATCH_OFFICER,
        precedence=Precedence.FLASH, refs=(Ref(digest, RefRole.CANCELS),),
    )  # fmt: skip
    words = [lambda: alpha.speak(back), lambda: bravo.speak(answer(Kind.ACKNOWLEDGE, digest))]
    words[first]()
    net.pass_time(1)
    words[1 - first]()
    net.connect(alpha, bravo)
    net.pass_time(CONVERGED_S)
    assert alpha.order() == bravo.order()
    assert len(alpha.order()) == len(set(alpha.order()))
    for post in net:
        assert Rung.ACKNOWLEDGED in post.rungs(digest, "BRAVO")
        assert not any(a.item == digest and a.code.startswith("overdue") for a in post.alarms())


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("answered", [True, False])
def test_nothing_old_rings_after_months(*, answered: bool, running: bool) -> None:
    """Case 10. A hundred days later, in which both machines ran without a line, or were off."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    digest = alpha.speak(message("flash", Precedence.FLASH)).item
    net.deliver()
    if answered:
        bravo.speak(answer(Kind.ACKNOWLEDGE, digest))
        net.deliver()
    net.pass_time(3_600)
    rung = [[a.code for a in post.alarms() if a.item == digest] for post in net]
    assert ("overdue.acknowledged" in rung[0]) is not answered
    if running:
        net.cut(alpha, bravo)
        for _ in range(400):
            net.ms += DAY_S * 250
            for post in net:
                post.step(Tick())
    else:
        net.ms += 100 * DAY_S * 1_000
        for post in net:
            net.restart(post)
    net.pass_time(600)
    net.connect(alpha, bravo)
    net.pass_time(600)
    assert [[a.code for a in post.alarms() if a.item == digest] for post in net] == rung


def unsigned(net: Net) -> dict[str, bytes]:
    """What ALPHA might say next, without a signature, in each form that passes for a message."""
    alpha = net.post("ALPHA")
    log = alpha.line.record.logs[alpha.line.own_log]
    place = Place(
        line=alpha.line.id, station=alpha.who.id, incarnation=alpha.line.incarnation,
        position=log.size, previous=log.head, seen=(), time_ms=START_MS, charter=1,
    )  # fmt: skip
    payload = statements.compose(place, message("surrender"))
    return {
        "bare": payload,
        "no signature": pack_sign1(payload, b""),
        "zeros": pack_sign1(payload, bytes(64)),
        "half a signature": pack_sign1(payload, bytes(32)),
    }


@pytest.mark.parametrize("form", ["bare", "no signature", "zeros", "half a signature"])
@pytest.mark.parametrize("carrier", ["wire", "bundle"])
def test_what_is_not_signed_is_refused_and_that_is_said(form: str, carrier: str) -> None:
    """Case 12. By a session and by hand; not in a log of the program, but in the station's own."""
    net = line_of(2)
    alpha, bravo = net
    net.connect(alpha, bravo)
    before = bravo.order()
    push = pack(Push(bravo.line.id, (unsigned(net)[form],)))
    bravo.step(Arrived(carrier=carrier, peer=alpha.who.id, envelope=push))
    assert bravo.order() == before
    said = bravo.refusals()
    assert len(said) == 1
    assert said[0].startswith(("statement.forged", "sign1."))


def with_field(signed: bytes, number: int, value: bytes) -> bytes:
    """The payload of something signed, with another value in one field."""
    fields = encode.loads(parse_sign1(signed).payload)
    assert isinstance(fields, dict)
    return encode.dumps(fields | {number: value})


def code_of(read: Callable[[], object]) -> str:
    with pytest.raises(RemoteError) as caught:
        read()
    return caught.value.code


def test_who_brings_a_key_of_small_order_is_not_taken_into_a_line() -> None:
    """Case 14. Under it one signature is good for any message: who has it can deny all it said."""
    small = (1).to_bytes(32, "little")
    party = kit("BRAVO")
    for number in (5, 6):  # for statements, for receipts
        payload = with_field(party.stations[0].certificate.encoded, number, small)
        signed = pack_sign1(payload, party.root.sign(certificate_message(payload)))
        read = partial(parse_certificate, signed, party.root.public)
        assert code_of(read) == "key.small_order"
    payload = with_field(party.card().encoded, 4, small)
    card = pack_sign1(payload, party.root.sign(card_message(payload)))
    assert code_of(partial(parse_card, card)) == "key.small_order"


def test_two_stations_of_a_party_report_one_missed_deadline_once() -> None:
    """Case 16. Two that both watch the same time make one report, and again none after a start."""
    net = Net((kit("ALPHA", ("main", "reserve")), kit("BRAVO")))
    main, reserve, bravo = net
    net.connect_all()
    digest = main.speak(message("flash", Precedence.FLASH)).item
    net.deliver()
    net.pass_time(3_600)
    net.restart(main)
    net.restart(reserve)
    net.connect_all()
    net.pass_time(3_600)
    assert len(bravo.statements(Kind.SILENCE)) == 1
    missed = [a.code for post in (main, reserve) for a in post.alarms() if a.item == digest]
    assert missed.count("overdue.acknowledged") == 1


def test_a_message_for_many_that_reached_some_is_one_statement_and_says_whom() -> None:
    """Case 17. Of three only one is in reach, and the station dies right after."""
    net = line_of(4)
    alpha, bravo, charlie, delta = net
    net.connect(alpha, bravo)
    for post in (charlie, delta):
        net.fail(alpha, post, "no route")
    digest = alpha.speak(message("to all")).item
    net.deliver()
    net.restart(alpha)
    reached = [
        code for code in ("BRAVO", "CHARLIE", "DELTA") if Rung.RECEIVED in alpha.rungs(digest, code)
    ]
    assert reached == ["BRAVO"]
    assert alpha.order().count(digest) == 1
    net.connect(bravo, charlie)
    net.connect(alpha, delta)
    net.connect(alpha, bravo)
    net.pass_time(120)
    for post in net:
        assert post.order() == alpha.order()
        assert post.order().count(digest) == 1
    assert all(Rung.RECEIVED in alpha.rungs(digest, code) for code in ("BRAVO", "CHARLIE", "DELTA"))
