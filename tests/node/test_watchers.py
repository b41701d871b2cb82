"""Who follows a station: what is told once for all, and who is slow, gone or comes late."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

import pytest

from tieline.core.journal import Fact, FactKind
from tieline.node import watchers
from tieline.node.view import Json
from tieline.node.watchers import LIVE_PIECE, REPLAY_PIECE, Feed, Told

Stream = AsyncGenerator[Sequence[Told], None]


class Journal:
    """A journal in memory, and how often each entry of it was shown."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.shown: list[int] = []
        self.broken = 0
        self.feed = Feed(self)

    def entries(self, since: int) -> list[tuple[int, Fact]]:
        return list(enumerate(self.facts[since : since + 40], since + 1))

    def last(self) -> int:
        return len(self.facts)

    def event(self, seq: int, fact: Fact) -> dict[str, Json]:
        self.shown.append(seq)
        if seq == self.broken:
            raise RuntimeError("cannot be shown")
        return {"type": "note", "seq": seq, "text": fact.body.decode()}

    def add(self, count: int, text: str = "said") -> None:
        """Commit and publish, as one turn does."""
        first = len(self.facts) + 1
        facts = [Fact(kind=FactKind.NOTE, at_ms=1, line=b"", body=text.encode())] * count
        self.facts += facts
        self.feed.publish(first, facts)


async def take(stream: Stream, until: int) -> list[int]:
    """The numbers that a stream gives, up to one of them, without the seam."""
    seen: list[int] = []
    while not seen or seen[-1] < until:
        piece = await anext(stream)
        assert piece
        for seq, event in piece:
            value = json.loads(event)
            assert value["seq"] == seq
            if value["type"] != "live":
                seen.append(seq)
    return seen


async def level(stream: Stream) -> None:
    """Read until the seam."""
    while json.loads((await anext(stream))[-1][1])["type"] != "live":
        pass


def play(story: Callable[[Journal], Coroutine[object, object, None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60):
            await story(Journal())

    asyncio.run(run())


async def quiet(feed: Feed) -> None:
    if feed.busy:
        told = asyncio.Event()
        feed.then(told.set)
        await told.wait()


def test_what_is_new_is_shown_once_for_all() -> None:
    async def story(journal: Journal) -> None:
        streams = [journal.feed.follow(0) for _ in range(3)]
        for stream in streams:
            await level(stream)
        journal.add(3 * LIVE_PIECE + 1)
        for stream in streams:
            assert await take(stream, journal.last()) == list(range(1, journal.last() + 1))
        assert journal.shown == list(range(1, journal.last() + 1))

    play(story)


def test_the_seam_is_exact_while_entries_come() -> None:
    async def story(journal: Journal) -> None:
        journal.add(3 * REPLAY_PIECE)
        first = journal.feed.follow(0)
        await level(first)  # so that what comes is told, and not only read
        late = journal.feed.follow(5)
        seen: list[int] = []
        for _ in range(40):  # what is told while it reads is what it reads as well
            journal.add(2)
            seen += [seq for seq, event in await anext(late) if b'"live"' not in event]
        journal.add(1)
        seen += await take(late, journal.last())
        assert seen == list(range(6, journal.last() + 1))

    play(story)


def test_what_was_read_from_the_journal_is_not_told_again() -> None:
    async def story(journal: Journal) -> None:
        quick, gate = journal.feed.follow(0), asyncio.Event()
        await level(quick)

        async def words(_: Sequence[dict[str, Json]]) -> None:
            if asyncio.current_task() is journal.feed._task:
                await gate.wait()

        journal.feed.words = words
        journal.add(5)
        late = journal.feed.follow(0)
        assert await take(late, 5) == [1, 2, 3, 4, 5]
        await level(late)  # it is, while the telling of all five still waits
        gate.set()
        journal.add(1)
        assert await take(late, 6) == [6]
        assert await take(quick, 6) == [1, 2, 3, 4, 5, 6]

    play(story)


def test_one_that_does_not_read_holds_few_bytes_and_misses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchers, "WATCHER_BYTES", 20_000)

    async def story(journal: Journal) -> None:
        slow, quick = journal.feed.follow(0), journal.feed.follow(0)
        await level(slow)
        await level(quick)
        held = [one for one in journal.feed._watchers if not one.queue]
        assert len(held) == 2
        seen: list[int] = []
        for _ in range(50):
            journal.add(20, "x" * 100)
            await quiet(journal.feed)
            seen += await take(quick, journal.last())
            assert all(one.bytes <= 20_000 for one in held)
            assert all(one.bytes == sum(map(watchers.size_of, one.queue)) for one in held)
        assert sum(one.behind for one in held) == 1
        assert seen == list(range(1, 1_001))
        assert len(journal.shown) == 1_000
        assert await take(slow, 1_000) == list(range(1, 1_001))
        read_again = len(journal.shown) - 1_000
        assert 0 < read_again < 1_000  # and not what waited for it
        waiting = asyncio.ensure_future(anext(slow))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(one.behind for one in held)
        journal.add(1)  # it is level again, and is told
        assert [seq for seq, _ in await waiting] == [1_001]
        assert journal.shown.count(1_001) == 1

    play(story)


def test_nobody_is_shown_anything_who_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "UNTOLD", 100)

    async def story(journal: Journal) -> None:
        journal.add(10)
        assert not journal.feed.busy  # nobody is there
        stream = journal.feed.follow(0)
        await level(stream)
        journal.add(60)
        journal.add(60)  # more than may wait: it is read from the journal
        assert not journal.feed._untold
        assert await take(stream, 130) == list(range(11, 131))
        assert journal.shown == list(range(1, 131))
        journal.add(1)
        assert await take(stream, 131) == [131]

    play(story)


