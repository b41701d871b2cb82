"""Signed checkpoints: made in time, told to all, compared with everything that is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.world import Key, Net, PartyKit, Post, found, kits, message

from tieline.core import bundle, checkpoint, evidence_reader, notes, notetalk, proof, speech, sync
from tieline.core.checkpoint import NoteSignature, SignedNote
from tieline.core.events import Arrived, Connected, SignCheckpoint, Tick, Witnessed
from tieline.core.evidence import Header, Scope
from tieline.core.evidence_writer import Writer
from tieline.core.journal import Fact, FactKind, Origin
from tieline.core.life import Standing
from tieline.core.noted import LogNotes
from tieline.core.provisions import Intervals, Witness
from tieline.core.statement import Body, Content
from tieline.core.sync import Notes
from tieline.core.terms import Kind
from tieline.core.tree import leaf_hash
from tieline.core.turn import Turn
from tieline.node.auditreplay import Audit
from tieline.node.evidencefile import source_of
from tieline.node.secrets import LateKey

WITNESS = Key("a witness")
NAME = "w1.example"


def three(**provisions: Any) -> tuple[Net, Post, Post, Post]:
    parties = kits(3)
    net = Net(parties, found(parties, **provisions) if provisions else None)
    net.connect_all()
    net.pass_time(2)
    return net, net.post("ALPHA"), net.post("BRAVO"), net.post("CHARLIE")


def book(post: Post, author: Post) -> LogNotes:
    return post.line.notes[author.line.own_log]


def origin_of(author: Post) -> str:
    line = author.line
    return checkpoint.origin(line.id, line.own, line.incarnation)


def signed(author: Post, size: int, root: bytes, *, origin: str = "", key: Key | None = None,
           extra: str = "") -> SignedNote:  # fmt: skip
    """A checkpoint as the holder of a statement key can sign it."""
    name = origin or origin_of(author)
    key = key or author.who.sign_key
    body = checkpoint.body(name, size, root) + extra.encode()
    line = checkpoint.log_signature(name, key.public, key.sign(body))
    return SignedNote(body=body, signatures=(line,))


def hand(post: Post, peer: Post, *given: SignedNote, keys: tuple[bytes, ...] = ()) -> None:
    envelope = Notes(post.line.id, tuple(note.format() for note in given), keys)
    post.step(Arrived(carrier="wire", peer=peer.who.id, envelope=sync.pack(envelope)))


def two_heads(post: Post) -> list[str]:
    return [alarm.party for alarm in post.alarms() if alarm.code == "record.two_heads"]


def kept(post: Post) -> list[bytes]:
    return [fact.body for fact in post.facts if fact.kind == FactKind.NOTE]


def other_root(text: str = "another story") -> bytes:
    return leaf_hash(text.encode())


def proofs(post: Post) -> list[proof.Proven]:
    return [proof.check(held.encoded) for each in post.line.proofs.values() for held in each]


# ---------------------------------------------------------------------------------- our own


def test_every_log_that_grew_is_signed_within_the_interval_and_all_hold_the_notes() -> None:
    net, alpha, bravo, charlie = three()
    assert not kept(alpha)
    alpha.speak(message())
    net.deliver()
    net.pass_time(301)
    for author in (alpha, bravo, charlie):
        own = author.line.record.logs[author.line.own_log]
        for post in (alpha, bravo, charlie):
            latest = book(post, author).latest()
            assert latest is not None
            assert (latest.head.size, latest.head.root) == (own.size, own.tree.root())
            note = SignedNote.parse(latest.note.format())
            assert note.signed_by(origin_of(author), author.who.certificate.sign_key)
            assert not book(post, author).open
    facts = len(kept(alpha))
    net.pass_time(4000)
    assert len(kept(alpha)) == facts  # nothing has grown, so nothing is signed
    net.restart(alpha)
    assert book(alpha, bravo).heads == book(charlie, bravo).heads
    alpha.speak(message())
    net.pass_time(299)
    assert len(kept(alpha)) == facts
    net.pass_time(2)
    assert len(kept(alpha)) == facts + 1


def test_a_charter_sets_the_intervals_and_time_away_counts() -> None:
    net, alpha, _, _ = three(intervals=Intervals(checkpoint_s=20, seal_s=50))
    net.pass_time(21)
    assert len(kept(alpha)) == 3
    alpha.speak(message())
    net.ms += 15_000
    net.restart(alpha)
    net.pass_time(4)
    assert len(kept(alpha)) == 3
    net.pass_time(2)
    assert len(kept(alpha)) == 4


def test_an_act_signs_at_once() -> None:
    _, alpha, _, _ = three()
    alpha.act(SignCheckpoint(token=0, line=alpha.line.id))
    assert len(kept(alpha)) == 1
    alpha.act(SignCheckpoint(token=0, line=alpha.line.id))
    assert len(kept(alpha)) == 1  # the same head under the same key is the same note


def sealing() -> tuple[Net, Post, Post, Post]:
    parties = tuple(PartyKit(code, sealing=True) for code in ("ALPHA", "BRAVO", "CHARLIE"))
    net = Net(parties, found(parties, intervals=Intervals(checkpoint_s=20, seal_s=50)))
    net.connect_all()
    net.pass_time(2)
    return net, net.post("ALPHA"), net.post("BRAVO"), net.post("CHARLIE")


def test_the_seal_comes_at_its_interval_or_by_an_act_and_verifies_at_every_peer() -> None:
    net, alpha, bravo, charlie = sealing()
    net.pass_time(21)
    latest = book(bravo, alpha).latest()
    assert latest is not None
    assert not latest.sealed
    net.pass_time(30)
    for post in (alpha, bravo, charlie):
        latest = book(post, alpha).latest()
        assert latest is not None
        key = alpha.who.seal(b"")[:1312]
        assert latest.keys == (key,)
        assert latest.note.mldsa_cosigned_by(checkpoint.cosigner(alpha.who.id), key) is not None
    alpha.speak(message())
    alpha.act(SignCheckpoint(token=0, line=alpha.line.id, seal=True))
    net.deliver()
    for post in (bravo, charlie):
        sealed = book(post, alpha).latest_sealed()
        assert sealed is not None
        assert sealed.head.size == alpha.line.record.size(alpha.line.own_log)
        net.restart(post)
        assert book(post, alpha).latest_sealed() == replace(sealed, at_ms=sealed.at_ms)


def test_a_station_without_the_key_signs_and_does_not_seal() -> None:
    net, alpha, bravo, _ = three()
    alpha.act(SignCheckpoint(token=0, line=alpha.line.id, seal=True))
    net.deliver()
    latest = book(bravo, alpha).latest()
    assert latest is not None
    assert not latest.sealed


# --------------------------------------------------------------------------------- arrivals


def test_what_is_no_note_of_this_line_is_refused_and_changes_nothing() -> None:
    net, alpha, bravo, charlie = three()
    good = signed(alpha, 1, alpha.line.record.logs[alpha.line.own_log].tree.root(1))
    stranger = checkpoint.origin(alpha.line.id, b"\x01" * 8, alpha.line.incarnation)
    elsewhere = checkpoint.origin(b"\x02" * 16, alpha.who.id, alpha.line.incarnation)
    key = Key("anybody")
    forged = replace(good.signatures[0], signature=bytes(64))
    for note, code in (
        (replace(good, signatures=(forged,)), "note.forged"),
        (replace(good, signatures=(*good.signatures, forged)), "note.forged"),
        (signed(alpha, 1, other_root(), key=key), "note.unsigned"),
        (signed(alpha, 1, other_root(), key=bravo.who.sign_key), "note.unsigned"),
        (signed(alpha, 1, other_root(), key=alpha.who.cosign_key), "note.unsigned"),
        (signed(alpha, 1, other_root(), origin=stranger), "note.stranger"),
        (signed(alpha, 1, other_root(), origin=elsewhere), "note.other_line"),
        (signed(alpha, 1, other_root(), origin="log.example"), "note.other_line"),
        (replace(good, body=b"no checkpoint\n"), "checkpoint.lines"),
        (signed(alpha, 1, other_root(), extra="x" * 4000 + "\n"), "note.too_large"),
    ):
        before, notes_before = len(charlie.refusals()), kept(charlie)
        hand(charlie, bravo, note)
        assert charlie.refusals()[before:] == [code]
        assert kept(charlie) == notes_before
        net.pass_time(61)
    envelope = Notes(charlie.line.id, (b"nothing",), ())
    charlie.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=sync.pack(envelope)))
    assert charlie.refusals()[-1] == "note.text"
    assert not two_heads(charlie)


def test_lines_of_strangers_and_extension_lines_are_read_past() -> None:
    _, alpha, bravo, charlie = three()
    root = alpha.line.record.logs[alpha.line.own_log].tree.root(1)
    good = signed(alpha, 1, root, extra="something new\n")
    strangers = tuple(
        NoteSignature(name=f"w{n}.example", key_id=bytes((n,) * 4), signature=bytes(9))
        for n in range(20)
    )
    hand(charlie, bravo, replace(good, signatures=(*strangers, *good.signatures)))
    latest = book(charlie, alpha).latest()
    assert latest is not None
    assert latest.note == good
    assert not charlie.refusals()


def test_a_peer_makes_us_read_only_so_much_in_a_minute() -> None:
    net, alpha, bravo, charlie = three()
    root = alpha.line.record.logs[alpha.line.own_log].tree.root(1)
    notes_of_many = [
        replace(good, signatures=good.signatures * 80)
        for good in [signed(alpha, 1, root)]
        for _ in range(40)
    ]
    hand(charlie, bravo, *notes_of_many)
    assert charlie.refusals() == ["note.too_many"]
    net.pass_time(61)
    hand(charlie, bravo, signed(alpha, 1, other_root()))
    assert two_heads(charlie) == ["ALPHA"]


# ------------------------------------------------------------------------------ two stories


def test_a_checkpoint_against_our_own_copy_is_found_told_and_proved() -> None:
    net, alpha, bravo, charlie = three()
    hand(bravo, charlie, signed(alpha, 1, other_root()))
    net.deliver()  # one exchange
    for post in (alpha, bravo, charlie):
        assert two_heads(post) == ["ALPHA"]
    assert not proofs(bravo)  # alpha has signed no checkpoint of the story that we hold
    net.pass_time(301)
    for post in (bravo, charlie):
        (found_,) = proofs(post)
        assert found_.kind in (proof.SAME_SIZE, proof.NO_BEGINNING)
        assert (found_.party, found_.at) == ("ALPHA", 1)
    bravo.speak(message("the line goes on"))
    alpha.speak(message("it does"))
    net.pass_time(600)
    for post in (bravo, charlie):
        assert len(two_heads(post)) == 1
        net.restart(post)
        assert two_heads(post) == ["ALPHA"]
        assert len(proofs(post)) == 1
        assert len(book(post, alpha).against) == 1


def test_a_smaller_checkpoint_that_is_no_beginning_is_proved_by_a_larger_one() -> None:
    net, alpha, bravo, charlie = three()
    for _ in range(5):
        alpha.speak(message())
    net.pass_time(301)
    hand(bravo, charlie, signed(alpha, 3, other_root()))
    net.deliver()
    for post in (bravo, charlie):
        (found_,) = proofs(post)
        assert (found_.kind, found_.at) == (proof.NO_BEGINNING, 3)
        assert len(found_.encoded) < 8_000


def test_a_false_head_that_was_told_while_a_disk_was_full_is_told_again() -> None:
    net, alpha, bravo, charlie = three()
    alpha.speak(message())
    net.deliver()
    net.deaf = bravo.who.id
    hand(charlie, alpha, signed(alpha, 1, other_root()))
    net.pass_time(120)
    net.deaf = None
    assert not two_heads(bravo)
    bravo.step(Connected(carrier="wire", peer=charlie.who.id, address="test", again=True))
    net.deliver()
    assert two_heads(bravo) == ["ALPHA"]


def test_a_checkpoint_ahead_of_what_we_hold_waits_and_is_compared_then() -> None:
    net, alpha, bravo, charlie = three()
    hand(bravo, charlie, signed(alpha, 4, other_root()))
    net.deliver()
    assert not two_heads(bravo)
    assert book(bravo, alpha).open == {4}
    net.restart(bravo)
    assert book(bravo, alpha).open == {4}
    net.connect(bravo, alpha)
    for _ in range(2):
        alpha.speak(message())
        net.pass_time(2)
    assert not two_heads(bravo)
    alpha.speak(message())
    net.pass_time(2)
    assert two_heads(bravo) == ["ALPHA"]
    assert two_heads(charlie) == ["ALPHA"]


def test_two_checkpoints_that_nobody_can_compute_contradict_each_other() -> None:
    net, alpha, bravo, charlie = three()
    hand(bravo, charlie, signed(alpha, 40, other_root("one")))
    hand(charlie, bravo, signed(alpha, 40, other_root("two")))
    net.deliver()
    for post in (bravo, charlie):
        assert two_heads(post) == ["ALPHA"]
        (found_,) = proofs(post)
        assert (found_.kind, found_.at) == (proof.SAME_SIZE, 40)


def test_thousands_of_stories_cost_one_alarm_and_a_bounded_number_of_facts() -> None:
    net, alpha, bravo, charlie = three()
    for number in range(60):
        hand(bravo, charlie, signed(alpha, 1, other_root(str(number))))
        hand(bravo, charlie, signed(alpha, 1000 + number, other_root(str(number))))
    assert two_heads(bravo) == ["ALPHA"]
    assert len(book(bravo, alpha).against) == notes.MAX_AGAINST
    assert len(book(bravo, alpha).heads) <= notes.MAX_HEADS
    net.pass_time(301)
    assert len(proofs(bravo)) <= 16


@given(st.lists(st.sampled_from(["say", "sign", "wait", "restart", "cut", "join"]), max_size=25))
def test_no_honest_station_is_accused_whatever_happens(steps: list[str]) -> None:
    net, alpha, bravo, charlie = three()
    posts = (alpha, bravo, charlie)
    for number, step in enumerate(steps):
        post, other = posts[number % 3], posts[(number + 1) % 3]
        if step == "say":
            post.speak(message())
        elif step == "sign":
            post.act(SignCheckpoint(token=0, line=post.line.id))
        elif step == "wait":
            net.pass_time(301)
        elif step == "restart":
            net.restart(post)
        elif step == "cut":
            net.cut(post, other)
        else:
            net.connect(post, other)
        net.deliver()
    for post in posts:
        assert not two_heads(post)
        assert not proofs(post)
        assert not any(each.against for each in post.line.notes.values())


def test_receipts_need_no_notes_and_stand_under_them_when_shown() -> None:
    net, alpha, bravo, charlie = three()
    alpha.speak(message())
    net.pass_time(10)
    alpha.act(SignCheckpoint(token=0, line=alpha.line.id))
    latest = book(alpha, alpha).latest()
    assert latest is not None
    note = SignedNote.parse(notes.shown(alpha.line, latest).format())
    assert note.signed_by(origin_of(alpha), alpha.who.certificate.sign_key)
    for peer in (bravo, charlie):
        name = checkpoint.cosigner(peer.who.id)
        assert note.cosigned_by(name, peer.who.certificate.cosign_key) is not None


def test_a_bundle_brings_notes() -> None:
    net, alpha, bravo, charlie = three()
    net.cut(bravo, charlie)
    net.cut(alpha, charlie)
    hand(bravo, alpha, signed(alpha, 1, other_root()))
    plain, _ = bundle.contents(bravo.line, (charlie.who.id,))
    for envelope in bundle.envelopes_of(plain):
        charlie.step(Arrived(carrier="bundle", peer=bravo.who.id, envelope=envelope))
    assert two_heads(charlie) == ["ALPHA"]


# -------------------------------------------------------------------------------- witnesses


def cosigned(post: Post, key: Key = WITNESS, name: str = NAME) -> bytes:
    """The latest note of our own log with a line of the witness."""
    latest = book(post, post).latest()
    assert latest is not None
    made = key.sign(checkpoint.cosign_message(9, latest.note.body))
    line = checkpoint.cosignature(name, WITNESS.public, 9, made)
    return SignedNote(body=latest.note.body, signatures=(*latest.note.signatures, line)).format()


def test_a_log_without_its_quorum_of_witnesses_is_told_once_and_a_cosignature_ends_it() -> None:
    net, alpha, bravo, _ = three(
        witnesses=(Witness(name=NAME, key=WITNESS.public),), quorum=1,
        intervals=Intervals(checkpoint_s=20),
    )  # fmt: skip

    def missing(post: Post) -> int:
        return sum(alarm.code == "witness.missing" for alarm in post.alarms())

    net.pass_time(22)
    assert notes.quorum_size(alpha.line, book(alpha, alpha)) == 0
    alpha.step(Witnessed(line=alpha.line.id, note=cosigned(alpha)))
    net.deliver()
    for post in (alpha, bravo):
        assert notes.witnessed(post.line, book(post, alpha)) == (1,)
        assert notes.quorum_size(post.line, book(post, alpha)) == 1
    net.pass_time(200)
    assert (missing(alpha), missing(bravo)) == (0, 1)
    alpha.speak(message())
    net.pass_time(79)
    assert missing(alpha) == 0
    net.pass_time(4)
    assert missing(alpha) == 1
    net.restart(alpha)
    assert notes.quorum_size(alpha.line, book(alpha, alpha)) == 1
    net.pass_time(400)
    assert missing(alpha) == 1
    alpha.step(Witnessed(line=alpha.line.id, note=cosigned(alpha)))
    alpha.step(Tick())
    assert alpha.line.unwitnessed is None


def test_a_line_that_a_witness_did_not_sign_is_not_counted() -> None:
    net, alpha, _, _ = three(witnesses=(Witness(name=NAME, key=WITNESS.public),), quorum=1)
    net.pass_time(301)
    alpha.step(Witnessed(line=alpha.line.id, note=cosigned(alpha, Key("another"))))
    assert alpha.refusals() == ["note.forged"]
    assert notes.quorum_size(alpha.line, book(alpha, alpha)) == 0


def late_line(post: Post, key: LateKey, time_s: int = 9) -> NoteSignature:
    """An ML-DSA-44 cosignature on the latest note of our own log."""
    latest = book(post, post).latest()
    assert latest is not None
    made = key.sign(checkpoint.mldsa_message(NAME, time_s, latest.head))
    return checkpoint.mldsa_cosignature(NAME, key.public, time_s, made)


@pytest.mark.parametrize("named", [True, False])
def test_a_witness_is_heard_with_its_second_key_when_the_charter_names_it(named: bool) -> None:
    late = LateKey(bytes(32))
    witness = Witness(name=NAME, key=WITNESS.public, mldsa=late.public if named else b"")
    net, alpha, bravo, _ = three(witnesses=(witness,), quorum=1)
    net.pass_time(301)
    good = SignedNote.parse(cosigned(alpha))
    both = replace(good, signatures=(*good.signatures, late_line(alpha, late)))
    bad = replace(late_line(alpha, late), signature=bytes(8 + 2420))
    alpha.step(Witnessed(line=alpha.line.id, note=replace(both, signatures=(
        *good.signatures, bad)).format()))  # fmt: skip
    assert alpha.refusals() == (["note.forged"] if named else [])
    alpha.step(Witnessed(line=alpha.line.id, note=both.format()))
    net.deliver()
    for post in (alpha, bravo):
        latest = book(post, alpha).latest()
        assert latest is not None
        assert len(latest.note.signatures) == (3 if named else 2)
        assert not latest.sealed
        assert notes.quorum_size(post.line, book(post, alpha)) == 1
        assert (latest.note.mldsa_cosigned_by(NAME, late.public) == 9) is named
        net.restart(post)
        assert book(post, alpha).latest() == latest


def test_evidence_brings_the_checkpoints_that_agree_with_their_keys() -> None:
    net, alpha, bravo, _ = sealing()
    net.pass_time(60)
    hand(alpha, bravo, signed(bravo, 1, other_root()))
    header = Header(alpha.line.id, "", 0, alpha.who.id, Scope())
    report = evidence_reader.read([b"".join(Writer(source_of(alpha.line), header).items())])
    assert report.faults == []
    assert report.counts.keys == 3
    assert report.counts.notes >= 3
    assert two_heads(alpha) == ["BRAVO"]


def test_a_witness_alone_cannot_make_a_checkpoint() -> None:
    """It may cosign what it likes: without the log's own signature it counts for nothing."""
    _, alpha, bravo, _ = three(witnesses=(Witness(name=NAME, key=WITNESS.public),), quorum=1)
    body = checkpoint.body(origin_of(alpha), 1, other_root())
    made = WITNESS.sign(checkpoint.cosign_message(9, body))
    lie = SignedNote(body=body, signatures=(checkpoint.cosignature(NAME, WITNESS.public, 9, made),))
    alpha.step(Witnessed(line=alpha.line.id, note=lie.format()))
    hand(bravo, alpha, lie)
    assert alpha.refusals() == bravo.refusals() == ["note.unsigned"]
    assert not two_heads(alpha) + two_heads(bravo)


