"""The road between stations that a test or an exercise can cut, stall and heal."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from tests.carriers.stations import LOOPS, WAIT_S, run
from tests.carriers.strangers import call, until_closed

from tieline.exercise.wire import Wire

CALLER = "127.0.0.21"


@dataclass(slots=True, kw_only=True)
class Yard:
    """A wire with a listener behind it that keeps its side of each connection."""

    wire: Wire
    front: str = ""
    came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=asyncio.Queue
    )

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.came.put((reader, writer))


@asynccontextmanager
async def yard() -> AsyncIterator[Yard]:
    made = Yard(wire=Wire())
    server = await asyncio.start_server(made.receive, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made.front = await made.wire.add("127.0.0.1:0", f"127.0.0.1:{port}")
    try:
        async with asyncio.timeout(WAIT_S):
            yield made
    finally:
        await made.wire.close()
        server.close()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("first", ["near", "far"])
def test_a_connection_that_both_sides_ended_is_gone(loop: str, first: str) -> None:
    """Each side ends its own direction; what the other one still says comes through."""

    async def test() -> None:
        async with yard() as y:
            near, near_writer = await call(y.front, source=CALLER)
            far, far_writer = await y.came.get()
            ends = [(near, near_writer), (far, far_writer)]
            if first == "far":
                ends.reverse()
            (one, one_writer), (other, other_writer) = ends
            one_writer.write(b"last of one")
            one_writer.write_eof()
            assert await other.read() == b"last of one"
            assert y.wire.count() == 1
            other_writer.write(b"last of the other")
            other_writer.write_eof()
            assert await one.read() == b"last of the other"
            await y.wire.stands(0)
            one_writer.close()
            other_writer.close()

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_caller_that_says_all_at_once_and_leaves_is_heard(loop: str) -> None:
    async def test() -> None:
        async with yard() as y:
            with socket.create_connection(("127.0.0.1", int(y.front.rpartition(":")[2]))) as sock:
                sock.sendall(b"all there is")
            far, far_writer = await y.came.get()
            assert await far.read() == b"all there is"
            far_writer.close()
            await y.wire.stands(0)

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_a_stall_held_back_comes_late(loop: str) -> None:
    async def test() -> None:
        async with yard() as y:
            _, writer = await call(y.front, source=CALLER)
            far, far_writer = await y.came.get()
            y.wire.stall(CALLER, y.front)
            writer.write(b"held back")
            writer.write_eof()
            reading = asyncio.ensure_future(far.read())
            # Another road of the same wire works meanwhile: so the stalled one had its turn.
            _, other_writer = await call(y.front, source="127.0.0.22")
            other_far, other_far_writer = await y.came.get()
            other_writer.write(b"x")
            assert await other_far.read(1) == b"x"
            assert not reading.done()
            assert y.wire.count(CALLER) == 1
            y.wire.heal(CALLER, y.front)
            assert await reading == b"held back"
            for each in (writer, far_writer, other_writer, other_far_writer):
                each.close()
            await y.wire.stands(0)

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_cut_resets_both_sides_and_each_new_caller(loop: str) -> None:
    async def test() -> None:
        async with yard() as y:
            near, near_writer = await call(y.front, source=CALLER)
            far, far_writer = await y.came.get()
            y.wire.cut(CALLER, y.front)
            for reader in (near, far):
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            await y.wire.stands(0)
            again, again_writer = await call(y.front, source=CALLER)
            assert await until_closed(again) == b""
            assert y.came.empty()
            y.wire.heal(CALLER, y.front)
            _, healed_writer = await call(y.front, source=CALLER)
            _, healed_far = await y.came.get()
            for each in (near_writer, far_writer, again_writer, healed_writer, healed_far):
                each.close()

    run(test(), loop)
