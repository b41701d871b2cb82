"""Signatures of a large push are verified by another process while this one takes the statements.

A station that was away gets thousands of statements at once, and a third of its work with them is
their signatures. A helper verifies them from the last of a push to its first, and tells which are
good under which key; this process takes them from the first to the last, and verifies what it has
not been told of yet. So they meet, nobody ever waits for the other, and a helper that is slow, dead
or not there costs time and nothing else. It is a part of this program and talks with it alone; it
never says that a signature is bad. Since it is believed, it is made of the same modules as this
process: it looks for them where this one does, and never in the folder it happens to start in.

The helper (``aheadwork``) is started by the first large push, and ended when none has come for a
while. A peer whose large pushes bring little that needs verifying gets no help for some time: who
repeats himself must not keep a second processor busy. After some that have ended without a word no
other is started: what ends them would end the next one too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tieline.core import encode
from tieline.core.events import Arrived, Event, Known
from tieline.core.line import Line

_log: Final = logging.getLogger(__name__)
WORTH_BYTES: Final = 24_576  # of an envelope: with less the helper is hardly awake before we are
IDLE_S: Final = 20.0
MOST_BYTES: Final = 4 * 1024 * 1024  # given, and not yet taken by the helper
WITHOUT: Final = 16  # large pushes of a peer without help, after one that brought little
SILENT: Final = 3  # helpers one after the other that ended by themselves and had said nothing
DIGEST_BYTES: Final = 32
# What it is given: a number and how many bytes follow; none: all up to this number is over.
REQUEST: Final = struct.Struct(">II")
# What it says: the number, the place of the key in the request, and a digest that is good under it.
FOUND: Final = struct.Struct(f">II{DIGEST_BYTES}s")
_READ: Final = 65_536


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(slots=True, eq=False)
class Asked:
    """One push that the helper was given. Called, it answers as ``events.Known`` says."""

    helper: Ahead
    number: int
    peer: bytes
    keys: tuple[bytes, ...]
    good: dict[bytes, int] = field(default_factory=dict)
    wanted: int = 0  # how many signatures needed verifying

    def __call__(self, digest: bytes, key: bytes) -> bool:
        self.wanted += 1
        if digest not in self.good:
            self.helper.read()
        at = self.good.get(digest)
        if at is None or self.keys[at] != key:
            return False
        self.helper.spared += 1
        return True


class Ahead:
    """One station's helper, as the station sees it. Everything here returns at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._out = bytearray()
        self._in = bytearray()
        self._asked: dict[int, Asked] = {}
        self._count = 0
        self._without: dict[bytes, int] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._silent = 0
        self.spared = 0  # signatures that we need not verify

    def begin(
        self, peer: bytes, envelope: bytes, realm: str, lines: Iterable[Line]
    ) -> Known | None:
        """Have the signatures in an envelope of a peer verified; ``None``: it gets no help."""
        if self._without.get(peer):
            self._without[peer] -= 1
            return None
        if len(self._out) + len(envelope) > MOST_BYTES or not self._awake():
            return None
        named = [
            (line.id, version, station, entry.certificate.sign_key)
            for line in lines
            for version, signed in line.charters.items()
            for station in signed.charter.stations()
            if (entry := signed.charter.station(station)) is not None
        ]
        self._count += 1
        asked = Asked(self, self._count, peer, tuple(key for *_, key in named))
        self._asked[self._count] = asked
        body = encode.dumps((realm, tuple(named), envelope))
        self._out += REQUEST.pack(self._count, len(body)) + body
        self._write()
        return asked

    def over(self, events: Iterable[Event] | None = None) -> None:
        """These were taken, or (``None``) all that came so far: no more needs to be known of it."""
        if not self._asked:
            return
        taken = [*self._asked]
        if events is not None:
            known = (event.known for event in events if isinstance(event, Arrived))
            taken = [each.number for each in known if isinstance(each, Asked)]
        if not taken:
            return
        self.read()
        for number in taken:
            asked = self._asked.pop(number, None)  # the helper may have gone, and all with it
            if asked is not None and 2 * asked.wanted < len(asked.good):
                self._without[asked.peer] = WITHOUT
        last = min(self._asked, default=self._count + 1) - 1  # others may still wait before these
        self._out += REQUEST.pack(last, 0)
        self._write()

    def read(self) -> None:
        """Hear what the helper has found by now."""
        self._write()
        while self._socket is not None:
            try:
                data = self._socket.recv(_READ)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._ended()
                return
            self._silent = 0
            self._in += data
        whole = len(self._in) // FOUND.size * FOUND.size
        for number, at, digest in FOUND.iter_unpack(self._in[:whole]):
            asked = self._asked.get(number)
            if asked is not None and at < len(asked.keys):
                asked.good[digest] = at
        del self._in[:whole]

    def close(self) -> None:
        """End the helper; the next large push starts another one."""
        if self._idle is not None:
            self._idle.cancel()
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()  # it has nothing that could be lost
            self._process.wait()
        self._socket = self._process = self._idle = None
        self._out.clear()
        self._in.clear()

    def _write(self) -> None:
        if self._socket is None or not self._out:
            return
        try:
            del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            pass  # it has enough to do; the next look gives it more
        except OSError:
            self._ended()

    def _ended(self) -> None:
        """It has gone by itself."""
        self.close()
        self._silent += 1
        if self._silent == SILENT:
            _log.warning("what verifies signatures beside this process does not run: done without")

    def _awake(self) -> bool:
        """Start the helper, unless it runs; whether it does."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(IDLE_S, self.close)
        if self._socket is not None:
            return True
        if self._silent >= SILENT:
            return False
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # no room for a file: it is done without
            return False
        command = (sys.executable, "-P", "-m", "tieline.node.aheadwork")
        with contextlib.closing(theirs):
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this program, by itself
                    command,
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError:  # no room for a process: likewise
                ours.close()
                return False
        ours.settimeout(0.0)
        self._socket = ours
        return True
