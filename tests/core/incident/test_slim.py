"""A book that reads its past again says what a book says that keeps everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from tests.core.incident.made import DAY, World, orders, ref, said
from tests.core.incident.test_growing import Story, look

from tieline.core.agreement.meaning import Act
from tieline.core.errors import LocalError
from tieline.core.incident import book as books
from tieline.core.incident.book import Book
from tieline.core.incident.entry import Entry, Placed
from tieline.core.incident.loose import CHUNK, Fresh, Noted, Spot, is_plain, read_noted
from tieline.core.terms import Kind, RefRole

RUNS = 300


class Shelves:
    """The past of a world: each statement is made anew whenever it is asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made = 0

    def _at(self, log: bytes, position: int) -> Entry:
        return next(
            one for one in self.world.entries
            if (one.log, one.position) == (log, position) and not one.story
        )  # fmt: skip

    def place(self, digest: bytes) -> tuple[bytes, int] | None:
        found = (one for one in self.world.entries if one.digest == digest and not one.story)
        return next(((one.log, one.position) for one in found), None)

    def digest(self, log: bytes, position: int) -> bytes | None:
        return self._at(log, position).digest

    def rank(self, log: bytes, position: int) -> tuple[int, int]:
        return self._at(log, position).key[:2]

    def entry(self, log: bytes, position: int) -> Entry | None:
        self.made += 1
        return replace(self._at(log, position))

    def entries(self) -> Iterator[Entry]:
        for one in sorted(self.world.entries, key=lambda one: one.key):
            self.made += 1
            yield replace(one)


class Told(Story):
    """As its parent, with many texts and receipts beside it that are drawn in late or never."""

    def begins(self) -> None:
        """Mostly something plain: to nothing, or to what was said long ago."""
        if self.chance.random() < 0.2:
            super().begins()
            return
        kind = self.chance.choice((Kind.MESSAGE, Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON))
        old = self.chance.sample(self.world.entries[2:], min(2, len(self.world.entries) - 2))
        refs = ref(*old[: self.chance.randrange(3)], role=RefRole.ANSWERS)
        if self.chance.random() < 0.1:
            refs = (*refs, *ref(self.opening))
        self.post().says(None, refs, kind=kind, story=self.chance.random() < 0.05)

    def against(self) -> None:
        """A plain one too is taken back, corrected, or drawn in by who corrects it."""
        old = self.some()
        if old is None or old.said is not None or self.chance.random() < 0.3:
            super().against()
            return
        role = self.chance.choice((RefRole.CANCELS, RefRole.CORRECTS, RefRole.SUPERSEDES))
        refs = [*ref(old, role=role), *(ref(self.opening) * self.chance.randrange(2))]
        self.post(old.party).says(None, refs)


def take(book: Book, entry: Entry, *, skims: bool) -> None:
    """Take an entry in as a station does, by where it stands if that is enough, or in full."""
    roles = (role for role, _ in entry.refs)
    plain = entry.said is None and not entry.story and is_plain(entry.kind, roles)
    spot = Spot(entry.digest, entry.log, entry.position)
    if not (skims and plain and book.skim(spot, entry.refs)):
        book.admit(replace(entry))


def same(one: object) -> object:
    """What is shown, with each entry by its digest: the two books have copies of their own."""
    if isinstance(one, Entry):
        return one.digest
    if isinstance(one, tuple | list):
        return [same(each) for each in one]
    if isinstance(one, dict):
        return {same(name): same(each) for name, each in one.items()}
    if hasattr(one, "__dataclass_fields__"):
        return type(one).__name__, [same(getattr(one, name)) for name in one.__dataclass_fields__]
    return one


def compare(full: Book, slim: Book, story: Story, kinds: list[int], seed: int) -> None:
    world = story.world
    assert full.ids() == slim.ids(), seed
    assert full.names() == slim.names(), seed
    assert set(full.touched()) == set(slim.touched()), seed
    assert [one.digest for one in full.entries()] == [one.digest for one in slim.entries()], seed
    assert same(full.texts()) == same(slim.texts()), seed
    for one in world.entries:
        assert full.of(one.digest) == slim.of(one.digest), seed
        assert same(full.entry(one.digest)) == same(slim.entry(one.digest)), seed
    for id_ in full.ids():
        for kind in kinds:
            there = look(full, id_, world.now_ms, kind, {})
            assert same(there) == same(look(slim, id_, world.now_ms, kind, {})), seed
        for one in world.entries:
            assert full.holds(id_, one.digest) is slim.holds(id_, one.digest), seed
            if full.entry(one.digest) is not None:
                known = full.known(id_, one.digest)
                assert same(known) == same(slim.known(id_, one.digest)), seed


