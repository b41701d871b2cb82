"""Sealing to stations, and opening what was sealed to one: HPKE for each recipient, one content.

What is sealed is bound to its recipients: the content key is wrapped for each with HPKE (RFC 9180
with ML-KEM-768 and X25519), all wrapped keys are authenticated with the content, and a commitment
holds the sealer to one content key, so that all recipients read the same. A sealed file shows how
many stations it is for, and a hint of which; it does not say who sealed it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tieline.core.crypto import sha256
from tieline.core.errors import LocalError, RemoteError
from tieline.node import sealed

_COMMIT_DOMAIN: Final = b"tieline-seal-commit-v1\x00"
_SUITE: Final = hpke.Suite(
    hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305
)
_MLKEM_PUBLIC: Final = 1184
_MLKEM_SEED: Final = 64
_NONCE: Final = bytes(12)  # for content keys, each of which encrypts once


def seal(plaintext: bytes, recipients: Sequence[bytes]) -> bytes:
    """Encrypt to stations, each named by its 1216-byte seal key, so that each can open it.

    Raises ``LocalError``: ``seal.recipients`` unless there are 1 to 128 different usable keys,
    ``seal.too_large`` above 64 MiB.
    """
    if len(plaintext) > sealed.MAX_CONTENT:
        raise LocalError(
            "seal.too_large",
            f"more than {sealed.MAX_CONTENT >> 20} MiB cannot be sealed at once; split it",
        )
    if not 1 <= len(set(recipients)) == len(recipients) <= sealed.MAX_RECIPIENTS:
        raise LocalError(
            "seal.recipients",
            f"a file is sealed to 1 to {sealed.MAX_RECIPIENTS} stations, each once; "
            "correct the list",
        )
    key = os.urandom(32)
    wrapped = sorted((sealed.hint(recipient), _wrap(key, recipient)) for recipient in recipients)
    form = sealed.Sealed(commitment=_commitment(key), wrapped=tuple(wrapped))
    # The content key is fresh and encrypts once, so the nonce may be constant.
    box = ChaCha20Poly1305(key).encrypt(_NONCE, plaintext, sealed.DOMAIN + form.head())
    return replace(form, box=box).encode()


def open_box(data: bytes, seal_key: bytes, private: bytes) -> bytes:
    """Open what was sealed to the holder of a seal key, given the private part of that key.

    Raises ``RemoteError`` (``seal.not_ours``, ``seal.broken``).
    """
    try:
        form = sealed.parse(data)
    except RemoteError:
        raise _broken() from None
    hint = sealed.hint(seal_key)
    wrapped = dict(form.wrapped).get(hint)
    if wrapped is None:
        raise RemoteError(
            "seal.not_ours",
            f"the sealed file is for {len(form.wrapped)} other stations and not for this one; "
            "ask its sender to seal it for this station too",
        )
    secret = hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(private[:_MLKEM_SEED]),
        x25519.X25519PrivateKey.from_private_bytes(private[_MLKEM_SEED:]),
    )
    try:
        key = _SUITE.decrypt(wrapped, secret, sealed.DOMAIN + hint)
        if _commitment(key) != form.commitment:
            raise _broken()
        return ChaCha20Poly1305(key).decrypt(_NONCE, form.box, sealed.DOMAIN + form.head())
    except (InvalidTag, ValueError):
        raise _broken() from None


def _wrap(key: bytes, recipient: bytes) -> bytes:
    try:
        public = hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(recipient[:_MLKEM_PUBLIC]),
            x25519.X25519PublicKey.from_public_bytes(recipient[_MLKEM_PUBLIC:]),
        )
        return _SUITE.encrypt(key, public, sealed.DOMAIN + sealed.hint(recipient))
    except ValueError:
        raise LocalError(
            "seal.recipients",
            "a recipient's seal key cannot be used; ask that party for a fresh card",
        ) from None


def _commitment(key: bytes) -> bytes:
    return sha256(_COMMIT_DOMAIN + key)


def _broken() -> RemoteError:
    return RemoteError(
        "seal.broken",
        "the sealed file is damaged, was changed, or is none; ask its sender for it again",
    )
