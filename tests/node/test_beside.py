"""Commits beside the loop: what goes on meanwhile, what waits, and what a disk that fails does."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.node import pair
from tests.node.pair import WAIT_S, Running
from tests.node.slowstore import Slow, beside_of

from tieline.core.charter import dearmor_charter
from tieline.core.errors import StoreFailed, StoreFull
from tieline.core.events import Event, Trouble
from tieline.core.journal import Fact
from tieline.core.terms import Now, Precedence
from tieline.node import atonce, beside, host
from tieline.node.alarmoutputs import GRACE_MS
from tieline.node.beside import FIRST, LATER, LONG_S, QUICK_S, Beside
from tieline.node.gate import HERE, Gate, Stirred, spawn
from tieline.node.resume import Resumer
from tieline.node.runtime import Plan
from tieline.node.view import Json
from tieline.node.watchers import Stream

TURNS = 200  # of the loop, in which all that can go on has gone on
MANY = 300  # commits one after the other


class Station(Running):
    """A station with such a store, and its acts as its API serves them."""

    def slow(self) -> None:
        """Have its commits made beside the loop from now on."""
        host, store = self.host, self.store
        assert isinstance(store, Slow)
        self.disk = store
        self.acts = beside_of(host, store)

    async def ask(self, act: str, **args: Json) -> dict[str, Json]:
        found = await self.acts.act(act, args)
        assert isinstance(found, dict)
        return found

    async def texts(self) -> list[Json]:
        items = (await self.ask("log"))["items"]
        assert isinstance(items, list)
        return [item["text"] for item in items if isinstance(item, dict) and "text" in item]

    async def begun(self) -> None:
        """Wait until a commit is under way."""
        await until(lambda: self.host.gate.shut)


Story = Callable[[Station, Station], Coroutine[object, object, None]]


def play(folder: Path, story: Story) -> None:
    """Run a story of two joined stations with slow disks."""

    async def all_of_it() -> None:
        seats, charter = pair.make_homes(folder)
        alpha, bravo = (Station(seat, Slow()) for seat in seats)
        for running in (alpha, bravo):
            await running.install(dearmor_charter(charter))
        pair.join(alpha, bravo)
        await pair.settle(alpha, bravo)
        for running in (alpha, bravo):
            running.slow()
        try:
            async with asyncio.timeout(WAIT_S):
                await story(alpha, bravo)
        finally:
            for running in (alpha, bravo):
                running.disk.go_on.set()
                running.host.close()

    asyncio.run(all_of_it())


async def around() -> None:
    """Let the loop turn."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def at_once(asked: Coroutine[Any, Any, dict[str, Json]]) -> dict[str, Json]:
    """An answer that waits for nothing."""
    task = asyncio.create_task(asked)
    await around()
    assert task.done(), "it waits"
    return await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0)


def test_while_a_disk_syncs_the_station_answers_and_shows_nothing_of_the_turn(
    tmp_path: Path,
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("urgent", Precedence.FLASH))
        await bravo.begun()
        before, sent = bravo.disk.last(), len(bravo.road.sent if bravo.road else ())
        reading = asyncio.create_task(bravo.texts())
        stream = bravo.acts.subscribe(0)
        following = asyncio.ensure_future(anext(stream))
        await around()
        status = await at_once(bravo.ask("status"))
        assert status["journal"] == before
        assert isinstance(status["storing_ms"], int)
        pulse = await at_once(bravo.ask("pulse"))
        assert pulse["reading"] is None
        assert not reading.done()
        assert not following.done()
        assert len(bravo.road.sent if bravo.road else ()) == sent
        assert b"urgent" not in str(status).encode()
        bravo.disk.go_on.set()
        assert "urgent" in await reading
        assert await following
        await stream.aclose()
        await speaking
        await until(lambda: len(bravo.road.sent if bravo.road else ()) > sent)
        assert bravo.disk.threads - {threading.get_ident()}

    play(tmp_path, story)


