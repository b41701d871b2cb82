"""The evidence file as items: how a part of a record is laid out for an outsider.

``docs/evidence.md`` is normative. The bytes are one line of text and then a CBOR sequence (RFC
8742) of arrays, each small enough to be read alone, so that a file of any size is written and read
item by item. What is left out of a log stands there as the hashes of the subtrees that cover it
(RFC 6962 section 2.1), so that the log's root can still be computed.

A file begins with the line of version 1, or, when it may carry packs, with that of version 2.

Rules held here:

* ``Splitter`` finds where an item ends from its heads alone and gives up as soon as a head breaks a
  limit, so a claim of a length costs nothing.
* ``parse`` takes exactly what ``pack`` writes.

This module does not know what an item is worth; that is for ``evidence_reader``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tieline.core import encode
from tieline.core.encode import Value
from tieline.core.errors import RemoteError
from tieline.core.statement import MAX_STATEMENT_BYTES
from tieline.core.terms import MAX_TIME_MS, REALM

MAGIC: Final = b"TIELINE-EVIDENCE-1\n"
MAGIC_2: Final = b"TIELINE-EVIDENCE-2\n"  # of the same length
MAGICS: Final = {1: MAGIC, 2: MAGIC_2}
MAX_FILE_BYTES: Final = 256 * 1024 * 1024
MAX_ITEM_BYTES: Final = 1_114_112  # a signed charter of the largest size, and some
MAX_COUNT: Final = 2**48
MAX_PACKS: Final = 64  # in one file
MAX_PACKS_BYTES: Final = 8 * 1024 * 1024  # of all packs of one file
MLDSA_KEY_BYTES: Final = 1312
LIMITS: Final = encode.Limits(max_bytes=MAX_ITEM_BYTES, max_depth=3, max_items=512)
_MAX_RECEIPT_BYTES: Final = 128
_MAX_NOTE_BYTES: Final = 1_000_000
_MAX_RUN_HASHES: Final = 96  # one subtree of each height on the way up, and one on the way down


@dataclass(frozen=True, slots=True)
class Scope:
    """What a file is about: a window of time (ms, both ends in it) and the thread of an item."""

    from_ms: int | None = None
    to_ms: int | None = None
    item: bytes | None = None

    @property
    def whole(self) -> bool:
        """Whether the whole line is in scope."""
        return self == Scope()

    def within(self, *times_ms: int) -> bool:
        """Whether one of these times is in the window."""
        first = 0 if self.from_ms is None else self.from_ms
        last = MAX_TIME_MS if self.to_ms is None else self.to_ms
        return any(first <= time_ms <= last for time_ms in times_ms)


@dataclass(frozen=True, slots=True)
class Header:
    """The first item. ``maker`` is the station that made the file, as it says itself."""

    line: bytes
    realm: str
    made_ms: int
    maker: bytes
    scope: Scope


@dataclass(frozen=True, slots=True)
class CharterItem:
    """One version of the charter with its signatures."""

    signed: bytes


@dataclass(frozen=True, slots=True)
class PackItem:
    """The canonical bytes of a pack (version 2)."""

    body: bytes


@dataclass(frozen=True, slots=True)
class KeyItem:
    """An ML-DSA-44 public key."""

    key: bytes


@dataclass(frozen=True, slots=True)
class LogItem:
    """The beginning of one log, and what its maker says of its end and its second stories."""

    station: bytes
    incarnation: bytes
    size: int
    last: bytes
    second_left_out: int


@dataclass(frozen=True, slots=True)
class StatementItem:
    """A statement in scope; ``second`` when it stands beside the main branch."""

    raw: bytes
    admitted_ms: int
    second: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Statements left out: how many, and the hashes of the subtrees that cover them."""

    count: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ReceiptItem:
    """A receipt's bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class NoteItem:
    """A signed note's bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The last item: how much of each kind there was."""

    statements: int
    left_out: int
    second_stories: int
    receipts: int
    notes: int


Item = (
    Header
    | CharterItem
    | PackItem
    | KeyItem
    | LogItem
    | StatementItem
    | Run
    | ReceiptItem
    | NoteItem
    | End
)


def broken(code: str, what: str) -> RemoteError:
    """A refusal of the whole file, in one sentence."""
    return RemoteError(f"evidence.{code}", f"the evidence file {what}; ask for a fresh one")


def cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The maximal aligned subtrees from start to end, as level and index, from the left."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


# ------------------------------------------------------------------------------------ writing


def pack(item: Item) -> bytes:
    """The bytes of one item."""
    return encode.dumps(_value(item))


