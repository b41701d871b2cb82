"""The disk of one simulated machine, and what a loss of power leaves of it.

The process writes through ``SimDisk`` and ``SimMemory``. What it has written is there for the next
process; what was synced is there after a loss of power as well. Of what was not, a loss of power
leaves what the real store could find (docs/simulator.md, *Loss of power*):

* of the writes to the store since the last sync, each all or nothing by its own end in the log, any
  that come first: SQLite reads its log up to the first that is not whole. The store syncs each
  before it goes on, so that is one at most: the one under way, or one whose sync has failed, which
  the next process reads until it has moved it into the file;
* of the machine's mark, which is written in place and not synced while the process runs, any state
  since the start, or bytes that do not read.

Where a world does not tear (plans 1 and 2), power goes before a write or after its sync.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tieline.core.errors import StoreFailed
from tieline.core.journal import Fact
from tieline.core.life import Mark
from tieline.core.shelf import Bookmark, Settlement
from tieline.ports import Past
from tieline.store.memory import MemoryMachine, MemoryStore
from tieline.store.pastmemory import MemoryPast

if TYPE_CHECKING:
    from tieline.sim.machine import Machine


class SimMemory(MemoryMachine):
    """What a machine remembers beside its store, in a file that is written in place."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._since: list[dict[bytes, Mark] | None] = []  # before each write since the last sync
        self.behind = False  # a loss of power has left an older mark, and it claims less

    def marks(self) -> Mapping[bytes, Mark] | None:
        """See ``ports.Machine``: read, and synced, when a process starts."""
        self._since.clear()
        return self.kept

    def remember(self, marks: Mapping[bytes, Mark]) -> None:
        """See ``ports.Machine``: written, and not synced."""
        self._since.append(self.kept)
        self.behind = False
        super().remember(marks)

    def lose(self, chance: random.Random) -> str:
        """The power has gone: keep any state since the last sync, or one that does not read."""
        if not self._since:
            return ""
        written = [*self._since, self.kept]
        self._since.clear()
        at = chance.randrange(len(written) + 1)
        if at == len(written):
            self.kept = None
            return "torn"
        self.behind = written[at] != written[-1]
        self.kept = written[at]
        return "older" if self.behind else ""


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before one write that is not synced; ``past`` is None if it is not of that."""

    facts: int
    past: MemoryPast | None = None


@dataclass(slots=True)
class Cache:
    """What a machine has written to its store and not synced, oldest first."""

    chance: random.Random
    unsynced: list[Before] = field(default_factory=list)
    # A sync has failed. The system counts what it could not write as written, so no later sync
    # brings it; and what comes after it in the log is read only where it is whole.
    stuck: bool = False

    def sync(self) -> None:
        """What was written is there after a loss of power, too."""
        if not self.stuck:
            self.unsynced.clear()

    def clear(self) -> None:
        """What can be read is written anew and synced, or is another store."""
        self.stuck = False
        self.unsynced.clear()

    def lose(self, store: MemoryStore) -> MemoryStore:
        """The power has gone: the first some of the writes are there, or none, or all."""
        kept = self.chance.randint(0, len(self.unsynced))
        lost = self.unsynced[kept:]
        self.clear()
        if not lost:
            return store
        past = next((each.past for each in lost if each.past is not None), None)
        return store.crash(lost[0].facts, past)


class SimDisk:
    """A ``ports.Store`` that tells the checker what is durable, and lets the power go."""

    def __init__(self, machine: Machine, held: MemoryStore) -> None:
        self._machine = machine
        self.held = held

    def settle(self) -> None:
        """What an earlier process had written and could not sync is moved into the file."""
        if self._machine.cache is not None:
            self._machine.cache.clear()

    def sync(self) -> None:
        """What was written is there after a loss of power, too."""
        if self._machine.cache is not None:
            self._machine.cache.sync()

    def commit(self, facts: Sequence[Fact]) -> int:
        """See ``ports.Store``."""
        machine = self._machine
        machine.boundary("before commit")
        breaks = machine.disk_breaks()
        if breaks and machine.chance.random() < 0.5:
            raise StoreFailed("the simulated disk broke before the commit was durable")
        if machine.cache is None:
            self.held.commit(facts)
        else:
            self.write(facts, machine.cache.unsynced)
            machine.boundary("before the sync")
            if breaks:
                machine.cache.stuck = True
                raise StoreFailed("the simulated disk did not sync a commit")
            self.sync()
        machine.account()
        if breaks:
            raise StoreFailed("the simulated disk broke after the commit was durable")
        machine.boundary("after commit")
        return self.held.last()

    def write(self, facts: Sequence[Fact], unsynced: list[Before]) -> None:
        """Write a turn into the log, all or nothing."""
        before = Before(self.held.last())
        self.held.commit(facts)
        unsynced.append(before)

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        """See ``ports.Store``."""
        return self.held.facts(after)

    def some(self, kinds: frozenset[int], after: int, last: int) -> list[tuple[int, Fact]]:
        """See ``ports.Store``."""
        return self.held.some(kinds, after, last)

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        """See ``ports.Store``."""
        return self.held.statements(line, log, start, stop)

    @property
    def past(self) -> SimPast:
        """See ``ports.Store``."""
        return SimPast(self._machine, self.held, self.sync)

    def last(self) -> int:
        """See ``ports.Store``."""
        return self.held.last()

    def damage(self) -> list[str]:
        """See ``ports.Store``."""
        return self.held.damage()

    def log_damage(self) -> list[str]:
        """See ``ports.Store``."""
        return self.held.log_damage()

    def close(self) -> None:
        """See ``ports.Store``."""


class SimPast:
    """A ``ports.Past`` that lets the power go before, in and after the writing of a snapshot."""

    def __init__(self, machine: Machine, store: MemoryStore, sync: Callable[[], None]) -> None:
        held: Past = store.past
        self._machine, self._store, self._held, self._sync = machine, store, held, sync
        self.statements, self.tally, self.receipt = held.statements, held.tally, held.receipt
        self.act, self.acts, self.kept, self.chunks = held.act, held.acts, held.kept, held.chunks
        self.fact, self.number = held.fact, held.number
        self.bookmark = held.bookmark

    def keep(
        self,
        seq: int,
        body: bytes,
        settlements: Sequence[Settlement],
        bookmarks: Sequence[Bookmark] = (),
    ) -> None:
        """See ``ports.Past``."""
        self._machine.boundary("before a snapshot")
        self._note()
        self._held.keep(seq, body, settlements, bookmarks)
        if self._machine.cache is not None:
            self._machine.boundary("before the sync of a snapshot")
            self._sync()
        self._machine.boundary("after a snapshot")

    def drop(self) -> None:
        """See ``ports.Past``."""
        self._note()
        self._held.drop()
        self._sync()

    def _note(self) -> None:
        """Keep what there is, where a loss of power may come before this write is synced."""
        machine, store = self._machine, self._store
        if machine.cache is None or not (machine.struck or machine.cache.unsynced):
            return
        machine.cache.unsynced.append(Before(store.last(), store.past.copy([], lambda: None)))
