"""What is held, said in as many envelopes as it takes: up to the limits and beyond them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.world import Net, Post, chaff, found, kits, message

from tieline.core import bundle, sync
from tieline.core.events import Arrived
from tieline.core.life import Standing
from tieline.core.record import MAX_BRANCHES_PER_LOG, Record
from tieline.core.statement import TIP_BYTES
from tieline.core.sync import Have, Head, Peer

LINE = bytes(range(16))
TIPS = b"".join(n.to_bytes(TIP_BYTES, "big") for n in range(MAX_BRANCHES_PER_LOG - 1))


def heads_of(count: int, tips: bytes = b"") -> tuple[Head, ...]:
    return tuple(Head(n.to_bytes(8, "big"), 2**48, chaff("last", 32), tips) for n in range(count))


def read_back(heads: tuple[Head, ...]) -> list[Have]:
    """The envelopes of a full have, each as its receiver reads it."""
    out = []
    for have in sync.haves(LINE, 2**16, heads, full=True):
        read = sync.unpack(sync.pack(have))
        assert read == have
        assert isinstance(read, Have)
        out.append(read)
    return out


@pytest.mark.parametrize(
    ("heads", "parts"),
    [
        ((), 1),
        (heads_of(sync.MAX_HAVE), 1),
        (heads_of(sync.MAX_HAVE + 1), 2),
        (heads_of(33_000), 5),
        (heads_of(600, TIPS), 2),  # of the largest size that a log with many stories takes
    ],
)
def test_every_have_is_one_that_can_be_read(heads: tuple[Head, ...], parts: int) -> None:
    told = read_back(heads)
    assert len(told) == parts
    assert tuple(head for have in told for head in have.heads) == heads
    assert all(len(sync.pack(have)) <= sync.MAX_HAVE_BYTES for have in told)


def test_the_largest_have_that_may_be_sent_is_within_the_limits_of_an_envelope() -> None:
    items = 5 + 2 + 4 * sync.MAX_HAVE
    assert items <= sync.ENVELOPE_LIMITS.max_items
    assert sync.ENVELOPE_LIMITS.max_bytes >= sync.MAX_HAVE_BYTES


@given(
    st.lists(st.binary(min_size=8, max_size=8), unique=True, max_size=12),
    st.integers(1, 4),
    st.binary(min_size=8, max_size=8),
)
def test_the_parts_speak_of_every_log_once(names: list[bytes], most: int, other: bytes) -> None:
    heads = tuple(Head(name, 1, bytes(32)) for name in sorted(names))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync, "MAX_HAVE", most)
        told = read_back(heads)
    for name in (*names, other):
        assert sum(have.covers(name) for have in told) == 1
        assert sum(have.covers(name) and name in {h.log for h in have.heads} for have in told) == (
            name in names
        )


def test_a_part_takes_back_only_what_it_speaks_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "MAX_HAVE", 2)
    record, peer = Record(LINE, ""), Peer(station=bytes(8))
    heads = heads_of(5)
    for have in sync.haves(LINE, 1, heads, full=True):
        sync.note_have(record, peer, have)
    assert peer.theirs == {head.log: 2**48 for head in heads}
    left = (*heads[:2], *heads[3:])
    first, second = sync.haves(LINE, 1, left, full=True)
    sync.note_have(record, peer, first)
    assert peer.theirs == {head.log: 2**48 for head in heads}
    sync.note_have(record, peer, second)
    assert peer.theirs == {head.log: 2**48 for head in left}


def standing(post: Post) -> Standing:
    return post.line.life.standing


def line_of_parts(monkeypatch: pytest.MonkeyPatch) -> tuple[Net, Post, Post]:
    monkeypatch.setattr(sync, "MAX_HAVE", 1)
    parties = kits(3)
    net = Net(parties, found(parties))
    net.connect_all()
    for post in net:
        post.speak(message(f"{post.who.party} is here"))
    net.deliver()
    net.pass_time(60)
    return net, net.post("ALPHA"), net.post("BRAVO")


def test_a_line_whose_haves_have_parts_converges_and_confirms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, alpha, bravo = line_of_parts(monkeypatch)
    yesterday = list(bravo.facts)
    for number in range(5):
        bravo.speak(message(str(number)))
    net.deliver()
    net.pass_time(60)
    net.restart(alpha)
    assert standing(alpha) is Standing.PROBATION
    net.connect_all()
    net.pass_time(60)
    assert standing(alpha) is Standing.WRITING
    bravo.facts[:] = yesterday
    net.restart(bravo)
    net.connect_all()
    net.pass_time(200)
    assert alpha.order() == bravo.order() == net.post("CHARLIE").order()
    assert not any(post.refusals() for post in net)
    plain, _ = bundle.contents(alpha.line, (bravo.who.id,))
    told = [sync.unpack(data) for data in bundle.envelopes_of(plain)]
    assert sum(isinstance(each, Have) for each in told) == len(alpha.line.record.logs)


def test_a_part_that_does_not_speak_of_our_log_is_no_word_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a receipt of its sender, who may hold more of the log, would confirm its end."""
    net, alpha, bravo = line_of_parts(monkeypatch)
    net.deaf = alpha.who.id
    net.restart(alpha)
    own = alpha.line.own_log
    told = sync.haves(alpha.line.id, 1, sync.heads(bravo.line.record), full=True)
    net.deaf = None
    for have in told:
        if not have.covers(own):
            envelope = sync.pack(have)
            alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=envelope, live=True))
    assert not alpha.line.life.listened(bravo.who.id)


def test_an_envelope_is_filled_to_its_last_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, forked = heads_of(6), heads_of(1, TIPS[:32])[0]
    for most, lengths in ((192, [3, 3]), (191, [2, 2, 2]), (384, [6]), (383, [5, 1]), (1, [1] * 6)):
        monkeypatch.setattr(sync, "MAX_HAVE_BYTES", most)
        assert [len(have.heads) for have in sync.haves(LINE, 1, plain, full=True)] == lengths
    monkeypatch.setattr(sync, "MAX_HAVE_BYTES", 192)
    parts = sync.haves(LINE, 1, (*plain[:2], forked, *plain[3:]), full=True)
    assert [len(have.heads) for have in parts] == [2, 2, 2]
    monkeypatch.setattr(sync, "MAX_HAVE_BYTES", 9_999)
    monkeypatch.setattr(sync, "MAX_HAVE", 4)
    assert [len(have.heads) for have in sync.haves(LINE, 1, plain, full=True)] == [4, 2]
