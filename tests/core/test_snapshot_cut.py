"""Snapshots before and after a charter takes the late end off a log, and starts in between."""

from __future__ import annotations

from tests.core.test_keys_change import line_of_four, part, rotated
from tests.core.test_snapshot import pictures
from tests.core.world import Net, Post, answer, message

from tieline.core.journal import Fact, FactKind
from tieline.core.life import Run
from tieline.core.station import Station
from tieline.core.terms import Kind
from tieline.node.resume import Resumer
from tieline.store.memory import MemoryStore

NEVER = 10**9


def cut_at_delta() -> tuple[Net, Post, int]:
    """DELTA holds more of ALPHA's log than CHARLIE, who says where it ends; and how much more."""
    net = line_of_four()
    alpha, charlie, delta = net.post("ALPHA"), net.post("CHARLIE"), net.post("DELTA")
    asked = net.post("BRAVO").speak(message("BRAVO asks")).item
    net.deliver()
    part(net, "CHARLIE")
    second = rotated(net, charlie)
    for number in range(40):
        alpha.speak(message(f"late {number}"))
    alpha.speak(answer(Kind.ACKNOWLEDGE, asked))
    net.deliver()
    net.pass_time(60)
    held = delta.line.record.size(alpha.line.own_log)
    log = alpha.line.own_log
    delta.install(second)
    net.pass_time(60)
    alpha.speak(message("again"))
    net.pass_time(60)
    return net, delta, held - delta.line.record.size(log)


def whole(post: Post, facts: list[Fact]) -> Station:
    return Station.load(post.who.id, post.realm, facts, post.net.now(), run=Run())


def test_a_start_from_snapshots_around_a_cut_equals_the_whole_journal() -> None:
    net, delta, gone = cut_at_delta()
    assert gone == 41
    facts = list(delta.facts)
    cut = [at for at, fact in enumerate(facts) if fact.kind == FactKind.CHARTER][-1]
    assert any(fact.kind == FactKind.STATEMENT for fact in facts[cut:])
    store = MemoryStore()
    done = 0
    # Before the cut; with the cut and nothing else; a little later; at the end.
    for upto in (cut, cut + 1, cut + 3, len(facts)):
        store.commit(facts[done:upto])
        done = upto
        store = store.crash()  # the machine restarts
        resumer = Resumer(store, NEVER)
        station = resumer.load(delta.who.id, delta.realm, net.now(), None, Run())
        assert pictures(station) == pictures(whole(delta, facts[:done]))
        resumer.snapshot(station, net.now())
        kept = store.past.kept()
        assert kept is not None
        assert kept.seq == done
        again = Resumer(store, NEVER).load(delta.who.id, delta.realm, net.now(), None, Run())
        assert store.past.kept() is not None, "the snapshot was thrown away"
        assert pictures(again) == pictures(whole(delta, facts[:done]))
