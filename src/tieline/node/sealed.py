"""The form of a sealed file: what is written around content that only some stations can read.

One deterministic CBOR array of three: the head, a short hash of it, and the box with the content.
The head is again CBOR, in a byte string so that its bytes can be authenticated with the box: the
number 1, a commitment to the content key, and for each recipient, sorted, a hint of its seal key
and the content key wrapped for it. The short hash lets a station that is no recipient tell a file
for others from a damaged one; it is no authentication, which comes with the content key.

This module does not know any key; ``tieline.node.secrets`` seals and opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tieline.core import encode
from tieline.core.crypto import sha256
from tieline.core.encode import Limits, Value
from tieline.core.errors import RemoteError

DOMAIN: Final = b"tieline-seal-v1\x00"
MAX_CONTENT: Final = 64 << 20  # bytes
MAX_RECIPIENTS: Final = 128

_LIMITS: Final = Limits(max_bytes=MAX_CONTENT + (1 << 20), max_depth=3, max_items=512)
_FORM: Final = 1
_CHECK_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed file in its parts; ``wrapped`` are (hint, wrapped key), sorted by hint."""

    commitment: bytes
    wrapped: tuple[tuple[bytes, bytes], ...]
    box: bytes = b""

    def head(self) -> bytes:
        """What is authenticated with the box, after ``DOMAIN``."""
        return encode.dumps((_FORM, self.commitment, self.wrapped))

    def encode(self) -> bytes:
        """The bytes of the file."""
        head = self.head()
        return encode.dumps((head, _check(head), self.box))


def hint(seal_key: bytes) -> bytes:
    """The 8 bytes by which a recipient finds its wrapped key."""
    return sha256(DOMAIN + seal_key)[:8]


def parse(data: bytes) -> Sealed:
    """Read what ``Sealed.encode`` writes; nothing in it is authenticated yet.

    Raises ``RemoteError`` (``sealed.form``, ``encode.*``).
    """
    outer = encode.loads(data, _LIMITS)
    head, check, box = outer if isinstance(outer, tuple) and len(outer) == 3 else (0, 0, 0)
    if not isinstance(head, bytes) or not isinstance(box, bytes) or check != _check(head):
        raise _refusal()
    inner = encode.loads(head, _LIMITS)
    form, commitment, items = inner if isinstance(inner, tuple) and len(inner) == 3 else (0, 0, 0)
    if type(form) is not int or form != _FORM or not isinstance(commitment, bytes):
        raise _refusal()
    wrapped = _read_wrapped(items if isinstance(items, tuple) else ())
    return Sealed(commitment=commitment, wrapped=wrapped, box=box)


def _read_wrapped(items: tuple[Value, ...]) -> tuple[tuple[bytes, bytes], ...]:
    if not 1 <= len(items) <= MAX_RECIPIENTS:
        raise _refusal()
    wrapped: dict[bytes, bytes] = {}
    for item in items:
        recipient, key = item if isinstance(item, tuple) and len(item) == 2 else (0, 0)
        if not isinstance(recipient, bytes) or not isinstance(key, bytes):
            raise _refusal()
        wrapped[recipient] = key
    ordered = tuple(sorted(wrapped.items()))
    if ordered != items:
        raise _refusal()
    return ordered


def _check(head: bytes) -> bytes:
    return sha256(DOMAIN + head)[:_CHECK_BYTES]


def _refusal() -> RemoteError:
    return RemoteError("sealed.form", "the file is no sealed file; ask its sender for it again")
