"""A station's port speaks TLS 1.3 and nothing older, whatever a hello says of itself.

The hellos are written here byte by byte: libraries of today make none of the oldest versions.
"""

from __future__ import annotations

import asyncio
import os
import struct

import pytest
from tests.carriers.stations import World, run

ALERT, HANDSHAKE = 0x15, 0x16
HANDSHAKE_FAILURE, PROTOCOL_VERSION = 40, 70  # RFC 8446, 6.2
SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
OLD_SUITES = (0x002F, 0x0035, 0x009C, 0xC02B, 0xC02F, 0x000A, 0x0005)
NEW_SUITES = (0x1301, 0x1302, 0x1303)


def extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!HH", kind, len(body)) + body


def hello(legacy: int, offered: tuple[int, ...] = ()) -> bytes:
    """A ClientHello of a version; ``offered`` are those of ``supported_versions``, none without."""
    suites = b"".join(struct.pack("!H", each) for each in (*NEW_SUITES, *OLD_SUITES))
    more = extension(10, b"\0\x04\0\x1d\0\x17") + extension(11, b"\1\0")
    more += extension(13, b"\0\x08\x04\x03\x08\x07\x04\x01\x02\x01")
    if offered:
        each = b"".join(struct.pack("!H", version) for version in offered)
        more += extension(43, bytes((len(each),)) + each) + extension(51, b"\0\0")
    body = struct.pack("!H", legacy) + os.urandom(32) + b"\0"
    body += struct.pack("!H", len(suites)) + suites + b"\1\0" + struct.pack("!H", len(more)) + more
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", HANDSHAKE, min(legacy, TLS10), len(message)) + message


async def answered(address: str, sent: bytes) -> bytes:
    """What a port says to some bytes, to its end."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("legacy", "offered"),
    [
        (SSL3, ()),
        (TLS10, ()),
        (TLS11, ()),
        (TLS12, ()),
        (TLS13, ()),
        (TLS12, (TLS12,)),
        (TLS12, (TLS12, TLS11, TLS10, SSL3)),
        (TLS12, (0x7F1C, 0x0A0A)),
    ],
)
def test_a_hello_of_an_older_version_gets_an_alert_and_no_handshake(
    legacy: int, offered: tuple[int, ...]
) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            told = await answered(alpha.address, hello(legacy, offered))
            assert told[0] == ALERT, told[:20].hex()
            # OpenSSL knows no SSL 3 that it could name as the wrong version.
            why = HANDSHAKE_FAILURE if legacy == SSL3 else PROTOCOL_VERSION
            assert told[5:7] == bytes((2, why))
            assert len(told) == 7

    run(test())


def test_a_hello_of_tls_1_3_is_answered_with_a_handshake() -> None:
    """What shows that these hellos are refused for their version, and for nothing else in them."""

    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            host, _, port = alpha.address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(hello(TLS12, (TLS13, TLS12)))
            # Of shares of a key there is none: it is asked for one, by a HelloRetryRequest.
            head = await asyncio.wait_for(reader.readexactly(5), 20)
            assert head[0] in (HANDSHAKE, ALERT)
            body = await reader.readexactly(int.from_bytes(head[3:5], "big"))
            writer.close()
            assert (head[0], body[0]) == (HANDSHAKE, 2), (head + body).hex()

    run(test())


def test_ssl_2_is_hung_up_on() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            old = b"\1\0\2\0\x15\0\0\0\x10" + bytes(range(21)) + os.urandom(16)
            told = await answered(alpha.address, struct.pack("!H", 0x8000 | len(old)) + old)
            assert told[:1] in (b"", bytes((ALERT,)))
            assert HANDSHAKE not in told[:1]

    run(test())
