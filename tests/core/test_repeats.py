"""What a peer has again, and how often it is asked again for receipts."""

from __future__ import annotations

from tests.core.world import Net, kits, message

from tieline.core.repeats import lately, lose_sent, misses, take_have
from tieline.core.sync import Have, Head, Peer


def test_lately_is_within_the_pace() -> None:
    assert not lately(None, 100, 50)
    assert [lately(100, now, 50) for now in (100, 149, 150, 151)] == [True, True, False, False]


def talked(count: int) -> Net:
    """ALPHA has said something and BRAVO has it."""
    net = Net(kits(2))
    net.connect_all()
    for number in range(count):
        net.post("ALPHA").speak(message(f"number {number}"))
        net.deliver()
    return net


def test_who_says_that_it_holds_less_has_it_again_and_not_at_once_a_second_time() -> None:
    line = talked(3).post("ALPHA").line
    log = line.record.logs[line.own_log]
    head = log.items[log.size - 1].statement.digest
    peer = Peer(b"peer")
    all_of_it = Have(line.id, 1, True, (Head(log.id, log.size, head),))
    nothing = Have(line.id, 1, True, ())
    given = []
    for now_ms, have in ((0, all_of_it), (10, nothing), (20, all_of_it), (30, nothing)):
        take_have(line.record, peer, have, now_ms, 50)
        given.append(peer.given_at)
    assert given == [None, 10, 10, 10]
    take_have(line.record, peer, all_of_it, 59, 50)
    take_have(line.record, peer, nothing, 60, 50)
    assert peer.given_at == 60


def test_what_was_lost_waits_again() -> None:
    line = talked(2).post("ALPHA").line
    statements = [item.statement for item in line.record.order]
    peer = Peer(b"peer")
    for each in statements:
        peer.offer(each)
    peer.sent[line.own_log] = 2
    lose_sent(peer)
    assert peer.sent == {}
    assert set(peer.extra) == set(statements)


def test_receipts_are_asked_for_ever_more_seldom() -> None:
    line = talked(3).post("ALPHA").line
    own, record = line.own_log, line.record
    size = record.logs[own].size
    peer = Peer(b"peer")
    peer.theirs[own] = size + 5  # it may claim more than there is
    have = Have(line.id, 1, True, ())
    assert not misses(record, peer, own, 0, have)
    assert (peer.awaited, peer.waits) == (size, 0)
    asked = [misses(record, peer, own, size - 1, have) for _ in range(17)]
    assert [number for number, each in enumerate(asked, 1) if each] == [1, 2, 4, 8, 16]
    assert not misses(record, peer, own, size, have)  # they came
    assert peer.waits == 0


def test_no_receipts_are_asked_for_where_none_can_be_given() -> None:
    line = talked(3).post("ALPHA").line
    own, record = line.own_log, line.record
    size = record.logs[own].size
    have = Have(line.id, 1, True, ())

    def asks(peer: Peer, log: bytes, of: Have) -> bool:
        peer.theirs[own] = peer.awaited = size
        return misses(record, peer, log, 0, of)

    assert asks(Peer(b"peer"), own, have)
    assert not asks(Peer(b"peer"), b"no log", have)
    assert not asks(Peer(b"peer", apart={own}), own, have)
    assert not asks(Peer(b"peer"), own, Have(line.id, 1, False, ()))
