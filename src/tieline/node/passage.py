"""One passage through a long record for all who read it from its first statement.

Reading a statement anew costs far more than what is made of it, so the ledger of agreements and the
book of incidents go through a long record together. Each goes at its own pace; whoever comes first
to a piece has it read, and the piece is kept for the other: of the last few only, so memory does
not grow with the record. Who comes first does the reading, and so the other catches up.

A passage goes through what the record held when it began. What came since is read after it.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from tieline.core.line import Line
from tieline.core.record import Item
from tieline.node.view import Json

PIECE: Final = 48  # statements that are made anew in one go: 5 ms
NEAR: Final = 5_000  # statements that are read while somebody waits for an answer
KEPT: Final = 16  # pieces that are kept for who comes after


class Passage:
    """What a record held at one moment, piece by piece in display order."""

    def __init__(self, line: Line) -> None:
        record = line.record
        self._record = record
        self._refs: array[int] = record.refs[:]
        self._pieces: OrderedDict[int, list[Item]] = OrderedDict()
        self.version = line.latest()
        self.sizes = {log.id: log.size for log in record.logs.values()}
        self.stories = len(record.stories)

    def __len__(self) -> int:
        """How many statements there are."""
        return len(self._refs)

    @property
    def begun(self) -> bool:
        """Whether its first piece is gone: then who begins now has a passage of its own."""
        return bool(self._pieces) and 0 not in self._pieces

    def piece(self, start: int) -> list[Item]:
        """The statements from a place on, ``PIECE`` of them at most."""
        found = self._pieces.get(start)
        if found is None:
            found = self._pieces[start] = self._record.run(self._refs[start : start + PIECE])
            while len(self._pieces) > KEPT:
                self._pieces.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long record has been read since the start: of ``of`` statements ``read``."""

    read: int
    of: int


def together(known: Iterable[Progress | None]) -> Progress | None:
    """How far several records are read; ``None``: each as far as there is."""
    found = [one for one in known if one]
    return Progress(sum(one.read for one in found), sum(one.of for one in found)) if found else None


def reading_view(progress: Progress | None) -> dict[str, Json]:
    """How far the record is read, as answers have it: null when they know all of it."""
    view: Json = None if progress is None else {"read": progress.read, "of": progress.of}
    return {"reading": view}


class Passages:
    """The passages under way, by line; ``begins`` are told when one is begun."""

    def __init__(self) -> None:
        self._under_way: WeakValueDictionary[bytes, Passage] = WeakValueDictionary()
        self.begins: list[Callable[[Line], None]] = []

    def of(self, line: Line) -> Passage:
        """The passage through a line's record that is beginning, or a new one."""
        found = self._under_way.get(line.id)
        if found is None or found.begun or found.version != line.latest():
            found = self._under_way[line.id] = Passage(line)
            for tell in self.begins:
                tell(line)
        return found
