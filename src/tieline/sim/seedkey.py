"""An Ed25519 key that follows from 32 bytes: what makes a simulated world replay."""

from __future__ import annotations

from nacl.signing import SigningKey


class SeedKey:
    """A signing key made from a seed; worth nothing outside a simulation."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)
        self.public = bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of a message."""
        return self._key.sign(message).signature
