"""A wire in user space: TCP between loopback addresses that can be cut, stalled and healed.

Theory: on a Linux loopback every address of 127.0.0.0/8 is there without asking, so each station of
an exercise can call from its own and listen at its own. The public address of a station is a front;
the wire listens there, sees by the caller's address who calls, and connects to the back, where the
station really listens. So the road between any two stations is in the wire's hands, each direction
of calling by itself, and needs no privilege.

* ``cut``: connections on this road are reset, new ones are reset at once: a network that says no;
* ``stall``: nothing is forwarded any more and nobody is told: the half-open line. New callers are
  received into silence;
* ``heal``: the road works again. What a stall held back is forwarded, late.

Rules: bytes are not changed, read or counted against anybody. A wire that holds back data makes the
sender's buffers fill, as a real one does. The back sees a connection from the wire, not from the
caller: an address is no identity, and a station that took it for one would be wrong here.

It does not know: TLS, frames, stations, time.
"""

from __future__ import annotations

import asyncio
import enum
import socket
from dataclasses import dataclass
from typing import Final, cast

_HIGH: Final = 65_536


class Road(enum.Enum):
    """What a road between a caller and a front does."""

    OPEN = "open"
    CUT = "cut"
    STALLED = "stalled"


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Wire:
    """All the roads of one exercise. Runs in the loop that calls it."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str | None, str | None], Road] = {}
        self._servers: list[asyncio.Server] = []
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def add(self, front: str, back: str) -> str:
        """Listen at ``front`` for the station that listens at ``back``; the front's real address.

        Port 0 takes any free port. Raises ``OSError`` when the front cannot be listened on.
        """
        host, port = _split(front)
        loop = asyncio.get_running_loop()
        entry = _Entry(back=back)

        def receive() -> _Half:
            return _Half(self, entry)

        server = await loop.create_server(receive, host, port)
        self._servers.append(server)
        entry.front = _join(host, int(server.sockets[0].getsockname()[1]))
        return entry.front

    def cut(self, caller: str | None = None, front: str | None = None) -> None:
        """Reset the connections from ``caller`` (an IP) to ``front``, and each new one.

        None stands for any. The narrowest rule holds: caller and front, then caller, then front,
        then all.
        """
        self._rule(caller, front, Road.CUT)

    def stall(self, caller: str | None = None, front: str | None = None) -> None:
        """Forward nothing from now on, and tell nobody. Arguments as for ``cut``."""
        self._rule(caller, front, Road.STALLED)

    def heal(self, caller: str | None = None, front: str | None = None) -> None:
        """Let it pass again. Without arguments every rule is dropped."""
        if caller is None and front is None:
            self._rules.clear()
        self._rule(caller, front, Road.OPEN)

    def road(self, caller: str, front: str) -> Road:
        """What the road from ``caller`` to ``front`` does now."""
        for key in ((caller, front), (caller, None), (None, front), (None, None)):
            if key in self._rules:
                return self._rules[key]
        return Road.OPEN

    def count(self, caller: str | None = None, front: str | None = None) -> int:
        """How many connections stand on this road."""
        return sum(1 for pair in self._pairs if pair.on(caller, front))

    async def stands(self, count: int, caller: str | None = None, front: str | None = None) -> None:
        """Wait until exactly so many connections stand on this road."""
        while self.count(caller, front) != count:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Reset everything and listen no more."""
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pair in tuple(self._pairs):
            pair.reset()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def _rule(self, caller: str | None, front: str | None, road: Road) -> None:
        self._rules[(caller, front)] = road
        for pair in tuple(self._pairs):
            pair.obey(self.road(pair.caller, pair.front))

    def received(self, near: _Half) -> None:
        """A caller came to a front."""
        pair = _Pair(near=near, caller=near.host, front=near.entry.front)
        near.pair = pair
        if self.road(pair.caller, pair.front) is Road.CUT:
            pair.reset()
            return
        self._pairs.add(pair)
        self._changed.set()
        near.hold()  # until there is somewhere to forward to
        task = asyncio.get_running_loop().create_task(self._connect(pair, near.entry.back))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, pair: _Pair, back: str) -> None:
        host, port = _split(back)
        far = _Half(self, pair.near.entry, pair)
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, host, port)
        except OSError:
            pair.reset()
            return
        pair.far = far
        if pair.near.ended:
            pair.reset()
            return
        pair.near.pour(far)
        pair.obey(self.road(pair.caller, pair.front))

    def gone(self, pair: _Pair) -> None:
        """Both connections of a pair have ended."""
        self._pairs.discard(pair)
        self._changed.set()


