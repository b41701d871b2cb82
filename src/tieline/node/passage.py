"""One passage through a long record for all who read it from its first statement.

Reading a statement anew costs far more than what is made of it, so the ledger of agreements and the
book of incidents go through a long record together. Each goes at its own pace; whoever comes first
to a piece has it read, and the piece is kept for the other: of the last few only, so memory does
not grow with the record. Who comes first does the reading, and so the other catches up.

What is plainly on no form is not made anew at all: of a text or receipt as officers usually say it
neither reader needs more than stands in a ``Brief``, and who does has it made.

A passage goes through what the record held when it began. What came since is read after it. Where
an earlier life has left a bookmark, it goes through what is marked there and what came after it.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakValueDictionary

from tieline.core import glance
from tieline.core.line import Line
from tieline.core.log import Log, SortKey
from tieline.core.record import STORY, Item, Record
from tieline.core.terms import Kind, RefRole
from tieline.node.view import Json

if TYPE_CHECKING:
    from tieline.node.bookmark import Found

PIECE: Final = 48  # statements that are made anew in one go: 5 ms
NEAR: Final = 5_000  # statements that are read while somebody waits for an answer
KEPT: Final = 16  # pieces that are kept for who comes after
_ROLES: Final = {int(role): role for role in RefRole}
BRIEF: Final = frozenset({Kind.MESSAGE, Kind.ACKNOWLEDGE, Kind.READ_BACK})  # see ``Brief``


class Brief(NamedTuple):
    """A statement on no form, of a kind that says nothing by itself, which was not made anew."""

    kind: Kind
    digest: bytes
    log: bytes
    position: int
    station: bytes
    charter: int
    time_ms: int
    refs: tuple[tuple[RefRole, bytes], ...]


class Passage:
    """What a record held at one moment, piece by piece in display order."""

    def __init__(self, line: Line, found: Found | None = None) -> None:
        record = line.record
        self.record = record
        self.found = found
        self.resumed = False  # whether a book goes on with the notes: they are for one
        self._refs = record.refs[:] if found is None else _refs(record, found)
        self._pieces: OrderedDict[int, list[Item | Brief]] = OrderedDict()
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

    def piece(self, start: int) -> list[Item | Brief]:
        """The statements from a place on, ``PIECE`` of them at most. Raises ``LocalError``."""
        found = self._pieces.get(start)
        if found is None:
            found = self._pieces[start] = self._read(self._refs[start : start + PIECE])
            while len(self._pieces) > KEPT:
                self._pieces.popitem(last=False)
        return found

    def _read(self, refs: array[int]) -> list[Item | Brief]:
        record = self.record
        briefs: dict[int, Brief] = {}
        by_log: dict[Log, dict[int, int]] = {}
        known = {} if self.found is None else self.found.sizes
        for ref in refs:
            if not ref & STORY:
                name, position = record.place(ref)
                if position < known.get(name, 0):
                    continue  # it is marked, so it is hardly one of which nothing follows
                by_log.setdefault(record.logs[name], {})[position] = ref
        for log, places in by_log.items():
            for brief in _briefs(log, places):
                briefs[places[brief.position]] = brief
        made = record.run([ref for ref in refs if ref not in briefs])
        found: dict[int | None, Item | Brief] = dict(briefs.items())
        for item in made:
            found[record.find(item.statement.digest)] = item
        return [found[ref] for ref in refs if ref in found]


def made(record: Record, brief: Brief) -> Item | None:
    """A statement itself; ``None`` if a charter has ended its log before it meanwhile."""
    found = record.logs[brief.log].items.run(brief.position, brief.position + 1)
    return found[0] if found else None


def news(
    record: Record, ranges: Mapping[bytes, tuple[int, int]], stories: Sequence[Item] = ()
) -> Iterator[Item | Brief]:
    """These parts of logs and these second stories, in display order.

    They are read piece by piece, and what a charter ends meanwhile is left out.
    """
    logs = [(record.logs[name], *span) for name, span in ranges.items()]
    if len(logs) == 1 and not stories:  # in the order of its positions
        for piece in _pieces(*logs[0]):
            yield from piece
        return
    told = ((item.key, item) for item in sorted(stories))
    for _, found in merge(told, *(_keyed(*one) for one in logs), key=itemgetter(0)):
        yield found


def _pieces(log: Log, start: int, stop: int) -> Iterator[list[Item | Brief]]:
    """A part of a log."""
    for begin in range(start, stop, PIECE):
        end = min(begin + PIECE, stop, log.size)
        briefs = {brief.position: brief for brief in _briefs(log, range(begin, end))}
        if not briefs:
            yield [*log.items.run(begin, end)]
            continue
        piece: list[Item | Brief] = []
        for at in range(begin, end):
            piece += (briefs[at],) if at in briefs else log.items.run(at, at + 1)
        yield piece


def _keyed(log: Log, start: int, stop: int) -> Iterator[tuple[SortKey, Item | Brief]]:
    for piece in _pieces(log, start, stop):
        yield from [(_key(log, found), found) for found in piece]


def _key(log: Log, found: Item | Brief) -> SortKey:
    if not isinstance(found, Brief):
        return found.key
    at = found.position
    return (log.times[at], log.depths[at], found.time_ms, found.station, log.incarnation, at,
            found.digest)  # fmt: skip


def _refs(record: Record, found: Found) -> array[int]:
    """What is to be read where a bookmark is, in display order."""
    wanted = {STORY | number for number in range(len(record.stories))}
    marked = dict(found.noted.again())
    for log in record.logs.values():
        first = record.find(log.digest(0)) if log.size else None
        if first is not None:
            wanted.update(first | place for place in marked.get(log.id, ()))
            wanted.update(range(first | found.sizes.get(log.id, 0), first | log.size))
    return array("Q", filter(wanted.__contains__, record.refs))


def _briefs(log: Log, places: Iterable[int]) -> Iterator[Brief]:
    """Of some statements of a log those that are settled and plainly on no form."""
    settled = sorted(place for place in places if place < log.items.first)
    if not settled:
        return
    first, stop = settled[0], settled[-1] + 1
    near = stop - first < 2 * len(settled)
    run = log.items.raw(first, stop) if near else []
    for position in settled:
        raw = run[position - first] if near else log.items.raw(position, position + 1)[0]
        plain = glance.plain(raw)
        if plain is not None and plain.kind in BRIEF:
            yield Brief(
                Kind(plain.kind), log.digest(position), log.id, position, log.station,
                plain.charter, plain.time_ms,
                tuple((_ROLES[role], target) for role, target in plain.refs),
            )  # fmt: skip


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
    """The passages under way, by line; ``begins`` are told when one is begun.

    ``find``: asked for the bookmark in a line's record.
    """

    def __init__(self, find: Callable[[Line], Found | None]) -> None:
        self._find = find
        self._under_way: WeakValueDictionary[bytes, Passage] = WeakValueDictionary()
        self.begins: list[Callable[[Line], None]] = []

    def of(self, line: Line, *, resumes: bool = False) -> Passage:
        """The passage through a line's record that is beginning, or a new one.

        ``resumes``: for a book, which goes on with the notes of the bookmark.
        """
        found = self._under_way.get(line.id)
        if (
            found is None
            or found.begun
            or found.version != line.latest()
            or found.record is not line.record
            or (resumes and found.resumed)
        ):
            found = self._under_way[line.id] = Passage(line, self._find(line))
            for tell in self.begins:
                tell(line)
        found.resumed = found.resumed or resumes
        return found
