"""Work that begins at once, lines given on as they end, a watcher who is told without waking."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path

import pytest

from tieline.core.journal import Fact, FactKind
from tieline.node.begun import begin
from tieline.node.client import ApiDown, AsyncClient
from tieline.node.lines import Lines
from tieline.node.view import Json
from tieline.node.watchers import AT_ONCE, WATCHER_BYTES, Feed, Told


def play(story: Callable[[], Coroutine[object, object, None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60):
            await story()

    asyncio.run(run())


# ------------------------------------------------------------------------------ begun


def test_what_waits_for_nothing_is_done_at_once() -> None:
    async def story() -> None:
        done: list[int] = []

        async def work() -> None:
            done.append(1)

        assert begin(work()) is None
        assert done == [1]

    play(story)


def test_what_waits_goes_on_as_a_task_and_is_told_what_it_waited_for() -> None:
    async def story() -> None:
        done: list[object] = []
        first: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            done.append("begun")
            done.append(await first)
            await asyncio.sleep(0)
            with pytest.raises(ValueError, match="no"):
                await refuses()
            done.append("over")

        async def refuses() -> None:
            await asyncio.sleep(0)
            raise ValueError("no")

        task = begin(work())
        assert task is not None
        assert done == ["begun"]
        first.set_result(3)
        await task
        assert done == ["begun", 3, "over"]

    play(story)


@pytest.mark.parametrize("first", ["begun", "task"])
def test_others_may_wait_for_the_same(first: str) -> None:
    async def story() -> None:
        shared: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heard: list[int] = []

        async def work() -> None:
            heard.append(await shared)

        order = (begin, asyncio.create_task) if first == "begun" else (asyncio.create_task, begin)
        tasks = [each(work()) for each in order]
        await asyncio.sleep(0)
        shared.set_result(3)
        for task in tasks:
            assert task is not None
            await task
        assert heard == [3, 3]

    play(story)


@pytest.mark.parametrize("rounds", [0, 1])
def test_what_is_called_off_is_told_so_where_it_waits(rounds: int) -> None:
    async def story() -> None:
        left: list[str] = []

        async def work() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                left.append("left")

        task = begin(work())
        assert task is not None
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left == ["left"]

    play(story)


def test_what_fails_is_told_to_the_loop_and_to_nobody_else() -> None:
    async def story() -> None:
        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, what: told.append(what["exception"])
        )

        async def work() -> None:
            raise ValueError("no")

        assert begin(work()) is None
        assert [str(each) for each in told] == ["no"]

    play(story)


def test_what_was_called_off_with_what_it_waits_for_calls_off_nobody_else() -> None:
    """Who begins it is no task that it could end, and may be in the midst of a turn."""

    async def story() -> None:
        first: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        first.cancel()

        async def work() -> None:
            await first

        assert begin(work()) is None

    play(story)


# ------------------------------------------------------------------------------ lines


class Socket(asyncio.Transport):
    """A connection that nobody writes to."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_come_whole_whatever_pieces_they_came_in(size: int) -> None:
    said, heard = b"one\n\ntwo and more\nthree\nrest", list[bytes]()
    lines = Lines(heard.append, lambda: None, 20)
    lines.connection_made(Socket())
    for at in range(0, len(said), size):
        lines.data_received(said[at : at + size])
    assert heard == [b"one", b"", b"two and more", b"three"]
    lines.data_received(b" of it\n")
    assert heard[-1] == b"rest of it"


def test_a_line_without_end_ends_the_connection() -> None:
    heard, other = list[bytes](), Socket()
    lines = Lines(heard.append, lambda: None, 20)
    lines.connection_made(other)
    lines.data_received(bytes(20))
    before = other.closed
    lines.data_received(b"x")
    assert (before, other.closed) == (False, True)
    lines.data_received(b"x\nafter\n")
    assert heard == []


def test_nothing_is_heard_after_the_reader_has_closed() -> None:
    heard, other = list[bytes](), Socket()

    def hear(line: bytes) -> None:
        heard.append(line)
        other.close()

    lines = Lines(hear, lambda: None, 20)
    lines.connection_made(other)
    lines.data_received(b"one\ntwo\n")
    assert heard == [b"one"]


# ------------------------------------------------------------------------------ the client


