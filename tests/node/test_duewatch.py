"""The watch on what is owed: a deadline rings once on both sides, and one of them records it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.node import pair
from tests.node.pair import Running
from tests.node.test_agreements import DAY_MS, Desk, two

from tieline.core.agreement.model import Pack
from tieline.core.errors import LocalError
from tieline.core.incident.book import Book
from tieline.core.incident.look import Head
from tieline.core.terms import Kind, rfc3339
from tieline.node import duelook, packs
from tieline.node.agreements import Agreements
from tieline.node.duelook import MANY, DueLook
from tieline.node.duewatch import DueWatch
from tieline.node.view import Json

CODE = "owed.cr/next-first"
ANSWERS: dict[str, Json] = {"knowledge": "do-not-know", "origin": "unknown"}
Play = Callable[[Desk, Desk], Awaitable[None]]


@pytest.fixture(scope="module")
def crisis() -> Pack:
    return packs.find("crisis")


@asynccontextmanager
async def watched(*desks: Desk) -> AsyncGenerator[None, None]:
    """Both stations look at what is owed, as they do when they are served."""
    tasks: list[asyncio.Task[None]] = []
    for desk in desks:
        host = desk.running.host
        host.due = DueWatch(
            lambda host=host: list(host.station.lines.values()),  # type: ignore[misc]
            host.agreements,
            host.clock.now,
            host.submit,
            lambda host=host: host.incidents,  # type: ignore[misc]
        )
        tasks += host.watch()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def first(desk: Desk, next_ms: int) -> str:
    """A first word whose next word is promised for a time."""
    return await desk.send("cr/first", {**ANSWERS, "next": rfc3339(next_ms)})


def alarms(running: Running) -> list[str]:
    (line,) = running.host.station.lines.values()
    return sorted(alarm.code for alarm in line.alarms.values())


def silences(running: Running) -> list[tuple[str, str, bytes]]:
    """Who recorded what of which rule, about which statement."""
    (line,) = running.host.station.lines.values()
    return [
        (line.party_of(item.statement.place.station), item.statement.content.form,
         item.statement.content.refs[0].target)
        for item in line.record.order
        if item.statement.content.kind is Kind.SILENCE and item.statement.content.form
    ]  # fmt: skip


async def until(running: Running, done: Callable[[], bool]) -> None:
    """Follow a station's events until something is so."""
    async with asyncio.timeout(pair.WAIT_S):
        async for _ in running.host.subscribe(0):
            if done():
                return


def test_a_deadline_that_passes_rings_once_on_both_sides(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_rings(tmp_path, crisis))


async def _rings(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)
    async with watched(alpha, bravo):
        now_ms = alpha.running.host.clock.now().wall_ms
        sent = bytes.fromhex(await first(alpha, now_ms - 5_000))
        for desk in (alpha, bravo):
            await until(desk.running, lambda desk=desk: bool(silences(desk.running)))  # type: ignore[misc]
            await until(desk.running, lambda desk=desk: CODE in alarms(desk.running))  # type: ignore[misc]
            # BRAVO is owed the next word and records it; ALPHA owes it and records nothing.
            assert silences(desk.running) == [("BRAVO", "cr/next-first", sent)]
        (line,) = bravo.running.host.station.lines.values()
        (alarm,) = [line.alarms[cause] for cause in line.alarms if cause[0] == CODE]
        assert alarm.text.startswith("ALPHA owes us: The next word by the time named; due ")
        # More news, another look: nothing rings or is recorded a second time.
        await alpha.running.say("We are still looking into it.")
        await pair.equal(alpha.running, bravo.running)
        assert bravo.running.host.due is not None
        await until_idle(bravo.running.host.due)
        assert len(silences(bravo.running)) == 1
    again = Running(bravo.running.seat, bravo.running.store)
    async with watched(Desk(again)):
        assert again.host.due is not None
        await until_idle(again.host.due)
        assert (alarms(again).count(CODE), len(silences(again))) == (1, 1)


async def until_idle(due: DueWatch) -> None:
    async with asyncio.timeout(pair.WAIT_S):
        while not due.idle or not due.looks:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)


