"""A second reader of proof files, which shares no code with the station: cbor2, PyNaCl, hashlib.

It is written from docs/protocol.md (section 8.3) alone, for one question: do these bytes prove that
one station has told two stories, and which?
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import cbor2
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

PROTECTED = bytes.fromhex("a10127")


class Unproven(Exception):
    """The bytes prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whom a proof accuses: ``at`` is a position, or the size of the smaller checkpoint."""

    party: str
    station: bytes
    line: bytes
    incarnation: bytes
    at: int
    digests: tuple[bytes, ...]


def verdict(data: bytes) -> Verdict:
    """Read a proof. Raises ``Unproven``."""
    value = cbor2.loads(data)
    if cbor2.dumps(value, canonical=True) != data:
        raise Unproven("it does not read back")
    version, party, realm, root, certs, evidence = value
    if version != 1 or len(certs) not in (1, 2):
        raise Unproven("it has another form")
    maps = [_signed(cert, root, b"tieline-cert-v1") for cert in certs]
    if any((found[1], found[4]) != (party, realm) for found in maps):
        raise Unproven("it has certificates of others")
    if len({found[3] for found in maps}) != 1:
        raise Unproven("it has certificates of two stations")
    keys = (maps[0][5], maps[-1][5])
    kind = evidence[0]
    if kind == 1:
        return _statements(party, maps[0][3], realm, keys, evidence[1:])
    if kind in (2, 3):
        return _heads(party, maps[0][3], keys, evidence)
    raise Unproven("it has another kind")


def _verify(key: bytes, message: bytes, signature: bytes) -> None:
    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError) as error:
        raise Unproven("a signature is wrong") from error


def _signed(data: bytes, key: bytes, aad: bytes) -> dict[int, Any]:
    protected, bare, payload, signature = cbor2.loads(data)
    if protected != PROTECTED or bare:
        raise Unproven("it is signed in another way")
    text = cbor2.dumps(["Signature1", protected, aad, payload], canonical=True)
    _verify(key, text, signature)
    found = cbor2.loads(payload)
    if not isinstance(found, dict):
        raise Unproven("it is signed around something else")
    return found


def _statements(
    party: str, station: bytes, realm: str, keys: tuple[bytes, bytes], raws: list[bytes]
) -> Verdict:
    aad = b"tieline-statement-v1\0" + realm.encode()
    one, other = (_signed(raw, key, aad) for raw, key in zip(raws, keys, strict=True))
    places = {(found[1], found[2], found[3], found[4]) for found in (one, other)}
    digests = tuple(hashlib.sha256(b"\0" + raw).digest() for raw in raws)
    if len(places) != 1 or len(set(digests)) != 2:
        raise Unproven("these are not two statements of one place")
    line, author, incarnation, position = places.pop()
    if author != station:
        raise Unproven("another station is certified")
    return Verdict(party=party, station=station, line=line, incarnation=incarnation, at=position,
                   digests=digests)  # fmt: skip


def _note(data: bytes, key: bytes) -> tuple[str, int, bytes]:
    text, _, lines = data.decode().rpartition("\n\n")
    body = text + "\n"
    name, size, root = body.split("\n")[:3]
    mark, signer, blob = lines.rstrip("\n").split(" ")
    signature = base64.b64decode(blob, validate=True)
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + key).digest()[:4]
    if mark != "\u2014" or signer != name or signature[:4] != key_id:
        raise Unproven("a note is not signed by its log")
    _verify(key, body.encode(), signature[4:])
    return name, int(size), base64.b64decode(root, validate=True)


def _heads(party: str, station: bytes, keys: tuple[bytes, bytes], evidence: list[Any]) -> Verdict:
    (one, size, root), (other, larger, whole) = (
        _note(data, key) for data, key in zip(evidence[1:3], keys, strict=True)
    )
    _, line, author, incarnation = one.split("/")
    if one != other or bytes.fromhex(author) != station:
        raise Unproven("these are heads of two logs")
    if evidence[0] == 2:
        clash = size == larger and root != whole
    else:
        was, path = evidence[3], evidence[4]
        clash = 0 < size < larger and was != root and _grows(size, larger, was, whole, path)
    if not clash:
        raise Unproven("the two heads do not contradict each other")
    return Verdict(
        party=party,
        station=station,
        line=bytes.fromhex(line),
        incarnation=bytes.fromhex(incarnation),
        at=size,
        digests=(root, whole),
    )


def _grows(size: int, larger: int, was: bytes, whole: bytes, path: list[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2, as it stands there."""
    if size & (size - 1) == 0:
        path = [was, *path]
    if not path:
        return False
    fn, sn = size - 1, larger - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for each in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _pair(each, fr), _pair(each, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _pair(sr, each)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == was and sr == whole


def _pair(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