@pytest.mark.parametrize("by_ms", [500, -500, 61_000, -61_000, -86_400_000, 20 * 31_536_000_000])
def test_a_clock_that_is_set_in_the_midst_of_a_commit_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_ms: int
) -> None:
    wrong_ms = 0
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + wrong_ms * 1_000_000)

    async def story(alpha: Station, bravo: Station) -> None:
        nonlocal wrong_ms
        await alpha.say("one")
        for word in ("two", "three"):
            for station in (alpha, bravo):  # the author's commit, then the reader's
                station.disk.go_on.clear()
            speaking = asyncio.create_task(alpha.say(word, Precedence.FLASH))
            await alpha.begun()
            wrong_ms += by_ms
            alpha.disk.go_on.set()
            await bravo.begun()
            wrong_ms += by_ms
            bravo.disk.go_on.set()
            await speaking
            await pair.settle(alpha, bravo)
        lines = [each.host.station.line(alpha.line) for each in (alpha, bravo)]
        here, there = (
            [
                (item.statement.digest, item.statement.content.body.text)
                for item in line.record.order
            ]
            for line in lines
        )
        assert here == there
        assert [text for _, text in there if text in {"one", "two", "three"}] == [
            "one", "two", "three",
        ]  # fmt: skip
        assert lines[0].ladder.covered(lines[0].own_log, lines[1].own) >= 3

    play(tmp_path, story)


