"""A later life reads what the bookmark marks, says the same, and trusts no bookmark of another."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import Desk
from tests.node.test_incidents import FIRST, OFFICER, alike, carry, say, two

from tieline.core.line import Line
from tieline.core.log import Item
from tieline.core.record import Record
from tieline.node import agreements, bookmark, incidents, passage
from tieline.node.incidents import Incidents
from tieline.node.view import Json
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
        self.own: dict[Path, set[str]] = {}  # what each home said

    async def act(self) -> None:
        """One of them says something."""
        chance = self.chance
        desk = chance.choice(self.desks)
        match chance.randrange(8) if self.opened else 0:
            case 0:
                self.opened.append(await say(desk, "open", means=FIRST))
                await self.exchange()
            case 1:
                await say(desk, "word", chance.choice(self.opened), means=FIRST)
            case 2:
                await self.send(desk, text="of it", incident=[chance.choice(self.opened)])
            case 3 if self.said:
                await self.answer(desk, chance.choice(self.said))
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
    host = desk.running.host
    host.agreements.past = None
    host.agreements._readers.clear()
    host.incidents = Incidents(host.agreements)
    desk.acts.__dict__.pop("_incidents", None)
    return await shown(desk, story)


def line_of(desk: Desk) -> Line:
    return next(iter(desk.running.host.station.lines.values()))


@pytest.mark.parametrize("seed", range(3))
def test_a_later_life_reads_less_and_shows_the_same(
    tmp_path: Path, fetched: list[int], seed: int
) -> None:
    asyncio.run(_lives(tmp_path, fetched, seed))


async def _lives(folder: Path, fetched: list[int], seed: int) -> None:
    story = Story(seed, *await two(folder))
    for life in range(3):
        for _ in range(ACTS):
            await story.act()
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


def used(desk: Desk) -> bool:
    host = desk.running.host
    return host.agreements.bookmark(line_of(desk)) is not None
