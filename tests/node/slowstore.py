"""A store whose commits end when the test lets them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from tests.node.pair import WAIT_S

from tieline.core.journal import Fact
from tieline.node.acts import NodeActs
from tieline.node.atonce import AtOnce
from tieline.node.beside import Beside
from tieline.node.host import Host
from tieline.node.unstored import Unstored
from tieline.store.memory import MemoryStore
from tieline.store.pastmemory import MemoryPast


class Slow(MemoryStore):
    """A store whose commits end when they are let. Nobody else may touch it until then.

    ``holds``: which facts make a commit wait; all, unless it is told.
    """

    def __init__(self, holds: Callable[[Fact], bool] = lambda _: True) -> None:
        super().__init__()
        self._holds = holds
        self.took_s = 0.0
        self.go_on = threading.Event()
        self.go_on.set()
        self.error: Exception | None = None
        self.threads: set[int] = set()
        self.busy = False
        self.commits = 0
        self.untidy = False
        self.moved_by: set[int] = set()
        self.may_move = threading.Event()
        self.may_move.set()
        self.past = cast("MemoryPast", Untouched(self.past, self))

    def commit(self, facts: Sequence[Fact]) -> int:
        self.busy = True
        try:
            self.threads.add(threading.get_ident())
            assert not any(map(self._holds, facts)) or self.go_on.wait(WAIT_S)
            if self.error is not None:
                raise self.error
            self.commits += 1
            return super().commit(facts)
        finally:
            self.took_s, self.busy = 1.0, False

    def tidy(self) -> None:
        assert self.untidy
        assert not self.busy
        self.moved_by.add(threading.get_ident())
        assert self.may_move.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        self.untidy, self.took_s = False, 1.0

    def facts(self, after: int = 0) -> Iterator[tuple[int, Fact]]:
        assert not self.busy
        return super().facts(after)

    def some(self, kinds: frozenset[int], after: int, last: int) -> list[tuple[int, Fact]]:
        assert not self.busy
        return super().some(kinds, after, last)

    def statements(self, line: bytes, log: bytes, start: int, stop: int) -> list[bytes]:
        assert not self.busy
        return super().statements(line, log, start, stop)


class Untouched:
    """The settled past of such a store."""

    def __init__(self, past: MemoryPast, store: Slow) -> None:
        self._past, self._store = past, store

    def __getattr__(self, name: str) -> object:
        assert not self._store.busy
        found: object = getattr(self._past, name)
        return found


def beside_of(host: Host, store: Slow) -> AtOnce:
    """Have a station's commits made beside its loop, as ``serve`` does; its acts."""
    unstored = Unstored(host)
    acts = AtOnce(NodeActs(host), host.gate, unstored)
    host.beside = Beside(store, host.gate)
    host.beside.before, host.beside.unseen = acts.look, acts.forget
    host.beside.unstored = unstored
    return acts
