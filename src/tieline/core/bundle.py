"""The bundle: a line's traffic as a file, for a carrier that has no session.

A bundle carries the same envelopes as a session: what its exporter holds, the charter, statements
that the receivers are not known to have, and receipts. The envelopes are sealed to the receiving
stations by the secret side (this module never sees a private key) and the header, with the hash of
the sealed part, is signed by the exporting station. Layout: the magic line, the header's length in
four bytes big-endian, the header as COSE_Sign1, the sealed bytes to the end of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core import crypto, encode, notes, sync
from tieline.core.elsewhere import bundle_message, of_bundle
from tieline.core.encode import Fields, Limits
from tieline.core.errors import RemoteError
from tieline.core.line import Line
from tieline.core.record import Item
from tieline.core.sync import CharterOffer, Push, Receipts
from tieline.core.terms import MAX_TIME_MS

MAGIC: Final = b"TIELINE-BUNDLE-1\n"
MAX_BUNDLE_BYTES: Final = 64 * 1024 * 1024
MAX_RECIPIENTS: Final = 128
_PAYLOAD_LIMITS: Final = Limits(max_bytes=MAX_BUNDLE_BYTES, max_depth=3, max_items=100_000)
_HEADER_LIMITS: Final = Limits(max_bytes=8_192, max_depth=4, max_items=256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who exported what to whom, and when. ``sealed`` is the SHA-256 of the sealed part."""

    line: bytes
    exporter: bytes
    time_ms: int
    recipients: tuple[bytes, ...]
    sealed: bytes
    charter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A parsed bundle whose header signature is not checked yet."""

    header: Header
    signed: bytes
    signature: bytes
    sealed: bytes


def contents(line: Line, to: tuple[bytes, ...]) -> tuple[bytes, int]:
    """The plain bytes of a bundle for some stations, and how many statements it carries.

    Whatever every one of them has said it holds is left out; the rest goes in, in display order.
    """
    heads = sync.heads(line.record)
    told = sync.haves(line.id, line.latest(), heads, full=True)
    envelopes = [sync.pack(have) for have in told]
    first = min((line.peers[station].charter for station in to), default=0)
    for version in sorted(line.charters):
        if version > max(1, first):
            offer = CharterOffer(line.id, line.charters[version].encode())
            envelopes.append(sync.pack(offer))
    lacking = [item for item in line.record.order if not _all_hold(line, item, to)]
    batch: list[bytes] = []
    size = 0
    for item in lacking:
        if batch and (
            size + len(item.statement.raw) > sync.MAX_PUSH_BYTES
            or len(batch) >= sync.MAX_PUSH_STATEMENTS
        ):
            envelopes.append(sync.pack(Push(line.id, tuple(batch))))
            batch, size = [], 0
        batch.append(item.statement.raw)
        size += len(item.statement.raw)
    if batch:
        envelopes.append(sync.pack(Push(line.id, tuple(batch))))
    # Of a log that a charter has ended, a receipt may cover more than there is in it now.
    size_of = line.record.size
    every = line.ladder.latest_receipts()
    receipts = tuple(receipt for receipt in every if receipt.size <= size_of(receipt.log))
    for start in range(0, len(receipts), sync.MAX_RECEIPTS):
        part = Receipts(line.id, receipts[start : start + sync.MAX_RECEIPTS])
        envelopes.append(sync.pack(part))
    envelopes.extend(sync.pack(part) for part in notes.envelopes(line, set()))
    return encode.dumps(tuple(envelopes)), len(lacking)


def _all_hold(line: Line, item: Item, to: tuple[bytes, ...]) -> bool:
    statement = item.statement
    if line.record.logs[statement.log].forks:
        return False
    return all(
        line.peers[station].theirs.get(statement.log, 0) > statement.place.position
        for station in to
    )


def envelopes_of(plain: bytes) -> tuple[bytes, ...]:
    """The envelopes in the opened part of a bundle.

    Raises ``RemoteError`` (``bundle.contents``).
    """
    value = encode.loads(plain, _PAYLOAD_LIMITS)
    if isinstance(value, tuple):
        out = tuple(part for part in value if isinstance(part, bytes))
        if len(out) == len(value):
            return out
    raise RemoteError(
        "bundle.contents", "the bundle opened, but it does not hold a list of envelopes"
    )


def header_payload(header: Header) -> bytes:
    """The bytes of a header, ready to be signed with ``to_sign``."""
    return encode.dumps(
        {
            1: header.line,
            2: header.exporter,
            3: header.time_ms,
            4: header.recipients,
            5: header.sealed,
            6: header.charter,
        }
    )


def to_sign(realm: str, payload: bytes) -> bytes:
    """The bytes that the exporting station's statement key signs."""
    return bundle_message(realm, payload)


