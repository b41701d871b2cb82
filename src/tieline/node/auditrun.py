"""An audit on all cores: it deals out ranges of the journal, and joins what the workers found.

What is joined is little: for each range and log where it begins, where it ends, and complete
subtrees of its tree. So the memory does not grow with the journal, and nearly all of the work is
done by the workers (``tieline.node.auditwork``), each in a process of its own.

The verdict of this module is only ever yes. Whatever it cannot say yes to, it leaves (``None``),
and the journal is replayed through the record (``tieline.node.audit``), which says what is wrong.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar

from tieline.core import noteread, proof
from tieline.core.charter import parse_signed_charter
from tieline.core.crypto import MLDSA_KEY_BYTES
from tieline.core.errors import TielineError
from tieline.core.frontier import Frontier
from tieline.core.journal import FactKind
from tieline.core.line import Line
from tieline.core.record import MAX_LOGS_PER_STATION
from tieline.core.statement import TIP_BYTES
from tieline.core.succession import check_amendment, check_chain
from tieline.core.terms import Now
from tieline.node.auditwork import (
    RECEIPT,
    UNKNOWN_KEY,
    Covered,
    Found,
    Range,
    Run,
    SignKeys,
    calm,
    check,
    check_receipts,
    close,
    find_tips,
    sign_keys,
)

P = ParamSpec("P")
T = TypeVar("T")

RANGE: Final = 4_096  # entries of the journal that a worker takes at a time
SMALL: Final = 6_000  # a journal of so few entries is not worth starting processes for
_WINDOW: Final = 64  # ranges of which the tips are kept
_DEFERRED: Final = 50_000
_BORDERS: Final = 4_096
_HASH: Final = 32


@dataclass(slots=True)
class Head:
    """A log as far as it is joined."""

    run: Run
    tree: Frontier = field(default_factory=Frontier)
    last: bytes | None = None
    charter: int = 0
    # Trees of earlier sizes: where a range began.
    borders: list[tuple[int, tuple[bytes, ...]]] = field(default_factory=list)
    # Where the run before the last one began, and its leaves.
    before: tuple[int, bytes] = (-1, b"")


@dataclass(slots=True)
class Clean:
    """What a journal holds in which nothing is wrong."""

    lines: dict[bytes, Line] = field(default_factory=dict)
    heads: dict[bytes, Head] = field(default_factory=dict)  # by author
    statements: int = 0
    receipts: int = 0
    last: int = 0


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
    ranges: Callable[[], Iterator[Range]], own: bytes, realm: str, *, workers: int
) -> Clean | None:
    """Audit a journal; None when something in it is unusual or wrong.

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
                return join(ranges, own, realm, pool, workers)
            finally:
                pool.shutdown(cancel_futures=True)
    try:
        return join(ranges, own, realm, Inline(), 1)
    finally:
        close()


def join(
    ranges: Callable[[], Iterator[Range]], own: bytes, realm: str, pool: Executor, workers: int
) -> Clean | None:
    """As ``run``, by workers that are there already."""
    return _Joiner(ranges, own, realm, pool, workers).go()


def check_note(kind: int, line: Line | None, at_ms: int, data: bytes, meta: bytes) -> None:
    """Read a note again under the charters known by now, or a proof, which stands alone.

    Raises ``RemoteError`` when it does not verify. A note on a line without a charter is held
    against nothing.
    """
    if kind == FactKind.PROOF:
        proof.check(data)
    elif line is not None:
        keys = tuple(meta[at : at + MLDSA_KEY_BYTES] for at in range(0, len(meta), MLDSA_KEY_BYTES))
        noteread.read(line, data, keys, Now(at_ms, 0, 0))


class _Stop(Exception):
    """Something is not plainly right."""