def test_what_comes_meanwhile_is_taken_by_the_next_turn(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        alpha.disk.go_on.clear()
        first = asyncio.create_task(alpha.say("one"))
        await alpha.begun()
        commits = alpha.disk.commits
        others = [
            asyncio.create_task(alpha.ask("send", text=text, officer="A. Okafor"))
            for text in ("two", "three")
        ]
        others.append(asyncio.create_task(alpha.ask("output_alive", output="bell", run="r",
                                                    kind="hook", next_ms=5_000)))  # fmt: skip
        await around()
        assert [each.done() for each in (first, *others)] == [False, False, False, True]
        assert alpha.disk.commits == commits
        alpha.disk.go_on.set()
        await asyncio.gather(first, *others)
        assert await alpha.texts() == ["one", "two", "three"]

    play(tmp_path, story)


def test_who_waits_goes_on_between_two_commits_though_there_is_always_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        loop, commit, commits = asyncio.get_running_loop(), alpha.disk.commit, 0

        def endless(facts: Sequence[Fact]) -> int:
            nonlocal commits
            commits += 1
            if commits < MANY:  # before this commit ends there is something for the next one
                trouble = Trouble(code=f"odd.{commits}", text="odd")
                loop.call_soon_threadsafe(alpha.host.submit, trouble)
            return commit(facts)

        monkeypatch.setattr(alpha.disk, "commit", endless)
        alpha.host.submit(Trouble(code="odd", text="odd"))
        await alpha.begun()
        assert await alpha.texts() == []
        await alpha.ask("send", text="heard", officer="A. Okafor")
        assert commits < MANY

    play(tmp_path, story)


def test_a_sync_that_fails_ends_the_station_and_nothing_leaves(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        alpha.disk.go_on.clear()
        alpha.disk.error = StoreFailed("a write or sync failed")
        first = asyncio.create_task(alpha.say("never kept"))
        await alpha.begun()
        reading = asyncio.create_task(alpha.texts())
        aside = alpha.host.watch()
        await around()
        sent = len(alpha.road.sent if alpha.road else ())
        alpha.disk.go_on.set()
        with pytest.raises(StoreFailed):
            await first
        assert [error.code for error in alpha.failed] == ["store.failed"]
        with pytest.raises(StoreFailed):
            await reading
        with pytest.raises(StoreFailed):
            await alpha.texts()
        assert len(alpha.road.sent if alpha.road else ()) == sent
        for task in aside:
            task.cancel()
        ended = await asyncio.gather(*aside, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)

    play(tmp_path, story)


def test_a_full_disk_takes_the_turn_back(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        alpha.disk.go_on.clear()
        alpha.disk.error = StoreFull("there is no room")
        first = asyncio.create_task(alpha.say("never kept"))
        await alpha.begun()
        reading = asyncio.create_task(alpha.texts())
        await around()
        alpha.disk.go_on.set()
        with pytest.raises(StoreFull):
            await first
        assert await reading == []
        assert alpha.host.runtime.full
        assert not alpha.failed
        alpha.disk.error = None

    play(tmp_path, story)


def test_the_look_for_room_on_a_full_disk_holds_nobody(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        runtime, disk = alpha.host.runtime, alpha.disk
        disk.error = StoreFull("there is no room")
        with pytest.raises(StoreFull):
            await alpha.say("never kept")
        disk.go_on.clear()
        for room in (False, True):
            disk.error = None if room else disk.error
            runtime._probe_at = 0
            speaking = asyncio.create_task(alpha.say("all stop"))
            await alpha.begun()
            status = await at_once(alpha.ask("status"))
            assert status["disk_full"] is True
            assert not speaking.done()  # whether there is room for it is not known yet
            disk.go_on.set()
            if room:
                await speaking
                continue
            with pytest.raises(StoreFull):
                await speaking
            disk.go_on.clear()
        assert not runtime.full
        assert "all stop" in await alpha.texts()

    play(tmp_path, story)


def test_a_defect_in_what_is_shown_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        def defect() -> None:
            raise KeyError("odd")

        monkeypatch.setattr(alpha.host, "status", defect)
        await alpha.say("it goes on")
        assert not alpha.failed
        with pytest.raises(KeyError):
            await alpha.ask("status")

    play(tmp_path, story)


def test_a_defect_found_after_the_commit_ends_the_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        def defect(*_: object) -> None:
            raise KeyError("odd")

        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, about: told.append(about))
        monkeypatch.setattr(alpha.host.runtime, "perform", defect)
        with pytest.raises(Exception, match=r"fault of its own \(KeyError\)"):
            await alpha.say("kept")
        assert [error.code for error in alpha.failed] == ["station.defect"]
        assert told
        assert alpha.host.gate.shut

    play(tmp_path, story)


def test_a_station_that_stops_in_a_commit_does_all_that_follows_from_it(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        alpha.disk.go_on.clear()
        first = asyncio.create_task(alpha.say("the last word"))
        await alpha.begun()
        before, sent = alpha.disk.last(), len(alpha.road.sent if alpha.road else ())
        threading.Timer(0.0, alpha.disk.go_on.set).start()
        alpha.host.close()
        assert alpha.disk.last() > before
        await first
        assert len(alpha.road.sent if alpha.road else ()) > sent
        assert not alpha.host.gate.shut

    play(tmp_path, story)


def test_a_snapshot_is_written_beside_the_loop_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        threads: list[int] = []
        past = alpha.disk.past
        keep = past.keep

        def noted(*args: Any) -> None:
            threads.append(threading.get_ident())
            keep(*args)

        monkeypatch.setattr(past, "keep", noted, raising=False)
        alpha.host.runtime._resumer = Resumer(alpha.disk, 1)
        await alpha.say("one")
        await alpha.host.gate.passed()
        assert threads
        assert threading.get_ident() not in threads
        assert await alpha.texts() == ["one"]

    play(tmp_path, story)


# -------------------------------------------------------------------- what is not stored yet


async def heard(stream: Stream, *kinds: str) -> list[dict[str, Any]]:
    """The next events of some kinds, one of each."""
    found: list[dict[str, Any]] = []
    while [each["type"] for each in found] != list(kinds):
        for _, event in await anext(stream):
            value = json.loads(event)
            if value["type"] in kinds:
                found.append(value)
    return found


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit takes long at once."""
    monkeypatch.setattr(beside, "LATE_S", 0.0)


async def live(station: Station, *, unstored: bool) -> Stream:
    """A stream that has come to what is new."""
    stream = station.acts.subscribe(station.host.last(), unstored=unstored)
    await heard(stream, "live")
    return stream


@pytest.mark.usefixtures("soon")
def test_a_flash_that_is_not_stored_yet_rings_and_goes_on_as_one_alarm(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        stream, other = [await live(bravo, unstored=each) for each in (True, False)]
        assert (await bravo.ask("alarms", limit=1))["tone"] == ""
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.FLASH))
        (event,) = await heard(stream, "unstored")
        (early,) = event["alarms"]
        assert early["text"] == (
            "FLASH from ALPHA has arrived and is not yet stored: the disk is slow"
        )
        assert early["said"]["text"] == "all stop"
        assert (early["can"], early["item"]) == ([], None)
        status = await at_once(bravo.ask("status"))
        assert status["unstored"] == [early]
        rings = await at_once(bravo.ask("alarms", limit=1))
        assert (rings["tone"], rings["sounding"]) == ("flash", [early["alarm"]])
        asking = asyncio.create_task(bravo.ask("alarms", alarm=early["alarm"]))
        item = parsed(bravo, "all stop")
        acting = asyncio.create_task(bravo.ask("ack", item=item, officer="B. Okoye"))
        await around()
        assert not asking.done()
        assert not acting.done()
        bravo.disk.go_on.set()
        over, stored, alarm = await heard(stream, "unstored-over", "statement", "alarm")
        assert over["stored"] is True
        assert stored["text"] == "all stop"
        assert alarm["seq"] == early["alarm"]
        assert (await asking)["alarms"] != []
        await acting
        await speaking
        kinds = {"unstored", "unstored-over"}
        told = await heard(other, "statement", "alarm")
        assert kinds.isdisjoint(each["type"] for each in told)
        assert (await bravo.ask("status"))["unstored"] == []
        for each in (stream, other):
            await each.aclose()

    play(tmp_path, story)


@pytest.mark.usefixtures("soon")
def test_how_much_waits_is_answered_in_a_commit_with_what_is_not_stored_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr(atonce, "time", SimpleNamespace(monotonic=lambda: now_s))

    async def story(alpha: Station, bravo: Station) -> None:
        nonlocal now_s
        stream = await live(bravo, unstored=True)
        assert (await bravo.ask("waits"))["waits"] == {}
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.FLASH))
        await bravo.begun()
        asked = await at_once(bravo.ask("waits"))
        assert asked["realm"] == bravo.host.station.realm
        await heard(stream, "unstored")
        for _ in range(3):
            now_s += 0.9 * atonce.LATELY_S
            assert (await at_once(bravo.ask("waits")))["waits"] == {"FLASH": 1}
        now_s += 1.1 * atonce.LATELY_S
        asking = asyncio.create_task(bravo.ask("waits"))  # nobody has asked for long
        await around()
        assert not asking.done()
        bravo.disk.go_on.set()
        assert (await asking)["waits"] == {"FLASH": 1}
        await speaking
        await stream.aclose()

    play(tmp_path, story)


def parsed(station: Station, text: str) -> str:
    """The digest of a statement that is in the core already."""
    (line,) = station.host.station.lines.values()
    found = [item for item in line.record.order if item.statement.content.body.text == text]
    return found[-1].statement.digest.hex()


def test_who_asked_what_rings_before_that_was_told_hears_of_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output asks one question at a time: the one that waits must not keep it from ringing."""
    monkeypatch.setattr(beside, "LATE_S", 2 * WAIT_S)

    async def story(alpha: Station, bravo: Station) -> None:
        begin, plans = bravo.host.runtime.begin, list[Plan | None]()

        def noted(events: Iterable[Event], now: Now) -> Plan | None:
            plans.append(begin(events, now))
            return plans[-1]

        monkeypatch.setattr(bravo.host.runtime, "begin", noted)
        assert (await bravo.ask("alarms", limit=1))["tone"] == ""
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.FLASH))
        await bravo.begun()
        asking = asyncio.create_task(bravo.ask("alarms", limit=1))
        fresh = asyncio.create_task(bravo.ask("alarms", limit=2))  # nobody has asked so before
        await around()
        assert not asking.done()
        plan, where = plans[-1], bravo.host.beside
        assert plan is not None
        assert where is not None
        assert where.unstored is not None
        where.unstored.late(plan, bravo.disk.last() + 1)
        await around()
        assert asking.done()
        assert (await asking)["tone"] == "flash"
        assert not fresh.done()
        bravo.disk.go_on.set()
        assert (await fresh)["tone"] == "flash"
        await speaking

    play(tmp_path, story)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("slow", [True, False])
def test_it_has_the_number_of_its_alarm_where_a_commit_has_more_to_do_after_the_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slow: bool
) -> None:
    """A store that moves a long log in a commit counts the entries before it has done that."""

    async def story(alpha: Station, bravo: Station) -> None:
        stream, where = await live(bravo, unstored=True), bravo.host.beside
        assert where is not None
        counted, may_end, commit = threading.Event(), threading.Event(), bravo.disk.commit

        def long(facts: Sequence[Fact]) -> int:
            last = commit(facts)
            counted.set()
            assert may_end.wait(WAIT_S)
            return last

        begin = where._begin

        def begun(work: Callable[[], int]) -> Future[int]:
            future = begin(work)
            assert counted.wait(WAIT_S)
            return future

        monkeypatch.setattr(bravo.disk, "commit", long)
        monkeypatch.setattr(where, "_begin", begun)
        where.slow = slow
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.FLASH))
        (early,) = (await heard(stream, "unstored"))[0]["alarms"]
        may_end.set()
        (alarm,) = await heard(stream, "alarm")
        assert early["alarm"] == alarm["seq"]
        await speaking
        await stream.aclose()

    play(tmp_path, story)


