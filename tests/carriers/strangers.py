"""Callers who are not what a station expects, made by hand."""

from __future__ import annotations

import asyncio
import ssl

from tests.carriers.stations import Keys

from tieline.carriers import frames, pipe
from tieline.carriers.dial import parse_place


def client_context(keys: Keys, pins: list[bytes]) -> ssl.SSLContext:
    return pipe.context(
        pipe.Identity(cert_der=keys.cert_der, key_pem=keys.key_pem), pins, server_side=False
    )


def server_context(keys: Keys, pins: list[bytes]) -> ssl.SSLContext:
    return pipe.context(
        pipe.Identity(cert_der=keys.cert_der, key_pem=keys.key_pem), pins, server_side=True
    )


async def call(
    address: str, context: ssl.SSLContext | None = None, source: str | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = parse_place(address)
    return await asyncio.open_connection(
        place.host,
        place.port,
        ssl=context,
        server_hostname="" if context is not None else None,
        local_addr=(source, 0) if source is not None else None,
    )


async def until_closed(reader: asyncio.StreamReader, wait_s: float = 20.0) -> bytes:
    """What comes until the other side hangs up, by a farewell or a reset."""
    got = b""
    async with asyncio.timeout(wait_s):
        try:
            while piece := await reader.read(65_536):
                got += piece
        except (ConnectionError, ssl.SSLError):
            return got
    return got


class ByHand:
    """One side of a TLS connection, driven by the test: it answers nothing by itself."""

    def __init__(
        self,
        road: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        context: ssl.SSLContext,
        *,
        server_side: bool,
    ) -> None:
        self._reader, self._writer = road
        self._pipe = pipe.Pipe(context, server_side=server_side)
        self._frames = frames.FrameReader()

    async def shake(self) -> None:
        while not self._pipe.handshake():
            self._writer.write(self._pipe.outgoing())
            self._pipe.feed(await self._reader.read(65_536))
        self._writer.write(self._pipe.outgoing())

    def say(self, frame: bytes) -> None:
        self._pipe.write(frame)
        self._writer.write(self._pipe.outgoing())

    async def hear(self, kind: frames.FrameType | None) -> None:
        """Read until such a frame came; None waits for the farewell of TLS, and gives none."""
        while True:
            data = self._pipe.read()
            if data is None:
                assert kind is None, "the other side said farewell"
                return
            if kind in [got for got, _ in self._frames.feed(data)]:
                return
            if not data:
                self._pipe.feed(await self._reader.read(65_536))

    def farewell(self) -> None:
        self._pipe.finish()
        self._writer.write(self._pipe.outgoing())

    def abort(self) -> None:
        self._writer.transport.abort()
