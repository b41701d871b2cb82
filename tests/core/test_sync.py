"""Sync: hostile envelopes, bounded work, and records that end the same over any wires."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.world import START_MS, Key, Net, Post, chaff, kit, kits, message, sign_all, write
from tests.examples import tries

from tieline.core import encode, exchange, record, sync
from tieline.core.checkpoint import Receipt, body, cosign_message, origin
from tieline.core.errors import RemoteError
from tieline.core.events import Arrived, Connected, Speak, Tick
from tieline.core.journal import FactKind
from tieline.core.statement import Place, Statement
from tieline.core.succession import amend
from tieline.core.sync import CharterOffer, Have, Head, Notes, Push, Receipts, pack, unpack
from tieline.core.terms import Rung

VECTORS = Path(__file__).parents[2] / "vectors" / "envelope"
LINE = chaff("line", 16)


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in vectors(name)["cases"]]


# ------------------------------------------------------------------------------- envelopes


@pytest.mark.parametrize("case", cases("accept.json"))
def test_envelopes_that_are_taken(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["envelope"])
    read = unpack(data)
    assert pack(read) == data
    kinds = {Have: "have", Push: "push", Receipts: "receipts", CharterOffer: "charter",
             Notes: "notes"}  # fmt: skip
    assert (kinds[type(read)], read.line.hex()) == (case["kind"], case["line"])


@pytest.mark.parametrize("case", cases("refuse.json"))
def test_envelopes_that_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(RemoteError) as caught:
        unpack(bytes.fromhex(case["envelope"]))
    assert caught.value.code == case["code"]


digests = st.binary(min_size=32, max_size=32)
logs = st.binary(min_size=8, max_size=8)
tips = st.sets(st.binary(min_size=16, max_size=16), max_size=4).map(
    lambda each: b"".join(sorted(each))
)
head_lists = st.dictionaries(
    logs,
    st.tuples(st.integers(1, 2**48), digests, tips),
    max_size=4,
).map(lambda found: tuple(Head(log, *found[log]) for log in sorted(found)))
receipts = st.builds(
    Receipt,
    log=logs,
    size=st.integers(1, 2**40),
    cosigner=logs,
    time_s=st.integers(0, 2**32),
    signature=st.binary(min_size=64, max_size=64),
)
lines = st.binary(min_size=16, max_size=16)
envelopes = st.one_of(
    st.builds(Have, lines, st.integers(0, 2**16), st.booleans(), head_lists),
    st.builds(Push, lines, st.lists(st.binary(max_size=50), min_size=1, max_size=4).map(tuple)),
    st.builds(Receipts, lines, st.lists(receipts, max_size=3).map(tuple)),
    st.builds(CharterOffer, lines, st.binary(max_size=50)),
    st.builds(
        Notes,
        lines,
        st.lists(st.binary(max_size=50), min_size=1, max_size=3).map(tuple),
        st.sets(st.integers(0, 255)).map(
            lambda each: tuple(bytes((number,)) * 1312 for number in sorted(each))
        ),
    ),
)
parts: st.SearchStrategy[encode.Value] = st.recursive(
    st.one_of(st.integers(-2, 5), st.binary(max_size=33), st.booleans(), st.none(), lines),
    lambda inner: st.lists(inner, max_size=5).map(tuple),
    max_leaves=8,
)


@given(envelopes)
def test_an_envelope_reads_back_as_it_was_packed(envelope: sync.Envelope) -> None:
    assert unpack(pack(envelope)) == envelope


@given(st.one_of(st.binary(max_size=80), parts.map(encode.dumps)))
def test_anything_is_read_exactly_or_refused(data: bytes) -> None:
    try:
        read = unpack(data)
    except RemoteError:
        return
    assert pack(read) == data


def test_an_envelope_is_bounded_before_it_is_read() -> None:
    with pytest.raises(RemoteError) as caught:
        unpack(bytes(1_000_001))
    assert caught.value.code == "encode.too_large"


# ----------------------------------------------------------------------- a hostile peer


def pair() -> tuple[Net, Post, Post]:
    net = Net(kits(2))
    net.connect_all()
    return net, net.post("ALPHA"), net.post("BRAVO")


def arrive(post: Post, peer: bytes, envelope: bytes) -> None:
    post.step(Arrived(carrier="wire", peer=peer, envelope=envelope))


def forged(net: Net, count: int) -> list[Statement]:
    """Statements in ALPHA's name, well formed and signed by nobody of this line."""
    alpha = net.post("ALPHA")
    log = alpha.line.record.logs[alpha.line.own_log]
    forger = kit("FORGER").stations[0]
    out = []
    for number in range(count):
        place = Place(
            line=alpha.line.id, station=alpha.who.id, incarnation=alpha.line.incarnation,
            position=log.size, previous=log.head, seen=(), time_ms=START_MS + number, charter=1,
        )  # fmt: skip
        out.append(write(forger, "", place, message("surrender")))
    return out


