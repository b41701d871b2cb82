"""A later life reads what the bookmark marks, says the same, and trusts no bookmark of another."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import Desk
from tests.node.test_incidents import FIRST, OFFICER, alike, carry, say, two

from tieline.core.agreement.steps import Steps
from tieline.core.errors import LocalError, ShellError, StoreFull
from tieline.core.incident.book import Book
from tieline.core.line import Line
from tieline.core.log import Item
from tieline.core.record import Record
from tieline.core.terms import rfc3339
from tieline.node import agreements, bookmark, incidents, passage, slices
from tieline.node.incidents import Incidents
from tieline.node.view import Json
from tieline.ports import Fact
from tieline.store.sqlite import SqliteStore

ACTS = 16
Damage = Callable[[SqliteStore], object]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record is a long one, in pieces."""
    for module in (agreements, incidents, passage):
        monkeypatch.setattr(module, "NEAR", 1)
        monkeypatch.setattr(module, "PIECE", 7)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was made anew for readings of a whole record."""
    out: list[int] = []
    run = Record.run

    def counted(record: Record, refs: Sequence[int]) -> list[Item]:
        out.extend(refs)
        return run(record, refs)

    monkeypatch.setattr(Record, "run", counted)
    return out


class Story:
    """A drawn history at two desks: incidents, and much that belongs to none."""

    def __init__(self, seed: int, alpha: Desk, bravo: Desk) -> None:
        self.chance = Random(seed)
        self.desks = [alpha, bravo]
        self.said: list[str] = []
        self.opened: list[str] = []
        self.notices: list[tuple[Path, str]] = []  # by the home of who gave it
        self.own: dict[Path, set[str]] = {}  # what each home said

    async def act(self) -> None:
        """One of them says something."""
        chance = self.chance
        desk = chance.choice(self.desks)
        match chance.randrange(9) if self.opened else 0:
            case 0:
                self.opened.append(await say(desk, "open", means=FIRST))
                await self.exchange()
            case 1:
                await say(desk, "word", chance.choice(self.opened), means=FIRST)
            case 2:
                await self.send(desk, text="of it", incident=[chance.choice(self.opened)])
            case 3 if self.said:
                await self.answer(desk, chance.choice(self.said))
            case 4:
                await self.notify(desk)
            case _:
                await self.send(desk, text="beside it")
        if chance.random() < 0.4:
            await self.exchange()

    async def answer(self, desk: Desk, item: str) -> None:
        """Draw an old text in, take it back, or answer it."""
        await self.exchange()
        ours = item in self.own.get(desk.running.seat.home.path, ())
        role = self.chance.choice(("answers", "concerns", *(["corrects"] if ours else ())))
        refs: list[Json] = [{"item": item, "role": role}]
        if self.chance.random() < 0.5:
            refs.append({"item": self.chance.choice(self.opened), "role": "concerns"})
        await self.send(desk, text="to that", refs=refs)

    async def notify(self, desk: Desk) -> None:
        """Tell a unit of a notice of the other, or give one."""
        home = desk.running.seat.home.path
        told = [item for giver, item in self.notices if giver != home]
        at_ms = desk.running.host.clock.now().wall_ms
        if told:
            await self.exchange()
            named: dict[str, Json] = {"item": self.chance.choice(told), "at_ms": at_ms}
            await desk.call("pass_on", officer=OFFICER, unit=f"Unit {len(self.said)}", **named)
            return
        window: dict[str, Json] = {"from": rfc3339(at_ms), "until": rfc3339(at_ms + 3_600_000)}
        given = await desk.send("cr/goodwill", {"topic": "test", **window})
        self.notices.append((home, given))

    async def send(self, desk: Desk, **text: Json) -> None:
        """A text."""
        item = str((await desk.call("send", officer=OFFICER, **text))["item"])
        self.said.append(item)
        self.own.setdefault(desk.running.seat.home.path, set()).add(item)

    async def exchange(self) -> None:
        """Both hold the same."""
        await carry(*self.desks)


async def shown(desk: Desk, story: Story) -> list[Json]:
    """All that follows from the record."""
    await desk.running.host.incidents.book(line_of(desk))
    await desk.running.host.agreements.ledger(line_of(desk))
    out: list[Json] = [
        alike(await desk.call("incidents", clocks=True)),
        alike(await desk.call("obligations")),
        alike(await desk.call("notices")),
    ]
    for one in story.opened:
        out.append(alike(await desk.call("incident", incident=one)))
        out.append(alike(await desk.call("incident_timeline", incident=one)))
    return out


def again(desk: Desk, *, stops: bool = True) -> Desk:
    """A station's next life on its store; without ``stops`` the machine lost its power."""
    running = desk.running
    if stops:
        running.host.close()
    running.store.close()
    return Desk(Running(running.seat, pair.open_store(running.seat)))


