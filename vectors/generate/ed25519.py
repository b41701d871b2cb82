"""Vectors of the one Ed25519 rule: keys at enrolment, signatures, and COSE_Sign1.

Every verdict is computed here from the rule in words: S is below the group order; the key and R
are canonical and not of small order; and the plain equation holds, without the factor 8. Each
signature case also says what the two equations give, so that a reader sees where another rule
would decide otherwise.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib
from collections.abc import Callable

import cbor2
import curve

Case = Callable[[str, bytes, bytes, bytes], None]

SEED = hashlib.sha256(b"tieline vector seed").digest()
SCALAR, _ = curve.clamp(SEED)
POINT = curve.times(SCALAR, curve.BASE)
KEY = curve.pack(POINT)
MESSAGE = b"Mine adrift two miles west of the buoy."


def build() -> dict[str, object]:
    """The files of this script."""
    return {
        "ed25519/keys.json": {
            "about": "Public keys at enrolment: an empty code means that the key may be enrolled.",
            "cases": keys(),
        },
        "ed25519/signatures.json": {
            "about": "Signatures under the rule of tieline.core.crypto. 'plain' and 'times8' say "
            "which verification equation of RFC 8032 section 5.1.7 holds for the points as read.",
            "cases": signatures(),
        },
        "ed25519/sign1.json": {
            "about": "COSE_Sign1 (RFC 9052): the bytes to sign for external data and a payload, "
            "and the message with its signature by the key.",
            "key": KEY.hex(),
            "cases": sign1(),
        },
    }


def keys() -> list[dict[str, str]]:
    """Keys to take and keys to refuse."""
    out: list[dict[str, str]] = []

    def case(about: str, key: bytes, code: str) -> None:
        out.append({"about": about, "key": key.hex(), "code": code})

    for n in range(4):
        key, _ = curve.sign(hashlib.sha256(b"tieline vector key %d" % n).digest(), b"")
        case("an honest key", key, "")
    case("the base point", curve.pack(curve.BASE), "")
    for n, point in enumerate(curve.SMALL):
        case(f"small order, {n} times a point of order 8", curve.pack(point), "key.small_order")
    for y, sign in ((1, 1), (curve.P - 1, 1)):
        case("small order, with the sign of a zero", curve.pack_raw(y, sign), "key.small_order")
    for y in (curve.P, curve.P + 1):
        for sign in (0, 1):
            key = curve.pack_raw(y, sign)
            case("small order, y not below the prime", key, "key.small_order")
    for y in range(curve.P + 2, 2**255):
        for sign in (0, 1):
            where = "on" if curve.lift(y, sign) else "off"
            key = curve.pack_raw(y, sign)
            case(f"y not below the prime, {where} the curve", key, "key.noncanonical")
    for n in range(1, 8):
        key = curve.pack(curve.add(POINT, curve.SMALL[n]))
        case(f"mixed order, an honest key plus {n} times a point of order 8", key, "key.invalid")
    for y in (2, 7, 8):
        if curve.lift(y, 0) is None:
            case(f"off the curve, y = {y}", curve.pack_raw(y, 0), "key.invalid")
    case("a byte short", KEY[:31], "key.length")
    case("a byte long", KEY + b"\0", "key.length")
    case("empty", b"", "key.length")
    return out


def signatures() -> list[dict[str, object]]:
    """Signatures to accept and to refuse."""
    out: list[dict[str, object]] = []

    def case(about: str, key: bytes, message: bytes, signature: bytes) -> None:
        whole = len(key) == 32 and len(signature) == 64
        plain, times8 = curve.equations(key, message, signature) if whole else (False, False)
        out.append(
            {
                "about": about,
                "key": key.hex(),
                "message": message.hex(),
                "signature": signature.hex(),
                "plain": plain,
                "times8": times8,
                "accept": whole and accepts(key, message, signature),
            }
        )

    for n, message in enumerate((b"", b"\0", MESSAGE, bytes(1000))):
        seed = hashlib.sha256(b"tieline vector key %d" % n).digest()
        key, signature = curve.sign(seed, message)
        case("honest", key, message, signature)
    _, good = curve.sign(SEED, MESSAGE)
    case("honest", KEY, MESSAGE, good)
    case("another message", KEY, MESSAGE + b"\0", good)
    case("another key", curve.pack(curve.BASE), MESSAGE, good)
    r, s = good[:32], int.from_bytes(good[32:], "little")
    for n in range(1, (2**256 - 1 - s) // curve.L + 1):
        if n in (1, 2, 7, 8, 15):
            more = (s + n * curve.L).to_bytes(32, "little")
            case(f"S plus {n} times the group order", KEY, MESSAGE, r + more)
    case("S is the group order", KEY, MESSAGE, r + curve.L.to_bytes(32, "little"))
    case("a bit of R changed", KEY, MESSAGE, bytes((r[0] ^ 1,)) + good[1:])
    case("a bit of S changed", KEY, MESSAGE, r + bytes((good[32] ^ 1,)) + good[33:])
    case("the top bit of S set", KEY, MESSAGE, good[:63] + bytes((good[63] | 0x80,)))
    case("a byte short", KEY, MESSAGE, good[:63])
    case("a byte long", KEY, MESSAGE, good + b"\0")
    case("no signature", KEY, MESSAGE, b"")
    case("the key a byte short", KEY[:31], MESSAGE, good)
    case("a byte of the signature in the message", KEY, good[63:] + MESSAGE, good[:63])
    case("a byte of the message in the signature", KEY, MESSAGE[1:], good + MESSAGE[:1])
    zero_ended, signature = ends_in_zero()
    case("honest, the key ends in a zero byte", zero_ended, MESSAGE, signature)
    case("the same key without its last byte", zero_ended[:31], MESSAGE, signature)
    mixed(case)
    small(case)
    return out


def ends_in_zero() -> tuple[bytes, bytes]:
    """A key whose last byte is zero, which a reader past the end of a buffer may make up."""
    n = 0
    while True:
        key, signature = curve.sign(hashlib.sha256(b"tieline vector zero %d" % n).digest(), MESSAGE)
        if key[31] == 0:
            return key, signature
        n += 1


def mixed(case: Case) -> None:
    """Points of mixed order: the two equations part ways."""
    for n in range(1, 8):
        signature = curve.sign_with(SCALAR, KEY, 1000 + n, curve.SMALL[n], MESSAGE)
        case(f"R plus {n} times a point of order 8", KEY, MESSAGE, signature)
    for n in (1, 2, 4):
        key = curve.pack(curve.add(POINT, curve.SMALL[n]))
        for nonce in range(2000, 2008):
            signature = curve.sign_with(SCALAR, key, nonce, curve.IDENTITY, MESSAGE)
            about = f"a key of mixed order, with {n} times a point of order 8"
            case(about, key, MESSAGE, signature)


def small(case: Case) -> None:
    """Points of small order: a key that signs everything, and an R that hides nothing."""
    for n, point in enumerate(curve.SMALL):
        r = curve.pack(point)
        s = curve.hashed(r, KEY, MESSAGE) * SCALAR % curve.L
        about = f"R is {n} times a point of order 8"
        case(about, KEY, MESSAGE, r + s.to_bytes(32, "little"))
    universal = curve.pack(curve.IDENTITY) + bytes(32)
    for message in (b"We will withdraw.", b"We will not withdraw."):
        case("one signature for any message", curve.pack(curve.IDENTITY), message, universal)
        other = curve.pack(curve.times(5, curve.BASE)) + (5).to_bytes(32, "little")
        case("one signature for any message", curve.pack(curve.IDENTITY), message, other)
    for y, sign in ((1, 1), (curve.P + 1, 0), (curve.P + 1, 1), (curve.P, 0), (curve.P - 1, 1)):
        key = curve.pack_raw(y, sign)
        case("a small key, not canonical", key, MESSAGE, universal)
        case("a small R, not canonical", KEY, MESSAGE, key + bytes(32))
    for n, point in enumerate(curve.SMALL[1:], 1):
        case(f"the key is {n} times a point of order 8", curve.pack(point), MESSAGE, universal)


def accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    """The rule, word for word."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    return (
        s < curve.L
        and all(curve.canonical(data) for data in (key, r))
        and all(curve.unpack(data) not in curve.SMALL for data in (key, r))
        and curve.equations(key, message, signature)[0]
    )


def sign1() -> list[dict[str, str]]:
    """COSE_Sign1 messages, put together with cbor2 and signed in plain integers."""
    out: list[dict[str, str]] = []
    protected = cbor2.dumps({1: -8})
    for aad, payload in (
        (b"", b""),
        (b"tieline-cert-v1", b"\xa0"),
        (b"tieline-statement-v1\0EX-ALPHA", MESSAGE),
        (b"x" * 24, bytes(300)),
        (bytes(256), bytes(70_000 // 64)),
    ):
        signed = cbor2.dumps(["Signature1", protected, aad, payload])
        _, signature = curve.sign(SEED, signed)
        whole = cbor2.dumps([protected, {}, payload, signature])
        out.append(
            {
                "aad": aad.hex(),
                "payload": payload.hex(),
                "to_be_signed": signed.hex(),
                "message": whole.hex(),
            }
        )
    return out
