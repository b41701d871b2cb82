"""Percentiles and medians over rounds, and the environment a figure was taken in.

A figure without its machine is a rumour: every result carries the processor count, the versions
of the libraries in the path, the kind of file system and the cost of one bare flush on it.
Percentiles are taken by nearest rank, so every reported value was really measured.
"""

from __future__ import annotations

import os
import platform
import ssl
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import apsw
import nacl

JsonValue = int | float | str | bool | None | dict[str, "JsonValue"] | list["JsonValue"]
Json = dict[str, JsonValue]


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of ``values``, which need not be sorted and may not be empty."""
    if not values:
        raise ValueError("a percentile of no values was asked for; measure at least one first")
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def spread(seconds: Sequence[float]) -> Json:
    """p50, p95, p99 and the number of samples; seconds in, milliseconds out."""
    return {
        "p50": round(percentile(seconds, 50) * 1000, 4),
        "p95": round(percentile(seconds, 95) * 1000, 4),
        "p99": round(percentile(seconds, 99) * 1000, 4),
        "samples": len(seconds),
    }


def number(value: JsonValue) -> float:
    """Read a JSON number; anything else is an error in the bench itself."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"the benchmark expected a number and found {value!r}")
    return float(value)


def record(value: JsonValue) -> Json:
    """Read a JSON object; anything else is an error in the bench itself."""
    if not isinstance(value, dict):
        raise TypeError(f"the benchmark expected an object and found {value!r}")
    return value


def median(rounds: Sequence[Json]) -> Json:
    """Merge equal-shaped rounds: the median of every number, the first of everything else."""
    if not rounds:
        raise ValueError("there is no round to merge; run at least one")
    merged: Json = {}
    for key, first in rounds[0].items():
        if isinstance(first, dict):
            merged[key] = median([record(entry[key]) for entry in rounds])
        elif isinstance(first, (int, float)) and not isinstance(first, bool):
            middle = statistics.median(number(entry[key]) for entry in rounds)
            merged[key] = round(middle, 4)
        else:
            merged[key] = first
    return merged


def bare_flush_ms(folder: Path, times: int = 100) -> float:
    """The median cost in ms of writing 4096 bytes and flushing them, with nothing around it."""
    path = folder / "flush.probe"
    taken: list[float] = []
    block = b"\0" * 4096
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(times):
            start = time.perf_counter()
            os.write(handle, block)
            os.fdatasync(handle)
            taken.append(time.perf_counter() - start)
    finally:
        os.close(handle)
        path.unlink()
    return round(percentile(taken, 50) * 1000, 4)


def filesystem(folder: Path) -> str:
    """The kind of file system that holds ``folder``, from the kernel's mount table."""
    real = str(folder.resolve())
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, name, *_ = line.split(" ")
        inside = real == mount or real.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, name
    return kind


def environment(folder: Path) -> Json:
    """Where the figures come from: machine, versions, disk."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "pynacl": nacl.__version__,
        "sqlite": apsw.sqlite_lib_version(),
        "filesystem": filesystem(folder),
        "bare_flush_ms": bare_flush_ms(folder),
    }
