"""A station and its witnesses: real ones, over HTTP, on a station that runs in this loop."""

from __future__ import annotations

import asyncio
import errno
import itertools
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.node.pair import Running, Seat, make_homes, open_store
from tests.node.witnesses import Bench

import tieline.node.askwitness  # noqa: F401 - of which a test takes the module away
from tieline.core.charter import SignedCharter, Witness, dearmor_charter
from tieline.core.checkpoint import SignedNote
from tieline.core.events import SignCheckpoint
from tieline.core.life import RESTORED, Standing
from tieline.node.asking import Pauses, Witnesses, cosigned_size, newest_own
from tieline.node.httpd import HttpServer
from tieline.node.view import Json
from tieline.store.memory import MemoryMachine

NAMES = ("w.example/w1", "w.example/w2")
BRISK = Pauses(first_s=0.05, longest_s=0.1)


class Stage:
    """Two witnesses, and the homes of a line that needs both.

    Of the first the charter names the ML-DSA-44 key too; both sign with one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.benches = [Bench(folder / name[-2:], name) for name in NAMES]
        late = (self.benches[0].key.late, b"")
        named = [
            Witness(name=bench.home.name, key=bench.key.public, mldsa=key)
            for bench, key in zip(self.benches, late, strict=True)
        ]
        seats, text = make_homes(folder / "homes", witnesses=named, quorum=2)
        self.seat: Seat = seats[0]
        self.charter: SignedCharter = dearmor_charter(text)
        for bench in self.benches:
            bench.home.add_charter(self.charter)

    def close(self) -> None:
        for bench in self.benches:
            bench.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


class Asking:
    """A running station that asks these servers."""

    def __init__(self, running: Running, urls: dict[str, str]) -> None:
        self.running = running
        self.host = running.host
        self.host.witnesses = Witnesses(
            lambda: list(self.host.station.lines.values()),
            self.host.submit,
            urls,
            chance=random.Random(1),
            pauses=BRISK,
        )
        self.task = asyncio.create_task(self.host.witnesses.run())

    @property
    def line(self) -> bytes:
        return self.running.line

    async def sign(self) -> None:
        await self.host.perform(lambda token: SignCheckpoint(token=token, line=self.line))

    def view(self) -> dict[str, Json]:
        line = self.host.station.lines[self.line]
        assert self.host.witnesses is not None
        return self.host.witnesses.view(line)

    def rows(self) -> list[dict[str, Json]]:
        rows = self.view()["witnesses"]
        assert isinstance(rows, list)
        return [row for row in rows if isinstance(row, dict)]

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            for _ in itertools.count():
                if what():
                    return
                await asyncio.sleep(0)

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        self.host.close()
        self.running.store.close()


@contextmanager
def station(seat: Seat, machine: MemoryMachine | None = None) -> Iterator[Running]:
    running = Running(seat, open_store(seat), machine=machine)
    running.host.start()
    yield running


def url(server: HttpServer) -> str:
    return f"http://{server.bound[0]}"


def test_two_of_two_witnesses_cosign_what_grows(stage: Stage) -> None:
    async def test() -> None:
        servers = [await bench.listen() for bench in stage.benches]
        with station(stage.seat) as running:
            await running.install(stage.charter)
            made = Asking(running, dict(zip(NAMES, map(url, servers), strict=True)))
            size: Json = 0
            for round_ in range(3):
                await running.say(f"number {round_}")
                await made.sign()
                await made.until(lambda: made.view()["have"] == 2)
                size = made.view()["size"]
                assert [row["size"] for row in made.rows()] == [size, size]
            assert made.view()["needed"] == 2
            await made.stop()
            # What they signed is in the journal: a new start knows it.
            again = Running(stage.seat, open_store(stage.seat))
            line = again.host.station.lines[made.line]
            assert {cosigned_size(line, each) for each in line.charter.witnesses} == {size}
            newest = newest_own(line)
            assert newest is not None
            note = SignedNote.parse(newest.note.format())
            key = stage.benches[0].key.late
            assert note.mldsa_cosigned_by(NAMES[0], key) == note.cosigned_by(
                NAMES[0], stage.benches[0].key.public
            )
            assert len(note.signatures) == 4  # the log's own, two of w1, one of w2
            again.host.close()
            again.store.close()
        for server in servers:
            await server.stop()

    asyncio.run(test())


def test_a_witness_that_is_away_delays_nothing_and_is_asked_again(stage: Stage) -> None:
    async def test() -> None:
        first = await stage.benches[0].listen()
        with station(stage.seat) as running:
            await running.install(stage.charter)
            made = Asking(running, {NAMES[0]: url(first), NAMES[1]: "http://127.0.0.1:9"})
            async with asyncio.timeout(10):
                done = await running.say("nobody waits")
            assert done.item
            await made.sign()
            await made.until(lambda: made.view()["have"] == 1)
            await made.until(lambda: "cannot be reached" in str(made.rows()[1]["problem"]))
            second = await stage.benches[1].listen()
            assert made.host.witnesses is not None
            made.host.witnesses._urls[NAMES[1]] = url(second)
            await made.until(lambda: made.view()["have"] == 2)
            assert made.rows()[1]["problem"] == ""
            await made.stop()
            await second.stop()
        await first.stop()

    asyncio.run(test())


class Unread:
    """A module that cannot be read the first two times: no file can be opened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0

    def find_spec(self, name: str, *_: object) -> None:
        if name == self.name:
            self.asked += 1
            if self.asked < 3:
                raise OSError(errno.EMFILE, "too many open files")


