"""What a command costs from the shell: the whole process, as an officer at a terminal waits for it.

The floor is Python that starts and does nothing.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import stations
from figures import Json, percentile
from sides import stop_all
from tieline.node.config import Home

TIMES = 9


def _taken(command: Sequence[str]) -> float:
    """The median of several runs, in milliseconds."""
    found = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        found.append(time.perf_counter() - begun)
    return round(percentile(found, 50) * 1000, 1)


def measure(folder: Path) -> Json:
    """``--help`` and ``send``, beside a Python that does nothing."""
    folder.mkdir(parents=True)
    tieline = str(Path(sys.executable).with_name("tieline"))
    homes = stations.make_homes(folder, stations.free_ports())
    processes = [stations.start(home) for home in homes]
    try:
        asyncio.run(_installed(homes))
        send = [tieline, "send", "--home", str(homes[0].path), "--officer", "bench",
                "--precedence", "IMMEDIATE", "hello"]  # fmt: skip
        return {
            "python_ms": _taken([sys.executable, "-c", "pass"]),
            "help_ms": _taken([tieline, "--help"]),
            "send_ms": _taken(send),
        }
    finally:
        stop_all(processes)


async def _installed(homes: Sequence[Home]) -> None:
    for home in homes:
        client = await stations.connect(home)
        text = (home.charters / "bench.charter").read_text(encoding="ascii")
        await client.call("charter_install", charter=text)
        await client.close()
