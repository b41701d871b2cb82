"""A full disk costs one reading of the journal, however long it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tieline.core.events import Reply, Tick, Transmit, Trouble
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
