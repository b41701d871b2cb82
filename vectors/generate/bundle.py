"""Vectors of bundles: the plain part, the header, and one sealed file that must open.

Sealing draws fresh keys each time, so its result cannot be made again: ``sealed.hex`` was made once
by ``seal`` below, with nothing from Tieline, and each run of this script opens it and compares.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib
from pathlib import Path

import charter
import envelope
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.signing import SigningKey
from people import PROTECTED, Party, cbor, party, seed, sign1

Case = dict[str, object]

MAGIC = b"TIELINE-BUNDLE-1\n"
DOMAIN = b"tieline-seal-v1\x00"
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
ALPHA, BRAVO = charter.ALPHA, charter.BRAVO
EXPORTER, RECEIVER = ALPHA.station_id("main"), BRAVO.station_id("main")
SIGN = SigningKey(seed("ALPHA  main sign"))
TIME_MS = 1_668_523_440_000
ENVELOPES = [cbor(envelope.ACCEPT[name]) for name in (
    "what moved since", "a charter", "one statement", "two receipts",
)]  # fmt: skip
PLAIN = cbor(ENVELOPES)


def private(who: Party) -> bytes:
    """The secret half of the seal key of a party's main station: ML-KEM seed, then X25519."""
    label = f"{who.code} {who.realm} main"
    return seed(f"{label} kem", 64) + seed(f"{label} dh")


def public(who: Party) -> bytes:
    """The seal key itself, as it stands in the certificate."""
    return bytes(who.fields("main")[7])  # type: ignore[arg-type]


def seal(plain: bytes, recipients: list[bytes], key: bytes) -> bytes:
    """A sealed file: the content key wrapped for each recipient, then the content."""
    wrapped = []
    for each in recipients:
        hint = hashlib.sha256(DOMAIN + each).digest()[:8]
        target = hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(each[:1184]),
            x25519.X25519PublicKey.from_public_bytes(each[1184:]),
        )
        wrapped.append([hint, SUITE.encrypt(key, target, DOMAIN + hint)])
    commitment = hashlib.sha256(b"tieline-seal-commit-v1\x00" + key).digest()
    head = cbor([1, commitment, sorted(wrapped)])
    box = ChaCha20Poly1305(key).encrypt(bytes(12), plain, DOMAIN + head)
    return cbor([head, hashlib.sha256(DOMAIN + head).digest()[:8], box])


SEALED = bytes.fromhex(Path(__file__).with_name("sealed.hex").read_text("ascii"))


def opened(sealed: bytes, who: Party) -> bytes:
    """What a station of a party finds in a sealed file."""
    import cbor2  # noqa: PLC0415  # only here is anything read

    head, check, box = cbor2.loads(sealed)
    hint = hashlib.sha256(DOMAIN + public(who)).digest()[:8]
    secret = hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(private(who)[:64]),
        x25519.X25519PrivateKey.from_private_bytes(private(who)[64:]),
    )
    key = SUITE.decrypt(dict(cbor2.loads(head)[2])[hint], secret, DOMAIN + hint)
    if check != hashlib.sha256(DOMAIN + head).digest()[:8]:
        raise ValueError("the short hash of the head is wrong")
    return ChaCha20Poly1305(key).decrypt(bytes(12), box, DOMAIN + head)


def header(changes: dict[int, object] | None = None) -> dict[int, object]:
    """A good header as a map, with some fields changed; ``None`` takes a field out."""
    good: dict[int, object] = {
        1: envelope.LINE, 2: EXPORTER, 3: TIME_MS, 4: [RECEIVER],
        5: hashlib.sha256(SEALED).digest(), 6: 1,
    }  # fmt: skip
    return {key: value for key, value in (good | (changes or {})).items() if value is not None}


def file(
    changes: dict[int, object] | None = None, sealed: bytes = SEALED, realm: str = "",
    key: SigningKey = SIGN,
) -> bytes:  # fmt: skip
    """A bundle file."""
    signed = sign1(key, b"tieline-bundle-v1\x00" + realm.encode(), cbor(header(changes)))
    return MAGIC + len(signed).to_bytes(4, "big") + signed + sealed


