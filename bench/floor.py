"""The floor: what one statement and its receipt cost with nothing around them.

Two processes. A signs 300 bytes of text (Ed25519), commits it durably, sends it in one frame over
TLS 1.3 on loopback; B verifies it, commits it durably, signs a receipt and sends it back; A
verifies the receipt. There is no encoding, no log, no order, no officer and no journal of the
receipt: a station can come near this figure and never under it.

Rules that keep it honest:

* the store is opened with the product's own pragmas (WAL, synchronous FULL, encrypted), and the
  same run may be repeated on a plain file to show what encryption costs;
* TLS is 1.3 only, each side pins the other's certificate, Nagle's delay is off;
* no coroutine, no queue: the next send starts from the callback that verified the receipt;
* in the sustained run both sides commit in groups: whatever one read from the socket yields is
  verified, committed in one transaction and answered by one signature, and the sender keeps its
  64 outstanding statements in chunks so that both processors work.

It knows nothing of Tieline but the pragmas.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import apsw
from nacl.signing import SigningKey, VerifyKey

import wire
from figures import Json, percentile, spread
from pins import client_context, server_context, write_identity

TEXT_BYTES = 300
HEADER_BYTES = 100  # what any signed statement needs beside its text: line, station, position, prev
OUTSTANDING = 64
CHUNK = 32  # statements a sender puts in one group; measured best of 8, 16, 32 and 64
_LENGTH = struct.Struct(">I")


class Journal:
    """One table, one writer, every commit flushed before it returns."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._db = apsw.Connection(str(path))
        if key is not None:
            self._db.pragma("hexkey", key.hex())
        self._demand("journal_mode", "wal")
        self._demand("locking_mode", "exclusive")
        self._db.pragma("synchronous", "full")
        if self._db.pragma("synchronous") != 2:
            raise RuntimeError("the store would not take synchronous=FULL; the floor is void")
        self._db.execute("CREATE TABLE facts(seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")

    def _demand(self, name: str, value: str) -> None:
        if self._db.pragma(name, value) != value:
            raise RuntimeError(f"the store would not take {name}={value}; the floor is void")

    def commit(self, bodies: Sequence[bytes]) -> None:
        """Write all bodies in one durable transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        insert = "INSERT INTO facts(body) VALUES(?)"
        if len(bodies) == 1:
            self._db.execute(insert, (bodies[0],))
        else:
            self._db.executemany(insert, [(body,) for body in bodies])
        self._db.execute("COMMIT")


class Frames(asyncio.Protocol):
    """Length-prefixed frames over a stream; each read's whole frames are handed on together."""

    def __init__(self, heard: Callable[[list[bytes]], None], opened: Callable[[], None]) -> None:
        self._heard = heard
        self._opened = opened
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's TLS transport has the methods of the class without inheriting from it.
        stream = cast("asyncio.Transport", transport)
        raw = stream.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = stream
        self._opened()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        frames: list[bytes] = []
        start = 0
        while len(data) - start >= 4:
            (length,) = _LENGTH.unpack_from(data, start)
            if len(data) - start - 4 < length:
                break
            frames.append(data[start + 4 : start + 4 + length])
            start += 4 + length
        self._rest = data[start:]
        if frames:
            self._heard(frames)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def send(self, bodies: Sequence[bytes]) -> None:
        """Put the bodies on the wire in one write."""
        if self._transport is None:
            raise RuntimeError("the floor tried to send before its session was up")
        self._transport.write(b"".join(_LENGTH.pack(len(body)) + body for body in bodies))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One measurement: how many statements one by one, then how many with 64 outstanding."""

    sends: int
    sustained: int
    chunk: int
    receiver: int = 0  # the other process


class Receiver:
    """B: verify, commit, sign one receipt over all that this read brought."""

    def __init__(self, journal: Journal, key: SigningKey, peer: VerifyKey) -> None:
        self._journal = journal
        self._key = key
        self._peer = peer
        self._size = 0
        self._head = bytes(32)
        self.frames = Frames(self._heard, lambda: None)

    def _heard(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._peer.verify(frame[64:], frame[:64])
            self._head = hashlib.sha256(self._head + frame).digest()
        self._journal.commit(frames)
        self._size += len(frames)
        head = _LENGTH.pack(self._size) + self._head
        self.frames.send([self._key.sign(head).signature + head])


class Sender:
    """A: sign, commit, send; measure until the verified receipt covers the statement."""

    def __init__(self, journal: Journal, key: SigningKey, peer: VerifyKey, plan: Plan) -> None:
        self._journal = journal
        self._key = key
        self._peer = peer
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._made = 0
        self._covered = 0
        self._base = 0
        self._owed = 0
        self._began = 0.0
        self.latencies: list[float] = []
        self.rate = 0.0
        self.cpu_us = 0.0  # of both processes, for each in the sustained run
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.frames = Frames(self._heard, self._start)

    def _statement(self) -> bytes:
        self._made += 1
        body = struct.pack(">Q", self._made) + os.urandom(HEADER_BYTES - 8) + b"x" * TEXT_BYTES
        return self._key.sign(body).signature + body

    def _start(self) -> None:
        self._loop.call_soon(self._one)

    def _one(self) -> None:
        self._began = time.perf_counter()
        self._put(1)

    def _put(self, count: int) -> None:
        bodies = [self._statement() for _ in range(count)]
        self._journal.commit(bodies)
        self.frames.send(bodies)

    def _heard(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._peer.verify(frame[64:], frame[:64])
        (size,) = _LENGTH.unpack_from(frames[-1], 64)
        news, self._covered = size - self._covered, size
        if len(self.latencies) < self._plan.sends:
            self.latencies.append(time.perf_counter() - self._began)
            again = len(self.latencies) < self._plan.sends
            self._loop.call_soon(self._one if again else self._fill)
        else:
            self._refill(news)

    def _fill(self) -> None:
        self._base = self._made
        self.cpu_us = -self._used_us()
        self._began = time.perf_counter()
        for _ in range(OUTSTANDING // self._plan.chunk):
            self._put(self._plan.chunk)

    def _used_us(self) -> float:
        return 1e6 * (time.process_time() + wire.cpu_seconds(self._plan.receiver))

    def _refill(self, news: int) -> None:
        self._owed += news
        target = self._base + self._plan.sustained
        if self._covered >= target:
            self.rate = self._plan.sustained / (time.perf_counter() - self._began)
            self.cpu_us = (self.cpu_us + self._used_us()) / self._plan.sustained
            self.done.set_result(None)
            return
        count = min(self._owed, target - self._made)
        if count and (count >= self._plan.chunk or self._made + count == target):
            self._owed -= count
            self._put(count)


def _key(folder: Path, name: str) -> SigningKey:
    return SigningKey((folder / f"{name}.sign").read_bytes())


async def _serve(folder: Path, db_key: bytes | None) -> None:
    """B's life: one session, then end."""
    loop = asyncio.get_running_loop()
    journal = Journal(folder / "b.db", db_key)
    receiver = Receiver(journal, _key(folder, "b"), _key(folder, "a").verify_key)
    server = await loop.create_server(
        lambda: receiver.frames, "127.0.0.1", 0, ssl=server_context(folder, "b", "a")
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await receiver.frames.ended
    server.close()


async def _drive(folder: Path, db_key: bytes | None, port: int, plan: Plan) -> Json:
    """A's life: connect, run the plan, report."""
    loop = asyncio.get_running_loop()
    journal = Journal(folder / "a.db", db_key)
    sender = Sender(journal, _key(folder, "a"), _key(folder, "b").verify_key, plan)
    context = client_context(folder, "a", "b")
    await loop.create_connection(
        lambda: sender.frames, "127.0.0.1", port, ssl=context, server_hostname=""
    )
    await sender.done
    sender.frames.close()
    return {
        "receipt_ms": spread(sender.latencies),
        "sustained_per_s": round(sender.rate, 1),
        "cpu_us_each": round(sender.cpu_us, 1),
    }


def parts(folder: Path, *, plain: bool, times: int = 300) -> Json:
    """What each step of the floor costs alone, in microseconds (median of ``times``)."""
    folder.mkdir(parents=True)
    key = SigningKey.generate()
    body = os.urandom(HEADER_BYTES) + b"x" * TEXT_BYTES
    signature = key.sign(body).signature
    journal = Journal(folder / "parts.db", None if plain else os.urandom(32))
    steps: dict[str, Callable[[], object]] = {
        "sign_us": lambda: key.sign(body),
        "verify_us": lambda: key.verify_key.verify(body, signature),
        "commit_us": lambda: journal.commit([body]),
    }
    result: Json = {}
    for name, step in steps.items():
        taken: list[float] = []
        for _ in range(times):
            start = time.perf_counter()
            step()
            taken.append(time.perf_counter() - start)
        result[name] = round(percentile(taken, 50) * 1e6, 1)
    return result


def run(folder: Path, *, plain: bool, plan: Plan, loop_name: str) -> Json:
    """Run both processes once in ``folder`` (fresh stores) and return A's figures."""
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        write_identity(folder, name)
        (folder / f"{name}.sign").write_bytes(bytes(SigningKey.generate()))
    key = "" if plain else os.urandom(32).hex()
    base = [sys.executable, str(Path(__file__).resolve()), str(folder), key, loop_name]
    b = subprocess.Popen([*base, "b"], stdout=subprocess.PIPE, text=True)
    try:
        if b.stdout is None:
            raise RuntimeError("the floor's second process has no output to read its port from")
        port = b.stdout.readline().strip()
        words = [str(plan.sends), str(plan.sustained), str(plan.chunk), str(b.pid)]
        a = subprocess.run(
            [*base, "a", port, *words], stdout=subprocess.PIPE, text=True, timeout=300, check=True
        )
        b.wait(timeout=10)
    finally:
        b.kill()
        b.wait()
    result: Json = json.loads(a.stdout)
    return result


def main(argv: Sequence[str]) -> int:
    """One of the two processes; started by ``run`` only."""
    parser = argparse.ArgumentParser(description="one process of the floor")
    parser.add_argument("folder", type=Path)
    parser.add_argument("key")
    parser.add_argument("loop", choices=("asyncio", "uvloop"))
    parser.add_argument("side", choices=("a", "b"))
    parser.add_argument("numbers", nargs="*", type=int)
    args = parser.parse_args(argv)
    key = bytes.fromhex(args.key) or None
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if args.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        if args.side == "b":
            runner.run(_serve(args.folder, key))
        else:
            port, sends, sustained, chunk, receiver = args.numbers
            plan = Plan(sends=sends, sustained=sustained, chunk=chunk, receiver=receiver)
            print(json.dumps(runner.run(_drive(args.folder, key, port, plan))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
