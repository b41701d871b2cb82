"""The journal in memory: for the simulator and for tests, with the same contract as on disk.

Everything a commit accepted counts as durable. ``crash`` gives what the next life of the station
would find, ``full`` and ``failing`` play the two ways a disk lets a station down. Nothing here
survives the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tieline.core.crypto import sha256
from tieline.core.errors import StoreFailed, StoreFull
from tieline.core.journal import Fact
from tieline.core.life import Mark
from tieline.ports import Steps
from tieline.store.pastmemory import MemoryPast
from tieline.store.rules import check_facts, closed, taken

__all__ = ["MemoryMachine", "MemoryStore"]


class MemoryMachine:
    """A ``ports.Machine`` of the given name, whose randomness follows from the name and a count."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._starts = 0
        self.tag = sha256(b"machine " + name.encode())[:16]
        self.kept: dict[bytes, Mark] | None = None
        self.clocks: Steps | None = None

    def entropy(self) -> bytes:
        """See ``ports.Machine``."""
        self._starts += 1
        return sha256(b"start %d of " % self._starts + self._name.encode())

    def marks(self) -> Mapping[bytes, Mark] | None:
        """See ``ports.Machine``."""
        return self.kept

    def remember(self, marks: Mapping[bytes, Mark]) -> None:
        """See ``ports.Machine``."""
        self.kept = dict(marks)

    def steps(self) -> Steps | None:
        """See ``ports.Machine``."""
        return self.clocks

    def remember_steps(self, steps: Steps) -> bool:
        """See ``ports.Machine``."""
        self.clocks = steps
        return True


class MemoryStore:
    """A ``ports.Store`` that keeps its facts in a list.

    ``full`` makes commits raise ``StoreFull`` until it is set to False again; ``failing`` makes the
    next commit and every later one raise ``StoreFailed``.
    """

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._facts: list[Fact] = []
        self._places: dict[tuple[bytes, bytes], dict[int, bytes]] = {}
        self._closed = False
        self.full = False
        self.failing = False
        self._keep(list(facts))
        self.past = MemoryPast(self._facts, self._refuse)

    def commit(self, facts: Sequence[Fact]) -> int:
        """See ``ports.Store``. Raises ``LocalError`` (``store.taken``, ``store.fact``) as well."""
        if self._closed:
            raise closed()
        if self.failing:
            raise StoreFailed("the store in memory was told to fail; stop this station")
        if not facts:
            return len(self._facts)
        check_facts(facts)
        self._refuse_taken(facts)
        if self.full:
            raise StoreFull("the store in memory was told to be full; nothing was written")
        self._keep(facts)
        return len(self._facts)

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        """See ``ports.Store``: the facts there are at the moment of the call."""
        if self._closed:
            raise closed()
        return self._stream(max(after, 0), len(self._facts))

    def some(self, kinds: frozenset[int], after: int, last: int) -> list[tuple[int, Fact]]:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        first = max(after, 0)
        found = enumerate(self._facts[first:last], first + 1)
        return [(seq, fact) for seq, fact in found if fact.kind in kinds]

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        held = self._places.get((line, log))
        if not held:
            return []
        if stop - start > len(held):
            return [held[position] for position in sorted(held) if start <= position < stop]
        return [held[position] for position in range(start, stop) if position in held]

    def last(self) -> int:
        """See ``ports.Store``."""
        if self._closed:
            raise closed()
        return len(self._facts)

    def damage(self) -> list[str]:
        """See ``ports.Store``: memory has no medium that could be damaged."""
        if self._closed:
            raise closed()
        return []

    def log_damage(self) -> list[str]:
        """See ``ports.Store``."""
        return self.damage()

    def close(self) -> None:
        """See ``ports.Store``. A second time does nothing."""
        self._closed = True

    def crash(self, last: int | None = None, past: MemoryPast | None = None) -> MemoryStore:
        """End this store as a crash would, and give what the next life finds: every commit.

        A loss of power may leave less where something was not synced: entries up to ``last``, and
        an earlier ``past``.
        """
        self._closed = True
        after = MemoryStore(self._facts if last is None else self._facts[:last])
        after.past = (past or self.past).copy(after._facts, after._refuse)
        return after

    def _refuse(self) -> None:
        """Refuse a write beside the journal as ``commit`` would."""
        if self._closed:
            raise closed()
        if self.failing:
            raise StoreFailed("the store in memory was told to fail; stop this station")
        if self.full:
            raise StoreFull("the store in memory was told to be full; nothing was written")

    def _stream(self, after: int, stop: int) -> Iterator[tuple[int, Fact]]:
        for index in range(after, stop):
            yield index + 1, self._facts[index]

    def _refuse_taken(self, facts: Sequence[Fact]) -> None:
        new: set[tuple[bytes, bytes, int]] = set()
        for fact in facts:
            if fact.log is None or fact.position is None:
                continue
            place = (fact.line, fact.log, fact.position)
            if place in new or fact.position in self._places.get((fact.line, fact.log), ()):
                raise taken()
            new.add(place)

    def _keep(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.log is not None and fact.position is not None:
                self._places.setdefault((fact.line, fact.log), {})[fact.position] = fact.body
        self._facts.extend(facts)