@pytest.mark.usefixtures("soon")
def test_it_rings_as_long_as_the_commit_takes_for_who_asks_over_and_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    monkeypatch.setattr(atonce, "time", SimpleNamespace(monotonic=lambda: now_s))

    async def story(alpha: Station, bravo: Station) -> None:
        nonlocal now_s
        stream = await live(bravo, unstored=True)
        await bravo.ask("alarms")
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.FLASH))
        await heard(stream, "unstored")
        for _ in range(3):
            now_s += 0.9 * atonce.LATELY_S
            assert (await at_once(bravo.ask("alarms")))["tone"] == "flash"
        now_s += 1.1 * atonce.LATELY_S
        asking = asyncio.create_task(bravo.ask("alarms"))
        await around()
        assert not asking.done()
        bravo.disk.go_on.set()
        await asyncio.gather(asking, speaking)
        await stream.aclose()

    play(tmp_path, story)


@pytest.mark.usefixtures("soon")
def test_what_the_disk_does_not_take_is_taken_back(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        stream = await live(bravo, unstored=True)
        await bravo.ask("alarms")
        bravo.disk.go_on.clear()
        bravo.disk.error = StoreFull("there is no room")
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.IMMEDIATE))
        (event,) = await heard(stream, "unstored")
        number = event["alarms"][0]["alarm"]
        assert (await at_once(bravo.ask("alarms")))["tone"] == "immediate"
        bravo.disk.go_on.set()
        (over,) = await heard(stream, "unstored-over")
        assert over["stored"] is False
        rings = await bravo.ask("alarms")
        assert number not in cast("list[int]", rings["sounding"])
        await speaking
        await stream.aclose()

    play(tmp_path, story)


