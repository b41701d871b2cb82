"""A sketch of a record: it judges as the record does, and keeps only where each log ends.

An audit goes through a journal once, from its first entry to the last, and asks of each statement
whether it may stand where it stands. For that the record itself is the judge, and this is the
record: the same rules in the same code (``tieline.core.record``). What differs is how it finds what
a statement names. The record finds everything it holds. The sketch knows the end of each log, the
second stories, and what was told to it lately; for anything else there are three ways:

* what an author had read is believed, and noted in ``promised``: whoever walks the journal looks
  for it later, for very many statements at once;
* a predecessor that is not found stands nowhere, and neither does the statement itself;
* where an answer must be right whatever it costs, ``exact`` is set and ``hints`` hold all that is
  to be found; an end of a log that a charter names is asked for (``ask``).

So a verdict with ``exact`` is the record's. Without it, *refused* may be for the wrong reason, and
*admitted* is right when the promises hold.

The memory: of a log its frontier and a few of its frontiers of earlier, and for each second story
its place, of which the record allows a fixed number. What a charter moves out of a log (``cuts``)
is the business of whoever can read the log again: its new end is given to ``SketchLog.end``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from tieline.core.charter import Charter, SignedCharter
from tieline.core.closing import Closings
from tieline.core.frontier import Frontier, Subtree
from tieline.core.line import Line
from tieline.core.log import Item, Log, SortKey
from tieline.core.record import Admitted, Forked, Keys, Outcome, Record
from tieline.core.statement import TIP_BYTES, Content, Place, Statement
from tieline.core.terms import Kind

MAX_BORDERS: Final = 4_096
_NO_KEY: Final[SortKey] = (0, 0, 0, b"", b"", 0, b"")
_NOTHING: Final = Content(kind=Kind.MESSAGE)


class Standing(NamedTuple):
    """Where a statement stands, and by which version of the charter it goes."""

    digest: bytes  # or the first bytes of it, as they were asked for
    station: bytes
    log: bytes
    position: int
    charter: int


_PROMISED: Final = Standing(b"", b"", b"", 0, 0)


def standing(statement: Statement) -> Standing:
    """That of a statement at hand."""
    place = statement.place
    return Standing(
        statement.digest, place.station, statement.log, place.position, place.charter
    )  # fmt: skip


class SketchLog(Log):
    """One log as far as it was walked: its end, and its trees at some earlier sizes."""

    def __init__(self, record: Record, name: bytes, station: bytes, incarnation: bytes) -> None:
        super().__init__(name, station, incarnation, record.shelf)
        self.frontier = Frontier()
        self.last: bytes | None = None
        # From which position on by which version of the charter.
        self.versions: list[tuple[int, int]] = []
        # Trees of earlier sizes, of which there is always one that is not beyond a size.
        self.borders: list[tuple[int, tuple[bytes, ...]]] = [(0, ())]
        self.told: dict[bytes, Standing] = {}  # second stories, by digest
        # What a charter moved out of the main branch: from where to where, by which version.
        self.retired: list[tuple[int, int, int]] = []

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def head(self) -> bytes:
        """The digest of the last statement. Raises ``IndexError`` on an empty log."""
        if self.last is None:
            raise IndexError("an empty log has no head")
        return self.last

    @property
    def charter(self) -> int:
        """The version by which the last statement goes; 0 for an empty log."""
        return self.versions[-1][1] if self.versions else 0

    def beside(self) -> int:
        """See ``Log.beside``."""
        return len(self.told) + sum(stop - start for start, stop, _ in self.retired)

    def second_stories(self, closings: Closings) -> int:
        """How many are beside the log that are not late."""
        count = sum(
            not closings.late_at(self.station, self.id, one.position, one.charter)
            for one in self.told.values()
        )
        end = closings.ending(self.station, self.id)
        for start, stop, version in self.retired:
            if end is not None:
                count += max(0, min(stop, end.size) - start)
            elif not closings.late_at(self.station, self.id, start, version):
                count += stop - start
        return count

    def border(self, size: int) -> int:
        """Which of the earlier trees is the largest that is not beyond a size."""
        return bisect_right(self.borders, size, key=lambda border: border[0]) - 1

    def mark(self) -> None:
        """Keep the tree of this size. Of very many every other one is let go."""
        if self.borders[-1][0] == self.size:
            return
        self.borders.append((self.size, self.frontier.peaks()))
        if len(self.borders) > MAX_BORDERS:
            del self.borders[1:-1:2]

    def add(self, item: Item) -> None:
        """See ``Log.add``."""
        statement = item.statement
        self.run(
            statement.place.previous,
            [(statement.place.position, statement.place.charter)],
            [(0, statement.digest)],
            statement.digest,
        )

    def run(
        self,
        previous: bytes | None,
        versions: Iterable[tuple[int, int]],
        trees: Iterable[Subtree],
        last: bytes,
    ) -> None:
        """Let the log grow by many statements that have been judged already."""
        for start, version in versions:
            if version != self.charter:
                self.versions.append((start, version))
        if not self.size:
            # What is asked of the first statement of a log is only by which version it goes.
            one = Standing(b"", self.station, self.id, 0, self.charter)
            self.items.recent[:] = [_item(self.shelf.line, one)]
        self.frontier.extend(trees)
        self.leaves.discard(previous or b"")
        self.leaves.add(last)
        self.last = last

    def end(self, keep: int, tree: Frontier, last: bytes | None) -> None:
        """Take all from ``keep`` on out of the log, whose tree and last statement are then these.

        The ends of branches stay what they are, as in ``Log.cut``.
        """
        stops = [start for start, _ in self.versions[1:]] + [self.size]
        for (start, version), stop in zip(self.versions, stops, strict=True):
            if stop > keep:
                self.retired.append((max(start, keep), stop, version))
        self.versions = [entry for entry in self.versions if entry[0] < keep]
        self.borders = [border for border in self.borders if border[0] <= keep]
        self.frontier, self.last = tree, last


class Sketch(Record):
    """The record of one line, of which only the ends are kept."""

    def __init__(self, line: bytes, realm: str) -> None:
        super().__init__(line, realm)
        self.sketches: dict[bytes, SketchLog] = {}
        self.told: dict[bytes, Standing] = {}  # all second stories, by tip
        self.near: dict[bytes, Standing] = {}  # what was placed since ``forget``, by tip
        self.hints: dict[bytes, Standing] = {}
        self.exact = False
        self.promised: list[bytes] = []
        # What is known besides: signatures, by digest and key; of tips lately; of any digest.
        self.signed: set[tuple[bytes, bytes]] = set()
        self.lately: Callable[[bytes], Standing | None] = _nothing
        self.ask: Callable[[bytes], Standing | None] = _nothing
        self._asked: list[Standing] = []
        self._marked: set[bytes] = set()
        self._trial = False
        self._now = _item(line, _PROMISED).statement

    def try_out(
        self, statement: Statement, keys: Keys, now_ms: int, *, late: bool
    ) -> Outcome:  # fmt: skip
        """What ``judge`` will say, with nothing placed by it."""
        self._trial = True
        try:
            return self.judge(statement, keys, now_ms, late=late)
        finally:
            self._trial = False

    def judge(
        self, statement: Statement, keys: Keys, now_ms: int, *, late: bool = False
    ) -> Outcome:
        """See ``Record.judge``, and above."""
        self._now = statement
        self._asked.clear()
        self.promised.clear()
        return super().judge(statement, keys, now_ms, late=late)

    def forget(self) -> dict[bytes, Standing]:
        """Forget what was placed lately, and return it."""
        near, self.near = self.near, {}
        self._marked.clear()
        return near

    def find(self, name: bytes) -> int | None:
        """See ``Record.find``; the reference holds until the next statement is judged."""
        found = self._stands(name)
        if found is None:
            return None
        self._asked.append(found)
        return len(self._asked) - 1

    def item(self, ref: int) -> Item:
        """An item that says where a statement stands and nothing of what is in it."""
        return _item(self.line, self._asked[ref])

    def open(self, name: bytes, station: bytes, incarnation: bytes) -> SketchLog:
        """See ``Record.open``."""
        log = SketchLog(self, name, station, incarnation)
        if not self._trial:
            self.logs[name] = self.sketches[name] = log
        return log

    def _stands(self, name: bytes) -> Standing | None:
        now, tip = self._now, name[:TIP_BYTES]
        for known in (self.near, self.told, self.hints):
            found = known.get(tip)
            if found is not None and found.digest.startswith(name):
                return found
        if self.exact:
            return None
        log = self.sketches.get(now.log)
        if log is not None and log.last is not None and log.last.startswith(name):
            return Standing(log.last, log.station, log.id, log.size - 1, log.charter)
        if name in now.place.seen:
            found = self.lately(name)
            if found is None:
                self.promised.append(name)
            return found or _PROMISED
        return None if name in (now.digest, now.place.previous) else self.ask(name)

    def _holds(self, statement: Statement) -> bool:
        return self.find(statement.digest) is not None  # a sketched log holds its end alone

    def _is_signed(self, key: bytes, statement: Statement) -> bool:
        return (statement.digest, key) in self.signed

    def _append(self, log: Log, item: Item, causes: list[Item]) -> Admitted:
        if not self._trial:
            if log.id not in self._marked:
                self._marked.add(log.id)
                self.sketches[log.id].mark()
            log.add(item)
            self.near[item.statement.digest[:TIP_BYTES]] = standing(item.statement)
        return Admitted(item)

    def _fork(self, log: Log, statement: Statement, key: SortKey, now_ms: int) -> Forked:
        if not self._trial:
            one = standing(statement)
            self.sketches[log.id].told[statement.digest] = one
            self.told[statement.digest[:TIP_BYTES]] = one
            log.grow(statement)
        return Forked(Item(statement, key, now_ms, second_story=True), None)


class SketchLine(Line):
    """A line of which an audit knows the charters in full and the record as a sketch."""

    def __init__(self, own: bytes, signed: SignedCharter) -> None:
        super().__init__(own, signed)
        self.record = self.sketch = Sketch(self.id, self.realm)
        # Logs that a version of the charter made shorter, and how long they are now.
        self.cuts: list[tuple[SketchLog, int]] = []

    def _end_keys(self, new: Charter) -> tuple[Statement, ...]:
        ended = self._ended_by(new)
        if new.closed is None or not ended:
            return ()
        closings = self.sketch.closings
        closings.add(new.version, ended, new.closed)
        for log in self.sketch.sketches.values():
            first = log.versions[0][1] if log.versions else 0
            keep = closings.kept(log.station, log.id, log.size, first)
            if log.station in ended and keep < log.size:
                self.cuts.append((log, keep))
        return ()


def _nothing(_: bytes) -> None:
    return None


def _item(line: bytes, one: Standing) -> Item:
    place = Place(
        line=line, station=one.station, incarnation=b"", position=one.position, previous=None,
        seen=(), time_ms=0, charter=one.charter,
    )  # fmt: skip
    blank = Statement(
        place=place, content=_NOTHING, unknown=(), log=one.log, digest=one.digest, raw=b"",
        signed=b"", signature=b"",
    )  # fmt: skip
    return Item(blank, _NO_KEY, 0)
