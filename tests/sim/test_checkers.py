"""What the simulator's checkers ask of stations whose stores are lost or whose logs are ended."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.test_keys_change import ALPHA, DELTA, FRESH, bring, line_of_four, rotated, stolen
from tests.core.test_notes import hand, kept, other_root, signed, three
from tests.core.world import Post, chaff, message, sign_all, write

from tieline.core import checkpoint, statement, sync
from tieline.core.charter import LogEnd
from tieline.core.checkpoint import Receipt, SignedNote, read_checkpoint
from tieline.core.journal import Alarm, Fact, FactKind
from tieline.core.succession import amend
from tieline.core.terms import Precedence
from tieline.sim.checkers import Checker, Ledger
from tieline.sim.violation import Violation


def judged(alpha: Post, bravo: Post, charlie: Post, note: SignedNote) -> tuple[Checker, Fact]:
    """The checker of a line on which ALPHA lies, and the fact that a store has with this note."""
    stations = {alpha.who.id: False, bravo.who.id: True, charlie.who.id: True}
    checker = Checker(alpha.line.id, alpha.realm, stations)
    checker.note_signature(alpha.who.id, note.body, note.signatures[0].signature)
    return checker, Fact(kind=FactKind.NOTE, line=alpha.line.id, body=note.format(), at_ms=0)


def body_root(author: Post) -> bytes:
    """The root of its own log at its first statement."""
    return author.line.record.logs[author.line.own_log].tree.root(1)


def test_a_false_head_that_only_a_lost_store_has_held_is_known_to_nobody() -> None:
    _, alpha, bravo, charlie = three()
    checker, fact = judged(alpha, bravo, charlie, signed(alpha, 1, other_root()))
    lines = [bravo.line, charlie.line]
    one, other = Ledger(bravo.who.id, honest=True), Ledger(charlie.who.id, honest=True)
    assert not checker.difference([one, other], lines)
    checker.committed(one, (fact,))
    assert "does not know of a false head of 1" in checker.difference([one, other], lines)
    # A backup from before it came, and one from after it.
    assert not checker.difference([checker.refilled(one, ()), other], lines)
    assert checker.difference([checker.refilled(one, (fact,)), other], lines)
    checker.committed(other, (fact,))
    # Who has it yet must tell it.
    assert checker.difference([checker.refilled(one, ()), other], lines)


def test_what_a_thief_signs_accuses_nobody_and_who_kept_it_says_what_it_is() -> None:
    _, alpha, bravo, charlie = three()
    stations = {post.who.id: True for post in (alpha, bravo, charlie)}
    checker = Checker(alpha.line.id, alpha.realm, stations)
    own, false = signed(alpha, 1, body_root(alpha)), signed(alpha, 1, other_root())
    one, other = Ledger(bravo.who.id, honest=True), Ledger(charlie.who.id, honest=True)
    lines = [bravo.line, charlie.line]
    facts: list[Fact] = []
    for note in (own, false):
        checker.note_signature(alpha.who.id, note.body, note.signatures[0].signature)
        body = note.format()
        facts.append(Fact(kind=FactKind.NOTE, line=alpha.line.id, body=body, at_ms=0))
        head = read_checkpoint(note.body)
        if note is false:
            with pytest.raises(Violation, match="signed two heads of one size"):
                checker.committed(Ledger(charlie.who.id, honest=True), (facts[-1],))
            checker.notes.stolen.add((head.origin, head.size, head.root))
        checker.committed(one, (facts[-1],))
    assert bravo.who.id.hex() + " keeps a head of 1" in checker.difference([one, other], lines)
    name = alpha.line.own_log
    alarm = Alarm(
        code="key.after_end", precedence=Precedence.PRIORITY, text="", item=name, party="ALPHA"
    )
    bravo.line.alarms.add(alarm)
    assert not checker.difference([one, other], lines)  # CHARLIE was not told, and need not be


def test_what_liars_keep_binds_nobody_and_an_alarm_is_enough() -> None:
    _, alpha, bravo, charlie = three()
    note = signed(alpha, 1, other_root())
    checker, fact = judged(alpha, bravo, charlie, note)
    liar, one, other = (
        Ledger(post.who.id, honest=post is not alpha) for post in (alpha, bravo, charlie)
    )
    checker.committed(liar, (fact,))
    lines = [bravo.line, charlie.line]
    assert not checker.difference([one, other], lines)
    hand(bravo, alpha, note)
    assert kept(bravo) == [fact.body]
    checker.committed(one, (fact,))
    assert charlie.who.id.hex() in checker.difference([one, other], lines)
    hand(charlie, bravo, note)
    assert not checker.difference([one, other], lines)


def test_a_receipt_from_before_the_end_of_its_log_may_leave_with_it_and_not_later() -> None:
    net = line_of_four()
    bravo = net.post("BRAVO")
    log = next(
        log for log in bravo.line.record.logs.values() if log.station == ALPHA.stations[0].id
    )
    last = log.items[-2].statement.digest
    closed = [LogEnd(log=log.id, size=log.size - 1, last=last)]
    second = sign_all(amend(net.signed.charter, cards=[FRESH.card()], closed=closed), net.parties)

    checker = Checker(bravo.line.id, bravo.realm, {post.who.id: True for post in net})
    facts = [fact for fact in bravo.facts if fact.kind in (FactKind.STATEMENT, FactKind.CHARTER)]
    for fact in facts:
        if fact.kind == FactKind.STATEMENT:
            said = statement.parse(bravo.realm, fact.body)
            checker.note_signature(said.place.station, said.signed, said.signature)
    name = checkpoint.origin(bravo.line.id, log.station, log.incarnation)
    head = checkpoint.body(name, log.size, log.tree.root(log.size))
    checker.note_cosignature(bravo.who.id, checkpoint.cosign_message(5, head), bytes(64))
    receipt = Receipt(
        log=log.id, size=log.size, cosigner=bravo.who.id, time_s=5, signature=bytes(64)
    )
    envelope = sync.pack(sync.Receipts(bravo.line.id, (receipt,)))

    ledger = Ledger(bravo.who.id, honest=True)
    checker.committed(ledger, tuple(facts))
    end = Fact(kind=FactKind.CHARTER, line=bravo.line.id, body=second.encode(), at_ms=0)
    checker.committed(ledger, (end,))
    checker.leaving(ledger, envelope)
    assert ledger.promised[log.id] == log.size - 1
    checker.committed(ledger, ())
    with pytest.raises(Violation, match="whose journal holds"):
        checker.leaving(ledger, envelope)


def test_what_is_late_may_be_let_in_for_one_that_waits_for_something_else_for_ever() -> None:
    net = line_of_four()
    second = rotated(net)
    for post in net:
        post.install(second)
    net.pass_time(60)
    bravo, delta = net.post("BRAVO"), net.post("DELTA")
    loot = stolen(net, ALPHA.stations[0], "we attack at dawn")
    mine = bravo.line.record.logs[delta.line.own_log]
    place = replace(
        mine.items[-1].statement.place,
        position=mine.size,
        previous=mine.head,
        seen=(loot.digest[:16], chaff("what DELTA keeps to itself", 16)),
        charter=2,
    )
    reader = write(DELTA.stations[0], "", place, message("DELTA has read both"))
    bring(bravo, delta, reader, loot)
    assert bravo.item(loot.digest).second_story
    assert reader.digest not in bravo.order()

    checker = Checker(bravo.line.id, bravo.realm, {post.who.id: post is not delta for post in net})
    facts = [
        fact
        for fact in bravo.facts
        if fact.kind in (FactKind.STATEMENT, FactKind.SECOND_STORY, FactKind.CHARTER)
    ]
    for raw in [fact.body for fact in facts if fact.kind != FactKind.CHARTER] + [reader.raw]:
        said = statement.parse(bravo.realm, raw)
        checker.note_signature(said.place.station, said.signed, said.signature)
    ledger = Ledger(bravo.who.id, honest=True)
    checker.committed(ledger, tuple(facts))
    assert ledger.endings.admitted == {loot.digest}
    # What is late itself gives no leave, nor what nobody signed, nor what came to somebody else.
    more = replace(loot.place, position=loot.place.position + 1, previous=loot.digest)
    late = write(ALPHA.stations[0], "", more, message("and another"))
    checker.note_signature(late.place.station, late.signed, late.signature)
    forged = write(FRESH.stations[0], "", place, message("DELTA has read both"))
    checker.bringing(ledger, [sync.pack(sync.Push(bravo.line.id, (late.raw, forged.raw)))])
    push = sync.pack(sync.Push(bravo.line.id, (reader.raw,)))
    checker.bringing(Ledger(delta.who.id, honest=False), [push])
    with pytest.raises(Violation, match="late and read by nobody"):
        checker.met([ledger])
    checker.bringing(ledger, [push])
    checker.met([checker.refilled(ledger, tuple(facts))])  # also once its store was put back
