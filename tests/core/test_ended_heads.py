"""Checkpoints by a key that has ended: they accuse nobody, and are told as what they are."""

from __future__ import annotations

import pytest
from tests.core.test_keys_change import (
    ALPHA,
    FRESH,
    audited,
    ends,
    join,
    line_of_four,
    part,
    rotated,
)
from tests.core.test_snapshot import resumed
from tests.core.world import CODES, Net, Post, StationKit, message, sign_all, write

from tieline.core import checkpoint, sync
from tieline.core.charter import LogEnd
from tieline.core.checkpoint import SignedNote
from tieline.core.events import Arrived, SignCheckpoint
from tieline.core.journal import Alarm
from tieline.core.statement import Body, Content, Place, log_id
from tieline.core.succession import amend
from tieline.core.sync import Notes, Push
from tieline.core.terms import Kind
from tieline.core.tree import leaf_hash
from tieline.store.memory import MemoryStore

FALSE = leaf_hash(b"a thief's story")


def head(kit: StationKit, post: Post, log: LogEnd, size: int, root: bytes = FALSE) -> SignedNote:
    life = post.line.record.logs[log.log].incarnation
    body = checkpoint.body(checkpoint.origin(post.line.id, kit.id, life), size, root)
    name = checkpoint.parse_body(body).origin
    mark = checkpoint.log_signature(name, kit.sign_key.public, kit.sign_key.sign(body))
    return SignedNote(body=body, signatures=(mark,))


def told(post: Post, carrier: Post, *given: SignedNote) -> None:
    envelope = sync.pack(Notes(post.line.id, tuple(note.format() for note in given), ()))
    post.step(Arrived(carrier="wire", peer=carrier.who.id, envelope=envelope))


def named(post: Post, code: str) -> list[Alarm]:
    return [alarm for alarm in post.alarms() if alarm.code == code]


def rotate(net: Net) -> LogEnd:
    """ALPHA's station has fresh keys; the end of the log that ended with the old ones."""
    (end,) = ends(net.post("ALPHA"), ALPHA.stations[0].id)
    second = rotated(net)
    for post in net:
        post.install(second)
    net.pass_time(60)
    return end


@pytest.mark.parametrize("at", ["beyond", "at the end", "before it"])
@pytest.mark.parametrize("repeated", [False, True])
def test_a_false_head_of_the_log_that_ended_with_its_key_accuses_nobody(
    at: str,
    repeated: bool,
) -> None:
    net = line_of_four()
    end = rotate(net)
    bravo, delta = net.post("BRAVO"), net.post("DELTA")
    size = {"beyond": end.size + 3, "at the end": end.size, "before it": end.size - 1}[at]
    told(bravo, delta, head(ALPHA.stations[0], bravo, end, size))
    if repeated:
        told(bravo, delta, head(ALPHA.stations[0], bravo, end, size, leaf_hash(b"another")))
    net.pass_time(400)
    for post in net:
        assert not named(post, "record.two_heads")
        assert not post.line.proofs
        assert audited(post) == []
    (notice,) = named(bravo, "key.after_end")
    assert notice.party == "ALPHA"
    assert notice.item == end.log
    assert "nothing against ALPHA" in notice.text
    for post in (bravo, net.post("CHARLIE")):
        held = post.line.notes.get(end.log)
        assert held is None or all(n.head.root != FALSE for n in held.heads.values())
    again = bravo.reload().lines[bravo.line.id]
    assert again.notes.keys() == bravo.line.notes.keys()


def test_a_true_head_of_an_ended_log_is_taken_and_a_false_one_of_the_new_log_accuses() -> None:
    net = line_of_four()
    end = rotate(net)
    alpha, bravo, delta = net.post("ALPHA"), net.post("BRAVO"), net.post("DELTA")
    root = bravo.line.record.logs[end.log].tree.root(end.size - 1)
    told(bravo, delta, head(ALPHA.stations[0], bravo, end, end.size - 1, root))
    assert bravo.line.notes[end.log].heads[end.size - 1].head.root == root
    assert not named(bravo, "key.after_end")
    alpha.speak(message("under the fresh key"))
    net.deliver()
    (log,) = [log for log in ends(bravo, alpha.who.id) if log.log != end.log]
    told(bravo, delta, head(FRESH.stations[0], bravo, log, log.size))
    assert [alarm.item for alarm in named(bravo, "record.two_heads")] == [log.log]