@given(data=st.one_of(st.binary(max_size=120), parts.map(encode.dumps)))
@settings(max_examples=tries(25))
def test_no_bytes_from_a_peer_are_a_defect_or_change_the_record(data: bytes) -> None:
    _, alpha, bravo = _PAIR
    before = alpha.order()
    arrive(alpha, bravo.who.id, data)
    assert alpha.order() == before
    alpha.out.clear()


_PAIR = pair()


def test_a_flood_of_forgeries_leaves_one_line_in_the_journal_a_minute() -> None:
    net, alpha, bravo = pair()
    facts = len(bravo.facts)
    statements = forged(net, 300)
    for start in range(0, 300, 50):
        push = Push(bravo.line.id, tuple(s.raw for s in statements[start : start + 50]))
        arrive(bravo, alpha.who.id, pack(push))
    assert bravo.refusals() == ["statement.forged"]
    assert len(bravo.facts) == facts + 1
    net.pass_time(61)
    arrive(bravo, alpha.who.id, pack(Push(bravo.line.id, (statements[0].raw,))))
    assert bravo.refusals() == ["statement.forged"] * 2
    # The true station is heard all the same.
    digest = alpha.speak(message("true")).item
    net.deliver()
    assert digest in bravo.order()


def test_one_bad_statement_in_a_push_costs_the_others_nothing() -> None:
    net, alpha, bravo = pair()
    net.lossy = True
    said = [alpha.item(alpha.speak(message(str(n))).item).statement.raw for n in range(4)]
    net.deliver()
    bad = [b"", b"\xff", said[0][:-1], forged(net, 1)[0].raw]
    mixed = tuple(part for pair_ in zip(bad, said, strict=True) for part in pair_)
    arrive(bravo, alpha.who.id, pack(Push(bravo.line.id, mixed)))
    assert [bravo.item(d).statement.raw for d in bravo.order()][-4:] == said


def test_what_one_turn_brings_is_one_push_and_what_one_push_brings_is_one_receipt() -> None:
    net, alpha, bravo = pair()
    said = [
        Speak(token=0, line=alpha.line.id, content=message(f"number {n}"), officer="Ada")
        for n in range(9)
    ]
    alpha.step(*said)
    [sent] = alpha.out
    push = unpack(sent.envelope)
    assert isinstance(push, Push)
    assert len(push.statements) == len(sent.items) == 9
    net.deliver()
    receipts = [fact for fact in bravo.facts if fact.kind == FactKind.RECEIPT and fact.line]
    last = Receipt.decode(receipts[-1].body)
    before = [r for r in map(Receipt.decode, (f.body for f in receipts)) if r.log == last.log]
    assert [r.size for r in before] == [before[0].size, before[0].size + 9]
    assert alpha.line.ladder.covered(alpha.line.own_log, bravo.who.id) == last.size


@pytest.mark.parametrize(
    ("name", "limit", "pushes"),
    [("MAX_PUSH_STATEMENTS", 4, [4, 4, 2]), ("MAX_PUSH_BYTES", 900, [4, 4, 2])],
)
def test_what_does_not_fit_into_one_push_goes_in_the_next_of_the_same_turn(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: int, pushes: list[int]
) -> None:
    _, alpha, _ = pair()
    monkeypatch.setattr(sync, name, limit)
    said = [
        Speak(token=0, line=alpha.line.id, content=message(f"number {n}"), officer="Ada")
        for n in range(10)
    ]
    alpha.step(*said)
    sent = [unpack(each.envelope) for each in alpha.out]
    assert [len(each.statements) for each in sent if isinstance(each, Push)] == pushes