def test_of_what_was_overdue_long_ago_a_few_ring(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_long_ago(tmp_path, crisis))


async def _long_ago(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)
    now_ms = alpha.running.host.clock.now().wall_ms
    for step in range(MANY + 3):
        await first(alpha, now_ms - 3 * DAY_MS + step * 1_000)
    await pair.equal(alpha.running, bravo.running)
    for _ in range(2):  # a second start rings none of those that the first one kept quiet about
        async with watched(bravo):
            due = bravo.running.host.due
            assert due is not None
            await until_idle(due)
            await until(bravo.running, lambda: len(silences(bravo.running)) == MANY)
            await until_idle(due)
        assert alarms(bravo.running).count(CODE) == MANY
        assert "owed.long_ago" in bravo.running.host.station.troubles


def test_a_watch_that_fails_says_so(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_fails(tmp_path, crisis))


async def _fails(folder: Path, crisis: Pack) -> None:
    alpha, _ = await two(folder, crisis)
    host = alpha.running.host

    def lines() -> list[object]:
        raise RuntimeError("no lines")

    host.due = DueWatch(lines, host.agreements, host.clock.now, host.submit, lambda: host.incidents)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        await host.due.run()
    host.due = None
    await pair.settle(alpha.running)
    assert "owed.unwatched" in host.station.troubles


def test_an_incident_that_cannot_be_read_holds_up_no_deadline_and_is_looked_at_again(
    tmp_path: Path, crisis: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_unread(tmp_path, crisis, monkeypatch))


