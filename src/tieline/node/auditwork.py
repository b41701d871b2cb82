"""The work of an audit that is done beside others: one range of the journal at a time.

A worker reads its range, checks every statement in it as far as that needs nothing from before the
range, and says what it found at the range's borders, so that whoever joins the ranges has work for
each log and none for each statement. Receipts come in a second step, when the logs' heads before
their range are known.

Rules held here:

* Nothing that is not plainly right is judged here. Whatever is unusual, and be it only a second
  story, is ``UNUSUAL``, and the journal is replayed through the record, which gives the verdict.
* All that is sent between processes is plain data.
"""

from __future__ import annotations

import gc
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tieline.core import crypto, statement
from tieline.core.charter import SignedCharter, parse_signed_charter
from tieline.core.checkpoint import Receipt, cosign_message, origin
from tieline.core.errors import TielineError
from tieline.core.frontier import Frontier, Subtree, subtrees
from tieline.core.glance import Glance, Glancer, note_texts, receipt
from tieline.core.journal import FactKind
from tieline.core.statement import TIP_BYTES, log_id, statement_digest
from tieline.core.tree import HASH_BYTES
from tieline.store.reader import Reader

Fields = tuple[bytes, int, bytes, int, bytes]  # of a receipt: log, size, cosigner, time, signature
# The same without its log, as bytes: that is how receipts go from one process to another.
RECEIPT: Final = struct.Struct(">Q8sQ64s")
Row = Sequence[Any]  # as ``store.schema.COLUMNS``
SignKeys = dict[bytes, dict[int, dict[bytes, bytes]]]  # line, version, station: statement key

UNUSUAL: Final = "unusual"
UNKNOWN_KEY: Final = "key"  # a charter that this worker was not told of; ask again when it is known

_STATEMENT: Final = int(FactKind.STATEMENT)
_CHARTER: Final = int(FactKind.CHARTER)
_RECEIPT: Final = int(FactKind.RECEIPT)
_NOTES: Final = (int(FactKind.NOTE), int(FactKind.PROOF))
_SECOND: Final = int(FactKind.SECOND_STORY)
_UNREADABLE: Final = (TielineError, TypeError, ValueError, KeyError, IndexError, struct.error)
_pack: Final = RECEIPT.pack
_SEEN_BYTES: Final = 1 + TIP_BYTES


class Range(Protocol):
    """A part of a journal that a worker can get at by itself."""

    @property
    def first(self) -> int: ...

    @property
    def last(self) -> int: ...

    def rows(self) -> Sequence[Row]: ...

    def part(self, first: int) -> Range:
        """The same range from an entry on."""

    def leaves(self, line: bytes, log: bytes, start: int, stop: int) -> bytes:
        """The leaf hashes of a part of a log, however far back."""


@dataclass(frozen=True, slots=True)
class StoreRange:
    """A range of a store's file, which each worker opens once."""

    path: Path
    key: bytes = field(repr=False)
    first: int
    last: int

    def rows(self) -> Sequence[Row]:
        return _reader(self.path, self.key).facts(self.first, self.last)

    def part(self, first: int) -> StoreRange:
        return StoreRange(self.path, self.key, first, self.last)

    def leaves(self, line: bytes, log: bytes, start: int, stop: int) -> bytes:
        found = _reader(self.path, self.key).statements(line, log, start, stop)
        return b"".join(map(statement_digest, found))


_open: dict[tuple[Path, bytes], Reader] = {}


def _reader(path: Path, key: bytes) -> Reader:
    if (path, key) not in _open:
        close()
        _open[path, key] = Reader(path, key)
    return _open[path, key]


def close() -> None:
    """Close the store that this process has open for its ranges."""
    for reader in _open.values():
        reader.close()
    _open.clear()


@dataclass(slots=True)
class Run:
    """What a range holds of one log: from ``start`` on, without a gap."""

    line: bytes
    station: bytes
    incarnation: bytes
    log: bytes
    start: int
    previous: bytes | None
    leaves: bytes = b""
    last: bytes = b""
    # From which position on by which version of the charter, the first one included.
    versions: list[tuple[int, int]] = field(default_factory=list)
    trees: list[Subtree] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """What was found in a range. ``last`` is where the worker stopped: before a charter."""

    first: int
    last: int
    trouble: str = ""
    charters: list[bytes] = field(default_factory=list)
    runs: dict[bytes, Run] = field(default_factory=dict)  # by author, see ``Glance``
    # Tips that were read and do not stand before the reader in this range: tip, author, version,
    # entry of the journal.
    unresolved: list[tuple[bytes, bytes, int, int]] = field(default_factory=list)
    # Receipts by line and log, packed: for trees that end in this range, and for others.
    recent: dict[tuple[bytes, bytes], bytearray] = field(default_factory=dict)
    older: dict[tuple[bytes, bytes], bytearray] = field(default_factory=dict)
    # What whoever joins reads himself, because it is seldom: kind, line, time, body, meta.
    notes: list[tuple[int, bytes, int, bytes, bytes]] = field(default_factory=list)
    statements: int = 0