def test_a_false_head_that_waits_when_the_key_ends_is_let_go_and_accuses_nobody() -> None:
    """DELTA is away and behind: what runs ahead of its copy is held against the charter's end."""
    net = line_of_four()
    alpha, bravo, delta = net.post("ALPHA"), net.post("BRAVO"), net.post("DELTA")
    part(net, "DELTA")
    for _ in range(3):
        alpha.speak(message("DELTA does not have this"))
    net.deliver()
    (end,) = ends(alpha, alpha.who.id)
    told(delta, bravo, head(ALPHA.stations[0], bravo, end, end.size - 1))
    told(delta, bravo, head(ALPHA.stations[0], bravo, end, end.size + 9))
    assert delta.line.notes[end.log].open == {end.size - 1, end.size + 9}
    second = rotated(net)
    for code in CODES:
        net.post(code).install(second)
    assert delta.line.notes[end.log].open == {end.size - 1}
    join(net, "DELTA")
    net.pass_time(400)
    assert delta.line.record.size(end.log) == end.size
    assert FALSE not in {noted.head.root for noted in delta.line.notes[end.log].heads.values()}
    assert not named(delta, "record.two_heads")
    assert named(delta, "key.after_end")
    assert delta.reload().lines[delta.line.id].notes[end.log].against == []


@pytest.mark.parametrize("every", [0, 1])
@pytest.mark.parametrize("known", ["before", "after"])
def test_a_start_knows_what_had_contradicted_before_a_key_ended(known: str, every: int) -> None:
    """A head waits, and the log comes before or after its key has ended; then DELTA starts."""
    net = line_of_four()
    alpha, bravo, delta = net.post("ALPHA"), net.post("BRAVO"), net.post("DELTA")
    part(net, "DELTA")
    for _ in range(6):
        alpha.speak(message("DELTA does not have this"))
    net.deliver()
    (end,) = ends(alpha, alpha.who.id)
    told(delta, bravo, head(ALPHA.stations[0], bravo, end, end.size - 1))
    second = rotated(net)
    if known == "before":
        join(net, "DELTA")
        net.pass_time(60)
    for code in CODES:
        net.post(code).install(second)
    join(net, "DELTA")
    net.pass_time(400)
    station = resumed(delta, MemoryStore(delta.facts), every) if every else delta.reload()
    for line in (delta.line, station.lines[delta.line.id]):
        book = line.notes[end.log]
        assert [noted.head.size for noted in book.against] == (
            [end.size - 1] if known == "before" else []
        )
    assert bool(named(delta, "record.two_heads")) is (known == "before")


def test_two_heads_of_which_the_true_one_came_second_hinder_no_start() -> None:
    """DELTA is behind and hears the false one first; then the key ends, and its copy grows."""
    net = line_of_four()
    alpha, bravo, delta = net.post("ALPHA"), net.post("BRAVO"), net.post("DELTA")
    part(net, "DELTA")
    for _ in range(6):
        alpha.speak(message("DELTA does not have this"))
    net.deliver()
    (end,) = ends(alpha, alpha.who.id)
    tree = bravo.line.record.logs[end.log].tree
    size = end.size - 3
    told(delta, bravo, head(ALPHA.stations[0], bravo, end, size))
    told(delta, bravo, head(ALPHA.stations[0], bravo, end, size, tree.root(size)))
    assert named(delta, "record.two_heads")
    (made,) = delta.line.proofs[end.log]
    second = rotated(net)
    for code in CODES:
        net.post(code).install(second)
    join(net, "DELTA")
    net.pass_time(400)
    assert delta.line.record.size(end.log) == end.size
    told(delta, bravo, head(ALPHA.stations[0], bravo, end, size + 2, tree.root(size + 2)))
    assert size + 2 in delta.line.notes[end.log].heads
    again = delta.reload().lines[delta.line.id]
    assert again.proofs[end.log] == delta.line.proofs[end.log] == [made]


def test_what_was_proved_before_the_key_ended_stays_proved() -> None:
    net = line_of_four()
    (end,) = ends(net.post("ALPHA"), ALPHA.stations[0].id)
    bravo, delta = net.post("BRAVO"), net.post("DELTA")
    net.post("ALPHA").act(SignCheckpoint(token=0, line=bravo.line.id))
    net.deliver()
    told(bravo, delta, head(ALPHA.stations[0], bravo, end, end.size))
    net.deliver()
    before = {post.who.party: named(post, "record.two_heads") for post in net}
    assert all(before[code] for code in CODES[1:])
    assert bravo.line.proofs[end.log]
    rotate(net)
    assert {post.who.party: named(post, "record.two_heads") for post in net} == before
    assert bravo.line.proofs[end.log]
    assert bravo.reload().lines[bravo.line.id].proofs[end.log]


