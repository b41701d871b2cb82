"""Ports on loopback for stations of a test, that nobody else takes before they listen.

A port that the kernel gives for 0 is free again when the probe is closed, and goes to the next who
asks for any, or as the near end of a connection. So one is taken from below those that the kernel
gives away; that two tests take the same one of twenty thousand in the same second is as good as
never.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Final

GIVEN: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
LEAST: Final = 10_000
TRIES: Final = 1_000


def free(count: int = 1, host: str = "127.0.0.1") -> list[int]:
    """So many of them, each another one."""
    below = _below()
    if below <= 2 * LEAST:
        return _given(count, host)
    found: dict[int, None] = {}
    for _ in range(TRIES):
        if len(found) == count:
            return list(found)
        port = LEAST + int.from_bytes(os.urandom(4), "big") % (below - LEAST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            found[port] = None
    raise AssertionError("no port is free")


def _below() -> int:
    """The first port that the kernel gives away; 0 where it does not say."""
    try:
        return int(GIVEN.read_text("ascii").split()[0])
    except OSError:
        return 0


def _given(count: int, host: str) -> list[int]:
    """The same where the kernel gives nearly all ports away: what it gives, and may give again."""
    with contextlib.ExitStack() as probes:
        found = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket())
            probe.bind((host, 0))
            found.append(int(probe.getsockname()[1]))
        return found
