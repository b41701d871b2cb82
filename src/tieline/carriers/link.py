"""One connection of the TLS carrier, from its first byte to its last.

Theory: a link goes through stages, forward only.

* ``HANDSHAKE``: TLS; nothing is believed, little is kept;
* ``PROVED``: the other side owns a certificate that is pinned for a station. We have pinged it;
* ``OPEN``: its first frame was read. Only now do both sides know that both accepted: in TLS 1.3 the
  side that dialled finishes before its own certificate was judged;
* ``ENDING``: a close frame was sent or read. Who reads one answers with TLS's own farewell
  (close_notify) after everything it had still to say; who reads that farewell answers with its own.
  So a farewell that came proves that all we had sent was read: the link ended *clean*;
* ``DEAD``.

Rules: an owner decides, a link tells; each link tells its end exactly once. Frames are written
together: what is put during one turn of the loop leaves as one TLS record and one system call. A
pong is owed at most once, so that pings cannot fill the memory. A timer that fires late means that
*this* process slept, and the time it slept is not counted as the other side's silence.

It does not know: which stations there are, which link of two is kept, or what an envelope says.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast

from tieline.carriers import frames
from tieline.carriers.frames import FrameReader, FrameType
from tieline.carriers.pipe import NOT_PINNED, Pipe
from tieline.carriers.tuning import TlsTuning
from tieline.core.errors import RemoteError

_LATE_S = 0.25
_OVERFLOW = 4  # times high_water: what pongs, pings and TLS itself may add before we give up


class Stage(enum.IntEnum):
    """How far a link has come."""

    HANDSHAKE = 0
    PROVED = 1
    OPEN = 2
    ENDING = 3
    DEAD = 4


class _Last(enum.Enum):
    """How the connection under a dead link is left.

    LINGER says that nothing more comes and reads on into nothing until the other side hangs up: a
    kernel answers unread bytes with a reset, which could destroy the last frame before it is read.
    """

    ABORT = enum.auto()
    CLOSE = enum.auto()
    LINGER = enum.auto()


class Owner(Protocol):
    """What a link tells, and the one thing it asks."""

    def identify(self, link: Link, certificate: bytes) -> bytes | None:
        """Which station this exact certificate (DER) is pinned for; None when for none."""

    def opened(self, link: Link) -> None: ...

    def proven(self, link: Link) -> None:
        """A pong came: ``link.proven`` is the moment at which the ping it answers was sent."""

    def heard(self, link: Link, envelope: bytes) -> None: ...

    def ending(self, link: Link, cause: str) -> None:
        """The other side sent a close frame: nothing more can be sent on this link."""

    def drained(self, link: Link) -> None:
        """After a refused ``put``: there is room again."""

    def ended(self, link: Link, cause: str, *, clean: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all links of one carrier share. ``scratch`` is used within one callback only.

    ``moments`` numbers the pings and the openings of all links in their order. The clock cannot
    give it: a loop's time may stand still for a millisecond, in which all of that happens.
    """

    owner: Owner
    tuning: TlsTuning
    scratch: memoryview
    loop: asyncio.AbstractEventLoop
    moments: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class Link(asyncio.BufferedProtocol):
    """One connection. ``dialled`` says whether this station dialled it."""

    def __init__(
        self, setting: Setting, make: Callable[[], ssl.SSLContext], *, dialled: bool, address: str
    ) -> None:
        self.dialled = dialled
        self.address = address
        self.stage = Stage.HANDSHAKE
        self.expected: bytes | None = None  # the station that was dialled
        self.asked = ""  # which of its certificates it was asked for
        self.station = b""
        self.certificate = b""
        self.sent = 0  # envelopes
        self.opened_at = 0.0
        self.opened = 0  # the moment at which it opened
        self.proven = 0  # the moment at which the newest answered ping was sent
        self.began = setting.loop.time()
        self._set = setting
        self._make = make
        self._pipe: Pipe | None = None
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._queue: list[bytes] = []
        self._queued = 0
        self._flush_due = False
        self._paused = False
        self._refused = False
        self._handshake_bytes = 0
        self._heard_at = self.began
        self._wrote_at = self.began
        self._token = 0  # of the newest ping: the moment at which it was sent
        self._owed: int | None = None
        self._challenged_at: float | None = None
        self._challenge = 0  # the token of the ping whose answer ends the challenge
        self._deadline = self.began + (
            setting.tuning.attempt_s if dialled else setting.tuning.handshake_s
        )
        self._timer: asyncio.TimerHandle | None = None
        self._close_sent = False
        self._close_read = False
        self._farewell = False
        self._cause = ""

    # --------------------------------------------------------------------------- for the owner

    @property
    def usable(self) -> bool:
        """Whether envelopes can be put."""
        return self.stage is Stage.OPEN

    @property
    def dead(self) -> bool:
        """Whether the end was told."""
        return self.stage is Stage.DEAD

    def put(self, frame: bytes) -> bool:
        """Queue the frame of an envelope; False when the link is not open or holds too much.

        Nothing is told from within this call.
        """
        if self.stage is not Stage.OPEN:
            return False
        if self._paused or self._queued >= self._set.tuning.high_water:
            self._refused = True
            return False
        self._queue.append(frame)
        self._queued += len(frame)
        self.sent += 1
        self._schedule()
        return True

    def flush(self) -> None:
        """Write what was put now, not only when the loop has done what else waits for it.

        Nothing is told from within this call: what fails is found by the writing that is due.
        """
        if self._pipe is None or self._paused or not self.usable or not self._queue:
            return
        if self._queued > self._set.tuning.high_water:
            return  # so much may be more than the far end takes
        try:
            self._pipe.write(b"".join(self._queue))
        except RemoteError:
            return
        self._queue.clear()
        self._queued = 0
        self._push()

    def challenge(self) -> None:
        """Ask for a sign of life now: without one within ``challenge_s`` the link is lost."""
        if self.stage is Stage.OPEN and self._challenged_at is None:
            self._challenged_at = self._set.loop.time()
            self._challenge = self._ping()
            self._arm(self._challenged_at + self._set.tuning.challenge_s)

    @property
    def challenged(self) -> bool:
        return self._challenged_at is not None

    def end(self, cause: str) -> None:
        """Send a close frame, go on reading until the other side is through, then end."""
        if self.stage is Stage.OPEN:
            self._cause = self._cause or cause
            self._close_sent = True
            self.stage = Stage.ENDING
            self._append(frames.close(cause))
            self._expire(self._set.tuning.drain_s)

    def dismiss(self, cause: str, told: str | None = None) -> None:
        """Send a close frame (saying ``told``), and read nothing more of what the other side says.

        For a side that broke the format or is no longer a peer.
        """
        if self.stage in (Stage.HANDSHAKE, Stage.DEAD):
            self.kill(cause)
            return
        self._cause = self._cause or cause
        if not self._close_sent:
            self._close_sent = True
            self._append(frames.close(cause if told is None else told))
        self._flush()
        if self.dead:
            return
        if self._pipe is not None:
            self._pipe.finish()
            self._push()
        self._finish(self._cause, clean=False, last=_Last.LINGER)

    def kill(self, cause: str) -> None:
        """End now, without a word."""
        self._finish(self._cause or cause, clean=False, last=_Last.ABORT)

    # --------------------------------------------------------------------------- from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of this class without inheriting from it.
        self._transport = cast("asyncio.Transport", transport)
        if self.stage is Stage.DEAD:
            self._transport.abort()
            return
        tuning = self._set.tuning
        _tune(self._transport.get_extra_info("socket"), tuning)
        self._transport.set_write_buffer_limits(high=tuning.high_water, low=tuning.low_water)
        self._arm(self._deadline)
        if self.dialled:
            self._pipe = Pipe(self._make(), server_side=False, asked=self.asked)
            self._pipe.handshake()
            self._push()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._set.scratch

    def buffer_updated(self, nbytes: int) -> None:
        self._heard_at = self._set.loop.time()
        if self.stage is Stage.DEAD:
            return
        try:
            self._take(self._set.scratch[:nbytes])
        except RemoteError as error:
            self._fail(error)
        self._flush()
        if not self._paused:
            self._room()

    def eof_received(self) -> bool:
        if self.stage is Stage.HANDSHAKE:
            self.kill("the far end hung up before it had proved who it is")
        else:
            self.kill("the far end hung up without a word")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.kill("the connection was closed")
        elif isinstance(exc, TimeoutError):
            self.kill("what was sent was not confirmed in time")
        elif isinstance(exc, ConnectionResetError | BrokenPipeError):
            self.kill("the connection was reset")
        elif isinstance(exc, OSError):
            self.kill(f"the connection failed: {(exc.strerror or 'no reason given').lower()}")
        else:
            self.kill("the connection failed within this station")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._flush()
        self._room()

    # --------------------------------------------------------------------------- reading

    def _take(self, data: memoryview) -> None:
        if self._pipe is None:
            self._pipe = Pipe(self._make(), server_side=True)
        if self.stage is not Stage.HANDSHAKE:
            self._pipe.feed(data)
        else:
            self._handshake_bytes += len(data)
            if self._handshake_bytes > self._set.tuning.max_handshake:
                raise RemoteError(
                    "tls.handshake_size",
                    f"the far end sent more than {self._set.tuning.max_handshake} bytes"
                    " without proving who it is",
                )
            self._pipe.feed(data)
            if not self._pipe.handshake():
                return
            self._prove(self._pipe)
        self._read(self._pipe)

    def _prove(self, pipe: Pipe) -> None:
        certificate = pipe.certificate()
        station = self._set.owner.identify(self, certificate)
        if station is None:
            raise RemoteError("tls.pin", NOT_PINNED)
        self.station = station
        self.certificate = certificate
        self.stage = Stage.PROVED
        self._ping()

    def _read(self, pipe: Pipe) -> None:
        while self.stage is not Stage.DEAD:
            data = pipe.read()
            if data is None:
                self._farewell_read(pipe)
                return
            if not data:
                return
            for kind, body in self._reader.feed(data):
                self._frame(kind, body)
                if self.dead:
                    return

    def _frame(self, kind: FrameType, body: bytes) -> None:
        if self._close_read:
            raise RemoteError(
                "frame.after_close", "a frame came after a close frame; the session is ended"
            )
        if self.stage is Stage.PROVED:
            self.stage = Stage.OPEN
            self.opened_at = self._set.loop.time()
            self.opened = next(self._set.moments)
            self._arm(self.opened_at + self._set.tuning.ping_s)
            self._set.owner.opened(self)
            if self.dead:
                return
        if kind is FrameType.ENVELOPE:
            self._set.owner.heard(self, body)
        elif kind is FrameType.PING:
            self._owed = frames.token(body)
        elif kind is FrameType.PONG:
            self._pong(frames.token(body))
        else:
            self._closed(frames.cause(body))

    def _pong(self, token: int) -> None:
        if token > self._token:
            raise RemoteError(
                "frame.pong", "a pong answers a ping that was never sent; the session is ended"
            )
        if token > self.proven:
            self.proven = token
            if self._challenged_at is not None and token >= self._challenge:
                self._challenged_at = None
            self._set.owner.proven(self)

    def _closed(self, cause: str) -> None:
        """Their close frame: say what is left to say, then farewell."""
        self._close_read = True
        self._cause = self._cause or f"ended by the far end: {cause or 'no cause given'}"
        if self.stage is Stage.OPEN:
            self.stage = Stage.ENDING
            self._expire(self._set.tuning.drain_s)
            self._set.owner.ending(self, self._cause)
        self._flush()
        if self._pipe is not None:
            self._farewell = True
            both = self._pipe.finish()
            self._push()
            if both:  # their farewell had come together with the close frame
                self._farewell_read(self._pipe)

    def _farewell_read(self, pipe: Pipe) -> None:
        """Their close_notify. It is clean only as an answer to a close frame of either side."""
        clean = self._close_sent or self._close_read
        if not self._farewell:
            self._farewell = True
            self._flush()
            pipe.finish()
            self._push()
        cause = self._cause or "ended by the far end without a cause"
        self._finish(cause, clean=clean, last=_Last.CLOSE)

    # --------------------------------------------------------------------------- writing

    def _append(self, frame: bytes) -> None:
        self._queue.append(frame)
        self._queued += len(frame)
        self._schedule()

    def _ping(self) -> int:
        self._token = next(self._set.moments)
        self._append(frames.ping(self._token))
        return self._token

    def _schedule(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._set.loop.call_soon(self._flush_later)

    def _flush_later(self) -> None:
        if self._flush_due:
            self._flush()
            if not self._paused:
                self._room()

    def _flush(self) -> None:
        """Write everything that was put since the last time, as one piece."""
        self._flush_due = False
        if self._pipe is None or self.stage is Stage.DEAD:
            return
        if self._owed is not None and not self._paused and not self._close_sent:
            self._queue.append(frames.pong(self._owed))
            self._owed = None
        if self._queue and self.stage is not Stage.HANDSHAKE:
            data = self._queue[0] if len(self._queue) == 1 else b"".join(self._queue)
            self._queue.clear()
            self._queued = 0
            try:
                self._pipe.write(data)
            except RemoteError as error:
                self._fail(error)
                return
        self._push()

    def _push(self) -> None:
        if self._pipe is None or self._transport is None:
            return
        data = self._pipe.outgoing()
        if data:
            self._wrote_at = self._set.loop.time()
            self._transport.write(data)
            if self._paused and (
                self._transport.get_write_buffer_size() > _OVERFLOW * self._set.tuning.high_water
            ):
                self.kill("the far end does not read what it asks for")

    def _room(self) -> None:
        if self._refused and self.stage is Stage.OPEN:
            self._refused = False
            self._set.owner.drained(self)

    # --------------------------------------------------------------------------- time

    def _arm(self, when: float) -> None:
        """Have ``_tick`` run at ``when`` or before."""
        if self._timer is not None:
            if self._timer.when() <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = self._set.loop.call_at(when, self._tick, when)

    def _expire(self, seconds: float) -> None:
        self._deadline = self._set.loop.time() + seconds
        self._arm(self._deadline)

    def _tick(self, due: float) -> None:
        self._timer = None
        now = self._set.loop.time()
        late = now - due
        if late > _LATE_S:
            # We slept, not the far end: that time is not silence, and not its delay.
            self._heard_at = min(now, self._heard_at + late)
            self._deadline += late
        if self.stage is Stage.OPEN:
            self._watch(now)
        elif self.stage is not Stage.DEAD:
            self._wait(now)

    def _watch(self, now: float) -> None:
        """An open link: keep it alive, or notice that it is not."""
        tuning = self._set.tuning
        if now - self._heard_at >= tuning.lost_s:
            self.kill(f"nothing was heard for {tuning.lost_s:g} s")
            return
        due = [self._heard_at + tuning.lost_s]
        if self._challenged_at is not None:
            asked = max(self._challenged_at, self._heard_at)
            if now - asked >= tuning.challenge_s:
                self.kill("no answer to a ping, while the same station had opened another session")
                return
            due.append(asked + tuning.challenge_s)
        if now - self._wrote_at >= tuning.ping_s:
            if not self._paused:
                self._ping()
            due.append(now + tuning.ping_s)
        else:
            due.append(self._wrote_at + tuning.ping_s)
        self._arm(min(due))

    def _wait(self, now: float) -> None:
        """A link that is not open yet, or not any more: it has a deadline."""
        if now < self._deadline:
            self._arm(self._deadline)
        elif self.stage is Stage.ENDING:
            self.kill("the far end did not end the session in time")
        else:
            limit = self._deadline - self.began
            self.kill(f"no answer within {limit:g} s" if self.dialled else "said too little")

    # --------------------------------------------------------------------------- the end

    def _fail(self, error: RemoteError) -> None:
        """The other side broke TLS or the format: one cause, said to both sides where possible."""
        if self.stage is Stage.DEAD:
            return
        if not error.code.startswith("tls."):
            self.dismiss(error.message)
            return
        self._push()  # TLS may have an alert to send
        last = _Last.CLOSE if self.stage is Stage.HANDSHAKE else _Last.LINGER
        self._finish(self._cause or error.message, clean=False, last=last)

    def _finish(self, cause: str, *, clean: bool, last: _Last) -> None:
        if self.stage is Stage.DEAD:
            return
        self.stage = Stage.DEAD
        self._queue.clear()
        self._pipe = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._leave(self._transport, last)
        self._set.owner.ended(self, cause, clean=clean)

    def _leave(self, transport: asyncio.Transport, last: _Last) -> None:
        if last is _Last.ABORT:
            transport.abort()
            return
        if last is _Last.CLOSE:
            transport.close()
        else:
            transport.write_eof()
        # Both wait for the other side to take what is written; nobody may hold us that way.
        self._set.loop.call_later(self._set.tuning.drain_s, transport.abort)


def _tune(raw: socket.socket, tuning: TlsTuning) -> None:
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        limit_ms = int(tuning.lost_s * 1000) + 2000
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