def talk(path: Path, says: bytes, story: Callable[[AsyncClient], Awaitable[None]]) -> None:
    """A station that answers the first request with some bytes, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(says)
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_unix_server(answer, path)
        client = AsyncClient(path)
        await client.connect()
        await story(client)
        await client.close()
        server.close()

    play(run)


@pytest.mark.parametrize("says", [b"", b"\n", b"no JSON\n", b'{"id":9,"ok":true}\n', b'{"id":1'])
def test_who_waits_is_told_when_there_is_no_answer(tmp_path: Path, says: bytes) -> None:
    async def story(client: AsyncClient) -> None:
        with pytest.raises(ApiDown):
            await client.call("status")
        with pytest.raises(ApiDown):
            await client.call("status")

    talk(tmp_path / "api", says, story)


def test_a_watch_gives_what_came_before_the_end(tmp_path: Path) -> None:
    said = b'{"id":1,"events":[{"seq":1},{"seq":2}]}\n{"id":1,"event":{"seq":3}}\n'

    async def story(client: AsyncClient) -> None:
        assert [event["seq"] async for event in client.watch()] == [1, 2, 3]

    talk(tmp_path / "api", said, story)


def test_who_waits_is_told_when_the_client_is_closed(tmp_path: Path) -> None:
    async def story() -> None:
        left = asyncio.Event()

        async def hears(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            left.set()

        server = await asyncio.start_unix_server(hears, tmp_path / "api")
        client = AsyncClient(tmp_path / "api")
        await client.connect()
        asking = asyncio.create_task(client.call("status"))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(ApiDown):
            await asking
        await left.wait()
        server.close()

    play(story)


def test_of_a_watch_that_is_dropped_nothing_is_kept(tmp_path: Path) -> None:
    async def story() -> None:
        left = asyncio.Event()

        async def tells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                number = json.loads(line)["id"]
                writer.write(b'{"id":1,"events":[{"seq":1},{"seq":2}]}\n' * 3)
                writer.write(b'{"id":%d,"result":{}}\n' % number if number > 1 else b"")
            writer.close()
            left.set()

        server = await asyncio.start_unix_server(tells, tmp_path / "api")
        client = AsyncClient(tmp_path / "api")
        await client.connect()
        watching = client.watch()
        assert (await anext(watching))["seq"] == 1
        (queue,) = client._streams.values()
        await watching.aclose()
        assert client._streams == {}
        held = queue.qsize()
        assert await client.call("status") == {}  # what it is told meanwhile goes nowhere
        assert queue.qsize() == held
        await client.close()
        await left.wait()
        server.close()

    play(story)


# ------------------------------------------------------------------------------ watchers


class Journal:
    """A journal in memory, and a watcher that takes what comes at once while it is ``open``."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.feed = Feed(self)
        self.taken: list[int] = []
        self.open = True

    def entries(self, since: int) -> list[tuple[int, Fact]]:
        return list(enumerate(self.facts[since:], since + 1))

    def last(self) -> int:
        return len(self.facts)

    def event(self, seq: int, fact: Fact) -> dict[str, Json]:
        return {"seq": seq, "size": len(fact.body)}

    def add(self, count: int = 1, *, now: bool = True) -> None:
        first = len(self.facts) + 1
        facts = [Fact(kind=FactKind.NOTE, at_ms=1, line=b"", body=b"said")] * count
        self.facts += facts
        self.feed.publish(first, facts, now=now)

    def sink(self, piece: Sequence[Told]) -> bool:
        if self.open:
            self.taken += [json.loads(event)["seq"] for _, event in piece]
        return self.open


async def rounds() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_few_entries_are_taken_in_the_turn_that_brought_them() -> None:
    async def story() -> None:
        journal = Journal()
        journal.add()
        stream = journal.feed.follow(0, sink=journal.sink)
        assert (await anext(stream))[0][0] == 1  # read from the journal, as ever
        await anext(stream)  # the seam
        journal.add()  # nobody waits for it yet: it is queued
        assert journal.taken == []
        waits = asyncio.ensure_future(anext(stream))
        await rounds()
        assert [seq for seq, _ in waits.result()] == [2]
        waits = asyncio.ensure_future(anext(stream))
        await rounds()
        journal.add(2)
        assert (journal.taken, journal.feed.busy) == ([3, 4], False)
        journal.add(AT_ONCE + 1)
        journal.add(1, now=False)
        assert (journal.taken, journal.feed.busy) == ([3, 4], True)
        await rounds()
        assert journal.taken == list(range(3, journal.last() + 1))
        journal.open = False
        journal.add()
        journal.open = True
        journal.add()  # it must not overtake the one that waits
        await rounds()
        assert [seq for seq, _ in waits.result()] == [journal.last() - 1]
        assert [seq for seq, _ in await anext(stream)] == [journal.last()]
        await stream.aclose()

    play(story)


def test_what_was_taken_at_once_is_not_read_again_by_who_falls_behind() -> None:
    async def story() -> None:
        journal = Journal()
        stream = journal.feed.follow(0, sink=journal.sink)
        await anext(stream)
        waits = asyncio.ensure_future(anext(stream))
        await rounds()
        journal.add(2)
        assert journal.taken == [1, 2]
        journal.open = False
        (watcher,) = journal.feed._watchers
        watcher.bytes = WATCHER_BYTES
        journal.add(2)
        assert watcher.behind
        assert [seq for seq, _ in await waits] == [3, 4]
        await stream.aclose()

    play(story)


def test_what_was_read_before_it_was_told_is_not_taken_again() -> None:
    async def story() -> None:
        journal, said = Journal(), asyncio.Event()

        async def words(_: object) -> None:
            await said.wait()

        first = journal.feed.follow(0)
        await anext(first)
        journal.feed.words = words
        journal.add(2)  # it is being put into words, and who comes now reads it
        late = journal.feed.follow(0, sink=journal.sink)
        journal.feed.words = None
        assert [seq for seq, _ in await anext(late)] == [1, 2]
        await anext(late)  # the seam
        waits = asyncio.ensure_future(anext(late))
        await rounds()
        assert journal.feed.busy
        said.set()
        await rounds()
        assert (journal.taken, waits.done()) == ([], False)
        journal.add()
        assert journal.taken == [3]
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)
        for stream in (first, late):
            await stream.aclose()

    play(story)