def test_the_audit_reads_notes_and_proofs_again_from_their_bytes() -> None:
    net, alpha, bravo, _ = sealing()
    net.pass_time(60)
    hand(alpha, bravo, signed(bravo, 1, other_root()))
    assert proofs(alpha)
    assert not audited(alpha, alpha.facts)
    for kind in (FactKind.NOTE, FactKind.PROOF):
        for at in (5, 150, -20):
            assert audited(alpha, [changed(fact, kind, at) for fact in alpha.facts])


def audited(post: Post, facts: list[Fact]) -> list[str]:
    audit = Audit(post.who.id, post.realm)
    for number, fact in enumerate(facts, 1):
        audit.fact(number, fact)
    return audit.problems


def changed(fact: Fact, kind: FactKind, at: int) -> Fact:
    """A fact of this kind with one bit of its body changed; any other as it is."""
    if fact.kind != kind:
        return fact
    body = bytearray(fact.body)
    body[at] ^= 1
    return replace(fact, body=bytes(body))


def test_a_checkpoint_that_is_due_as_a_fresh_log_is_opened_stops_nothing() -> None:
    """Both at one tick: the head of the log that is left is being signed, and the next begins."""
    net, alpha, _, _ = three(intervals=Intervals(checkpoint_s=20, seal_s=50))
    alpha.speak(message())
    net.restart(alpha)
    net.ms += 1_000
    speech.say(alpha.line, Content(kind=Kind.WATCH, body=Body(staffed=True)), Origin(), 0,
               Turn(net.now()))  # fmt: skip
    old = alpha.line.own_log
    net.ms += 60_000
    alpha.step(Tick())
    assert alpha.line.own_log != old
    assert alpha.line.record.size(alpha.line.own_log)
    latest = alpha.line.notes[old].latest()
    assert latest is not None
    assert latest.head.size == alpha.line.record.size(old)