@pytest.mark.usefixtures("soon")
def test_what_is_not_urgent_or_is_ours_is_not_told_before_it_is_stored(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        streams = [await live(each, unstored=True) for each in (alpha, bravo)]
        alpha.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("ours", Precedence.FLASH))
        await alpha.begun()
        await around()
        alpha.disk.go_on.set()
        await speaking
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("routine", Precedence.PRIORITY))
        await bravo.begun()
        await around()
        bravo.disk.go_on.set()
        await speaking
        for stream in streams:
            seen: list[str] = []
            while "routine" not in seen:
                for _, event in await anext(stream):
                    value = json.loads(event)
                    assert not value["type"].startswith("unstored")
                    seen.append(str(value.get("text")))
            await stream.aclose()

    play(tmp_path, story)


# ------------------------------------------------------------------------- when it is used


@pytest.mark.usefixtures("soon")
def test_the_first_slow_sync_after_quick_ones_holds_the_loop_for_a_moment_alone(
    tmp_path: Path,
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        where = bravo.host.beside
        assert where is not None
        stream = await live(bravo, unstored=True)
        await bravo.ask("alarms", limit=1)
        where.slow = False
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.FLASH))
        (event,) = await heard(stream, "unstored")
        assert event["alarms"][0]["said"]["text"] == "all stop"
        assert (await at_once(bravo.ask("alarms", limit=1)))["tone"] == "flash"
        asking = asyncio.create_task(bravo.ask("status"))
        await around()
        assert not asking.done()  # nobody has looked before this turn
        bravo.disk.go_on.set()
        assert (await asking)["unstored"] == []
        told: list[str] = []
        while "statement" not in told:
            told += [json.loads(event)["type"] for _, event in await anext(stream)]
        assert "unstored-over" in told[: told.index("statement")]  # or both would be shown
        await speaking
        assert where.slow
        await stream.aclose()

    play(tmp_path, story)