def test_a_station_that_may_open_no_file_asks_its_witnesses_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = Unread("tieline.node.askwitness")
    monkeypatch.setattr("tieline.node.askwitness", sys.modules[unread.name])  # as it was, later
    monkeypatch.delitem(sys.modules, unread.name)
    monkeypatch.setattr("sys.meta_path", [unread, *sys.meta_path])

    async def test() -> None:
        server = await stage.benches[0].listen()
        with station(stage.seat) as running:
            await running.install(stage.charter)
            made = Asking(running, {NAMES[0]: url(server)})
            await made.sign()
            await made.until(lambda: made.view()["have"] == 1 or made.task.done())
            assert unread.asked == 3
            assert not made.task.done()
            await made.stop()
        await server.stop()

    asyncio.run(test())


def test_a_station_without_a_url_says_so(stage: Stage) -> None:
    async def test() -> None:
        with station(stage.seat) as running:
            await running.install(stage.charter)
            made = Asking(running, {})
            await made.sign()
            assert all("no URL is set" in str(row["problem"]) for row in made.rows())
            await made.stop()

    asyncio.run(test())


def test_a_machine_that_writes_with_our_key_is_told_by_a_witness(stage: Stage) -> None:
    """Both starts draw the same randomness, as the two halves of a cloned machine do."""

    async def test() -> None:
        servers = [await bench.listen() for bench in stage.benches]
        urls = dict(zip(NAMES, map(url, servers), strict=True))
        with station(stage.seat) as running:
            await running.install(stage.charter)
            made = Asking(running, urls)
            await made.sign()
            await made.until(lambda: made.view()["have"] == 2)
            running.host.close()
            await made.stop()
        kept = stage.folder / "kept.db"
        shutil.copy(stage.seat.home.store_file, kept)
        with station(stage.seat) as running:
            made = Asking(running, urls)
            await running.say("this will be forgotten")
            await made.sign()
            await made.until(lambda: made.view()["have"] == 2)
            await made.stop()
        shutil.copy(kept, stage.seat.home.store_file)
        with station(stage.seat) as running:
            made = Asking(running, urls)
            await running.say("and this was said instead")
            await made.sign()
            await made.until(lambda: "witness.ahead" in made.host.station.troubles)
            alarm = made.host.station.troubles["witness.ahead"]
            assert "another root of our 2 statements" in alarm.text
            assert made.view()["have"] == 0
            await made.stop()
        assert any("two different roots" in text for text in stage.benches[0].told)
        for server in servers:
            await server.stop()

    asyncio.run(test())


def test_a_store_that_was_put_back_is_found_out_before_anything_is_said(stage: Stage) -> None:
    async def test() -> None:
        servers = [await bench.listen() for bench in stage.benches]
        urls = dict(zip(NAMES, map(url, servers), strict=True))
        machine = MemoryMachine("A")
        with station(stage.seat, machine) as running:
            await running.install(stage.charter)
            made = Asking(running, urls)
            await made.sign()
            await made.until(lambda: made.view()["have"] == 2)
            await made.stop()
        kept, marks = stage.folder / "kept.db", machine.kept
        shutil.copy(stage.seat.home.store_file, kept)
        with station(stage.seat, machine) as running:
            made = Asking(running, urls)
            life = made.host.station.lines[made.line].life
            life.trust()  # as when a peer has named our end
            await running.say("this will be forgotten")
            await made.sign()
            await made.until(lambda: made.view()["have"] == 2 and made.view()["size"] == 2)
            await made.stop()
        shutil.copy(kept, stage.seat.home.store_file)
        machine.kept = marks  # and the mark with it, which no backup should hold
        with station(stage.seat, machine) as running:
            made = Asking(running, urls)
            life = made.host.station.lines[made.line].life
            assert life.standing is Standing.PROBATION
            await made.until(lambda: life.standing is Standing.CLOSED)
            assert life.why == RESTORED
            assert "2 statements of our log, and we hold 1" in (
                made.host.station.troubles["witness.ahead"].text
            )
            life.trust()  # nobody's word opens it again
            old = life.log
            await running.say("and this in a fresh log")
            assert life.log != old
            await made.stop()
        assert not any(bench.told for bench in stage.benches)
        for server in servers:
            await server.stop()

    asyncio.run(test())


def test_a_witness_that_has_forgotten_is_named(stage: Stage) -> None:
    async def test() -> None:
        servers = [await bench.listen() for bench in stage.benches]
        urls = dict(zip(NAMES, map(url, servers), strict=True))
        with station(stage.seat) as running:
            await running.install(stage.charter)
            made = Asking(running, urls)
            await made.sign()
            await made.until(lambda: made.view()["have"] == 2)
            stage.benches[1].store._connection.execute("DELETE FROM head")
            await running.say("more")
            await made.sign()
            await made.until(lambda: "witness.forgot" in made.host.station.troubles)
            text = made.host.station.troubles["witness.forgot"].text
            assert NAMES[1] in text
            assert "it knew 0 statements" in text
            await made.until(lambda: made.view()["have"] == 2)
            await made.stop()
        for server in servers:
            await server.stop()

    asyncio.run(test())


def test_a_witness_under_another_key_counts_for_nothing(stage: Stage) -> None:
    async def test() -> None:
        other = Bench(stage.folder / "other", NAMES[0])
        other.home.add_charter(stage.charter)
        server = await other.listen()
        with station(stage.seat) as running:
            await running.install(stage.charter)
            made = Asking(running, {NAMES[0]: url(server)})
            await made.sign()
            await made.until(lambda: "no cosignature" in str(made.rows()[0]["problem"]))
            assert made.view()["have"] == 0
            await made.stop()
        await server.stop()
        other.close()

    asyncio.run(test())