def test_what_comes_too_early_is_bounded_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MAX_HELD", 3)
    net, alpha, bravo = pair()
    net.lossy = True
    for number in range(10):
        alpha.speak(message(str(number)))
    net.deliver()
    said = [item.statement.raw for item in alpha.line.record.order][-10:]
    arrive(bravo, alpha.who.id, pack(Push(bravo.line.id, tuple(said[1:]))))
    assert "record.held_full" in bravo.refusals()
    assert bravo.line.record.held <= 3
    net.lossy = False
    net.pass_time(120)
    assert bravo.order() == alpha.order()


def test_a_stranger_and_another_line_are_heard_by_nobody() -> None:
    _, alpha, bravo = pair()
    facts, out = len(alpha.facts), len(alpha.out)
    have = pack(Have(alpha.line.id, 1, full=True, heads=()))
    arrive(alpha, kit("STRANGER").stations[0].id, have)
    arrive(alpha, kit("STRANGER").stations[0].id, b"\xff" * 100)
    assert (len(alpha.facts), len(alpha.out)) == (facts, out)
    arrive(alpha, bravo.who.id, pack(Have(LINE, 1, full=True, heads=())))
    assert alpha.refusals() == ["line.not_shared"]


def test_a_peer_that_says_it_holds_what_nobody_wrote_stops_nothing() -> None:
    net, alpha, bravo = pair()
    heads = tuple(sorted(
        [Head(alpha.line.own_log, 2**48, chaff("x", 32)), Head(chaff("log", 8), 9, chaff("y", 32))],
        key=lambda head: head.log,
    ))  # fmt: skip
    arrive(alpha, bravo.who.id, pack(Have(alpha.line.id, 2**16, full=True, heads=heads)))
    alpha.out.clear()
    digest = alpha.speak(message("after the lie")).item
    net.deliver()
    net.pass_time(120)
    assert digest in bravo.order()
    assert Rung.RECEIVED in alpha.rungs(digest, "BRAVO")


