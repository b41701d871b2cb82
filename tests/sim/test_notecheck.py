"""What the simulator demands to be known of false heads, and what nobody is left to know."""

from __future__ import annotations

from tests.core.test_notes import hand, kept, other_root, signed, three
from tests.core.world import Post

from tieline.core.checkpoint import SignedNote
from tieline.core.journal import Fact, FactKind
from tieline.sim.checkers import Checker, Ledger, difference


def judged(alpha: Post, bravo: Post, charlie: Post, note: SignedNote) -> tuple[Checker, Fact]:
    """The checker of a line on which ALPHA lies, and the fact that a store has with this note."""
    stations = {alpha.who.id: False, bravo.who.id: True, charlie.who.id: True}
    checker = Checker(alpha.line.id, alpha.realm, stations)
    checker.note_signature(alpha.who.id, note.body, note.signatures[0].signature)
    return checker, Fact(kind=FactKind.NOTE, line=alpha.line.id, body=note.format(), at_ms=0)


def test_a_false_head_that_only_a_lost_store_has_held_is_known_to_nobody() -> None:
    _, alpha, bravo, charlie = three()
    checker, fact = judged(alpha, bravo, charlie, signed(alpha, 1, other_root()))
    lines = [bravo.line, charlie.line]
    one, other = Ledger(bravo.who.id, honest=True), Ledger(charlie.who.id, honest=True)
    assert not difference([one, other], lines)
    checker.committed(one, (fact,))
    assert "does not know of a false head of 1" in difference([one, other], lines)
    assert not difference([checker.refilled(one, ()), other], lines)  # a backup from before it came
    assert difference([checker.refilled(one, (fact,)), other], lines)  # and one from after it
    checker.committed(other, (fact,))
    assert difference([checker.refilled(one, ()), other], lines)  # who has it yet must tell it


def test_what_liars_keep_binds_nobody_and_an_alarm_is_enough() -> None:
    _, alpha, bravo, charlie = three()
    note = signed(alpha, 1, other_root())
    checker, fact = judged(alpha, bravo, charlie, note)
    liar, one, other = (
        Ledger(post.who.id, honest=post is not alpha) for post in (alpha, bravo, charlie)
    )
    checker.committed(liar, (fact,))
    lines = [bravo.line, charlie.line]
    assert not difference([one, other], lines)
    hand(bravo, alpha, note)
    assert kept(bravo) == [fact.body]
    checker.committed(one, (fact,))
    assert charlie.who.id.hex() in difference([one, other], lines)
    hand(charlie, bravo, note)
    assert not difference([one, other], lines)
