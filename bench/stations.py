"""Tieline's side of the benchmark: two real station processes on loopback.

Both run as an operator would run them (``tieline serve``, key files, encrypted stores) and are
driven through their local API, like any officer's tool: what is measured includes that API. Latency
is taken in this process, which watches both stations: from the moment a ``send`` is written to A's
socket to the statement's event at B's watcher, and to the event at A's watcher of B's receipt.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import uvloop

import floor
import wire
from figures import Json, spread
from tieline.core.charter import Release, SignedCharter, armor_charter, make_charter
from tieline.core.terms import Precedence
from tieline.node import homekeys, packs, secrets
from tieline.node.client import ApiDown, AsyncClient
from tieline.node.config import Config, Home, write_config
from tieline.store.sqlite import SqliteStore

T = TypeVar("T")
LOOP = "uvloop"  # the event loop that the station runs on; the floor runs on the same
LABELS = {
    "wire_bytes_per_statement": "bytes on the wire per statement",
    "flash_bytes": "coded FLASH with signature (bytes)",
    "rss_mb": "resident memory of a station (MB)",
    "cold_start_ms": "cold start to ready (ms)",
}
START_S = 20.0
PACK = packs.find("crisis")
_SENDER = {"officer": "bench", "precedence": "IMMEDIATE"}


def make_homes(folder: Path, ports: tuple[int, ...], reached: tuple[int, ...] = ()) -> list[Home]:
    """Homes of two parties, with one line between them that one officer may speak on.

    ``reached``: the ports at which the other one dials, where those are not the own ones.
    """
    made: list[tuple[Home, homekeys.NewHome]] = []
    for code, port, dialled in zip(("ALPHA", "BRAVO"), ports, reached or ports, strict=True):
        config = Config(listen=(f"127.0.0.1:{port}",), key_file="key")
        home = Home(folder / code, config)
        for part in (home.path, home.cards, home.charters, home.socket.parent):
            part.mkdir(parents=True)
        new = homekeys.create_home_keys(
            home.path,
            party=code,
            party_name=code.title(),
            realm="",
            station_name="ops",
            unlock_with=secrets.create_key_file(home.path / "key"),
            addresses=(f"127.0.0.1:{dialled}",),
        )
        SqliteStore.create(home.store_file, new.station.db_key).close()
        write_config(home.config_file, config)
        packs.keep(home.path, PACK)
        made.append((home, new))
    signed = SignedCharter(
        charter=make_charter(
            name="bench",
            cards=[new.card for _, new in made],
            nonce=os.urandom(16),
            release=Release(four_eyes=frozenset({Precedence.ROUTINE})),
            packs=(PACK.hash,),
        )
    )
    for _, new in made:
        signed = signed.add_signature(new.root.party, new.root.sign_charter(signed.charter))
    for home, _ in made:
        (home.charters / "bench.charter").write_text(armor_charter(signed), encoding="ascii")
    return [home for home, _ in made]


def start(home: Home) -> subprocess.Popen[bytes]:
    """Start a station process."""
    return subprocess.Popen(
        [sys.executable, "-m", "tieline", "serve", "--home", str(home.path)],
        stdout=subprocess.DEVNULL,
    )


async def connect(home: Home) -> AsyncClient:
    """A client of a station that is starting."""
    deadline = time.monotonic() + START_S
    while True:
        client = AsyncClient(home.socket)
        try:
            await client.connect()
        except ApiDown:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.005)
        else:
            return client


class Watch:
    """Follows one station and notes when each statement and each receipt was seen."""

    def __init__(self) -> None:
        self.statements: dict[str, float] = {}
        self.receipts: dict[str, float] = {}
        self.news = asyncio.Event()

    async def follow(self, client: AsyncClient) -> None:
        async for event in client.watch(0):
            now = time.perf_counter()
            if event.get("type") == "statement":
                self.statements[str(event["item"])] = now
            elif event.get("type") == "receipt":
                items = event["items"]
                for item in items if isinstance(items, list) else []:
                    self.receipts[str(item)] = now
            self.news.set()

    async def until(self, where: dict[str, float], item: str) -> float:
        while item not in where:
            self.news.clear()
            await self.news.wait()
        return where[item]


async def _drive(homes: list[Home], pids: list[int], sends: int, sustained: int) -> Json:
    a, b, a_watch, b_watch = [await connect(homes[n]) for n in (0, 1, 0, 1)]
    for client, home in ((a, homes[0]), (b, homes[1])):
        text = (home.charters / "bench.charter").read_text(encoding="ascii")
        await client.call("charter_install", charter=text)
    at_a, at_b = Watch(), Watch()
    tasks = [
        asyncio.create_task(at_a.follow(a_watch)),
        asyncio.create_task(at_b.follow(b_watch)),
    ]
    text = "x" * floor.TEXT_BYTES
    for _ in range(20):  # warm: sessions up, code paths taken once
        item = str((await a.call("send", text=text, **_SENDER))["item"])
        await at_a.until(at_a.receipts, item)
    shown: list[float] = []
    received: list[float] = []
    ports = frozenset(int(home.config.listen[0].rsplit(":", 1)[1]) for home in homes)
    for _ in range(sends):
        begun = time.perf_counter()
        item = str((await a.call("send", text=text, **_SENDER))["item"])
        received.append(await at_a.until(at_a.receipts, item) - begun)
        shown.append(await at_b.until(at_b.statements, item) - begun)
    before = wire.port_bytes(ports)
    rate = await _sustain(a, at_a, text, sustained)
    sent_bytes = wire.port_bytes(ports) - before
    flash = await a.call(
        "send", form="cr/first", fields={"1": 2, "2": 1, "3": 1_668_523_200}, to=["BRAVO"],
        officer="bench", precedence="FLASH",
    )  # fmt: skip
    await at_a.until(at_a.receipts, str(flash["item"]))
    size = await a.call("item", item=str(flash["item"]))
    memory = max(wire.resident_bytes(pid) for pid in pids)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for client in (a, b, a_watch, b_watch):
        await client.close()
    return {
        "receipt_ms": spread(received),
        "statement_ms": spread(shown),
        "sustained_per_s": round(rate, 1),
        "wire_bytes_per_statement": round(sent_bytes / sustained, 1),
        "flash_bytes": int(str(size["bytes"])),
        "rss_mb": round(memory / 1_000_000, 1),
    }


async def _sustain(a: AsyncClient, at_a: Watch, text: str, count: int) -> float:
    """Send with 64 outstanding, each until its receipt has come back; statements a second."""
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            item = str((await a.call("send", text=text, **_SENDER))["item"])
            await at_a.until(at_a.receipts, item)

    begun = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(floor.OUTSTANDING)))
    return count / (time.perf_counter() - begun)


def free_ports() -> tuple[int, int]:
    """Two ports on loopback that nobody listens on."""
    import socket

    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def run(folder: Path, *, sends: int, sustained: int) -> Json:
    """One round between two stations."""
    homes = make_homes(folder, free_ports())
    processes = []
    try:
        begun = time.perf_counter()
        processes.append(start(homes[0]))
        _run(ready(homes[0]))
        cold_ms = (time.perf_counter() - begun) * 1000
        processes.append(start(homes[1]))
        figures = _run(_drive(homes, [p.pid for p in processes], sends, sustained))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=10)
    return {**figures, "cold_start_ms": round(cold_ms, 1)}


def _run(story: Coroutine[object, object, T]) -> T:
    """Run the officers' side on the same loop as the stations and the floor."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story)


async def ready(home: Home) -> None:
    """Wait until a station that is starting answers."""
    client = await connect(home)
    await client.call("status")
    await client.close()