async def _unread(folder: Path, crisis: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, bravo = await two(folder, crisis)
    host = bravo.running.host
    head, fails, looked = Book.head, True, list[bytes]()

    def damaged(self: Book, id_: bytes) -> Head:
        looked.append(id_)
        if fails:
            raise LocalError("record.damaged", "it is not in the store as it was")
        return head(self, id_)

    monkeypatch.setattr(Book, "head", damaged)
    async with watched(bravo):
        opened = bytes.fromhex(await first(alpha, host.clock.now().wall_ms - 5_000))
        await until(bravo.running, lambda: CODE in alarms(bravo.running))
        assert host.due is not None
        await until_idle(host.due)
        assert opened in looked
        assert "owed.unwatched" not in host.station.troubles
        fails, looked = False, []
        await alpha.running.say("We are still looking into it.")  # is in no incident
        await pair.equal(alpha.running, bravo.running)
        await until_idle(host.due)
        assert opened in looked


def test_what_both_closed_is_sealed(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_sealed(tmp_path, crisis))


async def _sealed(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)
    line = alpha.running.host.station.lines[alpha.running.line]

    def sealed() -> int:
        book = line.notes.get(line.own_log)
        noted = None if book is None else book.latest_sealed()
        return 0 if noted is None else noted.head.size

    async with watched(alpha):
        soon = rfc3339(alpha.running.host.clock.now().wall_ms + 1_800_000)
        opened = await first(alpha, alpha.running.host.clock.now().wall_ms + 1_800_000)
        await bravo_joins(bravo, alpha, opened, soon)
        refs: list[Json] = [{"item": opened, "role": "predecessor"}]
        done: dict[str, Json] = {"knowledge": "know", "origin": "not-hostile"}
        await alpha.send("cr/close", done, refs=refs)
        assert alpha.running.host.due is not None
        await until_idle(alpha.running.host.due)
        assert sealed() == 0  # BRAVO has not closed it
        await bravo.send("cr/close", done, refs=refs)
        size = line.record.logs[line.own_log].size
        await until(alpha.running, lambda: sealed() >= size)


async def bravo_joins(bravo: Desk, alpha: Desk, opened: str, soon: str) -> None:
    await pair.equal(alpha.running, bravo.running)
    await bravo.send(
        "cr/update",
        {**ANSWERS, "next": soon},
        refs=[{"item": opened, "role": "predecessor"}],
    )
    await pair.equal(bravo.running, alpha.running)


def test_a_due_time_of_a_line_that_is_gone_does_not_spin(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_gone(tmp_path, crisis))


async def _gone(folder: Path, crisis: Pack) -> None:
    alpha, _ = await two(folder, crisis)
    host = alpha.running.host
    there = list(host.station.lines.values())
    due = DueWatch(lambda: there, host.agreements, host.clock.now, host.submit,
                   lambda: host.incidents)  # fmt: skip
    await first(alpha, host.clock.now().wall_ms + 1_800_000)
    task = asyncio.create_task(due.run())
    await until_idle(due)

    def waits() -> bool:
        return due.next_ms is not None

    assert waits()
    there.clear()
    due.moved()
    async with asyncio.timeout(pair.WAIT_S):
        while waits():  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
    task.cancel()


def test_after_each_look_it_rests_at_least_for_its_pause(
    tmp_path: Path, crisis: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text that comes is news: under traffic one look is made for many."""
    asyncio.run(_rests(tmp_path, crisis, monkeypatch))


async def _rests(folder: Path, crisis: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, _ = await two(folder, crisis)
    host = alpha.running.host
    due = DueWatch(host.station.lines.values, host.agreements, host.clock.now,
                   host.submit, lambda: host.incidents, pause_s=3_600)  # fmt: skip
    rested: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            rested.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    task = asyncio.create_task(due.run())
    async with asyncio.timeout(pair.WAIT_S):
        while not rested:
            await real(0)
    task.cancel()
    assert due.looks == 1
    assert rested == [3_600]


def test_an_alarm_of_what_was_owed_ends_when_it_is_done(tmp_path: Path, crisis: Pack) -> None:
    asyncio.run(_done(tmp_path, crisis))


async def _done(folder: Path, crisis: Pack) -> None:
    alpha, bravo = await two(folder, crisis)

    async def rings() -> list[str]:
        found = await bravo.running.host.alarms.look()
        return [ring.alarm.code for ring, _ in found.alarms]

    async with watched(alpha, bravo):
        now_ms = alpha.running.host.clock.now().wall_ms
        sent = await first(alpha, now_ms - 5_000)
        await until(bravo.running, lambda: CODE in alarms(bravo.running))
        due = bravo.running.host.due
        assert due is not None
        await until_idle(due)
        assert CODE in await rings()
        refs: list[Json] = [{"item": sent, "role": "predecessor"}]
        await alpha.send("cr/close", {"knowledge": "know", "origin": "not-hostile"}, refs=refs)
        await pair.equal(alpha.running, bravo.running)
        await until_idle(due)
        assert CODE not in await rings()
    # After a restart nobody has looked yet: what rang sounds until the record has been read.
    again = Running(bravo.running.seat, bravo.running.store)
    assert CODE in [r.alarm.code for r, _ in (await again.host.alarms.look()).alarms]
    async with watched(Desk(again)):
        assert again.host.due is not None
        await until_idle(again.host.due)
        assert CODE not in [r.alarm.code for r, _ in (await again.host.alarms.look()).alarms]


def test_what_cannot_be_read_of_an_incident_is_said_when_that_changes_and_not_at_each_look(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Looks come with the traffic: a store with one bad page must not fill the log."""
    missing: tuple[bytes, ...] = ()
    touched = {b"incident": None}
    book = SimpleNamespace(
        touched=lambda: touched,
        entry=lambda _: True,
        of=lambda one: (one,),
        head=lambda _: SimpleNamespace(unread=missing),
    )

    async def there(_: object) -> SimpleNamespace:
        return book

    async def nothing(*_: object, **__: object) -> list[object]:
        return []

    monkeypatch.setattr(duelook, "_note_closed", nothing)
    look = DueLook(Agreements(), cast("Any", SimpleNamespace(notices=there, book=there)))
    for name in ("_look_around", "_touching"):
        monkeypatch.setattr(look, name, nothing)
    line, kept = cast("Any", SimpleNamespace(id=b"line")), duelook._Kept()
    said: list[int] = []
    for found in ((b"one",), (b"one",), (b"one", b"two"), (b"one", b"two"), (), (), (b"one",)):
        missing = found
        asyncio.run(look._incident_news(line, kept, {}, 1, first=False))
        said.append(len(caplog.records))
        assert [*kept.touched] == ([b"incident"] if missing else [])
    assert said == [1, 1, 2, 2, 2, 2, 3]
