"""The HTTP server of a desk: uvicorn, with what it lacks against strangers and for a quick end.

A connection that has not sent a whole request after ``HEADER_S`` is closed, which uvicorn leaves
open for ever; the streams of events are told to end before the server waits for them, so that
it stops at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from tieline.core.errors import ShellError

HEADER_S: Final = 10.0
MAX_HEADER_BYTES: Final = 32_768
MAX_CONNECTIONS: Final = 600  # fifty browsers hold six each at most
GRACE_S: Final = 3


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with a deadline for the head of a request."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own types
        """Somebody has connected."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Bytes have come; a whole head among them ends the wait."""
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._heard()

    def on_response_complete(self) -> None:
        """An answer is out: a further request has its own deadline."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._heard()
        super().connection_lost(exc)

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
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=int(HEADER_S),
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    server = Server(config, stopping)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    if server.started:
        await ready()
    await task
