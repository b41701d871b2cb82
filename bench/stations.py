"""Tieline's side of the benchmark: two real station processes on loopback."""

from __future__ import annotations

from pathlib import Path

from figures import Json

LOOP = "asyncio"  # the event loop that the station runs on; the floor runs on the same
LABELS = {
    "wire_bytes_per_statement": "bytes on the wire per statement",
    "flash_bytes": "coded FLASH with signature (bytes)",
    "rss_mb": "resident memory of a station (MB)",
    "cold_start_ms": "cold start to ready (ms)",
}


def run(folder: Path, *, sends: int, sustained: int) -> Json:
    """One round between two stations. Not yet wired: there is no station to start."""
    raise NotImplementedError("the station process does not exist yet; use --floor-only")
