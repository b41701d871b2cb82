"""A station that starts from a snapshot is the one that the whole journal gives.

The archive is the one in memory that the simulator uses too; the one on disk is in tests/store.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core import test_keys_change as keys
from tests.core.world import Net, Post, answer, clocks, kits, message, silence_waits

from tieline.core import cut, encode, shelf, snapshot, tally
from tieline.core.encode import Value
from tieline.core.errors import TielineError
from tieline.core.journal import FactKind
from tieline.core.life import Run
from tieline.core.shelf import Finder, Settlement
from tieline.core.statement import Body, Content, Ref
from tieline.core.station import Station
from tieline.core.terms import Kind, Precedence, RefRole, Rung
from tieline.core.tree import Tree, leaf_hash
from tieline.node.resume import FOLDED, Resumer
from tieline.ports import Store
from tieline.sim.mirror import picture
from tieline.store.memory import MemoryStore

# Every attribute of what is folded: kept in the snapshot, derived from what is, read again from
# the rare facts of the journal, or true only while a process runs. A new one belongs in a row here,
# and when it is kept, FORMAT goes up.
KEPT = {
    "record", "ladder", "keys", "drafts", "last_draft", "released", "suspended", "unstaffed",
    "declared", "neglected", "stated", "tests", "alarms", "slot_noted", "amended_ms",
    "unnoted_at", "unsealed_at", "unwitnessed",
}  # fmt: skip
DERIVED = {"id", "own", "realm", "party", "peers", "slot_done", "slot_checked", "expiry_due_ms",
           "charter", "_addressed", "_parties"}  # fmt: skip
RARE = {"charters", "life", "proofs", "notes", "note_stations", "note_scales"}
RUNNING = {
    "pending", "links", "outgoing", "signing", "composed", "relay_queue", "relayable",
    "gossip_at", "gossip", "beacon_at", "advanced", "reads", "weighed",
}  # fmt: skip


def test_every_part_of_a_line_is_kept_or_known_not_to_be() -> None:
    line = Net(kits(2)).post("ALPHA").line
    assert vars(line).keys() == KEPT | DERIVED | RARE | RUNNING
    assert vars(line.ladder).keys() == {
        "tallies", "stations", "unsigned", "covers", "_shelf", "_old", "_lately", "_heap",
        "_serial", "_pruned", "_covered", "unsaid",
    }  # fmt: skip
    assert vars(line.ladder.unsaid).keys() == {"waiting", "strange", "_told", "_again_ms"}
    assert vars(line.record).keys() == {
        "line", "realm", "shelf", "logs", "numbered", "numbers", "stories", "_tips", "refs",
        "moved", "_held", "_held_bytes", "_waiting", "closings", "known",
    }  # fmt: skip
    log = next(iter(line.record.logs.values()))
    assert vars(log).keys() == {
        "id", "station", "incarnation", "shelf", "tree", "finder", "times", "depths", "items",
        "settled", "forks", "heirs", "seen", "read_forks", "leaves",
    }  # fmt: skip


def test_facts_that_a_snapshot_does_not_hold_are_read_again() -> None:
    assert set(FactKind) - FOLDED == {
        FactKind.CHARTER, FactKind.LIFE, FactKind.NOTE, FactKind.PROOF,
    }  # fmt: skip


def resumed(post: Post, store: Store, every: int) -> Station:
    """The station of a store that makes snapshots on the way, from the last of which it starts."""
    Resumer(store, every).load(post.who.id, post.realm, post.net.now(), None, Run())
    return resumed_once(post, store)


def pictures(station: Station) -> dict[bytes, dict[str, object]]:
    """Everything that officers and peers can see of a station."""
    out = {}
    for name, line in station.lines.items():
        found = picture(line)
        line.ladder.prune()
        found["clocks"] = sorted(clocks(line.ladder))
        found["ends"] = sorted(entry[0] for entry in line.ladder._heap)
        found["notes"] = {log: book.heads for log, book in line.notes.items()}
        found["unsaid"] = sorted(line.ladder.unsaid.waiting.items(), key=str)
        found["strange"] = line.ladder.unsaid.strange
        found["moments"] = (line.unnoted_at, line.unsealed_at, line.unwitnessed)
        found["frontier"] = line.record.frontier(line.own_log)
        found["held by peers"] = {
            peer: {log: size for log, size in known.theirs.items() if size}
            for peer, known in line.peers.items()
        }
        found["relay"] = list(line.relay_queue)
        found["slots"] = (line.slot_done, line.slot_checked, line.slot_noted, line.amended_ms)
        found["forks"] = {log.id: (log.leaves, log.tips()) for log in line.record.logs.values()}
        found["receipts"] = {
            (item.statement.digest, peer): line.ladder.receipt_for(item.statement, peer)
            for item in line.record.order for peer in (*line.peers, line.own)
        }  # fmt: skip
        found["crossed"] = [
            [other.statement.digest for other in line.crossed(item)] for item in line.record.order
        ]
        out[name] = found
    return out


def live(net: Net, seed: int, steps: int) -> None:
    """Let officers of all stations say all kinds of things while wires come and go."""
    chance = random.Random(seed)
    posts = list(net)
    net.connect_all()
    for step in range(steps):
        post = chance.choice(posts)
        other = chance.choice([each for each in posts if each is not post])
        known = post.order()
        target = chance.choice(known)
        kind = chance.randrange(9)
        with_key = f"key {step}" if chance.random() < 0.5 else ""
        try:
            match kind:
                case 0 | 1 | 2:
                    rank = chance.choice(list(Precedence))
                    post.speak(message(f"text {step}", rank), key=with_key)
                case 3 | 4:
                    how = chance.choice((Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON))
                    post.speak(answer(how, target), key=with_key)
                case 5:
                    role = chance.choice((RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES))
                    post.speak(replace(message("better"), refs=(Ref(target, role),)))
                case 6:
                    staffed = chance.random() < 0.5
                    post.speak(Content(kind=Kind.WATCH, body=Body(staffed=staffed)))
                case 7:
                    net.cut(post, other)
                case _:
                    net.connect(post, other)
        except TielineError:
            pass  # the rules forbid it now
        net.deliver()
        net.pass_time(chance.choice((0, 0, 0, 1, 1, 60)))


def test_a_silence_that_is_yet_to_be_said_is_in_a_snapshot() -> None:
    net, sent = silence_waits()
    alpha, _ = net
    station = resumed(alpha, MemoryStore(alpha.facts), 1)
    ladder = station.lines[alpha.line.id].ladder
    (owed,) = ladder.unsaid.waiting.values()
    assert (owed.refs[0].target, owed.body.party, owed.body.rung) == (
        sent, "BRAVO", Rung.ACKNOWLEDGED
    )  # fmt: skip
    assert ladder.unsaid.wakeup() == 0
    assert ladder.unsaid.take(0) == [owed]
    assert ladder.unsaid.take(0) == []


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 25), st.integers(1, 90))
def test_a_snapshot_and_what_follows_equal_the_whole_journal(
    seed: int, steps: int, every: int
) -> None:
    net = Net(kits(3))
    live(net, seed, steps)
    for post in net:
        store = MemoryStore(post.facts)
        station = resumed(post, store, every)
        assert store.past.kept() is not None or len(post.facts) < every
        assert pictures(station) == pictures(post.reload())


def test_without_room_there_is_no_snapshot_and_the_station_starts() -> None:
    net = Net(kits(2))
    live(net, 2, 12)
    alpha = net.post("ALPHA")
    store = MemoryStore(alpha.facts)
    store.full = True
    assert pictures(resumed(alpha, store, 3)) == pictures(alpha.reload())
    assert store.past.kept() is None


def test_a_snapshot_lets_the_objects_go() -> None:
    net = Net(kits(2))
    net.connect_all()
    alpha = net.post("ALPHA")
    for number in range(90):
        alpha.speak(message(f"text {number}"), key=f"key {number}")
        net.deliver()
    station = resumed(alpha, MemoryStore(alpha.facts), len(alpha.facts))
    line = next(iter(station.lines.values()))
    assert [len(log.items.recent) for log in line.record.logs.values()] == [0, 0]
    assert line.keys.fresh == {}
    assert line.keys["key 7"] == alpha.line.keys["key 7"]
    assert sum(len(cover.receipts) for cover in line.ladder.covers.values()) == 0
    assert list(line.ladder.tallies.settled()) == []
    assert line.record.run(line.record.refs) == list(line.record.order)


def test_a_station_that_has_made_snapshots_is_as_one_that_has_made_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of what it remembers nothing of and has to ask the archive for."""
    monkeypatch.setattr(shelf, "MAX_CACHED", 3)
    monkeypatch.setattr(tally, "MAX_CACHED", 3)
    net = Net(kits(3))
    live(net, 7, 30)
    alpha = net.post("ALPHA")
    store = MemoryStore(alpha.facts)
    station = Resumer(store, 20).load(alpha.who.id, alpha.realm, net.now(), None, Run())
    assert store.past.kept() is not None
    assert pictures(station) == pictures(alpha.reload())


