"""The form of a key store on disk: what is written around the encrypted keys.

One deterministic CBOR array of six: the format's name, the kind of keys, the way to the key that
encrypts, a salt, a nonce, and the box. The first five are authenticated with the box (``head``).
Nothing else may vary: the cost of a passphrase belongs to its way, so that a file cannot ask its
reader for a gigabyte, and a better cost is a new way.

This module does not know any key; ``tieline.node.secrets`` opens the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core import encode
from tieline.core.encode import Limits
from tieline.core.errors import RemoteError

ROOT: Final = "root"
STATION: Final = "station"
WITNESS: Final = "witness"
BY_PASSPHRASE: Final = 1  # Argon2id, 64 MiB, 3 passes, 4 lanes
BY_KEY_FILE: Final = 2  # HKDF-SHA256
SALT_BYTES: Final = 16
# Keys of the map in the box of a station, beside those of its first set: further sets of keys, and
# one that waits for its certificate (``tieline.node.rotation``).
FURTHER: Final = 20
WAITING: Final = 21
NONCE_BYTES: Final = 12
LIMITS: Final = Limits(max_bytes=65_536, max_depth=2, max_items=64)

_FORMAT: Final = "tieline-keys-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A key store as it lies on disk."""

    kind: str
    way: int
    salt: bytes
    nonce: bytes
    box: bytes = b""

    def head(self) -> bytes:
        """What is authenticated with the box."""
        return encode.dumps((_FORMAT, self.kind, self.way, self.salt, self.nonce))

    def encode(self) -> bytes:
        """The bytes of the file."""
        return encode.dumps((_FORMAT, self.kind, self.way, self.salt, self.nonce, self.box))


def parse(data: bytes) -> Envelope:
    """Read what ``Envelope.encode`` writes; nothing in it is authenticated yet.

    Raises ``RemoteError`` (``keystore.form``, ``encode.*``).
    """
    value = encode.loads(data, LIMITS)
    if isinstance(value, tuple) and len(value) == 6:
        form, kind, way, salt, nonce, box = value
        if (
            form == _FORMAT
            and isinstance(kind, str)
            and kind in {ROOT, STATION, WITNESS}
            and type(way) is int
            and way in {BY_PASSPHRASE, BY_KEY_FILE}
            and isinstance(salt, bytes)
            and len(salt) == SALT_BYTES
            and isinstance(nonce, bytes)
            and len(nonce) == NONCE_BYTES
            and isinstance(box, bytes)
        ):
            return Envelope(kind=kind, way=way, salt=salt, nonce=nonce, box=box)
    raise RemoteError("keystore.form", "the file is no key store; give the right path")
