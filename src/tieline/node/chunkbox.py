"""A long file as encrypted chunks that can neither be cut, reordered, changed nor mixed.

Each chunk is a ChaCha20-Poly1305 box (RFC 8439). The key serves one file: it follows from a secret
by HKDF-SHA256 (RFC 5869) with the file's own random salt, and from the file's head, so a chunk of
another file, or behind another head, does not open. The nonce is the chunk's number and a last byte
that is 1 for the last chunk only (STREAM, of Hoang, Reyhanitabar, Rogaway and Vizár, 2015): a file
that ends early, or goes on, does not open either.

This module does not know what is in a chunk, nor whose the secret is.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tieline.core.crypto import sha256

TAG_BYTES: Final = 16  # how much longer a box is than what is in it


class Chunks:
    """The chunks of one file, in order; one object writes them or reads them, never both."""

    def __init__(self, secret: bytes, salt: bytes, domain: bytes, head: bytes) -> None:
        info = domain + sha256(head)
        key = HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(secret)
        self._box = ChaCha20Poly1305(key)
        self._count = 0

    def seal(self, plain: bytes, *, last: bool) -> bytes:
        """The next chunk."""
        return self._box.encrypt(self._nonce(last=last), plain, None)

    def open(self, box: bytes, *, last: bool) -> bytes | None:
        """The content of the next chunk; None when it is not the one that was written there."""
        try:
            return self._box.decrypt(self._nonce(last=last), box, None)
        except InvalidTag:
            return None

    def _nonce(self, *, last: bool) -> bytes:
        number = self._count
        self._count += 1
        return number.to_bytes(11, "big") + bytes((last,))
