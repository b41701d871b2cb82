"""The direct carrier: envelopes over TLS 1.3 between stations that have pinned each other.

Theory: both stations listen and both dial, because either may be unreachable from outside. Who the
other side is follows from one thing only: the exact certificate it proved to own is pinned for a
station. There is no authority, no name and no claim.

**One session of two.** When both dial at once there are two. The station with the smaller id
decides, alone, and keeps the session it dialled itself. It decides only when a pong shows that the
other side has read from the kept session after the other one was opened, so a dead connection never
wins over a living one. It then sends a close frame on the session it gives up; its peer says the
rest of what it had to say there and takes the other one. Both know that nothing was lost, because
such an end is confirmed (see ``link``); if it is not confirmed, the node is told that the session
was lost, and that there is another. A session that a station dials anew replaces the one it had
dialled before: it would not dial if it did not hold the old one for dead.

Rules: a session is told (``connected``) when both sides have proved who they are and each has read
from the other; of several only one. Events are called from the loop, never from within ``send`` or
``set_peers``. After ``stop`` began, none is called. Envelopes of one session arrive in order, once;
across a change of session they may overtake each other.

It does not know: envelopes, statements, charters.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tieline.carriers import frames, pipe
from tieline.carriers.dial import UNANSWERED, Dialler, Resolver, connect, parse_place
from tieline.carriers.gate import Gate, source_of
from tieline.carriers.link import Link, Setting, Stage
from tieline.carriers.tuning import TlsTuning
from tieline.core.errors import LocalError, ShellError
from tieline.ports import CarrierEvents, Endpoint

__all__ = ["TlsCarrier", "TlsTuning"]

_SCRATCH: Final = 262_144
_BACKLOG: Final = 128
_MAX_LINKS: Final = 4  # sessions of one peer at once, old and dying ones included
_ACCEPT_PAUSE_S: Final = 0.2
# One of so many connections has the patience of an attempt, for a road on which an answer takes
# long. It is one of many while most outages end, since the kernel does not ask again for seconds.
PATIENT_SOON: Final = 16
PATIENT: Final = 2
LONG_S: Final = 120.0
_LOG: Final = logging.getLogger("tieline.carriers.tls")


@dataclass(slots=True, kw_only=True, eq=False)
class _Peer:
    """One station that may be talked to."""

    endpoint: Endpoint
    dialler: Dialler
    task: asyncio.Task[None]
    shown: int = 0  # which of our certificates it is shown when we dial
    asked: int = 0  # for which of its own it is asked
    knocks: int = 0  # connections that were asked for
    links: list[Link] = field(default_factory=list)  # open or ending, oldest first
    current: Link | None = None


class TlsCarrier:
    """Moves envelopes over TLS 1.3. See the module for its rules.

    ``cert_der`` and ``key_pem`` are this station's own, ``further`` others that it may have to show
    while its keys change: a caller says which one it wants to see, and a peer that is dialled is
    shown another one when it does not accept the first; ``listen`` are addresses (``host:port``,
    ``[v6]:port``, port 0 for any free one), none for a station that only dials; ``dial_from`` is
    the literal address that calls leave from; ``strangers`` takes a sentence about callers that
    were not peers, at most one per ``tuning.report_s`` (the log takes it when none is given).
    """

    def __init__(  # noqa: PLR0913  # a carrier is made of these, once, in one place
        self,
        *,
        self_id: bytes,
        cert_der: bytes,
        key_pem: bytes,
        events: CarrierEvents,
        rng: random.Random,
        name: str = "tls",
        listen: tuple[str, ...] = (),
        tuning: TlsTuning | None = None,
        dial_from: str | None = None,
        strangers: Callable[[str], None] | None = None,
        further: tuple[pipe.Identity, ...] = (),
    ) -> None:
        self.name = name
        self._self_id = self_id
        self._owns = (pipe.Identity(cert_der=cert_der, key_pem=key_pem), *further)
        self._events = events
        self._rng = rng
        self._listen = tuple(parse_place(address) for address in listen)
        self._tuning = tuning or TlsTuning()
        self._dial_from = dial_from
        self._strangers = strangers or _LOG.warning
        self._wanted: dict[bytes, Endpoint] = {}
        self._pins: dict[bytes, bytes] = {}
        self._peers: dict[bytes, _Peer] = {}
        self._attempts: dict[Link, asyncio.Future[str | None]] = {}
        self._sources: dict[Link, str] = {}
        self._live: set[Link] = set()
        self._server = pipe.server(self._owns, ())
        self._resolver = Resolver()
        self._listeners: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._setting: Setting | None = None
        self._gate: Gate | None = None
        self._stopping = False
        self._quiet = asyncio.Event()

    # --------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Listen, and dial the peers.

        Raises ``ShellError`` (``carrier.listen``) when an address cannot be listened on; nothing
        is left open then.
        """
        if self._loop is not None:
            raise LocalError("carrier.started", "the carrier was started already; make a new one")
        self._loop = loop = asyncio.get_running_loop()
        self._setting = Setting(
            owner=self, tuning=self._tuning, scratch=memoryview(bytearray(_SCRATCH)), loop=loop
        )
        self._gate = Gate(self._tuning, self._strangers, loop.time)
        try:
            for place in self._listen:
                self._listeners.append(_listener(place.host, place.port))
        except BaseException:
            self._close_listeners()
            raise
        self._apply()
        self._accepting = [loop.create_task(self._accept(each)) for each in self._listeners]

    @property
    def bound(self) -> tuple[str, ...]:
        """The addresses that are listened on, with their real ports."""
        return tuple(_write_address(sock.getsockname()) for sock in self._listeners)

    @property
    def strangers_refused(self) -> int:
        """Callers that did not prove to be a peer, since the start."""
        return self._gate.refused if self._gate is not None else 0

    async def stop(self) -> None:
        """End every session with a close frame, wait a moment for the peers, let go of all."""
        self._stopping = True
        tasks = [*self._accepting, *(peer.task for peer in self._peers.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close_listeners()
        for link in tuple(self._live):
            if link.stage is Stage.OPEN:
                link.end("the station stops")
            elif link.stage is not Stage.ENDING:
                link.kill("the station stops")
        try:
            async with asyncio.timeout(self._tuning.drain_s):
                while self._live:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            for link in tuple(self._live):
                link.kill("the station stops")
        if self._gate is not None:
            self._gate.report()

    def _close_listeners(self) -> None:
        for sock in self._listeners:
            sock.close()
        self._listeners.clear()

    # --------------------------------------------------------------------------- the port

    def set_peers(self, peers: Iterable[Endpoint]) -> None:
        """Replace the set of peers; sessions with peers no longer listed are closed.

        A session whose certificate is no longer pinned is closed too. Addresses that changed are
        tried at once. Raises ``LocalError`` (``carrier.pin``, ``carrier.pin_twice``,
        ``carrier.address``, ``carrier.peer_twice``) and changes nothing when the set is unfit.
        """
        wanted: dict[bytes, Endpoint] = {}
        pins: dict[bytes, bytes] = {}
        for endpoint in peers:
            if endpoint.station in wanted or endpoint.station == self._self_id:
                raise LocalError(
                    "carrier.peer_twice",
                    f"the station {endpoint.station.hex()} is listed twice, or is this station"
                    " itself; correct the charter",
                )
            for address in endpoint.addresses:
                parse_place(address)
            for certificate in endpoint.tls_der:
                if pins.setdefault(certificate, endpoint.station) != endpoint.station:
                    raise LocalError(
                        "carrier.pin_twice",
                        f"one TLS certificate is pinned for {pins[certificate].hex()} and for"
                        f" {endpoint.station.hex()}; each station needs its own",
                    )
            wanted[endpoint.station] = endpoint
        server = pipe.server(self._owns, pins)
        self._wanted, self._pins, self._server = wanted, pins, server
        if self._loop is not None:
            self._loop.call_soon(self._apply)

    def show(self, owns: tuple[pipe.Identity, ...]) -> None:
        """From now on show these certificates of ours. Sessions that stand go on.

        Raises ``LocalError`` (``carrier.key``) and changes nothing when one is unfit.
        """
        self._server, self._owns = pipe.server(owns, self._pins), owns

    def send(self, peer: bytes, envelope: bytes) -> bool:
        """Hand an envelope to the session with a peer; it leaves within this turn of the loop.

        False when there is no session, or it holds more than ``tuning.high_water`` unsent bytes:
        then ``events.ready`` is called once there is room. Raises ``LocalError``
        (``frame.envelope``) when the envelope is empty or over ``frames.MAX_ENVELOPE`` bytes.
        """
        frame = frames.envelope(envelope)
        held = self._peers.get(peer)
        if held is None or held.current is None or not self._pinned(held.current):
            return False
        return held.current.put(frame)

    def flush(self) -> None:
        """Let leave now what was sent in this turn of the loop; see ``ports.Carrier``."""
        for held in self._peers.values():
            if held.current is not None:
                held.current.flush()

    def hurry(self, peer: bytes) -> None:
        """Dial now if there is no session: something urgent waits."""
        held = self._peers.get(peer)
        if held is not None and held.current is None:
            held.dialler.hurry()

    # --------------------------------------------------------------------------- peers

    def _pinned(self, link: Link) -> bool:
        return self._pins.get(link.certificate) == link.station

    def _apply(self) -> None:
        """Make the peers what ``set_peers`` last said."""
        if self._stopping or self._loop is None or self._gate is None:
            return
        for station in [each for each in self._peers if each not in self._wanted]:
            self._forget(self._peers[station])
        for station, endpoint in self._wanted.items():
            held = self._peers.get(station)
            if held is None:
                held = self._meet(endpoint)
            else:
                held.endpoint = endpoint
                for link in tuple(held.links):
                    if not self._pinned(link):
                        link.dismiss("its certificate is no longer pinned", _UNPINNED)
            held.dialler.aim(endpoint.addresses if endpoint.tls_der else ())
        self._gate.expect(_known(self._wanted.values()))

    def _meet(self, endpoint: Endpoint) -> _Peer:
        if self._loop is None:
            raise RuntimeError("a peer was met before the carrier started")
        station = endpoint.station
        dialler = Dialler(
            attempt=lambda address: self._attempt(station, address),
            failed=lambda address, cause: self._tell_failed(station, address, cause),
            tuning=self._tuning,
            rng=self._rng,
        )
        held = _Peer(endpoint=endpoint, dialler=dialler, task=self._loop.create_task(dialler.run()))
        held.task.add_done_callback(self._dialler_ended)
        self._peers[station] = held
        return held

    def _dialler_ended(self, task: asyncio.Task[None]) -> None:
        # A dialler ends by cancellation only; anything else is a fault that must be heard.
        if self._loop is not None and not task.cancelled() and task.exception() is not None:
            self._loop.call_exception_handler(
                {"message": "a dialler failed", "exception": task.exception(), "task": task}
            )

    def _forget(self, held: _Peer) -> None:
        held.task.cancel()
        for link in tuple(held.links):
            link.dismiss("the station is no longer listed as a peer", _UNPINNED)
        del self._peers[held.endpoint.station]

    def _tell_failed(self, station: bytes, address: str, cause: str) -> None:
        if not self._stopping:
            self._events.failed(station, self.name, address, cause)

    # --------------------------------------------------------------------------- dialling

    async def _attempt(self, station: bytes, address: str) -> str | None:
        """Try one address of a peer; None when a session came about, otherwise the cause."""
        held = self._peers[station]
        place = parse_place(address)
        limit = self._tuning.attempt_s
        cause: str | None = None
        try:
            async with asyncio.timeout(limit):
                for host in await self._resolver.hosts(place):
                    try:
                        cause = await self._call(held, host, place.port, address)
                    except ShellError as error:
                        cause = error.message
                    if cause is None:
                        return None
        except ShellError as error:
            return error.message
        except TimeoutError:
            return f"no answer within {limit:g} s"
        return cause

    async def _call(self, held: _Peer, host: str, port: int, address: str) -> str | None:
        if self._setting is None or self._loop is None:
            raise RuntimeError("a peer was dialled before the carrier started")
        pins = held.endpoint.tls_der
        own = self._owns[held.shown % len(self._owns)]
        made = pipe.context(own, pins, server_side=False)
        link = Link(self._setting, lambda: made, dialled=True, address=address)
        link.expected = held.endpoint.station
        link.asked = pipe.name_of(pins[held.asked % len(pins)])
        outcome: asyncio.Future[str | None] = self._loop.create_future()
        self._attempts[link] = outcome
        self._live.add(link)
        try:
            await self._knock(held, link, host, port)
            cause = await outcome
            # While keys change, one side may still go by the charter that names the former ones.
            held.shown += cause == pipe.NOT_OURS
            held.asked += cause == pipe.NOT_PINNED
            return cause
        finally:
            del self._attempts[link]
            if link.stage < Stage.OPEN:
                link.kill("given up")

    async def _knock(self, held: _Peer, link: Link, host: str, port: int) -> None:
        """Connect: mostly with ``knock_s``, now and then with the patience of an attempt."""
        held.knocks += 1
        # A little less than the attempt has, so that one cause has one sentence.
        limit = 0.9 * self._tuning.attempt_s
        if held.knocks % (PATIENT if held.dialler.away_s() > LONG_S else PATIENT_SOON):
            limit = min(limit, self._tuning.knock_s)
        try:
            async with asyncio.timeout(limit):
                await connect(lambda: link, host, port, self._dial_from)
        except TimeoutError:
            raise ShellError("carrier.connect", UNANSWERED, transient=True) from None

    # --------------------------------------------------------------------------- accepting

    async def _accept(self, listener: socket.socket) -> None:
        """Take callers one per turn of the loop, so that a flood waits and the sessions do not."""
        if self._loop is None or self._gate is None:
            raise RuntimeError("callers came before the carrier started")
        while True:
            try:
                sock, address = await self._loop.sock_accept(listener)
            except OSError:
                # Out of files or of memory, or the caller has gone already: the next one may fare
                # better, but not if we spin.
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            host = str(address[0])
            if not self._gate.admit(host):
                _hang_up(sock)
                # A caller that waits already is accepted without a turn of the loop.
                await asyncio.sleep(0)
                continue
            await self._receive(sock, host, _write_address(address))

    async def _receive(self, sock: socket.socket, host: str, address: str) -> None:
        if self._setting is None or self._loop is None or self._gate is None:
            raise RuntimeError("a caller came before the carrier started")
        link = Link(self._setting, self._server_context, dialled=False, address=address)
        self._gate.enter(link, host)
        self._sources[link] = host
        self._live.add(link)
        try:
            await self._loop.connect_accepted_socket(lambda: link, sock)
        except OSError:
            link.kill("gone before it was received")
        finally:
            if not isinstance(self._loop, asyncio.BaseEventLoop):
                # A loop that works on descriptors (uvloop) closes this one itself, whatever became
                # of the call. Our object would close the number again, then another file's.
                sock.detach()

    def _server_context(self) -> ssl.SSLContext:
        return self._server

    # --------------------------------------------------------------------------- links tell

    def identify(self, link: Link, certificate: bytes) -> bytes | None:
        station = self._pins.get(certificate)
        if station is None or station not in self._peers:
            return None
        if link.dialled and link.expected != station:
            return None
        return station

    def opened(self, link: Link) -> None:
        """A session stands. Take it, keep it beside another one, or replace that."""
        self._leave_gate(link)
        held = self._peers.get(link.station)
        if self._stopping or held is None or not self._pinned(link):
            link.dismiss("the station is no longer listed as a peer", _UNPINNED)
            return
        self._settle_attempt(link, None)
        if len(held.links) >= _MAX_LINKS:
            link.dismiss("too many sessions at once", "too many sessions at once")
            return
        held.links.append(link)
        held.dialler.rest()
        stale = [
            each
            for each in held.links
            if each is not link and each.dialled == link.dialled and each.stage is Stage.OPEN
        ]
        if held.current is None:
            self._take(held, link)
        for each in stale:
            each.kill("its station has opened a new session in its place")
        self._decide(held)

    def proven(self, link: Link) -> None:
        held = self._peers.get(link.station)
        if held is not None and link in held.links:
            self._decide(held)

    def heard(self, link: Link, envelope: bytes) -> None:
        if not self._stopping and self._pinned(link):
            self._events.heard(link.station, self.name, envelope)

    def ending(self, link: Link, cause: str) -> None:
        """The peer ends this session: go over to another, or be without."""
        held = self._peers.get(link.station)
        if held is None or held.current is not link:
            return
        other = self._best(held)
        if other is None:
            self._lose(held, link, cause)
        else:
            held.current = other
            self._call_ready(held)

    def drained(self, link: Link) -> None:
        held = self._peers.get(link.station)
        if held is not None and held.current is link:
            self._tell_ready(held.endpoint.station)

    def ended(self, link: Link, cause: str, *, clean: bool) -> None:
        self._live.discard(link)
        self._quiet.set()
        self._leave_gate(link, cause)
        self._settle_attempt(link, cause)
        held = self._peers.get(link.station)
        if held is None or link not in held.links:
            return
        held.links.remove(link)
        if held.current is link:
            self._lose(held, link, cause)
        elif link.sent and not clean and held.current is not None:
            # What went into this session may not have come out of it: the node must not believe
            # that it did, although another session stands.
            self._lose(held, link, cause)
        else:
            return
        other = self._best(held)
        if other is not None:
            self._take(held, other)

    # --------------------------------------------------------------------------- which session

    def _decide(self, held: _Peer) -> None:
        """Of two sessions keep the one dialled by the station with the smaller id."""
        if self._self_id > held.endpoint.station:
            return  # the peer decides
        ours = [each for each in held.links if each.usable and each.dialled]
        theirs = [each for each in held.links if each.usable and not each.dialled]
        if not ours or not theirs:
            return
        kept = ours[-1]
        if kept.proven < max(each.opened for each in theirs):
            kept.challenge()
            return
        held.current = kept
        for each in theirs:
            each.end("the session that the other station dialled is kept")
        self._call_ready(held)

    def _best(self, held: _Peer) -> Link | None:
        """The session to send on when the current one is gone: the one that opened last."""
        usable = [each for each in held.links if each.usable and self._pinned(each)]
        return usable[-1] if usable else None

    def _take(self, held: _Peer, link: Link) -> None:
        held.current = link
        held.dialler.rest()
        if not self._stopping:
            self._events.connected(held.endpoint.station, self.name, link.address)

    def _lose(self, held: _Peer, link: Link, cause: str) -> None:
        held.current = None
        if self._loop is not None:
            held.dialler.resume(self._loop.time() - link.opened_at)
        if not self._stopping:
            self._events.lost(held.endpoint.station, self.name, cause)

    def _call_ready(self, held: _Peer) -> None:
        """After a change of session a send that was refused may succeed."""
        if self._loop is not None:
            self._loop.call_soon(self._tell_ready, held.endpoint.station)

    def _tell_ready(self, station: bytes) -> None:
        held = self._peers.get(station)
        if not self._stopping and held is not None and held.current is not None:
            self._events.ready(station)

    # --------------------------------------------------------------------------- small things

    def _settle_attempt(self, link: Link, cause: str | None) -> None:
        outcome = self._attempts.get(link)
        if outcome is not None and not outcome.done():
            outcome.set_result(cause)

    def _leave_gate(self, link: Link, cause: str | None = None) -> None:
        host = self._sources.pop(link, None)
        if host is None or self._gate is None:
            return
        self._gate.leave(link)
        if cause is not None and not self._stopping:
            self._gate.note(host, cause)


_UNPINNED: Final = "this station no longer lists you as a peer"


def _known(endpoints: Iterable[Endpoint]) -> frozenset[Hashable]:
    places = [parse_place(address) for each in endpoints for address in each.addresses]
    return frozenset(source_of(place.host) for place in places if place.literal)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # So that an IPv4 and an IPv6 wildcard can stand beside each other.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        shown = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        raise ShellError(
            "carrier.listen",
            f"the station cannot listen on {shown} ({(error.strerror or 'no reason given')});"
            " choose another address or end the program that uses this one",
        ) from error
    return sock


def _hang_up(sock: socket.socket) -> None:
    # A reset instead of a farewell: a refused caller leaves nothing behind in the kernel.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def _write_address(address: tuple[str | int, ...]) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
