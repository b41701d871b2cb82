"""What one station's checkpoints may cost the others, and what no flood of them flushes."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from tests.core.test_notes import book, hand, kept, other_root, proofs, signed, three, two_heads
from tests.core.world import Key, Post, message

from tieline.core import checkpoint, noteread, notes, notetalk, stories, sync
from tieline.core.checkpoint import Checkpoint, SignedNote
from tieline.core.events import Arrived
from tieline.core.noted import LogNotes, Noted
from tieline.core.proof import SAME_SIZE
from tieline.core.turn import Turn


def take(post: Post, note: SignedNote, keys: tuple[bytes, ...] = ()) -> bool:
    """Give a station a note past the limit on what is read of a peer in a minute."""
    noted = noteread.read(post.line, note.format(), keys, post.net.now())
    return notes.keep(post.line, noted, Turn(post.net.now()))


def origin(author: Post, life: int) -> str:
    return checkpoint.origin(author.line.id, author.who.id, life.to_bytes(8, "big"))


def true_head(author: Post, size: int) -> SignedNote:
    return signed(author, size, author.line.record.logs[author.line.own_log].tree.root(size))


def test_what_a_station_can_make_others_hold_has_a_bound_in_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Notes of 2 KiB for 32 logs: 1.6 MB of memory, of which the bound set here is held."""
    monkeypatch.setattr(notes, "MAX_STATION_BYTES", 1 << 20)
    _, alpha, bravo, charlie = three()
    take(charlie, true_head(bravo, 1))
    filler = ("x" * 60 + "\n") * 30
    texts = [
        signed(alpha, 1000 + size, other_root(), origin=origin(alpha, life), extra=filler)
        for life in range(32)
        for size in range(16)
    ]
    gc.collect()
    tracemalloc.start()
    try:
        taken = sum(take(charlie, text) for text in texts)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    scale = charlie.line.note_scales[alpha.who.id]
    assert taken < len(texts)
    assert held < 1.1 * notes.MAX_STATION_BYTES
    assert held < 1.2 * scale.total  # it is not weighed lighter than it is
    assert scale.total <= notes.MAX_STATION_BYTES + 32 * 1_200
    assert 1 in book(charlie, bravo).heads  # what others have signed is not asked for room


def test_a_flood_is_told_once_and_a_honest_head_still_finds_room() -> None:
    _, alpha, bravo, charlie = three()
    for number in range(notes.MAX_OPEN + 4):
        hand(charlie, bravo, signed(alpha, 100 + number, other_root()))
    assert [a.party for a in charlie.alarms() if a.code == "note.full"] == ["ALPHA"]
    assert len(book(charlie, alpha).open) == notes.MAX_OPEN
    assert len(kept(charlie)) == notes.MAX_OPEN
    hand(charlie, alpha, true_head(alpha, 1))
    assert book(charlie, alpha).heads[1].head.root == true_head_root(alpha)


def true_head_root(author: Post) -> bytes:
    return author.line.record.logs[author.line.own_log].tree.root(1)


@pytest.mark.parametrize("larger", [True, False])
def test_no_later_checkpoint_flushes_a_false_one_that_waits(larger: bool) -> None:
    net, alpha, bravo, charlie = three()
    size = alpha.line.record.size(alpha.line.own_log)
    false = size + 40
    hand(charlie, bravo, signed(alpha, false, other_root()))
    for number in range(1, 70):
        if not larger and number == 40:
            break
        at = false + number if larger else size + number
        take(charlie, signed(alpha, at, other_root(str(number))))
    assert false in book(charlie, alpha).heads
    for _ in range(40):
        alpha.speak(message())
    net.deliver()
    net.pass_time(5)
    assert charlie.line.record.size(alpha.line.own_log) >= false
    assert two_heads(charlie) == ["ALPHA"]
    assert [noted.head.size for noted in book(charlie, alpha).against if noted.head.size == false]


def test_the_oldest_that_agree_make_room_and_the_newest_and_all_evidence_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, alpha, bravo, charlie = three()
    for _ in range(30):
        alpha.speak(message())
    net.deliver()
    net.pass_time(5)
    take(charlie, signed(alpha, 500, other_root()))
    take(charlie, signed(alpha, 3, other_root("false")))
    held = book(charlie, alpha)
    monkeypatch.setattr(notes, "MAX_STATION_BYTES", held.scale.total + 12_000)
    for size in range(5, 31):
        assert take(charlie, true_head(alpha, size))
    assert {30, 500} <= held.heads.keys()
    assert 5 in held.heads  # it makes a proof of the false one
    assert 6 not in held.heads
    assert [noted.head.size for noted in held.against] == [3]
    assert held.scale.total <= notes.MAX_STATION_BYTES
    facts = len(kept(charlie))
    assert not take(charlie, true_head(alpha, 30))
    hand(charlie, bravo, true_head(alpha, 30))
    assert len(kept(charlie)) == facts


