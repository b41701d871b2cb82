"""Witnesses for tests: in this process, with logs of the test's own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.core.test_tlogwitness import LOG, NAME, grown, note

from tieline.core import checkpoint, crypto
from tieline.core.checkpoint import SignedNote
from tieline.core.errors import TielineError
from tieline.core.tlogwitness import format_request
from tieline.node import secrets
from tieline.node.httpd import Bounds, HttpServer
from tieline.node.witnesshome import WitnessHome, WitnessKey
from tieline.node.witnessing import Witness
from tieline.store.heads import HeadStore

VKEY = checkpoint.vkey(NAME, crypto.ALG_ED25519, LOG.public)


def make(folder: Path, name: str = "w.example/w1") -> tuple[WitnessHome, WitnessKey]:
    folder.mkdir(mode=0o700)
    unlock = secrets.create_key_file(folder / "key")
    key = WitnessHome.create(folder, name, ("127.0.0.1:0",), unlock)
    home = WitnessHome.open(folder)
    home.add_log(VKEY, "")
    return home, key


class Bench:
    """A witness whose clock is the test's."""

    def __init__(self, folder: Path, name: str = "w.example/w1") -> None:
        if not folder.exists():
            make(folder, name)
        self.home = WitnessHome.open(folder)
        self.key = self.home.unlock(secrets.KeyFile(folder / "key"))
        self.store = HeadStore.open(self.home.heads_file, self.home.tag())
        self.now = 1_700_000_000.0
        self.told: list[str] = []
        self.failed: list[TielineError] = []
        self.witness = Witness(
            self.home,
            self.key,
            self.store,
            clock_s=lambda: self.now,
            tell=self.told.append,
            fatal=self.failed.append,
        )

    def add(self, old: int, made: SignedNote, proof: tuple[bytes, ...]) -> tuple[int, bytes]:
        self.now += 2.0
        body = format_request(old, proof, made.format())
        answer = self.witness.answer("POST", "/add-checkpoint", body)
        return answer.status, answer.body

    def grow(self, old: int, size: int, story: bytes = b"") -> tuple[int, bytes]:
        return self.add(old, note(size, story), grown(size, story).consistency(old, size))

    def close(self) -> None:
        self.store.close()

    async def listen(self, bounds: Bounds | None = None) -> HttpServer:
        server = HttpServer(("127.0.0.1:0",), self.witness.answer, bounds)
        await server.start()
        return server


async def raw(server: HttpServer, data: bytes, *, end: bool = True) -> bytes:
    """What a server says to these bytes."""
    host, _, port = server.bound[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    if end:
        writer.write_eof()
    said = bytearray()
    try:
        while part := await reader.read(65_536):
            said += part
    except ConnectionError:
        pass
    writer.close()
    return bytes(said)


def http(body: bytes, *, path: str = "/add-checkpoint", more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: w\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode("ascii") + body
