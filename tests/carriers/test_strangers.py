"""Callers who do not prove to be a peer, against a real station: what they may cost it."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import gc
import itertools
import random
import socket
import warnings
from contextlib import AsyncExitStack, ExitStack

import pytest
from tests.carriers.stations import (
    FAST,
    LOOPS,
    STATIONS,
    Station,
    World,
    introduce,
    joined,
    keys_of,
    run,
)
from tests.carriers.strangers import call, client_context, until_closed

from tieline.carriers import frames
from tieline.carriers.dial import parse_place
from tieline.carriers.gate import Gate
from tieline.carriers.pipe import Pipe
from tieline.exercise.wire import Wire
from tieline.ports import Endpoint

# Who says nothing is closed after this; nobody else in these tests may wait for it.
SHORT = dataclasses.replace(FAST, handshake_s=0.4)
STRANGER = "127.0.0.66"


def gate_of(station: Station) -> Gate:
    gate = station.carrier._gate
    assert gate is not None
    return gate


def expect_bravo(alpha: Station) -> None:
    """BRAVO may call; it is not dialled."""
    alpha.carrier.set_peers(
        [Endpoint(station=STATIONS["BRAVO"], tls_der=(keys_of("BRAVO").cert_der,), addresses=())]
    )


def client_hello() -> bytes:
    made = client_context(keys_of("BRAVO"), [keys_of("ALPHA").cert_der])
    pipe = Pipe(made, server_side=False)
    pipe.handshake()
    return pipe.outgoing()


# --------------------------------------------------------------------------- too little


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("much", [0, 5, None], ids=["nothing", "a header", "a hello"])
def test_a_caller_that_falls_silent_is_closed_in_time(loop: str, much: int | None) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA", tuning=SHORT)
            expect_bravo(alpha)
            clock = asyncio.get_running_loop()
            began = clock.time()
            reader, writer = await call(alpha.address)
            writer.write(client_hello()[:much])
            await until_closed(reader)
            assert clock.time() - began >= SHORT.handshake_s - 0.01
            writer.close()
            assert "1 x said too little" in alpha.told[0]
            assert not alpha.carrier._live
            assert gate_of(alpha).inside == 0

    run(test(), loop)


def test_a_caller_that_trickles_gets_no_more_time_than_a_silent_one() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA", tuning=SHORT)
            expect_bravo(alpha)
            reader, writer = await call(alpha.address)
            closed = asyncio.ensure_future(until_closed(reader))
            given = 0
            for byte in client_hello():
                writer.write(bytes([byte]))
                given += 1
                await asyncio.wait([closed], timeout=SHORT.handshake_s / 8)
                if closed.done():
                    break
            await closed
            writer.close()
            # Each byte came well before the deadline; it did not move it.
            assert given <= 9
            assert "1 x said too little" in alpha.told[0]

    run(test())


def test_a_peer_that_proves_itself_and_says_nothing_is_no_session() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA", tuning=SHORT)
            expect_bravo(alpha)
            context = client_context(keys_of("BRAVO"), [alpha.keys.cert_der])
            reader, writer = await call(alpha.address, context)
            await until_closed(reader)
            writer.close()
            assert "1 x said too little" in alpha.told[0]
            assert not alpha.events.seen

    run(test())


# --------------------------------------------------------------------------- too much


def test_a_caller_may_not_send_more_than_a_handshake_needs() -> None:
    async def test() -> None:
        async with World() as world:
            hello = client_hello()
            tuning = dataclasses.replace(FAST, max_handshake=len(hello) - 1)
            alpha = await world.station("ALPHA", tuning=tuning)
            expect_bravo(alpha)
            reader, writer = await call(alpha.address)
            writer.write(hello)
            assert await until_closed(reader) == b""
            writer.close()
            assert "bytes without proving who it is" in alpha.told[0]

    run(test())


def test_a_handshake_of_the_ordinary_size_is_far_below_the_limit() -> None:
    async def test() -> None:
        async with World() as world:
            tuning = dataclasses.replace(FAST, max_handshake=4096)
            alpha = await world.station("ALPHA", tuning=tuning)
            bravo = await world.station("BRAVO", tuning=tuning)
            introduce(alpha, bravo)
            await joined(alpha, bravo)

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
def test_what_a_stranger_announces_is_not_even_looked_at(loop: str) -> None:
    """A frame in the clear, as large as can be announced: refused as what it is, no TLS."""

    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            expect_bravo(alpha)
            reader, writer = await call(alpha.address)
            writer.write(b"\xff\xff\xff\xff\x02" + bytes(1000))
            await until_closed(reader)
            writer.close()
            assert "is not TLS" in alpha.told[0]
            assert not alpha.carrier._live

    run(test(), loop)


def test_a_peer_that_announces_a_frame_has_to_send_it_before_it_costs_anything() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            expect_bravo(alpha)
            context = client_context(keys_of("BRAVO"), [alpha.keys.cert_der])
            _, writer = await call(alpha.address, context)
            writer.write(frames.ping(1) + frames.envelope(bytes(frames.MAX_ENVELOPE))[:9])
            await alpha.events.count("connected")
            (link,) = alpha.carrier._peers[STATIONS["BRAVO"]].links
            assert link._reader.held <= 9
            writer.transport.abort()
            await alpha.events.count("lost")

    run(test())


# --------------------------------------------------------------------------- too many


@pytest.mark.parametrize("loop", LOOPS)
def test_a_flood_of_junk_is_counted_told_once_and_disturbs_no_session(loop: str) -> None:
    async def test() -> None:
        async with World() as world:
            tuning = dataclasses.replace(FAST, strangers_per_s=500.0)
            alpha = await world.station("ALPHA", tuning=tuning)
            bravo = await world.station("BRAVO", tuning=tuning)
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            rng = random.Random(5)

            async def throw(junk: bytes) -> None:
                reader, writer = await call(alpha.address, source=STRANGER)
                writer.write(junk)
                writer.write_eof()
                await until_closed(reader)
                writer.close()

            for _ in range(10):
                await asyncio.gather(
                    *(throw(rng.randbytes(rng.randint(0, 3000))) for _ in range(20))
                )
                assert bravo.carrier.send(alpha.id, b"still here")
            await alpha.events.arrived(10)
            assert gate_of(alpha).inside == 0
            assert alpha.carrier.strangers_refused == 200
            assert len(alpha.told) == 1
            assert len(alpha.carrier._live) == 1
            for station in (alpha, bravo):
                assert station.events.story("connected", "lost") == ["connected"]

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_one_source_lurks_in_a_few_places_only(loop: str) -> None:
    async def test() -> None:
        async with World() as world, AsyncExitStack() as lurking:
            tuning = dataclasses.replace(FAST, handshake_s=60.0, max_per_source=2)
            alpha = await world.station("ALPHA", tuning=tuning)
            lurkers = []
            for _ in range(6):
                reader, writer = await call(alpha.address, source=STRANGER)
                lurking.callback(writer.close)
                lurkers.append(asyncio.ensure_future(until_closed(reader)))
            await asyncio.gather(*lurkers[:4])
            assert gate_of(alpha).inside == 2
            assert not any(lurker.done() for lurker in lurkers[4:])
            for lurker in lurkers[4:]:
                lurker.cancel()

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_lurkers_do_not_keep_a_peer_out(loop: str) -> None:
    """They hold every place there is, from many addresses, and say nothing."""

    async def test() -> None:
        async with World() as world, AsyncExitStack() as lurking:
            tuning = dataclasses.replace(
                FAST, handshake_s=60.0, max_strangers=8, max_per_source=2, strangers_per_s=1000.0
            )
            alpha = await world.station("ALPHA", tuning=tuning)
            lurkers = []
            for n in range(40):
                reader, writer = await call(alpha.address, source=f"127.0.1.{1 + n}")
                lurking.callback(writer.close)
                lurkers.append(asyncio.ensure_future(until_closed(reader)))
            # Each that came above the limit made another one go.
            await asyncio.gather(*lurkers[:32])
            assert gate_of(alpha).inside == 8
            assert not any(lurker.done() for lurker in lurkers[32:])
            bravo = await world.station("BRAVO", dial_from="127.0.0.12")
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            assert not bravo.events.of("failed")
            assert gate_of(alpha).inside == 7
            for lurker in lurkers[33:]:
                lurker.cancel()

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_callers_that_are_refused_wait_for_the_turns_of_the_loop(loop: str) -> None:
    """A flood that comes faster than it is refused must not hold the station up."""

    async def test() -> None:
        async with World() as world:
            tuning = dataclasses.replace(FAST, strangers_per_s=0.01)
            alpha = await world.station("ALPHA", tuning=tuning)
            place = parse_place(alpha.address)
            seen = [0]
            done = asyncio.Event()

            def look() -> None:
                seen.append(alpha.carrier.strangers_refused)
                if seen[-1] < 59:
                    asyncio.get_running_loop().call_soon(look)
                else:
                    done.set()

            with ExitStack() as crowd:
                for _ in range(60):  # all of them wait already when the station has its turn
                    sock = crowd.enter_context(socket.socket())
                    sock.setblocking(False)
                    sock.connect_ex((place.host, place.port))
                look()
                await done.wait()
            assert max(b - a for a, b in itertools.pairwise(seen)) <= 2

    run(test(), loop)


def test_a_station_without_free_files_takes_callers_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with World() as world:
            loop = asyncio.get_running_loop()
            accept = loop.sock_accept
            refusals = 0

            async def scarce(sock: socket.socket) -> tuple[socket.socket, object]:
                nonlocal refusals
                refusals += 1
                if refusals <= 2:
                    raise OSError(errno.EMFILE, "too many open files")
                return await accept(sock)

            monkeypatch.setattr(loop, "sock_accept", scarce)
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            assert refusals < 8

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_reset_at_once_leaves_no_socket_behind(loop: str) -> None:
    """Neither from a caller nor from who is dialled. A socket that is left behind closes its
    number a second time when it is forgotten, and by then another file may have it."""

    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO", tuning=dataclasses.replace(FAST, report_s=1e-6))
            wire = Wire()
            world.push_async_callback(wire.close)
            front = await wire.add("127.0.0.1:0", alpha.address)
            wire.cut()
            bravo.carrier.set_peers([alpha.endpoint(front)])
            await bravo.events.count("failed", 8)
            place = parse_place(alpha.address)
            for _ in range(30):
                with socket.create_connection((place.host, place.port)) as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            assert alpha.carrier.strangers_refused == 30

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run(test(), loop)
        gc.collect()
    assert [str(each.message) for each in told] == []