def test_a_version_that_names_no_end_makes_no_difference() -> None:
    """Without a list nothing is late, and the holder of the key answers for what it signs."""
    net = line_of_four()
    (end,) = ends(net.post("ALPHA"), ALPHA.stations[0].id)
    new = amend(net.signed.charter, cards=[FRESH.card()])
    net.post("ALPHA").ring.append(FRESH.stations[0])
    for post in net:
        post.install(sign_all(new, net.parties))
    told(net.post("BRAVO"), net.post("DELTA"), head(ALPHA.stations[0], net.post("BRAVO"), end, 1))
    assert named(net.post("BRAVO"), "record.two_heads")


def test_a_second_key_that_has_not_ended_puts_nothing_in_the_place_of_a_head_that_waits() -> None:
    """ALPHA has two keys that no list ends, and signs heads of a log that nobody has seen."""
    net = line_of_four()
    new = amend(net.signed.charter, cards=[FRESH.card()])
    net.post("ALPHA").ring.append(FRESH.stations[0])
    for post in net:
        post.install(sign_all(new, net.parties))
    bravo, delta = net.post("BRAVO"), net.post("DELTA")
    station = ALPHA.stations[0].id
    life = b"not yet."
    log = log_id(bravo.line.id, station, life)

    def unseen(kit: StationKit, root: bytes) -> SignedNote:
        name = checkpoint.origin(bravo.line.id, station, life)
        body = checkpoint.body(name, 9, root)
        mark = checkpoint.log_signature(name, kit.sign_key.public, kit.sign_key.sign(body))
        return SignedNote(body=body, signatures=(mark,))

    first = unseen(ALPHA.stations[0], FALSE)
    told(bravo, delta, first)
    facts = len(bravo.facts)
    for _ in range(5):
        told(bravo, delta, unseen(FRESH.stations[0], leaf_hash(b"another")), first)
    assert bravo.line.notes[log].heads[9].head.root == FALSE
    assert len(bravo.facts) == facts
    told(bravo, delta, unseen(ALPHA.stations[0], leaf_hash(b"a third")))
    assert [alarm.item for alarm in named(bravo, "record.two_heads")] == [log]
    assert bravo.line.proofs[log]


def test_a_head_by_the_key_that_signs_a_log_takes_the_place_of_one_by_a_key_that_does_not() -> None:
    """What another of its keys signed of a log that nobody had seen hides no word of the log."""
    net = line_of_four()
    new = amend(net.signed.charter, cards=[FRESH.card()])
    net.post("ALPHA").ring.append(FRESH.stations[0])
    for post in net:
        post.install(sign_all(new, net.parties))
    bravo, delta = net.post("BRAVO"), net.post("DELTA")
    signer, life = ALPHA.stations[0], b"not yet."
    name = checkpoint.origin(bravo.line.id, signer.id, life)

    def nine(kit: StationKit, root: bytes) -> SignedNote:
        body = checkpoint.body(name, 9, root)
        mark = checkpoint.log_signature(name, kit.sign_key.public, kit.sign_key.sign(body))
        return SignedNote(body=body, signatures=(mark,))

    told(bravo, delta, nine(FRESH.stations[0], FALSE))
    place = Place(
        line=bravo.line.id, station=signer.id, incarnation=life, position=0, previous=None, seen=(),
        time_ms=net.now().wall_ms, charter=1,
    )  # fmt: skip
    opening = write(signer, bravo.line.realm, place, Content(kind=Kind.OPEN, body=Body(cause="a")))
    push = sync.pack(Push(bravo.line.id, (opening.raw,)))
    bravo.step(Arrived(carrier="wire", peer=delta.who.id, envelope=push))
    assert bravo.refusals() == []
    log = log_id(bravo.line.id, signer.id, life)
    assert bravo.line.notes[log].heads[9].head.root == FALSE
    true = leaf_hash(b"the log's own")
    told(bravo, delta, nine(signer, true))
    assert bravo.line.notes[log].heads[9].head.root == true
    assert not named(bravo, "record.two_heads")
