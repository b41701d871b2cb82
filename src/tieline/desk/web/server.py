"""The HTTP server of a desk: uvicorn, with what it lacks against strangers and for a quick end.

A connection that has not sent a whole request after ``HEADER_S`` is closed, which uvicorn leaves
open for ever; of an officer's request the head counts, since a file takes longer. Strangers and
officers have bounds of their own (``crowd``) in the place of uvicorn's one for all, which answers
503 to officers when strangers have used it up. The streams of events are told to end before the
server waits for them, so that it stops at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from tieline.core.errors import ShellError
from tieline.desk.web.crowd import GONE, SHOWN, Crowd, Turns

HEADER_S: Final = 10.0
MAX_HEADER_BYTES: Final = 32_768
# Connections that the loop takes in one turn, each of which is counted in the next; what the
# kernel holds for it meanwhile is another number.
TAKEN_AT_ONCE: Final = 32
WAITING: Final = 2_048
# Of each connection that is taken, so that one turn of the loop takes no more than that into memory
# before uvicorn stops reading. The kernel's own limit is megabytes.
RECEIVE_BYTES: Final = 16_384
GRACE_S: Final = 3
ESTABLISHED: Final = 1  # the first byte of what the kernel tells of a connection: open both ways


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with a deadline for a request, and a place in the crowd."""

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, crowd: Crowd, turns: Turns, **given: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**given)
        self._crowd, self._turns = crowd, turns
        self._answered = self._officer = False
        self._answers = self.app
        self.app = self._entered

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def drop(self) -> None:
        """Close it at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own types
        """Somebody has connected."""
        super().connection_made(transport)
        self._wait()
        self._crowd.came(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; a whole request among them ends the wait."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self.busy:
            return
        if self.cycle.more_body:
            self.flow.pause_reading()  # until it is taken: a stranger waits for its turn
        else:
            self._heard()

    def on_response_complete(self) -> None:
        """An answer is out: a further request has its own deadline."""
        self._wait()
        super().on_response_complete()
        if self.transport.is_closing():
            self._heard()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._heard()
        self._crowd.went(self)
        super().connection_lost(exc)
        # What it has said goes at once, and not when the collector next comes: of a thousand who
        # come and go that would be as much again as is held. Nobody is given it any more, either.
        self.conn = h11.Connection(h11.SERVER)
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:
            cycle.body = bytearray()

    async def _entered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request: who answers it can say whose session it has."""
        cycle = self.cycle
        scope[SHOWN], scope[GONE] = self._shown, partial(self._gone, cycle)
        if self._answered and not self._officer and not await self._turns.pace(scope[GONE]):
            return
        self._answered = True
        await self._answers(scope, receive, send)

    def _gone(self, cycle: RequestResponseCycle) -> bool:
        """Whether the other end has gone; while nothing is read, the kernel alone knows.

        Nor does it while more is on the way than it takes: then the deadline ends it, or its turn.
        """
        if cycle.disconnected or self.transport.is_closing():
            return True
        if not self.flow.read_paused:
            return False
        link: socket.socket = self.transport.get_extra_info("socket")
        return link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED

    def _shown(self, officer: int | None) -> None:
        self._officer = officer is not None
        self._crowd.shown(self, officer)
        if officer is not None:
            self._heard()  # the form of an officer has the deadline of ``guard``

    def _wait(self) -> None:
        self._heard()
        self._deadline = self.loop.call_later(HEADER_S, self.transport.close)

    def _heard(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """A server that tells the event streams before it waits for their end."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: everything that waits is told first."""
        self._stopping.set()
        super().handle_exit(sig, frame)


def bind(host: str, port: int) -> socket.socket:
    """The listening socket. Raises ``ShellError`` (``desk.listen``)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise ShellError(
            "desk.listen",
            f"the desk cannot listen on {host} port {port} ({error.strerror}); name another port"
            " with --port",
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own
    return listener


async def run(
    app: ASGIApp,
    listener: socket.socket,
    stopping: asyncio.Event,
    ready: Callable[[], Awaitable[None]],
) -> None:
    """Serve until a signal comes; ``ready`` is called once connections are taken."""
    config = uvicorn.Config(
        app,
        http=partial(PatientProtocol, Crowd(), Turns()),  # type: ignore[arg-type]  # called as the class is
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",  # a warning for each line of rubbish would fill the log
        server_header=False,
        proxy_headers=False,
        backlog=TAKEN_AT_ONCE,
        timeout_keep_alive=int(HEADER_S),
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    server = Server(config, stopping)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if server.started:
            listener.listen(WAITING)
            await ready()
        await task
    finally:
        for connection in [*server.server_state.connections]:
            connection.transport.abort()  # who was not done in time: uvicorn leaves it open
        await asyncio.sleep(0)  # in which the loop closes them
