"""The form of a backup file: its head in the clear, then encrypted chunks of records.

``TIELINE-BACKUP-1`` and a line feed; the head; chunks until the file ends. Head and chunks each
stand behind their length (four bytes, big-endian). The head is the deterministic CBOR array
``[keys.tlk, salt]``: the station's keys as they lie in its home, encrypted, and 32 random bytes.
The chunks are encrypted with a key from the station's database key, which is in those keys. So the
file opens with what opens the station, and with nothing else.

A chunk holds one record, a deterministic CBOR array that begins with its number:

1. manifest: when, whose, and how many entries of the journal. The first, once.
2. a file of the home: its name and bytes. Names ascend. The desk's own file, which grows, comes in
   pieces: ``desk.db.0000`` and on, without a gap.
3. entries of the journal from a number on, without a gap.
4. the end: how many entries and files there were, and the journal's chain after the last. Once.

Rules held here: only these names and numbers in this order; a length is compared with its limit
before anything is read for it; what follows the end, or is missing before it, is refused.

This module does not touch any file of a home; it writes and reads streams.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from tieline.core import encode
from tieline.core.encode import Limits, Value
from tieline.core.errors import RemoteError, TielineError
from tieline.core.journal import Fact
from tieline.node.chunkbox import TAG_BYTES, Chunks
from tieline.node.privatefile import MAX_BYTES as MAX_KEYS
from tieline.store import chain

MAGIC: Final = b"TIELINE-BACKUP-1\n"
DOMAIN: Final = b"tieline-backup-v1\x00"
SALT_BYTES: Final = 32
MAX_CHUNK: Final = 8 << 20  # bytes of a record; also the largest file of a home that is taken
MAX_FILES: Final = 4_096
ROOT: Final = "root.tlk"
DESK: Final = "desk.db"
DESK_PIECE: Final = 1 << 20  # bytes of it in one record: the loop reads and encrypts each
DESK_PIECES: Final = 512
MAX_DESK: Final = DESK_PIECE * DESK_PIECES

# What a backup holds of a home besides ``keys.tlk`` and the journal. Never ``machine.id`` and what
# lies beside it for this machine alone, never the key file: that opens what lies here.
NAMES: Final = re.compile(
    r"config\.toml|alarm\.toml|card\.tlcard|root\.tlk|cards/tries\.json"
    r"|cards/[^/\0.][^/\0]{0,200}\.tlcard|charters/[^/\0.][^/\0]{0,200}\.charter"
    r"|packs/[0-9a-f]{64}\.(?:pack|checked)|desk\.db\.[0-9]{4}"
)

_LENGTH: Final = 4
_MANIFEST, _FILE, _ENTRIES, _END = 1, 2, 3, 4
_BATCH_ENTRIES: Final = 128  # small, so that a station that runs is never held up for long
_BATCH_BYTES: Final = 1 << 16
_HEAD_LIMITS: Final = Limits(max_bytes=MAX_KEYS + 64, max_depth=1, max_items=2)
_LIMITS: Final = Limits(max_bytes=MAX_CHUNK, max_depth=3, max_items=9 * _BATCH_ENTRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself. ``made_ms`` is the machine's clock, UTC."""

    made_ms: int
    station: bytes
    party: str
    name: str
    realm: str
    entries: int


# ----------------------------------------------------------------------------------------- writing


def write(
    keys_file: bytes,
    salt: bytes,
    secret: bytes,
    manifest: Manifest,
    files: Iterable[tuple[str, bytes]],
    facts: Iterable[tuple[int, Fact]],
) -> Iterator[bytes]:
    """The bytes of a backup in pieces; the journal is read as they are asked for.

    ``files`` must ascend by name, and ``facts`` be the whole journal up to ``manifest.entries``.
    """
    head = encode.dumps((keys_file, salt))
    chunks = Chunks(secret, salt, DOMAIN, head)
    yield MAGIC + _framed(head)

    def box(*record: Value, last: bool = False) -> bytes:
        return _framed(chunks.seal(encode.dumps(record), last=last))

    yield box(
        _MANIFEST, manifest.made_ms, manifest.station, manifest.party, manifest.name,
        manifest.realm, manifest.entries,
    )  # fmt: skip
    count = 0
    for name, data in files:
        yield box(_FILE, name, data)
        count += 1
    link, seq, size = chain.START, 0, 0
    batch: list[Value] = []
    for seq, fact in facts:
        link = chain.link(link, seq, fact)
        batch.append((fact.kind, fact.at_ms, fact.line, fact.body, fact.meta, fact.log,
                      fact.position))  # fmt: skip
        size += len(fact.body) + len(fact.meta)
        if len(batch) >= _BATCH_ENTRIES or size >= _BATCH_BYTES:
            yield box(_ENTRIES, seq - len(batch) + 1, tuple(batch))
            batch.clear()
            size = 0
    if batch:
        yield box(_ENTRIES, seq - len(batch) + 1, tuple(batch))
    yield box(_END, seq, count, link, last=True)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH, "big") + data


