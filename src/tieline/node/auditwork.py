"""The work of an audit that is done beside others: one range of the journal at a time.

A worker reads its range, checks every statement in it as far as that needs nothing from before the
range, and says what it found at the range's borders, so that whoever joins the ranges has work for
each log and none for each statement. Receipts come in a second step, when the logs' heads before
their range are known.

Rules held here:

* Nothing that is not plainly right is judged here. Whatever is unusual, and be it only a second
  story, is ``UNUSUAL``, and the range is judged entry by entry by the record's own rules.
* All that is sent between processes is plain data.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tieline.core import crypto, statement
from tieline.core.charter import SignedCharter, parse_signed_charter
from tieline.core.checkpoint import Receipt, cosign_message, origin
from tieline.core.errors import ShellError, TielineError
from tieline.core.frontier import Frontier, Subtree, subtrees
from tieline.core.glance import Glance, Glancer, note_texts, receipt
from tieline.core.journal import FactKind
from tieline.core.sketch import Standing, standing
from tieline.core.statement import TIP_BYTES, log_id, statement_digest
from tieline.core.tree import HASH_BYTES
from tieline.store.reader import Reader

Fields = tuple[bytes, int, bytes, int, bytes]  # of a receipt: log, size, cosigner, time, signature
# The same without its log and with its entry of the journal, as bytes: that is how receipts go from
# one process to another.
RECEIPT: Final = struct.Struct(">Q8sQ64sQ")
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
_NO_VERSION: Final = 1 << 32  # beyond any


class Range(Protocol):
    """A part of a journal that a worker can get at by itself."""

    @property
    def first(self) -> int: ...

    @property
    def last(self) -> int: ...

    def rows(self) -> Sequence[Row]: ...

    def part(self, first: int, last: int) -> Range:
        """Less of the same range."""

    def leaves(self, line: bytes, log: bytes, start: int, stop: int) -> bytes:
        """The leaf hashes of a part of a log, however far back."""

    def at(self, line: bytes, log: bytes, position: int) -> tuple[int, bytes] | None:
        """The statement under a number of a log, wherever it is, and its entry of the journal."""


@dataclass(frozen=True, slots=True)
class StoreRange:
    """A range of a store's file, which each worker opens once."""

    path: Path
    key: bytes = field(repr=False)
    first: int
    last: int

    def rows(self) -> Sequence[Row]:
        return _reader(self.path, self.key).facts(self.first, self.last)

    def part(self, first: int, last: int) -> StoreRange:
        return StoreRange(self.path, self.key, first, last)

    def leaves(self, line: bytes, log: bytes, start: int, stop: int) -> bytes:
        found = _reader(self.path, self.key).statements(line, log, start, stop)
        return b"".join(map(statement_digest, found))

    def at(self, line: bytes, log: bytes, position: int) -> tuple[int, bytes] | None:
        return _reader(self.path, self.key).statement(line, log, position)


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
    first: int  # the entry of the journal that ``start`` is
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
    charters: list[Row] = field(default_factory=list)
    runs: dict[bytes, Run] = field(default_factory=dict)  # by author, see ``Glance``
    # Tips that were read and do not stand before the reader in this range: tip, author, version,
    # entry of the journal.
    unresolved: list[tuple[bytes, bytes, int, int]] = field(default_factory=list)
    # Receipts by line and log, packed: for trees that end in this range, and for others.
    recent: dict[tuple[bytes, bytes], bytearray] = field(default_factory=dict)
    older: dict[tuple[bytes, bytes], bytearray] = field(default_factory=dict)
    # What whoever joins reads himself, because it is seldom.
    notes: list[Row] = field(default_factory=list)
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
    walk.close()
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
                self._charter(row)
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

    def close(self) -> None:
        """Undo what refers to itself: nobody collects it for a long time (``calm``)."""
        for author in self._authors.values():
            del author.tag

    def _statements(self, rows: Sequence[Row]) -> None:
        look, opens, sha = self._look, crypto.opens, hashlib.sha256
        authors, read, end = self._authors, self._tips, self.found.last
        for seq, kind, at_ms, line, raw, meta, log, position, _ in rows:
            if seq > end:
                return
            if kind != _STATEMENT:
                if kind == _RECEIPT:
                    self._receipt(line, raw, seq)
                elif kind in _NOTES:
                    self.found.notes.append((seq, kind, at_ms, line, raw, meta, log, position, b""))
                elif kind == _SECOND:
                    raise ValueError(UNUSUAL)
                continue
            name, place, previous, tips, charter, signed = look(raw) or self._parse(raw)
            author = authors.get(name)
            if author is None:
                author = authors[name] = self._author(name, place, previous, seq)
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

    def _receipt(self, line: bytes, raw: bytes, seq: int) -> None:
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
        packed += _pack(*fields[1:], seq)

    def _parse(self, body: bytes) -> Glance:
        """The parser itself, for what has no usual form."""
        found = statement.parse(self._realm, body)
        place = found.place
        name = author_of(place.line, place.station, place.incarnation)
        tips = b"".join(b"\x50" + tip for tip in place.seen)
        signed = found.signature + found.signed
        return Glance(name, place.position, place.previous, tips, place.charter, signed)

    def _author(self, name: bytes, position: int, previous: bytes | None, seq: int) -> _Author:
        line, station, incarnation = name[2:18], name[20:28], name[30:38]
        log = log_id(line, station, incarnation)
        author = _Author(Run(line, station, incarnation, log, position, previous, seq), position)
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

    def _charter(self, row: Row) -> None:
        self.found.charters.append(row)
        _learn(self._keys, row[4])


