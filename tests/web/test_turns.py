"""The row of strangers: one at a time, and nobody waits behind those who have gone."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import RequestResponseCycle
from uvicorn.server import ServerState

from tieline.desk.web import server
from tieline.desk.web.crowd import GONE, Crowd, Turns

WAIT_S = 60.0
FORM = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"


@dataclass
class Stranger:
    """Somebody in the row."""

    gone: bool = False
    served: list[str] = field(default_factory=list)

    async def asks(self, turns: Turns, name: str, wait: asyncio.Event) -> bool:
        async def make() -> str:
            self.served.append(name)
            await wait.wait()
            return name

        return await turns.page(make, lambda: self.gone) == name


async def stand(turns: Turns, *names: str) -> tuple[dict[str, Stranger], list[asyncio.Task[bool]]]:
    """The first is served for as long as it likes; the others stand in the row."""
    free = asyncio.Event()
    free.set()
    people = {name: Stranger() for name in names}
    tasks: list[asyncio.Task[bool]] = []
    for name in names:
        wait = free if tasks else asyncio.Event()
        tasks.append(asyncio.create_task(people[name].asks(turns, name, wait)))
        await asyncio.sleep(0)
    return people, tasks


async def turned() -> None:
    """Some turns of the loop, in which no time goes by."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_those_who_have_gone_leave_with_the_next_turn() -> None:
    async def world() -> None:
        turns = Turns()
        names = [f"n{each}" for each in range(200)]
        people, tasks = await stand(turns, "first", *names, "last")
        for name in names:
            people[name].gone = True
        tasks[0].cancel()
        await turned()
        assert all(task.done() for task in tasks[:-1])
        assert [name for name in people if people[name].served] == ["first", "last"]
        assert not any(task.result() for task in tasks[1:-1])
        assert await tasks[-1]
        assert not turns._row  # nothing of them stays

    asyncio.run(world())


def test_one_at_a_time_in_their_order() -> None:
    async def world() -> None:
        turns = Turns()
        people, tasks = await stand(turns, "a", "b", "c")
        await turned()
        assert [bool(people[name].served) for name in "abc"] == [True, False, False]
        tasks[0].cancel()
        await turned()
        assert [bool(people[name].served) for name in "abc"] == [True, True, False]
        assert await tasks[1]
        assert await tasks[2]

    asyncio.run(world())


def test_a_turn_that_was_given_to_one_who_ends_goes_on_to_the_next() -> None:
    async def world() -> None:
        turns = Turns()
        people, tasks = await stand(turns, "a", "b", "c")
        tasks[0].cancel()
        await asyncio.sleep(0)
        assert len(turns._row) == 1  # the turn is b's now, and b has not run
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        assert await tasks[2]
        assert people["c"].served == ["c"]

    asyncio.run(world())


def test_nobody_waits_for_one_who_had_gone_before() -> None:
    async def world() -> None:
        assert not await Turns().pace(lambda: True, 1_000_000)
        assert await Turns().pace(lambda: False, 0)

    asyncio.run(world())


@asynccontextmanager
async def door(app: ASGIApp) -> AsyncIterator[tuple[tuple[str, int], ServerState]]:
    """A desk's port before this application: where it is, and whom it has let in."""
    listener, state = server.bind("127.0.0.1", 0), ServerState()
    config = uvicorn.Config(app, log_config=None, log_level="critical", ws="none")
    config.load()
    parts: dict[str, Any] = {"config": config, "server_state": state, "app_state": {}}
    made = partial(server.PatientProtocol, Crowd(), Turns(), **parts)
    async with await asyncio.get_running_loop().create_server(made, sock=listener):
        yield listener.getsockname(), state


@pytest.mark.parametrize("begun", [b"", b"a" * 1000])
def test_one_who_has_gone_is_noticed_though_the_form_is_not_read_on(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEADER_S", 10 * WAIT_S)  # it is not the deadline that tells

    async def world() -> None:
        came: asyncio.Queue[Callable[[], bool]] = asyncio.Queue()
        done = asyncio.Event()

        async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
            came.put_nowait(scope[GONE])
            await done.wait()

        async with door(app) as (place, _):
            _, writer = await asyncio.open_connection(*place)
            writer.write(FORM + begun)
            async with asyncio.timeout(WAIT_S):
                gone = await came.get()
            assert not gone()
            writer.transport.abort()
            async with asyncio.timeout(WAIT_S):
                while not gone():  # noqa: ASYNC110 - the kernel has no event for it
                    await asyncio.sleep(0)
            done.set()
            await asyncio.sleep(0)

    asyncio.run(world())


def test_what_one_had_said_is_let_go_with_the_connection() -> None:
    """And not when the collector comes: of a thousand who come and go that is 24 MiB."""

    async def world() -> None:
        gone = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
            await gone.wait()

        async with door(app) as (place, state):
            _, writer = await asyncio.open_connection(*place)
            writer.write(FORM + b"a" * 10_000)
            async with asyncio.timeout(WAIT_S):
                while not held():  # noqa: ASYNC110 - the server has no event for it
                    await asyncio.sleep(0)
                for one in state.connections.copy():
                    assert isinstance(one, server.PatientProtocol)
                    one.drop()
                while state.connections:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                gone.set()
                await asyncio.gather(*state.tasks)
            assert not held()
            writer.transport.abort()

    def held() -> int:
        found = [each for each in gc.get_objects() if isinstance(each, RequestResponseCycle)]
        return sum(len(each.body) for each in found)

    gc.collect()
    gc.disable()
    try:
        asyncio.run(world())
    finally:
        gc.enable()