def test_our_own_checkpoint_of_more_than_we_hold_closes_the_log() -> None:
    """The whole disk was put back. A peer that has little of our log passes on what we signed."""
    net, alpha, bravo, charlie = three(intervals=Intervals(checkpoint_s=20, seal_s=50))
    yesterday, mark = list(alpha.facts), dict(alpha.marks)
    alpha.speak(message("lost"))
    net.deliver()
    net.pass_time(30)
    note = book(charlie, alpha).latest()
    assert note is not None
    alpha.facts, alpha.marks = yesterday, mark
    net.restart(alpha)
    assert [alpha.line.life.standing] == [Standing.PROBATION]
    assert note.head.size > alpha.line.record.size(alpha.line.own_log)
    hand(alpha, bravo, note.note)
    assert alpha.line.life.standing is Standing.CLOSED
    assert alpha.line.life.why == "restored"


def test_a_key_that_signs_one_checkpoint_over_and_over_fills_no_journal() -> None:
    net, alpha, bravo, _ = three(witnesses=(Witness(name=NAME, key=WITNESS.public),), quorum=1)
    net.pass_time(301)
    latest = book(alpha, bravo).latest()
    assert latest is not None
    before = len(kept(alpha))
    for time_s in range(1, 6):
        text = checkpoint.cosign_message(time_s, latest.note.body)
        line = checkpoint.cosignature(NAME, WITNESS.public, time_s, WITNESS.sign(text))
        made = SignedNote(body=latest.note.body, signatures=(*latest.note.signatures, line))
        hand(alpha, bravo, made)
    assert len(kept(alpha)) == before + 1


