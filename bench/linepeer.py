"""Tieline among the systems that it is compared with: two stations as an operator runs them.

A's officer sends by the local API; A's station signs, commits with a sync and carries over TLS 1.3;
B's verifies, commits with a sync (statement and receipt together) and gives back a signed receipt;
A's verifies it, commits it with a sync and tells its watcher. What is ``shown`` is the event at B's
watcher, what is ``confirmed`` the event at A's watcher of B's receipt.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path
from typing import Final

import stations
from sides import Ports, Side, stop_all
from tieline.node.client import AsyncClient
from tieline.node.config import Home

NAME: Final = "Tieline"
SETTING: Final = "SQLite WAL, synchronous=FULL, encrypted; signed, verified, logged, TLS 1.3"
SYNCS: Final = True


class LineSide(Side):
    """One party's officer and watcher."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home
        self._clients: list[AsyncClient] = []
        self._task: asyncio.Task[None] | None = None
        self._numbers: dict[str, int] = {}
        self._early: dict[str, float] = {}

    async def connect(self) -> None:
        """Install the charter and follow the station."""
        self._clients = [await stations.connect(self._home) for _ in range(2)]
        text = (self._home.charters / "bench.charter").read_text(encoding="ascii")
        await self._clients[0].call("charter_install", charter=text)
        self._task = asyncio.create_task(self._follow(self._clients[1]))

    async def _follow(self, client: AsyncClient) -> None:
        async for event in client.watch(0):
            now = time.perf_counter()
            match event:
                case {"type": "statement", "kind": "message", "party": party, "text": str(text)}:
                    if party == self._home.path.name:
                        self.signed_bytes = int(str(event["bytes"]))
                    else:
                        self.shown.setdefault(int(text.partition(" ")[0]), now)
                case {"type": "receipt", "items": list(items)}:
                    for item in map(str, items):
                        if item in self._numbers:
                            self.confirm(self._numbers[item], now)
                        else:
                            self._early.setdefault(item, now)
            self.tell()

    async def say(self, number: int, text: str) -> None:
        """Returns when the own station has committed the signed statement."""
        answer = await self._clients[0].call(
            "send", text=f"{number} {text}", officer="bench", precedence="IMMEDIATE"
        )
        item = str(answer["item"])
        self._numbers[item] = number
        if item in self._early:
            self.confirm(number, self._early.pop(item))

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
        for client in self._clients:
            await client.close()


class Stations:
    """Two stations and their officers."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self._homes = stations.make_homes(folder, ports.carried, ports.reached)
        self.processes: list[subprocess.Popen[bytes]] = []

    async def begin(self) -> list[Side]:
        """Start both and give their officers."""
        self.processes.extend(stations.start(home) for home in self._homes)
        sides = [LineSide(home) for home in self._homes]
        for side in sides:
            await side.connect()
        return list(sides)

    def pids(self) -> list[int]:
        """The processes that do the work."""
        return [process.pid for process in self.processes]

    def end(self) -> None:
        """Stop both."""
        stop_all(self.processes)