def author_of(line: bytes, station: bytes, incarnation: bytes) -> bytes:
    """The author of a log as ``Glance`` names him."""
    return b"".join((b"\x01\x50", line, b"\x02\x48", station, b"\x03\x48", incarnation))


def _learn(keys: SignKeys, data: bytes) -> None:
    signed = parse_signed_charter(data)
    versions = dict(keys.get(signed.charter.line, {}))
    versions[signed.charter.version] = sign_keys(signed)
    keys[signed.charter.line] = versions


# ------------------------------------------------------------------ what is not plainly right


@dataclass(slots=True)
class Survey:
    """A range for whoever judges it entry by entry, with what can be found out beforehand."""

    rows: list[Row] = field(default_factory=list)
    last: int = 0  # as in ``Found``
    # Signatures that verify under the key that the charter gives: digest and key.
    signed: list[tuple[bytes, bytes]] = field(default_factory=list)
    # By the entry of a second story: what stands before it in its log, and under its own number.
    beside: dict[int, list[Standing]] = field(default_factory=dict)
    damage: str = ""  # why there are no rows


def survey(part: Range, realm: str, keys: SignKeys) -> Survey:
    """All of a range up to the next charter, with its signatures checked. It judges nothing."""
    out = Survey(last=part.last)
    try:
        rows = part.rows()
    except ShellError as error:
        out.damage = error.message
        return out
    known = dict(keys)
    for row in rows:
        if row[1] == _CHARTER and row[0] != part.first:
            out.last = row[0] - 1
            break
        out.rows.append(row)
        if row[1] in (_STATEMENT, _SECOND, _CHARTER):
            with contextlib.suppress(*_UNREADABLE):  # whoever judges it will meet the same
                _look_into(part, row, realm, known, out)
    return out


def _look_into(part: Range, row: Row, realm: str, keys: SignKeys, out: Survey) -> None:
    if row[1] == _CHARTER:
        _learn(keys, row[4])
        return
    found = statement.parse(realm, row[4])
    place = found.place
    key = keys.get(row[3], {}).get(place.charter, {}).get(place.station)
    if key is not None and crypto.verify(key, found.signed, found.signature):
        out.signed.append((found.digest, key))
    if row[1] != _SECOND:
        return
    for position in range(max(0, place.position - 1), place.position + 1):
        other = part.at(row[3], found.log, position)
        if other is not None and other[0] < row[0]:
            there = standing(statement.parse(realm, other[1]))
            out.beside.setdefault(row[0], []).append(there)


@dataclass(frozen=True, slots=True)
class Sought:
    """A statement that was looked for: its entry of the journal, its author, where it stands."""

    seq: int
    author: bytes
    standing: Standing


