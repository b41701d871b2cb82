"""Lines that come over a connection, each given on in the callback that reads its end.

asyncio's streams would wake a task for each, in the loop's next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Lines(asyncio.Protocol):
    """One connection that is read by lines. A line has at most ``most`` bytes, or all ends.

    ``heard`` takes a line, without its end; ``ended`` is called once: nothing more comes.
    """

    def __init__(
        self, heard: Callable[[bytes], None], ended: Callable[[], None], most: int
    ) -> None:
        self._heard, self._ended, self._most = heard, ended, most
        self._parts: list[bytes] = []  # of a line whose end has not come
        self._size = 0
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        if lines and self._parts:
            lines[0] = b"".join([*self._parts, lines[0]])
            self._parts, self._size = [], 0
        for line in lines:
            if self._transport is None or self._transport.is_closing():
                return
            self._heard(line)
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
            if self._size > self._most and self._transport is not None:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended()
