"""An audit on all cores: it deals out ranges of the journal, and joins what the workers found.

What is joined is little: for each range and log where it begins, where it ends, and complete
subtrees of its tree. So the memory does not grow with the journal, and nearly all of the work is
done by the workers (``tieline.node.auditwork``), each in a process of its own.

A range that is plainly right is joined as it is. Any other, be it wrong or only unusual, is judged
here entry by entry by the record's own rules (``tieline.node.auditjudge``), with its signatures
checked by a worker. Then ranges are joined again.

The first statement or charter that may not stand where it stands ends the audit, and is what it
says: all after it stands on it. Receipts, notes and proofs that are wrong are all said, up to a
number.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar

from tieline.core.errors import ShellError
from tieline.core.frontier import Frontier, subtrees
from tieline.core.journal import FactKind
from tieline.core.record import MAX_BRANCHES_PER_LOG, MAX_FORKS_PER_LOG, MAX_LOGS_PER_STATION
from tieline.core.sketch import SketchLine, SketchLog, Standing
from tieline.core.statement import TIP_BYTES
from tieline.node.auditjudge import Judge, Promise
from tieline.node.auditreplay import report_of, unverified
from tieline.node.auditwork import (
    RECEIPT,
    UNKNOWN_KEY,
    Cosigner,
    Covered,
    Found,
    Range,
    Row,
    Run,
    SignKeys,
    Sought,
    Unverified,
    author_of,
    calm,
    check,
    check_receipts,
    close,
    leaves_of,
    seek,
    sign_keys,
    survey,
)
from tieline.node.view import Json, station_name
from tieline.store.schema import read_row

P = ParamSpec("P")
T = TypeVar("T")

RANGE: Final = 4_096  # entries of the journal that a worker takes at a time
SMALL: Final = 6_000  # a journal of so few entries is not worth starting processes for
MAX_PROBLEMS: Final = 1_000
_WINDOW: Final = 64  # ranges of which the tips are kept
_DEFERRED: Final = 50_000
_HASH: Final = 32

Ranges = Callable[[], Iterator[Range]]
Medium = Callable[[], list[str]]  # what is wrong with the medium; goes to another process


@dataclass(slots=True)
class Verdict:
    """What an audit found. ``last`` is the last entry that was judged."""

    damage: list[str] = field(default_factory=list)  # of the medium
    problems: list[str] = field(default_factory=list)
    stopped: bool = False  # what comes after the last entry was not judged
    statements: int = 0
    receipts: int = 0
    last: int = 0
    logs: list[Json] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.damage and not self.problems

    def report(self) -> dict[str, Json]:
        """The report, as the replay through the record gives it of a journal without problems."""
        problems = [*self.damage, *self.problems]
        if self.stopped:
            problems.append(f"what comes after journal entry {self.last} was not judged")
        return report_of(problems, self.statements, self.receipts, self.last, self.logs)


class Inline(Executor):
    """Does the work at once, in this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)
        return future


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def run(
    ranges: Ranges, own: bytes, realm: str, *, workers: int, medium: Medium | None = None
) -> Verdict:
    """Audit a journal, and meanwhile the medium that holds it.

    ``workers`` 0 means that all is done in this process.
    """
    if workers:
        # Never a fork: the caller may have threads.
        spawn = multiprocessing.get_context("spawn")
        with (
            contextlib.suppress(BrokenExecutor),  # without room for processes, one does it alone
            ProcessPoolExecutor(workers, mp_context=spawn, initializer=calm) as pool,
        ):
            try:
                return join(ranges, own, realm, pool, workers, medium)
            finally:
                pool.shutdown(cancel_futures=True)
    try:
        return join(ranges, own, realm, Inline(), 1, medium)
    finally:
        close()


def join(
    ranges: Ranges,
    own: bytes,
    realm: str,
    pool: Executor,
    workers: int,
    medium: Medium | None = None,
) -> Verdict:
    """As ``run``, by workers that are there already."""
    looking = None if medium is None else pool.submit(medium)
    try:
        verdict = _Joiner(ranges, own, realm, pool, workers).go()
    except _Doubt as doubt:
        # It was believed, and more was built on it: once more, up to there.
        seq = doubt.seq
        verdict = _Joiner(lambda: _until(ranges, seq), own, realm, pool, workers, seq).go()
    if looking is not None:
        verdict.damage = looking.result()
    return verdict


