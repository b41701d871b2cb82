"""What the systems that are compared have in common: two parties' clients, ports, and a cut.

A side says a numbered text and learns two things: which texts of the other side were shown here,
and which of its own the other side has confirmed. All times are of this process, which is the
client of both sides at once.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast


class Side:
    """One party's user: what it was shown and what was confirmed to it, by number."""

    has_queue = True  # for a party that is away; without one the client says again what it lost

    def __init__(self) -> None:
        self.shown: dict[int, float] = {}
        self.confirmed: dict[int, float] = {}
        self.signed_bytes = 0  # of the last own text as it was signed, where it is
        self._news = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def say(self, number: int, text: str) -> None:
        """Submit a text; returns when the own side has taken it (and, if it syncs, synced it)."""
        raise NotImplementedError

    def heard(self, found: list[tuple[str, bytes]]) -> None:
        """What one read from a socket brought."""
        raise NotImplementedError

    def confirm(self, number: int, at: float) -> None:
        """The other side has confirmed a text of ours."""
        self.confirmed.setdefault(number, at)
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def confirmation(self, number: int) -> None:
        """Wait until a text of ours is confirmed."""
        if number not in self.confirmed:
            self._waiting[number] = asyncio.get_running_loop().create_future()
            await self._waiting[number]

    def tell(self) -> None:
        """Wake whoever waits for news."""
        self._news.set()

    async def until(self, done: Callable[[], bool], limit_s: float = 300.0) -> None:
        """Wait for news until something is so. Raises ``TimeoutError``."""
        async with asyncio.timeout(limit_s):
            while not done():
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        """Hang up."""


@dataclass(frozen=True, slots=True)
class Ports:
    """``own``: for clients; ``carried``: where servers listen for each other.

    ``reached``: where the other one dials, which is a ``Cut`` when the line is to be cut.
    """

    own: tuple[int, ...]
    carried: tuple[int, ...]
    reached: tuple[int, ...]


class System(Protocol):
    """Two parties with one line between them."""

    async def begin(self) -> list[Side]:
        """Start, and give the two sides when the line stands."""

    def pids(self) -> list[int]:
        """The processes that do the work."""

    def end(self) -> None:
        """Stop everything."""


def free_ports(count: int, host: str = "127.0.0.1") -> tuple[int, ...]:
    """So many ports on loopback that nobody listens on."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind((host, 0))
        return tuple(int(one.getsockname()[1]) for one in held)
    finally:
        for one in held:
            one.close()


def wait_for_port(port: int, host: str = "127.0.0.1", limit_s: float = 30.0) -> None:
    """Wait until somebody listens. Raises ``TimeoutError``."""
    ends = time.monotonic() + limit_s
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            if time.monotonic() > ends:
                raise TimeoutError(f"nobody listens on {host}:{port}") from None
            time.sleep(0.02)
        else:
            return


def stop_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes that this bench has started."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(slots=True, eq=False)
class _Half(asyncio.Protocol):
    """One end of a connection through a cut."""

    cut: Cut
    other: _Half | None = None
    transport: asyncio.Transport | None = None
    target: tuple[str, int] | None = None
    held: list[bytes] = field(default_factory=list)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of the class without inheriting from it.
        self.transport = cast("asyncio.Transport", transport)
        self.cut.halves.append(self)
        if self.target is not None:
            self.cut.join(self)

    def data_received(self, data: bytes) -> None:
        if self.cut.is_cut or self.other is None or self.other.transport is None:
            self.held.append(data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.cut.halves:
            self.cut.halves.remove(self)
        if self.other is not None and self.other.transport is not None and not self.cut.is_cut:
            self.other.transport.close()

    def resume(self) -> None:
        """Give on what has waited."""
        if self.other is None or self.other.transport is None:
            return
        for data in self.held:
            self.other.transport.write(data)
        self.held.clear()
        if self.transport is None or self.transport.is_closing():
            self.other.transport.close()


class Cut:
    """Forwards connections, and while it is cut gives nothing on: a silence, not a refusal.

    What was written into a silence comes out at its end, as if TCP had sent it again at once; a
    dial into it is taken and waits. So what is timed after a cut is the systems' own patience and
    not that of the kernel, whose next try may take as long again as the cut took.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._whole = asyncio.Event()
        self._whole.set()
        self.halves: list[_Half] = []
        self._servers: list[asyncio.Server] = []
        self._joins: set[asyncio.Task[None]] = set()

    async def forward(self, listen: tuple[str, int], target: tuple[str, int]) -> None:
        """Listen at one place for another."""
        server = await asyncio.get_running_loop().create_server(
            lambda: _Half(self, target=target), listen[0], listen[1]
        )
        self._servers.append(server)

    def join(self, half: _Half) -> None:
        """Dial on for one that came."""
        task = asyncio.create_task(self._join(half))
        self._joins.add(task)
        task.add_done_callback(self._joins.discard)

    async def _join(self, half: _Half) -> None:
        await self._whole.wait()
        if half.target is None or half.transport is None or half.transport.is_closing():
            return
        onward = _Half(self, other=half)
        try:
            await asyncio.get_running_loop().create_connection(lambda: onward, *half.target)
        except OSError:
            half.transport.close()
            return
        half.other = onward
        half.resume()

    def cut(self) -> None:
        """Let nothing through."""
        self.is_cut = True
        self._whole.clear()

    def heal(self) -> None:
        """Let everything through again, with what has waited."""
        self.is_cut = False
        self._whole.set()
        for half in list(self.halves):
            half.resume()

    def close(self) -> None:
        """Stop forwarding."""
        for server in self._servers:
            server.close()
        for half in list(self.halves):
            if half.transport is not None:
                half.transport.abort()