def troubles(status: Mapping[str, Json]) -> set[Json]:
    found = status["troubles"]
    assert isinstance(found, list)
    return {each["code"] for each in found if isinstance(each, dict)}


@pytest.mark.usefixtures("soon")
def test_a_station_that_was_quiet_says_its_status_in_the_first_slow_sync_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        where = bravo.host.beside
        assert where is not None
        monkeypatch.setattr(where, "learn", lambda: None)
        where.slow = False
        monkeypatch.setattr(beside, "LOOK_S", WAIT_S)
        await alpha.say("good morning", Precedence.ROUTINE)
        await pair.settle(alpha, bravo)
        assert where._later is not None  # it is to look at what that has left, and time passes
        where._later.cancel()
        where._look_ahead()
        before = bravo.disk.last()
        assert "alarm.none" not in troubles(await bravo.ask("status"))
        # Since that look so much time has passed that somebody should hear alarms.
        bravo.host.alarms.outputs.began_ms -= GRACE_MS
        bravo.disk.go_on.clear()
        speaking = asyncio.create_task(alpha.say("all stop", Precedence.FLASH))
        await bravo.begun()
        await until(lambda: bravo.host.gate.shut)
        status = await at_once(bravo.ask("status"))
        assert status["journal"] == before
        assert "alarm.none" in troubles(status)
        bravo.disk.go_on.set()
        await speaking

    play(tmp_path, story)


def test_what_a_quick_commit_has_taken_is_all_there_with_the_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        where = alpha.host.beside
        assert where is not None
        monkeypatch.setattr(where, "learn", lambda: None)
        monkeypatch.setattr(beside, "LONG_S", WAIT_S)  # they are quick, however busy the machine is
        where.slow = False
        alpha.host.runtime._resumer = Resumer(alpha.disk, 1)
        shut = list[bool]()
        monkeypatch.setattr(alpha.host.gate, "close", lambda: shut.append(True))
        await alpha.say("one")
        await alpha.say("two")
        assert await alpha.texts() == ["one", "two"]
        assert shut == []
        alpha.disk.error = StoreFull("there is no room")
        with pytest.raises(StoreFull):
            await alpha.say("never kept")
        alpha.disk.error = None

    play(tmp_path, story)


