"""Ed25519 in plain integers, slow and separate from every library (RFC 8032 sections 5.1 and 6).

It makes the cases on which libraries disagree: points of small or mixed order, encodings that are
not canonical, and signatures that fit only one of the verification equations. It also judges each
case by the rule as it is written down in ``tieline.core.crypto``, so that the vectors follow from
the rule and not from the library that the rule came from.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    """The sum of two points; complete, so it also doubles."""
    k = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P)
    return x % P, y % P


Fraction = tuple[int, int, int]  # x and y over one denominator


def _sum(a: Fraction, b: Fraction) -> Fraction:
    """As ``add``, with the divisions put off: each costs as much as a hundred products."""
    both = a[2] * b[2] % P
    k = D * a[0] * b[0] * a[1] * b[1] % P
    less, more = (both * both - k) % P, (both * both + k) % P
    x = both * less * (a[0] * b[1] + b[0] * a[1])
    y = both * more * (a[1] * b[1] + a[0] * b[0])
    return x % P, y % P, less * more % P


def times(n: int, a: Point) -> Point:
    """The multiple of a point by a non-negative number."""
    out, double = (0, 1, 1), (*a, 1)
    while n:
        if n & 1:
            out = _sum(out, double)
        double = _sum(double, double)
        n >>= 1
    below = pow(out[2], -1, P)
    return out[0] * below % P, out[1] * below % P


def negative(a: Point) -> Point:
    """The inverse of a point."""
    return -a[0] % P, a[1]


def lift(y: int, sign: int) -> Point | None:
    """The point with this y and this lowest bit of x, or None off the curve."""
    y %= P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square:
        return None
    return (x if x & 1 == sign else -x % P), y


def pack(a: Point) -> bytes:
    """The canonical encoding of a point."""
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def pack_raw(y: int, sign: int) -> bytes:
    """An encoding from its parts, canonical or not."""
    return (y | sign << 255).to_bytes(32, "little")


def unpack(data: bytes) -> Point | None:
    """The point of an encoding, canonical or not, or None off the curve."""
    number = int.from_bytes(data, "little")
    return lift(number & (2**255 - 1), number >> 255)


BASE = lift(4 * pow(5, -1, P), 0) or IDENTITY


def _torsion() -> Point:
    """A point of order 8: what is left of some point when the large order is taken out."""
    y = 2
    while True:
        point = lift(y, 0)
        if point is not None:
            left = times(L, point)
            if times(4, left) != IDENTITY:
                return left
        y += 1


TORSION = _torsion()
SMALL = tuple(times(n, TORSION) for n in range(8))


def clamp(seed: bytes) -> tuple[int, bytes]:
    """The secret scalar and the prefix of a seed (RFC 8032 section 5.1.5)."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    return scalar, digest[32:]


def hashed(*parts: bytes) -> int:
    """SHA-512 as a number below the group order."""
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def sign(seed: bytes, message: bytes) -> tuple[bytes, bytes]:
    """The public key of a seed and its signature (RFC 8032 section 5.1.6)."""
    scalar, prefix = clamp(seed)
    key = pack(times(scalar, BASE))
    return key, sign_with(scalar, key, hashed(prefix, message), IDENTITY, message)


def sign_with(scalar: int, key: bytes, nonce: int, shift: Point, message: bytes) -> bytes:
    """A signature with a chosen nonce and a point added to R."""
    r = pack(add(times(nonce, BASE), shift))
    s = (nonce + hashed(r, key, message) * scalar) % L
    return r + s.to_bytes(32, "little")


def canonical(data: bytes) -> bool:
    """Whether an encoding of a point is the one that ``pack`` writes."""
    point = unpack(data)
    return point is not None and pack(point) == data


def equations(key: bytes, message: bytes, signature: bytes) -> tuple[bool, bool]:
    """Whether the plain equation holds, and whether the one times 8 does (RFC 8032 5.1.7)."""
    a, r = unpack(key), unpack(signature[:32])
    if a is None or r is None:
        return False, False
    s = int.from_bytes(signature[32:], "little")
    rest = add(times(s, BASE), negative(add(r, times(hashed(signature[:32], key, message), a))))
    return rest == IDENTITY, times(8, rest) == IDENTITY