def test_a_snapshot_reads_nothing_of_what_waits_for_officers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock runs for each statement that nobody has acknowledged: thousands, on a busy line."""
    net = Net(kits(2))
    net.connect_all()
    alpha = net.post("ALPHA")
    for number in range(40):
        alpha.speak(message(f"text {number}"))
        net.deliver()
    store = MemoryStore(alpha.facts)
    station = resumed(alpha, store, len(alpha.facts))
    line = station.lines[alpha.line.id]
    assert len(clocks(line.ladder)) >= 40
    read: list[object] = []
    for name in ("statements", "tally", "receipt"):
        monkeypatch.setattr(store.past, name, lambda *args: read.append(args))
    assert snapshot.take(line, net.now()).tallies == []
    assert len(clocks(line.ladder)) >= 40
    assert read == []


@pytest.mark.parametrize("what", ["state", "chunk", "rare", "format", "journal"])
def test_a_snapshot_that_cannot_be_right_is_thrown_away(what: str) -> None:
    net = Net(kits(2))
    live(net, 5, 15)
    alpha = net.post("ALPHA")
    store = MemoryStore(alpha.facts)
    resumed(alpha, store, 20)
    past = store.past
    kept = past.kept()
    assert kept is not None
    line = alpha.line.id
    if what == "state":
        past.keep(kept.seq, kept.body, [_settlement(line, kept.states[line][:-1] + b"\0")])
    elif what == "chunk":
        past.keep(kept.seq, kept.body, [_settlement(line, kept.states[line], ("0 leaves", 0))])
    elif what == "rare":
        form, _, second, hashes = cast("tuple[Value, ...]", encode.loads(kept.body))
        past.keep(kept.seq, encode.dumps((form, (1, 65_535), second, hashes)), [])
    elif what == "format":
        past.keep(kept.seq, b"\x84\x18\x63" + kept.body[2:], [])
    else:
        store = MemoryStore(alpha.facts[: kept.seq - 1])
        store.past = past.copy(list(alpha.facts[: kept.seq - 1]), lambda: None)
        alpha.facts = alpha.facts[: kept.seq - 1]
    assert pictures(resumed_once(alpha, store)) == pictures(alpha.reload())


def resumed_once(post: Post, store: Store) -> Station:
    return Resumer(store, 10**9).load(post.who.id, post.realm, post.net.now(), None, Run())


def _settlement(line: bytes, state: bytes, chunk: tuple[str, int] | None = None) -> Settlement:
    chunks = [] if chunk is None else [(*chunk, bytes(32))]
    return Settlement(line=line, state=state, chunks=chunks, tallies=[], receipts=[], acts=[])


def test_the_snapshot_of_a_long_log_is_written_in_parts() -> None:
    """Only the chunks that have changed are written again."""
    net = Net(kits(2))
    alpha = net.post("ALPHA")
    line = alpha.line
    first = snapshot.take(line, net.now())
    snapshot.settle(line, first)
    assert snapshot.take(line, net.now()).chunks == []
    alpha.speak(message())
    names = {name for name, _, _ in snapshot.take(line, net.now()).chunks}
    assert "refs" in names
    assert any(name.endswith("leaves") for name in names)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_a_finder_finds_what_its_runs_hold_and_nothing_else(size: int, more: int) -> None:
    small, large = shelf.SMALL_RUN, shelf.LARGE_RUN
    shelf.SMALL_RUN, shelf.LARGE_RUN = 4, 16  # type: ignore[misc]
    try:
        tree = Tree()
        finder = Finder(tree.leaves)
        for number in range(size):
            tree.append(leaf_hash(bytes((number,))))
            finder.grow()
        again = Finder(tree.leaves)
        again.restore(finder.parts())
        for number in range(size, size + more):
            tree.append(leaf_hash(bytes((number,))))
            finder.grow()
            again.grow()
        assert finder.done == again.done == (size + more) // 4 * 4
        for number in range(size + more):
            wanted = number if number < finder.done else None
            for name in (tree.leaf(number), tree.leaf(number)[:16]):
                assert finder.find(name) == again.find(name) == wanted
            other = tree.leaf(number)[:-1] + bytes((tree.leaf(number)[-1] ^ 1,))
            assert finder.find(other) is None
    finally:
        shelf.SMALL_RUN, shelf.LARGE_RUN = small, large  # type: ignore[misc]


def test_the_facts_of_a_station_in_this_test_are_of_many_kinds() -> None:
    net = Net(kits(3))
    live(net, 1, 25)
    found: set[int] = {fact.kind for post in net for fact in post.facts}
    assert found >= {FactKind.RECEIPT, FactKind.HANDED_OVER, FactKind.ALARM, FactKind.STATE}


def test_after_a_log_was_cut_the_snapshot_is_written_anew() -> None:
    """An array that became shorter leaves nothing of itself behind in the archive."""
    net = Net(kits(2))
    net.connect_all()
    alpha = net.post("ALPHA")
    for number in range(30):
        alpha.speak(message(f"text {number}"))
    net.deliver()
    store = MemoryStore(alpha.facts)
    line = alpha.line
    first = snapshot.take(line, net.now())
    store.past.keep(1, b"", [first])
    snapshot.settle(line, first)
    log = line.record.logs[line.own_log]
    log.settled = log.items.first = log.size
    log.items.recent.clear()
    line.record.shelf.archive = store.past
    cut._retire(line.record, log, 7)
    second = snapshot.take(line, net.now())
    assert second.anew
    store.past.keep(2, b"", [second])
    leaves = [data for name, data in store.past.chunks(line.id) if name.endswith("0 leaves")]
    others = {name for name, _ in store.past.chunks(line.id)}
    assert [len(data) for data in leaves] == [7 * 32]
    assert others == {name for name, _, _ in second.chunks}
    snapshot.settle(line, second)
    assert not snapshot.take(line, net.now()).anew


@pytest.mark.parametrize("every", [1, 3, 7, 29, 10**9])
def test_a_snapshot_of_logs_that_a_charter_has_ended_equals_the_whole_journal(every: int) -> None:
    """One log is ended within what is held, one is left empty, and life goes on after both."""
    net = keys.line_of_four()
    alpha, bravo, charlie = net.post("ALPHA"), net.post("BRAVO"), net.post("CHARLIE")
    loot = keys.stolen(net, alpha.who, "a log of a thief", b"a thief!")
    second = keys.rotated(net, known_to=charlie)
    keys.part(net, "CHARLIE")
    keys.bring(bravo, charlie, loot)
    late = alpha.speak(message("CHARLIE does not know this yet", Precedence.FLASH), key="k").item
    alpha.speak(Content(kind=Kind.SUSPEND, body=Body(cause="a drill")))
    net.deliver()
    for target in (late, loot.digest):
        bravo.speak(answer(Kind.ACKNOWLEDGE, target))
    net.deliver()
    charlie.install(second)
    keys.join(net, "CHARLIE")
    net.pass_time(keys.HOUR_S)
    assert [log.size for log in bravo.line.record.logs.values() if log.forks] == [2, 0]
    alpha.speak(message("CHARLIE does not know this yet", Precedence.FLASH), key="k")
    net.pass_time(60)
    for post in net:
        station = resumed(post, MemoryStore(post.facts), every)
        assert pictures(station) == pictures(post.reload())