def _value(item: Item) -> Value:
    match item:
        case Header(line, realm, made_ms, maker, scope):
            parts = {1: scope.from_ms, 2: scope.to_ms, 3: scope.item}
            known: dict[int, Value] = {k: v for k, v in parts.items() if v is not None}
            return (1, line, realm, made_ms, maker, known)
        case CharterItem(signed):
            return (2, signed)
        case PackItem(body):
            return (11, body)
        case KeyItem(key):
            return (3, key)
        case LogItem(station, incarnation, size, last, left_out):
            return (4, station, incarnation, size, last, left_out)
        case StatementItem(raw, admitted_ms, second):
            return (7 if second else 5, raw, admitted_ms)
        case Run(count, hashes):
            return (6, count, hashes)
        case ReceiptItem(data):
            return (8, data)
        case NoteItem(data):
            return (9, data)
        case End(statements, left_out, second, receipts, notes):
            return (10, statements, left_out, second, receipts, notes)


# ------------------------------------------------------------------------------------ reading


class Splitter:
    """Cuts a stream of bytes into items, holding no more than one item and one chunk.

    ``version`` is that of the file, once its first item was given.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = bytearray()
        self._at = 0
        self._total = 0
        self.version = 1

    def items(self) -> Iterator[bytes]:
        """The bytes of each item. Raises ``RemoteError`` (``evidence.*``) at the first break."""
        while len(self._buffer) < len(MAGIC) and self._more():
            pass
        begin = bytes(self._buffer[: len(MAGIC)])
        found = [version for version, magic in MAGICS.items() if begin == magic]
        if not found:
            raise broken("magic", "does not begin with the line of version 1 or 2")
        self.version = found[0]
        self._at = len(MAGIC)
        while self._at < len(self._buffer) or self._more():
            end = span(self._buffer, self._at)
            while end is None:
                if not self._more():
                    raise broken("truncated", "ends within an item")
                end = span(self._buffer, self._at)
            yield bytes(self._buffer[self._at : end])
            self._at = end

    def _more(self) -> bool:
        for chunk in self._chunks:
            if not chunk:
                continue
            self._total += len(chunk)
            if self._total > MAX_FILE_BYTES:
                raise broken("too_large", f"has more than {MAX_FILE_BYTES} bytes")
            if self._at:
                del self._buffer[: self._at]
                self._at = 0
            self._buffer += chunk
            return True
        return False


_EXTRA: Final = (1, 2, 4, 8)
_LEAST: Final = (24, 0x100, 0x10000, 0x1_0000_0000)


def span(data: bytes | bytearray, start: int) -> int | None:
    """Where the item that begins at ``start`` ends; ``None`` when not all of it is there yet.

    Raises ``RemoteError``: ``evidence.too_large``, ``evidence.encoding``.
    """
    at, items, open_counts = start, 0, [1]
    while open_counts:
        if not open_counts[-1]:
            open_counts.pop()
            continue
        open_counts[-1] -= 1
        head = _head(data, at)
        if head is None:
            return None
        major, value, at = head
        if major in (2, 3):
            at += value
            if at - start > MAX_ITEM_BYTES:
                raise broken("too_large", f"has an item of more than {MAX_ITEM_BYTES} bytes")
            if at > len(data):
                return None
        elif major in (4, 5):
            count = value * (major - 3)
            items += count
            if items > LIMITS.max_items or len(open_counts) > LIMITS.max_depth:
                raise broken("encoding", "has an item of more parts than any may have")
            open_counts.append(count)
    return at


def _head(data: bytes | bytearray, at: int) -> tuple[int, int, int] | None:
    """The head at this place: major type, argument, where it ends. ``None``: not all there."""
    if at >= len(data):
        return None
    first = data[at]
    major, info = first >> 5, first & 31
    at += 1
    if major == 6 or (major == 7 and first not in (0xF4, 0xF5, 0xF6)) or info > 27:
        raise broken("encoding", "has a tag, a float or an endless item")
    if info < 24:
        return major, info, at
    end = at + _EXTRA[info - 24]
    if end > len(data):
        return None
    value = int.from_bytes(data[at:end], "big")
    if value < _LEAST[info - 24]:
        raise broken("encoding", "has a number that is not written in its shortest form")
    return major, value, end


def parse(data: bytes, version: int = 2) -> Item:
    """Read one item of a file of a version.

    Raises ``RemoteError``: ``evidence.encoding`` when it is not in the one encoding,
    ``evidence.form`` when it is none of the forms of that version.
    """
    try:
        value = encode.loads(data, LIMITS)
    except RemoteError as error:
        raise broken("encoding", f"has an item that does not read ({error.message})") from error
    if not isinstance(value, tuple) or not value or type(value[0]) is not int:
        raise broken("form", "has an item that is no array with a type in front")
    known = value[0] in _READ and not (value[0] == _PACK and version == 1)
    item = _READ[value[0]](value[1:]) if known else None
    if item is None:
        raise broken("form", f"has an item of type {value[0]} that is not of that type's form")
    return item


def _is_bytes(value: Value, *, least: int, most: int = 0) -> bool:
    return isinstance(value, bytes) and least <= len(value) <= (most or least)


def _is_uint(value: Value, most: int = MAX_COUNT, *, least: int = 0) -> bool:
    return type(value) is int and least <= value <= most


def _read_header(parts: tuple[Value, ...]) -> Header | None:
    match parts:
        case (bytes(line), str(realm), int(made_ms), bytes(maker), dict(scope)) if (
            len(line) == 16
            and len(maker) == 8
            and REALM.match(realm)
            and _is_uint(made_ms, MAX_TIME_MS)
        ):
            read = _read_scope(scope)
            return None if read is None else Header(line, realm, made_ms, maker, read)
    return None


def _read_scope(scope: dict[int, Value]) -> Scope | None:
    start, end, item = scope.get(1), scope.get(2), scope.get(3)
    if not scope.keys() <= {1, 2, 3} or None in scope.values():
        return None
    times = [time for time in (start, end) if time is not None]
    if not all(_is_uint(time, MAX_TIME_MS) for time in times):
        return None
    if item is not None and not _is_bytes(item, least=32):
        return None
    out = Scope(
        start if isinstance(start, int) else None,
        end if isinstance(end, int) else None,
        item if isinstance(item, bytes) else None,
    )
    if out.from_ms is not None and out.to_ms is not None and out.from_ms > out.to_ms:
        return None
    return out


def _read_charter(parts: tuple[Value, ...]) -> CharterItem | None:
    match parts:
        case (bytes(signed),):
            return CharterItem(signed)
    return None


def _read_pack(parts: tuple[Value, ...]) -> PackItem | None:
    match parts:
        case (bytes(body),):
            return PackItem(body)
    return None


def _read_key(parts: tuple[Value, ...]) -> KeyItem | None:
    match parts:
        case (bytes(key),) if len(key) == MLDSA_KEY_BYTES:
            return KeyItem(key)
    return None


def _read_log(parts: tuple[Value, ...]) -> LogItem | None:
    match parts:
        case (bytes(station), bytes(incarnation), int(size), bytes(last), int(left_out)) if (
            (len(station), len(incarnation), len(last)) == (8, 8, 32)
            and _is_uint(size, least=1)
            and _is_uint(left_out)
        ):
            return LogItem(station, incarnation, size, last, left_out)
    return None


def _read_statement(parts: tuple[Value, ...], *, second: bool) -> StatementItem | None:
    match parts:
        case (bytes(raw), int(admitted_ms)) if 1 <= len(raw) <= MAX_STATEMENT_BYTES and _is_uint(
            admitted_ms, MAX_TIME_MS
        ):
            return StatementItem(raw, admitted_ms, second)
    return None


def _read_run(parts: tuple[Value, ...]) -> Run | None:
    match parts:
        case (int(count), tuple(hashes)) if (
            _is_uint(count, least=1) and 1 <= len(hashes) <= _MAX_RUN_HASHES
        ):
            known = tuple(each for each in hashes if isinstance(each, bytes) and len(each) == 32)
            return Run(count, known) if len(known) == len(hashes) else None
    return None


def _read_receipt(parts: tuple[Value, ...]) -> ReceiptItem | None:
    match parts:
        case (bytes(data),) if 1 <= len(data) <= _MAX_RECEIPT_BYTES:
            return ReceiptItem(data)
    return None


def _read_note(parts: tuple[Value, ...]) -> NoteItem | None:
    match parts:
        case (bytes(data),) if 1 <= len(data) <= _MAX_NOTE_BYTES:
            return NoteItem(data)
    return None


def _read_end(parts: tuple[Value, ...]) -> End | None:
    numbers = [part for part in parts if type(part) is int and _is_uint(part)]
    return End(*numbers) if len(numbers) == len(parts) == 5 else None


_PACK: Final = 11
_READ: Final = {
    1: _read_header,
    2: _read_charter,
    3: _read_key,
    4: _read_log,
    5: lambda parts: _read_statement(parts, second=False),
    6: _read_run,
    7: lambda parts: _read_statement(parts, second=True),
    8: _read_receipt,
    9: _read_note,
    10: _read_end,
    _PACK: _read_pack,
}