class _Joiner:
    def __init__(
        self,
        ranges: Callable[[], Iterator[Range]],
        own: bytes,
        realm: str,
        pool: Executor,
        workers: int,
    ) -> None:
        self._ranges, self._own, self._realm, self._pool = ranges, own, realm, pool
        self._ahead = 2 * workers + 1
        self._keys: SignKeys = {}
        self._cosigners: dict[bytes, dict[bytes, bytes]] = {}
        self._clean = Clean()
        self._names: dict[tuple[bytes, bytes], bytes] = {}  # line and log: its author
        self._lives: dict[tuple[bytes, bytes], int] = {}
        self._window: deque[_Tips] = deque(maxlen=_WINDOW)
        self._deferred: list[tuple[bytes, bytes, int, int]] = []
        self._receipts: deque[Future[bool]] = deque()

    def go(self) -> Clean | None:
        try:
            self._join()
            self._find_deferred()
            while self._receipts:
                self._settle_receipts()
        except _Stop:
            return None
        return self._clean

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
            found = future.result()
            if found.trouble == UNKNOWN_KEY:
                found = self._ask(part).result()  # all charters before it are known by now
            if found.trouble or found.first != self._clean.last + 1:
                raise _Stop
            self._take(part, found)
            if found.last < part.last:
                rest = part.part(found.last + 1)
                waiting.appendleft((rest, self._ask(rest)))

    def _ask(self, part: Range) -> Future[Found]:
        return self._pool.submit(check, part, self._realm, self._keys)

    # ------------------------------------------------------------------------------- joining

    def _take(self, part: Range, found: Found) -> None:
        for body in found.charters:
            self._charter(body)
        for kind, line, at_ms, data, meta in found.notes:
            try:
                check_note(kind, self._clean.lines.get(line), at_ms, data, meta)
            except (TielineError, IndexError, KeyError, ValueError):
                raise _Stop from None
        for tip, author, charter, seq in found.unresolved:
            self._resolve(tip, author, charter, seq)
        stood = {author: head.tree.size for author, head in self._clean.heads.items()}
        for author, run in found.runs.items():
            self._grow(author, run)
        self._cover(part, found, stood)
        self._window.append(_Tips(found.runs))
        self._clean.statements += found.statements
        self._clean.last = found.last

    def _charter(self, body: bytes) -> None:
        try:
            signed = parse_signed_charter(body)
            line = self._clean.lines.get(signed.charter.line)
            # A version that ends logs makes statements late that are held: the record knows which.
            if signed.charter.closed is not None:
                raise _Stop
            if line is None:
                check_chain((signed,))
                self._clean.lines[signed.charter.line] = Line(self._own, signed)
            else:
                check_amendment(line.charter, signed)
                line.use_charter(signed)
        except TielineError:
            raise _Stop from None
        now = self._clean.lines[signed.charter.line]
        # A key of the version in force may sign for statements of every version; for one that is
        # former, or of a station that has left, the record knows what it may sign for.
        self._cosigners[now.id] = {
            station: entry.certificate.cosign_key
            for station in now.charter.stations()
            if (entry := now.charter.station(station)) is not None
        }
        versions = dict(self._keys.get(signed.charter.line, {}))
        versions[signed.charter.version] = sign_keys(signed)
        self._keys = {**self._keys, signed.charter.line: versions}

    def _grow(self, author: bytes, run: Run) -> None:
        head = self._clean.heads.get(author)
        if head is None:
            head = self._open(author, run)
        if (
            run.start != head.tree.size
            or run.previous != head.last
            or run.versions[0][1] < head.charter
            or run.line not in self._clean.lines
        ):
            raise _Stop
        head.borders.append((head.tree.size, head.tree.peaks()))
        if len(head.borders) > _BORDERS:
            del head.borders[1:-1:2]  # the last one is that of this range
        head.before = (head.run.start, head.run.leaves)
        head.run = run
        head.tree.extend(run.trees)
        head.last, head.charter = run.last, run.versions[-1][1]

    def _open(self, author: bytes, run: Run) -> Head:
        if self._names.setdefault((run.line, run.log), author) != author:
            raise _Stop
        lives = self._lives.get((run.line, run.station), 0) + 1
        if lives > MAX_LOGS_PER_STATION:
            raise _Stop
        self._lives[run.line, run.station] = lives
        head = self._clean.heads[author] = Head(run)
        return head

    # ------------------------------------------------------------------------------- citations

    def _resolve(self, tip: bytes, author: bytes, charter: int, seq: int) -> None:
        """What was read stands before the reader, in another log, by no later charter."""
        for tips in reversed(self._window):
            cause = tips.find(tip)
            if cause is not None:
                _check_cause(cause, author, charter)
                return
        self._deferred.append((tip, author, charter, seq))
        if len(self._deferred) >= _DEFERRED:
            self._find_deferred()

    def _find_deferred(self) -> None:
        """Look for what was read long before: once more through the journal, for its hashes."""
        if not self._deferred:
            return
        wanted = {tip for tip, _, _, _ in self._deferred}
        where: dict[bytes, tuple[bytes, int, int]] = {}
        asked: deque[Future[list[tuple[bytes, bytes, int, int]]]] = deque()
        for part in itertools.chain(self._ranges(), [None] * self._ahead):
            if part is not None:
                asked.append(self._pool.submit(find_tips, part, self._realm, wanted))
            if asked and (part is None or len(asked) > self._ahead):
                for tip, author, charter, seq in asked.popleft().result():
                    where.setdefault(tip, (author, charter, seq))
        for tip, author, charter, seq in self._deferred:
            cause = where.get(tip)
            if cause is None or cause[2] >= seq:
                raise _Stop
            _check_cause(cause[:2], author, charter)
        self._deferred.clear()

    # -------------------------------------------------------------------------------- receipts

    def _cover(self, part: Range, found: Found, stood: dict[bytes, int]) -> None:
        """Give the receipts of a range to a worker, with what leads to their roots."""
        covered: list[Covered] = []
        for (line, log), receipts in found.recent.items():
            if self._counts(line, receipts):
                author = self._names[line, log]
                leaves = found.runs[author].leaves
                covered.append(self._covered(author, -1, bytes(receipts), leaves))
        for (line, log), receipts in found.older.items():
            if not self._counts(line, receipts):
                continue
            of = self._names.get((line, log))
            if of is None:
                raise _Stop
            groups: dict[int, list[bytes]] = {}
            for fields in RECEIPT.iter_unpack(receipts):
                if fields[0] > stood.get(of, 0):
                    raise _Stop
                base = _border(self._clean.heads[of], fields[0])
                groups.setdefault(base, []).append(RECEIPT.pack(*fields))
            covered.extend(
                self._covered(of, base, b"".join(group)) for base, group in groups.items()
            )
        if covered:
            self._receipts.append(self._pool.submit(check_receipts, part, covered))
        while len(self._receipts) > self._ahead:
            self._settle_receipts()

    def _counts(self, line: bytes, receipts: bytearray) -> bool:
        """As in the record, a receipt on a line without a charter is held against nothing."""
        if line not in self._clean.lines:
            return False
        self._clean.receipts += len(receipts) // RECEIPT.size
        return True

    def _covered(self, author: bytes, base: int, receipts: bytes, leaves: bytes = b"") -> Covered:
        head = self._clean.heads[author]
        size, peaks = head.borders[base]
        if not leaves and size == head.before[0]:
            leaves = head.before[1]
        return Covered(
            line=head.run.line, station=head.run.station, incarnation=head.run.incarnation,
            log=head.run.log, size=size, peaks=peaks, leaves=leaves, receipts=receipts,
            keys=self._cosigners[head.run.line],
        )  # fmt: skip

    def _settle_receipts(self) -> None:
        if not self._receipts.popleft().result():
            raise _Stop


def _border(head: Head, size: int) -> int:
    """Which of the earlier trees is the largest that is not beyond a size."""
    low, high = 0, len(head.borders)
    while high - low > 1:
        middle = (low + high) // 2
        if head.borders[middle][0] <= size:
            low = middle
        else:
            high = middle
    return low


def _check_cause(cause: tuple[bytes, int], author: bytes, charter: int) -> None:
    if cause[0] == author or cause[1] > charter or cause[0][2:18] != author[2:18]:
        raise _Stop


class _Tips:
    """The tips of one range, laid out for look-ups when the first one comes."""

    __slots__ = ("_runs", "_where")

    def __init__(self, runs: dict[bytes, Run]) -> None:
        self._runs = runs
        self._where: dict[bytes, tuple[bytes, int]] | None = None

    def find(self, tip: bytes) -> tuple[bytes, int] | None:
        """The author and the charter's version of the statement with this tip."""
        if self._where is None:
            self._where = {}
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
