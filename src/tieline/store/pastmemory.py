"""The settled past in memory: for simulator and tests, with the same contract as on disk."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator, Sequence

from tieline.core.journal import Fact
from tieline.core.shelf import Bookmark, Settlement
from tieline.ports import Kept

__all__ = ["MemoryPast"]


class MemoryPast:
    """A ``ports.Past`` over a list of facts; ``check`` refuses a write as the store would."""

    def __init__(self, facts: list[Fact], check: Callable[[], None]) -> None:
        self._facts, self._check = facts, check
        self._kept: Kept | None = None
        self._places: dict[tuple[bytes, bytes], dict[int, int]] = {}
        self._chunks: dict[bytes, dict[tuple[str, int], bytes]] = {}
        self._tallies: dict[tuple[bytes, bytes, int], bytes] = {}
        self._receipts: dict[tuple[bytes, bytes, bytes], list[tuple[int, bytes]]] = {}
        self._acts: dict[tuple[bytes, str], bytes] = {}
        self._marks: dict[bytes, dict[tuple[str, int], bytes]] = {}
        self._filed = 0

    def copy(self, facts: list[Fact], check: Callable[[], None]) -> MemoryPast:
        """The same, of the next life."""
        out = MemoryPast(facts, check)
        if self._kept is not None:
            out._kept = self._kept
            out._chunks = {line: dict(chunks) for line, chunks in self._chunks.items()}
            out._tallies, out._acts = dict(self._tallies), dict(self._acts)
            out._marks = {line: dict(chunks) for line, chunks in self._marks.items()}
            out._receipts = {key: list(found) for key, found in self._receipts.items()}
        return out

    def _file(self) -> None:
        """Note where the statements lie in the journal."""
        for index in range(self._filed, len(self._facts)):
            fact = self._facts[index]
            if fact.log is not None and fact.position is not None:
                self._places.setdefault((fact.line, fact.log), {})[fact.position] = index
        self._filed = len(self._facts)

    def statements(
        self, line: bytes, log: bytes, start: int, stop: int
    ) -> list[tuple[int, bytes, bytes]]:
        """See ``core.shelf.Archive``."""
        self._file()
        places = self._places.get((line, log), {})
        found = [self._facts[places[at]] for at in range(start, stop) if at in places]
        return [(fact.at_ms, fact.body, fact.meta) for fact in found]

    def tally(self, line: bytes, log: bytes, position: int) -> bytes | None:
        """See ``core.shelf.Archive``."""
        return self._tallies.get((line, log, position))

    def receipt(self, line: bytes, log: bytes, cosigner: bytes, position: int) -> bytes | None:
        """See ``core.shelf.Archive``."""
        found = self._receipts.get((line, log, cosigner), [])
        index = bisect_right(found, position, key=lambda entry: entry[0])
        return found[index][1] if index < len(found) else None

    def act(self, line: bytes, key: str) -> bytes | None:
        """See ``core.shelf.Archive``."""
        return self._acts.get((line, key))

    def acts(self, line: bytes) -> list[tuple[str, bytes]]:
        """See ``core.shelf.Archive``."""
        return [(key, digest) for (of, key), digest in sorted(self._acts.items()) if of == line]

    def kept(self) -> Kept | None:
        """See ``ports.Past``."""
        return self._kept if self._kept and self._kept.seq <= len(self._facts) else None

    def chunks(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        """See ``ports.Past``."""
        for (name, _), data in sorted(self._chunks.get(line, {}).items()):
            yield name, data

    def bookmark(self, line: bytes) -> Iterator[tuple[str, bytes]]:
        """See ``ports.Past``."""
        for (name, _), data in sorted(self._marks.get(line, {}).items()):
            yield name, data

    def fact(self, seq: int) -> Fact | None:
        """See ``ports.Past``."""
        return self._facts[seq - 1] if 0 < seq <= len(self._facts) else None

    def number(self, line: bytes, log: bytes, position: int) -> int:
        """See ``ports.Past``."""
        self._file()
        return self._places.get((line, log), {}).get(position, -1) + 1

    def keep(
        self,
        seq: int,
        body: bytes,
        settlements: Sequence[Settlement],
        bookmarks: Sequence[Bookmark] = (),
    ) -> None:
        """See ``ports.Past``."""
        self._check()
        states = dict(self._kept.states) if self._kept else {}
        for each in settlements:
            states[each.line] = each.state
            chunks = {} if each.anew else self._chunks.get(each.line, {})
            self._chunks[each.line] = chunks
            chunks.update({(name, number): data for name, number, data in each.chunks})
            self._tallies.update({(each.line, log, at): raw for log, at, raw in each.tallies})
            for log, cosigner, size, raw in each.receipts:
                insort(self._receipts.setdefault((each.line, log, cosigner), []), (size, raw))
            self._acts.update({(each.line, key): digest for key, digest in each.acts})
        for mark in bookmarks:
            chunks = {} if mark.anew else self._marks.get(mark.line, {})
            self._marks[mark.line] = chunks
            chunks.update({(name, number): data for name, number, data in mark.chunks})
        self._kept = Kept(seq=seq, body=body, states=states)

    def drop(self) -> None:
        """See ``ports.Past``."""
        self._check()
        self._kept = None
        for part in (self._chunks, self._tallies, self._receipts, self._acts, self._marks):
            part.clear()