# ----------------------------------------------------------------------------------------- reading


class Reader:
    """Reads a backup once, from its beginning to its end.

    ``keys_file`` is there at once. Then ``open`` with the station's database key, and take what
    ``files`` and then ``batches`` give, each to its end; only then is all of the file known to be
    whole. Raises ``RemoteError``: ``backup.form`` for a file that is no backup, and
    ``backup.damaged`` for one that was cut, changed or went on behind its end.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        if stream.read(len(MAGIC)) != MAGIC:
            raise RemoteError(
                "backup.form", "the file is no backup of a station; name the right file"
            )
        self._head = self._framed(_HEAD_LIMITS.max_bytes)
        head = _loads(self._head, _HEAD_LIMITS)
        keys_file, salt = head if isinstance(head, tuple) and len(head) == 2 else (0, 0)
        if not isinstance(keys_file, bytes) or not isinstance(salt, bytes):
            raise damaged()
        if len(salt) != SALT_BYTES:
            raise damaged()
        self.keys_file, self._salt = keys_file, salt
        self._chunks: Chunks | None = None
        self._next = self._length()
        self._held: tuple[Value, ...] = ()
        self._files = 0
        self._entries = 0

    def open(self, secret: bytes) -> Manifest:
        """Begin to read what is encrypted."""
        self._chunks = Chunks(secret, self._salt, DOMAIN, self._head)
        match self._record():
            case (1, int(made), bytes(station), str(party), str(name), str(realm), int(entries)):
                self._held = self._record()
                return Manifest(
                    made_ms=made, station=station, party=party, name=name, realm=realm,
                    entries=entries,
                )  # fmt: skip
        raise damaged()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The files of the home, by name."""
        before = ""
        while self._held[0] == _FILE:
            match self._held:
                case (_, str(name), bytes(data)) if name > before and NAMES.fullmatch(name):
                    self._files += 1
                    if self._files > MAX_FILES:
                        raise damaged()
                    yield name, data
                    before = name
                case _:
                    raise damaged()
            self._held = self._record()

    def batches(self, manifest: Manifest) -> Iterator[list[Fact]]:
        """The entries of the journal, in order; the end is checked before this ends."""
        link = chain.START
        while self._held[0] == _ENTRIES:
            match self._held:
                case (_, int(first), tuple(rows)) if first == self._entries + 1 and rows:
                    facts = [_fact(row) for row in rows]
                case _:
                    raise damaged()
            for fact in facts:
                self._entries += 1
                link = chain.link(link, self._entries, fact)
            yield facts
            self._held = self._record()
        whole = (_END, manifest.entries, self._files, link)
        if self._held != whole or self._entries != manifest.entries or self._next is not None:
            raise damaged()

    def _record(self) -> tuple[Value, ...]:
        if self._next is None or self._chunks is None:
            raise damaged()
        box = self._exactly(self._next)
        self._next = self._length()
        plain = self._chunks.open(box, last=self._next is None)
        if plain is None:
            raise damaged()
        record = _loads(plain, _LIMITS)
        if isinstance(record, tuple) and record and type(record[0]) is int:
            return record
        raise damaged()

    def _framed(self, limit: int) -> bytes:
        length = self._length(limit)
        if length is None:
            raise damaged()
        return self._exactly(length)

    def _length(self, limit: int = MAX_CHUNK + TAG_BYTES) -> int | None:
        """The length that comes next; None where the file ends."""
        data = self._stream.read(_LENGTH)
        if not data:
            return None
        length = int.from_bytes(data, "big")
        if len(data) < _LENGTH or length > limit:
            raise damaged()
        return length

    def _exactly(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) != length:
            raise damaged()
        return data


def _fact(row: Value) -> Fact:
    match row:
        case (int(kind), int(at_ms), bytes(line), bytes(body), bytes(meta),
              bytes() | None as log, int() | None as position):  # fmt: skip
            return Fact(
                kind=kind, at_ms=at_ms, line=line, body=body, meta=meta, log=log, position=position
            )
    raise damaged()


def _loads(data: bytes, limits: Limits) -> Value:
    try:
        return encode.loads(data, limits)
    except TielineError:
        raise damaged() from None


def damaged() -> RemoteError:
    """The one refusal of a backup that is not byte for byte what was written."""
    return RemoteError(
        "backup.damaged",
        "the backup is damaged: it was cut short or changed, or does not belong to these keys;"
        " nothing of it was kept, take another copy of it",
    )
