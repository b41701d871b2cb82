"""Frames: how envelopes are cut out of a stream of bytes. Pure.

A frame is a four-byte big-endian length, one type byte, and a body. The length counts the type
byte and the body, so it is never zero, and it is at most ``MAX_FRAME``.

=====  ========  ==========================================================================
type   name      body
=====  ========  ==========================================================================
0      ping      eight bytes the other side sends back
1      pong      the eight bytes of the newest ping that was read
2      envelope  one envelope of the sync, at least one byte; not looked into here
3      close     why the sender ends the session, UTF-8; nothing follows from this sender
=====  ========  ==========================================================================

Rules: a header is judged as soon as it is there, before its body is waited for, so a wrong length
costs no memory. What the reader yields, and where it refuses, does not depend on how the stream was
cut into pieces. After a refusal the reader refuses for ever: there is no way to find the next frame
in a stream that has lost its place.

It does not know: TLS, sessions, time, or what an envelope says.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import Final

from tieline.core.errors import LocalError, RemoteError

MAX_FRAME: Final = 1_048_576  # bytes counted by the length field: the type byte and the body
MAX_ENVELOPE: Final = MAX_FRAME - 1
MAX_CAUSE: Final = 512  # bytes of UTF-8 in a close frame
TOKEN_BYTES: Final = 8

_HEADER: Final = struct.Struct(">IB")
_LENGTH: Final = struct.Struct(">I")
_TOKEN: Final = struct.Struct(">Q")


class FrameType(enum.IntEnum):
    """What a frame carries. Numbers not listed here are refused: a new one is a new protocol."""

    PING = 0
    PONG = 1
    ENVELOPE = 2
    CLOSE = 3


_TYPES: Final = {int(kind): kind for kind in FrameType}
_SIZES: Final = {
    FrameType.PING: (TOKEN_BYTES, TOKEN_BYTES),
    FrameType.PONG: (TOKEN_BYTES, TOKEN_BYTES),
    FrameType.ENVELOPE: (1, MAX_ENVELOPE),
    FrameType.CLOSE: (0, MAX_CAUSE),
}


def ping(token: int) -> bytes:
    """Write a ping. ``token`` is an unsigned 64-bit number that the pong brings back."""
    return _HEADER.pack(1 + TOKEN_BYTES, FrameType.PING) + _TOKEN.pack(token)


def pong(token: int) -> bytes:
    """Write the answer to a ping."""
    return _HEADER.pack(1 + TOKEN_BYTES, FrameType.PONG) + _TOKEN.pack(token)


def envelope(body: bytes) -> bytes:
    """Write an envelope. Raises ``LocalError`` (``frame.envelope``) when it is empty or too big."""
    if not 1 <= len(body) <= MAX_ENVELOPE:
        raise LocalError(
            "frame.envelope",
            f"an envelope of {len(body)} bytes does not fit a frame of 1 to {MAX_ENVELOPE} bytes;"
            " send less at once",
        )
    return _HEADER.pack(1 + len(body), FrameType.ENVELOPE) + body


def close(cause: str) -> bytes:
    """Write a close frame. A cause that is too long is cut at a character."""
    body = cause.encode("utf-8", "replace")[:MAX_CAUSE].decode("utf-8", "ignore").encode()
    return _HEADER.pack(1 + len(body), FrameType.CLOSE) + body


def token(body: bytes) -> int:
    """Read the number in the body of a ping or a pong."""
    (number,) = _TOKEN.unpack(body)
    return int(number)


def cause(body: bytes) -> str:
    """Read the sentence in the body of a close frame.

    Characters that do not print, direction marks among them, come out escaped: the sentence is
    shown to people. Raises ``RemoteError`` (``frame.text``) when the body is not UTF-8.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise RemoteError(
            "frame.text", "a close frame holds bytes that are not UTF-8 text; the session is ended"
        ) from None
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


class FrameReader:
    """Cuts a stream into frames, whatever pieces the stream comes in.

    Holds at most one incomplete frame, and never more of it than has arrived.
    """

    __slots__ = ("_buffer", "_fault", "_need")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = _LENGTH.size
        self._fault: RemoteError | None = None

    @property
    def held(self) -> int:
        """How many bytes of an incomplete frame are waiting for the rest."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[FrameType, bytes]]:
        """Take the next bytes of the stream and yield each frame that is complete.

        Yields (type, body). Raises ``RemoteError`` when the stream breaks the format, after the
        sound frames before that place were yielded: ``frame.too_large``, ``frame.empty``,
        ``frame.unknown_type``, ``frame.length``. A caller that stops half way drops the rest of
        this piece, and must not go on reading.
        """
        if self._fault is not None:
            raise self._fault
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        start = 0
        try:
            while (length := self._judge(data, start)) is not None:
                end = start + 4 + length
                if end > len(data):
                    self._need = end - start
                    break
                yield _TYPES[data[start + 4]], data[start + 5 : end]
                start = end
            else:
                # A length alone can be judged already; then the type byte is waited for.
                has_length = len(data) - start >= _LENGTH.size
                self._need = _HEADER.size if has_length else _LENGTH.size
        except RemoteError as error:
            self._fault = error
            raise
        self._buffer += data[start:]

    def _judge(self, data: bytes, start: int) -> int | None:
        """Judge the header at ``start``; its length, or None when it is not all there yet."""
        have = len(data) - start
        if have < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(data, start)
        if length > MAX_FRAME:
            raise RemoteError(
                "frame.too_large",
                f"a frame announces {length} bytes, more than the {MAX_FRAME} allowed;"
                " the session is ended",
            )
        if length == 0:
            raise RemoteError(
                "frame.empty", "a frame announces no bytes, not even its type; the session is ended"
            )
        if have < _HEADER.size:
            return None
        kind = _TYPES.get(data[start + 4])
        if kind is None:
            raise RemoteError(
                "frame.unknown_type",
                f"a frame has the type {data[start + 4]}, which this version does not know;"
                " the session is ended",
            )
        low, high = _SIZES[kind]
        if not low <= length - 1 <= high:
            raise RemoteError(
                "frame.length",
                f"a {kind.name.lower()} frame has a body of {length - 1} bytes, where"
                f" {low if low == high else f'{low} to {high}'} are allowed;"
                " the session is ended",
            )
        return int(length)
