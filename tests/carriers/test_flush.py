"""What is sent leaves before the station goes on to what else there is to do."""

from __future__ import annotations

import asyncio
import select
import socket
from typing import cast

import pytest
from tests.carriers.stations import LOOPS, WAIT_S, Station, World, introduce, joined, run


def arrived(station: Station, wait_s: float) -> bool:
    """Whether a second envelope was read, or lies in the kernel or gets there."""
    if len(station.events.envelopes) > 1:
        return True
    (held,) = station.carrier._peers.values()
    assert held.current is not None
    assert held.current._transport is not None
    sock = cast("socket.socket", held.current._transport.get_extra_info("socket"))
    readable, _, _ = select.select([sock.fileno()], [], [], wait_s)
    return bool(readable)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("flushed", [True, False])
def test_what_is_flushed_leaves_before_what_waits_in_the_loop(loop: str, *, flushed: bool) -> None:
    async def test() -> None:
        async with World() as world:
            one, other = await world.station("ALPHA"), await world.station("BRAVO")
            introduce(one, other)
            await joined(one, other)
            assert one.carrier.send(other.id, b"so that nothing else is under way")
            await other.events.arrived(1)
            found: list[bool] = []
            wait_s = WAIT_S if flushed else 0  # what has left may still be on its way
            asyncio.get_running_loop().call_soon(lambda: found.append(arrived(other, wait_s)))
            assert one.carrier.send(other.id, b"in a hurry")
            if flushed:
                one.carrier.flush()
            await other.events.arrived(2)
            assert found == [flushed]

    run(test(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_many_that_are_flushed_come_in_their_order_and_each_once(loop: str) -> None:
    async def test() -> None:
        async with World() as world:
            one, other = await world.station("ALPHA"), await world.station("BRAVO")
            introduce(one, other)
            await joined(one, other)
            sent = [b"%d" % number for number in range(50)]
            for number, envelope in enumerate(sent):
                assert one.carrier.send(other.id, envelope)
                if number % 3 == 0:
                    one.carrier.flush()
            await other.events.arrived(len(sent))
            assert other.events.heard_from(one.id) == sent

    run(test(), loop)