def build() -> dict[str, object]:
    """The files of this script."""
    if opened(SEALED, BRAVO) != PLAIN or opened(SEALED, ALPHA) != PLAIN:
        raise ValueError("sealed.hex no longer holds the plain part: make it anew with seal()")
    return {
        "bundle/open.json": {
            "about": "A bundle that its receiver, BRAVO's main station, checks under the charter"
            " and opens with its seal key; 'plain' is what it finds. It was sealed to ALPHA's"
            " station, too.",
            "realm": "",
            "charter": charter.signed(charter.FIRST).hex(),
            "line": envelope.LINE.hex(),
            "exporter": EXPORTER.hex(),
            "receiver": RECEIVER.hex(),
            "time_ms": TIME_MS,
            "root_key": BRAVO.key.hex(),
            "certificate": BRAVO.station("main").certificate.hex(),
            "seal_private": private(BRAVO).hex(),
            "seal_key": public(BRAVO).hex(),
            "sealed": SEALED.hex(),
            "plain": PLAIN.hex(),
            "envelopes": [each.hex() for each in ENVELOPES],
            "bundle": file().hex(),
        },
        "bundle/refuse.json": {
            "about": "Bundles that the receiver of open.json refuses in the realm of real traffic,"
            " and the code.",
            "cases": [
                {"name": name, "code": code, "bundle": data.hex()} for name, code, data in refused()
            ],
        },
        "bundle/plain.json": {
            "about": "Plain parts of bundles, and the code; empty: the part is taken.",
            "cases": [
                {"name": name, "code": code, "plain": data.hex()}
                for name, code, data in plain_parts()
            ],
        },
    }


def refused() -> list[tuple[str, str, bytes]]:
    """Names, codes and bytes; the sealed part is a short one where it does not matter."""
    short = b"sealed"
    right: dict[int, object] = {5: hashlib.sha256(short).digest()}
    good = file(right, short)
    start = len(MAGIC) + 4
    size = int.from_bytes(good[len(MAGIC) : start], "big")
    other = party("CHARLIE", "Charlie")
    flipped = good[:-1] + bytes((good[-1] ^ 1,))
    late = good[: start + size - 1] + bytes((good[start + size - 1] ^ 1,)) + good[start + size :]
    bare = sign1(SIGN, b"tieline-bundle-v1\x00", cbor(header(right)), PROTECTED, {4: b"key"})
    return [
        ("nothing", "bundle.magic", b""),
        ("another kind of file", "bundle.magic", b"TIELINE-CARD-1\n" + good),
        ("a later version", "bundle.magic", good.replace(b"BUNDLE-1", b"BUNDLE-2", 1)),
        ("the magic alone", "bundle.magic", MAGIC),
        ("cut inside the header", "bundle.truncated", good[: start + size - 1]),
        ("a header of 8193 bytes", "bundle.truncated",
         MAGIC + (8193).to_bytes(4, "big") + bytes(8193)),
        ("an empty header", "encode.truncated", MAGIC + bytes(4) + short),
        ("an unprotected part", "sign1.unprotected",
         MAGIC + len(bare).to_bytes(4, "big") + bare + short),
        ("cut inside the sealed part", "bundle.damaged", good[:-1]),
        ("a byte after the sealed part", "bundle.damaged", good + b"\x00"),
        ("one bit of the sealed part", "bundle.damaged", flipped),
        ("one bit of the signature", "bundle.forged", late),
        ("signed by another station", "bundle.other_exporter",
         file(right, short, key=SigningKey(seed("BRAVO  main sign")))),
        ("made in an exercise", "bundle.forged", file(right, short, "SPRING-TIDE")),
        ("made by a station that is not on the line", "bundle.stranger",
         file(right | {2: other.station_id("main")}, short)),
        ("sealed to others", "bundle.other_station", file(right | {4: [EXPORTER]}, short)),
        ("sealed to nobody", "bundle.header", file(right | {4: []}, short)),
        ("a recipient of 7 bytes", "bundle.header", file(right | {4: [RECEIVER[1:]]}, short)),
        ("a recipient as text", "bundle.header", file(right | {4: [RECEIVER, "x"]}, short)),
        ("one recipient twice", "bundle.header", file(right | {4: [RECEIVER] * 2}, short)),
        ("a field too many", "bundle.header", file(right | {7: 0}, short)),
        ("no time", "bundle_header.field", file(right | {3: None}, short)),
        ("a line of 15 bytes", "bundle_header.field", file(right | {1: bytes(15)}, short)),
    ]  # fmt: skip


def plain_parts() -> list[tuple[str, str, bytes]]:
    """Names, codes and bytes."""
    return [
        ("the one of open.json", "", PLAIN),
        ("nothing to say", "", cbor([])),
        ("an envelope that is a number", "bundle.contents", cbor([ENVELOPES[0], 7])),
        ("an envelope alone", "bundle.contents", cbor(ENVELOPES[0])),
        ("a map", "bundle.contents", cbor({1: ENVELOPES[0]})),
        ("a byte too many", "encode.trailing", PLAIN + b"\x00"),
        ("a byte too few", "encode.truncated", PLAIN[:-1]),
        ("nothing", "encode.truncated", b""),
    ]