@dataclass(slots=True, kw_only=True)
class _Entry:
    back: str
    front: str = ""


class _Half(asyncio.Protocol):
    """One of the two connections of a pair."""

    def __init__(self, wire: Wire, entry: _Entry, pair: _Pair | None = None) -> None:
        self.entry = entry
        self.pair = pair
        self.host = ""
        self._wire = wire
        self._transport: asyncio.Transport | None = None
        self._held = False
        self._heard_out = False  # its station says no more
        self._told_out = False  # its station was told that the other one says no more
        self.early = b""  # a loop may read before it heeds the first hold
        self.ended = False
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH)
        self._transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        if self.pair is None:
            self.host = str(self._transport.get_extra_info("peername")[0])
            self._wire.received(self)

    def data_received(self, data: bytes) -> None:
        other = self._other()
        if other is not None:
            other.write(data)
        else:
            self.early += data

    def eof_received(self) -> bool:
        self._heard_out = True
        other = self._other()
        if other is not None:
            other.write_eof()
        return not self._told_out  # the other direction may go on

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if self.pair is not None:
            self.pair.half_lost(reset=exc is not None)
            if self.pair.over:
                self._wire.gone(self.pair)

    def pause_writing(self) -> None:
        self.full = True
        if self.pair is not None:
            self.pair.flow()

    def resume_writing(self) -> None:
        self.full = False
        if self.pair is not None:
            self.pair.flow()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self.ended:
            self._transport.write(data)

    def write_eof(self) -> None:
        if self._transport is None or self.ended:
            return
        self._told_out = True
        if self._heard_out:
            # Neither side says more. Not every loop ends such a connection by itself.
            self._transport.close()
        else:
            self._transport.write_eof()

    def pour(self, far: _Half) -> None:
        """Give what came before there was somewhere to forward to."""
        far.write(self.early)
        self.early = b""
        if self._heard_out:
            far.write_eof()

    def hold(self) -> None:
        if self._transport is not None and not self.ended and not self._held:
            self._held = True
            self._transport.pause_reading()

    def go(self) -> None:
        if self._transport is not None and not self.ended and self._held:
            self._held = False
            self._transport.resume_reading()

    def leave(self, *, reset: bool) -> None:
        if self._transport is None or self.ended:
            return
        if reset:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self._transport.abort()
        else:
            self._transport.close()

    def _other(self) -> _Half | None:
        if self.pair is None:
            return None
        return self.pair.far if self is self.pair.near else self.pair.near


@dataclass(slots=True, kw_only=True, eq=False)
class _Pair:
    """A caller's connection and the one to the station behind the front."""

    near: _Half
    caller: str
    front: str
    far: _Half | None = None
    stalled: bool = False
    broken: bool | None = None  # a half was lost during a stall; whether by a reset

    @property
    def over(self) -> bool:
        return self.near.ended and (self.far is None or self.far.ended)

    def on(self, caller: str | None, front: str | None) -> bool:
        return caller in (None, self.caller) and front in (None, self.front)

    def obey(self, road: Road) -> None:
        if road is Road.CUT:
            self.reset()
            return
        self.stalled = road is Road.STALLED
        if self.broken is not None and not self.stalled:
            self.half_lost(reset=self.broken)
        self.flow()

    def flow(self) -> None:
        """Read from each half exactly when the other one can take it and the road is open."""
        if self.far is None:
            return
        for source, sink in ((self.near, self.far), (self.far, self.near)):
            if self.stalled or sink.full:
                source.hold()
            else:
                source.go()

    def reset(self) -> None:
        self.near.leave(reset=True)
        if self.far is not None:
            self.far.leave(reset=True)

    def half_lost(self, *, reset: bool) -> None:
        """One half is gone. A stalled road keeps the news to itself, as a dead network does."""
        if self.stalled:
            self.broken = reset
            return
        self.near.leave(reset=reset)
        if self.far is not None:
            self.far.leave(reset=reset)
