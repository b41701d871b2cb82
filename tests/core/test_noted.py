"""The checkpoints that a station holds of one log, and what they weigh."""

from __future__ import annotations

import pytest
from tests.core.world import chaff, kits

from tieline.core.checkpoint import Checkpoint, NoteSignature, SignedNote, body
from tieline.core.noted import LogNotes, Noted, Scale

ALPHA = kits(1)[0]
STATION = ALPHA.stations[0]
NAME = "log.example"


def line(name: str, size: int = 64, key_id: bytes = b"key1") -> NoteSignature:
    return NoteSignature(name=name, key_id=key_id, signature=chaff(name, size))


def noted(size: int, *lines: NoteSignature, keys: tuple[bytes, ...] = (), at_ms: int = 0) -> Noted:
    root = bytes((size,)) * 32
    return Noted(
        head=Checkpoint(origin=NAME, size=size, root=root),
        note=SignedNote(body=body(NAME, size, root), signatures=lines or (line("own"),)),
        root_key=ALPHA.root.public,
        certificate=STATION.certificate.encoded,
        keys=keys,
        at_ms=at_ms,
    )


def weighs(book: LogNotes) -> bool:
    """Whether the scale of a single book shows what is in it."""
    held = [*book.heads.values(), *book.against]
    return book.scale.total == 1_200 + sum(each.weight for each in held)


def test_a_note_weighs_its_text_its_lines_and_its_keys() -> None:
    bare = noted(3, line("a", 64))
    text = len(bare.note.body)
    assert bare.weight == 800 + text + 320 + 64
    assert noted(3, line("a", 64), line("b", 72)).weight == 800 + text + 2 * 320 + 64 + 72
    assert noted(3, line("a", 64), keys=(bytes(5), bytes(7))).weight == bare.weight + 12
    assert (bare.sealed, noted(3, keys=(b"k",)).sealed) == (False, True)
    assert bare.sign_key == STATION.sign_key.public


def test_what_two_notes_of_one_head_have_is_put_together() -> None:
    first, second = line("a"), line("a", 70)  # of one key: the first stays
    other, later = line("a", 64, b"key2"), line("b")
    one, two = noted(3, first, keys=(b"z",)), noted(3, second, other, later, keys=(b"a", b"z"))
    both = one.with_lines_of(two)
    assert both.note.signatures == (first, other, later)
    assert both.keys == (b"a", b"z")
    assert two.with_lines_of(one).note.signatures == (second, other, later)
    assert (both.head, both.at_ms) == (one.head, one.at_ms)


def test_the_scale_follows_whatever_happens_to_the_heads() -> None:
    book = LogNotes()
    assert book.scale.total == 1_200
    book.put(noted(3))
    book.put(noted(5, line("a", 99)))
    assert weighs(book)
    book.put(noted(3, line("a", 500)))
    assert (weighs(book), len(book.heads)) == (True, 2)
    book.merge(noted(3, line("a", 500), line("b")))
    book.merge(noted(9))
    assert (weighs(book), sorted(book.heads)) == (True, [3, 5, 9])
    book.accuse(noted(4))
    book.accuse(noted(6, line("c", 7)))
    book.merge(noted(4, line("own"), line("d", 8)), against=0)
    assert (weighs(book), [each.head.size for each in book.against]) == (True, [4, 6])
    book.acquit(lambda each: each.head.size == 4)
    assert (weighs(book), [each.head.size for each in book.against]) == (True, [6])
    book.drop(5)
    book.drop(77)
    assert (weighs(book), sorted(book.heads)) == (True, [3, 9])


def test_the_books_of_a_station_stand_on_one_scale() -> None:
    scale = Scale()
    one, other = LogNotes(scale), LogNotes(scale)
    one.put(noted(3))
    other.put(noted(3))
    assert scale.total == 2 * (1_200 + noted(3).weight)


def test_a_head_that_goes_is_neither_open_nor_shown_any_more() -> None:
    book = LogNotes()
    book.put(noted(3))
    book.open.add(3)
    book.shown.add(3)
    book.drop(3)
    assert (book.open, book.shown, book.heads) == (set(), set(), {})


@pytest.fixture
def book() -> LogNotes:
    """Heads 1 to 6: 2 and 4 with ML-DSA-44, 5 is open, 1 is part of a proof."""
    made = LogNotes()
    for size in (4, 1, 6, 2, 5, 3):
        made.put(noted(size, keys=(b"k",) if size in (2, 4) else ()))
    made.open.add(5)
    made.shown.add(1)
    return made


def test_the_largest_heads_are_found(book: LogNotes) -> None:
    latest, sealed = book.latest(), book.latest_sealed()
    assert latest is not None
    assert sealed is not None
    assert (latest.head.size, sealed.head.size) == (6, 4)
    assert (LogNotes().latest(), LogNotes().latest_sealed()) == (None, None)
    bare = LogNotes()
    bare.put(noted(3))
    assert bare.latest_sealed() is None


def test_what_can_go_is_neither_open_nor_of_a_proof_nor_the_newest(book: LogNotes) -> None:
    assert book.spare() == [2, 3]
    assert book.spare(newest=True) == [2, 3, 4, 6]
    assert LogNotes().spare() == []
    book.open.add(6)  # then 4 is the newest that was compared, besides the newest of all
    assert book.spare() == [2, 3]
    assert book.spare(newest=True) == [2, 3, 4]


def test_a_stranger_hears_of_proofs_and_of_the_newest(book: LogNotes) -> None:
    book.accuse(noted(9))
    assert [each.head.size for _, each in book.to_tell()] == [1, 4, 6, 9]
    book.shown.add(7)  # no such head is held any more
    assert [each.head.size for _, each in book.to_tell()] == [1, 4, 6, 9]
    assert LogNotes().to_tell() == ()