def test_work_that_is_over_does_not_wait_for_the_garbage_collector(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        alpha.disk.go_on.clear()
        said = asyncio.create_task(alpha.say("one"))
        await alpha.begun()
        where = alpha.host.beside
        assert where is not None
        assert where._work is not None
        work, future = weakref.ref(where._work), weakref.ref(where._work.future)
        gc.disable()
        try:
            alpha.disk.go_on.set()
            await said
            await until(lambda: work() is None and future() is None)
        finally:
            gc.enable()

    play(tmp_path, story)


class Clocked:
    took_s = 0.0
    untidy = False

    def tidy(self) -> None:
        """Nobody asks for it."""
        raise AssertionError


def test_commits_go_back_into_the_loop_after_some_quick_ones_and_out_after_a_long_one() -> None:
    async def story() -> None:
        store = Clocked()
        where = Beside(store, Gate())

        def after(*took_s: float) -> bool:
            for each in took_s:
                store.took_s = each
                where.learn()
                assert store.took_s == 0.0
            return where.slow

        assert after(*[QUICK_S] * (FIRST - 1))
        assert not after(QUICK_S)
        assert not after(0.0, 0.9 * LONG_S)
        assert after(LONG_S)
        assert after(*[QUICK_S] * (LATER - 1), 2 * QUICK_S, *[QUICK_S] * (LATER - 1), 0.0)
        assert not after(QUICK_S)

    asyncio.run(story())


@pytest.mark.parametrize("slow", [True, False])
def test_a_long_log_is_moved_on_the_thread_when_what_the_turn_wanted_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slow: bool
) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        where, commit = bravo.host.beside, bravo.disk.commit
        assert where is not None
        where.slow = slow

        def long_since(facts: Sequence[Fact]) -> int:
            """A turn before that of the message moves nothing."""
            bravo.disk.untidy = any(b"urgent" in fact.body for fact in facts)
            return commit(facts)

        monkeypatch.setattr(bravo.disk, "commit", long_since)
        bravo.disk.may_move.clear()
        sent = len(bravo.road.sent if bravo.road else ())
        await alpha.say("urgent", Precedence.FLASH)
        await until(lambda: bool(bravo.disk.moved_by))
        assert threading.get_ident() not in bravo.disk.moved_by
        await bravo.begun()  # the loop goes on, and the receipt has left
        assert len(bravo.road.sent if bravo.road else ()) > sent
        if slow:  # else nobody has looked at the station before the turn
            await at_once(bravo.ask("status"))
        bravo.disk.may_move.set()
        await until(lambda: not bravo.host.gate.shut)
        assert not bravo.disk.untidy
        assert where.slow  # it took a second
        assert "urgent" in await bravo.texts()

    play(tmp_path, story)