def calm() -> None:
    """Have the garbage collector of a worker look seldom: a range makes no cycles."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def sign_keys(signed: SignedCharter) -> dict[bytes, bytes]:
    """The statement keys that a charter gives."""
    out: dict[bytes, bytes] = {}
    for station in signed.charter.stations():
        entry = signed.charter.station(station)
        if entry is not None:
            out[station] = entry.certificate.sign_key
    return out


# ------------------------------------------------------------------------------------- statements


def check(part: Range, realm: str, keys: SignKeys) -> Found:
    """The first step. A store that is damaged is unusual too."""
    walk = _Walk(part, realm, keys)
    try:
        walk.go(part.rows())
    except _UNREADABLE:
        walk.found.trouble = UNUSUAL
    return walk.found


class _Author:
    """The log that a run is of, while the range is walked."""

    __slots__ = ("charter", "id", "key", "last", "leaves", "line", "next", "run", "start", "tag")

    def __init__(self, run: Run, position: int) -> None:
        self.run = run
        self.id = run.log
        self.line = run.line
        self.start = self.next = position
        self.last = run.previous
        self.charter = -1
        self.key = b""
        self.leaves: list[bytes] = []
        self.tag: tuple[_Author, int] = (self, -1)


class _Unknown(ValueError):
    """A version of the charter that is not known."""


class _Walk:
    def __init__(self, part: Range, realm: str, keys: SignKeys) -> None:
        self.found = Found(part.first, part.last)
        self._realm = realm
        self._keys = dict(keys)
        self._look = Glancer(realm).look
        self._authors: dict[bytes, _Author] = {}
        self._tips: dict[bytes, tuple[_Author, int]] = {}
        self._by_log: dict[tuple[bytes, bytes], _Author] = {}

    def go(self, rows: Sequence[Row]) -> None:
        """Walk the range; then say what it holds of each log."""
        for row in rows:
            if row[1] == _CHARTER:
                if row[0] != self.found.first:
                    self.found.last = row[0] - 1
                    break
                self._charter(row[4])
        try:
            self._statements(rows)
        except _Unknown:
            self.found.trouble = UNKNOWN_KEY
            return
        for name, author in self._authors.items():
            run = author.run
            run.leaves, run.last = b"".join(author.leaves), author.leaves[-1]
            run.trees = subtrees(run.start, run.leaves)
            self.found.runs[name] = run
            self.found.statements += len(author.leaves)

    def _statements(self, rows: Sequence[Row]) -> None:
        look, opens, sha = self._look, crypto.opens, hashlib.sha256
        authors, read, end = self._authors, self._tips, self.found.last
        for seq, kind, at_ms, line, raw, meta, log, position, _ in rows:
            if seq > end:
                return
            if kind != _STATEMENT:
                if kind == _RECEIPT:
                    self._receipt(line, raw)
                elif kind in _NOTES:
                    self.found.notes.append((kind, line, at_ms, raw, meta))
                elif kind == _SECOND:
                    raise ValueError(UNUSUAL)
                continue
            name, place, previous, tips, charter, signed = look(raw) or self._parse(raw)
            author = authors.get(name)
            if author is None:
                author = authors[name] = self._author(name, place, previous)
            if (
                place != author.next
                or previous != author.last
                or position != place
                or log != author.id
                or line != author.line
            ):
                raise ValueError(UNUSUAL)
            if charter != author.charter:
                self._turn(author, place, charter)
            if not opens(author.key, signed):
                raise ValueError(UNUSUAL)
            if tips:
                self._read(author, name, tips, seq)
            digest = sha(b"\0" + raw).digest()
            read[digest[:TIP_BYTES]] = author.tag
            author.leaves.append(digest)
            author.last = digest
            author.next = place + 1

    def _read(self, author: _Author, name: bytes, tips: bytes, seq: int) -> None:
        """What an author had read stands before it, in another log of the line."""
        for at in range(1, len(tips), _SEEN_BYTES):
            tip = tips[at : at + TIP_BYTES]
            cause = self._tips.get(tip)
            if cause is None:
                self.found.unresolved.append((tip, name, author.charter, seq))
            elif cause[0] is author or cause[1] > author.charter or cause[0].line != author.line:
                raise ValueError(UNUSUAL)

    def _receipt(self, line: bytes, raw: bytes) -> None:
        fields = receipt(raw) or _fields(raw)
        where = (line, fields[0])
        author = self._by_log.get(where)
        if author is None or fields[1] <= author.start:
            into = self.found.older
        elif fields[1] <= author.next:
            into = self.found.recent
        else:
            raise ValueError(UNUSUAL)
        packed = into.get(where)
        if packed is None:
            packed = into[where] = bytearray()
        packed += _pack(*fields[1:])

    def _parse(self, body: bytes) -> Glance:
        """The parser itself, for what has no usual form."""
        found = statement.parse(self._realm, body)
        place = found.place
        name = b"".join(
            (b"\x01\x50", place.line, b"\x02\x48", place.station, b"\x03\x48", place.incarnation)
        )
        tips = b"".join(b"\x50" + tip for tip in place.seen)
        signed = found.signature + found.signed
        return Glance(name, place.position, place.previous, tips, place.charter, signed)

    def _author(self, name: bytes, position: int, previous: bytes | None) -> _Author:
        line, station, incarnation = name[2:18], name[20:28], name[30:38]
        log = log_id(line, station, incarnation)
        author = _Author(Run(line, station, incarnation, log, position, previous), position)
        if self._by_log.setdefault((line, log), author) is not author:
            raise ValueError(UNUSUAL)
        return author

    def _turn(self, author: _Author, position: int, charter: int) -> None:
        """A log goes on by another version of the charter than before."""
        if charter < author.charter:
            raise ValueError(UNUSUAL)
        key = self._keys.get(author.line, {}).get(charter, {}).get(author.run.station)
        if key is None:
            raise _Unknown
        author.key, author.charter = key, charter
        author.tag = (author, charter)
        author.run.versions.append((position, charter))

    def _charter(self, data: bytes) -> None:
        signed = parse_signed_charter(data)
        versions = dict(self._keys.get(signed.charter.line, {}))
        versions[signed.charter.version] = sign_keys(signed)
        self._keys[signed.charter.line] = versions
        self.found.charters.append(data)


# --------------------------------------------------------------------------------------- receipts


@dataclass(frozen=True, slots=True)
class Covered:
    """Receipts for one log, and how to come by its roots.

    From a tree of ``size`` leaves with these peaks on, ``leaves`` are at hand up to the end of a
    range; where they are empty, they are fetched.
    """

    line: bytes
    station: bytes
    incarnation: bytes
    log: bytes
    size: int
    peaks: tuple[bytes, ...]
    leaves: bytes
    receipts: bytes
    keys: dict[bytes, bytes]  # by cosigner


def _fields(data: bytes) -> Fields:
    one = Receipt.decode(data)
    return one.log, one.size, one.cosigner, one.time_s, one.signature


def check_receipts(part: Range, covered: list[Covered]) -> bool:
    """The second step: whether all of these receipts verify."""
    try:
        return all(_verifies(part, one) for one in covered)
    except _UNREADABLE:
        return False


def _verifies(part: Range, one: Covered) -> bool:
    name = origin(one.line, one.station, one.incarnation)
    ordered = sorted(RECEIPT.iter_unpack(one.receipts))
    last = ordered[-1][0]
    leaves = one.leaves
    if not leaves and last > one.size:
        leaves = part.leaves(one.line, one.log, one.size, last)
    tree, opens, text_of = Frontier(one.size, one.peaks), crypto.opens, note_texts(name)
    text, at = text_of(tree.size, tree.root()), 0
    for size, cosigner, time_s, signature in ordered:
        if size != tree.size:
            end = at + (size - tree.size) * HASH_BYTES
            if end > len(leaves):
                return False
            if size == tree.size + 1:
                tree.add(0, leaves[at:end])
            else:
                tree.extend(subtrees(tree.size, leaves[at:end]))
            at, text = end, text_of(size, tree.root())
        if not opens(one.keys[cosigner], signature + cosign_message(time_s, text)):
            return False
    return True


def find_tips(part: Range, realm: str, wanted: set[bytes]) -> list[tuple[bytes, bytes, int, int]]:
    """Where statements with these tips stand in a range: tip, author, version, entry.

    What does not read has been, or will be, found in the first step.
    """
    try:
        return _find_tips(part.rows(), realm, wanted)
    except _UNREADABLE:
        return []


def _find_tips(
    rows: Sequence[Row], realm: str, wanted: set[bytes]
) -> list[tuple[bytes, bytes, int, int]]:
    out: list[tuple[bytes, bytes, int, int]] = []
    for row in rows:
        if row[1] == _STATEMENT:
            tip = statement_digest(row[4])[:TIP_BYTES]
            if tip in wanted:
                place = statement.parse(realm, row[4]).place
                name = b"".join(
                    (b"\x01\x50", place.line, b"\x02\x48", place.station, b"\x03\x48",
                     place.incarnation)
                )  # fmt: skip
                out.append((tip, name, place.charter, row[0]))
    return out