def test_where_nothing_can_be_let_go_of_nothing_more_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, alpha, _, charlie = three()
    take(charlie, signed(alpha, 500, other_root()))
    held = book(charlie, alpha)
    before = held.scale.total
    monkeypatch.setattr(notes, "MAX_STATION_BYTES", before + before // 2)
    assert not take(charlie, signed(alpha, 501, other_root()))
    assert (held.scale.total, sorted(held.heads)) == (before, [500])


def test_a_heavy_note_has_as_much_room_made_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    net, alpha, _, charlie = three()
    for _ in range(12):
        alpha.speak(message())
    net.deliver()
    net.pass_time(5)
    for size in range(1, 11):
        take(charlie, true_head(alpha, size))
    held = book(charlie, alpha)
    monkeypatch.setattr(notes, "MAX_STATION_BYTES", held.scale.total)
    extra = ("x" * 60 + "\n") * 30
    root = alpha.line.record.logs[alpha.line.own_log].tree.root(11)
    assert take(charlie, signed(alpha, 11, root, extra=extra))
    assert 11 in held.heads
    assert held.scale.total <= notes.MAX_STATION_BYTES


def test_a_head_that_finds_no_place_costs_no_journal() -> None:
    net, alpha, bravo, charlie = three()
    for _ in range(notes.MAX_HEADS + 8):
        alpha.speak(message())
    net.deliver()
    net.pass_time(5)
    for size in range(3, notes.MAX_HEADS + 9):
        take(charlie, true_head(alpha, size))
    assert len(book(charlie, alpha).heads) == notes.MAX_HEADS
    facts = len(kept(charlie))
    for _ in range(3):
        hand(charlie, bravo, true_head(alpha, 3))
    assert len(kept(charlie)) == facts


def test_proofs_against_one_station_have_a_bound_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "MAX_PROOF_BYTES_PER_STATION", 9_000)
    _, alpha, bravo, charlie = three()
    for life in range(20):
        for root in ("one", "two"):
            take(charlie, signed(alpha, 9, other_root(root), origin=origin(alpha, life)))
            take(charlie, signed(bravo, 9, other_root(root), origin=origin(bravo, 1)))
    found = proofs(charlie)
    assert {(each.station, each.kind) for each in found} == {
        (alpha.who.id, SAME_SIZE), (bravo.who.id, SAME_SIZE),
    }  # fmt: skip
    assert 2 <= sum(each.station == alpha.who.id for each in found) < 20


def test_notes_that_wait_for_a_charter_bring_no_more_than_the_keys_they_need() -> None:
    _, alpha, bravo, _ = three()
    claim = sync.Have(alpha.line.id, 9, full=False, heads=sync.heads(bravo.line.record))
    alpha.step(Arrived(carrier="wire", peer=bravo.who.id, envelope=sync.pack(claim)))
    early = alpha.station.exchanges[alpha.line.id].notes
    keys = tuple(bytes((number,)) * 1312 for number in range(100))
    filler = ("x" * 60 + "\n") * 30
    for size in range(70):
        note = signed(bravo, size, other_root(), key=Key("of a later version"), extra=filler)
        hand(alpha, bravo, note, keys=keys)
    waiting = sum(len(data) + sum(map(len, needed)) for data, needed, _ in early._early)
    assert early._early
    assert waiting <= notetalk.MAX_EARLY_BYTES
    assert not any(needed for _, needed, _ in early._early)


def test_names_of_logs_that_do_not_exist_hide_no_false_head_of_one_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ALPHA signs checkpoints of logs that nobody has seen, until no further one is noted."""
    monkeypatch.setattr(notes, "MAX_LOGS_PER_STATION", 4)
    _, alpha, bravo, charlie = three()
    before = len(charlie.line.note_stations)
    for life in range(8):
        hand(charlie, bravo, signed(alpha, 9, other_root(), origin=origin(alpha, life)))
    assert len(charlie.line.note_stations) == before + 4
    assert [a.party for a in charlie.alarms() if a.code == "note.full"] == ["ALPHA"]
    charlie.line.notes.pop(alpha.line.own_log, None)
    charlie.line.note_stations.pop(alpha.line.own_log, None)
    hand(charlie, bravo, signed(alpha, 1, other_root()))
    assert two_heads(charlie) == ["ALPHA"]


def test_what_is_let_go_of_weighs_nothing_and_the_rest_stays() -> None:
    _, alpha, bravo, charlie = three()
    held = LogNotes()
    before = held.scale.total
    some = [
        noteread.read(charlie.line, signed(author, 1, other_root()).format(), (), charlie.net.now())
        for author in (alpha, bravo)
    ]
    for noted in some:
        held.accuse(noted)
    held.acquit(lambda noted: noted is some[0])
    assert held.against == some[1:]
    assert held.scale.total == before + some[1].weight


def head(size: int, story: int = 0, *, sealed: bool = False) -> Noted:
    note = SignedNote(body=f"{size} {story}".encode(), signatures=())
    keys = (b"key",) if sealed else ()
    at = Checkpoint(origin="", size=size, root=bytes([story]) * 32)
    return Noted(head=at, note=note, root_key=b"", certificate=b"", keys=keys)


def test_what_is_to_be_told_of_a_log_follows_every_change_of_what_is_held() -> None:
    held = LogNotes()

    def told() -> list[Noted]:
        entries = held.to_tell()
        assert all(key == noted.told_key for key, noted in entries)
        return [noted for _, noted in entries]

    one, two, three, other = head(1), head(2), head(3), head(1, story=1)
    assert told() == []
    for noted in (one, two, three):
        held.put(noted)
        assert told() == [noted]
    held.merge(head(2, sealed=True))
    assert told() == [head(2, sealed=True), three]
    held.show([1])
    assert told() == [one, head(2, sealed=True), three]
    held.accuse(other)
    assert told() == [one, head(2, sealed=True), three, other]
    held.drop(2)
    assert told() == [one, three, other]
    held.acquit(lambda noted: noted is other)
    assert told() == [one, three]
