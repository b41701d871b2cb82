"""Parties for the vectors: keys from fixed seeds, and what they sign, byte by byte.

Everything here is written from the formats in words, with cbor2, PyNaCl and ``cryptography``, and
nothing from Tieline. Its functions take the place of an author who may also make mistakes: they
sign whatever map they are given.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import base64
import datetime
import hashlib
from dataclasses import dataclass

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from nacl.signing import SigningKey

LAST_MS = 253_402_300_799_999  # the end of the year 9999
PROTECTED = bytes.fromhex("a10127")


def seed(label: str, size: int = 32) -> bytes:
    """Bytes that follow from a label."""
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"tieline vectors: {label} {len(out)}".encode()).digest()
    return out[:size]


def cbor(value: object) -> bytes:
    """Deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def sign1(
    key: SigningKey, aad: bytes, payload: bytes, protected: bytes = PROTECTED, bare: object = None
) -> bytes:
    """A COSE_Sign1 (RFC 9052 section 4.2) with an external AAD."""
    signed = cbor(["Signature1", protected, aad, payload])
    return cbor([protected, bare or {}, payload, key.sign(signed).signature])


@dataclass(frozen=True)
class Station:
    """A station: its id, the map of its certificate, and the certificate."""

    id: bytes
    fields: dict[int, object]
    certificate: bytes


@dataclass(frozen=True)
class Party:
    """A party: its root and its code, name and realm."""

    code: str
    name: str
    realm: str
    root: SigningKey

    @property
    def key(self) -> bytes:
        """The public root key."""
        return bytes(self.root.verify_key)

    def station_id(self, name: str) -> bytes:
        """The id of the station of this name."""
        text = b"tieline-station-v1\x00" + cbor([self.key, self.realm, name])
        return hashlib.sha256(text).digest()[:8]

    def fields(self, name: str) -> dict[int, object]:
        """The payload of a good certificate, as a map."""
        label = f"{self.code} {self.realm} {name}"
        kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed(f"{label} kem", 64))
        dh = x25519.X25519PrivateKey.from_private_bytes(seed(f"{label} dh"))
        return {
            1: self.code,
            2: name,
            3: self.station_id(name),
            4: self.realm,
            5: bytes(SigningKey(seed(f"{label} sign")).verify_key),
            6: bytes(SigningKey(seed(f"{label} cosign")).verify_key),
            7: kem.public_key().public_bytes_raw() + dh.public_key().public_bytes_raw(),
            8: tls_certificate(label, self.station_id(name)),
            9: 0,
            10: LAST_MS,
            11: hashlib.sha256(self.mldsa_key(name)).digest(),
        }

    def mldsa_key(self, name: str) -> bytes:
        """The ML-DSA-44 public key of the station of this name."""
        label = seed(f"{self.code} {self.realm} {name} mldsa")
        return mldsa.MLDSA44PrivateKey.from_seed_bytes(label).public_key().public_bytes_raw()

    def certify(self, fields: dict[int, object]) -> bytes:
        """The certificate of any map."""
        return sign1(self.root, b"tieline-cert-v1", cbor(fields))

    def station(self, name: str, changes: dict[int, object] | None = None) -> Station:
        """A station with a certificate, of which some fields may be changed."""
        fields = {**self.fields(name), **(changes or {})}
        return Station(self.station_id(name), fields, self.certify(fields))

    def bare(self, name: str) -> Station:
        """A station from before there were ML-DSA-44 keys."""
        fields = self.fields(name)
        del fields[11]
        return Station(self.station_id(name), fields, self.certify(fields))

    def card_fields(self, stations: list[Station], addresses: list[str]) -> dict[int, object]:
        """The payload of a good card, as a map."""
        entries = [
            {1: station.certificate, 2: addresses}
            for station in sorted(stations, key=lambda each: each.id)
        ]
        return {1: self.code, 2: self.name, 3: self.realm, 4: self.key, 5: entries}

    def card(self, fields: dict[int, object]) -> bytes:
        """The card of any map."""
        return sign1(self.root, b"tieline-card-v1", cbor(fields))


def party(code: str, name: str, realm: str = "") -> Party:
    """The party of a code and a realm; its root follows from both."""
    return Party(code, name, realm, SigningKey(seed(f"{code} {realm} root")))


def tls_certificate(label: str, station: bytes) -> bytes:
    """A self-signed X.509 certificate that is the same each time it is made."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed(f"{label} tls"))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"tieline {station.hex()}")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC))
        .sign(key, None)
        .public_bytes(Encoding.DER)
    )


def armor(label: str, data: bytes) -> str:
    """The text form of a document."""
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "".join(f"{line}\n" for line in [label, *lines, "END"])


def fingerprint(code: str, realm: str, key: bytes) -> bytes:
    """What people compare as words."""
    return hashlib.sha256(b"tieline-fingerprint-v1\x00" + cbor([code, realm, key])).digest()[:16]


def words(print_: bytes) -> list[str]:
    """Sixteen bytes as eight words, each built from its number in base 16 and base 4 digits."""
    out = []
    for high, low in zip(print_[::2], print_[1::2], strict=True):
        number, letters = high << 8 | low, ""
        for kind in reversed("cvcvc"):
            alphabet = "bdfghjklmnprstvz" if kind == "c" else "aiou"
            number, digit = divmod(number, len(alphabet))
            letters = alphabet[digit] + letters
        out.append(letters)
    return out
