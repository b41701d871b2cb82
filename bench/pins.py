"""Throw-away TLS identities for the floor: two self-signed certificates, each pinned by the other.

As in the product there is no authority: a side trusts exactly the one certificate it was given.
"""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_identity(folder: Path, name: str) -> None:
    """Write ``name.crt`` and ``name.key`` (PEM, ECDSA P-256, self-signed) into ``folder``."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)


def _pinned(context: ssl.SSLContext, folder: Path, own: str, peer: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / f"{own}.crt", folder / f"{own}.key")
    context.load_verify_locations(folder / f"{peer}.crt")
    return context


def server_context(folder: Path, own: str, peer: str) -> ssl.SSLContext:
    """TLS 1.3 for the listening side, with the peer's certificate required."""
    return _pinned(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), folder, own, peer)


def client_context(folder: Path, own: str, peer: str) -> ssl.SSLContext:
    """TLS 1.3 for the calling side, with the peer's certificate required."""
    return _pinned(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), folder, own, peer)