def test_one_that_goes_in_the_middle_leaves_the_others_be() -> None:
    async def story(journal: Journal) -> None:
        stays, goes = journal.feed.follow(0), journal.feed.follow(0)
        await level(stays)
        await level(goes)
        journal.add(2 * LIVE_PIECE)
        await anext(goes)
        journal.add(LIVE_PIECE)
        await goes.aclose()
        assert await take(stays, journal.last()) == list(range(1, journal.last() + 1))
        assert len(journal.feed._watchers) == 1
        await stays.aclose()
        assert not journal.feed._watchers
        journal.add(5)
        assert not journal.feed.busy

    play(story)


def test_an_entry_that_cannot_be_shown_is_said_to_each_who_comes_to_it() -> None:
    async def story(journal: Journal) -> None:
        reports: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reports.append(what))
        streams = [journal.feed.follow(0) for _ in range(2)]
        for stream in streams:
            await level(stream)
        journal.broken = 3
        journal.add(5)
        await quiet(journal.feed)
        for stream in streams:
            with pytest.raises(RuntimeError, match="cannot be shown"):
                await take(stream, 5)
        assert not journal.feed._watchers
        journal.broken = 0
        fresh = journal.feed.follow(2)
        assert await take(fresh, 5) == [3, 4, 5]
        gc.collect()  # the loop reports a task that failed when nobody has it any more
        assert any("cannot be shown" in str(each.get("exception")) for each in reports)

    play(story)


def test_what_waits_for_the_telling_hears_of_its_end() -> None:
    async def story(journal: Journal) -> None:
        stream = journal.feed.follow(0)
        await level(stream)
        done = asyncio.Event()
        journal.add(300)
        journal.feed.then(done.set)
        await done.wait()
        assert not journal.feed.busy
        assert sum(map(len, next(iter(journal.feed._watchers)).queue)) == 300

    play(story)


def test_all_who_follow_end_with_the_station() -> None:
    async def story(journal: Journal) -> None:
        streams = [journal.feed.follow(0) for _ in range(2)]
        for stream in streams:
            await level(stream)
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(0)
        journal.add(3)
        journal.feed.close()
        for each in waiting:
            with contextlib.suppress(StopAsyncIteration):
                assert [seq for seq, _ in await each] == [1, 2, 3]
        for stream in streams:
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    play(story)


def test_who_had_a_piece_in_hand_at_the_end_does_not_wait_for_ever() -> None:
    async def story(journal: Journal) -> None:
        stream = journal.feed.follow(0)
        await level(stream)
        journal.add(1)
        await take(stream, 1)
        journal.feed.close()
        async with asyncio.timeout(10):
            assert [piece async for piece in stream] == []

    play(story)
