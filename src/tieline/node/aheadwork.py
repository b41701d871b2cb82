"""The helper that verifies signatures ahead of its station (``ahead``): a process of its own.

Its input is a socket to the station, which ends it by hanging up. Of each push it takes the last
statements first, and goes on with the next push when one is through or over.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import cast

from tieline.core import crypto, encode, statement, sync
from tieline.core.errors import RemoteError
from tieline.core.statement import MAX_STATEMENT_BYTES
from tieline.node.ahead import FOUND, REQUEST
from tieline.node.auditwork import calm

PIECE = 16  # statements between two looks at what else was said
_READ = 1 << 20
_LIMITS = encode.Limits(max_bytes=1 << 31, max_items=1 << 20)

Keys = dict[tuple[bytes, int, bytes], tuple[int, bytes]]  # by line, version and station


class Job:
    """One push: what is left of it, and the keys that its statements may be under."""

    def __init__(self, number: int, body: bytes) -> None:
        self.number = number
        self.left: list[bytes] = []
        self.realm = ""
        self.keys: Keys = {}
        realm, named, envelope = cast(
            "tuple[str, tuple[tuple[bytes, int, bytes, bytes], ...], bytes]",
            encode.loads(body, _LIMITS),
        )
        self.realm = realm
        for at, (line, version, station, key) in enumerate(named):
            self.keys[line, version, station] = at, key
        with contextlib.suppress(RemoteError):  # the station says what is wrong with it
            found = sync.unpack(envelope)
            if isinstance(found, sync.Push):
                self.left = list(found.statements)

    def piece(self) -> bytes:
        """Verify the next few; what is to be said of them."""
        out = bytearray()
        for _ in range(min(PIECE, len(self.left))):
            raw = self.left.pop()
            with contextlib.suppress(RemoteError):
                out += self._judged(raw)
        return bytes(out)

    def _judged(self, raw: bytes) -> bytes:
        if len(raw) > MAX_STATEMENT_BYTES:
            return b""
        parsed = statement.parse(self.realm, raw)
        place = parsed.place
        at, key = self.keys.get((place.line, place.charter, place.station), (0, b""))
        if not crypto.verify(key, parsed.signed, parsed.signature):
            return b""
        return FOUND.pack(self.number, at, parsed.digest)


class Inbox:
    """What the station has said, cut into requests."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._held = bytearray()

    def take(self, data: bytes) -> None:
        """Take the next bytes."""
        self._held += data
        while len(self._held) >= REQUEST.size:
            number, size = REQUEST.unpack_from(self._held)
            end = REQUEST.size + size
            if len(self._held) < end:
                return
            if size:
                self.jobs.append(Job(number, bytes(self._held[REQUEST.size : end])))
            else:
                self.jobs = [job for job in self.jobs if job.number > number]
            del self._held[:end]


def work(link: socket.socket) -> None:
    """Verify until the station hangs up."""
    inbox = Inbox()
    while True:
        link.setblocking(not inbox.jobs)
        try:
            data = link.recv(_READ)
        except BlockingIOError:
            pass
        else:
            if not data:
                return
            inbox.take(data)
            continue
        job = inbox.jobs[0]
        link.settimeout(None)
        link.sendall(job.piece())
        if not job.left:
            inbox.jobs.remove(job)


def main() -> None:
    """Be the helper of the station at the other end of the standard input."""
    os.nice(1)
    calm()
    with contextlib.suppress(ConnectionError), socket.socket(fileno=os.dup(0)) as link:
        work(link)


if __name__ == "__main__":
    main()