def test_what_comes_in_the_midst_of_a_turn_waits_for_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the commit was quick, and what follows from it goes on beside the loop."""

    async def story(alpha: Station, bravo: Station) -> None:
        where, published = bravo.host.beside, bravo.host.published
        assert where is not None

        def noted(first: int, facts: Sequence[Fact]) -> None:
            published(first, facts)
            if bravo.disk.untidy:
                bravo.host.submit(Trouble(code="odd", text="in the midst of a turn"))

        monkeypatch.setattr(bravo.host, "published", noted)
        where.slow = False
        bravo.disk.untidy = True
        bravo.disk.may_move.clear()
        begin, begun = bravo.host.runtime.begin, list[bool]()

        def shut(events: Iterable[Event], now: Now) -> Plan | None:
            begun.append(bravo.host.gate.shut)
            return begin(events, now)

        monkeypatch.setattr(bravo.host.runtime, "begin", shut)
        await alpha.say("urgent", Precedence.FLASH)
        await bravo.begun()
        await around()
        bravo.disk.may_move.set()
        await until(lambda: "odd" in bravo.host.station.troubles or len(begun) > 1)
        await until(lambda: not bravo.host.gate.shut)
        assert len(begun) > 1
        assert not any(begun)

    play(tmp_path, story)


def test_a_long_log_that_cannot_be_moved_ends_the_station(tmp_path: Path) -> None:
    async def story(alpha: Station, bravo: Station) -> None:
        bravo.disk.may_move.clear()
        bravo.disk.untidy = True
        await alpha.say("urgent", Precedence.FLASH)
        await until(lambda: bool(bravo.disk.moved_by))
        bravo.disk.error = StoreFailed("no sync")
        bravo.disk.may_move.set()
        await until(lambda: bravo.host._dead)

    play(tmp_path, story)


# ----------------------------------------------------------------------------------- the gate


def test_no_step_is_made_while_the_gate_is_shut() -> None:
    async def story() -> None:
        gate, steps = Gate(), list[int]()

        async def work() -> str:
            for step in range(4):
                steps.append(step)
                await asyncio.sleep(0)
            return "done"

        task = asyncio.ensure_future(gate.beside(work))
        await asyncio.sleep(0)
        gate.close()
        await around()
        assert steps == [0]
        gate.open()
        gate.close()  # before it came to it
        await around()
        assert steps == [0]
        gate.open()
        assert await task == "done"
        assert await gate.held(work()) == "done"

    asyncio.run(story())


def test_who_is_called_off_meanwhile_hears_of_it_when_the_gate_opens() -> None:
    async def story() -> None:
        gate, told = Gate(), list[str]()

        async def work() -> None:
            try:
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            except TimeoutError:
                told.append("late")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append("off")
                raise

        task = asyncio.ensure_future(gate.beside(work))
        await asyncio.sleep(0)
        gate.close()
        await around()
        assert not told
        gate.open()
        await around()
        assert told == ["late"]
        gate.close()
        task.cancel()
        await around()
        assert not task.done()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told == ["late", "off"]

    asyncio.run(story())


def test_what_waits_is_broken_off_where_there_is_something_else_to_say() -> None:
    async def story() -> None:
        gate, left, something = Gate(), list[str](), False

        async def work(name: str) -> str:
            try:
                await asyncio.sleep(0)
            finally:
                left.append(name)
            return name

        one = asyncio.ensure_future(gate.held(work("one"), unless=lambda: something))
        two = asyncio.ensure_future(gate.held(work("two")))
        await asyncio.sleep(0)
        gate.close()
        gate.stir()
        await around()
        assert not left
        something = True
        gate.stir()
        with pytest.raises(Stirred):
            await one
        with pytest.raises(Stirred):
            await gate.held(work("never begun"), unless=lambda: something)
        assert (left, two.done()) == (["one"], False)
        gate.open()
        assert await two == "two"

    asyncio.run(story())


def test_nothing_of_the_station_begins_a_task_past_the_gate() -> None:
    """Who begins one in another module reads neither the core nor the store in it."""
    known = {"api", "backup", "begun", "gate", "host", "serve", "watchers"}
    begins = re.compile(
        r"create_task\(|ensure_future\(|TaskGroup\(|asyncio\.gather\(|import begin\b"
    )
    node = Path(host.__file__).parent
    found = {each.stem for each in node.glob("*.py") if begins.search(each.read_text("utf-8"))}
    assert found == known


def test_what_works_beside_has_the_gate_of_its_process() -> None:
    async def story() -> None:
        gate = Gate()

        async def work() -> int:
            return 3

        assert await spawn(work) == 3
        HERE.set(gate)
        gate.close()
        task = spawn(work)
        await around()
        assert not task.done()
        gate.open()
        assert await task == 3

    asyncio.run(story())