def assemble(payload: bytes, signature: bytes, sealed: bytes) -> bytes:
    """The file's bytes."""
    header = crypto.pack_sign1(payload, signature)
    return MAGIC + len(header).to_bytes(4, "big") + header + sealed


def parse(realm: str, data: bytes) -> Bundle:
    """Read a bundle; nothing is trusted yet but its shape and the hash of its sealed part.

    Raises ``RemoteError`` (``bundle.*``, ``encode.*``, ``sign1.*``).
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise _wrong("bundle.too_large", f"it is larger than {MAX_BUNDLE_BYTES} bytes")
    start = len(MAGIC) + 4
    if not data.startswith(MAGIC) or len(data) < start:
        raise _wrong("bundle.magic", "it does not begin as a Tieline bundle")
    length = int.from_bytes(data[len(MAGIC) : start], "big")
    if length > _HEADER_LIMITS.max_bytes or start + length > len(data):
        raise _wrong("bundle.truncated", "it ends inside its header; copy it again")
    envelope = crypto.parse_sign1(data[start : start + length], _HEADER_LIMITS)
    fields = Fields(encode.loads(envelope.payload, _HEADER_LIMITS), "bundle header")
    recipients = tuple(part for part in fields.array(4) if isinstance(part, bytes))
    header = Header(
        line=fields.bytes(1, length=16),
        exporter=fields.bytes(2, length=8),
        time_ms=fields.uint(3, max=MAX_TIME_MS),
        recipients=recipients,
        sealed=fields.bytes(5, length=32),
        charter=fields.uint(6, max=2**16),
    )
    if header_payload(header) != envelope.payload:
        raise _wrong("bundle.header", "its header holds more than a header should")
    if not 1 <= len(set(recipients)) == len(recipients) <= MAX_RECIPIENTS or any(
        len(station) != 8 for station in recipients
    ):
        raise _wrong(
            "bundle.header", f"it must name 1 to {MAX_RECIPIENTS} stations by 8 bytes, each once"
        )
    sealed = data[start + length :]
    if crypto.sha256(sealed) != header.sealed:
        raise _wrong("bundle.damaged", "its contents are not what its header says; copy it again")
    return Bundle(
        header=header,
        signed=to_sign(realm, envelope.payload),
        signature=envelope.signature,
        sealed=sealed,
    )


def check(bundle: Bundle, lines: Mapping[bytes, Line]) -> Line:
    """Check a bundle's line, address and signature: the line, of those that this station keeps.

    Raises ``RemoteError`` (``bundle.*``).
    """
    header = bundle.header
    line = lines.get(header.line)
    if line is None:
        # The realm is under the signature only, and the keys of that line are not here.
        raise _wrong(
            "bundle.other_line",
            f"it is of line {header.line.hex()[:8]}, which this station does not keep; if it comes"
            " from an exercise, or from live traffic into one, import it at the station of that",
        )
    version = min(header.charter, line.latest())
    key = line.sign_key(version, header.exporter)
    if key is None:
        raise _wrong("bundle.stranger", "the station that made it is not on this line")
    if line.own not in header.recipients:
        raise _wrong("bundle.other_station", "it is sealed to other stations than this one")
    if not crypto.verify(key, bundle.signed, bundle.signature):
        payload = header_payload(header)
        found = of_bundle(line, header.exporter, version, payload, bundle.signature)
        raise found or _wrong("bundle.forged", "its signature is not that of the station it names")
    return line


def _wrong(code: str, what: str) -> RemoteError:
    return RemoteError(code, f"the bundle is refused: {what}; nothing has changed")