def citations(book: Book, world: World) -> dict[bytes, set[bytes]]:
    """What cites what is of no incident, with or without the help of notes."""
    return {
        one.digest: {each.digest for _, each in book._citing(one)}
        for one in world.entries
        if book.entry(one.digest) is not None and not book.of(one.digest)
    }


class Disk:
    """What books give away, life after life: chunks, of which only the changed ones come again."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, int], bytes] = {}
        self.given = 0

    def keep(self, book: Book) -> Fresh:
        """Take what is new of a book."""
        assert book.loose is not None
        fresh = book.loose.fresh()
        if fresh.whole:
            self.chunks.clear()
        self.chunks.update({(name, number): data for name, number, data in fresh.chunks})
        book.loose.given(fresh)
        self.given += len(fresh.chunks)
        return fresh

    def noted(self, fresh: Fresh, sizes: dict[bytes, int]) -> Noted:
        """What a later life reads."""
        arrays: dict[str, bytes] = {}
        for (name, _), data in sorted(self.chunks.items()):
            arrays[name] = arrays.get(name, b"") + data
        logs = [(log, sizes.get(log, 0)) for log in fresh.logs]
        return read_noted(logs, fresh.citations, arrays, fresh.sums)


def reborn(book: Book, disk: Disk, read: list[Entry], world: World, *, skims: bool) -> Book:
    """The book of a later life, which reads again what is marked, and second stories."""
    sizes: dict[bytes, int] = {}
    for one in read:
        if not one.story:
            sizes[one.log] = max(sizes.get(one.log, 0), one.position + 1)
    noted = disk.noted(disk.keep(book), sizes)
    marked = {(log, position) for log, places in noted.again() for position in places}
    out = Book(world, Shelves(world), looks=1)
    assert out.loose is not None
    out.loose.resume(noted)
    for one in sorted(read, key=lambda one: one.key):
        if one.story or (one.log, one.position) in marked:
            take(out, one, skims=skims)
    for _ in out.settle_steps():
        pass
    out.touched()
    return out


def grown(seed: int, *, skims: bool, lives: bool = False) -> int:
    """How many statements the slim book does not keep at the end."""
    disk = Disk()
    chance = Random(seed)
    story = Told(chance)
    world = story.world
    entries = orders(world.entries, world, iter(lambda: chance.randrange(10**6), -1))
    if seed % 5 == 4:  # effects before causes
        chance.shuffle(entries)
    full, slim = Book(world, looks=10**6), Book(world, Shelves(world), looks=1)
    for place, entry in enumerate(entries, 1):
        full.admit(entry)
        take(slim, entry, skims=skims)
        if chance.random() < 0.1:
            take(slim, entry, skims=skims)
        if place == len(entries) or chance.random() < 0.15:
            for book in (full, slim):
                for _ in book.settle_steps():
                    pass
            compare(full, slim, story, chance.sample(range(6), 3), seed)
            if lives and (place == len(entries) or (seed % 5 < 4 and chance.random() < 0.5)):
                slim = reborn(slim, disk, entries[:place], world, skims=skims)
                compare(full, slim, story, chance.sample(range(6), 3), seed)
                assert citations(slim, world) == citations(full, world), seed
    assert not lives or disk.given > 0
    return len(world.entries) - len(slim._known)


@pytest.mark.parametrize("skims", [False, True])
def test_what_is_not_kept_changes_no_answer(skims: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MAX_BROUGHT", 5)
    dropped = [grown(seed, skims=skims) for seed in range(RUNS)]
    assert sum(dropped) > RUNS  # of each history more than one, or nothing was tried


@pytest.mark.parametrize("skims", [False, True])
def test_a_later_life_reads_what_is_marked_and_says_the_same(
    skims: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "MAX_BROUGHT", 5)
    dropped = [grown(seed, skims=skims, lives=True) for seed in range(RUNS // 3)]
    assert sum(dropped) > RUNS // 3


def test_a_late_link_to_an_old_text_draws_it_in_with_what_cites_it() -> None:
    world = World()
    old = world.say("ALPHA", None)
    heard = world.say("BRAVO", None, ref(old, role=RefRole.ANSWERS), kind=Kind.ACKNOWLEDGE)
    for _ in range(200):
        world.say("CHARLIE", None)
    opening = world.say("ALPHA", said(Act.OPEN))
    attach = world.say("ALPHA", said(Act.ATTACH), ref(opening, old))
    after = world.say("BRAVO", None, ref(heard))
    past = Shelves(world)
    slim = Book(world, past)
    for entry in world.entries:
        take(slim, entry, skims=True)
    assert past.made <= 1
    assert same(slim.members(opening.digest)) == [
        one.digest for one in (old, heard, opening, attach, after)
    ]
    assert slim.of(old.digest) == ()
    assert past.made == 3  # what is shown now, and nothing of the 200
    slim.view(opening.digest, world.now_ms)
    assert past.made == 3


class Failing(Shelves):
    """A store of which something cannot be read for a while: all, or what is in ``lost``."""

    fails = False
    lost: frozenset[bytes] = frozenset()

    def entry(self, log: bytes, position: int) -> Entry | None:
        if self.fails or self._at(log, position).digest in self.lost:
            raise LocalError("record.damaged", "it is not in the store as it was")
        return super().entry(log, position)


def test_a_past_that_cannot_be_read_for_a_while_leaves_nothing_out_afterwards() -> None:
    world = World()
    old = world.say("ALPHA", None)
    world.say("BRAVO", None, ref(old, role=RefRole.ANSWERS), kind=Kind.ACKNOWLEDGE)
    opening = world.say("ALPHA", said(Act.OPEN))
    world.say("ALPHA", said(Act.ATTACH), ref(opening, old))
    past = Failing(world)
    full, slim = Book(world), Book(world, past)
    for entry in world.entries:
        full.admit(entry)
        take(slim, entry, skims=True)
    past.fails = True
    assert slim.head(opening.digest).unread == (old.digest,)
    past.fails = False
    assert same(slim.head(opening.digest)) == same(full.head(opening.digest))
    assert same(slim.rows(opening.digest)) == same(full.rows(opening.digest))


def test_of_what_is_attached_one_text_that_cannot_be_read_is_named_and_the_rest_shown() -> None:
    world = World()
    texts = [world.say("ALPHA", None) for _ in range(3)]
    heard = world.say("BRAVO", None, ref(texts[1], role=RefRole.ANSWERS), kind=Kind.ACKNOWLEDGE)
    opening = world.say("ALPHA", said(Act.OPEN))
    attach = world.say("ALPHA", said(Act.ATTACH), ref(opening, *texts))
    back = world.say("BRAVO", None, ref(heard, role=RefRole.CANCELS))
    past = Failing(world)
    past.lost = frozenset((texts[1].digest,))
    slim = Book(world, past)
    for entry in world.entries:
        take(slim, entry, skims=True)
    assert slim.ids() == (opening.digest,)
    for _ in range(2):
        head = slim.head(opening.digest)
        assert head.unread == (texts[1].digest,)
        assert head.count == 4  # what cites the one that is lost is reached by nothing else
    shown = [texts[0].digest, texts[2].digest, opening.digest, attach.digest]
    assert same(slim.members(opening.digest)) == shown
    past.lost = frozenset()
    assert slim.head(opening.digest).unread == ()
    found = same(slim.members(opening.digest))
    assert isinstance(found, list)
    assert set(found) == {*shown, texts[1].digest, heard.digest, back.digest}


def test_of_very_much_that_cites_one_text_only_what_is_shown_is_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(books, "MAX_BROUGHT", 8)
    world = World()
    old = world.say("ALPHA", None)
    for _ in range(300):
        world.say("BRAVO", None, ref(old))
    opening = world.say("ALPHA", said(Act.OPEN))
    world.say("ALPHA", said(Act.ATTACH), ref(opening, old))
    past = Shelves(world)
    full, slim = Book(world), Book(world, past)
    for entry in world.entries:
        full.admit(entry)
        take(slim, entry, skims=True)
    assert same(slim.rows(opening.digest)) == same(full.rows(opening.digest))
    assert past.made == 8


def test_of_those_of_one_rank_the_first_ones_in_display_order_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(books, "MAX_BROUGHT", 4)
    world = World()
    old = world.say("ALPHA", None)
    posts = [world.post("BRAVO", name) for name in ("one", "two", "three", "four", "five", "six")]
    for post in posts:
        post.reads_all()
    late = world.now_ms + DAY
    for post in posts:
        post.says(None, ref(old), time_ms=late)
    opening = world.say("ALPHA", said(Act.OPEN))
    world.say("ALPHA", said(Act.ATTACH), ref(opening, old))
    full, slim = Book(world), Book(world, Shelves(world))
    for entry in world.entries:
        full.admit(entry)
        take(slim, entry, skims=True)
    assert same(slim.rows(opening.digest)) == same(full.rows(opening.digest))


def test_a_plain_statement_of_an_incident_is_not_skimmed() -> None:
    world = World()
    opening = world.say("ALPHA", said(Act.OPEN))
    word = world.say("BRAVO", None, ref(opening))
    beside = world.say("BRAVO", None)
    slim = Book(world, Shelves(world))
    slim.admit(opening)
    assert not slim.skim(Spot(word.digest, word.log, word.position), word.refs)
    assert slim.skim(Spot(beside.digest, beside.log, beside.position), beside.refs)
    slim.admit(word)
    assert slim.members(opening.digest) == (opening, word)
    assert not Book(world).skim(Spot(beside.digest, beside.log, beside.position), beside.refs)


def test_what_waits_for_what_it_cites_is_read_again_by_a_later_life() -> None:
    world = World()
    early = world.post("ALPHA").says(None, ((RefRole.CONCERNS, bytes(32)),))
    plain = world.post("ALPHA").says(None)
    slim = Book(world, Shelves(world))
    for entry in (early, plain):
        take(slim, entry, skims=True)
    assert not slim._known
    disk = Disk()
    noted = disk.noted(disk.keep(slim), {early.log: 2})
    assert dict(noted.again()) == {early.log: [early.position]}


def marks_of(noted: Noted) -> dict[bytes, list[int]]:
    return {row.log: list(row.marks) for row in noted.rows}


def test_positions_of_which_nothing_is_noted_leave_no_hole_between_chunks() -> None:
    """Tests, and what an observer says, are noted nowhere: chunks may begin or end with them."""
    log, size = b"log", CHUNK // 4
    for seed in range(100):
        chance, disk, at = Random(seed), Disk(), 0
        slim = Book(World(), Shelves(World()))
        assert slim.loose is not None
        while at < 4 * size:
            at += chance.choice((1, 1, 2, size - 1, size, 2 * size))
            for place in range(at, at + chance.choice((1, 3, size))):
                (slim.loose.put if chance.random() < 0.9 else slim.loose.again)(log, place)
                at = place
            if chance.random() < 0.7:
                disk.keep(slim)
        fresh = disk.keep(slim)
        noted = disk.noted(fresh, {log: at + 1})
        assert marks_of(noted)[log] == list(slim.loose._rows[log].marks), seed


def test_chunks_of_two_times_and_those_that_were_lost_are_noticed() -> None:
    log, size = b"log", CHUNK // 4
    slim, disk = Book(World(), Shelves(World())), Disk()
    assert slim.loose is not None
    for place in range(3 * size):
        slim.loose.put(log, place)
    disk.keep(slim)
    before = dict(disk.chunks)
    slim.loose.again(log, 5)
    fresh = disk.keep(slim)
    assert marks_of(disk.noted(fresh, {log: 3 * size}))
    for damaged in (before, {key: data for key, data in disk.chunks.items() if key[1] != 1}):
        kept, disk.chunks = disk.chunks, dict(damaged)
        with pytest.raises(LocalError, match="cannot be right"):
            disk.noted(fresh, {log: 3 * size})
        disk.chunks = kept


class Forked(World):
    """As a record answers of second stories: by what the first one at their place had read."""

    def saw(self, later: Placed, earlier: Placed) -> bool:
        return (isinstance(later, Entry) and later.story) or super().saw(later, earlier)


@pytest.mark.parametrize("first", [True, False])
def test_forks_that_cite_ahead_have_nothing_placed_anew_and_belong_to_nothing(first: bool) -> None:
    world = Forked()
    opening = world.say("ALPHA", said(Act.OPEN))
    forks = [world.post("BRAVO").says(None, (), story=True) for _ in range(5)]
    beside = world.say("ALPHA", None)
    ahead = world.say("ALPHA", None, ref(opening))
    for place, fork in enumerate(forks):
        forks[place] = replace(fork, refs=ref((ahead, beside)[place % 2], opening, opening))
        world.entries[world.entries.index(fork)] = forks[place]
    past = Shelves(world)
    slim = Book(world, past)
    for entry in [opening, *forks, beside, ahead] if first else [opening, beside, ahead, *forks]:
        take(slim, entry, skims=True)
    assert not slim._stale
    assert past.made == 0
    # What they cite that stands before them counts; what comes after them does not.
    late = replace(forks[0], digest=bytes(32), refs=ref(ahead))
    world.seen[late.digest] = world.seen[forks[0].digest]
    slim.admit(late)
    assert slim.of(late.digest) == ()
    assert slim.of(forks[0].digest) == (opening.digest,)