def _until(ranges: Ranges, last: int) -> Iterator[Range]:
    for part in ranges():
        if part.first > last:
            return
        yield part if part.last <= last else part.part(part.first, last)


class _Stop(Exception):
    """The last entry that was judged may not stand where it stands."""


class _Doubt(Exception):
    """What the author of an entry had read does not stand before it."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq


@dataclass(slots=True)
class _Head:
    """A log as far as it is joined, with the leaves of its last runs, which receipts are for."""

    line: SketchLine
    log: SketchLog
    run: tuple[int, bytes] = (-1, b"")
    before: tuple[int, bytes] = (-1, b"")


class _Joiner:
    def __init__(
        self,
        ranges: Ranges,
        own: bytes,
        realm: str,
        pool: Executor,
        workers: int,
        doubted: int = 0,
    ) -> None:
        self._ranges, self._realm, self._pool = ranges, realm, pool
        self._ahead = 2 * workers + 1
        self._keys: SignKeys = {}
        self._cosigners: dict[bytes, dict[bytes, Cosigner]] = {}
        self._judge = Judge(own, realm, self)
        self._judge.doubted = doubted
        self._heads: dict[bytes, _Head] = {}  # by author
        self._window: deque[_Tips] = deque(maxlen=_WINDOW)
        self._deferred: list[Promise] = []
        self._receipts: deque[Future[list[Unverified]]] = deque()
        self._ends: dict[bytes, Sought | None] = {}

    def go(self) -> Verdict:
        stopped = False
        try:
            self._join()
        except _Stop:
            stopped = True
        self._keep_promises()
        while self._receipts:
            self._settle_receipts()
        judge = self._judge
        if judge.doubted and not stopped:
            text = f"journal entry {judge.last} was not the same when it was read again"
            judge.problem(judge.last, text)
        return Verdict(
            problems=[text for _, text in sorted(judge.wrong, key=lambda one: one[0])],
            stopped=stopped,
            statements=judge.statements,
            receipts=judge.receipts,
            last=judge.last,
            logs=judge.logs(),
        )

    def _join(self) -> None:
        waiting: deque[tuple[Range, Future[Found]]] = deque()
        source = self._ranges()
        more = True
        while more or waiting:
            while more and len(waiting) < self._ahead:
                part = next(source, None)
                if part is None:
                    more = False
                else:
                    waiting.append((part, self._ask(part)))
            if not waiting:
                return
            part, future = waiting.popleft()
            last = self._take(part, future.result())
            if last < part.last:
                rest = part.part(last + 1, part.last)
                waiting.appendleft((rest, self._ask(rest)))
            if len(self._judge.wrong) > MAX_PROBLEMS:
                raise _Stop

    def _ask(self, part: Range) -> Future[Found]:
        return self._pool.submit(check, part, self._realm, self._keys)

    # ------------------------------------------------------------------------------- joining

    def _take(self, part: Range, found: Found) -> int:
        """Take a range, or what there is of it before the next charter; its last entry."""
        for row in found.charters:
            self._charter(part, row)
        if found.trouble == UNKNOWN_KEY:
            found = self._ask(part).result()  # all charters before it are known by now
        doubtful = found.first <= self._judge.doubted <= found.last
        promised = None if doubtful else self._plain(found)
        if promised is None:
            return self._walk(part.part(part.first, found.last))
        stood = {author: head.log.size for author, head in self._heads.items()}
        for author, run in found.runs.items():
            self._grow(author, run)
        for row in found.notes:
            self._entry(row)
        self._cover(part, found, stood)
        self._window.append(_Tips(found.runs))
        self._promise(promised)
        self._judge.statements += found.statements
        self._judge.last = found.last
        return found.last

    def _entry(self, row: Row) -> None:
        """Have one entry judged; a statement or charter that is wrong is the last one."""
        judge = self._judge
        judge.last, wrong = row[0] - 1, len(judge.wrong)
        try:
            fact = read_row(row).fact
        except ShellError as error:
            judge.problem(row[0], error.message)
            raise _Stop from None
        judge.fact(row[0], fact)
        if len(judge.wrong) > wrong and fact.kind in _BEARING:
            raise _Stop

    def _charter(self, part: Range, row: Row) -> None:
        self._entry(row)
        for line in self._judge.sketches.values():
            for log, keep in line.cuts:
                self._cut(part, line, log, keep)
            line.cuts.clear()
            newest = line.charters[line.latest()]
            versions = self._keys.get(line.id, {})
            if newest.charter.version not in versions:
                versions = {**versions, newest.charter.version: sign_keys(newest)}
                self._keys = {**self._keys, line.id: versions}
                self._cosigners[line.id] = _cosigners(line)

    def _cut(self, part: Range, line: SketchLine, log: SketchLog, keep: int) -> None:
        """A charter ends a log before its end: go back to what is left of it."""
        size, peaks = log.borders[log.border(keep)]
        tree, first = Frontier(size, peaks), max(0, min(size, keep - 1))
        ask = self._pool.submit(leaves_of, part, line.id, log.id, first, keep)
        leaves = ask.result() if keep else b""
        tree.extend(subtrees(size, leaves[(size - first) * _HASH :]))
        if len(leaves) != (keep - first) * _HASH:
            self._judge.problem(part.first, f"the log before journal entry {part.first} is gone")
            raise _Stop
        log.end(keep, tree, leaves[-_HASH:] or None)

    def _plain(self, found: Found) -> list[Promise] | None:
        """Whether a range is plainly right after all before it, and what it takes on trust."""
        if found.trouble or not all(map(self._continues, found.runs.values())):
            return None
        fresh = Counter((run.line, run.station) for run in found.runs.values() if run.start == 0)
        if any(self._lives(*of) + count > MAX_LOGS_PER_STATION for of, count in fresh.items()):
            return None
        opened = [run.first for run in found.runs.values() if run.start == 0]
        if any(row[0] < first for row in found.notes for first in opened):
            return None  # a note is held against the key of its log, if that is known
        for (line, log), receipts in found.older.items():
            known = self._judge.sketches.get(line)
            of = known.sketch.sketches.get(log) if known else None
            size = of.size if of else 0
            if known and any(one[0] > size for one in RECEIPT.iter_unpack(receipts)):
                return None
        promised: list[Promise] = []
        for promise in itertools.starmap(Promise, found.unresolved):
            cause = self._lately(promise.author[2:18], promise.tip)
            if cause is None:
                promised.append(promise)
            elif not _may_read(promise, *cause):
                return None
        return promised

    def _continues(self, run: Run) -> bool:
        """Whether a run goes on where its log ends, and nothing about the log is unusual."""
        line = self._judge.sketches.get(run.line)
        if line is None:
            return False
        logs, closings, version = line.sketch.sketches, line.sketch.closings, run.versions[0][1]
        log = logs.get(run.log)
        if closings.ending(run.station, run.log) is not None or closings.late_at(
            run.station, run.log, run.start, version
        ):
            return False
        if log is None:
            return run.start == 0
        return (
            (log.station, log.incarnation) == (run.station, run.incarnation)
            and (log.size, log.last) == (run.start, run.previous)
            and log.charter <= version
            and not (log.beside() and (not log.size or log.beside() >= MAX_FORKS_PER_LOG))
            and (len(log.leaves) < MAX_BRANCHES_PER_LOG or run.previous in log.leaves)
        )

    def _lives(self, line: bytes, station: bytes) -> int:
        """How many logs of a station are joined by now."""
        logs = self._judge.sketches[line].sketch.logs.values()
        return sum(log.station == station for log in logs)

    def _grow(self, author: bytes, run: Run) -> None:
        line = self._judge.sketches[run.line]
        log = line.sketch.sketches.get(run.log)
        if log is None:
            log = line.sketch.open(run.log, run.station, run.incarnation)
        head = self._heads.setdefault(author, _Head(line, log))
        log.mark()
        log.run(run.previous, run.versions, run.trees, run.last)
        head.run, head.before = (run.start, run.leaves), head.run

    # ------------------------------------------------------------------ what is not plainly right

    def _walk(self, part: Range) -> int:
        """Have a range judged entry by entry; its last one."""
        seen = self._pool.submit(survey, part, self._realm, self._keys).result()
        judge = self._judge
        judge.beside = seen.beside
        for line in judge.sketches.values():
            line.sketch.signed = set(seen.signed)
        try:
            for row in seen.rows:
                if row[1] != FactKind.CHARTER:
                    self._entry(row)
            if seen.damage:
                judge.problem(part.first, seen.damage)
                judge.last = part.first - 1
                raise _Stop
        finally:
            self._leave(part)
        judge.last = seen.last
        return seen.last

    def _leave(self, part: Range) -> None:
        """Take over what the judge left to be done of a range."""
        judge, tips = self._judge, _Tips({})
        for line in judge.sketches.values():
            for log in line.sketch.sketches.values():
                author = author_of(line.id, log.station, log.incarnation)
                self._heads.setdefault(author, _Head(line, log))
            placed = line.sketch.forget()
            for tip, one in placed.items():
                log = line.sketch.sketches[one.log]
                author = author_of(line.id, log.station, log.incarnation)
                tips.add(tip, author, one.charter)
        covered: list[Covered] = []
        for (of, name), receipts in judge.due.items():
            log = judge.sketches[of].sketch.sketches[name]
            head = self._heads[author_of(of, log.station, log.incarnation)]
            covered += self._by_border(head, receipts)
        self._check(part, covered)
        judge.due, judge.beside = {}, {}
        self._window.append(tips)
        self._promise(judge.promised)
        judge.promised = []

    # ------------------------------------------------------------------------------- citations

    def _lately(self, line: bytes, tip: bytes) -> tuple[bytes, int] | None:
        """The author and the charter's version of what came not long ago, or is beside a log."""
        for tips in reversed(self._window):
            cause = tips.find(tip)
            if cause is not None:
                return cause
        known = self._judge.sketches.get(line)
        story = known.sketch.told.get(tip) if known else None
        if known is None or story is None:
            return None
        log = known.sketch.sketches[story.log]
        return author_of(line, log.station, log.incarnation), story.charter

    def lately(self, line: bytes, tip: bytes) -> Standing | None:
        """See ``Finder``."""
        cause = self._lately(line, tip)
        if cause is None or cause[0][2:18] != line:
            return None
        log = self._heads[cause[0]].log
        return Standing(tip, log.station, log.id, 0, cause[1])

    def before(self, line: bytes, seq: int, tips: set[bytes]) -> dict[bytes, Standing]:
        """See ``Finder``."""
        found = self._seek(lambda: _until(self._ranges, seq - 1), tips)
        return {
            tip: one.standing for tip, one in found.items() if one.author[2:18] == line
        }  # fmt: skip

    def end(self, line: bytes, seq: int, tip: bytes) -> Standing | None:
        """See ``Finder``."""
        if tip not in self._ends:
            self._ends[tip] = self._seek(self._ranges, {tip}).get(tip)
        found = self._ends[tip]
        known = found is not None and found.seq < seq and found.author[2:18] == line
        return found.standing if known and found else None

    def _seek(self, ranges: Ranges, wanted: set[bytes]) -> dict[bytes, Sought]:
        """Go through the journal once more, for the hashes of its statements."""
        out: dict[bytes, Sought] = {}
        asked: deque[Future[dict[bytes, Sought]]] = deque()
        for part in itertools.chain(ranges(), [None] * self._ahead):
            if part is not None:
                asked.append(self._pool.submit(seek, part, self._realm, wanted))
            if asked and (part is None or len(asked) > self._ahead):
                out = {**asked.popleft().result(), **out}
        return out

    def _promise(self, promised: list[Promise]) -> None:
        self._deferred += promised
        if len(self._deferred) >= _DEFERRED:
            self._keep_promises()

    def _keep_promises(self) -> None:
        """See whether what was read long before is there. Raises ``_Doubt`` at the first entry."""
        if not self._deferred or self._judge.doubted:
            return
        found = self._seek(self._ranges, {one.tip for one in self._deferred})
        for promise in sorted(self._deferred, key=lambda one: one.seq):
            one = found.get(promise.tip)
            if (
                one is None
                or one.seq >= promise.seq
                or not _may_read(promise, one.author, one.standing.charter)
            ):
                raise _Doubt(promise.seq)
        self._deferred.clear()

    # -------------------------------------------------------------------------------- receipts

    def _cover(self, part: Range, found: Found, stood: dict[bytes, int]) -> None:
        """Give the receipts of a range to a worker, with what leads to their roots."""
        covered: list[Covered] = []
        for (line, name), receipts in (*found.recent.items(), *found.older.items()):
            known = self._judge.sketches.get(line)
            if known is None:
                continue  # as in the record: on a line without a charter they are for nothing
            self._judge.receipts += len(receipts) // RECEIPT.size
            log = known.sketch.sketches[name]
            author = author_of(line, log.station, log.incarnation)
            head = self._heads[author]
            if found.recent.get((line, name)) is receipts:
                border = log.border(head.run[0])
                covered.append(self._covered(head, border, bytes(receipts), head.run[1]))
            else:
                covered += self._by_border(head, receipts)
        self._check(part, covered)

    def _by_border(self, head: _Head, receipts: bytes | bytearray) -> list[Covered]:
        """Receipts for trees of any size, each from the last tree before it."""
        groups: dict[int, list[bytes]] = {}
        for fields in RECEIPT.iter_unpack(receipts):
            groups.setdefault(head.log.border(fields[0]), []).append(RECEIPT.pack(*fields))
        return [self._covered(head, at, b"".join(group)) for at, group in groups.items()]

    def _covered(self, head: _Head, border: int, receipts: bytes, leaves: bytes = b"") -> Covered:
        log = head.log
        size, peaks = log.borders[border]
        if not leaves and size == head.before[0]:
            leaves = head.before[1]
        return Covered(
            line=head.line.id, station=log.station, incarnation=log.incarnation, log=log.id,
            versions=tuple(log.versions), size=size, peaks=peaks, leaves=leaves, receipts=receipts,
            cosigners=self._cosigners[head.line.id],
        )  # fmt: skip

    def _check(self, part: Range, covered: list[Covered]) -> None:
        if covered:
            self._receipts.append(self._pool.submit(check_receipts, part, covered))
        while len(self._receipts) > self._ahead:
            self._settle_receipts()

    def _settle_receipts(self) -> None:
        for one in self._receipts.popleft().result():
            self._judge.problem(one.seq, unverified(one.seq, one.name, one.size))


