"""Dialling: where a peer is tried, when, and what is told of it.

Theory: a round tries the addresses of a peer in their order, each with its own deadline, until one
answers as the peer. Between rounds lies a pause whose upper limit doubles, drawn evenly between
nothing and that limit (full jitter), so that two stations which lost each other do not dial in
step. The limit is also bounded by a share of the time that the peer has been away. A session that
has lived a while starts all of this anew.

Every failed attempt is counted. The first of a kind is told, then each change of cause, then at an
interval how often it happened: the record shows that the line was tried without drowning in it.

Names are allowed and literal addresses preferred: a literal is never looked up. A look-up runs on a
thread of its own, at most one per name, which cannot keep the station from stopping.

It does not know: TLS, frames, who a peer is.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import random
import re
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tieline.carriers.tuning import SOON_S, TlsTuning
from tieline.core.errors import LocalError, ShellError

UNANSWERED: Final = "no answer: the connection timed out"
_MAX_RESOLVED: Final = 8
_ADDRESS: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-zA-Z:.%]+)\]|(?P<host>[^\s:\[\]]+)):(?P<port>[0-9]{1,5})\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address taken apart. ``literal`` is whether ``host`` is an IP address, not a name."""

    host: str
    port: int
    literal: bool

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def parse_place(text: str) -> Place:
    """Take ``host:port`` or ``[v6]:port`` apart. Raises ``LocalError`` (``carrier.address``)."""
    match = _ADDRESS.match(text)
    if match is not None and int(match["port"]) <= 65_535:
        host = match["v6"] or match["host"]
        literal = _is_literal(host)
        if literal or match["v6"] is None:
            return Place(host=host, port=int(match["port"]), literal=literal)
    raise LocalError(
        "carrier.address",
        f"'{text}' is not an address; write host:port, or [address]:port for IPv6",
    )


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class Resolver:
    """Looks names up, each at most once at a time, on threads that die with the process."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    async def hosts(self, place: Place) -> tuple[str, ...]:
        """The literal addresses of a place. Raises ``ShellError`` (``carrier.name``)."""
        if place.literal:
            return (place.host,)
        future = self._running.get(place.host)
        if future is None:
            future = self._start(place.host)
        # The look-up goes on when an attempt's deadline cancels us: the next attempt may use it.
        return await asyncio.shield(future)

    def _start(self, name: str) -> asyncio.Future[tuple[str, ...]]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[str, ...]] = loop.create_future()
        self._running[name] = future

        def settle(found: tuple[str, ...], problem: str) -> None:
            self._running.pop(name, None)
            if future.cancelled():
                return
            if found:
                future.set_result(found)
            else:
                future.set_exception(ShellError("carrier.name", problem, transient=True))
                future.exception()  # nobody may be waiting any more

        def look_up() -> None:
            found, problem = _look_up(name)
            try:
                loop.call_soon_threadsafe(settle, found, problem)
            except RuntimeError:
                return  # the station has stopped meanwhile

        threading.Thread(target=look_up, name=f"look-up {name}", daemon=True).start()
        return future


def _look_up(name: str) -> tuple[tuple[str, ...], str]:
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (), "the name was not found; literal addresses need no look-up"
    hosts = dict.fromkeys(str(answer[4][0]) for answer in answers)
    return tuple(hosts)[:_MAX_RESOLVED], "the name has no address"


async def connect(
    receive: Callable[[], asyncio.BaseProtocol], host: str, port: int, dial_from: str | None
) -> None:
    """Open a TCP connection to a literal address, for the protocol that ``receive`` makes.

    ``dial_from`` is the literal address to dial from, used when it is of the same family. Raises
    ``ShellError`` (``carrier.connect``) with a cause in plain words.

    The loop makes the socket itself. One that we made and handed over would belong to two under a
    loop that works on descriptors: when the far end resets at once, the descriptor is closed and
    given to another file, and our forgotten socket closes that one.
    """
    same_family = dial_from is not None and (":" in dial_from) == (":" in host)
    try:
        await asyncio.get_running_loop().create_connection(
            receive, host, port, local_addr=(dial_from, 0) if dial_from and same_family else None
        )
    except OSError as error:
        raise ShellError("carrier.connect", _plain(error), transient=True) from error


def _plain(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused: nothing listens there"
    if isinstance(error, TimeoutError):
        return UNANSWERED
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN):
        return "there is no route to this address"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have the address to dial from"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "this station has too many files open"
    return f"the connection failed: {(error.strerror or 'no reason given').lower()}"


class Backoff:
    """Pauses between rounds: evenly drawn between nothing and a limit that doubles."""

    def __init__(self, rng: random.Random, tuning: TlsTuning) -> None:
        self._rng = rng
        self._low = tuning.backoff_min_s
        self._high = tuning.backoff_max_s
        self._share = tuning.away_share
        self._limit = self._low

    def pause(self, away_s: float) -> float:
        """Seconds to wait before the next round, for a peer that has been away for ``away_s``."""
        limit = min(self._limit, max(SOON_S, away_s * self._share))
        self._limit = min(self._high, self._limit * 2)
        return self._rng.uniform(0, limit)

    def reset(self) -> None:
        self._limit = self._low


@dataclass(slots=True, kw_only=True)
class _Kept:
    cause: str
    told_at: float
    untold: int = 0


class Failures:
    """Decides which failed attempts are told. One per peer."""

    def __init__(self, tuning: TlsTuning) -> None:
        self._every = tuning.report_s
        self._kept: dict[str, _Kept] = {}

    def note(self, address: str, cause: str, now: float) -> str | None:
        """Count one failure; the sentence to tell, or None."""
        kept = self._kept.get(address)
        if kept is None or kept.cause != cause:
            self._kept[address] = _Kept(cause=cause, told_at=now)
            return cause
        kept.untold += 1
        since = now - kept.told_at
        if since < self._every:
            return None
        told = f"{cause} (another {kept.untold} times in {since:.0f} s)"
        kept.told_at = now
        kept.untold = 0
        return told

    def clear(self) -> None:
        """A session came about: the next failure is news."""
        self._kept.clear()


class Dialler:
    """Dials one peer for as long as it is told that a session is wanted."""

    def __init__(
        self,
        *,
        attempt: Callable[[str], Awaitable[str | None]],
        failed: Callable[[str, str], None],
        tuning: TlsTuning,
        rng: random.Random,
    ) -> None:
        self._attempt = attempt
        self._failed = failed
        self._backoff = Backoff(rng, tuning)
        self._failures = Failures(tuning)
        self._tuning = tuning
        self._rng = rng
        self._needed = asyncio.Event()
        self._hurried = asyncio.Event()
        self._wanted = True
        self._away_at: float | None = None  # since when the peer is away; the loop's time
        self._addresses: tuple[str, ...] = ()

    def aim(self, addresses: tuple[str, ...]) -> None:
        """Set the addresses; when they changed, they are tried at once."""
        if addresses != self._addresses:
            self._addresses = addresses
            self._failures.clear()
            self._judge_need()
            self.hurry()

    def away_s(self) -> float:
        """For how long no session that lived has been there."""
        return 0.0 if self._away_at is None else asyncio.get_running_loop().time() - self._away_at

    def hurry(self) -> None:
        """Do not wait for the end of the pause."""
        self._backoff.reset()
        self._hurried.set()

    def rest(self) -> None:
        """There is a session: dial no more."""
        self._wanted = False
        self._failures.clear()
        self._judge_need()

    def resume(self, lived_s: float) -> None:
        """The session is gone after ``lived_s``: dial again, after a pause."""
        if lived_s >= self._tuning.settled_s:
            self._backoff.reset()
            self._away_at = None  # else it is as if there had been none
        self._wanted = True
        self._judge_need()

    def _judge_need(self) -> None:
        if self._wanted and self._addresses:
            self._needed.set()
        else:
            self._needed.clear()

    async def run(self) -> None:
        """Dial for ever. Ends by cancellation only."""
        while True:
            await self._needed.wait()
            await self._pause()
            await self._round()

    async def _round(self) -> None:
        self._hurried.clear()
        for address in self._addresses:
            if not self._needed.is_set():
                return
            cause = await self._attempt(address)
            if cause is None:
                return
            now = asyncio.get_running_loop().time()
            told = self._failures.note(address, cause, now)
            if told is not None:
                self._failed(address, told)

    async def _pause(self) -> None:
        if self._away_at is None:
            self._away_at = asyncio.get_running_loop().time()
        pause = self._backoff.pause(self.away_s())
        # The first part is not cut short, so that a caller in a hurry cannot make us spin.
        first = min(pause, self._rng.uniform(0, self._tuning.backoff_min_s))
        await asyncio.sleep(first)
        try:
            async with asyncio.timeout(pause - first):
                await self._hurried.wait()
        except TimeoutError:
            return