def test_many_notes_are_told_once_and_not_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else who signs many fills, through us, what others read of us in a minute."""
    monkeypatch.setattr(sync, "MAX_TOLD", 2)
    net, alpha, bravo, charlie = three()
    net.pass_time(301)
    for size in range(100, 103):
        hand(alpha, bravo, signed(bravo, size, other_root("one")))
        hand(alpha, bravo, signed(bravo, size, other_root("two")))
    net.deliver()
    peer = alpha.line.peers[charlie.who.id]
    assert len(notes.told_keys(alpha.line)) > 2
    assert notes.envelopes(alpha.line, set(peer.noted)) == []
    alpha.station.exchanges[alpha.line.id].notes.tell([peer], Turn(net.now()))
    again = Turn(net.now())
    alpha.station.exchanges[alpha.line.id].notes.tell([peer], again)
    assert again.effects == []


def test_a_peer_that_claims_a_later_charter_keeps_its_own_room_only() -> None:
    _, alpha, bravo, charlie = three()
    claim = sync.Have(alpha.line.id, 9, full=False, heads=sync.heads(bravo.line.record))
    for peer in (bravo, charlie):
        alpha.step(Arrived(carrier="wire", peer=peer.who.id, envelope=sync.pack(claim)))
    early = alpha.station.exchanges[alpha.line.id].notes
    for size in range(notetalk.MAX_EARLY + 9):
        hand(alpha, bravo, signed(bravo, size, other_root(), key=WITNESS))
    assert len(early._early) == notetalk.MAX_EARLY
    hand(alpha, charlie, signed(charlie, 1, other_root(), key=WITNESS))
    assert len(early._early) == notetalk.MAX_EARLY + 1
    hand(alpha, charlie, SignedNote(body=b"no checkpoint\n", signatures=signed(charlie, 1,
         other_root()).signatures))  # fmt: skip
    assert len(early._early) == notetalk.MAX_EARLY + 1
