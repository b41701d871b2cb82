"""Callers who are not what a station expects, made by hand."""

from __future__ import annotations

import asyncio
import ssl

from tests.carriers.stations import Keys

from tieline.carriers import pipe
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
