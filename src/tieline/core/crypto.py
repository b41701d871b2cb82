"""Hashes, verification of Ed25519 and ML-DSA-44, and COSE_Sign1: the public side of cryptography.

One rule for Ed25519 holds everywhere, because libraries disagree on edge cases and a signature
that one reader accepts and another refuses would split the record. The rule is libsodium's: a
signature verifies only if S is below the group order, the key and R are canonical encodings of
points that are not of small order, and the plain equation of RFC 8032 section 5.1.7 holds, the one
without the factor 8. ``vectors/ed25519`` holds the cases on both sides of it.

Keys are checked once, when a party or station is enrolled, by ``check_public_key``: stricter than
``verify`` needs, so that a key with which one signature fits any message never enters a charter.

This module holds no secret and signs nothing; the secret side is ``tieline.node.secrets``. It does
not know whose a key is, nor what a message means.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from tieline.core import encode
from tieline.core.errors import RemoteError

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MLDSA_KEY_BYTES: Final = 1312  # FIPS 204, table 2: ML-DSA-44
MLDSA_SIGNATURE_BYTES: Final = 2420

# C2SP signed-note, "Signature types", and tlog-cosignature, "Format".
ALG_ED25519: Final = 0x01
ALG_COSIGNATURE: Final = 0x04
ALG_MLDSA: Final = 0x06

# {1: -8}: the protected header "algorithm EdDSA" (RFC 9052 section 3.1, RFC 9053 section 2.2).
PROTECTED: Final = b"\xa1\x01\x27"
# An array of four, of which the first two are the same in all: this header, and none beside it.
_SIGN1_HEAD: Final = b"\x84" + encode.dumps(PROTECTED) + encode.dumps({})

_P: Final = 2**255 - 19
# A point and its negative share y, and the eight points of small order share these five values:
# 1 (order 1), -1 (order 2), 0 (order 4), and plus and minus one more (order 8).
_Y_ORDER_8: Final = int("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", 16)
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _Y_ORDER_8, _P - _Y_ORDER_8})


def sha256(data: bytes) -> bytes:
    """The SHA-256 hash of ``data``, 32 bytes."""
    return hashlib.sha256(data).digest()


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is one of ``message`` under ``public_key`` (RFC 8032, pure Ed25519).

    Never raises: a key or a signature of the wrong length verifies nothing.
    """
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def opens(public_key: bytes, signed: bytes) -> bool:
    """As ``verify`` for a signature and its message in one piece, which spares a copy of it."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signed) < SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signed, public_key)
    except BadSignatureError:
        return False
    return True


def verify_mldsa(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is one of ``message`` under this ML-DSA-44 key (FIPS 204 section 5.3).

    The pure form, with an empty context. Never raises: a key or a signature of the wrong length
    verifies nothing.
    """
    if len(public_key) != MLDSA_KEY_BYTES or len(signature) != MLDSA_SIGNATURE_BYTES:
        return False
    try:
        mldsa.MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def check_public_key(key: bytes) -> None:
    """Refuse an Ed25519 public key that must never be enrolled.

    Raises ``RemoteError``: ``key.length`` unless it has 32 bytes; ``key.small_order`` for a point
    of small order however it is written; ``key.noncanonical`` when y is not below 2^255-19;
    ``key.invalid`` when it is no point of the prime-order subgroup.
    """
    if len(key) != PUBLIC_KEY_BYTES:
        raise RemoteError(
            "key.length",
            f"the public key has {len(key)} bytes where an Ed25519 key has 32; "
            "ask its owner for the right one",
        )
    y = int.from_bytes(key, "little") & (2**255 - 1)
    if y % _P in _SMALL_ORDER_Y:
        raise RemoteError(
            "key.small_order",
            "the public key is a point of small order, under which one signature fits any "
            "message; refuse its owner and ask why",
        )
    if y >= _P:
        raise RemoteError(
            "key.noncanonical",
            "the public key is not written in its only canonical form; refuse it and ask for a "
            "fresh key",
        )
    if not _is_point(key):
        raise RemoteError(
            "key.invalid",
            "the public key is no point of the Ed25519 group; refuse it and ask for a fresh key",
        )


@lru_cache(maxsize=1024)
def _is_point(key: bytes) -> bool:
    """Whether a key is a point of the group. The same few keys stand in each charter and file."""
    return bool(crypto_core_ed25519_is_valid_point(key))


@lru_cache(maxsize=1024)
def key_id(name: str, alg: int, public_key: bytes) -> bytes:
    """The 4-byte key id of a note signature (C2SP signed-note, "Signatures").

    ``alg`` is the signature type byte: one of ``ALG_ED25519``, ``ALG_COSIGNATURE``, ``ALG_MLDSA``.
    """
    return sha256(name.encode("utf-8") + b"\n" + bytes((alg,)) + public_key)[:4]


# ---------------------------------------------------------------------------------- COSE_Sign1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign1:
    """The parts of a COSE_Sign1 of ours (RFC 9052 section 4.2), unverified."""

    protected: bytes
    payload: bytes
    signature: bytes


def sig_structure(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    """The bytes that a COSE_Sign1 signature covers (RFC 9052 section 4.4, "Signature1")."""
    return joined(sig_head(protected, aad), payload)


def sig_head(protected: bytes, aad: bytes) -> bytes:
    """What stands before the payload in the bytes under a signature: the same for all of a kind."""
    before = encode.head(2, len(protected)), protected, encode.head(2, len(aad)), aad
    return b"\x84\x6aSignature1" + b"".join(before)


def joined(head: bytes, payload: bytes) -> bytes:
    """The bytes under a signature: a head as ``sig_head`` gives it, and the payload."""
    return b"".join((head, encode.head(2, len(payload)), payload))


def pack_sign1(payload: bytes, signature: bytes) -> bytes:
    """The untagged COSE_Sign1 of a payload and its signature (RFC 9052 section 4.2)."""
    ends = encode.head(2, len(payload)), encode.head(2, len(signature))
    return b"".join((_SIGN1_HEAD, ends[0], payload, ends[1], signature))


def parse_sign1(data: bytes, limits: encode.Limits = encode.DEFAULT) -> Sign1:
    """Read what ``pack_sign1`` writes; the signature is not verified here.

    Raises ``RemoteError``: ``encode.*`` when it is no deterministic CBOR within ``limits``;
    ``sign1.shape`` unless it is an array of four; ``sign1.protected``, ``sign1.unprotected``,
    ``sign1.payload``, ``sign1.signature`` for the part that is wrong.
    """
    value = encode.loads(data, limits)
    if not isinstance(value, tuple) or len(value) != 4:
        raise _refusal("shape", "is not an array of four parts")
    protected, unprotected, payload, signature = value
    if protected != PROTECTED:
        raise _refusal("protected", "must name EdDSA as its algorithm and nothing else")
    if unprotected != {}:
        raise _refusal("unprotected", "must have an empty unprotected header")
    if not isinstance(payload, bytes):
        raise _refusal("payload", "must carry its payload as bytes")
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise _refusal("signature", "must carry a signature of 64 bytes")
    return Sign1(protected=PROTECTED, payload=payload, signature=signature)


def _refusal(part: str, what: str) -> RemoteError:
    return RemoteError(f"sign1.{part}", f"the COSE_Sign1 {what}; have it signed anew")