_BEARING: Final = frozenset({FactKind.CHARTER, FactKind.STATEMENT, FactKind.SECOND_STORY})


def _may_read(promise: Promise, author: bytes, charter: int) -> bool:
    """Whether somebody may have read what this author wrote by this version of the charter."""
    another = author != promise.author and author[2:18] == promise.author[2:18]
    return another and charter <= promise.charter


def _cosigners(line: SketchLine) -> dict[bytes, Cosigner]:
    """Whoever may have signed receipts on a line, with all keys that any version gives."""
    keys: dict[bytes, dict[bytes, int]] = {}
    for version in sorted(line.charters, reverse=True):
        charter = line.charters[version].charter
        for station in charter.stations():
            entry = charter.station(station)
            if entry is not None:
                keys.setdefault(station, {}).setdefault(entry.certificate.cosign_key, version)
    return {
        station: Cosigner(
            station_name(line, station), tuple((last, key) for key, last in known.items())
        )
        for station, known in keys.items()
    }


class _Tips:
    """The tips of one range, laid out for look-ups when the first one comes."""

    __slots__ = ("_runs", "_where")

    def __init__(self, runs: dict[bytes, Run]) -> None:
        self._runs = runs
        self._where: dict[bytes, tuple[bytes, int]] = {}

    def add(self, tip: bytes, author: bytes, version: int) -> None:
        self._where[tip] = (author, version)

    def find(self, tip: bytes) -> tuple[bytes, int] | None:
        """The author and the charter's version of the statement with this tip."""
        for author, run in self._runs.items():
            ends = [start for start, _ in run.versions[1:]]
            ends.append(run.start + len(run.leaves) // _HASH)
            at = 0
            for (_, version), end in zip(run.versions, ends, strict=True):
                stop = (end - run.start) * _HASH
                for here in range(at, stop, _HASH):
                    self._where[run.leaves[here : here + TIP_BYTES]] = (author, version)
                at = stop
        self._runs = {}
        return self._where.get(tip)