def seek(part: Range, realm: str, wanted: set[bytes]) -> dict[bytes, Sought]:
    """Which statements with these tips stand in a range, each where it stands first.

    What does not read has been, or will be, found by whoever judges it.
    """
    out: dict[bytes, Sought] = {}
    with contextlib.suppress(*_UNREADABLE):
        for row in part.rows():
            if row[1] not in (_STATEMENT, _SECOND):
                continue
            tip = statement_digest(row[4])[:TIP_BYTES]
            if tip in wanted and tip not in out:
                found = statement.parse(realm, row[4])
                place = found.place
                author = author_of(place.line, place.station, place.incarnation)
                out[tip] = Sought(row[0], author, standing(found))
    return out


def leaves_of(part: Range, line: bytes, log: bytes, start: int, stop: int) -> bytes:
    """As ``Range.leaves``, to be asked of a worker; empty where the store does not read."""
    with contextlib.suppress(*_UNREADABLE):
        return part.leaves(line, log, start, stop)
    return b""


# --------------------------------------------------------------------------------------- receipts


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Who signs receipts: his name, and his keys, each with the last version that gives it."""

    name: str
    keys: tuple[tuple[int, bytes], ...]  # the newest first


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
    versions: tuple[tuple[int, int], ...]  # as ``Run.versions``, of the whole log
    size: int
    peaks: tuple[bytes, ...]
    leaves: bytes
    receipts: bytes
    cosigners: dict[bytes, Cosigner]


@dataclass(frozen=True, slots=True)
class Unverified:
    """A receipt that is not signed by whom it names."""

    seq: int
    name: str
    size: int


def _fields(data: bytes) -> Fields:
    one = Receipt.decode(data)
    return one.log, one.size, one.cosigner, one.time_s, one.signature


def check_receipts(part: Range, covered: list[Covered]) -> list[Unverified]:
    """The second step: which of these receipts do not verify."""
    out: list[Unverified] = []
    for one in covered:
        checked: list[Unverified] = []
        ordered = sorted(RECEIPT.iter_unpack(one.receipts))
        try:
            checked.extend(_unverified(part, one, ordered))
        except _UNREADABLE:  # without its leaves no root is known, and no receipt verifies
            checked = [_name(one, row) for row in ordered]
        out.extend(checked)
    return out


def _name(one: Covered, row: tuple[int, bytes, int, bytes, int]) -> Unverified:
    size, cosigner, _, _, seq = row
    known = one.cosigners.get(cosigner)
    return Unverified(seq, known.name if known else cosigner.hex(), size)


def _unverified(
    part: Range, one: Covered, ordered: list[tuple[int, bytes, int, bytes, int]]
) -> Iterator[Unverified]:
    name = origin(one.line, one.station, one.incarnation)
    last = ordered[-1][0]
    leaves = one.leaves
    if last > one.size + len(leaves) // HASH_BYTES:
        leaves = part.leaves(one.line, one.log, one.size, last)
    tree, opens, text_of = Frontier(one.size, one.peaks), crypto.opens, note_texts(name)
    text, at = text_of(tree.size, tree.root()), 0
    newest = {by: known.keys[0][1] for by, known in one.cosigners.items()
              if known.keys[0][0] >= one.versions[-1][1]}  # fmt: skip
    for row in ordered:
        size, cosigner, time_s, signature, _ = row
        if size != tree.size:
            end = at + (size - tree.size) * HASH_BYTES
            if end > len(leaves):
                raise ValueError(UNUSUAL)
            if size == tree.size + 1:
                tree.add(0, leaves[at:end])
            else:
                tree.extend(subtrees(tree.size, leaves[at:end]))
            at, text = end, text_of(size, tree.root())
        signed = signature + cosign_message(time_s, text)
        if not opens(newest.get(cosigner, b""), signed) and not _by_former(one, row, signed):
            yield _name(one, row)


def _by_former(
    one: Covered, row: tuple[int, bytes, int, bytes, int], signed: bytes
) -> bool:  # fmt: skip
    """Whether a receipt stands under a key that its station had when the last statement was made.

    As ``Line.receipt_keys`` has it, or had later.
    """
    size, cosigner = row[:2]
    version = one.versions[bisect_right(one.versions, (size - 1, _NO_VERSION)) - 1][1]
    known = one.cosigners.get(cosigner)
    return known is not None and any(
        crypto.opens(key, signed) for last, key in known.keys if last >= version
    )
