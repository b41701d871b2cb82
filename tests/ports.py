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
    below = int(GIVEN.read_text("ascii").split()[0])
    assert below > 2 * LEAST, "the kernel gives nearly all ports away"
    found: dict[int, None] = {}
    for _ in range(TRIES):
        if len(found) == count:
            return list(found)
        port = LEAST + int.from_bytes(os.urandom(4), "big") % (below - LEAST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            found[port] = None
    raise AssertionError("no port is free")