async def anew(desk: Desk, story: Story) -> list[Json]:
    """What follows from the record when all of it is read."""
    forget(desk)
    return await shown(desk, story)


def forget(desk: Desk) -> None:
    """Have the record read from its first statement by who asks next."""
    host = desk.running.host
    host.agreements.past = None
    host.agreements._readers.clear()
    host.incidents = Incidents(host.agreements)
    desk.acts.__dict__.pop("_incidents", None)


async def meanwhile(desk: Desk, chance: Random) -> None:
    """News is read from objects or from the store, and bookmarks are left in between."""
    runtime = desk.running.host.runtime
    if chance.random() < 0.3:
        runtime.snapshot(desk.running.host.clock.now())
    if chance.random() < 0.3:
        await desk.running.host.incidents.book(line_of(desk))
    if chance.random() < 0.3:
        await desk.running.host.agreements.ledger(line_of(desk))


def line_of(desk: Desk) -> Line:
    return next(iter(desk.running.host.station.lines.values()))


@pytest.mark.parametrize("seed", range(4))
def test_a_later_life_reads_less_and_shows_the_same(
    tmp_path: Path, fetched: list[int], seed: int
) -> None:
    asyncio.run(_lives(tmp_path, fetched, seed))


async def _lives(folder: Path, fetched: list[int], seed: int) -> None:
    story = Story(seed, *await two(folder))
    for life in range(3):
        for _ in range(ACTS):
            await story.act()
            await meanwhile(story.desks[0], story.chance)
        await story.exchange()
        before = await shown(story.desks[0], story)
        if life == 1:  # more comes that no bookmark is of
            await story.desks[0].call("send", text="last", officer=OFFICER)
        story.desks[0] = again(story.desks[0])
        fetched.clear()
        after = await shown(story.desks[0], story)
        read = set(fetched)
        assert 0 < len(read) < len(line_of(story.desks[0]).record.refs)
        if life != 1:
            assert after == before
        later = again(story.desks[0])
        assert await anew(later, story) == after
        story.desks[0] = again(later)


def test_a_bookmark_is_left_once_all_is_read_and_outlives_a_loss_of_power(
    tmp_path: Path, fetched: list[int]
) -> None:
    asyncio.run(_power(tmp_path, fetched))


