"""A full disk costs one reading of the journal, however long it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path

import pytest
from tests.node.pair import WAIT_S, Running, make_homes, settle

from tieline.core.charter import dearmor_charter
from tieline.core.errors import StoreFailed, StoreFull
from tieline.core.events import Reply, SignCheckpoint, Tick, Transmit, Trouble
from tieline.core.journal import Alarm, Fact
from tieline.core.terms import Now, Precedence
from tieline.node.roomwatch import RoomWatch
from tieline.node.runtime import FULL, PROBE_MS, Runtime
from tieline.node.secrets import SeedKey
from tieline.store.disk import Level, Room
from tieline.store.memory import MemoryMachine, MemoryStore


class Keys:
    """Signs with one key for everything; nothing is signed here."""

    def __init__(self) -> None:
        self._key = SeedKey(bytes(32))

    def sign(self, message: bytes, _key: bytes = b"") -> bytes:
        return self._key.sign(message)

    def cosign(self, message: bytes, _key: bytes = b"") -> bytes:
        return self._key.sign(message)

    def cosign_mldsa(self, message: bytes, _key: bytes = b"") -> bytes:
        raise AssertionError(message)


class Outside:
    """Remembers what was published."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def transmit(self, effect: Transmit) -> str:
        raise AssertionError(effect)

    def reply(self, effect: Reply) -> None:
        raise AssertionError(effect)

    def peers_changed(self) -> None:
        raise AssertionError

    def published(self, first: int, facts: Sequence[Fact]) -> None:
        self.seen.extend(range(first, first + len(facts)))


def now_at(ms: int) -> Now:
    return Now(wall_ms=ms, mono_ms=ms, real_ms=ms)


def is_full(runtime: Runtime) -> bool:
    return runtime.full


class Counted(MemoryStore):
    """A store that counts how often its journal is read."""

    readings = 0

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        self.readings += 1
        return super().facts(after)


def test_probes_do_not_read_the_journal_again() -> None:
    store, outside = Counted(), Outside()
    runtime = Runtime(
        bytes(8), "EX", store, Keys(), outside, now_at(0), machine=MemoryMachine("alpha")
    )
    runtime.turn([Trouble(code="clock.wrong", text="the clock is wrong")], now_at(1))
    store.full = True
    runtime.turn([Trouble(code="clock.gone", text="the clock is gone")], now_at(2))
    assert is_full(runtime)
    assert store.readings == 2  # the start, and the turn that was undone
    for count in range(1, 50):
        runtime.turn([Tick()], now_at(2 + count * PROBE_MS))
        assert is_full(runtime)
        assert FULL in runtime.station.troubles
    assert store.readings == 2
    assert store.last() == 1
    store.full = False
    runtime.turn([Tick()], now_at(2 + 50 * PROBE_MS))
    assert not is_full(runtime)
    assert list(runtime.station.troubles) == ["store.was_full"]
    assert outside.seen == [1, 2]
    assert store.readings == 2


class Disk:
    """A disk whose room the test decides."""

    def __init__(self) -> None:
        self.level: Level = "critical"

    def room(self) -> Room:
        return Room(free=0, total=1, reserve=1, level=self.level)

    def restore_reserve(self) -> bool:
        return True


def test_a_full_disk_is_no_trouble_any_more_when_there_is_room() -> None:
    disk = Disk()
    watch = RoomWatch(disk)
    alarm = Alarm(code="store.was_full", precedence=Precedence.IMMEDIATE, text="it was full")
    troubles = {"store.was_full": alarm, "key.failed": alarm}
    assert watch.look(0)
    watch.forget(troubles)
    assert set(troubles) == {"store.was_full", "key.failed"}
    disk.level = "ok"
    assert watch.look(10_000)
    watch.forget(troubles)
    assert set(troubles) == {"key.failed"}


def bundle_of(folder: Path, store: MemoryStore) -> Coroutine[None, None, tuple[Running, bytes]]:
    """BRAVO on a store of the test's choice, and a bundle of what ALPHA has said alone."""

    async def made() -> tuple[Running, bytes]:
        seats, text = make_homes(folder)
        signed = dearmor_charter(text)
        alpha, bravo = Running(seats[0], MemoryStore()), Running(seats[1], store)
        for each in (alpha, bravo):
            await each.install(signed)
            await settle(each)
        await alpha.say("on the stick")
        line = alpha.host.station.line(alpha.line)
        return bravo, alpha.host.export_bundle(line, (seats[1].keys.station,))[0]

    return made()


def test_a_bundle_that_a_full_disk_does_not_keep_is_refused(tmp_path: Path) -> None:
    async def play() -> None:
        store = MemoryStore()
        bravo, data = await bundle_of(tmp_path, store)
        store.full = True
        for _ in range(2):  # as it gets full, and while it is
            with pytest.raises(StoreFull, match="import it again"):
                await bravo.host.import_bundle(data)
        with pytest.raises(StoreFull):  # an act without a statement has its answer, too
            async with asyncio.timeout(WAIT_S):
                await bravo.host.perform(lambda token: SignCheckpoint(token=token, line=bravo.line))
        store.full = False
        bravo.host.runtime._probe_at = 0
        bravo.host.submit(Tick())
        await settle(bravo)
        assert (await bravo.host.import_bundle(data))["added"] == 2

    asyncio.run(play())


def test_a_bundle_that_a_failing_disk_does_not_keep_is_not_said_to_be_in(tmp_path: Path) -> None:
    async def play() -> None:
        store = MemoryStore()
        bravo, data = await bundle_of(tmp_path, store)
        store.failing = True
        with pytest.raises(StoreFailed):
            await bravo.host.import_bundle(data)
        assert [error.code for error in bravo.failed] == ["store.failed"]

    asyncio.run(play())