def test_only_a_receipt_that_its_station_signed_counts() -> None:
    net, alpha, bravo = pair()
    net.lossy = True
    alpha.speak(message("not yet received"))
    log = alpha.line.record.logs[alpha.line.own_log]
    covered = alpha.line.ladder.covered(log.id, bravo.who.id)
    text = body(origin(alpha.line.id, log.station, log.incarnation), log.size, log.tree.root())

    def receipt(key: Key, text: bytes = text, size: int = log.size) -> Receipt:
        return Receipt(
            log=log.id, size=size, cosigner=bravo.who.id, time_s=START_MS // 1000,
            signature=key.sign(cosign_message(START_MS // 1000, text)),
        )  # fmt: skip

    other_root = body(
        origin(alpha.line.id, log.station, log.incarnation), log.size, chaff("root", 32)
    )
    good = bravo.who.cosign_key
    for bad in (
        receipt(alpha.who.cosign_key),
        receipt(bravo.who.sign_key),
        receipt(Key("forger")),
        receipt(good, other_root),
        receipt(good, size=log.size + 1),  # of a log that is not that long
    ):
        arrive(alpha, bravo.who.id, pack(Receipts(alpha.line.id, (bad,))))
        assert alpha.line.ladder.covered(log.id, bravo.who.id) == covered
    assert "receipt.forged" in alpha.refusals()
    arrive(alpha, bravo.who.id, pack(Receipts(alpha.line.id, (receipt(good),))))
    assert alpha.line.ladder.covered(log.id, bravo.who.id) == log.size


def test_who_has_lost_what_came_in_a_session_is_told_receipts_again() -> None:
    net, alpha, bravo = pair()
    net.deaf = alpha.who.id  # as while a disk is full
    alpha.speak(message("received, and alpha does not know"))
    net.pass_time(60)
    net.deaf = None
    log = alpha.line.record.logs[alpha.line.own_log]
    assert bravo.line.record.size(log.id) == log.size
    assert alpha.line.ladder.covered(log.id, bravo.who.id) < log.size
    again = Connected(carrier="wire", peer=bravo.who.id, address="test", again=True)
    alpha.step(again)
    net.deliver()
    assert alpha.line.ladder.covered(log.id, bravo.who.id) == log.size


def test_who_has_lost_what_was_pushed_in_a_session_has_it_again_at_once() -> None:
    net, alpha, bravo = pair()
    net.deaf = alpha.who.id
    net.pass_time(31)  # what is pushed soon after will wait for its next turn for a minute
    digest = bravo.speak(message("while the disk was full")).item
    net.pass_time(200)
    net.deaf = None
    alpha.step(Connected(carrier="wire", peer=bravo.who.id, address="test", again=True))
    net.deliver()
    assert digest in alpha.order()


def test_what_was_lost_is_pushed_again_after_a_while_and_all_that_is_held_is_named() -> None:
    """It may be the word of what we hold that was lost: without it no receipt would come."""
    net, alpha, bravo = pair()
    net.connect(alpha, bravo)
    net.pass_time(31)  # a beacon has just gone out
    net.deaf = bravo.who.id
    lost = alpha.speak(message("this is lost")).item
    net.deliver()
    net.deaf = None
    told: list[sync.Envelope] = []
    for _ in range(7):
        net.ms += 1_000
        alpha.step(Tick())
        told += [unpack(sent.envelope) for sent in alpha.out]
        net.deliver()
    assert [each.full for each in told if isinstance(each, Have)] == [True]
    assert [raw for each in told if isinstance(each, Push) for raw in each.statements] == [
        alpha.item(lost).statement.raw
    ]
    assert lost in bravo.order()


def test_who_says_often_that_it_has_nothing_is_given_all_no_oftener() -> None:
    net, alpha, bravo = pair()
    for number in range(20):
        bravo.speak(message(str(number)))
    net.pass_time(60)
    held = sync.heads(alpha.line.record)
    given: Counter[bytes] = Counter()
    for heads in ((), held) * 50:
        have = Have(alpha.line.id, 1, full=True, heads=heads)
        bravo.step(Arrived(carrier="wire", peer=alpha.who.id, envelope=pack(have), live=True))
        told = [unpack(sent.envelope) for sent in bravo.out]
        bravo.out.clear()
        given.update(raw for each in told if isinstance(each, Push) for raw in each.statements)
    assert set(given.values()) == {1}
    have = Have(alpha.line.id, 1, full=True, heads=())
    net.ms += 5_000
    bravo.step(Arrived(carrier="wire", peer=alpha.who.id, envelope=pack(have), live=True))
    assert any(isinstance(unpack(sent.envelope), Push) for sent in bravo.out)


def test_a_receipt_that_is_lost_in_a_session_is_asked_for() -> None:
    net, alpha, bravo = pair()
    net.deaf = alpha.who.id  # as on a road that loses an envelope now and then
    alpha.speak(message("received, and the receipt is lost"))
    net.pass_time(2)
    net.deaf = None
    log = alpha.line.record.logs[alpha.line.own_log]
    assert alpha.line.ladder.covered(log.id, bravo.who.id) < log.size
    net.pass_time(70)  # two full haves
    assert alpha.line.ladder.covered(log.id, bravo.who.id) == log.size


def test_who_gives_no_receipt_is_asked_for_it_more_and_more_seldom() -> None:
    net, alpha, bravo = pair()
    net.lossy = True
    alpha.speak(message("held, it says"))
    log = alpha.line.record.logs[alpha.line.own_log]
    have = Have(alpha.line.id, 1, full=True, heads=(Head(log.id, log.size, log.head, b""),))
    asked = []
    for number in range(100):
        alpha.out.clear()
        arrive(alpha, bravo.who.id, pack(have))
        if any(unpack(sent.envelope) == Receipts(alpha.line.id, ()) for sent in alpha.out):
            asked.append(number)
    assert asked == [1, 2, 4, 8, 16, 32, 64]


def test_who_asks_for_receipts_often_gets_them_no_oftener() -> None:
    net, alpha, bravo = pair()
    alpha.speak(message("received"))
    net.pass_time(60)
    ask = pack(Receipts(alpha.line.id, ()))
    for _ in range(50):
        bravo.step(Arrived(carrier="wire", peer=alpha.who.id, envelope=ask, live=True))
    told = [unpack(sent.envelope) for sent in bravo.out]
    assert len([each for each in told if isinstance(each, Receipts)]) == 1
    bravo.out.clear()
    net.pass_time(60)  # and once more for the fifty: with a beacon
    assert bravo.line.peers[alpha.who.id].retell is False


def test_a_charter_from_a_peer_counts_only_when_all_have_signed_it() -> None:
    net, alpha, bravo = pair()
    second = amend(net.signed.charter, silence_s=99)
    half, whole = sign_all(second, kits(1)), sign_all(second, kits(2))
    third = sign_all(amend(second, silence_s=98), kits(2))
    for data in (b"", b"\xff", half.encode(), third.encode(), whole.encode()[:-1]):
        arrive(alpha, bravo.who.id, pack(CharterOffer(alpha.line.id, data)))
        assert alpha.line.latest() == 1
    arrive(alpha, bravo.who.id, pack(CharterOffer(alpha.line.id, whole.encode())))
    assert alpha.line.latest() == 2
    net.deliver()
    assert bravo.line.latest() == 2


def test_refusals_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_REFUSALS_NOTED", 4)
    _, alpha, bravo = pair()
    for _ in range(3):
        for case in vectors("refuse.json")["cases"]:
            arrive(alpha, bravo.who.id, bytes.fromhex(case["envelope"]))
    assert len(alpha.station.exchanges[alpha.line.id]._refusals) <= 4


def test_claims_about_logs_that_nobody_wrote_take_bounded_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "MAX_UNPROVEN", 50)
    monkeypatch.setattr(sync, "MAX_CLAIMED", 50)
    net, alpha, bravo = pair()
    known = alpha.line.peers[bravo.who.id]
    for turn in range(10):
        logs_ = sorted(chaff(f"{turn}/{number}", 8) for number in range(40))
        heads = tuple(Head(log, 1, chaff("last", 32)) for log in logs_)
        arrive(alpha, bravo.who.id, pack(Have(alpha.line.id, 1, full=False, heads=heads)))
        claims = tuple(
            Receipt(log=log, size=1, cosigner=bravo.who.id, time_s=0, signature=bytes(64))
            for log in logs_
        )
        arrive(alpha, bravo.who.id, pack(Receipts(alpha.line.id, claims)))
        kept = alpha.station.exchanges[alpha.line.id]._unproven.values()
        assert sum(len(each) for each in kept) <= 50
        assert len(known.theirs) <= 50
    digest = alpha.speak(message("and on")).item
    bravo.speak(message("we too"))
    net.deliver()
    net.pass_time(120)
    assert digest in bravo.order()
    assert alpha.order() == bravo.order()
    assert Rung.RECEIVED in alpha.rungs(digest, "BRAVO")


# -------------------------------------------------------------------------- convergence


@given(st.data())
@settings(max_examples=tries(15))
def test_any_stations_that_can_exchange_bytes_end_with_one_record(data: st.DataObject) -> None:
    """Any wires that join all stations, cut and mended while they speak, lossy for a while."""
    parties = (kit("ALPHA", ("main", "spare")), kit("BRAVO"), kit("CHARLIE"))
    net = Net(parties)
    posts = list(net)
    for _ in range(data.draw(st.integers(1, 25))):
        act = data.draw(
            st.sampled_from(["say", "say", "connect", "connect", "cut", "wait", "loss"])
        )
        one, other = data.draw(st.permutations(posts))[:2]
        if act == "say":
            one.speak(message(f"{len(one.facts)}"))
            net.deliver()
        elif act == "connect":
            net.connect(one, other)
        elif act == "cut":
            net.cut(one, other)
        elif act == "wait":
            net.pass_time(data.draw(st.integers(1, 20)))
        else:
            net.lossy = not net.lossy
            net.deliver()
    net.lossy = False
    order = data.draw(st.permutations(posts))
    for one, other in pairwise(order):
        net.connect(one, other)
    net.pass_time(300)
    assert len({tuple(post.order()) for post in posts}) == 1
    for post in posts:
        for log in posts[0].line.record.logs.values():
            for peer in posts:
                if log.station != peer.who.id:
                    assert post.line.ladder.covered(log.id, peer.who.id) == log.size