async def _power(folder: Path, fetched: list[int]) -> None:
    story = Story(9, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    await story.exchange()
    before = await shown(story.desks[0], story)
    await story.desks[0].call("send", text="a turn", officer=OFFICER)
    story.desks[0] = again(story.desks[0], stops=False)
    fetched.clear()
    assert await shown(story.desks[0], story) == before
    assert 0 < len(set(fetched)) < len(line_of(story.desks[0]).record.refs)


def _head(store: SqliteStore) -> None:
    """Another form of notes, by the bytes that say what must be the same."""
    query = "SELECT body FROM kept_bookmark WHERE name = 'head'"
    ((data,),) = store._connection.execute(query).fetchall()
    assert isinstance(data, bytes)
    changed = bytearray(data)
    changed[10] ^= 1
    store._connection.execute(
        "UPDATE kept_bookmark SET body = ? WHERE name = 'head'", (bytes(changed),)
    )


DAMAGES: dict[str, Damage] = {
    "head": _head,
    "no head": lambda store: store._connection.execute(
        "DELETE FROM kept_bookmark WHERE name = 'head'"
    ),
    "less of an array": lambda store: store._connection.execute(
        "UPDATE kept_bookmark SET body = substr(body, 1, length(body) - 8) WHERE name = 'by'"
    ),
    "no array": lambda store: store._connection.execute(
        "DELETE FROM kept_bookmark WHERE name = 'before'"
    ),
    "odd bytes": lambda store: store._connection.execute(
        "UPDATE kept_bookmark SET body = CAST(body || x'01' AS BLOB) WHERE name = '0'"
    ),
    "marks of nothing": lambda store: store._connection.execute(
        "UPDATE kept_bookmark SET body = CAST(body || x'ffffff7f' AS BLOB) WHERE name = '0'"
    ),
    "a log too many": lambda store: store._connection.execute(
        "UPDATE kept_bookmark SET name = '9' WHERE name = '0'"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bookmark_that_cannot_be_right_is_not_used(tmp_path: Path, damage: str) -> None:
    asyncio.run(_damaged(tmp_path, DAMAGES[damage]))


async def _damaged(folder: Path, damage: Damage) -> None:
    story = Story(5, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    await story.exchange()
    before = await shown(story.desks[0], story)
    desk = again(story.desks[0])
    assert used(desk)
    assert isinstance(desk.running.store, SqliteStore)
    damage(desk.running.store)
    assert not used(desk)
    assert await shown(desk, story) == before


def test_a_bookmark_of_another_record_is_not_used(tmp_path: Path) -> None:
    asyncio.run(_of_another(tmp_path))


async def _of_another(folder: Path) -> None:
    """What was read after a copy was made is not in the copy, nor when that has become as long."""
    story = Story(7, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    await story.exchange()
    await shown(story.desks[0], story)
    first = again(story.desks[0])
    copy = folder / "copy.db"
    first.running.store.close()
    shutil.copyfile(first.running.seat.home.store_file, copy)
    desk = Desk(Running(first.running.seat, pair.open_store(first.running.seat)))
    for text in ("one", "two"):
        await desk.call("send", text=text, officer=OFFICER)
    await shown(desk, story)
    desk = again(desk)
    assert used(desk)
    assert isinstance(desk.running.store, SqliteStore)
    marks = desk.running.store._connection.execute("SELECT * FROM kept_bookmark").fetchall()
    desk.running.store.close()
    shutil.copyfile(copy, desk.running.seat.home.store_file)
    desk = Desk(Running(desk.running.seat, pair.open_store(desk.running.seat)))
    assert used(desk)  # the copy's own
    for text in ("", "three", "four", "five"):
        if text:
            await desk.call("send", text=text, officer=OFFICER)
        assert isinstance(desk.running.store, SqliteStore)
        desk.running.store._connection.execute("DELETE FROM kept_bookmark")
        desk.running.store._connection.executemany(
            "INSERT INTO kept_bookmark VALUES (?, ?, ?, ?)", marks
        )
        assert not used(desk)


def test_a_bookmark_is_of_one_charter_its_packs_and_one_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_of_one(tmp_path, monkeypatch))


async def _of_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(3, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    await shown(story.desks[0], story)
    desk = again(story.desks[0])
    line = line_of(desk)
    assert used(desk)
    with monkeypatch.context() as changed:
        changed.setattr(bookmark, "FORMAT", bookmark.FORMAT + 1)
        assert not used(desk)
    with monkeypatch.context() as changed:
        changed.setattr(bookmark, "__version__", "0.0.9")
        assert not used(desk)
    with monkeypatch.context() as changed:
        at_hand = desk.running.host.agreements.at_hand(line)
        changed.setattr(desk.running.host.agreements, "at_hand", lambda _: at_hand[:1])
        assert not used(desk)
    with monkeypatch.context() as changed:
        (signed,) = line.charters.values()
        changed.setattr(line, "charters", {1: signed, 2: signed})
        assert not used(desk)
    assert used(desk)


def test_a_later_life_knows_whom_a_notice_was_passed_to(tmp_path: Path) -> None:
    asyncio.run(_passed_on(tmp_path))


async def _passed_on(folder: Path) -> None:
    """To pass on moves nothing of itself; of a notice it says who was told."""
    desk, other = await two(folder)
    now_ms = desk.running.host.clock.now().wall_ms
    window: dict[str, Json] = {"from": rfc3339(now_ms), "until": rfc3339(now_ms + 3_600_000)}
    notice = await other.send("cr/goodwill", {"topic": "test", **window})
    await carry(desk, other)
    told: dict[str, Json] = {"unit": "Radar 3", "at_ms": now_ms}
    await desk.call("pass_on", officer=OFFICER, item=notice, **told)
    before = alike(await desk.call("notices"))
    assert "Radar 3" in str(before)
    desk = again(desk)
    assert used(desk)
    assert alike(await desk.call("notices")) == before


def test_an_undone_turn_leaves_nothing_to_later_ones_nor_to_a_later_life(tmp_path: Path) -> None:
    asyncio.run(_undone(tmp_path))


async def _undone(folder: Path) -> None:
    """After it there is another record of the line, and what comes then is read of that."""
    story = Story(2, *await two(folder))
    desk = story.desks[0]
    story.opened.append(await say(desk, "open", means=FIRST))
    await shown(desk, story)
    await undo(desk)
    await story.exchange()
    await say(story.desks[1], "word", story.opened[0], means=FIRST)
    await story.exchange()
    await say(desk, "word", story.opened[0], means=FIRST)
    after = await shown(desk, story)
    desk = again(desk)
    assert await shown(desk, story) == after
    assert await anew(desk, story) == after


async def undo(desk: Desk) -> None:
    """A turn for which there is no room, and room again."""
    before, runtime = line_of(desk), desk.running.host.runtime
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(desk.running.store, "commit", _no_room)
        with pytest.raises(StoreFull):
            await desk.running.say("undone")
    runtime._probe_at = 0
    runtime.turn([], desk.running.host.clock.now())
    assert not runtime.full
    assert line_of(desk) is not before


def test_a_turn_that_is_undone_while_the_record_is_read_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_S", 0)
    asyncio.run(_undone_meanwhile(tmp_path))


async def _undone_meanwhile(folder: Path) -> None:
    story = Story(2, *await two(folder))
    desk = story.desks[0]
    story.opened.append(await say(desk, "open", means=FIRST))
    for _ in range(4 * ACTS):
        await desk.call("send", text="beside it", officer=OFFICER)
    forget(desk)
    host, line = desk.running.host, line_of(desk)
    readings: list[asyncio.Future[object]] = [
        asyncio.ensure_future(host.agreements.ledger(line)),
        asyncio.ensure_future(host.incidents.book(line)),
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(one.done() for one in readings)
    await undo(desk)
    assert not any(one.done() for one in readings)
    await asyncio.gather(*readings)
    read = host.agreements._readers[line.id].read  # of the record that was taken back, all
    assert read[line.own_log] == line.record.size(line.own_log) > 0
    story.opened.append(await say(desk, "open", means=FIRST))
    after = await shown(desk, story)
    assert await anew(desk, story) == after


def _no_room(facts: Sequence[Fact]) -> int:
    raise StoreFull("there is no room")


def test_a_bookmark_is_used_until_a_log_has_come_to_the_place_of_a_second_story(
    tmp_path: Path,
) -> None:
    asyncio.run(_longer(tmp_path))


async def _longer(folder: Path) -> None:
    """What the first statement there has read is known from then on, and what the story has."""
    story = Story(4, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    desk = story.desks[0]
    await shown(desk, story)
    line, held = line_of(desk), desk.running.host.incidents
    reader = held._readers[line.id]
    log = line.record.logs[line.own_log]
    last = log.items[log.size - 1]
    place = replace(last.statement.place, position=log.size)
    told = replace(last, statement=replace(last.statement, place=place), second_story=True)
    beside = replace(last, second_story=True)
    line.record.stories[:] = [told, beside]
    reader.stories, reader.marked = 2, 0
    reader.early = bookmark.early(line.record, line.record.stories)
    assert reader.early == [told]
    (taken,) = held.bookmarks([line], last=True)
    assert is_of(line, taken, reader.mark[1])
    # The taken one is of a time at which the log was shorter than the story; it comes to it now.
    line.record.stories[:] = []
    await desk.call("send", text="what the story told otherwise", officer=OFFICER)
    assert log.size == place.position + 1
    line.record.stories[:] = [told, beside]
    assert not is_of(line, taken, reader.mark[1])
    reader.marked = 0
    assert held.bookmarks([line], last=True) == []  # nor is one left by who read it before that
    reader.early, reader.marked = bookmark.early(line.record, line.record.stories), 0
    assert reader.early == []
    assert held.bookmarks([line], last=True)  # but by who reads it now


def is_of(line: Line, taken: bookmark.Taken, packs: Sequence[bytes]) -> bool:
    """Whether a later life that finds the line as it is takes the bookmark."""
    arrays: dict[str, bytearray] = {}
    for name, _, data in taken.kept.chunks:
        arrays.setdefault(name, bytearray()).extend(data)
    head = bytes(arrays.pop("head"))
    return bookmark._read(line, head, arrays, bookmark.mark_of(line, packs)) is not None


def test_a_bookmark_names_the_packs_that_were_read_with(tmp_path: Path) -> None:
    asyncio.run(_read_with(tmp_path))


async def _read_with(folder: Path) -> None:
    """A pack whose file comes while a bookmark is being taken is none of them."""
    story = Story(1, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    desk = story.desks[0]
    await shown(desk, story)
    line, packed = line_of(desk), desk.running.host.agreements
    there = packed.at_hand(line)
    told = iter((there, (*there, bytes(32))))
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(packed, "at_hand", lambda _: next(told))
        (taken,) = desk.running.host.incidents.bookmarks([line], last=True)
    (head,) = [data for name, _, data in taken.kept.chunks if name == "head"]
    assert bookmark.mark_of(line, there) in head


def test_the_notes_of_a_bookmark_are_for_one_book(tmp_path: Path) -> None:
    asyncio.run(_for_one(tmp_path))


async def _for_one(folder: Path) -> None:
    """A book whose reading fails has used them: the next one begins with its own."""
    story = Story(6, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    before = await shown(story.desks[0], story)
    desk = again(story.desks[0])
    held, line = desk.running.host.incidents, line_of(desk)
    passage = desk.running.host.agreements.passages.of(line)  # as the ledger holds it
    assert passage.found is not None
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(Book, "settle_steps", _fails)
        with pytest.raises(LocalError):
            await held.book(line)
    assert not passage.begun
    second = (await held.book(line)).loose
    assert second is not None
    assert second._by is not passage.found.noted.by
    assert await shown(desk, story) == before


def _fails(book: Book) -> Steps[None]:
    raise LocalError("record.damaged", "it does not read")


def test_a_bookmark_on_a_page_that_does_not_read_is_not_used(tmp_path: Path) -> None:
    asyncio.run(_unreadable(tmp_path))


async def _unreadable(folder: Path) -> None:
    story = Story(8, *await two(folder))
    for _ in range(ACTS):
        await story.act()
    before = await shown(story.desks[0], story)
    desk = again(story.desks[0])
    assert used(desk)

    def damaged(line: bytes) -> Iterator[tuple[str, bytes]]:
        yield from ()
        raise ShellError("store.damaged", "a page does not read")

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(desk.running.host.agreements.past, "bookmark", damaged)
        assert not used(desk)
        assert await shown(desk, story) == before


def used(desk: Desk) -> bool:
    host = desk.running.host
    return host.agreements.bookmark(line_of(desk)) is not None
