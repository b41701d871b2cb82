"""The X.509 certificate of a station, for pinning only.

No authority signs it and no date ends it: it is trusted because the charter pins it, byte for byte.
A station that runs needs none of this: keys are made, and cards and charters come in, at the
command line. What reads and writes X.509 is slow to load.
"""

from __future__ import annotations

import datetime
import ssl
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tieline.core.crypto import sha256
from tieline.core.errors import LocalError, RemoteError
from tieline.core.identity import Certificate
from tieline.node.sealing import seal


def self_signed(seed: bytes, station: bytes) -> bytes:
    """A self-signed X.509 certificate (RFC 5280, Ed25519 as in RFC 8410), for pinning only.

    It is valid for all times that X.509 can write, so that no clock can break the line, and its
    subject is the station's id, so that two stations never have the same.
    """
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"tieline {station.hex()}")])
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        # Positive and of at most 20 bytes (RFC 5280 section 4.1.2.2).
        .serial_number(int.from_bytes(sha256(public.public_bytes_raw())[:16], "big") | 1)
        .not_valid_before(datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_DIGITAL_SIGNATURE, critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .sign(key, None)
    )
    return certificate.public_bytes(serialization.Encoding.DER)


# Of the nine uses in their order (RFC 5280 section 4.2.1.3) only the first.
_DIGITAL_SIGNATURE: Final = x509.KeyUsage(*(use == 0 for use in range(9)))


def check_certificate_keys(certificate: Certificate) -> None:
    """Whether the TLS certificate and the seal key of a station can be used at all.

    The core reads neither; call this for every card and charter that comes in, before one unusable
    certificate stands among the pins of a whole line. Raises ``RemoteError``
    (``certificate.tls``, ``certificate.seal_key``).
    """
    who = f"the station {certificate.station_name} of {certificate.party}"
    try:
        pinned = x509.load_der_x509_certificate(certificate.tls_der)
        pinned.verify_directly_issued_by(pinned)
        key = pinned.public_key()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate.tls_der)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, ssl.SSLError):
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise RemoteError(
            "certificate.tls",
            f"the TLS certificate of {who} is no self-signed X.509 certificate with an Ed25519 or "
            "ECDSA key; ask the party for a fresh card",
        )
    try:
        seal(b"", (certificate.seal_key,))
    except LocalError:
        raise RemoteError(
            "certificate.seal_key",
            f"nothing can be sealed to {who}; ask the party for a fresh card",
        ) from None
